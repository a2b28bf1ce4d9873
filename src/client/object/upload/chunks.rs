use super::source::Opened;
use crate::BoxError;
use bytes::{Bytes, BytesMut};
use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

/// Shorter pieces are copied together.
const SMALL: usize = 4 << 10;
/// How much is copied together.
const FULL: usize = 64 << 10;

/// A stream of bytes, cut into parts of one length.
pub(super) struct Chunks {
    stream: Opened,
    held: VecDeque<Bytes>,
    /// The last pieces, if they are small: each would cost more than its bytes.
    small: BytesMut,
    /// How many bytes are held.
    bytes: usize,
    has_ended: bool,
}

impl Chunks {
    pub(super) fn new(stream: Opened) -> Self {
        Self {
            stream,
            held: VecDeque::new(),
            small: BytesMut::new(),
            bytes: 0,
            has_ended: false,
        }
    }

    /// Whether everything was taken.
    pub(super) const fn is_over(&self) -> bool {
        self.has_ended && self.bytes == 0
    }

    /// Reads on until more than `length` bytes are held, or the stream has ended. Returns whether all of it is held.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<Result<bool, BoxError>> {
        while !self.has_ended && self.bytes <= length {
            match ready!(self.stream.as_mut().poll_next(cx)) {
                None => self.has_ended = true,
                Some(piece) => {
                    let piece = piece?;
                    self.bytes += piece.len();
                    if piece.len() < SMALL {
                        self.small.extend_from_slice(&piece);
                    }
                    if piece.len() >= SMALL || self.small.len() >= FULL {
                        self.gather();
                    }
                    if piece.len() >= SMALL {
                        self.held.push_back(piece);
                    }
                }
            }
        }
        Poll::Ready(Ok(self.has_ended))
    }

    /// The next part: `length` bytes, or what there is before the end. `None`: the end.
    pub(super) fn poll_part(&mut self, cx: &mut Context<'_>, length: usize) -> Poll<Result<Option<Bytes>, BoxError>> {
        while !self.has_ended && self.bytes < length {
            ready!(self.poll_fill(cx, self.bytes))?;
        }
        Poll::Ready(Ok((self.bytes > 0).then(|| self.take(length))))
    }

    /// Makes one piece of the small ones.
    fn gather(&mut self) {
        if !self.small.is_empty() {
            self.held.push_back(self.small.split().freeze());
        }
    }

    /// Up to `length` of the bytes that are held. A single piece is not copied.
    fn take(&mut self, length: usize) -> Bytes {
        self.gather();
        let length = length.min(self.bytes);
        self.bytes -= length;
        let mut first = self.held.pop_front().unwrap_or_default();
        if first.len() >= length {
            let part = first.split_to(length);
            if !first.is_empty() {
                self.held.push_front(first);
            }
            return part;
        }
        let mut part = BytesMut::with_capacity(length);
        part.extend_from_slice(&first);
        while part.len() < length {
            let Some(mut next) = self.held.pop_front() else {
                break;
            };
            part.extend_from_slice(&next.split_to(next.len().min(length - part.len())));
            if !next.is_empty() {
                self.held.push_front(next);
            }
        }
        part.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt as _, StreamExt as _, future::poll_fn, stream};

    fn parts(pieces: &[usize], length: usize) -> Vec<usize> {
        let mut at = 0_u8;
        let pieces: Vec<_> = pieces
            .iter()
            .map(|&length| {
                let piece: Vec<u8> = (0..length)
                    .map(|_| {
                        at = at.wrapping_add(1);
                        at
                    })
                    .collect();
                Ok(Bytes::from(piece))
            })
            .collect();
        let mut chunks = Chunks::new(stream::iter(pieces).boxed());
        let mut all = Vec::new();
        let mut lengths = Vec::new();
        while let Some(part) = poll_fn(|cx| chunks.poll_part(cx, length))
            .now_or_never()
            .unwrap()
            .unwrap()
        {
            lengths.push(part.len());
            all.extend_from_slice(&part);
        }
        assert!(chunks.is_over());
        let expected: Vec<u8> = (0..all.len()).map(|i| (i as u8).wrapping_add(1)).collect();
        assert!(all == expected);
        lengths
    }

    #[test]
    fn parts_have_one_length_but_for_the_last() {
        assert!(parts(&[], 4).is_empty());
        assert!(parts(&[0, 0], 4).is_empty());
        assert_eq!(parts(&[4], 4), [4]);
        assert_eq!(parts(&[9], 4), [4, 4, 1]);
        assert_eq!(parts(&[1; 9], 4), [4, 4, 1]);
        assert_eq!(parts(&[3, 0, 7, 1, 300], 5), [vec![5; 62], vec![1]].concat());
    }

    #[test]
    fn a_stream_that_fails_fails_the_part() {
        let pieces = vec![Ok(Bytes::from_static(b"ab")), Err("the disk is gone".into())];
        let mut chunks = Chunks::new(stream::iter(pieces).boxed());
        let failed = poll_fn(|cx| chunks.poll_part(cx, 4)).now_or_never().unwrap();
        assert_eq!(failed.unwrap_err().to_string(), "the disk is gone");
    }
}
