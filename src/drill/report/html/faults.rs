//! Faults in words.

use super::text::{Safe, share, time};
use crate::{
    drill::{Basis, Fault, Rule},
    request::OpClass,
    telemetry::millis,
};

/// What a rule does, to which calls, and where.
pub(super) fn rule(rule: &Rule) -> String {
    let target = &rule.target;
    let fields = [
        ("endpoint", &target.endpoint),
        ("provider", &target.provider),
        ("region", &target.region),
    ];
    let place = fields
        .iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", Safe(value.as_deref()?))));
    let place: Vec<_> = place.collect();
    let place = if place.is_empty() {
        "everywhere".to_owned()
    } else {
        format!("at {}", place.join(", "))
    };
    let all = OpClass::ALL.iter().all(|class| rule.classes.contains(class));
    let classes: Vec<_> = rule.classes.iter().map(|class| class.as_str()).collect();
    let calls = match (all, rule.probability >= 1.0) {
        (true, true) => "every call".to_owned(),
        (true, false) => format!("{} of the calls", share(rule.probability)),
        (false, true) => format!("every {}", classes.join(" and ")),
        (false, false) => format!(
            "{} of the calls of class {}",
            share(rule.probability),
            classes.join(" and ")
        ),
    };
    format!("{} ({calls}, {place})", fault(&rule.fault))
}

fn fault(fault: &Fault) -> String {
    let code = |code: &Option<String>| {
        code.as_deref()
            .map_or_else(String::new, |code| format!(" {}", Safe(code)))
    };
    match fault {
        Fault::Hang => "requests are accepted and never answered".to_owned(),
        Fault::HangConnect => "connections are never accepted".to_owned(),
        Fault::Refuse => "connections are refused, open ones reset".to_owned(),
        Fault::DnsEmpty => "the name resolves to nothing".to_owned(),
        Fault::ResetBeforeRequest => "the connection is reset before the server sees the request".to_owned(),
        Fault::ResetAfterRequest => "the server executes the request, and its answer is lost".to_owned(),
        Fault::Status {
            code: status, s3_code, ..
        } => format!("the answer is {status}{}", code(s3_code)),
        Fault::Slow { factor } => format!("the answer takes {factor} times as long"),
        Fault::Delay { by } => format!("the answer comes {} later", time(millis(*by))),
        Fault::Throttle { calls_per_second } => {
            format!("above {calls_per_second} calls a second the answer is 503 SlowDown")
        }
        Fault::Drip { bytes_per_second } => format!("the body trickles at {bytes_per_second} bytes a second"),
        Fault::Truncate { .. } => "the body breaks off before its end".to_owned(),
        Fault::Authentication { s3_code } => format!("valid credentials are refused: 403 {}", Safe(s3_code)),
        Fault::StaleReads => "reads show earlier answers".to_owned(),
    }
}

/// On what a phase or a rule rests.
pub(super) const fn basis(basis: Option<Basis>) -> &'static str {
    match basis {
        Some(Basis::Documented) => "documented",
        Some(Basis::Measured) => "measured from outside",
        Some(Basis::Inferred) => "inferred",
        Some(Basis::Chosen) => "our choice",
        None => "not marked",
    }
}
