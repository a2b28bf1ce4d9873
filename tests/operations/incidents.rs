//! Each incident, and the alerts that it fires.

use crate::{
    docs,
    promtool::{Expected, Promtool, Series},
    service::Service,
};
use evenkeel::drill::Scenario;
use std::{collections::BTreeSet, time::Duration};

/// An incident, and the alerts that it fires: each with the minutes after the incident's beginning within which it fires.
pub(crate) struct Incident {
    pub(crate) name: &'static str,
    pub(crate) fires: &'static [(&'static str, u64)],
}

/// Every alert that fired so far.
pub(crate) const FIRED: &str = r#"max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[7d]))"#;
const FIRES: &str = r#"max by (alertname) (ALERTS{alertstate="firing"})"#;

/// The incidents of the past, which are built into the crate. None of them fires `EvenkeelCallsFail`: copies exist.
pub(crate) const BUILT_IN: &[Incident] = &[
    Incident {
        name: "aws-s3-2017",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "aws-kinesis-2020",
        fires: &[("EvenkeelEndpointOut", 45), ("EvenkeelFlapping", 1100)],
    },
    Incident {
        name: "fastly-2021",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelFlapping", 200)],
    },
    Incident {
        name: "aws-network-2021",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelFlapping", 900)],
    },
    Incident {
        name: "aws-dynamodb-2025",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "azure-frontdoor-2025",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelFlapping", 500)],
    },
    Incident {
        name: "azure-storage-2018",
        fires: &[
            ("EvenkeelEndpointOut", 16),
            ("EvenkeelFlapping", 1350),
            ("EvenkeelThrottled", 1350),
        ],
    },
    Incident {
        name: "azure-ad-2021",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "gcp-auth-2020",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "gcp-servicecontrol-2025",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelFlapping", 500)],
    },
    Incident {
        name: "alibaba-auth-2023",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "ovh-fire-2021",
        fires: &[("EvenkeelEndpointOut", 16)],
    },
    Incident {
        name: "gcve-deletion-2024",
        fires: &[("EvenkeelObjectsMissing", 25)],
    },
];

/// What happens to more than one place, or to no place at all.
pub(crate) const OTHERS: &[Incident] = &[
    Incident {
        name: "own network lost",
        fires: &[
            ("EvenkeelCallsFail", 6),
            ("EvenkeelEveryEndpointBad", 6),
            ("EvenkeelRedundancyLost", 16),
            ("EvenkeelEndpointOut", 16),
            ("EvenkeelCallsFailSlowly", 60),
        ],
    },
    Incident {
        name: "two of three places dark",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelRedundancyLost", 16)],
    },
    Incident {
        name: "every place ill in part",
        fires: &[
            ("EvenkeelCallsFail", 5),
            ("EvenkeelRedundancyLost", 20),
            ("EvenkeelEndpointOut", 20),
            ("EvenkeelBudgetExhausted", 10),
            ("EvenkeelCallsFailSlowly", 45),
            ("EvenkeelFlapping", 40),
        ],
    },
    Incident {
        name: "a dark place and reads of what nobody has",
        fires: &[("EvenkeelEndpointOut", 16), ("EvenkeelCallsFailSlowly", 180)],
    },
    Incident {
        name: "a place that comes and goes",
        fires: &[("EvenkeelFlapping", 70), ("EvenkeelEndpointOut", 120)],
    },
    Incident {
        name: "a full store",
        fires: &[("EvenkeelStoreFull", 30), ("EvenkeelThrottled", 60)],
    },
    Incident {
        name: "no tokens",
        fires: &[("EvenkeelCredentialsKept", 32), ("EvenkeelCredentialsLost", 62)],
    },
    Incident {
        name: "a store that ignores conditions",
        fires: &[("EvenkeelUnverifiedWrites", 0)],
    },
    Incident {
        name: "a store that rots",
        fires: &[("EvenkeelWrongChecksums", 5)],
    },
    Incident {
        name: "gauges that nobody publishes",
        fires: &[("EvenkeelGaugesMissing", 0)],
    },
];

/// Whether this alert fired so far.
fn fired(alert: &str) -> String {
    FIRED.replace("ALERTS{", &format!("ALERTS{{alertname={alert:?},"))
}

fn rule(target: &str, fault: &str, more: &str) -> String {
    format!(r#"{{ "target": {{ {target} }}, "fault": {fault}{more} }}"#)
}

fn phase(minutes: u64, rules: &[String]) -> String {
    format!(
        r#"{{ "name": "p", "duration": "{minutes}m", "rules": [{}] }}"#,
        rules.join(",")
    )
}

fn scenario(phases: &[String]) -> Scenario {
    Scenario::from_json(&format!(r#"{{ "name": "s", "phases": [{}] }}"#, phases.join(","))).unwrap()
}

/// What goes wrong now and then anywhere, and harms nobody.
pub(crate) fn everyday(minutes: u64) -> Scenario {
    scenario(&[phase(
        minutes,
        &[
            rule("", r#"{ "delay": { "by": "300ms" } }"#, r#", "probability": 0.01"#),
            rule("", r#""reset_before_request""#, r#", "probability": 0.002"#),
            rule(
                "",
                r#"{ "status": { "code": 503, "s3_code": "SlowDown" } }"#,
                r#", "probability": 0.002"#,
            ),
        ],
    )])
}

fn service(name: &str) -> Service {
    if let Some(built_in) = Scenario::builtin(name) {
        return Service::meets(built_in);
    }
    let dark = r#""hang""#;
    let error = r#"{ "status": { "code": 503 } }"#;
    match name {
        "own network lost" => Service::meets(scenario(&[phase(40, &[rule("", r#""refuse""#, "")])])),
        "two of three places dark" => Service::meets(scenario(&[phase(
            60,
            &[
                rule(r#""endpoint": "home""#, dark, ""),
                rule(r#""endpoint": "ireland""#, dark, ""),
            ],
        )])),
        "every place ill in part" => Service {
            // More than the one retry a second that the budget grants to any client.
            calls_per_second: 2.5,
            before: Duration::from_secs(600),
            after: Duration::from_secs(4_200),
            ..Service::meets(scenario(&[phase(20, &[rule("", error, r#", "probability": 0.6"#)])]))
        },
        // As long as one place cannot be asked, nobody can say that an object does not exist.
        "a dark place and reads of what nobody has" => Service {
            misses: 12,
            ..Service::meets(scenario(&[phase(180, &[rule(r#""endpoint": "home""#, dark, "")])]))
        },
        "a place that comes and goes" => {
            let ill = phase(2, &[rule(r#""endpoint": "home""#, error, "")]);
            let well = phase(6, &[]);
            Service::meets(scenario(
                &std::iter::repeat_n([ill, well], 15).flatten().collect::<Vec<_>>(),
            ))
        }
        "a full store" => {
            let calm = Service::meets(everyday(120));
            Service {
                full: calm.before..calm.before + Duration::from_secs(2 * 3_600),
                ..calm
            }
        }
        "no tokens" => {
            let calm = Service::meets(everyday(180));
            let end = calm.before + Duration::from_secs(3 * 3_600);
            Service {
                no_tokens: Some(calm.before..end),
                ..calm
            }
        }
        "a store that ignores conditions" => Service {
            ignores_conditions: true,
            ..Service::meets(everyday(20))
        },
        "a store that rots" => {
            let calm = Service::meets(everyday(20));
            Service {
                rots: calm.before..calm.before + Duration::from_secs(1_200),
                ..calm
            }
        }
        "gauges that nobody publishes" => Service {
            publishes: false,
            ..Service::meets(everyday(60))
        },
        _ => panic!("no incident is called {name}"),
    }
}

/// Plays an incident, and compares the alerts.
fn play(name: &str) {
    let Some(promtool) = Promtool::find(&format!("rules, {name}")) else {
        return;
    };
    let incident = BUILT_IN
        .iter()
        .chain(OTHERS)
        .find(|incident| incident.name == name)
        .unwrap();
    let service = service(name);
    let mut series = Series::default();
    series.add("a", 0, service.play());
    let minutes = |minutes| service.before + Duration::from_secs(60 * minutes);
    let every: BTreeSet<_> = incident.fires.iter().map(|(alert, _)| *alert).collect();
    let mut expected = vec![
        // Nothing fires before the incident, exactly these alerts do until the end, and none of them fires for ever.
        Expected {
            after: minutes(0),
            expression: FIRED.to_owned(),
            alerts: incident
                .fires
                .iter()
                .filter(|(_, by)| *by == 0)
                .map(|(alert, _)| *alert)
                .collect(),
        },
        Expected {
            after: service.length(),
            expression: FIRED.to_owned(),
            alerts: every.into_iter().collect(),
        },
    ];
    if !incident.fires.iter().any(|(_, by)| *by == 0) {
        expected.push(Expected {
            after: service.length(),
            expression: FIRES.to_owned(),
            alerts: vec![],
        });
    }
    for (alert, by) in incident.fires {
        expected.push(Expected {
            after: minutes(*by),
            expression: fired(alert),
            alerts: vec![alert],
        });
    }
    let rules = docs::rules();
    if let Err(said) = promtool.tests(&rules, &series, &expected) {
        panic!("{name}: {said}");
    }
}

macro_rules! incidents {
    ($($module:ident: $name:literal;)*) => {
        $(#[test]
        fn $module() {
            super::play($name);
        })*
    };
}

mod fires {
    incidents! {
        s3_2017: "aws-s3-2017";
        kinesis_2020: "aws-kinesis-2020";
        fastly_2021: "fastly-2021";
        network_2021: "aws-network-2021";
        dynamodb_2025: "aws-dynamodb-2025";
        frontdoor_2025: "azure-frontdoor-2025";
        storage_2018: "azure-storage-2018";
        ad_2021: "azure-ad-2021";
        gcp_auth_2020: "gcp-auth-2020";
        service_control_2025: "gcp-servicecontrol-2025";
        alibaba_2023: "alibaba-auth-2023";
        ovh_2021: "ovh-fire-2021";
        deletion_2024: "gcve-deletion-2024";
        own_network_lost: "own network lost";
        two_of_three_places_dark: "two of three places dark";
        every_place_ill_in_part: "every place ill in part";
        a_dark_place_and_reads_of_what_nobody_has: "a dark place and reads of what nobody has";
        a_place_that_comes_and_goes: "a place that comes and goes";
        a_full_store: "a full store";
        no_tokens: "no tokens";
        a_store_that_ignores_conditions: "a store that ignores conditions";
        a_store_that_rots: "a store that rots";
        gauges_that_nobody_publishes: "gauges that nobody publishes";
    }
}

#[test]
fn every_builtin_scenario_is_expected_to_fire_something() {
    let mut played: Vec<_> = BUILT_IN.iter().map(|incident| incident.name.to_owned()).collect();
    let mut builtin: Vec<_> = Scenario::builtins().map(|scenario| scenario.name).collect();
    played.sort_unstable();
    builtin.sort_unstable();
    assert_eq!(played, builtin);
    for incident in BUILT_IN {
        assert!(!incident.fires.is_empty(), "nobody would hear of {}", incident.name);
        let pages = incident.fires.iter().any(|(alert, _)| *alert == "EvenkeelCallsFail");
        assert!(!pages, "{}: copies exist, and calls fail", incident.name);
    }
}

/// So a rule cannot go or come without an incident that says so.
#[test]
fn each_alert_fires_in_some_incident() {
    let rules = docs::rules();
    let mut defined = docs::alerts(&rules);
    defined.sort_unstable();
    let fired: BTreeSet<_> = BUILT_IN
        .iter()
        .chain(OTHERS)
        .flat_map(|incident| incident.fires)
        .map(|(alert, _)| *alert)
        .collect();
    assert_eq!(defined, fired.into_iter().collect::<Vec<_>>());
}

/// So what fires is no matter of chance.
#[test]
fn a_run_repeats_itself() {
    let flaps = service("a place that comes and goes");
    let run = Service {
        before: Duration::from_secs(60),
        after: Duration::ZERO,
        ..flaps
    };
    assert!(run.play() == run.play());
}

/// Where a rule is gone, or a metric has another name, the tests above fail: tried with the shortest incident.
#[test]
fn a_rule_that_is_gone_or_reads_another_metric_is_noticed() {
    let Some(promtool) = Promtool::find("rules, altered") else {
        return;
    };
    let service = Service {
        before: Duration::from_secs(600),
        after: Duration::ZERO,
        ..Service::meets(scenario(&[phase(40, &[rule("", r#""refuse""#, "")])]))
    };
    let mut series = Series::default();
    series.add("a", 0, service.play());
    let rules = docs::rules();
    for (alert, metric) in [
        ("EvenkeelCallsFail", "evenkeel_calls_total"),
        ("EvenkeelEveryEndpointBad", "evenkeel_all_bad"),
        ("EvenkeelRedundancyLost", "evenkeel_breaker_state"),
    ] {
        let fires = || {
            [Expected {
                after: service.length(),
                expression: fired(alert),
                alerts: vec![alert],
            }]
        };
        promtool.tests(&rules, &series, &fires()).unwrap();
        let without = docs::without(&rules, alert);
        assert_eq!(docs::alerts(&without).len() + 1, docs::alerts(&rules).len());
        promtool.tests(&without, &series, &fires()).unwrap_err();
        let renamed = rules.replace(metric, &format!("{metric}_now"));
        promtool.tests(&renamed, &series, &fires()).unwrap_err();
    }
}
