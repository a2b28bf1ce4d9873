//! Symptom → verdict, as data.

use super::{Outcome, Sent, Verdict};
use std::io;

/// The verdict on a bare I/O error. Never proves that nothing was sent.
pub fn for_io(kind: io::ErrorKind) -> Outcome {
    let verdict = match kind {
        io::ErrorKind::ConnectionRefused => Verdict::Unreachable,
        _ => Verdict::Faulty,
    };
    Outcome::new(verdict, Sent::Maybe)
}
