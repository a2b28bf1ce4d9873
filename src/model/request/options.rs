use crate::request::Rule;
use std::time::Duration;

/// What a call demands of its attempts, in place of the client's defaults.
///
/// Each call of a client has a method for each option:
/// [`ObjectCall::attempt_limit`](crate::client::object::ObjectCall::attempt_limit) and its neighbours say more. Users
/// of the tower layers put the options into the call's [record](super::CallRecord::told).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    unpredictable_function_pointer_comparisons,
    reason = "rules that were merged do the same, and one that is there twice is at worst told apart"
)]
#[non_exhaustive]
pub struct Options {
    /// How long each attempt may take, whatever limit was learnt. See [`timeout`](crate::stack::timeout).
    pub attempt_limit: Option<Duration>,
    /// How long each attempt may be silent, before its answer and between two pieces of a body, whatever was learnt. See
    /// [`timeout`](crate::stack::timeout).
    pub stall_limit: Option<Duration>,
    /// Whether a read is hedged. See [`hedge`](mod@crate::stack::hedge).
    pub hedging: Option<bool>,
    /// The call's name. Calls with the same name are measured together. See [`health`](crate::stack::health#names).
    pub name: Option<&'static str>,
    /// After which outcomes the call is tried again. See [`request::Rule`](Rule).
    pub retry_when: Option<Rule>,
}

impl Options {
    const NONE: &'static Self = &Self {
        attempt_limit: None,
        stall_limit: None,
        hedging: None,
        name: None,
        retry_when: None,
    };
}

/// The options of a call on its way: one word, because most calls have no options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told(Option<Box<Options>>);

impl Told {
    #[inline]
    pub(crate) fn options(&self) -> &Options {
        self.0.as_deref().unwrap_or(Options::NONE)
    }

    /// Most calls have no name, which shows at a glance.
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
