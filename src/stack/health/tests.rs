//! What an attempt teaches about latency, in virtual time.

use super::{HealthLayer, Tracker};
use crate::{
    request::{Call, OpClass},
    verdict::{Classify, Outcome, Sent, Verdict},
};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::time::sleep;
use tower::{Layer, ServiceExt, service_fn};

#[derive(Clone)]
struct Absence;

impl Classify<(), Infallible> for Absence {
    fn classify(&self, _: Result<&(), &Infallible>) -> Outcome {
        Outcome::new(Verdict::Absent, Sent::Maybe)
    }
}

/// An answer without a body: the adapter reports that it asked, and nothing more.
#[tokio::test(start_paused = true)]
async fn an_absence_counts_as_a_latency_sample() {
    let tracker = Arc::new(Tracker::new());
    let service = HealthLayer::new(tracker.clone(), Absence).layer(service_fn(|call: Call<()>| async move {
        call.progress().begin(0);
        sleep(Duration::from_millis(5)).await;
        Ok::<(), Infallible>(())
    }));
    for _ in 0..20 {
        service.clone().oneshot(Call::read(())).await.unwrap();
    }
    let p99 = tracker.p99(OpClass::Read).unwrap();
    assert!(p99 < Duration::from_millis(7), "{p99:?}");
}

/// No input makes a policy overflow.
#[test]
fn health_policies_never_overflow() {
    let times = [
        Duration::ZERO,
        Duration::from_nanos(1),
        Duration::from_secs(1),
        Duration::from_secs(1 << 40),
        Duration::from_secs(1 << 62),
        Duration::MAX,
    ];
    let start = crate::model::clock::now();
    let rng = &mut fastrand::Rng::with_seed(1);
    for time in times {
        let mut window = super::Window::new(time);
        let ramp = super::Ramp::after(time, start, rng);
        let mut latency = super::latency::Latency::default();
        let mut throttle = super::throttle::ThrottleShare::default();
        for step in 0..40 {
            let now = start + Duration::from_millis(700) * step;
            window.record(now, step % 2 == 0);
            latency.record(now, time, step);
            throttle.throttled(now, Some(time));
            let _ = (
                window.counts(now),
                ramp.share(now),
                latency.quantile(f64::NAN),
                throttle.share(now),
            );
        }
    }
}
