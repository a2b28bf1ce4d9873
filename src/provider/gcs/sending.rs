//! A body on its way to the store.

use crate::{
    provider::leaving::{WORTH_TELLING, leave},
    request::Progress,
};
use bytes::Bytes;
use google_cloud_storage::streaming_source::{Seek, SizeHint, StreamingSource};
use std::convert::Infallible;

/// Tells how it leaves, piece by piece as the connection takes it.
pub(super) struct Sending {
    body: Bytes,
    rest: Bytes,
    progress: Progress,
}

impl Sending {
    /// The body, and whether it is large enough to be told of. What is not, the SDK sums before it sends it, and so reads it
    /// twice.
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
