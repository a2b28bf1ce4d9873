//! What an attempt teaches of latency, in virtual time.

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

/// An answer without a body: the adapter says that it asked, and nothing more.
#[tokio::test(start_paused = true)]
async fn an_absence_takes_as_long_as_it_takes() {
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
