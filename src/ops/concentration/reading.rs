use super::{Amount, EndpointName};
use crate::{
    endpoint::{Dependency, Profile},
    model::clock,
    ops::{ClientView, snapshot::Snapshot},
    request::Traffic,
    stack::health::{AttemptCounts, ByteCounts},
    telemetry::{Instance, unix_millis},
};
use std::sync::Arc;

/// What some clients had counted at one moment. Two readings bound a window.
///
/// ```
/// use evenkeel::{Endpoint, ObjectClient, ops::concentration::Reading, provider::Memory};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let photos = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new()).provider("aws")).build()?;
/// photos.put("cat", "purr").await?;
/// let first_of_the_month = Reading::of(&[photos.view()]);
/// photos.get("cat").await?;
///
/// let november = Reading::of(&[photos.view()]).since(&first_of_the_month);
/// assert_eq!(november.endpoints[0].foreground.attempts, 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Reading {
    pub(super) to_ms: u64,
    pub(super) instance: Instance,
    pub(super) clients: Vec<Seen>,
    gone: Vec<ClientView>,
}

/// One client.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    view: ClientView,
    pub(super) name: Arc<str>,
    pub(super) endpoints: Vec<SeenEndpoint>,
}

/// One endpoint that the client may use.
#[derive(Clone, Debug)]
pub(super) struct SeenEndpoint {
    pub(super) profile: Profile,
    pub(super) needs: Vec<Dependency>,
    attempts: [AttemptCounts; 3],
    bytes: ByteCounts,
}

impl Reading {
    /// Reads the counts of these clients. Two views of one client count once. A client that is gone cannot be read any
    /// more: take the reading before you drop the client.
    pub fn of(clients: &[ClientView]) -> Self {
        let mut reading = Self {
            to_ms: unix_millis(clock::wall()),
            instance: Instance::current(),
            clients: Vec::new(),
            gone: Vec::new(),
        };
        for (index, view) in clients.iter().enumerate() {
            if clients[..index].iter().any(|other| other.is_of_the_same_client(view)) {
                continue;
            }
            match view.snapshot() {
                Some(snapshot) => {
                    if reading.clients.is_empty() {
                        reading.to_ms = unix_millis(snapshot.wall);
                    }
                    reading.clients.push(Seen::of(view, snapshot));
                }
                None => reading.gone.push(view.clone()),
            }
        }
        reading
    }

    /// How many clients have no count at the end of the window: those that are gone, and those that the earlier reading
    /// has and this one was not asked about.
    pub(super) fn gone(&self, earlier: Option<&Self>) -> u64 {
        let asked = || self.clients.iter().map(|one| &one.view).chain(&self.gone);
        let before = earlier.into_iter().flat_map(|earlier| &earlier.clients);
        let missing = before.filter(|one| !asked().any(|other| other.is_of_the_same_client(&one.view)));
        (self.gone.len() + missing.count()) as u64
    }

    /// What this reading says of the same endpoint of the same client.
    pub(super) fn same(&self, client: &Seen, endpoint: &SeenEndpoint) -> Option<&SeenEndpoint> {
        let mut all = self.clients.iter();
        let client = all.find(|one| one.view.is_of_the_same_client(&client.view))?;
        let mut all = client.endpoints.iter();
        all.find(|one| one.profile.name() == endpoint.profile.name())
    }
}

impl Seen {
    fn of(view: &ClientView, snapshot: Snapshot) -> Self {
        let needs = view.dependencies().unwrap_or_default();
        let of_the_endpoint = |name: &str| {
            let all = needs.iter().filter(|need| &*need.endpoint == name);
            all.cloned().collect()
        };
        let used = snapshot.endpoints.into_iter().filter(|one| one.barred.is_none());
        Self {
            view: view.clone(),
            name: snapshot.client,
            endpoints: used
                .map(|one| SeenEndpoint {
                    needs: of_the_endpoint(one.profile.name()),
                    attempts: one.classes.map(|class| class.attempts),
                    bytes: one.bytes,
                    profile: one.profile,
                })
                .collect(),
        }
    }

    pub(super) fn named(&self, endpoint: &SeenEndpoint) -> EndpointName {
        EndpointName {
            client: self.name.to_string(),
            endpoint: endpoint.profile.name().to_owned(),
        }
    }
}

impl SeenEndpoint {
    /// What was counted since an earlier reading.
    pub(super) fn since(&self, earlier: Option<&Self>, traffic: Traffic) -> Amount {
        let none = AttemptCounts::default();
        let attempts = self.attempts.iter().enumerate().map(|(class, counts)| {
            let before = earlier.map_or(&none, |earlier| &earlier.attempts[class]);
            counts.since(before).of_traffic(traffic)
        });
        let bytes = earlier.map_or(self.bytes, |earlier| self.bytes.since(&earlier.bytes));
        let known = |bytes: u64, uncounted: u64| (uncounted == 0).then_some(bytes);
        let uncounted = bytes.uncounted(traffic);
        Amount {
            attempts: attempts.sum(),
            bytes_up: known(bytes.up(traffic), uncounted),
            bytes_down: known(bytes.down(traffic), uncounted),
        }
    }
}
