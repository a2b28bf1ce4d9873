use super::{
    Core, enter,
    walk::{Paged, Walk},
};
use crate::{
    call::{
        Error, Explanation, Line, Next, NotAsked,
        options::{CallOptions, call_setters, valid_time},
    },
    model::{ErrorKind, clock},
    request::OpClass,
};
use futures_core::Stream;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};
use tokio::time::timeout_at;

/// The most that [`collect_all`](PagesCall::collect_all) holds, which a small instance can spare: about a million
/// objects, or a table's values.
const COLLECT_UP_TO: usize = 256 << 20;
/// The longest time that [`collect_all`](PagesCall::collect_all) takes: enough for two thousand pages, the most that it
/// may hold, from another continent.
const COLLECT_WITHIN: Duration = Duration::from_secs(10 * 60);

/// A listing that has not been started yet. [`stream`](Self::stream) starts it.
#[must_use = "a listing does nothing until it is streamed"]
pub struct PagesCall<P: Paged> {
    core: Arc<Core<P>>,
    pub(crate) query: P::Query,
    limit: Option<usize>,
    collect_up_to: usize,
    collect_within: Duration,
    options: CallOptions,
}

/// A listing or a scan under way: a stream of entries in ascending order of their names' bytes. Pages are fetched when
/// needed.
///
/// The stream ends after all entries, or after an error. Foreign names, which no key may have, are listed as they are.
/// An endpoint whose pages lead nowhere (names that do not ascend, a continuation that came before, no entry in 10,000
/// pages) is an error, too.
///
/// Under `write_once` the endpoints' listings are merged. When one endpoint fails, the listing goes on without it and
/// [`is_complete`](Self::is_complete) turns false. Under `provider_managed` one endpoint lists. When it fails, another
/// endpoint goes on after the last entry. [`is_possibly_stale`](Self::is_possibly_stale) is true if an endpoint other
/// than the home listed.
pub struct Pages<P: Paged> {
    state: State<P>,
    missing: Vec<NotAsked>,
    possibly_stale: bool,
    foreign: u64,
    explanation: Option<Explanation>,
    fetches: usize,
}

/// A whole listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Collected<E> {
    /// In ascending order.
    pub entries: Vec<E>,
    /// Endpoints whose entries may be missing, and why.
    pub missing: Vec<NotAsked>,
    /// Whether at least a part came from a copy that may lag.
    pub possibly_stale: bool,
    /// How many entries were left out because they are not of the shape that this crate stores: another program's items
    /// in a table. (An object has no shape: foreign objects are among the entries.)
    pub foreign: u64,
    /// The explanations, page by page.
    pub explanations: Vec<Explanation>,
}

type Fetching<P> = Pin<Box<dyn Future<Output = (Box<Walk<P>>, Result<(), Error>)> + Send>>;

enum State<P: Paged> {
    Walking(Box<Walk<P>>),
    Fetching(Fetching<P>),
    Ended,
}

impl<P: Paged> PagesCall<P> {
    pub(crate) fn new(core: Arc<Core<P>>, query: P::Query) -> Self {
        Self {
            core,
            query,
            limit: None,
            collect_up_to: COLLECT_UP_TO,
            collect_within: COLLECT_WITHIN,
            options: CallOptions::default(),
        }
    }

    /// Lists at most `entries` entries in all.
    pub const fn limit(mut self, entries: usize) -> Self {
        self.limit = Some(entries);
        self
    }

    call_setters! {
        deadline: "How long each page may take, with all its attempts; a listing has as many as it needs.",
        pin: "Only this endpoint."
    }

    /// Sets how many bytes [`collect_all`](Self::collect_all) may hold before it fails. Default: 256 MiB.
    pub const fn collect_up_to(mut self, bytes: usize) -> Self {
        self.collect_up_to = bytes;
        self
    }

    /// Sets how long [`collect_all`](Self::collect_all) may take, with all pages. Default: 10 min.
    pub const fn collect_within(mut self, limit: Duration) -> Self {
        self.collect_within = limit;
        self
    }

    /// Starts the listing.
    pub fn stream(self) -> Pages<P> {
        Pages {
            state: State::Walking(Box::new(Walk::new(self.core, self.query, self.limit, self.options))),
            missing: Vec::new(),
            possibly_stale: false,
            foreign: 0,
            explanation: None,
            fetches: 0,
        }
    }

    /// Fetches the listing to its end, within [`collect_up_to`](Self::collect_up_to) and
    /// [`collect_within`](Self::collect_within).
    ///
    /// # Errors
    /// No endpoint could go on, or a limit was met. The entries listed until then are dropped.
    pub async fn collect_all(self) -> Result<Collected<P::Entry>, Error> {
        let (most, within) = (self.collect_up_to, self.collect_within);
        let (cx, admitted) = enter(self.core.clone(), P::OPERATION, &self.options);
        let admitted =
            admitted.and_then(|()| valid_time("a deadline", within).map_err(|wrong| (ErrorKind::InvalidInput, wrong)));
        admitted.map_err(|(kind, message)| {
            let refused = cx.refuse(kind, message);
            cx.ended(OpClass::List, Some(&refused));
            refused
        })?;
        let ends = clock::now() + within;
        let mut listing = self.stream();
        let refuse = |listing: &Pages<P>, kind, message| {
            let explanation = listing.explanation.clone().unwrap_or_else(|| cx.explain());
            let refused = Error::local(kind, explanation, message);
            cx.ended(OpClass::List, Some(&refused));
            Err(refused)
        };
        let (mut entries, mut explanations, mut held) = (Vec::new(), Vec::new(), 0_usize);
        loop {
            let next = poll_fn(|cx| Pin::new(&mut listing).poll_next(cx));
            let entry = match timeout_at(ends, next).await {
                Ok(Some(entry)) => entry?,
                Ok(None) => break,
                Err(_) => {
                    let message =
                        format!("the listing did not end within {within:?}: stream the listing, or allow more time");
                    return refuse(&listing, ErrorKind::DeadlineExceeded, message);
                }
            };
            held = held.saturating_add(size_of::<P::Entry>() + entry.weight());
            if held > most {
                let message = format!(
                    "the listing is longer than the {most} bytes that may be collected: stream the listing, or allow more bytes"
                );
                return refuse(&listing, ErrorKind::Rejected, message);
            }
            entries.push(entry);
            if listing.fetches > explanations.len() {
                explanations.extend(listing.explanation.clone());
            }
        }
        if listing.fetches > explanations.len() {
            explanations.extend(listing.explanation.clone());
        }
        Ok(Collected {
            entries,
            missing: listing.missing,
            possibly_stale: listing.possibly_stale,
            foreign: listing.foreign,
            explanations,
        })
    }
}

impl<P: Paged> Pages<P> {
    /// Whether no endpoint is missing so far.
    pub const fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Endpoints whose entries may be missing, and why.
    pub fn missing(&self) -> &[NotAsked] {
        &self.missing
    }

    /// The explanation of the last page, or of each endpoint's last page if listings are merged. `None` before the
    /// first page.
    pub const fn explanation(&self) -> Option<&Explanation> {
        self.explanation.as_ref()
    }

    /// How many entries were left out so far because they are not of the shape that this crate stores: see
    /// [`Collected::foreign`].
    pub const fn foreign(&self) -> u64 {
        self.foreign
    }

    /// Whether a part came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.possibly_stale
    }
}

impl<P: Paged> fmt::Debug for Pages<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("missing", &self.missing)
            .field("possibly_stale", &self.possibly_stale)
            .finish_non_exhaustive()
    }
}

impl<P: Paged> Stream for Pages<P> {
    type Item = Result<P::Entry, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::mem::replace(&mut self.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Walking(mut walk) => match walk.next() {
                    Next::Entry(entry) => {
                        self.state = State::Walking(walk);
                        return Poll::Ready(Some(Ok(entry)));
                    }
                    Next::Hungry => {
                        self.state = State::Fetching(Box::pin(async move {
                            let result = walk.fetch().await;
                            (walk, result)
                        }));
                    }
                    Next::End => {}
                },
                State::Fetching(mut fetching) => {
                    let Poll::Ready((walk, result)) = fetching.as_mut().poll(cx) else {
                        self.state = State::Fetching(fetching);
                        return Poll::Pending;
                    };
                    self.missing.clone_from(&walk.missing);
                    self.possibly_stale = walk.possibly_stale;
                    self.foreign = walk.foreign;
                    self.explanation.clone_from(&walk.explanation);
                    self.fetches += 1;
                    match result {
                        Ok(()) => self.state = State::Walking(walk),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}
