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
}
