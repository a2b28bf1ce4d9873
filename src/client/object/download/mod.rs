//! Downloads: an object's bytes as a stream, which goes on elsewhere when the serving endpoint dies.
//!
//! A download is a walk of ranges. The first range is small, so that the first bytes come soon; each further range is
//! twice as long, up to [`part_size`](DownloadCall::part_size). Each range is a request of its own, so that a
//! failure costs the parts that are under way and nothing before them.
//!
//! | a part | then |
//! |---|---|
//! | comes from the endpoint of the part before, with the same tag (sent as If-Match, and compared) | it is delivered |
//! | fails there: refused, reset, silent, too slow, cut | another endpoint is asked for the same bytes |
//! | is absent there | absence at one endpoint proves nothing: another endpoint is asked; if none has the same bytes, an error that says how many bytes were delivered |
//! | comes from another endpoint, with the same write id and size; or one is a [`Backfill`](crate::backfill)'s copy of the other | it is delivered, and the download stays there |
//! | comes from another endpoint, with a [stamp](crate::request::Stamp) that was made for another key or length | a foreign copy carried the stamp along, and it proves nothing: a further endpoint is asked |
//! | shows another tag, or another write id | an error that says how many bytes were delivered: the object was replaced |
//!
//! So a download goes on at another endpoint only where that endpoint provably has the same content: what a provider's
//! replication carried there with its metadata, or what a backfill copied. Anything else goes on at its own endpoint
//! alone.
//!
//! A request beyond the first of a part draws on the retry budget. A download waits for the budget, because
//! starting over would fetch everything again.

mod intact;
mod part;
mod resume;

pub(super) use resume::get;

use super::{ObjectClient, Objects, door, values::FetchedMeta};
use crate::{
    call::{
        Attempt, Context, Core, Error, Explanation, enter,
        options::{CallOptions, call_setters, stall_setter},
    },
    model::{
        ErrorKind,
        clock::{self, Instant},
    },
    replicate,
    request::{
        OpClass,
        object::{ByteRange, ETag, Get, Head, ObjectMeta, ObjectRequest, ObjectResponse},
    },
};
use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, stream::FuturesOrdered};
use intact::Sum;
use part::{Part, Parts, Shared};

pub use crate::call::Served;
use std::{
    fmt,
    future::{Future, IntoFuture},
    ops::Range,
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
    time::Duration,
};
use tokio::task::JoinHandle;
use tracing::Instrument;

/// The first part: small, so that the first bytes come as soon as those of a small object.
const FIRST: u64 = 256 << 10;
/// The longest part: at 100 MB/s it takes 80 ms, beside which a request's own time is small. It is what a failure costs
/// at most, and what one part holds of memory.
const PART: u64 = 8 << 20;
/// How many parts are under way at a time: while one is consumed, the next one comes.
const AT_ONCE: usize = 2;
/// How often the beginning is tried again because the object has changed meanwhile.
const CHANGES: usize = 4;
/// A download without a deadline.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A download that has not begun yet. Options first, then `.await`, which fetches the first part.
#[must_use = "a download does nothing until it is awaited"]
pub struct DownloadCall {
    core: Arc<Core<Objects>>,
    key: door::Checked,
    range: Option<ByteRange>,
    if_match: Option<ETag>,
    if_none_match: Option<ETag>,
    part_size: u64,
    concurrency: usize,
    explained: bool,
    options: CallOptions,
}

/// An object's bytes under way: a stream of [`Bytes`], in order, each byte once.
///
/// How fast a download leaves an endpoint that falls silent is the attempt's limit: 1 s until the client has learnt how
/// fast the endpoint is, or [`attempt_limit`](DownloadCall::attempt_limit). Only the first part is hedged.
///
/// The stream ends after the last byte, or after an error. An error's [`delivered`](Error::delivered) says how many
/// bytes came before it. A download that ended well has delivered every byte of the range.
///
/// The bytes of a whole object are compared with the checksum that the [stamp](crate::request::Stamp::crc) of its
/// write has, if it has one. If they differ, the download fails before its last part, and
/// [`WrongChecksum`](crate::telemetry::Event::WrongChecksum) tells of it. An object of one part is then asked for at
/// another endpoint.
///
/// Back-pressure: at most [`concurrency`](DownloadCall::concurrency) parts are held or under way. Nothing more is
/// fetched while nobody reads. Parts are fetched by tasks of the tokio runtime in which the stream is polled. Cancel
/// safety: dropping the download ends its requests at once.
pub struct Download {
    shared: Arc<Shared>,
    parts: Parts,
    concurrency: usize,
    waiting: FuturesOrdered<Fetching>,
    first: Option<Bytes>,
    delivered: u64,
    served: Vec<Served>,
    explained: Option<Explanation>,
    sum: Option<Sum>,
    began: Instant,
    possibly_stale: bool,
}

/// One part, as a task that ends with this value.
struct Fetching(JoinHandle<Result<Part, Error>>);

impl Drop for Fetching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for Fetching {
    /// `None`: the task's runtime has ended.
    type Output = Option<Result<Part, Error>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(ended) => Some(ended),
            Err(failed) => match failed.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => None,
            },
        })
    }
}

impl DownloadCall {
    pub(super) fn new(client: &ObjectClient, key: door::Checked) -> Self {
        Self {
            core: client.core.clone(),
            key,
            range: None,
            if_match: None,
            if_none_match: None,
            part_size: PART,
            concurrency: AT_ONCE,
            explained: false,
            options: CallOptions::default(),
        }
    }

    /// The download of one state, with the options of another call.
    pub(super) fn of_state(mut self, tag: Option<ETag>, options: CallOptions) -> Self {
        self.if_match = tag;
        self.options = options;
        self
    }

    /// Fetches only these bytes: `0..100`, `100..`, or a [`ByteRange`].
    pub fn range(mut self, range: impl Into<ByteRange>) -> Self {
        self.range = Some(range.into());
        self
    }

    /// Fetches only the last `bytes` bytes. Asks for the object's size first.
    pub fn suffix(self, bytes: u64) -> Self {
        self.range(ByteRange::Suffix(bytes))
    }

    /// Fetches the object only if it still has this tag. Only the endpoint that gave the tag is asked for the first part.
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.if_match = Some(tag);
        self
    }

    /// Fails with [`NotModified`](ErrorKind::NotModified) if the object still has this tag. As for a
    /// [get](super::ObjectCall::<super::GetObject>::if_none_match).
    pub fn if_none_match(mut self, tag: ETag) -> Self {
        self.if_none_match = Some(tag);
        self
    }

    /// Sets the length of the longest part. Default: 8 MiB. A failure costs at most the parts that are under way, and
    /// these are at most [`concurrency`](Self::concurrency). Zero is [`InvalidInput`](ErrorKind::InvalidInput).
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = bytes;
        self
    }

    /// Sets how many parts are fetched at a time. Default: 2, so that the next part comes while one is consumed. More
    /// are faster where a store limits the rate of a connection. Zero is [`InvalidInput`](ErrorKind::InvalidInput).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = parts;
        self
    }

    /// Makes the download remember each of its requests, some 60 bytes for each: see
    /// [`Download::explanation`].
    pub const fn explained(mut self) -> Self {
        self.explained = true;
        self
    }

    call_setters! {
        deadline: "How long the download may take, from now to its last byte. Default: no limit, because nobody knows how large \
                   an object is. An attempt that stalls or crawls is left all the same, and a part that no endpoint gives \
                   ends the download after about five seconds.",
        pin: "Only this endpoint."
    }

    stall_setter!();

    async fn begin(mut self) -> Result<Download, Error> {
        let began = clock::now();
        let total = self.options.deadline;
        let ends = total.map(|total| (began + total.min(LONGEST), total));
        // The first bytes are a call like any other.
        let (cx, admitted) = enter(self.core.clone(), "get_stream", &self.options);
        let begun = match admitted {
            Ok(()) => self.first(&cx).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        };
        cx.ended(OpClass::Read, begun.as_ref().err());
        let First {
            meta,
            range,
            body,
            from,
            possibly_stale,
        } = begun?;
        self.options.deadline = None;
        let key = cx.checked(self.key.clone())?;
        let home = from.as_deref().and_then(|name| self.core.engine.roster.index_of(name));
        let explanation = cx.explain().answered(from.clone(), possibly_stale);
        let shared = Shared::new(self.core, self.options, ends, key, meta, home);
        // A single part was compared already.
        let is_whole = range == (0..shared.meta().size) && (body.len() as u64) < range.end;
        let sum = is_whole.then(|| Sum::of(shared.meta(), &body)).flatten();
        let shared = Arc::new(shared.explaining(self.explained).summing(sum.is_some()));
        shared.count(explanation.attempts().len());
        let got = range.start + body.len() as u64;
        if got < range.end && !shared.is_provable() {
            let message = "the store gives neither a write id nor a strong ETag, so that parts of the object cannot be told from \
                           parts of another one: use get";
            return Err(cx.refuse(ErrorKind::Unsupported, message));
        }
        let served = Served::new(range.start..got, from.unwrap_or_else(|| "?".into()));
        Ok(Download {
            parts: Parts::new(got..range.end, body.len() as u64, self.part_size),
            shared,
            concurrency: self.concurrency,
            waiting: FuturesOrdered::new(),
            first: Some(body),
            delivered: 0,
            served: vec![served],
            explained: self.explained.then_some(explanation),
            sum,
            began,
            possibly_stale,
        })
    }

    /// The first part, which says what the object is.
    async fn first(&self, cx: &Arc<Context<Objects>>) -> Result<First, Error> {
        let key = door::addressable(cx, self.key.clone())?;
        if let Some(range) = &self.range {
            cx.checked(door::range(range))?;
        }
        if let Some(tag) = &self.if_match {
            cx.checked(door::condition(tag))?;
        }
        if self.part_size == 0 || self.concurrency == 0 {
            return Err(cx.refuse(ErrorKind::InvalidInput, "part_size and concurrency must be at least 1"));
        }
        let first = FIRST.min(self.part_size);
        let ask = |range: Range<u64>| {
            let get = Get {
                range: Some(ByteRange::Bounded(range)),
                if_match: self.if_match.clone(),
                if_none_match: self.if_none_match.clone(),
                ..Get::new(key.clone())
            };
            async move {
                match replicate::read(cx, ObjectRequest::Get(get.clone())).await? {
                    (ObjectResponse::Get(object), answer) => intact::or_elsewhere(cx, &get, (object, answer)).await,
                    _ => Err(cx.nonsense()),
                }
            }
        };
        let head = || async {
            let head = Head {
                if_match: self.if_match.clone(),
                ..Head::new(key.clone())
            };
            match replicate::read(cx, ObjectRequest::Head(head)).await? {
                (ObjectResponse::Head(meta), answer) => Ok(FetchedMeta { meta, answer }),
                _ => Err(cx.nonsense()),
            }
        };
        // The object may be replaced between two questions about it, or copies may differ.
        for _ in 0..CHANGES {
            let (wanted, asked, size) = match &self.range {
                None => (ByteRange::From(0), 0..first, None),
                Some(ByteRange::Bounded(range)) => {
                    let end = range.end.min(range.start.saturating_add(first));
                    (ByteRange::Bounded(range.clone()), range.start..end, None)
                }
                Some(ByteRange::From(start)) => (ByteRange::From(*start), *start..start.saturating_add(first), None),
                Some(ByteRange::Suffix(bytes)) => {
                    let size = head().await?.meta.size;
                    let Some(range) = ByteRange::Suffix(*bytes).of(size) else {
                        return Err(cx.refuse(ErrorKind::RangeNotSatisfiable, "the object is empty"));
                    };
                    let end = range.end.min(range.start + first);
                    (ByteRange::From(range.start), range.start..end, Some(size))
                }
            };
            let (object, answer) = match ask(asked).await {
                Ok(first) => first,
                Err(error) if error.kind() == ErrorKind::RangeNotSatisfiable && size.is_some() => continue,
                // An empty object has no first bytes.
                Err(error) if error.kind() == ErrorKind::RangeNotSatisfiable && self.range.is_none() => {
                    let known = head().await?;
                    if known.meta.size > 0 {
                        continue;
                    }
                    return Ok(First {
                        possibly_stale: known.answer.possibly_stale,
                        from: known.answer.endpoint,
                        meta: known.meta,
                        range: 0..0,
                        body: Bytes::new(),
                    });
                }
                Err(error) => return Err(error),
            };
            if size.is_some_and(|size| size != object.meta.size) {
                continue;
            }
            let range = wanted
                .of(object.meta.size)
                .filter(|range| range.start == object.range.start);
            let Some(range) = range.filter(|range| object.range.end <= range.end) else {
                return Err(cx.nonsense());
            };
            return Ok(First {
                possibly_stale: answer.possibly_stale,
                from: answer.endpoint,
                meta: object.meta,
                range,
                body: object.body,
            });
        }
        Err(cx.refuse(
            ErrorKind::Unavailable,
            "the object kept changing while the download began",
        ))
    }
}

struct First {
    meta: ObjectMeta,
    /// All that the download will deliver.
    range: Range<u64>,
    body: Bytes,
    from: Option<Arc<str>>,
    possibly_stale: bool,
}

impl IntoFuture for DownloadCall {
    type Output = Result<Download, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.begin())
    }
}

impl Download {
    /// The object's size, tag and attributes, as of the first part.
    pub fn meta(&self) -> &ObjectMeta {
        self.shared.meta()
    }

    /// How many bytes were delivered so far.
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Which endpoint gave which bytes so far. More than one entry: the download went on elsewhere.
    pub fn served(&self) -> &[Served] {
        &self.served
    }

    /// How many requests were sent so far, to whichever endpoint.
    pub fn attempts(&self) -> u64 {
        self.shared.attempts()
    }

    /// The count of requests itself, for those who look while a part is on its way.
    #[cfg(feature = "object_store")]
    pub(in crate::client) fn counter(&self) -> Arc<std::sync::atomic::AtomicU64> {
        self.shared.counter()
    }

    /// The download is of the version that a copy had, which may lag behind the home.
    pub const fn is_possibly_stale(&self) -> bool {
        self.possibly_stale
    }

    /// Each request so far, and which endpoint gave which bytes. `None` unless the download was
    /// [asked](DownloadCall::explained) to remember. A part that is not delivered yet is not in it.
    ///
    /// ```
    /// use evenkeel::{Endpoint, ObjectClient, provider::Memory};
    /// use futures_util::TryStreamExt;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let client = ObjectClient::builder().endpoint(Endpoint::new("here", Memory::new())).build()?;
    /// client.put("film", vec![7; 1 << 20]).await?;
    /// let mut film = client.get_stream("film").explained().await?;
    /// while film.try_next().await?.is_some() {}
    /// let explanation = film.explanation().unwrap();
    /// assert_eq!(explanation.attempts().len(), 3); // 256, 512 and 256 KiB
    /// assert_eq!((explanation.served()[0].range.clone(), &*explanation.served()[0].endpoint), (0..1 << 20, "here"));
    /// # Ok(()) }
    /// ```
    pub fn explanation(&self) -> Option<Explanation> {
        Some(self.explained.clone()?.of_a_body(self.served.clone()))
    }

    fn ends_with(&mut self, error: Error) -> Error {
        self.waiting.clear();
        self.parts = Parts::none();
        error.with_delivered(self.delivered)
    }

    fn note(&mut self, attempts: impl IntoIterator<Item = Attempt>) {
        if let Some(explanation) = &mut self.explained {
            explanation.goes_on(attempts, clock::now().saturating_duration_since(self.began));
        }
    }
}

impl Stream for Download {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while this.waiting.len() < this.concurrency
            && let Some(range) = this.parts.next()
        {
            let fetch = this.shared.clone().fetch(range);
            this.waiting.push_back(Fetching(tokio::spawn(fetch.in_current_span())));
        }
        if let Some(first) = this.first.take().filter(|first| !first.is_empty()) {
            this.delivered += first.len() as u64;
            return Poll::Ready(Some(Ok(first)));
        }
        let ended = ready!(this.waiting.poll_next_unpin(cx));
        match ended.map(|ended| ended.unwrap_or_else(|| Err(this.shared.orphaned()))) {
            None => Poll::Ready(None),
            Some(Ok(Part {
                bytes,
                served,
                attempts,
                crc,
            })) => {
                this.note(attempts);
                if let Some((sum, (crc, fetched))) = this.sum.as_mut().zip(crc) {
                    sum.add(crc, bytes.len());
                    let is_last = this.delivered + bytes.len() as u64 == this.shared.meta().size;
                    if is_last && !sum.is_right() {
                        // Another endpoint may have given the wrong bytes; it is the last one that is named.
                        intact::report(&fetched, fetched.core.engine.roster.index_of(&served.endpoint));
                        let error = intact::wrong(&fetched, &served.endpoint);
                        return Poll::Ready(Some(Err(this.ends_with(error))));
                    }
                }
                served.add_to(&mut this.served);
                this.delivered += bytes.len() as u64;
                Poll::Ready(Some(Ok(bytes)))
            }
            Some(Err(error)) => {
                this.note(error.explanation().attempts().iter().cloned());
                Poll::Ready(Some(Err(this.ends_with(error))))
            }
        }
    }
}

/// Shows no key and no bytes.
impl fmt::Debug for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Download")
            .field("delivered", &self.delivered)
            .field("served", &self.served)
            .finish_non_exhaustive()
    }
}
