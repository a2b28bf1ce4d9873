//! The page in Chromium: three moments of a replay, all dead, orders, a cut connection; axe in every state, keyboard only, a
//! narrow screen.

use crate::{
    hostile,
    orders::TOKEN,
    served::{Served, forgetful, serve},
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    drill::{FaultLayer, Scenario, Timeline},
    ops::{operator::Selector, status_page::StatusPage},
};
use serde_json::{Value, json};
use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};
use tokio::{process::Command, time::sleep};

const SECOND: Duration = Duration::from_secs(1);
/// 2025-10-20T06:30:00Z.
const BEGUN: Duration = Duration::from_secs(1_760_941_800);

/// Chromium, and where npm's packages are.
fn found() -> Option<(PathBuf, PathBuf)> {
    let path = env::var_os("PATH")?;
    let chromium = env::split_paths(&path)
        .flat_map(|dir| ["chromium", "chromium-browser", "google-chrome"].map(|name| dir.join(name)))
        .find(|file| file.is_file())?;
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/servers/node_modules");
    let there = ["puppeteer-core", "axe-core"]
        .iter()
        .all(|package| packages.join(package).is_dir());
    there.then_some((chromium, packages))
}

/// For the reader of the test's output, and for `./test`, which collects these lines.
fn say(what: &str) {
    println!("chromium: {what}");
    if let Some(log) = env::var_os("EVENKEEL_SERVERS_LOG")
        && let Ok(mut log) = fs::OpenOptions::new().append(true).create(true).open(log)
    {
        let _ = writeln!(log, "chromium: {what}");
    }
}

/// Opens the page in a browser and does what `browser.cjs` has under this name.
async fn look(chromium: &Path, packages: &Path, served: &Served, path: &str, plan: Value) {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("status_page");
    fs::create_dir_all(&out).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/status_page/browser.cjs");
    let output = Command::new("node")
        .arg(script)
        .arg(plan.to_string())
        .env("CHROMIUM", chromium)
        .env("PACKAGES", packages)
        .env("PAGE", format!("http://{}/{path}", served.addr))
        .env("OUT", &out)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(180 * SECOND, output)
        .await
        .expect("the browser is done within three minutes")
        .unwrap();
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{plan}\n{said}\n{complained}");
    print!("{said}");
}

/// A store whose answers take so many milliseconds.
fn far(millis: u64) -> Store {
    let store = Store::new();
    store.always(Trouble::Slow(Duration::from_millis(millis)));
    store
}

/// A client whose time is that of the runtime, and the page that shows it.
fn world(timeline: &Timeline) -> (StatusPage, ObjectClient) {
    let page = StatusPage::new();
    let start = tokio::time::Instant::now();
    let faults = timeline.clone();
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", far(8))
                .provider("aws")
                .region("us-east-1")
                .location("US"),
        )
        .endpoint(
            Endpoint::new("ireland", far(75))
                .provider("aws")
                .region("eu-west-1")
                .location("IE"),
        )
        .endpoint(
            Endpoint::new("frankfurt", far(90))
                .provider("stackit")
                .region("eu01")
                .location("DE"),
        )
        .endpoint(
            Endpoint::new("shanghai", far(200))
                .provider("aliyun")
                .region("cn-shanghai")
                .location("CN"),
        )
        .only_locations(["US", "IE", "DE"])
        .replication(Replication::write_once())
        .endpoint_layer(move |endpoint| FaultLayer::new(faults.clone(), endpoint.clone()))
        .wall_clock(move || UNIX_EPOCH + BEGUN + start.elapsed())
        .on_event_record(page.listener())
        .seed(3)
        .build()
        .unwrap();
    page.show(client.view());
    (page, client)
}

/// Reads and writes, five a second each.
async fn calls(client: &ObjectClient, during: Duration) {
    let until = tokio::time::Instant::now() + during;
    let mut n = 0_u64;
    while tokio::time::Instant::now() < until {
        let _ = client.put(format!("{:?}", tokio::time::Instant::now()), "x").await;
        let _ = client.get(format!("{}", n % 7)).await;
        n += 1;
        sleep(SECOND / 5).await;
    }
}

#[test]
fn the_page_passes_in_a_browser() {
    let Some((chromium, packages)) = found() else {
        say("did not run, as the browser, puppeteer-core or axe-core is missing (./test --servers installs them)");
        assert_ne!(env::var("EVENKEEL_SERVERS").as_deref(), Ok("required"));
        return;
    };
    say("ran");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(replay(&chromium, &packages));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(dead(&chromium, &packages));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(ordered(&chromium, &packages));
    runtime.block_on(half_open(&chromium, &packages));
    runtime.block_on(hostile_forms(&chromium, &packages));
}

/// The time is paused while the incident is played, and real while the browser looks.
async fn replay(chromium: &Path, packages: &Path) {
    let timeline = Timeline::new(Scenario::builtin("aws-dynamodb-2025").unwrap(), 3).unwrap();
    let (page, client) = world(&timeline);
    for n in 0..7 {
        client.put(format!("{n}"), "x").await.unwrap();
    }
    calls(&client, 16 * 60 * SECOND).await;
    let served = serve(page.clone()).await;
    let show = async |plan: Value| {
        tokio::time::resume();
        look(chromium, packages, &served, "", plan).await;
        tokio::time::pause();
    };
    show(json!({ "moment": "1-well" })).await;

    timeline.start_now();
    calls(&client, 100 * SECOND).await;
    let operator = client.operator().by("anna");
    operator
        .drain_writes(Selector::provider("stackit"), "it fills up", 3_600 * SECOND)
        .apply()
        .unwrap();
    calls(&client, 20 * SECOND).await;
    show(json!({ "moment": "2-out", "keyboard": true })).await;

    timeline.stop();
    let status = || client.view().status().unwrap();
    let returning = |status: evenkeel::ops::status::Status| {
        let reads = &status.endpoints[0].classes[0];
        reads.condition == evenkeel::ops::status::Condition::Returning
    };
    let mut waited = 0;
    while !returning(status()) {
        calls(&client, SECOND / 10).await;
        waited += 1;
        assert!(waited < 3_000, "virginia comes back: {:#?}", status().endpoints[0]);
    }
    show(json!({ "moment": "3-returning" })).await;
}

/// Every provider is dead, names are hostile, and then the process stops.
async fn dead(chromium: &Path, packages: &Path) {
    let page = StatusPage::new();
    let _hostile = hostile::client(&page).await;
    let stores = [Store::new(), Store::new()];
    let client = ObjectClient::builder()
        .client_name("invoices")
        .endpoints(
            ["north", "south"]
                .into_iter()
                .zip(&stores)
                .map(|(name, store)| Endpoint::new(name, store.clone())),
        )
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .seed(1)
        .build()
        .unwrap();
    page.show(client.view());
    stores.iter().for_each(|store| store.always(Trouble::Reset));
    calls(&client, 30 * SECOND).await;
    let served = serve(page.clone()).await;
    tokio::time::resume();
    look(
        chromium,
        packages,
        &served,
        "",
        json!({ "moment": "4-all-dead", "keyboard": true, "hostile": true, "alarms": ["Suspect this host"] }),
    )
    .await;
    page.close();
    // A closed page refuses events: the browser asks for status.json and has fresh data; then nobody answers at all.
    look(
        chromium,
        packages,
        &served,
        "",
        json!({ "moment": "5-stale", "hostile": true, "then_cut": true, "alarms": ["This page is stale"] }),
    )
    .await;
}

/// Orders by way of the page, where it is mounted without a slash at its end.
async fn ordered(chromium: &Path, packages: &Path) {
    let page = StatusPage::new();
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(
            Endpoint::new("virginia", Store::new())
                .provider("aws")
                .region("us-east-1"),
        )
        .endpoint(
            Endpoint::new("ireland", Store::new())
                .provider("aws")
                .region("eu-west-1"),
        )
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .seed(1)
        .build()
        .unwrap();
    page.show(client.view());
    calls(&client, SECOND).await;
    let app = axum::Router::new().nest_service("/status", page.operable(TOKEN).unwrap());
    let served = serve(app).await;
    look(
        chromium,
        packages,
        &served,
        "status",
        json!({ "moment": "6-orders", "token": TOKEN }),
    )
    .await;
}

/// The forms of endpoints, orders and reasons with hostile names.
async fn hostile_forms(chromium: &Path, packages: &Path) {
    let page = StatusPage::new();
    let _hostile = hostile::client(&page).await;
    let served = serve(page.operable(TOKEN).unwrap()).await;
    let plan = json!({ "moment": "8-hostile-forms", "hostile": true, "forms": true });
    look(chromium, packages, &served, "", plan).await;
}

/// A relay between the browser and the page forgets the first connection that asks for events.
async fn half_open(chromium: &Path, packages: &Path) {
    let page = StatusPage::new();
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", Store::new()))
        .build()
        .unwrap();
    page.show(client.view());
    let served = serve(page).await;
    let forgetful = forgetful(served.addr).await;
    look(
        chromium,
        packages,
        &forgetful,
        "",
        json!({ "moment": "7-half-open", "half_open": true }),
    )
    .await;
}
