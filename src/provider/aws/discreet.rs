use super::MARKS;
use crate::{model::noted, verdict::words::repeats};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{
            Intercept,
            context::{BeforeDeserializationInterceptorContextMut, BeforeTransmitInterceptorContextRef},
            dyn_dispatch_hint,
        },
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};

/// Tells whoever follows the attempt the status and the request id of its answer. Empties a request id that repeats
/// what was sent: the target, which contains the key, or a part of the credentials. No request contains an id that a
/// provider drew. The header itself stays, because its presence shows whose answer this is.
#[derive(Debug)]
pub(in crate::provider) struct Discreet;

/// What was sent and must not come back.
struct Sent(Vec<String>);

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sent")
    }
}

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

const SECRETS: [&str; 2] = ["authorization", "x-amz-security-token"];

#[dyn_dispatch_hint]
impl Intercept for Discreet {
    fn name(&self) -> &'static str {
        "Discreet"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let secrets = SECRETS.iter().filter_map(|name| request.headers().get(*name));
        let sent = secrets.chain([request.uri()]).map(str::to_owned).collect();
        config.interceptor_state().store_put(Sent(sent));
        Ok(())
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(Sent(sent)) = config.load::<Sent>() else {
            return Ok(());
        };
        let status = context.response().status().as_u16();
        for name in MARKS {
            let id = context.response().headers().get(name);
            if id.is_some_and(|id| sent.iter().any(|secret| repeats(id, secret))) {
                context.response_mut().headers_mut().insert(name, "");
            }
        }
        let head = context.response().headers();
        let id = MARKS
            .iter()
            .find_map(|name| head.get(*name).filter(|id| !id.is_empty()));
        noted::answered(Some(status), id);
        Ok(())
    }
}
