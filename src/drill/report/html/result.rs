//! What was promised, and what came of it.

use super::{
    super::{Criterion, Figures, Outcome, Report, Setting, Verdict, judge::doubt},
    measured, section, table,
    text::{Safe, millis, share, time},
    word,
};

pub(super) fn verdict(report: &Report) -> String {
    let missed = |outcome| {
        report
            .judgements
            .iter()
            .filter(move |one| one.outcome == outcome)
            .count()
    };
    let of = report.judgements.len();
    let (class, why) = match report.verdict {
        Verdict::Passed => (
            "good",
            format!("All {of} criteria were met, and the scenario was played to its end."),
        ),
        Verdict::Failed => (
            "bad",
            format!("{} of {of} criteria were missed.", missed(Outcome::Missed)),
        ),
        Verdict::Aborted => (
            "open",
            "The drill ended before its scenario did. No criterion was missed until then.".to_owned(),
        ),
        Verdict::Inconclusive if of == 0 => ("open", "No criterion was recorded: nothing was promised.".to_owned()),
        Verdict::Inconclusive => {
            let why = match (missed(Outcome::NotMeasured), doubt(&report.client)) {
                (0, Some(doubt)) => format!("{doubt} No criterion was missed."),
                (count, _) => format!("{count} of {of} criteria were not measured. None was missed."),
            };
            ("open", why)
        }
    };
    let aborted = report.end.aborted.as_deref().map_or_else(String::new, |why| {
        format!(
            "<p>It was aborted {} after its start: {}.</p>",
            time(report.end.at_ms.max(0).unsigned_abs()),
            Safe(why)
        )
    });
    let setting = match report.plan.scope.setting {
        Setting::Simulation => "Simulated: stores in memory, virtual time.",
        Setting::Loopback => "Real sockets and the real SDK, with servers on one host in the providers' place.",
        Setting::Production => "In production: the providers' own stores, and calls of real callers.",
    };
    format!(
        "<p class=\"soft\">A failover drill plays a past outage against a running client of cloud storage, on purpose, and \
         measures whether the client's callers notice. evenkeel {}, {}. {setting}</p>\n\
         <div class=\"verdict {class}\"><strong>{}</strong><p>{why}</p>{aborted}</div>\n",
        Safe(&report.evenkeel),
        Safe(&report.platform),
        word(report.verdict),
    )
}

pub(super) fn promise(report: &Report) -> String {
    let rows: Vec<_> = report
        .judgements
        .iter()
        .map(|one| {
            let (what, limit, text): (_, _, &dyn Fn(f64) -> String) = match one.criterion {
                Criterion::Availability => (
                    "Availability of each class of calls",
                    format!("at least {}", share(one.limit)),
                    &share,
                ),
                Criterion::P99 => (
                    "Time until 99 of 100 callers knew (p99), in each class",
                    format!("at most {}", ms(one.limit)),
                    &millis,
                ),
                Criterion::Recovery => (
                    "Recovery time: longest time without a right answer, in each class",
                    format!("at most {}", ms(one.limit)),
                    &ms,
                ),
                Criterion::LostWrites => ("Acknowledged writes that were lost", at_most(one.limit), &count),
                Criterion::Breaches => (
                    "Requests to places that a constraint forbids",
                    at_most(one.limit),
                    &count,
                ),
            };
            let outcome = match one.outcome {
                Outcome::Met if report.end.aborted.is_some() => "<span class=\"open\">met until the end</span>",
                Outcome::Met => "<span class=\"good\">met</span>",
                Outcome::Missed => "<strong class=\"bad\">missed</strong>",
                Outcome::NotMeasured => "<span class=\"open\">not measured</span>",
            };
            vec![what.to_owned(), limit, measured(one.measured, text), outcome.to_owned()]
        })
        .collect();
    let body = if rows.is_empty() {
        "<p>Nothing: no criterion was recorded before the start. The figures below decide nothing.</p>\n".to_owned()
    } else {
        let heads = [
            "Criterion",
            "Demanded before the start",
            "Measured (worst class)",
            "Verdict",
        ];
        table("What was demanded, and what was measured", &heads, &rows)
    };
    let body = format!(
        "{body}<p>The criteria are the first record of this drill, made {} before its start. Their digest is \
         <code>{}</code>. Whoever was given the digest before the drill can tell that they were not chosen afterwards.</p>\n",
        time(report.planned_at_ms.unsigned_abs()),
        Safe(&report.criteria_digest)
    );
    section("promised", "What was promised", &body)
}

fn ms(value: f64) -> String {
    time(value as u64)
}

fn count(value: f64) -> String {
    format!("{value:.0}")
}

fn at_most(limit: f64) -> String {
    if limit == 0.0 {
        "none".to_owned()
    } else {
        format!("at most {limit:.0}")
    }
}

pub(super) fn callers(report: &Report) -> String {
    let plain = report.plain.as_ref();
    let mut body = format!(
        "<p>A call is <em>available</em> if: {}. Times count until the caller knew, failures included.</p>\n",
        Safe(&report.client.available_means)
    );
    body += &classes("evenkeel", &report.client);
    match plain {
        Some(plain) => body += &classes("The plain client beside it, at the struck place alone", plain),
        None => body += "<p><strong>The plain client beside it:</strong> not measured.</p>\n",
    }
    let load = |figures: &Figures| {
        measured(figures.extra_attempts(), |extra| {
            format!(
                "{extra} beyond one for each of {} calls ({})",
                figures.calls(),
                share(extra as f64 / figures.calls().max(1) as f64)
            )
        })
    };
    let plain_load = plain.map_or_else(|| "not measured".to_owned(), load);
    let rows = [
        vec![
            "Extra attempts: the load that retries and hedges add".to_owned(),
            load(&report.client),
            plain_load,
        ],
        vec![
            "From the first fault until the struck place had under 1 % of the calls".to_owned(),
            measured(report.client.traffic_left_ms, time),
            "has nowhere to go".to_owned(),
        ],
        vec![
            "From the end of the last fault until it had its share of the calls again".to_owned(),
            measured(report.client.traffic_back_ms, time),
            "was never left".to_owned(),
        ],
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .map(|mut row| {
            if plain.is_none() {
                row[2] = "not measured".to_owned();
            }
            row
        })
        .collect();
    body += &table("Load and moves", &["What", "evenkeel", "Plain client"], &rows);
    section("callers", "What callers got", &body)
}

fn classes(caption: &str, figures: &Figures) -> String {
    let rows: Vec<_> = figures
        .classes
        .iter()
        .map(|class| {
            vec![
                class.class.as_str().to_owned(),
                format!("\t{}", class.calls),
                format!("\t{}", class.calls.saturating_sub(class.available)),
                format!("\t{}", measured(class.availability(), share)),
                format!("\t{}", measured(class.p50_ms, millis)),
                format!("\t{}", measured(class.p99_ms, millis)),
                format!("\t{}", measured(class.longest_outage_ms, time)),
                format!("\t{}", measured(class.left_ms, time)),
                format!("\t{}", measured(class.returned_ms, time)),
            ]
        })
        .collect();
    if rows.is_empty() {
        return format!("<p>{caption}: no calls were made.</p>\n");
    }
    let heads = [
        "Calls",
        "\tNumber",
        "\tNot available",
        "\tAvailability",
        "\tp50",
        "\tp99",
        "\tRecovery time",
        "\tDecided to leave after",
        "\tReturned after the last fault",
    ];
    table(caption, &heads, &rows)
}

pub(super) fn writes(report: &Report) -> String {
    let row = |who: &str, figures: Option<&Figures>| {
        let writes = figures.and_then(|figures| figures.writes);
        vec![
            who.to_owned(),
            format!(
                "\t{}",
                measured(writes.map(|writes| writes.read_back), |count| count.to_string())
            ),
            format!(
                "\t{}",
                measured(writes.map(|writes| writes.lost), |count| count.to_string())
            ),
            format!(
                "\t{}",
                measured(writes.and_then(|writes| writes.stale), |count| count.to_string())
            ),
            format!(
                "\t{}",
                measured(writes.map(|writes| writes.unread), |count| count.to_string())
            ),
            format!(
                "\t{}",
                measured(writes.and_then(|writes| writes.wrong_reads), |count| count.to_string())
            ),
        ]
    };
    let rows = [
        row("evenkeel", Some(&report.client)),
        row("Plain client", report.plain.as_ref()),
    ];
    let body = "<p>A write that was acknowledged was promised to be kept. After the drill each one was read back and compared byte \
         for byte. <em>Lost</em>: it was not there, or was something else. <em>Stale</em>: an older value was there. \
         <em>Unread</em>: it could not be read back. <em>Wrong reads</em>: during the drill a read showed nothing or an \
         older value, and did not say so.</p>\n"
        .to_owned()
        + &table(
            "Acknowledged writes",
            &["Client", "\tRead back", "\tLost", "\tStale", "\tUnread", "\tWrong reads"],
            &rows,
        );
    section("lost", "What was lost", &body)
}

pub(super) fn constraints(report: &Report) -> String {
    let body = match &report.breaches {
        None => "<p>No constraint on location or jurisdiction was set: <strong>not tested</strong>.</p>\n".to_owned(),
        Some(breaches) => {
            let rows: Vec<_> = breaches
                .passed
                .iter()
                .map(|passed| {
                    let allowed = if passed.forbidden {
                        "<strong>forbidden</strong>"
                    } else {
                        "allowed"
                    };
                    vec![
                        Safe(&passed.endpoint).to_string(),
                        allowed.to_owned(),
                        format!("\t{}", passed.requests),
                    ]
                })
                .collect();
            let tested = if breaches.is_tested() {
                format!("Requests at forbidden places: <strong>{}</strong>.", breaches.count())
            } else {
                "No endpoint was forbidden: <strong>not tested</strong>.".to_owned()
            };
            format!(
                "<p>The constraint: {}. A breach is a request that reached a forbidden place, counted where the bytes pass ({}), \
                 not by the client itself. {tested}</p>\n{}",
                Safe(&breaches.constraint),
                Safe(&breaches.counted_by),
                table(
                    "Requests seen at each place",
                    &["Place", "By the constraint", "\tRequests"],
                    &rows
                )
            )
        }
    };
    section("constraints", "Where data went", &body)
}
