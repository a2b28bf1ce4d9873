//! The suite of uploads and copies, before stores in memory.

use crate::tried;
use evenkeel::{
    provider::{Capabilities, Capability, Memory, ObjectProvider, PartRule, ProviderErrorKind},
    request::{
        Key,
        object::{BeginUpload, Copy},
    },
    testing::uploads::{Claims, run},
};

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
