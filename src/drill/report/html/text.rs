//! Texts and numbers for people. Everything that is not ours is escaped.

use std::fmt::{self, Display, Formatter, Write};

/// So many letters of a foreign text are shown. The whole text is in `report.json`.
const MOST: usize = 400;

/// A text in which no character means anything to HTML, in one line.
pub(super) struct Safe<'a>(pub(super) &'a str);

/// The same for a text of several sentences.
pub(super) struct Long<'a>(pub(super) &'a str);

/// So many letters of those are shown.
const MOST_OF_LONG: usize = 4_000;

impl Display for Safe<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        escaped(self.0, MOST, f)
    }
}

impl Display for Long<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        escaped(self.0, MOST_OF_LONG, f)
    }
}

fn escaped(text: &str, most: usize, f: &mut Formatter<'_>) -> fmt::Result {
    for (count, letter) in text.chars().enumerate() {
        if count == most {
            return f.write_str(" … (the rest is in report.json)");
        }
        match letter {
            '<' => f.write_str("&lt;")?,
            '>' => f.write_str("&gt;")?,
            '&' => f.write_str("&amp;")?,
            '"' => f.write_str("&quot;")?,
            '\'' => f.write_str("&#39;")?,
            _ if letter.is_control() || is_unseen(letter) => f.write_char('\u{fffd}')?,
            _ => f.write_char(letter)?,
        }
    }
    Ok(())
}

/// Characters that turn the direction of the text around, or that nobody sees.
const fn is_unseen(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// A length of time.
pub(super) fn time(ms: u64) -> String {
    let (seconds, minutes, hours) = (ms / 1_000, ms / 60_000, ms / 3_600_000);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 if ms.is_multiple_of(1_000) => format!("{seconds} s"),
        1_000..60_000 => format!("{}.{} s", seconds, ms % 1_000 / 100),
        60_000..3_600_000 if seconds.is_multiple_of(60) => format!("{minutes} min"),
        60_000..3_600_000 => format!("{minutes} min {:02} s", seconds % 60),
        _ => format!("{hours} h {:02} min", minutes % 60),
    }
}

/// A moment in the scenario's time: `−0:00:05.0`, `14:32:00.0`.
pub(super) fn moment(ms: i64) -> String {
    let sign = if ms < 0 { "−" } else { "" };
    let ms = ms.unsigned_abs();
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{sign}{hours}:{minutes:02}:{seconds:02}.{}", ms % 1_000 / 100)
}

/// A share in per cent with three places, rounded down: what is not all is never shown as all.
pub(super) fn share(share: f64) -> String {
    let thousandths = (share * 100_000.0 + 1e-6).floor() / 1_000.0;
    let text = format!("{thousandths:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} %")
}

/// A time that was measured to hundredths of a millisecond.
pub(super) fn millis(ms: f64) -> String {
    match ms {
        _ if ms < 100.0 => format!("{ms:.1} ms"),
        _ if ms < 1_000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.2} s", ms / 1_000.0),
    }
}

/// The clock on the wall, in UTC.
pub(super) fn utc(wall_ms: u64) -> String {
    /// The last millisecond of the year 9999: dates have four digits.
    const LAST: u64 = 253_402_300_799_999;
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_millis(wall_ms.min(LAST));
    let text = humantime::format_rfc3339_seconds(at).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_share_is_never_rounded_up() {
        assert_eq!(share(1.0), "100 %");
        assert_eq!(share(0.999), "99.9 %");
        assert_eq!(share(0.999_999_9), "99.999 %");
        assert_eq!(share(0.0), "0 %");
    }

    #[test]
    fn times_are_told_in_units_that_people_use() {
        let told = [0, 999, 1_000, 1_234, 60_000, 65_000, 52_320_000].map(time);
        assert_eq!(
            told,
            ["0 ms", "999 ms", "1 s", "1.2 s", "1 min", "1 min 05 s", "14 h 32 min"]
        );
        assert_eq!(moment(-50), "−0:00:00.0");
        assert_eq!(moment(52_320_100), "14:32:00.1");
        assert_eq!(utc(1_760_943_000_000), "2025-10-20 06:50:00 UTC");
        assert_eq!(utc(u64::MAX), "9999-12-31 23:59:59 UTC");
    }

    proptest! {
            #[test]
            fn no_text_means_anything_to_html(text in any::<String>()) {
                let safe = Safe(&text).to_string();
    let has_meaning = safe.contains(['<', '>', '"', '\'', '\n', '\r', '\u{202e}']);
                prop_assert!(!has_meaning);
                prop_assert!(safe.len() < 8 * MOST);
            }
        }
}
