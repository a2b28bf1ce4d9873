//! Why a request for an order is not granted, as its sender reads it.

use super::proposed::Proposed;
use crate::ops::{
    operator::Refused,
    status_page::{answer, body::PageBody},
};
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// Nothing has changed, whichever it is.
#[derive(Debug)]
pub(super) enum Problem {
    /// The host is not known.
    Host,
    /// The request comes from a foreign page.
    Origin,
    /// There is no token.
    NoToken,
    WrongToken,
    ManyWrongTokens,
    /// The body is no JSON, by its own word.
    Type,
    TooLarge,
    TooSlow,
    /// The connection broke off within the body.
    Broken,
    /// What the body says makes no sense.
    Body(String),
    /// The order is meant for another process.
    Instance,
    NoClient,
    TwoClients,
    NoOrder,
    /// The effect was not looked at, or is another now.
    Effect(Box<Proposed>),
    Refused(Refused, Box<Proposed>),
}

#[derive(Serialize)]
struct Told<'a> {
    error: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<&'a Proposed>,
}

impl Problem {
    const fn status(&self) -> StatusCode {
        match self {
            Self::Host => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin => StatusCode::FORBIDDEN,
            Self::NoToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::ManyWrongTokens => StatusCode::TOO_MANY_REQUESTS,
            Self::Type => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Broken | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::NoClient | Self::NoOrder => StatusCode::NOT_FOUND,
            Self::Instance | Self::TwoClients | Self::Effect(_) => StatusCode::CONFLICT,
            Self::Refused(..) => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }

    /// A word for programs. The words are stable.
    const fn word(&self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::NoToken => "no-token",
            Self::WrongToken => "wrong-token",
            Self::ManyWrongTokens => "many-wrong-tokens",
            Self::Type => "type",
            Self::TooLarge => "too-large",
            Self::TooSlow => "too-slow",
            Self::Broken => "broken",
            Self::Body(_) => "body",
            Self::Instance => "instance",
            Self::NoClient => "no-client",
            Self::TwoClients => "two-clients",
            Self::NoOrder => "no-order",
            Self::Effect(_) => "effect",
            Self::Refused(..) => "refused",
        }
    }

    fn message(&self) -> String {
        let fixed = match self {
            Self::Body(why) => return why.clone(),
            Self::Refused(refused, _) => return refused.to_string(),
            Self::Host => {
                "orders are taken under an IP address, localhost, and the names that the service gave to `hosts`"
            }
            Self::Origin => "the request comes from another page: `Origin` is not the same as `Host`",
            Self::NoToken => "an order needs the header `Authorization: Bearer TOKEN`",
            Self::WrongToken => "the token is wrong",
            Self::ManyWrongTokens => "the token is wrong, as many were lately",
            Self::Type => "an order is `Content-Type: application/json`",
            Self::TooLarge => "an order has at most 16 KiB",
            Self::TooSlow => "the order took more than 10 s to arrive",
            Self::Broken => "the order broke off",
            Self::Instance => "another process answers here now: look at the page anew",
            Self::NoClient => "the page shows no such client",
            Self::TwoClients => "several clients have this name: use the id that the page gives to each",
            Self::NoOrder => "there is no such order (any more)",
            Self::Effect(_) => {
                "what the order would do was not looked at, or has changed: look at `proposal`, and send its `effect`"
            }
        };
        fixed.to_owned()
    }

    pub(super) fn answer(&self) -> Response<PageBody> {
        let proposal = match self {
            Self::Effect(proposal) | Self::Refused(_, proposal) => Some(&**proposal),
            _ => None,
        };
        let told = Told {
            error: self.word(),
            message: self.message(),
            proposal,
        };
        let mut response = answer::json(self.status(), &told);
        let headers = response.headers_mut();
        match self {
            Self::NoToken => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static("Bearer realm=\"orders\""),
                );
            }
            Self::WrongToken => {
                let why = HeaderValue::from_static("Bearer realm=\"orders\", error=\"invalid_token\"");
                headers.insert(header::WWW_AUTHENTICATE, why);
            }
            Self::ManyWrongTokens => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
