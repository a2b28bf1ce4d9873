use super::EventRecord;
use std::collections::VecDeque;

/// So many events without a client are known at a time.
const LATEST: usize = 64;

/// Lets each event through once. Where clients share credentials, each of them tells its listeners of the same event,
/// and so does a listener that several clients share hear it several times.
#[derive(Debug, Default)]
pub(crate) struct Once(VecDeque<u64>);

impl Once {
    /// Whether nobody told this event before.
    pub(crate) fn is_news(&mut self, record: &EventRecord) -> bool {
        if record.client.is_some() {
            return true;
        }
        if self.0.contains(&record.sequence) {
            return false;
        }
        if self.0.len() == LATEST {
            self.0.pop_front();
        }
        self.0.push_back(record.sequence);
        true
    }
}
