//! What a report says, and what it does not let a hostile text say.

use crate::support::{Orders, SOON};
use evenkeel::{
    Endpoint, Failover,
    ops::{
        incident::incident_report,
        operator::Selector,
        recorder::{FlightRecorder, Recording},
    },
};

#[test]
fn an_empty_recording_says_so() {
    let report = incident_report(&Recording::default());
    assert_eq!((report.span, report.events), (None, 0));
    assert!(report.to_string().contains("nothing can be said"));
}

#[test]
fn orders_are_told_with_author_and_reason() {
    let recorder = FlightRecorder::in_memory();
    let client = Failover::builder()
        .client_name("photos")
        .endpoint(Endpoint::new("virginia", ()))
        .endpoint(Endpoint::new("ireland", ()))
        .on_event_record(recorder.listener())
        .build()
        .unwrap();
    let anna = client.operator().by("anna");
    let drain = |endpoint| anna.drain(Selector::endpoint(endpoint), "it fills up", SOON).apply();
    drain("virginia").unwrap();
    drain("ireland").unwrap_err();
    let report = incident_report(&recorder.recording());
    let kinds: Vec<_> = report
        .other_decisions
        .listed
        .iter()
        .map(|one| (&*one.kind, one.by.as_deref()))
        .collect();
    assert_eq!(kinds, [("order-given", Some("anna")), ("order-refused", Some("anna"))]);
    let text = report.to_string();
    assert!(text.contains("**a person:** anna ordered: drain virginia"), "{text}");
    assert!(
        text.contains("(it fills up)") && text.contains("Nothing to see"),
        "{text}"
    );
}

#[test]
fn a_hostile_text_stays_in_its_cell() {
    let recorder = FlightRecorder::in_memory();
    Orders::heard_by(&recorder).give("<script>alert(1)</script> | now | **bold**\n# head `code` [x](javascript:1)");
    let text = incident_report(&recorder.recording()).to_string();
    assert!(
        !text.contains("<script") && !text.contains("\n# head") && !text.contains("| now |"),
        "{text}"
    );
    let rows: Vec<_> = text.lines().filter(|line| line.contains("a person:")).collect();
    assert_eq!(rows.len(), 2, "{text}");
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 5, "{row}");
    }
}

#[test]
fn a_report_says_what_is_missing() {
    let recorder = FlightRecorder::builder().records(4).start().unwrap();
    Orders::heard_by(&recorder).number(0..10);
    let text = incident_report(&recorder.recording()).to_string();
    assert!(
        text.contains("**Incomplete:**\n\n- 16 older records were pushed out of memory"),
        "{text}"
    );
    assert!(text.contains("Nobody watched the counts"), "{text}");
}
