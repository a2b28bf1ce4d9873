use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request is sent that no budget may refuse. Each kind has a bound of its own, and is counted in the
/// [snapshot](crate::snapshot::Snapshot::beyond_the_budget).
///
/// | | | bound |
/// |---|---|---|
/// | [`AbsenceProof`](Self::AbsenceProof) | *not found* is said only when everyone who may hold the key says so | one for each other endpoint, per call (or batch) that met an absence |
/// | [`Confirmation`](Self::Confirmation) | whether a write took place whose answer was lost | one per answer that was lost and per conflict (409) without a code |
/// | [`Recognition`](Self::Recognition) | whether what refused a write is the write itself, sent by an earlier call under the same id of the caller's own; whether what a conditional delete was refused for is gone | one per such write that was refused |
/// | [`Outdated`](Self::Outdated) | an overwrite or a delete whose own tag was outdated, or that its store cannot judge, is sent without it | one per call |
/// | [`LentProbe`](Self::LentProbe) | a call that serves as the probe of an endpoint that was out must not suffer for it | its retries (2 by default) and a hedge beside each attempt |
///
/// What such a request needs beyond its first attempt is paid from the budget. Everything else beyond the requests that a
/// call needs is paid, too: retries, hedges, asking again for what a batch left undone, a conditional read or a listing that goes on
/// elsewhere, an increment after a lost race.
///
/// A call needs: one request; an increment two; a fenced write whose tag is not known two; a batch one for every so many keys as all endpoints take, and one more after
/// each full answer (15 MB); a listing one per page, a delete one, under `write_once` at each endpoint.
///
/// Probes from the background, `warm_up` and `verify` are nobody's calls and have bounds of their own. Within one attempt
/// an adapter may exchange more than one message, within a fixed bound but where said. None of them is counted here. `S3` and `GenericStore` ask with a GET of one byte
/// where a *not found* or a delete is not proven by the answer's marks, and `S3` asks a second time for a page of a listing that
/// was no readable XML; `S3`, and reads of `DynamoDb`, are sent again where a kept connection broke off before the answer (once or
/// twice; 17 times at most, where so many connections lay in the pool unused); `Redis` follows up to five redirections of a
/// cluster and brings a script along that the server does not know; `Cosmos` looks at what refused its write, and replaces
/// what has expired; `AzureBlob` asks for the size before the last bytes of a blob (up to three times when the blob
/// changes); `Bigtable` sends what came too late for its connection once more on a new one. Without a bound but the attempt's
/// limit: a page of `Redis` is a walk over all keys of its database, and one of `GenericStore` may be the whole listing of a
/// folder. An HTTP client that finds a kept connection closed before anything was sent on it opens another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exception {
    /// Proves that something does not exist.
    AbsenceProof,
    /// Asks what became of a write whose answer was lost.
    Confirmation,
    /// Asks whose write it is that refused one which an earlier call may have made.
    Recognition,
    /// Sends an overwrite or a delete without the tag that was outdated.
    Outdated,
    /// Spares the call that lends a probe.
    LentProbe,
}

impl Exception {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::AbsenceProof,
        Self::Confirmation,
        Self::Recognition,
        Self::Outdated,
        Self::LentProbe,
    ];

    /// The words used in the snapshot's table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AbsenceProof => "absence proofs",
            Self::Confirmation => "confirmations",
            Self::Recognition => "recognitions",
            Self::Outdated => "without an outdated tag",
            Self::LentProbe => "for probes lent",
        }
    }
}

/// How many requests were sent for each reason.
#[derive(Debug, Default)]
pub(crate) struct Exceptions([AtomicU64; Exception::ALL.len()]);

impl Exceptions {
    pub(super) fn note(&self, why: Exception) {
        self.0[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Vec<(Exception, u64)> {
        let count = |why: Exception| (why, self.0[why as usize].load(Ordering::Relaxed));
        Exception::ALL.map(count).into()
    }
}
