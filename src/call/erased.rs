use crate::{BoxError, request::Call};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower::{Service, util::BoxCloneSyncService};

/// A service of [`Call`]s with its type erased. `R` is the request, `A` the answer. A call costs one allocation more
/// than the same call to the service itself.
///
/// ```
/// use evenkeel::{BoxError, client::ErasedService, request::Call};
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), BoxError> {
/// let length = service_fn(|call: Call<&'static str>| async move { Ok::<_, BoxError>(call.request().len()) });
/// let erased: ErasedService<&'static str, usize> = ErasedService::new(length);
/// assert_eq!(erased.oneshot(Call::read("four")).await?, 4);
/// # Ok(()) }
/// ```
pub struct ErasedService<R, A>(BoxCloneSyncService<Call<R>, A, BoxError>);

impl<R, A> ErasedService<R, A> {
    /// Erases the type of a service.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Call<R>, Response = A, Error = BoxError, Future: Send + 'static> + Clone + Send + Sync + 'static,
    {
        Self(BoxCloneSyncService::new(service))
    }
}

impl<R, A> Service<Call<R>> for ErasedService<R, A> {
    type Response = A;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<A, BoxError>> + Send>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, call: Call<R>) -> Self::Future {
        self.0.call(call)
    }
}

impl<R, A> Clone for ErasedService<R, A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R, A> fmt::Debug for ErasedService<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErasedService").finish_non_exhaustive()
    }
}
