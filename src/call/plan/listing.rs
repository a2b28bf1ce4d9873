//! The k-way merge of sorted listings.

use crate::request::{
    Key, kv,
    object::{ListEntry, ObjectMeta},
};
use std::collections::VecDeque;

/// One line of a listing or of a scan.
pub trait Line: Send + Sync + 'static {
    /// The name that listings are ordered by.
    fn name(&self) -> &str;

    /// The memory that the line takes beside its own size, in bytes.
    fn weight(&self) -> usize {
        self.name().len()
    }

    /// Whether the line stands for all names that start with its own.
    fn is_folded(&self) -> bool {
        false
    }
}

impl Line for ListEntry {
    fn name(&self) -> &str {
        match self {
            Self::Object(ObjectMeta { key, .. }) => key,
            Self::CommonPrefix(prefix) => prefix,
        }
    }

    fn is_folded(&self) -> bool {
        matches!(self, Self::CommonPrefix(_))
    }
}

impl Line for kv::Entry {
    fn name(&self) -> &str {
        &self.key
    }

    fn weight(&self) -> usize {
        self.key.len() + self.value.bytes.len()
    }
}

/// Merges sorted pages of several sources into one ascending listing without repetitions.
///
/// Pure: the caller fetches a page for every [`hungry`](Self::hungry) source and feeds it.
#[derive(Debug)]
pub(crate) struct Merge<E> {
    sources: Vec<Source<E>>,
    /// The last entry's name, and whether it is a common prefix.
    last: Option<(String, bool)>,
}

#[derive(Debug)]
struct Source<E> {
    entries: VecDeque<E>,
    ended: bool,
}

/// What the merge can say now.
#[derive(Debug)]
pub(crate) enum Next<E> {
    /// The next entry of the listing.
    Entry(E),
    /// The next entry depends on a page of the hungry sources.
    Hungry,
    /// There are no more entries.
    End,
}

impl<E: Line> Merge<E> {
    pub(crate) fn new(sources: usize) -> Self {
        Self {
            sources: (0..sources)
                .map(|_| Source {
                    entries: VecDeque::new(),
                    ended: false,
                })
                .collect(),
            last: None,
        }
    }

    /// The sources whose next entry is not known yet.
    pub(crate) fn hungry(&self) -> impl Iterator<Item = usize> {
        let sources = self.sources.iter().enumerate();
        sources
            .filter(|(_, source)| source.entries.is_empty() && !source.ended)
            .map(|(index, _)| index)
    }

    /// Adds a further page of `source`; `more` says whether the source has another.
    pub(crate) fn feed(&mut self, source: usize, page: Vec<E>, more: bool) {
        let source = &mut self.sources[source];
        source.entries.extend(page);
        source.ended = !more;
    }

    /// Notes that `source` has no further page: it is at its end, or lost.
    pub(crate) fn end(&mut self, source: usize) {
        self.sources[source].ended = true;
    }

    /// Where an endpoint that did not give the last entry goes on. `None`: the merge has given no entry yet.
    pub(crate) fn resume_after(&self) -> Option<String> {
        self.last.as_ref().map(|(name, folded)| after(name, *folded))
    }

    /// The smallest entry. Of several entries with one name, the first source's. Names not above the last one are
    /// dropped: they are repetitions at another endpoint, or a store's disorder.
    pub(crate) fn next(&mut self) -> Next<E> {
        loop {
            if self.hungry().next().is_some() {
                return Next::Hungry;
            }
            let heads = self.sources.iter().enumerate();
            let smallest = heads
                .filter_map(|(index, source)| Some((source.entries.front()?.name(), index)))
                .min();
            let Some((_, index)) = smallest else {
                return Next::End;
            };
            let Some(entry) = self.sources[index].entries.pop_front() else {
                return Next::End;
            };
            if self.last.as_ref().is_none_or(|(last, _)| entry.name() > last.as_str()) {
                self.last = Some((entry.name().to_owned(), entry.is_folded()));
                return Next::Entry(entry);
            }
        }
    }
}

/// The place after `last`. For a common prefix that is after all keys that the prefix folded; otherwise they would be
/// folded again. U+10FFFF sorts after every other character. (If the marker would be longer than a key may be, the
/// repetition comes and is dropped.)
fn after(last: &str, folded: bool) -> String {
    const HIGHEST: char = char::MAX;
    if folded && last.len() + HIGHEST.len_utf8() <= Key::MAX_BYTES {
        format!("{last}{HIGHEST}")
    } else {
        last.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// The size tells the source.
    fn entry(name: &str, source: usize) -> ListEntry {
        ListEntry::Object(ObjectMeta::new(name, source as u64))
    }

    fn run(sources: &[BTreeSet<String>], page: usize) -> Vec<(String, u64)> {
        let mut merge = Merge::new(sources.len());
        let mut pages: Vec<_> = sources.iter().map(|names| names.iter()).collect();
        let mut out = Vec::new();
        loop {
            match merge.next() {
                Next::Entry(ListEntry::Object(meta)) => out.push((meta.key, meta.size)),
                Next::Entry(_) => unreachable!("only objects were fed"),
                Next::Hungry => {
                    let hungry: Vec<_> = merge.hungry().collect();
                    for source in hungry {
                        let entries: Vec<_> = pages[source].by_ref().take(page).map(|n| entry(n, source)).collect();
                        let more = entries.len() == page;
                        merge.feed(source, entries, more);
                    }
                }
                Next::End => return out,
            }
        }
    }

    proptest! {
        #[test]
        fn a_merge_is_the_sorted_union_and_prefers_the_first_source(
            sources in prop::collection::vec(prop::collection::btree_set("[ab/]{1,3}", 0..12), 0..4),
            page in 1..5_usize,
        ) {
            let mut expected = BTreeMap::new();
            for (source, names) in sources.iter().enumerate() {
                for name in names {
                    expected.entry(name.clone()).or_insert(source as u64);
                }
            }
            prop_assert_eq!(run(&sources, page), expected.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn a_lost_source_costs_only_its_own_entries(
            kept in prop::collection::btree_set("[a-d]{1,2}", 0..12),
            lost in prop::collection::btree_set("[a-d]{1,2}", 1..12),
            seen in 0..4_usize,
        ) {
            let mut merge = Merge::new(2);
            merge.feed(0, kept.iter().map(|n| entry(n, 0)).collect(), false);
            merge.feed(1, lost.iter().take(seen).map(|n| entry(n, 1)).collect(), true);
            let mut out = Vec::new();
            loop {
                match merge.next() {
                    Next::Entry(entry) => out.push(entry.name().to_owned()),
                    Next::Hungry => merge.end(1),
                    Next::End => break,
                }
            }
            let mut expected = kept;
            expected.extend(lost.into_iter().take(seen));
            prop_assert_eq!(out, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_cursor_passes_a_common_prefix_as_a_whole() {
        assert_eq!(after("a/", true), "a/\u{10FFFF}");
        assert_eq!(
            after("a/", false),
            "a/",
            "an object may be named so, and others lie below it"
        );
        assert!(after("a/", true).as_str() > "a/zzz" && after("a/", true).as_str() < "a0");
    }
}
