use crate::provider::{Capabilities, Capability};

/// What is known of the provider at this host, without asking the provider.
///
/// - Amazon's own: creates, If-Match on puts and on completed uploads (2024), and on deletes and copies (2025) are
///   documented and hold. S3 on Outposts and
///   Object Lambda have their own rules.
/// - Google's XML interface: its conditions on a write are headers of another name. `If-None-Match` and `If-Match` are
///   documented for reads alone. Reports say that a put with them is answered 200 and overwrites.
/// - Alibaba's S3-compatible interface: reports say that a put with them is answered 501.
pub(super) fn of(host: &str) -> Capabilities {
    let capability = if is_amazons_own(host) {
        Capability::Kept
    } else if within(host, "storage.googleapis.com") || within(host, "aliyuncs.com") {
        Capability::Lacking
    } else {
        Capability::Unknown
    };
    Capabilities::all(capability)
}

/// Whether this is Amazon S3 itself.
pub(super) fn is_amazons_own(host: &str) -> bool {
    let other = |label: &str| host.split('.').any(|part| part == label);
    let amazon = within(host, "amazonaws.com") || within(host, "amazonaws.com.cn");
    amazon && !other("s3-outposts") && !other("s3-object-lambda")
}

fn within(host: &str, domain: &str) -> bool {
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_name_their_providers() {
        for (host, expected) in [
            ("s3.eu-central-1.amazonaws.com", Capability::Kept),
            ("orders.s3.dualstack.eu-central-1.amazonaws.com", Capability::Kept),
            ("orders.s3.cn-north-1.amazonaws.com.cn", Capability::Kept),
            (
                "orders-4711.op-1.s3-outposts.eu-central-1.amazonaws.com",
                Capability::Unknown,
            ),
            ("s3.amazonaws.com.evil.example", Capability::Unknown),
            ("notamazonaws.com", Capability::Unknown),
            ("storage.googleapis.com", Capability::Lacking),
            ("orders.s3.oss-eu-central-1.aliyuncs.com", Capability::Lacking),
            ("object.storage.eu01.onstackit.cloud", Capability::Unknown),
            ("127.0.0.1", Capability::Unknown),
            ("", Capability::Unknown),
        ] {
            assert_eq!(of(host), Capabilities::all(expected), "{host}");
        }
    }
}
