//! Copies on Google's side.

use super::{Gcs, condition, confirmed, control::ended, described, error::failed, generation, terms, upload::kms_key};
use crate::{
    provider::{
        ProviderError, ProviderErrorKind, check_attributes, check_mode,
        refusal::{Asked, wrong},
    },
    request::object::{Copy, PutAnswer, PutMode},
    verdict::table::Symptom,
};
use google_cloud_gax::{
    error::{Error, rpc::Code},
    options::RequestOptionsBuilder as _,
    retry_policy::NeverRetry,
};

impl Gcs {
    /// A rewrite. A copy to another class or key takes several requests, each of which goes on where the one before
    /// ended. Nothing is visible before the last.
    pub(super) async fn rewrite(&self, copy: Copy) -> Result<PutAnswer, ProviderError> {
        check_mode(&copy.mode)?;
        check_attributes(&copy.attributes, copy.write_id.as_ref())?;
        let terms = copy.terms.over(&self.defaults);
        terms::check(&terms)?;
        let (of_the_copy, _) = condition(&copy.mode)?;
        let of_the_source = copy.if_match.as_ref().map(generation).transpose()?;
        let (mut token, mut moved) = (String::new(), -1);
        loop {
            let (control, watch) = self.control.client().await;
            let request = control
                .rewrite_object()
                .set_source_bucket(&*self.resource)
                .set_source_object(copy.from.as_str())
                .set_or_clear_if_source_generation_match(of_the_source)
                .set_destination_bucket(&*self.resource)
                .set_destination_name(copy.to.as_str())
                .set_or_clear_if_generation_match(of_the_copy)
                .set_destination(described(&copy.attributes, copy.write_id.as_ref(), &terms))
                .set_destination_kms_key(kms_key(&terms).unwrap_or_default())
                .set_rewrite_token(&token)
                .with_retry_policy(NeverRetry);
            let answer = Box::pin(request.send()).await;
            ended(watch);
            let answer = answer.map_err(|error| refused(&copy, &error))?;
            if answer.done {
                let stored = answer.resource.map_or(0, |object| object.generation);
                return Ok(PutAnswer::new(Some(confirmed(stored)?)));
            }
            // It must get on, or it would never end.
            if answer.rewrite_token.is_empty() || answer.total_bytes_rewritten <= moved {
                return Err(wrong(Symptom::Nonsense, None));
            }
            (token, moved) = (answer.rewrite_token, answer.total_bytes_rewritten);
        }
    }
}

/// Google does not say which of the two conditions failed.
fn refused(copy: &Copy, error: &Error) -> ProviderError {
    let refused = failed(Asked::Read, error);
    let is_precondition = error
        .status()
        .is_some_and(|status| status.code == Code::FailedPrecondition);
    match (&copy.mode, copy.if_match.is_some()) {
        _ if !is_precondition => refused,
        (PutMode::Create, false) => ProviderError::answer(ProviderErrorKind::AlreadyExists),
        (PutMode::Create, true) => ProviderError::answer(ProviderErrorKind::Conflict),
        (PutMode::IfMatch(_), _) | (PutMode::Overwrite, true) => {
            ProviderError::answer(ProviderErrorKind::PreconditionFailed)
        }
        (PutMode::Overwrite, false) => refused,
    }
}
