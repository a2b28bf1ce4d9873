use super::{Memory, State, Stored, etag};
use crate::{
    model::{PartRule, clock},
    provider::{ProviderError, ProviderErrorKind, check_parts},
    request::object::{
        AbortUpload, BeginUpload, CompleteUpload, ListUploads, OpenUpload, PartTag, PutAnswer, PutPart, UploadId,
        UploadPage,
    },
};
use bytes::{Bytes, BytesMut};
use std::{collections::BTreeMap, ops::Bound, sync::Arc, time::SystemTime};

/// The most uploads in a page, as S3 has it.
const PAGE: usize = 1000;

/// The uploads under way, by their number: the order in which they began.
#[derive(Default)]
pub(super) struct Uploads {
    open: BTreeMap<u64, Open>,
    begun: u64,
}

struct Open {
    begin: BeginUpload,
    started: SystemTime,
    parts: BTreeMap<u32, Part>,
}

struct Part {
    body: Bytes,
    tag: Arc<str>,
}

impl Uploads {
    pub(super) fn begin(&mut self, begin: BeginUpload) -> UploadId {
        self.begun += 1;
        let open = Open {
            begin,
            started: clock::wall(),
            parts: BTreeMap::new(),
        };
        self.open.insert(self.begun, open);
        UploadId::new(format!("{:016x}", self.begun))
    }

    fn number(&self, key: &str, upload: &UploadId) -> Result<u64, ProviderError> {
        let number = u64::from_str_radix(upload.as_str(), 16).ok();
        let number = number.filter(|number| self.open.get(number).is_some_and(|open| open.begin.key.as_str() == key));
        number.ok_or_else(|| ProviderError::answer(ProviderErrorKind::UploadGone))
    }

    fn find(&mut self, key: &str, upload: &UploadId) -> Result<&mut Open, ProviderError> {
        let number = self.number(key, upload)?;
        let open = self.open.get_mut(&number);
        open.ok_or_else(|| ProviderError::answer(ProviderErrorKind::UploadGone))
    }

    pub(super) fn put(&mut self, part: PutPart, rule: PartRule, write: u64) -> Result<PartTag, ProviderError> {
        let open = self.find(part.key.as_str(), &part.upload)?;
        let size = part.body.len() as u64;
        if part.number == 0 || part.number > rule.count || size > rule.most {
            return Err(ProviderError::answer(ProviderErrorKind::Invalid).with_message("the part has no place"));
        }
        let tag = etag::unique(write);
        let stored = Part {
            body: part.body,
            tag: tag.clone(),
        };
        open.parts.insert(part.number, stored);
        Ok(PartTag::new(part.number, size, tag))
    }

    pub(super) fn abort(&mut self, abort: &AbortUpload) {
        if let Ok(number) = self.number(abort.key.as_str(), &abort.upload) {
            self.open.remove(&number);
        }
    }

    pub(super) fn page(&self, list: &ListUploads) -> UploadPage {
        let after = list.continuation.as_deref();
        let after = after.and_then(|after| u64::from_str_radix(after, 16).ok());
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let open = self.open.range((from, Bound::Unbounded));
        let mut open = open.filter(|(_, open)| open.begin.key.as_str().starts_with(&list.prefix));
        let mut page = UploadPage::default();
        for (number, upload) in open.by_ref().take(PAGE) {
            let id = UploadId::new(format!("{number:016x}"));
            let key = upload.begin.key.as_str();
            page.uploads.push(OpenUpload::new(key, id, Some(upload.started)));
        }
        if open.next().is_some() {
            let last = page.uploads.last();
            page.continuation = last.map(|last| last.upload.as_str().to_owned());
        }
        page
    }
}

impl State {
    /// Assembles the object. The upload ends only with success.
    pub(super) fn complete(
        &mut self,
        store: &Memory,
        complete: &CompleteUpload,
        rule: PartRule,
    ) -> Result<PutAnswer, ProviderError> {
        check_parts(&complete.parts)?;
        let number = self.uploads.number(complete.key.as_str(), &complete.upload)?;
        let open = self.uploads.find(complete.key.as_str(), &complete.upload)?;
        let invalid = |what: &str| ProviderError::answer(ProviderErrorKind::Invalid).with_message(what);
        let mut body = BytesMut::new();
        let last = complete.parts.len() - 1;
        for (at, listed) in complete.parts.iter().enumerate() {
            let part = open.parts.get(&listed.number);
            let part = part.filter(|part| part.tag == listed.tag);
            let part = part.ok_or_else(|| invalid("a part is not there"))?;
            let size = part.body.len() as u64;
            if at < last && (size < rule.least || rule.equal && size != complete.parts[0].size) {
                return Err(invalid("a part has the wrong length"));
            }
            body.extend_from_slice(&part.body);
        }
        let (attributes, terms) = (open.begin.attributes.clone(), open.begin.terms.clone());
        let write_id = open.begin.write_id.clone();
        self.judge(complete.key.as_str(), &complete.mode)?;
        self.writes += 1;
        let body = body.freeze();
        let stored = Stored {
            etag: store.tag(&body, self.writes),
            body,
            last_modified: clock::wall(),
            attributes,
            terms,
            write_id,
        };
        let answer = PutAnswer::new(Some(stored.tag()));
        self.objects.insert(complete.key.as_str().to_owned(), stored);
        self.uploads.open.remove(&number);
        Ok(answer)
    }
}
