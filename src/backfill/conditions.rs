use super::{
    StopReason,
    shared::{Refusal, Shared},
};
use crate::{
    client::object::{Property, verify},
    model::clock,
    provider::{AnyObjectProvider, Capabilities, Capability, ObjectProvider, ProviderError},
    replicate::copy::{Role, ask},
    request::Writer,
};

/// The questions about conditions are some 150 requests. Together they get the time limit of a body of this many bytes.
const QUESTIONS: u64 = 120 << 20;

/// Asks a target that may overwrite whether it keeps to the conditions that a copy carries. The target's provider then
/// refuses conditions to which the target does not keep, and no key is copied.
pub(super) async fn have_target_asked(to: &AnyObjectProvider, shared: &Shared) -> Result<(), Refusal> {
    let known = Capabilities {
        // Nothing is deleted.
        delete_if_match: Capability::Kept,
        ..to.capabilities()
    };
    if ![known.create, known.if_match].contains(&Capability::Unknown) {
        return Ok(());
    }
    let names = Writer::from_os(clock::wall).map_err(|error| Refusal::Stop(StopReason::Entropy(error)))?;
    let questions = || async {
        let found = verify::endpoint(to, &names.name(), known, || {}).await;
        match (found.atomic(), found.if_match()) {
            (Property::Unknown(why), _) | (_, Property::Unknown(why)) => Err(ProviderError::faulty(why.clone())),
            _ => Ok(()),
        }
    };
    ask(shared, Role::Target, QUESTIONS, questions).await
}
