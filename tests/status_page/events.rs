//! Server-sent events.

use crate::served::{Reader, get, json, serve};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    ops::{operator::Selector, status_page::StatusPage},
    provider::Memory,
    request::OpClass,
    telemetry::{Event, EventRecord, Instance},
};
use http_body_util::BodyExt;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, time::sleep};

const SECOND: Duration = Duration::from_secs(1);

fn photos(page: &StatusPage) -> ObjectClient {
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoints(["virginia", "ireland"].map(|name| Endpoint::new(name, Memory::new())))
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .build()
        .unwrap();
    page.show(client.view());
    client
}

/// A listener's own record, to be told again and again.
fn some_record() -> EventRecord {
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    let client = ObjectClient::builder()
        .endpoints(["virginia", "ireland"].map(|name| Endpoint::new(name, Memory::new())))
        .replication(Replication::write_once())
        .on_event_record(move |record| *keep.lock().unwrap() = Some(record.clone()))
        .build()
        .unwrap();
    client
        .operator()
        .drain(Selector::endpoint("ireland"), "any", SECOND)
        .apply()
        .unwrap();
    let mut record = kept.lock().unwrap().take().unwrap();
    record.event = Event::AllBad { class: OpClass::Read };
    record
}

fn drain(client: &ObjectClient, reason: &str) -> u64 {
    let operator = client.operator().by("anna");
    let order = operator
        .drain(Selector::endpoint("virginia"), reason, 60 * SECOND)
        .apply()
        .unwrap();
    operator.lift(order);
    2 // events
}

#[tokio::test(start_paused = true)]
async fn a_reader_gets_the_state_each_decision_and_each_change() {
    let page = StatusPage::new();
    let client = photos(&page);
    drain(&client, "before");
    let mut reader = Reader::new(&page, None).await;
    let (before, state) = reader.until("state").await;
    let names: Vec<_> = before.iter().map(|message| &*message.name).collect();
    assert_eq!(names, ["decision", "decision", "history"]);
    let sentence = before[0].data["entry"]["sentence"].as_str().unwrap();
    assert_eq!(sentence, "anna ordered: drain virginia for at most 60s (before)");
    assert_eq!(before[0].id.as_deref(), before[0].data["id"].as_str());
    assert_eq!(
        state.data["clients"][0]["status"]["orders"].as_array().unwrap().len(),
        0
    );

    client
        .operator()
        .drain(Selector::endpoint("virginia"), "now", 60 * SECOND)
        .apply()
        .unwrap();
    let asked = tokio::time::Instant::now();
    let (before, state) = reader.until("state").await;
    assert!(
        asked.elapsed() <= 2 * SECOND,
        "whoever is on call sees it within ten seconds"
    );
    assert_eq!(before.iter().filter(|message| message.name == "decision").count(), 1);
    assert_eq!(state.data["clients"][0]["status"]["orders"][0]["reason"], "now");
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_gets_what_it_missed_and_hears_what_is_lost() {
    let page = StatusPage::new();
    let client = photos(&page);
    drain(&client, "first");
    let mut reader = Reader::new(&page, None).await;
    let (before, _) = reader.until("state").await;
    let last = before[1].id.clone().unwrap();
    drop(reader);

    drain(&client, "second");
    let mut reader = Reader::new(&page, Some(&last)).await;
    let (before, _) = reader.until("state").await;
    let sentences: Vec<_> = before
        .iter()
        .filter_map(|message| message.data["entry"]["sentence"].as_str())
        .collect();
    assert_eq!(sentences.len(), 2);
    assert!(sentences[0].contains("second"), "{sentences:?}");

    for _ in 0..200 {
        drain(&client, "many");
    }
    let (before, _) = Reader::new(&page, Some(&last)).await.until("state").await;
    assert_eq!((&*before[0].name, before[0].data.as_u64()), ("missed", Some(402 - 256)));
    assert_eq!(before.iter().filter(|message| message.name == "decision").count(), 256);
    // Ids of another process mean nothing here.
    for other in ["0123456789abcdef-7", "nonsense", &format!("{}-x", Instance::current())] {
        let (before, _) = Reader::new(&page, Some(other)).await.until("state").await;
        assert_eq!(
            before.iter().filter(|message| message.name == "decision").count(),
            256,
            "{other}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_events_a_second_leave_readers_256_at_a_time() {
    let page = StatusPage::new();
    let _client = photos(&page);
    let tell = page.listener();
    let record = some_record();
    let mut reader = Reader::new(&page, None).await;
    reader.until("state").await;
    let (mut told, mut got, mut missed) = (0_u64, 0_u64, 0_u64);
    for _ in 0..10 {
        for _ in 0..100 {
            (0..100).for_each(|_| tell(&record));
            told += 100;
            sleep(SECOND / 100).await;
        }
    }
    sleep(5 * SECOND).await;
    while got + missed < told {
        let (before, state) = reader.until("state").await;
        let decisions = before.iter().filter(|message| message.name == "decision").count();
        assert!(decisions <= 256, "{decisions} at once");
        got += decisions as u64;
        missed += before
            .iter()
            .filter(|message| message.name == "missed")
            .filter_map(|message| message.data.as_u64())
            .sum::<u64>();
        assert_eq!(state.data["version"], 1);
    }
    assert_eq!(got + missed, told, "each event is told or counted");
    assert_eq!(json(&page).await["state"]["events"], told);
}

#[tokio::test(start_paused = true)]
async fn sixteen_may_read_and_a_dropped_reader_frees_its_place() {
    let page = StatusPage::new();
    let mut readers = Vec::new();
    for _ in 0..16 {
        readers.push(Reader::new(&page, None).await);
    }
    let refused = get(&page, "/events").await;
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["retry-after"].to_str().unwrap()
        ),
        (503, "30")
    );
    assert_eq!(json(&page).await["state"]["readers"]["refused"], 1);
    readers.pop();
    readers.push(Reader::new(&page, None).await);
    readers.clear();
    assert_eq!(json(&page).await["state"]["readers"]["now"], 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_takes_nothing_is_dropped_counted_and_ends() {
    let page = StatusPage::new();
    let mut stuck = Reader::new(&page, None).await;
    let mut quick = Reader::new(&page, None).await;
    for _ in 0..20 {
        quick.until("state").await;
        sleep(SECOND).await;
    }
    sleep(SECOND).await;
    for _ in 0..10 {
        quick.until("state").await;
        sleep(SECOND).await;
    }
    let readers = json(&page).await["state"]["readers"].clone();
    assert_eq!(
        (readers["now"].as_u64(), readers["dropped"].as_u64()),
        (Some(1), Some(1))
    );
    assert_eq!(stuck.next().await, None, "it has lost its place");
    quick.until("state").await;
}

#[tokio::test(start_paused = true)]
async fn closing_the_page_ends_its_readers_and_a_dropped_page_too() {
    let page = StatusPage::new();
    let mut reader = Reader::new(&page, None).await;
    reader.until("state").await;
    page.close();
    reader.until("closed").await;
    assert_eq!(reader.next().await, None);
    assert_eq!(get(&page, "/events").await.status(), 503);
    assert_eq!(get(&page, "/status.json").await.status(), 200, "the rest is served on");

    let page = StatusPage::new();
    let mut reader = Reader::new(&page, None).await;
    reader.until("state").await;
    drop(page);
    assert_eq!(reader.next().await, None);
}

/// The server, and not the test, notices that somebody has left.
#[tokio::test]
async fn a_cut_connection_frees_its_place() {
    let page = StatusPage::new();
    let served = serve(page.clone()).await;
    let mut socket = TcpStream::connect(served.addr).await.unwrap();
    socket
        .write_all(b"GET /events HTTP/1.1\r\nhost: page\r\n\r\n")
        .await
        .unwrap();
    let now = |page: StatusPage| async move { json(&page).await["state"]["readers"]["now"].as_u64().unwrap() };
    while now(page.clone()).await == 0 {
        sleep(SECOND / 100).await;
    }
    drop(socket);
    while now(page.clone()).await > 0 {
        sleep(SECOND / 100).await;
    }
}

#[tokio::test]
async fn a_page_made_outside_of_a_runtime_begins_with_its_first_request() {
    let page = std::thread::spawn(StatusPage::new).join().unwrap();
    tokio::time::pause();
    let mut body = get(&page, "/events").await.into_body();
    let mut states = 0;
    while states < 3 {
        let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
        states += usize::from(frame.starts_with(b"event: state\n"));
    }
}
