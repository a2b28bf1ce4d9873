//! Processes that write, read and repair.

use super::{
    super::{
        Failed, Mutant, Seen as Version, is,
        ledger::Ledger,
        repair::{self, Repair},
        set_of,
        write::{self, Write},
    },
    history::{End, History, What},
    wire::{Asked, Body, Copy, Happens, Key, LATEST, MS, Queue, Reply, Request, Run, SECOND, Tag},
};
use crate::request::{Stamp, StampKind, bit, members};
use std::collections::{BTreeMap, BTreeSet};

/// How many operations a history has at most.
const OPERATIONS: u32 = 150;
/// How long a call may take.
pub(super) const DEADLINE: u64 = 10 * SECOND;

/// How often what happened: a history in which nothing happens proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) acknowledged: u64,
    pub(super) unknown: u64,
    pub(super) restamped: u64,
    pub(super) repaired: u64,
    pub(super) crashes: u64,
    pub(super) replaced: u64,
    pub(super) late: u64,
}

/// What a process does.
pub(super) enum Doing {
    Write {
        machine: Write<Tag>,
        body: Body,
        /// Its number in the journal, and whether the disk has it.
        intended: Option<u64>,
        durable: bool,
        drawn: Stamp,
    },
    Read {
        answers: Vec<Option<Result<Version<Tag>, Failed>>>,
        bodies: Vec<Option<Body>>,
        needed: usize,
        asked: u64,
    },
    Repair {
        machine: Repair<Tag>,
        bodies: Vec<Option<Body>>,
        version: u64,
        fills: bool,
    },
}

pub(super) struct Operation {
    pub(super) key: Key,
    pub(super) doing: Doing,
    /// By copy: the request whose answer is awaited.
    pub(super) awaits: BTreeMap<usize, u64>,
    /// Which record of the history, and which client waits for it.
    pub(super) caller: Option<(usize, usize)>,
}

pub(super) struct Process {
    pub(super) life: u32,
    pub(super) alive: bool,
    /// How far its clock is off.
    pub(super) clock: i64,
    pub(super) writer: u64,
    pub(super) writes: u128,
    pub(super) ledger: Ledger<Key>,
    /// What the disk has of it.
    pub(super) synced: Ledger<Key>,
    /// What it last saw at each copy.
    pub(super) known: BTreeMap<(Key, usize), Version<Tag>>,
    /// The newest time that it saw in a stamp of each key.
    pub(super) newest: BTreeMap<Key, u64>,
    pub(super) doing: BTreeMap<u64, Operation>,
    pub(super) repairs: bool,
}

pub(super) struct World<'a> {
    pub(super) queue: Queue,
    pub(super) rng: fastrand::Rng,
    pub(super) copies: Vec<Copy>,
    pub(super) processes: Vec<Process>,
    pub(super) history: History,
    pub(super) needed: u32,
    pub(super) keys: Key,
    pub(super) left: u32,
    /// How many clients a process has.
    pub(super) clients: usize,
    /// A copy that often does what it is asked long after its caller went.
    pub(super) sick: Option<usize>,
    /// Whether processes die here. A write that a crash cut off may leave copies that differ.
    pub(super) mortal: bool,
    /// How long the disk takes at most, and whether it refuses at times.
    pub(super) sync: u64,
    pub(super) refuses: bool,
    /// Whether callers leave before their write has ended.
    pub(super) leave: bool,
    /// Bodies that some copy had, and those whose callers were told that they were not applied.
    pub(super) stored: BTreeSet<Body>,
    pub(super) denied: BTreeSet<Body>,
    /// Between two repairs of one process.
    pub(super) pause: u64,
    /// Nothing goes wrong any more.
    pub(super) calm: bool,
    /// Whether a tag is a function of what lies there, stamp included, as where the stamp is part of the body.
    pub(super) tags_of_stamps: bool,
    pub(super) replaced: u32,
    pub(super) to_fill: BTreeSet<Key>,
    pub(super) fills: bool,
    /// Keys of writes that a crash cut off before their intent was durable.
    pub(super) cut_off: BTreeSet<Key>,
    pub(super) wrong: Option<String>,
    pub(super) seen: &'a mut Seen,
}

impl<'a> World<'a> {
    /// Plays the history of this seed.
    ///
    /// # Errors
    /// What must not happen and did.
    pub(super) fn play(seed: u64, seen: &'a mut Seen) -> Result<(), String> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (copies, needed) = [(2, 2), (3, 2), (3, 2), (3, 2), (3, 3), (4, 3), (5, 3), (2, 1), (3, 1)][rng.usize(..9)];
        let mut world = Self {
            queue: Queue::from(1_000 * SECOND),
            copies: vec![Copy::new(); copies],
            processes: Vec::new(),
            history: History::default(),
            needed,
            keys: [1, 1, 2, 3][rng.usize(..4)],
            left: [OPERATIONS / 6, OPERATIONS][rng.usize(..2)],
            clients: [2, 5][rng.usize(..2)],
            sick: Some(rng.usize(..2 * copies)).filter(|&sick| sick < copies),
            mortal: rng.u32(..3) > 0,
            sync: [20 * MS, 20 * MS, 2 * SECOND][rng.usize(..3)],
            refuses: rng.u32(..4) == 0,
            leave: rng.u32(..4) == 0,
            stored: BTreeSet::new(),
            denied: BTreeSet::new(),
            pause: [SECOND / 4, SECOND, 3 * SECOND, 90 * SECOND][rng.usize(..4)],
            calm: false,
            tags_of_stamps: rng.bool(),
            replaced: 0,
            to_fill: BTreeSet::new(),
            fills: false,
            cut_off: BTreeSet::new(),
            wrong: None,
            seen,
            rng,
        };
        for process in 0..world.rng.usize(1..4) {
            let clock = world.rng.i64(-30..30) * SECOND as i64;
            world.processes.push(Process::new(process, clock));
            world.begins(process);
        }
        for _ in 0..[2, 6, 12][world.rng.usize(..3)] {
            let latest = [10, 90][world.rng.usize(..2)];
            let time = world.rng.u64(0..latest * SECOND);
            world.queue.after(time, Happens::Trouble);
        }
        while world.wrong.is_none() && (world.left > 0 || world.history.is_open()) {
            world.step();
        }
        world.drain();
        world.judge();
        match world.wrong {
            None => Ok(()),
            Some(what) => Err(format!(
                "{what} ({copies} copies, {needed} needed, at {} ms)",
                world.queue.now / MS
            )),
        }
    }

    /// Everything is well again. What is late arrives, and what is owed is repaired.
    fn drain(&mut self) {
        self.calm = true;
        for copy in &mut self.copies {
            copy.up = true;
        }
        for process in 0..self.processes.len() {
            self.restart(process);
        }
        let end = self.queue.now + 40 * 60 * SECOND;
        while self.wrong.is_none() && self.queue.now < end && self.step() {}
    }

    fn judge(&mut self) {
        if self.wrong.is_some() {
            return;
        }
        let history = &self.history;
        let mut wrong = history.is_durable(&self.copies);
        if self.needed > 1 {
            // One copy of several meets no other write.
            wrong = wrong
                .and_then(|()| history.is_ordered())
                .and_then(|()| history.is_regular());
        }
        self.wrong = wrong.and_then(|()| self.has_converged()).err();
    }

    /// Looks whether every living process knows what the copies lack.
    pub(super) fn account(&mut self) {
        for (number, process) in self.processes.iter().enumerate().filter(|(_, process)| process.alive) {
            let accounted = self.history.is_accounted_for(number, &process.ledger, &self.copies);
            self.wrong = self.wrong.take().or(accounted.err());
        }
    }

    /// **Converged**: nothing is owed, and all copies are equal.
    fn has_converged(&self) -> Result<(), String> {
        if !self.processes.iter().all(|process| process.ledger.is_empty()) {
            return Err("a copy is owed something to the end".to_owned());
        }
        if !self.copies.iter().all(|copy| copy.votes) {
            return Err("a replaced copy was never filled".to_owned());
        }
        for key in (0..self.keys).filter(|key| !self.cut_off.contains(key)) {
            let version = |copy: &Copy| copy.objects.get(&key).map(|object| (object.stamp, object.body));
            let mut versions = self.copies.iter().map(version);
            let first = versions.next();
            if let Some(other) = versions.find(|version| Some(*version) != first) {
                return Err(format!("key {key} has {first:?} and {other:?} to the end"));
            }
        }
        Ok(())
    }

    fn votes_needed(&self) -> usize {
        self.copies.len() - self.needed as usize + 1
    }

    pub(super) fn voters(&self) -> u64 {
        set_of(self.copies.len(), |copy| self.copies[copy].votes)
    }

    pub(super) fn run(&self, process: usize) -> Run {
        let life = self.processes[process].life;
        Run { process, life }
    }

    /// Whether this life goes on.
    fn lives(&self, run: Run) -> bool {
        let process = &self.processes[run.process];
        process.alive && process.life == run.life
    }

    pub(super) fn clock(&self, process: usize) -> u64 {
        self.queue.now.saturating_add_signed(self.processes[process].clock)
    }

    /// `false`: nothing happens any more.
    fn step(&mut self) -> bool {
        let Some(next) = self.queue.next() else { return false };
        match next {
            Happens::Arrives(asked, request) => self.arrives(asked, request),
            Happens::Answers(asked, reply) => self.answers(asked, reply),
            Happens::Synced(run, operation) if self.lives(run) => {
                let process = &mut self.processes[run.process];
                let refuses = !self.calm && self.refuses && self.rng.u32(..20) == 0;
                if !refuses {
                    process.synced = process.ledger.clone();
                    for operation in process.doing.values_mut() {
                        if let Doing::Write { durable, intended, .. } = &mut operation.doing {
                            *durable |= intended.is_some();
                        }
                    }
                }
                self.write_on(run.process, operation, write::Event::Intended(!refuses));
            }
            Happens::Deadline(run, operation) if self.lives(run) => self.deadline(run.process, operation),
            Happens::Client(run, client) if self.lives(run) && !self.calm => self.client(run.process, client),
            Happens::Repairs(run) if self.lives(run) => self.repairs(run.process),
            Happens::Dies(run) if self.lives(run) && !self.calm => self.crash(run.process),
            Happens::Restart(process) => self.restart(process),
            Happens::Fills => self.fill(),
            Happens::Trouble if !self.calm => self.trouble(),
            _ => {}
        }
        true
    }

    // The wire.

    fn ask(&mut self, process: usize, operation: u64, copy: usize, key: Key, request: Request) {
        let asked = Asked {
            run: self.run(process),
            operation,
            copy,
            key,
            nth: self.queue.number(),
            twice: false,
        };
        if let Some(operation) = self.processes[process].doing.get_mut(&operation) {
            operation.awaits.insert(copy, asked.nth);
        }
        let sick = self.sick == Some(copy);
        let late = self.queue.send(&mut self.rng, (self.calm, sick), asked, request);
        self.seen.late += u64::from(late);
    }

    fn arrives(&mut self, asked: Asked, request: Request) {
        let back = self.rng.u64(MS..30 * MS);
        let dice = if self.calm { 99 } else { self.rng.u32(..100) };
        let copy = &mut self.copies[asked.copy];
        let reply = match dice {
            // That nothing was sent is known of what was sent once.
            _ if !copy.up => (!asked.twice && self.rng.bool()).then_some(Reply::Failed(Failed::NotSent)),
            // A gateway answers, and nobody behind it was asked.
            0..=1 => Some(Reply::Failed(Failed::Lost)),
            _ => {
                let tag = match &request {
                    Request::Store { stamp, .. } if self.tags_of_stamps => stamp.digest(),
                    _ => self.queue.number(),
                };
                let body = match &request {
                    Request::Store { body, .. } => Some(*body),
                    Request::Look => None,
                };
                match copy.serve(asked.key, request, tag) {
                    Ok(Reply::Stored(_)) if body.is_some_and(|body| self.denied.contains(&body)) => {
                        self.wrong = Some("what was said to be not applied was applied".to_owned());
                        None
                    }
                    Ok(reply) => {
                        if let (Reply::Stored(_), Some(body)) = (&reply, body) {
                            self.stored.insert(body);
                        }
                        (dice > 5).then_some(reply)
                    }
                    Err(what) => {
                        self.wrong = Some(format!("at copy {} {what}", asked.copy));
                        None
                    }
                }
            }
        };
        if let Some(reply) = reply {
            self.queue.after(back, Happens::Answers(asked, reply));
        }
    }

    fn answers(&mut self, asked: Asked, reply: Reply) {
        if !self.lives(asked.run) {
            return;
        }
        let (id, copy, key) = (asked.operation, asked.copy, asked.key);
        let process = &mut self.processes[asked.run.process];
        let Some(operation) = process.doing.get_mut(&id) else {
            return;
        };
        if operation.awaits.get(&copy) != Some(&asked.nth) {
            return;
        }
        operation.awaits.remove(&copy);
        process.known.remove(&(key, copy));
        if let Reply::Saw(seen, _) = &reply {
            process.known.insert((key, copy), seen.clone());
            let newest = process.newest.entry(key).or_default();
            *newest = seen.stamp().map_or(0, |stamp| stamp.at).max(*newest);
        }
        match &mut operation.doing {
            Doing::Write { machine, .. } => {
                let event = match reply {
                    Reply::Saw(seen, _) => write::Event::Looked(copy, Ok(seen)),
                    Reply::Stored(tag) => write::Event::Stored(copy, Ok(tag)),
                    Reply::Failed(failed) if machine.is_looking_at(copy) => write::Event::Looked(copy, Err(failed)),
                    Reply::Failed(failed) => write::Event::Stored(copy, Err(failed)),
                };
                self.write_on(asked.run.process, id, event);
            }
            Doing::Read { answers, bodies, .. } => {
                match reply {
                    Reply::Saw(seen, body) => (answers[copy], bodies[copy]) = (Some(Ok(seen)), body),
                    Reply::Failed(failed) => answers[copy] = Some(Err(failed)),
                    Reply::Stored(_) => {}
                }
                self.read_on(asked.run.process, id);
            }
            Doing::Repair { machine, bodies, .. } => {
                let actions = match reply {
                    Reply::Saw(seen, body) => {
                        bodies[copy] = body;
                        machine.looked(copy, Ok(seen))
                    }
                    Reply::Stored(tag) => machine.stored(copy, Ok(tag)),
                    Reply::Failed(failed) if machine.is_looking_at(copy) => machine.looked(copy, Err(failed)),
                    Reply::Failed(failed) => machine.stored(copy, Err(failed)),
                };
                self.repair_on(asked.run.process, id, actions);
            }
        }
    }

    // What they do.

    fn client(&mut self, process: usize, client: usize) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if self.mortal && self.rng.u32(..100) == 0 {
            let (run, time) = (self.run(process), self.rng.u64(0..200 * MS));
            self.queue.after(time, Happens::Dies(run));
        }
        let key = self.rng.u32(..self.keys);
        if self.rng.u32(..100) < 55 {
            self.put(process, client, key);
        } else {
            self.get(process, client, key);
        }
    }

    /// The client goes on after a while.
    fn returns(&mut self, process: usize, client: usize) {
        let (run, time) = (self.run(process), self.rng.u64(0..2 * SECOND));
        self.queue.after(time, Happens::Client(run, client));
    }

    /// Starts an operation of a client.
    fn start(&mut self, process: usize, key: Key, doing: Doing, caller: Option<(usize, usize)>) -> u64 {
        let id = self.queue.number();
        let awaits = BTreeMap::new();
        let operation = Operation {
            key,
            doing,
            awaits,
            caller,
        };
        self.processes[process].doing.insert(id, operation);
        if caller.is_some() {
            let run = self.run(process);
            let time = if self.leave {
                self.rng.u64(0..3 * SECOND)
            } else {
                DEADLINE
            };
            self.queue.after(time, Happens::Deadline(run, id));
        }
        id
    }

    fn put(&mut self, process: usize, client: usize, key: Key) {
        let (clock, body, copies) = (self.clock(process), self.queue.number(), self.copies.len());
        let (needed, counted) = (self.needed, self.voters());
        let writer = &mut self.processes[process];
        writer.writes += 1;
        let newest = writer.newest.entry(key).or_default();
        if !is(Mutant::ClockOnly) {
            *newest = clock.max(*newest + 1);
        }
        let stamp = Stamp {
            at: if is(Mutant::ClockOnly) { clock } else { *newest },
            writer: writer.writer,
            write: writer.writes,
            over: 0,
            bind: 0,
            crc: None,
            kind: StampKind::VALUE,
            hashed: false,
        };
        let known = (0..copies)
            .map(|copy| writer.known.get(&(key, copy)).cloned())
            .collect();
        let (machine, actions) = Write::new(stamp, needed, counted, known);
        let end = End::Open;
        let record = self
            .history
            .begin(process, key, self.queue.now, What::Write { body, end });
        let doing = Doing::Write {
            machine,
            body,
            intended: None,
            durable: false,
            drawn: stamp,
        };
        let id = self.start(process, key, doing, Some((record, client)));
        self.write_actions(process, id, actions);
    }

    pub(super) fn write_on(&mut self, process: usize, id: u64, event: write::Event<Tag>) {
        let now = self.clock(process);
        let operation = self.processes[process].doing.get_mut(&id);
        if let Some(Operation {
            doing: Doing::Write { machine, .. },
            ..
        }) = operation
        {
            let actions = machine.step(now, event);
            self.write_actions(process, id, actions);
        }
    }

    fn write_actions(&mut self, process: usize, id: u64, actions: Vec<write::Action<Tag>>) {
        for action in actions {
            let writer = &mut self.processes[process];
            let Some(operation) = writer.doing.get_mut(&id) else {
                return;
            };
            let key = operation.key;
            let Doing::Write {
                machine,
                body,
                intended,
                durable: _,
                drawn,
            } = &mut operation.doing
            else {
                return;
            };
            match action {
                write::Action::Intend => {
                    *intended = Some(writer.ledger.intend(&key));
                    let (run, time) = (self.run(process), self.rng.u64(MS..self.sync));
                    self.queue.after(time, Happens::Synced(run, id));
                }
                write::Action::Look(copy) => self.ask(process, id, copy, key, Request::Look),
                write::Action::Store { copy, on, stamp } => {
                    let body = *body;
                    let newest = writer.newest.entry(key).or_default();
                    *newest = machine.stamp().at.max(*newest);
                    self.ask(process, id, copy, key, Request::Store { on, stamp, body });
                }
                write::Action::Acknowledge { held, stamp } => {
                    self.seen.restamped += u64::from(stamp != *drawn);
                    self.seen.acknowledged += 1;
                    writer.ledger.lacks(&key, (bit(self.copies.len()) - 1) & !held);
                    self.wrote(process, id, End::Acknowledged(stamp));
                    let held = History::is_held(key, stamp, self.needed, &self.copies);
                    let durable = held.and_then(|()| self.history.is_durable(&self.copies));
                    self.wrong = self.wrong.take().or(durable.err());
                }
                write::Action::Fail { maybe_applied: true } => {
                    self.seen.unknown += 1;
                    self.wrote(process, id, End::Unknown);
                }
                write::Action::Fail { maybe_applied: false } => {
                    if self.stored.contains(body) {
                        self.wrong = Some("what was applied was said to be not applied".to_owned());
                    }
                    self.denied.insert(*body);
                    self.wrote(process, id, End::NotApplied);
                }
                write::Action::Settle {
                    owed,
                    everywhere,
                    unresolved,
                } => {
                    let now = self.queue.now;
                    let until = unresolved.then_some(now + LATEST + SECOND);
                    if let Some(number) = *intended {
                        writer.ledger.settle(&key, number, (owed, everywhere), (now, until));
                    }
                    writer.synced = writer.ledger.clone();
                    writer.doing.remove(&id);
                    self.account();
                }
            }
        }
    }

    /// The caller learns how the write ended.
    fn wrote(&mut self, process: usize, id: u64, end: End) {
        let operation = self.processes[process].doing.get(&id);
        if let Some((record, client)) = operation.and_then(|operation| operation.caller) {
            self.history.wrote(record, self.queue.now, end);
            self.returns(process, client);
        }
    }

    fn get(&mut self, process: usize, client: usize, key: Key) {
        let (count, voters) = (self.copies.len(), self.voters());
        let owed = self.processes[process].ledger.owes(&key);
        let fit: Vec<_> = members(if is(Mutant::ReadOwed) { voters } else { voters & !owed }).collect();
        let all = fit.is_empty() || self.rng.bool();
        let (asked, needed) = match all {
            true => (voters, self.votes_needed()),
            false => (bit(fit[self.rng.usize(..fit.len())]), 1),
        };
        let all = needed == self.votes_needed();
        let record = self
            .history
            .begin(process, key, self.queue.now, What::Read { all, saw: None });
        let doing = Doing::Read {
            answers: vec![None; count],
            bodies: vec![None; count],
            needed: needed - usize::from(is(Mutant::FewVotes) && needed > 1),
            asked,
        };
        let id = self.start(process, key, doing, Some((record, client)));
        for copy in members(asked) {
            self.ask(process, id, copy, key, Request::Look);
        }
    }

    fn read_on(&mut self, process: usize, id: u64) {
        let voters = self.voters();
        let Some(Operation {
            doing:
                Doing::Read {
                    answers,
                    bodies,
                    needed,
                    asked,
                },
            ..
        }) = self.processes[process].doing.get(&id)
        else {
            return;
        };
        let version = |copy: usize| match &answers[copy] {
            Some(Ok(seen)) => Some(seen.stamp()),
            Some(Err(_)) if is(Mutant::TrustGateway) => Some(None),
            _ => None,
        };
        let heard: Vec<_> = members(*asked & voters)
            .filter(|&copy| version(copy).is_some())
            .collect();
        let saw = if heard.len() >= *needed {
            let newest = heard.into_iter().max_by_key(|&copy| version(copy));
            Some(newest.and_then(|copy| bodies[copy]))
        } else if members(*asked).any(|copy| answers[copy].is_none()) {
            return;
        } else {
            None
        };
        self.read(process, id, saw);
    }

    fn read(&mut self, process: usize, id: u64, saw: Option<Option<Body>>) {
        let operation = self.processes[process].doing.remove(&id);
        if let Some((record, client)) = operation.and_then(|operation| operation.caller) {
            self.history.read(record, self.queue.now, saw);
            self.returns(process, client);
        }
    }

    fn deadline(&mut self, process: usize, id: u64) {
        match self.processes[process].doing.get(&id).map(|operation| &operation.doing) {
            Some(Doing::Write { .. }) => self.write_on(process, id, write::Event::Deadline),
            Some(Doing::Read { .. }) => self.read(process, id, None),
            Some(Doing::Repair { .. }) | None => {}
        }
    }

    fn repairs(&mut self, process: usize) {
        let run = self.run(process);
        let pause = if self.calm { SECOND } else { self.pause };
        self.queue.after(pause, Happens::Repairs(run));
        let due = self.processes[process].ledger.due(self.queue.now);
        if self.processes[process].repairs || due.is_empty() {
            return;
        }
        self.processes[process].repairs = true;
        let due = due[self.rng.usize(..due.len())];
        let (machine, actions) = Repair::new(self.copies.len(), self.votes_needed() as u32, self.voters());
        self.repair(process, due, machine, actions, false);
    }

    pub(super) fn repair(
        &mut self,
        process: usize,
        (key, version): (Key, u64),
        machine: Repair<Tag>,
        actions: Vec<repair::Action<Tag>>,
        fills: bool,
    ) {
        let bodies = vec![None; self.copies.len()];
        let doing = Doing::Repair {
            machine,
            bodies,
            version,
            fills,
        };
        let id = self.start(process, key, doing, None);
        self.repair_on(process, id, actions);
    }

    pub(super) fn repair_on(&mut self, process: usize, id: u64, actions: Vec<repair::Action<Tag>>) {
        for action in actions {
            let clock = self.clock(process);
            let (now, voters) = (self.queue.now, self.voters());
            let repairer = &mut self.processes[process];
            let Some(operation) = repairer.doing.get_mut(&id) else {
                return;
            };
            let key = operation.key;
            let Doing::Repair {
                bodies, version, fills, ..
            } = &mut operation.doing
            else {
                return;
            };
            match action {
                repair::Action::Look(copy) => self.ask(process, id, copy, key, Request::Look),
                repair::Action::Store {
                    from,
                    copy,
                    on,
                    mut stamp,
                } => {
                    if is(Mutant::RepairRestamps) {
                        stamp.at = clock;
                    }
                    bodies[copy] = bodies[from];
                    if let Some(body) = bodies[from] {
                        self.seen.repaired += 1;
                        self.ask(process, id, copy, key, Request::Store { on, stamp, body });
                    }
                }
                repair::Action::Done { owed, .. } if *fills => {
                    repairer.doing.remove(&id);
                    self.fills = false;
                    if owed & !voters == 0 {
                        self.to_fill.remove(&key);
                    }
                }
                repair::Action::Done { owed, .. } => {
                    repairer.ledger.repaired(&key, *version, owed, now);
                    repairer.synced = repairer.ledger.clone();
                    repairer.repairs = false;
                    repairer.doing.remove(&id);
                    self.account();
                }
            }
        }
    }
}

impl Process {
    fn new(process: usize, clock: i64) -> Self {
        Self {
            life: 0,
            alive: true,
            clock,
            writer: if is(Mutant::SeededIds) { 7 } else { process as u64 + 1 },
            writes: 0,
            ledger: Ledger::default(),
            synced: Ledger::default(),
            known: BTreeMap::new(),
            newest: BTreeMap::new(),
            doing: BTreeMap::new(),
            repairs: false,
        }
    }
}
