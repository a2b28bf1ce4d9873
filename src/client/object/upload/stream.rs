use super::{
    super::{
        ObjectClient, Objects, door,
        values::Stored,
        writing::{Checks, Writing, write_setters},
    },
    Shared, Source, Upload, advice,
    chunks::Chunks,
    lane::{self, Ends, Fault, Lane},
    lanes::Lanes,
    put_whole,
};
use crate::{
    BoxError,
    call::{
        Core, Error, enter,
        options::{CallOptions, call_setters, stall_setter},
    },
    model::ErrorKind,
    provider::PartRule,
    request::{
        bit,
        object::{ETag, PutMode},
    },
    telemetry::Event,
};
use futures_util::{StreamExt as _, future::poll_fn, stream::FuturesUnordered};
use std::{
    future::{Future, IntoFuture},
    panic::resume_unwind,
    pin::Pin,
    sync::Arc,
    task::{Context as TaskContext, Poll, ready},
};
use tokio::task::JoinHandle;
use tracing::Instrument;

/// The length of a part: at 100 MB/s it takes 80 ms, beside which a request's own time is small. It is what a failure
/// costs at most. S3's least is 5 MiB.
const PART: u64 = 8 << 20;
/// How many parts are under way at a time: while one is sent, the next one is read and signed.
const AT_ONCE: usize = 2;
/// How often an upload is made again. After two lost endpoints, at most a third is left to try.
const RESTARTS: usize = 2;

/// A body that has not been stored yet. Options first, then `.await`, which reads and stores it.
///
/// Memory: at most `part_size` × (`concurrency` + 1) bytes, and one piece of the source. While that many bytes are under
/// way, the source is not read. Parts are sent by tasks of the tokio runtime in which the call is awaited. Cancel safety:
/// dropping the call ends its requests and gives the upload up. If the completion was under way, it may have been applied.
#[must_use = "a call does nothing until it is awaited"]
pub struct PutStreamCall {
    core: Arc<Core<Objects>>,
    key: door::Checked,
    source: Source,
    write: Writing,
    part_size: Option<u64>,
    concurrency: usize,
    options: CallOptions,
    /// What the caller called.
    operation: &'static str,
}

impl PutStreamCall {
    pub(in super::super) fn new(client: &ObjectClient, key: door::Checked, source: Source) -> Self {
        Self {
            core: client.core.clone(),
            key,
            source,
            write: Writing::default(),
            part_size: None,
            concurrency: AT_ONCE,
            options: CallOptions::default(),
            operation: "put_stream",
        }
    }

    /// The same as a part of another call, with what that said.
    pub(in super::super) fn with(mut self, operation: &'static str, write: Writing, options: CallOptions) -> Self {
        (self.operation, self.write, self.options) = (operation, write, options);
        self
    }

    write_setters!(write);

    /// Stores the object whatever is there. Without this, the put is a create. After a lost answer the object is looked
    /// at, and the completion sent again only if this write is not there; so a late attempt undoes no later write.
    pub fn overwrite(mut self) -> Self {
        self.write.mode = PutMode::Overwrite;
        self
    }

    /// Stores the object only if it still has this tag at the end of the upload. As for a
    /// [put](super::super::ObjectCall::<super::super::PutObject>::if_match).
    pub fn if_match(mut self, tag: ETag) -> Self {
        self.write.mode = PutMode::IfMatch(tag);
        self
    }

    /// Sets the length of each part but the last. Default: 8 MiB, or as much as the source's known
    /// [size](Source::size) needs at the store's most parts. A body that is no longer than one part is stored by a plain
    /// put. A length that a store does not take is [`InvalidInput`](ErrorKind::InvalidInput).
    pub const fn part_size(mut self, bytes: u64) -> Self {
        self.part_size = Some(bytes);
        self
    }

    /// Sets how many parts are sent at a time. Default: 2, so that the next part is read while one is sent. More are
    /// faster where a store limits the rate of a connection. Zero is [`InvalidInput`](ErrorKind::InvalidInput).
    pub const fn concurrency(mut self, parts: usize) -> Self {
        self.concurrency = parts;
        self
    }

    call_setters! {
        deadline: "How long the upload may take, from now to the end of its completion. Default: no limit, because nobody \
                   knows how large the object is or how fast its bytes come. A part is tried nine times, with about five \
                   seconds of waits in all; at an endpoint that is silent, each try lasts its limit as well.",
        pin: "Only this endpoint."
    }

    stall_setter!();

    async fn run(self) -> Result<Stored, Error> {
        // Whether an endpoint that was left may have the object, or may yet have it.
        let mut unresolved = false;
        let mode = self.write.mode.clone();
        let bytes = match self.source.can_be_read_again() {
            true => advice::Bytes::InSource,
            false => advice::Bytes::InStream,
        };
        let sent = match self.send(&mut unresolved).await {
            Ok(mut stored) => {
                stored.answer.unresolved |= unresolved;
                Ok(stored)
            }
            Err(error) if unresolved => Err(error.with_kind(ErrorKind::MaybeApplied).retryable(true)),
            Err(error) => Err(error),
        };
        sent.map_err(|error| advice::advised(error, bytes, &mode))
    }

    async fn send(mut self, unresolved: &mut bool) -> Result<Stored, Error> {
        let ends = Ends::after(self.options.deadline);
        let (cx, admitted) = enter(self.core.clone(), self.operation, &self.options);
        if let Err((kind, message)) = admitted {
            return Err(cx.refuse(kind, message));
        }
        let invalid = |message: String| cx.refuse(ErrorKind::InvalidInput, message);
        if self.concurrency == 0 {
            return Err(invalid("concurrency must be at least 1".to_owned()));
        }
        let rule = lane::rule(&self.core);
        self.part_length(rule).map_err(invalid)?;
        let write = std::mem::take(&mut self.write);
        let length = self.source.known_size().and_then(|size| usize::try_from(size).ok());
        let checks = write.checked(&cx, std::mem::replace(&mut self.key, Err(String::new())), length, None)?;
        drop(cx);
        let mut left = 0;
        let mut restarts = 0;
        let mut failed: Option<(Fault, usize)> = None;
        loop {
            let opening = self.source.open();
            let opened = match ends.within(opening).await {
                Some(opened) => opened,
                None => return Err(self.late(ends)),
            };
            let mut chunks = match opened {
                Some(Ok(stream)) => Chunks::new(stream),
                Some(Err(error)) => return Err(self.unreadable(&error)),
                // The source cannot be read again.
                None => {
                    return Err(failed.map_or_else(|| self.unreadable(&"it was read before".into()), |(f, _)| f.error));
                }
            };
            // A file has said now how long it is.
            let length = self.part_length(rule);
            let part_size = length.map_err(|message| self.refuse(ErrorKind::InvalidInput, message))?;
            let filling = ends.within(poll_fn(|cx| chunks.poll_fill(cx, part_size))).await;
            let Some(is_short) = filling else {
                return Err(self.late(ends));
            };
            if is_short.map_err(|error| self.unreadable(&error))? {
                return self.put_short(checks, &mut chunks, (part_size, ends)).await;
            }
            let options = CallOptions {
                deadline: ends.left_of(self.options.deadline),
                ..self.options.clone()
            };
            let (cx, admitted) = enter(self.core.clone(), self.operation, &options);
            let begun = match admitted {
                Ok(()) => Lane::begin(&cx, self.options.clone(), ends, checks.clone(), left).await,
                Err((kind, message)) => Err(cx.refuse(kind, message)),
            };
            cx.ended(crate::request::OpClass::Write, begun.as_ref().err());
            let lane = begun?;
            let endpoint = lane.endpoint();
            let others = cx.reach(cx.plan.write_to) & !left & !bit(endpoint);
            let may_be_left = others != 0 && restarts < RESTARTS && self.source.can_be_read_again();
            let lanes = Lanes::one(lane, may_be_left);
            if let Some((_, before)) = failed.take() {
                self.report_restart(before, endpoint);
            }
            let fault = match self.transfer(lanes, chunks, (part_size, ends)).await {
                Ok(stored) => return Ok(stored),
                Err(fault) => Fault {
                    error: fault.error.halfway(),
                    ..fault
                },
            };
            *unresolved |= fault.error.may_have_been_applied();
            let elsewhere = others != 0 && self.core.plan.write_to.count_ones() > 1;
            restarts += 1;
            if restarts > RESTARTS
                || !fault.may_restart
                || !(elsewhere || fault.is_gone)
                || !self.source.can_be_read_again()
            {
                return Err(fault.error);
            }
            if !fault.is_gone {
                left |= bit(endpoint);
            }
            failed = Some((fault, endpoint));
        }
    }

    /// The length of a part, or why there is none.
    fn part_length(&self, rule: Option<PartRule>) -> Result<usize, String> {
        // Without a store that takes parts, a body of one part is stored, and a longer one refused.
        let rule = rule.unwrap_or(PartRule::S3.lengths(0, u64::MAX));
        let needed = self
            .source
            .known_size()
            .map_or(0, |size| size.div_ceil(u64::from(rule.count.max(1))));
        if rule.least > rule.most {
            return Err(
                "this client's stores have no length of a part in common: pin the call to one of them".to_owned(),
            );
        }
        let length = match self.part_size {
            Some(asked) if asked < rule.least.max(1) || asked > rule.most => {
                return Err(format!(
                    "part_size must lie between {} and {} bytes at this client's stores",
                    rule.least.max(1),
                    rule.most
                ));
            }
            Some(asked) if asked < needed => {
                return Err(format!(
                    "an upload has at most {} parts at this client's stores: part_size must be at least {needed} for this source",
                    rule.count
                ));
            }
            Some(asked) => asked,
            // Whole megabytes.
            None => {
                let whole = needed.checked_next_multiple_of(1 << 20).unwrap_or(needed);
                whole.max(PART).max(rule.least).min(rule.most)
            }
        };
        usize::try_from(length).map_err(|_| "a part does not fit into this process's memory".to_owned())
    }

    /// Stores a body of at most one part.
    async fn put_short(
        &self,
        checks: Checks,
        chunks: &mut Chunks,
        (length, ends): (usize, Ends),
    ) -> Result<Stored, Error> {
        let body = poll_fn(|cx| chunks.poll_part(cx, length)).await;
        let body = body.map_err(|error| self.unreadable(&error))?.unwrap_or_default();
        self.of_the_size_said(body.len() as u64)?;
        let options = CallOptions {
            deadline: ends.left_of(self.options.deadline),
            ..self.options.clone()
        };
        let (cx, admitted) = enter(self.core.clone(), self.operation, &options);
        match admitted {
            Ok(()) => put_whole(&cx, checks, body).await,
            Err((kind, message)) => Err(cx.refuse(kind, message)),
        }
    }

    /// Reads the source and sends its parts, side by side.
    pub(super) async fn transfer(
        &self,
        lanes: Lanes,
        mut chunks: Chunks,
        (length, ends): (usize, Ends),
    ) -> Result<Stored, Fault> {
        let upload = Upload::of(lanes);
        let mut sending = FuturesUnordered::new();
        let mut taken = 0;
        loop {
            let step = poll_fn(|cx| {
                if let Poll::Ready(Some(sent)) = sending.poll_next_unpin(cx) {
                    return Poll::Ready(Step::Sent(sent));
                }
                if sending.len() < self.concurrency && !chunks.is_over() {
                    return chunks.poll_part(cx, length).map(Step::Read);
                }
                match sending.is_empty() {
                    true => Poll::Ready(Step::Read(Ok(None))),
                    false => Poll::Pending,
                }
            });
            let Some(step) = ends.within(step).await else {
                return Err(self.late(ends).into());
            };
            match step {
                Step::Sent(sent) => sent.unwrap_or_else(|| Err(self.orphaned(&upload.shared)))?,
                Step::Read(Ok(Some(part))) => {
                    taken += part.len() as u64;
                    let shared = upload.shared.clone();
                    let Some(number) = shared.next(part.len())? else {
                        continue;
                    };
                    let put = async move { shared.put(number, part).await };
                    sending.push(Sending(tokio::spawn(put.in_current_span())));
                }
                Step::Read(Ok(None)) if sending.is_empty() => break,
                Step::Read(Ok(None)) => {}
                Step::Read(Err(error)) => return Err(self.unreadable(&error).into()),
            }
        }
        self.of_the_size_said(taken)?;
        // What is not completed is given up when `upload` is dropped.
        upload.shared.complete().await
    }

    fn refuse(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        let (cx, _) = enter(self.core.clone(), self.operation, &self.options);
        cx.refuse(kind, message)
    }

    /// The upload's own time is up while its source was read.
    fn late(&self, ends: Ends) -> Error {
        let (cx, _) = enter(self.core.clone(), self.operation, &self.options);
        ends.late(&cx)
    }

    /// A source's error. One of this crate's own, as of a download, comes through.
    fn unreadable(&self, error: &BoxError) -> Error {
        if let Some(own) = error.downcast_ref::<Error>() {
            return own.shared();
        }
        self.refuse(
            ErrorKind::InvalidInput,
            format!("the source of the upload could not be read: {error}"),
        )
    }

    fn of_the_size_said(&self, found: u64) -> Result<(), Error> {
        match self.source.known_size() {
            Some(said) if said != found => Err(self.refuse(
                ErrorKind::InvalidInput,
                format!("the source of the upload has {found} bytes, and not {said} as was said"),
            )),
            _ => Ok(()),
        }
    }

    /// The runtime in which the upload began has ended.
    fn orphaned(&self, shared: &Shared) -> Fault {
        let (cx, _) = shared.lanes.first().enter();
        cx.refuse(ErrorKind::Unavailable, "the runtime that sent the upload has ended")
            .into()
    }

    fn report_restart(&self, left: usize, to: usize) {
        let roster = &self.core.engine.roster;
        self.core.verifier.reporter(to).report(Event::UploadRestarted {
            endpoint: roster.shared_name(to),
            left: roster.shared_name(left),
        });
    }
}

enum Step {
    Sent(Option<Result<(), Fault>>),
    Read(Result<Option<bytes::Bytes>, BoxError>),
}

/// One part, as a task.
struct Sending(JoinHandle<Result<(), Fault>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Future for Sending {
    /// `None`: the task's runtime has ended.
    type Output = Option<Result<(), Fault>>;

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

impl IntoFuture for PutStreamCall {
    type Output = Result<Stored, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
