//! Small reads beside large ones, at endpoints that are well.

use crate::{
    clients::{HOME, ours_at_both, plain},
    load::{at_a_rate, count, quantile, timed},
    report::{Case, Figures},
    server::{Manner, Server},
};
use std::{sync::Mutex, time::Duration};
use tokio::{join, time::sleep};

/// A hundred small reads a second.
const SMALL: Duration = Duration::from_millis(10);
/// By themselves at first, so that it is they that are usual.
const ALONE: Duration = Duration::from_millis(1_500);
/// Then for so long beside fifty large ones a second, of which twenty are under way at a time.
const BESIDE: Duration = Duration::from_millis(3_500);
const LARGE: Duration = Duration::from_millis(20);
/// 400 ms, at the servers' pace.
const LARGE_BODY: usize = 200_000;
const PACE: u32 = 500_000;

/// So many milliseconds for what is small. What is large takes 400 ms: for its body, or until the first byte of it.
async fn server(from: u64, seed: u64) -> Server {
    let chance = Mutex::new(fastrand::Rng::with_seed(seed));
    let latency = move |key: &str| {
        let millis = match key {
            "late" => 400,
            _ => chance.lock().unwrap().u64(from..from + 4),
        };
        Duration::from_millis(millis)
    };
    let server = Server::start(Manner::new(latency).pace(PACE)).await;
    server.seed("small", vec![7; 1024]);
    server.seed("late", vec![7; 1024]);
    server.seed("large", vec![7; LARGE_BODY]);
    server
}

/// What the small and the large ones came to.
async fn beside<T, F>(small: impl Fn(usize) -> F, large: impl Fn(usize) -> F) -> (Calls<T>, Calls<T>)
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    join!(at_a_rate(SMALL, ALONE + BESIDE, small), async {
        sleep(ALONE).await;
        at_a_rate(LARGE, BESIDE, large).await
    })
}

type Calls<T> = Vec<(Duration, T)>;

pub(crate) async fn play() -> Case {
    let mut figures = Figures::new();
    let mut ok = true;
    for (large, name) in [
        ("large", "displaced_beside_bodies"),
        ("late", "displaced_beside_late_ones"),
    ] {
        let (home, away) = (server(3, 1).await, server(10, 2).await);
        let (client, openings) = ours_at_both(&home, &away);
        let get = |key: &'static str| {
            let client = client.clone();
            move |_| {
                let client = client.clone();
                async move { client.get(key).explained().await }
            }
        };
        let (small, large) = beside(get("small"), get(large)).await;
        client.close();
        // Where it was sent first. A hedge that follows is paid for, and no misjudgement.
        let displaced = count(&small, |(_, got)| {
            let attempts = match got {
                Ok((_, explanation)) => explanation.attempts(),
                Err(error) => error.attempts(),
            };
            attempts.first().is_none_or(|first| first.endpoint() != HOME)
        });
        let failed = count(&small, |(_, got)| got.is_err()) + count(&large, |(_, got)| got.is_err());
        figures = figures
            .with(name, Some(displaced as f64 / small.len() as f64))
            .with(&format!("{name}_failed"), failed)
            .with(&format!("{name}_openings"), openings.count());
        ok &= displaced == 0 && failed == 0;
    }

    let home = server(3, 1).await;
    let client = plain(&home);
    let get = |key: &'static str| {
        let client = client.clone();
        move |_| {
            let client = client.clone();
            async move { timed(client.get(key)).await }
        }
    };
    let (small, large) = beside(get("small"), get("large")).await;
    let failed = count(&small, |(_, (got, _))| got.is_err()) + count(&large, |(_, (got, _))| got.is_err());
    let p99 = |got: Vec<(_, (_, Duration))>| quantile(got.into_iter().map(|(_, (_, time))| time).collect(), 0.99);
    let plain = Figures::new()
        .with("small_p99_s", p99(small))
        .with("large_p99_s", p99(large))
        .with("failed", failed);
    Case::new("mixed", ok, figures, plain)
}
