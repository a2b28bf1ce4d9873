//! A report as Markdown. Names, reasons and authors are a user's or worse: they are escaped.

use super::{Affected, Attempts, Decisions, Incident, IncidentReport, Moment, Standing, Step, Subject};
use crate::ops::text::Safe;
use std::{
    collections::BTreeSet,
    fmt::{self, Display, Formatter},
    time::{Duration, UNIX_EPOCH},
};

/// The last millisecond of the year 9999: dates have four digits.
const LAST_MS: u64 = 253_402_300_799_999;

impl Display for IncidentReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Incident report\n")?;
        match self.span {
            None => writeln!(f, "The recording is empty: nothing can be said.")?,
            Some((from, to)) => {
                let processes = self.instances.join(", ");
                writeln!(
                    f,
                    "What evenkeel saw from {} to {} (UTC): {} events.",
                    utc(from),
                    utc(to),
                    self.events
                )?;
                writeln!(f, "This is about these processes only: {}.", Safe(&processes))?;
            }
        }
        if self.span.is_some() && !self.has_readings {
            writeln!(
                f,
                "Nobody watched the counts: there are no figures, and no return is seen to be complete."
            )?;
        }
        self.gaps(f)?;
        if self.span.is_some() && self.incidents.is_empty() {
            writeln!(
                f,
                "\n**Nothing to see:** no endpoint was left. Wrong answers that look right cannot be seen here."
            )?;
        }
        for (number, incident) in (1..).zip(&self.incidents) {
            incident.write(f, number)?;
        }
        if !self.other_decisions.listed.is_empty() {
            writeln!(f, "\n## Decisions beside incidents\n")?;
            self.other_decisions.write(f)?;
        }
        Ok(())
    }
}

impl IncidentReport {
    fn gaps(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let gaps = &self.gaps;
        let counted = [
            (
                gaps.pushed_out,
                "older records were pushed out of memory, or of the file",
            ),
            (gaps.lost, "records are missing: the disk did not take them"),
            (gaps.damaged, "lines are damaged"),
            (
                gaps.unknown,
                "records are of a later version of evenkeel and are left out",
            ),
        ];
        let torn = (
            u64::from(gaps.torn),
            "line at the end is torn: the process stopped while it wrote, or writes now",
        );
        let mut found = counted
            .into_iter()
            .chain([torn])
            .filter(|(count, _)| *count > 0)
            .peekable();
        if found.peek().is_some() {
            writeln!(f, "\n**Incomplete:**\n")?;
        }
        found.try_for_each(|(count, what)| writeln!(f, "- {count} {what}"))
    }
}

impl Incident {
    fn write(&self, f: &mut Formatter<'_>, number: usize) -> fmt::Result {
        let names: BTreeSet<_> = self.affected.iter().map(|one| one.subject.name()).collect();
        let names: Vec<_> = names.into_iter().collect();
        writeln!(
            f,
            "\n## {number}. {}: {}\n",
            Safe(&names.join(", ")),
            utc(self.began.wall_ms)
        )?;
        match self.ended {
            Some(ended) => {
                let length = long(between(self.began, ended));
                writeln!(
                    f,
                    "It lasted {length}, until {} (UTC), in process {}.",
                    utc(ended.wall_ms),
                    Safe(&self.instance)
                )?;
            }
            None => writeln!(
                f,
                "The recording of process {} ends before the incident does.",
                Safe(&self.instance)
            )?,
        }
        writeln!(f, "\n### Who was affected\n")?;
        writeln!(
            f,
            "| what | onset | left | relapses | return begun | complete | failed probes | at the end |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|")?;
        self.affected.iter().try_for_each(|one| one.row(f))?;
        writeln!(f, "\n### What was observed as cause\n")?;
        writeln!(f, "| where | attempts met | so | decisions |\n|---|---|---|---|")?;
        for one in &self.affected {
            for cause in &one.causes {
                let observed = cause.observed.as_deref().unwrap_or("–");
                let (observed, because) = (Safe(observed), Safe(&cause.because));
                writeln!(
                    f,
                    "| {} | {observed} | {because} | {} |",
                    Safe(&one.subject.to_string()),
                    cause.times
                )?;
            }
        }
        if !self.attempts.is_empty() {
            writeln!(f, "\n### Attempts\n")?;
            writeln!(
                f,
                "| client | endpoint | class | how they ended | from | to |\n|---|---|---|---|---|---|"
            )?;
            self.attempts.iter().try_for_each(|one| one.row(f))?;
        }
        writeln!(f, "\n### Decisions\n")?;
        self.decisions.write(f)
    }
}

impl Affected {
    fn row(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let first = |step| self.steps.iter().find(move |seen| seen.step == step);
        let last = |step| self.steps.iter().rev().find(|seen| seen.step == step);
        let time = |seen: Option<&super::Transition>| seen.map_or_else(|| "–".to_owned(), |seen| utc(seen.at.wall_ms));
        let onset = match first(Step::Onset) {
            Some(seen) => match seen.not_before {
                Some(before) => format!("{} to {}", utc(before.wall_ms), clock(seen.at.wall_ms)),
                None => format!("at the latest {}", utc(seen.at.wall_ms)),
            },
            None => "before the recording".to_owned(),
        };
        let relapses = self.steps.iter().filter(|seen| seen.step == Step::Relapse).count();
        let complete = last(Step::Complete).filter(|_| self.now == Standing::Whole);
        let returned = last(Step::ReturnBegun).filter(|_| self.now != Standing::Out);
        writeln!(
            f,
            "| {} | {onset} | {} | {relapses} | {} | {} | {} | {} |",
            Safe(&self.subject.to_string()),
            time(first(Step::Left)),
            time(returned),
            time(complete),
            self.probes_failed,
            match self.now {
                Standing::Out => "**out**",
                Standing::Returning => "returning",
                Standing::Whole => "as before",
            }
        )
    }
}

impl Attempts {
    fn row(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let ended: Vec<_> = self.ended.iter().map(|(how, count)| format!("{count} {how}")).collect();
        let from = self
            .from
            .map_or_else(|| "its building".to_owned(), |from| utc(from.wall_ms));
        let (client, endpoint, class) = (Safe(&self.client), Safe(&self.endpoint), Safe(&self.class));
        let ended = ended.join(", ");
        writeln!(
            f,
            "| {client} | {endpoint} | {class} | {} | {from} | {} |",
            Safe(&ended),
            utc(self.to.wall_ms)
        )
    }
}

impl Decisions {
    fn write(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "| UTC | client | decision and reason | times |\n|---|---|---|---|")?;
        for one in &self.listed {
            let by = if one.kind.starts_with("order-") && one.kind != "order-expired" {
                "**a person:** "
            } else {
                ""
            };
            let client = one.client.as_deref().unwrap_or("–");
            let (at, client, sentence) = (utc(one.at.wall_ms), Safe(client), Safe(&one.sentence));
            write!(f, "| {at} | {client} | {by}{sentence} | {}", one.times)?;
            match one.times {
                1 => writeln!(f, " |")?,
                _ => writeln!(f, ", until {} |", utc(one.until.wall_ms))?,
            }
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(f, "\nAnd {more} more decisions."),
        }
    }
}

impl Subject {
    /// What heads an incident.
    fn name(&self) -> String {
        match self {
            Self::Endpoint { endpoint, .. } | Self::LargeWrites { endpoint, .. } => endpoint.clone(),
            Self::AllEndpoints { client, .. } => format!("all endpoints of {client}"),
            Self::Credentials { name } => format!("credentials {name}"),
        }
    }
}

/// Second precision is what people read.
fn utc(wall_ms: u64) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(wall_ms.min(LAST_MS));
    humantime::format_rfc3339_seconds(at)
        .to_string()
        .replace('T', " ")
        .replace('Z', "")
}

/// Without the date.
fn clock(wall_ms: u64) -> String {
    utc(wall_ms).split_off("2026-11-28 ".len())
}

fn between(from: Moment, to: Moment) -> Duration {
    Duration::from_millis(to.uptime_ms.saturating_sub(from.uptime_ms))
}

/// In words, in whole seconds.
fn long(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_time_can_be_written() {
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(1_760_943_000_000), "2025-10-20 06:50:00");
        assert_eq!(clock(1_760_943_000_000), "06:50:00");
        assert_eq!(utc(u64::MAX), "9999-12-31 23:59:59");
    }
}
