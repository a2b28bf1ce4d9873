//! The suite of uploads and copies, before stores in memory.

use crate::tried;
use evenkeel::{
    provider::{Capabilities, Capability, Memory, ObjectProvider, PartRule, ProviderError, ProviderErrorKind},
    request::{
        Key,
        object::{BeginUpload, CompleteUpload, Copy, PartTag, PutAnswer, PutPart, UploadId},
    },
    testing::uploads::{Claim, Claims, run},
};
use std::sync::Mutex;

#[tokio::test]
async fn memory_passes_the_suite_of_uploads() {
    for (name, store) in [
        ("memory", Memory::new()),
        ("content tags", Memory::with_content_etags()),
    ] {
        let report = run(name, &store, &Claims::all()).await;
        assert!(report.skipped.is_empty(), "{:?}", report.skipped);
        tried::uploads("`Memory`", "itself", &report, &store);
    }
}

#[tokio::test]
async fn memory_holds_parts_to_its_rule() {
    let rule = PartRule::S3.lengths(8, 16).equal();
    let store = Memory::new().with_capabilities(Capabilities::all(Capability::Kept).with_parts(rule).with_copy());
    let report = run("short parts", &store, &Claims::all()).await;
    assert!(report.skipped.is_empty());
}

#[tokio::test]
async fn memory_without_parts_refuses_uploads_and_copies() {
    let store = Memory::new().with_capabilities(Capabilities::all(Capability::Kept));
    let key = |key: &str| Key::new(key).unwrap();
    let begun = store.begin_upload(BeginUpload::new(key("a"))).await;
    assert_eq!(begun.unwrap_err().kind(), ProviderErrorKind::Unsupported);
    let copied = store.copy(Copy::new(key("a"), key("b"), 0)).await;
    assert_eq!(copied.unwrap_err().kind(), ProviderErrorKind::Unsupported);
}

/// Leaves out of a completion what the upload lacks.
struct Careless {
    memory: Memory,
    stored: Mutex<Vec<(String, PartTag)>>,
}

impl ObjectProvider for Careless {
    objects_through!(self.memory: put get head delete list capabilities);

    async fn begin_upload(&self, begin: BeginUpload) -> Result<UploadId, ProviderError> {
        self.memory.begin_upload(begin).await
    }

    async fn put_part(&self, part: PutPart) -> Result<PartTag, ProviderError> {
        let upload = part.upload.as_str().to_owned();
        let tag = self.memory.put_part(part).await?;
        self.stored.lock().unwrap().push((upload, tag.clone()));
        Ok(tag)
    }

    async fn complete_upload(&self, mut complete: CompleteUpload) -> Result<PutAnswer, ProviderError> {
        let stored = self.stored.lock().unwrap().clone();
        let has = |part: &PartTag| {
            let mut of_it = stored.iter().filter(|(upload, _)| upload == complete.upload.as_str());
            of_it.any(|(_, stored)| stored == part)
        };
        let parts = complete.parts.iter().filter(|part| has(part)).cloned().collect();
        complete.parts = parts;
        self.memory.complete_upload(complete).await
    }
}

#[tokio::test]
async fn an_adapter_that_completes_without_a_part_is_found() {
    let run = tokio::spawn(async {
        let careless = Careless {
            memory: Memory::new(),
            stored: Mutex::default(),
        };
        let claims = Claims::all()
            .without(Claim::Aborts, "it has none")
            .without(Claim::ListUploads, "it has none")
            .without(Claim::Copy, "it has none");
        run("careless", &careless, &claims).await;
    });
    let panic = run.await.expect_err("the suite passed it").into_panic();
    let says = panic.downcast_ref::<String>().cloned().unwrap_or_default();
    assert!(
        says.contains("careless: a_completion_without_one_of_its_parts_is_refused"),
        "{says}"
    );
}
