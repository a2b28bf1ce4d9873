//! What a reader of a stream gets, and how long it waits for it.

use super::super::{load::PATIENCE, outcome::now};
use bytes::Bytes;
use std::time::Duration;
use tokio::time::Instant;

/// Compares what comes with what was stored, and measures the waits.
pub(crate) struct Reader {
    expected: Bytes,
    /// Where the next byte belongs.
    at: usize,
    /// How many bytes were had so far: beginning again brings nothing new.
    had: usize,
    last: Instant,
    first_byte: Option<Duration>,
    pause: Duration,
    pub(crate) resumes: usize,
    pub(crate) restarts: usize,
}

/// A stream that was read.
#[derive(Clone, Debug)]
pub(crate) struct Streamed {
    /// Since the start of the run.
    pub(crate) at: Duration,
    pub(crate) failure: Option<String>,
    /// From when the stream should have started. `None`: no byte came.
    pub(crate) first_byte: Option<Duration>,
    /// The longest wait for a new byte after the first.
    pub(crate) pause: Duration,
    /// How many bytes the reader got, each counted once.
    pub(crate) had: usize,
    /// How often it went on elsewhere, at the byte that was due.
    pub(crate) resumes: usize,
    /// How often it began again at the first byte.
    pub(crate) restarts: usize,
}

impl Streamed {
    /// Every byte right, and never a wait of more than two seconds for the next.
    pub(crate) fn available(&self) -> bool {
        self.failure.is_none() && self.first_byte.is_some_and(|wait| wait <= PATIENCE) && self.pause <= PATIENCE
    }
}

impl Reader {
    pub(super) const fn new(expected: Bytes, started: Instant) -> Self {
        Self {
            expected,
            at: 0,
            had: 0,
            last: started,
            first_byte: None,
            pause: Duration::ZERO,
            resumes: 0,
            restarts: 0,
        }
    }

    /// The next bytes are here.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<(), String> {
        let expected = self.expected.get(self.at..self.at + bytes.len());
        // Most are the very memory that was stored, which need not be read to be known.
        if !expected.is_some_and(|expected| std::ptr::eq(expected, bytes) || expected == bytes) {
            return Err(format!("delivered bytes at {} that were never stored there", self.at));
        }
        self.at += bytes.len();
        if self.at > self.had {
            self.had = self.at;
            self.waited(now());
        }
        Ok(())
    }

    /// It begins again at the first byte.
    pub(crate) const fn again(&mut self) {
        self.restarts += 1;
        self.at = 0;
    }

    fn waited(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(self.last);
        match self.first_byte {
            None => self.first_byte = Some(wait),
            Some(_) => self.pause = self.pause.max(wait),
        }
        self.last = until;
    }

    pub(super) fn ended(mut self, at: Duration, read: Result<(), String>, now: Instant) -> Streamed {
        let failure = match read {
            Ok(()) if self.at < self.expected.len() => Some(format!("ended after {} bytes", self.at)),
            read => read.err(),
        };
        // The wait that ended in a failure is a wait, too.
        if failure.is_some() && self.first_byte.is_some() {
            self.waited(now);
        }
        Streamed {
            at,
            failure,
            first_byte: self.first_byte,
            pause: self.pause,
            had: self.had,
            resumes: self.resumes,
            restarts: self.restarts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_again_is_a_pause_until_there_is_a_new_byte() {
        let start = now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut reader = Reader::new(Bytes::from_static(b"abcd"), start);
        // Given two bytes,
        reader.at = 2;
        reader.had = 2;
        reader.waited(at(100));
        // when the body breaks and all of it comes again,
        reader.again();
        (reader.at, reader.had) = (4, 4);
        reader.waited(at(900));
        // then the reader waited from the second byte to the third.
        let sample = reader.ended(Duration::ZERO, Ok(()), at(900));
        assert_eq!(sample.first_byte, Some(Duration::from_millis(100)));
        assert_eq!((sample.pause, sample.restarts), (Duration::from_millis(800), 1));
        assert!(sample.available());
    }

    #[test]
    fn wrong_short_and_silent_bodies_are_not_available() {
        let start = now();
        let reader = || Reader::new(Bytes::from_static(b"abcd"), start);
        assert!(reader().take(b"abx").is_err());
        assert!(reader().take(b"abcde").is_err());
        let mut short = reader();
        short.take(b"abc").unwrap();
        let short = short.ended(Duration::ZERO, Ok(()), start + Duration::from_secs(9));
        assert_eq!(short.failure.as_deref(), Some("ended after 3 bytes"));
        assert!(short.pause > Duration::from_secs(8) && !short.available());
        let silent = reader().ended(Duration::ZERO, Err("gone".into()), start);
        assert!(!silent.available());
    }
}
