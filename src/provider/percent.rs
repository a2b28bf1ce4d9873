/// The text behind a percent-encoding. `None`: this is no percent-encoding, or no text.
pub(crate) fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        if byte == b'%' {
            let hex = std::str::from_utf8(after.get(..2)?).ok()?;
            let digits = hex.bytes().all(|digit| digit.is_ascii_hexdigit());
            out.push(u8::from_str_radix(hex, 16).ok().filter(|_| digits)?);
            rest = &after[2..];
        } else {
            out.push(byte);
            rest = after;
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_decodes_or_is_refused() {
        assert_eq!(decoded("a%2Fb+%EF%BF%BE").as_deref(), Some("a/b+\u{FFFE}"));
        for none in ["%", "%4", "%zz", "%+1", "%FF"] {
            assert_eq!(decoded(none), None, "{none}");
        }
    }
}
