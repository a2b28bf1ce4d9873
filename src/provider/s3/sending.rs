//! A large body on its way to the store.

use crate::{
    provider::leaving::{Leaving, WORTH_TELLING},
    request::Progress,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeTransmitInterceptorContextMut, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{body::SdkBody, config_bag::ConfigBag};
use bytes::Bytes;

/// Reports how the body leaves, piece by piece as the connection takes it. The body was signed, measured and summed
/// before.
#[derive(Debug)]
pub(super) struct Sending(Progress);

impl Sending {
    /// `None`: there is nothing to report.
    pub(super) fn of(body: &Bytes, progress: &Progress) -> Option<Self> {
        if body.len() > WORTH_TELLING {
            return progress.is_heard().then(|| Self(progress.clone()));
        }
        progress.begin(0);
        None
    }
}

#[dyn_dispatch_hint]
impl Intercept for Sending {
    fn name(&self) -> &'static str {
        "Sending"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        // It has been summed and signed, which takes this process its time and is no silence.
        self.0.begin(body.content_length().unwrap_or_default());
        let told = std::mem::replace(body, SdkBody::taken());
        *body = SdkBody::from_body_1_x(Leaving::new(told, self.0.clone()));
        Ok(())
    }
}
