//! What the drill was not, and what it does not say.

use super::{
    super::{Gap, Report},
    section, table,
    text::Safe,
};

pub(super) fn deviations(report: &Report) -> String {
    let rows: Vec<_> = report
        .deviations
        .iter()
        .map(|one| vec![Safe(&one.what).to_string(), Safe(&one.why).to_string()])
        .collect();
    let body = if rows.is_empty() {
        "<p>None was recorded.</p>\n".to_owned()
    } else {
        table(
            "Deviations from the incident and from production",
            &["What was different", "Why, and what it means"],
            &rows,
        )
    };
    section("deviations", "Where the drill differed from the incident", &body)
}

pub(super) fn gaps(report: &Report) -> String {
    let body = format!(
        "{}<h3>What was not measured</h3>\n{}<h3>What no drill of this kind proves</h3>\n<ul>\n\
         <li>That another outage, with other faults, goes as well. It shows this scenario, this configuration and this load.</li>\n\
         <li>That data was copied. evenkeel moves calls; what lies at one place only is not there while that place is down.</li>\n\
         <li>That the client met what it says it met: the figures are those of the process that ran the drill.</li>\n</ul>\n",
        list("Nobody tried", report.not_tested()),
        list("Nobody looked", report.not_measured()),
    );
    section("gaps", "What was not tested", &body)
}

fn list<'a>(caption: &str, gaps: impl Iterator<Item = &'a Gap>) -> String {
    let rows: Vec<_> = gaps
        .map(|gap| vec![Safe(&gap.what).to_string(), Safe(&gap.why).to_string()])
        .collect();
    if rows.is_empty() {
        return "<p>Nothing is known to be missing.</p>\n".to_owned();
    }
    table(caption, &["What", "Why"], &rows)
}
