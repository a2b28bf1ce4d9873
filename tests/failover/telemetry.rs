//! Spans and metrics: that what is documented is what comes out.

use crate::{
    scripted::{Does, Mishap, Table, Verdicts, ms, reads, secs},
    store::{Store, Trouble},
};
use evenkeel::{Endpoint, Failover, ObjectClient, Replication};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::Debug,
    future::IntoFuture,
    sync::{Arc, Mutex},
};
use tokio::time::{sleep, timeout};
use tracing::{
    Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, layer::Context, layer::SubscriberExt, registry::LookupSpan};

/// One span's fields, by name.
type Fields = BTreeMap<String, String>;

/// Keeps what is told of spans on this thread, in the order of their beginning. It is the process' global subscriber, as
/// those of one thread can miss spans whose places in the code another thread came by first.
struct Spans;

thread_local! {
    static SPANS: RefCell<Vec<(u64, String, Fields)>> = const { RefCell::new(Vec::new()) };
}

struct Into<'a>(&'a mut Fields);

impl Visit for Into<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Into(&mut fields));
        let name = attributes.metadata().name().to_owned();
        SPANS.with_borrow_mut(|spans| spans.push((id.into_u64(), name, fields)));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        SPANS.with_borrow_mut(|spans| {
            // Ids are used again; the last is the one that is open.
            let (_, _, fields) = spans.iter_mut().rfind(|(known, ..)| *known == id.into_u64()).unwrap();
            values.record(&mut Into(fields));
        });
    }
}

fn attempts() -> Vec<Fields> {
    SPANS.with_borrow(|spans| {
        let attempts = spans.iter().filter(|(_, name, _)| name == "attempt");
        attempts.map(|(_, _, fields)| fields.clone()).collect()
    })
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_one_client_span_with_the_documented_fields() {
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Spans)).unwrap();
    let [virginia, ireland] = [(); 2].map(|()| Store::new());
    let client = ObjectClient::builder()
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(Endpoint::new("ireland", ireland.clone()))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    virginia.then([Trouble::Code("InternalError")]);
    client.put("customer-4711", "v").await.unwrap();
    assert_eq!(
        attempts(),
        [
            fields(&[
                ("otel.kind", "client"),
                ("endpoint", "virginia"),
                ("cloud.provider", "aws"),
                ("cloud.region", "us-east-1"),
                ("operation.class", "write"),
                ("attempt.reason", "first"),
                ("error.type", "InternalError"),
                ("provider.request_id", "req-1"),
            ]),
            // What became of it?
            fields(&[
                ("otel.kind", "client"),
                ("endpoint", "virginia"),
                ("cloud.provider", "aws"),
                ("cloud.region", "us-east-1"),
                ("operation.class", "read"),
                ("attempt.reason", "confirm"),
            ]),
            fields(&[
                ("otel.kind", "client"),
                ("endpoint", "ireland"),
                ("operation.class", "write"),
                ("attempt.reason", "retry"),
            ]),
        ]
    );
    // Hedges and proofs of absence are attempts like any other.
    virginia.then([Trouble::Slow(ms(1_500))]);
    let _ = client.get("absent").await;
    let reasons: Vec<_> = attempts()[3..]
        .iter()
        .map(|span| (span["endpoint"].clone(), span["attempt.reason"].clone()))
        .collect();
    let reasons: Vec<_> = reasons.iter().map(|(at, why)| (&**at, &**why)).collect();
    assert_eq!(
        reasons,
        [("virginia", "first"), ("ireland", "hedge"), ("virginia", "proof")]
    );
    assert_eq!(attempts().len(), virginia.asked() + ireland.asked());
    // No key is in any of them.
    assert!(!SPANS.with_borrow(|spans| format!("{spans:?}")).contains("4711"));
}

/// Counts under `name{label=value,…}`.
#[derive(Clone, Default)]
struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

struct One(Counts, String);

impl CounterFn for One {
    fn increment(&self, value: u64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }

    fn absolute(&self, _: u64) {}
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        CounterFn::increment(self, value as u64);
    }

    fn decrement(&self, value: f64) {
        *self.0.0.lock().unwrap().get_mut(&self.1).unwrap() -= value as u64;
    }

    fn set(&self, value: f64) {
        self.0.0.lock().unwrap().insert(self.1.clone(), value as u64);
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        assert!((0.0..1e6).contains(&value), "{value} s");
        CounterFn::increment(self, 1);
    }
}

fn name(key: &Key) -> String {
    let labels: BTreeMap<_, _> = key.labels().map(|label| (label.key(), label.value())).collect();
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}{{{}}}", key.name(), labels.join(","))
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(One(self.clone(), name(key))))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(One(self.clone(), name(key))))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(One(self.clone(), name(key))))
    }
}

impl Counts {
    fn of(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or_default()
    }
}

#[tokio::test(start_paused = true)]
async fn the_documented_metrics_are_emitted_and_add_up() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = Failover::builder()
        .client_name("tables")
        .endpoint(Endpoint::new("virginia", virginia.clone()))
        .endpoint(Endpoint::new("ireland", ireland.clone()))
        .classify(Verdicts)
        .seed(7)
        .build()
        .unwrap();
    // Forty good reads, an outage of virginia, its end, an outage of both, calls that are dropped, an empty budget.
    reads(&tables, 40, ms(10)).await;
    virginia.fails(Mishap::Refused);
    reads(&tables, 40, ms(50)).await;
    virginia.answers_after(ms(1));
    sleep(secs(31)).await;
    reads(&tables, 20, ms(50)).await;
    virginia.fails(Mishap::Reset);
    ireland.fails(Mishap::Reset);
    for _ in 0..30 {
        tables.read(Table::query).await.unwrap_err();
    }
    virginia.usually(Does::Hang);
    ireland.usually(Does::Hang);
    for _ in 0..5 {
        let _ = timeout(ms(20), tables.read(Table::query).into_future()).await;
    }
    tables.write(Table::query).deadline(ms(100)).await.unwrap_err();

    assert_eq!(
        counts.of("evenkeel_calls_total{class=read,client=tables,operation=read,outcome=ok}"),
        100
    );
    assert_eq!(
        counts.of("evenkeel_calls_total{class=read,client=tables,operation=read,outcome=unavailable}"),
        30
    );
    assert_eq!(
        counts.of("evenkeel_calls_total{class=write,client=tables,operation=write,outcome=maybe_applied}"),
        1
    );
    assert_eq!(
        counts.of("evenkeel_call_duration_seconds{class=read,client=tables,operation=read}"),
        130
    );
    let all = counts.0.lock().unwrap().clone();
    let sum = |start: &str| -> u64 {
        let matching = all.iter().filter(|(name, _)| name.starts_with(start));
        matching.map(|(_, count)| count).sum()
    };
    // Each attempt is counted once, with how it ended, and timed.
    for (table, endpoint) in [(&virginia, "virginia"), (&ireland, "ireland")] {
        let by_verdict: u64 = all
            .iter()
            .filter(|(name, _)| name.starts_with("evenkeel_attempts_total{") && name.contains(endpoint))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(by_verdict, table.asked() as u64, "{endpoint}");
    }
    let asked = (virginia.asked() + ireland.asked()) as u64;
    assert_eq!(sum("evenkeel_attempt_duration_seconds{"), asked);
    assert!(counts.of("evenkeel_attempts_total{class=read,client=tables,endpoint=virginia,verdict=unreachable}") >= 3);
    assert!(sum("evenkeel_attempts_total{") > 0);
    for to in ["open", "half-open", "closed"] {
        let name = format!("evenkeel_breaker_transitions_total{{class=read,client=tables,endpoint=virginia,to={to}}}");
        assert!(counts.of(&name) >= 1, "{name}");
    }
    assert!(counts.of("evenkeel_all_bad_total{class=read,client=tables}") >= 1);
    assert!(counts.of("evenkeel_budget_exhausted_total{class=read,client=tables}") >= 1);
    // The gauges are set when somebody asks.
    assert_eq!(sum("evenkeel_breaker_state{"), 0);
    tables.snapshot().publish();
    let virginia_is = |name: &str| counts.of(&format!("{name}{{class=read,client=tables,endpoint=virginia}}"));
    assert_eq!(virginia_is("evenkeel_breaker_state"), 2, "open");
    assert_eq!(virginia_is("evenkeel_share"), 0);
    // And nothing that is not documented.
    const DOCUMENTED: [&str; 18] = [
        "evenkeel_calls_total",
        "evenkeel_call_duration_seconds",
        "evenkeel_attempts_total",
        "evenkeel_attempt_duration_seconds",
        "evenkeel_breaker_transitions_total",
        "evenkeel_large_write_transitions_total",
        "evenkeel_uploads_restarted_total",
        "evenkeel_downloads_resumed_total",
        "evenkeel_wrong_checksums_total",
        "evenkeel_passed_over_total",
        "evenkeel_unverified_writes_total",
        "evenkeel_budget_exhausted_total",
        "evenkeel_all_bad_total",
        "evenkeel_all_bad",
        "evenkeel_breaker_state",
        "evenkeel_share",
        "evenkeel_in_flight",
        "evenkeel_budget",
    ];
    for name in all.keys() {
        assert!(DOCUMENTED.contains(&name.split('{').next().unwrap()), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_dropped_while_all_is_bad_leaves_the_gauge() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let gauge = || counts.of("evenkeel_all_bad{class=read,client=tables}");
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let builder = Failover::builder()
        .client_name("tables")
        .endpoint(Endpoint::new("virginia", virginia.clone()))
        .endpoint(Endpoint::new("ireland", ireland.clone()))
        .classify(Verdicts);
    let [one, other] = [builder.clone(), builder].map(|builder| builder.build().unwrap());
    virginia.fails(Mishap::Reset);
    ireland.fails(Mishap::Reset);
    for (tables, count) in [(&one, 1), (&other, 2)] {
        for asked in 0.. {
            tables.read(Table::query).await.unwrap_err();
            if gauge() == count {
                break;
            }
            assert!(asked < 500, "every endpoint looks bad");
            sleep(ms(50)).await;
        }
    }
    let twin = one.clone();
    drop(one);
    assert_eq!(gauge(), 2, "a clone is the same client");
    drop(twin);
    assert_eq!(gauge(), 1);
    virginia.answers_after(ms(1));
    ireland.answers_after(ms(1));
    sleep(secs(60)).await;
    reads(&other, 20, ms(50)).await;
    assert_eq!(gauge(), 0);
    drop(other);
    assert_eq!(gauge(), 0);
}

#[tokio::test(start_paused = true)]
async fn background_probes_are_counted_separately() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let (virginia, ireland) = (Table::new("virginia"), Table::new("ireland"));
    let tables = Failover::builder()
        .endpoint(Endpoint::new("virginia", virginia.clone()))
        .endpoint(Endpoint::new("ireland", ireland.clone()))
        .classify(Verdicts)
        .probe(Table::query)
        .build()
        .unwrap();
    ireland.fails(Mishap::Reset);
    sleep(secs(600)).await;
    assert!(ireland.asked() > 3);
    for (table, endpoint, verdict) in [(&virginia, "virginia", "success"), (&ireland, "ireland", "faulty")] {
        let probes =
            format!("evenkeel_probes_total{{class=read,client=default,endpoint={endpoint},verdict={verdict}}}");
        assert_eq!(counts.of(&probes), table.asked() as u64);
    }
    let all = counts.0.lock().unwrap().clone();
    for of_calls in ["evenkeel_calls", "evenkeel_call_", "evenkeel_attempt"] {
        assert!(
            !all.iter().any(|(name, count)| name.starts_with(of_calls) && *count > 0),
            "{all:?}"
        );
    }
    drop(tables);
}

/// Names beyond those that have a place of their own are counted as `other`, and under nobody else's name.
#[tokio::test(start_paused = true)]
async fn operation_names_beyond_the_bound_are_counted_as_other() {
    const NAMES: [&str; 20] = [
        "o0", "o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8", "o9", "o10", "o11", "o12", "o13", "o14", "o15", "o16",
        "o17", "o18", "o19",
    ];
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let tables = Failover::builder()
        .endpoint(Endpoint::new("virginia", Table::new("virginia")))
        .classify(Verdicts)
        .build()
        .unwrap();
    for name in NAMES {
        tables.read(Table::query).operation_name(name).await.unwrap();
    }
    let of = |operation: &str| {
        counts.of(&format!(
            "evenkeel_calls_total{{class=read,client=default,operation={operation},outcome=ok}}"
        ))
    };
    assert_eq!(
        (of("o0"), of("o15"), of("o16"), of("o19"), of("other")),
        (1, 1, 0, 0, 4)
    );
}

/// A recorder that panics where a metric is registered.
struct Broken;

impl Recorder for Broken {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        panic!("no counters here")
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        panic!("no gauges here")
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        panic!("no histograms here")
    }
}

/// The write was acknowledged: what the recorder does then is no business of the call's.
#[tokio::test(start_paused = true)]
async fn a_panicking_recorder_harms_no_call() {
    let table = Table::new("virginia");
    let tables = Failover::builder()
        .endpoint(Endpoint::new("virginia", table.clone()))
        .classify(Verdicts)
        .build()
        .unwrap();
    let _guard = metrics::set_default_local_recorder(&Broken);
    for _ in 0..3 {
        tables.write(Table::query).await.unwrap();
    }
    assert_eq!(table.asked(), 3);
}
