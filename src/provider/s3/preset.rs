//! Configurations to start from: what differs between S3-compatible providers, as far as it is known.
//!
//! | preset | endpoint | addressing | checksums | tried against a real server |
//! |---|---|---|---|---|
//! | [`aws`] | the SDK's own | the SDK's own | the SDK's own | not tried |
//! | [`stackit`] | `https://object.storage.{region}.onstackit.cloud` | path style | when required | not tried |
//! | [`alibaba_oss`] | `https://s3.oss-{region}.aliyuncs.com` | virtual-hosted only | when required | not tried |
//! | [`generic`] | yours | yours | yours | s3s-fs 0.14 in-process (path style, both checksum modes), moto 5.2 on loopback |
//!
//! Each gives a [`Builder`]: add credentials, and whatever else you need, and build.
//!
//! ```
//! use aws_sdk_s3::config::RequestChecksumCalculation;
//! use evenkeel::provider::s3::preset::{self, Addressing};
//!
//! let config = preset::generic(
//!     "http://127.0.0.1:9000",
//!     "us-east-1",
//!     Addressing::Path,
//!     RequestChecksumCalculation::WhenSupported,
//! );
//! let client = aws_sdk_s3::Client::from_conf(config.build());
//! ```

use aws_sdk_s3::config::{BehaviorVersion, Builder, Region, RequestChecksumCalculation, ResponseChecksumValidation};

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

/// STACKIT Object Storage in this region (`eu01`). Whether it honours conditions on puts is not documented: find out before
/// relying on creates, or use [`S3::without_conditional_put`](super::S3::without_conditional_put).
pub fn stackit(region: impl Into<String>) -> Builder {
    let region = region.into();
    let url = format!("https://object.storage.{region}.onstackit.cloud");
    generic(url, region, Addressing::Path, RequestChecksumCalculation::WhenRequired)
}

/// Alibaba Cloud OSS in this region (`eu-central-1`), through its S3-compatible interface. Its own create-only is a header
/// of another name and `If-None-Match` on puts is not documented: use
/// [`S3::without_conditional_put`](super::S3::without_conditional_put), or
/// [`S3::with_create_header`](super::S3::with_create_header)`("x-oss-forbid-overwrite")` once you have seen it refuse a second
/// create on your bucket.
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
