//! The loop: it fetches a page while it copies keys and saves the checkpoint, all in the caller's task. Dropping the
//! loop's future drops everything that is under way.

use super::{
    Counts, Fate, KeyName, Report,
    checkpoint::Checkpoint,
    keeper::AnyKeeper,
    page::{Cursor, Item, Page},
    progress::Event,
    shared::Shared,
    stopped::{StopReason, Stopped},
    stores::Stores,
    window::{WINDOW, Window},
};
use crate::model::clock::{self, Instant};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::{collections::VecDeque, future::Future, io, pin::Pin, sync::Arc, time::Duration};
use tokio::time::{sleep_until, timeout};

/// How often the checkpoint is saved when little happens. A kill then costs a second's work.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// How often in a row saving may fail. Without a checkpoint the promise of a cheap resume would be broken.
const SAVES: u32 = 5;
/// The longest that saving may take.
const SAVE_LIMIT: Duration = Duration::from_secs(30);

/// Where the checkpoint is saved, and to which backfill it belongs.
pub(super) struct Keeping<'r> {
    pub(super) keeper: &'r dyn AnyKeeper,
    pub(super) settings: String,
    pub(super) run: String,
}

/// What the run does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Copy,
    Look,
}

pub(super) struct Run<'r> {
    stores: &'r Stores,
    shared: &'r Shared,
    work: Work,
    keeping: Option<Keeping<'r>>,
    steps: FuturesUnordered<Pin<Box<dyn Future<Output = Step> + Send + 'r>>>,
    window: Window,
    listed: VecDeque<Item>,
    cursor: Option<Cursor>,
    listing: bool,
    copying: usize,
    bytes_under_way: u64,
    /// What counts as saved when the present save succeeds.
    saving: Option<u64>,
    tried_to_save: Instant,
    not_saved: u32,
    ticking: bool,
}

enum Step {
    Page(Result<Page, StopReason>),
    Key {
        number: u64,
        key: KeyName,
        bytes: u64,
        fate: Result<Fate, StopReason>,
    },
    Saved(io::Result<()>),
    Tick,
}

impl<'r> Run<'r> {
    /// Everything up to `position` is done.
    pub(super) fn new(
        stores: &'r Stores,
        shared: &'r Shared,
        work: Work,
        keeping: Option<Keeping<'r>>,
        counts: Counts,
        position: Option<KeyName>,
    ) -> Self {
        let cursor = Cursor::after(position.as_ref().map(|key| key.as_str().to_owned()));
        Self {
            stores,
            shared,
            work,
            keeping,
            steps: FuturesUnordered::new(),
            window: Window::new(position, counts, shared.settings.failures_in_a_row),
            listed: VecDeque::new(),
            cursor: Some(cursor),
            listing: false,
            copying: 0,
            bytes_under_way: 0,
            saving: None,
            tried_to_save: clock::now(),
            not_saved: 0,
            ticking: false,
        }
    }

    pub(super) async fn finish(mut self) -> Result<Report, Stopped> {
        let ended = self.run().await;
        let saved = match &ended {
            Ok(()) => {
                self.window.pass();
                self.shared.move_to(self.window.position());
                self.save_last(SAVES).await
            }
            // What was done until then is kept if it can be; the first reason is the one that is told.
            Err(_) => self.save_last(1).await,
        };
        let report = self.shared.report();
        match ended.and_then(|()| saved.map_err(StopReason::Save)) {
            Ok(()) => Ok(report),
            Err(reason) => Err(Stopped::new(reason, report)),
        }
    }

    async fn run(&mut self) -> Result<(), StopReason> {
        // Before anything is copied: the name of this run is what tells its own copies from others', and a place where
        // nothing can be saved is better found out now.
        if let Some(saving) = self.save() {
            saving.await.map_err(StopReason::Save)?;
        }
        let mut unlisted = None;
        loop {
            self.begin_what_can_begin();
            let at_the_end = self.cursor.is_none() && self.listed.is_empty();
            if at_the_end && !self.listing && self.copying == 0 && self.saving.is_none() {
                return unlisted.map_or(Ok(()), Err);
            }
            let Some(step) = self.steps.next().await else {
                return unlisted.map_or(Ok(()), Err);
            };
            match step {
                Step::Page(page) => {
                    self.listing = false;
                    match page {
                        Ok(page) => {
                            self.shared.left_out(page.foreign);
                            self.cursor = page.next;
                            self.listed.extend(page.items);
                        }
                        // What is listed already can still be copied.
                        Err(reason) => unlisted = Some(reason),
                    }
                }
                Step::Key {
                    number,
                    key,
                    bytes,
                    fate,
                } => self.end_key(number, key, bytes, fate?)?,
                Step::Saved(saved) => self.end_save(saved)?,
                Step::Tick => self.ticking = false,
            }
        }
    }

    fn begin_what_can_begin(&mut self) {
        while self.has_room()
            && let Some(item) = self.listed.pop_front()
        {
            self.begin_key(item);
        }
        // One page ahead, so that copying does not wait for the listing.
        if !self.listing
            && self.listed.len() <= self.shared.settings.concurrency
            && let Some(cursor) = self.cursor.take()
        {
            self.listing = true;
            let (stores, shared) = (self.stores, self.shared);
            self.steps
                .push(Box::pin(async move { Step::Page(stores.page(shared, &cursor).await) }));
        }
        if self.keeping.is_none() || self.saving.is_some() || self.window.unsaved() == 0 {
            return;
        }
        let due = self.tried_to_save + SAVE_EVERY;
        let many = self.not_saved == 0 && self.window.unsaved() >= WINDOW / 4;
        if many || clock::now() >= due {
            if let Some(saving) = self.save() {
                self.saving = Some(self.window.mark());
                self.steps.push(Box::pin(async move { Step::Saved(saving.await) }));
            }
        } else if !self.ticking {
            self.ticking = true;
            self.steps.push(Box::pin(async move {
                sleep_until(due).await;
                Step::Tick
            }));
        }
    }

    fn has_room(&self) -> bool {
        let settings = &self.shared.settings;
        let Some(next) = self.listed.front() else { return false };
        let bytes = self.bytes_under_way.saturating_add(next.bytes);
        // One that is larger than all that may be under way goes alone.
        let fits = self.copying == 0 || bytes <= settings.bytes_under_way;
        self.copying < settings.concurrency && fits && self.window.has_room()
    }

    fn begin_key(&mut self, item: Item) {
        let (stores, shared, work) = (self.stores, self.shared, self.work);
        let (key, bytes) = (item.key.clone(), item.bytes);
        let number = self.window.admit(key.clone());
        self.copying += 1;
        self.bytes_under_way += bytes;
        self.steps.push(Box::pin(async move {
            let fate = match work {
                Work::Copy => stores.copy(shared, item).await,
                Work::Look => stores.look(shared, item).await,
            };
            Step::Key {
                number,
                key,
                bytes,
                fate,
            }
        }));
    }

    fn end_key(&mut self, number: u64, key: KeyName, bytes: u64, fate: Fate) -> Result<(), StopReason> {
        self.copying -= 1;
        self.bytes_under_way -= bytes;
        let counts = Counts::of(&fate, bytes);
        // A name that no key may have says nothing of the endpoints: any number of them is passed.
        let reason = fate.reason().cloned().filter(|_| self.stores.is_key(&key));
        self.window.done(number, counts, reason.is_some());
        if self.keeping.is_none() {
            self.window.saved(self.window.mark());
        }
        self.shared.count_key(counts, clock::now());
        self.shared.move_to(self.window.position());
        self.shared.tell(&Event::Key { key, bytes, fate });
        match reason {
            Some(reason) if self.window.row() >= self.shared.settings.failures_in_a_row => {
                Err(StopReason::FailuresInARow {
                    count: self.window.row(),
                    reason,
                })
            }
            _ => Ok(()),
        }
    }

    /// Saves the present position. `None` if there is no keeper.
    fn save(&mut self) -> Option<impl Future<Output = io::Result<()>> + Send + use<'r>> {
        let keeping = self.keeping.as_ref()?;
        self.tried_to_save = clock::now();
        let checkpoint = Checkpoint {
            settings: keeping.settings.clone(),
            run: keeping.run.clone(),
            counts: self.window.confirmed(),
            position: self.window.position().cloned(),
        };
        let saving = keeping.keeper.save(checkpoint.encode());
        Some(async move {
            let late = |_| io::Error::new(io::ErrorKind::TimedOut, "saving the checkpoint took too long");
            timeout(SAVE_LIMIT, saving).await.map_err(late)?
        })
    }

    fn end_save(&mut self, saved: io::Result<()>) -> Result<(), StopReason> {
        let mark = self.saving.take();
        match saved {
            Ok(()) => {
                self.not_saved = 0;
                self.window.saved(mark.unwrap_or_default());
                self.shared.tell(&Event::Saved);
                Ok(())
            }
            Err(error) => {
                self.not_saved += 1;
                let words: Arc<str> = error.to_string().into();
                self.shared.tell(&Event::NotSaved { error: words });
                match self.not_saved < SAVES {
                    true => Ok(()),
                    false => Err(StopReason::Save(error)),
                }
            }
        }
    }

    async fn save_last(&mut self, tries: u32) -> io::Result<()> {
        // A save that is under way ends first: it must not come after the last one. Nothing new is begun meanwhile.
        while self.saving.is_some()
            && let Some(step) = self.steps.next().await
        {
            if let Step::Saved(saved) = step
                && let Err(StopReason::Save(error)) = self.end_save(saved)
            {
                return Err(error);
            }
        }
        self.steps.clear();
        for attempt in 1.. {
            if self.window.unsaved() == 0 {
                break;
            }
            let mark = self.window.mark();
            let Some(saving) = self.save() else { break };
            match saving.await {
                Ok(()) => {
                    self.window.saved(mark);
                    self.shared.tell(&Event::Saved);
                }
                Err(error) if attempt >= tries => return Err(error),
                Err(error) => {
                    self.shared.tell(&Event::NotSaved {
                        error: error.to_string().into(),
                    });
                    tokio::time::sleep(SAVE_EVERY).await;
                }
            }
        }
        Ok(())
    }
}
