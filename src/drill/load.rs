use super::{
    Scenario,
    locate::{self, Step},
};
use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// The names of the built-in incidents.
const BUILTINS: [&str; 13] = [
    include_str!("incidents/aws-s3-2017.json"),
    include_str!("incidents/aws-kinesis-2020.json"),
    include_str!("incidents/fastly-2021.json"),
    include_str!("incidents/aws-network-2021.json"),
    include_str!("incidents/aws-dynamodb-2025.json"),
    include_str!("incidents/azure-frontdoor-2025.json"),
    include_str!("incidents/azure-storage-2018.json"),
    include_str!("incidents/azure-ad-2021.json"),
    include_str!("incidents/gcp-auth-2020.json"),
    include_str!("incidents/gcp-servicecontrol-2025.json"),
    include_str!("incidents/alibaba-auth-2023.json"),
    include_str!("incidents/ovh-fire-2021.json"),
    include_str!("incidents/gcve-deletion-2024.json"),
];

/// Why a scenario could not be loaded: one sentence with file, line, column and reason.
#[derive(Debug)]
pub struct LoadError {
    file: Option<PathBuf>,
    position: Option<(usize, usize)>,
    reason: String,
    source: Option<io::Error>,
}

impl LoadError {
    /// The line of the mistake, counted from 1. `None` if the file could not be read.
    pub fn line(&self) -> Option<usize> {
        self.position.map(|(line, _)| line)
    }

    /// The column of the mistake, counted from 1.
    pub fn column(&self) -> Option<usize> {
        self.position.map(|(_, column)| column)
    }

    /// The reason, without file, line and column.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}", file.display())?,
            None => f.write_str("scenario")?,
        }
        if let Some((line, column)) = self.position {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

impl Scenario {
    /// Reads a scenario, and checks that it makes sense and that something goes wrong in it.
    ///
    /// ```
    /// use evenkeel::drill::Scenario;
    ///
    /// let typo = r#"{
    ///   "name": "tomorrow",
    ///   "phases": [{ "name": "dark", "duration": "90", "rules": [] }]
    /// }"#;
    /// assert_eq!(
    ///     Scenario::from_json(typo).unwrap_err().to_string(),
    ///     r#"scenario, line 3, column 47: "90" is not a duration: write it like "2h49m", "90s" or "250ms""#,
    /// );
    /// ```
    ///
    /// # Errors
    /// One sentence with line, column and reason.
    pub fn from_json(json: &str) -> Result<Self, LoadError> {
        let scenario: Self = serde_json::from_str(json).map_err(|e| {
            let place = format!(" at line {} column {}", e.line(), e.column());
            let text = e.to_string();
            let reason = text.strip_suffix(&place).unwrap_or(&text);
            LoadError {
                file: None,
                position: Some((e.line(), e.column())),
                reason: reason
                    .replace("EOF while parsing", "the text ends too early, within")
                    .replace("expected ident", "this is not JSON"),
                source: None,
            }
        })?;
        let invalid = |path: &[Step], reason: String| LoadError {
            file: None,
            position: Some(locate::position(json, path)),
            reason,
            source: None,
        };
        scenario
            .validate()
            .map_err(|found| invalid(&found.path, found.reason))?;
        if scenario.phases.iter().all(|phase| phase.rules.is_empty()) {
            let reason = "the scenario has no rules, so that nothing would go wrong";
            return Err(invalid(&[Step::Key("phases")], reason.to_owned()));
        }
        Ok(scenario)
    }

    /// Reads a scenario from a file, as [`from_json`](Self::from_json).
    ///
    /// # Errors
    /// One sentence with file, line, column and reason.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let json = std::fs::read_to_string(path).map_err(|e| LoadError {
            file: Some(path.to_owned()),
            position: None,
            reason: format!("the file cannot be read: {e}"),
            source: Some(e),
        })?;
        Self::from_json(&json).map_err(|e| LoadError {
            file: Some(path.to_owned()),
            ..e
        })
    }

    /// The built-in incident with this name.
    pub fn builtin(name: &str) -> Option<Self> {
        Self::builtins().find(|scenario| scenario.name == name)
    }

    /// The built-in incidents at their true lengths, oldest first.
    pub fn builtins() -> impl Iterator<Item = Self> {
        // Each is parsed by a test; a file that did not parse would be missing here rather than end the process.
        BUILTINS.iter().filter_map(|json| Self::from_json(json).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invalid_json_is_named_as_such() {
        let said = Scenario::from_json("not: [a scenario").unwrap_err().to_string();
        assert_eq!(said, "scenario, line 1, column 2: this is not JSON");
    }
    use crate::{Endpoint, drill::PlayerKind, request::OpClass};
    use std::time::Duration;

    fn complaint(json: &str) -> String {
        Scenario::from_json(json).unwrap_err().to_string()
    }

    fn with_rule(rule: &str) -> String {
        format!(
            "{{\n  \"name\": \"tomorrow\",\n  \"phases\": [\n    {{\n      \"name\": \"dark\",\n      \
             \"duration\": \"5m\",\n      \"rules\": [\n        {{ \"fault\": \"hang\" }},\n        {rule}\n      ]\n    \
             }}\n  ]\n}}"
        )
    }

    #[test]
    fn every_builtin_loads_and_has_the_length_of_its_incident() {
        for json in BUILTINS {
            Scenario::from_json(json).unwrap();
        }
        let minutes = |h: u64, m: u64| Duration::from_secs((h * 60 + m) * 60);
        let lengths: Vec<_> = Scenario::builtins().map(|s| (s.name.clone(), s.duration())).collect();
        assert_eq!(
            lengths,
            [
                // 17:37–21:54, and half an hour of tail.
                ("aws-s3-2017".into(), minutes(4, 17) + minutes(0, 30)),
                // 13:15–06:31 on the next day.
                ("aws-kinesis-2020".into(), minutes(17, 16)),
                // 09:47–12:35.
                ("fastly-2021".into(), minutes(2, 48)),
                // 15:30–02:40 on the next day.
                ("aws-network-2021".into(), minutes(11, 10)),
                // 06:48–21:20.
                ("aws-dynamodb-2025".into(), minutes(14, 32)),
                // 15:41–00:05.
                ("azure-frontdoor-2025".into(), minutes(8, 24)),
                // More than 21 hours.
                ("azure-storage-2018".into(), minutes(21, 30)),
                // 14 hours.
                ("azure-ad-2021".into(), minutes(14, 0)),
                // 47 minutes, and an hour in which it is seen that some uploads are stuck, and that all is well.
                ("gcp-auth-2020".into(), minutes(1, 47)),
                // 7.5 hours.
                ("gcp-servicecontrol-2025".into(), minutes(7, 30)),
                // 1 h 41, and fifty minutes of tail and calm.
                ("alibaba-auth-2023".into(), minutes(2, 31)),
                // A day of for ever.
                ("ovh-fire-2021".into(), minutes(24, 0)),
                // Two days, and half an hour.
                ("gcve-deletion-2024".into(), minutes(48, 30)),
            ]
        );
    }

    #[test]
    fn every_builtin_strikes_the_primary_alone_in_every_player() {
        let other = Endpoint::new("o", ()).provider("aws").region("eu-west-1");
        for scenario in Scenario::builtins() {
            let struck = scenario.struck().expect("one place");
            let primary = Endpoint::new("p", ())
                .provider(struck.provider.as_deref().unwrap())
                .region(struck.region.as_deref().unwrap());
            let rules = || scenario.phases.iter().flat_map(|phase| &phase.rules);
            assert!(rules().count() > 0);
            for rule in rules() {
                assert!(rule.target.selects(primary.profile()), "{}", scenario.name);
                assert!(!rule.target.selects(other.profile()), "{}", scenario.name);
            }
            for kind in [PlayerKind::Layer, PlayerKind::Proxy, PlayerKind::Resolver] {
                kind.check(&scenario, primary.profile()).unwrap();
            }
            assert!(scenario.description.contains("our choice"), "{}", scenario.name);
        }
        assert_eq!(Scenario::builtin("fastly-2021").unwrap().name, "fastly-2021");
        assert_eq!(Scenario::builtin("no-such"), None);
    }

    #[test]
    fn in_2017_reads_heal_before_writes() {
        let s3 = Scenario::builtin("aws-s3-2017").unwrap();
        let primary = Endpoint::new("p", ()).provider("aws").region("us-east-1");
        let after = |hours: u64, minutes: u64, class| {
            let moment = s3.at(Duration::from_secs((hours * 60 + minutes) * 60)).unwrap();
            moment
                .phase
                .rules
                .iter()
                .filter(|rule| rule.concerns(primary.profile(), class))
                .count()
        };
        // 20:00: dark. 21:30: reads are well, writes are not.
        assert!(after(2, 23, OpClass::Read) > 0 && after(2, 23, OpClass::Write) > 0);
        assert!(after(3, 53, OpClass::Read) == 0 && after(3, 53, OpClass::List) == 0);
        assert!(after(3, 53, OpClass::Write) > 0);
    }

    #[test]
    fn builtins_round_trip_as_json() {
        for scenario in Scenario::builtins() {
            let json = serde_json::to_string_pretty(&scenario).unwrap();
            assert_eq!(Scenario::from_json(&json).unwrap(), scenario);
        }
    }

    #[test]
    fn malformed_scenarios_are_reported_with_line_and_column() {
        assert_eq!(
            complaint("{\n  \"name\": \"x\",\n  \"phases\": [\n}"),
            "scenario, line 4, column 1: expected value"
        );
        assert_eq!(
            complaint("{\n  \"name\": \"x\",\n  \"phases\": ["),
            "scenario, line 3, column 13: the text ends too early, within a list"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "hangs" }"#)),
            "scenario, line 9, column 26: unknown variant `hangs`, expected one of `hang`, `hang_connect`, `refuse`, \
             `dns_empty`, `reset_before_request`, `reset_after_request`, `status`, `slow`, `delay`, `throttle`, `drip`, \
             `truncate`, `authentication`, `stale_reads`"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "hang", "probabilty": 0.5 }"#)),
            "scenario, line 9, column 39: unknown field `probabilty`, expected one of `target`, `classes`, `fault`, \
             `probability`, `basis`"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": { "status": { "code": "503" } } }"#)),
            "scenario, line 9, column 46: invalid type: string \"503\", expected u16"
        );
        assert_eq!(
            complaint("{\n  \"name\": \"x\",\n  \"phases\": [\n    { \"name\": \"dark\" }\n  ]\n}"),
            "scenario, line 4, column 22: missing field `duration`"
        );
    }

    #[test]
    fn a_target_names_laws_hosts_and_locations() {
        let rule =
            r#"{ "fault": "refuse", "target": { "location": "DE", "jurisdiction": "US", "host": "login.example" } }"#;
        let loaded = Scenario::from_json(&with_rule(rule)).unwrap();
        let target = &loaded.phases[0].rules[1].target;
        assert_eq!(
            (target.jurisdiction.as_deref(), target.host.as_deref()),
            (Some("US"), Some("login.example"))
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "hang", "target": { "law": "US" } }"#)),
            "scenario, line 9, column 44: unknown field `law`, expected one of `endpoint`, `provider`, `region`, \
             `location`, `jurisdiction`, `host`"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "hang", "target": { "host": " " } }"#)),
            "scenario, line 9, column 48: an empty host selects nothing: leave `host` out (in rule 2 of phase \"dark\")"
        );
        assert_eq!(
            complaint(&with_rule(
                r#"{ "fault": "hang", "target": { "jurisdiction": ["US"] } }"#
            )),
            "scenario, line 9, column 55: invalid type: sequence, expected a string"
        );
    }

    #[test]
    fn nonsensical_values_are_reported_with_line_and_column() {
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "refuse", "probability": 1.5 }"#)),
            "scenario, line 9, column 45: a probability of 1.5 is not between 0 and 1 (in rule 2 of phase \"dark\")"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": { "status": { "code": 999 } } }"#)),
            "scenario, line 9, column 42: 999 is not an HTTP status of an answer (200 to 599) (in rule 2 of phase \
             \"dark\")"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": { "slow": { "factor": 0.5 } } }"#)),
            "scenario, line 9, column 42: a factor of 0.5 does not slow anything: give 1 or more (in rule 2 of phase \
             \"dark\")"
        );
        assert_eq!(
            complaint(&with_rule(r#"{ "fault": "refuse", "probability": 0 }"#)),
            "scenario, line 9, column 45: a probability of 0 strikes no call: leave the rule out (in rule 2 of phase \
             \"dark\")"
        );
        assert_eq!(
            complaint("{\n  \"name\": \"x\",\n  \"phases\": []\n}"),
            "scenario, line 3, column 13: the scenario has no phases"
        );
        assert_eq!(
            complaint("{ \"name\": \"x\", \"phases\": [\n  { \"name\": \"dark\", \"duration\": \"9s\" } ] }"),
            "scenario, line 1, column 26: the scenario has no rules, so that nothing would go wrong"
        );
        assert_eq!(
            complaint("{ \"name\": \"x\", \"phases\": [\n  { \"name\": \"dark\", \"duration\": \"0s\" } ] }"),
            "scenario, line 2, column 33: phase \"dark\" lasts no time"
        );
    }

    #[test]
    fn an_error_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tomorrow.json");
        let missing = Scenario::from_file(&path).unwrap_err();
        assert!(
            missing.to_string().contains("tomorrow.json: the file cannot be read: "),
            "{missing}"
        );
        std::fs::write(&path, "{\n\"name\": 7 }").unwrap();
        let wrong = Scenario::from_file(&path).unwrap_err();
        assert!(
            wrong
                .to_string()
                .ends_with("tomorrow.json, line 2, column 9: invalid type: integer `7`, expected a string")
        );
        assert_eq!((wrong.line(), wrong.column()), (Some(2), Some(9)));
    }
}
