//! Bodies that arrive, and the reports of their progress.

use crate::request::Progress;
use bytes::{Bytes, BytesMut};

/// The pieces of an answer's body as they arrive.
pub(super) struct Arriving<'p> {
    progress: &'p Progress,
    pieces: Vec<Bytes>,
    length: usize,
}

impl<'p> Arriving<'p> {
    /// A body whose answer's head has arrived.
    pub(super) fn behind_its_head(progress: &'p Progress) -> Self {
        progress.answered();
        Self {
            progress,
            pieces: Vec::new(),
            length: 0,
        }
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        self.progress.received(piece.len());
        self.length += piece.len();
        self.pieces.push(piece);
    }

    /// The bytes that have arrived, in one piece. They are copied only if there are several pieces.
    pub(super) fn whole(mut self) -> Bytes {
        if self.pieces.len() == 1 {
            return self.pieces.remove(0);
        }
        let mut whole = BytesMut::with_capacity(self.length);
        self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Call;

    #[test]
    fn arriving_pieces_add_up_to_one_body_and_report_progress() {
        let call = Call::read(());
        let progress = call.progress();
        let mut arriving = Arriving::behind_its_head(&progress);
        for piece in ["a", "", "bc"] {
            arriving.push(piece.into());
        }
        assert_eq!(arriving.whole(), "abc");
        assert_eq!(call.record().bytes(call.leg()), 3);
        assert!(call.record().first_byte(call.leg()).is_some());
        assert_eq!(Arriving::behind_its_head(&progress).whole(), "");
    }
}
