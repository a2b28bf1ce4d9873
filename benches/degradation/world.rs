//! The two endpoints and the fault.

use crate::{
    figures::{Figures, Schedule, figures, median},
    load::{Client, Load},
    store::{Answer, Ask, Failure, Server, Store},
};
use serde::Serialize;
use std::{fmt, time::Duration};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Hard,
    Black,
    Err30,
    Slow50,
    Slow300,
    Flap,
    Over,
}

pub(crate) const FAULTS: [Fault; 7] = [
    Fault::Hard,
    Fault::Black,
    Fault::Err30,
    Fault::Slow50,
    Fault::Slow300,
    Fault::Flap,
    Fault::Over,
];

impl Fault {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hard => "hard",
            Self::Black => "black",
            Self::Err30 => "err30",
            Self::Slow50 => "slow50",
            Self::Slow300 => "slow300",
            Self::Flap => "flap",
            Self::Over => "over",
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) fault: Fault,
    pub(crate) rate: f64,
    pub(crate) schedule: Schedule,
}

impl Setting {
    pub(crate) fn of(fault: Fault, rate: f64) -> Self {
        let (healthy, faulty, after) = if rate < 50.0 {
            (60.0, 200.0, 60.0)
        } else {
            (10.0, 20.0, 25.0)
        };
        let rate = if fault == Fault::Over { rate * 1.6 } else { rate };
        Self {
            fault,
            rate,
            schedule: Schedule::of(healthy, faulty, after, rate),
        }
    }
}

/// One run, in virtual time. `client` is made of the primary, the standby and a seed.
pub(crate) fn play<C: Client>(setting: Setting, seed: u64, client: impl FnOnce(Store, Store, u64) -> C) -> Row {
    let load = Load {
        rate: setting.rate,
        quiet: |_| false,
        end: setting.schedule.end,
        ask: |_: &mut fastrand::Rng| Ask::default(),
    };
    let calls = load.play(seed, |start, rng| {
        let primary = Store::new(true, Struck::primary(setting), start, rng.u64(..));
        let standby = Store::new(false, Struck::standby(setting), start, rng.u64(..));
        client(primary, standby, rng.u64(..))
    });
    Row {
        fault: setting.fault.name(),
        rate: setting.rate,
        figures: figures(calls, setting.schedule),
    }
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) fault: &'static str,
    pub(crate) rate: f64,
    #[serde(flatten)]
    pub(crate) figures: Figures,
}

impl Row {
    pub(crate) fn header() -> String {
        format!("fault   rate  {}", Figures::HEADER)
    }

    pub(crate) fn median(rows: &[Self]) -> Self {
        let figures: Vec<&Figures> = rows.iter().map(|row| &row.figures).collect();
        Self {
            figures: median(&figures),
            fault: rows[0].fault,
            rate: rows[0].rate,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7} {:>4} {}", self.fault, self.rate, self.figures)
    }
}

/// An endpoint that is struck, or the other.
struct Struck {
    primary: bool,
    setting: Setting,
    /// Units of capacity left, and when that was so.
    tokens: (f64, Duration),
}

impl Struck {
    const fn primary(setting: Setting) -> Self {
        Self {
            primary: true,
            setting,
            tokens: (0.0, Duration::ZERO),
        }
    }

    const fn standby(setting: Setting) -> Self {
        Self {
            primary: false,
            ..Self::primary(setting)
        }
    }

    /// A bucket of 100 ms worth of units, at least four; a refusal costs half a unit, as refusing is work, too.
    fn admitted(&mut self, now: Duration, per_second: f64) -> bool {
        let tokens = &mut self.tokens;
        let grown = tokens.0 + (now - tokens.1).as_secs_f64() * per_second;
        *tokens = (grown.min((per_second / 10.0).max(4.0)), now);
        let admitted = tokens.0 >= 1.0;
        tokens.0 -= if admitted { 1.0 } else { 0.5_f64.min(tokens.0.max(0.0)) };
        admitted
    }
}

impl Server for Struck {
    fn answer(&mut self, at: Duration, _: &Ask, rng: &mut fastrand::Rng) -> Answer {
        let draw = rng.f64();
        let normal = if self.primary {
            Duration::from_secs_f64((1.0 + 2.0 * draw) / 1e3)
        } else {
            Duration::from_secs_f64((10.0 + 4.0 * draw) / 1e3)
        };
        let good = |after| Answer {
            after: Some(after),
            result: Ok(()),
        };
        let failed = |after, failure| Answer {
            after: Some(after),
            result: Err(failure),
        };
        let schedule = self.setting.schedule;
        let into = at.checked_sub(schedule.fault_from);
        let (Some(into), true, true) = (into, at < schedule.fault_to, self.primary) else {
            return good(normal);
        };
        match self.setting.fault {
            Fault::Hard => failed(Duration::ZERO, Failure::Broken),
            Fault::Flap if (into.as_secs() / 5).is_multiple_of(2) => failed(Duration::ZERO, Failure::Broken),
            Fault::Flap => good(normal),
            Fault::Black => Answer {
                after: None,
                result: Ok(()),
            },
            Fault::Err30 if rng.f64() < 0.3 => failed(normal, Failure::Broken),
            Fault::Err30 => good(normal),
            Fault::Slow50 => good(normal * 50),
            Fault::Slow300 => good(normal * 300),
            Fault::Over => {
                let per_second = self.setting.rate * if into.as_secs() < 5 { 0.5 } else { 1.25 };
                match self.admitted(at, per_second) {
                    true => good(normal),
                    false => failed(Duration::ZERO, Failure::SlowDown),
                }
            }
        }
    }
}
