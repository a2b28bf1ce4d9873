//! Outages as data, and the players that replay them.
//!
//! Failover that nobody has seen work does not work on the day of the outage. The outages for which this crate exists
//! are therefore data. They can be played against any endpoint: in a test, in a simulation of hours, or before a real
//! SDK. Tomorrow's incident is one more JSON file.
//!
//! ```
//! use evenkeel::drill::Scenario;
//!
//! let scenario = Scenario::from_json(r#"{
//!     "name": "tomorrow",
//!     "description": "Everything here is our choice.",
//!     "phases": [
//!         { "name": "dark", "duration": "12m", "rules": [
//!             { "target": { "provider": "aws", "region": "us-east-1" }, "fault": "hang" }
//!         ] },
//!         { "name": "writes are late", "duration": "1h30m", "rules": [
//!             { "classes": ["write"], "fault": { "status": { "code": 503, "s3_code": "SlowDown" } }, "probability": 0.4 }
//!         ] }
//!     ]
//! }"#)?;
//! let phases: Vec<_> = scenario.phases.iter().map(|p| (p.name.as_str(), p.duration.as_secs() / 60)).collect();
//! assert_eq!(phases, [("dark", 12), ("writes are late", 90)]);
//!
//! // Incidents of the past are built in, at their true lengths; shorten them to watch.
//! let s3_2017 = Scenario::builtin("aws-s3-2017").unwrap().compressed(std::time::Duration::from_secs(30));
//! assert_eq!(s3_2017.phases[0].name, "index and placement restarting");
//! # Ok::<(), evenkeel::drill::LoadError>(())
//! ```
//!
//! # The format of a scenario file
//!
//! A scenario is one JSON object. A field that is not listed here is an error, and an error names line and column.
//!
//! | field | value | left out |
//! |---|---|---|
//! | `name` | the scenario's name; not empty | error |
//! | `description` | what happened: which parts are documented, and which numbers were chosen | empty |
//! | `phases` | a list of phases, one after the other; at least one of them has a rule | error |
//! | `phases[].name` | an operator's name for the phase; not empty | error |
//! | `phases[].duration` | numbers with the units `d`, `h`, `m`, `s`, `ms`, larger units first: `"2h49m"`, `"90s"`, `"250ms"`; above zero | error |
//! | `phases[].basis` | on what the phase and its length rest: `"documented"`, `"measured"`, `"inferred"` or `"chosen"`; see [`Basis`] | not said |
//! | `phases[].rules` | a list of rules, all of which hold during the phase | none: a healthy phase |
//! | `phases[].rules[].target` | any of `endpoint`, `provider`, `region`, `location`, `jurisdiction` and `host`, as the [`Endpoint`](crate::Endpoint) has them; all fields that are set must match. [`Target`] says what the loss of a host does | every endpoint |
//! | `phases[].rules[].classes` | any of `"read"`, `"write"`, `"list"`; not empty | all |
//! | `phases[].rules[].fault` | a [`Fault`] | error |
//! | `phases[].rules[].probability` | the share of the selected calls that the fault hits, above 0 and up to 1, drawn for each call | 1 |
//! | `phases[].rules[].basis` | the same words, about the kind of fault | not said |
//!
//! A fault is its name (`"hang"`), or an object if the fault has parameters (`{ "slow": { "factor": 50 } }`). [`Fault`]
//! says what each fault does, and what happens when several faults hit one call.
//!
//! | fault | parameters |
//! |---|---|
//! | `hang`, `hang_connect`, `refuse`, `dns_empty`, `reset_before_request`, `reset_after_request`, `stale_reads` | none |
//! | `status` | `code`: 200 to 599; `s3_code` and `retry_after` (a duration) may be left out |
//! | `authentication` | `s3_code`: by default `InvalidAccessKeyId` |
//! | `throttle` | `calls_per_second`: above 0 |
//! | `slow` | `factor`: at least 1 |
//! | `delay` | `by`: a duration above zero |
//! | `drip` | `bytes_per_second`: at least 1 |
//! | `truncate` | either `after_bytes`, or `share`: 0 to below 1 |
//!
//! # Who plays a scenario
//!
//! A [`Timeline`] is a scenario that can be started. Two players take a timeline: the [fault layer](layer) inside the
//! stack, and the [fault proxy](proxy) before a real server. When a player is set up, it refuses faults that it cannot
//! play:
//!
//! | fault | layer | proxy |
//! |---|---|---|
//! | `hang` | never answers | accepts, and stays silent |
//! | `hang_connect` | 0.9 s, then unreachable, not sent | never accepts; open connections go on. Only for all classes, with probability 1 |
//! | `refuse` | unreachable, not sent | closes the port, resets open connections. Only for all classes, with probability 1 |
//! | `dns_empty` | unreachable, not sent | open connections go on; the SDK's resolver (`DrillResolver`, with feature `s3` or `dynamodb`) answers nothing. With the resolver only for all classes |
//! | `reset_before_request` | faulty, maybe sent; the provider is not asked | RST when the head has arrived |
//! | `reset_after_request` | faulty, maybe sent; the provider was asked | RST when the server has answered |
//! | `status`, `authentication` | as the verdict on that answer | that answer, with S3's error document |
//! | `throttle` | throttled | 503 SlowDown |
//! | `slow`, `delay` | the answer comes later | the answer comes later |
//! | `drip` | the answer takes its length's time | the body trickles |
//! | `truncate` | faulty, maybe sent | the body breaks off before its announced length |
//! | `stale_reads` | reads show earlier answers | refused |
//!
//! The layer refuses `drip`, `truncate` and `stale_reads` for the closures of a [`Failover`](crate::Failover), whose
//! answers it does not see: a call that meets one of these faults fails, and says so.
//!
//! A [`Rehearsal`] plays the loss of each provider, region, jurisdiction and host to a client over stores in memory, and
//! compares what happens with what [`impact`](crate::ops::impact) predicts.
//!
//! A drill in production has a [`Guard`]: the drill expires, can be stopped at once, and ends when too few of the
//! callers' calls succeed. Play it for a [`cohort`] of the callers, which has a client of its own.
//!
//! A [`report`] says afterwards what was promised, what was tried and what was lost.
//!
//! A player can play rules for some classes of work if it knows the class of a call. The layer reads the class from the
//! request, the proxy from method and path.

mod check;
pub mod cohort;
mod compress;
mod duration;
mod fault;
mod guard;
mod kind;
pub mod layer;
mod load;
mod locate;
mod plan;
pub mod proxy;
mod rehearsal;
pub mod report;
#[cfg(feature = "_aws")]
pub mod resolver;
mod scenario;
mod target;
mod throttle;
mod timeline;
mod tokens;

pub use check::InvalidScenario;
pub use fault::Fault;
pub use guard::{Ended, Guard};
pub use kind::{PlayerKind, Unplayable};
pub use layer::{FaultLayer, FaultService};
pub use load::LoadError;
pub use proxy::{FaultProxy, ProxyError};
pub use rehearsal::{Difference, Played, Rehearsal, Rehearsed, When};
#[cfg(feature = "_aws")]
pub use resolver::DrillResolver;
pub use scenario::{Basis, Moment, Phase, Rule, Scenario};
pub use target::{CREDENTIALS_LAST, Target};
pub use timeline::Timeline;
