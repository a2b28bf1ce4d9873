//! A store behind a line, in virtual time: bytes take their time, and something befalls the endpoint at a byte of them.

use evenkeel::{
    provider::{Capabilities, Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key, Progress, WriteId,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Delete, Get, Head, List, ListPage, ListUploads, Object,
            ObjectMeta, PartTag, Put, PutAnswer, PutMode, PutPart, UploadId, UploadPage,
        },
    },
    verdict::{Outcome, Sent, Verdict, table},
};
use std::{
    future::pending,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::time::{Instant, sleep, sleep_until};

/// Bytes a second.
pub(crate) const RATE: u64 = 8 << 20;
/// From the request's last byte to its effect, and from there to the answer's first byte.
const DISTANCE: Duration = Duration::from_millis(2);
/// What is moved at once.
const PIECE: u64 = 16 << 10;
/// What an object holds that somebody else has put there, and how much of it.
pub(crate) const OTHER: u8 = 0xee;
pub(crate) const REPLACED: usize = 300 << 10;

/// What befalls an endpoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Trouble {
    /// The connection that moves the byte is reset.
    Cut,
    /// The connection moves nothing any more.
    Stall,
    /// The connection moves so many bytes a second from here.
    Crawl(u64),
    /// The connection is reset, and what was asked on it takes effect so much later.
    Late(Duration),
    /// Everything under way is reset, and nobody listens for so long; `None`: for ever.
    Killed(Option<Duration>),
    /// Nothing moves for so long, and then goes on where it was.
    Frozen(Duration),
    /// For so long every request is refused with this code of S3's.
    Refuses(&'static str, Duration),
    /// Somebody else overwrites the object.
    Replaced,
}

/// When it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum At {
    /// With this byte of all that the endpoint moves.
    Byte(u64),
    /// While the nth request of this name, from 1, is on its way.
    Sent(&'static str, usize),
    /// When that request has taken effect, before its answer.
    Done(&'static str, usize),
}

/// A [`Memory`] behind a line. Clones share everything.
#[derive(Clone, Default)]
pub(crate) struct Line {
    pub(crate) memory: Memory,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    troubles: Vec<(At, Trouble)>,
    moved: u64,
    asked: Vec<&'static str>,
    /// How often everything under way was reset.
    deaths: usize,
    dead_until: Option<Instant>,
    frozen_until: Option<Instant>,
    refuses: Option<(&'static str, Instant)>,
}

/// An attempt under way.
struct Attempt {
    deaths: usize,
    rate: u64,
    /// The connection was lost, and the request takes effect so much later all the same.
    late: Option<Duration>,
}

/// For ever.
fn never() -> Instant {
    Instant::now() + Duration::from_secs(1_000_000)
}

fn reset() -> ProviderError {
    ProviderError::faulty("the connection was reset")
}

fn refused() -> ProviderError {
    let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
    ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("connection refused")
}

fn code(code: &'static str) -> ProviderError {
    let outcome = table::for_code(code).expect("a code of the table");
    let kind = match outcome.verdict {
        Verdict::Throttled => ProviderErrorKind::Throttled,
        _ => ProviderErrorKind::Failed,
    };
    ProviderError::new(kind, outcome).with_code(code)
}

impl Line {
    /// From now on: bytes and requests count from here.
    pub(crate) fn befall(&self, troubles: impl IntoIterator<Item = (At, Trouble)>) {
        let mut state = self.state();
        (state.moved, state.asked) = (0, Vec::new());
        state.troubles.extend(troubles);
    }

    /// All is well again.
    pub(crate) fn heal(&self) {
        let mut state = self.state();
        state.troubles.clear();
        (state.dead_until, state.frozen_until, state.refuses) = (None, None, None);
    }

    /// How often it was asked for this since troubles were set.
    pub(crate) fn count(&self, operation: &str) -> usize {
        self.state().asked.iter().filter(|asked| **asked == operation).count()
    }

    /// Lays an object there, as a provider's own replication does: the write id travels along.
    pub(crate) async fn lay(&self, key: &str, body: impl Into<bytes::Bytes>, id: &str) {
        let mut put = Put::new(Key::new(key).unwrap(), body);
        (put.mode, put.write_id) = (PutMode::Overwrite, Some(WriteId::new(id)));
        self.memory.put(put).await.unwrap();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The trouble that is due, if one is. What befalls the whole endpoint begins here.
    fn due(&self, is_due: impl Fn(&At, &State) -> bool) -> Option<Trouble> {
        let mut state = self.state();
        let at = (0..state.troubles.len()).find(|at| is_due(&state.troubles[*at].0, &state))?;
        let (_, trouble) = state.troubles.remove(at);
        let now = Instant::now();
        match trouble {
            Trouble::Killed(back) => {
                state.deaths += 1;
                state.dead_until = Some(back.map_or_else(never, |back| now + back));
            }
            Trouble::Frozen(time) => state.frozen_until = Some(now + time),
            Trouble::Refuses(code, time) => state.refuses = Some((code, now + time)),
            _ => {}
        }
        Some(trouble)
    }

    async fn meet(&self, attempt: &mut Attempt, trouble: Option<Trouble>, key: &str) -> Result<(), ProviderError> {
        match trouble {
            Some(Trouble::Cut) => return Err(reset()),
            Some(Trouble::Stall) => pending().await,
            Some(Trouble::Crawl(rate)) => attempt.rate = rate,
            Some(Trouble::Late(after)) => {
                attempt.late = Some(after);
                return Err(reset());
            }
            Some(Trouble::Replaced) => self.lay(key, vec![OTHER; REPLACED], "another").await,
            Some(Trouble::Killed(_) | Trouble::Frozen(_) | Trouble::Refuses(..)) | None => {}
        }
        self.alive(attempt).await
    }

    /// Waits while nothing moves, and fails what was reset.
    async fn alive(&self, attempt: &Attempt) -> Result<(), ProviderError> {
        loop {
            let frozen = self.state().frozen_until.filter(|until| *until > Instant::now());
            match frozen {
                Some(until) => sleep_until(until).await,
                None if self.state().deaths > attempt.deaths => return Err(reset()),
                None => return Ok(()),
            }
        }
    }

    async fn carry(
        &self,
        attempt: &mut Attempt,
        mut bytes: u64,
        key: &str,
        told: impl Fn(usize),
    ) -> Result<(), ProviderError> {
        while bytes > 0 {
            let piece = bytes.min(PIECE).min((attempt.rate / 20).max(1));
            sleep(Duration::from_secs_f64(piece as f64 / attempt.rate as f64)).await;
            self.alive(attempt).await?;
            self.state().moved += piece;
            let trouble = self.due(|at, state| matches!(at, At::Byte(byte) if *byte < state.moved));
            self.meet(attempt, trouble, key).await?;
            told(piece as usize);
            bytes -= piece;
        }
        Ok(())
    }

    /// One request, which moves `up` bytes before it takes effect, and its answer's bytes after.
    async fn request<T: Send + 'static>(
        &self,
        (name, key, up): (&'static str, String, u64),
        progress: Progress,
        act: impl Future<Output = Result<T, ProviderError>> + Send + 'static,
        down: impl Fn(&T) -> u64,
    ) -> Result<T, ProviderError> {
        let mut attempt = {
            let mut state = self.state();
            state.asked.push(name);
            if state.dead_until.is_some_and(|until| until > Instant::now()) {
                return Err(refused());
            }
            Attempt {
                deaths: state.deaths,
                rate: RATE,
                late: None,
            }
        };
        progress.begin(up);
        let nth = self.count(name);
        let sending = async {
            self.carry(&mut attempt, up, &key, |bytes| progress.sent(bytes)).await?;
            let sent = self.due(|at, _| *at == At::Sent(name, nth));
            self.meet(&mut attempt, sent, &key).await?;
            sleep(DISTANCE).await;
            self.alive(&attempt).await
        };
        if let Err(error) = sending.await {
            if let Some(after) = attempt.late {
                tokio::spawn(async move {
                    sleep(after).await;
                    let _ = act.await;
                });
            }
            return Err(error);
        }
        let refuses = self.state().refuses.filter(|(_, until)| *until > Instant::now());
        if let Some((refusal, _)) = refuses {
            return Err(code(refusal));
        }
        let done = act.await;
        let answered = self.due(|at, _| *at == At::Done(name, nth));
        self.meet(&mut attempt, answered, &key).await?;
        sleep(DISTANCE).await;
        self.alive(&attempt).await?;
        let answer = done?;
        progress.answered();
        self.carry(&mut attempt, down(&answer), &key, |bytes| progress.received(bytes))
            .await?;
        Ok(answer)
    }
}

/// A request without a body either way.
macro_rules! bare {
    ($self:ident, $name:ident, $request:ident, $key:expr) => {{
        let (memory, key) = ($self.memory.clone(), $key);
        let act = async move { memory.$name($request).await };
        $self
            .request((stringify!($name), key, 0), Progress::unheard(), act, |_| 0)
            .await
    }};
}

impl ObjectProvider for Line {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        let what = ("put", put.key.as_str().to_owned(), put.body.len() as u64);
        let (memory, progress) = (self.memory.clone(), put.progress.clone());
        self.request(what, progress, async move { memory.put(put).await }, |_| 0)
            .await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        let what = ("get", get.key.as_str().to_owned(), 0);
        let (memory, progress) = (self.memory.clone(), get.progress.clone());
        let length = |object: &Object| object.body.len() as u64;
        self.request(what, progress, async move { memory.get(get).await }, length)
            .await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        bare!(self, head, head, head.key.as_str().to_owned())
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        bare!(self, delete, delete, delete.key.as_str().to_owned())
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        bare!(self, list, list, String::new())
    }

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        bare!(self, begin_upload, begin, begin.key.as_str().to_owned())
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let what = ("put_part", part.key.as_str().to_owned(), part.body.len() as u64);
        let (memory, progress) = (self.memory.clone(), part.progress.clone());
        self.request(what, progress, async move { memory.put_part(part).await }, |_| 0)
            .await
    }

    async fn complete_upload(&self, complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        bare!(self, complete_upload, complete, complete.key.as_str().to_owned())
    }

    async fn abort_upload(&self, abort: AbortUpload) -> Result<(), ProviderError> {
        bare!(self, abort_upload, abort, abort.key.as_str().to_owned())
    }

    async fn list_uploads(&self, list: ListUploads) -> Result<UploadPage, ProviderError> {
        bare!(self, list_uploads, list, String::new())
    }

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn warm_up(&self) -> Result<(), ProviderError> {
        match self.state().dead_until.is_some_and(|until| until > Instant::now()) {
            true => Err(refused()),
            false => Ok(()),
        }
    }
}
