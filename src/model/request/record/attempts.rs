use super::{CallRecord, UNKNOWN, bit};
use crate::{
    model::{
        clock::{self, Instant, nanos},
        evidence::Lesson,
    },
    request::{
        After, Flow, Leg, LegKind, Progress, Safety,
        leg::{Ended, LegRecord, Moved},
    },
    verdict::{Detail, Observed, Outcome, Sent, Verdict},
};
use std::{
    any::Any,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

/// The call's attempts, and how they ended.
impl CallRecord {
    /// A copy of every attempt so far.
    pub fn legs(&self) -> Vec<LegRecord> {
        let more = self.if_more();
        let mut all = Vec::with_capacity(1 + more.as_ref().map_or(0, |more| more.len()));
        all.push(self.first());
        all.extend(more.iter().flat_map(|more| more.iter()).cloned());
        all
    }

    /// How the last attempt that was judged ended.
    pub(crate) fn last_outcome(&self) -> Option<Outcome> {
        self.legs().into_iter().rev().find_map(|leg| match leg.ended {
            Some(Ended::Judged(outcome)) => Some(outcome),
            Some(Ended::Abandoned(_)) | None => None,
        })
    }

    /// The number of attempts that were dispatched to an endpoint. Local refusals do not count.
    pub fn attempts(&self) -> usize {
        let more = self.if_more();
        let more = more.iter().flat_map(|more| more.iter());
        usize::from(self.first.was_started()) + more.filter(|leg| leg.started.is_some()).count()
    }

    /// Whether some attempt of this write may have been applied.
    pub fn may_have_been_applied(&self) -> bool {
        self.of_unknown_fate() > 0
    }

    /// The number of attempts of this write that may have been applied, or may yet be.
    pub(crate) fn of_unknown_fate(&self) -> usize {
        if self.safety == Safety::ReadOnly {
            return 0;
        }
        let unknown = |was_started, ended| match ended {
            Some(Ended::Judged(outcome)) => outcome.may_have_been_applied(),
            // Dropped on the way, or still under way: nobody knows.
            Some(Ended::Abandoned(_)) | None => was_started,
        };
        let first = unknown(self.first.was_started(), self.first.ended());
        let more = self.if_more();
        let more = more.iter().flat_map(|more| more.iter());
        usize::from(first) + more.filter(|leg| unknown(leg.started.is_some(), leg.ended)).count()
    }

    /// Draws the number of a further attempt. The first attempt is number 0 and needs no drawing.
    pub(crate) fn next_leg(&self, kind: LegKind) -> Leg {
        self.overtaken.store(0, Ordering::Relaxed);
        let mut more = self.more();
        more.push(LegRecord {
            kind,
            ..LegRecord::default()
        });
        Leg(u16::try_from(more.len()).unwrap_or(u16::MAX))
    }

    /// Notes that route has picked `endpoint` for attempt `leg`.
    #[inline]
    pub(crate) fn pick(&self, leg: Leg, endpoint: usize) {
        match leg.further() {
            None => self.first.pick(Some(endpoint)),
            Some(index) => self.more()[index].endpoint = Some(endpoint),
        }
    }

    /// Takes back a pick that came to nothing (a local refusal), as if it had never been made.
    pub(crate) fn unpick(&self, leg: Leg) {
        match leg.further() {
            None => self.first.pick(None),
            Some(index) => self.more()[index].endpoint = None,
        }
    }

    /// The endpoints that were picked before attempt `leg`, as a bit set.
    #[inline]
    pub(crate) fn picked_before(&self, leg: Leg) -> u64 {
        if leg == Leg::default() {
            return 0;
        }
        self.picked()
    }

    /// The endpoints that were picked so far, as a bit set.
    pub(crate) fn picked(&self) -> u64 {
        let more = self.if_more();
        let all = self.first.endpoint().into_iter();
        all.chain(more.iter().flat_map(|more| more.iter()).filter_map(|leg| leg.endpoint))
            .fold(0, |set, index| set | bit(index))
    }

    /// The attempt leaves for its endpoint.
    #[inline]
    pub(crate) fn start(&self, leg: Leg, at: After) {
        match leg.further() {
            None => self.first.start(at),
            Some(index) => {
                let leg = &mut self.more()[index];
                leg.started = Some(self.instant(at));
                leg.ended = None;
            }
        }
    }

    /// The attempt is over.
    #[inline]
    pub(crate) fn end(&self, leg: Leg, elapsed: Duration, ended: Ended, lesson: Lesson, detail: Option<Detail>) {
        match leg.further() {
            None => self.first.end(elapsed, ended, lesson, detail),
            Some(index) => {
                let leg = &mut self.more()[index];
                leg.elapsed = Some(elapsed);
                leg.ended = Some(ended);
                leg.lesson = Some(lesson);
                leg.detail = detail.map(Box::new);
            }
        }
    }

    /// How attempt `leg` itself ended. `None`: the attempt never left this process, or no station below judges.
    #[inline]
    pub(crate) fn ended(&self, leg: Leg) -> Option<Ended> {
        match leg.further() {
            None => self.first.ended(),
            Some(index) => self.more()[index].ended,
        }
    }

    /// What the end of attempt `leg` taught, and how long the attempt took. `None`: the attempt never left this
    /// process, or no station below judges.
    #[inline]
    pub(crate) fn lesson(&self, leg: Leg) -> Option<(Lesson, Duration)> {
        let (lesson, elapsed) = match leg.further() {
            None => (self.first.lesson(), self.first.elapsed()),
            Some(index) => {
                let more = self.more();
                (more[index].lesson, more[index].elapsed)
            }
        };
        lesson.zip(elapsed)
    }

    /// What attempt `leg` met, if it is over and was judged.
    pub(crate) fn observed(&self, leg: Leg) -> Option<Observed> {
        let record = self.legs().into_iter().nth(usize::from(leg.0))?;
        Some(match record.ended? {
            Ended::Abandoned(_) => Observed::Late,
            Ended::Judged(outcome) => Observed::judged(outcome, record.detail.as_deref()),
        })
    }

    /// When attempt `leg` was handed to its endpoint: after it had waited for its turn.
    #[inline]
    pub(crate) fn sent_at(&self, leg: Leg) -> Option<Instant> {
        match leg.further() {
            None => self.first.sent_at().map(|at| self.instant(at)),
            Some(index) => self.more()[index].started,
        }
    }

    /// Whether an attempt before `leg` failed in the same way at another endpoint: unreachable, in vain until its
    /// limit, or by a faulty answer.
    pub(crate) fn failed_alike_elsewhere(&self, leg: Leg, outcome: Outcome) -> bool {
        if leg == Leg::default() || !outcome.verdict.is_fault() {
            return false;
        }
        let (all, here) = (self.legs(), self.endpoint(leg));
        let alike = |before: &LegRecord| {
            matches!(before.ended, Some(Ended::Judged(ended))
                if (ended.verdict, ended.timed_out) == (outcome.verdict, outcome.timed_out))
        };
        let earlier = all.iter().take(usize::from(leg.0));
        earlier.filter(|before| before.endpoint != here).any(alike)
    }

    /// How long the longest attempt at another endpoint has been in vain, or was until it was given up. An attempt that
    /// was answered, if only by the beginning of a body, does not count.
    pub(crate) fn in_vain_elsewhere(&self, leg: Leg, now: Instant) -> Duration {
        if self.more.get().is_none() {
            return Duration::ZERO;
        }
        let here = self.endpoint(leg);
        let in_vain = |other: LegRecord| {
            let answered = other.flow.as_ref().is_some_and(|flow| flow.seen().answered.is_some());
            if other.endpoint == here || answered {
                return None;
            }
            match other.ended {
                None => other.started.map(|started| now.saturating_duration_since(started)),
                Some(Ended::Abandoned(_)) => other.elapsed,
                Some(Ended::Judged(outcome)) => other.elapsed.filter(|_| outcome.timed_out),
            }
        };
        self.legs().into_iter().filter_map(in_vain).max().unwrap_or_default()
    }

    /// Whether the call has made several attempts and none could connect.
    pub(crate) fn reached_nobody(&self) -> bool {
        let unreachable = |leg: &LegRecord| matches!(leg.ended, Some(Ended::Judged(outcome)) if outcome.verdict == Verdict::Unreachable);
        let all = self.legs();
        all.len() > 1 && all.iter().all(unreachable)
    }

    /// Notes that another attempt of this call came back first, after this time. Attempts that are dropped from now on
    /// are dropped for that reason. `late`: whether that attempt was late by its own endpoint's measure, if there is
    /// one.
    pub(crate) fn note_overtaken(&self, after: Duration, late: Option<bool>) {
        self.overtaken.store(nanos(after).max(1), Ordering::Relaxed);
        self.overtaken_late
            .store(late.map_or(UNKNOWN, u8::from), Ordering::Relaxed);
    }

    /// See [`note_overtaken`](Self::note_overtaken).
    pub(crate) fn overtaken(&self) -> Option<(Duration, Option<bool>)> {
        let late = match self.overtaken_late.load(Ordering::Relaxed) {
            UNKNOWN => None,
            late => Some(late == u8::from(true)),
        };
        match self.overtaken.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some((Duration::from_nanos(nanos), late)),
        }
    }

    /// How long the finished call took. If its one attempt succeeded, the clock was read a moment ago.
    pub(crate) fn took(&self) -> Duration {
        let settled = match self.more.get() {
            None => self.first.succeeded_at(),
            Some(_) => None,
        };
        settled.unwrap_or_else(|| self.after(clock::now())).since(After::START)
    }

    /// Whether attempt `leg` was handed to its endpoint.
    #[inline]
    pub(crate) fn was_started(&self, leg: Leg) -> bool {
        match leg.further() {
            None => self.first.was_started(),
            Some(index) => self.more()[index].started.is_some(),
        }
    }

    /// Why attempt `leg` is made.
    #[inline]
    pub(crate) fn kind(&self, leg: Leg) -> LegKind {
        match leg.further() {
            None => self.first_kind,
            Some(index) => self.more()[index].kind,
        }
    }

    /// How the attempt ended whose result stands for `leg`: `leg` itself, or its hedge.
    #[inline]
    pub(crate) fn result_of(&self, leg: Leg) -> Option<Ended> {
        let hedge = match leg.further() {
            None => self.first.stands_in(),
            Some(index) => self.more()[index].stands_in,
        };
        self.ended(hedge.unwrap_or(leg))
    }

    /// Notes that the result of `hedge` stands for attempt `leg`.
    pub(crate) fn stand_in(&self, leg: Leg, hedge: Leg) {
        match leg.further() {
            None => self.first.stand_in(hedge),
            Some(index) => self.more()[index].stands_in = Some(hedge),
        }
    }

    /// The endpoint of attempt `leg`.
    #[inline]
    pub(crate) fn endpoint(&self, leg: Leg) -> Option<usize> {
        match leg.further() {
            None => self.first.endpoint(),
            Some(index) => self.more()[index].endpoint,
        }
    }

    /// The endpoint whose answer is the call's: the endpoint of the last attempt with a healthy result, or of that
    /// attempt's hedge if the hedge's result stands for it. (A hedge that came back first with an absence waits for its
    /// attempt, and loses against a success.)
    pub(crate) fn answered_by(&self) -> Option<usize> {
        let healthy =
            |ended: Option<Ended>| matches!(ended, Some(Ended::Judged(outcome)) if outcome.verdict.is_healthy());
        if self.if_more().is_none() {
            return self.first.endpoint().filter(|_| healthy(self.first.ended()));
        }
        let all = self.legs();
        let attempts = all.iter().rev().filter(|leg| leg.kind != LegKind::Hedge);
        let mut results = attempts.map(|leg| match leg.stands_in {
            Some(Leg(hedge)) => all.get(usize::from(hedge)).unwrap_or(leg),
            None => leg,
        });
        let answer = results.find(|leg| healthy(leg.ended));
        answer.and_then(|leg| leg.endpoint)
    }

    /// Whether `leg` is the latest attempt.
    pub(crate) fn is_latest(&self, leg: Leg) -> bool {
        self.if_more().map_or(0, |more| more.len()) <= usize::from(leg.0)
    }

    /// The number of attempts before `leg` that ran into a limit.
    pub(crate) fn limits_met_before(&self, leg: Leg) -> u32 {
        let Some(further) = leg.further() else {
            return 0;
        };
        let met = |ended| matches!(ended, Some(Ended::Judged(outcome)) if outcome.timed_out);
        let more = self.more();
        let earlier = more.iter().take(further).filter(|leg| met(leg.ended)).count();
        u32::from(met(self.first.ended())) + u32::try_from(earlier).unwrap_or(u32::MAX - 1)
    }

    /// A handle to report the bytes of attempt `leg`, which was handed down at `at`.
    pub(crate) fn progress(&self, leg: Leg, at: After) -> Progress {
        let flow = || Arc::new(Flow::new(self.started, at, self.keeps_beginnings));
        Progress::of(match leg.further() {
            None => self.first.flow().get_or_init(flow).clone(),
            Some(index) => self.more()[index].flow.get_or_insert_with(flow).clone(),
        })
    }

    /// The reports on the bytes of attempt `leg`. `None` if nobody reports.
    #[inline]
    pub(crate) fn flow(&self, leg: Leg) -> Option<Arc<Flow>> {
        let flow = match leg.further() {
            None => self.first.flow().get().cloned(),
            Some(index) => self.more()[index].flow.clone(),
        };
        flow.filter(|flow| flow.is_told())
    }

    /// Whether enough of the body of attempt `leg` has arrived to go on from it, and the client would.
    pub(crate) fn has_beginning_of(&self, leg: Leg) -> bool {
        self.keeps_beginnings && self.flow(leg).is_some_and(|flow| flow.kept.is_enough())
    }

    /// Whether the beginning of a body that broke off waits to be [taken](Self::take_beginning). Of a body that came to its
    /// end, and failed there, none is kept.
    pub(crate) fn has_beginning(&self) -> bool {
        let has = |leg: LegRecord| leg.flow.is_some_and(|flow| flow.kept.is_there());
        self.keeps_beginnings && self.legs().into_iter().any(has)
    }

    /// The longest beginning of a body that broke off, and the endpoint that gave it.
    pub(crate) fn take_beginning(&self) -> Option<(usize, Box<dyn Any + Send>)> {
        if !self.keeps_beginnings {
            return None;
        }
        let mut legs = self.legs();
        legs.sort_by_key(|leg| leg.flow.as_ref().map(|flow| flow.seen().received));
        let found = |leg: LegRecord| Some((leg.endpoint?, leg.flow?.kept.take()?));
        legs.into_iter().rev().find_map(found)
    }

    /// Notes the lengths of the bodies of attempt `leg`: of its request, and of its answer once that is there.
    #[inline]
    pub(crate) fn has_bodies(&self, leg: Leg, bodies: Moved) {
        match leg.further() {
            None => self.first.has_bodies(bodies),
            Some(index) => self.more()[index].bodies = Some(bodies),
        }
    }

    /// The bytes of bodies that attempt `leg`, which ended so, has moved. What is [reported](Progress) counts; where
    /// nothing is, the whole body of a request that may have been sent, and of an answer that is there. `None`: nobody
    /// knows.
    #[inline]
    pub(crate) fn moved(&self, leg: Leg, ended: Ended) -> Option<Moved> {
        let bodies = match leg.further() {
            None => self.first.bodies(),
            Some(index) => self.more()[index].bodies,
        };
        let flow = self.flow(leg);
        if bodies.is_none() && flow.is_none() && !self.is_weighed {
            return None;
        }
        let seen = flow.as_deref().map(Flow::seen);
        let (sent, received) = seen.map_or((0, 0), |seen| (seen.sent, seen.received));
        let bodies = bodies.unwrap_or_default();
        let is_told_piecewise = sent > 0 || seen.is_some_and(|seen| seen.to_send.is_some_and(|bytes| bytes > 0));
        let was_sent = !matches!(ended, Ended::Judged(outcome) if outcome.sent == Sent::No);
        Some(Moved {
            up: match is_told_piecewise {
                true => sent,
                false if was_sent => bodies.up,
                false => 0,
            },
            down: received.max(bodies.down),
        })
    }

    /// How long attempt `leg` waited for the first byte of its answer, from when the endpoint had the whole request (as
    /// far as this process can see). `None`: the byte has not come, or nobody [reports](Progress).
    pub fn first_byte(&self, leg: Leg) -> Option<Duration> {
        self.flow(leg)?.first_byte(None)
    }

    /// The bytes of bodies that attempt `leg` has moved so far, in both directions. 0 if nobody [reports](Progress).
    pub fn bytes(&self, leg: Leg) -> u64 {
        self.flow(leg).map_or(0, |flow| flow.moved_bytes())
    }

    /// When a byte of attempt `leg` last moved, or its answer began, counted from when the attempt was handed down.
    pub fn last_progress(&self, leg: Leg) -> Option<Duration> {
        self.flow(leg)?.last_progress()
    }

    /// How fast the body of attempt `leg` moved, in bytes a second: the body of an answer from its first byte on, the
    /// body of a request until the answer. `None` if the body is not larger than 64 KiB: its rate would be a timer's.
    pub fn rate(&self, leg: Leg) -> Option<f64> {
        self.flow(leg)?.rate()
    }

    fn first(&self) -> LegRecord {
        self.first.to_record(self.first_kind, self.started)
    }

    fn more(&self) -> MutexGuard<'_, Vec<LegRecord>> {
        let more = self.more.get_or_init(Box::default);
        more.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn if_more(&self) -> Option<MutexGuard<'_, Vec<LegRecord>>> {
        let more = self.more.get()?;
        Some(more.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
