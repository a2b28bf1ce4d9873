use super::{
    Exhausted, Member, Vitals, is_local_refusal,
    select::{Draws, Place, Selected, Wish, select, shadowed},
};
use crate::{
    BoxError,
    clock::{self, Instant},
    dispatch::{Dispatched, dispatch},
    operator::Orders,
    request::{Call, LegKind, OpClass, bit},
    telemetry::{Event, Reporter, shadow_difference},
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};
use tower::{Service, util::Oneshot};

/// The router over a client's endpoints. Cloning shares them.
#[derive(Debug)]
pub struct Route<S> {
    shared: Arc<Shared<S>>,
}

#[derive(Debug)]
struct Shared<S> {
    /// One instance each, used in turn: a clone per attempt would cost more than the attempt's own bookkeeping.
    services: Vec<Mutex<S>>,
    vitals: Vec<Vitals>,
    places: Vec<Place>,
    draws: Draws,
    /// Per class: everything looked bad at the last pick.
    all_bad: [AtomicBool; 3],
    orders: Option<Arc<Orders>>,
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
        Self::commanded(members, seed, None, Reporter::silent())
    }

    /// The same, under an operator's orders.
    pub(crate) fn commanded(
        members: impl IntoIterator<Item = Member<S>>,
        seed: u64,
        orders: Option<Arc<Orders>>,
        reporter: Reporter,
    ) -> Self {
        let (mut services, mut vitals, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (index, member) in members.into_iter().enumerate().take(64) {
            services.push(Mutex::new(member.service));
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
                orders,
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
    /// Where an attempt goes, by what is known and what is ordered.
    fn select(&self, mut wish: Wish, now: Instant) -> Option<Selected> {
        let out = || {
            let is_out = |vital: &Vitals| vital.breaker.share(wish.class, now) == 0.0;
            let each = self.vitals.iter().enumerate().filter(|(_, vital)| is_out(vital));
            each.fold(0, |set, (index, _)| set | bit(index))
        };
        let standing = self
            .orders
            .as_ref()
            .and_then(|orders| orders.standing(wish.class, now, out))
            .unwrap_or_default();
        wish.barred |= standing.barred;
        let selected = select(&self.places, &self.vitals, wish, now, &self.draws);
        if standing.shadowed == 0 || wish.pin.is_some() {
            return selected;
        }
        let plain = shadowed(&self.places, wish, standing.shadowed);
        if wish.kind == LegKind::First && plain.map(|p| p.index) != selected.map(|s| s.index) {
            shadow_difference(wish.class);
        }
        plain
    }

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
        current: Option<Dispatched<S::Future, Oneshot<S, Call<R>>>>,
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
        let record = &**this.call.record();
        let leg = this.call.leg();
        loop {
            if let Some(current) = this.current.as_mut().as_pin_mut() {
                let error = match ready!(current.poll(cx)) {
                    Ok(response) => return Poll::Ready(Ok(response)),
                    Err(error) => error.into(),
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
                barred: record.barred(),
                refused: *this.refused,
                tried: record.picked_before(leg),
                revisit: this.call.revisit(),
            };
            let selected = {
                // After a refusal time may have passed.
                let now = if *this.refused == 0 {
                    this.call.at()
                } else {
                    clock::now()
                };
                shared.select(wish, now)
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
            if wish.kind == LegKind::First && wish.pin.is_none() && !record.is_narrowed() {
                shared.note_all_bad(wish.class, selected.all_bad);
            }
            record.pick(leg, selected.index);
            let call = this.call.clone().dispatched(selected.forced, selected.may_queue);
            let mut service = shared.services[selected.index]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            this.current.set(Some(dispatch(&mut *service, call, cx)));
        }
    }
}
