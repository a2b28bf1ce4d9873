use crate::provider::{Capabilities, Capability};

/// What is known of the provider at this host, without asking the provider.
///
/// - Amazon's own: creates, If-Match on puts (2024) and on deletes (2025) are documented and hold. S3 on Outposts and
///   Object Lambda have their own rules.
/// - Google's XML interface: its conditions on a write are headers of another name. `If-None-Match` and `If-Match` are
///   documented for reads alone. Reports say that a put with them is answered 200 and overwrites.
/// - Alibaba's S3-compatible interface: reports say that a put with them is answered 501.
pub(super) fn of(host: &str) -> Capabilities {
    let within = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let other = |label: &str| host.split('.').any(|part| part == label);
    let amazon = within("amazonaws.com") || within("amazonaws.com.cn");
    let capability = if amazon && !other("s3-outposts") && !other("s3-object-lambda") {
        Capability::Kept
    } else if within("storage.googleapis.com") || within("aliyuncs.com") {
        Capability::Lacking
    } else {
        Capability::Unknown
    };
    Capabilities::all(capability)
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
