use std::sync::atomic::{AtomicU64, Ordering};

/// Why a request is sent that no budget may refuse. Each kind has a bound of its own and a count in the
/// [snapshot](crate::ops::snapshot::Snapshot::beyond_the_budget).
///
/// | | | bound |
/// |---|---|---|
/// | [`AbsenceProof`](Self::AbsenceProof) | *not found* is said only when every endpoint that may hold the key says so | one for each other endpoint, per call (or batch) that met an absence |
/// | [`Confirmation`](Self::Confirmation) | whether a write whose answer was lost took place | one per answer that was lost and per conflict (409) without a code |
/// | [`Recognition`](Self::Recognition) | whether the object that refused a write is that write itself, sent by an earlier call under the caller's own id; whether the object of a refused conditional delete is gone | one per such write that was refused |
/// | [`Outdated`](Self::Outdated) | an overwrite or a delete whose own tag was outdated, or whose tag the store cannot judge, is sent without the tag | one per call |
/// | [`LentProbe`](Self::LentProbe) | a call that serves as the probe of an endpoint that was out must not suffer for it | its retries (2 by default) and a hedge beside each attempt |
///
/// The budget pays for the further requests that such a request needs beyond its first attempt. The budget also pays
/// for everything else beyond the requests that a call needs: retries, hedges, asking again for what a batch left
/// undone, a conditional read or a listing that goes on elsewhere, an increment after a lost race.
///
/// Most calls need one request. An increment needs two; a fenced write whose tag is not known needs two. A batch needs
/// one request for each group of keys as large as all endpoints take, and one more after each full answer (15 MB). A
/// listing needs one request per page. A delete needs one; under `write_once`, one at each endpoint.
///
/// Probes from the background, `warm_up` and `verify` belong to no call and have bounds of their own.
///
/// Within one attempt an adapter may exchange more than one message, within a fixed bound except where stated below.
/// These messages are not counted here:
/// - `S3` and `GenericStore` send a GET of one byte where the answer's marks do not prove a *not found* or a delete.
/// - `S3` asks a second time for a page of a listing that was no readable XML.
/// - `S3`, and reads of `DynamoDb`, send again where a kept connection broke off before the answer: once or twice, and
///   at most 17 times, where that many unused connections lay in the pool.
/// - `Redis` follows up to five redirections of a cluster, and sends a script along that the server does not know.
/// - `Cosmos` looks at the item that refused its write, and replaces an expired one.
/// - `AzureBlob` asks for the size before the last bytes of a blob (up to three times when the blob changes).
/// - `Bigtable` sends a request that came too late for its connection once more, on a new connection.
/// - An HTTP client that finds a kept connection closed, before anything was sent, opens another connection.
/// - Bounded only by the attempt's limit: a page of `Redis` is a walk over all keys of its database, and a page of
///   `GenericStore` may be the whole listing of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Exception {
    /// Proves that an object does not exist.
    AbsenceProof,
    /// Asks for the fate of a write whose answer was lost.
    Confirmation,
    /// Asks whether an earlier call made the write that refused this one.
    Recognition,
    /// Sends an overwrite or a delete without its outdated tag.
    Outdated,
    /// Spares the call that lends a probe.
    LentProbe,
}

impl Exception {
    /// All exceptions.
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
