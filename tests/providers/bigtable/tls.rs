//! TLS, as Google's service speaks it: with the system's authorities, which for this test are one of its own.

use crate::{authority::Authority, emulator, get, is, put};
use evenkeel::{
    provider::{Bigtable, KvProvider},
    verdict::{Sent, Verdict},
};
use google_cloud_auth::credentials::anonymous;
use rustls::pki_types::PrivateKeyDer;
use std::{net::SocketAddr, process::Command, sync::Arc};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

/// Where the part of the test that runs under other authorities finds the server.
const SERVER: &str = "EVENKEEL_TEST_BIGTABLE_OVER_TLS";

fn over_tls(addr: &str) -> Bigtable {
    Bigtable::new(anonymous::Builder::new().build(), crate::TABLE).endpoint(format!("https://{addr}"))
}

/// TLS before a server that has none, with HTTP/2 or with nothing agreed on.
async fn before(server: SocketAddr, authority: &Authority, protocols: &[&str]) -> (SocketAddr, JoinSet<()>) {
    let (cert, key) = authority.certificate("127.0.0.1");
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                // A client that does not trust us leaves.
                let Ok(mut client) = acceptor.accept(socket).await else {
                    return;
                };
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (addr, accepting)
}

#[tokio::test]
async fn a_bigtable_over_tls_trusts_only_its_authority() {
    if let Ok(addr) = std::env::var(SERVER) {
        return under_this_authority(&addr).await;
    }
    let Some(emulator) = emulator("over TLS").await else {
        return;
    };
    let authority = Authority::new();
    let (addr, _tasks) = before(emulator.addr, &authority, &["h2"]).await;
    // Not one that this host trusts.
    let error = over_tls(&addr.to_string()).put(put("k")).await.unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "a stranger");
    let files = authority.files("127.0.0.1");
    let part = |addr: SocketAddr| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["--exact", "tls::a_bigtable_over_tls_trusts_only_its_authority"])
            .env("SSL_CERT_FILE", files.path().join("root.pem"))
            .env_remove("SSL_CERT_DIR")
            .env(SERVER, addr.to_string());
        tokio::task::spawn_blocking(move || command.output().unwrap())
    };
    let trusting = part(addr).await.unwrap();
    assert!(trusting.status.success(), "{trusting:?}");
    assert_eq!(crate::at(emulator.addr).get(get("over-tls")).await.unwrap().bytes, "v");
    // A server of the right name that agrees on nothing is none of gRPC's.
    let (addr, _tasks) = before(emulator.addr, &authority, &["http/1.1"]).await;
    assert!(!part(addr).await.unwrap().status.success());
}

/// Which authorities the system has is read from the environment of a process, so this runs in one of its own.
async fn under_this_authority(addr: &str) {
    let table = over_tls(addr);
    table.warm_up().await.unwrap();
    table.put(put("over-tls")).await.unwrap();
    assert_eq!(table.get(get("over-tls")).await.unwrap().bytes, "v");
    // The right authority and another's name.
    let error = over_tls(&addr.replace("127.0.0.1", "localhost"))
        .put(put("k"))
        .await
        .unwrap_err();
    is(&error, Verdict::Unreachable, Sent::No, "another's name");
}
