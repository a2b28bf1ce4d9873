//! Configurations to start from: the known differences between S3-compatible providers.
//!
//! | preset | endpoint | addressing | checksums | create | tried against a real server |
//! |---|---|---|---|---|---|
//! | [`aws`] | the SDK's own | the SDK's own | the SDK's own | documented, trusted | not tried |
//! | [`stackit`] | `https://object.storage.{region}.onstackit.cloud` | path style | when required | no statement | not tried |
//! | [`alibaba_oss`] | `https://s3.oss-{region}.aliyuncs.com` | virtual-hosted only | when required | a header of its own; refused here | not tried |
//! | [`scaleway`] | `https://s3.{region}.scw.cloud` | path style | when required | documented (May 2026) | not tried |
//! | [`ovhcloud`] | `https://s3.{region}.io.cloud.ovh.net` | path style | when required | documented, deletes too (June 2026) | not tried |
//! | [`hetzner`] | `https://{location}.your-objectstorage.com` | path style | when required | no statement | not tried |
//! | [`exoscale`] | `https://sos-{zone}.exo.io` | path style | when required | no statement | not tried |
//! | [`ionos`] | `https://s3.{region}.ionoscloud.com` | path style | when required | no statement | not tried |
//! | [`cloudflare_r2`] | `https://{account}.r2.cloudflarestorage.com` | path style | when required | documented | not tried |
//! | [`google_xml`] | `https://storage.googleapis.com` | path style | when required | ignored; refused here | not tried |
//! | [`minio`] | yours | path style | when required | documented; ignores If-Match on deletes | not tried |
//! | [`ceph`] | yours | path style | when required | depends on the release; If-Match without quotes | not tried |
//! | [`garage`] | yours | path style | when required | no statement | not tried |
//! | [`generic`] | yours | yours | yours | – | moto 5.2 and a server of our own, on loopback (path style, both checksum modes) |
//!
//! "Create" is what the provider's documents or public reports of bugs say of `If-None-Match: *` on a put and of
//! similar conditions, as far as we know them. **evenkeel takes only Amazon's word without asking.** Where another
//! provider's documents are silent or ahead of the store, a create may overwrite and be answered 200. A client
//! therefore asks the store itself, [in the background](crate::ObjectClient::verify) if nobody does before.
//!
//! Two stores are known to lack create and If-Match: they get neither from the start. Their hosts are known, so that a
//! client that was made without the preset is covered, too.
//! [`S3::without_conditional_put`](super::S3::without_conditional_put) declares the same of any other store,
//! [`S3::trusting_conditions`](super::S3::trusting_conditions) the contrary.
//!
//! "When required" is right for every store. Otherwise the SDK adds checksums, which older stores refuse.
//!
//! # Marks
//! A mark is a header that tells a store's own answer from the answer of a gateway before the store. Marks matter where
//! an answer has no body (to a HEAD, to a delete); see [`S3::with_marks`](super::S3::with_marks). Where an answer has
//! no mark, one request more asks for a body.
//!
//! | store | marks | source |
//! |---|---|---|
//! | AWS, OVHcloud, Scaleway, Huawei | `x-amz-request-id`, `x-amz-id-2`: [`MARKS`], the default | their documents |
//! | MinIO, Ceph, and so Hetzner, Exoscale, IONOS, STACKIT as far as they are built on it | the same | their sources and documents |
//! | Alibaba OSS | `x-oss-request-id`: [`ALIBABA_OSS_MARKS`] | its documents |
//! | Google's XML interface | `x-guploader-uploadid`: [`GOOGLE_XML_MARKS`] | its documents |
//! | Cloudflare R2 | none: Cloudflare's front puts `cf-ray` on everything, too | public reports show no request id |
//! | Garage | none that we know of | – |
//! | moto 5.2 | `x-amzn-requestid`, which is no mark: each *not found* and delete is confirmed | seen here |
//!
//! Each preset gives a [`Builder`]: add credentials and whatever else you need, and build. **Without credentials
//! requests go unsigned**, and most stores answer that access was denied.
//!
//! ```
//! use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation};
//! use evenkeel::provider::s3::preset::{self, Addressing};
//!
//! let config = preset::generic(
//!     "http://127.0.0.1:9000",
//!     "us-east-1",
//!     Addressing::Path,
//!     RequestChecksumCalculation::WhenSupported,
//! )
//! .credentials_provider(Credentials::new("id", "secret", None, None, "static"));
//! let client = aws_sdk_s3::Client::from_conf(config.build());
//! ```

use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation};

/// The headers that Amazon S3, and most stores that speak its protocol, put on all their answers.
pub const MARKS: [&str; 2] = ["x-amz-request-id", "x-amz-id-2"];

/// The headers that Alibaba Cloud OSS puts on all its answers.
pub const ALIBABA_OSS_MARKS: [&str; 2] = ["x-oss-request-id", "x-amz-request-id"];

/// The header that Google Cloud Storage puts on all its answers.
pub const GOOGLE_XML_MARKS: [&str; 1] = ["x-guploader-uploadid"];

/// Where the bucket's name stands in a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressing {
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`.
    VirtualHosted,
}

/// Amazon S3 in this region (`eu-central-1`). Honours `If-None-Match` and `If-Match` on puts.
pub fn aws(region: impl Into<String>) -> Builder {
    Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.into()))
}

/// STACKIT Object Storage in this region (`eu01`). Its documents do not say whether it honours conditions on puts: a
/// client asks the store.
pub fn stackit(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://object.storage.{region}.onstackit.cloud"), region)
}

/// Alibaba Cloud OSS in this region (`eu-central-1`), through its S3-compatible interface. Reports say that the
/// interface answers 501 to `If-None-Match` and `If-Match` on puts, so the adapter refuses creates here. OSS has a
/// header of its own for creates: set
/// [`S3::with_create_header`](super::S3::with_create_header)`("x-oss-forbid-overwrite")`, and a client asks whether the
/// store honours it. The marks are [`ALIBABA_OSS_MARKS`].
pub fn alibaba_oss(region: impl Into<String>) -> Builder {
    let region = region.into();
    let url = format!("https://s3.oss-{region}.aliyuncs.com");
    generic(
        url,
        region,
        Addressing::VirtualHosted,
        RequestChecksumCalculation::WhenRequired,
    )
}

/// Scaleway Object Storage in this region (`fr-par`, `nl-ams`, `pl-waw`).
pub fn scaleway(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://s3.{region}.scw.cloud"), region)
}

/// OVHcloud Object Storage in this region, in lower case (`gra`, `de`, `eu-west-par`).
pub fn ovhcloud(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://s3.{region}.io.cloud.ovh.net"), region)
}

/// Hetzner Object Storage at this location (`fsn1`, `nbg1`, `hel1`).
pub fn hetzner(location: impl Into<String>) -> Builder {
    let location = location.into();
    classic(format!("https://{location}.your-objectstorage.com"), location)
}

/// Exoscale's SOS in this zone (`ch-gva-2`, `de-fra-1`, `at-vie-1`).
pub fn exoscale(zone: impl Into<String>) -> Builder {
    let zone = zone.into();
    classic(format!("https://sos-{zone}.exo.io"), zone)
}

/// IONOS Object Storage in this region (`eu-central-3`). Its older endpoints have names of another form: use
/// [`generic`] for them.
pub fn ionos(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://s3.{region}.ionoscloud.com"), region)
}

/// Cloudflare R2 of this account (the account's id). A bucket with a jurisdiction is at
/// `{account}.eu.r2.cloudflarestorage.com`: pass `account.eu`.
pub fn cloudflare_r2(account: impl AsRef<str>) -> Builder {
    let account = account.as_ref();
    classic(format!("https://{account}.r2.cloudflarestorage.com"), "auto")
}

/// Google Cloud Storage through its XML interface, with HMAC keys. This interface has a create header
/// (`x-goog-if-generation-match`) that cannot be mixed with the S3 protocol's headers. Reports say that the interface
/// ignores `If-None-Match` on a put and answers 200. The adapter therefore refuses creates and conditional writes here.
/// The provider `Gcs` has them. The marks are [`GOOGLE_XML_MARKS`].
pub fn google_xml() -> Builder {
    classic("https://storage.googleapis.com", "auto")
}

/// A MinIO server at this URL. Reports say that MinIO ignores If-Match on deletes.
pub fn minio(url: impl Into<String>) -> Builder {
    classic(url, "us-east-1")
}

/// A Ceph object gateway at this URL. Requests are signed with the name of the zone group as region, often `default`.
/// Reports say that Ceph reads a tag in If-Match only without its quotes (also at providers that run Ceph). A client
/// finds out, and sends the tag without quotes.
pub fn ceph(url: impl Into<String>, zone_group: impl Into<String>) -> Builder {
    classic(url, zone_group)
}

/// A Garage cluster at this URL. Requests are signed with the cluster's `s3_region` as region, by default `garage`.
pub fn garage(url: impl Into<String>, region: impl Into<String>) -> Builder {
    classic(url, region)
}

/// The settings that all these stores understand.
fn classic(url: impl Into<String>, region: impl Into<String>) -> Builder {
    generic(url, region, Addressing::Path, RequestChecksumCalculation::WhenRequired)
}

/// Any other S3-compatible endpoint. Stores that know only the classic protocol need
/// [`WhenRequired`](RequestChecksumCalculation::WhenRequired): they refuse the checksums that the SDK otherwise adds.
pub fn generic(
    url: impl Into<String>,
    region: impl Into<String>,
    addressing: Addressing,
    checksums: RequestChecksumCalculation,
) -> Builder {
    let validation = match &checksums {
        RequestChecksumCalculation::WhenRequired => ResponseChecksumValidation::WhenRequired,
        _ => ResponseChecksumValidation::WhenSupported,
    };
    aws(region)
        .endpoint_url(url)
        .force_path_style(addressing == Addressing::Path)
        .request_checksum_calculation(checksums)
        .response_checksum_validation(validation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::{Client, config::Credentials, presigning::PresigningConfig};
    use std::time::Duration;

    /// Where a request would go, and what it would be signed for.
    async fn addressed(preset: Builder) -> (String, String) {
        let client = Client::from_conf(
            preset
                .credentials_provider(Credentials::new("id", "s", None, None, "test"))
                .build(),
        );
        let region = client.config().region().unwrap().to_string();
        let hour = PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap();
        let signed = client
            .get_object()
            .bucket("orders")
            .key("k")
            .presigned(hour)
            .await
            .unwrap();
        let url = signed.uri().split('?').next().unwrap().to_owned();
        (url, region)
    }

    #[tokio::test]
    async fn each_preset_has_its_url_and_region() {
        for (preset, url, region) in [
            (
                stackit("eu01"),
                "https://object.storage.eu01.onstackit.cloud/orders/k",
                "eu01",
            ),
            (
                alibaba_oss("eu-central-1"),
                "https://orders.s3.oss-eu-central-1.aliyuncs.com/k",
                "eu-central-1",
            ),
            (scaleway("fr-par"), "https://s3.fr-par.scw.cloud/orders/k", "fr-par"),
            (ovhcloud("gra"), "https://s3.gra.io.cloud.ovh.net/orders/k", "gra"),
            (hetzner("fsn1"), "https://fsn1.your-objectstorage.com/orders/k", "fsn1"),
            (exoscale("ch-gva-2"), "https://sos-ch-gva-2.exo.io/orders/k", "ch-gva-2"),
            (
                ionos("eu-central-3"),
                "https://s3.eu-central-3.ionoscloud.com/orders/k",
                "eu-central-3",
            ),
            (
                cloudflare_r2("4711"),
                "https://4711.r2.cloudflarestorage.com/orders/k",
                "auto",
            ),
            (google_xml(), "https://storage.googleapis.com/orders/k", "auto"),
            (
                minio("http://10.0.0.1:9000"),
                "http://10.0.0.1:9000/orders/k",
                "us-east-1",
            ),
            (
                ceph("https://rgw.example.test", "default"),
                "https://rgw.example.test/orders/k",
                "default",
            ),
            (
                garage("http://10.0.0.1:3900", "garage"),
                "http://10.0.0.1:3900/orders/k",
                "garage",
            ),
        ] {
            assert_eq!(addressed(preset).await, (url.to_owned(), region.to_owned()));
        }
    }
}
