//! What the command line says.

use evenkeel::drill::Scenario;
use std::{path::PathBuf, time::Duration};

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
