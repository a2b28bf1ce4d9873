use super::{
    Exhausted, Member, Vitals, is_local_refusal,
    select::{Draws, Place, Places, Selected, Wish, select, shadowed, usual},
};
use crate::{
    BoxError,
    clock::{self, Instant},
    dispatch::{Dispatched, dispatch},
    operator::Orders,
    request::{Call, CallRecord, LegKind, OpClass, bit},
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
    places: Places,
    draws: Draws,
    /// Per class: everything looked bad at the last pick.
    all_bad: [AtomicBool; 3],
    orders: Option<Arc<Orders>>,
    reporter: Reporter,
}

impl<S> Clone for Route<S> {
    #[inline]
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
                places: Places::new(places),
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
    fn select(&self, wish: Wish, now: impl FnOnce() -> Instant) -> Option<Selected> {
        if self.orders.as_ref().is_none_or(|orders| orders.are_none())
            && let usual @ Some(_) = usual(&self.places, &self.vitals, wish)
        {
            return usual;
        }
        self.weigh(wish, now())
    }

    fn weigh(&self, mut wish: Wish, now: Instant) -> Option<Selected> {
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
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<R, S>;

    #[inline]
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        ResponseFuture {
            current: self.shared.dispatch(&call, 0),
            shared: self.shared.clone(),
            refused: None,
            call,
        }
    }
}

impl<S> Shared<S> {
    /// Sends this attempt somewhere, but not to those that refused it. `None`: no endpoint is left for it.
    #[inline]
    fn dispatch<R>(&self, call: &Call<R>, refused: u64) -> Option<Attempt<R, S>>
    where
        S: Service<Call<R>> + Clone,
    {
        let (record, leg) = (call.record(), call.leg());
        let wish = Wish {
            class: record.class(),
            kind: record.kind(leg),
            pin: record.pin(),
            barred: record.barred(),
            refused,
            tried: record.picked_before(leg),
            revisit: call.revisit(),
        };
        // After a refusal time may have passed.
        let now = || if refused == 0 { call.at() } else { clock::now() };
        let selected = self.select(wish, now)?;
        if wish.kind == LegKind::First && wish.pin.is_none() && !record.is_narrowed() {
            self.note_all_bad(wish.class, selected.all_bad);
        }
        record.pick(leg, selected.index);
        let call = call.clone().dispatched(selected.forced, selected.may_queue);
        let mut service = self.services[selected.index]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some(dispatch(&mut *service, call))
    }

    /// Why no endpoint is left for a call.
    fn exhausted(&self, record: &CallRecord) -> Exhausted {
        let permitted =
            |index: &usize| record.barred() & bit(*index) == 0 && record.pin().is_none_or(|pin| pin == *index);
        Exhausted {
            permitted: (0..self.places.len()).filter(permitted).count(),
        }
    }
}

/// At an endpoint.
type Attempt<R, S> = Dispatched<<S as Service<Call<R>>>::Future, Oneshot<S, Call<R>>>;

pin_project! {
    /// An attempt on its way to an endpoint, perhaps after others refused it.
    pub struct ResponseFuture<R, S>
    where
        S: Service<Call<R>>,
    {
        call: Call<R>,
        shared: Arc<Shared<S>>,
        // Boxed, as few attempts are.
        refused: Option<Box<Refused>>,
        // `None`: no endpoint is left.
        #[pin]
        current: Option<Attempt<R, S>>,
    }
}

/// Refused by the breaker or the limit of every endpoint that it was sent to so far.
struct Refused {
    by: u64,
    /// The last one's.
    refusal: BoxError,
}

impl<R, S: Service<Call<R>>> std::fmt::Debug for ResponseFuture<R, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("route::ResponseFuture").finish_non_exhaustive()
    }
}

impl<R, S> Future for ResponseFuture<R, S>
where
    S: Service<Call<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let record = this.call.record();
        let leg = this.call.leg();
        loop {
            let Some(current) = this.current.as_mut().as_pin_mut() else {
                let refusal = this.refused.take().map(|refused| refused.refusal);
                return Poll::Ready(Err(refusal.unwrap_or_else(|| this.shared.exhausted(record).into())));
            };
            let refusal = match ready!(current.poll(cx)) {
                Ok(response) => return Poll::Ready(Ok(response)),
                Err(error) => error.into(),
            };
            if record.was_started(leg) || !is_local_refusal(&refusal) {
                return Poll::Ready(Err(refusal));
            }
            // Refused here, by its breaker or its limit: not an attempt. Look elsewhere.
            let by = this.refused.as_ref().map_or(0, |refused| refused.by) | record.endpoint(leg).map_or(0, bit);
            record.unpick(leg);
            *this.refused = Some(Box::new(Refused { by, refusal }));
            this.current.set(this.shared.dispatch(this.call, by));
        }
    }
}
