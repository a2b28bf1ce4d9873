use super::Objects;
use crate::{
    call::{Context, Error},
    endpoint::Profile,
    model::ErrorKind,
    provider::{Conditional, ObjectProvider, terms_wrong},
    request::{members, object::Terms},
};
use std::{collections::BTreeMap, sync::Arc};

/// The terms that a put asks for, at every endpoint and at some.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) everywhere: Terms,
    /// By the name of an endpoint or of a provider.
    pub(super) at: Vec<(Arc<str>, Terms)>,
}

/// Terms everywhere, and those by endpoint.
type Settled = (Arc<Terms>, Arc<BTreeMap<Arc<str>, Arc<Terms>>>);

impl Asked {
    /// The terms at each endpoint that the put may go to, or why they cannot be kept.
    pub(super) fn settled(self, cx: &Context<Objects>) -> Result<Settled, Error> {
        if self.everywhere.is_empty() && self.at.is_empty() {
            return Ok(Settled::default());
        }
        let roster = &cx.core.engine.roster;
        let unknown = |scope: &str| !roster.iter().any(|profile| is_about(scope, profile));
        if let Some((scope, _)) = self.at.iter().find(|(scope, _)| unknown(scope)) {
            let message = format!("`{scope}` is neither an endpoint of this client nor the provider of one");
            return Err(cx.refuse(ErrorKind::InvalidInput, message));
        }
        let mut settled = BTreeMap::new();
        for (index, profile) in targets(cx).filter_map(|index| Some((index, roster.get(index)?))) {
            let name = profile.shared_name();
            if let Some(what) = self.leaves_open(profile) {
                let message = format!(
                    "the put sets {what} for other endpoints than {name}: set terms for {name}, too (empty ones will do)"
                );
                return Err(cx.refuse(ErrorKind::InvalidInput, message));
            }
            let terms = self.at(profile);
            if let Some(wrong) = terms_wrong(&terms) {
                return Err(cx.refuse(ErrorKind::InvalidInput, wrong));
            }
            if !terms.is_empty()
                && let Some(Err(refused)) = cx.core.provider(index).map(|provider| provider.check_terms(&terms))
            {
                return Err(cx.refuse(ErrorKind::Unsupported, format!("{name}: {refused}")));
            }
            settled.insert(name.clone(), Arc::new(terms));
        }
        Ok((Arc::new(self.everywhere), Arc::new(settled)))
    }

    /// The terms at this endpoint: the endpoint's own before its provider's before those for all. Of equal scope, the
    /// last wins.
    fn at(&self, profile: &Profile) -> Terms {
        let provider = self.at.iter().filter(|(scope, _)| Some(&**scope) == profile.provider());
        let endpoint = self.at.iter().filter(|(scope, _)| **scope == *profile.name());
        let all = provider.chain(endpoint).map(|(_, terms)| terms);
        all.fold(self.everywhere.clone(), |beneath, terms| terms.over(&beneath))
    }

    /// The kind of term that the put sets for some endpoints, but neither for all nor for this one.
    fn leaves_open(&self, profile: &Profile) -> Option<&'static str> {
        if self.at.iter().any(|(scope, _)| is_about(scope, profile)) {
            return None;
        }
        let some = |says: fn(&Terms) -> bool| !says(&self.everywhere) && self.at.iter().any(|(_, terms)| says(terms));
        if some(|terms| terms.encryption.is_some()) {
            Some("its encryption")
        } else if some(|terms| terms.storage_class.is_some()) {
            Some("its storage class")
        } else if some(|terms| !terms.tags.is_empty()) {
            Some("its tags")
        } else {
            None
        }
    }
}

fn is_about(scope: &str, profile: &Profile) -> bool {
    scope == profile.name() || Some(scope) == profile.provider()
}

/// The endpoints that the put may go to.
fn targets(cx: &Context<Objects>) -> impl Iterator<Item = usize> + use<> {
    let lacking = if cx.plan.creates {
        cx.core.lacking(Conditional::Create)
    } else {
        0
    };
    members(cx.plan.write_to & !lacking)
}
