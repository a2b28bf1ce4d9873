use super::{Fault, Scripted, client};
use crate::{ErrorKind, Replication, client::object::Listed};
use futures_util::StreamExt;

fn names(listed: &Listed) -> Vec<&str> {
    listed.entries.iter().map(|entry| entry.name()).collect()
}

fn fill(store: &Scripted, keys: &[&str]) {
    for key in keys {
        store.insert(key, "v");
    }
}

#[tokio::test(start_paused = true)]
async fn write_once_merges_all_listings() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    fill(&virginia, &["a", "c", "d/1", "d/2", "e"]);
    fill(&ireland, &["b", "c", "d/3", "f/1"]);
    for page in 1..6 {
        virginia.page(page);
        ireland.page(page);
        let all = client.list("").collect_all().await.unwrap();
        assert_eq!(names(&all), ["a", "b", "c", "d/1", "d/2", "d/3", "e", "f/1"]);
        assert!(all.missing.is_empty() && !all.possibly_stale);
        let folded = client.list("").delimiter("/").collect_all().await.unwrap();
        assert_eq!(names(&folded), ["a", "b", "c", "d/", "e", "f/"]);
        let some = client.list("").start_after("b").limit(3).collect_all().await.unwrap();
        assert_eq!(names(&some), ["c", "d/1", "d/2"]);
        assert_eq!(
            names(&client.list("d/").collect_all().await.unwrap()),
            ["d/1", "d/2", "d/3"]
        );
        assert!(names(&client.list("").limit(0).collect_all().await.unwrap()).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_skips_a_dead_endpoint_and_names_the_endpoint() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    fill(&virginia, &["a", "c"]);
    fill(&ireland, &["b"]);
    ireland.always(Fault::Refused);
    let mut listing = client.list("").stream();
    let mut seen = Vec::new();
    while let Some(entry) = listing.next().await {
        seen.push(entry.unwrap().name().to_owned());
    }
    assert_eq!(seen, ["a", "c"]);
    assert!(!listing.is_complete());
    let missing: Vec<_> = listing.missing().iter().map(|m| (m.endpoint(), m.reason())).collect();
    assert_eq!(missing, [("ireland", "was unreachable (connection refused)")]);

    virginia.always(Fault::Refused);
    let error = client.list("").collect_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.to_string(),
        "list failed after 6 attempts: no endpoint could answer, virginia was unreachable (connection refused) and \
         ireland was unreachable (connection refused); trying again later may help"
    );
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_lost_during_a_listing_costs_its_later_pages_only() {
    let (client, [virginia, ireland]) = client::<2>(Replication::write_once());
    fill(&virginia, &["a", "c", "e"]);
    fill(&ireland, &["b", "d", "f"]);
    ireland.page(1);
    ireland.then([Fault::None, Fault::Broken, Fault::Broken, Fault::Broken]);
    let all = client.list("").collect_all().await.unwrap();
    assert_eq!(names(&all), ["a", "b", "c", "e"]);
    assert_eq!(all.missing.len(), 1);
    let first = &all.explanations[0];
    assert_eq!((first.operation(), first.attempts().len()), ("list", 2));
    assert!(all.explanations.len() > 1, "an explanation for each fetch");
}

#[tokio::test(start_paused = true)]
async fn a_provider_managed_listing_fails_over_midway() {
    let keys = ["a", "b/", "b/1", "b/2", "c", "d/1", "e"];
    for page in 1..5 {
        for prefix in ["", "b/"] {
            for delimiter in [None, Some("/")] {
                for served in 0..5 {
                    let (client, [virginia, ireland]) = client::<2>(Replication::provider_managed());
                    let list = || match delimiter {
                        Some(delimiter) => client.list(prefix).delimiter(delimiter),
                        None => client.list(prefix),
                    };
                    fill(&virginia, &keys);
                    fill(&ireland, &keys);
                    virginia.page(page);
                    let whole = list().collect_all().await.unwrap();
                    assert!(!whole.possibly_stale);
                    let pages = virginia.log().len();
                    virginia.then(vec![Fault::None; served]);
                    virginia.always(Fault::Refused);
                    let broken = list().collect_all().await.unwrap();
                    assert_eq!(names(&whole), names(&broken), "{page} {prefix} {delimiter:?} {served}");
                    assert_eq!(broken.possibly_stale, served < pages);
                }
            }
        }
    }
}
