//! Redis servers of the tests' own: each a process in a directory of its own, which ends with the test.

#![allow(dead_code)] // each test binary uses the part it needs

use crate::authority::Authority;
use std::{
    io::Write,
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A server on loopback. Ends when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    dir: tempfile::TempDir,
    /// The client that reaches it, where that takes more than its address.
    client: Option<redis::Client>,
}

/// Whether a server can be had; says so if not.
pub(crate) fn is_installed() -> bool {
    let version = Command::new("redis-server").arg("--version").output();
    let version = version.ok().filter(|output| output.status.success());
    let line = match &version {
        Some(output) => format!("redis: ran on {}", String::from_utf8_lossy(&output.stdout).trim()),
        None => {
            "redis: did not run, as there is no redis-server (Debian, Ubuntu: apt-get install redis-server)".to_owned()
        }
    };
    println!("{line}");
    // For `./test`, which collects these lines.
    if let Some(log) = std::env::var_os("EVENKEEL_SERVERS_LOG")
        && let Ok(mut log) = std::fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "{line}");
    }
    version.is_some()
}

impl Server {
    /// A server with these further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        // Somebody else can take the port between its choice and its use.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(server) = Self::start_on(port, arguments) {
                return server;
            }
        }
        panic!("redis-server does not start");
    }

    /// A server that speaks TLS only, with a certificate for this name.
    pub(crate) fn start_with_tls(authority: &Authority, name: &str) -> Self {
        Self::start_node_with_tls(authority, name, &[])
    }

    pub(crate) fn start_node_with_tls(authority: &Authority, name: &str, more: &[&str]) -> Self {
        let files = authority.files(name);
        let file = |name: &str| files.path().join(name).to_str().unwrap().to_owned();
        let (cert, key, root) = (file("cert.pem"), file("key.pem"), file("root.pem"));
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let tls = port.to_string();
            let mut arguments = vec!["--port", "0", "--tls-port", &tls, "--tls-auth-clients", "no"];
            arguments.extend([
                "--tls-cert-file",
                &cert,
                "--tls-key-file",
                &key,
                "--tls-ca-cert-file",
                &root,
            ]);
            arguments.extend(more);
            if let Some(mut server) = Self::start_on(port, &arguments) {
                server.client = Some(trusting(authority, server.addr));
                return server;
            }
        }
        panic!("redis-server does not start with TLS");
    }

    pub(crate) fn start_on(port: u16, arguments: &[&str]) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("redis-server")
            .args([
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--loglevel",
                "warning",
            ])
            .arg("--port")
            .arg(port.to_string())
            .arg("--dir")
            .arg(dir.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        for _ in 0..200 {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            if TcpStream::connect(addr).is_ok() {
                return Some(Self {
                    child,
                    addr,
                    dir,
                    client: None,
                });
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        None
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn client(&self) -> redis::Client {
        self.client.clone().unwrap_or_else(|| client(self.addr))
    }

    /// One command, past everything.
    pub(crate) async fn tell(&self, command: &[&str]) -> redis::Value {
        let mut connection = self.client().get_multiplexed_async_connection().await.unwrap();
        let mut cmd = redis::cmd(command[0]);
        for argument in &command[1..] {
            cmd.arg(argument);
        }
        cmd.query_async(&mut connection).await.unwrap()
    }
}

pub(crate) fn client(addr: SocketAddr) -> redis::Client {
    redis::Client::open(format!("redis://{addr}")).unwrap()
}

/// A client that trusts this authority and no other.
pub(crate) fn trusting(authority: &Authority, addr: SocketAddr) -> redis::Client {
    let trusted = redis::TlsCertificates {
        client_tls: None,
        root_cert: Some(authority.root.clone().into_bytes()),
    };
    redis::Client::build_with_tls(format!("rediss://{addr}"), trusted).unwrap()
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
