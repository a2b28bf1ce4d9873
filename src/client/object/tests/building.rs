use super::{Fault, Scripted, client, said};
use crate::{Endpoint, ErrorKind, ObjectClient, Replication, client::object::ObjectClientBuilder, endpoint::EU};
use std::time::Duration;

fn two() -> ObjectClientBuilder {
    ObjectClient::builder()
        .endpoint(
            Endpoint::new("virginia", Scripted::default())
                .location("US")
                .jurisdictions(["US"]),
        )
        .endpoint(
            Endpoint::new("frankfurt", Scripted::default())
                .location("DE")
                .jurisdictions(["US", "DE", "EU"]),
        )
}

#[test]
fn the_builder_refuses_nonsense_with_a_clear_error() {
    let said = |builder: ObjectClientBuilder| builder.build().unwrap_err().to_string();
    let one = || ObjectClient::builder().endpoint(Endpoint::new("a", Scripted::default()));
    assert_eq!(said(ObjectClient::builder()), "a client needs at least one endpoint");
    assert!(said(one().endpoint(Endpoint::new("a", Scripted::default()))).starts_with("two endpoints are named `a`"));
    assert_eq!(
        said(two()),
        "virginia and frankfurt may all take writes: say with `.replication(..)` how data gets from one to the \
         others, or mark copies `.read_only()`"
    );
    assert_eq!(
        said(two().replication(Replication::write_once()).only_locations(["CH"])),
        "no endpoint is left under the constraints: virginia: it lies in US, which is not among the permitted \
         locations; frankfurt: it lies in DE, which is not among the permitted locations"
    );
    assert_eq!(
        said(two().replication(Replication::provider_managed().home("dublin"))),
        "the home `dublin` is not among the endpoints"
    );
    assert_eq!(
        said(
            two()
                .only_locations(EU)
                .replication(Replication::provider_managed().home("virginia"))
        ),
        "the home `virginia` may not be used because it lies in US, which is not among the permitted locations"
    );
    assert_eq!(
        said(two().replication(Replication::write_once().home("virginia"))),
        "`write_once` has no home: any endpoint may take a put"
    );
    assert!(said(one().deadline(Duration::ZERO)).starts_with("a deadline must lie between"));
    assert!(
        said(ObjectClient::builder().endpoint(Endpoint::new("a", Scripted::default()).capacity(f64::NAN)))
            .starts_with("the capacity of endpoint `a`")
    );
}

#[test]
fn one_writable_endpoint_needs_no_replication() {
    let copy = Endpoint::new("copy", Scripted::default()).read_only();
    let home = Endpoint::new("home", Scripted::default());
    assert!(ObjectClient::builder().endpoint(copy).endpoint(home).build().is_ok());
    // Constraints count first: only Frankfurt is left.
    assert!(two().only_locations(EU).build().is_ok());
}

#[tokio::test(start_paused = true)]
async fn failover_never_breaks_a_constraint() {
    let (virginia, frankfurt) = (Scripted::default(), Scripted::default());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", virginia.clone()).location("US"))
        .endpoint(Endpoint::new("frankfurt", frankfurt.clone()).location("DE"))
        .replication(Replication::write_once())
        .only_locations(EU)
        .build()
        .unwrap();
    frankfurt.always(Fault::Refused);
    let error = client.put("k", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(client.get("k").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(client.list("").collect_all().await.is_err());
    assert!(!client.warm_up().await.is_complete());
    assert_eq!(virginia.log(), [""; 0]);
    assert_eq!(
        error.explanation().considered()[0].not_used(),
        Some("it lies in US, which is not among the permitted locations")
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_stricter_than_its_client() {
    let client = two().replication(Replication::write_once()).build().unwrap();
    let stored = client.put("k", "v").only_locations(EU).await.unwrap();
    assert_eq!(stored.endpoint(), "frankfurt");
    let error = client.put("k2", "v").not_under_jurisdiction_of("US").await.unwrap_err();
    assert_eq!(
        said(&error),
        (
            ErrorKind::InvalidInput,
            "put failed before anything was sent: no endpoint is left under the constraints of the client and the call"
                .to_owned()
        )
    );
    let listed = client.list("").only_locations(EU).collect_all().await.unwrap();
    assert_eq!(listed.entries.len(), 1);
    assert_eq!(
        listed.missing[0].reason(),
        "may not be asked because it lies in US, which is not among the permitted locations"
    );
    let error = client.delete("k").only_locations(EU).await.unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::Unsupported,
        "a delete must reach everyone: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn warm_up_reports_dead_endpoints_without_waiting() {
    let (client, [virginia, ireland, _]) = client::<3>(Replication::write_once());
    virginia.always(Fault::Hang);
    ireland.always(Fault::Refused);
    let report = client.warm_up().await;
    let failures: Vec<_> = report.endpoints().iter().map(|e| (e.endpoint(), e.failure())).collect();
    assert_eq!(
        failures,
        [
            ("virginia", Some("not ready within 2 s")),
            ("ireland", Some("the attempt failed (connection refused)")),
            ("stackit", None)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_closed_client_refuses_calls() {
    let (client, [virginia]) = client::<1>(Replication::write_once());
    client.clone().close();
    assert_eq!(
        said(&client.get("k").await.unwrap_err()),
        (
            ErrorKind::Closed,
            "get failed before anything was sent: the client is closed".to_owned()
        )
    );
    assert!(
        client
            .list("")
            .collect_all()
            .await
            .is_err_and(|e| e.kind() == ErrorKind::Closed)
    );
    assert_eq!(virginia.log(), [""; 0]);
}
