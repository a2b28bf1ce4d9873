//! Std's clock follows tokio's paused one.
//!
//! tower-resilience, failsafe, object_store and the AWS SDK read `std::time`. On Unix that ends in `clock_gettime`, and a
//! program that defines this symbol is called in libc's stead. So a breaker that is to stay open for a second does so in virtual
//! time, and all are measured in the same simulation. Tried on Linux with glibc; [`follow`] refuses to run where it has no effect.

use std::{
    cell::Cell,
    ffi::c_int,
    mem::transmute,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// One moment on the clocks that are played.
#[derive(Clone, Copy)]
struct Base {
    instant: Instant,
    monotonic: Duration,
    real: Duration,
}

thread_local! {
    /// Set on a thread that simulates. `const`: reading it must not allocate or read a clock.
    static FOLLOWS: Cell<Option<Base>> = const { Cell::new(None) };
}

/// Runs `simulate` on this thread with std's clock following that of the paused runtime it enters.
pub(crate) fn follow<T>(simulate: impl FnOnce() -> T) -> T {
    let base = Base {
        instant: Instant::now(),
        monotonic: read(libc::CLOCK_MONOTONIC),
        real: read(libc::CLOCK_REALTIME),
    };
    FOLLOWS.set(Some(base));
    check();
    let result = simulate();
    FOLLOWS.set(None);
    result
}

fn check() {
    const HOUR: Duration = Duration::from_secs(3600);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (monotonic, real) = (Instant::now(), std::time::SystemTime::now());
        tokio::time::sleep(HOUR).await;
        let passed = (monotonic.elapsed(), real.elapsed().unwrap());
        assert_eq!(
            passed,
            (HOUR, HOUR),
            "std's clock cannot be made to follow tokio's here"
        );
    });
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing.
    let status = unsafe { libc_clock()(clock, &mut now) };
    assert_eq!(status, 0, "a clock that every Unix has");
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

type ClockGettime = unsafe extern "C" fn(libc::clockid_t, *mut libc::timespec) -> c_int;

/// libc's own function, which reads the clock without a system call: the healthy path is timed with it.
fn libc_clock() -> ClockGettime {
    static FOUND: AtomicPtr<libc::c_void> = AtomicPtr::new(null_mut());
    let mut found = FOUND.load(Relaxed);
    if found.is_null() {
        // SAFETY: the name ends with a nul.
        found = unsafe { libc::dlsym(libc::RTLD_NEXT, c"clock_gettime".as_ptr()) };
        if found.is_null() {
            std::process::abort();
        }
        FOUND.store(found, Relaxed);
    }
    // SAFETY: it is the function of that name in libc, whose signature this is.
    unsafe { transmute::<*mut libc::c_void, ClockGettime>(found) }
}

/// Takes the place of libc's.
///
/// # Safety
///
/// `out` is valid for writing, as for libc's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, out: *mut libc::timespec) -> c_int {
    let base = match FOLLOWS.get() {
        Some(base) if clock == libc::CLOCK_MONOTONIC || clock == libc::CLOCK_REALTIME => base,
        // SAFETY: the caller's promise.
        _ => return unsafe { libc_clock()(clock, out) },
    };
    // Outside a paused runtime tokio asks std, which comes here again.
    FOLLOWS.set(None);
    let passed = tokio::time::Instant::now().into_std() - base.instant;
    FOLLOWS.set(Some(base));
    let now = passed
        + if clock == libc::CLOCK_MONOTONIC {
            base.monotonic
        } else {
            base.real
        };
    // SAFETY: the caller's promise.
    unsafe {
        (*out).tv_sec = now.as_secs() as libc::time_t;
        (*out).tv_nsec = now.subsec_nanos() as _;
    }
    0
}
