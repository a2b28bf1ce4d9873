use super::Event;
use crate::{
    model::{Action, Capability, Selector},
    request::OpClass,
};
use std::{sync::Arc, time::Duration};

/// One value of an event, as other processes read it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(untagged, from = "Read"))]
#[non_exhaustive]
pub enum Field {
    /// A count, or a length of time in milliseconds: the field's name then ends in `_ms`.
    Number(u64),
    /// A word or a text. A text may be a user's: the reason of an order, the name of an endpoint. Escape it.
    Text(String),
    /// Names of endpoints.
    Names(Vec<String>),
    /// Not known, not said, or said by a later version in a form that this one cannot read.
    Unknown,
}

/// What stands in a file or on a wire. A later version may say what this one has no form for: the rest of its entry is
/// read all the same.
#[cfg(feature = "serde")]
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Read {
    Number(u64),
    Text(String),
    Names(Vec<String>),
    Other(serde::de::IgnoredAny),
}

#[cfg(feature = "serde")]
impl From<Read> for Field {
    fn from(read: Read) -> Self {
        match read {
            Read::Number(number) => Self::Number(number),
            Read::Text(text) => Self::Text(text),
            Read::Names(names) => Self::Names(names),
            Read::Other(_) => Self::Unknown,
        }
    }
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Field {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<Duration> for Field {
    fn from(time: Duration) -> Self {
        Self::Number(millis(time))
    }
}

impl From<&[Arc<str>]> for Field {
    fn from(names: &[Arc<str>]) -> Self {
        Self::Names(names.iter().map(|name| name.to_string()).collect())
    }
}

impl<T: Into<Self>> From<Option<T>> for Field {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

/// Whole milliseconds.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Event {
    /// The event's kind in kebab case. The words are stable: files and scripts depend on them.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::BreakerOpened { .. } => "breaker-opened",
            Self::BreakerHalfOpened { .. } => "breaker-half-opened",
            Self::BreakerClosed { .. } => "breaker-closed",
            Self::LargeWritesOut { .. } => "large-writes-out",
            Self::LargeWritesBack { .. } => "large-writes-back",
            Self::PassedOver { .. } => "passed-over",
            Self::AllBad { .. } => "all-bad",
            Self::NoLongerAllBad { .. } => "no-longer-all-bad",
            Self::IdleProbeFailed { .. } => "idle-probe-failed",
            Self::DownloadResumed { .. } => "download-resumed",
            Self::WrongChecksum { .. } => "wrong-checksum",
            Self::UploadRestarted { .. } => "upload-restarted",
            Self::OrderGiven { .. } => "order-given",
            Self::OrderRefused { .. } => "order-refused",
            Self::OrderLifted { .. } => "order-lifted",
            Self::OrderExpired { .. } => "order-expired",
            Self::SharedDependency { .. } => "shared-dependency",
            Self::NotSurvived { .. } => "not-survived",
            Self::ConditionsVerified { .. } => "conditions-verified",
            Self::CredentialsKept { .. } => "credentials-kept",
            Self::CredentialsLost { .. } => "credentials-lost",
            Self::CredentialsRenewed { .. } => "credentials-renewed",
            Self::BudgetExhausted { .. } => "budget-exhausted",
        }
    }

    /// The names of the endpoints that the event is about. Empty for an event about the whole client, about
    /// credentials, or about an order that was refused.
    pub fn endpoints(&self) -> &[Arc<str>] {
        match self {
            Self::BreakerOpened { endpoint, .. }
            | Self::BreakerHalfOpened { endpoint, .. }
            | Self::BreakerClosed { endpoint, .. }
            | Self::LargeWritesOut { endpoint, .. }
            | Self::LargeWritesBack { endpoint, .. }
            | Self::PassedOver { endpoint, .. }
            | Self::IdleProbeFailed { endpoint, .. }
            | Self::DownloadResumed { endpoint, .. }
            | Self::WrongChecksum { endpoint }
            | Self::UploadRestarted { endpoint, .. }
            | Self::ConditionsVerified { endpoint, .. } => std::slice::from_ref(endpoint),
            Self::OrderGiven { endpoints, .. }
            | Self::OrderLifted { endpoints, .. }
            | Self::OrderExpired { endpoints, .. }
            | Self::SharedDependency { endpoints, .. } => endpoints,
            Self::AllBad { .. }
            | Self::NoLongerAllBad { .. }
            | Self::OrderRefused { .. }
            | Self::NotSurvived { .. }
            | Self::CredentialsKept { .. }
            | Self::CredentialsLost { .. }
            | Self::CredentialsRenewed { .. }
            | Self::BudgetExhausted { .. } => &[],
        }
    }

    /// The classes of calls that the event is about.
    pub const fn classes(&self) -> &'static [OpClass] {
        match self {
            Self::BreakerOpened { class, .. }
            | Self::BreakerHalfOpened { class, .. }
            | Self::BreakerClosed { class, .. }
            | Self::AllBad { class }
            | Self::NoLongerAllBad { class }
            | Self::IdleProbeFailed { class, .. }
            | Self::BudgetExhausted { class } => match class {
                OpClass::Read => &[OpClass::Read],
                OpClass::Write => &[OpClass::Write],
                OpClass::List => &[OpClass::List],
            },
            Self::DownloadResumed { .. } | Self::WrongChecksum { .. } => &[OpClass::Read],
            Self::LargeWritesOut { .. }
            | Self::LargeWritesBack { .. }
            | Self::PassedOver { .. }
            | Self::UploadRestarted { .. }
            | Self::ConditionsVerified { .. } => &[OpClass::Write],
            Self::OrderGiven { action, .. }
            | Self::OrderRefused { action, .. }
            | Self::OrderLifted { action, .. }
            | Self::OrderExpired { action, .. } => match action {
                Action::DrainWrites => &[OpClass::Write],
                Action::Drain | Action::Force | Action::FreezeFailback | Action::Shadow => &OpClass::ALL,
            },
            Self::SharedDependency { .. }
            | Self::NotSurvived { .. }
            | Self::CredentialsKept { .. }
            | Self::CredentialsLost { .. }
            | Self::CredentialsRenewed { .. } => &OpClass::ALL,
        }
    }

    /// What the event says beside its kind, by the names of the variant's fields. Lengths of time end in `_ms`.
    pub fn fields(&self) -> Vec<(&'static str, Field)> {
        let order = |action: &Action, selector: &Selector, reason: &Arc<str>, by: &Option<Arc<str>>| {
            vec![
                ("action", Field::from(action.as_str())),
                ("selector", Field::Text(selector.to_string())),
                ("reason", Field::from(&**reason)),
                ("by", Field::from(by.as_deref())),
            ]
        };
        match self {
            Self::BreakerOpened {
                endpoint,
                class,
                cause,
                observed,
                duration,
            } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("class", Field::from(class.as_str())),
                ("cause", Field::from(cause.as_str())),
                (
                    "observed",
                    observed.map_or(Field::Unknown, |it| Field::Text(it.to_string())),
                ),
                ("duration_ms", Field::from(*duration)),
            ],
            Self::BreakerHalfOpened { endpoint, class } | Self::IdleProbeFailed { endpoint, class } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("class", Field::from(class.as_str())),
            ],
            Self::BreakerClosed {
                endpoint,
                class,
                outage,
            } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("class", Field::from(class.as_str())),
                ("outage_ms", Field::from(*outage)),
            ],
            Self::LargeWritesOut { endpoint, duration } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("duration_ms", Field::from(*duration)),
            ],
            Self::LargeWritesBack { endpoint, outage } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("outage_ms", Field::from(*outage)),
            ],
            Self::PassedOver {
                endpoint,
                because,
                duration,
            } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("because", Field::from(*because)),
                ("duration_ms", Field::from(*duration)),
            ],
            Self::AllBad { class } | Self::NoLongerAllBad { class } | Self::BudgetExhausted { class } => {
                vec![("class", Field::from(class.as_str()))]
            }
            Self::DownloadResumed { endpoint, left, at } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("left", Field::from(left.as_deref())),
                ("at", Field::from(*at)),
            ],
            Self::WrongChecksum { endpoint } => vec![("endpoint", Field::from(&**endpoint))],
            Self::UploadRestarted { endpoint, left } => {
                vec![("endpoint", Field::from(&**endpoint)), ("left", Field::from(&**left))]
            }
            Self::OrderGiven {
                action,
                selector,
                endpoints,
                reason,
                by,
                lasts,
                number,
            } => {
                let mut all = order(action, selector, reason, by);
                all.push(("endpoints", Field::from(&**endpoints)));
                all.push(("lasts_ms", Field::from(*lasts)));
                all.push(("number", Field::from(*number)));
                all
            }
            Self::OrderRefused {
                action,
                selector,
                reason,
                by,
                because,
            } => {
                let mut all = order(action, selector, reason, by);
                all.push(("because", Field::from(&**because)));
                all
            }
            Self::OrderLifted {
                action,
                selector,
                endpoints,
                reason,
                by,
                number,
            }
            | Self::OrderExpired {
                action,
                selector,
                endpoints,
                reason,
                by,
                number,
            } => {
                let mut all = order(action, selector, reason, by);
                all.push(("endpoints", Field::from(&**endpoints)));
                all.push(("number", Field::from(*number)));
                all
            }
            Self::SharedDependency { host, endpoints } => {
                vec![("host", Field::from(&**host)), ("endpoints", Field::from(&**endpoints))]
            }
            Self::NotSurvived { loss, because } => {
                vec![("loss", Field::from(&**loss)), ("because", Field::from(&**because))]
            }
            Self::ConditionsVerified {
                endpoint,
                found,
                unverified,
            } => vec![
                ("endpoint", Field::from(&**endpoint)),
                ("create", capability(found.create)),
                ("if_match", capability(found.if_match)),
                ("unverified", Field::from(*unverified)),
            ],
            Self::CredentialsKept {
                credentials,
                valid_for,
                cause,
            } => vec![
                ("credentials", Field::from(&**credentials)),
                ("valid_for_ms", Field::from(*valid_for)),
                ("cause", Field::from(*cause)),
            ],
            Self::CredentialsLost { credentials, cause } => vec![
                ("credentials", Field::from(&**credentials)),
                ("cause", Field::from(*cause)),
            ],
            Self::CredentialsRenewed { credentials, after } => vec![
                ("credentials", Field::from(&**credentials)),
                ("after_ms", Field::from(*after)),
            ],
        }
    }
}

fn capability(capability: Capability) -> Field {
    match capability {
        Capability::Kept => Field::from("kept"),
        Capability::Lacking => Field::from("lacking"),
        Capability::Unknown => Field::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The words behind the arrows of [`kind`](super::Event::kind), and those of the schema.
    #[test]
    fn the_schema_of_entries_names_each_kind() {
        let source = include_str!("fields.rs");
        let begin = source.find("pub const fn kind").unwrap();
        let kinds = source[begin..].split_once("\n    }\n").unwrap().0;
        let written: BTreeSet<_> = kinds
            .lines()
            .filter_map(|line| line.trim().strip_suffix("\",")?.rsplit_once("=> \""))
            .map(|(_, kind)| kind)
            .collect();
        assert!(written.len() > 20, "{written:?}");
        let schema = include_str!("../../docs/entry.schema.json");
        let begin = schema.find("\"kind\"").unwrap();
        let begin = begin + schema[begin..].find("\"kind\": {").unwrap();
        let named = schema[begin..].split_once(']').unwrap().0;
        let named = named.split_once('[').unwrap().1;
        let named: BTreeSet<_> = named.split(',').map(|word| word.trim().trim_matches('"')).collect();
        assert_eq!(named, written);
    }
}
