//! A body on its way to the store.

use crate::{
    provider::leaving::{WORTH_TELLING, leave},
    request::Progress,
};
use bytes::Bytes;
use google_cloud_storage::streaming_source::{Seek, SizeHint, StreamingSource};
use std::convert::Infallible;

/// Reports how a body leaves, piece by piece as the connection takes it.
pub(super) struct Sending {
    body: Bytes,
    rest: Bytes,
    progress: Progress,
}

impl Sending {
    /// The body, and whether the body is large enough to report its progress. The SDK sums a small body before it sends
    /// the body, and so reads it twice.
    pub(super) fn of(body: Bytes, progress: &Progress) -> (Self, bool) {
        let told = body.len() > WORTH_TELLING && progress.is_heard();
        progress.begin(if told { body.len() as u64 } else { 0 });
        let sending = Self {
            rest: body.clone(),
            body,
            progress: if told { progress.clone() } else { Progress::unheard() },
        };
        (sending, told)
    }
}

impl StreamingSource for Sending {
    type Error = Infallible;

    async fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        leave(&mut self.rest, &self.progress).map(Ok)
    }

    async fn size_hint(&self) -> Result<SizeHint, Infallible> {
        Ok(SizeHint::with_exact(self.body.len() as u64))
    }
}

impl Seek for Sending {
    type Error = Infallible;

    async fn seek(&mut self, offset: u64) -> Result<(), Infallible> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        self.rest = self.body.slice(offset.min(self.body.len())..);
        Ok(())
    }
}
