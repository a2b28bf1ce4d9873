//! No attempt ever reaches an endpoint that a constraint bars: not in failover, hedging, retry, the proof of absence,
//! listing, deletes or warm-up; whether the client or the call asks for it.

use crate::{
    scripted::{Does, Mishap, Table, Verdicts, ms, secs},
    store::{Store, Trouble},
};
use evenkeel::{Endpoint, ErrorKind, Failover, ObjectClient, Replication, endpoint::EU, ops::probe};
use tokio::time::sleep;

/// Where a constraint is put.
#[derive(Clone, Copy, Debug, PartialEq)]
enum On {
    Client,
    Call,
}

/// Which constraint. Each leaves frankfurt (DE, under German and EU law) and dublin (IE, likewise), and bars one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Locations,
    Jurisdiction,
}

/// The barred one is preferred and the only one that never has trouble: everything tempts to use it.
fn endpoints<C: Clone>(rule: Rule, barred: &C, frankfurt: &C, dublin: &C) -> [Endpoint<C>; 3] {
    let barred = match rule {
        Rule::Locations => Endpoint::new("barred", barred.clone())
            .location("US")
            .jurisdictions(["DE"]),
        Rule::Jurisdiction => Endpoint::new("barred", barred.clone())
            .location("DE")
            .jurisdictions(["US", "DE", "EU"]),
    };
    let european = |name: &'static str, location: &'static str, client: &C| {
        Endpoint::new(name, client.clone())
            .location(location)
            .jurisdictions([location, "EU"])
    };
    [
        barred,
        european("frankfurt", "DE", frankfurt),
        european("dublin", "IE", dublin),
    ]
}

macro_rules! constrain {
    ($call:expr, $rule:expr) => {{
        // The other constraint is always met, so that only the one under test bars.
        let call = $call;
        match $rule {
            Some(Rule::Locations) => call.only_locations(EU),
            Some(Rule::Jurisdiction) => call.not_under_jurisdiction_of("US"),
            None => call,
        }
    }};
}

fn cases() -> impl Iterator<Item = (On, Rule)> {
    [On::Client, On::Call]
        .into_iter()
        .flat_map(|on| [Rule::Locations, Rule::Jurisdiction].map(|rule| (on, rule)))
}

#[tokio::test(start_paused = true)]
async fn a_sdk_call_never_reaches_a_barred_endpoint() {
    for (on, rule) in cases() {
        let [barred, frankfurt, dublin] = ["barred", "frankfurt", "dublin"].map(Table::new);
        let builder = Failover::builder()
            .endpoints(endpoints(rule, &barred, &frankfurt, &dublin))
            .classify(Verdicts)
            .seed(7);
        let builder = constrain!(builder, (on == On::Client).then_some(rule));
        let tables = builder.build().unwrap();
        let of_call = (on == On::Call).then_some(rule);
        let troubles = [
            Does::Answer(ms(5)),
            Does::Fail(ms(1), Mishap::Refused),
            Does::Fail(ms(1), Mishap::Reset),
            Does::Fail(ms(1), Mishap::Code("SlowDown")),
            Does::Answer(ms(600)),
            Does::Hang,
        ];
        for frankfurt_does in troubles {
            for dublin_does in troubles {
                frankfurt.usually(frankfurt_does);
                dublin.usually(dublin_does);
                for _ in 0..5 {
                    let _ = constrain!(tables.read(Table::query), of_call).deadline(secs(2)).await;
                    let _ = constrain!(tables.write(Table::query), of_call).deadline(secs(2)).await;
                    let _ = constrain!(tables.idempotent_write(Table::query), of_call)
                        .deadline(secs(2))
                        .await;
                }
                sleep(secs(2)).await;
            }
        }
        let pinned = constrain!(tables.read(Table::query), of_call).pin("barred").await;
        assert_eq!(pinned.unwrap_err().kind(), ErrorKind::InvalidInput);
        if on == On::Client {
            assert_eq!(tables.warm_up(Table::query).await.endpoints().len(), 2);
        }
        assert_eq!(barred.asked(), 0, "{on:?} {rule:?}");
        assert!(frankfurt.asked() > 0 && dublin.asked() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_call_never_reaches_a_barred_endpoint() {
    for replication in [
        Replication::write_once(),
        Replication::provider_managed().home("frankfurt"),
    ] {
        for (on, rule) in cases() {
            let [barred, frankfurt, dublin] = [(); 3].map(|()| Store::new());
            let builder = ObjectClient::builder()
                .endpoints(endpoints(rule, &barred, &frankfurt, &dublin))
                .replication(replication.clone())
                .seed(7);
            // What a call may not use, the client may probe.
            let builder = match on {
                On::Client => builder,
                On::Call => builder.probes(probe::ProbeSettings::off()),
            };
            let builder = constrain!(builder, (on == On::Client).then_some(rule));
            let client = builder.build().unwrap();
            let of_call = (on == On::Call).then_some(rule);
            if on == On::Client {
                assert!(client.warm_up().await.is_complete());
            }
            let troubles = [
                Trouble::None,
                Trouble::Refused,
                Trouble::LostAnswer,
                Trouble::Hang,
                Trouble::Slow(ms(600)),
                Trouble::Code("SlowDown"),
                Trouble::Code("AccessDenied"),
            ];
            let mut n = 0;
            for at_frankfurt in troubles {
                for at_dublin in troubles {
                    frankfurt.always(at_frankfurt);
                    dublin.always(at_dublin);
                    let limit = secs(2);
                    for _ in 0..2 {
                        n += 1;
                        let key = format!("k/{n}");
                        let _ = constrain!(client.put(&key, "v"), of_call).deadline(limit).await;
                        let _ = constrain!(client.get(&key), of_call).deadline(limit).await;
                        let _ = constrain!(client.get("absent"), of_call).deadline(limit).await;
                        let _ = constrain!(client.head("absent"), of_call).deadline(limit).await;
                        let _ = constrain!(client.delete(&key), of_call).deadline(limit).await;
                        let _ = constrain!(client.list(""), of_call).deadline(limit).collect_all().await;
                    }
                    sleep(secs(1)).await;
                }
            }
            let pinned = constrain!(client.get("k"), of_call).pin("barred").await;
            assert_eq!(pinned.unwrap_err().kind(), ErrorKind::InvalidInput);
            assert_eq!(barred.log(), Vec::<&str>::new(), "{on:?} {rule:?}");
            assert!(frankfurt.asked() > 0 && dublin.asked() > 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_from_a_barred_endpoint_sends_no_call_there() {
    let [barred, frankfurt, dublin] = [(); 3].map(|()| Store::new());
    let client = ObjectClient::builder()
        .endpoints(endpoints(Rule::Locations, &barred, &frankfurt, &dublin))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    let tag = client.put("k", "v").await.unwrap().etag().unwrap().clone();
    assert_eq!(tag.endpoint(), "barred");
    barred.forget();
    let error = client.get("k").if_none_match(tag).only_locations(EU).await.unwrap_err();
    // Whether it exists cannot be told without the one that may not be asked.
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(error.not_asked()[0].endpoint(), "barred");
    assert!(error.not_asked()[0].reason().contains("US"), "{error}");
    assert_eq!(barred.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_would_break_a_constraint_is_refused_unsent() {
    let [barred, frankfurt, dublin] = [(); 3].map(|()| Store::new());
    let client = ObjectClient::builder()
        .endpoints(endpoints(Rule::Jurisdiction, &barred, &frankfurt, &dublin))
        .replication(Replication::write_once())
        .build()
        .unwrap();
    client.put("k", "v").await.unwrap();
    let before = [&barred, &frankfurt, &dublin].map(Store::asked);
    let error = client.delete("k").not_under_jurisdiction_of("US").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!([&barred, &frankfurt, &dublin].map(Store::asked), before);
}

#[tokio::test(start_paused = true)]
async fn an_undeclared_endpoint_is_barred_and_an_error_names_the_reason() {
    let [declared, silent] = [(); 2].map(|()| Store::new());
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("silent", silent.clone()))
        .endpoint(Endpoint::new("declared", declared.clone()).location("DE"))
        .only_locations(EU)
        .build()
        .unwrap();
    declared.always(Trouble::Refused);
    let error = client.get("k").await.unwrap_err();
    let considered = error.explanation().considered();
    assert_eq!(considered[0].not_used(), Some("its location was not declared"));
    assert_eq!(silent.asked(), 0);
    assert_eq!(
        client.snapshot().endpoints[0].barred.as_deref(),
        Some("its location was not declared")
    );
}
