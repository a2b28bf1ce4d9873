use crate::request::OpClass;
use http::{Method, Uri};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What has passed a proxy, by class of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([ClassCounts; 3]);

/// Requests of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassCounts {
    /// Whose head arrived.
    pub seen: u64,
    /// That were sent on to the server.
    pub forwarded: u64,
    /// That met a fault, be it only a delay.
    pub faulted: u64,
}

impl Counts {
    /// Of this class.
    pub const fn of(&self, class: OpClass) -> ClassCounts {
        self.0[class.index()]
    }

    /// Of all classes together.
    pub fn total(&self) -> ClassCounts {
        self.0.iter().fold(ClassCounts::default(), |sum, class| ClassCounts {
            seen: sum.seen + class.seen,
            forwarded: sum.forwarded + class.forwarded,
            faulted: sum.faulted + class.faulted,
        })
    }
}

/// The same, while it counts.
#[derive(Debug, Default)]
pub(super) struct Counters {
    seen: [AtomicU64; 3],
    forwarded: [AtomicU64; 3],
    faulted: [AtomicU64; 3],
}

impl Counters {
    pub(super) fn saw(&self, class: OpClass) {
        self.seen[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn forwarded(&self, class: OpClass) {
        self.forwarded[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn faulted(&self, class: OpClass) {
        self.faulted[class.index()].fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> Counts {
        Counts(OpClass::ALL.map(|class| ClassCounts {
            seen: self.seen[class.index()].load(Relaxed),
            forwarded: self.forwarded[class.index()].load(Relaxed),
            faulted: self.faulted[class.index()].load(Relaxed),
        }))
    }
}

/// The class of a request, as S3 asks for things: a GET of a bucket or with a listing's parameter enumerates.
pub(super) fn class_of(method: &Method, uri: &Uri) -> OpClass {
    if *method == Method::HEAD {
        return OpClass::Read;
    }
    if *method != Method::GET {
        return OpClass::Write;
    }
    let has_key = uri
        .path()
        .trim_start_matches('/')
        .split_once('/')
        .is_some_and(|(_, key)| !key.is_empty());
    let mut parameters = uri.query().unwrap_or_default().split('&');
    let lists = parameters.any(|p| {
        matches!(
            p.split('=').next(),
            Some("list-type" | "prefix" | "delimiter" | "uploads")
        )
    });
    if lists || !has_key {
        OpClass::List
    } else {
        OpClass::Read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_by_method_path_and_query() {
        for (method, uri, class) in [
            (Method::GET, "/bucket/a/b?x-id=GetObject", OpClass::Read),
            (Method::HEAD, "/bucket/a", OpClass::Read),
            (Method::HEAD, "/bucket", OpClass::Read),
            (Method::GET, "/bucket?list-type=2&prefix=a%2F", OpClass::List),
            (Method::GET, "/bucket/?list-type=2", OpClass::List),
            (Method::GET, "/bucket/", OpClass::List),
            (Method::GET, "/", OpClass::List),
            (Method::PUT, "/bucket/a", OpClass::Write),
            (Method::POST, "/bucket?delete", OpClass::Write),
            (Method::DELETE, "/bucket/a", OpClass::Write),
        ] {
            assert_eq!(class_of(&method, &uri.parse().unwrap()), class, "{method} {uri}");
        }
    }
}
