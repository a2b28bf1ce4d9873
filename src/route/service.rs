use super::{
    Exhausted, Member, Vitals, is_local_refusal,
    select::{Draws, Place, Wish, select},
};
use crate::{
    BoxError, clock,
    request::{Call, LegKind, OpClass, bit},
    telemetry::{Event, Reporter},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tower::{Service, ServiceExt, util::Oneshot};

/// The router over a client's endpoints. Cloning shares them.
#[derive(Debug)]
pub struct Route<S> {
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    services: Vec<S>,
    vitals: Vec<Vitals>,
    places: Vec<Place>,
    draws: Draws,
    /// Per class: everything looked bad at the last pick.
    all_bad: [AtomicBool; 3],
    reporter: Reporter,
}

impl<S> Clone for Route<S> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<S> Route<S> {
    /// A router over these endpoints; `seed` is for the spill's draws. The first 64 are used.
    pub fn new(members: impl IntoIterator<Item = Member<S>>, seed: u64) -> Self {
        Self::reporting(members, seed, Reporter::silent())
    }

    pub(crate) fn reporting(members: impl IntoIterator<Item = Member<S>>, seed: u64, reporter: Reporter) -> Self {
        let (mut services, mut vitals, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (index, member) in members.into_iter().enumerate().take(64) {
            services.push(member.service);
            vitals.push(member.vitals);
            places.push(Place {
                tier: member.tier.unwrap_or(u8::try_from(index).unwrap_or(u8::MAX)),
                read_only: member.read_only,
            });
        }
        Self {
            shared: Arc::new(Shared {
                services,
                vitals,
                places,
                draws: Draws::seeded(seed),
                all_bad: [const { AtomicBool::new(false) }; 3],
                reporter,
            }),
        }
    }

    /// What is known of each endpoint, in the order of listing.
    pub fn vitals(&self) -> &[Vitals] {
        &self.shared.vitals
    }
}

impl<S> Shared<S> {
    /// Everything looks bad, or no longer does. Told once per change.
    fn note_all_bad(&self, class: OpClass, bad: bool) {
        let flag = &self.all_bad[class.index()];
        if flag.load(Ordering::Relaxed) != bad && flag.swap(bad, Ordering::Relaxed) != bad {
            self.reporter.report(if bad {
                Event::AllBad { class }
            } else {
                Event::NoLongerAllBad { class }
            });
        }
    }
}

impl<R, S> Service<Call<R>> for Route<S>
where
    R: Clone,
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<R, S>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        ResponseFuture {
            shared: self.shared.clone(),
            refused: 0,
            refusal: None,
            call,
            current: None,
        }
    }
}

pin_project! {
    /// An attempt on its way to an endpoint, perhaps after others refused it.
    pub struct ResponseFuture<R, S>
    where
        S: Service<Call<R>>,
    {
        call: Call<R>,
        shared: Arc<Shared<S>>,
        // Endpoints whose breaker or limit refused this attempt.
        refused: u64,
        refusal: Option<BoxError>,
        #[pin]
        current: Option<Oneshot<S, Call<R>>>,
    }
}

impl<R, S: Service<Call<R>>> std::fmt::Debug for ResponseFuture<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("route::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, S> Future for ResponseFuture<R, S>
where
    R: Clone,
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let record = this.call.record().clone();
        let leg = this.call.leg();
        loop {
            if let Some(current) = this.current.as_mut().as_pin_mut() {
                let result = ready!(current.poll(cx)).map_err(Into::into);
                let Err(error) = result else {
                    return Poll::Ready(result);
                };
                if record.was_started(leg) || !is_local_refusal(&error) {
                    return Poll::Ready(Err(error));
                }
                // Refused here, by its breaker or its limit: not an attempt. Look elsewhere.
                if let Some(index) = record.endpoint(leg) {
                    *this.refused |= bit(index);
                }
                record.unpick(leg);
                *this.refusal = Some(error);
            }
            let shared = &**this.shared;
            let wish = Wish {
                class: record.class(),
                kind: record.kind(leg),
                pin: record.pin(),
                barred: record.barred() | *this.refused,
                tried: record.picked(),
                revisit: this.call.revisit(),
            };
            let selected = {
                // After a refusal time may have passed.
                let now = if *this.refused == 0 {
                    this.call.at()
                } else {
                    clock::now()
                };
                select(&shared.places, &shared.vitals, wish, now, &shared.draws)
            };
            let Some(selected) = selected else {
                let refusal = this.refusal.take();
                return Poll::Ready(Err(refusal.unwrap_or_else(|| {
                    Exhausted {
                        permitted: (0..shared.places.len())
                            .filter(|i| wish.barred & bit(*i) == 0 && wish.pin.is_none_or(|pin| pin == *i))
                            .count(),
                    }
                    .into()
                })));
            };
            if wish.kind == LegKind::First && wish.pin.is_none() {
                shared.note_all_bad(wish.class, selected.all_bad);
            }
            record.pick(leg, selected.index);
            let call = this.call.clone().dispatched(selected.forced, selected.may_queue);
            this.current
                .set(Some(shared.services[selected.index].clone().oneshot(call)));
        }
    }
}
