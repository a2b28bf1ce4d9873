//! `object_store`'s own tests of its `AmazonS3`, at our own S3 server: what others demand of a server for S3.

use crate::{generic, s3s_server::Server};
use object_store::{
    ClientOptions,
    aws::{AmazonS3, S3CopyIfNotExists},
    integration,
};

/// An empty bucket for each, as `object_store` has it. What was begun is ended.
macro_rules! demands {
    ($($name:ident $(: $($more:expr),+)?;)*) => {
        $(#[tokio::test]
        async fn $name() {
            let (server, store) = empty().await;
            integration::$name(&store $($(, $more(&store))+)?).await;
            assert!(server.inner.store().uploads("orders").is_empty());
        })*
    };
}

async fn empty() -> (Server, AmazonS3) {
    let server = crate::s3s_server::start(&["orders"]).await;
    let url = format!("http://{}", server.addr);
    let builder = generic::builder(&url, 0, ClientOptions::new());
    // Copies a part, and completes with a condition.
    let builder = builder.with_copy_if_not_exists(S3CopyIfNotExists::Multipart);
    (server, builder.build().unwrap())
}

fn itself(store: &AmazonS3) -> &AmazonS3 {
    store
}

fn yes(_: &AmazonS3) -> bool {
    true
}

demands! {
    put_get_delete_list;
    put_get_attributes;
    get_opts;
    put_opts: yes;
    stream_get;
    list_uses_directories_correctly;
    list_with_delimiter;
    list_with_offset_exclusivity;
    list_paginated: itself;
    rename_and_copy;
    copy_if_not_exists;
    copy_rename_nonexistent_object;
    multipart: itself;
    multipart_with_opts: itself;
    multipart_race_condition: yes;
    multipart_out_of_order;
}
