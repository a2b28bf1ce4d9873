//! How long an attempt may be silent. Pure.

use crate::request::{After, Seen, Stage};
use std::time::Duration;

/// The most bytes in the buffers of both systems when a request's body was handed over and nothing of it has arrived:
/// Linux' largest send buffer, by default.
const BUFFERED: u64 = 4 << 20;

/// The rate in bytes a second at which buffered bytes are assumed to leave, while no rate is learnt: 2 Mbit/s, the
/// slowest line still worth using.
const UNLEARNT_RATE: f64 = (256 << 10) as f64;

/// The part of a request's body that an HTTP client holds and reports as sent. The client takes the next piece when
/// all of this part has left. (hyper over a plain connection, as the adapters feed it.)
const IN_HAND: u64 = 128 << 10;

/// A full send buffer takes more only when a third of it is free again (Linux): a slow line appears to move in such
/// steps.
const STEPS: u32 = 3;

/// The patience with one attempt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Patience {
    /// The longest silence before the answer.
    pub(super) answer: Duration,
    /// The longest silence between two pieces of a body.
    pub(super) body: Duration,
    /// The least rate at which requests' bodies are known to arrive, in bytes a second.
    pub(super) rate: Option<f64>,
    /// No silence, wherever it begins, may exceed half of what is left until then.
    pub(super) deadline: Option<After>,
    /// A silence of this length is allowed in any case.
    pub(super) floor: Duration,
}

impl Patience {
    /// When the attempt is given up, if nothing more is heard of it.
    pub(super) fn ends(&self, seen: &Seen) -> After {
        match seen.stage() {
            Stage::Awaiting => {
                let asked = seen.asked();
                let arriving = on_the_way(seen.sent, asked.since(seen.begun), self.rate);
                self.from(asked, self.answer.saturating_add(arriving))
            }
            stage => match seen.last {
                None => self.from(seen.begun, self.answer),
                Some(last) if stage == Stage::Sending => {
                    let step = on_the_way(seen.sent, last.since(seen.begun), self.rate) / STEPS;
                    self.from(last, self.body.saturating_add(step).saturating_add(leaving(self.rate)))
                }
                Some(last) => self.from(last, self.body),
            },
        }
    }

    fn from(&self, since: After, silence: Duration) -> After {
        let half = self
            .deadline
            .map_or(Duration::MAX, |deadline| deadline.since(since) / 2);
        since.plus(silence.min(half.max(self.floor)))
    }
}

/// How long the bytes in hand may need to leave.
fn leaving(rate: Option<f64>) -> Duration {
    seconds(IN_HAND as f64 / rate.unwrap_or(UNLEARNT_RATE))
}

/// How long a body of this size may still need to arrive, after this time of handing over. The body's last bytes lie
/// in the system's buffers, and nobody is told when they leave.
///
/// A body larger than these buffers has shown its rate: all but the buffered part has left. For a smaller body the
/// given rate is assumed.
fn on_the_way(bytes: u64, handing_over: Duration, rate: Option<f64>) -> Duration {
    let buffered = bytes.min(BUFFERED) as f64;
    seconds(match bytes.saturating_sub(BUFFERED) {
        0 => buffered / rate.unwrap_or(UNLEARNT_RATE),
        left => (buffered / UNLEARNT_RATE).min(buffered * handing_over.as_secs_f64() / left as f64),
    })
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn at(ms: u64) -> After {
        After::from(Duration::from_millis(ms))
    }

    const PATIENCE: Patience = Patience {
        answer: Duration::from_millis(250),
        body: Duration::from_secs(1),
        rate: Some(MIB as f64),
        deadline: None,
        floor: Duration::from_millis(250),
    };

    fn asked() -> Seen {
        Seen {
            begun: at(0),
            to_send: Some(0),
            sent: 0,
            sent_at: None,
            received: 0,
            answered: None,
            last: None,
        }
    }

    #[test]
    fn patience_differs_before_the_answer_and_within_a_body() {
        assert_eq!(PATIENCE.ends(&asked()), at(250));
        let flowing = Seen {
            received: 5,
            answered: Some(at(200)),
            last: Some(at(7_000)),
            ..asked()
        };
        assert_eq!(PATIENCE.ends(&flowing), at(8_000));
    }

    #[test]
    fn patience_is_half_the_remaining_time_but_at_least_the_floor() {
        let hurried = Patience {
            deadline: Some(at(3_000)),
            ..PATIENCE
        };
        let of = |last| Seen {
            answered: Some(at(200)),
            last: Some(at(last)),
            ..asked()
        };
        assert_eq!(hurried.ends(&of(200)), at(1_200));
        assert_eq!(hurried.ends(&of(2_000)), at(2_500));
        assert_eq!(hurried.ends(&of(2_900)), at(3_150));
    }

    #[test]
    fn an_unstarted_upload_is_timed_like_a_wait_for_the_answer() {
        let connecting = Seen {
            to_send: Some(MIB),
            ..asked()
        };
        assert_eq!(PATIENCE.ends(&connecting), at(250));
    }

    #[test]
    fn upload_patience_covers_one_send_buffer() {
        // As seen on loopback at 0.5 MB/s.
        let unlearnt = Patience { rate: None, ..PATIENCE };
        let after = |sent, ms| Seen {
            to_send: Some(8_000_000),
            sent,
            sent_at: Some(at(ms)),
            last: Some(at(ms)),
            ..asked()
        };
        for (sent, ms, next) in [
            (4_117_113, 20, 2_450),
            (5_593_113, 2_460, 5_310),
            (7_019_913, 5_320, 8_170),
        ] {
            assert!(unlearnt.ends(&after(sent, ms)) > at(next), "{sent}");
        }
        // A fast one has shown that it is.
        assert!(unlearnt.ends(&after(5_200_000, 20)) < at(1_600));
    }

    #[test]
    fn a_sent_body_has_time_to_arrive() {
        let sent = |bytes, ms| Seen {
            to_send: Some(bytes),
            sent: bytes,
            sent_at: Some(at(ms)),
            last: Some(at(ms)),
            ..asked()
        };
        let unlearnt = Patience { rate: None, ..PATIENCE };
        // It fitted into the buffers: nothing is known but the rate of others.
        assert_eq!(PATIENCE.ends(&sent(MIB, 1)), at(1_251));
        assert_eq!(unlearnt.ends(&sent(MIB, 1)), at(4_251));
        assert_eq!(
            unlearnt.ends(&sent(2_500_000, 0)),
            After::from(Duration::from_secs_f64(250e-3 + 2.5e6 / 262_144.0))
        );
        // Half of it has left them, in ten seconds and in ten milliseconds: so does the rest.
        assert_eq!(PATIENCE.ends(&sent(8 * MIB, 10_000)), at(20_250));
        assert_eq!(unlearnt.ends(&sent(8 * MIB, 10_000)), at(20_250));
        assert_eq!(unlearnt.ends(&sent(8 * MIB, 10)), at(270));
        // All but nothing has left them.
        assert_eq!(unlearnt.ends(&sent(4 * MIB + 1, 10_000)), at(26_250));
    }
}
