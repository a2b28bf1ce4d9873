//! Which part of a foreign text may be shown.
//!
//! A server chooses its codes, its request ids and its messages. A broken or hostile server writes there what it
//! likes: escape sequences, a page of text, the key that was asked for, the header with the credential. All of these
//! texts pass through here on their way into a [`Detail`](super::Detail), and so into errors, spans and explanations.

/// The longest text that is shown. S3's longest id, `x-amz-id-2`, has 76 to 100 characters.
const LONGEST: usize = 128;

/// A text as visible ASCII and blanks, cut at 128 characters.
pub(crate) fn shown(text: impl Into<String>) -> String {
    let text = text.into();
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.len() <= LONGEST && text.bytes().all(visible) {
        return text;
    }
    let visible = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(LONGEST).map(visible).collect()
}

/// A request id, if the text looks like one. A longer text is not cut but left out: the beginning of a token would be
/// a part of a credential.
#[cfg_attr(not(feature = "http"), allow(dead_code))]
pub(crate) fn id(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=".contains(&byte);
    let token = ["AKIA", "ASIA", "eyJ", "ya29."]
        .iter()
        .any(|start| text.starts_with(start));
    (!text.is_empty() && text.len() <= LONGEST && text.bytes().all(plain) && !token).then_some(text)
}

/// A request id of Azure's, which is a GUID. Another text in its place may be a signature that the server was sent.
#[cfg_attr(not(any(feature = "azure_core", feature = "cosmos")), allow(dead_code))]
pub(crate) fn guid(text: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    (text.len() == 36 && text.bytes().all(plain)).then_some(text)
}

/// A provider's code, if the text looks like one: words as providers write them (`SlowDown`, `RESOURCE_EXHAUSTED`,
/// `XAmzContentSHA256Mismatch`). Access keys, tokens, paths and sentences do not look like codes.
#[cfg_attr(not(any(feature = "http", feature = "redis")), allow(dead_code))]
pub(crate) fn code(text: &str) -> Option<&str> {
    const MOST: usize = 64;
    /// Access keys in capitals have at least 16 characters.
    const LONGEST_WORD: usize = 15;
    const FEW_DIGITS: usize = 4;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_uppercase());
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let mixed = text.bytes().any(|byte| byte.is_ascii_lowercase());
    let words_are_short = || text.split('_').all(|word| word.len() <= LONGEST_WORD);
    let fits = text.len() <= MOST && text.bytes().all(plain) && begins_well;
    (fits && digits <= FEW_DIGITS && (mixed || words_are_short())).then_some(text)
}

/// Whether a text repeats a secret that must not be shown, or a telling part of it. Of a secret shorter than four
/// characters only the whole is telling: half the codes of the world contain an `a`.
pub(crate) fn repeats(text: &str, secret: &str) -> bool {
    const TELLING: usize = 4;
    let contains = |outer: &str, inner: &str| inner.len() >= TELLING && outer.contains(inner);
    text == secret || contains(text, secret) || contains(secret, text)
}

/// Whether a text quotes a URL, or anything else between quotes. A configured address may hold a password or a
/// signature, most of all an address that could not be parsed.
#[cfg_attr(not(feature = "_aws"), allow(dead_code))]
pub(crate) fn quotes_an_address(text: &str) -> bool {
    text.contains("://") || text.contains(['`', '@', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_code_like_words_pass_as_codes() {
        for good in [
            "SlowDown",
            "NoSuchKey",
            "RESOURCE_EXHAUSTED",
            "WRONGTYPE",
            "CLUSTERDOWN",
            "XAmzContentSHA256Mismatch",
            "XMinioServerNotInitialized",
            "Throttling.User",
            "InvalidSHA256Digest",
        ] {
            assert_eq!(code(good), Some(good));
        }
        for bad in [
            "",
            "AKIAIOSFODNN7EXAMPLE",
            "ASIAIOSFODNNEXAMPLE",
            "minioadmin",
            "eyJhbGciOiJSUzI1NiJ9",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "2026/11/20/42.json",
            "A sentence",
            "No\r\nX",
            "Ü",
            "0025f1e2d3c4b5a",
            &"A".repeat(200),
        ] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_id_like_words_pass_as_request_ids() {
        for good in [
            "REQ42",
            "79104EXAMPLEB723",
            "4711-a",
            "b8a7a1c0-0001-0000-0000-000000000000",
            "IOWQ4fDEXAMPLEQM+ey7N9WgVhSnQ6JEXAMPLEZb7hSQDASK+Jd1vEXAMPLEa3Km=",
        ] {
            assert_eq!(id(good), Some(good));
        }
        for bad in [
            "",
            "a b",
            "a\u{1b}[2J",
            "AKIAIOSFODNN7EXAMPLE",
            "eyJhbGciOiJSUzI1NiJ9.e30.x",
            &"a".repeat(129),
        ] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn words_that_repeat_a_key_are_recognised() {
        assert!(repeats("report", "report") && repeats("a", "a"));
        assert!(repeats("/bucket/report.pdf", "report.pdf") && repeats("report", "2026/report.pdf"));
        assert!(!repeats("REQ42", "4") && !repeats("NoSuchKey", "a") && !repeats("Key", "MyKeys"));
    }

    proptest! {
        #[test]
        fn shown_words_are_visible_and_short(text in any::<String>()) {
            let shown = shown(text.clone());
            prop_assert!(shown.len() <= LONGEST);
            prop_assert!(shown.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '));
            if text.len() <= LONGEST && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
                prop_assert_eq!(shown, text);
            }
        }
    }
}
