use super::{
    error::{self, failed},
    etag, metadata,
};
use crate::{
    provider::{
        ProviderError, percent,
        refusal::{Asked, unreadable_listing, wrong},
    },
    request::object::{List, ListEntry, ListPage, ObjectMeta, WriteId},
    verdict::table::Symptom,
};
use async_trait::async_trait;
use azure_core::{
    http::{
        Context, Request,
        pager::PagerOptions,
        policies::{Policy, PolicyResult},
    },
    time::parse_rfc7231,
};
use azure_storage_blob::{
    BlobContainerClient,
    models::{BlobContainerClientListBlobsOptions, ListBlobsIncludeItem},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use std::{collections::HashMap, sync::Arc};

/// The most that Azure gives in one page.
const PAGE: usize = 5000;

/// Marks a call's context: the listing is to be folded at this delimiter.
#[derive(Debug)]
struct Delimiter(String);

/// The SDK (1.1) lists flat, but Azure can fold. This policy adds the parameter that the SDK lacks. This module reads
/// the answer.
#[derive(Debug)]
pub(super) struct AddDelimiter;

#[async_trait]
#[allow(elided_lifetimes_in_paths)] // the trait's are late-bound
impl Policy for AddDelimiter {
    async fn send(&self, ctx: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(Delimiter(delimiter)) = ctx.value() {
            request.url_mut().query_pairs_mut().append_pair("delimiter", delimiter);
        }
        next[0].send(ctx, request, &next[1..]).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    blobs: Entries,
    next_marker: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entries {
    #[serde(default, rename = "$value")]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
enum Entry {
    Blob(Blob),
    BlobPrefix(Prefix),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Blob {
    name: Name,
    properties: Properties,
    #[serde(default)]
    metadata: HashMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Prefix {
    name: Name,
}

#[derive(Deserialize)]
struct Name {
    /// Present for names that XML cannot hold. Azure percent-encodes such names.
    #[serde(rename = "@Encoded")]
    encoded: Option<String>,
    #[serde(default, rename = "$text")]
    text: String,
}

#[derive(Deserialize)]
struct Properties {
    #[serde(rename = "Content-Length")]
    content_length: u64,
    #[serde(rename = "Etag")]
    etag: Option<String>,
    #[serde(rename = "Last-Modified")]
    last_modified: Option<String>,
}

pub(super) async fn page(container: &BlobContainerClient, list: &List) -> Result<ListPage, ProviderError> {
    if list.limit == Some(0) {
        return Ok(ListPage::default());
    }
    let mut context = Context::new();
    if let Some(delimiter) = list.delimiter.as_ref().filter(|delimiter| !delimiter.is_empty()) {
        context.insert(Delimiter(delimiter.clone()));
    }
    let options = BlobContainerClientListBlobsOptions {
        prefix: (!list.prefix.is_empty()).then(|| list.prefix.clone()),
        marker: list.continuation.clone(),
        // The write ids.
        include: Some(vec![ListBlobsIncludeItem::Metadata]),
        maxresults: list.limit.map(|limit| limit.min(PAGE) as i32),
        method_options: PagerOptions {
            context,
            ..PagerOptions::default()
        },
        ..BlobContainerClientListBlobsOptions::default()
    };
    let mut pages = container
        .list_blobs(Some(options))
        .map_err(|error| failed(Asked::List, &error))?
        .into_pages();
    let page = match pages.next().await {
        Some(page) => page.map_err(|error| failed(Asked::List, &error))?,
        None => return Err(wrong(Symptom::Nonsense, None)),
    };
    let (_, headers, body) = page.deconstruct();
    let id = error::request_id(&headers);
    let nonsense = || wrong(Symptom::Nonsense, id);
    let answer: Answer = azure_core::xml::from_xml(&body).map_err(|_| match std::str::from_utf8(&body) {
        Ok(text) if text.contains("<EnumerationResults") => unreadable_listing(id),
        _ => nonsense(),
    })?;
    let entries = answer.blobs.entries.into_iter().map(entry).collect::<Option<Vec<_>>>();
    let mut entries = entries.ok_or_else(nonsense)?;
    entries.sort_by(|a, b| a.name().cmp(b.name()));
    // Where a listing starts is found by the caller's name, not by Azure's marker. (Its `startFrom` is too new to rely on.)
    if let Some(after) = &list.start_after {
        entries.retain(|entry| entry.name() > after.as_str());
    }
    let continuation = answer.next_marker.filter(|marker| !marker.is_empty());
    Ok(ListPage::new(entries, continuation))
}

fn entry(entry: Entry) -> Option<ListEntry> {
    let plain = |name: Name| match name.encoded.as_deref() {
        Some("true") => percent::decoded(&name.text),
        _ => Some(name.text),
    };
    Some(match entry {
        Entry::BlobPrefix(prefix) => ListEntry::CommonPrefix(plain(prefix.name)?),
        Entry::Blob(blob) => {
            let properties = blob.properties;
            let written = properties.last_modified.as_deref().map(parse_rfc7231);
            let id = metadata::received(blob.metadata).find(|(name, _)| name == WriteId::METADATA_KEY);
            ListEntry::Object(ObjectMeta {
                write_id: id.map(|(_, id)| WriteId::new(id)),
                // In listings Azure leaves out the quotes.
                etag: properties.etag.map(|tag| etag(&quoted(&tag))),
                last_modified: written.and_then(Result::ok).map(Into::into),
                ..ObjectMeta::new(plain(blob.name)?, properties.content_length)
            })
        }
    })
}

fn quoted(tag: &str) -> String {
    if tag.starts_with('"') {
        tag.to_owned()
    } else {
        format!("\"{tag}\"")
    }
}
