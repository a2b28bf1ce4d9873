use super::{
    Barred, Vitals,
    neighbours::{self, Neighbour, TRICKLE},
    pick::{Candidate, choose},
};
use crate::{
    model::clock::Instant,
    request::{CallRecord, LegKind, OpClass, Work, bit},
    stack::breaker::Admission,
};
use std::{
    cmp::Reverse,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// What an attempt asks of the router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) class: OpClass,
    /// The name of its call.
    pub(super) name: Option<&'static str>,
    /// A write of many bytes, which has breakers of its own.
    pub(super) large: bool,
    pub(super) kind: LegKind,
    /// The call proves an absence.
    pub(super) proof: bool,
    /// Only this endpoint.
    pub(super) pin: Option<usize>,
    /// Never these endpoints: the call's own constraints, and orders.
    pub(super) barred: u64,
    /// These endpoints just refused this attempt. They are not asked now, and count as no less healthy for the refusal.
    pub(super) refused: u64,
    /// The endpoints tried by this call.
    pub(super) tried: u64,
    /// Tried endpoints may be tried again.
    pub(super) revisit: bool,
}

impl Wish {
    #[inline]
    const fn work(&self) -> Work {
        Work {
            class: self.class,
            name: self.name,
        }
    }
}

/// Where an attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Selected {
    pub(super) index: usize,
    /// The breaker must let the attempt pass: there is nothing better.
    pub(super) forced: bool,
    /// The attempt may queue briefly at a full endpoint: there is no other.
    pub(super) may_queue: bool,
    /// No endpoint looked good.
    pub(super) all_bad: bool,
}

/// One endpoint's fixed part: its tier, and its permitted uses.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) tier: u8,
    pub(super) read_only: bool,
    /// Why the endpoint must not be used, if so.
    pub(super) barred: Option<Barred>,
}

/// The fixed parts of all endpoints, in their order.
#[derive(Debug)]
pub(super) struct Places {
    each: Vec<Place>,
    /// By class: which endpoints may serve it, whatever a call says. Bit i is endpoint i.
    able: [u64; 3],
    /// By class: the endpoint among these that has the most preferred tier to itself.
    sole: [Option<usize>; 3],
}

impl Places {
    pub(super) fn new(each: Vec<Place>) -> Self {
        let able = OpClass::ALL.map(|class| {
            let able = |place: &Place| place.barred.is_none() && !(place.read_only && class == OpClass::Write);
            let indices = each.iter().enumerate().filter(|(_, place)| able(place));
            indices.fold(0, |set, (index, _)| set | bit(index))
        });
        Self {
            sole: able.map(|able| sole_preferred(&each, able)),
            able,
            each,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.each.len()
    }

    /// The endpoints that may serve such a call.
    pub(super) fn for_call(&self, record: &CallRecord) -> u64 {
        let able = self.able[record.class().index()] & !record.barred();
        record.pin().map_or(able, |pin| able & bit(pin))
    }

    /// Why no call may use the endpoint that this call is pinned to.
    pub(super) fn barred(&self, pin: Option<usize>) -> Option<&Barred> {
        self.each.get(pin?)?.barred.as_ref()
    }

    /// The endpoints that may serve such an attempt.
    fn permitted(&self, wish: Wish) -> u64 {
        let able = self.able[wish.class.index()] & !wish.barred;
        wish.pin.map_or(able, |pin| able & bit(pin))
    }

    /// The endpoint among `permitted` that has the most preferred tier to itself.
    fn sole_preferred(&self, permitted: u64, class: OpClass) -> Option<usize> {
        if permitted == self.able[class.index()] {
            return self.sole[class.index()];
        }
        sole_preferred(&self.each, permitted)
    }
}

impl std::ops::Index<usize> for Places {
    type Output = Place;

    fn index(&self, index: usize) -> &Place {
        &self.each[index]
    }
}

/// What a choice remembers of earlier choices.
#[derive(Debug)]
pub(super) struct Chance {
    /// The draws of the spill.
    draws: Mutex<fastrand::Rng>,
    /// By class: which endpoints were left beside healthier neighbours.
    left: [AtomicU64; 3],
}

impl Chance {
    pub(super) fn seeded(seed: u64) -> Self {
        Self {
            draws: Mutex::new(fastrand::Rng::with_seed(seed)),
            left: Default::default(),
        }
    }

    /// A uniform draw in 0–1.
    fn draw(&self) -> f64 {
        self.draws.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }

    /// Which endpoints are left. The answer is remembered where `all` may be used.
    fn left(&self, beside: &[Neighbour], vitals: &[Vitals], class: OpClass, all: bool) -> u64 {
        let before = self.left[class.index()].load(Ordering::Relaxed);
        // Who is out, or comes back on a ramp, begins anew.
        let whole = beside.iter().enumerate().filter(|(_, seen)| seen.whole);
        let before = before & whole.fold(0, |set, (index, _)| set | bit(index));
        let left = neighbours::left(beside, class, before);
        if all && left != before {
            self.left[class.index()].store(left, Ordering::Relaxed);
            let news = vitals
                .iter()
                .enumerate()
                .filter(|(index, _)| left & !before & bit(*index) != 0);
            news.for_each(|(_, vital)| vital.tracker.is_left(class));
        }
        left
    }
}

/// What would be chosen without evenkeel: the most preferred endpoint among these, for first attempts, and again for
/// retries after a wait.
pub(super) fn shadowed(places: &Places, wish: Wish, among: u64) -> Option<Selected> {
    if wish.kind == LegKind::Hedge || (wish.tried != 0 && !wish.revisit) {
        return None;
    }
    let permitted = among & places.permitted(wish);
    (0..places.len())
        .filter(|index| permitted & bit(*index) != 0)
        .min_by_key(|index| places[*index].tier)
        .map(|index| Selected {
            index,
            forced: true,
            may_queue: true,
            all_bad: false,
        })
}

/// The endpoint that has the most preferred tier to itself.
fn sole_preferred(places: &[Place], permitted: u64) -> Option<usize> {
    let mut best: Option<(u8, usize, bool)> = None;
    for (index, place) in places.iter().enumerate() {
        if permitted & bit(index) == 0 {
            continue;
        }
        best = match best {
            Some((tier, ..)) if tier < place.tier => best,
            Some((tier, first, _)) if tier == place.tier => Some((tier, first, false)),
            _ => Some((place.tier, index, true)),
        };
    }
    best.and_then(|(_, index, alone)| alone.then_some(index))
}

/// Enough for a fleet of any sane size without allocating; [`Endpoint::MAX`](crate::Endpoint::MAX) bounds it.
const MAX: usize = 64;

/// For this long after its last success an endpoint is not dead.
const LATELY: Duration = Duration::from_secs(10);
/// With a smaller share of faults than this, an endpoint is more likely to answer than not.
const OFTEN: f64 = 0.5;

/// Whether a left endpoint is, by its probes, not dead. See [`select`].
fn does_some_of_its_work(vital: &Vitals, wish: Wish, now: Instant) -> bool {
    let Some(since) = vital.breaker.of(wish.large).fails_quickly_since(wish.class) else {
        return false;
    };
    let dead = vital.tracker.standing(wish.work(), now).dead;
    let lately = |at: Instant| (at > since || !dead) && now.saturating_duration_since(at) < LATELY;
    vital.tracker.last_success(wish.class).is_some_and(lately) && vital.tracker.fault_share(wish.class) < OFTEN
}

/// Where a first attempt goes when nothing is wrong and the preferred tier is one endpoint. Nearly every call takes
/// this path, so the function asks no lock and no clock. `None`: [`select`] must look.
pub(super) fn usual(places: &Places, vitals: &[Vitals], wish: Wish) -> Option<Selected> {
    // (What is learnt of calls with a name is not at hand here.)
    if wish.tried | wish.refused != 0 || wish.pin.is_some() || wish.name.is_some() {
        return None;
    }
    let permitted = places.permitted(wish);
    let index = places.sole_preferred(permitted, wish.class)?;
    let tracker = &vitals[index].tracker;
    let p50 = tracker.p50(wish.class);
    let well = tracker.is_sound(wish.class)
        && tracker.was_heard_of(wish.class)
        && vitals.iter().enumerate().all(|(other, vital)| {
            let slower =
                || places[other].tier > places[index].tier && neighbours::is_slower(p50, vital.tracker.p99(wish.class));
            vital.breaker.of(wish.large).untroubled(wish.class) && !slower()
        });
    well.then_some(Selected {
        index,
        forced: false,
        may_queue: permitted == bit(index),
        all_bad: false,
    })
}

/// Chooses an endpoint for an attempt, or says that none is left.
///
/// 1. A first attempt goes to an endpoint whose probe is due, unless the background probes that endpoint. That is how
///    a sick endpoint is found to be well.
/// 2. Closed endpoints that this call has not tried, by tier and cost.
/// 3. By force, an endpoint that still does some of its work. Such an endpoint takes what the closed ones do not bear
///    because they throttle, and takes retries. Its breaker is open, its last failure came at once, and more attempts
///    succeed there than fail. It has succeeded within 10 s (or since it was left, where its last two attempts
///    failed).
/// 4. For a retry: an endpoint not tried whose probe is due; on a revisit, closed endpoints that were tried.
/// 5. When nothing at all is closed: the endpoint that succeeded last, by force.
///
/// A hedge stops after 2: a second attempt at a sick endpoint would help nobody. A proof of absence takes only the
/// endpoint to which it is pinned. The proof passes a breaker that is not closed once a second, where the endpoint is
/// not silent: that endpoint may be the only holder.
pub(super) fn select(
    places: &Places,
    vitals: &[Vitals],
    wish: Wish,
    now: Instant,
    chance: &Chance,
) -> Option<Selected> {
    let all_permitted = places.permitted(wish);
    let permitted = |index: usize| all_permitted & bit(index) != 0;
    let willing = |index: usize| wish.refused & bit(index) == 0;
    let untried = |index: usize| wish.tried & bit(index) == 0;
    let chosen = |index| Selected {
        index,
        forced: false,
        may_queue: all_permitted.count_ones() == 1,
        all_bad: false,
    };

    if let usual @ Some(_) = usual(places, vitals, wish) {
        return usual;
    }
    if let Some(pin) = wish.pin {
        let may = permitted(pin) && willing(pin) && pin < places.len() && (untried(pin) || wish.revisit);
        let breaker = || vitals[pin].breaker.of(wish.large);
        // What proves an absence is not lent as a probe where the background sees to it: it would wait for nothing.
        if may
            && wish.proof
            && !breaker().untroubled(wish.class)
            && breaker().peek(wish.class, now) == Admission::Probe
            && !breaker().borrows(wish.class, now)
        {
            return None;
        }
        return may.then(|| Selected {
            forced: match wish.kind {
                LegKind::Probe => false,
                _ if wish.proof => breaker().lets_proof(wish.class, now),
                _ => true,
            },
            ..chosen(pin)
        });
    }

    let mut buffer = [Candidate::default(); MAX];
    let mut count = 0;
    let mut beside = [Neighbour::default(); MAX];
    let mut probe_due = None;
    let mut probe_wanted = None;
    let mut any_closed = false;
    for (index, (place, vital)) in places.each.iter().zip(vitals).enumerate().take(MAX) {
        if !permitted(index) {
            continue;
        }
        let share = vital.breaker.of(wish.large).share(wish.class, now);
        any_closed |= share > 0.0;
        let standing = vital.tracker.standing(wish.work(), now);
        beside[index] = Neighbour {
            tier: place.tier,
            faults: standing.faults,
            dead: standing.dead,
            p50: standing.p50,
            p99: standing.p99,
            whole: share >= 1.0 && standing.admitted >= 1.0 && !standing.bounded,
        };
        if !untried(index) || !willing(index) {
            continue;
        }
        if share == 0.0 && vital.breaker.of(wish.large).peek(wish.class, now) == Admission::Probe {
            probe_due = probe_due.or(Some(index));
            if probe_wanted.is_none() && vital.breaker.of(wish.large).borrows(wish.class, now) {
                probe_wanted = Some(index);
            }
        }
        buffer[count] = Candidate {
            index,
            tier: place.tier,
            share,
            admitted: match vital.tracker.is_silent(wish.class, now) {
                true => TRICKLE,
                false => standing.admitted,
            },
            cost: standing.cost,
        };
        count += 1;
    }
    let left = chance.left(
        &beside[..places.len().min(MAX)],
        vitals,
        wish.class,
        wish.pin.is_none() && wish.barred == 0,
    );
    let mut partly = 0;
    let overflows = wish.refused != 0 || buffer[..count].iter().any(|c| c.share > 0.0 && c.admitted < 1.0);
    if any_closed && wish.kind != LegKind::Hedge && (wish.kind == LegKind::Retry || overflows) {
        for candidate in buffer[..count].iter_mut().filter(|candidate| candidate.share == 0.0) {
            let vital = &vitals[candidate.index];
            if does_some_of_its_work(vital, wish, now) {
                partly |= bit(candidate.index);
                (candidate.tier, candidate.share, candidate.admitted) = (u8::MAX, 1.0, 1.0);
            }
        }
    }
    for candidate in &mut buffer[..count] {
        if left & bit(candidate.index) != 0 {
            candidate.admitted = candidate.admitted.min(TRICKLE);
        }
    }
    let candidates = &buffer[..count];

    if wish.kind == LegKind::First
        && any_closed
        && let Some(index) = probe_wanted
    {
        return Some(chosen(index));
    }
    if let Some(index) = choose(candidates, chance.draw()) {
        let others = candidates.iter().filter(|c| c.share > 0.0).count() > 1;
        return Some(Selected {
            // A hedge is worth no wait, and none of those who have nowhere else to go.
            may_queue: !others && wish.kind != LegKind::Hedge,
            forced: partly & bit(index) != 0,
            ..chosen(index)
        });
    }
    if wish.kind == LegKind::Hedge {
        return None;
    }
    if any_closed && let Some(index) = probe_due {
        return Some(chosen(index));
    }
    // The one that succeeded last; the most preferred where that is the same.
    let last_to_succeed = |among: &dyn Fn(usize) -> bool| {
        let candidates = (0..places.len()).filter(|index| permitted(*index) && willing(*index) && among(*index));
        candidates.max_by_key(|index| {
            (
                vitals[*index].tracker.last_success(wish.class),
                Reverse(places[*index].tier),
            )
        })
    };
    if any_closed {
        // Closed ones are left, but this call has tried them all.
        let closed = |index: usize| vitals[index].breaker.of(wish.large).share(wish.class, now) > 0.0;
        return wish.revisit.then(|| last_to_succeed(&closed)).flatten().map(chosen);
    }
    last_to_succeed(&untried)
        .or_else(|| wish.revisit.then(|| last_to_succeed(&|_| true)).flatten())
        .map(|index| Selected {
            forced: true,
            all_bad: true,
            ..chosen(index)
        })
}
