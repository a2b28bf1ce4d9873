//! The S3 server in a process of its own, and what lies in it.

use evenkeel_s3_server::{ACCESS_KEY, SECRET_KEY, Server, Settings};
use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

pub(crate) const SERVE: &str = "serve";
pub(crate) const BUCKET: &str = "films";
pub(crate) const REGION: &str = "us-east-1";
pub(crate) const KEYS: (&str, &str) = (ACCESS_KEY, SECRET_KEY);

/// This program's role as the server. Ends with its standard input.
pub(crate) async fn serve(rate: Option<u64>) {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let settings = Settings::new(&[BUCKET]);
    let settings = match rate {
        Some(rate) => settings.rate(rate),
        None => settings,
    };
    let server = Server::start(settings).await.unwrap();
    println!("{}", server.url());
    std::future::pending().await
}

/// The server's process.
pub(crate) struct Serving {
    pub(crate) url: String,
    child: Child,
}

impl Serving {
    pub(crate) fn start(rate: Option<u64>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(SERVE).args(rate.map(|rate| rate.to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut url)
            .unwrap();
        Self {
            url: url.trim().to_owned(),
            child,
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
