//! What becomes of the requests at an endpoint in trouble.

use crate::{
    case::{PREFIXES, Place, Trouble, ms},
    figures::Schedule,
    store::{Answer, Ask, Failure, Server},
};
use std::{ops::Range, time::Duration};

/// One endpoint of a case.
pub(crate) struct Troubled {
    place: Place,
    /// Of the case's calls.
    rate: f64,
    schedule: Schedule,
    away: Range<f64>,
    requests: u32,
    bucket: Bucket,
    /// When all that was accepted is done.
    busy_until: Duration,
}

impl Troubled {
    pub(crate) fn new(place: Place, rate: f64, schedule: Schedule, away: Range<f64>) -> Self {
        Self {
            place,
            rate,
            schedule,
            away,
            requests: 0,
            bucket: Bucket::default(),
            busy_until: Duration::ZERO,
        }
    }

    /// How long it waits in the queue, if it gets in.
    fn queued(&mut self, at: Duration, per_second: f64) -> Option<Duration> {
        let from = self.busy_until.max(at);
        let wait = from - at;
        (wait < LONGEST_QUEUE).then(|| {
            self.busy_until = from + Duration::from_secs_f64(1.0 / per_second);
            wait
        })
    }
}

const LONGEST_QUEUE: Duration = Duration::from_secs(5);

fn good(after: Duration) -> Answer {
    Answer {
        after: Some(after),
        result: Ok(()),
    }
}

fn failed(after: Duration, failure: Failure) -> Answer {
    Answer {
        after: Some(after),
        result: Err(failure),
    }
}

impl Server for Troubled {
    fn answer(&mut self, at: Duration, ask: &Ask, rng: &mut fastrand::Rng) -> Answer {
        use Failure::{Broken, SlowDown, Unreachable};
        let usual = self.place.usual.draw(rng);
        let usual = ask.takes.unwrap_or(usual);
        if self.away.contains(&at.as_secs_f64()) {
            return failed(usual, Broken);
        }
        let struck = self.schedule.fault_from..self.schedule.fault_to;
        if !struck.contains(&at) {
            return good(usual);
        }
        let into = at - self.schedule.fault_from;
        let seconds = into.as_secs_f64();
        let per_second = |share: f64| self.rate * share;
        let admits = |bucket: &mut Bucket, per_second: f64, room: f64| match bucket.admits(at, per_second, room) {
            true => good(usual),
            false => failed(usual, SlowDown),
        };
        let judged = |fails: bool, failure| match fails {
            true => failed(usual, failure),
            false => good(usual),
        };
        match self.place.trouble {
            Trouble::Nothing => good(usual),
            Trouble::Hang(share) if rng.f64() < share => Answer {
                after: None,
                result: Ok(()),
            },
            Trouble::Hang(_) => good(usual),
            Trouble::Fail(share) => judged(rng.f64() < share, Broken),
            Trouble::SlowDown(share) => judged(rng.f64() < share, SlowDown),
            Trouble::Unreachable(share) if rng.f64() < share => failed(Duration::ZERO, Unreachable),
            Trouble::Unreachable(_) => good(usual),
            Trouble::Refuse => failed(Duration::ZERO, Broken),
            Trouble::EveryNth(n) => {
                self.requests += 1;
                judged(self.requests.is_multiple_of(n), Broken)
            }
            Trouble::Prefix(_) if ask.prefix > 0 => good(usual),
            Trouble::Prefix(share) => {
                let per_second = per_second(share / f64::from(PREFIXES));
                admits(&mut self.bucket, per_second, per_second.max(1.0))
            }
            Trouble::Throttle(share) => {
                let per_second = per_second(share);
                admits(&mut self.bucket, per_second, (per_second / 10.0).max(4.0))
            }
            Trouble::Cold if seconds < COLD_AFTER => failed(Duration::ZERO, Broken),
            Trouble::Cold => {
                let per_second = per_second(0.1 + (seconds - COLD_AFTER) / 20.0);
                admits(&mut self.bucket, per_second, (per_second / 10.0).max(4.0))
            }
            Trouble::Flap { down, up, shift } => {
                let phase = (seconds - shift).rem_euclid(down + up);
                judged(phase < down, Broken)
            }
            Trouble::Creep(each_second) => good(usual + ms(each_second * seconds)),
            Trouble::Stall(lasts) => good(stalled(into, usual, ms(lasts))),
            Trouble::Level(time) => good(time.draw(rng)),
            Trouble::Queue(share) => {
                let per_second = per_second(share);
                match self.queued(at, per_second) {
                    Some(wait) => good(wait + usual),
                    None => failed(Duration::ZERO, Broken),
                }
            }
        }
    }
}

const COLD_AFTER: f64 = 30.0;

/// Tokens left, and when that was so. It begins with one.
struct Bucket(f64, Duration);

impl Default for Bucket {
    fn default() -> Self {
        Self(1.0, Duration::ZERO)
    }
}

impl Bucket {
    /// With room for so many tokens.
    fn admits(&mut self, now: Duration, per_second: f64, room: f64) -> bool {
        let left = (self.0 + (now - self.1).as_secs_f64() * per_second).min(room);
        let admits = left >= 1.0;
        *self = Self(if admits { left - 1.0 } else { left }, now);
        admits
    }
}

const STALL_EVERY: Duration = Duration::from_secs(10);

/// How long it takes when the endpoint stands still in the middle of every ten seconds.
fn stalled(into: Duration, usual: Duration, lasts: Duration) -> Duration {
    let half = STALL_EVERY / 2;
    let phase = Duration::from_nanos((into.as_nanos() % STALL_EVERY.as_nanos()) as u64);
    match phase {
        _ if phase + usual <= half || phase >= half + lasts => usual,
        // Under way when it begins.
        _ if phase < half => usual + lasts,
        _ => half + lasts - phase + usual,
    }
}
