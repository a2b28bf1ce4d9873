//! Under which name the page is asked, and from where: pure functions of the headers.
//!
//! A page of somebody else can make a browser send requests here. With a name of its own that resolves to this host
//! (DNS rebinding), it is even of the same origin. Neither page knows the token; this is the second wall.

use http::{HeaderMap, Uri, header};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is wrong with `Host` or `Origin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// There is no single `Host`, or nobody has named this one.
    Host,
    /// The page that asks is not this one.
    Origin,
}

/// `named`: the names under which the page is known, in lower case, with or without a port.
pub(super) fn check(headers: &HeaderMap, uri: &Uri, named: &[Box<str>]) -> Result<(), Foreign> {
    let host = host(headers, uri).ok_or(Foreign::Host)?;
    if !is_known(&host, named) {
        return Err(Foreign::Host);
    }
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let origin = match (origins.next(), origins.next()) {
        (None, _) => return Ok(()), // no browser
        (Some(origin), None) => origin.to_str().map(str::to_ascii_lowercase),
        _ => return Err(Foreign::Origin),
    };
    let origin = origin.unwrap_or_default();
    let of = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    if of == Some(&host) {
        Ok(())
    } else {
        Err(Foreign::Origin)
    }
}

/// The host of the request. HTTP/2 has it in the address.
fn host(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let mut all = headers.get_all(header::HOST).iter();
    let written = match (all.next(), all.next()) {
        (Some(host), None) => Some(host.to_str().ok()?.to_ascii_lowercase()),
        (None, _) => None,
        _ => return None,
    };
    let asked = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    match (written, asked) {
        (Some(written), Some(asked)) => (written == asked).then_some(written),
        (written, asked) => written.or(asked),
    }
}

/// No DNS can be rebound to an address, and browsers resolve `localhost` themselves.
fn is_known(host: &str, named: &[Box<str>]) -> bool {
    let name = without_port(host);
    let bracketed = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let is_address = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => name.parse::<Ipv4Addr>().is_ok(),
    };
    is_address || name == "localhost" || named.iter().any(|known| **known == *host || **known == *name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(all: &[(&'static str, &str)], named: &[&str]) -> Result<(), Foreign> {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        let named: Vec<Box<str>> = named.iter().map(|&name| name.into()).collect();
        check(&headers, &Uri::from_static("/orders"), &named)
    }

    #[test]
    fn only_addresses_localhost_and_named_hosts_are_known() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "10.1.2.3",
            "[::1]",
            "[::1]:80",
            "localhost:9",
            "LOCALHOST",
        ] {
            assert_eq!(asked(&[("host", host)], &[]), Ok(()), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "::1",
            "[127.0.0.1]",
            "127.1",
            "[::1",
            "a@127.0.0.1",
            "127.0.0.1:",
            "127.0.0.1:80:80",
            "localhost:x",
        ] {
            assert_eq!(asked(&[("host", host)], &[]), Err(Foreign::Host), "{host}");
        }
        let named = ["status.example", "other.example:8443"];
        for host in ["status.example", "Status.Example:9000", "other.example:8443"] {
            assert_eq!(asked(&[("host", host)], &named), Ok(()), "{host}");
        }
        for host in [
            "other.example",
            "other.example:1",
            "x.status.example",
            "status.example.",
            "status.example:x",
        ] {
            assert_eq!(asked(&[("host", host)], &named), Err(Foreign::Host), "{host}");
        }
        assert_eq!(asked(&[], &named), Err(Foreign::Host));
        let two = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(asked(&two, &[]), Err(Foreign::Host));
    }

    #[test]
    fn the_origin_is_absent_or_that_of_the_host() {
        let from = |origin| asked(&[("host", "Localhost:80"), ("origin", origin)], &[]);
        for origin in ["http://localhost:80", "https://localhost:80", "HTTP://LOCALHOST:80"] {
            assert_eq!(from(origin), Ok(()), "{origin}");
        }
        for origin in [
            "",
            "null",
            "http://localhost",
            "http://localhost:81",
            "http://evil.example",
            "localhost:80",
            "http://localhost:80.evil.example",
            "http://localhost:80/",
            "file://localhost:80",
        ] {
            assert_eq!(from(origin), Err(Foreign::Origin), "{origin}");
        }
        let two = [
            ("host", "localhost"),
            ("origin", "http://localhost"),
            ("origin", "http://localhost"),
        ];
        assert_eq!(asked(&two, &[]), Err(Foreign::Origin));
    }

    #[test]
    fn http_2_has_the_host_in_its_address() {
        let uri = Uri::from_static("http://localhost:80/orders");
        let mut headers = HeaderMap::new();
        assert_eq!(check(&headers, &uri, &[]), Ok(()));
        headers.insert("host", "127.0.0.1".parse().unwrap());
        assert_eq!(check(&headers, &uri, &[]), Err(Foreign::Host), "two names");
        let evil = Uri::from_static("http://evil.example/orders");
        assert_eq!(check(&HeaderMap::new(), &evil, &[]), Err(Foreign::Host));
    }
}
