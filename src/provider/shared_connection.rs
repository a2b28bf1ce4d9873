//! One connection that many calls share. It is opened once for all calls that wait, and left when nobody knows whether
//! it still lives.

use super::silence::Silence;
use crate::model::clock::{self, Instant};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Below the floor of an attempt, 1 s. A server that cannot be reached is therefore *not sent*, and no timeout of the
/// stack.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_millis(900);

/// If an attempt was given up after this time, nobody knows whether the connection still lives, and the connection is
/// left. If an attempt was given up sooner, its hedge was faster. The connection is then as good as before, unless
/// [nothing else](Silence) is heard over it. Any server answers in half this time.
const SUSPECT_AFTER: Duration = Duration::from_millis(500);

type Opening<C, E> = BoxFuture<'static, Result<C, E>>;

/// A connection of the kind `C`, whose clones are the same connection. `E` is the reason why there is no connection.
pub(super) struct SharedConnection<C, E> {
    slot: Mutex<Slot<C, E>>,
}

struct Slot<C, E> {
    state: State<C, E>,
    /// Counts the connections, so that the failure of an old one does not end a new one.
    number: u64,
    /// The silence of the connection with this number.
    silence: Silence,
}

enum State<C, E> {
    Idle,
    /// Ends when the last call that waits for the connection leaves.
    Opening(WeakShared<Opening<C, E>>),
    Open(C),
}

impl<C: Clone, E: Clone> SharedConnection<C, E> {
    pub(super) const fn new() -> Self {
        Self {
            slot: Mutex::new(Slot {
                state: State::Idle,
                number: 0,
                silence: Silence::new(),
            }),
        }
    }

    /// The connection, and the watch that must learn how the exchange on it ended. `open` opens a connection if there
    /// is none, or none that `lives`. The first call opens the connection for all. **Cancel safety**: a call that
    /// leaves takes nothing from the others.
    pub(super) async fn connection<F>(
        &self,
        lives: impl Fn(&C) -> bool,
        open: impl FnOnce() -> F,
    ) -> Result<(C, Watch<'_, C, E>), E>
    where
        F: Future<Output = Result<C, E>> + Send + 'static,
    {
        let (opening, number) = {
            let mut slot = self.lock();
            let under_way = match &slot.state {
                State::Open(open) if lives(open) && !slot.silence.is_dead(clock::now()) => {
                    return Ok((open.clone(), Watch::new(self, slot.number)));
                }
                State::Opening(opening) => opening.upgrade(),
                State::Open(_) | State::Idle => None,
            };
            match under_way {
                Some(opening) => (opening, slot.number),
                None => {
                    let opening: Shared<Opening<C, E>> = open().boxed().shared();
                    slot.number += 1;
                    slot.silence = Silence::new();
                    // It cannot have ended, as nobody has polled it.
                    slot.state = opening.downgrade().map_or(State::Idle, State::Opening);
                    (opening, slot.number)
                }
            }
        };
        let opened = opening.await;
        let mut slot = self.lock();
        if slot.number == number && matches!(slot.state, State::Opening(_)) {
            slot.state = match &opened {
                Ok(open) => State::Open(open.clone()),
                Err(_) => State::Idle,
            };
        }
        drop(slot);
        opened.map(|open| (open, Watch::new(self, number)))
    }
}

impl<C, E> SharedConnection<C, E> {
    /// Makes the next call open a new connection. Requests under way on this connection may yet be answered.
    fn leave(&self, number: u64) {
        let mut slot = self.lock();
        if slot.number == number {
            slot.state = State::Idle;
        }
    }

    fn heard(&self, number: u64) {
        let mut slot = self.lock();
        if slot.number == number {
            slot.silence.heard(clock::now());
        }
    }

    /// An exchange that began at `since` was given up.
    fn given_up(&self, number: u64, since: Instant) {
        let mut slot = self.lock();
        if slot.number == number {
            slot.silence.given_up(since);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot<C, E>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches one exchange on a connection. A watch that is dropped before the exchange has ended leaves the connection if
/// the exchange is old. Otherwise the next exchange leaves the connection if nothing is heard over it any more.
pub(super) struct Watch<'l, C, E> {
    line: &'l SharedConnection<C, E>,
    number: u64,
    since: Instant,
    ended: bool,
}

impl<'l, C, E> Watch<'l, C, E> {
    fn new(line: &'l SharedConnection<C, E>, number: u64) -> Self {
        Self {
            line,
            number,
            since: clock::now(),
            ended: false,
        }
    }

    /// The exchange has ended. `is_of_use` says whether the connection is still of use.
    pub(super) fn ended(mut self, is_of_use: bool) {
        self.ended = true;
        if is_of_use {
            self.line.heard(self.number);
        } else {
            self.line.leave(self.number);
        }
    }
}

impl<C, E> Drop for Watch<'_, C, E> {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.line.given_up(self.number, self.since);
        if clock::now().saturating_duration_since(self.since) >= SUSPECT_AFTER {
            self.line.leave(self.number);
        }
    }
}
