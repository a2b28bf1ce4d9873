//! A report for people who have never seen the crate: one page that prints, with nothing from outside. Whatever a user or
//! a provider named is escaped.

mod chart;
mod course;
mod faults;
mod limits;
mod result;
mod source;
mod text;

use super::{Attestation, Report, Verdict};
use text::Safe;

impl Report {
    /// The report as one HTML page: with who approved it and when, if that is known. Times by the clock on the wall are
    /// left out for a simulation, so that its page has the same bytes each time.
    pub fn html(&self, attestation: Option<&Attestation>) -> String {
        let name = Safe(&self.plan.scenario.name);
        let parts = [
            result::verdict(self),
            result::promise(self),
            source::approval(self, attestation),
            course::tried(self),
            course::happened(self),
            result::callers(self),
            result::writes(self),
            result::constraints(self),
            limits::deviations(self),
            limits::gaps(self),
            source::previous(self),
            source::verify(self, attestation),
        ];
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <title>Failover drill: {name}</title>\n<style>\n{}</style></head>\n<body><main>\n\
             <h1>Report of a failover drill: {name}</h1>\n{}</main></body></html>\n",
            include_str!("page.css"),
            parts.concat()
        )
    }
}

/// A section with its number-free heading.
fn section(id: &str, title: &str, body: &str) -> String {
    format!("<section aria-labelledby=\"{id}\"><h2 id=\"{id}\">{title}</h2>\n{body}</section>\n")
}

/// A table. Heads and cells are HTML; a cell that begins with a tab is a number.
fn table(caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |name: &str, scope: &str, text: &str| match text.strip_prefix('\t') {
        // A number stays with its unit.
        Some(number) if number.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("<{name}{scope} class=\"n\">{}</{name}>", number.replace(' ', "\u{a0}"))
        }
        Some(words) => format!("<{name}{scope} class=\"n\">{words}</{name}>"),
        None => format!("<{name}{scope}>{text}</{name}>"),
    };
    let head: String = heads.iter().map(|head| cell("th", " scope=\"col\"", head)).collect();
    let row = |cells: &Vec<String>| {
        let cells = cells.iter().enumerate();
        let cells: String = cells
            .map(|(column, text)| match column {
                0 => cell("th", " scope=\"row\"", text),
                _ => cell("td", "", text),
            })
            .collect();
        format!("<tr>{cells}</tr>\n")
    };
    // A short table stays on one sheet of paper.
    let short = if rows.len() <= 8 { " class=\"short\"" } else { "" };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table{short}><caption>{caption}</caption><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table></div>\n"
    )
}

/// What was measured, or that it was not.
fn measured<T>(value: Option<T>, text: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "not measured".to_owned(), text)
}

const fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "Passed",
        Verdict::Failed => "Failed",
        Verdict::Aborted => "Aborted",
        Verdict::Inconclusive => "Inconclusive",
    }
}
