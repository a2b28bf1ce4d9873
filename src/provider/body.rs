//! Bodies that arrive, and the reports of their progress.

use crate::request::{Progress, object::ObjectMeta};
use bytes::{Bytes, BytesMut};

/// The beginning of a whole object's body that broke off, of this many bytes or more: the client fetches the rest, and
/// not all of it again. Less is fetched again sooner than it is proven what the rest is of.
const WORTH_KEEPING: u64 = 4 << 20;

/// What is reserved for a body at once, at most: a server may announce more than it sends. A longer body grows.
const RESERVED: u64 = 64 << 20;

/// The beginning of a whole object, whose body broke off.
pub(crate) struct Beginning {
    /// As the adapter gives it: the tag has no endpoint.
    pub(crate) meta: ObjectMeta,
    /// It has room for the whole, unless that is very long.
    pub(crate) body: BytesMut,
}

/// The body of an answer as it arrives. Its pieces are copied into one buffer, so that each piece is free at once: a
/// piece may be a small part of a large buffer of the connection. Only a body of one piece stays as it is.
#[cfg_attr(
    not(any(
        test,
        feature = "s3",
        feature = "azure_blob",
        feature = "gcs",
        feature = "object_store"
    )),
    allow(dead_code)
)]
pub(crate) struct Arriving<'p> {
    progress: &'p Progress,
    /// The length that the answer's head announced.
    announced: Option<u64>,
    /// What has arrived, while that is one piece.
    first: Bytes,
    /// What has arrived, once there are several.
    body: BytesMut,
    /// The object, if its beginning is kept should the body break off.
    kept: Option<Box<ObjectMeta>>,
}

#[cfg_attr(
    not(any(
        test,
        feature = "s3",
        feature = "azure_blob",
        feature = "gcs",
        feature = "object_store"
    )),
    allow(dead_code)
)]
impl<'p> Arriving<'p> {
    /// A body whose answer's head has arrived, and announced this length if any.
    pub(crate) fn behind_its_head(progress: &'p Progress, announced: Option<u64>) -> Self {
        progress.answered();
        Self {
            progress,
            announced,
            first: Bytes::new(),
            body: BytesMut::new(),
            kept: None,
        }
    }

    /// Says that this is the whole body of this object, none of which has arrived yet.
    pub(crate) fn of_whole(&mut self, meta: impl FnOnce() -> ObjectMeta) {
        let is_large = self.announced.is_some_and(|length| length > WORTH_KEEPING);
        if is_large && self.progress.kept().is_some() {
            self.kept = Some(Box::new(meta()));
        }
    }

    /// How many bytes have arrived.
    pub(crate) fn length(&self) -> u64 {
        (self.first.len() + self.body.len()) as u64
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        self.progress.received(piece.len());
        if piece.is_empty() {
            return;
        }
        if self.length() == 0 {
            self.first = piece;
        } else {
            if self.body.is_empty() {
                let reserved = self.announced.unwrap_or(0).min(RESERVED) as usize;
                self.body.reserve(reserved.max(self.first.len() + piece.len()));
                self.body.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.body.extend_from_slice(&piece);
        }
        if self.kept.is_some()
            && self.length() >= WORTH_KEEPING
            && let Some(kept) = self.progress.kept()
        {
            kept.note_enough();
        }
    }

    /// The bytes that have arrived, in one piece, if they are as many as announced.
    pub(crate) fn whole(mut self) -> Option<Bytes> {
        if self.announced.is_some_and(|announced| announced != self.length()) {
            return None;
        }
        self.kept = None;
        let body = std::mem::take(&mut self.body);
        Some(match body.is_empty() {
            true => std::mem::take(&mut self.first),
            false => body.freeze(),
        })
    }
}

/// The body broke off, or the attempt was given up.
impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        let length = self.length();
        let breaks_off = length >= WORTH_KEEPING && self.announced.is_some_and(|announced| length < announced);
        let kept = self.progress.kept().zip(self.kept.take());
        let Some((kept, meta)) = kept.filter(|_| breaks_off) else {
            return;
        };
        let mut body = std::mem::take(&mut self.body);
        body.extend_from_slice(&std::mem::take(&mut self.first));
        kept.keep(Beginning { meta: *meta, body });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Call, CallRecord, OpClass, Safety};

    #[test]
    fn arriving_pieces_add_up_to_one_body_and_report_progress() {
        let call = Call::read(());
        let progress = call.progress();
        let mut arriving = Arriving::behind_its_head(&progress, None);
        for piece in ["a", "", "bc", "", "d"] {
            arriving.push(piece.into());
        }
        assert_eq!(arriving.whole().unwrap(), "abcd");
        assert_eq!(call.record().bytes(call.leg()), 4);
        assert!(call.record().first_byte(call.leg()).is_some());
        assert_eq!(Arriving::behind_its_head(&progress, None).whole().unwrap(), "");
    }

    #[test]
    fn a_body_of_one_piece_is_not_copied() {
        let (progress, piece) = (Progress::unheard(), Bytes::from(vec![7; 100]));
        let mut arriving = Arriving::behind_its_head(&progress, Some(100));
        arriving.push(piece.clone());
        assert_eq!(arriving.whole().unwrap().as_ptr(), piece.as_ptr());
    }

    #[test]
    fn a_body_is_as_long_as_announced_or_none() {
        let progress = Progress::unheard();
        for (announced, is_whole) in [(3, true), (2, false), (4, false), (u64::MAX, false)] {
            let mut arriving = Arriving::behind_its_head(&progress, Some(announced));
            arriving.push("ab".into());
            arriving.push("c".into());
            assert_eq!(arriving.whole().is_some(), is_whole, "{announced}");
        }
    }

    #[test]
    fn a_beginning_is_kept_where_it_is_wanted_and_large() {
        const MIB: usize = 1 << 20;
        // How many bytes came of how many, and whether the client wants them. If all came, something else is wrong.
        for (came, announced, wanted, kept) in [
            (5, 9, true, true),
            (4, 9, true, true),
            (3, 9, true, false),
            (9, 9, true, false),
            (5, 9, false, false),
        ] {
            let record = CallRecord::new(OpClass::Read, Safety::ReadOnly).keeping_beginnings(wanted);
            let call = Call::on_record((), record);
            call.record().pick(call.leg(), 3);
            let progress = call.progress();
            let announced = Some((announced * MIB) as u64);
            let mut arriving = Arriving::behind_its_head(&progress, announced);
            arriving.of_whole(|| ObjectMeta::new("k", 9 << 20));
            for at in 0..came {
                arriving.push(vec![at as u8; MIB].into());
            }
            drop(arriving);
            assert_eq!(call.record().has_beginning(), kept);
            let found = call.record().take_beginning();
            assert_eq!(found.is_some(), kept, "{came} of {announced:?}, {wanted}");
            let Some((endpoint, found)) = found else { continue };
            let found = found.downcast::<Beginning>().unwrap();
            assert_eq!((endpoint, found.body.len(), found.meta.size), (3, came * MIB, 9 << 20));
            assert!(
                found
                    .body
                    .chunks(MIB)
                    .zip(0..)
                    .all(|(piece, at)| piece.iter().all(|byte| *byte == at))
            );
        }
    }
}
