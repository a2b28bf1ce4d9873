use super::{Aim, CallOptions, Context, Core, Protocol, Reply, enter, members};
use crate::{
    breaker::Admission,
    client::Explanation,
    clock,
    error::{Error, ErrorKind, NotAsked},
    replicate::{Line, Merge, Mode, Next},
    request::{OpClass, bit},
};
use futures_util::future::join_all;
use std::sync::Arc;

/// A protocol with listings that come in pages.
pub trait Paged: Protocol {
    /// What is listed.
    type Query: Clone + Send + Sync + Unpin + 'static;
    /// One line of it.
    type Entry: Line + Unpin;
    /// The operation's name.
    const OPERATION: &'static str;

    /// Checks it at the door.
    ///
    /// # Errors
    /// What is wrong, as a sentence.
    fn check(query: &Self::Query) -> Result<(), String>;

    /// The request for a page from here on, of at most so many entries.
    fn page(query: &Self::Query, from: Resume<'_>, limit: Option<usize>) -> Self::Request;

    /// The answer to it: the entries, and what leads on at the same endpoint, if there is more. `None`: it is the answer
    /// to something else.
    fn entries(response: Self::Response) -> Option<(Vec<Self::Entry>, Option<String>)>;
}

/// Where a page begins.
#[derive(Clone, Copy, Debug)]
pub enum Resume<'a> {
    /// Where the query says.
    Start,
    /// Where this endpoint's last page left off, in its own words.
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
    /// Of the last fetch.
    pub(super) explanation: Option<Explanation>,
}

/// A sequence of pages.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Only this endpoint's, for a listing that merges several.
    fixed: Option<usize>,
    /// Where the last page came from, and what leads on there.
    came_from: Option<(usize, String)>,
}

impl<P: Paged> Walk<P> {
    pub(super) fn new(core: Arc<Core<P>>, query: P::Query, limit: Option<usize>, options: CallOptions) -> Self {
        let lanes: Vec<_> = match (core.mode, &options.pin) {
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
            options,
            query,
            left: limit,
            lanes,
            lanes_lost: 0,
            missing: Vec::new(),
            possibly_stale: false,
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

    /// A page for every lane that needs one, all at once. Counts as one call.
    pub(super) async fn fetch(&mut self) -> Result<(), Error> {
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
        lost.extend(out.into_iter().map(|lane| (lane, None)));
        self.explanation = Some(cx.explain());
        self.without(cx, lost)
    }

    /// A page for each of these lanes; those that got none.
    async fn ask(&mut self, cx: &Context<P>, lanes: Vec<usize>) -> Vec<(usize, Option<Reply<P>>)> {
        let pages = join_all(lanes.iter().map(|&lane| self.page(cx, &self.lanes[lane]))).await;
        let mut lost = Vec::new();
        for (lane, reply) in lanes.into_iter().zip(pages) {
            let endpoint = reply.endpoint();
            match reply.result {
                Ok(response) => match P::entries(response) {
                    Some((entries, continuation)) => self.take(lane, endpoint, entries, continuation),
                    None => lost.push((lane, None)),
                },
                Err(_) => lost.push((lane, Some(reply))),
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
            if reply.is_ok() || fixed.is_some() || cx.pin.is_some() {
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

    fn take(&mut self, lane: usize, endpoint: Option<usize>, entries: Vec<P::Entry>, continuation: Option<String>) {
        self.possibly_stale |= self.core.may_lag(endpoint);
        let more = continuation.is_some();
        self.lanes[lane].came_from = endpoint.zip(continuation);
        // What this client, or another, stores for its own purposes is nobody's.
        let own = |entry: &P::Entry| entry.name().starts_with(P::RESERVED);
        let entries = entries.into_iter().filter(|entry| !own(entry)).collect();
        self.merge.feed(lane, entries, more);
    }

    /// Goes on without the lanes that were lost, unless none is left. Losing a read-only copy leaves nothing out, as
    /// every write went to a writable endpoint.
    fn without(&mut self, cx: &Context<P>, mut lost: Vec<(usize, Option<Reply<P>>)>) -> Result<(), Error> {
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
