use super::{
    call::{CallOptions, enter},
    context::{Aim, Context, Core, Reply, members},
    door,
    listing::ListCall,
};
use crate::{
    breaker::Admission,
    client::Explanation,
    clock,
    error::{Error, ErrorKind, NotAsked},
    replicate::{Merge, Mode, Next},
    request::{
        Key, OpClass, bit,
        object::{List, ListEntry, ListPage, ObjectRequest, ObjectResponse},
    },
};
use futures_util::future::join_all;
use std::sync::Arc;

/// The listing's progress: a merge over one lane (a single endpoint at a time) or a lane for each endpoint.
pub(super) struct Walk {
    core: Arc<Core>,
    options: CallOptions,
    request: List,
    left: Option<usize>,
    lanes: Vec<Lane>,
    merge: Merge,
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

impl Walk {
    pub(super) fn new(call: ListCall) -> Self {
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
            explanation: None,
            core,
        }
    }

    pub(super) fn next(&mut self) -> Next {
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
        let (cx, admitted) = enter(self.core.clone(), "list", &self.options);
        let result = match admitted {
            Ok(()) => self.pages(&cx).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(OpClass::List, result.as_ref().err());
        result
    }

    async fn pages(&mut self, cx: &Context) -> Result<(), Error> {
        valid(&self.request).map_err(|message| cx.refuse(ErrorKind::InvalidInput, message))?;
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
        // What this client, or another, stores for its own purposes is nobody's object.
        let own = |entry: &ListEntry| entry.name().starts_with(Key::RESERVED);
        let entries = page.entries.into_iter().filter(|entry| !own(entry)).collect();
        self.merge.feed(lane, entries, more);
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
