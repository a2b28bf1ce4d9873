//! Many servers that share the keys: which server is asked, and what happens at a redirect.
//!
//! This module uses the SDK's connections to single servers, and not the SDK's cluster client, for four reasons. The
//! cluster client repeats a command after a broken connection, and counts that together with redirects. It does not
//! tell connecting from sending. It holds up every call while it looks at the cluster anew (without limit, if a node
//! hangs). And it sends ASKING apart from the command, so that another task's command can come between.

mod known;
mod slots;
mod survey;

use super::{error, link::speaks_of_a_change};
use crate::{
    provider::{ProviderError, ProviderErrorKind},
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::future::{join_all, try_join_all};
use known::Known;
use redis::{Client, Cmd, ConnectionInfo, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value};
use slots::{Address, slot};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
pub(super) use survey::Survey;

/// How many redirects a command follows. A moved slot takes one. A slot that is being moved takes two if the map is
/// old. The limit cuts off nodes that redirect in a circle.
const REDIRECTS: usize = 5;

/// The answer of a node to one command.
pub(super) type Reply = Result<RedisResult<Value>, ProviderError>;

pub(super) struct Cluster {
    /// The settings for every node, but for the address.
    like: Option<ConnectionInfo>,
    seeds: Vec<Address>,
    known: Mutex<Known>,
}

/// The node for a command, and whether the command needs an ASKING.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    address: Address,
    asking: bool,
}

impl Cluster {
    /// The cluster to which these nodes belong.
    pub(super) fn new(seeds: impl IntoIterator<Item = Client>) -> Self {
        let seeds = seeds.into_iter().map(|client| client.get_connection_info().clone());
        let seeds: Vec<_> = seeds
            .filter_map(|info| Some((known::address(info.addr())?, info)))
            .collect();
        Self {
            like: seeds.first().map(|(_, info)| info.clone()),
            seeds: seeds.into_iter().map(|(address, _)| address).collect(),
            known: Mutex::default(),
        }
    }

    /// Sends one command about one key.
    pub(super) async fn command(&self, key: &[u8], command: &Cmd) -> Reply {
        let mut replies = self.each(&[key], &|_, _| Cow::Borrowed(command)).await?;
        replies.pop().unwrap_or_else(|| Err(error::nonsense()))
    }

    /// Sends a command about each of these keys, in one go to each node. Each key has a result of its own, because one
    /// node can fail where others do not.
    pub(super) async fn each<'c>(
        &self,
        keys: &[&[u8]],
        command: &impl Fn(usize, bool) -> Cow<'c, Cmd>,
    ) -> Result<Vec<Reply>, ProviderError> {
        let slots: Vec<u16> = keys.iter().map(|key| slot(key)).collect();
        let mut replies: Vec<Reply> = keys.iter().map(|_| Err(unserved())).collect();
        let mut open: Vec<(usize, Target)> = Vec::with_capacity(keys.len());
        for (at, primary) in self.primaries_of(&slots).await?.into_iter().enumerate() {
            open.extend(primary.map(|address| (at, Target { address, asking: false })));
        }
        for _ in 0..=REDIRECTS {
            let mut groups: BTreeMap<Target, Vec<usize>> = BTreeMap::new();
            for (at, target) in open.drain(..) {
                groups.entry(target).or_default().push(at);
            }
            let asked = groups.into_iter().map(|(target, members)| async move {
                let answers = self.ask(&target, &members, command).await;
                (target, members, answers)
            });
            for (target, members, answers) in join_all(asked).await {
                let answers: Vec<Reply> = match answers {
                    Ok(answers) => answers.into_iter().map(Ok).collect(),
                    Err(error) => members.iter().map(|_| Err(error.clone())).collect(),
                };
                for (at, reply) in members.into_iter().zip(answers) {
                    open.extend(self.redirect(&reply, &target).map(|next| (at, next)));
                    replies[at] = reply;
                }
            }
            if open.is_empty() {
                break;
            }
        }
        Ok(replies)
    }

    /// Sends commands to one node and returns its answers.
    async fn ask<'c>(
        &self,
        target: &Target,
        members: &[usize],
        command: &impl Fn(usize, bool) -> Cow<'c, Cmd>,
    ) -> Result<Vec<RedisResult<Value>>, ProviderError> {
        let link = self.link(&target.address)?;
        if let ([one], false) = (members, target.asking) {
            return Ok(vec![link.command(&command(*one, true)).await?]);
        }
        let mut pipeline = Pipeline::with_capacity(members.len() * if target.asking { 2 } else { 1 });
        for (nth, member) in members.iter().enumerate() {
            if target.asking {
                // It holds for the next command of the connection, which others use, too: both go out in one write.
                pipeline.cmd("ASKING");
            }
            pipeline.add_command(command(*member, nth == 0).into_owned());
        }
        let answers = link.pipeline(pipeline).await?;
        Ok(match target.asking {
            true => answers.into_iter().skip(1).step_by(2).collect(),
            false => answers,
        })
    }

    /// Notes what a reply says about the cluster. Returns the node of a redirect.
    fn redirect(&self, reply: &Reply, target: &Target) -> Option<Target> {
        let error = match reply {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => Some(error),
            Err(_) => None,
        };
        let asking = error.is_some_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::Ask));
        if !asking && !error.is_none_or(speaks_of_a_change) {
            return None;
        }
        let next = error
            .and_then(RedisError::redirect_node)
            .and_then(|(to, slot)| Some((Address::told(to, &target.address)?, slot)));
        if !asking {
            let mut known = self.lock();
            known.doubtful.insert(target.address.clone());
            if let (Some((to, slot)), Some(slots)) = (&next, &mut known.slots) {
                Arc::make_mut(slots).has_moved(*slot, to.clone());
            }
        }
        next.map(|(address, _)| Target { address, asking })
    }

    /// The primaries of these slots, by the map. A new map is asked for if there is no map, or if the map is in doubt.
    async fn primaries_of(&self, wanted: &[u16]) -> Result<Vec<Option<Address>>, ProviderError> {
        let slots = self.slots(|known, slots| {
            let mut primaries = wanted.iter().map(|slot| slots.primary(*slot));
            primaries.all(|primary| primary.is_some_and(|primary| !known.doubtful.contains(primary)))
        });
        let slots = slots.await?;
        Ok(wanted.iter().map(|slot| slots.primary(*slot).cloned()).collect())
    }

    /// Every primary in the map.
    async fn primaries(&self) -> Result<BTreeSet<Address>, ProviderError> {
        let slots = self
            .slots(|known, slots| slots.primaries().all(|primary| !known.doubtful.contains(primary)))
            .await?;
        Ok(slots.primaries().cloned().collect())
    }

    /// Connects to every primary, and waits until each answers.
    pub(super) async fn warm_up(&self) -> Result<(), ProviderError> {
        let primaries = self.primaries().await?;
        let all = primaries.iter().map(|address| async move {
            let reply = self.link(address)?.command(&redis::cmd("PING")).await;
            let target = Target {
                address: address.clone(),
                asking: false,
            };
            self.redirect(&reply, &target);
            reply?.map(drop).map_err(|error| error::failed(&error))
        });
        try_join_all(all).await.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unserved() -> ProviderError {
    ProviderError::new(ProviderErrorKind::Failed, Outcome::new(Verdict::Faulty, Sent::No))
        .with_message("no node of the cluster serves the key's slot")
        .with_code("CLUSTERDOWN")
}
