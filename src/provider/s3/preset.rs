//! Configurations to start from: what differs between S3-compatible providers, as far as it is known.
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
//! | [`generic`] | yours | yours | yours | – | s3s-fs 0.14 in-process (path style, both checksum modes), moto 5.2 on loopback |
//!
//! "Create" is what the provider's documents, or public reports of bugs, say of `If-None-Match: *` on a put and of its kin, as
//! far as we know them. **Only Amazon's word is taken without asking.** Elsewhere, where documents are silent or ahead of the
//! store, a create overwrites and is answered 200: a client asks the store itself,
//! [in the background](crate::ObjectClient::verify) if nobody does before. The two that are known to lack it get no create and no
//! If-Match from the start, whether the client was made from the preset or not: their hosts are known.
//! [`S3::without_conditional_put`](super::S3::without_conditional_put) says the same of any other,
//! [`S3::trusting_conditions`](super::S3::trusting_conditions) the contrary. "When required" is right for every store: the SDK
//! adds checksums otherwise, which older ones refuse.
//!
//! # Marks
//! By which headers a store's own answers are told from those of a gateway before it, where there is no body (to a HEAD, to
//! a delete); see [`S3::with_marks`](super::S3::with_marks). Where an answer has none, one request more asks for a body.
//!
//! | store | marks | by whose word |
//! |---|---|---|
//! | AWS, OVHcloud, Scaleway, Huawei | `x-amz-request-id`, `x-amz-id-2`: [`MARKS`], the default | their documents |
//! | MinIO, Ceph, and so Hetzner, Exoscale, IONOS, STACKIT as far as they are built on it | the same | their sources and documents |
//! | Alibaba OSS | `x-oss-request-id`: [`ALIBABA_OSS_MARKS`] | its documents |
//! | Google's XML interface | `x-guploader-uploadid`: [`GOOGLE_XML_MARKS`] | its documents |
//! | Cloudflare R2 | none: `cf-ray` is on everything that Cloudflare's front says, too | public reports show no request id |
//! | Garage | none that we know of | – |
//! | moto 5.2 | `x-amzn-requestid`, which is none: each *not found* and delete is confirmed | seen here |
//! | s3s-fs 0.14 | none, unless a layer adds them | seen here |
//!
//! Each gives a [`Builder`]: add credentials, and whatever else you need, and build. **Without credentials requests go
//! unsigned**, and most stores answer that access was denied.
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

/// What Amazon S3 puts on everything it says, and most of those that speak its protocol.
pub const MARKS: [&str; 2] = ["x-amz-request-id", "x-amz-id-2"];

/// What Alibaba Cloud OSS puts on everything it says.
pub const ALIBABA_OSS_MARKS: [&str; 2] = ["x-oss-request-id", "x-amz-request-id"];

/// What Google Cloud Storage puts on everything it says.
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

/// STACKIT Object Storage in this region (`eu01`). Whether it honours conditions on puts is not documented: a client asks it.
pub fn stackit(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://object.storage.{region}.onstackit.cloud"), region)
}

/// Alibaba Cloud OSS in this region (`eu-central-1`), through its S3-compatible interface. It was reported to answer 501 to
/// `If-None-Match` and `If-Match` on puts, so that creates are refused here. Its own create-only is a header of another name:
/// [`S3::with_create_header`](super::S3::with_create_header)`("x-oss-forbid-overwrite")`, which a client then asks about. Its marks are
/// [`ALIBABA_OSS_MARKS`].
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

/// IONOS Object Storage in this region (`eu-central-3`). Its older endpoints have names of another form: see
/// [`generic`].
pub fn ionos(region: impl Into<String>) -> Builder {
    let region = region.into();
    classic(format!("https://s3.{region}.ionoscloud.com"), region)
}

/// Cloudflare R2 of this account (its id). A bucket with a jurisdiction is at `{account}.eu.r2.cloudflarestorage.com`: give
/// `account.eu`.
pub fn cloudflare_r2(account: impl AsRef<str>) -> Builder {
    let account = account.as_ref();
    classic(format!("https://{account}.r2.cloudflarestorage.com"), "auto")
}

/// Google Cloud Storage through its XML interface, with HMAC keys. Its create is a header (`x-goog-if-generation-match`)
/// that cannot be mixed with this protocol's, and it was reported to ignore `If-None-Match` on a put and to answer 200: creates
/// and conditional writes are refused here. The provider `Gcs` has them. Its marks are [`GOOGLE_XML_MARKS`].
pub fn google_xml() -> Builder {
    classic("https://storage.googleapis.com", "auto")
}

/// A MinIO server at this URL. It was reported to ignore If-Match on deletes.
pub fn minio(url: impl Into<String>) -> Builder {
    classic(url, "us-east-1")
}

/// A Ceph object gateway at this URL. What is signed as region is the name of the zone group, often `default`. It was reported
/// to read a tag in If-Match only without its quotes (also at providers that run it): a client finds out, and sends it so.
pub fn ceph(url: impl Into<String>, zone_group: impl Into<String>) -> Builder {
    classic(url, zone_group)
}

/// A Garage cluster at this URL. What is signed as region is its `s3_region`, by default `garage`.
pub fn garage(url: impl Into<String>, region: impl Into<String>) -> Builder {
    classic(url, region)
}

/// What all of them understand.
fn classic(url: impl Into<String>, region: impl Into<String>) -> Builder {
    generic(url, region, Addressing::Path, RequestChecksumCalculation::WhenRequired)
}

/// Any other S3-compatible endpoint. Stores that know only the classic protocol want
/// [`WhenRequired`](RequestChecksumCalculation::WhenRequired): they refuse the checksums that the SDK adds otherwise.
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
    async fn where_each_goes() {
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
