//! Foreign entries, and listings that never end.

use crate::promise::{Promise, rounds, seed};
use evenkeel::{
    Endpoint, ErrorKind, KvClient, ObjectClient, Replication,
    backfill::{Backfill, Event, Fate, StopReason},
    provider::{KvProvider, Memory, MemoryTable, ObjectProvider, ProviderError},
    request::{
        WriteId, kv,
        object::{List, ListEntry, ListPage, ObjectMeta, Put},
    },
};
use futures_util::StreamExt;
use libtest_mimic::Trial;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

pub(crate) fn trials() -> Vec<Trial> {
    #[cfg_attr(not(feature = "s3"), allow(unused_mut))]
    let mut trials = vec![
        Promise::Foreign.paused("listings::a_token_that_repeats_ends_the_listing", || {
            leads_nowhere(|_| page(["a", "b"], Some("again")), "leads back")
        }),
        Promise::Foreign.paused("listings::an_empty_token_ends_the_listing", || {
            leads_nowhere(|_| page(["a", "b"], Some("")), "not where")
        }),
        Promise::Foreign.paused("listings::tokens_in_a_circle_end_the_listing", || {
            let turn = AtomicUsize::new(0);
            let token = move || ["x", "y", "z"][turn.fetch_add(1, SeqCst) % 3];
            leads_nowhere(move |_| page([], Some(token())), "leads back")
        }),
        Promise::Foreign.paused("listings::repeated_names_under_new_tokens_end_the_listing", || {
            leads_nowhere(counting(|n| page(["a", "b"], Some(&n.to_string()))), "order")
        }),
        Promise::Foreign.paused("listings::endless_empty_pages_end_the_listing", || {
            leads_nowhere(counting(|n| page([], Some(&n.to_string()))), "pages have no entry")
        }),
        Promise::Foreign.paused("listings::unsorted_entries_are_not_lost_in_silence", || {
            let disordered = counting(|n| match n {
                0 => page(["m", "n"], Some("1")),
                _ => page(["a", "o"], None),
            });
            leads_nowhere(disordered, "order")
        }),
        Promise::Deadline.trial("listings::a_store_that_answers_at_once_starves_no_timer", at_once),
        Promise::Foreign.paused("listings::collect_all_stays_within_its_bound", limited_in_bytes),
        Promise::Deadline.paused("listings::collect_all_has_a_deadline", limited_in_time),
        Promise::Foreign.paused("listings::an_endless_endpoint_hides_no_other", beside_another),
        Promise::Foreign.paused("listings::foreign_names_are_listed_as_they_are", as_they_are),
        Promise::Foreign.paused("listings::a_backfill_skips_foreign_names", past_foreign_names),
        Promise::Foreign.paused(
            "listings::a_backfill_ends_despite_an_endless_listing",
            backfill_without_end,
        ),
        Promise::Foreign.paused("listings::an_endless_scan_ends", endless_scan),
        Promise::Foreign.paused("listings::foreign_items_of_a_table_are_counted", foreign_items),
        Promise::Foreign.paused("listings::listings_of_random_pages_end_or_are_complete", by_chance),
    ];
    #[cfg(feature = "s3")]
    trials.extend(s3::trials());
    #[cfg(feature = "dynamodb")]
    trials.extend(dynamodb::trials());
    #[cfg(feature = "azure_blob")]
    trials.extend(azure::trials());
    trials
}

/// More requests than any honest listing here needs.
const TOO_MANY: usize = 20_000;

type Lists = dyn Fn(&List) -> ListPage + Send + Sync;

/// A store whose listings are what a function says.
#[derive(Clone)]
struct Lister {
    list: Arc<Lists>,
    asked: Arc<AtomicUsize>,
    latency: Duration,
    objects: Memory,
}

impl Lister {
    fn new(list: impl Fn(&List) -> ListPage + Send + Sync + 'static) -> Self {
        Self {
            list: Arc::new(list),
            asked: Arc::default(),
            latency: Duration::ZERO,
            objects: Memory::new(),
        }
    }
}

impl ObjectProvider for Lister {
    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        let asked = self.asked.fetch_add(1, SeqCst);
        assert!(asked < TOO_MANY, "the listing does not end");
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        Ok((self.list)(&list))
    }

    objects_through!(self.objects: put get head delete);
}

fn page<'n>(names: impl IntoIterator<Item = &'n str>, token: Option<&str>) -> ListPage {
    let entries = names
        .into_iter()
        .map(|name| ListEntry::Object(ObjectMeta::new(name, 1)));
    ListPage::new(entries.collect(), token.map(str::to_owned))
}

/// The nth page.
fn counting(page: impl Fn(usize) -> ListPage + Send + Sync) -> impl Fn(&List) -> ListPage + Send + Sync {
    let number = AtomicUsize::new(0);
    move |_| page(number.fetch_add(1, SeqCst))
}

fn client(store: impl ObjectProvider) -> ObjectClient {
    let store = Endpoint::new("here", store);
    ObjectClient::builder().endpoint(store).seed(seed()).build().unwrap()
}

async fn leads_nowhere(list: impl Fn(&List) -> ListPage + Send + Sync + 'static, why: &str) {
    let store = Lister::new(list);
    let error = client(store.clone()).list("").collect_all().await.unwrap_err();
    let said = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{said}");
    assert!(
        said.contains("the listing of here cannot be followed") && said.contains(why),
        "{said}"
    );
    assert!(!error.is_retryable());
}

#[allow(clippy::disallowed_methods)] // the crate's clock is its own
async fn at_once() {
    // Names that ascend for ever: nothing is wrong with any page.
    let endless = || {
        let started = std::time::Instant::now();
        Lister::new(counting(move |n| {
            assert!(started.elapsed() < Duration::from_secs(30), "no timer has fired");
            page([&*format!("{n:09}")], Some(&n.to_string()))
        }))
    };
    let listing = client(Unbounded(endless())).list("").collect_all();
    let late = tokio::time::timeout(Duration::from_millis(200), listing).await;
    assert!(late.is_err());
    let client = client(Unbounded(endless()));
    let stream = async {
        let mut stream = client.list("").stream();
        while let Some(entry) = stream.next().await {
            entry.unwrap();
        }
    };
    assert!(tokio::time::timeout(Duration::from_millis(200), stream).await.is_err());
}

/// Without the count of requests.
struct Unbounded(Lister);

impl ObjectProvider for Unbounded {
    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        Ok((self.0.list)(&list))
    }

    objects_through!(self.0: put get head delete);
}

async fn limited_in_bytes() {
    let names: Vec<_> = (0..1_000).map(|n| format!("{n:04}")).collect();
    let store = Lister::new(move |_| page(names.iter().map(String::as_str), None));
    let client = client(store);
    assert_eq!(client.list("").collect_all().await.unwrap().entries.len(), 1_000);
    let error = client.list("").collect_up_to(10_000).collect_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
    assert!(error.to_string().contains("longer than the 10000 bytes"), "{error}");
}

#[allow(clippy::disallowed_methods)]
async fn limited_in_time() {
    let mut store = Lister::new(counting(|n| page([&*format!("{n:09}")], Some(&n.to_string()))));
    store.latency = Duration::from_secs(1);
    let client = client(store.clone());
    let started = tokio::time::Instant::now();
    let error = client
        .list("")
        .collect_within(Duration::from_secs(90))
        .collect_all()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    assert_eq!(started.elapsed(), Duration::from_secs(90));
    let error = client.list("").collect_all().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
    for nonsense in [Duration::ZERO, Duration::MAX] {
        let error = client
            .list("")
            .collect_within(nonsense)
            .collect_all()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

async fn beside_another() {
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("endless", Lister::new(|_| page(["a"], Some("again")))))
        .endpoint(Endpoint::new("honest", Lister::new(|_| page(["b", "c"], None))))
        .replication(Replication::write_once())
        .seed(seed())
        .build()
        .unwrap();
    let all = client.list("").collect_all().await.unwrap();
    let names: Vec<_> = all.entries.iter().map(ListEntry::name).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(all.missing[0].endpoint(), "endless");
    assert!(
        all.missing[0].reason().contains("cannot be followed"),
        "{:?}",
        all.missing
    );
}

const FOREIGN: [&str; 7] = ["./q", "/a", "a\u{1}b", "dir", "dir/", "m//n", "z/.."];

async fn as_they_are() {
    let all = client(Lister::new(|_| page(FOREIGN, None)))
        .list("")
        .collect_all()
        .await
        .unwrap();
    let names: Vec<_> = all.entries.iter().map(ListEntry::name).collect();
    assert_eq!(names, FOREIGN);
}

async fn past_foreign_names() {
    // More in a row than a backfill takes for a broken endpoint.
    let foreign: Vec<_> = (0..50).map(|n| format!("m//{n:02}")).collect();
    let names: Vec<_> = foreign
        .iter()
        .cloned()
        .chain(["n".to_owned(), "o".to_owned()])
        .collect();
    let source = Lister::new(move |_| page(names.iter().map(String::as_str), None));
    for name in ["n", "o"] {
        let key = evenkeel::request::Key::new(name).unwrap();
        source.objects.put(Put::new(key, "x")).await.unwrap();
    }
    let told = Arc::new(Mutex::new(0));
    let seen = told.clone();
    let report = Backfill::objects(Endpoint::new("from", source), Endpoint::new("to", Memory::new()))
        .on_event(move |event, _| {
            if let Event::Key {
                fate: Fate::NotCopyable { .. },
                ..
            } = event
            {
                *seen.lock().unwrap() += 1;
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!(
        (report.counts.copied, report.counts.not_copyable),
        (2, 50),
        "{}",
        report.counts
    );
    assert!(!report.is_clean());
    assert_eq!(*told.lock().unwrap(), 50);
}

async fn backfill_without_end() {
    let turn = AtomicUsize::new(0);
    let source = Lister::new(move |_| page([], Some(["x", "y", "z"][turn.fetch_add(1, SeqCst) % 3])));
    let backfill = Backfill::objects(Endpoint::new("from", source), Endpoint::new("to", Memory::new()));
    let stopped = backfill.run().await.unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Listing { .. }), "{stopped}");
    let source = Lister::new(counting(|n| page([], Some(&n.to_string()))));
    let backfill = Backfill::objects(Endpoint::new("from", source), Endpoint::new("to", Memory::new()));
    let stopped = backfill.run().await.unwrap_err();
    assert!(matches!(stopped.reason(), StopReason::Listing { .. }), "{stopped}");
}

type Scans = dyn Fn(&kv::Scan) -> kv::ScanPage + Send + Sync;

/// A table whose scans are what a function says.
#[derive(Clone)]
struct Scanner {
    scan: Arc<Scans>,
    asked: Arc<AtomicUsize>,
    table: MemoryTable,
}

impl Scanner {
    fn new(scan: impl Fn(&kv::Scan) -> kv::ScanPage + Send + Sync + 'static) -> Self {
        Self {
            scan: Arc::new(scan),
            asked: Arc::default(),
            table: MemoryTable::new(),
        }
    }
}

impl KvProvider for Scanner {
    async fn scan(&self, scan: kv::Scan) -> Result<kv::ScanPage, ProviderError> {
        assert!(self.asked.fetch_add(1, SeqCst) < TOO_MANY, "the scan does not end");
        Ok((self.scan)(&scan))
    }

    values_through!(self.table: get put delete limits);
}

fn entry(key: &str) -> kv::Entry {
    kv::Entry::new(key, kv::Value::new("v", kv::Version::new("1", "")))
}

async fn endless_scan() {
    for next in ["a", "b"] {
        let table = Scanner::new(move |_| kv::ScanPage::new(vec![entry("a")], Some(next.to_owned())));
        let client = KvClient::builder()
            .endpoint(Endpoint::new("here", table.clone()))
            .build()
            .unwrap();
        let error = client.scan("").collect_all().await.unwrap_err();
        assert!(error.to_string().contains("cannot be followed"), "{error}");
        let backfill = Backfill::table(Endpoint::new("from", table), Endpoint::new("to", MemoryTable::new()));
        let stopped = backfill.run().await.unwrap_err();
        assert!(matches!(stopped.reason(), StopReason::Listing { .. }), "{stopped}");
    }
}

async fn foreign_items() {
    let table = Scanner::new(|_| {
        let mut page = kv::ScanPage::new(vec![entry("a")], None);
        page.foreign = 3;
        page
    });
    let key = kv::Key::new("a").unwrap();
    table
        .table
        .put(kv::Put::new(key, "v", WriteId::new("w")))
        .await
        .unwrap();
    let client = KvClient::builder()
        .endpoint(Endpoint::new("here", table.clone()))
        .build()
        .unwrap();
    let all = client.scan("").collect_all().await.unwrap();
    assert_eq!((all.entries.len(), all.foreign), (1, 3));
    let told = Arc::new(AtomicUsize::new(0));
    let seen = told.clone();
    let report = Backfill::table(Endpoint::new("from", table), Endpoint::new("to", MemoryTable::new()))
        .on_event(move |event, _| {
            if let Event::Foreign { items } = event {
                seen.fetch_add(*items as usize, SeqCst);
            }
        })
        .run()
        .await
        .unwrap();
    assert_eq!((report.foreign, told.load(SeqCst)), (3, 3));
}

/// Whatever a store pages out: the listing ends, and if it ends well nothing that came in order is missing.
/// The test's own reckoning of whether these pages, given again and again, come to an end in order.
fn ends(pages: &[ListPage]) -> bool {
    let (mut tokens, mut last) = (BTreeSet::new(), String::new());
    for page in pages.iter().cycle() {
        let mut names = page.entries.iter().map(ListEntry::name);
        let (first, ultimate) = (names.next(), names.next_back());
        let ultimate = ultimate.or(first);
        let sorted = page.entries.is_sorted_by(|one, next| one.name() <= next.name());
        let in_order = sorted && first.is_none_or(|first| first >= &*last);
        let Some(token) = &page.continuation else {
            return in_order;
        };
        let grows = ultimate.is_none_or(|name| name > &*last);
        if !in_order || !grows || !tokens.insert(token) {
            return false;
        }
        last = ultimate.map_or(last, str::to_owned);
    }
    unreachable!("there is a page")
}

async fn by_chance() {
    let mut rng = fastrand::Rng::with_seed(seed());
    let (mut whole, mut refused) = (0, 0);
    for _ in 0..rounds(300) {
        Promise::Foreign.tried();
        let pages: Vec<ListPage> = (0..rng.usize(1..6))
            .map(|_| {
                let mut names: Vec<_> = (0..rng.usize(0..4)).map(|_| rng.char('a'..='f').to_string()).collect();
                names.sort();
                names.dedup();
                if rng.u8(..20) == 0 {
                    names.reverse();
                }
                let token = rng.u8(0..5).to_string();
                page(names.iter().map(String::as_str), rng.bool().then_some(&token))
            })
            .collect();
        let given = pages.clone();
        let store = Lister::new(counting(move |n| pages[n % pages.len()].clone()));
        let listed = client(store.clone()).list("").collect_all().await;
        assert_eq!(listed.is_ok(), ends(&given), "{given:?}");
        let Ok(listed) = listed else {
            refused += 1;
            continue;
        };
        whole += 1;
        let asked = store.asked.load(SeqCst);
        let mut expected: Vec<_> = given[..asked]
            .iter()
            .flat_map(|page| &page.entries)
            .map(ListEntry::name)
            .collect();
        expected.dedup();
        let names: Vec<_> = listed.entries.iter().map(ListEntry::name).collect();
        assert_eq!(names, expected, "{given:?}");
    }
    // Whatever the seed: neither is a rare case.
    assert!(
        whole >= rounds(300) / 4 && refused >= rounds(300) / 10,
        "{whole} whole, {refused} refused"
    );
}

#[cfg(feature = "s3")]
mod s3 {
    use super::{FOREIGN, ListEntry, client};
    use crate::{
        promise::Promise,
        script::{self, Server, answer},
    };
    use aws_sdk_s3::config::Credentials;
    use evenkeel::{
        ErrorKind,
        provider::{ObjectProvider, S3, s3::preset},
        request::object::List,
        verdict::Verdict,
    };
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![
            Promise::Foreign.trial("listings::s3_lists_foreign_keys_as_they_are", foreign),
            Promise::Foreign.trial("listings::s3_asks_again_for_keys_that_xml_cannot_hold", encoded),
            Promise::Foreign.trial("listings::s3_reports_an_unreadable_listing", unreadable),
        ]
    }

    fn at(server: &Server) -> S3 {
        let config = preset::minio(server.url()).credentials_provider(Credentials::new(
            "test-access-key",
            "test-secret-key",
            None,
            None,
            "test",
        ));
        S3::new(aws_sdk_s3::Client::from_conf(config.build()), "orders")
    }

    fn listing(keys: &[&str], encoding: &str) -> String {
        let contents: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size><ETag>\"1\"</ETag></Contents>"))
            .collect();
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Name>orders</Name>{encoding}<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        )
    }

    fn xml(body: String) -> script::Answer {
        answer(
            200,
            &[("x-amz-request-id", "REQ42"), ("content-type", "application/xml")],
            body,
        )
    }

    async fn foreign() {
        let keys: Vec<_> = FOREIGN.into_iter().filter(|key| !key.contains('\u{1}')).collect();
        let body = listing(&keys, "");
        let server = script::serve(move |_| {
            let body = body.clone();
            async move { xml(body) }
        })
        .await;
        let page = at(&server).list(List::default()).await.unwrap();
        assert_eq!(page.entries.iter().map(ListEntry::name).collect::<Vec<_>>(), keys);
    }

    /// As S3 does: it writes them, and percent-encodes them when asked.
    async fn encoded() {
        let server = script::serve(|asked| async move {
            let is_encoded = asked.uri.query().unwrap_or_default().contains("encoding-type=url");
            xml(match is_encoded {
                true => listing(
                    &["a%01b", "b+c", "d%2Be", "%EF%BF%BE"],
                    "<EncodingType>url</EncodingType>",
                ),
                false => listing(&["a&#x1;b", "b c", "d+e", "\u{FFFE}"], ""),
            })
        })
        .await;
        let page = at(&server).list(List::default()).await.unwrap();
        let names: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
        assert_eq!(names, ["a\u{1}b", "b c", "d+e", "\u{FFFE}"]);
        assert_eq!(server.count(), 2);
    }

    /// A store that does not know how to encode.
    async fn unreadable() {
        for key in ["a&#x1;b", "a\u{FFFF}b", "a&#xFFFE;b"] {
            let body = listing(&[key], "");
            let server = script::serve(move |_| {
                let body = body.clone();
                async move { xml(body) }
            })
            .await;
            let store = at(&server);
            match store.list(List::default()).await {
                // The SDK's reader is lenient about some.
                Ok(page) => assert_eq!(page.entries.len(), 1),
                Err(error) => {
                    assert_eq!(error.outcome().verdict, Verdict::Faulty, "{error}");
                    assert_eq!(error.to_string(), "the listing is not readable XML (nonsense)");
                    let error = client(store).list("").collect_all().await.unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::Unavailable);
                    assert!(error.to_string().contains("the listing is not readable XML"), "{error}");
                }
            }
        }
    }
}

#[cfg(feature = "dynamodb")]
mod dynamodb {
    use super::{Endpoint, KvClient};
    use crate::{
        promise::Promise,
        script::{self, answer},
    };
    use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
    use evenkeel::provider::DynamoDb;
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![Promise::Foreign.trial("listings::foreign_items_of_dynamodb_hide_no_others", foreign)]
    }

    async fn foreign() {
        let body = r#"{"Count":4,"Items":[
            {"partition":{"S":"p"},"key":{"S":"a"},"value":{"B":"dg=="}},
            {"partition":{"S":"p"},"key":{"S":"b"},"value":{"S":"text"}},
            {"partition":{"S":"p"},"key":{"S":"c"},"other":{"N":"1"}},
            {"partition":{"S":"p"},"key":{"S":"d"},"value":{"B":"dg=="}}]}"#;
        let server = script::serve(move |_| async move {
            answer(
                200,
                &[
                    ("x-amzn-requestid", "REQ42"),
                    ("content-type", "application/x-amz-json-1.0"),
                ],
                body,
            )
        })
        .await;
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(server.url())
            .credentials_provider(Credentials::new(
                "test-access-key",
                "test-secret-key",
                None,
                None,
                "test",
            ));
        let table = DynamoDb::sorted(aws_sdk_dynamodb::Client::from_conf(config.build()), "table", "p");
        let client = KvClient::builder()
            .endpoint(Endpoint::new("here", table))
            .build()
            .unwrap();
        let all = client.scan("").collect_all().await.unwrap();
        let keys: Vec<_> = all.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!((keys, all.foreign), (vec!["a", "d"], 2));
    }
}

#[cfg(feature = "azure_blob")]
mod azure {
    use super::ListEntry;
    use crate::{
        promise::Promise,
        script::{self, answer},
    };
    use azure_core::http::Url;
    use evenkeel::{
        provider::{AzureBlob, ObjectProvider, azure_blob::Credential},
        request::object::List,
    };
    use libtest_mimic::Trial;

    pub(super) fn trials() -> Vec<Trial> {
        vec![Promise::Foreign.trial("listings::azure_lists_what_xml_cannot_hold", encoded)]
    }

    async fn encoded() {
        let body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ContainerName=\"orders\"><Blobs>\
            <Blob><Name Encoded=\"true\">a%EF%BF%BEb</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>\
            <Blob><Name>m//n</Name><Properties><Content-Length>1</Content-Length></Properties></Blob>\
            </Blobs><NextMarker/></EnumerationResults>";
        let server = script::serve(move |_| async move {
            answer(
                200,
                &[("x-ms-request-id", "REQ42"), ("content-type", "application/xml")],
                body,
            )
        })
        .await;
        let url = Url::parse(&format!("{}/account/orders", server.url())).unwrap();
        let store = AzureBlob::new(url, Credential::InTheUrl).unwrap();
        let page = store.list(List::default()).await.unwrap();
        let names: Vec<_> = page.entries.iter().map(ListEntry::name).collect();
        assert_eq!(names, ["a\u{FFFE}b", "m//n"]);
    }
}
