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
        policy.ended(now, Lesson::Fault, false, &mut rng());
    }
    assert_eq!(policy.state().as_str(), "open");
}

#[test]
fn consecutive_faults_open_the_breaker_unless_a_success_intervenes() {
    let now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for _ in 0..100 {
        policy.ended(now, Lesson::Good, false, &mut rng());
    }
    for signal in [Lesson::Fault, Lesson::Fault, Lesson::Fault, Lesson::Good, Lesson::Fault] {
        assert_eq!(policy.ended(now, signal, false, &mut rng()), None);
    }
    policy.ended(now, Lesson::Fault, false, &mut rng());
    policy.ended(now, Lesson::Fault, false, &mut rng());
    let transition = policy.ended(now, Lesson::Fault, false, &mut rng());
    assert!(matches!(
        transition,
        Some(Transition::Opened {
            cause: Cause::Consecutive,
            ..
        })
    ));
}

#[test]
fn at_low_rates_three_faults_open_the_breaker() {
    for lesson in [Lesson::Fault, Lesson::Late] {
        let mut now = crate::model::clock::now();
        let mut policy = Policy::new(BreakerSettings::default());
        for _ in 0..3 {
            now += millis(200);
            policy.ended(now, lesson, false, &mut rng());
        }
        assert_eq!(policy.state().as_str(), "open");
    }
}

/// Callers with 20 ms of patience, and an endpoint that does or does not answer others.
#[test]
fn impatient_callers_count_only_without_successes() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for number in 0..10_000 {
        now += millis(2);
        let lesson = if number % 10 == 0 {
            Lesson::Good
        } else {
            Lesson::CallerLeft
        };
        assert_eq!(policy.ended(now, lesson, false, &mut rng()), None);
    }
    let opens = (1..100).find(|_| policy.ended(now, Lesson::CallerLeft, false, &mut rng()).is_some());
    // Nine had left since the last good one.
    assert_eq!(opens, Some(7));
}

/// An endpoint that does a part of its work is worth more than none.
#[test]
fn the_only_endpoint_is_opened_later() {
    let now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for number in 0..1_000 {
        let lesson = if number % 2 == 0 { Lesson::Fault } else { Lesson::Good };
        assert_eq!(policy.ended(now, lesson, true, &mut rng()), None);
    }
    let opens = (1..100).find(|_| policy.ended(now, Lesson::Fault, true, &mut rng()).is_some());
    assert_eq!(opens, Some(12));
}

/// A pause of a garbage collector: the next probe comes soon, and the pause is no sign of flapping.
#[test]
fn a_late_endpoint_is_probed_again_soon() {
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    let mut now = t0;
    for _ in 0..5 {
        for _ in 0..4 {
            policy.ended(now, Lesson::Late, false, &mut rng());
        }
        let Admission::Refuse { until } = policy.peek(now) else {
            panic!("it is open");
        };
        assert!(until - now <= millis(358), "{:?}", until - now);
        for _ in 0..3 {
            assert_eq!(policy.admit(until).0, Admission::Probe);
            policy.probed(until, Lesson::Good, &mut rng());
        }
        assert_eq!(policy.state().as_str(), "closed");
        now = until + millis(10_000);
    }
}

/// A stall of three quarters of a second, at many calls a second: the first probe is late, too.
#[test]
fn a_pause_longer_than_the_first_probe_is_no_outage() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for _ in 0..5 {
        for _ in 0..100 {
            now += millis(10);
            policy.ended(now, Lesson::Good, false, &mut rng());
        }
        let began = now;
        while policy.is_closed() {
            now += millis(10);
            policy.ended(now, Lesson::Late, false, &mut rng());
        }
        for lesson in [Lesson::Late, Lesson::Good, Lesson::Good, Lesson::Good] {
            if let Admission::Refuse { until } = policy.peek(now) {
                now = until;
            }
            policy.admit(now);
            now += millis(10);
            policy.probed(now, lesson, &mut rng());
        }
        assert!(policy.is_closed() && now - began < millis(1_000), "{:?}", now - began);
        now += millis(10_000);
    }
}

/// The probes that make sure of it take their time: the endpoint was well from the first of them on.
#[test]
fn the_time_of_the_probes_counts_as_no_flapping() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for _ in 0..5 {
        while policy.is_closed() {
            policy.ended(now, Lesson::Late, false, &mut rng());
        }
        if let Admission::Refuse { until } = policy.peek(now) {
            now = until;
        }
        for _ in 0..3 {
            assert_eq!(policy.admit(now).0, Admission::Probe, "no hold-down");
            policy.probed(now, Lesson::Good, &mut rng());
            now += millis(500);
        }
        assert!(policy.is_closed());
        now += millis(10_000);
    }
}

/// The same where answers come in between.
#[test]
fn a_share_of_late_attempts_opens_the_breaker_briefly() {
    let now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    let lessons = [Lesson::Good, Lesson::Late].into_iter().cycle();
    let opened = lessons
        .take(40)
        .find_map(|lesson| policy.ended(now, lesson, false, &mut rng()));
    let Some(Transition::Opened { cause, duration }) = opened else {
        panic!("it is open");
    };
    assert!(cause == Cause::Ratio && duration <= millis(358), "{duration:?}");
}

#[test]
fn a_share_of_faults_opens_the_breaker() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    let mut cause = None;
    for i in 0..20 {
        now += millis(10);
        let signal = if i % 4 == 3 { Lesson::Fault } else { Lesson::Good };
        if let Some(Transition::Opened { cause: c, .. }) = policy.ended(now, signal, false, &mut rng()) {
            cause = Some(c);
        }
    }
    assert_eq!(cause, Some(Cause::Ratio));
}

#[test]
fn a_wary_breaker_opens_on_half_the_faults_until_a_success() {
    let now = crate::model::clock::now();
    let faults_until_open = |policy: &mut Policy| {
        let faults = (1..10).find(|_| policy.ended(now, Lesson::Fault, false, &mut rng()).is_some());
        faults.unwrap()
    };
    let wary = || {
        let mut policy = Policy::new(BreakerSettings::default());
        policy.be_wary(now + millis(30_000));
        policy
    };
    assert_eq!(faults_until_open(&mut Policy::new(BreakerSettings::default())), 3);
    assert_eq!(faults_until_open(&mut wary()), 2);
    let mut reassured = wary();
    reassured.ended(now, Lesson::Good, false, &mut rng());
    assert_eq!(faults_until_open(&mut reassured), 3);
}

#[test]
fn old_faults_are_forgotten() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    for _ in 0..50 {
        now += millis(16_000);
        policy.ended(now, Lesson::Fault, false, &mut rng());
        now += millis(16_000);
        policy.ended(now, Lesson::Good, false, &mut rng());
    }
    assert_eq!(policy.state().as_str(), "closed");
}

#[test]
fn one_probe_at_a_time_and_a_dropped_probe_frees_the_slot() {
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    opened(&mut policy, t0);
    assert!(matches!(policy.peek(t0 + millis(1_000)), Admission::Refuse { .. }));
    let now = t0 + millis(1_700);
    assert_eq!(policy.admit(now), (Admission::Probe, Some(Transition::HalfOpened)));
    assert!(matches!(policy.admit(now).0, Admission::Refuse { .. }));
    policy.probe_dropped();
    assert_eq!(policy.admit(now).0, Admission::Probe);
}

#[test]
fn three_good_probes_close_the_breaker_and_a_bad_one_reopens_it() {
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    opened(&mut policy, t0);
    let now = t0 + millis(1_700);
    for _ in 0..2 {
        policy.admit(now);
        assert_eq!(policy.probed(now, Lesson::Good, &mut rng()), None);
    }
    policy.admit(now);
    assert!(matches!(
        policy.probed(now, Lesson::Fault, &mut rng()),
        Some(Transition::Opened {
            cause: Cause::ProbeFailed,
            ..
        })
    ));
    let now = now + millis(1_700);
    for _ in 0..2 {
        policy.admit(now);
        policy.probed(now, Lesson::Good, &mut rng());
    }
    policy.admit(now);
    assert_eq!(
        policy.probed(now, Lesson::Good, &mut rng()),
        Some(Transition::Closed { outage: millis(3_400) })
    );
    assert_eq!(policy.share(now), Ramp::FIRST_SHARE);
}

#[test]
fn forced_attempts_heal_an_open_breaker_but_do_not_prolong_it() {
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    opened(&mut policy, t0);
    assert_eq!(policy.forced(t0, Lesson::Fault, &mut rng()), None);
    assert_eq!(
        policy.forced(t0, Lesson::Good, &mut rng()),
        Some(Transition::HalfOpened)
    );
    policy.forced(t0, Lesson::Good, &mut rng());
    policy.forced(t0, Lesson::Good, &mut rng());
    assert_eq!(policy.state().as_str(), "closed");
}

#[test]
fn an_unanswered_wait_opens_the_breaker_unless_others_had_answers() {
    let t0 = crate::model::clock::now();
    for (good_at, alone, opens) in [(0, false, true), (500, false, false), (0, true, false)] {
        let mut policy = Policy::new(BreakerSettings::default());
        policy.ended(t0 + millis(good_at), Lesson::Good, false, &mut rng());
        let late = policy.waited_in_vain(t0 + millis(1_100), t0 + millis(100), alone, &mut rng());
        assert_eq!(late.is_some(), opens, "{good_at} {alone}");
    }
}

/// Where nothing is closed, hundreds of attempts a second are forced, and one in seven succeeds.
#[test]
fn rare_successes_cause_no_transitions_after_a_failed_probe() {
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    opened(&mut policy, t0);
    policy.forced(t0, Lesson::Good, &mut rng());
    policy.admit(t0);
    let failed = policy.probed(t0, Lesson::Fault, &mut rng());
    assert!(matches!(
        failed,
        Some(Transition::Opened {
            cause: Cause::ProbeFailed,
            ..
        })
    ));
    let soon = t0 + millis(1_299);
    assert_eq!(policy.forced(soon, Lesson::Good, &mut rng()), None);
    assert_eq!(policy.state().as_str(), "open");
    let later = t0 + millis(1_300);
    assert_eq!(
        policy.forced(later, Lesson::Good, &mut rng()),
        Some(Transition::HalfOpened)
    );
}

#[test]
fn a_flapping_endpoint_must_stay_well_longer_each_time() {
    let mut now = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    let mut spans = Vec::new();
    for _ in 0..5 {
        opened(&mut policy, now);
        now += millis(1_600);
        let first = now;
        while policy.state().as_str() != "closed" {
            if policy.admit(now).0 == Admission::Probe {
                policy.probed(now, Lesson::Good, &mut rng());
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
    let t0 = crate::model::clock::now();
    let mut policy = Policy::new(BreakerSettings::default());
    opened(&mut policy, t0);
    let now = t0 + millis(1_600);
    for _ in 0..3 {
        policy.admit(now);
        policy.probed(now, Lesson::Good, &mut rng());
    }
    opened(&mut policy, now + millis(1_000));
    assert_eq!(policy.hold_down(now + millis(1_000)), Duration::ZERO);
}

proptest! {
    /// Whatever happens: at most one probe is out, an open time is within its bounds, and the state is legal.
    #[test]
    fn any_history_keeps_the_breaker_legal(steps in proptest::collection::vec((0_u64..3_000, 0_u8..7), 1..300), seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut now = crate::model::clock::now();
        let mut policy = Policy::new(BreakerSettings::default());
        let mut probing = false;
        for (gap, what) in steps {
            now += millis(gap);
            let signal = [Lesson::Good, Lesson::Fault, Lesson::Late, Lesson::Throttled, Lesson::CallerLeft][usize::from(what % 5)];
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
                _ => policy.ended(now, signal, false, &mut rng),
            };
            if let Some(Transition::Opened { duration, .. }) = transition {
                prop_assert!(duration <= Duration::from_secs(30) && duration >= millis(290));
            }
            let share = policy.share(now);
            prop_assert!((0.0..=1.0).contains(&share));
            prop_assert_eq!(share == 0.0, policy.state().as_str() != "closed");
        }
    }
}
