//! What fails if X fails, as a report, and what a builder refuses because of it.

use evenkeel::{
    BuildError, Endpoint, Failover, KvClient, ObjectClient, Replication,
    client::Unmet,
    endpoint::Role,
    ops::ClientView,
    ops::impact::{Effect, ImpactReport, Load, Loss, Operation},
    provider::{Memory, MemoryTable},
    telemetry::Event,
};
use std::sync::{Arc, Mutex};

fn photos() -> ObjectClient {
    ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", Memory::new())
                .provider("aws")
                .region("us-east-1")
                .jurisdictions(["US"])
                .capacity(100.0)
                .depends_on("login.example", Role::Credentials),
        )
        .endpoint(
            Endpoint::new("stackit", Memory::new())
                .provider("stackit")
                .region("eu01")
                .jurisdictions(["DE", "EU"])
                .capacity(50.0)
                .depends_on_at("control.example", Role::ControlPlane, "eu02"),
        )
        .endpoint(Endpoint::new("archive", Memory::new()).read_only())
        .replication(Replication::provider_managed())
        .build()
        .unwrap()
}

#[test]
fn a_region_that_only_manages_an_endpoint_takes_nothing_with_it() {
    let photos = photos();
    let elsewhere = photos.impact().of(&Loss::region("stackit", "eu02"));
    assert_eq!(elsewhere.unmanaged, ["stackit"]);
    assert_eq!(
        (elsewhere.lost.len(), elsewhere.perhaps_lost.clone()),
        (0, vec!["archive".to_owned()])
    );
    assert!(elsewhere.is_harmless(), "whatever the archive is: {elsewhere:#?}");
}

#[test]
fn what_was_not_declared_is_unknown_only_where_it_matters() {
    let photos = photos();
    let aws = photos.impact().of(&Loss::provider("aws"));
    let now = |operation| aws.operation(operation).unwrap().now.effect;
    assert_eq!(
        (now(Operation::Write), now(Operation::Read)),
        (Effect::Ends, Effect::GoesOnStale)
    );
    assert_eq!(aws.perhaps_lost, ["archive"]);
    let stackit = photos.impact().of(&Loss::provider("stackit"));
    assert_eq!(stackit.operation(Operation::Read).unwrap().now.effect, Effect::GoesOn);
    // Of two, one is lost, and of the other nobody knows.
    let two = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Memory::new()).provider("aws"))
        .endpoint(Endpoint::new("nowhere", Memory::new()).read_only())
        .build()
        .unwrap();
    let reads = two
        .impact()
        .of(&Loss::provider("aws"))
        .operation(Operation::Read)
        .unwrap()
        .now
        .clone();
    assert_eq!(reads.effect, Effect::Unknown);
    assert_eq!(
        reads.because,
        "nobody declared whether the loss of provider aws reaches nowhere: reads go on, stale, or end"
    );
}

#[test]
fn the_survivors_capacity_is_compared_with_the_load() {
    let impact = photos().impact().under(Load::per_second(60.0, 5.0));
    let aws = impact.of(&Loss::provider("aws"));
    assert_eq!(aws.capacity.enough, Some(false), "{:?}", aws.capacity);
    let login = impact.of(&Loss::host("login.example"));
    assert_eq!(login.capacity.enough, Some(true), "{:?}", login.capacity);
    assert_eq!(
        login.capacity_later.because,
        "no capacity of archive was declared; the load is 60.0 reads a second"
    );
    assert_eq!(login.capacity_later.enough, None);
}

#[test]
fn a_report_is_for_the_clients_that_live() {
    let (here, gone) = (photos(), photos());
    let views = [here.view(), gone.view()];
    drop(gone);
    let report = ImpactReport::of(views.iter().filter_map(ClientView::impact));
    assert_eq!(report.clients.len(), 1);
    assert_eq!(report.clients[0].client, "photos");
    assert_eq!(report.clients[0], here.impact().report());
    assert!(ImpactReport::of([]).to_string().contains("nothing can be said"));
    let bare = Failover::builder().endpoint(Endpoint::new("bare", ())).build().unwrap();
    let said = ImpactReport::of([bare.impact()]).to_string();
    assert!(said.contains("declare nothing"), "{said}");
}

#[test]
fn markdown_has_a_row_for_each_loss_and_a_reason_for_each_end() {
    let said = ImpactReport::of([photos().impact()]).to_string();
    for line in [
        "## Client photos",
        "| provider aws | go on, stale | end | go on, stale | end | end | end | end | unknown |",
        "| jurisdiction DE | go on | go on | go on | go on | go on | go on | go on | unknown |",
        "- **provider aws**: lost: virginia; perhaps lost: archive.",
        "  - writes, creates, conditional writes, deletes: end: nothing but virginia takes them, and that is lost.",
        "- **host login.example**: how long the credentials of virginia last is not known.",
    ] {
        assert!(said.lines().any(|known| known == line), "{line}\nis missing in\n{said}");
    }
}

#[test]
fn hostile_names_mean_nothing_in_markdown() {
    let hostile = "<script>|a|</script>\n# `b` **c** [d](javascript:e)\u{202e}";
    let client = ObjectClient::builder()
        .client_name(hostile)
        .endpoint(
            Endpoint::new(hostile, Memory::new())
                .provider(hostile)
                .jurisdictions([hostile])
                .depends_on(hostile, Role::Data),
        )
        .build()
        .unwrap();
    let said = ImpactReport::of([client.impact()]).to_string();
    let unescaped = ["\\|", "\\#", "\\`", "\\*", "\\[", "\\]"]
        .iter()
        .fold(said.clone(), |said, known| said.replace(known, ""));
    assert!(
        !unescaped.contains("<script") && !unescaped.contains('[') && !unescaped.contains('\u{202e}'),
        "{said}"
    );
    let cells: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.replace("\\|", "").matches('|').count())
        .collect();
    assert!(cells.iter().all(|count| *count == cells[0]), "{cells:?}\n{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with('#')).count(), 2, "{said}");
}

#[cfg(feature = "serde")]
#[test]
fn a_report_in_json_is_as_the_schema_says() {
    let schema = serde_json::from_str(include_str!("../../docs/impact.schema.json")).unwrap();
    let calls = Failover::builder()
        .endpoint(Endpoint::new("here", ()).region("r1").location("DE"))
        .build()
        .unwrap();
    let report = ImpactReport::of([photos().impact(), calls.impact()]);
    let text = serde_json::to_string(&report).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    crate::schema::validate(&schema, &json);
    assert_eq!(serde_json::from_str::<ImpactReport>(&text).unwrap(), report);
    let first = &json["clients"][0]["losses"][0];
    assert_eq!(first["loss"]["kind"], "provider");
    assert_eq!(first["operations"][0]["now"]["effect"], "goes_on_stale");
}

#[test]
fn writes_that_end_with_the_home_are_refused_at_build() {
    let managed = || {
        ObjectClient::builder()
            .endpoint(
                Endpoint::new("virginia", Memory::new())
                    .provider("aws")
                    .region("us-east-1"),
            )
            .endpoint(
                Endpoint::new("stackit", Memory::new())
                    .provider("stackit")
                    .region("eu01"),
            )
            .replication(Replication::provider_managed())
    };
    assert!(managed().survives("stackit").build().is_ok(), "the copy can go");
    let refused = managed().survives("stackit").survives("aws").build().unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the client does not survive the loss of provider aws: writes end: nothing but virginia takes them, and that is \
         lost; reads go on, stale: served by stackit, which may lag behind acknowledged writes"
    );
    assert!(matches!(
        managed().survives_any_region().build(),
        Err(BuildError::NotSurvived { .. })
    ));
    assert!(matches!(
        managed().survives_any_provider().build(),
        Err(BuildError::NotSurvived { .. })
    ));
}

#[test]
fn replicas_of_a_strong_table_survive_any_region() {
    let shared = MemoryTable::new();
    let at = |name: &'static str| Endpoint::new(name, shared.clone()).provider("aws").region(name);
    let table = || {
        KvClient::builder()
            .endpoint(at("us-east-1"))
            .replication(Replication::strong())
    };
    let two = table().endpoint(at("us-west-2"));
    assert!(
        two.survives_any_region()
            .survives(Loss::region("aws", "us-east-1"))
            .build()
            .is_ok()
    );
    let error = table().survives_any_region().build().unwrap_err().to_string();
    assert!(
        error.starts_with("the client does not survive the loss of region us-east-1 of aws: writes end"),
        "{error}"
    );
}

#[test]
fn a_login_that_all_need_is_not_survived() {
    let at = |name: &'static str| {
        Endpoint::new(name, ())
            .provider(name)
            .depends_on("login.example", Role::Credentials)
    };
    let both = || Failover::builder().endpoint(at("aws")).endpoint(at("stackit"));
    assert!(both().survives_any_provider().build().is_ok());
    let error = both()
        .survives(Loss::host("login.example"))
        .build()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("writes end: once the credentials of aws and stackit have expired, "),
        "{error}"
    );
}

#[test]
fn what_was_not_declared_is_not_survived() {
    let both = Failover::builder()
        .endpoint(Endpoint::new("a", ()).provider("aws"))
        .endpoint(Endpoint::new("b", ()));
    let error = both.survives("aws").build().unwrap_err().to_string();
    assert!(
        error.contains("writes unknown: nobody declared whether the loss of provider aws reaches b"),
        "{error}"
    );
}

#[test]
fn a_writer_whose_region_is_not_declared_or_blank_is_lost_with_it() {
    let home = || Endpoint::new("home", Memory::new()).provider("aws");
    let other = || Endpoint::new("copy", Memory::new()).provider("stackit").region("eu01");
    let build = |home: Endpoint<Memory>| {
        let client = ObjectClient::builder().endpoint(home).endpoint(other());
        let client = client.replication(Replication::provider_managed());
        client.survives_any_region().build()
    };
    for home in [home(), home().region(" ")] {
        let error = build(home).unwrap_err().to_string();
        let said = "the client does not survive the loss of the undeclared region of home: writes end: nothing but \
                    home takes them, and that is lost";
        assert!(error.starts_with(said), "{error}");
    }
    // Two without a region may be in one. Of two providers, they are not.
    let pair = |other: &'static str| {
        let at = |name: &'static str| Endpoint::new(name, ());
        Failover::builder()
            .endpoint(at("a").provider("aws"))
            .endpoint(at("b").provider(other))
            .endpoint(at("c").provider("gcp").region("r1").read_only())
            .survives_any_region()
            .build()
    };
    assert!(pair("azure").is_ok());
    let error = pair("aws").unwrap_err().to_string();
    assert!(
        error.contains("writes unknown: nobody declared whether the loss of the undeclared region of a reaches b"),
        "{error}"
    );
}

#[test]
fn a_copy_whose_region_is_not_declared_may_go() {
    let table = MemoryTable::new();
    let at = |name: &'static str| Endpoint::new(name, table.clone()).provider("aws");
    let client = KvClient::builder()
        .endpoint(at("one").region("r1"))
        .endpoint(at("two").region("r2"))
        .endpoint(at("three"))
        .replication(Replication::strong());
    assert!(client.survives_any_region().build().is_ok());
}

#[test]
fn every_loss_that_is_listed_can_be_demanded() {
    let client = || {
        Failover::builder()
            .endpoint(
                Endpoint::new("a", ())
                    .provider("aws")
                    .region("r1")
                    .location("DE")
                    .jurisdictions(["US"])
                    .depends_on_at("sts.example", Role::Credentials, "r9")
                    .depends_on("*.data.example:443", Role::Data),
            )
            .endpoint(
                Endpoint::new("b", ())
                    .region("r1")
                    .depends_on_at("iam.example", Role::ControlPlane, "r8"),
            )
    };
    let losses = client().build().unwrap().impact().losses();
    assert!(losses.contains(&Loss::region("aws", "r9")), "{losses:?}");
    for loss in losses {
        let built = client().survives(loss.clone()).build();
        assert!(!matches!(built, Err(BuildError::UnknownLoss { .. })), "{loss}");
    }
    assert!(matches!(
        client().survives(Loss::region("azure", "r9")).build(),
        Err(BuildError::UnknownLoss { .. })
    ));
}

#[test]
fn a_loss_that_no_endpoint_declares_is_an_error_even_of_a_warning() {
    let here = || {
        Failover::builder()
            .endpoint(Endpoint::new("a", ()).provider("aws"))
            .if_not_survived(Unmet::Warns)
    };
    let said = |error: Result<Failover<()>, BuildError>| error.unwrap_err().to_string();
    assert_eq!(
        said(here().survives("azure").build()),
        "the client was to survive the loss of provider azure, which no endpoint declares; declared are: provider aws"
    );
    assert_eq!(
        said(here().survives_any_region().build()),
        "the client was to survive the loss of any region, which no endpoint declares; declared are: none"
    );
}

#[test]
fn a_client_that_is_only_to_warn_is_built_and_tells() {
    let heard = Arc::<Mutex<Vec<Event>>>::default();
    let listener = heard.clone();
    let client = Failover::builder()
        .endpoint(Endpoint::new("a", ()).provider("aws"))
        .survives("aws")
        .if_not_survived(Unmet::Warns)
        .on_event(move |event| listener.lock().unwrap().push(event.clone()))
        .build();
    assert!(client.is_ok());
    let heard = heard.lock().unwrap();
    let [event @ Event::NotSurvived { .. }] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(event.kind(), "not-survived");
    assert!(
        event
            .to_string()
            .starts_with("the client does not survive the loss of provider aws: writes end")
    );
}

#[test]
fn an_endpoint_that_a_constraint_bars_saves_nobody() {
    let at = |name: &'static str, location: &'static str| Endpoint::new(name, ()).provider(name).location(location);
    let both = || {
        Failover::builder()
            .endpoint(at("aws", "DE"))
            .endpoint(at("azure", "US"))
    };
    assert!(both().survives("aws").build().is_ok());
    assert!(both().only_locations(["DE"]).survives("aws").build().is_err());
    assert!(
        both().only_locations(["DE"]).survives("azure").build().is_ok(),
        "it is not used anyway"
    );
}
