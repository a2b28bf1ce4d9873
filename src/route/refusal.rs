/// No endpoint is left for this call: all are barred, were tried, or cannot take it now. A local refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("no endpoint is left for this call")]
#[non_exhaustive]
pub struct Exhausted {}
