use super::{Aim, Context, Core, Protocol, Reply, enter};
use crate::{
    call::{Error, Explanation, Line, Merge, Next, NotAsked, Progress, options::CallOptions},
    model::{ErrorKind, clock},
    request::{OpClass, bit, members},
    stack::breaker::Admission,
};
use futures_util::future::join_all;
use std::sync::Arc;

/// A protocol with listings that come in pages.
pub trait Paged: Protocol {
    /// What a listing asks for.
    type Query: Clone + Send + Sync + Unpin + 'static;
    /// One line of a listing.
    type Entry: Line + Unpin;
    /// The operation's name.
    const OPERATION: &'static str;

    /// Checks the query at the door.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    fn check(query: &Self::Query) -> Result<(), String>;

    /// The request for a page of at most `limit` entries that begins at `from`.
    fn page(query: &Self::Query, from: Resume<'_>, limit: Option<usize>) -> Self::Request;

    /// The page in a response. `None`: the response answers something else.
    fn entries(response: Self::Response) -> Option<PageOf<Self::Entry>>;
}

/// One page.
#[derive(Clone, Debug)]
pub struct PageOf<E> {
    pub(crate) entries: Vec<E>,
    /// The continuation at the same endpoint, if there are more entries.
    pub(crate) leads_on: Option<String>,
    /// How many entries were left out because they are not of the shape that this crate stores.
    pub(crate) foreign: u64,
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub enum Resume<'a> {
    /// At the start of the query.
    Start,
    /// Where this endpoint's last page ended: the endpoint's own continuation.
    Continuation(&'a str),
    /// After the entry of this name, which another endpoint gave.
    After(&'a str),
}

/// The listing's progress: a merge over one lane (a single endpoint at a time) or a lane for each endpoint.
pub(super) struct Walk<P: Paged> {
    core: Arc<Core<P>>,
    options: CallOptions,
    query: P::Query,
    left: Option<usize>,
    lanes: Vec<Lane>,
    merge: Merge<P::Entry>,
    lanes_lost: usize,
    pub(super) missing: Vec<NotAsked>,
    pub(super) possibly_stale: bool,
    /// How many entries were left out because they are not of the shape that this crate stores.
    pub(super) foreign: u64,
    /// The explanation of the last fetch.
    pub(super) explanation: Option<Explanation>,
}

/// A sequence of pages.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// The lane's only endpoint, for a listing that merges several.
    fixed: Option<usize>,
    /// The endpoint of the last page, and its continuation.
    came_from: Option<(usize, String)>,
    progress: Progress,
}

/// Why a lane got no page.
enum Lost<P: Protocol> {
    /// The lane's endpoint was left alone, or gave the answer of another operation.
    NotAsked,
    Failed(Reply<P>),
    /// The pages lead nowhere.
    Endless(Option<usize>, &'static str),
}

impl<P: Paged> Walk<P> {
    pub(super) fn new(core: Arc<Core<P>>, query: P::Query, limit: Option<usize>, options: CallOptions) -> Self {
        let lanes: Vec<_> = match (core.plan.merge, &options.pin) {
            (true, None) => members(core.plan.holders)
                .map(|endpoint| Lane {
                    fixed: Some(endpoint),
                    ..Lane::default()
                })
                .collect(),
            _ => vec![Lane::default()],
        };
        Self {
            merge: Merge::new(lanes.len()),
            options,
            query,
            left: limit,
            lanes,
            lanes_lost: 0,
            missing: Vec::new(),
            possibly_stale: false,
            foreign: 0,
            explanation: None,
            core,
        }
    }

    pub(super) fn next(&mut self) -> Next<P::Entry> {
        if self.left == Some(0) {
            return Next::End;
        }
        let next = self.merge.next();
        if let (Next::Entry(_), Some(left)) = (&next, &mut self.left) {
            *left -= 1;
        }
        next
    }

    /// Fetches a page for every lane that needs one, all at once. Counts as one call.
    pub(super) async fn fetch(&mut self) -> Result<(), Error> {
        // A store that answers at once would otherwise keep the thread for as long as the listing is, timers included.
        tokio::task::yield_now().await;
        let (cx, admitted) = enter(self.core.clone(), P::OPERATION, &self.options);
        let result = match admitted {
            Ok(()) => self.pages(&cx).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(OpClass::List, result.as_ref().err());
        result
    }

    async fn pages(&mut self, cx: &Context<P>) -> Result<(), Error> {
        P::check(&self.query).map_err(|message| cx.refuse(ErrorKind::InvalidInput, message))?;
        let (hungry, mut out) = self.hungry_and_out();
        let mut lost = self.ask(cx, hungry).await;
        if lost.len() + self.lanes_lost + out.len() >= self.lanes.len() {
            // The others have nothing to give any more: no endpoint is so bad that it is not the last resort.
            lost.extend(self.ask(cx, std::mem::take(&mut out)).await);
        }
        lost.extend(out.into_iter().map(|lane| (lane, Lost::NotAsked)));
        self.explanation = Some(cx.explain());
        self.without(cx, lost)
    }

    /// Fetches a page for each of these lanes. Returns the lanes that got none.
    async fn ask(&mut self, cx: &Context<P>, lanes: Vec<usize>) -> Vec<(usize, Lost<P>)> {
        let pages = join_all(lanes.iter().map(|&lane| self.page(cx, &self.lanes[lane]))).await;
        let mut lost = Vec::new();
        for (lane, reply) in lanes.into_iter().zip(pages) {
            let endpoint = reply.endpoint();
            match reply.result {
                Ok(response) => match P::entries(response) {
                    Some(page) => {
                        if let Err(why) = self.take(lane, endpoint, page) {
                            lost.push((lane, Lost::Endless(endpoint, why)));
                        }
                    }
                    None => lost.push((lane, Lost::NotAsked)),
                },
                Err(_) => lost.push((lane, Lost::Failed(reply))),
            }
        }
        lost
    }

    /// The lanes that need a page, and those of them whose endpoint's breaker is open. A listing that merges several
    /// endpoints goes on without the latter: a forced attempt with its retries, in each listing, would use up the
    /// budget that other calls need to leave that very endpoint.
    fn hungry_and_out(&self) -> (Vec<usize>, Vec<usize>) {
        let now = clock::now();
        self.merge.hungry().partition(|lane| {
            self.lanes[*lane].fixed.is_none_or(|endpoint| {
                let admission = self.core.engine.vitals[endpoint].breaker.peek(OpClass::List, now);
                !matches!(admission, Admission::Refuse { .. })
            })
        })
    }

    async fn page(&self, cx: &Context<P>, lane: &Lane) -> Reply<P> {
        let fixed = lane.fixed.map(Aim::only);
        if let Some((endpoint, continuation)) = &lane.came_from {
            let aim = Aim {
                // A lane that may roam leaves an endpoint that fell silent while there is time.
                deadline: fixed.is_none().then(|| cx.preferring()),
                ..Aim::only(*endpoint)
            };
            let next = P::page(&self.query, Resume::Continuation(continuation), self.left);
            let reply = cx.ask(next, aim).await;
            if reply.is_ok() || fixed.is_some() || cx.pin.is_some() || cx.ends_with(&reply) {
                return reply;
            }
            if !cx.may_ask_more(OpClass::List) {
                reply.record().note_withheld();
                return reply;
            }
            let last = self.merge.resume_after();
            let from = last.as_deref().map_or(Resume::Start, Resume::After);
            return cx
                .ask(P::page(&self.query, from, self.left), Aim::default().again())
                .await;
        }
        cx.ask(
            P::page(&self.query, Resume::Start, self.left),
            fixed.unwrap_or_default(),
        )
        .await
    }

    /// # Errors
    /// Why this lane's pages lead nowhere.
    fn take(&mut self, lane: usize, endpoint: Option<usize>, page: PageOf<P::Entry>) -> Result<(), &'static str> {
        let PageOf {
            entries,
            leads_on,
            foreign,
        } = page;
        let at = &mut self.lanes[lane];
        if at
            .came_from
            .as_ref()
            .is_some_and(|(before, _)| Some(*before) != endpoint)
        {
            at.progress.elsewhere();
        }
        let names = entries.first().zip(entries.last());
        let names = names.map(|(first, last)| (first.name(), last.name()));
        at.progress.page(names, leads_on.as_deref())?;
        if !entries.is_sorted_by(|one, next| one.name() <= next.name()) {
            return Err("a page is not in the order of its names");
        }
        let more = leads_on.is_some();
        at.came_from = endpoint.zip(leads_on);
        self.possibly_stale |= self.core.plan.may_lag(endpoint);
        self.foreign += foreign;
        // What this client, or another, stores for its own purposes is nobody's.
        let own = |entry: &P::Entry| entry.name().starts_with(P::RESERVED);
        let entries = entries.into_iter().filter(|entry| !own(entry)).collect();
        self.merge.feed(lane, entries, more);
        Ok(())
    }

    /// Goes on without the lost lanes, unless no lane is left. A lost read-only copy leaves nothing out, because every
    /// write went to a writable endpoint.
    fn without(&mut self, cx: &Context<P>, mut lost: Vec<(usize, Lost<P>)>) -> Result<(), Error> {
        self.lanes_lost += lost.len();
        if self.lanes_lost >= self.lanes.len()
            && let Some(last) = lost.iter().rposition(|(_, why)| !matches!(why, Lost::NotAsked))
        {
            return Err(Self::failure(cx, lost.swap_remove(last).1));
        }
        for (lane, why) in lost {
            self.merge.end(lane);
            let Some(endpoint) = self.lanes[lane].fixed else {
                return Err(Self::failure(cx, why));
            };
            if self.core.plan.voters & bit(endpoint) != 0 {
                self.missing.push(match why {
                    Lost::Failed(reply) => cx.not_asked(endpoint, Some(reply)),
                    Lost::Endless(_, why) => NotAsked::new(
                        cx.name(endpoint),
                        format!("gave a listing that cannot be followed: {why}"),
                    ),
                    Lost::NotAsked => cx.not_asked(endpoint, None),
                });
            }
        }
        Ok(())
    }

    fn failure(cx: &Context<P>, why: Lost<P>) -> Error {
        match why {
            Lost::NotAsked => cx.nonsense(),
            Lost::Failed(reply) => cx.fail(reply),
            Lost::Endless(endpoint, why) => {
                let name = endpoint.map_or_else(|| "the endpoint".into(), |endpoint| cx.name(endpoint));
                let message = format!("the listing of {name} cannot be followed: {why}");
                cx.refuse(ErrorKind::Unavailable, message).retryable(false)
            }
        }
    }
}
