use super::OpClass;

/// What is compared: attempts of the same class, and of the same name if their calls have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    /// The class of work.
    pub class: OpClass,
    /// The [name](super::Options::name) of the calls. `None`: all calls without a name, together.
    pub name: Option<&'static str>,
}

/// The work of calls without a name.
impl From<OpClass> for Work {
    #[inline]
    fn from(class: OpClass) -> Self {
        Self { class, name: None }
    }
}
