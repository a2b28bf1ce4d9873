//! The questions that an endpoint is asked.

use super::{LIMIT, Property};
use crate::{
    provider::{AnyObjectProvider, Capability, Conditional, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Delete, ETag, Get, Put, PutAnswer, PutMode, PutPart, UploadId,
        },
    },
    verdict::Sent,
};
use futures_util::future::join_all;
use std::{
    future::Future,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// As many racers and rounds as it took to find every store that checks first and writes afterwards.
const RACERS: usize = 24;
const ROUNDS: usize = 5;

/// One endpoint under test; earlier findings about it are ignored.
pub(super) struct Asked {
    provider: AnyObjectProvider,
    prefix: String,
    /// An object may lie under the name in use: at least one put of that name may have been sent.
    lies: AtomicBool,
    /// How many objects could not be removed again.
    left: AtomicUsize,
}

/// A condition that carries a tag: what is there is replaced, or removed.
#[derive(Clone, Copy)]
pub(super) enum Tagged {
    Put,
    Delete,
}

impl Tagged {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }

    pub(super) const fn condition(self) -> Conditional {
        match self {
            Self::Put => Conditional::IfMatch,
            Self::Delete => Conditional::DeleteIfMatch,
        }
    }
}

impl Asked {
    pub(super) fn new(provider: &AnyObjectProvider, prefix: String) -> Self {
        Self {
            provider: provider.unasked(),
            prefix,
            lies: AtomicBool::new(false),
            left: AtomicUsize::new(0),
        }
    }

    pub(super) fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    /// The adapter itself refuses this condition.
    fn is_refused(&self, condition: Conditional) -> bool {
        self.provider.capabilities().get(condition) == Capability::Lacking
    }

    /// Whether a second create of a key is refused.
    pub(super) async fn honours(&self) -> Property {
        if self.is_refused(Conditional::Create) {
            return Property::Unsupported;
        }
        let found = self.second_create().await;
        self.remove("honours").await;
        found.unwrap_or_else(|unclear| unclear)
    }

    async fn second_create(&self) -> Result<Property, Property> {
        self.create("honours", "first").await.map_err(unclear)?;
        match self.create("honours", "second").await {
            Ok(()) => Ok(Property::Broken(
                "the store answered a second create of a key with success".into(),
            )),
            Err(refused) if refused.is(ProviderErrorKind::AlreadyExists) => {
                match self.body("honours").await.map_err(unclear)? {
                    body if body == "first" => Ok(Property::Holds),
                    _ => Ok(Property::Broken(
                        "the store refused a second create of a key, but overwrote the object".into(),
                    )),
                }
            }
            Err(failure) => Err(unclear(failure)),
        }
    }

    /// Whether exactly one of many creates at the same time wins.
    pub(super) async fn atomic(&self) -> Property {
        for round in 0..ROUNDS {
            let name = format!("round-{round}");
            let found = self.race(&name).await;
            self.remove(&name).await;
            match found {
                Property::Holds => {}
                other => return other,
            }
        }
        Property::Holds
    }

    async fn race(&self, name: &str) -> Property {
        let racers: Vec<String> = (0..RACERS).map(|racer| format!("racer {racer}")).collect();
        let answers = join_all(racers.iter().map(|body| self.create(name, body))).await;
        let winners: Vec<&String> = racers
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_ok())
            .map(|(racer, _)| racer)
            .collect();
        match winners[..] {
            [winner] => match self.body(name).await {
                Ok(body) if body == *winner => Property::Holds,
                Ok(_) => Property::Broken("the store holds another object than the one whose create succeeded".into()),
                Err(error) => unclear(error),
            },
            // An answer may have been lost; so may the others.
            [] => {
                let mut failures = answers.into_iter().filter_map(Result::err);
                match failures.find(|failure| !failure.is_answer()) {
                    Some(failure) => unclear(failure),
                    None => Property::Unknown("none of several creates at the same time succeeded".into()),
                }
            }
            _ => Property::Broken(format!(
                "{} of {RACERS} creates at the same time succeeded",
                winners.len()
            )),
        }
    }

    /// Whether a write conditional on a tag takes place exactly if the tag is current; and whether the tag must come
    /// without its quotes.
    pub(super) async fn if_match(&self, what: Tagged) -> (Property, bool) {
        if self.is_refused(what.condition()) {
            return (Property::Unsupported, false);
        }
        let name = format!("{}-if-match", what.as_str());
        let mut found = self.round(&name, what, false).await;
        let mut unquoted = false;
        if matches!(found, Err(Turn::Elsewise)) {
            unquoted = true;
            found = self.round(&name, what, true).await;
        }
        self.remove(&name).await;
        let property = match found {
            Ok(()) => Property::Holds,
            Err(Turn::Over(property)) => property,
            Err(Turn::Elsewise) => Property::Broken(format!(
                "a {} with a right If-Match was refused, with quotes and without",
                what.as_str()
            )),
        };
        (property, unquoted)
    }

    async fn round(&self, name: &str, what: Tagged, unquoted: bool) -> Result<(), Turn> {
        let broken = |how: &str| Turn::Over(Property::Broken(format!("a {} with {how}", what.as_str())));
        let (old, current) = self.two_tags(name).await?;
        let [old, current] = [old, current].map(|tag| if unquoted { tag.unquoted() } else { tag });
        match self.conditional(what, name, old).await {
            Ok(()) => return Err(broken("a wrong If-Match was answered with success")),
            Err(failure) if failure.refuses_the_condition() => {}
            Err(failure) => return Err(Turn::Over(unclear(failure))),
        }
        match self.body(name).await {
            Ok(body) if body == "second" => {}
            Ok(_) => return Err(broken("a wrong If-Match was refused, but took place")),
            Err(failure) if failure.is(ProviderErrorKind::NotFound) => {
                return Err(broken("a wrong If-Match was refused, but took place"));
            }
            Err(failure) => return Err(Turn::Over(unclear(failure))),
        }
        match self.conditional(what, name, current).await {
            Ok(()) => Ok(()),
            Err(failure) if failure.refuses_the_condition() => Err(Turn::Elsewise),
            Err(failure) => Err(Turn::Over(unclear(failure))),
        }
    }

    /// Whether the completion of an upload is refused as a create where there is an object, and on an outdated tag.
    pub(super) async fn completion(&self) -> Property {
        if self.is_refused(Conditional::Complete) {
            return Property::Unsupported;
        }
        let found = self.refused_completions("completion").await;
        self.remove("completion").await;
        match found {
            Ok(()) => Property::Holds,
            Err(Turn::Over(property)) => property,
            Err(Turn::Elsewise) => Property::Unknown("the store's answers contradict each other".into()),
        }
    }

    async fn refused_completions(&self, name: &str) -> Result<(), Turn> {
        let (old, _) = self.two_tags(name).await?;
        let over = |failure| Turn::Over(unclear(failure));
        for mode in [PutMode::Create, PutMode::IfMatch(old)] {
            let begin = BeginUpload::new(self.key(name).map_err(over)?);
            let upload = answered(self.provider.begin_upload(begin.clone()))
                .await
                .map_err(over)?;
            let completed = self.complete(&begin, &upload, mode).await;
            let _ = answered(self.provider.abort_upload(AbortUpload::new(begin.key, upload))).await;
            match completed {
                Ok(()) => {
                    let how = "the store answered the completion of an upload with success, against its condition";
                    return Err(Turn::Over(Property::Broken(how.into())));
                }
                Err(failure) if failure.refuses_the_condition() || failure.is(ProviderErrorKind::AlreadyExists) => {}
                Err(failure) => return Err(over(failure)),
            }
        }
        match self.body(name).await {
            Ok(body) if body == "second" => Ok(()),
            Ok(_) => {
                let how = "the store refused the completion of an upload, but stored the object";
                Err(Turn::Over(Property::Broken(how.into())))
            }
            Err(failure) => Err(over(failure)),
        }
    }

    async fn complete(&self, begin: &BeginUpload, upload: &UploadId, mode: PutMode) -> Result<(), Failure> {
        let part = PutPart::new(begin.key.clone(), upload.clone(), 1, "third");
        let part = answered(self.provider.put_part(part)).await?;
        let complete = CompleteUpload {
            mode,
            ..CompleteUpload::new(begin, upload.clone(), vec![part])
        };
        answered(self.provider.complete_upload(complete)).await.map(drop)
    }

    /// An outdated tag of the object, and its current one.
    async fn two_tags(&self, name: &str) -> Result<(ETag, ETag), Turn> {
        let over = |how: &str| Turn::Over(Property::Broken(how.to_owned()));
        let mut tags = Vec::with_capacity(2);
        for body in ["first", "second"] {
            let put = Put {
                mode: PutMode::Overwrite,
                ..Put::new(self.key(name).map_err(|failure| Turn::Over(unclear(failure)))?, body)
            };
            let stored = self.put(put).await;
            let tag = stored.map_err(|failure| Turn::Over(unclear(failure)))?.etag;
            tags.push(tag.ok_or_else(|| over("the store gives no tags"))?);
        }
        match <[ETag; 2]>::try_from(tags) {
            Ok([old, current]) if old == current => Err(over("the store gives equal tags to unequal bodies")),
            Ok([_, current]) if current.is_weak() => {
                Err(over("the store gives weak tags, which no condition can match"))
            }
            Ok([old, current]) => Ok((old, current)),
            Err(_) => Err(over("the store gives no tags")),
        }
    }

    async fn conditional(&self, what: Tagged, name: &str, tag: ETag) -> Result<(), Failure> {
        let key = self.key(name)?;
        match what {
            Tagged::Put => {
                let put = Put {
                    mode: PutMode::IfMatch(tag),
                    ..Put::new(key, "third")
                };
                self.put(put).await.map(drop)
            }
            Tagged::Delete => answered(self.provider.delete(Delete::new(key).if_match(tag))).await,
        }
    }

    async fn create(&self, name: &str, body: &str) -> Result<(), Failure> {
        let put = Put::new(self.key(name)?, body.to_owned());
        self.put(put).await.map(drop)
    }

    async fn put(&self, put: Put) -> Result<PutAnswer, Failure> {
        let stored = answered(self.provider.put(put)).await;
        if !matches!(&stored, Err(Failure::Refused(error)) if error.outcome().sent == Sent::No) {
            self.lies.store(true, Ordering::Relaxed);
        }
        stored
    }

    async fn body(&self, name: &str) -> Result<bytes::Bytes, Failure> {
        let get = Get::new(self.key(name)?);
        Ok(answered(self.provider.get(get)).await?.body)
    }

    async fn remove(&self, name: &str) {
        if !self.lies.swap(false, Ordering::Relaxed) {
            return;
        }
        let removed = match self.key(name) {
            Ok(key) => answered(self.provider.delete(Delete::new(key))).await,
            Err(failure) => Err(failure),
        };
        if removed.is_err() {
            self.left.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn key(&self, name: &str) -> Result<Key, Failure> {
        Key::new(format!("{}{name}", self.prefix)).map_err(|_| Failure::Late)
    }
}

/// Why a round did not end well.
enum Turn {
    /// A right tag was refused: perhaps the store wants another notation.
    Elsewise,
    /// The finding.
    Over(Property),
}

enum Failure {
    Refused(ProviderError),
    Late,
}

impl Failure {
    fn is(&self, kind: ProviderErrorKind) -> bool {
        matches!(self, Self::Refused(error) if error.kind() == kind)
    }

    fn is_answer(&self) -> bool {
        matches!(self, Self::Refused(error) if error.outcome().verdict.is_healthy())
    }

    /// The store says that the condition does not hold, or cannot read the tag.
    fn refuses_the_condition(&self) -> bool {
        self.is(ProviderErrorKind::PreconditionFailed) || self.is(ProviderErrorKind::Invalid)
    }
}

async fn answered<T>(request: impl Future<Output = Result<T, ProviderError>>) -> Result<T, Failure> {
    match tokio::time::timeout(LIMIT, request).await {
        Ok(answer) => answer.map_err(Failure::Refused),
        Err(_) => Err(Failure::Late),
    }
}

fn unclear(failure: Failure) -> Property {
    match failure {
        Failure::Refused(error) if error.kind() == ProviderErrorKind::Unsupported => Property::Unsupported,
        Failure::Refused(error) => Property::Unknown(error.to_string()),
        Failure::Late => Property::Unknown(format!("no answer within {} s", LIMIT.as_secs())),
    }
}
