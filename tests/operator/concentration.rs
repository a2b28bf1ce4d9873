//! The concentration report: its form, and what it says where nothing is known.

use crate::{
    schema::validate,
    store::{Store, Table, Trouble},
};
use evenkeel::{
    Endpoint, Failover, KvClient, ObjectClient, Replication,
    credentials::{Keeper, Lease},
    endpoint::Role,
    ops::concentration::{Concentration, Reading, Shares, concentration},
};
use serde_json::Value;
use std::io;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/concentration.schema.json")).unwrap()
}

/// The report as readers get it: as the schema says, and nothing is lost on the way.
fn sent(report: &Concentration) -> Value {
    let text = serde_json::to_string(report).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    validate(&schema(), &json);
    assert_eq!(&serde_json::from_str::<Concentration>(&text).unwrap(), report);
    json
}

fn shares(shares: &Shares) -> Vec<(&str, Option<f64>)> {
    let each = shares.parts.iter();
    each.map(|part| (&*part.name, part.share)).collect()
}

fn keeper() -> Keeper<()> {
    Keeper::new("login", std::future::pending::<Result<Lease<()>, io::Error>>)
}

fn photos(virginia: &Store, heilbronn: &Store) -> ObjectClient {
    ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", virginia.clone())
                .provider("aws")
                .region("eu-central-1")
                .location("DE")
                .jurisdictions(["US", "EU"])
                .depends_on("login.example.com", Role::Credentials)
                .depends_on_at("iam.amazonaws.com", Role::ControlPlane, "us-east-1"),
        )
        .endpoint(
            Endpoint::new("heilbronn", heilbronn.clone())
                .provider("stackit")
                .region("eu01")
                .location("DE")
                .jurisdictions(["EU"])
                .depends_on("login.example.com:443", Role::Credentials),
        )
        .endpoint(Endpoint::new("shanghai", Store::new()).location("CN"))
        .only_locations(["DE"])
        .replication(Replication::write_once())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_report_says_who_got_which_share() {
    let (virginia, heilbronn) = (Store::new(), Store::new());
    let photos = photos(&virginia, &heilbronn);
    for index in 0..3 {
        photos.put(format!("{index}"), "1234567890").await.unwrap();
    }
    virginia.next("put", [Trouble::Refused]);
    photos.put("elsewhere", "1234567890").await.unwrap();
    let report = concentration(&[photos.view(), photos.view()]);
    let json = sent(&report);

    let of_providers = &report.by_provider.foreground;
    assert_eq!(of_providers.attempts.total, Some(5), "a client's two views count once");
    assert_eq!(
        shares(&of_providers.attempts),
        [("aws", Some(0.8)), ("stackit", Some(0.2))]
    );
    assert_eq!(
        shares(&of_providers.bytes),
        [("aws", Some(0.75)), ("stackit", Some(0.25))],
        "the refused connection carried nothing"
    );
    let index = of_providers.attempts.index.unwrap();
    assert_eq!((index.at_least, index.at_most), (0.68, 0.68));
    assert_eq!(
        shares(&report.by_region.foreground.attempts)[0],
        ("aws eu-central-1", Some(0.8))
    );
    assert_eq!(shares(&report.by_location.foreground.attempts), [("DE", Some(1.0))]);
    let laws = &report.by_jurisdiction.foreground.attempts;
    assert_eq!(shares(laws), [("EU", Some(1.0)), ("US", Some(0.8))]);
    assert!(laws.index.is_none(), "shares that overlap have no index");
    assert_eq!(report.by_provider.probe.attempts.index, None, "no probe was sent");

    let of_role = |role: &str| report.hosts.iter().find(|one| one.role == role).unwrap();
    let planes = of_role("control plane");
    assert_eq!(planes.coverage, Some(0.8));
    assert_eq!(
        planes.hosts[0].stands_in,
        ["aws us-east-1"],
        "and the data in Frankfurt"
    );
    assert_eq!(of_role("credentials").hosts[0].attempts, Some(1.0));
    assert_eq!((of_role("dns").coverage, of_role("dns").hosts.len()), (Some(0.0), 0));
    let common: Vec<_> = report.in_common.iter().map(|one| (&*one.kind, &*one.name)).collect();
    assert_eq!(
        common,
        [
            ("host", "login.example.com"),
            ("location", "DE"),
            ("jurisdiction", "EU")
        ]
    );
    assert_eq!(report.endpoints.len(), 2, "a barred endpoint is no dependency");
    assert!(json["from_ms"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_share_of_nothing_is_null() {
    let photos = photos(&Store::new(), &Store::new());
    let report = concentration(&[photos.view()]);
    let json = sent(&report);
    let attempts = &json["by_provider"]["foreground"]["attempts"];
    assert_eq!(attempts["total"], 0);
    assert!(attempts["parts"][0]["share"].is_null() && attempts["coverage"].is_null() && attempts["index"].is_null());
    assert!(report.to_string().contains("No calls were made"), "{report}");
    assert!(!report.to_string().contains("NaN"));
    let none = concentration(&[]);
    sent(&none);
    drop(photos);
}

#[tokio::test(start_paused = true)]
async fn closures_that_do_not_report_have_unknown_bytes() {
    let photos = photos(&Store::new(), &Store::new());
    let tables = Failover::builder()
        .client_name("tables")
        .endpoint(Endpoint::new("dynamo", ()).provider("aws"))
        .build()
        .unwrap();
    photos.put("k", "12345").await.unwrap();
    tables.read(|()| async { Ok::<_, io::Error>(()) }).await.unwrap();
    let report = concentration(&[photos.view(), tables.view()]);
    let json = sent(&report);
    let of_providers = &report.by_provider.foreground;
    assert_eq!(
        shares(&of_providers.attempts),
        [("aws", Some(1.0)), ("stackit", Some(0.0))]
    );
    assert_eq!(of_providers.bytes.total, None);
    let stackit = of_providers
        .bytes
        .parts
        .iter()
        .find(|part| part.name == "stackit")
        .unwrap();
    assert_eq!((stackit.amount, stackit.share), (Some(0), None), "0 of an unknown sum");
    assert!(json["endpoints"][2]["foreground"]["bytes_up"].is_null());

    tables
        .read_with(|(), progress| async move {
            progress.received(100);
            Ok::<_, io::Error>(())
        })
        .await
        .unwrap();
    let before = Reading::of(&[tables.view()]);
    tables
        .read_with(|(), progress| async move {
            progress.received(100);
            Ok::<_, io::Error>(())
        })
        .await
        .unwrap();
    let since = Reading::of(&[tables.view()]).since(&before);
    assert_eq!(
        since.endpoints[0].foreground.bytes_down,
        Some(100),
        "in this window all closures reported"
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_counts_what_lies_in_it() {
    let table = Table::new();
    let carts = KvClient::builder()
        .client_name("carts")
        .endpoint(Endpoint::new("one", table).provider("aws"))
        .build()
        .unwrap();
    carts.put("k", "12345").await.unwrap();
    let before = Reading::of(&[carts.view()]);
    assert_eq!(&carts.get("k").await.unwrap().bytes()[..], b"12345");
    let later = KvClient::builder()
        .client_name("carts")
        .endpoint(Endpoint::new("one", Table::new()).provider("azure"))
        .build()
        .unwrap();
    later.put("k", "1").await.unwrap();
    let report = Reading::of(&[carts.view(), later.view()]).since(&before);
    let json = sent(&report);
    assert!(json["from_ms"].is_u64());
    let amounts: Vec<_> = report
        .endpoints
        .iter()
        .map(|one| {
            let amount = one.foreground;
            (amount.attempts, amount.bytes_up.unwrap(), amount.bytes_down.unwrap())
        })
        .collect();
    assert_eq!(
        amounts,
        [(1, 0, 5), (1, 1, 0)],
        "the second was built within the window"
    );
    let view = later.view();
    let both = Reading::of(&[view.clone(), carts.view()]);
    drop(later);
    assert_eq!(Reading::of(&[view.clone(), carts.view()]).report().gone, 1);
    for asked in [vec![view, carts.view()], vec![carts.view()]] {
        let report = Reading::of(&asked).since(&both);
        assert_eq!((report.clients.len(), report.gone), (1, 1), "{}", asked.len());
        assert!(
            report
                .to_string()
                .contains("1 more clients are gone or were not asked again"),
            "{report}"
        );
    }
    assert_eq!(both.since(&before).gone, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pattern_takes_the_names_that_it_covers_in_whatever_order_the_endpoints_come() {
    let hosts = ["west.db.example:443", "*.db.example", "east.db.example"];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut builder = Failover::builder();
        for (name, host) in order.map(|index| (["a", "b", "c"][index], hosts[index])) {
            builder = builder.endpoint(Endpoint::new(name, ()).provider(name).depends_on(host, Role::Data));
        }
        let client = builder.build().unwrap();
        let report = concentration(&[client.view()]);
        let data = report.hosts.iter().find(|one| one.role == "data").unwrap();
        let found: Vec<_> = data.hosts.iter().map(|one| (&*one.host, one.endpoints.len())).collect();
        assert_eq!(found, [("*.db.example", 3)], "{order:?}");
        let common: Vec<_> = report
            .in_common
            .iter()
            .map(|one| (&*one.name, one.providers.len()))
            .collect();
        assert_eq!(common, [("*.db.example", 3)], "{order:?}");
        let shared = client.dependencies().shared();
        let shared: Vec<_> = shared
            .iter()
            .map(|one| (one.host.name(), one.endpoints.len()))
            .collect();
        assert_eq!(shared, [("*.db.example", 3)], "{order:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn shared_credentials_are_in_common() {
    let keeper = keeper();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("a", Store::new()).provider("aws").credentials(&keeper))
        .endpoint(Endpoint::new("b", Store::new()).provider("azure").credentials(&keeper))
        .endpoint(
            Endpoint::new("c", Store::new())
                .provider("gcp")
                .credentials(&self::keeper()),
        )
        .replication(Replication::write_once())
        .build()
        .unwrap();
    let report = concentration(&[client.view()]);
    assert_eq!(
        report.in_common.len(),
        1,
        "another keeper of the same name is another keeper"
    );
    assert_eq!(report.in_common[0].kind, "credentials");
    assert_eq!(report.in_common[0].providers, ["aws", "azure"]);
}

#[tokio::test(start_paused = true)]
async fn hostile_names_mean_nothing_in_markdown() {
    let hostile = "<img src=x onerror=alert(1)>|`a`\n# [x](javascript:1)\u{202e}";
    let endpoint = |name: &str, provider: &str| {
        Endpoint::new(format!("{hostile}{name}"), Store::new())
            .provider(format!("{hostile}{provider}"))
            .region(hostile)
            .location(hostile)
            .jurisdictions([hostile])
            .depends_on_at(hostile, Role::Dns, hostile)
    };
    let client = ObjectClient::builder()
        .client_name(hostile)
        .endpoint(endpoint("a", "a"))
        .endpoint(endpoint("b", "b"))
        .endpoint(Endpoint::new("blank", Store::new()).provider(" "))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    let one = endpoint("a", "a");
    let report = concentration(&[client.view()]).with_later_copies(one.profile(), one.profile(), 1, 2);
    sent(&report);
    assert_eq!(
        report.by_provider.foreground.attempts.parts.len(),
        2,
        "a blank name declares nothing"
    );
    let markdown = report.to_string();
    assert!(
        !markdown.contains("<img") && !markdown.contains('\u{202e}'),
        "{markdown}"
    );
    assert!(!markdown.contains("\n# [x]"), "{markdown}");
    for row in markdown.lines().filter(|line| line.starts_with("| ")) {
        let unescaped = row.replace("\\|", "").replace("\\`", "");
        assert!(unescaped.ends_with('|') && !unescaped.contains('`'), "{row}");
    }
}
