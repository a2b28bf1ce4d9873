//! What the command line says.

use super::proof;
use evenkeel::drill::{
    Scenario,
    report::{self, Criteria, Previous, SigningKey},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub(crate) const HELP: &str = "\
Replays a cloud outage against evenkeel and, side by side, against the plain AWS SDK.

  --list                the built-in scenarios
  --scenario NAME       which of them (default: aws-dynamodb-2025)
  --scenario-file FILE  a scenario of your own, in JSON
  --seconds N           compress the scenario to N seconds (default: 30; with --simulate: its true length)
  --rate N              calls per second for each of the two (default: 200; with --simulate: 5)
  --kv                  half of the calls go to DynamoDB tables at the first two places (feature dynamodb)
  --simulate            in memory and in paused time: hours pass in seconds
  --stream              with --simulate: beside each ten calls an object of 8 MiB is read as a stream
  --seed N              seeds load and faults (default: 1)
  --svg FILE            where the picture goes (default: replay-NAME.svg)
  --events              shows every decision of evenkeel's while it runs
  --json                stdout gets nothing but one line of figures
  --report DIR          writes the report of the drill to a directory that is empty or does not exist
  --criteria FILE       with --report: what must hold, in JSON (default: see docs/DRILLS.md)
  --approved-by NAME    with --report: who approved the drill
  --key FILE            with --report: signs it with this Ed25519 key (PKCS#8, or a seed of 32 bytes)
  --previous DIR        with --report: names the drill before this one by its report
  --help                this";

pub(crate) enum Command {
    Help,
    List,
    Replay(Box<Flags>),
}

#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) scenario: Scenario,
    pub(crate) seconds: Option<f64>,
    pub(crate) rate: f64,
    pub(crate) kv: bool,
    pub(crate) simulate: bool,
    pub(crate) stream: bool,
    pub(crate) seed: u64,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) events: bool,
    pub(crate) json: bool,
    pub(crate) report: Option<Reporting>,
}

/// What `--report` and its companions say.
#[derive(Clone, Debug)]
pub(crate) struct Reporting {
    pub(crate) directory: PathBuf,
    pub(crate) criteria: Criteria,
    pub(crate) approved_by: Option<String>,
    pub(crate) key: Option<Arc<SigningKey>>,
    pub(crate) previous: Option<Previous>,
}

impl Flags {
    /// The scenario at the length that was asked for.
    pub(crate) fn compressed(&self) -> Scenario {
        match self.seconds {
            Some(seconds) => self.scenario.compressed(Duration::from_secs_f64(seconds)),
            None if self.simulate => self.scenario.clone(),
            None => self.scenario.compressed(Duration::from_secs(30)),
        }
    }

    /// Where the picture goes.
    pub(crate) fn picture(&self) -> PathBuf {
        self.svg.clone().unwrap_or_else(|| {
            // A scenario's name is anything; a file's is better plain.
            let plain = |c: char| {
                if c.is_alphanumeric() || "-_.".contains(c) {
                    c
                } else {
                    '-'
                }
            };
            let name: String = self.scenario.name.chars().map(plain).collect();
            format!("replay-{name}.svg").into()
        })
    }
}

/// About a gigabyte of records.
const MOST_CALLS: f64 = 4e6;

/// Reads the arguments; what is wrong with them is one sentence.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Command, String> {
    // `--flag=value` and `--flag value` are the same.
    let mut arguments = arguments.flat_map(|argument| match argument.split_once('=') {
        Some((flag, value)) if flag.starts_with("--") => vec![flag.to_owned(), value.to_owned()],
        _ => vec![argument],
    });
    let (mut name, mut file, mut seconds, mut rate, mut svg) = (None, None, None, None, None);
    let (mut kv, mut simulate, mut stream, mut events, mut json, mut seed) = (false, false, false, false, false, 1);
    let (mut directory, mut criteria, mut approved_by, mut key, mut previous) = (None, None, None, None, None);
    while let Some(flag) = arguments.next() {
        let mut value = |what: &str| arguments.next().ok_or(format!("{flag} needs {what} after it."));
        match flag.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--list" => return Ok(Command::List),
            "--kv" => kv = true,
            "--simulate" => simulate = true,
            "--stream" => stream = true,
            "--events" => events = true,
            "--json" => json = true,
            "--scenario" => name = Some(value("a name")?),
            "--scenario-file" => file = Some(value("a file")?),
            "--report" => directory = Some(PathBuf::from(value("a directory")?)),
            "--criteria" => criteria = Some(PathBuf::from(value("a file")?)),
            "--approved-by" => approved_by = Some(value("a name")?),
            "--key" => key = Some(PathBuf::from(value("a file")?)),
            "--previous" => previous = Some(PathBuf::from(value("a directory")?)),
            "--svg" => svg = Some(PathBuf::from(value("a file")?)),
            "--seconds" => seconds = Some(number(&flag, &value("a number")?, 2.0..=1e7)?),
            "--rate" => rate = Some(number(&flag, &value("a number")?, 0.1..=10_000.0)?),
            "--seed" => {
                let text = value("a whole number")?;
                seed = text
                    .parse()
                    .map_err(|_| format!("--seed needs a whole number, and {text:?} is none."))?;
            }
            other => return Err(format!("{other:?} is no flag of the replay; --help lists them.")),
        }
    }
    if kv && simulate {
        return Err("--kv is played on sockets only: leave --simulate out.".to_owned());
    }
    if stream && !simulate {
        return Err("--stream is played in paused time only: give --simulate, too.".to_owned());
    }
    if kv && !cfg!(feature = "dynamodb") {
        return Err(
            "--kv needs the feature dynamodb: cargo run --release --example replay --features s3,dynamodb,drill -- --kv"
                .to_owned(),
        );
    }
    let scenario = match (name, file) {
        (Some(_), Some(_)) => return Err("Give either --scenario or --scenario-file, not both.".to_owned()),
        (_, Some(file)) => Scenario::from_file(&file).map_err(|error| format!("{error}."))?,
        (name, None) => {
            let name = name.unwrap_or_else(|| "aws-dynamodb-2025".to_owned());
            Scenario::builtin(&name)
                .ok_or_else(|| format!("There is no built-in scenario {name:?}; --list shows them."))?
        }
    };
    let report = match directory {
        Some(directory) => Some(Reporting {
            criteria: criteria.map_or(Ok(proof::criteria()), |file| read_criteria(&file))?,
            key: key.map(|file| read_key(&file).map(Arc::new)).transpose()?,
            previous: previous.map(|directory| read_previous(&directory)).transpose()?,
            approved_by,
            directory,
        }),
        None if criteria.is_some() || approved_by.is_some() || key.is_some() || previous.is_some() => {
            return Err(
                "--criteria, --approved-by, --key and --previous are about a report: give --report DIR, too."
                    .to_owned(),
            );
        }
        None => None,
    };
    let flags = Flags {
        scenario,
        seconds,
        rate: rate.unwrap_or(if simulate { 5.0 } else { 200.0 }),
        kv,
        simulate,
        stream,
        seed,
        svg,
        events,
        json,
        report,
    };
    let calls = flags.compressed().duration().as_secs_f64() * flags.rate;
    if calls > MOST_CALLS {
        return Err(format!(
            "That would be {calls:.0} calls, and the replay remembers each: with a lower --rate or --seconds it takes \
             {MOST_CALLS:.0} at most."
        ));
    }
    playable(&flags)?;
    Ok(Command::Replay(Box::new(flags)))
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{} cannot be read: {error}.", file.display()))
}

fn read_criteria(file: &Path) -> Result<Criteria, String> {
    let wrong = |reason: String| format!("{} has no criteria: {reason}.", file.display());
    let criteria: Criteria = serde_json::from_slice(&read(file)?).map_err(|error| wrong(error.to_string()))?;
    criteria.validate().map_err(|error| wrong(error.to_string()))?;
    Ok(criteria)
}

fn read_key(file: &Path) -> Result<SigningKey, String> {
    SigningKey::parse(&read(file)?).map_err(|error| format!("{}: {error}.", file.display()))
}

fn read_previous(directory: &Path) -> Result<Previous, String> {
    let checked = report::check(directory).map_err(|error| format!("{}: {error}.", directory.display()))?;
    Ok(Previous::of(&checked.report))
}

/// Whether the players can play this scenario at the three endpoints.
fn playable(flags: &Flags) -> Result<(), String> {
    use evenkeel::drill::PlayerKind::{Layer, Proxy, Resolver};
    let players: &[_] = if flags.simulate { &[Layer] } else { &[Proxy, Resolver] };
    let places = super::course::places(&flags.scenario);
    let profiles = places.each_ref().map(|place| place.profile().clone());
    if let Some(rule) = flags.scenario.not_striking(&profiles).first() {
        let places = places.each_ref().map(|place| place.profile().name());
        return Err(format!(
            "It cannot be replayed: {rule} strikes none of the places of the replay: {}. A target with provider and region takes the \
             first one's place.",
            places.join(", ")
        ));
    }
    for endpoint in places {
        for player in players {
            player
                .check(&flags.scenario, endpoint.profile())
                .map_err(|unplayable| {
                    format!(
                        "The scenario {:?} cannot be replayed: {unplayable}.",
                        flags.scenario.name
                    )
                })?;
        }
    }
    Ok(())
}

fn number(flag: &str, text: &str, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => Err(format!(
            "{flag} needs a number from {} to {}, and {text:?} is none.",
            range.start(),
            range.end()
        )),
    }
}
