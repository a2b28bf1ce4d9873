mod asking;

use super::Objects;
use crate::{
    call::Core,
    provider::{AnyObjectProvider, Capabilities, Capability, Conditional},
    request::{WriteId, members},
};
use asking::{Asked, Tagged};
use futures_util::future::join_all;
use std::{sync::Arc, time::Duration};

/// Every key of a verification starts so, followed by 32 random digits and a slash.
pub const VERIFY_PREFIX: &str = ".evenkeel/verify/";

/// For one request: what an endpoint far away needs when 24 of them come at once. Slower is *unknown*.
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
    unquoted: bool,
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
    /// The store, or its adapter, says that it cannot do this: such a write would fail there, and none is sent from now on.
    Unsupported,
    /// It could not be asked, for this reason. What was found before still holds. Ask again.
    Unknown(String),
}

impl Verification {
    /// Every endpoint that was asked, in the client's order. Read-only ones and those that break a constraint are not.
    pub fn endpoints(&self) -> &[Verified] {
        &self.0
    }

    /// Every endpoint that was asked can be trusted with creates: it honours them, and is atomic. (If-Match is needed at a
    /// home alone, and by those who use it.)
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

    /// A put with a tag that the object had before ([`if_match`](super::ObjectCall::if_match)) is refused, and one with the
    /// tag that it has takes place.
    pub const fn if_match(&self) -> &Property {
        &self.if_match
    }

    /// The same of a delete, of which some stores ignore the condition that keep to others.
    pub const fn delete_if_match(&self) -> &Property {
        &self.delete_if_match
    }

    /// It wants a tag without its quotes in If-Match: with them it says for ever that the object has changed. From now on
    /// tags are sent so.
    pub const fn wants_tags_unquoted(&self) -> bool {
        self.unquoted
    }

    /// How many of the objects under [`VERIFY_PREFIX`] could not be removed again.
    pub const fn left_behind(&self) -> usize {
        self.left
    }
}

impl Verified {
    /// Why something of it could not be told.
    pub(super) fn why_unknown(self) -> Option<String> {
        let mut all = [self.honours, self.atomic, self.if_match, self.delete_if_match].into_iter();
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
        let mut verified = endpoint(provider, &core.draw_write_id(), nothing_is_known, told).await;
        verified.endpoint = core.engine.roster.shared_name(index);
        verified
    });
    Verification(join_all(all).await)
}

/// Asks one endpoint for what is not `known`. What was found is heeded by its provider at once, and `told` then.
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
    verified.left = asked.left();
    verified
}
