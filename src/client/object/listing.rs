use super::{
    call::{CallOptions, enter},
    context::{Aim, Context, Core, Reply, members},
    door,
};
use crate::{
    breaker::Admission,
    clock,
    error::{Error, ErrorKind, NotAsked},
    replicate::{Merge, Mode, Next},
    request::{
        OpClass, bit,
        object::{List, ListEntry, ListPage, ObjectRequest, ObjectResponse},
    },
};
use futures_core::Stream;
use futures_util::future::join_all;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

/// A listing that has not been started yet. [`stream`](Self::stream) starts it.
#[must_use = "a listing does nothing until it is streamed"]
pub struct ListCall {
    core: Arc<Core>,
    request: List,
    limit: Option<usize>,
    options: CallOptions,
}

/// A listing under way: a stream of entries in ascending order of their names' bytes. Pages are fetched when needed.
///
/// It ends when all entries were given, or after an error. Under `write_once` the endpoints' listings are merged; when
/// one endpoint fails, the listing goes on without it and [`is_complete`](Self::is_complete) turns false. Under
/// `provider_managed` one endpoint lists; when it fails, another goes on where it stopped, and
/// [`is_possibly_stale`](Self::is_possibly_stale) says so when it is not the home.
pub struct Listing {
    state: State,
    missing: Vec<NotAsked>,
    possibly_stale: bool,
}

/// A whole listing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Listed {
    /// In ascending order.
    pub entries: Vec<ListEntry>,
    /// Endpoints whose entries may be missing, and why.
    pub missing: Vec<NotAsked>,
    /// It came, at least partly, from a copy that may lag.
    pub possibly_stale: bool,
}

type Fetching = Pin<Box<dyn Future<Output = (Box<Walk>, Result<(), Error>)> + Send>>;

enum State {
    Walking(Box<Walk>),
    Fetching(Fetching),
    Ended,
}

impl ListCall {
    pub(super) fn new(core: Arc<Core>, prefix: String) -> Self {
        Self {
            core,
            request: List {
                prefix,
                ..List::default()
            },
            limit: None,
            options: CallOptions::default(),
        }
    }

    /// Only names greater than this one.
    pub fn start_after(mut self, key: impl Into<String>) -> Self {
        self.request.start_after = Some(key.into());
        self
    }

    /// At most so many entries in all.
    pub const fn limit(mut self, entries: usize) -> Self {
        self.limit = Some(entries);
        self
    }

    /// Folds keys that share everything up to the next delimiter after the prefix into one
    /// [common prefix](ListEntry::CommonPrefix): `"/"` lists one folder.
    pub fn delimiter(mut self, delimiter: impl Into<String>) -> Self {
        self.request.delimiter = Some(delimiter.into());
        self
    }

    /// How long each page may take, with all its attempts; a listing has as many as it needs.
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.options.deadline = Some(deadline);
        self
    }

    /// Only this endpoint.
    pub fn pin(mut self, endpoint: impl Into<Arc<str>>) -> Self {
        self.options.pin = Some(endpoint.into());
        self
    }

    /// Only endpoints that lie in one of these places, beside the client's own constraints. Under `write_once` the others
    /// are then missing from the listing.
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.options.constraints = self.options.constraints.only_locations(locations);
        self
    }

    /// No endpoint whose operator this law reaches, beside the client's own constraints.
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.options.constraints = self.options.constraints.not_under_jurisdiction_of(jurisdiction);
        self
    }

    /// Starts it.
    pub fn stream(self) -> Listing {
        Listing {
            state: State::Walking(Box::new(Walk::new(self))),
            missing: Vec::new(),
            possibly_stale: false,
        }
    }

    /// Fetches it to its end.
    ///
    /// # Errors
    /// When no endpoint could go on; what was listed until then is dropped.
    pub async fn collect_all(self) -> Result<Listed, Error> {
        let mut listing = self.stream();
        let mut entries = Vec::new();
        while let Some(entry) = poll_fn(|cx| Pin::new(&mut listing).poll_next(cx)).await {
            entries.push(entry?);
        }
        Ok(Listed {
            entries,
            missing: listing.missing,
            possibly_stale: listing.possibly_stale,
        })
    }
}

impl Listing {
    /// No endpoint is missing so far.
    pub const fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Endpoints whose entries may be missing, and why.
    pub fn missing(&self) -> &[NotAsked] {
        &self.missing
    }

    /// A part of it came from a copy that may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.possibly_stale
    }
}

impl fmt::Debug for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("missing", &self.missing)
            .field("possibly_stale", &self.possibly_stale)
            .finish_non_exhaustive()
    }
}

impl Stream for Listing {
    type Item = Result<ListEntry, Error>;

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
                    match result {
                        Ok(()) => self.state = State::Walking(walk),
                        Err(error) => return Poll::Ready(Some(Err(error))),
                    }
                }
            }
        }
    }
}

/// The listing's progress: a merge over one lane (a single endpoint at a time) or a lane for each endpoint.
struct Walk {
    core: Arc<Core>,
    options: CallOptions,
    request: List,
    left: Option<usize>,
    lanes: Vec<Lane>,
    merge: Merge,
    lanes_lost: usize,
    missing: Vec<NotAsked>,
    possibly_stale: bool,
}

/// A sequence of pages.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Only this endpoint's, for a listing that merges several.
    fixed: Option<usize>,
    /// Where the last page came from, and what leads on there.
    came_from: Option<(usize, String)>,
}

impl Walk {
    fn new(call: ListCall) -> Self {
        let core = call.core;
        let lanes: Vec<_> = match (core.mode, &call.options.pin) {
            (Mode::WriteOnce, None) => members(core.permitted())
                .map(|endpoint| Lane {
                    fixed: Some(endpoint),
                    came_from: None,
                })
                .collect(),
            _ => vec![Lane::default()],
        };
        Self {
            merge: Merge::new(lanes.len()),
            options: call.options,
            request: call.request,
            left: call.limit,
            lanes,
            lanes_lost: 0,
            missing: Vec::new(),
            possibly_stale: false,
            core,
        }
    }

    fn next(&mut self) -> Next {
        if self.left == Some(0) {
            return Next::End;
        }
        let next = self.merge.next();
        if let (Next::Entry(_), Some(left)) = (&next, &mut self.left) {
            *left -= 1;
        }
        next
    }

    /// A page for every lane that needs one, all at once.
    async fn fetch(&mut self) -> Result<(), Error> {
        let (cx, admitted) = enter(self.core.clone(), "list", &self.options);
        admitted.map_err(|(kind, message)| cx.refuse(kind, message))?;
        valid(&self.request).map_err(|message| cx.refuse(ErrorKind::InvalidInput, message))?;
        let (hungry, mut out) = self.hungry_and_out();
        let mut lost = self.ask(&cx, hungry).await;
        if lost.len() + self.lanes_lost + out.len() >= self.lanes.len() {
            // The others have nothing to give any more: no endpoint is so bad that it is not the last resort.
            lost.extend(self.ask(&cx, std::mem::take(&mut out)).await);
        }
        lost.extend(out.into_iter().map(|lane| (lane, None)));
        self.without(&cx, lost)
    }

    /// A page for each of these lanes; those that got none.
    async fn ask(&mut self, cx: &Context, lanes: Vec<usize>) -> Vec<(usize, Option<Reply>)> {
        let pages = join_all(lanes.iter().map(|&lane| self.page(cx, &self.lanes[lane]))).await;
        let mut lost = Vec::new();
        for (lane, reply) in lanes.into_iter().zip(pages) {
            let endpoint = reply.endpoint();
            match reply.result {
                Ok(ObjectResponse::List(page)) => self.take(lane, endpoint, page),
                _ => lost.push((lane, Some(reply))),
            }
        }
        lost
    }

    /// The lanes that need a page, and those of them whose endpoint's breaker is open. A listing that merges several goes
    /// on without the latter: a forced attempt with its retries, in each listing, would use up the budget that others
    /// need to leave that very endpoint.
    fn hungry_and_out(&self) -> (Vec<usize>, Vec<usize>) {
        let now = clock::now();
        self.merge.hungry().partition(|lane| {
            self.lanes[*lane].fixed.is_none_or(|endpoint| {
                let admission = self.core.vitals[endpoint].breaker.peek(OpClass::List, now);
                !matches!(admission, Admission::Refuse { .. })
            })
        })
    }

    async fn page(&self, cx: &Context, lane: &Lane) -> Reply {
        let mut list = self.request.clone();
        list.limit = self.left;
        let fixed = lane.fixed.map(Aim::only);
        if let Some((endpoint, continuation)) = &lane.came_from {
            list.continuation = Some(continuation.clone());
            let aim = Aim {
                // A lane that may roam leaves an endpoint that fell silent while there is time.
                deadline: fixed.is_none().then(|| cx.preferring()),
                ..Aim::only(*endpoint)
            };
            let reply = cx.ask(ObjectRequest::List(list.clone()), aim).await;
            if reply.is_ok() || fixed.is_some() || cx.pin.is_some() {
                return reply;
            }
            list.continuation = None;
            list.start_after = self.merge.resume_after().or(list.start_after);
        }
        cx.ask(ObjectRequest::List(list), fixed.unwrap_or_default()).await
    }

    fn take(&mut self, lane: usize, endpoint: Option<usize>, page: ListPage) {
        if let Mode::ProviderManaged { home } = self.core.mode {
            self.possibly_stale |= home.is_none() || endpoint != home;
        }
        let more = page.continuation.is_some();
        self.lanes[lane].came_from = endpoint.zip(page.continuation);
        self.merge.feed(lane, page.entries, more);
    }

    /// Goes on without the lanes that were lost, unless none is left. Losing a read-only copy leaves nothing out, as
    /// every write went to a writable endpoint.
    fn without(&mut self, cx: &Context, mut lost: Vec<(usize, Option<Reply>)>) -> Result<(), Error> {
        self.lanes_lost += lost.len();
        if self.lanes_lost >= self.lanes.len()
            && let Some(last) = lost.iter_mut().rev().find_map(|(_, reply)| reply.take())
        {
            return Err(cx.fail(last));
        }
        for (lane, reply) in lost {
            self.merge.end(lane);
            let Some(endpoint) = self.lanes[lane].fixed else {
                return Err(reply.map_or_else(|| cx.nonsense(), |reply| cx.fail(reply)));
            };
            let holds_writes = self.core.writable() == 0 || self.core.writable() & bit(endpoint) != 0;
            if holds_writes {
                self.missing.push(match reply {
                    Some(reply) => cx.not_asked(endpoint, Some(reply)),
                    None => NotAsked::new(cx.name(endpoint), "could not be asked now"),
                });
            }
        }
        Ok(())
    }
}

fn valid(request: &List) -> Result<(), String> {
    door::part_of_a_key("prefix", &request.prefix)?;
    if let Some(start_after) = &request.start_after {
        door::part_of_a_key("start-after", start_after)?;
    }
    match request.delimiter.as_deref() {
        Some("") => Err("a delimiter must not be empty".to_owned()),
        Some(delimiter) => door::part_of_a_key("delimiter", delimiter),
        None => Ok(()),
    }
}
