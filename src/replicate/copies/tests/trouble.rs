//! What happens to processes and copies.

use super::{
    super::{Mutant, is, repair::Repair, write},
    wire::{Copy, Happens, LATEST, SECOND},
    world::{DEADLINE, Doing, Operation, World},
};
use std::mem;

impl World<'_> {
    pub(super) fn begins(&mut self, process: usize) {
        let run = self.run(process);
        for client in 0..self.clients {
            let time = self.rng.u64(0..SECOND);
            self.queue.after(time, Happens::Client(run, client));
        }
        self.queue.after(5 * SECOND, Happens::Repairs(run));
    }

    pub(super) fn trouble(&mut self) {
        let time = self.rng.u64(SECOND..40 * SECOND);
        self.queue.after(time, Happens::Trouble);
        let copy = self.rng.usize(..self.copies.len());
        let process = self.rng.usize(..self.processes.len());
        match self.rng.u32(..11) {
            0..=3 => self.copies[copy].up ^= true,
            4..=5 if self.mortal => self.crash(process),
            6 => self.processes[process].clock += self.rng.i64(-300..300) * SECOND as i64,
            7..=8 => self.replace(copy),
            _ => self.copies.iter_mut().for_each(|copy| copy.up = true),
        }
    }

    pub(super) fn crash(&mut self, process: usize) {
        if !self.processes[process].alive {
            return;
        }
        self.seen.crashes += 1;
        let time = self.rng.u64(SECOND..30 * SECOND);
        self.queue.after(time, Happens::Restart(process));
        let process = &mut self.processes[process];
        process.alive = false;
        process.life += 1;
        for operation in mem::take(&mut process.doing).into_values() {
            if matches!(operation.doing, Doing::Write { durable: false, .. }) {
                self.cut_off.insert(operation.key);
            }
            self.fills &= !matches!(operation.doing, Doing::Repair { fills: true, .. });
            if let Some((record, _)) = operation.caller {
                self.history.cut_off(record);
            }
        }
    }

    pub(super) fn restart(&mut self, process: usize) {
        if self.processes[process].alive {
            return;
        }
        let (copies, until) = (self.copies.len(), self.queue.now + LATEST + SECOND);
        let restarted = &mut self.processes[process];
        restarted.alive = true;
        restarted.ledger = restarted.synced.clone().reopened(copies, until);
        restarted.synced = restarted.ledger.clone();
        restarted.known.clear();
        restarted.newest.clear();
        restarted.repairs = false;
        if is(Mutant::SeededIds) {
            restarted.writes = 0;
        } else {
            restarted.writer += 100;
        }
        self.begins(process);
    }

    /// A copy is lost for ever, and an empty one takes its place: of `needed` copies one fewer may be lost.
    pub(super) fn replace(&mut self, copy: usize) {
        if self.replaced + 1 >= self.needed || !self.copies.iter().all(|copy| copy.votes) {
            return;
        }
        self.replaced += 1;
        self.seen.replaced += 1;
        // Such things do not come alone: at worst who was away is back without what it missed, and who has it is gone.
        let turned = self.rng.bool();
        for copy in &mut self.copies {
            copy.up = if turned { !copy.up } else { self.rng.bool() };
        }
        self.copies[copy] = Copy {
            votes: false,
            ..Copy::new()
        };
        for process in &mut self.processes {
            process.known.retain(|&(_, known), _| known != copy);
        }
        for process in 0..self.processes.len() {
            let all: Vec<_> = self.processes[process].doing.keys().copied().collect();
            for id in all {
                self.write_on(process, id, write::Event::Replaced(copy));
                if let Some(Operation {
                    doing: Doing::Repair { machine, .. },
                    ..
                }) = self.processes[process].doing.get_mut(&id)
                {
                    let actions = machine.replaced(copy);
                    self.repair_on(process, id, actions);
                }
            }
        }
        self.to_fill = (0..self.keys).collect();
        // What began before is over by then.
        self.queue.after(DEADLINE + SECOND, Happens::Fills);
    }

    /// Fills the replaced copy, key by key.
    pub(super) fn fill(&mut self) {
        if self.copies.iter().all(|copy| copy.votes) {
            return;
        }
        self.queue.after(SECOND / 4, Happens::Fills);
        let Some(&key) = self.to_fill.first() else {
            self.copies.iter_mut().for_each(|copy| copy.votes = true);
            self.account();
            return;
        };
        let alive = self.processes.iter().position(|process| process.alive);
        if let Some(process) = alive.filter(|_| !self.fills) {
            self.fills = true;
            let survivors = self.voters();
            let (machine, actions) = Repair::new(self.copies.len(), survivors.count_ones(), survivors);
            self.repair(process, (key, 0), machine, actions, true);
        }
    }
}
