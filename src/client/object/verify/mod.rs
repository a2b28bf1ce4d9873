mod asking;

use super::Objects;
use crate::{
    call::Core,
    provider::{AnyObjectProvider, Capabilities, Capability, Conditional, ObjectProvider as _},
    request::{WriteId, members},
};
use asking::{Asked, Tagged};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

/// The start of every key of a verification; 32 random digits and a slash follow.
pub const VERIFY_PREFIX: &str = ".evenkeel/verify/";

/// The limit of one request: what a far endpoint needs when 24 requests come at once. A slower endpoint is *unknown*.
const LIMIT: Duration = Duration::from_secs(5);

/// What [`ObjectClient::verify`](super::ObjectClient::verify) found, by endpoint.
#[derive(Clone, Debug)]
#[must_use = "it says which endpoints cannot be trusted with a create"]
pub struct Verification(Vec<Verified>);

/// What one endpoint does with conditions.
#[derive(Clone, Debug)]
pub struct Verified {
    endpoint: Arc<str>,
    honours: Property,
    atomic: Property,
    if_match: Property,
    delete_if_match: Property,
    complete_if: Property,
    unquoted: bool,
    left: usize,
}

/// Whether an endpoint has a property.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Property {
    /// The test showed that the endpoint has the property.
    Holds,
    /// The test showed that the endpoint lacks the property, in this way. From now on the endpoint gets no write that
    /// needs the property.
    Broken(String),
    /// The store, or its adapter, says that it cannot do this. From now on the endpoint gets no such write.
    Unsupported,
    /// The endpoint could not be asked, for this reason. Earlier findings still hold. Ask again.
    Unknown(String),
}

impl Verification {
    /// The endpoints that were asked, in the client's order. Read-only endpoints and endpoints that break a constraint
    /// are not asked.
    pub fn endpoints(&self) -> &[Verified] {
        &self.0
    }

    /// Every endpoint that was asked can be trusted with creates: each endpoint honours creates, and is atomic. (Only a
    /// home needs If-Match, and only for callers that use it.)
    pub fn is_sound(&self) -> bool {
        let holds = |found: &Verified| found.honours == Property::Holds && found.atomic == Property::Holds;
        self.0.iter().all(holds)
    }
}

impl Verified {
    /// The endpoint's name.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether a second create of a key is refused.
    pub const fn honours(&self) -> &Property {
        &self.honours
    }

    /// Whether exactly one of 24 creates at the same time wins, five times over. A pass is no proof: a file-system
    /// server that checks first and writes afterwards passed three times of twenty.
    pub const fn atomic(&self) -> &Property {
        &self.atomic
    }

    /// A put with an outdated tag ([`if_match`](super::ObjectCall::if_match)) is refused, and a put with the current
    /// tag takes place.
    pub const fn if_match(&self) -> &Property {
        &self.if_match
    }

    /// The same for a delete. Some stores keep to the condition of a put and ignore that of a delete.
    pub const fn delete_if_match(&self) -> &Property {
        &self.delete_if_match
    }

    /// The completion of an upload as a create, and on an outdated tag, is refused. Without an answer
    /// ([`Property::Unknown`]) the client assumes that the store keeps conditions on uploads. [`Property::Unsupported`]: the store takes
    /// no parts, or no conditions on them.
    pub const fn complete_if(&self) -> &Property {
        &self.complete_if
    }

    /// The endpoint reads a tag in If-Match only without its quotes; with quotes it always answers that the object has
    /// changed. From now on the client sends tags without quotes.
    pub const fn wants_tags_unquoted(&self) -> bool {
        self.unquoted
    }

    /// How many of the objects under [`VERIFY_PREFIX`] could not be removed again.
    pub const fn left_behind(&self) -> usize {
        self.left
    }
}

impl Verified {
    /// Why a question stayed open.
    pub(super) fn why_unknown(self) -> Option<String> {
        let mut all = [
            self.honours,
            self.atomic,
            self.if_match,
            self.delete_if_match,
            self.complete_if,
        ]
        .into_iter();
        all.find_map(|property| match property {
            Property::Unknown(why) => Some(why),
            _ => None,
        })
    }
}

impl Property {
    const fn capability(&self) -> Capability {
        match self {
            Self::Holds => Capability::Kept,
            Self::Broken(_) | Self::Unsupported => Capability::Lacking,
            Self::Unknown(_) => Capability::Unknown,
        }
    }
}

pub(super) async fn run(core: &Core<Objects>) -> Verification {
    let asked = members(core.writable()).filter_map(|index| Some((index, core.provider(index)?)));
    let all = asked.map(|(index, provider)| async move {
        let nothing_is_known = Capabilities::all(Capability::Unknown);
        let told = || core.verifier.tell();
        let mut verified = endpoint(provider, &core.draw_name(), nothing_is_known, told).await;
        verified.endpoint = core.engine.roster.shared_name(index);
        verified
    });
    Verification(join_all(all).await)
}

/// Asks one endpoint for what is not `known`. The endpoint's provider heeds each finding at once; then `told` is
/// called.
pub(crate) async fn endpoint(
    provider: &AnyObjectProvider,
    id: &WriteId,
    known: Capabilities,
    told: impl Fn() + Send + Sync,
) -> Verified {
    let asked = Asked::new(provider, format!("{VERIFY_PREFIX}{}/", id.as_str()));
    let note = |condition, property: &Property, unquoted| {
        provider.note(condition, property.capability(), unquoted);
        told();
    };
    let mut verified = Verified {
        endpoint: "".into(),
        honours: Property::Holds,
        atomic: Property::Holds,
        if_match: Property::Holds,
        delete_if_match: Property::Holds,
        complete_if: Property::Holds,
        unquoted: false,
        left: 0,
    };
    if known.create == Capability::Unknown {
        verified.honours = asked.honours().await;
        verified.atomic = match &verified.honours {
            Property::Holds => asked.atomic().await,
            // A store that overwrites when asked one by one does so when asked at once.
            same => same.clone(),
        };
        note(Conditional::Create, &verified.atomic, false);
    }
    for tagged in [Tagged::Put, Tagged::Delete] {
        if known.get(tagged.condition()) != Capability::Unknown {
            continue;
        }
        let (property, unquoted) = match &verified.honours {
            // Who did not answer the first question is not kept with more of them.
            unknown @ Property::Unknown(_) => (unknown.clone(), false),
            _ => asked.if_match(tagged).await,
        };
        let unquoted = unquoted && property == Property::Holds;
        note(tagged.condition(), &property, unquoted);
        verified.unquoted |= unquoted;
        match tagged {
            Tagged::Put => verified.if_match = property,
            Tagged::Delete => verified.delete_if_match = property,
        }
    }
    verified.complete_if = Property::Unsupported;
    if provider.capabilities().parts.is_some() && known.complete_if == Capability::Unknown {
        verified.complete_if = match &verified.honours {
            // Nor is a store that ignores the condition of a put trusted with an upload's.
            other @ (Property::Unknown(_) | Property::Broken(_) | Property::Unsupported) => other.clone(),
            Property::Holds => asked.completion().await,
        };
        note(Conditional::Complete, &verified.complete_if, false);
    }
    verified.left = asked.left();
    verified
}
