use super::{
    Classify, Detail, IoVerdicts, Outcome,
    table::{self, Symptom},
};
use crate::model::NotLoaded;
use std::io;

/// The crate's own verdicts, all in one: the default of [`Failover`](crate::Failover).
///
/// `Standard` covers `std::io::Error`. With the feature `http`, it covers hyper's errors and the status of
/// `http::Response`s; with the feature `s3` or `dynamodb`, every AWS SDK's `SdkError`; with `azure_core`, the error of
/// all Azure SDKs, and with `cosmos` the Cosmos DB SDK's `CosmosError`; with `google_cloud`, the error of all of
/// Google's SDKs; with `bigtable`, `tonic::Status`; with `redis`, `redis::RedisError`. It judges a
/// `Box<dyn Error + Send + Sync>` and an [`AnyError`](super::AnyError) by their content, as
/// [`ByCause`](super::ByCause) does.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standard;

impl<T> Classify<T, io::Error> for Standard {
    fn classify(&self, result: Result<&T, &io::Error>) -> Outcome {
        IoVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&T, &io::Error>) -> Detail {
        IoVerdicts.detail(result)
    }
}

/// For a closure whose only failure is [`Keeper::current`](crate::credentials::Keeper::current): denied, not sent.
impl<T> Classify<T, NotLoaded> for Standard {
    fn classify(&self, result: Result<&T, &NotLoaded>) -> Outcome {
        match result {
            Ok(_) => Outcome::SUCCESS,
            Err(_) => table::for_symptom(Symptom::CredentialsNotLoaded),
        }
    }
}

#[cfg(feature = "http")]
impl<B> Classify<http::Response<B>, hyper::Error> for Standard {
    fn classify(&self, result: Result<&http::Response<B>, &hyper::Error>) -> Outcome {
        super::HttpVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&http::Response<B>, &hyper::Error>) -> Detail {
        super::HttpVerdicts.detail(result)
    }
}

#[cfg(feature = "http")]
impl<B> Classify<http::Response<B>, hyper_util::client::legacy::Error> for Standard {
    fn classify(&self, result: Result<&http::Response<B>, &hyper_util::client::legacy::Error>) -> Outcome {
        super::HttpVerdicts.classify(result)
    }

    fn detail(&self, result: Result<&http::Response<B>, &hyper_util::client::legacy::Error>) -> Detail {
        super::HttpVerdicts.detail(result)
    }
}
