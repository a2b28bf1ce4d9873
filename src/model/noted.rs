//! What the adapters say of the answers to the attempt that is being polled, for whoever follows attempts.
//!
//! An adapter's success carries neither its status nor its request id: no caller wants them. Where somebody follows the
//! attempts, `health` polls each within [`during`]. An adapter [says](answered) what it has read of an answer's head,
//! and does not know who listens. Where nobody does, this costs one look at a variable of the thread.

use super::verdict::words;
use std::cell::RefCell;

/// What is known of an attempt's last answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Noted {
    pub(crate) status: Option<u16>,
    pub(crate) request_id: Option<String>,
}

thread_local!(static LISTENING: RefCell<Option<Noted>> = const { RefCell::new(None) });

/// Adds to `noted` what adapters say while `act` runs on this thread.
pub(crate) fn during<T>(noted: &mut Noted, act: impl FnOnce() -> T) -> T {
    // An attempt may be polled within another one: a client can stand behind a client.
    let outer = LISTENING.replace(Some(std::mem::take(noted)));
    let within = Within { noted, outer };
    let result = act();
    drop(within);
    result
}

/// Gives back what was noted, also when the adapter panics.
struct Within<'n> {
    noted: &'n mut Noted,
    outer: Option<Noted>,
}

impl Drop for Within<'_> {
    fn drop(&mut self) {
        if let Some(noted) = LISTENING.replace(self.outer.take()) {
            *self.noted = noted;
        }
    }
}

/// An answer has come, with this status and this request id if it has them. The last answer of an attempt counts.
#[cfg_attr(
    not(any(feature = "s3", feature = "azure_blob", feature = "dynamodb")),
    allow(dead_code)
)]
pub(crate) fn answered(status: Option<u16>, request_id: Option<&str>) {
    LISTENING.with_borrow_mut(|noted| {
        let Some(noted) = noted else { return };
        noted.status = status.or(noted.status);
        if let Some(id) = request_id.and_then(words::id) {
            noted.request_id = Some(id.to_owned());
        }
    });
}

/// An answer has come with this status, which counts if no other is known.
#[cfg_attr(
    not(any(feature = "s3", feature = "azure_blob", feature = "gcs", feature = "object_store")),
    allow(dead_code)
)]
pub(crate) fn refused(status: u16) {
    LISTENING.with_borrow_mut(|noted| {
        let Some(noted) = noted else { return };
        noted.status.get_or_insert(status);
    });
}

/// What was said must not repeat this key: a hostile server may have sent it back as a request id.
pub(crate) fn withhold(key: &str) {
    LISTENING.with_borrow_mut(|noted| {
        let Some(noted) = noted else { return };
        noted.request_id.take_if(|id| words::repeats(id, key));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_hears_what_is_said_of_its_own_answers() {
        let (mut outer, mut inner) = (Noted::default(), Noted::default());
        answered(Some(500), Some("nobody-listens"));
        during(&mut outer, || {
            answered(Some(200), Some("outer"));
            during(&mut inner, || answered(Some(503), Some("inner")));
            answered(None, None);
        });
        assert_eq!((outer.status, outer.request_id.as_deref()), (Some(200), Some("outer")));
        assert_eq!((inner.status, inner.request_id.as_deref()), (Some(503), Some("inner")));
        during(&mut outer, || answered(Some(206), Some("eyJ-a-token")));
        assert_eq!(
            (outer.status, outer.request_id.as_deref()),
            (Some(206), Some("outer")),
            "what looks like a token is no request id"
        );
    }

    #[test]
    fn a_key_is_no_request_id() {
        let mut noted = Noted::default();
        during(&mut noted, || {
            answered(Some(200), Some("photos/cat.jpg"));
            withhold("photos/cat.jpg");
        });
        assert_eq!((noted.status, noted.request_id), (Some(200), None));
        let mut noted = Noted::default();
        during(&mut noted, || refused(503));
        during(&mut noted, || refused(500));
        assert_eq!(noted.status, Some(503));
    }

    #[test]
    fn a_panic_ends_the_listening() {
        let mut noted = Noted::default();
        let panics = std::panic::AssertUnwindSafe(|| {
            during(&mut noted, || {
                answered(Some(200), None);
                panic!("an adapter's");
            })
        });
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(noted.status, Some(200));
        assert!(LISTENING.with_borrow(Option::is_none));
    }
}
