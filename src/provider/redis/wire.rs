//! One server or a cluster, for code that knows only keys.

use super::{
    cluster::{Cluster, Reply},
    error,
    link::Link,
};
use crate::provider::ProviderError;
use redis::{Cmd, Pipeline};
use std::borrow::Cow;

pub(super) enum Wire {
    Server(Link),
    Cluster(Cluster),
}

impl Wire {
    /// Sends one command about one key.
    pub(super) async fn command(&self, key: &[u8], command: &Cmd) -> Reply {
        match self {
            Self::Server(link) => link.command(command).await,
            Self::Cluster(cluster) => cluster.command(key, command).await,
        }
    }

    /// Sends a command about each of these keys, in one go to each server that has some of them. `command` gets the
    /// key, and whether the key is the first in its go.
    pub(super) async fn each(
        &self,
        keys: &[Vec<u8>],
        command: impl Fn(usize, bool) -> Cmd,
    ) -> Result<Vec<Reply>, ProviderError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        match self {
            Self::Server(link) => {
                let mut pipeline = Pipeline::with_capacity(keys.len());
                for at in 0..keys.len() {
                    pipeline.add_command(command(at, at == 0));
                }
                Ok(link.pipeline(pipeline).await?.into_iter().map(Ok).collect())
            }
            Self::Cluster(cluster) => {
                let keys: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
                cluster.each(&keys, &|at, first| Cow::Owned(command(at, first))).await
            }
        }
    }

    /// Connects, and waits until the server answers.
    pub(super) async fn warm_up(&self) -> Result<(), ProviderError> {
        match self {
            Self::Server(link) => {
                let answer = link.command(&redis::cmd("PING")).await?;
                answer.map(drop).map_err(|error| error::failed(&error))
            }
            Self::Cluster(cluster) => cluster.warm_up().await,
        }
    }
}
