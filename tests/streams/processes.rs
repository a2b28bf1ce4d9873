//! Processes that stand still or are killed half-way: the client's, and the server's.
//!
//! A child is this test binary again, with a role. It says where it is in lines that begin with [`SAYS`], and ends with its
//! parent.

use crate::{
    downloads::{film, rest},
    s3s_server::{self, Server},
    sockets::{BUCKET, KEY, client},
};
use evenkeel_s3_server::Settings;
use futures_util::TryStreamExt as _;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

const SIZE: usize = 2 << 20;
const PART: u64 = 128 << 10;
/// Longer than any limit.
const STILL: Duration = Duration::from_secs(5);
const SAYS: &str = "streams: ";
const ROLE: &str = "EVENKEEL_STREAMS_ROLE";
const HOME: &str = "EVENKEEL_STREAMS_HOME";
const COPY: &str = "EVENKEEL_STREAMS_COPY";

/// Killed when dropped.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, home: Option<&str>, copy: Option<&str>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["processes::a_child_with_a_role", "--exact", "--ignored", "--nocapture"]);
        command.env(ROLE, role).stdin(Stdio::piped()).stdout(Stdio::piped());
        for (name, url) in [(HOME, home), (COPY, copy)] {
            command.envs(url.map(|url| (name, url)));
        }
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said }
    }

    /// The next thing that it says.
    fn says(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the child has ended");
            // The test runner's own words may stand before, in the same line.
            if let Some((_, word)) = line.split_once(SAYS) {
                return word.trim().to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn stand_still(&self) {
        self.signal(Signal::STOP);
        std::thread::sleep(STILL);
        self.signal(Signal::CONT);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn say(word: &str) {
    println!("{SAYS}{word}");
}

/// What the children do.
#[test]
#[ignore = "a child of the other tests"]
fn a_child_with_a_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    std::thread::spawn(|| {
        // Its parent has ended, or wants it to.
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(1);
    });
    let url = |name| std::env::var(name).ok();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        match role.as_str() {
            "serve" => {
                let server = evenkeel_s3_server::Server::start(Settings::new(&[BUCKET]))
                    .await
                    .unwrap();
                say(&server.url());
                std::future::pending().await
            }
            "download" => {
                let client = client(&url(HOME).unwrap(), url(COPY).as_deref());
                let mut download = client.get_stream(KEY).part_size(PART).concurrency(3).await.unwrap();
                let mut all = Vec::new();
                while all.len() < SIZE / 4 {
                    all.extend_from_slice(&download.try_next().await.unwrap().unwrap());
                }
                say("a quarter");
                rest(&mut download, &mut all).await.unwrap();
                say(if all == film(SIZE) { "the same" } else { "other bytes" });
            }
            role => panic!("{role}"),
        }
    });
}

/// A server in this process, with the film in it.
fn store(servers: &tokio::runtime::Runtime) -> Server {
    servers.block_on(async {
        let store = s3s_server::start(&[BUCKET]).await;
        client(&store.inner.url(), None).put(KEY, film(SIZE)).await.unwrap();
        store
    })
}

/// Stopped for five seconds, while the servers wait.
#[test]
fn a_download_survives_its_process_standing_still() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let home = store(&servers);
    let copy = servers.block_on(home.copy());
    // So that a second of it is left when it is stopped.
    for server in [&home, &copy] {
        server.inner.set_rate(Some(512 << 10));
    }
    std::thread::scope(|scope| {
        for copy in [None, Some(copy.inner.url())] {
            let home = home.inner.url();
            scope.spawn(move || {
                let mut child = Process::start("download", Some(&home), copy.as_deref());
                assert_eq!(child.says(), "a quarter");
                child.stand_still();
                assert_eq!(child.says(), "the same", "with {copy:?}");
            });
        }
    });
}

/// Stopped, its sockets stay open and take what fits. The download goes on elsewhere, or waits where there is no elsewhere.
#[test]
fn a_download_survives_its_server_standing_still() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let copy = store(&servers);
    let mut home = Process::start("serve", None, None);
    let url = home.says();
    servers.block_on(replicate(&copy, &url));
    let film = film(SIZE);
    for copy in [Some(copy.inner.url()), None] {
        let client = client(&url, copy.as_deref());
        let call = client.get_stream(KEY).part_size(PART).concurrency(2);
        let (mut download, mut all) = servers.block_on(async {
            let mut download = call.await.unwrap();
            let first = download.try_next().await.unwrap().unwrap();
            (download, first.to_vec())
        });
        home.signal(Signal::STOP);
        std::thread::scope(|scope| {
            // With a copy it is still stopped when the download has ended.
            if copy.is_none() {
                scope.spawn(|| {
                    std::thread::sleep(STILL);
                    home.signal(Signal::CONT);
                });
            }
            servers.block_on(rest(&mut download, &mut all)).unwrap();
        });
        home.signal(Signal::CONT);
        assert!(all == film, "with {copy:?}");
    }
}

/// As a provider's own replication does: the metadata travels along.
async fn replicate(from: &Server, to: &str) {
    let [from, to] = [from.inner.url(), to.to_owned()].map(|url| {
        let config = s3s_server::config(&url).build();
        aws_sdk_s3::Client::from_conf(config)
    });
    let object = from.get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    let put = to
        .put_object()
        .bucket(BUCKET)
        .key(KEY)
        .set_metadata(object.metadata.clone());
    let body = object.body.collect().await.unwrap().into_bytes();
    put.body(body.into()).send().await.unwrap();
}
