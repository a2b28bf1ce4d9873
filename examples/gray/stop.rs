//! A process that stands still: a suspended virtual machine, a laptop's lid, a stopped container. Everybody else goes on.
//!
//! The servers are in this process. Those who ask are processes of their own, which are stopped and continued by signals.

use crate::{
    clients::{AWAY, HOME, Plain, at, ours},
    report::{Case, Figures},
    server::{Manner, Server},
};
use evenkeel::Replication;
use futures_util::future::join_all;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    net::SocketAddr,
    process::{ExitCode, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::{sleep, timeout},
};

/// The argument that makes a process one of those who ask.
pub(crate) const CHILD: &str = "--asks";
const UNDER_WAY: usize = 30;
const LATENCY: Duration = Duration::from_millis(200);
const PAUSES: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(5)];
/// Of each pause: those whose home is well, those whose home falls silent while they stand still.
const WELL: usize = 10;
const ILL: usize = 2;

pub(crate) async fn play() -> Case {
    let mut reports = Vec::new();
    for pause in PAUSES {
        reports.extend(stopped_for(pause).await);
    }
    let of = |who: Who| {
        reports
            .iter()
            .filter(move |(asker, _)| *asker == who)
            .map(|(_, figures)| figures)
    };
    let opened = |figures: &&Figures| figures.get("openings").is_none_or(|openings| openings > 0.0);
    let sum = |who: Who, name: &str| of(who).map(|figures| figures.get(name)).sum::<Option<f64>>();
    let (well, ill) = (of(Who::Well).count(), of(Who::Ill).count());
    let opened_well = of(Who::Well).filter(opened).count();
    // It is left: the breaker opens, and the others' answers do.
    let found = of(Who::Ill)
        .filter(opened)
        .filter(|figures| figures.get("failed") == Some(0.0))
        .count();
    let figures = Figures::new()
        .with("runs", well)
        .with("runs_with_an_opening", opened_well)
        .with("failed", sum(Who::Well, "failed"))
        .with("answered_elsewhere", sum(Who::Well, "elsewhere"))
        .with("runs_with_a_fault", ill)
        .with("faults_found", found)
        .with("failed_at_a_fault", sum(Who::Ill, "failed"));
    let plain = Figures::new()
        .with("runs", of(Who::Plain).count())
        .with("failed", sum(Who::Plain, "failed"));
    let ok = well == PAUSES.len() * WELL && opened_well == 0 && found == ill && figures.at_most("failed", 0.0);
    Case::new("stop", ok, figures, plain)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Well,
    Ill,
    Plain,
}

/// One who asks, and whom.
struct Asker {
    who: Who,
    process: Child,
    /// It ends when this does.
    _asks_on: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
    home: Server,
    _away: Server,
}

async fn stopped_for(pause: Duration) -> Vec<(Who, Figures)> {
    let kinds = [(Who::Well, WELL), (Who::Ill, ILL), (Who::Plain, 1)];
    let kinds = kinds.into_iter().flat_map(|(who, many)| std::iter::repeat_n(who, many));
    let mut askers = join_all(kinds.map(Asker::start)).await;
    for asker in &mut askers {
        assert_eq!(asker.says.next_line().await.unwrap().as_deref(), Some("ready"));
    }
    for asker in &askers {
        asker.signal(Signal::STOP);
    }
    sleep(pause / 2).await;
    for asker in askers.iter().filter(|asker| asker.who == Who::Ill) {
        asker.home.hang();
    }
    sleep(pause / 2).await;
    for asker in &askers {
        asker.signal(Signal::CONT);
    }
    sleep(Duration::from_millis(2_500)).await;
    join_all(askers.into_iter().map(Asker::end)).await
}

impl Asker {
    async fn start(who: Who) -> Self {
        let server = async || {
            let server = Server::start(Manner::steady(LATENCY)).await;
            server.seed("object", vec![7; 1024]);
            server
        };
        let (home, away) = (server().await, server().await);
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                CHILD.to_owned(),
                format!("{who:?}"),
                home.addr.to_string(),
                away.addr.to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            who,
            _asks_on: process.stdin.take().unwrap(),
            says: BufReader::new(process.stdout.take().unwrap()).lines(),
            process,
            home,
            _away: away,
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().and_then(|id| Pid::from_raw(id as i32)).unwrap();
        kill_process(id, signal).unwrap();
    }

    async fn end(self) -> (Who, Figures) {
        let Self {
            who,
            mut process,
            _asks_on,
            mut says,
            ..
        } = self;
        drop(_asks_on);
        let line = timeout(Duration::from_secs(15), says.next_line()).await;
        let line = line.ok().and_then(Result::ok).flatten();
        let figures = line
            .and_then(|line| serde_json::from_str(&line).ok())
            .unwrap_or_default();
        let _ = process.kill().await;
        (who, figures)
    }
}

/// The process that asks.
pub(crate) fn child(arguments: &[String]) -> ExitCode {
    let [who, home, away] = arguments else {
        return ExitCode::from(2);
    };
    let servers = (home.parse().unwrap(), away.parse().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let figures = runtime.block_on(ask(who == "Plain", servers));
    println!("{}", serde_json::to_string(&figures).unwrap());
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

/// What the calls came to.
#[derive(Default)]
struct Tally {
    over: AtomicBool,
    calls: AtomicUsize,
    failed: AtomicUsize,
    elsewhere: AtomicUsize,
}

impl Tally {
    /// Asks on until it is over. What a call says: the endpoint that answered.
    async fn of<F: Future<Output = Option<String>>>(&self, call: impl Fn() -> F) {
        while !self.over.load(SeqCst) {
            let answered_by = call().await;
            self.calls.fetch_add(1, SeqCst);
            match answered_by.as_deref() {
                Some(HOME) => {}
                Some(_) => drop(self.elsewhere.fetch_add(1, SeqCst)),
                None => drop(self.failed.fetch_add(1, SeqCst)),
            }
        }
    }
}

async fn ask(plainly: bool, (home, away): (SocketAddr, SocketAddr)) -> Figures {
    let (Plain(home), Plain(away)) = (at(home), at(away));
    let (builder, openings) = ours([(HOME, &home), (AWAY, &away)]);
    let client = builder.replication(Replication::write_once()).build().unwrap();
    let tally = Arc::new(Tally::default());
    let asking: Vec<_> = (0..UNDER_WAY)
        .map(|_| {
            let (client, plain, tally) = (client.clone(), Plain(home.clone()), tally.clone());
            tokio::spawn(async move {
                if plainly {
                    tally
                        .of(async || plain.get("object").await.ok().map(|_| HOME.to_owned()))
                        .await;
                } else {
                    let get = async || client.get("object").await.ok().map(|got| got.endpoint().to_owned());
                    tally.of(get).await;
                }
            })
        })
        .collect();
    sleep(Duration::from_secs(2)).await;
    println!("ready");
    // It is over when the parent says so, or is gone.
    let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    tally.over.store(true, SeqCst);
    join_all(asking).await;
    client.close();
    Figures::new()
        .with("calls", tally.calls.load(SeqCst))
        .with("failed", tally.failed.load(SeqCst))
        .with("elsewhere", tally.elsewhere.load(SeqCst))
        .with("openings", openings.count())
}
