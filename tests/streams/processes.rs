//! Processes that stand still or are killed half-way: the client's, and the server's.
//!
//! A child is this test binary again, with a role. It says where it is in lines that begin with [`SAYS`], and ends with its
//! parent.

use crate::{
    downloads::{film, rest},
    s3s_server::{self, Server},
    socket_uploads::{self, server},
    sockets::{BUCKET, KEY, client},
};
use bytes::Bytes;
use evenkeel::client::object::Source;
#[cfg(feature = "files")]
use evenkeel::client::object::Spool;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
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
#[cfg(feature = "files")]
const SPOOL: &str = "EVENKEEL_STREAMS_SPOOL";

/// Killed when dropped.
struct Process {
    child: Child,
    said: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, home: Option<&str>, copy: Option<&str>) -> Self {
        Self::run(Command::new(std::env::current_exe().unwrap()), role, home, copy)
    }

    fn run(mut command: Command, role: &str, home: Option<&str>, copy: Option<&str>) -> Self {
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

/// The film, which says of each tenth that it is taken. `stuck`: nothing comes after the fourth.
fn told_of(is_stuck: bool) -> Source {
    let film = film(SIZE);
    let tenth = SIZE.div_ceil(10);
    let pieces = stream::iter(0..10).then(move |at| {
        say(&format!("tenth {at}"));
        let piece = film.slice(at * tenth..SIZE.min((at + 1) * tenth));
        async move {
            if is_stuck && at > 3 {
                std::future::pending::<()>().await;
            }
            std::io::Result::Ok(piece)
        }
    });
    Source::stream(pieces)
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
                let server = server().await;
                say(&server.inner.url());
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
            "upload" | "upload, and get stuck" => {
                let client = socket_uploads::client(&url(HOME).unwrap());
                let call = client
                    .put_stream(KEY, told_of(role != "upload"))
                    .part_size(PART)
                    .concurrency(2);
                call.await.unwrap();
                say("stored");
            }
            #[cfg(feature = "files")]
            "upload, by a spool" => {
                let spool = Spool::new().memory(PART).dir(url(SPOOL).unwrap());
                let source = told_of(false).spooled(spool);
                let client = socket_uploads::client(&url(HOME).unwrap());
                let error = client.put_stream(KEY, source).part_size(PART).await.unwrap_err();
                say(&error.to_string());
                // It gives the upload up.
                std::future::pending().await
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

/// What a server of ours holds under the key.
fn held(store: &Server) -> Option<Bytes> {
    store.inner.store().object(BUCKET, KEY).map(|stored| stored.body)
}

/// Stopped for five seconds in the middle.
#[test]
fn an_upload_survives_its_process_standing_still() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let home = servers.block_on(server());
    home.inner.set_rate(Some(512 << 10));
    let mut child = Process::start("upload", Some(&home.inner.url()), None);
    while child.says() != "tenth 4" {}
    child.stand_still();
    while child.says() != "stored" {}
    assert!(held(&home) == Some(film(SIZE)));
    assert!(home.inner.store().uploads(BUCKET).is_empty());
}

#[test]
fn an_upload_survives_its_server_standing_still() {
    let mut home = Process::start("serve", None, None);
    let url = home.says();
    let mut child = Process::start("upload", Some(&url), None);
    while child.says() != "tenth 4" {}
    home.stand_still();
    while child.says() != "stored" {}
    let client = client(&url, None);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let got = client.get(KEY).await.unwrap();
        assert!(*got.body() == film(SIZE));
        let swept = socket_uploads::client(&url)
            .sweep_uploads(Duration::ZERO)
            .await
            .unwrap();
        assert_eq!((swept.aborted, swept.kept), (0, 0));
    });
}

/// What is there afterwards is the whole film or nothing, and a sweep frees the rest.
#[test]
fn what_a_killed_process_uploaded_is_whole_or_swept() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    for at in [0, 4, 7, 9] {
        // At one of them it is known to be in the middle, on whichever machine.
        let role = if at == 4 { "upload, and get stuck" } else { "upload" };
        let home = servers.block_on(server());
        // So that all of it takes a second.
        home.inner.set_rate(Some(1 << 20));
        let mut child = Process::start(role, Some(&home.inner.url()), None);
        while child.says() != format!("tenth {at}") {}
        // Anywhere in what comes next.
        std::thread::sleep(Duration::from_millis(fastrand::Rng::with_seed(at).u64(..300)));
        drop(child);
        servers.block_on(home.inner.settled());
        let open = home.inner.store().uploads(BUCKET).len();
        assert!(
            open == 1 || role == "upload",
            "killed at tenth {at}: {open} uploads are open"
        );
        let is_stored = match held(&home) {
            None => false,
            Some(held) if held == film(SIZE) => true,
            Some(_) => panic!("killed at tenth {at}: stored in part"),
        };
        assert!(!is_stored || open == 0, "killed at tenth {at}");
        let client = socket_uploads::client(&home.inner.url());
        let young = servers
            .block_on(client.sweep_uploads(Duration::from_secs(3_600)).into_future())
            .unwrap();
        assert_eq!((young.aborted, young.kept), (0, open), "killed at tenth {at}");
        let all = servers
            .block_on(client.sweep_uploads(Duration::ZERO).into_future())
            .unwrap();
        assert_eq!(
            (all.aborted, all.kept, all.failed.len()),
            (open, 0, 0),
            "killed at tenth {at}"
        );
        assert!(home.inner.store().uploads(BUCKET).is_empty(), "killed at tenth {at}");
        let again = servers.block_on(client.put_stream(KEY, "again").overwrite().into_future());
        assert!(again.is_ok(), "{again:?}");
    }
}

/// No file of the child may have more than a quarter or half of a MiB, as the shell counts: it meets the end of the room
/// in the middle of the film, as on a full disk.
#[cfg(all(feature = "files", target_os = "linux"))]
#[test]
fn a_spool_without_room_fails_its_upload_and_leaves_nothing() {
    let servers = tokio::runtime::Runtime::new().unwrap();
    let home = servers.block_on(server());
    let dir = tempfile::tempdir().unwrap();
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap '' XFSZ; ulimit -f 512; exec "$@""#, "sh"]);
    limited.arg(std::env::current_exe().unwrap()).env(SPOOL, dir.path());
    let mut child = Process::run(limited, "upload, by a spool", Some(&home.inner.url()), None);
    let mut said = child.says();
    while said.starts_with("tenth") {
        said = child.says();
    }
    assert_eq!(
        said,
        "put_stream failed half-way: the source of the upload could not be read: the spool could not be written: \
         File too large (os error 27)"
    );
    assert!(held(&home).is_none());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    // The file had no name: nobody has it open any more, so its room is free. The upload is given up, too.
    let has_it_open = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", child.child.id())).unwrap();
        let mut open = open.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
        open.any(|file| file.starts_with(dir.path()))
    };
    let mut waits = 0..1_000;
    while has_it_open() || !home.inner.store().uploads(BUCKET).is_empty() {
        assert!(waits.next().is_some(), "something is left");
        std::thread::sleep(Duration::from_millis(20));
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
