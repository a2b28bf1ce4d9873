//! What a request for an order says, and whether it makes sense.

use super::{problem::Problem, proposed::Kind};
use crate::{
    ops::operator::{Operator, Proposal, Selector},
    telemetry::Instance,
};
use serde::Deserialize;
use std::time::Duration;

/// The longest author's name.
const NAME: usize = 200;
/// The longest reason: a few sentences and a link.
const REASON: usize = 1_000;

/// The body of a request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    instance: String,
    pub(super) client: Client,
    pub(super) order: Kind,
    selector: Option<Target>,
    number: Option<u64>,
    reason: Option<String>,
    for_s: Option<u64>,
    pub(super) by: String,
    /// Without a word, an order is only tried.
    #[serde(default = "yes")]
    pub(super) dry_run: bool,
    pub(super) effect: Option<String>,
}

const fn yes() -> bool {
    true
}

/// A client's name, or its id on the page.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Client {
    Id(u64),
    Name(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    endpoint: Option<String>,
    provider: Option<String>,
    region: Option<String>,
}

/// What is asked for, once it makes sense.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    Give {
        kind: Kind,
        selector: Selector,
        reason: String,
        lasts: Duration,
    },
    Lift {
        number: u64,
    },
}

impl Ask {
    /// What is asked for. Nothing is looked up yet.
    pub(super) fn wish(&self) -> Result<Wish, Problem> {
        if self.instance != Instance::current().to_string() {
            return Err(Problem::Instance);
        }
        text("by", &self.by, NAME)?;
        if self.kind_is_lift() {
            return self.lift();
        }
        let (Some(target), Some(reason), Some(seconds), None) = (&self.selector, &self.reason, self.for_s, self.number)
        else {
            return Err(Problem::Body(
                "an order has `selector`, `reason` and `for_s`, and no `number`".to_owned(),
            ));
        };
        text("reason", reason, REASON)?;
        Ok(Wish::Give {
            kind: self.order,
            selector: target.selector()?,
            reason: reason.trim().to_owned(),
            lasts: Duration::from_secs(seconds),
        })
    }

    fn kind_is_lift(&self) -> bool {
        self.order == Kind::Lift
    }

    fn lift(&self) -> Result<Wish, Problem> {
        match (self.number, &self.selector, &self.reason, self.for_s) {
            (Some(number), None, None, None) => Ok(Wish::Lift { number }),
            _ => {
                let why = "to lift an order, give its `number`, and no `selector`, `reason` or `for_s`";
                Err(Problem::Body(why.to_owned()))
            }
        }
    }
}

impl Target {
    fn selector(&self) -> Result<Selector, Problem> {
        match (&self.endpoint, &self.provider, &self.region) {
            (Some(endpoint), None, None) => Ok(Selector::endpoint(&**endpoint)),
            (None, Some(provider), None) => Ok(Selector::provider(&**provider)),
            (None, Some(provider), Some(region)) => Ok(Selector::region(&**provider, &**region)),
            _ => {
                let why = "`selector` has `endpoint`, or `provider`, or `provider` and `region`";
                Err(Problem::Body(why.to_owned()))
            }
        }
    }
}

/// Endpoints may have any name. What names none is its sender's own text, which the refusal would carry into logs.
pub(super) fn names_nothing(selector: &Selector) -> Result<(), Problem> {
    text("selector", &selector.to_string(), 2 * NAME)
}

/// The order, not given yet.
pub(super) fn propose(operator: &Operator, kind: Kind, selector: Selector, reason: &str, lasts: Duration) -> Proposal {
    match kind {
        Kind::Drain | Kind::Lift => operator.drain(selector, reason, lasts),
        Kind::DrainWrites => operator.drain_writes(selector, reason, lasts),
        Kind::Force => operator.force(selector, reason, lasts),
        Kind::Freeze => operator.freeze_failback(selector, reason, lasts),
        Kind::PassThrough => operator.shadow(selector, reason, lasts),
    }
}

/// A text that people read in logs and on pages: said, short, in one line, and what it seems to be.
fn text(name: &'static str, text: &str, most: usize) -> Result<(), Problem> {
    let why = if text.trim().is_empty() {
        "is empty"
    } else if text.chars().count() > most {
        "is too long"
    } else if text.chars().any(is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(Problem::Body(format!("`{name}` {why}")))
}

/// Control characters, line breaks of Unicode, and what turns the direction of a text round or cannot be seen.
fn is_control(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
