use super::feed::{self, Feed};
use bytes::Bytes;
use futures_util::{Stream, stream};
use std::{collections::VecDeque, pin::Pin, sync::Arc};
use tokio::sync::watch;

/// What a reader of `/events` gets, piece by piece.
pub(super) type Frames = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// The latest state, as text that all readers share. A reader that comes late finds the newest and none between.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest {
    pub(super) state: Bytes,
    pub(super) history: Bytes,
    /// The number of that history.
    pub(super) bin: u64,
    pub(super) closed: bool,
}

struct Reader {
    latest: watch::Receiver<Latest>,
    feed: Arc<Feed>,
    /// The position of the last event that this reader got.
    position: u64,
    bin: Option<u64>,
    /// What goes out before anything else is looked at: at most the ring, a state and a history.
    pending: VecDeque<Bytes>,
    closed: bool,
}

/// The events after `position`, now and from now on. `now`: the state at this moment. Ends when the page is closed or
/// gone.
pub(super) fn frames(mut now: Latest, mut latest: watch::Receiver<Latest>, feed: Arc<Feed>, position: u64) -> Frames {
    now.closed = latest.borrow_and_update().closed;
    let mut reader = Reader {
        latest,
        feed,
        position,
        bin: None,
        pending: VecDeque::from([Bytes::from_static(b"retry: 3000\n\n")]),
        closed: false,
    };
    reader.take(&now);
    Box::pin(stream::unfold(reader, |mut reader| async move {
        loop {
            if let Some(frame) = reader.pending.pop_front() {
                return Some((frame, reader));
            }
            if reader.closed || reader.latest.changed().await.is_err() {
                return None;
            }
            let latest = reader.latest.borrow_and_update().clone();
            reader.take(&latest);
        }
    }))
}

impl Reader {
    fn take(&mut self, latest: &Latest) {
        let news = self.feed.after(self.position);
        if news.missed > 0 {
            self.pending
                .push_back(message("missed", None, news.missed.to_string().as_bytes()));
        }
        for event in news.events {
            self.position = event.position;
            let id = feed::id(event.position);
            self.pending.push_back(message("decision", Some(&id), &event.json));
        }
        if self.bin != Some(latest.bin) && !latest.history.is_empty() {
            self.bin = Some(latest.bin);
            self.pending.push_back(latest.history.clone());
        }
        if !latest.state.is_empty() {
            self.pending.push_back(latest.state.clone());
        }
        if latest.closed {
            self.closed = true;
            self.pending.push_back(message("closed", None, b"true"));
        }
    }
}

/// One message of server-sent events. `data` is JSON, which has no line breaks.
pub(super) fn message(name: &str, id: Option<&str>, data: &[u8]) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    [format!("{id}event: {name}\ndata: ").as_bytes(), data, b"\n\n"]
        .concat()
        .into()
}
