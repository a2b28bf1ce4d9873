//! From a connection to the store: requests are told apart, faults are played, and everything is written down.

use crate::{
    asked::{Asked, Operation},
    faults::{Fault, Faults},
    store::Store,
    wire::{Common, End, Wire},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use s3s::{Body, S3Error, S3ErrorCode, service::S3Service};
use std::{
    convert::Infallible,
    error::Error,
    str::FromStr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{net::TcpStream, sync::watch};

/// One line of the log: a request, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Logged {
    /// What was asked for.
    pub operation: Operation,
    /// The bucket, or nothing.
    pub bucket: String,
    /// The key, or nothing.
    pub key: String,
    /// The number of the part, if it is about one.
    pub part: Option<i32>,
    /// The status that the server came to, whether or not the client heard of it. `None` for a request that was dropped.
    pub status: Option<u16>,
    /// The client had its answer, or its reset, before.
    pub is_late: bool,
}

/// What one server's connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) service: Service,
    pub(crate) faults: Faults,
    pub(crate) common: Arc<Common>,
    pub(crate) max_connections: Option<usize>,
    pub(crate) accepted: AtomicUsize,
    answers: AtomicUsize,
    pub(crate) open: Count,
    pub(crate) under_way: Count,
    log: Mutex<Vec<Logged>>,
}

/// s3s's, which has no `Debug`.
pub(crate) struct Service(pub(crate) S3Service);

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Service")
    }
}

/// How many there are, for those who wait until there are none.
#[derive(Debug)]
pub(crate) struct Count(watch::Sender<usize>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct One(watch::Sender<usize>);

impl Count {
    pub(crate) fn now(&self) -> usize {
        *self.0.borrow()
    }

    pub(crate) fn one_more(&self) -> One {
        self.0.send_modify(|count| *count += 1);
        One(self.0.clone())
    }

    pub(crate) async fn none(&self) {
        // The sender is in `self`.
        let _ = self.0.subscribe().wait_for(|count| *count == 0).await;
    }
}

impl Default for Count {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

type Answer = Response<UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>>>;

/// What a task does with a request. Nothing means that the connection is reset.
type Done = Option<Answer>;

pub(crate) async fn serve(shared: Arc<Shared>, socket: TcpStream) {
    shared.accepted.fetch_add(1, SeqCst);
    let end = Arc::new(End::default());
    let is_one_too_many = shared.max_connections.is_some_and(|most| shared.open.now() >= most);
    let wire = Wire::new(socket, end.clone(), shared.common.clone());
    if is_one_too_many {
        end.reset();
        return;
    }
    let _open = shared.open.one_more();
    let service = service_fn({
        let end = end.clone();
        move |request| answer(shared.clone(), end.clone(), request)
    });
    let http = auto::Builder::new(TokioExecutor::new());
    tokio::select! {
        // A client that goes away is no failure of the server's.
        _ = http.serve_connection(TokioIo::new(wire), service) => {}
        () = end.over() => {}
    }
}

async fn answer(shared: Arc<Shared>, end: Arc<End>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let asked = Asked::of(request.method(), request.uri(), request.headers());
    let fault = shared.faults.befalling(&asked);
    // A task of its own: a store ends what it began, also when the connection is gone.
    let under_way = shared.under_way.one_more();
    let doing = tokio::spawn({
        let end = end.clone();
        async move {
            let _under_way = under_way;
            match fault {
                None => shared.apply(&asked, request.map(Body::from)).await.map(whole),
                Some(fault) => shared.play(&asked, request, fault, &end).await,
            }
        }
    });
    if let Ok(Some(answer)) = doing.await {
        return Ok(answer);
    }
    end.reset();
    std::future::pending().await
}

impl Shared {
    pub(crate) fn new(store: Store, service: S3Service, faults: Faults, max_connections: Option<usize>) -> Self {
        Self {
            store,
            service: Service(service),
            faults,
            common: Arc::default(),
            max_connections,
            accepted: AtomicUsize::new(0),
            answers: AtomicUsize::new(0),
            open: Count::default(),
            under_way: Count::default(),
            log: Mutex::default(),
        }
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Vec<Logged>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, asked: &Asked, status: Option<StatusCode>, is_late: bool) {
        self.log().push(Logged {
            operation: asked.operation,
            bucket: asked.bucket.clone(),
            key: asked.key.clone(),
            part: asked.part,
            status: status.map(|status| status.as_u16()),
            is_late,
        });
    }

    async fn apply(&self, asked: &Asked, request: Request<Body>) -> Option<Response<Body>> {
        let response = self.service.0.call(request).await.ok();
        self.note(asked, response.as_ref().map(Response::status), false);
        response.map(|response| self.marked(response))
    }

    /// As S3 marks each answer of its own.
    fn marked(&self, mut response: Response<Body>) -> Response<Body> {
        let number = self.answers.fetch_add(1, SeqCst);
        if let Ok(id) = HeaderValue::from_str(&format!("REQUEST{number:09}")) {
            response.headers_mut().insert("x-amz-id-2", id.clone());
            response.headers_mut().insert("x-amz-request-id", id);
        }
        response
    }

    /// Applies it so much later, when nobody waits for it any more.
    fn apply_late(self: &Arc<Self>, asked: &Asked, request: Request<Bytes>, after: Duration) {
        let under_way = self.under_way.one_more();
        let (shared, asked) = (self.clone(), asked.clone());
        tokio::spawn(async move {
            let _under_way = under_way;
            tokio::time::sleep(after).await;
            let response = shared.service.0.call(request.map(Body::from)).await.ok();
            shared.note(&asked, response.as_ref().map(Response::status), true);
        });
    }

    async fn play(self: &Arc<Self>, asked: &Asked, request: Request<Incoming>, fault: Fault, end: &Arc<End>) -> Done {
        if matches!(fault, Fault::Drop) {
            self.note(asked, None, false);
            return None;
        }
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            self.note(asked, None, false); // it did not come to its end
            return None;
        };
        let request = Request::from_parts(parts, body.to_bytes());
        let now = |request: Request<Bytes>| self.apply(asked, request.map(Body::from));
        match fault {
            Fault::Delay(after) => {
                tokio::time::sleep(after).await;
                now(request).await.map(whole)
            }
            Fault::DoThenDelay(after) => {
                let response = now(request).await?;
                tokio::time::sleep(after).await;
                Some(whole(response))
            }
            Fault::Drop => None,
            Fault::DropAnswer => {
                now(request).await;
                None
            }
            Fault::ApplyLate(after) => {
                self.apply_late(asked, request, after);
                None
            }
            Fault::Duplicate(after) => {
                let response = now(request.clone()).await;
                self.apply_late(asked, request, after);
                response.map(whole)
            }
            Fault::Status(status, code) => self.refuse(asked, status, code),
            Fault::DoThenStatus(status, code) => {
                now(request).await;
                refusal(status, code).map(|response| whole(self.marked(response)))
            }
            Fault::Conflict => {
                if let (Operation::CompleteMultipartUpload, Some(id)) = (asked.operation, &asked.upload) {
                    self.store.forget_upload(&asked.bucket, id);
                }
                self.refuse(asked, 409, "ConditionalRequestConflict")
            }
            Fault::CutBody(..) | Fault::StallBody(..) | Fault::SlowBody(..) | Fault::Wrong(..) => {
                let (mut head, body) = now(request).await?.into_parts();
                let body = body.collect().await.ok()?.to_bytes();
                head.headers
                    .entry(header::CONTENT_LENGTH)
                    .or_insert_with(|| body.len().into());
                let steps = steps(body, &fault);
                Some(Response::from_parts(head, spoiled(steps, end.clone())))
            }
        }
    }

    fn refuse(&self, asked: &Asked, status: u16, code: &'static str) -> Done {
        let response = refusal(status, code)?;
        self.note(asked, Some(response.status()), false);
        Some(whole(self.marked(response)))
    }
}

fn refusal(status: u16, code: &'static str) -> Option<Response<Body>> {
    let Ok(code) = S3ErrorCode::from_str(code);
    let mut error = S3Error::with_message(code, "by order of a test");
    error.set_status_code(StatusCode::from_u16(status).ok()?);
    error.to_http_response().ok()
}

fn whole(response: Response<Body>) -> Answer {
    response.map(BodyExt::boxed_unsync)
}

/// How a body that something is wrong with is sent.
enum Step {
    Send(Bytes),
    Wait(Duration),
    WaitForEver,
    Cut,
}

/// How often a second a slow body says something.
const PER_SECOND: u64 = 20;

fn steps(mut body: Bytes, fault: &Fault) -> Vec<Step> {
    match *fault {
        Fault::CutBody(after) => vec![Step::Send(body.split_to(after.min(body.len()))), Step::Cut],
        Fault::StallBody(after, wait) => {
            let first = body.split_to(after.min(body.len()));
            let wait = wait.map_or(Step::WaitForEver, Step::Wait);
            vec![Step::Send(first), wait, Step::Send(body)]
        }
        Fault::SlowBody(rate) => {
            let most = usize::try_from(rate / PER_SECOND).unwrap_or(usize::MAX).max(1);
            let mut steps = Vec::new();
            while !body.is_empty() {
                let piece = body.split_to(most.min(body.len()));
                let took = Duration::from_secs_f64(piece.len() as f64 / rate.max(1) as f64);
                steps.extend([Step::Wait(took), Step::Send(piece)]);
            }
            steps
        }
        Fault::Wrong(bytes) => {
            let mut other = body.to_vec();
            other.iter_mut().take(bytes).for_each(|byte| *byte = !*byte);
            vec![Step::Send(other.into())]
        }
        _ => vec![Step::Send(body)],
    }
}

fn spoiled(steps: Vec<Step>, end: Arc<End>) -> UnsyncBoxBody<Bytes, Box<dyn Error + Send + Sync>> {
    let frames = stream::unfold((steps.into_iter(), end), |(mut steps, end)| async move {
        loop {
            match steps.next()? {
                Step::Send(piece) if piece.is_empty() => {}
                Step::Send(piece) => return Some((Ok(Frame::data(piece)), (steps, end))),
                Step::Wait(wait) => tokio::time::sleep(wait).await,
                Step::WaitForEver => std::future::pending().await,
                Step::Cut => {
                    end.cut();
                    std::future::pending().await
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
