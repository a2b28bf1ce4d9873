//! A Redis cluster of the tests' own: primaries that share the slots out among them, each a process.

#![allow(dead_code)] // each test binary uses the part it needs

use crate::{authority::Authority, redis_server::Server};
use std::{net::TcpListener, time::Duration};

pub(crate) const SLOTS: usize = 16_384;

/// Ends when dropped.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
}

pub(crate) struct Node {
    pub(crate) server: Server,
    pub(crate) id: String,
    bus: String,
}

impl Cluster {
    /// A cluster of so many primaries, with the slots in equal parts, that is up.
    pub(crate) async fn start(primaries: usize) -> Self {
        Self::of(primaries, None).await
    }

    /// The same, and nodes and clients all speak TLS.
    pub(crate) async fn start_with_tls(primaries: usize, authority: &Authority) -> Self {
        Self::of(primaries, Some(authority)).await
    }

    async fn of(primaries: usize, authority: Option<&Authority>) -> Self {
        let mut cluster = Self { nodes: Vec::new() };
        for at in 0..primaries {
            let node = Node::start(authority).await;
            let (first, last) = (at * SLOTS / primaries, (at + 1) * SLOTS / primaries - 1);
            node.tell(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()])
                .await;
            node.tell(&["CLUSTER", "SET-CONFIG-EPOCH", &(at + 1).to_string()]).await;
            cluster.nodes.push(node);
        }
        cluster.introduce().await;
        cluster
    }

    /// Adds a primary without slots.
    pub(crate) async fn join(&mut self) {
        self.nodes.push(Node::start(None).await);
        self.introduce().await;
    }

    async fn introduce(&self) {
        let (first, others) = self.nodes.split_first().unwrap();
        for other in others {
            let (ip, port) = (other.server.addr.ip().to_string(), other.server.addr.port().to_string());
            first.tell(&["CLUSTER", "MEET", &ip, &port, &other.bus]).await;
        }
        self.until("is up", async |node| {
            let info = node.text(&["CLUSTER", "INFO"]).await;
            let known = format!("cluster_known_nodes:{}\r", self.nodes.len());
            // A node is known before its slots are.
            info.contains("cluster_state:ok") && info.contains(&known) && info.contains("slots_ok:16384")
        })
        .await;
    }

    /// Waits until all nodes are so. 20 s is for a busy machine; it takes one or two.
    pub(crate) async fn until(&self, what: &str, is: impl AsyncFn(&Node) -> bool) {
        'again: for _ in 0..2_000 {
            for node in &self.nodes {
                if !is(node).await {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue 'again;
                }
            }
            return;
        }
        panic!("not one cluster {what} in time");
    }

    pub(crate) fn seeds(&self) -> Vec<redis::Client> {
        self.nodes.iter().map(|node| node.server.client()).collect()
    }

    /// Keys whose slots lie at this node at the start, as many as asked for.
    pub(crate) async fn keys_at(&self, node: usize, wanted: usize) -> Vec<String> {
        let primaries = self.nodes.len();
        let mut keys = Vec::new();
        for i in 0.. {
            let key = format!("key-{i}");
            let slot = self.slot(&key).await;
            if slot * primaries / SLOTS == node {
                keys.push(key);
            }
            if keys.len() == wanted {
                break;
            }
        }
        keys
    }

    pub(crate) async fn slot(&self, key: &str) -> usize {
        let slot = self.nodes[0].tell(&["CLUSTER", "KEYSLOT", key]).await;
        redis::from_redis_value(slot).unwrap()
    }

    /// From here on keys of the slot that `from` does not have are asked for at `to`.
    pub(crate) async fn begin_move(&self, slot: usize, from: usize, to: usize) {
        let (from, to, slot) = (&self.nodes[from], &self.nodes[to], slot.to_string());
        to.tell(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from.id]).await;
        from.tell(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to.id]).await;
    }

    /// The keys themselves.
    pub(crate) async fn move_keys(&self, slot: usize, from: usize, to: usize) {
        let (from, to, slot) = (&self.nodes[from], &self.nodes[to], slot.to_string());
        let (ip, port) = (to.server.addr.ip().to_string(), to.server.addr.port().to_string());
        loop {
            let keys = from.tell(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            let keys: Vec<String> = redis::from_redis_value(keys).unwrap();
            if keys.is_empty() {
                return;
            }
            let mut migrate = vec!["MIGRATE", &ip, &port, "", "0", "5000", "KEYS"];
            migrate.extend(keys.iter().map(String::as_str));
            from.tell(&migrate).await;
        }
    }

    /// From here on `from` says that `to` has the slot, and all nodes have heard of it.
    pub(crate) async fn end_move(&self, slot: usize, from: usize, to: usize) {
        let (from, to, slot) = (&self.nodes[from], &self.nodes[to], slot.to_string());
        to.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &to.id]).await;
        from.tell(&["CLUSTER", "SETSLOT", &slot, "NODE", &to.id]).await;
        // A node that does not know how many changes there were cannot make one that counts.
        let changes = async |node: &Node| {
            let info = node.text(&["CLUSTER", "INFO"]).await;
            let line = info.lines().find(|line| line.starts_with("cluster_current_epoch:"));
            line.unwrap().to_owned()
        };
        let latest = changes(to).await;
        self.until("agrees", async |node| changes(node).await == latest).await;
    }

    pub(crate) async fn move_slot(&self, slot: usize, from: usize, to: usize) {
        self.begin_move(slot, from, to).await;
        self.move_keys(slot, from, to).await;
        self.end_move(slot, from, to).await;
    }

    /// How often any node has answered with this error.
    pub(crate) async fn errors(&self, code: &str) -> u64 {
        let mut sum = 0;
        for node in &self.nodes {
            let stats = node.text(&["INFO", "errorstats"]).await;
            let line = stats
                .lines()
                .find_map(|line| line.strip_prefix(&format!("errorstat_{code}:count=")));
            sum += line.map_or(0, |count| count.parse().unwrap());
        }
        sum
    }
}

impl Node {
    async fn start(authority: Option<&Authority>) -> Self {
        // Beside the port for clients, one that the nodes use among themselves.
        let bus = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port()
            .to_string();
        let mut arguments = vec!["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        // A primary without slots stays one.
        arguments.extend(["--cluster-port", &bus, "--cluster-allow-replica-migration", "no"]);
        let server = match authority {
            None => Server::start(&arguments),
            Some(authority) => {
                arguments.extend(["--tls-cluster", "yes"]);
                Server::start_node_with_tls(authority, "127.0.0.1", &arguments)
            }
        };
        let id = redis::from_redis_value(server.tell(&["CLUSTER", "MYID"]).await).unwrap();
        Self { server, id, bus }
    }

    pub(crate) async fn tell(&self, command: &[&str]) -> redis::Value {
        self.server.tell(command).await
    }

    pub(crate) async fn text(&self, command: &[&str]) -> String {
        redis::from_redis_value(self.tell(command).await).unwrap()
    }
}
