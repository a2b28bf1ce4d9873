//! The losses that a client must survive, checked when it is built.

use super::BuildError;
use crate::{
    endpoint::Profile,
    ops::impact::{Analysis, Effect, Loss, Operation, OperationImpact},
    telemetry::{Audience, Event, Reporter},
};

/// What happens if a client does not survive a loss that it [should](crate::client::StoreBuilder::survives), or that
/// cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unmet {
    /// The client is not built: [`BuildError::NotSurvived`].
    #[default]
    Fails,
    /// The client is built, and reports [`Event::NotSurvived`].
    Warns,
}

/// What a client must survive.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survival {
    demands: Vec<Demand>,
    pub(crate) unmet: Unmet,
}

#[derive(Clone, Debug)]
enum Demand {
    Loss(Loss),
    AnyRegion,
    AnyProvider,
}

impl Survival {
    pub(crate) fn demand(&mut self, loss: Loss) {
        self.demands.push(Demand::Loss(loss));
    }

    pub(crate) fn demand_any_region(&mut self) {
        self.demands.push(Demand::AnyRegion);
    }

    pub(crate) fn demand_any_provider(&mut self) {
        self.demands.push(Demand::AnyProvider);
    }

    /// `analyse`: asks the adapters, so only where something is demanded.
    ///
    /// # Errors
    /// A loss that no endpoint declares, and, if that is to fail, the first loss that the client does not survive.
    pub(crate) fn check(&self, analyse: impl FnOnce() -> Analysis, audience: &Audience) -> Result<(), BuildError> {
        if self.demands.is_empty() {
            return Ok(());
        }
        let analysis = &analyse();
        for demand in &self.demands {
            let named = demand.losses(analysis)?.into_iter();
            let named = named.map(|loss| (loss.to_string(), analysis.of(&loss).operations));
            for (loss, operations) in named.chain(demand.unnamed(analysis)) {
                let Some(because) = ends(&operations) else {
                    continue;
                };
                let (loss, because) = (loss.into(), because.into());
                match self.unmet {
                    Unmet::Fails => return Err(BuildError::NotSurvived { loss, because }),
                    Unmet::Warns => {
                        Reporter::new("".into(), audience.clone()).report(Event::NotSurvived { loss, because });
                    }
                }
            }
        }
        Ok(())
    }
}

impl Demand {
    fn losses(&self, analysis: &Analysis) -> Result<Vec<Loss>, BuildError> {
        let unknown = |loss: String, declared: Vec<String>| BuildError::UnknownLoss {
            loss: loss.into(),
            declared: match declared.is_empty() {
                true => "none".into(),
                false => declared.join(", ").into(),
            },
        };
        let all = |what: &str, is: fn(&Loss) -> bool| {
            let losses: Vec<_> = analysis.losses().into_iter().filter(is).collect();
            match losses.is_empty() {
                true => Err(unknown(what.to_owned(), Vec::new())),
                false => Ok(losses),
            }
        };
        match self {
            Self::Loss(loss) if analysis.knows(loss) => Ok(vec![loss.clone()]),
            Self::Loss(loss) => Err(unknown(loss.to_string(), analysis.declared_like(loss))),
            Self::AnyRegion => all("any region", |loss| matches!(loss, Loss::Region { .. })),
            Self::AnyProvider => all("any provider", |loss| matches!(loss, Loss::Provider { .. })),
        }
    }

    /// The losses that are demanded and have no name, with what becomes of each operation.
    fn unnamed(&self, analysis: &Analysis) -> Vec<(String, Vec<OperationImpact>)> {
        match self {
            Self::Loss(_) => Vec::new(),
            Self::AnyRegion => analysis.unnamed("region", Profile::region),
            Self::AnyProvider => analysis.unnamed("provider", Profile::provider),
        }
    }
}

/// What ends of writes and fresh reads, and why. A client that writes nowhere is asked for its reads.
fn ends(operations: &[OperationImpact]) -> Option<String> {
    let mut unmet = Vec::new();
    for operation in [Operation::Write, Operation::Read] {
        // What ends at once has ended later, too.
        let Some(one) = operations.iter().find(|one| one.operation == operation) else {
            continue;
        };
        if !matches!(one.later.effect, Effect::GoesOn | Effect::NotServed) {
            unmet.push(format!("{operation} {}: {}", one.later.effect, one.later.because));
        }
    }
    (!unmet.is_empty()).then(|| unmet.join("; "))
}
