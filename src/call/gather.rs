use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{future::Future, ops::ControlFlow};

/// Polls these legs, one for each endpoint, at once. `fold` takes each leg's answer when it comes, until it breaks or
/// there are no legs left. The legs that are still under way are then dropped.
///
/// Returns what `fold` broke with.
pub(crate) async fn gather<F: Future, B>(
    legs: impl Iterator<Item = (usize, F)>,
    mut fold: impl FnMut(usize, F::Output) -> ControlFlow<B>,
) -> Option<B> {
    let named = |(endpoint, leg): (usize, F)| async move { (endpoint, leg.await) };
    let mut legs: FuturesUnordered<_> = legs.map(named).collect();
    while let Some((endpoint, answer)) = legs.next().await {
        if let ControlFlow::Break(end) = fold(endpoint, answer) {
            return Some(end);
        }
    }
    None
}
