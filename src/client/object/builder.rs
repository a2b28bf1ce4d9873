use super::{ObjectClient, ObjectParts, assemble, door};
use crate::{
    Endpoint,
    client::bare,
    endpoint::{Constraints, InvalidRoster, Roster, Violation},
    provider::{AnyObjectProvider, ObjectProvider},
    replicate::{Mode, Plan, Replication},
};
use std::{sync::Arc, time::Duration};

/// The whole call may take so long unless told otherwise: long enough for three attempts at slow endpoints, short enough
/// that the caller of the caller is still there.
const DEADLINE: Duration = Duration::from_secs(10);

/// Builds an [`ObjectClient`]. Every default is fit for production; only [`replication`](Self::replication) has none.
#[derive(Debug)]
pub struct ObjectClientBuilder {
    endpoints: Vec<Endpoint<AnyObjectProvider>>,
    replication: Option<Replication>,
    constraints: Constraints,
    deadline: Duration,
    seed: Option<u64>,
}

/// Why a client could not be built.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The list of endpoints is not valid.
    #[error(transparent)]
    Endpoints(#[from] InvalidRoster),
    /// Two or more endpoints may be written to, and nothing says how data gets from one to the other.
    #[error(
        "{0} may all be written to: say with `.replication(..)` how data gets from one to the others, or mark copies \
         `.read_only()`"
    )]
    ReplicationRequired(String),
    /// Every endpoint breaks a constraint.
    #[error("no endpoint is left under the constraints: {0}")]
    NothingPermitted(String),
    /// The home that was named is no endpoint of this client.
    #[error("the home `{0}` is not among the endpoints")]
    UnknownHome(Arc<str>),
    /// The home that was named is read-only.
    #[error("the home `{0}` is read-only")]
    HomeReadOnly(Arc<str>),
    /// The home that was named breaks a constraint.
    #[error("the home `{home}` may not be used, as {violation}")]
    HomeBarred {
        /// The home.
        home: Arc<str>,
        /// What it breaks.
        violation: Violation,
    },
    /// A home was named for a replication that has none.
    #[error("`write_once` has no home: a put goes to whichever endpoint takes it")]
    NoHomeHere,
    /// A deadline of nothing, or beyond a day.
    #[error("{0}")]
    Deadline(String),
}

impl Default for ObjectClientBuilder {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            replication: None,
            constraints: Constraints::new(),
            deadline: DEADLINE,
            seed: None,
        }
    }
}

impl ObjectClientBuilder {
    /// Adds an endpoint. The order is the order of preference.
    #[must_use]
    pub fn endpoint<P: ObjectProvider>(mut self, endpoint: Endpoint<P>) -> Self {
        self.endpoints.push(endpoint.erased());
        self
    }

    /// Adds endpoints of one type; several types go through [`Endpoint::erased`] or [`endpoint`](Self::endpoint).
    #[must_use]
    pub fn endpoints<P: ObjectProvider>(mut self, endpoints: impl IntoIterator<Item = Endpoint<P>>) -> Self {
        self.endpoints.extend(endpoints.into_iter().map(Endpoint::erased));
        self
    }

    /// How data gets from one endpoint to the others. Required with two or more writable endpoints.
    #[must_use]
    pub fn replication(mut self, replication: Replication) -> Self {
        self.replication = Some(replication);
        self
    }

    /// Only endpoints that lie in one of these places (ISO 3166) are ever used; see
    /// [`Constraints::only_locations`].
    #[must_use]
    pub fn only_locations<L: Into<Arc<str>>>(mut self, locations: impl IntoIterator<Item = L>) -> Self {
        self.constraints = self.constraints.only_locations(locations);
        self
    }

    /// No endpoint whose operator this law reaches is ever used; see [`Constraints::not_under_jurisdiction_of`].
    #[must_use]
    pub fn not_under_jurisdiction_of(mut self, jurisdiction: impl Into<Arc<str>>) -> Self {
        self.constraints = self.constraints.not_under_jurisdiction_of(jurisdiction);
        self
    }

    /// How long a whole call may take, with all its attempts. 10 s by default; a call can set its own.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Seeds every random choice (write ids, jitter), for simulations. Drawn from the operating system by default: two
    /// processes with one seed would give their writes the same ids.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks everything and makes the client. Nothing is sent.
    ///
    /// # Errors
    /// [`BuildError`] says what does not fit.
    pub fn build(self) -> Result<ObjectClient, BuildError> {
        let parts = self.parts()?;
        let stack = bare::stack(&parts.roster, &parts.providers);
        Ok(assemble(parts, stack))
    }

    pub(crate) fn parts(self) -> Result<ObjectParts, BuildError> {
        door::deadline(self.deadline).map_err(BuildError::Deadline)?;
        let (profiles, providers): (Vec<_>, Vec<_>) = self.endpoints.into_iter().map(Endpoint::into_parts).unzip();
        let roster = Roster::new(profiles)?;
        let mode = mode(&roster, &self.constraints, self.replication)?;
        Ok(ObjectParts {
            roster,
            providers,
            constraints: self.constraints,
            mode,
            deadline: self.deadline,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
        })
    }
}

fn mode(roster: &Roster, constraints: &Constraints, replication: Option<Replication>) -> Result<Mode, BuildError> {
    let broken: Vec<_> = roster
        .iter()
        .filter_map(|profile| Some(format!("{}: {}", profile.name(), constraints.check(profile).err()?)))
        .collect();
    if broken.len() == roster.len() {
        return Err(BuildError::NothingPermitted(broken.join("; ")));
    }
    let mut writable = roster
        .iter()
        .enumerate()
        .filter(|(_, profile)| !profile.is_read_only() && constraints.check(profile).is_ok());
    let Some(replication) = replication else {
        let names: Vec<_> = writable.clone().map(|(_, profile)| profile.name()).collect();
        if names.len() > 1 {
            return Err(BuildError::ReplicationRequired(names.join(" and ")));
        }
        return Ok(Mode::ProviderManaged {
            home: writable.next().map(|(index, _)| index),
        });
    };
    match (replication.plan, replication.home) {
        (Plan::WriteOnce, None) => Ok(Mode::WriteOnce),
        (Plan::WriteOnce, Some(_)) => Err(BuildError::NoHomeHere),
        (Plan::ProviderManaged, None) => Ok(Mode::ProviderManaged {
            home: writable.next().map(|(index, _)| index),
        }),
        (Plan::ProviderManaged, Some(home)) => {
            let Some((index, profile)) = roster.index_of(&home).and_then(|i| Some((i, roster.get(i)?))) else {
                return Err(BuildError::UnknownHome(home));
            };
            if profile.is_read_only() {
                return Err(BuildError::HomeReadOnly(home));
            }
            match constraints.check(profile) {
                Ok(()) => Ok(Mode::ProviderManaged { home: Some(index) }),
                Err(violation) => Err(BuildError::HomeBarred { home, violation }),
            }
        }
    }
}
