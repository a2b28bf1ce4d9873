use super::OpClass;

/// What attempts are compared with one another: those of a class, and of a name where their calls were given one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The class.
    pub class: OpClass,
    /// What the calls are [named](super::Options::name). `None`: those that have no name, together.
    pub name: Option<&'static str>,
}

/// That of calls without a name.
impl From<OpClass> for Work {
    #[inline]
    fn from(class: OpClass) -> Self {
        Self { class, name: None }
    }
}
