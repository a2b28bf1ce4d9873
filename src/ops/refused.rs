use std::sync::Arc;

/// Why an order was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The selector matches no endpoint of this client.
    #[error("the order to {action} {selector} was refused: no endpoint of this client matches")]
    MatchesNothing {
        /// The action of the order.
        action: &'static str,
        /// The target of the order.
        selector: String,
    },
    /// No endpoint with a closed breaker would be left, for all calls or for writes.
    #[error("the order to {action} {selector} was refused: no endpoint would be left to serve {calls}{}", because(.not_serving))]
    LeavesNothing {
        /// The action of the order.
        action: &'static str,
        /// The target of the order.
        selector: String,
        /// The calls that would have no endpoint: `calls` or `writes`.
        calls: &'static str,
        /// The endpoints that would get the calls, and why each cannot serve them, as a clause.
        not_serving: Vec<(Arc<str>, String)>,
    },
    /// The order has no reason. The next person on call could not understand such an order.
    #[error("an order needs a reason")]
    NoReason,
    /// The order would expire at once, or would last for more than a week.
    #[error("an order must last longer than 0 s and at most a week")]
    Expiry,
}

fn because(not_serving: &[(Arc<str>, String)]) -> String {
    let clauses = not_serving
        .iter()
        .map(|(name, why)| format!("; {name} cannot, because {why}"));
    clauses.collect()
}
