//! Uploads of which nobody holds anything but a name: `MultipartStore`. The name says where the upload is and how it was
//! begun, since some stores take attributes only at the completion.

use super::{
    convert,
    error::{generic, of},
    store::FailoverStore,
    text, write,
};
use crate::{
    client::object::{Detached, UploadCall},
    request::{
        WriteId,
        object::{Attributes, PartTag, Terms, UploadId},
    },
};
use bytes::Bytes;
use object_store::{Error as StoreError, PutMultipartOptions, PutPayload, PutResult, multipart::PartId, path::Path};

/// What an upload's name says.
#[derive(Clone, Debug, Default, PartialEq)]
struct Name {
    endpoint: String,
    upload: String,
    write_id: String,
    attributes: Attributes,
    terms: Terms,
}

impl Name {
    fn written(&self) -> String {
        let Self {
            endpoint,
            upload,
            write_id,
            attributes,
            terms,
        } = self;
        let own = [("at", endpoint), ("upload", upload), ("write", write_id)];
        let told = [
            ("type", &attributes.content_type),
            ("cache", &attributes.cache_control),
            ("disposition", &attributes.content_disposition),
            ("encoding", &attributes.content_encoding),
            ("language", &attributes.content_language),
            ("class", &terms.storage_class),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.clone())).into_iter();
        let told = told
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let metadata = attributes
            .metadata
            .iter()
            .map(|(name, value)| (format!("m.{name}"), value.clone()));
        let tags = terms
            .tags
            .iter()
            .map(|(name, value)| (format!("t.{name}"), value.clone()));
        let all: Vec<_> = own.chain(told).chain(metadata).chain(tags).collect();
        text::query(all.iter().map(|(name, value)| (&**name, &**value)))
    }

    fn read(written: &str) -> Option<Self> {
        let mut name = Self::default();
        for (what, value) in text::pairs(written)? {
            match what.as_str() {
                "at" => name.endpoint = value,
                "upload" => name.upload = value,
                "write" => name.write_id = value,
                "type" => name.attributes.content_type = Some(value),
                "cache" => name.attributes.cache_control = Some(value),
                "disposition" => name.attributes.content_disposition = Some(value),
                "encoding" => name.attributes.content_encoding = Some(value),
                "language" => name.attributes.content_language = Some(value),
                "class" => name.terms.storage_class = Some(value),
                _ => match what.split_once('.')? {
                    ("m", of) => drop(name.attributes.metadata.insert(of.to_owned(), value)),
                    ("t", of) => drop(name.terms.tags.insert(of.to_owned(), value)),
                    _ => return None,
                },
            }
        }
        (!name.endpoint.is_empty() && !name.upload.is_empty() && !name.write_id.is_empty()).then_some(name)
    }
}

fn written(part: &PartTag) -> String {
    let (number, size) = (part.number.to_string(), part.size.to_string());
    text::query([("part", &*number), ("size", &*size), ("tag", &*part.tag)])
}

fn read(part: &PartId) -> Option<PartTag> {
    let pairs = text::pairs(&part.content_id)?;
    let [(part, number), (size, bytes), (tag, value)] = &pairs[..] else {
        return None;
    };
    let is_one = (&**part, &**size, &**tag) == ("part", "size", "tag");
    let tag = PartTag::new(number.parse().ok()?, bytes.parse().ok()?, value.as_str());
    is_one.then_some(tag)
}

impl FailoverStore {
    pub(super) async fn begin_detached(
        &self,
        location: &Path,
        options: &PutMultipartOptions,
    ) -> Result<String, StoreError> {
        let (attributes, terms) = convert::asked(&options.attributes, &options.tags)?;
        let begun = self
            .begin(location, (&attributes, &terms), UploadCall::begin_detached)
            .await?;
        let name = Name {
            endpoint: begun.endpoint().to_string(),
            upload: begun.upload().as_str().to_owned(),
            write_id: begun.write_id().as_str().to_owned(),
            attributes,
            terms,
        };
        Ok(name.written())
    }

    fn attach(&self, location: &Path, id: &str) -> Result<Detached, StoreError> {
        let Some(name) = Name::read(id) else {
            return Err(generic("this is no upload of an evenkeel client"));
        };
        let call = self.upload(location, &name.attributes, &name.terms)?;
        let call = call.write_id(WriteId::new(name.write_id));
        let attached = call.attach(name.endpoint.into(), UploadId::new(name.upload));
        attached.map_err(|error| of(error, location.as_ref()))
    }

    pub(super) async fn store_part(
        &self,
        location: &Path,
        id: &str,
        index: usize,
        data: PutPayload,
    ) -> Result<PartId, StoreError> {
        let upload = self.attach(location, id)?;
        let number = u32::try_from(index).ok().and_then(|index| index.checked_add(1));
        let number = number.ok_or_else(|| generic("no upload has so many parts"))?;
        let stored = upload.part(number, Bytes::from(data)).await;
        let stored = stored.map_err(|error| of(error, location.as_ref()))?;
        Ok(PartId {
            content_id: written(&stored),
        })
    }

    pub(super) async fn finish(&self, location: &Path, id: &str, parts: &[PartId]) -> Result<PutResult, StoreError> {
        let upload = self.attach(location, id)?;
        let parts: Option<Vec<_>> = parts.iter().map(read).collect();
        let parts = parts.ok_or_else(|| generic("a part is none of an evenkeel client"))?;
        if !parts.iter().zip(1..).all(|(part, number)| part.number == number) {
            return Err(generic("the parts of an upload must be complete and in order"));
        }
        let stored = upload
            .complete(parts)
            .await
            .map_err(|error| of(error, location.as_ref()))?;
        Ok(write::result(stored, self.tags))
    }

    pub(super) async fn give_up(&self, location: &Path, id: &str) -> Result<(), StoreError> {
        let upload = self.attach(location, id)?;
        upload.abort().await.map_err(|error| of(error, location.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_s_name_round_trips() {
        let mut name = Name {
            endpoint: "west europe".into(),
            upload: "a/b+c==&d".into(),
            write_id: "42".into(),
            ..Name::default()
        };
        name.attributes.content_type = Some("text/html; charset=utf-8".into());
        name.attributes
            .metadata
            .insert("test_key.x".into(), "hello   world".into());
        name.terms = Terms::new().storage_class("STANDARD_IA").tag("a b", "c=d");
        assert_eq!(Name::read(&name.written()), Some(name));
        for foreign in ["", "abc", "at=a&upload=b", "at=a&upload=b&write=c&x=d", "at=%"] {
            assert_eq!(Name::read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_part_s_name_round_trips() {
        let tag = PartTag::new(3, 5 << 20, "\"d41d8\"");
        let id = |content_id: &str| PartId {
            content_id: content_id.into(),
        };
        assert_eq!(read(&id(&written(&tag))), Some(tag));
        for foreign in [
            "",
            "\"etag\"",
            "part=1&size=2",
            "part=x&size=2&tag=a",
            "size=1&part=2&tag=a",
        ] {
            assert_eq!(read(&id(foreign)), None, "{foreign}");
        }
    }
}
