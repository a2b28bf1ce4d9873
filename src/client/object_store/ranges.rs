//! How several ranges of an object become requests, and their bodies become the ranges again. Pure.

use bytes::Bytes;
use std::ops::Range;

/// The longest request: what a failure costs at most, as in a download.
const MOST: u64 = 8 << 20;

/// The requests for these ranges: ascending, apart from each other by more than `gap` bytes or cut at the longest
/// length. Empty ranges need none.
pub(super) fn requests(ranges: &[Range<u64>], gap: u64) -> Vec<Range<u64>> {
    let mut ranges: Vec<_> = ranges.iter().filter(|range| !range.is_empty()).cloned().collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged.into_iter().flat_map(cut).collect()
}

/// Whether the ranges are longer than what a process would hold: 1 GiB.
pub(super) fn are_vast(ranges: &[Range<u64>]) -> bool {
    let bytes = ranges.iter().map(|range| range.end.saturating_sub(range.start));
    bytes.fold(0, u64::saturating_add) > 1 << 30
}

/// The part of the range that an object of this size has. A range that begins after the end keeps its first byte, whose
/// refusal says so.
pub(super) fn up_to(range: &Range<u64>, size: u64) -> Range<u64> {
    match range.is_empty() {
        true => range.clone(),
        false => range.start..range.end.min(size.max(range.start.saturating_add(1))),
    }
}

fn cut(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let part = start..range.end.min(start.saturating_add(MOST));
        start = part.end;
        (!part.is_empty()).then_some(part)
    })
}

/// The bytes of `range`, up to the object's end. `None`: the range begins after the end.
///
/// `bodies[i]` is what came for `requests[i]`; it is shorter where the object ends.
pub(super) fn bytes_of(range: &Range<u64>, requests: &[Range<u64>], bodies: &[Bytes]) -> Option<Bytes> {
    if range.is_empty() {
        return Some(Bytes::new());
    }
    let first = requests
        .partition_point(|request| request.start <= range.start)
        .checked_sub(1)?;
    let within = |at: usize| -> Bytes {
        let (request, body) = (&requests[at], &bodies[at]);
        let place = |byte: u64| {
            let offset = usize::try_from(byte.saturating_sub(request.start)).unwrap_or(usize::MAX);
            offset.min(body.len())
        };
        body.slice(place(range.start)..place(range.end))
    };
    let head = within(first);
    if head.is_empty() {
        return None;
    }
    let touches = |at: &usize| requests[*at].start < range.end;
    let more: Vec<_> = (first + 1..requests.len()).take_while(touches).map(within).collect();
    if more.is_empty() {
        return Some(head);
    }
    let mut whole = Vec::with_capacity(head.len() + more.iter().map(Bytes::len).sum::<usize>());
    whole.extend_from_slice(&head);
    more.iter().for_each(|part| whole.extend_from_slice(part));
    Some(whole.into())
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, clippy::reversed_empty_ranges)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_share_a_request() {
        assert_eq!(requests(&[], 0), []);
        assert_eq!(requests(&[3..3], 9), []);
        assert_eq!(requests(&[0..1, 2..72], 1), [0..72]);
        assert_eq!(requests(&[0..1, 3..4], 1), [0..1, 3..4]);
        assert_eq!(requests(&[10..14, 0..1, 6..7, 8..9, 9..10], 4), [0..1, 6..14]);
        assert_eq!(requests(&[0..9, 2..3], 0), [0..9]);
    }

    #[test]
    fn a_long_range_is_cut() {
        assert_eq!(requests(&[1..MOST + 5], 0), [1..MOST + 1, MOST + 1..MOST + 5]);
    }

    #[test]
    fn a_vast_range_ends_with_the_object() {
        assert!(are_vast(&[0..u64::MAX, 5..u64::MAX]) && !are_vast(&[0..1 << 30]));
        assert_eq!(up_to(&(2..u64::MAX), 9), 2..9);
        assert_eq!(up_to(&(10..u64::MAX), 9), 10..11);
        assert_eq!(up_to(&(4..4), 9), 4..4);
        assert_eq!(up_to(&(1..3), 9), 1..3);
    }

    #[test]
    fn every_range_comes_back() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let size = rng.u64(1..2 * MOST + 10);
            let object = Bytes::from((0..size).map(|at| (at % 251) as u8).collect::<Vec<_>>());
            let ranges: Vec<_> = (0..rng.usize(0..6))
                .map(|_| {
                    let start = rng.u64(0..size);
                    start..start + rng.u64(0..=MOST + 3)
                })
                .collect();
            let requests = requests(&ranges, rng.u64(0..1 << 20));
            let slice = |range: &Range<u64>| {
                let end = range.end.min(size) as usize;
                object.slice((range.start as usize).min(end)..end)
            };
            let bodies: Vec<_> = requests.iter().map(slice).collect();
            for range in &ranges {
                assert!(
                    bytes_of(range, &requests, &bodies).unwrap() == slice(range),
                    "{range:?} of {size}"
                );
            }
        }
    }

    #[test]
    fn a_range_after_the_end_has_no_bytes() {
        let requests = [0..10];
        let bodies = [Bytes::from_static(b"abc")];
        assert_eq!(bytes_of(&(1..9), &requests, &bodies).as_deref(), Some(&b"bc"[..]));
        assert_eq!(bytes_of(&(3..9), &requests, &bodies), None);
    }
}
