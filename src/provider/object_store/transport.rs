//! The HTTP client under `object_store`'s stores that this crate trusts.

use super::answer::{Question, Unproven};
use crate::{
    provider::{
        leaving::{Leaving, WORTH_TELLING},
        refusal::tell_unreadable,
    },
    request::Progress,
};
use async_trait::async_trait;
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{CONTENT_LENGTH, LAST_MODIFIED, RANGE},
};
use http_body_util::BodyExt as _;
use object_store::{
    ClientConfigKey as Key, ClientOptions, Error,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
    },
};
use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy, redirect::Policy};
use std::{
    fmt,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

type Configure = dyn Fn(ClientBuilder) -> ClientBuilder + Send + Sync;

/// A transport for `object_store`'s own stores that follows no redirect and believes no gateway. Give it to the store's
/// builder:
///
/// ```ignore
/// let store = AmazonS3Builder::from_env().with_http_connector(NoRedirects::new()).build()?;
/// let store = GenericStore::new(Arc::new(store))?;
/// ```
///
/// # What the transport does
/// - **It follows no redirect.** A redirect would leave the permitted locations, with the request's headers.
/// - **Connecting takes 0.9 s at most** ([`GenericStore::CONNECT_TIMEOUT`](super::GenericStore::CONNECT_TIMEOUT)), or
///   less if less was set.
/// - **A listing must be a listing**: a document of S3's or Azure's, whose continuation differs from the start of the
///   request.
/// - **A part is no whole**: `206` to a request without a range is an error.
/// - **A deletion must be confirmed**, and the 404 to a HEAD must carry a header of the provider's. A gateway's answer
///   is an error.
/// - **The transport reports how a put's body leaves**, so that a slow line does not look like a silent store.
/// - **Foreign keys do not break a listing**: `m//n`, `./q`, control characters, and `dir/` beside `dir` are listed as
///   they are.
///
/// # What the transport takes over from `ClientOptions`
/// The transport takes over every option that `ClientOptions` show. They do not show root certificates, default headers
/// and a DNS resolver. With one of these in the options, building the store fails: pass them to
/// [`configured`](Self::configured) instead. The transport tries addresses in the order of the resolver.
#[derive(Clone, Default)]
pub struct NoRedirects {
    configure: Option<Arc<Configure>>,
}

impl NoRedirects {
    /// A transport with the store's `ClientOptions`.
    pub fn new() -> Self {
        Self::default()
    }

    /// A transport with the store's `ClientOptions`, further configured by `configure`: root certificates, a DNS
    /// resolver, an identity. Redirects stay off.
    #[must_use]
    pub fn configured(configure: impl Fn(ClientBuilder) -> ClientBuilder + Send + Sync + 'static) -> Self {
        Self {
            configure: Some(Arc::new(configure)),
        }
    }
}

/// [`GenericStore::new`](super::GenericStore::new) looks for this text in a store's `Debug`.
pub(super) const NAME: &str = "NoRedirects";

impl fmt::Debug for NoRedirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl HttpConnector for NoRedirects {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let mut builder = taken_over(options)?;
        if let Some(configure) = &self.configure {
            builder = configure(builder);
        }
        let client = builder.redirect(Policy::none()).build().map_err(refused)?;
        Ok(HttpClient::new(Transport {
            client,
            told: AtomicBool::new(false),
        }))
    }
}

struct Transport {
    client: reqwest::Client,
    /// Whether a warning about an unreadable date was given.
    told: AtomicBool,
}

impl Transport {
    /// Sends a large body piece by piece and reports its progress. Everything else goes out as `object_store` sends it.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let large = request.body().content_length() > WORTH_TELLING;
        let Some(progress) = request.extensions().get::<Progress>().filter(|_| large).cloned() else {
            return self.client.call(request).await;
        };
        let (head, body) = request.into_parts();
        let unsent = |error| HttpError::new(HttpErrorKind::Unknown, error);
        let mut told = reqwest::Request::new(head.method, head.uri.to_string().parse().map_err(unsent)?);
        *told.headers_mut() = head.headers;
        progress.begin(body.content_length() as u64);
        *told.body_mut() = Some(reqwest::Body::wrap(Leaving::new(body, progress.clone())));
        let answer = self.client.execute(told).await.map_err(broken)?;
        progress.answered();
        let (head, body) = http::Response::<reqwest::Body>::from(answer).into_parts();
        let body = HttpResponseBody::new(body.map_err(broken));
        Ok(HttpResponse::from_parts(head, body))
    }
}

/// The error in `object_store`'s form, as far as anybody asks: the error's own sources say the rest.
fn broken(error: reqwest::Error) -> HttpError {
    let kind = match () {
        () if error.is_timeout() => HttpErrorKind::Timeout,
        () if error.is_connect() => HttpErrorKind::Connect,
        () if error.is_decode() => HttpErrorKind::Decode,
        () => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error.without_url())
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let question = Question::of(request.method(), request.uri());
        let of_a_part = request.headers().contains_key(RANGE);
        let mut answer = self.send(request).await?;
        // `object_store` would take it for the whole.
        if answer.status() == StatusCode::PARTIAL_CONTENT && !of_a_part {
            return Err(HttpError::new(HttpErrorKind::Decode, Unproven::Part));
        }
        if !readable(answer.headers_mut()) && !self.told.swap(true, Ordering::AcqRel) {
            tell_unreadable("last-modified");
        }
        if !question.is_of_the_body(answer.status()) {
            let unproven = |unproven: Unproven| HttpError::new(HttpErrorKind::Decode, unproven);
            let said = question
                .by_the_head(answer.status(), answer.headers())
                .map_err(unproven)?;
            return Ok(match said {
                None => answer,
                Some(words) => HttpResponse::from_parts(answer.into_parts().0, words.to_owned().into()),
            });
        }
        let (mut head, body) = answer.into_parts();
        let body = body.bytes().await?;
        let body = question
            .by_the_body(body)
            .map_err(|unproven| HttpError::new(HttpErrorKind::Decode, unproven))?;
        head.headers.remove(CONTENT_LENGTH);
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

/// Replaces a date that `object_store` could not read, because such a date would cost the whole object. The replacement
/// is the beginning of time, as `object_store` uses where there is no date: some stores must have a date.
fn readable(headers: &mut HeaderMap) -> bool {
    let Some(date) = headers.get(LAST_MODIFIED) else {
        return true;
    };
    let readable = date.to_str().is_ok_and(|date| httpdate::parse_http_date(date).is_ok());
    if !readable {
        headers.insert(LAST_MODIFIED, HeaderValue::from_static("Thu, 01 Jan 1970 00:00:00 GMT"));
    }
    readable
}

/// The client as `object_store` (0.14) builds its own.
fn taken_over(options: &ClientOptions) -> object_store::Result<ClientBuilder> {
    let shown = format!("{options:?}");
    let untold = [
        ("root_certificates: [", "root_certificates: []"),
        ("default_headers: ", "default_headers: None"),
        ("dns_resolver: ", "dns_resolver: None"),
    ];
    if untold
        .iter()
        .any(|(what, unset)| shown.contains(what) && !shown.contains(unset))
    {
        return Err(refused(Untold));
    }
    let mut builder = ClientBuilder::new()
        .user_agent(
            text(options, Key::UserAgent).unwrap_or_else(|| concat!("evenkeel/", env!("CARGO_PKG_VERSION")).to_owned()),
        )
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .https_only(!is(options, Key::AllowHttp)?)
        .http2_keep_alive_while_idle(is(options, Key::Http2KeepAliveWhileIdle)?);
    if let Some(url) = text(options, Key::ProxyUrl) {
        let mut proxy = Proxy::all(url).map_err(refused)?;
        if let Some(pem) = text(options, Key::ProxyCaCertificate) {
            builder = builder.tls_certs_merge([Certificate::from_pem(pem.as_bytes()).map_err(refused)?]);
        }
        if let Some(hosts) = text(options, Key::ProxyExcludes) {
            proxy = proxy.no_proxy(NoProxy::from_string(&hosts));
        }
        builder = builder.proxy(proxy);
    }
    if is(options, Key::NoSystemCertificates)? {
        builder = builder.tls_certs_only([]);
    }
    if is(options, Key::AllowInvalidCertificates)? {
        builder = builder.danger_accept_invalid_certs(true);
    }
    if let Some(limit) = duration(options, Key::Timeout)? {
        builder = builder.timeout(limit);
    }
    let connecting = duration(options, Key::ConnectTimeout)?.unwrap_or(super::GenericStore::CONNECT_TIMEOUT);
    builder = builder.connect_timeout(connecting.min(super::GenericStore::CONNECT_TIMEOUT));
    if let Some(limit) = duration(options, Key::ReadTimeout)? {
        builder = builder.read_timeout(limit);
    }
    if let Some(idle) = duration(options, Key::PoolIdleTimeout)? {
        builder = builder.pool_idle_timeout(idle);
    }
    if let Some(most) = parsed(options, Key::PoolMaxIdlePerHost)? {
        builder = builder.pool_max_idle_per_host(most);
    }
    if is(options, Key::Http1Only)? {
        builder = builder.http1_only();
    }
    if let Some(interval) = duration(options, Key::Http2KeepAliveInterval)? {
        builder = builder.http2_keep_alive_interval(interval);
    }
    if let Some(limit) = duration(options, Key::Http2KeepAliveTimeout)? {
        builder = builder.http2_keep_alive_timeout(limit);
    }
    if let Some(size) = parsed::<u32>(options, Key::Http2MaxFrameSize)? {
        builder = builder.http2_max_frame_size(size);
    }
    if is(options, Key::Http2Only)? {
        builder = builder.http2_prior_knowledge();
    }
    Ok(builder)
}

fn text(options: &ClientOptions, key: Key) -> Option<String> {
    options.get_config_value(&key)
}

fn parsed<T: FromStr>(options: &ClientOptions, key: Key) -> object_store::Result<Option<T>> {
    let value = text(options, key);
    value
        .map(|value| value.parse().map_err(|_| refused(Unread(key))))
        .transpose()
}

fn is(options: &ClientOptions, key: Key) -> object_store::Result<bool> {
    Ok(parsed(options, key)?.unwrap_or_default())
}

fn duration(options: &ClientOptions, key: Key) -> object_store::Result<Option<Duration>> {
    let value = text(options, key);
    value
        .map(|value| span(&value).ok_or_else(|| refused(Unread(key))))
        .transpose()
}

/// A duration as `object_store` prints it: `1m 30s 500ms`.
fn span(text: &str) -> Option<Duration> {
    let parts = text.split_ascii_whitespace().map(|part| {
        let unit = part.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = (part[..unit].parse::<u64>().ok()?, &part[unit..]);
        Some(match unit {
            "day" | "days" => Duration::from_secs(number.checked_mul(86_400)?),
            "h" => Duration::from_secs(number.checked_mul(3_600)?),
            "m" => Duration::from_secs(number.checked_mul(60)?),
            "s" => Duration::from_secs(number),
            "ms" => Duration::from_millis(number),
            "us" => Duration::from_micros(number),
            "ns" => Duration::from_nanos(number),
            _ => return None,
        })
    });
    parts.sum::<Option<Duration>>()
}

fn refused(why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Generic {
        store: "NoRedirects",
        source: Box::new(why),
    }
}

#[derive(Debug, thiserror::Error)]
#[error(
    "client options do not reveal their root certificates, default headers and DNS resolver: give them to `NoRedirects::configured`"
)]
struct Untold;

#[derive(Debug, thiserror::Error)]
#[error("the client option {0:?} cannot be read")]
struct Unread(Key);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_durations_are_parsed() {
        assert_eq!(span("30s"), Some(Duration::from_secs(30)));
        assert_eq!(span("1m 30s 500ms"), Some(Duration::from_millis(90_500)));
        assert_eq!(span("1day"), Some(Duration::from_secs(86_400)));
        assert_eq!(span("soon"), None);
    }

    #[test]
    fn client_options_that_cannot_be_read_back_are_refused() {
        let connect = |options: ClientOptions| NoRedirects::new().connect(&options);
        connect(ClientOptions::new()).unwrap();
        connect(
            ClientOptions::new()
                .with_timeout_disabled()
                .with_connect_timeout_disabled(),
        )
        .unwrap();
        let headers = http::HeaderMap::from_iter([(CONTENT_LENGTH, http::HeaderValue::from_static("1"))]);
        let refused = connect(ClientOptions::new().with_default_headers(headers)).unwrap_err();
        assert!(refused.to_string().contains("NoRedirects::configured"), "{refused}");
        let agent = http::HeaderValue::from_static("dns_resolver: Some");
        connect(ClientOptions::new().with_user_agent(agent)).unwrap();
    }
}
