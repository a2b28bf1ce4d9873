//! What the adapters over AWS SDKs share: how a stack configures such a client, and how the client's errors become
//! evenkeel's.

mod connections;
mod discreet;
pub(super) mod recorder;
mod verdict;

pub(super) use connections::{Repeats, again, watched};
pub(super) use discreet::Discreet;
pub use verdict::AwsVerdicts;
pub(super) use verdict::{MARKS, finding};

use crate::verdict::{chain, words};
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use std::{error::Error, fmt, time::Duration};

use super::ProviderError;

/// The value is just below the shortest limit of an attempt before the stack has learnt (1 s). An unreachable endpoint
/// thus differs from a slow one, and a write is known to be unsent.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

/// The given time limits, with a bound for connecting.
pub(super) fn connecting_bounded(given: Option<&TimeoutConfig>) -> TimeoutConfig {
    let given = given.cloned().unwrap_or_else(|| TimeoutConfig::builder().build());
    let connect = given
        .connect_timeout()
        .map_or(CONNECT_TIMEOUT, |set| set.min(CONNECT_TIMEOUT));
    given.into_builder().connect_timeout(connect).build()
}

/// Keeps the words of the cause beneath an SDK's error, if they can quote neither key nor value. The words of an
/// *answer* may quote both.
pub(super) fn with_cause<E, R>(failed: ProviderError, error: &SdkError<E, R>) -> ProviderError
where
    E: Error + 'static,
    R: fmt::Debug + 'static,
{
    match error {
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => failed.with_source(Cause::of(error)),
        _ => failed,
    }
}

/// The words of the error underneath, without the error: the SDK's `Debug` prints requests and answers, and so keys.
struct Cause(String);

impl Cause {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut words: Vec<String> = Vec::new();
        for error in chain::chain(error).skip(1) {
            let said = error.to_string();
            if !words::quotes_an_address(&said) {
                // What TLS says of a certificate is what the server wrote into it.
                let said = words::shown(said);
                if !words.iter().any(|word| word.contains(&said)) {
                    words.push(said);
                }
            }
            // Beneath are a token service's answers, profiles, paths.
            if error.is::<CredentialsError>() {
                break;
            }
        }
        Self(words.join(": "))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}
