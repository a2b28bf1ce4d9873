use super::*;
use proptest::prelude::*;

fn rng() -> fastrand::Rng {
    fastrand::Rng::with_seed(7)
}

fn millis(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn opened(policy: &mut Policy, now: Instant) {
    for _ in 0..4 {
        policy.ended(now, Signal::Fault, &mut rng());
    }
    assert_eq!(policy.state_name(), "open");
}

#[test]
fn faults_in_a_row_open_it_and_one_success_between_does_not() {
    let now = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    for _ in 0..100 {
        policy.ended(now, Signal::Good, &mut rng());
    }
    for signal in [Signal::Fault, Signal::Fault, Signal::Fault, Signal::Good, Signal::Fault] {
        assert_eq!(policy.ended(now, signal, &mut rng()), None);
    }
    policy.ended(now, Signal::Fault, &mut rng());
    policy.ended(now, Signal::Fault, &mut rng());
    let transition = policy.ended(now, Signal::Fault, &mut rng());
    assert!(matches!(
        transition,
        Some(Transition::Opened {
            cause: Cause::Consecutive,
            ..
        })
    ));
}

#[test]
fn at_low_rates_three_faults_or_two_very_late_ones_are_enough() {
    for signals in [&[Signal::Fault; 3][..], &[Signal::VeryLate; 2][..]] {
        let mut now = crate::clock::now();
        let mut policy = Policy::new(Settings::default());
        for signal in signals {
            now += millis(200);
            policy.ended(now, *signal, &mut rng());
        }
        assert_eq!(policy.state_name(), "open");
    }
}

#[test]
fn a_share_of_faults_opens_it_though_none_are_in_a_row() {
    let mut now = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    let mut cause = None;
    for i in 0..20 {
        now += millis(10);
        let signal = if i % 4 == 3 { Signal::Fault } else { Signal::Good };
        if let Some(Transition::Opened { cause: c, .. }) = policy.ended(now, signal, &mut rng()) {
            cause = Some(c);
        }
    }
    assert_eq!(cause, Some(Cause::Ratio));
}

#[test]
fn at_low_rates_three_faults_of_the_last_ten_open_it_and_two_do_not() {
    for (every, state) in [(5, "closed"), (3, "open")] {
        let mut now = crate::clock::now();
        let mut policy = Policy::new(Settings::default());
        for i in 1..200 {
            now += millis(200);
            let signal = if i % every == 0 { Signal::Fault } else { Signal::Good };
            policy.ended(now, signal, &mut rng());
        }
        assert_eq!(policy.state_name(), state, "one fault in {every}");
    }
}

#[test]
fn a_wary_one_opens_on_half_the_faults_and_a_success_ends_it() {
    let now = crate::clock::now();
    let faults_until_open = |policy: &mut Policy| {
        let faults = (1..10).find(|_| policy.ended(now, Signal::Fault, &mut rng()).is_some());
        faults.unwrap()
    };
    let wary = || {
        let mut policy = Policy::new(Settings::default());
        policy.be_wary(now + millis(30_000));
        policy
    };
    assert_eq!(faults_until_open(&mut Policy::new(Settings::default())), 3);
    assert_eq!(faults_until_open(&mut wary()), 2);
    let mut reassured = wary();
    reassured.ended(now, Signal::Good, &mut rng());
    assert_eq!(faults_until_open(&mut reassured), 3);
}

#[test]
fn it_forgets_faults_by_the_clock() {
    let mut now = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    for _ in 0..50 {
        now += millis(16_000);
        policy.ended(now, Signal::Fault, &mut rng());
        now += millis(16_000);
        policy.ended(now, Signal::Good, &mut rng());
    }
    assert_eq!(policy.state_name(), "closed");
}

#[test]
fn one_probe_at_a_time_and_a_dropped_one_frees_the_slot() {
    let t0 = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    opened(&mut policy, t0);
    assert!(matches!(policy.peek(t0 + millis(1_000)), Admission::Refuse { .. }));
    let now = t0 + millis(1_700);
    assert_eq!(policy.admit(now), (Admission::Probe, Some(Transition::HalfOpened)));
    assert!(matches!(policy.admit(now).0, Admission::Refuse { .. }));
    policy.probe_dropped();
    assert_eq!(policy.admit(now).0, Admission::Probe);
}

#[test]
fn three_good_probes_close_it_and_a_bad_one_opens_it_again() {
    let t0 = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    opened(&mut policy, t0);
    let now = t0 + millis(1_700);
    for _ in 0..2 {
        policy.admit(now);
        assert_eq!(policy.probed(now, Signal::Good, &mut rng()), None);
    }
    policy.admit(now);
    assert!(matches!(
        policy.probed(now, Signal::Fault, &mut rng()),
        Some(Transition::Opened {
            cause: Cause::ProbeFailed,
            ..
        })
    ));
    let now = now + millis(1_700);
    for _ in 0..2 {
        policy.admit(now);
        policy.probed(now, Signal::Good, &mut rng());
    }
    policy.admit(now);
    assert_eq!(
        policy.probed(now, Signal::Good, &mut rng()),
        Some(Transition::Closed { outage: millis(3_400) })
    );
    assert_eq!(policy.share(now), Ramp::FIRST_SHARE);
}

#[test]
fn forced_attempts_heal_an_open_breaker_but_do_not_prolong_it() {
    let t0 = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    opened(&mut policy, t0);
    assert_eq!(policy.forced(t0, Signal::Fault, &mut rng()), None);
    assert_eq!(
        policy.forced(t0, Signal::Good, &mut rng()),
        Some(Transition::HalfOpened)
    );
    policy.forced(t0, Signal::Good, &mut rng());
    policy.forced(t0, Signal::Good, &mut rng());
    assert_eq!(policy.state_name(), "closed");
}

#[test]
fn an_endpoint_that_flaps_must_stay_well_for_longer_each_time() {
    let mut now = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    let mut spans = Vec::new();
    for _ in 0..5 {
        opened(&mut policy, now);
        now += millis(1_600);
        let first = now;
        while policy.state_name() != "closed" {
            if policy.admit(now).0 == Admission::Probe {
                policy.probed(now, Signal::Good, &mut rng());
            }
            now += millis(1);
        }
        spans.push((now - first).as_secs());
        now += millis(3_000);
    }
    assert_eq!(spans, [0, 1, 3, 6, 12]);
}

#[test]
fn a_relapse_soon_after_recovery_is_the_same_outage() {
    let t0 = crate::clock::now();
    let mut policy = Policy::new(Settings::default());
    opened(&mut policy, t0);
    let now = t0 + millis(1_600);
    for _ in 0..3 {
        policy.admit(now);
        policy.probed(now, Signal::Good, &mut rng());
    }
    opened(&mut policy, now + millis(1_000));
    assert_eq!(policy.hold_down(now + millis(1_000)), Duration::ZERO);
}

proptest! {
    /// Whatever happens: at most one probe is out, an open time is within its bounds, the state is a legal one.
    #[test]
    fn any_history(steps in proptest::collection::vec((0_u64..3_000, 0_u8..7), 1..300), seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut now = crate::clock::now();
        let mut policy = Policy::new(Settings::default());
        let mut probing = false;
        for (gap, what) in steps {
            now += millis(gap);
            let signal = [Signal::Good, Signal::Fault, Signal::Late, Signal::VeryLate, Signal::Nothing][usize::from(what % 5)];
            let transition = match what {
                0..=3 if probing => { probing = false; policy.probed(now, signal, &mut rng) }
                4 if probing => { probing = false; policy.probe_dropped(); None }
                5 | 6 => {
                    let (admission, transition) = policy.admit(now);
                    if admission == Admission::Probe {
                        prop_assert!(!probing, "two probes at once");
                        probing = true;
                    }
                    transition
                }
                _ => policy.ended(now, signal, &mut rng),
            };
            if let Some(Transition::Opened { duration, .. }) = transition {
                prop_assert!(duration <= Duration::from_secs(30) && duration >= millis(1_100));
            }
            let share = policy.share(now);
            prop_assert!((0.0..=1.0).contains(&share));
            prop_assert_eq!(share == 0.0, policy.state_name() != "closed");
        }
    }
}

/// Fifty connections close at once under fifty attempts, and the next ones work.
#[test]
fn a_burst_of_closes_is_one_fault() {
    let start = crate::clock::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    for rate in [1, 10] {
        let mut policy = Policy::new(Settings::default());
        for ms in 0..100 {
            policy.ended(at(rate * ms), Signal::Good, &mut rng());
        }
        let closed = rate * 100 + 20;
        for i in 0..50 {
            let broken = Signal::Broken { began: at(closed - 20) };
            assert_eq!(policy.ended(at(closed + i / 10), broken, &mut rng()), None);
        }
        assert_eq!(policy.ended(at(closed + 10), Signal::Good, &mut rng()), None);
        assert_eq!(policy.state_name(), "closed");
    }
}

/// Every connection breaks, again and again: what began after the first has no excuse.
#[test]
fn who_breaks_every_connection_is_found_out() {
    let start = crate::clock::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut policy = Policy::new(Settings::default());
    let mut opened = None;
    for round in 1..10 {
        for _ in 0..50 {
            let broken = Signal::Broken {
                began: at(10 * round - 10),
            };
            let transition = policy.ended(at(10 * round), broken, &mut rng());
            opened = opened.or(transition.map(|_| round));
        }
    }
    // The second round began in the moment of the first break.
    assert_eq!(opened, Some(3));
}

/// Three in ten break, evenly: the share counts as it would of any fault.
#[test]
fn breaks_here_and_there_count_each() {
    let start = crate::clock::now();
    let at = |ms: u64| start + Duration::from_millis(ms);
    let mut policy = Policy::new(Settings::default());
    let opened = (1_u64..1_000).find(|ms| {
        let signal = match ms % 10 {
            0 | 3 | 6 => Signal::Broken {
                began: at(ms.saturating_sub(12)),
            },
            _ => Signal::Good,
        };
        policy.ended(at(*ms), signal, &mut rng()).is_some()
    });
    assert!(opened.is_some_and(|ms| ms < 100), "{opened:?}");
}
