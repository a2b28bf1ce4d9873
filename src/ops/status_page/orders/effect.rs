//! What an order would do: the dry run that comes before every order.

use super::{
    ask::{self, Ask, Wish},
    problem::Problem,
    proposed::{Left, Lifted, Named, Proposed},
};
use crate::{
    ops::operator::Operator,
    request::OpClass,
    telemetry::{Instance, millis},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// An order that was given or lifted.
#[derive(Debug, Serialize)]
pub(super) struct Done {
    dry_run: bool,
    /// The number of the order. `None`: the order was only tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    proposal: Proposed,
}

/// Tries the order, or gives it if that was asked for and its effect is the one that was looked at.
pub(super) fn act(ask: &Ask, wish: &Wish, client: Named, operator: Operator) -> Result<Done, Problem> {
    let operator = operator.by(ask.by.trim());
    let proposed = Proposed::of(ask, wish, client, &operator)?;
    let mut done = Done {
        dry_run: ask.dry_run,
        number: None,
        expires_in_ms: None,
        proposal: proposed,
    };
    if ask.dry_run {
        return Ok(done);
    }
    if ask.effect.as_ref() != Some(&done.proposal.effect) {
        return Err(Problem::Effect(Box::new(done.proposal)));
    }
    match wish {
        // The guard looks once more, under the lock of all orders.
        Wish::Give {
            kind,
            selector,
            reason,
            lasts,
        } => match ask::propose(&operator, *kind, selector.clone(), reason, *lasts).apply() {
            Ok(number) => {
                done.number = Some(number);
                done.expires_in_ms = Some(millis(*lasts));
            }
            Err(refused) => return Err(Problem::Refused(refused, Box::new(done.proposal))),
        },
        Wish::Lift { number } => {
            if !operator.lift(*number) {
                return Err(Problem::NoOrder);
            }
            done.number = Some(*number);
        }
    }
    Ok(done)
}

impl Proposed {
    fn of(ask: &Ask, wish: &Wish, client: Named, operator: &Operator) -> Result<Self, Problem> {
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let mut proposed = Self {
            instance: Instance::current().to_string(),
            client,
            order: ask.order,
            lifts: None,
            selector: String::new(),
            reason: String::new(),
            by: ask.by.trim().to_owned(),
            for_s: None,
            affected: Vec::new(),
            left: Left {
                reads: Vec::new(),
                writes: Vec::new(),
            },
            refused: None,
            effect: String::new(),
        };
        match wish {
            Wish::Give {
                kind,
                selector,
                reason,
                lasts,
            } => {
                let proposal = ask::propose(operator, *kind, selector.clone(), reason, *lasts);
                proposed.selector = selector.to_string();
                proposed.reason.clone_from(reason);
                proposed.for_s = Some(lasts.as_secs());
                proposed.affected = owned(proposal.affected());
                if proposed.affected.is_empty() {
                    ask::names_nothing(selector)?;
                }
                proposed.left.reads = owned(proposal.leaves_for(OpClass::Read));
                proposed.left.writes = owned(proposal.leaves_for(OpClass::Write));
                proposed.refused = proposal.check().err().map(|refused| refused.to_string());
            }
            Wish::Lift { number } => {
                let left = |class| {
                    let names = operator.leaves_without(*number, class);
                    names.iter().map(|name| name.to_string()).collect()
                };
                let orders = operator.snapshot();
                let order = orders.into_iter().find(|order| order.number == *number);
                let order = order.ok_or(Problem::NoOrder)?;
                proposed.lifts = Some(Lifted {
                    number: *number,
                    action: order.action.as_str(),
                    by: order.by,
                });
                proposed.selector = order.selector;
                proposed.reason = order.reason;
                proposed.affected = order.endpoints;
                proposed.left.reads = left(OpClass::Read);
                proposed.left.writes = left(OpClass::Write);
            }
        }
        proposed.effect = digest(&proposed);
        Ok(proposed)
    }
}

/// Half a hash of all that the proposal says. Whoever sends it has seen just that.
fn digest(proposed: &Proposed) -> String {
    let text = serde_json::to_vec(proposed).unwrap_or_default();
    Sha256::digest(text)[..16].iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
