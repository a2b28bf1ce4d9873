use super::{Classify, Detail, Finding, Outcome, chain, table};
use std::error::Error;

/// [`Classify`] for HTTP clients that give back [`http::Response`], whatever its status: hyper-util, a tower-http
/// stack, a thin wrapper around either.
///
/// [`table::for_status`] judges a status, with `Retry-After`. So a gateway's `404` is *absent*, as the service's own
/// is: judge a `404` yourself where you know the service's own mark. An error is judged by its chain of sources:
/// hyper-util's client error, hyper's, an I/O error. The verdict says *not sent* only when hyper-util's error says
/// that it could not connect.
///
/// ```
/// use evenkeel::verdict::{Classify, HttpVerdicts, Verdict};
///
/// let response = http::Response::builder().status(503).header("retry-after", "2").body(()).unwrap();
/// let outcome = HttpVerdicts.classify(Ok::<_, &std::io::Error>(&response));
/// assert_eq!(outcome.verdict, Verdict::Faulty);
/// assert_eq!(outcome.retry_after.unwrap().as_secs(), 2);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpVerdicts;

/// The headers of request ids: S3 and its kin, DynamoDB, Azure, everybody else.
const REQUEST_ID: [&str; 4] = [
    "x-amz-request-id",
    "x-amzn-requestid",
    "x-ms-request-id",
    "x-request-id",
];

impl<B, E: Error + 'static> Classify<http::Response<B>, E> for HttpVerdicts {
    fn classify(&self, result: Result<&http::Response<B>, &E>) -> Outcome {
        match result {
            Ok(response) => {
                let value = response.headers().get(http::header::RETRY_AFTER);
                let retry_after = value.and_then(|v| v.to_str().ok()).and_then(table::retry_after);
                table::for_status(response.status().as_u16()).with_retry_after(retry_after)
            }
            Err(error) => failure(error).outcome,
        }
    }

    fn detail(&self, result: Result<&http::Response<B>, &E>) -> Detail {
        match result {
            Ok(response) if response.status().is_success() => Detail::default(),
            Ok(response) => {
                let id = REQUEST_ID
                    .iter()
                    .find_map(|name| response.headers().get(*name)?.to_str().ok());
                Finding::refusal(response.status().as_u16(), None, None)
                    .with_request_id(id)
                    .detail
            }
            Err(error) => failure(error).detail,
        }
    }
}

fn failure(error: &(dyn Error + 'static)) -> Finding {
    chain::transport(error).unwrap_or_else(|| Finding::symptom(table::Symptom::Unknown))
}

/// The code in an XML error document, as S3, Azure and GCS's XML interface write it.
#[cfg_attr(not(any(feature = "object_store", feature = "azure_core")), allow(dead_code))]
pub(crate) fn xml_code(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.trim())
}

/// What TLS servers say to plain HTTP: Go's, nginx, Apache.
#[cfg_attr(
    not(any(feature = "_aws", feature = "azure_core", feature = "google_cloud")),
    allow(dead_code)
)]
pub(crate) fn is_plain_to_tls(status: u16, body: &[u8]) -> bool {
    const SAID: [&str; 3] = [
        "HTTP request to an HTTPS server",
        "HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
    ];
    let says = |body| SAID.iter().any(|said| str::contains(body, said));
    status == 400 && std::str::from_utf8(body).is_ok_and(says)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Sent, Verdict};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};

    #[test]
    fn an_http_refusal_has_its_code_and_request_id() {
        let response = http::Response::builder()
            .status(403)
            .header("x-ms-request-id", "4711-a")
            .body(())
            .unwrap();
        let result = Ok::<_, std::io::Error>(response);
        assert_eq!(HttpVerdicts.classify(result.as_ref()).verdict, Verdict::Denied);
        let detail = HttpVerdicts.detail(result.as_ref());
        assert_eq!(detail.code.as_deref(), Some("HTTP 403"));
        assert_eq!(detail.request_id.as_deref(), Some("4711-a"));
    }

    #[tokio::test]
    async fn a_refused_connection_of_hyper_util_is_recognised() {
        let port = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        };
        let client = Client::builder(TokioExecutor::new()).build_http::<String>();
        let result = client.get(format!("http://127.0.0.1:{port}/").parse().unwrap()).await;
        let outcome = HttpVerdicts.classify(result.as_ref());
        assert_eq!(outcome, Outcome::new(Verdict::Unreachable, Sent::No));
        assert_eq!(
            HttpVerdicts.detail(result.as_ref()).code.as_deref(),
            Some("connection refused")
        );
    }
}
