//! What an attempt's end teaches, and about whom.
//!
//! An attempt ends in many ways that say nothing of its endpoint: its caller had no patience, the object was huge
//! everywhere, this process was stopped. So one place decides what counts. [`lesson`] is a pure function from how an
//! attempt ended, who ended it and how old it was to one [`Lesson`]. Every station learns from the lesson alone:
//! [`health`](crate::stack::health) its latency and its fault share, the [`breaker`](crate::stack::breaker) its strikes, the
//! [`limit`](crate::stack::limit) its queue.
//! [The table](crate::guide::evidence).

use crate::verdict::{Outcome, Sent, Verdict};
use std::time::Duration;

/// How an attempt ended, and who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The attempt came back, or ran into its limit, and was judged.
    Judged(Outcome),
    /// The attempt was dropped because another attempt of its call was back first.
    Overtaken {
        /// How long the other attempt was under way.
        after: Duration,
        /// That time is usual at the other attempt's endpoint.
        usual: bool,
    },
    /// The caller dropped the attempt; or the call's deadline did, which is the caller's as well.
    Dropped,
}

/// What is known beside the ending.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// How long the attempt was under way.
    pub age: Duration,
    /// The age from which on the attempt is late by the endpoint's own measure.
    pub late: Duration,
    /// The limit that the endpoint's own measure gives an attempt. A deadline may have cut the actual limit shorter.
    pub limit: Duration,
    /// This process stood still while the attempt was under way.
    pub stood_still: bool,
    /// The same call met the same end at another endpoint. Either an earlier attempt ended as this one did:
    /// unreachable, in vain until its limit, or faulty. Or the attempt that overtook this one was itself late by its
    /// own endpoint's measure.
    pub alike_elsewhere: bool,
    /// Every other endpoint was unreachable when it was last asked, within the last 5 s.
    pub others_unreachable: bool,
    /// For how long another attempt of the call has been in vain elsewhere.
    pub in_vain_elsewhere: Duration,
    /// The connection broke, and connections had begun to break for others before this attempt began.
    pub in_a_burst: bool,
    /// Nothing could be sent because credentials could not be loaded.
    pub unloaded: bool,
    /// The attempt is a probe from the background and belongs to no call.
    pub background: bool,
}

/// What an attempt's end teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// The endpoint did its work. The time that it took is a latency sample.
    Good,
    /// The endpoint did its work. The time that it took says nothing of calls.
    Alive,
    /// The endpoint is well, and asks for less.
    Throttled,
    /// The endpoint failed.
    Fault,
    /// The endpoint is late: another attempt, sent later, was back first, or nothing came within the endpoint's own
    /// limit.
    Late,
    /// The caller left when the attempt was late, but before the endpoint's limit. To the breaker, this is a quarter
    /// of a fault where nothing goes well beside it. To every other station, this is nothing. (Callers with little
    /// patience must not condemn an endpoint; an endpoint that never answers such callers must be left.)
    CallerLeft,
    /// The end says nothing about the endpoint, and something about another subject.
    Of(Whom),
}

/// The subject of an attempt's lesson, when that is not the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    /// This process, its clock or its network.
    Process,
    /// The caller: what the call asked for, or how little time the caller gave.
    Caller,
    /// The request: it is as slow, or fails as well, elsewhere.
    Request,
    /// One connection, among connections that had begun to break before.
    Connection,
}

/// The table. See the [module](self).
pub(crate) fn lesson(ending: Ending, facts: Facts) -> Lesson {
    use Lesson::{Alive, Fault, Good, Late, Of, Throttled};
    let well = matches!(ending, Ending::Judged(outcome) if outcome.verdict.is_healthy());
    if facts.stood_still {
        return if well { Alive } else { Of(Whom::Process) };
    }
    let outcome = match ending {
        Ending::Judged(outcome) => outcome,
        Ending::Dropped => return dropped(facts),
        Ending::Overtaken { .. } if facts.age < facts.late => return Of(Whom::Caller),
        Ending::Overtaken { after, usual } if facts.alike_elsewhere || (after >= facts.limit && !usual) => {
            return Of(Whom::Request);
        }
        Ending::Overtaken { .. } => return Late,
    };
    match outcome.verdict {
        Verdict::Success | Verdict::Answer | Verdict::Absent if !facts.background => Good,
        Verdict::Success | Verdict::Answer | Verdict::Absent => Alive,
        Verdict::Throttled => Throttled,
        // Nothing can be sent there until credentials can be loaded: whatever the cause, calls go elsewhere.
        Verdict::Denied if outcome.credential || facts.unloaded => Fault,
        // This host's clock is wrong.
        Verdict::Denied if outcome.sent == Sent::No => Of(Whom::Process),
        Verdict::Denied | Verdict::Caller => Of(Whom::Caller),
        Verdict::Unreachable if facts.alike_elsewhere || facts.others_unreachable => Of(Whom::Process),
        Verdict::Faulty if outcome.broken && facts.in_a_burst => Of(Whom::Connection),
        Verdict::Faulty if facts.alike_elsewhere => Of(Whom::Request),
        Verdict::Faulty if outcome.timed_out => dropped(facts),
        Verdict::Unreachable | Verdict::Faulty => Fault,
    }
}

/// The lesson of an attempt whose time ran out.
fn dropped(facts: Facts) -> Lesson {
    if facts.age >= facts.limit && facts.in_vain_elsewhere >= facts.limit {
        Lesson::Of(Whom::Request)
    } else if facts.age >= facts.limit {
        Lesson::Late
    } else if facts.age >= facts.late {
        Lesson::CallerLeft
    } else {
        Lesson::Of(Whom::Caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// An attempt of this age, at an endpoint at which 5 ms are late and 250 ms the limit.
    fn aged(age: u64) -> Facts {
        Facts {
            age: ms(age),
            late: ms(5),
            limit: ms(250),
            ..Facts::default()
        }
    }

    fn judged(verdict: Verdict, sent: Sent) -> Ending {
        Ending::Judged(Outcome::new(verdict, sent))
    }

    /// The rows of `docs/EVIDENCE.md`, by number.
    #[test]
    fn lessons_match_the_rows_of_evidence_md() {
        use Lesson::{Alive, CallerLeft, Fault, Good, Late, Of, Throttled};
        let well = judged(Verdict::Success, Sent::Maybe);
        let faulty = judged(Verdict::Faulty, Sent::Maybe);
        let unreachable = judged(Verdict::Unreachable, Sent::No);
        let timed_out = Ending::Judged(Outcome::TIMED_OUT);
        let after = |after| Ending::Overtaken {
            after: ms(after),
            usual: false,
        };
        let as_usual = |after| Ending::Overtaken {
            after: ms(after),
            usual: true,
        };
        let refused = Ending::Judged(Outcome::new(Verdict::Denied, Sent::Maybe).naming_the_credential());
        let stood_still = |facts| Facts {
            stood_still: true,
            ..facts
        };
        let alike = |facts| Facts {
            alike_elsewhere: true,
            ..facts
        };
        let in_vain = |elsewhere, facts| Facts {
            in_vain_elsewhere: ms(elsewhere),
            ..facts
        };
        let rows = [
            (1, timed_out, stood_still(aged(4_000)), Of(Whom::Process)),
            (1, Ending::Dropped, stood_still(aged(4_000)), Of(Whom::Process)),
            (1, well, stood_still(aged(4_000)), Alive),
            (3, Ending::Dropped, in_vain(250, aged(250)), Of(Whom::Request)),
            (3, timed_out, in_vain(250, aged(250)), Of(Whom::Request)),
            (4, Ending::Dropped, in_vain(249, aged(250)), Late),
            (4, Ending::Dropped, aged(250), Late),
            (5, Ending::Dropped, aged(5), CallerLeft),
            (6, Ending::Dropped, aged(4), Of(Whom::Caller)),
            (7, after(2), aged(4), Of(Whom::Caller)),
            (8, after(12), alike(aged(16)), Of(Whom::Request)),
            (8, after(250), aged(254), Of(Whom::Request)),
            (9, after(12), aged(16), Late),
            // A hang beside one that is far away.
            (9, as_usual(300), aged(306), Late),
            (10, well, aged(2), Good),
            (10, judged(Verdict::Answer, Sent::Maybe), aged(2), Good),
            (10, judged(Verdict::Absent, Sent::Maybe), aged(2), Good),
            (
                11,
                well,
                Facts {
                    background: true,
                    ..aged(2)
                },
                Alive,
            ),
            (12, judged(Verdict::Throttled, Sent::Maybe), aged(2), Throttled),
            (13, refused, aged(2), Fault),
            (
                14,
                judged(Verdict::Denied, Sent::No),
                Facts {
                    unloaded: true,
                    ..aged(2)
                },
                Fault,
            ),
            (15, judged(Verdict::Denied, Sent::No), aged(2), Of(Whom::Process)),
            (16, judged(Verdict::Denied, Sent::Maybe), aged(2), Of(Whom::Caller)),
            (16, judged(Verdict::Caller, Sent::Maybe), aged(2), Of(Whom::Caller)),
            (17, unreachable, alike(aged(2)), Of(Whom::Process)),
            (
                17,
                unreachable,
                Facts {
                    others_unreachable: true,
                    ..aged(2)
                },
                Of(Whom::Process),
            ),
            (
                18,
                Ending::Judged(Outcome {
                    broken: true,
                    ..Outcome::new(Verdict::Faulty, Sent::Maybe)
                }),
                Facts {
                    in_a_burst: true,
                    ..aged(2)
                },
                Of(Whom::Connection),
            ),
            (19, faulty, alike(aged(2)), Of(Whom::Request)),
            (19, timed_out, alike(aged(250)), Of(Whom::Request)),
            (20, timed_out, aged(100), CallerLeft),
            (20, timed_out, aged(4), Of(Whom::Caller)),
            (21, timed_out, aged(250), Late),
            (22, unreachable, aged(2), Fault),
            (22, faulty, aged(2), Fault),
        ];
        for (row, ending, facts, expected) in rows {
            assert_eq!(lesson(ending, facts), expected, "row {row}: {ending:?} {facts:?}");
        }
    }
}
