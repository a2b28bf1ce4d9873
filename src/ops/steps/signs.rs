//! What an event says about a subject.

use super::Subject;
use crate::telemetry::{Entry, Field};

/// What an event says about a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It was left.
    Left,
    /// It is still out.
    ProbeFailed,
    /// It is out, and tried.
    Probed,
    /// Its return has begun.
    Back,
    /// It is as it was.
    Whole,
    /// Something is not right there. No more than that.
    Trouble,
}

/// The text of a field. `None`: it is unknown, or no text.
pub(crate) fn text<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    match entry.fields.get(name)? {
        Field::Text(text) => Some(text),
        _ => None,
    }
}

const PROBE_FAILED: &str = "the probe failed";

pub(crate) fn sign(entry: &Entry) -> Option<(Subject, Sign)> {
    let owned = |name: &str| text(entry, name).map(str::to_owned);
    let client = || entry.client.clone().unwrap_or_default();
    let endpoint = |name: &str, class: Option<String>| {
        Some(Subject::Endpoint {
            client: client(),
            endpoint: owned(name)?,
            class: class?,
        })
    };
    let large = || {
        Some(Subject::LargeWrites {
            client: client(),
            endpoint: owned("endpoint")?,
        })
    };
    let all = || {
        Some(Subject::AllEndpoints {
            client: client(),
            class: owned("class")?,
        })
    };
    let credentials = || {
        Some(Subject::Credentials {
            name: owned("credentials")?,
        })
    };
    let (subject, sign) = match &*entry.kind {
        "breaker-opened" => {
            let failed = text(entry, "cause") == Some(PROBE_FAILED);
            let sign = if failed { Sign::ProbeFailed } else { Sign::Left };
            (endpoint("endpoint", owned("class")), sign)
        }
        "breaker-half-opened" => (endpoint("endpoint", owned("class")), Sign::Probed),
        "breaker-closed" => (endpoint("endpoint", owned("class")), Sign::Back),
        "idle-probe-failed" => (endpoint("endpoint", owned("class")), Sign::Trouble),
        "passed-over" => (endpoint("endpoint", Some("write".to_owned())), Sign::Trouble),
        "download-resumed" => (endpoint("left", Some("read".to_owned())), Sign::Trouble),
        "upload-restarted" => (endpoint("left", Some("write".to_owned())), Sign::Trouble),
        "large-writes-out" => (large(), Sign::Left),
        "large-writes-back" => (large(), Sign::Whole),
        "all-bad" => (all(), Sign::Left),
        "no-longer-all-bad" => (all(), Sign::Whole),
        "credentials-kept" => (credentials(), Sign::Trouble),
        "credentials-lost" => (credentials(), Sign::Left),
        "credentials-renewed" => (credentials(), Sign::Whole),
        _ => return None,
    };
    Some((subject?, sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Cause,
        request::OpClass,
        telemetry::{Event, EventRecord},
    };
    use std::time::{Duration, UNIX_EPOCH};

    fn sign_of(event: Event) -> Option<(Subject, Sign)> {
        sign(&EventRecord::now(Some("photos".into()), UNIX_EPOCH, event).entry())
    }

    #[test]
    fn the_words_are_those_of_the_events() {
        let opened = |cause| Event::BreakerOpened {
            endpoint: "home".into(),
            class: OpClass::Write,
            cause,
            observed: None,
            duration: Duration::ZERO,
        };
        let home = Subject::Endpoint {
            client: "photos".to_owned(),
            endpoint: "home".to_owned(),
            class: "write".to_owned(),
        };
        for cause in [Cause::Consecutive, Cause::Ratio, Cause::Shared] {
            assert_eq!(sign_of(opened(cause)), Some((home.clone(), Sign::Left)));
        }
        assert_eq!(
            sign_of(opened(Cause::ProbeFailed)),
            Some((home.clone(), Sign::ProbeFailed))
        );
        let restarted = Event::UploadRestarted {
            endpoint: "ireland".into(),
            left: "home".into(),
        };
        assert_eq!(
            sign_of(restarted),
            Some((home.clone(), Sign::Trouble)),
            "the one that failed it"
        );
        let class = OpClass::Write;
        let endpoint: std::sync::Arc<str> = "home".into();
        let (outage, duration) = (Duration::ZERO, Duration::ZERO);
        let half = Event::BreakerHalfOpened {
            endpoint: endpoint.clone(),
            class,
        };
        assert_eq!(sign_of(half), Some((home.clone(), Sign::Probed)));
        let closed = Event::BreakerClosed {
            endpoint: endpoint.clone(),
            class,
            outage,
        };
        assert_eq!(sign_of(closed), Some((home.clone(), Sign::Back)));
        let idle = Event::IdleProbeFailed {
            endpoint: endpoint.clone(),
            class,
        };
        assert_eq!(sign_of(idle), Some((home.clone(), Sign::Trouble)));
        let over = Event::PassedOver {
            endpoint: endpoint.clone(),
            because: "it is full",
            duration,
        };
        assert_eq!(sign_of(over), Some((home, Sign::Trouble)));
        let signs = [
            (
                Event::LargeWritesOut {
                    endpoint: endpoint.clone(),
                    duration,
                },
                Sign::Left,
            ),
            (Event::LargeWritesBack { endpoint, outage }, Sign::Whole),
            (Event::AllBad { class }, Sign::Left),
            (Event::NoLongerAllBad { class }, Sign::Whole),
            (
                Event::CredentialsLost {
                    credentials: "aws".into(),
                    cause: "silent",
                },
                Sign::Left,
            ),
            (
                Event::CredentialsRenewed {
                    credentials: "aws".into(),
                    after: outage,
                },
                Sign::Whole,
            ),
        ];
        for (event, expected) in signs {
            assert_eq!(sign_of(event).map(|(_, sign)| sign), Some(expected));
        }
        assert_eq!(sign_of(Event::BudgetExhausted { class }), None);
    }
}
