use libtest_mimic::Trial;
use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicUsize, Ordering},
};

/// What the README promises. Each trial tries to break one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code)] // which ones are tried depends on the features
pub(crate) enum Promise {
    /// A call ends by its deadline.
    Deadline,
    /// Extra requests stay within the budget and its named exceptions.
    Budget,
    /// A write that must not happen twice does not, and the error says when it is not known.
    NoSecondWrite,
    /// What was acknowledged is not undone unless the answer said that it may be.
    Acknowledged,
    /// *Not found*, and success, are believed only where they are proven.
    Proven,
    /// No request goes where a constraint forbids.
    Constraint,
    /// Bad input is refused with a clear error and loses nothing.
    BadInput,
    /// Foreign data hides nothing and stops nothing.
    Foreign,
    /// What is healthy is not condemned.
    Healthy,
    /// A panic or a delay in the caller's own code harms its own call only.
    OwnCode,
    /// A store that ignores conditions is found out.
    FoundOut,
    /// Credentials that are valid stay in use.
    Credentials,
    /// No secret and no object key is in an error, a log line or a metric, and the errors say what is known.
    Words,
}

/// In the README's order: what is counted, and how the README begins to say it.
const ALL: [(Promise, &str, &str); 13] = [
    (Promise::Deadline, "a call ends by its deadline", "A call ends"),
    (
        Promise::Budget,
        "extra requests stay within the budget",
        "Requests beyond",
    ),
    (
        Promise::NoSecondWrite,
        "no write happens twice unsaid",
        "A write that must not",
    ),
    (
        Promise::Acknowledged,
        "no acknowledged write is undone unsaid",
        "An acknowledged write",
    ),
    (
        Promise::Proven,
        "absence and success are proven or not said",
        "*Not found*",
    ),
    (
        Promise::FoundOut,
        "a store that ignores conditions is found out",
        "A store that ignores",
    ),
    (Promise::Constraint, "no constraint is broken", "A constraint"),
    (
        Promise::BadInput,
        "bad input is refused and loses nothing",
        "What a call",
    ),
    (Promise::Foreign, "foreign data hides nothing", "Foreign data"),
    (
        Promise::Healthy,
        "what is healthy is not condemned",
        "A single `Retry-After`",
    ),
    (
        Promise::OwnCode,
        "the caller's code harms its own call only",
        "A number that makes no sense",
    ),
    (
        Promise::Credentials,
        "credentials that are valid stay in use",
        "Credentials that are valid",
    ),
    (
        Promise::Words,
        "no secret is shown, and what is known is said",
        "No secret",
    ),
];

static TRIES: [AtomicUsize; ALL.len()] = [const { AtomicUsize::new(0) }; ALL.len()];
static VIOLATIONS: [AtomicUsize; ALL.len()] = [const { AtomicUsize::new(0) }; ALL.len()];

impl Promise {
    /// Counts one try beside that of the trial itself: a generated case, a cell of a table.
    pub(crate) fn tried(self) {
        TRIES[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A trial on a runtime of its own, with several threads and real time. It breaks the promise when it panics.
    pub(crate) fn trial<F>(self, name: &str, story: impl FnOnce() -> F + Send + 'static) -> Trial
    where
        F: Future<Output = ()>,
    {
        self.judged(name, || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            runtime
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap()
                .block_on(story());
        })
    }

    /// The same in paused time, on one thread: for what needs no sockets.
    #[allow(dead_code)]
    pub(crate) fn paused<F>(self, name: &str, story: impl FnOnce() -> F + Send + 'static) -> Trial
    where
        F: Future<Output = ()>,
    {
        self.judged(name, || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().start_paused(true).build().unwrap();
            runtime.block_on(story());
        })
    }

    /// The same without a runtime.
    #[allow(dead_code)]
    pub(crate) fn plain(self, name: &str, story: impl FnOnce() + Send + 'static) -> Trial {
        self.judged(name, story)
    }

    fn judged(self, name: &str, story: impl FnOnce() + Send + 'static) -> Trial {
        Trial::test(name, move || {
            self.tried();
            catch_unwind(AssertUnwindSafe(story)).unwrap_or_else(|panic| {
                VIOLATIONS[self as usize].fetch_add(1, Ordering::Relaxed);
                resume_unwind(panic)
            });
            Ok(())
        })
    }
}

/// A line per promise, also of one that no trial of this run tried.
pub(crate) fn print() {
    println!("\nseed {}{}", seed(), if is_long() { ", long" } else { "" });
    println!("{:>9} {:>10}  promise", "tries", "violations");
    for (promise, words, _) in ALL {
        let tries = TRIES[promise as usize].load(Ordering::Relaxed);
        let violations = VIOLATIONS[promise as usize].load(Ordering::Relaxed);
        println!("{tries:>9} {violations:>10}  {words}");
    }
}

/// One line each, here and there.
pub(crate) fn trials() -> Vec<Trial> {
    vec![Promise::Words.plain("promise::every_promise_is_in_the_readme", || {
        let readme = include_str!("../../README.md");
        let promised = readme.split_once("## What is promised").unwrap().1;
        let promised = promised.split("\n\nWith two").next().unwrap();
        let lines: Vec<_> = promised.lines().filter_map(|line| line.strip_prefix("- ")).collect();
        assert_eq!(lines.len(), ALL.len());
        for (line, (promise, _, begins)) in lines.iter().zip(ALL) {
            assert!(line.starts_with(begins), "{promise:?}: {line}");
        }
    })]
}

/// What chance is drawn from: the same at every run, unless `EVENKEEL_SEED` names another.
pub(crate) fn seed() -> u64 {
    std::env::var("EVENKEEL_SEED").map_or(42, |seed| seed.parse().expect("EVENKEEL_SEED is a number"))
}

/// `usual` rounds, or fifty times as many with `EVENKEEL_LONG`.
#[allow(dead_code)]
pub(crate) fn rounds(usual: usize) -> usize {
    if is_long() { usual * 50 } else { usual }
}

fn is_long() -> bool {
    std::env::var_os("EVENKEEL_LONG").is_some()
}
