//! What a store of a test passes on to the one that it wraps: `objects_through!(self.inner: get head delete list)`.

#![allow(unused_macros)] // each test binary uses the part it needs

macro_rules! objects_through {
    ($self:ident.$inner:tt: $($operation:ident)*) => { $(objects_through! { @$operation $self $inner })* };
    (@put $self:ident $inner:tt) => { objects_through! { @@put(object::Put) -> object::PutAnswer, $self $inner } };
    (@get $self:ident $inner:tt) => { objects_through! { @@get(object::Get) -> object::Object, $self $inner } };
    (@head $self:ident $inner:tt) => { objects_through! { @@head(object::Head) -> object::ObjectMeta, $self $inner } };
    (@delete $self:ident $inner:tt) => {
        async fn delete(&$self, delete: evenkeel::request::object::Delete) -> Result<(), evenkeel::provider::ProviderError> {
            $self.$inner.delete(delete).await
        }
    };
    (@list $self:ident $inner:tt) => { objects_through! { @@list(object::List) -> object::ListPage, $self $inner } };
    (@uploads $self:ident $inner:tt) => {
        objects_through! { @@begin_upload(object::BeginUpload) -> object::UploadId, $self $inner }
        objects_through! { @@put_part(object::PutPart) -> object::PartTag, $self $inner }
        objects_through! { @@list_uploads(object::ListUploads) -> object::UploadPage, $self $inner }
        async fn abort_upload(
            &$self,
            abort: evenkeel::request::object::AbortUpload,
        ) -> Result<(), evenkeel::provider::ProviderError> {
            $self.$inner.abort_upload(abort).await
        }
    };
    (@capabilities $self:ident $inner:tt) => {
        fn capabilities(&$self) -> evenkeel::provider::Capabilities {
            $self.$inner.capabilities()
        }
    };
    (@@$operation:ident($($asked:ident)::*) -> $($answer:ident)::*, $self:ident $inner:tt) => {
        async fn $operation(
            &$self,
            asked: evenkeel::request::$($asked)::*,
        ) -> Result<evenkeel::request::$($answer)::*, evenkeel::provider::ProviderError> {
            $self.$inner.$operation(asked).await
        }
    };
}

macro_rules! values_through {
    ($self:ident.$inner:tt: $($operation:ident)*) => { $(values_through! { @$operation $self $inner })* };
    (@put $self:ident $inner:tt) => { objects_through! { @@put(kv::Put) -> kv::PutAnswer, $self $inner } };
    (@get $self:ident $inner:tt) => { objects_through! { @@get(kv::Get) -> kv::Value, $self $inner } };
    (@scan $self:ident $inner:tt) => { objects_through! { @@scan(kv::Scan) -> kv::ScanPage, $self $inner } };
    (@delete $self:ident $inner:tt) => {
        async fn delete(&$self, delete: evenkeel::request::kv::Delete) -> Result<(), evenkeel::provider::ProviderError> {
            $self.$inner.delete(delete).await
        }
    };
    (@limits $self:ident $inner:tt) => {
        fn limits(&$self) -> evenkeel::request::kv::Limits {
            $self.$inner.limits()
        }
    };
}
