use crate::request::Rule;
use std::time::Duration;

/// What a call says of its attempts in place of what its client does by default.
///
/// The calls of the clients have a method for each: [`ObjectCall::attempt_limit`](crate::client::object::ObjectCall::attempt_limit)
/// and its neighbours say more. For those who speak tower it goes into the call's [record](super::CallRecord::told).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    unpredictable_function_pointer_comparisons,
    reason = "rules that were merged do the same, and one that is there twice is at worst told apart"
)]
#[non_exhaustive]
pub struct Options {
    /// How long each attempt may take, whatever was learnt. See [`timeout`](crate::timeout).
    pub attempt_limit: Option<Duration>,
    /// Whether it is hedged, if it is a read. See [`hedge`](mod@crate::hedge).
    pub hedging: Option<bool>,
    /// What it is called, and measured with. See [`health`](crate::health#names).
    pub name: Option<&'static str>,
    /// After which outcomes it is tried again. See [`request::Rule`](Rule).
    pub retry_when: Option<Rule>,
}

impl Options {
    const NONE: &'static Self = &Self {
        attempt_limit: None,
        hedging: None,
        name: None,
        retry_when: None,
    };
}

/// The same in a call on its way: a word, as most calls say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told(Option<Box<Options>>);

impl Told {
    #[inline]
    pub(crate) fn options(&self) -> &Options {
        self.0.as_deref().unwrap_or(Options::NONE)
    }

    /// Of most calls it is known at a glance that they have none.
    #[inline]
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.0.as_ref()?.name
    }

    pub(crate) fn options_mut(&mut self) -> &mut Options {
        self.0.get_or_insert_default()
    }
}

impl From<Options> for Told {
    fn from(options: Options) -> Self {
        Self((options != *Options::NONE).then(|| Box::new(options)))
    }
}
