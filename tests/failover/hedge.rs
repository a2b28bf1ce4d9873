use evenkeel::{
    BoxError,
    request::Call,
    stack::{
        hedge::{Delay, HedgeLayer},
        retry::Budget,
        route::Exhausted,
    },
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use tokio::time::{sleep, timeout};
use tower::{Layer, ServiceExt, service_fn};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_does_not_wait_for_a_failed_hedge() {
    // Given an attempt that fails after its hedge was sent, and a hedge that then finds no endpoint left,
    let asked = AtomicU32::new(0);
    let service = service_fn(|_: Call<()>| {
        let first = asked.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            sleep(ms(if first { 30 } else { 20 })).await;
            Err::<(), BoxError>(match first {
                true => "reset".into(),
                false => Exhausted::default().into(),
            })
        }
    });
    let service = HedgeLayer::new(Delay::fixed(ms(20)), Budget::default()).layer(service);
    // when it is called,
    let failed = timeout(ms(45), service.oneshot(Call::read(()))).await;
    // then the attempt's own failure comes back as soon as that is known, after 40 ms.
    assert_eq!(failed.unwrap().unwrap_err().to_string(), "reset");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
