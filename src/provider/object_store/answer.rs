//! Whether an answer is a store's own. Pure.

use super::foreign;
use crate::provider::percent;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri};

/// The providers' own request ids. A gateway before a store has other names with the same beginnings (`x-amz-cf-id` is
/// CloudFront's).
const MARKS: [&str; 7] = [
    "x-amz-request-id",
    "x-amz-id-2",
    "x-ms-request-id",
    "x-guploader-uploadid",
    "x-oss-request-id",
    "x-cos-request-id",
    "x-obs-request-id",
];

/// The question, as far as the answer must show that the store understood it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Question {
    /// A page of a listing, from this continuation on.
    Listing {
        token: Option<String>,
    },
    /// S3's request to delete many objects.
    DeleteMany,
    Delete,
    Head,
    Other,
}

/// The answer may not be the store's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unproven {
    #[error("the answer is no listing")]
    NoListing,
    #[error("the listing leads back to an earlier page")]
    Endless,
    #[error("the answer is a part that the client did not ask for")]
    Part,
    #[error("nothing in the answer says that the object was deleted")]
    NotDeleted,
}

impl Question {
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let pairs = || uri.query().unwrap_or_default().split('&');
        let has = |pair: &str| pairs().any(|it| it == pair);
        let value = |name: &str| pairs().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned));
        if *method == Method::GET && (has("list-type=2") || has("comp=list")) {
            let token = value("continuation-token").or_else(|| value("marker"));
            Self::Listing { token }
        } else if *method == Method::POST && (has("delete") || has("delete=")) {
            Self::DeleteMany
        } else if *method == Method::DELETE {
            Self::Delete
        } else if *method == Method::HEAD {
            Self::Head
        } else {
            Self::Other
        }
    }

    /// Whether the body must be checked.
    pub(super) fn is_of_the_body(&self, status: StatusCode) -> bool {
        status.is_success() && matches!(self, Self::Listing { .. } | Self::DeleteMany)
    }

    /// What the head proves. The result is put into words for the error's body, because `object_store` shows nothing
    /// else of an answer.
    pub(super) fn by_the_head(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<&'static str>, Unproven> {
        let marked = headers.keys().any(|name| MARKS.contains(&name.as_str()));
        match self {
            Self::Head if status == StatusCode::NOT_FOUND && marked => Ok(Some("<Error><Code>NotFound</Code></Error>")),
            Self::Delete if status.is_success() && !marked => Err(Unproven::NotDeleted),
            _ => Ok(None),
        }
    }

    /// The body in the form that `object_store` reads.
    pub(super) fn by_the_body(&self, body: Bytes) -> Result<Bytes, Unproven> {
        // What is no text is no XML; the reader says so.
        let Ok(text) = std::str::from_utf8(&body) else {
            return Ok(body);
        };
        match self {
            Self::Listing { token } => {
                if !["<ListBucketResult", "<EnumerationResults"]
                    .iter()
                    .any(|root| text.contains(root))
                {
                    return Err(Unproven::NoListing);
                }
                let next = element(text, "NextContinuationToken").or_else(|| element(text, "NextMarker"));
                // The one is as a query has it, the other as XML does.
                let same = next.is_some_and(|next| token.as_deref().is_some_and(|token| plain(token) == plain(next)));
                if same {
                    return Err(Unproven::Endless);
                }
                Ok(foreign::as_paths(text).into())
            }
            Self::DeleteMany if !["<DeleteResult", "<Error"].iter().any(|root| text.contains(root)) => {
                Err(Unproven::NotDeleted)
            }
            _ => Ok(body),
        }
    }
}

fn element<'d>(document: &'d str, name: &str) -> Option<&'d str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    Some(text).filter(|text| !text.is_empty())
}

/// A token in one canonical form.
fn plain(token: &str) -> String {
    let decoded = percent::decoded(token).unwrap_or_else(|| token.to_owned());
    decoded.replace("&amp;", "&").replace(' ', "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: Method, uri: &str) -> Question {
        Question::of(&method, &uri.parse().unwrap())
    }

    #[test]
    fn a_request_reveals_its_question() {
        let page = |token: Option<&str>| Question::Listing {
            token: token.map(str::to_owned),
        };
        assert_eq!(asked(Method::GET, "http://s3/b?list-type=2&prefix=a"), page(None));
        assert_eq!(
            asked(Method::GET, "http://s3/b?continuation-token=1%2F&list-type=2"),
            page(Some("1%2F"))
        );
        assert_eq!(
            asked(Method::GET, "http://az/c?restype=container&comp=list&marker=m"),
            page(Some("m"))
        );
        assert_eq!(asked(Method::POST, "http://s3/b?delete"), Question::DeleteMany);
        assert_eq!(asked(Method::DELETE, "http://s3/b/k"), Question::Delete);
        assert_eq!(asked(Method::HEAD, "http://s3/b/k?list-type=2"), Question::Head);
        assert_eq!(asked(Method::GET, "http://s3/b/k"), Question::Other);
    }

    #[test]
    fn a_gateways_page_proves_nothing() {
        let page = || Bytes::from("<html>welcome</html>");
        let listing = asked(Method::GET, "http://s3/b?list-type=2");
        assert_eq!(listing.by_the_body(page()), Err(Unproven::NoListing));
        assert_eq!(Question::DeleteMany.by_the_body(page()), Err(Unproven::NotDeleted));
        let (ok, gone) = (StatusCode::OK, StatusCode::NOT_FOUND);
        let mut marked = HeaderMap::new();
        marked.insert("x-amz-request-id", http::HeaderValue::from_static("1"));
        let bare = HeaderMap::new();
        assert_eq!(Question::Delete.by_the_head(ok, &bare), Err(Unproven::NotDeleted));
        assert_eq!(Question::Delete.by_the_head(ok, &marked), Ok(None));
        assert_eq!(Question::Head.by_the_head(gone, &bare), Ok(None));
        assert!(
            Question::Head
                .by_the_head(gone, &marked)
                .unwrap()
                .unwrap()
                .contains("NotFound")
        );
    }

    #[test]
    fn a_repeated_continuation_token_is_endless() {
        let of = |token: &str, next: &str| {
            let listing = asked(
                Method::GET,
                &format!("http://s3/b?list-type=2&continuation-token={token}"),
            );
            let body =
                format!("<ListBucketResult><NextContinuationToken>{next}</NextContinuationToken></ListBucketResult>");
            listing.by_the_body(body.into())
        };
        assert_eq!(of("a%2Fb%3D%26", "a/b=&amp;"), Err(Unproven::Endless));
        assert!(of("a", "b").is_ok() && of("a", "").is_ok());
    }
}
