//! Which rule plays a loss, and what an undeclared endpoint may be.

use crate::{
    Endpoint,
    drill::{Fault, Rule, Target, target::Reach},
    endpoint::{Profile, Role},
    ops::impact::Loss,
};

/// What nobody has.
const ELSEWHERE: &str = "elsewhere.invalid";

/// The rule that plays the loss.
pub(super) fn rule(loss: &Loss) -> Rule {
    let mut target = Target::default();
    match loss.clone() {
        Loss::Provider { name } => target.provider = Some(name),
        Loss::Region { provider, name } => (target.provider, target.region) = (provider, Some(name)),
        Loss::Location { name } => target.location = Some(name),
        Loss::Jurisdiction { name } => target.jurisdiction = Some(name),
        Loss::Host { name } => target.host = Some(name),
    }
    Rule {
        target,
        ..Rule::new(Fault::Refuse)
    }
}

/// One way to fill in what the endpoints did not declare.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) profiles: Vec<Profile>,
    /// How the loss reaches each endpoint then.
    pub(super) reached: Vec<Option<Reach>>,
}

/// The most endpoints of which both ways are played, each with each. Beyond that, all are there or all are elsewhere, and
/// one alone is.
const EACH_WITH_EACH: usize = 4;

/// Every way to fill in what the endpoints did not declare and the loss asks for.
pub(super) fn worlds(target: &Target, profiles: &[Profile]) -> Vec<World> {
    let both: Vec<_> = profiles.iter().map(|profile| filled(target, profile)).collect();
    let open: Vec<_> = (0..both.len()).filter(|index| both[*index].is_some()).collect();
    let there = |is_there: &dyn Fn(usize) -> bool| {
        let each = profiles.iter().zip(&both).enumerate();
        let profiles: Vec<_> = each
            .map(|(index, (declared, filled))| match filled {
                None => declared.clone(),
                Some((there, _)) if is_there(index) => there.clone(),
                Some((_, elsewhere)) => elsewhere.clone(),
            })
            .collect();
        World {
            reached: profiles.iter().map(|profile| target.reach(profile)).collect(),
            profiles,
        }
    };
    if open.len() <= EACH_WITH_EACH {
        let places = |choice: usize, index: usize| {
            let place = open.iter().position(|one| *one == index);
            place.is_some_and(|place| choice & (1 << place) != 0)
        };
        return (0..1 << open.len())
            .map(|choice| there(&|index| places(choice, index)))
            .collect();
    }
    let all = [there(&|_| true), there(&|_| false)];
    let alone = open
        .iter()
        .flat_map(|one| [there(&|index| index == *one), there(&|index| index != *one)]);
    all.into_iter().chain(alone).collect()
}

/// The endpoint as if it were where the loss is, and as if it were not. `None`: it declares what the loss asks for.
fn filled(target: &Target, profile: &Profile) -> Option<(Profile, Profile)> {
    let fill = |there: bool| {
        let mut endpoint = Endpoint::of(profile.clone(), ());
        let mut was_open = false;
        let mut value = |asked: &Option<String>, is_open: bool| {
            let asked = asked.clone().filter(|_| is_open)?;
            was_open = true;
            Some(if there { asked } else { ELSEWHERE.to_owned() })
        };
        if let Some(provider) = value(&target.provider, profile.provider().is_none()) {
            endpoint = endpoint.provider(provider);
        }
        if let Some(region) = value(&target.region, profile.region().is_none()) {
            endpoint = endpoint.region(region);
        }
        if let Some(location) = value(&target.location, profile.location().is_none()) {
            endpoint = endpoint.location(location);
        }
        if let Some(law) = value(&target.jurisdiction, profile.jurisdictions().is_none()) {
            endpoint = endpoint.jurisdictions([law]);
        }
        let data_is_open = profile.client_hosts().is_none() && profile.data_hosts().next().is_none();
        if let Some(host) = value(&target.host, data_is_open && !target.selects(profile)) {
            endpoint = endpoint.depends_on(host, Role::Data);
        }
        was_open.then(|| endpoint.into_parts().0)
    };
    fill(true).zip(fill(false))
}
