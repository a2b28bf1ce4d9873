//! The whole client under every built-in scenario, in paused time, with invariants that must hold whatever happens.
//!
//! Each scenario runs once at its true length with sparse traffic; compressed, under many seeds, with denser traffic and
//! everyday faults at the other endpoints; and dense, so that the budget is what binds.
//! A violation names scenario, replication and seed; `EVENKEEL_SEED=<seed>` replays that seed alone.

// All of it is test code, which clippy only sees where a function is marked as a test.
#![allow(clippy::unwrap_used)]
#![expect(
    clippy::disallowed_methods,
    reason = "the crate's clock is its own; the time is paused here"
)]

mod extra;
#[path = "../support/store.rs"]
mod store;
mod world;

use evenkeel::{Replication, drill::Scenario};
use std::{ops::Range, time::Duration};
use world::{Mode, Run};

fn seeds(usual: Range<u64>) -> Range<u64> {
    match std::env::var("EVENKEEL_SEED") {
        Ok(seed) => {
            let seed = seed.parse().expect("EVENKEEL_SEED is a number");
            seed..seed + 1
        }
        Err(_) => usual,
    }
}

/// At its true length; what is sparse is the traffic: a call a second, and in the longest incidents fewer.
async fn at_true_length(name: &str, mode: Mode) {
    for seed in seeds(1..2) {
        let scenario = Scenario::builtin(name).unwrap();
        let run = Run {
            calls_per_second: (40_000.0 / scenario.duration().as_secs_f64()).min(1.0),
            scenario,
            mode,
            seed,
            background: false,
        };
        run.play().await;
    }
}

/// In three minutes, under several seeds in both modes.
async fn compressed(name: &str) {
    for seed in seeds(1..5) {
        for mode in [Mode::WriteOnce, Mode::ProviderManaged] {
            let run = Run {
                scenario: Scenario::builtin(name).unwrap().compressed(Duration::from_secs(180)),
                mode,
                seed,
                calls_per_second: 8.0,
                background: true,
            };
            run.play().await;
        }
    }
}

/// In one minute, with traffic of which a tenth is more than one call a second.
async fn dense(name: &str) {
    for seed in seeds(11..13) {
        let run = Run {
            scenario: Scenario::builtin(name).unwrap().compressed(Duration::from_secs(60)),
            mode: Mode::WriteOnce,
            seed,
            calls_per_second: 50.0,
            background: true,
        };
        run.play().await;
    }
}

macro_rules! simulations {
    ($($module:ident: $name:literal, $mode:ident;)*) => {
        $(mod $module {
            use super::Mode;

            #[tokio::test(start_paused = true)]
            async fn at_true_length() {
                super::at_true_length($name, Mode::$mode).await;
            }

            #[tokio::test(start_paused = true)]
            async fn compressed() {
                super::compressed($name).await;
            }

            #[tokio::test(start_paused = true)]
            async fn dense() {
                super::dense($name).await;
            }
        })*

        #[test]
        fn every_builtin_scenario_is_simulated() {
            let mut simulated = vec![$($name.to_owned()),*];
            let mut builtin: Vec<_> = Scenario::builtins().map(|scenario| scenario.name).collect();
            simulated.sort_unstable();
            builtin.sort_unstable();
            assert_eq!(simulated, builtin);
        }
    };
}

simulations! {
    s3_2017: "aws-s3-2017", WriteOnce;
    kinesis_2020: "aws-kinesis-2020", WriteOnce;
    fastly_2021: "fastly-2021", ProviderManaged;
    network_2021: "aws-network-2021", WriteOnce;
    dynamodb_2025: "aws-dynamodb-2025", WriteOnce;
    frontdoor_2025: "azure-frontdoor-2025", WriteOnce;
    storage_2018: "azure-storage-2018", WriteOnce;
    ad_2021: "azure-ad-2021", ProviderManaged;
    gcp_auth_2020: "gcp-auth-2020", WriteOnce;
    service_control_2025: "gcp-servicecontrol-2025", WriteOnce;
    alibaba_2023: "alibaba-auth-2023", WriteOnce;
    ovh_2021: "ovh-fire-2021", WriteOnce;
    deletion_2024: "gcve-deletion-2024", WriteOnce;
}

impl Mode {
    fn replication(self) -> Replication {
        match self {
            Self::WriteOnce => Replication::write_once(),
            Self::ProviderManaged => Replication::provider_managed(),
        }
    }
}
