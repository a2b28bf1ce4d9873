//! What goes wrong, by order of the test.

use crate::asked::{Asked, Operation};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// What goes wrong with a request.
///
/// Every fault but [`Drop`](Self::Drop) waits until the whole request is there. What is then begun is ended, also when the
/// client is gone by then.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The request is applied so much later, and answered then.
    Delay(Duration),
    /// The request is applied at once, and answered so much later.
    DoThenDelay(Duration),
    /// The request is not applied, and its connection is reset.
    Drop,
    /// The request is applied, and its connection is reset in the place of an answer.
    DropAnswer,
    /// The connection is reset now, and the request is applied so much later.
    ApplyLate(Duration),
    /// The request is applied and answered now, and applied once more so much later.
    Duplicate(Duration),
    /// The request is not applied, and answered with this status and this code of S3's.
    Status(u16, &'static str),
    /// The request is applied, and answered with this status and this code of S3's.
    DoThenStatus(u16, &'static str),
    /// The request is not applied, and answered with 409, `ConditionalRequestConflict`. An upload that it should complete is
    /// gone, as S3 wants all of it uploaded again.
    Conflict,
    /// So many bytes of the answer's body are sent, and the connection is closed.
    CutBody(usize),
    /// So many bytes of the answer's body are sent, and the rest so much later; with `None`, never.
    StallBody(usize, Option<Duration>),
    /// The answer's body comes with so many bytes a second.
    SlowBody(u64),
    /// The first so many bytes of the answer's body are other ones.
    Wrong(usize),
}

/// Which requests a [`Fault`] befalls.
#[derive(Clone, Debug)]
pub struct Rule {
    operation: Option<Operation>,
    key: Option<String>,
    part: Option<i32>,
    from: usize,
    to: usize,
    fault: Fault,
}

impl Rule {
    /// Befalls every request for this operation.
    pub fn on(operation: Operation, fault: Fault) -> Self {
        Self {
            operation: Some(operation),
            ..Self::always(fault)
        }
    }

    /// Befalls every request.
    pub fn always(fault: Fault) -> Self {
        Self {
            operation: None,
            key: None,
            part: None,
            from: 1,
            to: usize::MAX,
            fault,
        }
    }

    /// Only those for this key.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Only those for the part with this number.
    #[must_use]
    pub fn part(mut self, number: i32) -> Self {
        self.part = Some(number);
        self
    }

    /// Only the nth that matches, from 1.
    #[must_use]
    pub fn nth(mut self, nth: usize) -> Self {
        (self.from, self.to) = (nth, nth);
        self
    }

    /// Only the first so many that match.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        (self.from, self.to) = (1, times);
        self
    }

    fn matches(&self, asked: &Asked) -> bool {
        self.operation.is_none_or(|operation| operation == asked.operation)
            && self.key.as_ref().is_none_or(|key| *key == asked.key)
            && self.part.is_none_or(|part| Some(part) == asked.part)
    }
}

/// A server's rules. A clone is another handle on the same rules.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    rules: Arc<Mutex<Vec<Counted>>>,
}

#[derive(Debug)]
struct Counted {
    rule: Rule,
    matched: usize,
    befell: Arc<AtomicUsize>,
}

/// How often a rule's fault befell a request.
#[derive(Clone, Debug)]
pub struct Hits(Arc<AtomicUsize>);

impl Hits {
    /// How often so far.
    pub fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

impl Faults {
    /// Adds a rule behind those that are there. Of the rules that befall a request the first one does. Each rule counts all
    /// requests that match it.
    pub fn add(&self, rule: Rule) -> Hits {
        let befell = Arc::new(AtomicUsize::new(0));
        self.lock().push(Counted {
            rule,
            matched: 0,
            befell: befell.clone(),
        });
        Hits(befell)
    }

    /// Takes all rules away. What they began goes on.
    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn befalling(&self, asked: &Asked) -> Option<Fault> {
        let mut chosen = None;
        for counted in self.lock().iter_mut().filter(|counted| counted.rule.matches(asked)) {
            counted.matched += 1;
            if chosen.is_none() && (counted.rule.from..=counted.rule.to).contains(&counted.matched) {
                counted.befell.fetch_add(1, SeqCst);
                chosen = Some(counted.rule.fault.clone());
            }
        }
        chosen
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Counted>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
