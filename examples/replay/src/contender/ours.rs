//! evenkeel.

use super::{
    super::{
        load,
        streams::{Reader, Streaming},
    },
    Contender, Right, Tally, compare,
};
use evenkeel::{Error, Explanation, ObjectClient};
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};

/// Its own deadline is 10 s; a call that is still there 2 s later is a defect, and shows as one.
const CUT: Duration = Duration::from_secs(12);

/// Buckets at all three places.
#[derive(Clone)]
pub(crate) struct Evenkeel(pub(crate) ObjectClient);

/// Tables at two.
#[cfg(feature = "dynamodb")]
#[derive(Clone)]
pub(crate) struct EvenkeelRows(pub(crate) evenkeel::KvClient);

impl Contender for Evenkeel {
    const CUT: Duration = CUT;

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let (object, explanation) = counted(self.0.get(key).explained().await, tally)?;
        compare(key, object.body()).map(|()| Some(explanation))
    }

    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let (_, explanation) = counted(self.0.put(key, load::body(key)).explained().await, tally)?;
        Ok(Some(explanation))
    }
}

#[cfg(feature = "dynamodb")]
impl Contender for EvenkeelRows {
    const CUT: Duration = CUT;

    async fn get(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let (row, explanation) = counted(self.0.get(key).explained().await, tally)?;
        compare(key, row.bytes()).map(|()| Some(explanation))
    }

    async fn put(&self, key: &str, tally: &Arc<Tally>) -> Right {
        let (_, explanation) = counted(self.0.put(key, load::body(key)).explained().await, tally)?;
        Ok(Some(explanation))
    }
}

/// As it comes: no deadline, parts of up to 8 MiB, two under way.
impl Streaming for Evenkeel {
    async fn stream(&self, key: &str, reader: &mut Reader) -> Result<(), String> {
        let mut download = self.0.get_stream(key).await.map_err(|error| error.to_string())?;
        while let Some(part) = download.next().await {
            reader.resumes = download.served().len().saturating_sub(1);
            reader.take(&part.map_err(|error| error.to_string())?)?;
        }
        Ok(())
    }
}

/// The attempts into the tally, and an error into a sentence.
fn counted<T, E>(result: Result<(T, Explanation), Error<E>>, tally: &Arc<Tally>) -> Result<(T, Explanation), String>
where
    Error<E>: std::fmt::Display,
{
    match result {
        Ok((answer, explanation)) => {
            tally.of(explanation.attempts());
            Ok((answer, explanation))
        }
        Err(error) => {
            tally.of(error.attempts());
            Err(error.to_string())
        }
    }
}
