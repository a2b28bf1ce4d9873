//! What was tried, and what happened.

use super::{
    super::{Report, Seen, Step, Subject},
    chart, faults, section, table,
    text::{Long, Safe, moment, share, time},
};
use crate::telemetry::millis;

/// So many rows has the timeline.
const MOST: usize = 300;

pub(super) fn tried(report: &Report) -> String {
    let (plan, scope) = (&report.plan, &report.plan.scope);
    let length = millis(plan.scenario.duration());
    let compressed = if length == plan.true_length_ms {
        "its true length".to_owned()
    } else {
        format!("compressed from {}", time(plan.true_length_ms))
    };
    let callers = scope.share.map_or_else(
        || "all callers of this client".to_owned(),
        |part| format!("{} of the callers", share(part)),
    );
    let previous = "<a href=\"#previous\">see below</a>";
    let facts = [
        ("Scope", Safe(&scope.what).to_string()),
        ("Callers concerned", callers),
        (
            "Scenario",
            format!("{}, {} ({compressed})", Safe(&plan.scenario.name), time(length)),
        ),
        (
            "Seed",
            format!("{}: the same build, platform and seed draw the same faults", plan.seed),
        ),
        ("Previous drill", previous.to_owned()),
    ];
    let rows: Vec<_> = facts
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
        .collect();
    let mut body = format!(
        "<p>{}</p>\n{}",
        Long(&plan.scenario.description),
        table("The drill", &["What", "How"], &rows)
    );
    let mut rows = Vec::new();
    for (number, phase) in (1..).zip(&plan.scenario.phases) {
        let mut rules: Vec<_> = phase
            .rules
            .iter()
            .map(|rule| {
                format!(
                    "<li>{} <span class=\"tag\">[{}]</span></li>",
                    faults::rule(rule),
                    faults::basis(rule.basis)
                )
            })
            .collect();
        if rules.is_empty() {
            rules.push("<li>no fault</li>".to_owned());
        }
        rows.push(vec![
            format!("{number}. {}", Safe(&phase.name)),
            format!("\t{}", time(millis(phase.duration))),
            format!("<span class=\"tag\">{}</span>", faults::basis(phase.basis)),
            format!("<ul>{}</ul>", rules.concat()),
        ]);
    }
    let heads = ["Phase", "\tPlayed for", "Its time is", "Faults, and what each rests on"];
    body += "<h3>The faults</h3>\n<p><em>Documented</em>: in the provider's own account of the incident. <em>Measured from outside</em>: \
             reported by others. <em>Inferred</em>: it follows from these. <em>Our choice</em>: somebody had to choose. The mark of a fault \
             is about its kind; providers publish no probabilities and delays, so these are chosen unless the description \
             says otherwise.</p>\n";
    body += &table("Phases, in their order", &heads, &rows);
    let lines: Vec<_> = plan
        .configuration
        .lines()
        .map(|(what, how)| vec![Safe(what).to_string(), Safe(how).to_string()])
        .collect();
    body += "<h3>The configuration</h3>\n";
    if lines.is_empty() {
        body += "<p>It was not recorded.</p>\n";
    } else {
        body += &table("How the client is built", &["What", "How"], &lines);
    }
    body += &format!(
        "<p>Digest of the configuration: <code>{}</code></p>\n",
        Safe(&report.configuration_digest)
    );
    section("tried", "What was tried", &body)
}

pub(super) fn happened(report: &Report) -> String {
    let mut body = String::new();
    let chart = chart::draw(report);
    if !chart.is_empty() {
        body += &format!("<figure>{chart}</figure>\n");
    }
    body += "<p>What could be observed, in the scenario's time (hours:minutes:seconds from its start). <em>Onset</em>: the first sign of \
             trouble. <em>Left</em>: calls no longer go there, only probes. <em>Return begun</em>: calls go there again, more and more of them. \
             <em>Relapse</em>: it was left again.</p>\n";
    let rows: Vec<_> = report.timeline.iter().take(MOST).map(row).collect();
    body += &table("Timeline", &["Time", "What", "Why, as the client told it"], &rows);
    if report.timeline.len() > MOST {
        body += &format!("<p>{} more are in report.json.</p>\n", report.timeline.len() - MOST);
    }
    let decided = report.timeline.iter().any(|seen| matches!(seen, Seen::Step { .. }));
    if !decided {
        body += "<p>The client told of no decision about any endpoint.</p>\n";
    }
    section("happened", "What happened", &body)
}

fn row(seen: &Seen) -> Vec<String> {
    let (what, why) = match seen {
        Seen::Phase { name, .. } => (format!("<strong>Phase: {}</strong>", Safe(name)), String::new()),
        Seen::End { aborted: None, .. } => ("<strong>The scenario ended</strong>".to_owned(), String::new()),
        Seen::End { aborted: Some(why), .. } => (
            "<strong class=\"bad\">The drill was aborted</strong>".to_owned(),
            Safe(why).to_string(),
        ),
        Seen::Step {
            subject, step, because, ..
        } => {
            let step = match step {
                Step::Onset => "onset",
                Step::Left => "left",
                Step::ReturnBegun => "return begun",
                Step::Relapse => "relapse",
                Step::Complete => "complete",
            };
            (format!("{}: {step}", name(subject)), Safe(because).to_string())
        }
    };
    vec![moment(seen.at_ms()), what, why]
}

fn name(subject: &Subject) -> String {
    match subject {
        Subject::Endpoint { endpoint, class, .. } => format!("{}, {}s", Safe(endpoint), Safe(class)),
        Subject::LargeWrites { endpoint, .. } => format!("{}, writes of a megabyte and more", Safe(endpoint)),
        Subject::AllEndpoints { class, .. } => format!("all endpoints, {}s", Safe(class)),
        Subject::Credentials { name } => format!("credentials {}", Safe(name)),
    }
}
