use super::Tracker;
use super::tracker::Attempt as Measured;
use crate::{
    BoxError,
    credentials::Standing,
    model::{
        clock,
        evidence::{Ending, Lesson},
    },
    request::{Abandoned, Call, Ended},
    stack::station::{Behind, Served, Station},
    telemetry::{AttemptObserver, Watch},
    verdict::{Classify, Detail, Outcome, Sent},
};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower::Layer;

/// Puts one endpoint's health before its service.
#[derive(Debug)]
pub struct HealthLayer<K> {
    judge: Arc<Judge<K>>,
}

/// The classifier, and the tracker that remembers its verdicts.
#[derive(Debug)]
struct Judge<K> {
    tracker: Arc<Tracker>,
    classify: K,
    observer: AttemptObserver,
    /// The credentials that sign attempts, where given.
    credentials: Option<Standing>,
}

impl<K> Clone for HealthLayer<K> {
    fn clone(&self) -> Self {
        Self {
            judge: self.judge.clone(),
        }
    }
}

impl<K> HealthLayer<K> {
    /// Judges with `classify` and remembers in `tracker`.
    pub fn new(tracker: Arc<Tracker>, classify: K) -> Self {
        Self::observed_by(tracker, classify, AttemptObserver::unnamed(), None)
    }

    /// Like [`new`](Self::new). Spans and metrics carry this endpoint's name and place, and its credentials hear of
    /// refusals.
    pub(crate) fn observed_by(
        tracker: Arc<Tracker>,
        classify: K,
        observer: AttemptObserver,
        credentials: Option<Standing>,
    ) -> Self {
        Self {
            judge: Arc::new(Judge {
                tracker,
                classify,
                observer,
                credentials,
            }),
        }
    }

    /// The station before this one.
    pub(crate) fn before<N>(self, inner: N) -> Health<N, K> {
        Health {
            inner,
            judge: self.judge,
        }
    }
}

impl<S: Clone, K> Layer<S> for HealthLayer<K> {
    type Service = Served<Health<Behind<S>, K>>;

    fn layer(&self, inner: S) -> Self::Service {
        Served::of(self.clone().before(Behind::new(inner)))
    }
}

/// Judges every attempt at one endpoint. See the [module](self).
#[derive(Debug)]
pub struct Health<N, K> {
    inner: N,
    judge: Arc<Judge<K>>,
}

impl<R, N, K> Station<R> for Health<N, K>
where
    N: Station<R>,
    N::Error: Into<BoxError>,
    K: Classify<N::Response, N::Error>,
{
    type Response = N::Response;
    type Error = BoxError;
    type Attempt = Attempt<N::Attempt>;
    type Pinned = N::Pinned;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn enter(&self, call: &Call<R>) -> Self::Attempt {
        call.record().start(call.leg(), call.at_after());
        self.judge.tracker.enter(call.class(), || call.at());
        let mut watch = self.judge.observer.watch(call.record(), call.leg());
        Attempt {
            inner: Watch::during(&mut watch, || self.inner.enter(call)),
            over: false,
            watch,
        }
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn poll(
        &self,
        call: &Call<R>,
        attempt: &mut Self::Attempt,
        pinned: Pin<&mut Self::Pinned>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<N::Response, BoxError>> {
        let Attempt { inner, over, watch } = attempt;
        let result = ready!(Watch::during(watch, || self.inner.poll(call, inner, pinned, cx)));
        *over = true;
        self.judge.tracker.leave();
        self.judge.returned(call, result.as_ref(), watch.as_deref());
        Poll::Ready(result.map_err(Into::into))
    }

    #[inline]
    fn abandon(&self, call: &Call<R>, attempt: &mut Self::Attempt, pinned: Pin<&mut Self::Pinned>) {
        let Attempt { inner, over, watch } = attempt;
        Watch::during(watch, || self.inner.abandon(call, inner, pinned));
        if !std::mem::replace(over, true) {
            self.judge.tracker.leave();
            self.judge.dropped(call, watch.as_deref());
        }
    }
}

/// One attempt under way.
#[derive(Debug)]
pub struct Attempt<A> {
    inner: A,
    /// The attempt was judged.
    over: bool,
    /// What goes with it, where somebody looks.
    watch: Option<Box<Watch>>,
}

impl<K> Judge<K> {
    /// The attempt came back.
    #[inline]
    fn returned<R, T, E>(&self, call: &Call<R>, result: Result<&T, &E>, watch: Option<&Watch>)
    where
        K: Classify<T, E>,
    {
        let Self {
            tracker,
            classify,
            observer,
            credentials,
        } = self;
        let (record, leg) = (call.record(), call.leg());
        let now = clock::now();
        let took = record.after(now).since(call.at_after());
        let mut outcome = classify.classify(result);
        if outcome.credential && outcome.sent == Sent::Maybe {
            credentials
                .iter()
                .for_each(|credentials| credentials.refused(call.at()));
        }
        let ordinary =
            outcome.is_plain_success() && !record.is_background() && !record.is_large() && record.flow(leg).is_none();
        let lesson = if ordinary && !record.stood_still(call.at_after(), now) {
            tracker.went_well(record.work(), now, took);
            Lesson::Good
        } else {
            let (lesson, ending) = tracker.ended(measured(call, took, Some(outcome)), Ending::Judged(outcome));
            if let Ending::Judged(seen) = ending {
                outcome = seen;
            }
            lesson
        };
        let healthy = outcome.verdict.is_healthy();
        // Refusals that are answers have request ids, too; nobody but who looks at the attempt wants them.
        let detail: Option<Detail> =
            (!healthy || (watch.is_some() && result.is_err())).then(|| classify.detail(result).shown());
        let ended = Ended::Judged(outcome);
        tracker.count(record.class(), record.kind(leg), ended, record.moved(leg, ended));
        observer.ended(record, ended, took);
        if let (Some(detail), Some(span)) = (&detail, watch.and_then(Watch::span)) {
            if !healthy {
                span.record("error.type", detail.code.as_deref().unwrap_or(outcome.verdict.as_str()));
            }
            if let Some(id) = &detail.request_id {
                span.record("provider.request_id", id.as_str());
            }
        }
        if watch.is_some() {
            observer.tell((record, leg), watch, (ended, took), detail.as_ref());
        }
        record.end(leg, took, ended, lesson, detail.filter(|_| !healthy));
    }

    /// The attempt was dropped.
    fn dropped<R>(&self, call: &Call<R>, watch: Option<&Watch>) {
        let (record, leg) = (call.record(), call.leg());
        let now = clock::now();
        let age = record.after(now).since(call.at_after());
        let ending = match record.overtaken() {
            Some((after, late)) => Ending::Overtaken {
                after,
                usual: late == Some(false),
            },
            None => Ending::Dropped,
        };
        let (lesson, _) = self.tracker.ended(measured(call, age, None), ending);
        let how = match lesson {
            Lesson::Late | Lesson::CallerLeft => Abandoned::Late,
            _ => Abandoned::Young,
        };
        let ended = Ended::Abandoned(how);
        self.tracker
            .count(record.class(), record.kind(leg), ended, record.moved(leg, ended));
        self.observer.ended(record, ended, age);
        if watch.is_some() {
            self.observer.tell((record, leg), watch, (ended, age), None);
        }
        record.end(leg, age, ended, lesson, None);
    }
}

/// What is known of an attempt when it ends.
fn measured<R>(call: &Call<R>, age: Duration, outcome: Option<Outcome>) -> Measured {
    let (record, leg) = (call.record(), call.leg());
    let flow = record.flow(leg);
    // Of a body that moves it is the silence that has an age.
    let silent = match (outcome, &flow) {
        (None, Some(flow)) => {
            let seen = flow.seen();
            let heard = seen.last.unwrap_or_else(|| seen.asked());
            call.at_after().plus(age).since(heard).min(age)
        }
        _ => age,
    };
    // The time of many bytes is theirs.
    let sample = match &flow {
        Some(flow) => flow.first_byte((!record.is_large()).then(|| call.at_after().plus(age))),
        None => (!record.is_large()).then_some(age),
    };
    Measured {
        work: record.work(),
        began: call.at(),
        age,
        silent,
        sample,
        rate: flow.and_then(|flow| flow.rate()),
        probe: record.is_probe(),
        large: record.is_large(),
        background: record.is_background(),
        stood_still: record.stood_still(call.at_after(), call.at() + age),
        alike_elsewhere: match outcome {
            Some(outcome) => record.failed_alike_elsewhere(leg, outcome),
            None => record.overtaken().is_some_and(|(_, late)| late == Some(true)),
        },
        in_vain_elsewhere: record.in_vain_elsewhere(leg, call.at() + age),
    }
}
