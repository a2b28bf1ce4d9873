use super::{impact::Analysis, operator::Operator, snapshot::Snapshot, status::Status};
use crate::endpoint::Dependencies;
use std::{fmt, sync::Arc};

/// One client, of whatever kind, as a status page or a report sees it. Does not keep the client alive.
#[derive(Clone)]
pub struct ClientView {
    name: Arc<str>,
    look: Arc<dyn Fn() -> Option<Snapshot> + Send + Sync>,
    needs: Arc<dyn Fn() -> Option<Dependencies> + Send + Sync>,
    analyse: Arc<dyn Fn() -> Option<Analysis> + Send + Sync>,
    operator: Operator,
}

impl ClientView {
    pub(crate) fn new(
        name: Arc<str>,
        operator: Operator,
        look: impl Fn() -> Option<Snapshot> + Send + Sync + 'static,
        needs: impl Fn() -> Option<Dependencies> + Send + Sync + 'static,
        analyse: impl Fn() -> Option<Analysis> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            look: Arc::new(look),
            needs: Arc::new(needs),
            analyse: Arc::new(analyse),
            operator,
        }
    }

    /// The client's name: the builder's [`client_name`](crate::client::StoreBuilder::client_name). Two clients can have
    /// one name.
    pub fn client(&self) -> &str {
        &self.name
    }

    /// The state of the client at this moment. `None`: the client and all its clones are gone.
    pub fn snapshot(&self) -> Option<Snapshot> {
        (self.look)()
    }

    /// The same for the outside.
    pub fn status(&self) -> Option<Status> {
        self.snapshot().map(|snapshot| Status::from(&snapshot))
    }

    /// The hosts that the client needs. `None`: the client and all its clones are gone.
    pub fn dependencies(&self) -> Option<Dependencies> {
        (self.needs)()
    }

    /// Whether both are views of one client.
    pub(crate) fn is_of_the_same_client(&self, other: &Self) -> bool {
        self.operator.is_of_the_same_client(&other.operator)
    }

    /// What the client loses with what. `None`: the client and all its clones are gone.
    pub fn impact(&self) -> Option<Analysis> {
        (self.analyse)()
    }

    /// The client's operator, who has no [author](Operator::by) yet. Orders to a client that is gone change nothing.
    pub fn operator(&self) -> Operator {
        self.operator.clone()
    }
}

impl fmt::Debug for ClientView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientView")
            .field("client", &self.name)
            .finish_non_exhaustive()
    }
}
