//! The four calls of Bigtable that all operations use.

use super::{
    Bigtable, PAGE_BYTES,
    error::{self, nonsense},
    item::{self, Stamp},
    link::{Exchanging, had_ended},
    rows::Rows,
};
use crate::{
    model::clock,
    provider::{ProviderError, ProviderErrorKind, shared_connection::CONNECT_LIMIT},
    request::kv::{Put, PutAnswer},
    verdict::{Finding, table::Symptom},
};
use google_cloud_auth::credentials::CacheableResource;
use googleapis_tonic_google_bigtable_v2::google::bigtable::v2::{
    CheckAndMutateRowRequest, MutateRowRequest, MutateRowsRequest, Mutation, ReadRowsRequest, RowFilter, RowSet,
    bigtable_client::BigtableClient, mutate_rows_request,
};
use std::future::Future;
use tonic::{Request, Response, Status, metadata::MetadataMap, transport::Channel};

/// What an exchange needs.
struct Exchange<'l, T> {
    client: BigtableClient<Channel>,
    request: Request<T>,
    watch: Exchanging<'l>,
}

impl Bigtable {
    async fn begin<T>(&self, message: T) -> Result<Exchange<'_, T>, ProviderError> {
        let not_loaded = || {
            ProviderError::found(
                ProviderErrorKind::Denied,
                Finding::symptom(Symptom::CredentialsNotLoaded),
            )
        };
        let headers = self.credentials.headers(http::Extensions::new());
        let headers = match tokio::time::timeout(CONNECT_LIMIT, headers).await {
            Ok(Ok(CacheableResource::New { data, .. })) => data,
            _ => return Err(not_loaded()),
        };
        let mut request = Request::new(message);
        *request.metadata_mut() = MetadataMap::from_headers(headers);
        // By this Google's front ends know where the table is.
        let place = format!(
            "table_name={}&app_profile_id={}",
            escaped(&self.table),
            escaped(&self.app_profile)
        );
        let place = place
            .parse()
            .map_err(|_| ProviderError::found(ProviderErrorKind::Invalid, Finding::symptom(Symptom::NotBuilt)))?;
        request.metadata_mut().insert("x-goog-request-params", place);
        let (channel, watch) = self.link.channel().await?;
        let client = BigtableClient::new(channel)
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        Ok(Exchange { client, request, watch })
    }

    /// The beginning of an answer, and the watch that must learn how the answer goes on.
    ///
    /// The service ends idle connections and connections that are an hour old in good order. It announces the end
    /// (GOAWAY) while answers are still on their way. A request that comes too late for such a connection has not been
    /// sent. The adapter sends this request over a new connection, as if there had been no connection.
    async fn ask<T, A, F>(
        &self,
        message: impl Fn() -> T,
        send: impl Fn(BigtableClient<Channel>, Request<T>) -> F,
    ) -> Result<(A, Exchanging<'_>), ProviderError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let mut is_anew = false;
        loop {
            let Exchange { client, request, watch } = self.begin(message()).await?;
            match send(client, request).await {
                Ok(answer) => return Ok((answer.into_inner(), watch)),
                Err(status) if !is_anew && had_ended(&status) => drop(watch.ended::<()>(Err(status))),
                Err(status) => return watch.ended(Err(status)),
            }
            is_anew = true;
        }
    }

    /// The rows that were read, and how the read ended. Rows that came before a failure are valid.
    pub(super) async fn read(&self, rows: RowSet, limit: usize) -> (Rows, Result<(), ProviderError>) {
        let mut read = Rows::default();
        let ended = self.read_into(&mut read, rows, limit).await;
        (read, ended)
    }

    async fn read_into(&self, read: &mut Rows, rows: RowSet, limit: usize) -> Result<(), ProviderError> {
        let asked = || ReadRowsRequest {
            table_name: self.table.to_string(),
            app_profile_id: self.app_profile.to_string(),
            rows: Some(rows.clone()),
            filter: Some(item::ours()),
            rows_limit: i64::try_from(limit).unwrap_or(i64::MAX),
            ..ReadRowsRequest::default()
        };
        let send = |mut client: BigtableClient<_>, request| async move { client.read_rows(request).await };
        let (mut stream, watch) = self.ask(asked, send).await?;
        let exchange = async {
            while let Some(message) = stream.message().await? {
                for chunk in message.chunks {
                    if let Err(error) = read.take(chunk) {
                        return Ok(Err(error));
                    }
                }
                if limit > 1 && read.bytes >= PAGE_BYTES {
                    return Ok(Ok(()));
                }
            }
            Ok(read.ended())
        };
        let ended = exchange.await;
        watch.ended(ended)?
    }

    pub(super) async fn mutate(&self, key: &str, mutations: impl Fn() -> Vec<Mutation>) -> Result<(), ProviderError> {
        let asked = || MutateRowRequest {
            table_name: self.table.to_string(),
            app_profile_id: self.app_profile.to_string(),
            row_key: key.into(),
            mutations: mutations(),
            ..MutateRowRequest::default()
        };
        let send = |mut client: BigtableClient<_>, request| async move { client.mutate_row(request).await };
        let (_, watch) = self.ask(asked, send).await?;
        watch.ended(Ok(()))
    }

    /// Changes the row in one way if `predicate` lets something through, and in the other way if not. Returns whether
    /// it did.
    pub(super) async fn mutate_if(
        &self,
        key: &str,
        predicate: RowFilter,
        if_so: impl Fn() -> Vec<Mutation>,
        if_not: impl Fn() -> Vec<Mutation>,
    ) -> Result<bool, ProviderError> {
        let asked = || CheckAndMutateRowRequest {
            table_name: self.table.to_string(),
            app_profile_id: self.app_profile.to_string(),
            row_key: key.into(),
            predicate_filter: Some(predicate.clone()),
            true_mutations: if_so(),
            false_mutations: if_not(),
            ..CheckAndMutateRowRequest::default()
        };
        let send = |mut client: BigtableClient<_>, request| async move { client.check_and_mutate_row(request).await };
        let (answer, watch) = self.ask(asked, send).await?;
        watch.ended(Ok(answer.predicate_matched))
    }

    /// One request of a batch: a result for each put.
    pub(super) async fn mutate_many(&self, puts: &[(&Put, Stamp)]) -> Vec<Result<PutAnswer, ProviderError>> {
        let now = clock::wall();
        let entry = |(put, stamp): &(&Put, Stamp)| mutate_rows_request::Entry {
            row_key: put.key.as_str().into(),
            mutations: item::store(put, stamp, now),
            ..mutate_rows_request::Entry::default()
        };
        let asked = || MutateRowsRequest {
            table_name: self.table.to_string(),
            app_profile_id: self.app_profile.to_string(),
            entries: puts.iter().map(entry).collect(),
            ..MutateRowsRequest::default()
        };
        let send = |mut client: BigtableClient<_>, request| async move { client.mutate_rows(request).await };
        let mut results: Vec<Option<Result<PutAnswer, ProviderError>>> = vec![None; puts.len()];
        let ended = match self.ask(asked, send).await {
            Err(error) => Err(error),
            Ok((mut stream, watch)) => {
                let exchange = async {
                    while let Some(message) = stream.message().await? {
                        for entry in message.entries {
                            let at = usize::try_from(entry.index).ok();
                            let Some((at, slot)) = at.and_then(|at| Some((at, results.get_mut(at)?))) else {
                                continue;
                            };
                            let code = entry.status.map_or(0, |status| status.code);
                            *slot = Some(match code {
                                0 => Ok(PutAnswer::new(puts[at].1.version())),
                                code => Err(error::entry(code)),
                            });
                        }
                    }
                    Ok(())
                };
                let ended = exchange.await;
                watch.ended(ended)
            }
        };
        // Of what has no result nobody knows: if the call failed, why.
        let unknown = ended.err().unwrap_or_else(nonsense);
        let results = results.into_iter();
        results
            .map(|result| result.unwrap_or_else(|| Err(unknown.clone())))
            .collect()
    }
}

pub(super) fn keys<'k>(keys: impl IntoIterator<Item = &'k str>) -> RowSet {
    RowSet {
        row_keys: keys.into_iter().map(Into::into).collect(),
        row_ranges: Vec::new(),
    }
}

/// The text, escaped for a header that has the form of a query.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
