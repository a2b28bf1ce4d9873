//! Who hears of events, and of what.

use evenkeel::{
    Endpoint, Failover,
    client::FailoverBuilder,
    ops::operator::{Operator, Selector},
    telemetry::{Event, EventRecord, Instance},
};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

const HOUR: Duration = Duration::from_secs(3_600);

/// What a listener has heard.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<EventRecord>>>);

impl Heard {
    fn listener(&self) -> impl Fn(&EventRecord) + Send + Sync + 'static {
        let heard = self.0.clone();
        move |record| heard.lock().unwrap().push(record.clone())
    }

    fn all(&self) -> Vec<EventRecord> {
        self.0.lock().unwrap().clone()
    }
}

fn builder() -> FailoverBuilder<()> {
    Failover::builder()
        .endpoint(Endpoint::new("virginia", ()).provider("aws"))
        .endpoint(Endpoint::new("ireland", ()).provider("aws"))
}

fn drain(operator: &Operator, endpoint: &str) -> Option<u64> {
    operator
        .drain(Selector::endpoint(endpoint), "change", HOUR)
        .apply()
        .ok()
}

#[tokio::test(start_paused = true)]
async fn every_listener_hears_of_an_event_though_another_panics() {
    let [first, last] = [Heard::default(), Heard::default()];
    let kinds = Arc::new(Mutex::new(Vec::new()));
    let own = kinds.clone();
    let client = builder()
        .on_event_record(first.listener())
        .on_event(|_| panic!("this listener is broken"))
        .on_event(move |event: &Event| own.lock().unwrap().push(event.kind()))
        .on_event_record(last.listener())
        .build()
        .unwrap();
    let operator = client.operator();
    let order = drain(&operator, "virginia").unwrap();
    drain(&operator, "ireland");
    operator.lift(order);
    assert_eq!(*kinds.lock().unwrap(), ["order-given", "order-refused", "order-lifted"]);
    assert_eq!(first.all(), last.all());
    assert_eq!(first.all().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_record_says_when_and_where_and_its_number_is_of_the_process() {
    let heard = Heard::default();
    let seconds = Arc::new(AtomicU64::new(1_700_000_000));
    let clock = seconds.clone();
    let builder = builder()
        .wall_clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
        .on_event_record(heard.listener());
    let [one, other] = ["one", "other"].map(|name| builder.clone().client_name(name).build().unwrap());
    let began = tokio::time::Instant::now();
    drain(&one.operator().by("anna"), "virginia").unwrap();
    tokio::time::advance(Duration::from_secs(5)).await;
    // The wall clock is set back.
    seconds.store(1_600_000_000, Ordering::Relaxed);
    drain(&other.operator(), "virginia").unwrap();
    let [first, second] = &*heard.all() else {
        panic!("{:?}", heard.all())
    };
    assert_eq!(first.instance, Instance::current());
    assert_eq!(
        [first.client.as_deref(), second.client.as_deref()],
        [Some("one"), Some("other")]
    );
    assert!(second.sequence > first.sequence && first.sequence > 0);
    assert_eq!(second.at - first.at, Duration::from_secs(5));
    assert_eq!(first.at, began);
    let entry = second.entry();
    assert_eq!((entry.version, entry.wall_ms), (1, 1_600_000_000_000));
    assert_eq!(entry.instance, first.instance.to_string());
    assert_eq!(entry.instance.len(), 16);
    assert_eq!(entry.uptime_ms - first.entry().uptime_ms, 5_000);
    // A builder that is cloned makes clients that share what hears, and not what was decided.
    let of = |client: &Failover<()>| client.snapshot().endpoints[0].classes[0].decided.clone();
    assert_eq!([of(&one), of(&other)], [Some(first.clone()), Some(second.clone())]);
}

#[tokio::test(start_paused = true)]
async fn orders_name_their_authors_and_refused_ones_are_recorded() {
    let heard = Heard::default();
    let client = builder().on_event_record(heard.listener()).build().unwrap();
    let anna = client.operator().by("anna");
    let proposal = anna.drain(Selector::provider("aws"), "typo", HOUR);
    assert_eq!(proposal.order().by(), Some("anna"));
    let refused = proposal.apply().unwrap_err();
    let order = drain(&anna, "virginia").unwrap();
    assert_eq!(client.operator().orders()[0].by(), Some("anna"));
    client.operator().by("ben").lift(order);
    client
        .operator()
        .drain(Selector::endpoint("ireland"), " ", HOUR)
        .apply()
        .unwrap_err();
    let sentences: Vec<_> = heard.all().iter().map(|record| record.event.to_string()).collect();
    assert_eq!(
        sentences,
        [
            &*format!("anna gave no order: {refused}"),
            "anna ordered: drain virginia for at most 3600s (change)",
            "ben lifted the order: drain virginia (change)",
            "the operator gave no order: an order needs a reason",
        ]
    );
    let Event::OrderRefused {
        action,
        selector,
        reason,
        by,
        because,
    } = &heard.all()[0].event
    else {
        panic!("{:?}", heard.all())
    };
    assert_eq!(
        (action.as_str(), selector.to_string()),
        ("drain", "provider aws".to_owned())
    );
    assert_eq!(
        (&**reason, by.as_deref(), &**because),
        ("typo", Some("anna"), &*refused.to_string())
    );
}

#[test]
fn two_drains_at_once_leave_an_endpoint() {
    for round in 0..500 {
        let client = builder().build().unwrap();
        let both = std::sync::Barrier::new(2);
        let race = |endpoint| {
            let operator = client.operator();
            let both = &both;
            move || {
                let proposal = operator.drain(Selector::endpoint(endpoint), "change", HOUR);
                both.wait();
                proposal.apply().is_ok()
            }
        };
        let given = std::thread::scope(|scope| {
            let threads = ["virginia", "ireland"].map(|endpoint| scope.spawn(race(endpoint)));
            threads.map(|thread| thread.join().unwrap())
        });
        assert!(given[0] != given[1], "round {round}: {given:?}");
        assert_eq!(client.operator().orders().len(), 1);
    }
}

#[cfg(feature = "serde")]
#[tokio::test(start_paused = true)]
async fn an_entry_is_read_as_it_was_written() {
    let heard = Heard::default();
    let client = builder()
        .on_event_record(heard.listener())
        .client_name("t\"\n</script>")
        .build()
        .unwrap();
    drain(&client.operator(), "virginia").unwrap();
    let entry = heard.all()[0].entry();
    let text = serde_json::to_string(&entry).unwrap();
    assert_eq!(
        serde_json::from_str::<evenkeel::telemetry::Entry>(&text).unwrap(),
        entry
    );
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["kind"], "order-given");
    assert_eq!(
        json["fields"],
        serde_json::json!({
            "action": "drain", "selector": "virginia", "endpoints": ["virginia"], "reason": "change", "by": null,
            "lasts_ms": 3_600_000, "number": 1
        })
    );
}

#[tokio::test(start_paused = true)]
async fn an_order_that_expires_is_an_event_once_and_the_latest_reason() {
    let heard = Heard::default();
    let client = builder().on_event_record(heard.listener()).build().unwrap();
    let order = drain(&client.operator().by("anna"), "virginia").unwrap();
    tokio::time::advance(HOUR - Duration::from_millis(1)).await;
    client.read(async |()| Ok::<_, std::io::Error>(())).await.unwrap();
    assert_eq!(heard.all().len(), 1, "it is in force to the end");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(
        !client.operator().by("bob").lift(order),
        "nobody can lift what has expired"
    );
    let status = client.view().status().unwrap();
    client.read(async |()| Ok::<_, std::io::Error>(())).await.unwrap();
    let kinds: Vec<_> = heard.all().iter().map(|record| record.event.kind()).collect();
    assert_eq!(kinds, ["order-given", "order-expired"]);
    let why = status.endpoints[0].classes[0].why.clone().unwrap();
    assert_eq!(
        (&*why.kind, &*why.sentence),
        ("order-expired", "anna's order has expired: drain virginia (change)")
    );
    let entry = heard.all()[1].entry();
    assert_eq!(entry.fields["number"], order.into());
    assert_eq!(entry.fields["by"], "anna".into());
}

#[tokio::test(start_paused = true)]
async fn a_call_alone_reports_that_an_order_has_expired() {
    let heard = Heard::default();
    let client = builder().on_event_record(heard.listener()).build().unwrap();
    drain(&client.operator(), "virginia").unwrap();
    tokio::time::advance(HOUR).await;
    let read = async || client.read(async |()| Ok::<_, std::io::Error>(())).await.unwrap();
    read().await;
    read().await;
    let kinds: Vec<_> = heard.all().iter().map(|record| record.event.kind()).collect();
    assert_eq!(kinds, ["order-given", "order-expired"]);
}

#[cfg(feature = "serde")]
#[test]
fn an_entry_of_a_later_version_is_read_though_it_says_more() {
    use evenkeel::telemetry::{Entry, Field};
    let json = serde_json::json!({
        "version": 1, "instance": "00000000000000ff", "sequence": 7, "wall_ms": 1, "uptime_ms": 1, "client": "photos",
        "kind": "tide-turned", "sentence": "the tide has turned", "a_new_part": {"of": "the entry"},
        "fields": {
            "number": 7, "text": "high", "names": ["a", "b"], "unknown": null, "none": [],
            "negative": -1, "share": 0.5, "huge": 1e300, "yes": true, "mixed": ["a", 1], "nested": {"deep": [{}]},
        },
    });
    let entry: Entry = serde_json::from_value(json).unwrap();
    let numbers = ["number", "text", "names", "unknown", "none"].map(|name| entry.fields[name].clone());
    let names = |all: &[&str]| Field::Names(all.iter().map(|&name| name.to_owned()).collect());
    assert_eq!(
        numbers,
        [
            Field::Number(7),
            "high".into(),
            names(&["a", "b"]),
            Field::Unknown,
            names(&[])
        ]
    );
    for later in ["negative", "share", "huge", "yes", "mixed", "nested"] {
        assert_eq!(entry.fields[later], Field::Unknown, "{later}");
    }
    let again: Entry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
    assert_eq!(again, entry);
}
