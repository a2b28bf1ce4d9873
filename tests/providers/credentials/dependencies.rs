//! Whom a client contacts: what each adapter knows, and a check over real sockets that finds what was not declared.

use crate::{
    issuer::{Issuer, quick},
    redis_server,
    store::{self, Keys},
    web::{Web, dynamo, http},
};
use aws_credential_types::provider::future;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_s3::config::{Credentials, ProvideCredentials};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns};
use azure_core::http::{Transport, Url};
use azure_storage_blob::BlobContainerClientOptions;
use evenkeel::{
    Endpoint, KvClient, ObjectClient, Replication,
    client::{Dependencies, Known},
    credentials::Keeper,
    endpoint::{Host, Role},
    provider::{
        AzureBlob, DynamoDb, KvProvider, Memory, MemoryTable, ObjectProvider, Redis, S3, azure_blob::Credential,
        s3::preset,
    },
    telemetry::Event,
};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

/// Every name that was looked up. All of them lead to this host.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl Names {
    fn hear(&self, name: &str) {
        self.0.lock().unwrap().push(name.to_owned());
    }

    fn heard(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// Those that the list does not have.
    fn undeclared(&self, dependencies: &Dependencies) -> Vec<String> {
        let mut heard = self.heard();
        heard.retain(|name| !dependencies.allows(name));
        heard
    }

    fn aws(&self) -> aws_sdk_s3::config::SharedHttpClient {
        aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .build_with_resolver(self.clone())
    }
}

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        self.hear(name);
        DnsFuture::ready(Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]))
    }
}

impl reqwest::dns::Resolve for Names {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        self.hear(name.as_str());
        // Port 0: the URL's.
        let here: reqwest::dns::Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(std::future::ready(Ok(here)))
    }
}

fn hosts(store: &impl ObjectProvider) -> Vec<String> {
    store.hosts().unwrap().iter().map(ToString::to_string).collect()
}

#[test]
fn each_adapter_knows_its_hosts_without_a_runtime() {
    let s3 = |config: aws_sdk_s3::config::Builder, bucket: &str| {
        S3::new(aws_sdk_s3::Client::from_conf(config.build()), bucket.to_owned())
    };
    let aws = || preset::aws("eu-west-1");
    assert_eq!(hosts(&s3(aws(), "orders")), ["orders.s3.eu-west-1.amazonaws.com:443"]);
    assert_eq!(
        hosts(&s3(aws().force_path_style(true), "orders")),
        ["s3.eu-west-1.amazonaws.com:443"]
    );
    assert_eq!(
        hosts(&s3(aws().use_dual_stack(true), "orders")),
        ["orders.s3.dualstack.eu-west-1.amazonaws.com:443"]
    );
    let point = "arn:aws:s3:eu-west-1:123456789012:accesspoint/point";
    assert_eq!(
        hosts(&s3(aws(), point)),
        ["point-123456789012.s3-accesspoint.eu-west-1.amazonaws.com:443"]
    );
    assert_eq!(
        hosts(&s3(store::config("http://127.0.0.1:9000"), "orders")),
        ["127.0.0.1:9000"]
    );
    assert_eq!(
        hosts(&s3(preset::stackit("eu01"), "orders")),
        ["object.storage.eu01.onstackit.cloud:443"]
    );
    // An SDK that cannot tell where to send a request sends none.
    let nowhere = aws_sdk_s3::Config::builder().behavior_version(BehaviorVersion::latest());
    assert_eq!(s3(nowhere, "orders").hosts(), None);

    let table = |url: Option<&str>| {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"));
        config.set_endpoint_url(url.map(Into::into));
        let table = DynamoDb::new(aws_sdk_dynamodb::Client::from_conf(config.build()), "orders");
        table
            .hosts()
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        table(None),
        [
            "dynamodb.eu-west-1.amazonaws.com:443",
            "*.ddb.eu-west-1.amazonaws.com:443"
        ]
    );
    assert_eq!(table(Some("http://localhost:4567")), ["localhost:4567"]);

    let url = Url::parse("https://shop.blob.core.windows.net/orders?sig=s3cret").unwrap();
    let blob = AzureBlob::new(url, Credential::InTheUrl).unwrap();
    assert_eq!(hosts(&blob), ["shop.blob.core.windows.net:443"]);
    let redis = |url: &str| Redis::new(redis::Client::open(url).unwrap()).hosts().unwrap();
    assert_eq!(
        redis("rediss://:s3cret@keys.example:6390"),
        [Host::from("keys.example:6390")]
    );
    assert_eq!(redis("unix:///run/redis.sock"), []);
    assert_eq!(
        (Memory::new().hosts(), MemoryTable::new().hosts()),
        (Some(vec![]), Some(vec![]))
    );
}

/// The same credentials, which are given by a server of that name.
#[derive(Debug)]
struct From {
    name: &'static str,
    names: Names,
    inner: crate::issuer::Provider,
}

impl ProvideCredentials for From {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.names.hear(self.name);
        self.inner.provide_credentials()
    }
}

#[tokio::test]
async fn no_undeclared_host_is_contacted() {
    let names = Names::default();
    let issuer = Issuer::start(Duration::from_secs(3600)).await;
    let keeper = |host: &'static str| {
        let from = From {
            name: host,
            names: names.clone(),
            inner: issuer.provider(),
        };
        Keeper::aws_with_settings("role", quick(), from)
    };
    let declared = keeper("sts.drill.test").asks("sts.drill.test");

    // Objects at S3 and Azure, values at DynamoDB and Redis, each through its own SDK to a real socket.
    let server = store::start(Keys::issued()).await;
    let azure = Web::start(|_| Some(http("201 Created", &["etag: \"1\"", "x-ms-request-id: 1"], ""))).await;
    let items = Web::start(|_| Some(dynamo("200 OK", "{}"))).await;
    let s3 = |keeper: &Keeper<Credentials>| {
        let config = store::config(&format!("http://s3.drill.test:{}", server.addr.port())).http_client(names.aws());
        S3::new(aws_sdk_s3::Client::from_conf(keeper.s3(config).build()), "orders")
    };
    let blob = {
        let client = reqwest::Client::builder().dns_resolver(names.clone()).build().unwrap();
        let mut options = BlobContainerClientOptions::default();
        options.client_options.transport = Some(Transport::new(Arc::new(client)));
        let url = Url::parse(&format!("http://shop.blob.drill.test:{}/orders", azure.addr.port())).unwrap();
        AzureBlob::trusting_transport(url, Credential::InTheUrl, options).unwrap()
    };
    let table = {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .endpoint_url(format!("http://dynamodb.drill.test:{}", items.addr.port()))
            .http_client(names.aws());
        DynamoDb::new(
            aws_sdk_dynamodb::Client::from_conf(declared.dynamodb(config).build()),
            "orders",
        )
    };
    let objects = |keeper: &Keeper<Credentials>, blob: AzureBlob| {
        ObjectClient::builder()
            .endpoint(Endpoint::new("s3", s3(keeper)).provider("aws").credentials(keeper))
            .endpoint(Endpoint::new("azure", blob).provider("azure"))
            .replication(Replication::write_once())
            .build()
            .unwrap()
    };
    let keys = KvClient::builder()
        .endpoint(Endpoint::new("dynamodb", table).provider("aws").credentials(&declared))
        .build()
        .unwrap();

    let orders = objects(&declared, blob.clone());
    round(&orders, &blob).await;
    let _ = orders.warm_up().await;
    drop(keys.get("k").await);
    let mut all = names.heard();
    all.sort();
    all.dedup();
    assert_eq!(
        all,
        [
            "dynamodb.drill.test",
            "s3.drill.test",
            "shop.blob.drill.test",
            "sts.drill.test"
        ],
        "the check hears of everything"
    );
    let (of_objects, of_keys) = (orders.dependencies(), keys.dependencies());
    let unknown_to_both: Vec<_> = names
        .undeclared(&of_objects)
        .into_iter()
        .filter(|name| !of_keys.allows(name))
        .collect();
    assert!(
        unknown_to_both.is_empty(),
        "{unknown_to_both:?} is not in\n{of_objects}{of_keys}"
    );
    assert_eq!((of_objects.unknown().count(), of_keys.unknown().count()), (0, 0));

    // The same check finds a token service that nobody has declared.
    let hidden = keeper("sts.hidden.test");
    let orders = objects(&hidden, blob.clone());
    round(&orders, &blob).await;
    let undeclared = names.undeclared(&orders.dependencies());
    assert!(undeclared.contains(&"sts.hidden.test".to_owned()), "{undeclared:?}");
    assert!(!undeclared.contains(&"s3.drill.test".to_owned()), "{undeclared:?}");
}

/// Both endpoints are asked: the first takes the put, the second is asked beside it.
async fn round(orders: &ObjectClient, second: &AzureBlob) {
    orders.put("k", "x").await.ok();
    orders.head("k").await.ok();
    second.warm_up().await.ok();
}

#[tokio::test]
async fn redis_connects_to_its_declared_hosts() {
    if !redis_server::is_installed() {
        return;
    }
    let server = redis_server::Server::start(&[]);
    let client = redis::Client::open(format!("redis://{}", server.addr)).unwrap();
    let keys = KvClient::builder()
        .endpoint(Endpoint::new("redis", Redis::new(client)))
        .build()
        .unwrap();
    keys.put("k", "x").await.unwrap();
    let dependencies = keys.dependencies();
    assert!(dependencies.allows(&server.addr.to_string()));
    assert!(!dependencies.allows(&format!("127.0.0.1:{}", server.addr.port().wrapping_add(1))));
}

#[test]
fn shared_dependencies_are_reported_at_build() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = heard.clone();
    let login = Keeper::new("login", || async {
        Ok::<_, std::io::Error>(evenkeel::credentials::Lease::without_end("token"))
    })
    .asks("login.example.com");
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("aws", Memory::new()).provider("aws").credentials(&login))
        .endpoint(
            Endpoint::new("stackit", Memory::new())
                .provider("stackit")
                .depends_on("LOGIN.example.com:443", Role::Credentials)
                .depends_on("kms.stackit.example", Role::Keys),
        )
        .endpoint(
            Endpoint::new("eu", Memory::new())
                .provider("aws")
                .depends_on("one.example", Role::Data),
        )
        .endpoint(
            Endpoint::new("us", Memory::new())
                .provider("aws")
                .depends_on("one.example", Role::Data),
        )
        .replication(Replication::write_once())
        .on_event(move |event| listener.lock().unwrap().push(event.clone()))
        .build()
        .unwrap();
    let told = heard.lock().unwrap().clone();
    assert_eq!(
        told,
        [Event::SharedDependency {
            host: "login.example.com".into(),
            endpoints: vec!["aws".into(), "stackit".into()],
        }],
        "not what one provider's regions share"
    );
    let dependencies = client.dependencies();
    let known: Vec<_> = dependencies.iter().map(|one| (one.role, one.known)).collect();
    assert_eq!(
        known[..2],
        [(Role::Credentials, Known::Keeper), (Role::Credentials, Known::Declared)]
    );
    let shown = dependencies.to_string();
    assert!(
        shown.ends_with("shared by providers: login.example.com: aws (credentials), stackit (credentials)\n"),
        "{shown}"
    );
}
