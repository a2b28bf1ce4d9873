//! Listings: pages, places to start after, and endpoints that are missing.

use crate::{
    store::{Store, Trouble},
    worlds,
};
use evenkeel::{Endpoint, ObjectClient, Replication, client::object_store::FailoverStore};
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::{
    Error, ObjectStore, ObjectStoreExt, PutPayload,
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};
use std::collections::BTreeSet;

async fn filled(names: &[&str]) -> FailoverStore {
    let store = worlds::one().await.store;
    for name in names {
        store
            .put(&Path::parse(name).unwrap(), PutPayload::default())
            .await
            .unwrap();
    }
    store
}

const NAMES: [&str; 9] = ["a", "b/1", "b/2", "b/c/3", "b/c/4", "b.d", "c/5", "d", "é/6"];

#[tokio::test(start_paused = true)]
async fn pages_of_any_length_show_everything_once() {
    let store = filled(&NAMES).await;
    for delimiter in [None, Some("/")] {
        for most in 1..12 {
            let options = |page_token| PaginatedListOptions {
                delimiter: delimiter.map(Into::into),
                max_keys: Some(most),
                page_token,
                ..Default::default()
            };
            let (mut objects, mut folders, mut token) = (Vec::new(), Vec::new(), None);
            loop {
                let page = store.list_paginated(None, options(token)).await.unwrap();
                let taken = page.result.objects.len() + page.result.common_prefixes.len();
                objects.extend(page.result.objects.into_iter().map(|found| found.location.to_string()));
                folders.extend(page.result.common_prefixes.into_iter().map(|folder| folder.to_string()));
                token = page.page_token;
                if token.is_none() {
                    assert!(taken <= most);
                    break;
                }
                assert_eq!(taken, most);
            }
            let (whole, few) = (BTreeSet::from(NAMES), ["a", "b.d", "d"]);
            if delimiter.is_some() {
                assert_eq!(
                    (objects, folders),
                    (few.map(str::to_owned).into(), ["b", "c", "é"].map(str::to_owned).into())
                );
            } else {
                assert_eq!(
                    (objects, folders.len()),
                    (whole.into_iter().map(str::to_owned).collect(), 0)
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_s_token_is_its_last_name_and_an_offset_is_left_out() {
    let store = filled(&NAMES).await;
    let options = PaginatedListOptions {
        max_keys: Some(2),
        offset: Some("b/1".into()),
        ..Default::default()
    };
    let page = store.list_paginated(Some("b/"), options.clone()).await.unwrap();
    let names: Vec<_> = page
        .result
        .objects
        .iter()
        .map(|found| found.location.as_ref())
        .collect();
    assert_eq!(
        (names, page.page_token.as_deref()),
        (vec!["b/2", "b/c/3"], Some("b/c/3"))
    );
    let none = PaginatedListOptions {
        max_keys: Some(0),
        ..options
    };
    assert!(
        store
            .list_paginated(None, none)
            .await
            .unwrap()
            .result
            .objects
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_starts_after_a_name_and_keeps_to_whole_segments() {
    let store = filled(&NAMES).await;
    let after = |prefix: Option<&str>, offset: &str| {
        let listing = store.list_with_offset(prefix.map(Path::from).as_ref(), &Path::from(offset));
        listing
            .map_ok(|found| found.location.to_string())
            .try_collect::<Vec<_>>()
    };
    assert_eq!(after(Some("b"), "b/2").await.unwrap(), ["b/c/3", "b/c/4"]);
    assert_eq!(after(None, "c/5").await.unwrap(), ["d", "é/6"]);
    assert_eq!(after(Some("b"), "").await.unwrap().len(), 4);
    let folder = store.list_with_delimiter(Some(&Path::from("b"))).await.unwrap();
    assert_eq!(folder.common_prefixes, [Path::from("b/c")]);
    assert_eq!(folder.objects.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_listing_without_an_endpoint_is_an_error_and_never_a_part() {
    let (first, second) = (Store::new(), Store::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("first", first.clone()))
        .endpoint(Endpoint::new("second", second.clone()))
        .replication(Replication::write_once())
        .seed(7)
        .build()
        .unwrap();
    client.put("a", "1").pin("first").await.unwrap();
    client.put("b", "2").pin("second").await.unwrap();
    let store = FailoverStore::new(client);
    let whole: Vec<_> = ObjectStore::list(&store, None).try_collect().await.unwrap();
    assert_eq!(whole.len(), 2);
    second.always(Trouble::Refused);
    let mut entries: Vec<_> = ObjectStore::list(&store, None).collect().await;
    let error = entries.pop().unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Generic { .. }) && error.to_string().contains("second"),
        "{error}"
    );
    assert!(store.list_with_delimiter(None).await.is_err());
    assert!(
        store
            .list_paginated(None, PaginatedListOptions::default())
            .await
            .is_err()
    );
    assert!(
        store
            .list_with_offset(None, &Path::from("a"))
            .next()
            .await
            .unwrap()
            .is_err()
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_says_who_it_is() {
    let store = worlds::three().await.store;
    assert_eq!(store.to_string(), "FailoverStore(home, copy, other)");
    assert_eq!(store.client().to_string(), "ObjectClient(home, copy, other)");
}
