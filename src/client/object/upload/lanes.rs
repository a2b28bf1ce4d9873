//! An upload's lanes: one for each endpoint that is to have the object. Every part goes to all of them.
//!
//! | what happens | then |
//! |---|---|
//! | a lane fails for good, and enough are left | the lane is dropped, and its endpoint is owed the object |
//! | a lane fails for good, and too few are left | the upload fails, and nothing is completed |
//! | all parts are stored | the hook runs, and then all lanes that are left are completed side by side |
//! | the hook fails | nothing is completed |
//! | enough completions succeed | the object is stored, and the other endpoints are owed it |
//! | fewer succeed, or lose their answers | the object may be stored |
//!
//! A part is one [`Bytes`], however many lanes send it, and has ended when each lane has stored it or is dropped. So
//! the slowest lane sets the pace, and no lane is ahead by more than the parts that are under way.

use super::{
    super::values::Stored,
    lane::{self, Fault, Lane},
};
use crate::{
    call::Error,
    model::ErrorKind,
    provider::PartRule,
    request::{bit, object::PartTag},
};
use bytes::Bytes;
use futures_util::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, join_all},
    stream::FuturesUnordered,
};
use std::{
    collections::BTreeMap,
    iter::once,
    mem::take,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// What must succeed before any lane is completed. Gets the endpoints that will be.
pub(super) type BeforeCompletion = Box<dyn Fn(u64) -> BoxFuture<'static, Result<(), Error>> + Send + Sync>;

/// The lanes of one upload.
pub(super) struct Lanes {
    first: Lane,
    others: Vec<Lane>,
    /// How many of them must store the object.
    needed: usize,
    /// Whether the whole upload can be made again elsewhere.
    is_repeatable: bool,
    before_completion: Option<BeforeCompletion>,
    /// One for each lane.
    progress: Mutex<Vec<Progress>>,
}

#[derive(Default)]
struct Progress {
    stand: Stand,
    tags: BTreeMap<u32, PartTag>,
    /// The store has ended the upload: there is nothing to give up.
    is_over: bool,
}

/// How one lane stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stand {
    /// Goes to any of the others.
    #[default]
    UnderWay,
    /// Dropped: nothing was stored there, and nothing will be.
    Lost,
    /// Its completion is of unknown fate.
    Unknown,
    Stored,
}

/// How the whole upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    GoesOn,
    Failed,
    /// The object may be visible, but is not known to be stored where it must be.
    Unknown,
    Stored,
}

/// What the lanes mean for the whole, if so many must store the object.
fn course(stands: impl Iterator<Item = Stand>, needed: usize) -> Course {
    let (mut under_way, mut unknown, mut stored) = (0, 0, 0);
    for stand in stands {
        match stand {
            Stand::UnderWay => under_way += 1,
            Stand::Lost => {}
            Stand::Unknown => unknown += 1,
            Stand::Stored => stored += 1,
        }
    }
    match stored + under_way >= needed {
        true if under_way > 0 => Course::GoesOn,
        true => Course::Stored,
        false if stored + unknown > 0 => Course::Unknown,
        false => Course::Failed,
    }
}

impl Lanes {
    /// `needed`: how many of these lanes must store the object.
    pub(super) fn new(
        first: Lane,
        others: Vec<Lane>,
        (needed, is_repeatable): (usize, bool),
        before_completion: Option<BeforeCompletion>,
    ) -> Self {
        let progress = once(&first).chain(&others).map(|_| Progress::default()).collect();
        Self {
            first,
            others,
            needed,
            is_repeatable,
            before_completion,
            progress: Mutex::new(progress),
        }
    }

    /// An upload to one endpoint.
    pub(super) fn one(lane: Lane, is_repeatable: bool) -> Self {
        Self::new(lane, Vec::new(), (1, is_repeatable), None)
    }

    /// The lane that speaks for the upload.
    pub(super) const fn first(&self) -> &Lane {
        &self.first
    }

    /// What the stores ask of a part that goes to all of them.
    pub(super) fn rule(&self) -> PartRule {
        let others = self.others.iter().map(Lane::rule);
        others.fold(self.first.rule(), lane::both)
    }

    /// Whether each lane that is left has this part.
    pub(super) fn have(&self, number: u32) -> bool {
        let progress = self.progress();
        let mut left = progress.iter().filter(|lane| lane.stand == Stand::UnderWay);
        left.all(|lane| lane.tags.contains_key(&number))
    }

    /// Whether no endpoint has anything to give up.
    pub(super) fn are_over(&self) -> bool {
        self.progress().iter().all(|lane| lane.is_over)
    }

    /// Stores one part in each lane that is left.
    ///
    /// # Errors
    /// Too few lanes are left.
    pub(super) async fn put(&self, number: u32, body: Bytes) -> Result<(), Fault> {
        let left = self.under_way();
        let may_be_left = self.is_repeatable || left.len() > self.needed;
        let mut sending: FuturesUnordered<_> = left
            .into_iter()
            .map(|(at, lane)| lane.put(number, body.clone(), may_be_left).map(move |sent| (at, sent)))
            .collect();
        while let Some((at, sent)) = sending.next().await {
            match sent {
                Ok(tag) => drop(self.progress()[at].tags.insert(number, tag)),
                Err(fault) => self.lose(at, fault)?,
            }
        }
        Ok(())
    }

    /// Drops a lane. What it has stored is given up with the rest, at the upload's end.
    fn lose(&self, at: usize, fault: Fault) -> Result<(), Fault> {
        if let Some((_, lane)) = self.all().nth(at) {
            lane.give_up();
        }
        self.progress()[at].stand = Stand::Lost;
        match self.course() {
            Course::GoesOn => Ok(()),
            Course::Failed | Course::Unknown | Course::Stored => Err(fault),
        }
    }

    /// Makes the object visible at each endpoint that is left. Returns the endpoints that are owed it, too.
    ///
    /// # Errors
    /// The hook failed: nothing was completed. Or too few endpoints are known to have stored the object.
    pub(super) async fn complete(&self) -> Result<(Stored, u64), Fault> {
        let left = self.under_way();
        if let Some(before) = &self.before_completion {
            let endpoints = left.iter().fold(0, |set, (_, lane)| set | bit(lane.endpoint()));
            self.first.in_time(before(endpoints)).await??;
        }
        let completing = left.into_iter().map(|(at, lane)| {
            let tags = take(&mut self.progress()[at].tags);
            let completing = lane.complete(tags.into_values().collect());
            completing.map(move |ended| (at, lane.endpoint(), ended))
        });
        let mut owed = self.all().fold(0, |set, (_, lane)| set | bit(lane.endpoint()));
        let (mut first, mut faults) = (None, None);
        for (at, endpoint, ended) in join_all(completing).await {
            let mut progress = self.progress();
            match ended {
                Ok((stored, is_over)) => {
                    (progress[at].stand, progress[at].is_over) = (Stand::Stored, is_over);
                    owed &= !bit(endpoint);
                    first.get_or_insert(stored);
                }
                Err(fault) => {
                    progress[at].stand = match fault.error.may_have_been_applied() {
                        true => Stand::Unknown,
                        false => Stand::Lost,
                    };
                    faults = Some(match faults.take() {
                        Some(earlier) => fault.beside(earlier),
                        None => fault,
                    });
                }
            }
        }
        match (self.course(), first, faults) {
            (Course::Stored, Some(mut stored), faults) => {
                stored.answer.unresolved |= faults.is_some_and(|fault| fault.error.may_have_been_applied());
                Ok((stored, owed))
            }
            // Somewhere it is visible.
            (_, Some(_), Some(fault)) => Err(Fault {
                error: fault.error.with_kind(ErrorKind::MaybeApplied).retryable(true),
                may_restart: false,
                is_gone: false,
            }),
            (_, _, Some(fault)) => Err(fault),
            (_, _, None) => Err(self.first.enter().0.nonsense().into()),
        }
    }

    /// Gives up what the endpoints have of the upload.
    ///
    /// # Errors
    /// The first that could not be asked; the others were.
    pub(super) async fn abort(&self) -> Result<(), Error> {
        let open = self.all().filter(|(at, _)| !self.progress()[*at].is_over);
        let open: Vec<_> = open.collect();
        let aborting = open.into_iter().map(|(at, lane)| async move {
            lane.abort().await?;
            self.progress()[at].is_over = true;
            Ok(())
        });
        join_all(aborting).await.into_iter().collect()
    }

    fn course(&self) -> Course {
        course(self.progress().iter().map(|lane| lane.stand), self.needed)
    }

    fn under_way(&self) -> Vec<(usize, &Lane)> {
        let progress = self.progress();
        let left = self.all().filter(|(at, _)| progress[*at].stand == Stand::UnderWay);
        left.collect()
    }

    fn all(&self) -> impl Iterator<Item = (usize, &Lane)> {
        once(&self.first).chain(&self.others).enumerate()
    }

    fn progress(&self) -> MutexGuard<'_, Vec<Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// Two lanes' faults, as one of the whole upload.
    fn beside(self, other: Self) -> Self {
        let may_restart = self.may_restart && other.may_restart;
        let is_gone = self.is_gone && other.is_gone;
        let error = match self.error.may_have_been_applied() {
            true => self.error,
            false => other.error,
        };
        Self {
            error,
            may_restart,
            is_gone,
        }
    }
}

#[cfg(test)]
mod tests;
