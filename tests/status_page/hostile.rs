//! Names and codes that want to be something else.

use crate::{
    served::{Reader, json, text},
    store::{Store, Trouble},
};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    ops::{operator::Selector, status_page::StatusPage},
};
use std::time::Duration;

/// Names that break out of a script, an attribute, a line or the eye.
pub(crate) fn names() -> Vec<String> {
    let short = [
        "</script><img src=x onerror=\"window.pwned=1\">",
        "\"><svg onload='window.pwned=1'>",
        "'-window.pwned-'",
        "a\u{202e}b\u{2066}c", // right to left
        "line\r\n\r\nevent: state\ndata: {}",
        "\u{2028}\u{2029}\0\u{7f}",
        "__proto__",
    ];
    let long = "x".repeat(10_000);
    short.map(str::to_owned).into_iter().chain([long]).collect()
}

/// Endpoints, provider and orders with such names, of which the first is out.
pub(crate) async fn client(page: &StatusPage) -> ObjectClient {
    let stores: Vec<_> = names().iter().map(|_| Store::new()).collect();
    let endpoints = names().into_iter().zip(&stores);
    let client = ObjectClient::builder()
        .client_name("<b>client</b>")
        .endpoints(endpoints.map(|(name, store)| {
            Endpoint::new(name, store.clone())
                .provider("<i>\"&amp;")
                .region("</title>")
        }))
        .replication(Replication::write_once())
        .on_event_record(page.listener())
        .seed(7)
        .build()
        .unwrap();
    page.show(client.view());
    stores[0].always(Trouble::Code("InternalError"));
    for n in 0..40 {
        let _ = client.put(format!("{n}"), "x").await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let operator = client.operator().by("</script><script>window.pwned=1</script>");
    let selector = Selector::endpoint(names()[1].clone());
    operator
        .drain(selector, "<img src=x onerror=window.pwned=1>", Duration::from_secs(600))
        .apply()
        .unwrap();
    client
}

#[tokio::test(start_paused = true)]
async fn hostile_names_are_data_in_status_json_and_events_and_not_in_the_page() {
    let page = StatusPage::new();
    let _client = client(&page).await;
    let all = json(&page).await;
    let endpoints = all["state"]["clients"][0]["status"]["endpoints"].as_array().unwrap();
    let shown: Vec<_> = endpoints
        .iter()
        .map(|endpoint| endpoint["name"].as_str().unwrap())
        .collect();
    assert_eq!(shown, names(), "each name comes back as it was given");
    let (before, state) = Reader::new(&page, None).await.until("state").await;
    assert!(before.iter().any(|message| message.name == "decision"));
    assert_eq!(state.data["clients"][0]["status"]["client"], "<b>client</b>");
    assert!(!text(&page, "/").await.contains("pwned"), "the shell has no data");
}
