use super::Seen;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{orchestrator::HttpResponse, result::SdkError},
};
use std::{error::Error, fmt, future::Future};

/// A kept connection ended before any byte of the answer came. The endpoint may be well.
#[derive(Debug)]
pub(super) struct Broken(pub(super) BoxError);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a kept connection ended before the answer")
    }
}

impl Error for Broken {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Which requests may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "s3"), allow(dead_code))] // DynamoDB's reads alone are repeated
pub(in crate::provider) enum Repeats {
    /// A read, or a write that may be applied any number of times: a part of an upload.
    Freely,
    /// A write whose repetition has no further effect, but whose second refusal may be caused by the first write.
    Success,
    /// A request that must not be sent again.
    Never,
}

/// Sends a request, and sends it again at once where a kept connection ended before any byte of the answer, until the
/// answer comes over a new connection. That is once or twice, and more often where the pool held unused connections.
///
/// The first write may be the cause why the store refuses the second one. Then the write fails as at first: it may have
/// been applied.
pub(in crate::provider) async fn again<T, E, F>(
    repeats: Repeats,
    ask: impl Fn() -> F,
) -> Result<T, SdkError<E, HttpResponse>>
where
    E: Error + 'static,
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    // Boxed, as the SDK's futures have seven kilobytes, which would be copied with each future around them.
    let ask = || Box::pin(ask());
    let first = match ask().await {
        Err(error) if repeats != Repeats::Never && is_broken(&error) => error,
        ended => return ended,
    };
    let mut ended = ask().await;
    for _ in 0..Seen::UNASKED {
        match ended {
            Err(error) if is_broken(&error) => ended = ask().await,
            _ => break,
        }
    }
    match ended {
        // However that failed: the first may have been applied, and nothing that the second met says otherwise.
        Err(_) if repeats == Repeats::Success => Err(first),
        ended => ended,
    }
}

fn is_broken<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: Error + 'static,
{
    let SdkError::DispatchFailure(failure) = error else {
        return false;
    };
    let error = failure.as_connector_error().and_then(Error::source);
    error.is_some_and(|source| source.is::<Broken>())
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use std::{cell::Cell, io};

    type Failed = SdkError<io::Error, HttpResponse>;

    fn failed(error: impl Into<BoxError>) -> Failed {
        SdkError::dispatch_failure(ConnectorError::io(error.into()))
    }

    /// How a request ends whose kept connection broke and whose repetition cannot even connect, and how often the
    /// request was sent.
    async fn ends(repeats: Repeats) -> (bool, u32) {
        let asked = Cell::new(0);
        let ask = || {
            asked.set(asked.get() + 1);
            let first = asked.get() == 1;
            async move {
                Err::<(), _>(match first {
                    true => failed(Broken(io::Error::from(io::ErrorKind::ConnectionReset).into())),
                    false => failed(io::Error::from(io::ErrorKind::ConnectionRefused)),
                })
            }
        };
        let ended = again(repeats, ask).await;
        (ended.is_err_and(|error| is_broken(&error)), asked.get())
    }

    /// The server applied the write and went away. That the repetition was not sent says nothing of the first write.
    #[tokio::test]
    async fn an_unsent_repetition_leaves_the_first_write_maybe_applied() {
        assert_eq!(ends(Repeats::Success).await, (true, 2));
        assert_eq!(ends(Repeats::Never).await, (true, 1));
        // Of a read the later answer is the news.
        assert_eq!(ends(Repeats::Freely).await, (false, 2));
    }
}
