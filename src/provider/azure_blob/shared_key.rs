use crate::model::clock;
use async_trait::async_trait;
use azure_core::{
    credentials::Secret,
    hmac::hmac_sha256,
    http::{
        Context, Request,
        policies::{Policy, PolicyResult},
    },
    time::{OffsetDateTime, to_rfc7231},
};
use std::{borrow::Cow, collections::BTreeMap, fmt, sync::Arc};

/// An account's key. The key signs every try anew: a signature holds for a quarter of an hour and covers the headers
/// that the SDK adds.
#[derive(Clone)]
pub struct SharedKey {
    account: Arc<str>,
    key: Secret,
}

impl SharedKey {
    /// The account's name, and the account's key in base64 as the portal shows it.
    pub fn new(account: impl Into<Arc<str>>, key: impl Into<Cow<'static, str>>) -> Self {
        Self {
            account: account.into(),
            key: Secret::new(key),
        }
    }

    pub(super) fn account(&self) -> &str {
        &self.account
    }

    pub(super) fn sign(&self, text: &str) -> azure_core::Result<String> {
        hmac_sha256(text, &self.key)
    }

    /// The text to sign: method, standard headers, Azure's headers, account and path, query.
    fn string_to_sign(&self, request: &Request) -> String {
        let headers: BTreeMap<String, &str> = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_ascii_lowercase(), value.as_str()))
            .collect();
        let mut text = request.method().as_str().to_owned();
        for name in [
            "content-encoding",
            "content-language",
            "content-length",
            "content-md5",
            "content-type",
            "date",
            "if-modified-since",
            "if-match",
            "if-none-match",
            "if-unmodified-since",
            "range",
        ] {
            text += "\n";
            // The transport sends the length, also where the SDK leaves it out. No length is signed as none.
            let length = (name == "content-length").then(|| request.body().len()).flatten();
            match length {
                Some(0) => {}
                Some(length) => text += &length.to_string(),
                None => text += headers.get(name).copied().unwrap_or_default(),
            }
        }
        let mut own: Vec<_> = headers.iter().filter(|(name, _)| name.starts_with("x-ms-")).collect();
        own.sort_by_cached_key(|(name, _)| collated(name));
        for (name, value) in own {
            text += &format!("\n{name}:{}", value.trim());
        }
        text += &format!("\n/{}{}", self.account, request.url().path());
        let mut query: BTreeMap<String, Vec<Cow<'_, str>>> = BTreeMap::new();
        for (name, value) in request.url().query_pairs() {
            query.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
        for (name, mut values) in query {
            values.sort();
            text += &format!("\n{name}:{}", values.join(","));
        }
        text
    }
}

/// Azure orders headers by culture, not by bytes: `_` comes before the digits.
fn collated(name: &str) -> Vec<u8> {
    let before_digits = |byte| if byte == b'_' { b'/' } else { byte };
    name.bytes().map(before_digits).collect()
}

#[async_trait]
#[allow(elided_lifetimes_in_paths)] // the trait's are late-bound
impl Policy for SharedKey {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let now = to_rfc7231(&OffsetDateTime::from(clock::wall()));
        request.insert_header("x-ms-date", now);
        let signature = self.sign(&self.string_to_sign(request))?;
        request.insert_header("authorization", format!("SharedKey {}:{signature}", self.account));
        next[0].send(ctx, request, &next[1..]).await
    }
}

/// Without the key.
impl fmt::Debug for SharedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedKey")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use azure_core::http::{Method, Url};

    #[test]
    fn the_string_to_sign_is_canonical() {
        let url = Url::parse("https://account.blob.core.windows.net/c?restype=container&comp=list&include=b&include=a")
            .unwrap();
        let mut request = Request::new(url, Method::Put);
        request.insert_header("content-length", "0");
        request.insert_header("x-ms-version", "2021-12-02");
        request.insert_header("x-ms-meta-a_b", "1");
        request.insert_header("x-ms-meta-a2", "2");
        request.insert_header("if-none-match", "*");
        assert_eq!(
            SharedKey::new("account", "a2V5").string_to_sign(&request),
            "PUT\n\n\n\n\n\n\n\n\n*\n\n\nx-ms-meta-a_b:1\nx-ms-meta-a2:2\nx-ms-version:2021-12-02\n\
             /account/c\ncomp:list\ninclude:a,b\nrestype:container"
        );
    }

    #[test]
    fn the_length_of_a_body_is_signed_without_its_header() {
        let url = Url::parse("https://account.blob.core.windows.net/c/b?comp=blocklist").unwrap();
        let mut request = Request::new(url, Method::Put);
        request.set_body("twelve bytes");
        assert_eq!(
            SharedKey::new("account", "a2V5").string_to_sign(&request),
            "PUT\n\n\n12\n\n\n\n\n\n\n\n\n/account/c/b\ncomp:blocklist"
        );
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", SharedKey::new("account", "a2V5")).contains("a2V5"));
    }
}
