//! The rows of an SLA log: what a real server and the proxy in front of it said.

use crate::support::{profile, timeline};
use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
};
use evenkeel::{
    Endpoint, ObjectClient,
    drill::FaultProxy,
    ops::{
        probe::ProbeSettings,
        sla::{COUNTS_AWS_S3, SlaLog},
    },
    provider::S3,
};
use evenkeel_s3_server::{Server, Settings};
use std::{collections::HashMap, path::Path, time::Duration};

/// The rows, each as its cells by column. No cell here has a comma.
fn rows(folder: &Path) -> Vec<HashMap<String, String>> {
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1);
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    assert!(!text.contains("secret-key"), "no row has a key: {text}");
    let mut lines = text.lines();
    let columns: Vec<_> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    lines
        .map(|line| {
            let cells: Vec<_> = line.split(',').map(str::to_owned).collect();
            assert_eq!(cells.len(), columns.len(), "{line}");
            columns.iter().cloned().zip(cells).collect()
        })
        .collect()
}

/// What the client's attempts left in the log while this fault was played, after a put that met none.
async fn logged(fault: &str) -> Vec<HashMap<String, String>> {
    let folder = tempfile::tempdir().unwrap();
    let log = SlaLog::start(folder.path()).unwrap();
    let settings = Settings::new(&["bucket"]).credentials("key", "secret");
    let server = Server::start(settings).await.unwrap();
    let timeline = timeline(&format!(r#"{{ "fault": {fault} }}"#));
    let proxy = FaultProxy::bind(server.addr(), profile(), timeline.clone())
        .await
        .unwrap();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(format!("http://{}", proxy.addr()))
        .force_path_style(true)
        .credentials_provider(Credentials::new("key", "secret", None, None, "static"))
        .build();
    let store = S3::new(Client::from_conf(config), "bucket").trusting_all_conditions();
    let endpoint = Endpoint::new("virginia", store).provider("aws").region("us-east-1");
    let client = ObjectClient::builder()
        .client_name("photos")
        .endpoint(endpoint)
        .probes(ProbeSettings::off())
        .on_attempt_end(log.listener())
        .build()
        .unwrap();
    client.put("secret-key", "v").await.unwrap();
    timeline.start_now();
    let _ = client.get("secret-key").deadline(Duration::from_secs(2)).await;
    log.flush(Duration::from_secs(60)).unwrap();
    assert_eq!(log.stats().dropped, 0);
    rows(folder.path())
}

fn cell<'r>(row: &'r HashMap<String, String>, column: &str) -> &'r str {
    &row[column]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_tell_status_code_and_request_id_of_successes_and_failures() {
    let rows = logged(r#"{ "status": { "code": 500, "s3_code": "InternalError" } }"#).await;
    let stored = &rows[0];
    assert_eq!(
        [
            "client",
            "endpoint",
            "provider",
            "region",
            "operation",
            "attempt",
            "verdict"
        ]
        .map(|column| cell(stored, column)),
        ["photos", "virginia", "aws", "us-east-1", "put", "first", "success"]
    );
    assert_eq!((cell(stored, "status"), cell(stored, "code")), ("200", ""));
    assert!(
        !cell(stored, "request_id").is_empty(),
        "a success has its request id: {stored:?}"
    );
    assert_eq!(cell(stored, COUNTS_AWS_S3), "request");

    let failed = &rows[1];
    assert_eq!(
        ["operation", "status", "code", "verdict", COUNTS_AWS_S3].map(|column| cell(failed, column)),
        ["get", "500", "InternalError", "faulty", "error"]
    );
    assert!(rows.len() > 2, "the retry is an attempt of its own: {rows:?}");
    assert_eq!(cell(&rows[2], "attempt"), "retry");
    let began: Vec<_> = rows.iter().map(|row| cell(row, "ended_utc")).collect();
    assert!(began.is_sorted(), "{began:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_store_did_not_return_as_its_error_stands_apart() {
    for (fault, code) in [
        (
            r#"{ "status": { "code": 503, "s3_code": "SlowDown" } }"#,
            Some("SlowDown"),
        ),
        (r#""hang""#, None),
        (r#""refuse""#, None),
    ] {
        let rows = logged(fault).await;
        let failed = &rows[1];
        assert_eq!(cell(failed, COUNTS_AWS_S3), "apart", "{fault}: {failed:?}");
        if let Some(code) = code {
            assert_eq!(cell(failed, "code"), code);
        } else {
            assert_eq!(cell(failed, "status"), "", "nothing was returned: {failed:?}");
        }
    }
}
