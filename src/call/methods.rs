/// The methods of every client, on its field `core`; `$stack` is the type of the client's service.
macro_rules! store_methods {
    ($client:ident, $stack:ty) => {
        impl $client {
            /// The whole stack as a tower service, for users of tower. A request passes the stack once, without what
            /// the replication adds (which endpoint may be written to, what proves absence). The client's constraints
            /// and its deadline hold for these requests, too. Most callers want the methods above.
            pub fn service(&self) -> $stack {
                self.core.stack()
            }

            /// The operator's handle: drain (all calls, or writes only), force, freeze failback, shadow.
            pub fn operator(&self) -> crate::ops::operator::Operator {
                self.core.engine.operator.clone()
            }

            /// The state of the endpoints at this moment.
            pub fn snapshot(&self) -> crate::ops::snapshot::Snapshot {
                self.core.engine.snapshot()
            }

            /// This client as a status page or a report sees it.
            pub fn view(&self) -> crate::ops::ClientView {
                let (engine, core) = (&self.core.engine, std::sync::Arc::downgrade(&self.core));
                let other = core.clone();
                let look = move || core.upgrade().map(|core| core.engine.snapshot());
                let third = other.clone();
                let needs = move || other.upgrade().map(|core| core.dependencies());
                engine.view(look, needs, move || third.upgrade().map(|core| core.impact()))
            }

            /// What this client loses with each provider, region, location, jurisdiction and host. See
            /// [`impact`](mod@crate::ops::impact).
            pub fn impact(&self) -> crate::ops::impact::Analysis {
                self.core.impact()
            }

            /// Every host that this client contacts, as far as the hosts are known. See
            /// [`dependencies`](crate::client::Dependencies).
            pub fn dependencies(&self) -> crate::endpoint::Dependencies {
                self.core.dependencies()
            }

            /// The endpoints in their order, those that break a constraint included.
            pub fn endpoints(&self) -> impl Iterator<Item = &crate::endpoint::Profile> {
                self.core.engine.roster.iter()
            }

            /// Opens connections and loads credentials at all endpoints at once, so that the first calls need not. A
            /// dead endpoint is reported and hinders no other. Each endpoint gets at most 2 s: the connect limit of 0.9
            /// s and the floor of an attempt, 1 s, rounded up.
            pub async fn warm_up(&self) -> crate::client::WarmUp {
                self.core.warm_up().await
            }

            /// Closes the client. Later calls of this client and all its clones fail with
            /// [`ErrorKind::Closed`](crate::ErrorKind::Closed). Calls under way go on to their end.
            pub fn close(&self) {
                self.core.close();
            }
        }

        /// Names no provider's type and no key.
        impl std::fmt::Debug for $client {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.core.debug(stringify!($client), f)
            }
        }
    };
}
pub(crate) use store_methods;
