//! Servers that are processes of their own.

#![allow(dead_code)] // each test binary uses the part it needs

use evenkeel::testing::{
    objects::{Claim, Claims},
    uploads,
};
use std::{
    fs::OpenOptions,
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Ends with the test.
pub(crate) struct Process {
    pub(crate) addr: SocketAddr,
    child: Child,
    _dir: tempfile::TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// S3 in Python, or `None` with a word why not.
pub(crate) fn moto(what: &str) -> Option<Process> {
    start("moto", what, "moto_server", |command, port, _| {
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
    })
}

/// What moto 5.2 does not do.
pub(crate) fn moto_claims() -> Claims {
    let closed = "moto closes a body that is being replaced under its reader, and answers 500";
    let threads = "moto decides conditions in threads without a lock: on a busy machine two creates were seen to win";
    let claims = Claims::all().content_etags().without(Claim::AtomicIfMatch, closed);
    claims.without(Claim::AtomicCreate, threads)
}

/// What moto 5.2 does not do with uploads and copies.
pub(crate) fn moto_uploads() -> uploads::Claims {
    let gone = "moto answers 500 to a part or a completion of an upload that is gone; what it does is tried apart";
    let claims = uploads::Claims::all().without(uploads::Claim::Parts, gone);
    let claims = claims.without(uploads::Claim::ConditionalCopy, "moto ignores If-None-Match on copies");
    let source = "moto ignores x-amz-copy-source-if-match";
    claims.without(uploads::Claim::CopyOfState, source)
}

/// Azure Blob Storage in JavaScript, or `None` with a word why not.
pub(crate) fn azurite(what: &str, more: &[&str]) -> Option<Process> {
    start("azurite", what, "azurite-blob", |command, port, dir| {
        command.args([
            "--silent",
            "--disableTelemetry",
            "--inMemoryPersistence",
            "--skipApiVersionCheck",
        ]);
        command.args(["--blobHost", "127.0.0.1", "--blobPort", &port.to_string()]);
        command.args(more).current_dir(dir);
    })
}

/// Google's emulator of Bigtable, or `None` with a word why not. It has the table of `bigtable/emulator.go`.
pub(crate) fn bigtable(what: &str) -> Option<Process> {
    start("bigtable", what, "bigtable-emulator", |command, port, _| {
        // It ends with its standard input, also where this test is killed.
        command
            .args(["-addr", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::piped());
    })
}

fn start(
    server: &str,
    what: &str,
    program: &str,
    configure: impl Fn(&mut Command, u16, &std::path::Path),
) -> Option<Process> {
    let Some(path) = find(program) else {
        say(server, &format!("did not run, `{program}` is not installed"));
        return None;
    };
    // The port may be taken between the look and the start.
    for _ in 0..3 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new(&path);
        configure(&mut command, addr.port(), dir.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let Ok(child) = child else {
            say(server, &format!("did not run, `{program}` does not start"));
            return None;
        };
        let mut process = Process { addr, child, _dir: dir };
        if process.answers() {
            say(server, &format!("ran: {what}"));
            return Some(process);
        }
    }
    say(
        server,
        &format!("did not run, `{program}` is installed and does not listen"),
    );
    None
}

impl Process {
    /// Half a minute is what a busy machine needs to start an interpreter.
    fn answers(&mut self) -> bool {
        const PAUSE: Duration = Duration::from_millis(50);
        for _ in 0..600 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return false;
            }
            if TcpStream::connect(self.addr).is_ok() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }
}

/// In the path, or where `./test` installs what is missing.
fn find(program: &str) -> Option<PathBuf> {
    let servers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/servers");
    let installed = ["node_modules/.bin", "venv/bin", "bin"].map(|dir| servers.join(dir));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all = std::env::split_paths(&path).chain(installed);
    all.find_map(|dir| Some(dir.join(program)).filter(|file| file.is_file()))
}

/// For the reader of the test's output, and for `./test`, which collects these lines.
pub(crate) fn say(server: &str, what: &str) {
    println!("{server}: {what}");
    if let Some(log) = std::env::var_os("EVENKEEL_SERVERS_LOG")
        && let Ok(mut log) = OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "{server}: {what}");
    }
}
