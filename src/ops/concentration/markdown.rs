//! The report as Markdown. Names are a user's or worse: they are escaped.

use super::{
    Amount, Concentration, Dimension, EndpointName, EndpointTraffic, InCommon, Index, LaterCopies, Part, Place,
    RoleHosts, Shares,
};
use crate::ops::text::{Safe, Utc};
use std::fmt::{self, Display, Formatter};

impl Display for Concentration {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Concentration report\n")?;
        let to = Utc(self.to_ms);
        match self.from_ms {
            Some(from) => writeln!(f, "What evenkeel counted from {} to {to}.", Utc(from))?,
            None => writeln!(f, "What evenkeel counted until {to}, since each client was built.")?,
        }
        let clients = listed(self.clients.iter().map(|name| Safe(name)));
        writeln!(
            f,
            "This is about process {} and these clients: {clients}.",
            self.instance
        )?;
        if self.gone > 0 {
            writeln!(
                f,
                "\n**Incomplete:** {} more clients are gone or were not asked again. What they did is not here.",
                self.gone
            )?;
        }
        if self.by_provider.foreground.attempts.total == Some(0) {
            writeln!(
                f,
                "\n**No calls were made:** there are no shares of them. A share of nothing is not 0."
            )?;
        }
        self.by_provider.write(f, "By provider", "provider")?;
        self.by_region.write(f, "By region", "region")?;
        self.by_location.write(f, "By location of the data", "location")?;
        self.by_jurisdiction
            .write(f, "By jurisdiction: the share that each law reaches", "law")?;
        self.write_hosts(f)?;
        self.write_in_common(f)?;
        self.write_copies(f)?;
        writeln!(f, "\n## Endpoints\n")?;
        writeln!(
            f,
            "| client | endpoint | provider | region | location | laws | calls need | hedges | probes |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        self.endpoints.iter().try_for_each(|one| one.row(f))
    }
}

/// Names, separated by commas.
fn listed<T: Display>(all: impl Iterator<Item = T>) -> String {
    let all: Vec<_> = all.map(|one| one.to_string()).collect();
    match all.is_empty() {
        true => "–".to_owned(),
        false => all.join(", "),
    }
}

fn endpoints(all: &[EndpointName]) -> String {
    listed(
        all.iter()
            .map(|name| format!("{} of {}", Safe(&name.endpoint), Safe(&name.client))),
    )
}

fn names(all: &[String]) -> String {
    listed(all.iter().map(|name| Safe(name)))
}

/// `None` is unknown.
struct Percent(Option<f64>);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(share) => write!(f, "{:.2} %", share * 100.0),
            None => f.write_str("–"),
        }
    }
}

impl Dimension {
    fn write(&self, f: &mut Formatter<'_>, title: &str, what: &str) -> fmt::Result {
        writeln!(f, "\n## {title}\n")?;
        writeln!(
            f,
            "| {what} | calls need: attempts | bytes | hedges: attempts | bytes | probes: attempts | bytes |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        // Every measure has the same names, each in its own order.
        for part in &self.foreground.attempts.parts {
            write!(f, "| {} |", Safe(&part.name))?;
            for shares in self.measures() {
                let same = shares.parts.iter().find(|other| other.name == part.name);
                write!(f, " {} |", Cell(same))?;
            }
            writeln!(f)?;
        }
        write!(f, "| *not declared* |")?;
        for shares in self.measures() {
            match shares.undeclared {
                Some(amount) => write!(f, " {amount} |")?,
                None => write!(f, " unknown |")?,
            }
        }
        writeln!(f)?;
        let declared = [
            ("attempts", &self.foreground.attempts),
            ("bytes", &self.foreground.bytes),
        ];
        for (measure, shares) in declared {
            shares.sentence(f, measure, what)?;
        }
        Ok(())
    }

    fn measures(&self) -> impl Iterator<Item = &Shares> {
        [&self.foreground, &self.hedge, &self.probe]
            .into_iter()
            .flat_map(|measures| [&measures.attempts, &measures.bytes])
    }
}

impl Shares {
    fn sentence(&self, f: &mut Formatter<'_>, measure: &str, what: &str) -> fmt::Result {
        let Some(coverage) = self.coverage else {
            return match self.total {
                None => writeln!(
                    f,
                    "\nThe {measure} that calls need are unknown in part: there are no shares."
                ),
                Some(_) => Ok(()),
            };
        };
        let covered = Percent(Some(coverage));
        write!(
            f,
            "\nOf the {measure} that calls need, {covered} are at endpoints that declare their {what}."
        )?;
        match self.index {
            Some(index) => writeln!(f, " Herfindahl–Hirschman index: {index}."),
            None => writeln!(f),
        }
    }
}

impl Display for Index {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let points = |index: f64| (index * 10_000.0).round();
        let (least, most) = (self.at_least, self.at_most);
        match least == most {
            true => write!(f, "{least:.4} ({} of 10,000)", points(least)),
            false => write!(
                f,
                "between {least:.4} and {most:.4} ({} to {} of 10,000)",
                points(least),
                points(most)
            ),
        }
    }
}

/// The amount and the share of a part.
struct Cell<'a>(Option<&'a Part>);

impl Display for Cell<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(part) = self.0 else { return f.write_str("–") };
        match (part.amount, part.share) {
            (None, _) => f.write_str("unknown"),
            (Some(amount), None) => write!(f, "{amount}"),
            (Some(amount), share) => {
                write!(f, "{amount} ({}", Percent(share))?;
                match part.at_most {
                    more if more != share => write!(f, ", at most {})", Percent(more)),
                    _ => f.write_str(")"),
                }
            }
        }
    }
}

impl Concentration {
    fn write_hosts(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## Hosts that the endpoints need\n")?;
        writeln!(
            f,
            "| role | host | stands in | attempts that need it | bytes | providers | regions | locations | endpoints |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|")?;
        self.hosts.iter().try_for_each(|role| role.rows(f))?;
        let coverage = self
            .hosts
            .iter()
            .map(|role| format!("{} {}", role.role, Percent(role.coverage)));
        writeln!(
            f,
            "\nShare of the attempts at endpoints of which a host of this role is known: {}. No system tells which name \
             server, control plane or login stands behind an endpoint: what nobody declared is missing here.",
            listed(coverage)
        )
    }

    fn write_in_common(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n## What endpoints of different providers have in common\n")?;
        if self.in_common.is_empty() {
            return writeln!(f, "Nothing that is declared or known.");
        }
        writeln!(f, "| what | which | providers | endpoints |\n|---|---|---|---|")?;
        self.in_common.iter().try_for_each(|one| one.row(f))
    }

    fn write_copies(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.later_copies.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## Later copies\n")?;
        writeln!(f, "| from | to | copied | bytes |\n|---|---|---|---|")?;
        for LaterCopies {
            from,
            to,
            copied,
            bytes,
        } in &self.later_copies
        {
            writeln!(f, "| {from} | {to} | {copied} | {bytes} |")?;
        }
        Ok(())
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Safe(&self.endpoint))?;
        let place = [&self.provider, &self.region, &self.location];
        let place: Vec<_> = place.into_iter().flatten().map(|text| Safe(text).to_string()).collect();
        match place.is_empty() {
            true => Ok(()),
            false => write!(f, " ({})", place.join(", ")),
        }
    }
}

impl RoleHosts {
    fn rows(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for host in &self.hosts {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                self.role,
                Safe(&host.host),
                names(&host.stands_in),
                Percent(host.attempts),
                Percent(host.bytes),
                names(&host.providers),
                names(&host.regions),
                names(&host.locations),
                endpoints(&host.endpoints)
            )?;
        }
        Ok(())
    }
}

impl InCommon {
    fn row(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (name, providers, endpoints) = (Safe(&self.name), names(&self.providers), endpoints(&self.endpoints));
        let kind = &self.kind;
        match self.roles.is_empty() {
            true => writeln!(f, "| {kind} | {name} | {providers} | {endpoints} |"),
            false => writeln!(
                f,
                "| {kind}: {} | {name} | {providers} | {endpoints} |",
                self.roles.join(", ")
            ),
        }
    }
}

impl EndpointTraffic {
    fn row(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.as_deref().map_or("–".to_owned(), |text| Safe(text).to_string());
        let laws = self
            .jurisdictions
            .as_ref()
            .map_or_else(|| "–".to_owned(), |laws| names(laws));
        writeln!(
            f,
            "| {} | {} | {} | {} | {} | {laws} | {} | {} | {} |",
            Safe(&self.client),
            Safe(&self.endpoint),
            text(&self.provider),
            text(&self.region),
            text(&self.location),
            self.foreground,
            self.hedge,
            self.probe
        )
    }
}

impl Display for Amount {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.attempts)?;
        match self.bytes_up.zip(self.bytes_down) {
            Some((up, down)) => write!(f, "; {up} bytes up, {down} down"),
            None => f.write_str("; bytes unknown"),
        }
    }
}
