use super::{
    Condition, KeeperSettings, Standing,
    policy::{Policy, Step},
};
use crate::model::clock::{self, Instant};
use proptest::prelude::*;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A policy that holds what lives so long, fetched now.
fn holding(life: Option<Duration>) -> (Policy, Instant, fastrand::Rng) {
    let (now, mut rng) = (clock::now(), fastrand::Rng::with_seed(7));
    let mut policy = Policy::new(KeeperSettings::default(), now);
    assert!(policy.begin(now));
    assert!(policy.fetched(now, life, &mut rng));
    (policy, now, rng)
}

#[test]
fn calls_wait_for_the_first_fetch_but_not_beyond_its_patience() {
    let now = clock::now();
    let mut policy = Policy::new(KeeperSettings::default(), now);
    let until = now + Duration::from_millis(900);
    assert_eq!(policy.step(now), Step::Wait { fetch: true, until });
    let later = now + Duration::from_millis(500);
    assert_eq!(policy.step(later), Step::Wait { fetch: false, until });
    assert_eq!(policy.step(until), Step::Fail);
}

#[test]
fn hourly_credentials_are_renewed_at_21_to_24_minutes() {
    let (mut policy, t0, _) = holding(Some(HOUR));
    assert_eq!(policy.step(t0 + secs(21 * 60 - 1)), Step::Use { fetch: false });
    assert_eq!(policy.step(t0 + secs(24 * 60)), Step::Use { fetch: true });
    assert_eq!(
        policy.step(t0 + secs(24 * 60)),
        Step::Use { fetch: false },
        "one at a time"
    );
    let end = t0 + HOUR - secs(5);
    assert_eq!(policy.step(end - secs(1)), Step::Use { fetch: false });
    assert_eq!(policy.step(end), Step::Fail, "the fetch hangs for long");
}

#[test]
fn lasting_credentials_are_fetched_again_only_after_a_refusal() {
    let (mut policy, t0, mut rng) = holding(None);
    let year = t0 + 24 * 365 * HOUR;
    assert_eq!(policy.step(year), Step::Use { fetch: false });
    // An attempt that began before these were fetched says nothing of them.
    policy.refused(t0, year);
    assert_eq!(policy.step(year), Step::Use { fetch: false });
    policy.refused(year, year);
    assert_eq!(policy.step(year), Step::Use { fetch: true });
    assert!(policy.fetched(year, None, &mut rng));
    // The new ones are refused as well: they are believed for 30 s.
    policy.refused(year + secs(1), year + secs(1));
    assert_eq!(policy.step(year + secs(1)), Step::Use { fetch: false });
    policy.refused(year + secs(31), year + secs(31));
    assert_eq!(policy.step(year + secs(31)), Step::Use { fetch: true });
}

#[test]
fn fetching_expired_credentials_fails_and_keeps_the_old_ones() {
    let (mut policy, t0, mut rng) = holding(Some(HOUR));
    let due = t0 + secs(24 * 60);
    assert_eq!(policy.step(due), Step::Use { fetch: true });
    assert!(!policy.fetched(due, Some(secs(5)), &mut rng));
    assert_eq!((policy.condition(due), policy.failures()), (Condition::Kept, 1));
    assert!(policy.is_valid(due));
    let turn = policy.turn(due).unwrap();
    assert_eq!((turn.to, turn.valid_for), (Condition::Kept, Some(secs(36 * 60 - 5))));
    assert_eq!(policy.turn(due), None, "said once");
}

#[test]
fn the_policy_reports_lost_credentials_and_the_length_of_trouble() {
    let (mut policy, t0, mut rng) = holding(Some(secs(60)));
    let due = t0 + secs(30);
    policy.step(due);
    policy.failed(due, &mut rng);
    assert_eq!(policy.turn(due).unwrap().to, Condition::Kept);
    let end = t0 + secs(55);
    assert_eq!(policy.turn(end).unwrap().to, Condition::Lost);
    let back = t0 + secs(630);
    assert!(policy.begin(back));
    assert!(policy.fetched(back, Some(HOUR), &mut rng));
    let turn = policy.turn(back).unwrap();
    assert_eq!((turn.to, turn.after), (Condition::Well, secs(600)));
}

#[test]
fn an_overtaken_fetch_is_discarded() {
    let standing = Standing::new("role".into(), KeeperSettings::default());
    assert!(standing.begin());
    let (number, mut kept) = (standing.forgotten(), false);
    standing.forget(|| ());
    standing.fetched(number, Some(HOUR), || kept = true);
    assert!(!kept && !standing.is_valid() && !standing.is_under_way());
    assert_eq!(standing.failures(), 0, "the source has done nothing wrong");
}

#[test]
fn an_unmeasured_lifetime_never_ends() {
    let (mut policy, t0, _) = holding(Some(Duration::MAX));
    assert_eq!(policy.valid_for(t0), Some(None));
    assert_eq!(policy.step(t0 + 24 * 365 * HOUR), Step::Use { fetch: false });
}

#[test]
fn a_dropped_fetch_restarts_at_once() {
    let now = clock::now();
    let mut policy = Policy::new(KeeperSettings::default(), now);
    assert!(policy.begin(now));
    policy.dropped();
    assert!(matches!(policy.step(now), Step::Wait { fetch: true, .. }));
    assert_eq!(policy.failures(), 0);
}

proptest! {
    /// Whatever is asked, refused or lost, and however often: the budget bounds the fetches.
    #[test]
    fn fetches_stay_within_the_budget(seed: u64, steps in 50_usize..400) {
        let settings = KeeperSettings::default();
        let start = clock::now();
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut policy = Policy::new(settings.clone(), start);
        let (mut now, mut fetches) = (start, 0.0);
        for _ in 0..steps {
            now += Duration::from_millis(rng.u64(0..20_000));
            let begun = match rng.u8(0..6) {
                0 => { policy.refused(now, now); false }
                1 => { policy.forget(); false }
                2 => policy.begin(now),
                _ => matches!(policy.step(now), Step::Use { fetch: true } | Step::Wait { fetch: true, .. }),
            };
            if begun {
                fetches += 1.0;
                match rng.u8(0..4) {
                    0 => { policy.fetched(now, Some(secs(rng.u64(0..4000))), &mut rng); }
                    1 => policy.dropped(),
                    _ => policy.failed(now, &mut rng),
                }
            }
            let passed = (now - start).as_secs_f64();
            let most = f64::from(settings.banked) + passed / settings.refill.as_secs_f64();
            prop_assert!(fetches <= most + 1e-6, "{fetches} in {passed} s");
        }
    }

    /// What is valid is used, whatever the source does.
    #[test]
    fn valid_credentials_are_always_used(seed: u64, life in 10_u64..100_000) {
        let (mut policy, t0, mut rng) = holding(Some(secs(life)));
        let end = t0 + secs(life - 5);
        let mut now = t0;
        for _ in 0..200 {
            now += secs(life).mul_f64(rng.f64() / 50.0);
            match policy.step(now) {
                Step::Use { fetch: true } if seed.is_multiple_of(2) => policy.failed(now, &mut rng),
                Step::Use { .. } => {}
                step => prop_assert!(now >= end, "{step:?} at {:?} of {life} s", now - t0),
            }
        }
    }
}
