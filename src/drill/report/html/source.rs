//! Who says so, and how to find out whether it was changed.

use super::{
    super::{Attestation, Report, Setting},
    section, table,
    text::{Safe, utc},
    word,
};

pub(super) fn approval(report: &Report, attestation: Option<&Attestation>) -> String {
    let approved = attestation.and_then(|known| known.approved_by.as_deref());
    let approved = approved.map_or_else(|| "nobody was named".to_owned(), |name| Safe(name).to_string());
    let key = attestation.and_then(|known| known.key.as_deref());
    let signed = key.map_or_else(
        || "<strong class=\"open\">This report is not signed.</strong> Its records are chained by digests, which shows accidents and \
            careless changes. Whoever can write the files can make others that are as consistent."
            .to_owned(),
        |key| {
            format!(
                "By the Ed25519 key <code>{}</code>. Ask its holder for the key by another way; a key beside the report proves nothing.",
                Safe(key)
            )
        },
    );
    let mut rows = vec![
        vec!["Approved by".to_owned(), approved],
        vec!["Signed".to_owned(), signed],
        vec![
            "Made by".to_owned(),
            format!(
                "evenkeel {}, the program that ran the drill, from what it observed itself",
                Safe(&report.evenkeel)
            ),
        ],
    ];
    match attestation {
        // The page of a simulation has the same bytes each time.
        _ if report.plan.scope.setting == Setting::Simulation => rows.push(vec![
            "When".to_owned(),
            "Time was virtual. When it was computed is in attestation.json, so that this page has the same bytes each time.".to_owned(),
        ]),
        Some(known) => {
            let started = known.started_wall_ms.map_or_else(|| "it never started".to_owned(), utc);
            rows.push(vec!["Criteria recorded".to_owned(), utc(known.planned_wall_ms)]);
            rows.push(vec!["Started".to_owned(), started]);
            rows.push(vec!["Report made".to_owned(), utc(known.finished_wall_ms)]);
        }
        None => rows.push(vec!["When".to_owned(), "is not known: there is no attestation.".to_owned()]),
    }
    let body = table("Approval, signature and time", &["What", "Who and when"], &rows);
    section("source", "Who says so, and when", &body)
}

pub(super) fn previous(report: &Report) -> String {
    let body = match &report.plan.previous {
        None => "<p>No previous drill was named.</p>\n".to_owned(),
        Some(known) => format!(
            "<p>{} with seed {}: <strong>{}</strong>. The digest of its last record is <code>{}</code>.</p>\n",
            Safe(&known.scenario),
            known.seed,
            word(known.verdict).to_lowercase(),
            Safe(&known.head)
        ),
    };
    section("previous", "The drill before this one", &body)
}

pub(super) fn verify(report: &Report, attestation: Option<&Attestation>) -> String {
    let rows = [
        ("report.json", "this report for programs"),
        (
            "records.jsonl",
            "every record of the drill, one a line; each holds the SHA-256 of the line before it",
        ),
        ("report.html", "this page"),
        ("attestation.json", "who approved, and when, by the clock on the wall"),
        (
            "manifest.json",
            "the SHA-256 of each of these files, the number of records and the digest of the last",
        ),
        (
            "manifest.sig",
            "the Ed25519 signature of manifest.json; only if the report is signed",
        ),
    ];
    let rows: Vec<_> = rows
        .map(|(name, what)| vec![format!("<code>{name}</code>"), what.to_owned()])
        .into();
    let commands = if attestation.is_some_and(|known| known.key.is_some()) {
        "<p>With the public key in <code>key.pem</code>, got from its holder, and without evenkeel:</p>\n\
         <pre>openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in manifest.json -sigfile manifest.sig\n\
         sha256sum report.json records.jsonl report.html attestation.json   # compare with manifest.json</pre>\n"
    } else {
        "<p>Without a signature, this tells whether the files belong together, and not who made them:</p>\n\
         <pre>sha256sum report.json records.jsonl report.html attestation.json   # compare with manifest.json</pre>\n"
    };
    let body = format!(
        "<p>The report is made of {} records. The digest of the last is <code>{}</code>. The function <code>verify</code> of \
         <code>evenkeel::drill::report</code> finds any byte that was altered, and records that were removed, reordered or cut off.</p>\n\
         {}{commands}",
        report.records.count,
        Safe(&report.records.head),
        table("The files beside this page", &["File", "What it is"], &rows),
    );
    section("verify", "How to verify this report", &body)
}
