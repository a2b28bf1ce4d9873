//! Reads: of one range in one request, of anything longer as a download.

use super::{
    convert,
    error::{generic, never_matches, not_supported, of},
    ranges,
    store::FailoverStore,
    tag::{self, Named, Tags},
    transfer::Transfer,
};
use crate::{
    Error, ErrorKind,
    client::object::{Download, Fetched, is_provable, is_same_state},
    provider::attributes_sent,
    request::{
        OpClass,
        object::{ByteRange, ETag, ObjectMeta, Terms},
    },
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::{Error as StoreError, GetOptions, GetResult, GetResultPayload, path::Path};
use std::{
    future::{Future, IntoFuture},
    ops::Range,
    pin::Pin,
    sync::Arc,
};

/// The longest range that is fetched in one request. It is a part of a download, whose failure costs as much.
const ONE_REQUEST: u64 = 8 << 20;
/// How often ranges are fetched again because the object has changed meanwhile, or copies differ.
const CHANGES: usize = 4;

/// A read, and those of its conditions that travel. What of the options does not is checked in the answer.
struct Asked<'a> {
    location: &'a Path,
    options: &'a GetOptions,
    if_match: Option<ETag>,
    if_none_match: Option<ETag>,
    only_at: Option<Arc<str>>,
}

impl FailoverStore {
    pub(super) async fn read(&self, location: &Path, options: GetOptions) -> Result<GetResult, StoreError> {
        if options.version.is_some() {
            return Err(not_supported(
                "versions differ from store to store, so none can be asked for",
            ));
        }
        let mut asked = self.asked(location, &options)?;
        if let Some(result) = self.answer_to(&asked).await? {
            return Ok(result);
        }
        // A copy that may lag has another version than was asked for. Only the home knows whether it has it.
        asked.only_at = self.home();
        let answered = self.answer_to(&asked).await?;
        answered.ok_or_else(|| generic("only copies that may lag could answer, and they do not meet the condition"))
    }

    /// `None`: the condition does not hold at a copy that may lag.
    async fn answer_to(&self, asked: &Asked<'_>) -> Result<Option<GetResult>, StoreError> {
        if asked.options.head {
            return self.read_head(asked).await;
        }
        let range = asked.options.range.as_ref().map(convert::range);
        match range.filter(fits_one_request) {
            Some(range) => self.read_at_once(asked, range).await,
            None => self.read_as_stream(asked).await,
        }
    }

    /// Only one tag can travel, to the endpoint that gave it. A tag of another store matches nothing.
    fn asked<'a>(&self, location: &'a Path, options: &'a GetOptions) -> Result<Asked<'a>, StoreError> {
        let all = |list: &str| -> Vec<Named> {
            let all = list.split(',').filter_map(|text| tag::read(text.trim()));
            all.filter(|named| match named {
                Named::Stamp(_) => self.tags.stamps,
                Named::At(tag) => self.knows(tag).is_some(),
            })
            .collect()
        };
        let the_one = |mut all: Vec<Named>| match (all.pop(), all.is_empty()) {
            (Some(Named::At(tag)), true) => Some(tag),
            _ => None,
        };
        let if_match = match options.if_match.as_deref() {
            None | Some("*") => None,
            Some(list) => match all(list) {
                none if none.is_empty() => return Err(never_matches(location.as_ref())),
                some => the_one(some),
            },
        };
        let if_none_match = options.if_none_match.as_deref().and_then(|list| the_one(all(list)));
        Ok(Asked {
            location,
            options,
            if_match,
            if_none_match,
            only_at: None,
        })
    }

    async fn read_head(&self, asked: &Asked<'_>) -> Result<Option<GetResult>, StoreError> {
        let head = |left| {
            let mut call = self.client.head(asked.location.as_ref()).deadline(left);
            if let Some(tag) = &asked.if_match {
                call = call.if_match(tag.clone());
            }
            if let Some(endpoint) = &asked.only_at {
                call = call.pin(endpoint.clone());
            }
            call.explained().into_future()
        };
        let found = self.patiently(OpClass::Read, head).await;
        let (found, explained) = found.map_err(|error| of(error, asked.location.as_ref()))?;
        let range = match &asked.options.range {
            Some(range) => range.as_range(found.meta().size).map_err(generic)?,
            None => 0..found.meta().size,
        };
        let transfer = Transfer::whole(found.endpoint(), 0..0, explained.attempts().len());
        let answer = Answer {
            found: found.meta(),
            range,
            transfer,
            body: stream::empty().boxed(),
            possibly_stale: found.is_possibly_stale(),
        };
        result(asked, self.tags, answer)
    }

    async fn read_at_once(&self, asked: &Asked<'_>, range: ByteRange) -> Result<Option<GetResult>, StoreError> {
        let get = |left| {
            let mut call = self
                .client
                .get(asked.location.as_ref())
                .range(range.clone())
                .deadline(left);
            if let Some(tag) = &asked.if_match {
                call = call.if_match(tag.clone());
            }
            if let Some(tag) = &asked.if_none_match {
                call = call.if_none_match(tag.clone());
            }
            if let Some(endpoint) = &asked.only_at {
                call = call.pin(endpoint.clone());
            }
            call.explained().into_future()
        };
        let found = self.patiently(OpClass::Read, get).await;
        let (found, explained) = found.map_err(|error| of(error, asked.location.as_ref()))?;
        let transfer = Transfer::whole(found.endpoint(), found.range().clone(), explained.attempts().len());
        let meta = self.dated(asked, found.meta(), &transfer).await?;
        let answer = Answer {
            found: &meta,
            range: found.range().clone(),
            transfer,
            body: stream::iter([Ok(found.body().clone())]).boxed(),
            possibly_stale: found.is_possibly_stale(),
        };
        result(asked, self.tags, answer)
    }

    async fn read_as_stream(&self, asked: &Asked<'_>) -> Result<Option<GetResult>, StoreError> {
        let begin = |_| {
            let call = self.client.get_stream(asked.location.as_ref());
            let mut call = call.concurrency(self.settings.streams);
            if let Some(range) = &asked.options.range {
                call = call.range(convert::range(range));
            }
            if let Some(tag) = &asked.if_match {
                call = call.if_match(tag.clone());
            }
            if let Some(tag) = &asked.if_none_match {
                call = call.if_none_match(tag.clone());
            }
            if let Some(endpoint) = &asked.only_at {
                call = call.pin(endpoint.clone());
            }
            call.into_future()
        };
        let download = self.patiently(OpClass::Read, begin).await;
        let download = download.map_err(|error| of(error, asked.location.as_ref()))?;
        let transfer = Transfer::begun(&download);
        let meta = self.dated(asked, download.meta(), &transfer).await?;
        let range = match &asked.options.range {
            Some(range) => range.as_range(meta.size).map_err(generic)?,
            None => 0..meta.size,
        };
        let possibly_stale = download.is_possibly_stale();
        let body = stream::unfold((download, transfer.clone(), asked.location.clone()), next_part);
        let answer = Answer {
            found: &meta,
            range,
            transfer,
            body: body.fuse().boxed(),
            possibly_stale,
        };
        result(asked, self.tags, answer)
    }

    /// What was found, with its date if a condition asks for one: Google's SDK tells the date in a head alone.
    async fn dated(&self, asked: &Asked<'_>, found: &ObjectMeta, by: &Transfer) -> Result<ObjectMeta, StoreError> {
        let mut found = found.clone();
        let is_asked_for = asked.options.if_modified_since.is_some() || asked.options.if_unmodified_since.is_some();
        if found.last_modified.is_some() || !is_asked_for {
            return Ok(found);
        }
        let head = |left| {
            let call = self.client.head(asked.location.as_ref()).deadline(left);
            call.pin(by.endpoint()).into_future()
        };
        let known = self.patiently(OpClass::Read, head).await;
        let known = known.map_err(|error| of(error, asked.location.as_ref()))?;
        if !is_same_state(&found, known.meta()) {
            return Err(generic("the object was replaced while its date was asked for"));
        }
        found.last_modified = known.meta().last_modified;
        Ok(found)
    }

    /// All ranges, of one state of the object.
    pub(super) async fn read_ranges(&self, location: &Path, wanted: &[Range<u64>]) -> Result<Vec<Bytes>, StoreError> {
        if wanted.iter().any(|range| range.start > range.end) {
            return Err(generic("a range must not end before its start"));
        }
        // Nobody has an object of that many bytes in memory: the ranges end beyond it, so its size is asked first.
        let clipped: Vec<_> = match ranges::are_vast(wanted) {
            true => {
                let size = self.client.head(location.to_string()).await;
                let size = size.map_err(|error| of(error, location.as_ref()))?.meta().size;
                wanted.iter().map(|range| ranges::up_to(range, size)).collect()
            }
            false => wanted.to_vec(),
        };
        let requests = ranges::requests(&clipped, self.settings.gap);
        let bodies = match requests.is_empty() {
            true => Vec::new(),
            false => self.of_one_state(location, &requests).await?,
        };
        let bytes = wanted.iter().map(|range| {
            ranges::bytes_of(range, &requests, &bodies).ok_or_else(|| generic("a range begins after the object's end"))
        });
        bytes.collect()
    }

    /// The bodies of these requests. Each is an ordinary get, which may go to any endpoint, and the answers are compared;
    /// if they differ, one endpoint is asked for all.
    async fn of_one_state(&self, location: &Path, requests: &[Range<u64>]) -> Result<Vec<Bytes>, StoreError> {
        let mut only: Option<ETag> = None;
        for _ in 0..CHANGES {
            let gets: Vec<_> = requests
                .iter()
                .map(|range| self.part(location, range, only.as_ref()))
                .collect();
            let answers = stream::iter(gets).buffered(self.settings.at_once);
            let got: Result<Vec<_>, Error> = answers.map(unless_it_ends_before).try_collect().await;
            let parts = match got {
                Ok(parts) => parts,
                // The state of the round before is not to be had any more.
                Err(_) if only.is_some() => {
                    only = None;
                    continue;
                }
                Err(error) => return Err(of(error, location.as_ref())),
            };
            let first = parts.iter().find_map(|part| part.as_ref().ok());
            let Some(first) = first.map(|part| part.meta().clone()) else {
                let after = parts.into_iter().find_map(Result::err);
                return Err(after.map_or_else(
                    || generic("nothing was asked for"),
                    |error| of(error, location.as_ref()),
                ));
            };
            let is_of_it = |(part, range): (&Result<Fetched, Error>, &Range<u64>)| match part {
                Ok(part) => is_same_state(&first, part.meta()),
                Err(_) => first.size <= range.start,
            };
            if requests.len() == 1 || parts.iter().zip(requests).all(is_of_it) {
                return Ok(parts
                    .into_iter()
                    .map(|part| part.map_or_else(|_| Bytes::new(), Fetched::into_bytes))
                    .collect());
            }
            if !is_provable(&first) {
                return Err(not_supported(
                    "the store gives neither a write id nor a strong ETag, so ranges cannot be told from those of another object",
                ));
            }
            only = first.etag.filter(|tag| tag.unfit().is_none());
        }
        Err(generic("the object kept changing while its ranges were fetched"))
    }

    /// One request, of this state if one is given.
    fn part(&self, location: &Path, range: &Range<u64>, only: Option<&ETag>) -> Part {
        let (this, key, range, only) = (self.clone(), location.to_string(), range.clone(), only.cloned());
        Box::pin(async move {
            let get = |left| {
                let call = this.client.get(&*key).range(range.clone()).deadline(left);
                match &only {
                    Some(tag) => call.if_match(tag.clone()).into_future(),
                    None => call.into_future(),
                }
            };
            this.patiently(OpClass::Read, get).await
        })
    }
}

type Part = Pin<Box<dyn Future<Output = Result<Fetched, Error>> + Send>>;

/// The inner error: the object ends before the range.
fn unless_it_ends_before(answer: Result<Fetched, Error>) -> Result<Result<Fetched, Error>, Error> {
    match answer {
        Err(error) if error.kind() == ErrorKind::RangeNotSatisfiable => Ok(Err(error)),
        answer => answer.map(Ok),
    }
}

fn fits_one_request(range: &ByteRange) -> bool {
    match range {
        ByteRange::Bounded(range) => range.end.saturating_sub(range.start) <= ONE_REQUEST,
        ByteRange::Suffix(bytes) => *bytes <= ONE_REQUEST,
        ByteRange::From(_) => false,
    }
}

type Reading = (Download, Transfer, Path);

async fn next_part((mut download, transfer, location): Reading) -> Option<(Result<Bytes, StoreError>, Reading)> {
    let part = download.next().await;
    transfer.note(&download);
    let part = part?.map_err(|error| of(error, location.as_ref()));
    Some((part, (download, transfer, location)))
}

/// An answer about an object, before its conditions are checked.
struct Answer<'a> {
    found: &'a ObjectMeta,
    range: Range<u64>,
    transfer: Transfer,
    body: stream::BoxStream<'static, Result<Bytes, StoreError>>,
    possibly_stale: bool,
}

/// The answer as a result, if the rest of its conditions hold.
fn result(asked: &Asked<'_>, tags: Tags, answer: Answer<'_>) -> Result<Option<GetResult>, StoreError> {
    let meta = convert::meta(asked.location.clone(), answer.found, tags);
    match check(asked.options, &meta, answer.found.last_modified.is_some()) {
        Err(StoreError::Precondition { .. }) if answer.possibly_stale => return Ok(None),
        checked => checked?,
    }
    let mut result = GetResult {
        payload: GetResultPayload::Stream(answer.body),
        meta,
        range: answer.range,
        attributes: attributes_sent(&answer.found.attributes, &Terms::default(), None),
        extensions: object_store::Extensions::new(),
    };
    result.extensions.insert(answer.transfer);
    Ok(Some(result))
}

fn check(options: &GetOptions, meta: &object_store::ObjectMeta, is_dated: bool) -> Result<(), StoreError> {
    match (is_dated, options.if_unmodified_since) {
        (true, _) => options.check_preconditions(meta),
        (false, Some(_)) => Err(not_supported("the store does not say when the object was stored")),
        // Without a date the condition is no condition (RFC 9110, 13.1.3).
        (false, None) => options
            .clone()
            .with_if_modified_since(None::<std::time::SystemTime>)
            .check_preconditions(meta),
    }
}
