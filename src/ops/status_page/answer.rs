//! Paths, methods and headers: pure functions of the request.

use super::body::PageBody;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use serde::Serialize;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Page,
    Status,
    Events,
    Nothing,
    /// Another method than GET and HEAD.
    Refused,
}

/// Where an operable page takes orders.
pub(super) const ORDERS: &str = "/orders";

impl Asked {
    pub(super) fn of(method: &Method, uri: &Uri) -> Self {
        let asked = match uri.path() {
            // The page knows no address of its own. Whether it is `/status` or `/status/`, `?json` leads here.
            "/" | "" if uri.query() == Some("json") => Self::Status,
            "/" | "" => Self::Page,
            "/status.json" => Self::Status,
            "/events" => Self::Events,
            _ => return Self::Nothing,
        };
        if matches!(*method, Method::GET | Method::HEAD) {
            asked
        } else {
            Self::Refused
        }
    }
}

const SHELL: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
const FORM: &str = include_str!("orders.html");
const FORM_SCRIPT: &str = include_str!("orders.js");

/// Which page it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shell {
    ReadOnly,
    /// With buttons for orders.
    Operable,
}

/// The page without any data, and the policy that lets only its own style and script run.
pub(super) fn shell(which: Shell) -> (String, HeaderValue) {
    let (form, form_script) = match which {
        Shell::ReadOnly => ("", ""),
        Shell::Operable => (FORM, FORM_SCRIPT),
    };
    let nonce = nonce();
    let page = SHELL
        .replace("{nonce}", &nonce)
        .replace("{style}", STYLE)
        .replace("<!--{form}-->\n", form)
        .replace("{script}", &SCRIPT.replace("  // {orders}\n", form_script));
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (page, HeaderValue::try_from(policy).unwrap_or(NOTHING))
}

/// Nobody can guess it, and no two pages have the same.
fn nonce() -> String {
    let half = || getrandom::u64().unwrap_or_else(|_| fastrand::u64(..));
    format!("{:016x}{:016x}", half(), half())
}

const NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// An answer with the headers that all have. A browser shows it to nobody else and keeps nothing of it.
pub(super) fn answer(status: StatusCode, kind: &'static str, body: PageBody) -> Response<PageBody> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, NOTHING);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// An answer of structs, numbers and texts, which always become JSON.
pub(super) fn json(status: StatusCode, value: &impl Serialize) -> Response<PageBody> {
    let text = serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec());
    answer(status, "application/json", PageBody::text(text))
}

/// A short refusal for people and programs.
pub(super) fn refusal(status: StatusCode, why: &'static str) -> Response<PageBody> {
    let mut response = answer(status, "text/plain; charset=utf-8", PageBody::text(why));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("30"));
    }
    response
}

pub(super) fn not_allowed(why: &'static str, allowed: &'static str) -> Response<PageBody> {
    let mut response = refusal(StatusCode::METHOD_NOT_ALLOWED, why);
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static(allowed));
    response
}

/// The text of `Last-Event-ID`, if it is one.
pub(super) fn last_event_id(headers: &HeaderMap) -> Option<&str> {
    headers.get("last-event-id")?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_is_small_and_names_nothing_outside() {
        for which in [Shell::ReadOnly, Shell::Operable] {
            let (page, policy) = shell(which);
            assert!(page.len() < 60_000, "{} bytes", page.len());
            for place in ["{nonce}", "{style}", "{script}", "{form}", "{orders}"] {
                assert!(!page.contains(place), "{place} is filled in");
            }
            assert_eq!(page.contains("</form>"), which == Shell::Operable);
            assert_eq!(page.contains("Authorization"), which == Shell::Operable);
            // The one address is the name of a language.
            let outside = page.replace("http://www.w3.org/2000/svg", "");
            for way_out in [
                "http:",
                "https:",
                "src=",
                "@import",
                "url(",
                "innerHTML",
                "insertAdjacentHTML",
                "document.write",
                "localStorage",
                "sessionStorage",
                "cookie",
            ] {
                assert!(!outside.contains(way_out), "{way_out}");
            }
            let nonce = page
                .split_once("nonce=\"")
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(nonce, _)| nonce);
            assert!(
                policy
                    .to_str()
                    .is_ok_and(|policy| policy.contains(nonce.unwrap_or("no nonce")))
            );
            assert_ne!(shell(which).1, policy, "each page has a nonce of its own");
        }
    }

    #[test]
    fn only_get_and_head_of_three_paths_are_answered() {
        let of = |method, path: &str| Asked::of(&method, &path.parse().unwrap());
        assert_eq!(of(Method::GET, "/"), Asked::Page);
        assert_eq!(of(Method::GET, "/?from=mail"), Asked::Page);
        assert_eq!(of(Method::GET, "/?json"), Asked::Status);
        assert_eq!(of(Method::HEAD, "/status.json"), Asked::Status);
        assert_eq!(of(Method::GET, "/events"), Asked::Events);
        for method in [
            Method::POST,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ] {
            assert_eq!(of(method, "/status.json"), Asked::Refused);
        }
        for path in [
            "/status.json/",
            "//",
            "/events/1",
            "/../",
            "/index.html",
            "/favicon.ico",
            "/orders",
        ] {
            assert_eq!(of(Method::GET, path), Asked::Nothing, "{path}");
            assert_eq!(of(Method::POST, path), Asked::Nothing, "{path}");
        }
    }
}
