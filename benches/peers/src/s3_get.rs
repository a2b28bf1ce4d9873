//! What a whole process pays per real S3 GET on loopback, through the plain SDK and through evenkeel.
//!
//! The server is a process of its own (this program, started again), so that only the client's CPU is counted: signing, HTTP,
//! sockets, the kernel's part of them, and evenkeel. Rounds are interleaved, each begins with another of the three, and the
//! ratios are the medians of the rounds' ratios: a clock that changes its pace changes it for all.

use aws_sdk_s3::{
    Client as S3,
    config::{BehaviorVersion, Config, Credentials, Region, retry::RetryConfig},
    error::{ConnectorError, SdkError},
    operation::get_object::GetObjectError,
};
use bytes::Bytes;
use evenkeel::{Endpoint, Failover, ObjectClient, Replication, provider};
use http_body_util::Full;
use hyper::{Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use std::{
    convert::Infallible,
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

const ROUNDS: usize = 121;
const GETS: u32 = 200;

/// Microseconds of CPU per GET of 1 KiB, user and system, and their ratios to the plain SDK's.
#[derive(Debug, Serialize)]
pub(crate) struct Cost {
    pub(crate) plain_us: f64,
    pub(crate) failover_us: f64,
    pub(crate) object_client_us: f64,
    pub(crate) failover_ratio: f64,
    pub(crate) object_client_ratio: f64,
}

pub(crate) fn measured() -> Cost {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let spent = runtime.block_on(spent(server.address));
    let [plain_us, failover_us, object_client_us] = spent.each_ref().map(|all| median(all.clone()));
    let ratio = |of: &[f64]| median(of.iter().zip(&spent[0]).map(|(one, plain)| one / plain).collect());
    Cost {
        plain_us,
        failover_us,
        object_client_us,
        failover_ratio: ratio(&spent[1]),
        object_client_ratio: ratio(&spent[2]),
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

/// Of each round, by each of the three.
async fn spent(address: SocketAddr) -> [Vec<f64>; 3] {
    let plain = S3::from_conf(config(address).build());
    // As the migration guide says: evenkeel retries, the SDK below it does not.
    let below = || S3::from_conf(config(address).retry_config(RetryConfig::disabled()).build());
    let failover = Failover::builder()
        .endpoints(["virginia", "ireland", "stackit"].map(|name| Endpoint::new(name, below())))
        .build()
        .unwrap();
    let objects = ObjectClient::builder()
        .endpoints(
            ["virginia", "ireland", "stackit"].map(|name| Endpoint::new(name, provider::S3::new(below(), "bucket"))),
        )
        .replication(Replication::provider_managed())
        .build()
        .unwrap();
    let mut spent = [const { Vec::new() }; 3];
    for round in 0..ROUNDS {
        for turn in 0..3 {
            let who = (round + turn) % 3;
            let one = match who {
                0 => each(async || get(plain.clone()).await.unwrap()).await,
                1 => each(async || failover.read(get).await.unwrap()).await,
                _ => each(async || objects.get("key").await.unwrap().body().clone()).await,
            };
            // The first round connects.
            if round > 0 {
                spent[who].push(one);
            }
        }
    }
    spent
}

async fn each(get: impl AsyncFn() -> Bytes) -> f64 {
    let before = process_cpu();
    for _ in 0..GETS {
        assert_eq!(get().await.len(), OBJECT.len());
    }
    (process_cpu() - before).as_secs_f64() * 1e6 / f64::from(GETS)
}

async fn get(s3: S3) -> Result<Bytes, SdkError<GetObjectError>> {
    let got = s3.get_object().bucket("bucket").key("key").send().await?;
    let body = got.body.collect().await.map_err(|lost| ConnectorError::io(lost.into()));
    Ok(body.map_err(SdkError::dispatch_failure)?.into_bytes())
}

fn config(address: SocketAddr) -> aws_sdk_s3::config::Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
}

fn process_cpu() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is valid for writing.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    assert_eq!(status, 0);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

static OBJECT: [u8; 1_024] = [0; 1_024];

/// What this program does when it is started as the server.
pub(crate) const SERVE: &str = "--serve";

/// Answers every GET with the same object, until its standard input is closed.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let closed = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        tokio::select! {
            () = accept(listener) => {}
            _ = closed => {}
        }
    });
}

async fn accept(listener: tokio::net::TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async {
            let answer = service_fn(async |_: hyper::Request<Incoming>| {
                let response = Response::builder()
                    .header("etag", "\"0f343b0931126a20f133d67c2b018a3b\"")
                    .header("last-modified", "Fri, 20 Nov 2026 10:00:00 GMT")
                    .header("content-type", "application/octet-stream");
                Ok::<_, Infallible>(response.body(Full::new(Bytes::from_static(&OBJECT))).unwrap())
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(SERVE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().parse().unwrap();
        Self { process, address }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
