//! Why an operation goes on or ends, in a sentence that names endpoints.

use super::{
    judge::{Effect, Operation},
    roles::{Data, Roles},
};
use crate::{endpoint::Profile, request::members};

/// The endpoints by name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a>(pub(crate) &'a [Profile]);

impl Names<'_> {
    /// `a, b and c`.
    pub(crate) fn of(self, set: u64) -> String {
        let all: Vec<_> = members(set)
            .filter_map(|index| Some(self.0.get(index)?.name()))
            .collect();
        match all.split_last() {
            None => "no endpoint".to_owned(),
            Some((last, [])) => (*last).to_owned(),
            Some((last, before)) => format!("{} and {last}", before.join(", ")),
        }
    }
}

impl Roles {
    /// Why this operation has this effect while these endpoints are lost.
    pub(crate) fn because(&self, operation: Operation, effect: Effect, lost: u64, names: Names<'_>) -> String {
        let gone = names.of(self.permitted & lost);
        let left = |able: u64| names.of(able & !lost);
        let able = self.able(operation);
        match (effect, operation) {
            (Effect::NotServed, _) => self.never(operation),
            (Effect::GoesOn, _) if self.permitted & lost == 0 => {
                "the loss takes no endpoint from the client".to_owned()
            }
            (Effect::GoesOn | Effect::GoesOnStale, Operation::Read | Operation::List) => {
                let readers = names.of(self.readers(lost));
                let lag = self.readers(lost) & self.lags;
                match (effect, self.data) {
                    (Effect::GoesOnStale, _) if lag == self.readers(lost) => {
                        format!("served by {readers}, which may lag behind acknowledged writes")
                    }
                    (Effect::GoesOnStale, _) => {
                        let lag = names.of(lag);
                        format!("served by {readers}, of which {lag} may lag behind acknowledged writes")
                    }
                    (_, Data::Opaque) => {
                        format!("calls reach {readers}; whether the data is there, the client cannot know")
                    }
                    _ => format!("served by {readers}"),
                }
            }
            (Effect::GoesOn, Operation::NotFound) => format!("the word of {} is enough", left(self.voters)),
            (Effect::GoesOn, _) => format!("taken by {}", left(able)),
            (Effect::KeysHeldOnlyThereEnd, Operation::List) => {
                let there = names.of(self.voters & lost);
                format!("what lies only at {there} is left out, and the listing says so")
            }
            (Effect::KeysHeldOnlyThereEnd, _) => {
                let there = names.of(self.voters & lost);
                format!(
                    "what lies only at {there} cannot be read; the rest is served by {}",
                    left(self.permitted)
                )
            }
            (_, Operation::NotFound) => {
                let missing = names.of(self.voters & lost);
                format!("without {missing} nobody can prove that a key does not exist")
            }
            (_, Operation::Delete) if self.data == Data::Scattered && self.writers & !lost != 0 => {
                let missing = names.of(self.writers & lost);
                format!("a delete must reach every endpoint that takes writes, and {missing} cannot be reached")
            }
            (_, Operation::Read | Operation::List) => format!("no endpoint is left without {gone}"),
            _ => {
                let needed = names.of(able);
                format!("nothing but {needed} takes them, and that is lost")
            }
        }
    }

    /// The endpoints that can serve an operation.
    pub(crate) fn able(&self, operation: Operation) -> u64 {
        match operation {
            Operation::Read | Operation::List => self.permitted,
            Operation::NotFound => self.voters,
            Operation::Write => self.takers,
            Operation::Delete => self.writers,
            Operation::Create => self.creators,
            Operation::Conditional => self.judges,
        }
    }

    /// Why the client never does this.
    fn never(&self, operation: Operation) -> String {
        let why = match operation {
            _ if self.writers == 0 => "every endpoint of the client is read-only",
            Operation::Conditional | Operation::Create if self.data == Data::Scattered && self.takers != 0 => {
                "under write_once no endpoint can judge a condition"
            }
            _ => "no endpoint that takes writes can be trusted with the condition",
        };
        why.to_owned()
    }
}
