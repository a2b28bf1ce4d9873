use crate::provider::{
    part::{UNFRAMED, UNSAID},
    refusal::tell_unreadable,
};
use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextMut},
    error::BoxError,
    primitives::{DateTime, DateTimeFormat},
};
use aws_smithy_runtime_api::{client::interceptors::dyn_dispatch_hint, http::Headers};
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

/// Removes headers that the SDK cannot read and that do not matter to the body: the SDK gives up a whole object for one
/// date in an unknown form. The length and the range always stay. A missing tag is noticed elsewhere.
#[derive(Debug, Default)]
pub(super) struct Readable {
    /// The headers of which a warning was already given.
    told: Mutex<BTreeSet<&'static str>>,
}

const CONTENT_RANGE: &str = "content-range";
/// The headers that say where an answer ends.
const FRAMES: [&str; 2] = ["content-length", "transfer-encoding"];

#[derive(Clone, Copy)]
enum Form {
    Date(DateTimeFormat),
    Number { bits: u32 },
    Truth,
}

/// Every header, but for `content-length`, that the SDK (1.157) reads as something else than text.
const SECONDARY: [(&str, Form); 11] = [
    ("last-modified", Form::Date(DateTimeFormat::HttpDate)),
    ("expires", Form::Date(DateTimeFormat::HttpDate)),
    (
        "x-amz-object-lock-retain-until-date",
        Form::Date(DateTimeFormat::DateTimeWithOffset),
    ),
    ("x-amz-object-lock-event-hold-duration-days", Form::Number { bits: 32 }),
    ("x-amz-object-lock-event-hold-duration-years", Form::Number { bits: 32 }),
    ("x-amz-missing-meta", Form::Number { bits: 32 }),
    ("x-amz-mp-parts-count", Form::Number { bits: 32 }),
    ("x-amz-tagging-count", Form::Number { bits: 32 }),
    ("x-amz-object-size", Form::Number { bits: 64 }),
    ("x-amz-delete-marker", Form::Truth),
    ("x-amz-server-side-encryption-bucket-key-enabled", Form::Truth),
];

impl Form {
    fn reads(self, value: &str) -> bool {
        match self {
            Self::Date(format) => DateTime::from_str(value, format).is_ok(),
            Self::Number { bits: 32 } => value.parse::<i32>().is_ok(),
            Self::Number { .. } => value.parse::<i64>().is_ok(),
            Self::Truth => matches!(value, "true" | "false"),
        }
    }
}

/// The unreadable headers, and their names in an event: an event does not show a name that the server chose.
fn unreadable(headers: &Headers) -> Vec<(String, &'static str)> {
    let mut found: Vec<(String, &'static str)> = Vec::new();
    let mut seen = 0_u16;
    for (name, value) in headers.iter_bytes() {
        let secondary = SECONDARY.iter().enumerate().find(|(_, (known, _))| *known == name);
        let value = std::str::from_utf8(value);
        let called = match (secondary, value) {
            (Some((index, (known, form))), value) => {
                let again = seen & (1 << index) != 0;
                seen |= 1 << index;
                let readable = !again && value.is_ok_and(|value| form.reads(value.trim()));
                if readable { continue } else { known }
            }
            (None, Ok(_)) => continue,
            (None, Err(_)) => match name {
                "content-type" => "content-type",
                "cache-control" => "cache-control",
                _ if name.starts_with("x-amz-meta-") => "x-amz-meta-*",
                _ => "another header",
            },
        };
        if !found.iter().any(|(other, _)| other == name) {
            found.push((name.to_owned(), called));
        }
    }
    found
}

#[dyn_dispatch_hint]
impl Intercept for Readable {
    fn name(&self) -> &'static str {
        "Readable"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Of a get neither is a whole object: a gateway's "no content", and a part that must say which.
        let is_part = matches!(context.response().status().as_u16(), 204 | 206);
        let is_empty = context.response().body().content_length() == Some(0);
        let headers = context.response_mut().headers_mut();
        let is_framed = is_empty || FRAMES.iter().any(|name| headers.contains_key(*name));
        if !headers.contains_key(CONTENT_RANGE) {
            match (is_part, is_framed) {
                (true, _) => drop(headers.insert(CONTENT_RANGE, UNSAID)),
                (false, false) => drop(headers.insert(CONTENT_RANGE, UNFRAMED)),
                (false, true) => {}
            }
        }
        for (name, called) in unreadable(headers) {
            headers.remove(&name);
            let first = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(called);
            if first {
                tell_unreadable(called);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreadable_headers_are_removed() {
        let mut headers = Headers::new();
        for (name, value) in [
            ("last-modified", "Fri, 27 Nov 2026 08:57:14 GMT"),
            ("x-amz-object-lock-retain-until-date", "2030-01-01T00:00:00.000Z"),
            ("x-amz-tagging-count", "3"),
            ("x-amz-object-size", "5368709120"),
            ("x-amz-delete-marker", "false"),
            ("content-length", "many"),
        ] {
            headers.insert(name, value);
        }
        assert!(unreadable(&headers).is_empty());
        headers.insert("x-amz-tagging-count", "5368709120");
        headers.append("last-modified", "Fri, 27 Nov 2026 08:57:15 GMT");
        let names: Vec<_> = unreadable(&headers).into_iter().map(|(_, called)| called).collect();
        assert_eq!(names, ["last-modified", "x-amz-tagging-count"]);
    }
}
