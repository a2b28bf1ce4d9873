//! Scenarios for one fault, and the endpoint that they strike.

use evenkeel::{
    Endpoint,
    drill::{Scenario, Timeline},
    endpoint::Profile,
};

pub(crate) fn profile() -> Profile {
    let endpoint = Endpoint::new("primary", ()).provider("aws").region("us-east-1");
    endpoint.profile().clone()
}

/// The place that a built-in incident strikes.
pub(crate) fn struck(incident: &Scenario) -> Profile {
    let target = incident.struck().expect("built-in incidents strike one place");
    let endpoint = Endpoint::new("primary", ())
        .provider(target.provider.as_deref().unwrap())
        .region(target.region.as_deref().unwrap());
    endpoint.profile().clone()
}

/// One phase of an hour with these rules, in JSON.
pub(crate) fn scenario(rules: &str) -> Scenario {
    let json =
        format!(r#"{{ "name": "test", "phases": [{{ "name": "trouble", "duration": "1h", "rules": [{rules}] }}] }}"#);
    Scenario::from_json(&json).unwrap()
}

/// That scenario, with a seed and not started.
pub(crate) fn timeline(rules: &str) -> Timeline {
    Timeline::new(scenario(rules), 7).unwrap()
}
