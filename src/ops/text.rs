//! How reports write foreign texts and dates.

use std::fmt::{self, Display, Formatter};

/// A text in which no character means anything to Markdown or HTML, in one line.
pub(crate) struct Safe<'a>(pub(crate) &'a str);

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '|' | '*' | '`' | '[' | ']' | '\\' | '~' | '!' | '#' => write!(f, "\\{letter}")?,
                // An underscore within a word means nothing.
                _ if letter.is_control() || is_unseen(letter) => f.write_str(" ")?,
                _ => write!(f, "{letter}")?,
            }
        }
        Ok(())
    }
}

/// Characters that turn the direction of the text around, or end a line.
const fn is_unseen(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// The last millisecond of the year 9999: dates have four digits.
const LAST_MS: u64 = 253_402_300_799_999;

/// A moment in milliseconds since 1970, as a date and a time of day in UTC, to the millisecond (RFC 3339).
pub(super) struct Utc(pub(super) u64);

impl Display for Utc {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ms = self.0.min(LAST_MS);
        let (days, of_the_day) = (ms / 86_400_000, ms % 86_400_000);
        let (year, month, day) = date(days);
        let (hour, minute) = (of_the_day / 3_600_000, of_the_day / 60_000 % 60);
        let (second, ms) = (of_the_day / 1_000 % 60, of_the_day % 1_000);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z"
        )
    }
}

/// The date so many days after 1970-01-01. Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms",
/// `civil_from_days`: years begin in March, so that the leap day is a year's last.
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_texts_mean_nothing() {
        let hostile = "<script>a|b</script>\n# [x](javascript:1) `c` **d** \u{202e}e ![f](g)";
        let safe = Safe(hostile).to_string();
        let unescaped = safe
            .replace("\\|", "")
            .replace("\\*", "")
            .replace("\\`", "")
            .replace("\\[", "");
        assert!(
            !unescaped.contains(['<', '>', '|', '*', '`', '\n', '[', '\u{202e}']),
            "{safe}"
        );
    }

    #[test]
    fn any_moment_has_its_date() {
        for (ms, utc) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (1_760_943_000_042, "2025-10-20T06:50:00.042Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (u64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(Utc(ms).to_string(), utc);
        }
    }
}
