//! The movement of the bytes of one attempt while the attempt is under way.

use super::{After, Kept};
use crate::model::clock::{self, Instant, nanos};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A handle with which the code that moves an attempt's bytes reports them, so that a large body does not look like a
/// silent endpoint.
///
/// An attempt's limit is a limit on *silence*. A body that moves at the [least rate](crate::stack::timeout::Limit::LEAST_RATE)
/// or faster does not run into the limit. An endpoint's latency is the time to the first byte of its answer, so that
/// large objects do not make the endpoint look slow for small ones.
///
/// Adapters find a handle in [`Get::progress`](super::object::Get::progress) and
/// [`Put::progress`](super::object::Put::progress). A closure of a [`Failover`](crate::Failover) gets a handle from
/// [`read_with`](crate::Failover::read_with). A report costs about as much as a read of the clock: report once for each
/// piece of a body, not for each byte. Clones report on the same attempt.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use evenkeel::request::Progress;
///
/// /// What an adapter does with an answer whose head is there.
/// fn collected(progress: &Progress, pieces: impl Iterator<Item = Bytes>) -> Bytes {
///     progress.answered();
///     let mut body = BytesMut::new();
///     for piece in pieces {
///         progress.received(piece.len());
///         body.extend_from_slice(&piece);
///     }
///     body.freeze()
/// }
///
/// let pieces = [Bytes::from("a piece, "), Bytes::from("and another")];
/// assert_eq!(collected(&Progress::unheard(), pieces.into_iter()), "a piece, and another");
/// ```
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<Flow>>);

impl Progress {
    /// A handle without a listener, for an attempt that did not come through the stack.
    pub const fn unheard() -> Self {
        Self(None)
    }

    pub(crate) const fn of(flow: Arc<Flow>) -> Self {
        Self(Some(flow))
    }

    /// Says that the adapter reports on this attempt from now on, and has this many bytes to send before an answer can
    /// come. Pass 0 if the request has no body, or has a body that is handed over whole.
    ///
    /// Call this when the request is about to be sent, after it was signed and summed: the endpoint's silence counts
    /// from here. If an adapter never calls this, the attempt gets time for the bytes that it is *known* to move, at 1
    /// MiB/s, whether they move or not.
    pub fn begin(&self, to_send: u64) {
        if let Some(flow) = &self.0 {
            flow.begun_at.store(flow.now(), Ordering::Relaxed);
            flow.to_send.store(to_send.min(UNSAID - 1), Ordering::Relaxed);
        }
    }

    /// Reports that this many more bytes of the request's body are on their way.
    pub fn sent(&self, bytes: usize) {
        if let Some(flow) = &self.0 {
            let now = flow.moved();
            flow.sent_at.store(now, Ordering::Relaxed);
            flow.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Reports that the answer begins: its head is there, or its first byte.
    pub fn answered(&self) {
        if let Some(flow) = &self.0 {
            flow.answers();
        }
    }

    /// Reports that this many more bytes of the answer's body have arrived.
    pub fn received(&self, bytes: usize) {
        if let Some(flow) = &self.0 {
            flow.answers();
            flow.moved();
            flow.received.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Whether somebody listens, so that counting is worth it.
    pub const fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// Where the beginning of a body that breaks off is kept. `None`: nobody would go on from it.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        self.0.as_ref().map(|flow| &flow.kept).filter(|kept| kept.is_wanted())
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_heard() {
            "Progress"
        } else {
            "Progress(unheard)"
        })
    }
}

/// The reports on one attempt. Moments are nanoseconds after the call's start.
///
/// One task moves the bytes and another looks at them: the words need not agree to the nanosecond.
#[derive(Debug)]
pub(crate) struct Flow {
    /// When the call began.
    began: Instant,
    /// When the attempt was handed down.
    at: After,
    begun_at: AtomicU64,
    to_send: AtomicU64,
    sent: AtomicU64,
    sent_at: AtomicU64,
    received: AtomicU64,
    answered_at: AtomicU64,
    last_at: AtomicU64,
    /// The start of the measurement of the rate: a moment, and the bytes that had moved by then.
    paced_at: AtomicU64,
    paced_bytes: AtomicU64,
    pub(super) kept: Kept,
}

const UNSAID: u64 = u64::MAX;
const NEVER: u64 = u64::MAX;

/// The state of a [`Flow`] at one moment. Moments count from the call's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// When the request was about to be sent. Until that is reported, when the attempt was handed down.
    pub(crate) begun: After,
    /// The number of bytes of the request's body, if it was reported.
    pub(crate) to_send: Option<u64>,
    pub(crate) sent: u64,
    /// When the last of these bytes were sent.
    pub(crate) sent_at: Option<After>,
    pub(crate) received: u64,
    /// When the answer began.
    pub(crate) answered: Option<After>,
    /// When something last moved.
    pub(crate) last: Option<After>,
}

/// What an attempt waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request's body is being sent.
    Sending,
    /// The endpoint has all that it needs to answer, as far as can be seen from here.
    Awaiting,
    /// The answer has begun.
    Receiving,
}

impl Seen {
    pub(crate) fn stage(&self) -> Stage {
        match self.to_send {
            _ if self.answered.is_some() => Stage::Receiving,
            Some(to_send) if self.sent < to_send => Stage::Sending,
            // How much is to come was not said.
            None if self.sent > 0 => Stage::Sending,
            _ => Stage::Awaiting,
        }
    }

    /// From which moment on the endpoint could answer.
    pub(crate) fn asked(&self) -> After {
        self.sent_at.unwrap_or(self.begun)
    }
}

impl Flow {
    pub(super) fn new(began: Instant, at: After, keeps: bool) -> Self {
        Self {
            began,
            at,
            kept: Kept::new(keeps),
            begun_at: AtomicU64::new(at.nanos()),
            to_send: AtomicU64::new(UNSAID),
            sent: AtomicU64::new(0),
            sent_at: AtomicU64::new(NEVER),
            received: AtomicU64::new(0),
            answered_at: AtomicU64::new(NEVER),
            last_at: AtomicU64::new(NEVER),
            paced_at: AtomicU64::new(NEVER),
            paced_bytes: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        nanos(clock::now().saturating_duration_since(self.began))
    }

    /// Notes that bytes move now.
    fn moved(&self) -> u64 {
        let now = self.now();
        if self.last_at.swap(now, Ordering::Relaxed) == NEVER {
            self.pace(now);
        }
        now
    }

    fn answers(&self) {
        if self.answered_at.load(Ordering::Relaxed) == NEVER {
            let now = self.moved();
            self.answered_at.store(now, Ordering::Relaxed);
            // How long that took says nothing of how fast the body is.
            self.pace(now);
        }
    }

    /// Starts a new measurement of the rate.
    fn pace(&self, at: u64) {
        self.paced_bytes.store(self.bytes(), Ordering::Relaxed);
        self.paced_at.store(at, Ordering::Relaxed);
    }

    fn bytes(&self) -> u64 {
        self.sent.load(Ordering::Relaxed) + self.received.load(Ordering::Relaxed)
    }

    /// Whether anybody reports on this attempt.
    pub(crate) fn is_told(&self) -> bool {
        self.to_send.load(Ordering::Relaxed) != UNSAID || self.last_at.load(Ordering::Relaxed) != NEVER
    }

    pub(crate) fn seen(&self) -> Seen {
        let moment = |nanos: &AtomicU64| match nanos.load(Ordering::Relaxed) {
            NEVER => None,
            nanos => Some(After::of_nanos(nanos)),
        };
        Seen {
            begun: After::of_nanos(self.begun_at.load(Ordering::Relaxed)),
            to_send: Some(self.to_send.load(Ordering::Relaxed)).filter(|bytes| *bytes != UNSAID),
            sent: self.sent.load(Ordering::Relaxed),
            sent_at: moment(&self.sent_at),
            received: self.received.load(Ordering::Relaxed),
            answered: moment(&self.answered_at),
            last: moment(&self.last_at),
        }
    }

    /// Whether the bytes that moved since the last check moved at this rate at least, in bytes per second. The
    /// measurement ends at the last piece and counts whole pieces only. If no piece came, the silence is to be judged,
    /// and not the rate.
    pub(crate) fn keeps_up(&self, least_rate: f64) -> bool {
        let (bytes, last) = (self.bytes(), self.last_at.load(Ordering::Relaxed));
        let paced = self.paced_at.load(Ordering::Relaxed);
        if last == NEVER || paced == NEVER || last <= paced {
            return true;
        }
        let moved = bytes.saturating_sub(self.paced_bytes.load(Ordering::Relaxed));
        let took = Duration::from_nanos(last - paced).as_secs_f64();
        self.paced_bytes.store(bytes, Ordering::Relaxed);
        self.paced_at.store(last, Ordering::Relaxed);
        moved as f64 >= least_rate * took
    }

    /// The time from when the endpoint could answer to the first byte of its answer. `ended`: for an answer without a
    /// body, only its end shows that it came.
    pub(crate) fn first_byte(&self, ended: Option<After>) -> Option<Duration> {
        let seen = self.seen();
        seen.answered.or(ended).map(|at| at.since(seen.asked()))
    }

    /// The rate of the larger of the two bodies, in bytes a second. `None` if that body is too small to tell.
    ///
    /// The rate of an answer counts from its first byte. The rate of a request counts from when the request was about
    /// to be sent to the answer: the system's buffers hold the sent bytes first, and only the answer shows that they
    /// have arrived.
    pub(crate) fn rate(&self) -> Option<f64> {
        let seen = self.seen();
        let (bytes, from, to) = match seen.received >= seen.sent {
            true => (seen.received, seen.answered?, seen.last?),
            false => (seen.sent, seen.begun, seen.answered?),
        };
        let took = to.since(from).as_secs_f64();
        (bytes > WORTH_A_RATE && took > 0.0).then(|| bytes as f64 / took)
    }

    /// All bytes so far, in both directions.
    pub(crate) fn moved_bytes(&self) -> u64 {
        self.bytes()
    }

    /// When a byte last moved, counted from the attempt's start.
    pub(crate) fn last_progress(&self) -> Option<Duration> {
        self.seen().last.map(|last| last.since(self.at))
    }
}

/// A body of at most this many bytes arrives with its head, or nearly so. Its rate would be that of a timer.
const WORTH_A_RATE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;

    async fn wait(ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn told() -> (Progress, Arc<Flow>) {
        let flow = Arc::new(Flow::new(clock::now(), After::START, false));
        (Progress::of(flow.clone()), flow)
    }

    #[tokio::test(start_paused = true)]
    async fn progress_tells_what_an_attempt_waits_for() {
        let (progress, flow) = told();
        assert!(!flow.is_told());
        progress.begin(100);
        assert!(flow.is_told());
        assert_eq!(flow.seen().stage(), Stage::Sending);
        progress.sent(60);
        wait(10).await;
        assert_eq!(flow.seen().stage(), Stage::Sending);
        progress.sent(40);
        assert_eq!(flow.seen().stage(), Stage::Awaiting);
        wait(5).await;
        progress.answered();
        assert_eq!(flow.seen().stage(), Stage::Receiving);
        assert_eq!(flow.first_byte(None), Some(Duration::from_millis(5)));
        wait(7).await;
        progress.received(3);
        assert_eq!(flow.moved_bytes(), 103);
        assert_eq!(flow.last_progress(), Some(Duration::from_millis(22)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_of_unknown_length_is_sent_until_the_answer() {
        let (progress, flow) = told();
        assert_eq!(flow.seen().stage(), Stage::Awaiting);
        progress.sent(1);
        assert_eq!(flow.seen().stage(), Stage::Sending);
        progress.received(1);
        assert_eq!(flow.seen().stage(), Stage::Receiving);
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_the_first_byte_is_no_part_of_the_rate() {
        let (progress, flow) = told();
        progress.begin(0);
        wait(5_000).await;
        progress.answered();
        for _ in 0..10 {
            wait(100).await;
            progress.received(100 * KIB);
        }
        assert!(flow.keeps_up(1_000.0 * KIB as f64));
        assert_eq!(flow.rate(), Some(1_000.0 * KIB as f64));
        assert_eq!(flow.first_byte(None), Some(Duration::from_secs(5)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_start_does_not_excuse_a_stalled_body() {
        let (progress, flow) = told();
        progress.received(30 << 20);
        wait(1_000).await;
        progress.received(1);
        assert!(flow.keeps_up(16.0 * KIB as f64));
        for _ in 0..3 {
            wait(500).await;
            progress.received(1);
        }
        assert!(!flow.keeps_up(16.0 * KIB as f64));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_measured_over_whole_pieces() {
        let (progress, flow) = told();
        progress.answered();
        // 20 KiB/s in pieces of 15 KiB; looked at whenever it comes.
        for ms in [10, 1_000, 1_010, 2_500, 2_999] {
            while flow
                .seen()
                .last
                .is_none_or(|last| last.nanos() + 750_000_000 <= ms * 1_000_000)
            {
                wait(750).await;
                progress.received(15 * KIB);
            }
            assert!(flow.keeps_up(16.0 * KIB as f64), "{ms}");
        }
        assert!(flow.keeps_up(1e12), "nothing more has moved");
    }

    #[test]
    fn unheard_progress_accepts_reports() {
        let progress = Progress::unheard();
        progress.begin(1);
        progress.sent(1);
        progress.answered();
        progress.received(1);
        assert!(!progress.is_heard());
        assert_eq!(format!("{progress:?}"), "Progress(unheard)");
    }
}
