//! Whether a sequence of pages gets anywhere. Pure.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
};

/// How many pages without an entry may follow each other. Azure returns such pages when it looks for a name far down a
/// container, of 5,000 blobs each: these are fifty million.
const EMPTY_PAGES: u32 = 10_000;

/// What the pages of one endpoint have shown so far. A listing must end: its names ascend from page to page, and a
/// continuation never comes twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    last: Option<String>,
    /// Hashes: a token can be long, and a listing can have many.
    tokens: HashSet<u64>,
    empty: u32,
}

impl Progress {
    /// Notes the next page: its first and its last name, and its continuation.
    ///
    /// # Errors
    /// Why the pages lead nowhere, as a sentence.
    pub(crate) fn page(&mut self, names: Option<(&str, &str)>, leads_on: Option<&str>) -> Result<(), &'static str> {
        let grows = |last: &String| names.is_none_or(|(_, name)| name > last.as_str());
        if let Some(token) = leads_on {
            if token.is_empty() {
                return Err("a page says that more follows, but not where");
            }
            let mut hash = DefaultHasher::new();
            token.hash(&mut hash);
            if !self.tokens.insert(hash.finish()) {
                return Err("a page leads back to an earlier page");
            }
        }
        if let (Some(last), Some((first, _))) = (&self.last, names)
            && first < last.as_str()
        {
            return Err("the pages are not in the order of their names");
        }
        if leads_on.is_some() {
            if !self.last.as_ref().is_none_or(grows) {
                return Err("the pages give the same names again and again");
            }
            self.empty = if names.is_some() { 0 } else { self.empty + 1 };
            if self.empty > EMPTY_PAGES {
                return Err("the pages have no entry and do not end");
            }
        }
        if let Some((_, last)) = names {
            last.clone_into(self.last.get_or_insert_default());
        }
        Ok(())
    }

    /// Notes that another endpoint goes on. That endpoint has its own tokens, and its pages may begin before the last
    /// name. Empty pages keep counting.
    pub(crate) fn elsewhere(&mut self) {
        self.tokens.clear();
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progressing_listing_is_accepted() {
        let mut progress = Progress::default();
        progress.page(Some(("a", "c")), Some("1")).unwrap();
        progress.page(None, Some("2")).unwrap();
        // A store may repeat the common prefix that a page ended with.
        progress.page(Some(("c", "d")), Some("3")).unwrap();
        progress.page(Some(("d", "d")), None).unwrap();
    }

    #[test]
    fn a_listing_without_progress_is_an_error() {
        let after = |names, token| {
            let mut progress = Progress::default();
            progress.page(Some(("a", "c")), Some("1")).unwrap();
            progress.page(names, token).unwrap_err()
        };
        assert!(after(None, Some("1")).contains("leads back"));
        assert!(after(None, Some("")).contains("not where"));
        assert!(after(Some(("b", "d")), None).contains("order"));
        assert!(after(Some(("c", "c")), Some("2")).contains("same names"));
        let mut progress = Progress::default();
        let mut pages = 0;
        while progress.page(None, Some(&pages.to_string())).is_ok() {
            pages += 1;
        }
        assert_eq!(pages, EMPTY_PAGES);
    }

    #[test]
    fn a_cycle_of_pages_ends_the_listing() {
        let mut progress = Progress::default();
        let ended = (0..100).find(|page| progress.page(None, Some(["a", "b", "c"][page % 3])).is_err());
        assert_eq!(ended, Some(3));
    }

    #[test]
    fn progress_restarts_at_another_endpoint() {
        let mut progress = Progress::default();
        progress.page(Some(("a", "c")), Some("1")).unwrap();
        progress.elsewhere();
        progress.page(Some(("b", "d")), Some("1")).unwrap();
    }
}
