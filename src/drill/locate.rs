//! Where in a JSON text a value begins. A complaint about the *sense* of a value can thus name a line, as the parser's
//! complaints about the form do.

/// A step down into a JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// Line and column, counted from 1, of the value at the end of `path`. If that value is missing, of the last value on
/// the way that exists. `text` is well-formed JSON: it was parsed before.
pub(super) fn position(text: &str, path: &[Step]) -> (usize, usize) {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: 0,
    };
    scan.blank();
    let mut found = scan.at;
    for step in path {
        if !scan.enter(*step) {
            break;
        }
        found = scan.at;
    }
    let before = &text[..found.min(text.len())];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (line, column)
}

struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blank(&mut self) {
        while self
            .peek()
            .is_some_and(|b| b.is_ascii_whitespace() || b == b',' || b == b':')
        {
            self.at += 1;
        }
    }

    /// Goes from the beginning of a container to the beginning of the wanted value in it.
    fn enter(&mut self, step: Step) -> bool {
        let start = self.at;
        self.at += 1;
        let mut index = 0;
        loop {
            self.blank();
            match self.peek() {
                None | Some(b'}' | b']') => {
                    self.at = start;
                    return false;
                }
                Some(_) => {}
            }
            let here = match step {
                Step::Index(wanted) => index == wanted,
                Step::Key(wanted) => {
                    let key = self.at;
                    self.skip();
                    let matches = self.bytes[key..self.at] == *format!("\"{wanted}\"").as_bytes();
                    self.blank();
                    matches
                }
            };
            if here {
                return true;
            }
            self.skip();
            index += 1;
        }
    }

    /// Goes past one value.
    fn skip(&mut self) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => self.string(),
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                _ if depth > 0 => self.at += 1,
                _ => {
                    while self.peek().is_some_and(|b| !b",]} \t\r\n".contains(&b)) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Index, Key};

    #[test]
    fn locate_finds_the_value_or_its_nearest_parent() {
        let text = "{ \"a\": [1, \"]\\\"\",\n  {\"b\": true, \"c\" : [[], {}, 7]}]}";
        assert_eq!(position(text, &[]), (1, 1));
        assert_eq!(position(text, &[Key("a")]), (1, 8));
        assert_eq!(position(text, &[Key("a"), Index(1)]), (1, 12));
        assert_eq!(position(text, &[Key("a"), Index(2), Key("c"), Index(2)]), (2, 30));
        assert_eq!(position(text, &[Key("a"), Index(2), Key("missing")]), (2, 3));
        assert_eq!(position(text, &[Key("missing")]), (1, 1));
    }
}
