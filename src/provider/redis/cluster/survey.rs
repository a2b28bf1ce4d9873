//! Which nodes a scan goes through, and whether keys are on the move between them.

use super::{Address, Cluster, Reply, Target};
use crate::provider::{
    ProviderError,
    redis::{error, link::Link},
};
use futures_util::future::try_join_all;
use redis::{Pipeline, Value};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// What every primary says of itself at about the same time.
pub(in super::super) struct Survey {
    /// By the node's id: what the node says of its slots, and the link to it.
    primaries: BTreeMap<String, (String, Arc<Link>)>,
    /// The number of keys in the whole cluster.
    pub(in super::super) keys: u64,
}

impl Survey {
    /// Whether no key has changed its node since `before`, and none is about to.
    pub(in super::super) fn is_as_still_as(&self, before: &Self) -> bool {
        let slots = |survey: &Self| -> Vec<(String, String)> {
            let all = survey.primaries.iter();
            all.map(|(id, (slots, _))| (id.clone(), slots.clone())).collect()
        };
        // A slot on its way shows in brackets.
        let moving = |survey: &Self| survey.primaries.values().any(|(slots, _)| slots.contains('['));
        !moving(before) && !moving(self) && slots(before) == slots(self)
    }

    pub(in super::super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.primaries.values().map(|(_, link)| &**link)
    }
}

/// What one node says: its own slots, and the primaries that it knows.
struct Report {
    id: String,
    /// `None`: the node is not a primary (any more).
    slots: Option<String>,
    keys: u64,
    others: Vec<(String, Listed)>,
}

/// Where one node says that another node is.
struct Listed {
    ip: Address,
    name: Option<Arc<str>>,
}

impl Cluster {
    /// Asks the primaries in the map, and the other primaries that they know: a node that takes over its first slot has
    /// keys before any map shows the node.
    pub(in super::super) async fn survey(&self) -> Result<Survey, ProviderError> {
        let mapped = self.primaries().await?;
        // Nodes that go by names in the map have certificates for names.
        let by_name = mapped.iter().any(|address| address.host.parse::<IpAddr>().is_err());
        let mut survey = Survey {
            primaries: BTreeMap::new(),
            keys: 0,
        };
        let mut others: BTreeMap<String, Address> = BTreeMap::new();
        let mut asked = Vec::new();
        for (report, link) in self.reports(mapped).await? {
            for (id, listed) in &report.others {
                let name = listed.name.clone().filter(|_| by_name);
                let host = name.unwrap_or_else(|| listed.ip.host.clone());
                others.insert(id.clone(), Address { host, ..listed.ip });
            }
            asked.push(report.id.clone());
            survey.add(report, link);
        }
        others.retain(|id, _| !asked.contains(id));
        for (report, link) in self.reports(others.into_values()).await? {
            survey.add(report, link);
        }
        Ok(survey)
    }

    async fn reports(
        &self,
        nodes: impl IntoIterator<Item = Address>,
    ) -> Result<Vec<(Report, Arc<Link>)>, ProviderError> {
        try_join_all(nodes.into_iter().map(|address| self.report(address))).await
    }

    async fn report(&self, address: Address) -> Result<(Report, Arc<Link>), ProviderError> {
        let link = self.link(&address)?;
        let mut questions = Pipeline::with_capacity(2);
        questions.cmd("DBSIZE").cmd("CLUSTER").arg("NODES");
        let answers = link.pipeline(questions).await;
        let target = Target { address, asking: false };
        let answers = answers.inspect_err(|error| {
            let reply: Reply = Err(error.clone());
            self.redirect(&reply, &target);
        })?;
        let mut answers = answers.into_iter();
        let (Some(keys), Some(nodes), None) = (answers.next(), answers.next(), answers.next()) else {
            return Err(error::nonsense());
        };
        let (keys, nodes) = (
            keys.map_err(|error| error::failed(&error))?,
            nodes.map_err(|error| error::failed(&error))?,
        );
        let nodes = match &nodes {
            Value::BulkString(text) => std::str::from_utf8(text).ok(),
            Value::VerbatimString { text, .. } => Some(text.as_str()),
            _ => None,
        };
        let Value::Int(keys) = keys else {
            return Err(error::nonsense());
        };
        let report = nodes
            .zip(u64::try_from(keys).ok())
            .and_then(|(nodes, keys)| read(nodes, keys));
        Ok((report.ok_or_else(error::nonsense)?, link))
    }
}

impl Survey {
    fn add(&mut self, report: Report, link: Arc<Link>) {
        if let Some(slots) = report.slots {
            self.keys += report.keys;
            self.primaries.insert(report.id, (slots, link));
        }
    }
}

/// The answer to CLUSTER NODES. It has a line for each node: id, address, flags, four more words, whether the node is
/// connected, and the node's slots.
fn read(text: &str, keys: u64) -> Option<Report> {
    let mut own = None;
    let mut others = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, at, flags, _, _, _, _, _, slots @ ..] = words.as_slice() else {
            return None;
        };
        let has = |flag: &str| flags.split(',').any(|there| there == flag);
        if has("myself") {
            own = Some((id.to_string(), has("master").then(|| slots.join(" "))));
            continue;
        }
        // One that is gone is of no use, unless it has slots: then there is no complete answer without it.
        let is_gone = (has("fail") && slots.is_empty()) || has("noaddr") || has("handshake");
        if has("master") && !is_gone {
            others.push((id.to_string(), listed(at)?));
        }
    }
    let (id, slots) = own?;
    Some(Report {
        id,
        slots,
        keys,
        others,
    })
}

/// `ip:port@port-among-themselves,name`, with the name since Redis 7.
fn listed(at: &str) -> Option<Listed> {
    let mut parts = at.split(',');
    let (ip, port) = parts.next()?.split('@').next()?.rsplit_once(':')?;
    Some(Listed {
        ip: Address::new(ip.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?),
        name: parts.next().filter(|name| !name.is_empty()).map(Into::into),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: &str = "\
aa 10.0.0.1:7000@17000,one.example myself,master - 0 1 1 connected 0-5460 [5461->-cc]
bb 10.0.0.2:7000@17000,two.example master - 0 1 2 connected 5461-10922
cc 10.0.0.3:7000@17000 master - 0 1 3 connected
dd 10.0.0.4:7000@17000 slave aa 0 1 1 connected
ee 10.0.0.5:7000@17000 master,fail - 0 1 4 disconnected
ff 10.0.0.6:7000@17000 master,fail - 0 1 5 disconnected 10923-16383
gg :0@0 master,noaddr - 0 1 6 disconnected
";

    #[test]
    fn cluster_nodes_lists_the_node_and_its_peers() {
        let report = read(NODES, 7).unwrap();
        assert_eq!(
            (report.id.as_str(), report.slots.as_deref()),
            ("aa", Some("0-5460 [5461->-cc]"))
        );
        let others: Vec<_> = report.others.iter().map(|(id, _)| id.as_str()).collect();
        assert_eq!(others, ["bb", "cc", "ff"]);
        let (_, bb) = &report.others[0];
        assert_eq!(
            (&bb.ip, bb.name.as_deref()),
            (&Address::new("10.0.0.2", 7_000), Some("two.example"))
        );
        assert!(report.others[1].1.name.is_none());
        let demoted = NODES.replace("myself,master", "myself,slave");
        assert!(read(&demoted, 7).unwrap().slots.is_none());
        assert!(read("nonsense", 7).is_none());
    }
}
