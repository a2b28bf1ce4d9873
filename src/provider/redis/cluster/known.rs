//! What is known of the cluster, how the cluster is learnt, and the links to its nodes.

use super::{
    Cluster,
    slots::{Address, Slots},
    unserved,
};
use crate::{
    model::clock::{self, Instant},
    provider::{
        ProviderError, ProviderErrorKind,
        redis::{error, link::Link},
    },
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Shared, WeakShared},
    stream::FuturesUnordered,
};
use redis::{Client, ConnectionAddr};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Arc,
    time::Duration,
};

/// The limit for learning which node has which slot. Like connecting, it is below the floor of an attempt.
const LEARN_LIMIT: Duration = Duration::from_millis(900);

/// How long one node may take to give the map before the next node is asked, too. Answers take a millisecond.
const NEXT_NODE_AFTER: Duration = Duration::from_millis(100);

/// The shortest time between two requests for the map. Nodes agree on a change within about a second.
const MAP_LASTS: Duration = Duration::from_millis(100);

type Learning = BoxFuture<'static, Result<Arc<Slots>, ProviderError>>;

#[derive(Default)]
pub(super) struct Known {
    pub(super) slots: Option<Arc<Slots>>,
    links: BTreeMap<Address, Arc<Link>>,
    /// Nodes that have failed or redirected a call since the map was made. The next call for one of their slots asks
    /// for a new map.
    pub(super) doubtful: BTreeSet<Address>,
    learning: Option<WeakShared<Learning>>,
    /// Counts the requests for maps, so that an old map does not replace a new one.
    number: u64,
    learnt: Option<Instant>,
}

impl Cluster {
    /// The known map if `serves` accepts it, else a new map.
    pub(super) async fn slots(&self, serves: impl Fn(&Known, &Slots) -> bool) -> Result<Arc<Slots>, ProviderError> {
        let (learning, number) = {
            let mut known = self.lock();
            if let Some(slots) = &known.slots {
                let now = clock::now();
                let is_new = known
                    .learnt
                    .is_some_and(|at| now.saturating_duration_since(at) < MAP_LASTS);
                if is_new || serves(&known, slots) {
                    return Ok(slots.clone());
                }
            }
            match known.learning.as_ref().and_then(WeakShared::upgrade) {
                Some(learning) => (learning, known.number),
                None => {
                    let learning = self.learn(&mut known);
                    known.number += 1;
                    known.learning = learning.downgrade();
                    (learning, known.number)
                }
            }
        };
        let learnt = learning.await;
        let mut known = self.lock();
        if known.number == number && known.learning.take().is_some() {
            known.learnt = Some(clock::now());
            if let Ok(slots) = &learnt {
                known.slots = Some(slots.clone());
                known.doubtful.clear();
                let primaries: BTreeSet<Address> = slots.primaries().cloned().collect();
                known.links.retain(|address, _| primaries.contains(address));
            }
        }
        // An old map is better than none: a node whose slots have moved says so.
        match &known.slots {
            Some(slots) => Ok(slots.clone()),
            None => learnt,
        }
    }

    /// Asks the known nodes for the map, one after the other, until one answers.
    fn learn(&self, known: &mut Known) -> Shared<Learning> {
        let primaries = known.slots.iter().flat_map(|slots| slots.primaries()).cloned();
        let all: BTreeSet<Address> = primaries.chain(self.seeds.iter().cloned()).collect();
        let (doubtful, mut good): (Vec<_>, Vec<_>) = all.into_iter().partition(|node| known.doubtful.contains(node));
        // Another first each time: one that is cut off from the others goes on to give an old map.
        let others = usize::try_from(known.number).unwrap_or_default() % good.len().max(1);
        good.rotate_left(others);
        let nodes = good.into_iter().chain(doubtful);
        let nodes: Result<Vec<_>, ProviderError> = nodes.map(|node| Ok((self.link_in(known, &node)?, node))).collect();
        async move {
            let learnt = tokio::time::timeout(LEARN_LIMIT, first_map(nodes?)).await;
            learnt.unwrap_or_else(|_| Err(error::connecting(&io::Error::from(io::ErrorKind::TimedOut).into())))
        }
        .boxed()
        .shared()
    }

    pub(super) fn link(&self, address: &Address) -> Result<Arc<Link>, ProviderError> {
        self.link_in(&mut self.lock(), address)
    }

    fn link_in(&self, known: &mut Known, address: &Address) -> Result<Arc<Link>, ProviderError> {
        if let Some(link) = known.links.get(address) {
            return Ok(link.clone());
        }
        let like = self.like.clone().ok_or_else(no_seed)?;
        let at = placed(like.addr(), address);
        let client = Client::open(like.set_addr(at)).map_err(|error| error::connecting(&error))?;
        let link = Arc::new(Link::to_node(client));
        known.links.insert(address.clone(), link.clone());
        Ok(link)
    }
}

/// The first map that one of these nodes gives. If a node does not answer soon, the next node is asked beside it.
async fn first_map(nodes: Vec<(Arc<Link>, Address)>) -> Result<Arc<Slots>, ProviderError> {
    let mut left = nodes.into_iter();
    let mut asked = FuturesUnordered::new();
    let mut last = None;
    loop {
        match left.next() {
            Some((link, address)) => asked.push(map_of(link, address)),
            None if asked.is_empty() => return Err(last.unwrap_or_else(no_seed)),
            None => {}
        }
        let heard = match left.len() {
            0 => Ok(asked.next().await),
            _ => tokio::time::timeout(NEXT_NODE_AFTER, asked.next()).await,
        };
        match heard {
            Ok(Some(Ok(slots))) => return Ok(slots),
            Ok(Some(Err(error))) => last = Some(error),
            Ok(None) | Err(_) => {}
        }
    }
}

/// The map of one node. Whatever fails here, nothing of the call was sent.
async fn map_of(link: Arc<Link>, address: Address) -> Result<Arc<Slots>, ProviderError> {
    let mut command = redis::cmd("CLUSTER");
    command.arg("SLOTS");
    let answer = link.command(&command).await?;
    let answer = answer.map_err(|error| error::connecting(&error))?;
    let slots = Slots::read(answer, &address).ok_or_else(|| {
        ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, Sent::No))
            .with_message("the cluster's map made no sense")
            .with_code("nonsense")
    })?;
    // A node that was taken out of the cluster knows of no slots.
    let is_served = slots.primaries().next().is_some();
    is_served.then(|| Arc::new(slots)).ok_or_else(unserved)
}

fn no_seed() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Invalid, Outcome::new(Verdict::Caller, Sent::No))
        .with_message("a cluster needs the TCP address of at least one of its nodes")
        .with_code("client configuration")
}

pub(super) fn address(addr: &ConnectionAddr) -> Option<Address> {
    match addr {
        ConnectionAddr::Tcp(host, port) => Some(Address::new(host, *port)),
        ConnectionAddr::TcpTls { host, port, .. } => Some(Address::new(host, *port)),
        _ => None,
    }
}

/// The same kind of connection to another address.
fn placed(like: &ConnectionAddr, at: &Address) -> ConnectionAddr {
    match like {
        ConnectionAddr::TcpTls {
            insecure, tls_params, ..
        } => ConnectionAddr::TcpTls {
            host: at.host.to_string(),
            port: at.port,
            insecure: *insecure,
            tls_params: tls_params.clone(),
        },
        _ => ConnectionAddr::Tcp(at.host.to_string(), at.port),
    }
}
