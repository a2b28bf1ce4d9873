use super::super::{ObjectClient, Objects, rounds};
use crate::{
    call::{
        Aim, Context, Core, Error, NotAsked, enter,
        options::{CallOptions, call_setters},
    },
    model::{ErrorKind, clock},
    provider::ObjectProvider as _,
    request::{
        Key, OpClass, members,
        object::{AbortUpload, ListUploads, ObjectRequest, ObjectResponse},
    },
};
use std::{
    collections::HashSet,
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A sweep that has not begun yet. Options first, then `.await`.
#[must_use = "a sweep does nothing until it is awaited"]
pub struct SweepCall {
    core: Arc<Core<Objects>>,
    prefix: String,
    older_than: Duration,
    options: CallOptions,
}

/// What a sweep found and did.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
#[must_use = "it says which endpoints could not be swept"]
pub struct Swept {
    /// How many uploads were given up.
    pub aborted: usize,
    /// How many uploads are younger, of an age that the store does not tell, or could not be given up.
    pub kept: usize,
    /// The endpoints that could not be swept, or not to the end, and why.
    pub failed: Vec<NotAsked>,
}

impl SweepCall {
    pub(in super::super) fn new(client: &ObjectClient, older_than: Duration) -> Self {
        Self {
            core: client.core.clone(),
            prefix: String::new(),
            older_than,
            options: CallOptions::default(),
        }
    }

    /// Only uploads of keys with this prefix. Default: all of the bucket.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    call_setters! {
        deadline: "How long each request may take, with all its attempts.",
        pin: "Only this endpoint."
    }

    async fn run(self) -> Result<Swept, Error> {
        let (cx, admitted) = enter(self.core.clone(), "sweep_uploads", &self.options);
        if let Err((kind, message)) = admitted {
            return Err(cx.refuse(kind, message));
        }
        cx.checked(super::super::door::part_of_a_key("prefix", &self.prefix))?;
        let mut swept = Swept::default();
        for endpoint in members(cx.reach(self.core.plan.write_to)) {
            let parts = self
                .core
                .provider(endpoint)
                .and_then(|store| store.capabilities().parts);
            if parts.is_some()
                && let Err(why) = self.sweep(endpoint, &mut swept).await
            {
                swept.failed.push(why);
            }
        }
        Ok(swept)
    }

    /// Each page and each abort is a call of its own, with the whole deadline.
    fn enter(&self) -> Arc<Context<Objects>> {
        enter(self.core.clone(), "sweep_uploads", &self.options).0
    }

    async fn sweep(&self, endpoint: usize, swept: &mut Swept) -> Result<(), NotAsked> {
        let mut list = ListUploads::new(self.prefix.clone());
        let mut seen = HashSet::new();
        let mut refused = None;
        loop {
            let cx = self.enter();
            let request = ObjectRequest::ListUploads(list.clone());
            let reply = cx.ask(request, Aim::only(endpoint)).await;
            cx.ended(OpClass::List, None);
            let page = match reply.result {
                Ok(ObjectResponse::ListUploads(page)) => page,
                result => {
                    let reply = crate::call::Reply {
                        result,
                        call: reply.call,
                    };
                    return Err(cx.not_asked(endpoint, Some(reply)));
                }
            };
            for open in page.uploads {
                let age = open
                    .started
                    .and_then(|started| clock::wall().duration_since(started).ok());
                let key = Key::new(open.key)
                    .ok()
                    .filter(|_| age.is_some_and(|age| age >= self.older_than));
                let Some(key) = key else {
                    swept.kept += 1;
                    continue;
                };
                let cx = self.enter();
                let abort = ObjectRequest::AbortUpload(AbortUpload::new(key, open.upload));
                let reply = cx.ask(abort, Aim::only(endpoint)).await;
                cx.ended(OpClass::Write, None);
                let answered = reply.last_outcome().is_some_and(|outcome| outcome.verdict.is_healthy())
                    || rounds::is_lasting(&reply);
                match reply.is_ok() {
                    true => swept.aborted += 1,
                    // One that cannot be given up keeps no other from it.
                    false if answered => {
                        swept.kept += 1;
                        refused.get_or_insert_with(|| cx.not_asked(endpoint, Some(reply)));
                    }
                    false => return Err(cx.not_asked(endpoint, Some(reply))),
                }
            }
            match page.continuation {
                // A store that repeats itself would be listed for ever.
                Some(next) if seen.insert(next.clone()) => list.continuation = Some(next),
                Some(_) => {
                    let error = cx.refuse(ErrorKind::Unavailable, "the listing of uploads repeats itself");
                    return Err(NotAsked::new(cx.name(endpoint), error.to_string()));
                }
                None => return refused.map_or(Ok(()), Err),
            }
        }
    }
}

impl IntoFuture for SweepCall {
    type Output = Result<Swept, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

/// Shows no prefix.
impl fmt::Debug for SweepCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SweepCall")
            .field("older_than", &self.older_than)
            .finish_non_exhaustive()
    }
}
