//! What Prometheus would have scraped: every counter and gauge of one process, sampled in virtual time. (The lint reads the
//! names from the real exporter; that exporter's text, once for each half minute of two days, would take longer than the
//! days' simulation.)

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit, atomics::AtomicU64};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
};

/// The series of one process. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Scrapes(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    scrapes: usize,
    series: BTreeMap<String, Live>,
}

struct Live {
    value: Arc<AtomicU64>,
    is_gauge: bool,
    /// How many scrapes came before the series did.
    missed: usize,
    scraped: Vec<f64>,
}

/// What was scraped of one series. `None`: the series was not there.
pub(crate) type Values = Vec<Option<f64>>;

impl Scrapes {
    pub(crate) fn scrape(&self) {
        let mut state = self.0.lock().unwrap();
        state.scrapes += 1;
        for live in state.series.values_mut() {
            let value = live.value.load(Relaxed);
            let value = if live.is_gauge {
                f64::from_bits(value)
            } else {
                value as f64
            };
            live.scraped.push(value);
        }
    }

    /// Everything that was scraped, by the series' name and labels.
    pub(crate) fn series(&self) -> BTreeMap<String, Values> {
        let state = self.0.lock().unwrap();
        let values = |live: &Live| {
            let absent = std::iter::repeat_n(None, live.missed);
            absent.chain(live.scraped.iter().copied().map(Some)).collect()
        };
        state
            .series
            .iter()
            .map(|(name, live)| (name.clone(), values(live)))
            .collect()
    }

    fn register(&self, key: &Key, is_gauge: bool) -> Arc<AtomicU64> {
        let labels = key.labels().map(|label| format!("{}={:?}", label.key(), label.value()));
        let name = format!("{}{{{}}}", key.name(), labels.collect::<Vec<_>>().join(","));
        let mut state = self.0.lock().unwrap();
        let missed = state.scrapes;
        let live = state.series.entry(name).or_insert_with(|| Live {
            value: Arc::default(),
            is_gauge,
            missed,
            scraped: Vec::new(),
        });
        live.value.clone()
    }
}

impl Recorder for Scrapes {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.register(key, false))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.register(key, true))
    }

    /// No alert reads a duration.
    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
