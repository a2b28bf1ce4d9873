use super::{Doors, get, put};
use crate::{
    scripted::{ms, secs},
    store::Trouble,
};
use evenkeel::{
    ErrorKind,
    stack::retry::{self, Again, Rule},
    verdict::Verdict,
};

fn settings(rule: Rule) -> retry::RetrySettings {
    let mut settings = retry::RetrySettings::default();
    settings.when = Some(rule);
    settings
}

/// Calls that make one request, whatever else they ask.
const SINGLE: [&str; 9] = [
    "put", "get", "head", "list", "scan", "get_many", "put_many", "read", "write",
];

#[tokio::test(start_paused = true)]
async fn a_rule_of_never_prevents_every_retry() {
    for trouble in [Trouble::Code("SlowDown"), Trouble::Reset, Trouble::Hang] {
        let doors = Doors::<1>::new();
        doors.at(0, trouble);
        let mut again = 0;
        for met in every_call!(doors: deadline(secs(5))) {
            again += usize::from(SINGLE.contains(&met.call) && met.attempts.len() > 1);
        }
        assert!(again > 5, "by the table they are");
        let (told, built): (Doors<1>, Doors<1>) = (Doors::new(), built!(retry(settings(|_| Again::Never))));
        for doors in [&told, &built] {
            doors.at(0, trouble);
        }
        let told = every_call!(told: retry_when(|_| Again::Never), hedging(false), deadline(secs(5)));
        let built = every_call!(built: hedging(false), deadline(secs(5)));
        for met in told.into_iter().chain(built) {
            // A create whose answer was lost looks whose it is that lies there.
            let most = if met.call == "put" { 2 } else { 1 };
            assert!(met.attempts.len() <= most, "{trouble:?}: {met:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rule_distinguishes_verdicts() {
    fn not_throttled(outcome: evenkeel::verdict::Outcome) -> Again {
        match outcome.verdict {
            Verdict::Throttled => Again::Never,
            _ => Again::Table,
        }
    }
    let doors: Doors<2> = built!(retry(settings(not_throttled)));
    put(doors.clients[1].clone()).await.unwrap();
    doors.clients[0].then([Trouble::Code("SlowDown"), Trouble::Reset]);
    let error = doors.any.read(get).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::Throttled, 1));
    let (_, explanation) = doors.any.read(get).explained().await.unwrap();
    assert_eq!(explanation.answered_by(), Some("ireland"));
    // A call's own takes the place of the builder's.
    doors.clients[0].then([Trouble::Code("SlowDown")]);
    assert!(doors.any.read(get).retry_when(|_| Again::Table).await.is_ok());
    // What ran into a limit can be told apart, too.
    doors.clients[0].then([Trouble::Hang]);
    let heavy: Rule = |outcome| if outcome.timed_out { Again::Never } else { Again::Table };
    let heavy = doors
        .any
        .read(get)
        .retry_when(heavy)
        .hedging(false)
        .attempt_limit(secs(2));
    assert_eq!(heavy.await.unwrap_err().attempts_made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_where_safe_rule_retries_safe_calls_elsewhere() {
    for (trouble, by_the_table) in [
        (Trouble::Code("NoSuchKey"), ErrorKind::NotFound),
        (Trouble::Code("AccessDenied"), ErrorKind::Denied),
        (Trouble::Code("InvalidRequest"), ErrorKind::Rejected),
    ] {
        let doors = Doors::<2>::new();
        put(doors.clients[1].clone()).await.unwrap();
        doors.at(0, trouble);
        let safe: Rule = |_| Again::WhereSafe;
        assert_eq!(doors.any.read(get).await.unwrap_err().kind(), by_the_table);
        let (_, explanation) = doors.any.read(get).retry_when(safe).explained().await.unwrap();
        assert_eq!(explanation.answered_by(), Some("ireland"), "{trouble:?}");
        // A write that must happen once, and may have been.
        let error = doors.any.write(put).retry_when(safe).await.unwrap_err();
        assert_eq!(error.attempts_made(), 1, "{trouble:?}: {error}");
    }
    let safe: Rule = |_| Again::WhereSafe;
    for trouble in [Trouble::Reset, Trouble::Hang, Trouble::Code("SlowDown")] {
        let doors = Doors::<2>::new();
        doors.at(0, trouble);
        let error = doors.any.write(put).retry_when(safe).await.unwrap_err();
        assert_eq!(error.attempts_made(), 1, "{trouble:?}: {error}");
    }
    // Provably not sent.
    let doors = Doors::<2>::new();
    doors.at(0, Trouble::Refused);
    doors.any.write(put).retry_when(safe).await.unwrap();
    let never = doors.any.write(put).retry_when(|_| Again::Never).await.unwrap_err();
    assert_eq!(never.attempts_made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_rule_cannot_exceed_the_attempt_bound_or_the_deadline() {
    let doors = Doors::<2>::new();
    for store in 0..2 {
        doors.at(store, Trouble::Code("NoSuchKey"));
    }
    let error = doors.any.read(get).retry_when(|_| Again::WhereSafe).await.unwrap_err();
    assert_eq!((error.kind(), error.attempts_made()), (ErrorKind::NotFound, 3));
    for store in 0..2 {
        doors.at(store, Trouble::Hang);
    }
    let read = doors.any.read(get).retry_when(|_| Again::WhereSafe).deadline(ms(400));
    assert_eq!(read.await.unwrap_err().kind(), ErrorKind::DeadlineExceeded);
}
