//! With `--report`: a run is a drill with criteria, a forbidden place as bait, and a report.

use super::{
    course::Course,
    figures::{Figures, Half, ReportFigures},
    flags::{Flags, Reporting},
    load::PATIENCE,
    outcome::{Outcome, Side},
};
use evenkeel::{
    Endpoint,
    drill::report::{
        self, Breaches, Bundle, Calls, Configuration, Criteria, Gap, Journal, Measured, Outcome as Came, Plan, Scope,
        Writes, check, verify,
    },
    request::OpClass,
};
use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{io::AsyncReadExt, net::TcpListener, task::JoinSet};

/// What must hold unless `--criteria` says otherwise: callers hardly notice, and nothing is lost.
pub(crate) fn criteria() -> Criteria {
    Criteria::new()
        .availability(0.999)
        .p99(PATIENCE)
        .recovery(Duration::from_secs(5))
        .lost_writes(0)
        .breaches(0)
}

/// Writes down the plan, with its criteria. Without `--report`: nothing.
pub(crate) fn begin(flags: &Flags, course: &Course) -> Result<Option<Journal>, Box<dyn Error>> {
    let Some(reporting) = &flags.report else {
        return Ok(None);
    };
    let load = format!("{} calls/s, 90 % gets and 10 % puts of new keys, 1 KiB", flags.rate);
    let scope = if flags.simulate {
        Scope::simulation(format!("A client of three stores in memory. {load}."))
    } else {
        let tables = if flags.kv {
            " and of DynamoDB tables at the first two"
        } else {
            ""
        };
        Scope::loopback(format!(
            "A client of three S3 servers on loopback{tables}, each behind a fault proxy. {load}."
        ))
    };
    let mut configuration = Configuration::new().line("replication", "write once");
    for place in course.places() {
        configuration = configuration.endpoint(place.profile());
    }
    let configuration = configuration
        .endpoint(forbidden().profile())
        .line("constraint", constraint(course))
        .line("everything else", "evenkeel's defaults");
    let mut plan = Plan::new(course.scenario().clone(), flags.seed, scope, reporting.criteria)
        .true_length(flags.scenario.duration())
        .configuration(configuration);
    if let Some(previous) = reporting.previous.clone() {
        plan = plan.previous(previous);
    }
    let journal = Journal::begin(plan)?;
    eprintln!(
        "The criteria are recorded. Their digest: {}\n",
        journal.criteria_digest()
    );
    Ok(Some(journal))
}

/// A place that no constraint allows. It is there to be left alone.
pub(crate) fn forbidden() -> Endpoint<()> {
    Endpoint::new("forbidden", ())
        .provider("nobody")
        .region("nowhere")
        .location("XX")
}

/// Where the three places lie.
pub(crate) fn locations(course: &Course) -> Vec<String> {
    let places = course.places();
    let each = places.iter().filter_map(|place| place.profile().location());
    each.map(str::to_owned).collect()
}

fn constraint(course: &Course) -> String {
    format!("only in {}", locations(course).join(", "))
}

/// What was seen at each place.
pub(crate) fn breaches(course: &Course, counted_by: &str, seen: impl Fn(&str) -> u64) -> Breaches {
    let mut breaches = Breaches::new(constraint(course), counted_by);
    for place in course.places() {
        let name = place.profile().name();
        breaches = breaches.endpoint(name, false, seen(name));
    }
    let bait = forbidden();
    let name = bait.profile().name();
    breaches.endpoint(name, true, seen(name))
}

/// Writes the report, reads it back, and says where it is.
pub(crate) fn publish(
    reporting: &Reporting,
    outcome: &Outcome,
    figures: &Figures,
) -> Result<(ReportFigures, String), Box<dyn Error>> {
    let bundle = bundle(outcome, figures).ok_or("no journal was kept")?;
    let (directory, by) = (&reporting.directory, reporting.approved_by.as_deref());
    let (verified, signed) = match &reporting.key {
        Some(key) => {
            bundle.write_signed(directory, by, key)?;
            let public = key.public_key();
            (verify(directory, &public).is_ok(), format!("signed by {public}"))
        }
        None => {
            bundle.write(directory, by)?;
            let told = "not signed: give --key for that";
            (check(directory).is_ok(), told.to_owned())
        }
    };
    let judgements = &bundle.report.judgements;
    let passed = judgements.iter().filter(|one| one.outcome == Came::Met).count();
    let told = format!(
        "The drill: {} of {} criteria met. The report is in {} ({signed}).\n",
        passed,
        judgements.len(),
        directory.join("report.html").display()
    );
    let figures = ReportFigures {
        criteria: judgements.len(),
        passed,
        verified,
        page_bytes: page_bytes(),
    };
    Ok((figures, told))
}

/// The report of a run with a journal.
pub(crate) fn bundle(outcome: &Outcome, figures: &Figures) -> Option<Bundle> {
    let journal = outcome.course.journal.as_ref()?;
    let mut measured = Measured::new(side(outcome, &outcome.evenkeel, &figures.evenkeel));
    measured.plain = Some(side(outcome, &outcome.baseline, &figures.baseline));
    measured.breaches.clone_from(&outcome.breaches);
    measured.gaps = vec![
        Gap::not_measured(
            "stale answers",
            "Each key is written once: what is not as written counts as lost.",
        ),
        Gap::not_tested(
            "list calls",
            "The load of the replay fetches and stores; it enumerates nothing.",
        ),
    ];
    if outcome.streams.is_some() {
        let why = "They ran beside the calls; the replay's own table has their figures.";
        measured.gaps.push(Gap::not_measured("streams of 8 MiB", why));
    }
    Some(journal.finish(measured))
}

fn side(outcome: &Outcome, side: &Side, half: &Half) -> report::Figures {
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let before = millis(outcome.course.before);
    let mut calls = Calls::new();
    for sample in &side.samples {
        let class = if sample.put { OpClass::Write } else { OpClass::Read };
        calls.add(class, millis(sample.at) - before, sample.latency, sample.available());
    }
    let mut figures = calls.figures(format!("answered rightly within {} s", PATIENCE.as_secs()));
    figures.attempts = Some(side.samples.iter().map(|sample| u64::from(sample.attempts)).sum());
    figures.traffic_left_ms = half.leave_s.map(|seconds| (seconds * 1e3).round() as u64);
    figures.traffic_back_ms = half.return_s.map(|seconds| (seconds * 1e3).round() as u64);
    figures.writes = Some(Writes::new(half.acked_writes as u64, side.lost.len() as u64));
    figures
}

/// How many requests were sent to each place of a simulation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Passed(Arc<Mutex<BTreeMap<String, Arc<AtomicU64>>>>);

impl Passed {
    /// A layer that counts the requests to this place.
    pub(crate) fn layer<C>(
        &self,
        place: &str,
    ) -> tower::util::MapRequestLayer<impl Fn(C) -> C + Clone + Send + Sync + use<C>> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = places.entry(place.to_owned()).or_default().clone();
        tower::util::MapRequestLayer::new(move |call| {
            count.fetch_add(1, Relaxed);
            call
        })
    }

    pub(crate) fn seen(&self) -> BTreeMap<String, u64> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = places.iter().map(|(place, count)| (place.clone(), count.load(Relaxed)));
        each.collect()
    }
}

/// A listener where nobody may connect. It ends when it is dropped.
pub(crate) struct Bait {
    port: u16,
    connections: Arc<AtomicU64>,
    _listening: JoinSet<()>,
}

impl Bait {
    pub(crate) async fn start() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let connections = Arc::new(AtomicU64::new(0));
        let count = connections.clone();
        let mut listening = JoinSet::new();
        listening.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                count.fetch_add(1, Relaxed);
                // Whoever came gets no answer; one read is enough to have seen it.
                let _ = socket.read(&mut [0; 1024]).await;
            }
        });
        Ok(Self {
            port,
            connections,
            _listening: listening,
        })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Relaxed)
    }
}

/// The length of the status page, as a server answers it.
#[cfg(feature = "status")]
fn page_bytes() -> Option<usize> {
    use evenkeel::ops::status_page::StatusPage;
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    // A runtime of its own, wherever this is called.
    let ask = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        runtime.block_on(async {
            let request = http::Request::get("/").body(String::new()).ok()?;
            let answer = StatusPage::new().oneshot(request).await.ok()?;
            let body = answer.into_body().collect().await.ok()?;
            Some(body.to_bytes().len())
        })
    };
    std::thread::spawn(ask).join().ok()?
}

#[cfg(not(feature = "status"))]
const fn page_bytes() -> Option<usize> {
    None
}
