use crate::{
    provider::{
        ProviderError,
        refusal::{Asked, record, refused},
    },
    verdict::{aws_finding, chain},
};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use std::{error::Error, fmt};

/// The SDK's error as ours.
pub(super) fn failed<E>(asked: Asked, error: &SdkError<E>) -> ProviderError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let finding = aws_finding(error);
    record(finding.detail.request_id.as_deref());
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let failed = refused(asked, finding, status);
    match error {
        SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) => failed.with_source(Cause::of(error)),
        // Anything that an answer said may quote the key.
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
            if !words.iter().any(|word| word.contains(&said)) {
                words.push(said);
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
