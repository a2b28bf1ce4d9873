//! Orders by way of the page. Everything that a request must pass is here, in its order.

mod ask;
mod effect;
mod hosts;
mod problem;
mod proposed;
mod token;

pub use token::TokenError;
#[cfg(test)]
pub(crate) use token::{SHORTEST_TOKEN, WRONG_TOKENS};

use super::{StatusPage, answer, body::PageBody};
use crate::model::clock;
use ask::{Ask, Client};
use hosts::Foreign;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use problem::Problem;
use proposed::Named;
use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use token::{Shown, Token};
use tower::Service;

/// The longest body of an order.
pub(crate) const LARGEST_ORDER: usize = 16 << 10;
/// How long the body may take.
pub(crate) const ORDER_PATIENCE: Duration = Duration::from_secs(10);

impl StatusPage {
    /// The same page, with orders for whoever has this token: 16 bytes or more of visible ASCII, drawn by chance, such
    /// as `openssl rand -hex 32`. `self` stays as it is, and can be read only: the two can be mounted at two places.
    /// See [orders](crate::ops::status_page#orders).
    ///
    /// # Errors
    /// The token can be guessed, or cannot stand in a header.
    pub fn operable(&self, token: &str) -> Result<OperablePage, TokenError> {
        Ok(OperablePage {
            page: self.clone(),
            token: Arc::new(Token::new(token)?),
            hosts: Arc::new([]),
        })
    }
}

/// A status page that takes [orders](crate::ops::status_page#orders), too. Clones share everything.
#[derive(Clone, Debug)]
pub struct OperablePage {
    page: StatusPage,
    token: Arc<Token>,
    hosts: Arc<[Box<str>]>,
}

impl OperablePage {
    /// The names under which browsers and programs reach the page, such as `status.example.com`, or
    /// `status.example.com:8443` for one port only. An order under another name is refused; an IP address and
    /// `localhost` are always taken.
    #[must_use]
    pub fn hosts<N: AsRef<str>>(self, names: impl IntoIterator<Item = N>) -> Self {
        let lower = |name: N| name.as_ref().to_ascii_lowercase().into();
        Self {
            hosts: names.into_iter().map(lower).collect(),
            ..self
        }
    }

    /// Everything that needs no body.
    fn admit(&self, request: &http::request::Parts) -> Result<(), Problem> {
        hosts::check(&request.headers, &request.uri, &self.hosts).map_err(|foreign| match foreign {
            Foreign::Host => Problem::Host,
            Foreign::Origin => Problem::Origin,
        })?;
        match self.token.look(&request.headers, clock::now()) {
            Shown::Right => {}
            Shown::Missing => return Err(Problem::NoToken),
            Shown::Wrong => {
                tracing::warn!(target: "evenkeel", "an order came to the status page with a wrong token");
                return Err(Problem::WrongToken);
            }
            Shown::OneOfMany => return Err(Problem::ManyWrongTokens),
        }
        if !is_json(&request.headers) {
            return Err(Problem::Type);
        }
        Ok(())
    }

    /// What becomes of a body that has arrived. Waits for nothing: an order is given, or it is not.
    fn act(&self, body: &[u8]) -> Result<effect::Done, Problem> {
        let ask: Ask = serde_json::from_slice(body).map_err(|error| Problem::Body(error.to_string()))?;
        let wish = ask.wish()?;
        let mut clients = self.page.shared.clients();
        clients.retain(|(id, view)| match &ask.client {
            Client::Id(asked) => id == asked,
            Client::Name(name) => view.client() == name,
        });
        let (id, view) = match &*clients {
            [one] => one,
            [] => return Err(Problem::NoClient),
            _ => return Err(Problem::TwoClients),
        };
        let name = view.client().to_owned();
        effect::act(&ask, &wish, Named { id: *id, name }, view.operator())
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(kind), None) = (all.next(), all.next()) else {
        return false;
    };
    let kind = kind.to_str().unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

async fn read<B>(body: B) -> Result<Vec<u8>, Problem>
where
    B: Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if body.size_hint().lower() > LARGEST_ORDER as u64 {
        return Err(Problem::TooLarge);
    }
    let whole = tokio::time::timeout(ORDER_PATIENCE, Limited::new(body, LARGEST_ORDER).collect());
    match whole.await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().to_vec()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(Problem::TooLarge),
        Ok(Err(_)) => Err(Problem::Broken),
        Err(_) => Err(Problem::TooSlow),
    }
}

/// Orders are read for at most 10 s; everything else is answered at once.
impl<B> Service<Request<B>> for OperablePage
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Response = Response<PageBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<PageBody>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let page = self.clone();
        Box::pin(async move { Ok(page.answer(request).await) })
    }
}

impl OperablePage {
    async fn answer<B>(&self, request: Request<B>) -> Response<PageBody>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        if head.uri.path() != answer::ORDERS {
            return self.page.answer(&head, answer::Shell::Operable);
        }
        if head.method != Method::POST {
            return answer::not_allowed("orders are given by POST\n", "POST");
        }
        let done = match self.admit(&head) {
            Ok(()) => read(body).await.and_then(|body| self.act(&body)),
            Err(problem) => Err(problem),
        };
        match done {
            Ok(done) => answer::json(StatusCode::OK, &done),
            Err(problem) => problem.answer(),
        }
    }
}
