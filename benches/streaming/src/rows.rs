//! From samples to rows, and from rows to what was aimed at.

use crate::task::{MIB, PART, Sample, Task, What, Who};
use serde::Serialize;

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) task: Task,
    /// At the server with a limit for each connection.
    pub(crate) is_limited: bool,
    /// Three times will do.
    pub(crate) is_once: bool,
    pub(crate) samples: Vec<Sample>,
}

impl Row {
    pub(crate) fn new(name: &str, who: Who, what: What, mib: usize) -> Self {
        Self {
            name: name.to_owned(),
            task: Task { who, what, mib },
            is_limited: false,
            is_once: false,
            samples: Vec::new(),
        }
    }

    pub(crate) fn limited(mut self) -> Self {
        self.is_limited = true;
        self
    }

    pub(crate) fn once(mut self) -> Self {
        self.is_once = true;
        self
    }

    fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of).collect())
    }

    /// The median of the rounds' ratios.
    fn ratio(&self, to: &Self, of: impl Fn(&Sample) -> f64) -> f64 {
        let rounds = self.samples.iter().zip(&to.samples);
        median(rounds.map(|(one, other)| of(one) / of(other)).collect())
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match all.len() {
        0 => f64::NAN,
        count if count % 2 == 0 => (all[middle - 1] + all[middle]) / 2.0,
        _ => all[middle],
    }
}

#[derive(Serialize)]
pub(crate) struct Figure {
    what: String,
    mib_s: f64,
    first_byte_ms: Option<f64>,
    peak_mib: f64,
    /// Of the rate; of the time, where the first byte is what is measured.
    vs_sdk: Option<f64>,
    #[serde(skip)]
    cpu_s: f64,
}

pub(crate) struct Figures {
    pub(crate) rows: Vec<Figure>,
    /// What was aimed at, what was met, and whether.
    aims: Vec<(String, String, bool)>,
}

impl Figures {
    pub(crate) fn of(rows: &[Row]) -> Self {
        let find = |name: &str, who: Who| rows.iter().find(|row| row.name == name && row.task.who == who);
        let figure = |row: &Row| Figure {
            what: format!("{}: {}", row.name, row.task.who.name()),
            mib_s: row.median(|sample| sample.mib_s),
            first_byte_ms: row.samples[0]
                .first_byte_ms
                .map(|_| row.median(|sample| sample.first_byte_ms.unwrap_or_default())),
            peak_mib: row.median(|sample| sample.peak_mib),
            vs_sdk: find(&row.name, Who::Sdk).map(|sdk| match row.task.what {
                What::FirstByte => row.ratio(sdk, |sample| sample.first_byte_ms.unwrap_or_default()),
                _ => row.ratio(sdk, |sample| sample.mib_s),
            }),
            cpu_s: row.median(|sample| sample.cpu_s),
        };
        let mut aims = Vec::new();
        let mut least = |what: &str, aim: f64, met: Option<f64>| {
            if let Some(met) = met {
                aims.push((
                    format!("{what}: at least {aim:.2} x"),
                    format!("{met:.3} x"),
                    met >= aim,
                ));
            }
        };
        let rate = |sample: &Sample| sample.mib_s;
        let against = |name: &str, other: &str| Some(find(name, Who::Evenkeel)?.ratio(find(other, Who::Sdk)?, rate));
        for equal in [
            "download, 1 range at a time",
            "download, 2 ranges at a time",
            "download, 8 ranges at a time",
            "upload, 2 parts at a time",
            "upload, 8 parts at a time",
        ] {
            least(&format!("the SDK's equal, {equal}"), 0.97, against(equal, equal));
        }
        let stream = "download, one stream";
        least("the SDK's one stream", 0.90, against(stream, stream));
        let limited = "at 50 MiB/s a connection, ";
        let gain = against(&format!("{limited}8 ranges"), &format!("{limited}one stream"));
        least("8 ranges at 50 MiB/s a connection, of one", 6.0, gain);
        let name = "first byte of 1 MiB";
        let first = |sample: &Sample| sample.first_byte_ms.unwrap_or_default();
        if let (Some(ours), Some(sdk)) = (find(name, Who::Evenkeel), find(name, Who::Sdk)) {
            let met = ours.ratio(sdk, first);
            aims.push((format!("{name}: at most 1.10 x"), format!("{met:.3} x"), met <= 1.1));
        }
        for row in rows.iter().filter(|row| row.task.who == Who::Evenkeel) {
            let at_once = match row.task.what {
                What::OneStream => 2,
                What::Ranged(at_once) | What::Upload(at_once) => at_once,
                What::FirstByte => continue,
            };
            let most = (PART / MIB * (at_once + 2) + 32) as f64;
            let met = row.median(|sample| sample.peak_mib);
            aims.push((
                format!("peak memory, {}: at most {most} MiB", row.name),
                format!("{met:.1} MiB"),
                met <= most,
            ));
        }
        Self {
            rows: rows.iter().map(figure).collect(),
            aims,
        }
    }

    pub(crate) fn print(&self) {
        println!("| what | MiB/s | first byte, ms | peak, MiB | CPU, s per GiB | against the SDK |");
        println!("|---|---|---|---|---|---|");
        for row in &self.rows {
            let first = row.first_byte_ms.map_or_else(String::new, |time| format!("{time:.2}"));
            let ratio = row.vs_sdk.map_or_else(String::new, |ratio| format!("{ratio:.3}"));
            println!(
                "| {} | {:.0} | {first} | {:.1} | {:.2} | {ratio} |",
                row.what, row.mib_s, row.peak_mib, row.cpu_s
            );
        }
        println!("\n| aim | met | |");
        println!("|---|---|---|");
        for (aim, met, is_met) in &self.aims {
            println!("| {aim} | {met} | {} |", if *is_met { "yes" } else { "no" });
        }
    }
}
