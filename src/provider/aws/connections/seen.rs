use crate::{model::clock::Instant, provider::silence::Silence};
use aws_smithy_runtime_api::client::connection::ConnectionMetadata;
use std::{collections::HashMap, net::SocketAddr};

/// Which connections have answered.
pub(super) struct Seen {
    /// By local address: the last answer over each connection. Some connections are closed by now.
    answered: HashMap<SocketAddr, (ConnectionMetadata, Instant)>,
    /// The number of known connections that broke since the last answer over a connection that had answered before.
    broken: usize,
    /// How many unknown connections are still to be taken for kept ones.
    unasked: usize,
    /// The silence of all connections together.
    silence: Silence,
    /// The connections over which requests were given up since the last answer over any connection.
    silent: Vec<ConnectionMetadata>,
}

impl Default for Seen {
    fn default() -> Self {
        Self {
            answered: HashMap::new(),
            broken: 0,
            unasked: 0,
            silence: Silence::new(),
            silent: Vec::new(),
        }
    }
}

impl Seen {
    /// No endpoint has more requests under way. Beyond this number the older connections are forgotten, and then taken
    /// for new ones.
    const MOST: usize = 1_024;
    /// One broken connection may be a coincidence.
    const ENOUGH: usize = 2;
    /// Most bursts leave no unused connection in the pool. Where the endpoint resets every new connection, this costs
    /// as many requests, once.
    pub(super) const UNASKED: usize = 16;

    pub(super) fn heard(
        &mut self,
        address: SocketAddr,
        now: Instant,
        connection: impl FnOnce() -> Option<ConnectionMetadata>,
    ) {
        self.silence.heard(now);
        self.silent.clear();
        if let Some((_, last)) = self.answered.get_mut(&address) {
            *last = now;
            self.broken = 0;
        } else if let Some(connection) = connection() {
            if self.answered.len() >= Self::MOST {
                self.forget_the_older_half();
            }
            self.answered.insert(address, (connection, now));
        }
    }

    fn forget_the_older_half(&mut self) {
        let mut times: Vec<_> = self.answered.values().map(|(_, last)| *last).collect();
        let (_, middle, _) = times.select_nth_unstable(Self::MOST / 2);
        let middle = *middle;
        self.answered.retain(|_, (_, last)| *last > middle);
    }

    /// A request broke off over this connection. Returns whether the connection was a kept one.
    pub(super) fn broke(&mut self, address: SocketAddr) -> bool {
        if self.answered.remove(&address).is_none() {
            let is_old = self.unasked > 0;
            self.unasked = self.unasked.saturating_sub(1);
            return is_old;
        }
        self.broken += 1;
        if self.broken >= Self::ENOUGH {
            self.close_all();
            self.unasked = Self::UNASKED;
        }
        true
    }

    /// A request that began at `since` was given up.
    pub(super) fn unanswered(&mut self, connection: ConnectionMetadata, since: Instant, now: Instant) {
        if self.silence.given_up(since) {
            self.silent.push(connection);
            self.close_silent(now);
        }
    }

    /// Closes all connections if none of them answers any more.
    pub(super) fn close_silent(&mut self, now: Instant) {
        if self.silence.is_dead(now) {
            self.close_all();
        }
    }

    /// Takes all connections out of use. Requests under way over them go on.
    fn close_all(&mut self) {
        let answered = self.answered.drain().map(|(_, (connection, _))| connection);
        for connection in answered.chain(self.silent.drain(..)) {
            connection.poison();
        }
        self.broken = 0;
        self.silence = Silence::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock;
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Counts how often one of its connections is closed.
    #[derive(Clone, Default)]
    struct Closed(Arc<AtomicUsize>);

    impl Closed {
        fn connection(&self) -> ConnectionMetadata {
            let closed = self.0.clone();
            let connection = ConnectionMetadata::builder().proxied(false);
            let count = move || {
                closed.fetch_add(1, Relaxed);
            };
            connection.poison_fn(count).build()
        }

        fn count(&self) -> usize {
            self.0.load(Relaxed)
        }
    }

    fn seen(ports: u16, now: Instant) -> (Seen, Closed) {
        let (mut seen, closed) = (Seen::default(), Closed::default());
        for port in 0..ports {
            seen.heard(address(port), now, || Some(closed.connection()));
        }
        (seen, closed)
    }

    #[test]
    fn a_broken_new_connection_does_not_count_as_pooled() {
        let (mut seen, closed) = seen(3, clock::now());
        assert!(!seen.broke(address(9)));
        assert!(seen.broke(address(0)));
        // It is gone; who has its address next is new.
        assert!(!seen.broke(address(0)));
        assert_eq!(closed.count(), 0);
    }

    #[test]
    fn two_broken_pooled_connections_in_a_row_close_the_pool() {
        let now = clock::now();
        let (mut seen, closed) = seen(10, now);
        assert!(seen.broke(address(0)));
        seen.heard(address(1), now, || None);
        assert!(seen.broke(address(1)));
        assert_eq!(closed.count(), 0);
        assert!(seen.broke(address(2)));
        assert_eq!(closed.count(), 7);
        // Those that were never asked.
        let taken_for_old = (100..200).filter(|port| seen.broke(address(*port))).count();
        assert_eq!(taken_for_old, Seen::UNASKED);
    }

    #[test]
    fn an_answer_on_a_new_connection_does_not_clear_the_pool() {
        let now = clock::now();
        let (mut seen, closed) = seen(10, now);
        assert!(seen.broke(address(0)));
        seen.heard(address(50), now, || Some(closed.connection()));
        assert!(seen.broke(address(1)));
        assert_eq!(closed.count(), 9);
    }

    #[test]
    fn silence_needs_two_requests_and_a_quarter_of_a_second() {
        let start = clock::now();
        let (mut seen, closed) = seen(3, start);
        let give_up = |seen: &mut Seen, since, now| seen.unanswered(closed.connection(), start + since, start + now);
        give_up(&mut seen, MS, 400 * MS);
        assert_eq!(closed.count(), 0);
        give_up(&mut seen, 300 * MS, 500 * MS);
        assert_eq!(closed.count(), 5);
        // Two that were given up early, and time that passes.
        give_up(&mut seen, 600 * MS, 620 * MS);
        give_up(&mut seen, 610 * MS, 630 * MS);
        seen.close_silent(start + 849 * MS);
        assert_eq!(closed.count(), 5);
        seen.close_silent(start + 850 * MS);
        assert_eq!(closed.count(), 7);
    }

    #[test]
    fn an_answering_connection_is_not_silent() {
        let start = clock::now();
        let (mut seen, closed) = seen(3, start);
        for request in 0..100 {
            let since = start + request * 10 * MS;
            seen.heard(address(0), since + 5 * MS, || None);
            // A slow one, given up while others are answered.
            seen.unanswered(closed.connection(), since, since + 8 * MS);
        }
        seen.close_silent(start + 9_000 * MS);
        assert_eq!(closed.count(), 0);
    }

    #[test]
    fn remembered_connections_are_bounded() {
        let now = clock::now();
        let (mut seen, closed) = (Seen::default(), Closed::default());
        for port in 0..5_000 {
            seen.heard(address(port), now + u32::from(port) * MS, || Some(closed.connection()));
            assert!(seen.answered.len() <= Seen::MOST);
        }
        assert!(seen.broke(address(4_999)));
        assert!(!seen.broke(address(0)));
    }
}
