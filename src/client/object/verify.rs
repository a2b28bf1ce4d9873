use super::{
    super::store::{Core, members},
    Objects,
};
use crate::{
    provider::{AnyObjectProvider, ObjectProvider, ProviderError, ProviderErrorKind},
    request::{
        Key,
        object::{Delete, Get, Put},
    },
};
use futures_util::future::join_all;
use std::{future::Future, sync::Arc, time::Duration};

/// Every key of a verification starts so, followed by 32 random digits and a slash.
pub const VERIFY_PREFIX: &str = ".evenkeel/verify/";

/// As many racers and rounds as it took to find every store that checks first and writes then.
const RACERS: usize = 24;
const ROUNDS: usize = 5;

/// For one request: what an endpoint far away needs when 24 of them come at once. Slower is *unknown*.
const LIMIT: Duration = Duration::from_secs(5);

/// What [`ObjectClient::verify`](super::ObjectClient::verify) found, by endpoint.
#[derive(Clone, Debug)]
#[must_use = "it says which endpoints cannot be trusted with a create"]
pub struct Verification(Vec<Verified>);

/// What one endpoint does with creates.
#[derive(Clone, Debug)]
pub struct Verified {
    endpoint: Arc<str>,
    honours: Property,
    atomic: Property,
    left: usize,
}

/// Whether an endpoint was seen to have a property.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Property {
    /// It was seen to.
    Holds,
    /// It was seen not to, in this way. Nothing that needs the property is left to this endpoint from now on.
    Broken(String),
    /// The store, or its adapter, says that it cannot do this. Creates there would fail; none is sent there from now on.
    Unsupported,
    /// It could not be asked, for this reason. What was found before still holds. Ask again.
    Unknown(String),
}

impl Verification {
    /// Every endpoint that was asked, in the client's order. Read-only ones and those that break a constraint are not.
    pub fn endpoints(&self) -> &[Verified] {
        &self.0
    }

    /// Every endpoint that was asked has both properties.
    pub fn is_sound(&self) -> bool {
        let holds = |found: &Verified| found.honours == Property::Holds && found.atomic == Property::Holds;
        self.0.iter().all(holds)
    }
}

impl Verified {
    /// Its name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A second create of a key is refused.
    pub const fn honours(&self) -> &Property {
        &self.honours
    }

    /// ... also when 24 come at the same time, five times over. That this was not seen to fail is no proof: a file-system
    /// server that checks first and writes then passed three times of twenty.
    pub const fn atomic(&self) -> &Property {
        &self.atomic
    }

    /// How many of the objects under [`VERIFY_PREFIX`] could not be removed again.
    pub const fn left_behind(&self) -> usize {
        self.left
    }
}

pub(super) async fn run(core: &Core<Objects>) -> Verification {
    let asked = members(core.writable()).filter_map(|index| Some((index, core.provider(index)?)));
    let all = asked.map(|(index, provider)| async move {
        let store = Probed {
            provider,
            prefix: format!("{VERIFY_PREFIX}{}/", core.draw_write_id().as_str()),
        };
        let (honours, atomic) = store.verify().await;
        // What could not be found out changes nothing.
        match (&honours, &atomic) {
            (Property::Holds, Property::Holds) => core.found_fit(index, true),
            (Property::Broken(_) | Property::Unsupported, _) | (_, Property::Broken(_) | Property::Unsupported) => {
                core.found_fit(index, false);
            }
            _ => {}
        }
        Verified {
            endpoint: core.roster.shared_name(index),
            honours,
            atomic,
            left: store.clean_up().await,
        }
    });
    Verification(join_all(all).await)
}

struct Probed<'a> {
    provider: &'a AnyObjectProvider,
    prefix: String,
}

impl Probed<'_> {
    async fn verify(&self) -> (Property, Property) {
        let honours = self.honours().await;
        let atomic = match &honours {
            Property::Holds => self.atomic().await,
            // A store that overwrites when asked one by one does so when asked at once.
            same => same.clone(),
        };
        (honours, atomic)
    }

    async fn honours(&self) -> Property {
        match self.create("honours", "first").await {
            Ok(()) => {}
            Err(error) => return unclear(error),
        }
        match self.create("honours", "second").await {
            Ok(()) => Property::Broken("a second create of a key was answered with success".into()),
            Err(Failure::Refused(error)) if error.kind() == ProviderErrorKind::AlreadyExists => {
                match self.body("honours").await {
                    Ok(body) if body == "first" => Property::Holds,
                    Ok(_) => Property::Broken("a second create of a key was refused, and overwrote".into()),
                    Err(error) => unclear(error),
                }
            }
            Err(error) => unclear(error),
        }
    }

    async fn atomic(&self) -> Property {
        for round in 0..ROUNDS {
            let name = round_name(round);
            let racers: Vec<String> = (0..RACERS).map(|racer| format!("racer {racer}")).collect();
            let answers = join_all(racers.iter().map(|body| self.create(&name, body))).await;
            let winners: Vec<&String> = racers
                .iter()
                .zip(&answers)
                .filter(|(_, a)| a.is_ok())
                .map(|(r, _)| r)
                .collect();
            match winners[..] {
                [winner] => match self.body(&name).await {
                    Ok(body) if body == *winner => {}
                    Ok(_) => return Property::Broken("what is stored is not what was answered with success".into()),
                    Err(error) => return unclear(error),
                },
                // An answer may have been lost; so may the others.
                [] => {
                    let lost = answers
                        .into_iter()
                        .filter_map(Result::err)
                        .find(|failure| !failure.is_answer());
                    return match lost {
                        Some(failure) => unclear(failure),
                        None => Property::Unknown("no create of several at the same time succeeded".into()),
                    };
                }
                _ => {
                    return Property::Broken(format!(
                        "{} of {RACERS} creates at the same time succeeded",
                        winners.len()
                    ));
                }
            }
        }
        Property::Holds
    }

    /// How many are left.
    async fn clean_up(&self) -> usize {
        let names = (0..ROUNDS).map(round_name).chain(["honours".to_owned()]);
        let deleted = join_all(names.map(|name| async move {
            let delete = Delete::new(self.key(&name).ok()?);
            tokio::time::timeout(LIMIT, self.provider.delete(delete))
                .await
                .ok()?
                .ok()
        }));
        deleted.await.into_iter().filter(Option::is_none).count()
    }

    async fn create(&self, name: &str, body: &str) -> Result<(), Failure> {
        let put = Put::new(self.key(name)?, body.to_owned());
        answered(self.provider.put(put)).await.map(drop)
    }

    async fn body(&self, name: &str) -> Result<bytes::Bytes, Failure> {
        let get = Get::new(self.key(name)?);
        Ok(answered(self.provider.get(get)).await?.body)
    }

    fn key(&self, name: &str) -> Result<Key, Failure> {
        Key::new(format!("{}{name}", self.prefix)).map_err(|_| Failure::Late)
    }
}

fn round_name(round: usize) -> String {
    format!("round-{round}")
}

enum Failure {
    Refused(ProviderError),
    Late,
}

impl Failure {
    fn is_answer(&self) -> bool {
        matches!(self, Self::Refused(error) if error.outcome().verdict.is_healthy())
    }
}

async fn answered<T>(request: impl Future<Output = Result<T, ProviderError>>) -> Result<T, Failure> {
    match tokio::time::timeout(LIMIT, request).await {
        Ok(answer) => answer.map_err(Failure::Refused),
        Err(_) => Err(Failure::Late),
    }
}

fn unclear(failure: Failure) -> Property {
    match failure {
        Failure::Refused(error) if error.kind() == ProviderErrorKind::Unsupported => Property::Unsupported,
        Failure::Refused(error) => Property::Unknown(error.to_string()),
        Failure::Late => Property::Unknown(format!("no answer within {} s", LIMIT.as_secs())),
    }
}
