use super::{
    Exhausted, Member, Vitals,
    all_bad::AllBad,
    select::{Chance, Place, Places, Selected, Wish, select, shadowed, usual},
};
use crate::{
    BoxError,
    model::clock::{self, Instant},
    request::{Call, CallRecord, LegKind, bit},
    stack::{
        is_local_refusal,
        limit::Full,
        orders::Orders,
        station::{Behind, Served, Station},
    },
    telemetry::{Reporter, shadow_difference},
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

/// The router over services, as a service itself. Clones share the services.
pub type Route<S> = Served<Router<Behind<S>>>;

impl<S: Clone> Route<S> {
    /// A router over these endpoints. `seed` is for the spill's draws. The first 64 endpoints are used.
    pub fn new(members: impl IntoIterator<Item = Member<S>>, seed: u64) -> Self {
        let members = members.into_iter().map(|member| member.map(Behind::new));
        Self::of(Router::commanded(members, seed, None, Reporter::silent()))
    }

    /// What is known of each endpoint, in the order of listing.
    pub fn vitals(&self) -> &[Vitals] {
        &self.station().vitals
    }
}

/// The router over a client's endpoints. See the [module](super).
#[derive(Debug)]
pub struct Router<N> {
    endpoints: Vec<N>,
    vitals: Vec<Vitals>,
    places: Places,
    chance: Chance,
    all_bad: AllBad,
    /// Per class: a call could connect to no endpoint, and no call has succeeded since.
    nobody: [AtomicBool; 3],
    orders: Option<Arc<Orders>>,
    reporter: Reporter,
}

impl<N> Router<N> {
    /// A router over these endpoints, under an operator's orders.
    pub(crate) fn commanded(
        members: impl IntoIterator<Item = Member<N>>,
        seed: u64,
        orders: Option<Arc<Orders>>,
        reporter: Reporter,
    ) -> Self {
        let (mut endpoints, mut vitals, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (index, member) in members.into_iter().enumerate().take(64) {
            endpoints.push(member.service);
            vitals.push(member.vitals);
            places.push(Place {
                tier: member.tier.unwrap_or(u8::try_from(index).unwrap_or(u8::MAX)),
                read_only: member.read_only,
                barred: member.barred,
            });
        }
        Self {
            endpoints,
            vitals,
            places: Places::new(places),
            chance: Chance::seeded(seed),
            all_bad: AllBad::new(reporter.clone()),
            nobody: [const { AtomicBool::new(false) }; 3],
            orders,
            reporter,
        }
    }
}

impl<N> Router<N> {
    /// Where an attempt goes, by the state of the endpoints and by the orders.
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
            let is_out = |vital: &Vitals| vital.breaker.of(wish.large).share(wish.class, now) == 0.0;
            let each = self.vitals.iter().enumerate().filter(|(_, vital)| is_out(vital));
            each.fold(0, |set, (index, _)| set | bit(index))
        };
        let standing = self.orders.as_ref().and_then(|orders| {
            orders.expire(now, &self.reporter);
            orders.standing(wish.class, now, out)
        });
        let standing = standing.unwrap_or_default();
        wish.barred |= standing.barred;
        let selected = select(&self.places, &self.vitals, wish, now, &self.chance);
        if standing.shadowed == 0 || wish.pin.is_some() {
            return selected;
        }
        let plain = shadowed(&self.places, wish, standing.shadowed);
        if wish.kind == LegKind::First && plain.map(|p| p.index) != selected.map(|s| s.index) {
            shadow_difference(self.reporter.client(), wish.class);
        }
        plain
    }

    /// Notes a call that failed at the last of all endpoints and could connect to none: this host's network or its DNS
    /// is the likelier cause.
    #[cold]
    fn note_failure(&self, record: &CallRecord) {
        let whole = record.pin().is_none() && !record.is_narrowed();
        if whole && self.places.for_call(record) & !record.picked() == 0 && record.reached_nobody() {
            self.nobody[record.class().index()].store(true, Ordering::Relaxed);
            self.all_bad.note(record.class(), true);
        }
    }

    /// Sends this attempt to an endpoint that has not refused it. `None`: no endpoint is left for the attempt.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn dispatch<R>(&self, call: &Call<R>, refused: u64) -> Option<At<R, N::Attempt>>
    where
        N: Station<R>,
    {
        let (record, leg) = (call.record(), call.leg());
        let wish = Wish {
            class: record.class(),
            name: record.work().name,
            large: record.is_large(),
            kind: record.kind(leg),
            proof: record.proves(),
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
            let nobody = self.nobody[wish.class.index()].load(Ordering::Relaxed);
            self.all_bad.note(wish.class, selected.all_bad || nobody);
        }
        record.pick(leg, selected.index);
        let endpoint = &self.endpoints[selected.index];
        // Nearly every attempt goes as it is.
        let other = (selected.forced, selected.may_queue) != (call.forced(), call.may_queue());
        let terms = other.then(|| call.clone().dispatched(selected.forced, selected.may_queue));
        Some(At {
            endpoint: selected.index,
            attempt: endpoint.enter(terms.as_ref().unwrap_or(call)),
            terms,
        })
    }

    /// Why no endpoint is left for a call.
    fn exhausted(&self, record: &CallRecord) -> BoxError {
        if let Some(barred) = self.places.barred(record.pin()) {
            return barred.clone().into();
        }
        let permitted = self.places.for_call(record).count_ones() as usize;
        Exhausted { permitted }.into()
    }
}

/// An attempt on its way to an endpoint, perhaps after others refused it.
pub struct Attempt<R, A> {
    /// Boxed, as few attempts are refused.
    refused: Option<Box<Refused>>,
    /// `None`: no endpoint is left.
    current: Option<At<R, A>>,
}

/// An attempt at an endpoint, with the terms of its selection.
struct At<R, A> {
    endpoint: usize,
    /// The call under these terms; `None`: the call as it came.
    terms: Option<Call<R>>,
    attempt: A,
}

/// Every endpoint's breaker or limit has so far refused the attempt.
struct Refused {
    by: u64,
    /// The last endpoint's refusal.
    refusal: BoxError,
}

impl<R, A> std::fmt::Debug for Attempt<R, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("route::Attempt").finish_non_exhaustive()
    }
}

impl<R, N> Station<R> for Router<N>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<R, N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        Attempt {
            refused: None,
            current: self.dispatch(call, 0),
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        mut pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>> {
        let (record, leg) = (call.record(), call.leg());
        loop {
            let Some(At {
                endpoint: index,
                terms,
                attempt: there,
            }) = &mut attempt.current
            else {
                let refusal = attempt.refused.take().map(|refused| refused.refusal);
                return Poll::Ready(Err(refusal.unwrap_or_else(|| self.exhausted(record))));
            };
            let (endpoint, terms) = (&self.endpoints[*index], terms.as_ref().unwrap_or(call));
            let refusal = match ready!(endpoint.poll(terms, there, pinned.as_mut(), cx)) {
                Ok(response) => {
                    let nobody = &self.nobody[record.class().index()];
                    if nobody.load(Ordering::Relaxed) {
                        nobody.store(false, Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(response));
                }
                Err(error) => error.into(),
            };
            if record.was_started(leg) || !is_local_refusal(&refusal) {
                self.note_failure(record);
                return Poll::Ready(Err(refusal));
            }
            // Refused here, by its breaker or its limit: not an attempt. Look elsewhere.
            let by = attempt.refused.as_ref().map_or(0, |refused| refused.by) | bit(*index);
            record.unpick(leg);
            // That one is full says more than that another is out.
            let refusal = match attempt.refused.take() {
                Some(before) if before.refusal.is::<Full>() => before.refusal,
                _ => refusal,
            };
            attempt.refused = Some(Box::new(Refused { by, refusal }));
            pinned.set(N::Pinned::default());
            attempt.current = self.dispatch(call, by);
        }
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        if let Some(at) = &mut attempt.current {
            self.endpoints[at.endpoint].abandon(at.terms.as_ref().unwrap_or(call), &mut at.attempt, pinned);
        }
    }
}
