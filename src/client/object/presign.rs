//! URLs for those who have no credentials.

use super::{ObjectClient, Objects, door};
use crate::{
    call::{
        Authority, Context, Core, Error, enter,
        options::{CallOptions, call_setters},
    },
    endpoint::Profile,
    model::{
        ErrorKind,
        clock::{self, Instant},
    },
    provider::{ObjectProvider as _, ProviderErrorKind},
    replicate,
    request::{
        Key, OpClass, bit, members,
        object::{Head, ObjectRequest, Presign, PresignMethod, PresignedUrl},
    },
};
use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

/// A URL that has not been made yet. Options first, then `.await`.
#[must_use = "a call does nothing until it is awaited"]
pub struct PresignCall {
    core: Arc<Core<Objects>>,
    key: door::Checked,
    method: PresignMethod,
    expires_in: Duration,
    options: CallOptions,
}

/// A presigned URL, and the endpoint to which it leads. `Debug` shows no URL.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Presigned {
    /// The URL, with the headers that must go with it.
    pub url: PresignedUrl,
    /// The endpoint's name.
    pub endpoint: Arc<str>,
}

impl PresignCall {
    pub(super) fn new(client: &ObjectClient, key: door::Checked, method: PresignMethod, expires_in: Duration) -> Self {
        Self {
            core: client.core.clone(),
            key,
            method,
            expires_in,
            options: CallOptions::default(),
        }
    }

    call_setters! {
        deadline: "How long the adapter may take, which may have to load credentials.",
        pin: "Only this endpoint."
    }

    async fn run(self) -> Result<Presigned, Error> {
        let (cx, admitted) = enter(self.core.clone(), "presign", &self.options);
        if let Err((kind, message)) = admitted {
            return Err(cx.refuse(kind, message));
        }
        let key = door::addressable(&cx, self.key.clone())?;
        let able = self.able(&cx, &key).await?;
        let mut first = None;
        for (tried, endpoint) in able.iter().enumerate() {
            // One whose credentials hang leaves the others their share of the time.
            let now = clock::now();
            let left = cx.deadline.saturating_duration_since(now);
            let until = now + left / u32::try_from(able.len() - tried).unwrap_or(u32::MAX);
            match self.sign(&cx, *endpoint, key.clone(), until).await {
                Ok(signed) => return Ok(signed),
                // A lifetime that the best one does not allow is refused, whoever is in trouble today.
                Err(error) if error.kind() == ErrorKind::InvalidInput => return Err(first.unwrap_or(error)),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| cx.nonsense()))
    }

    async fn sign(&self, cx: &Context<Objects>, endpoint: usize, key: Key, until: Instant) -> Result<Presigned, Error> {
        let name = cx.name(endpoint);
        let Some(store) = self.core.provider(endpoint) else {
            return Err(cx.nonsense());
        };
        let signing = store.presign(Presign::new(key, self.method, self.expires_in));
        match tokio::time::timeout_at(until, signing).await {
            Ok(Ok(url)) => Ok(Presigned { url, endpoint: name }),
            Ok(Err(error)) => {
                let kind = match error.kind() {
                    ProviderErrorKind::Invalid => ErrorKind::InvalidInput,
                    ProviderErrorKind::Unsupported => ErrorKind::Unsupported,
                    _ => ErrorKind::Unavailable,
                };
                Err(cx.refuse(kind, format!("{name}: {error}")))
            }
            Err(_) => Err(cx.refuse(
                ErrorKind::DeadlineExceeded,
                format!("{name} was not ready to sign in time"),
            )),
        }
    }

    /// The endpoints that can sign such a URL, the best first: those in use before those whose breakers are open, each
    /// in the order of preference.
    async fn able(&self, cx: &Arc<Context<Objects>>, key: &Key) -> Result<Vec<usize>, Error> {
        let (among, class) = match (self.method, self.core.plan.authority) {
            (PresignMethod::Get, _) => (self.core.permitted(), OpClass::Read),
            (PresignMethod::Put, Authority::Home(home)) => (bit(home), OpClass::Write),
            (PresignMethod::Put, Authority::Replicas | Authority::Nobody) => {
                let message = "a presigned PUT carries neither a condition nor a write id, so under write_once it could \
                               replace what is stored";
                return Err(cx.refuse(ErrorKind::Unsupported, message));
            }
        };
        let can = |&endpoint: &usize| {
            self.core
                .provider(endpoint)
                .is_some_and(|store| store.capabilities().presign)
        };
        let reach = cx.reach(among);
        let mut able: Vec<usize> = members(reach).filter(can).collect();
        if able.is_empty() {
            let message = "no endpoint that this call may use can presign URLs";
            return Err(cx.refuse(ErrorKind::Unsupported, message));
        }
        // The operator's orders bind whoever gets the URL, too.
        let operator = &self.core.engine.operator;
        let barred = operator.barred(class, clock::now());
        able.retain(|endpoint| barred & bit(*endpoint) == 0);
        if able.is_empty() {
            let kind = match self.method {
                PresignMethod::Get => ErrorKind::Unavailable,
                PresignMethod::Put => ErrorKind::HomeUnavailable,
            };
            return Err(cx.refuse(
                kind,
                "the operator has taken every endpoint that can presign URLs out of use",
            ));
        }
        let roster = &self.core.engine.roster;
        able.sort_by_key(|&endpoint| {
            let tier = roster
                .get(endpoint)
                .and_then(Profile::tier)
                .map_or(endpoint, usize::from);
            (operator.out_of_use(endpoint, class).is_some(), tier)
        });
        // Under write_once an object is where its create went, which nothing but a look can tell.
        if self.core.plan.authority == Authority::Nobody && reach.count_ones() > 1 {
            match replicate::read(cx, ObjectRequest::Head(Head::new(key.clone()))).await {
                Ok((_, answer)) => {
                    let there = roster.index_of(answer.endpoint());
                    able.retain(|endpoint| Some(*endpoint) == there);
                    if able.is_empty() {
                        let message = format!("{}, which has the object, cannot presign URLs", answer.endpoint());
                        return Err(cx.refuse(ErrorKind::Unsupported, message));
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
                // Nobody can tell now. The best guess may do when the URL is used.
                Err(_) => {}
            }
        }
        Ok(able)
    }
}

impl IntoFuture for PresignCall {
    type Output = Result<Presigned, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
