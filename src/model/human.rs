use std::{fmt, time::Duration};

/// A duration for a person: three significant places are enough.
pub(crate) struct Human(pub(crate) Duration);

impl fmt::Display for Human {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_micros() {
            0..1_000 => write!(f, "{} µs", self.0.as_micros()),
            1_000..1_000_000 => write!(f, "{} ms", self.0.as_millis()),
            micros if micros % 1_000_000 == 0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{:.1} s", self.0.as_secs_f64()),
        }
    }
}
