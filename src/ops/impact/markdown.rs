//! A report as Markdown. Names are a user's or worse: they are escaped.

use super::{
    analysis::{ClientImpact, Judgement, LossImpact, OperationImpact},
    capacity::Bearing,
    judge::{Effect, Operation},
    report::ImpactReport,
};
use crate::ops::text::Safe;
use std::fmt::{self, Display, Formatter};

impl Display for ImpactReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "# What fails if X fails")?;
        if self.clients.is_empty() {
            writeln!(f, "\nThere is no client: nothing can be said.")?;
        }
        self.clients.iter().try_for_each(|client| write!(f, "\n{client}"))
    }
}

/// A section of a report.
impl Display for ClientImpact {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Client {}\n", Safe(&self.client))?;
        let Some(first) = self.losses.first() else {
            return writeln!(
                f,
                "Its endpoints declare nothing that could be lost: nothing can be said."
            );
        };
        let operations: Vec<_> = first.operations.iter().map(|one| one.operation).collect();
        let heads: Vec<_> = operations.iter().map(|one| one.as_str()).collect();
        writeln!(f, "| lost | {} | capacity left |", heads.join(" | "))?;
        writeln!(f, "|---|{}---|", "---|".repeat(heads.len()))?;
        self.losses.iter().try_for_each(|loss| loss.row(f))?;
        writeln!(f, "\nWhy, and what follows later:\n")?;
        self.losses.iter().try_for_each(|loss| loss.reasons(f))
    }
}

impl LossImpact {
    fn row(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "| {} |", Safe(&self.loss.to_string()))?;
        for one in &self.operations {
            match one.now.effect == one.later.effect {
                true => write!(f, " {} |", one.now.effect)?,
                false => write!(f, " {}; later {} |", one.now.effect, one.later.effect)?,
            }
        }
        let enough = |bearing: &Bearing| match bearing.enough {
            Some(true) => "enough",
            Some(false) => "**too little**",
            None => "unknown",
        };
        match (enough(&self.capacity), enough(&self.capacity_later)) {
            (now, later) if now == later => writeln!(f, " {now} |"),
            (now, later) => writeln!(f, " {now}; later {later} |"),
        }
    }

    fn reasons(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "- **{}**", Safe(&self.loss.to_string()))?;
        let listed = |names: &[String]| Safe(&names.join(", ")).to_string();
        let mut facts = Vec::new();
        if !self.lost.is_empty() {
            facts.push(format!("lost: {}", listed(&self.lost)));
        }
        if !self.perhaps_lost.is_empty() {
            facts.push(format!("perhaps lost: {}", listed(&self.perhaps_lost)));
        }
        for one in &self.expiring {
            let endpoint = listed(std::slice::from_ref(&one.endpoint));
            facts.push(match one.valid_for_ms {
                Some(left) => format!("the credentials of {endpoint} last {} s more", left / 1000),
                None => format!("how long the credentials of {endpoint} last is not known"),
            });
        }
        if !self.unmanaged.is_empty() {
            facts.push(format!("without their control plane: {}", listed(&self.unmanaged)));
        }
        if self.is_harmless() {
            facts.push("everything goes on".to_owned());
        }
        writeln!(f, ": {}.", facts.join("; "))?;
        // Operations of one reason share a line.
        let mut told: Vec<(&OperationImpact, Vec<Operation>)> = Vec::new();
        for one in self.operations.iter().filter(|one| one.is_news()) {
            match told
                .iter_mut()
                .find(|(known, _)| (&known.now, &known.later) == (&one.now, &one.later))
            {
                Some((_, operations)) => operations.push(one.operation),
                None => told.push((one, vec![one.operation])),
            }
        }
        for (one, operations) in told {
            let names: Vec<_> = operations.iter().map(|operation| operation.as_str()).collect();
            let say = |judged: &Judgement| format!("{}: {}", judged.effect, Safe(&judged.because));
            write!(f, "  - {}: {}", names.join(", "), say(&one.now))?;
            match one.now == one.later {
                true => writeln!(f, ".")?,
                false => writeln!(f, ". Later {}.", say(&one.later))?,
            }
        }
        if self.capacity.enough == Some(false) || self.capacity_later.enough == Some(false) {
            writeln!(f, "  - capacity: {}.", Safe(&self.capacity_later.because))?;
        }
        Ok(())
    }
}

impl OperationImpact {
    /// Whether there is more to say than that the operation goes on, or never did.
    fn is_news(&self) -> bool {
        let quiet = |judged: &Judgement| matches!(judged.effect, Effect::GoesOn | Effect::NotServed);
        !(quiet(&self.now) && quiet(&self.later))
    }
}
