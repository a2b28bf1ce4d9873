//! Checks that run before anything is sent.

use super::Keys;
use crate::{
    call::{Context, Core},
    request::kv::{Key, LimitExceeded, Limits},
};
use std::collections::BTreeSet;

/// A key, or why the key is invalid. The call returns the reason when it is awaited.
pub(super) type Checked<T> = Result<T, String>;

pub(super) fn key(key: impl Into<String>) -> Checked<Key> {
    let key = key.into();
    if key.starts_with(Key::RESERVED) {
        return Err(format!("keys that start with `{}` are reserved", Key::RESERVED));
    }
    Key::new(key).map_err(|invalid| invalid.to_string())
}

/// Whether every endpoint that may be used takes this key.
pub(super) fn fits(cx: &Context<Keys>, key: &Key) -> Checked<()> {
    each(&cx.core, |limits| limits.check_key(key))
}

/// Whether every endpoint takes this value under this key.
pub(super) fn item_fits(cx: &Context<Keys>, key: &Key, value_bytes: usize) -> Checked<()> {
    each(&cx.core, |limits| limits.check_item(key, value_bytes))
}

fn each(core: &Core<Keys>, check: impl Fn(&Limits) -> Result<(), LimitExceeded>) -> Checked<()> {
    for (profile, provider) in core.providers() {
        check(provider.limits()).map_err(|exceeded| format!("{} {exceeded}", profile.name()))?;
    }
    Ok(())
}

/// The limits that fit every endpoint. Forbidden characters are checked endpoint by endpoint; the result holds those
/// of the first endpoint that forbids any.
pub(super) fn strictest(core: &Core<Keys>) -> Limits {
    let all = || core.providers().map(|(_, provider)| provider.limits());
    let least = |of: fn(&Limits) -> usize| all().map(of).min().unwrap_or(1);
    let forbidden = all()
        .map(|limits| limits.forbidden)
        .find(|characters| !characters.is_empty());
    Limits::new(least(|limits| limits.key_bytes), least(|limits| limits.item_bytes))
        .with_batches(least(|limits| limits.get_many), least(|limits| limits.put_many))
        .forbidding(forbidden.unwrap_or_default())
}

pub(super) fn no_key_twice<'k>(keys: impl IntoIterator<Item = &'k Key>) -> Checked<()> {
    let mut seen = BTreeSet::new();
    match keys.into_iter().all(|key| seen.insert(key)) {
        true => Ok(()),
        false => Err("a key is given twice in one batch".to_owned()),
    }
}
