//! S3 with small parts: a debug build sums and signs five megabytes too slowly to do so hundreds of times.

use evenkeel::{
    endpoint::Host,
    provider::{Capabilities, ObjectProvider, PartRule, ProviderError, S3},
    request::{
        Key,
        object::{
            AbortUpload, BeginUpload, CompleteUpload, Delete, Get, Head, List, ListPage, ListUploads, Object,
            ObjectMeta, PartTag, Put, PutAnswer, PutPart, Terms, UploadId, UploadPage,
        },
    },
};

/// All is S3's own, but for the least length of a part. For a server that takes such.
#[derive(Clone)]
pub(crate) struct Small(pub(crate) S3);

macro_rules! as_s3_does {
    ($($name:ident($request:ty) -> $answer:ty;)*) => {
        impl ObjectProvider for Small {
            $(async fn $name(&self, request: $request) -> Result<$answer, ProviderError> {
                self.0.$name(request).await
            })*

            async fn warm_up(&self) -> Result<(), ProviderError> {
                self.0.warm_up().await
            }

            fn check_terms(&self, terms: &Terms) -> Result<(), ProviderError> {
                self.0.check_terms(terms)
            }

            fn check_key(&self, key: &Key) -> Result<(), ProviderError> {
                self.0.check_key(key)
            }

            fn hosts(&self) -> Option<Vec<Host>> {
                self.0.hosts()
            }

            fn capabilities(&self) -> Capabilities {
                ObjectProvider::capabilities(&self.0).with_parts(PartRule::S3.lengths(1, PartRule::S3.most))
            }
        }
    };
}

as_s3_does! {
    put(Put) -> PutAnswer;
    get(Get) -> Object;
    head(Head) -> ObjectMeta;
    delete(Delete) -> ();
    list(List) -> ListPage;
    begin_upload(BeginUpload) -> UploadId;
    put_part(PutPart) -> PartTag;
    complete_upload(CompleteUpload) -> PutAnswer;
    abort_upload(AbortUpload) -> ();
    list_uploads(ListUploads) -> UploadPage;
}
