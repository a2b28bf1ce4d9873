use super::{ProviderError, ProviderErrorKind};
use crate::{
    BoxError,
    verdict::{Classify, Detail, Outcome, Sent, Verdict, table},
};

/// [`Classify`] for the object stack: an adapter's [`ProviderError`] carries its outcome. Any other error comes from a
/// user's layer. Such an error only shows that the call did not succeed: faulty, *maybe sent*.
#[derive(Clone, Copy, Debug, Default)]
pub struct ObjectVerdicts;

impl<T> Classify<T, BoxError> for ObjectVerdicts {
    fn classify(&self, result: Result<&T, &BoxError>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(error) => error
                .downcast_ref::<ProviderError>()
                .map_or(Outcome::new(Verdict::Faulty, Sent::Maybe), ProviderError::outcome),
        }
    }

    fn detail(&self, result: Result<&T, &BoxError>) -> Detail {
        match result.err().and_then(|error| error.downcast_ref::<ProviderError>()) {
            // In these words, whatever an adapter's own are: creates pass such an endpoint over.
            Some(error) if error.kind() == ProviderErrorKind::Full => Detail {
                message: Some(table::FULL.to_owned()),
                ..error.detail().clone()
            },
            Some(error) => Detail {
                message: error.detail().message.clone().or_else(|| {
                    let no_words = error.detail().code.is_none();
                    no_words.then(|| error.to_string())
                }),
                ..error.detail().clone()
            },
            None => Detail::default(),
        }
    }
}
