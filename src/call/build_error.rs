use crate::endpoint::{InvalidRoster, Roster, Violation};
use std::sync::Arc;

/// Why a client could not be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The list of endpoints is not valid.
    #[error(transparent)]
    Endpoints(#[from] InvalidRoster),
    /// Two or more endpoints may be written to, and no replication says how data gets from one to another.
    #[error(
        "{0} may all take writes: say with `.replication(..)` how data gets from one to the others, or mark copies \
         `.read_only()`"
    )]
    ReplicationRequired(String),
    /// Every endpoint breaks a constraint.
    #[error("no endpoint is left under the constraints: {0}")]
    NothingPermitted(String),
    /// The named home is no endpoint of this client.
    #[error("the home `{0}` is not among the endpoints")]
    UnknownHome(Arc<str>),
    /// The named home is read-only.
    #[error("the home `{0}` is read-only; a home must take writes")]
    HomeReadOnly(Arc<str>),
    /// The named home breaks a constraint.
    #[error("the home `{home}` may not be used because {violation}")]
    HomeBarred {
        /// The home.
        home: Arc<str>,
        /// The constraint that the home breaks.
        violation: Violation,
    },
    /// A home was named for a replication that has no home.
    #[error("`write_once` has no home: any endpoint may take a put")]
    NoHomeHere,
    /// A home was named for a table whose replicas all take writes.
    #[error("`strong` has no home: every replica that is not read-only takes writes")]
    NoHomeAmongReplicas,
    /// `strong` includes an endpoint that cannot be a replica of a strong table, or not in this kind of client.
    #[error(
        "the endpoint `{0}` cannot be a replica under `strong`: its store does not keep versions in step with other stores; \
         use `provider_managed`, and mark copies `.read_only()`"
    )]
    NotStrong(Arc<str>),
    /// Replicas of different providers: no provider keeps another provider's table in step.
    #[error("`{0}` and `{1}` are of different providers, so they cannot be replicas of one table under `strong`")]
    StrongAcrossProviders(Arc<str>, Arc<str>),
    /// The client was to survive the loss of something that no endpoint declares.
    #[error("the client was to survive the loss of {loss}, which no endpoint declares; declared are: {declared}")]
    UnknownLoss {
        /// What was to be survived.
        loss: Arc<str>,
        /// What the endpoints declare of this kind.
        declared: Arc<str>,
    },
    /// A loss that the client was to survive ends its writes or its fresh reads, or may.
    #[error("the client does not survive the loss of {loss}: {because}")]
    NotSurvived {
        /// What is lost.
        loss: Arc<str>,
        /// What ends, and why.
        because: Arc<str>,
    },
    /// A deadline of zero, or beyond a day.
    #[error("{0}")]
    Deadline(String),
    /// A number makes no sense. It belongs to the settings, the budget or the keeper of an endpoint's credentials.
    #[error("the settings make no sense: {0}")]
    Setting(String),
    /// The operating system gives no random bytes. The ids of writes need them, so that no two clients draw the same.
    #[error("the operating system gives no random bytes: {0}")]
    Entropy(String),
}

impl BuildError {
    /// Checks the settings of the credential keepers. A keeper cannot refuse its settings when it is made.
    pub(crate) fn unless_keepers_make_sense(roster: &Roster) -> Result<(), Self> {
        for profile in roster.iter() {
            if let Some(wrong) = profile.credentials().and_then(|credentials| credentials.wrong()) {
                return Err(Self::Setting(format!("{wrong}, for {}", profile.name())));
            }
        }
        Ok(())
    }

    /// Checks that some endpoint is left.
    pub(crate) fn unless_some_permitted(roster: &Roster, violations: &[Option<Violation>]) -> Result<(), Self> {
        let broken: Vec<_> = roster
            .iter()
            .zip(violations)
            .filter_map(|(profile, violation)| Some(format!("{}: {}", profile.name(), violation.as_ref()?)))
            .collect();
        if broken.len() == roster.len() {
            return Err(Self::NothingPermitted(broken.join("; ")));
        }
        Ok(())
    }
}
