//! Who does what for one client.

/// Who does what for one client: its replication for these endpoints, as sets. Bit i is endpoint i.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Roles {
    /// What is known of where the data lies.
    pub(crate) data: Data,
    /// The endpoints that no constraint of the client bars.
    pub(crate) permitted: u64,
    /// The endpoints to which writes may go. A delete goes to all of them if the data is scattered.
    pub(crate) writers: u64,
    /// The endpoints that take a put without a condition of the caller's.
    pub(crate) takers: u64,
    /// The endpoints that judge a condition on what is stored. Empty: none can.
    pub(crate) judges: u64,
    /// The endpoints that take a create of the caller's.
    pub(crate) creators: u64,
    /// The endpoints whose *absent* counts, and how many must say so.
    pub(crate) voters: u64,
    pub(crate) absence_quorum: u32,
    /// The endpoints whose answers may lag behind acknowledged writes.
    pub(crate) lags: u64,
    /// The tier of each endpoint.
    pub(crate) tiers: Vec<u8>,
}

/// What is known of where the data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Every endpoint has all of it, or gets it.
    Copied,
    /// Each key lies at the one endpoint that took it.
    Scattered,
    /// Nothing: the client makes calls, and does not know the data.
    Opaque,
}
