use crate::{
    Error, ErrorKind, Explanation,
    endpoint::{Profile, Roster},
    model::clock,
};

/// An error of this kind as a client gives it, for the tests of code that handles errors. No attempt stands behind the error:
/// [`endpoint`](Error::endpoint) is `None`, and the explanation is empty. What follows from the kind (whether the write may have been
/// applied, whether a repetition can help) is as in a client's own error.
///
/// ```
/// use evenkeel::{Error, ErrorKind, testing};
///
/// fn status(error: &Error) -> u16 {
///     match error.kind() {
///         ErrorKind::NotFound => 404,
///         ErrorKind::MaybeApplied => 500,
///         _ => 503,
///     }
/// }
///
/// assert_eq!(status(&testing::error(ErrorKind::MaybeApplied)), 500);
/// assert!(testing::error::<std::io::Error>(ErrorKind::MaybeApplied).may_have_been_applied());
/// ```
pub fn error<E>(kind: ErrorKind) -> Error<E> {
    let name = "made for a test";
    // One name is a valid list.
    let roster = Roster::new(vec![Profile::new("test")]).unwrap_or_else(|_| unreachable!("one endpoint is enough"));
    let nothing = Explanation::new(name, Vec::new(), &roster, clock::now(), []);
    Error::local(kind, nothing, name)
}
