use serde::{Deserialize, Serialize};

/// What passed at each endpoint, counted where the bytes pass: at a proxy or a server, and not by the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Breaches {
    /// The constraint, for people: `only in the European Union`.
    pub constraint: String,
    /// What counted: `a fault proxy before each server`.
    pub counted_by: String,
    /// By endpoint.
    pub passed: Vec<Passed>,
}

impl Breaches {
    /// Nothing has passed yet.
    pub fn new(constraint: impl Into<String>, counted_by: impl Into<String>) -> Self {
        Self {
            constraint: constraint.into(),
            counted_by: counted_by.into(),
            passed: Vec::new(),
        }
    }

    /// Adds an endpoint, and how many requests were seen there.
    #[must_use]
    pub fn endpoint(mut self, name: impl Into<String>, forbidden: bool, requests: u64) -> Self {
        self.passed.push(Passed {
            endpoint: name.into(),
            forbidden,
            requests,
        });
        self
    }

    /// How many requests were seen at forbidden endpoints.
    pub fn count(&self) -> u64 {
        let forbidden = self.passed.iter().filter(|passed| passed.forbidden);
        forbidden.fold(0, |sum, passed| sum.saturating_add(passed.requests))
    }

    /// Whether there was a forbidden endpoint at all: without one nothing was tried.
    pub fn is_tested(&self) -> bool {
        self.passed.iter().any(|passed| passed.forbidden)
    }
}

/// What passed at one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Passed {
    /// The endpoint's name.
    pub endpoint: String,
    /// Whether the constraint forbids it.
    pub forbidden: bool,
    /// How many requests were seen there.
    pub requests: u64,
}
