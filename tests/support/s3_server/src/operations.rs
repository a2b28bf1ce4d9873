//! S3's operations on a [`Store`], in s3s's words.

use crate::{
    listing, multipart, objects,
    store::{Bucket, Store},
};
use s3s::{
    S3, S3Request, S3Response, S3Result,
    dto::{self, BucketLocationConstraint, Tag, Timestamp},
    s3_error,
};
use std::collections::btree_map::Entry;

fn answer<T>(output: T) -> S3Result<S3Response<T>> {
    Ok(S3Response::new(output))
}

#[async_trait::async_trait]
impl S3 for Store {
    async fn create_bucket(
        &self,
        request: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        let name = request.input.bucket;
        match self.lock().buckets.entry(name.clone()) {
            Entry::Occupied(_) => return Err(s3_error!(BucketAlreadyOwnedByYou)),
            Entry::Vacant(entry) => entry.insert(Bucket::new()),
        };
        answer(dto::CreateBucketOutput {
            location: Some(format!("/{name}")),
        })
    }

    async fn delete_bucket(
        &self,
        request: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        let name = request.input.bucket;
        let mut state = self.lock();
        if !state.bucket(&name)?.objects.is_empty() {
            return Err(s3_error!(BucketNotEmpty));
        }
        state.buckets.remove(&name);
        answer(dto::DeleteBucketOutput {})
    }

    async fn head_bucket(
        &self,
        request: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        self.lock().bucket(&request.input.bucket)?;
        answer(dto::HeadBucketOutput::default())
    }

    async fn get_bucket_location(
        &self,
        request: S3Request<dto::GetBucketLocationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLocationOutput>> {
        self.lock().bucket(&request.input.bucket)?;
        answer(dto::GetBucketLocationOutput {
            location_constraint: None::<BucketLocationConstraint>,
        })
    }

    async fn list_buckets(&self, _: S3Request<dto::ListBucketsInput>) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        let state = self.lock();
        let buckets = state.buckets.iter().map(|(name, bucket)| dto::Bucket {
            name: Some(name.clone()),
            creation_date: Some(Timestamp::from(bucket.created)),
            ..dto::Bucket::default()
        });
        answer(dto::ListBucketsOutput {
            buckets: Some(buckets.collect()),
            ..dto::ListBucketsOutput::default()
        })
    }

    async fn put_object(&self, request: S3Request<dto::PutObjectInput>) -> S3Result<S3Response<dto::PutObjectOutput>> {
        answer(objects::put(self, request).await?)
    }

    async fn get_object(&self, request: S3Request<dto::GetObjectInput>) -> S3Result<S3Response<dto::GetObjectOutput>> {
        answer(objects::get(self, request.input)?)
    }

    async fn head_object(
        &self,
        request: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        answer(objects::head(self, request.input)?)
    }

    async fn copy_object(
        &self,
        request: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        answer(objects::copy(self, request)?)
    }

    async fn delete_object(
        &self,
        request: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        objects::delete(self, &request.input)?;
        answer(dto::DeleteObjectOutput::default())
    }

    async fn delete_objects(
        &self,
        request: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        answer(objects::delete_many(self, request)?)
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        answer(listing::objects(self, request.input)?)
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        answer(multipart::create(self, request.input)?)
    }

    async fn upload_part(
        &self,
        request: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        answer(multipart::upload(self, request).await?)
    }

    async fn upload_part_copy(
        &self,
        request: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        answer(multipart::copy(self, request.input)?)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        answer(multipart::complete(self, request.input)?)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        multipart::abort(self, &request.input)?;
        answer(dto::AbortMultipartUploadOutput::default())
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        answer(listing::uploads(self, request.input)?)
    }

    async fn list_parts(&self, request: S3Request<dto::ListPartsInput>) -> S3Result<S3Response<dto::ListPartsOutput>> {
        answer(listing::parts(self, request.input)?)
    }

    async fn get_object_tagging(
        &self,
        request: S3Request<dto::GetObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::GetObjectTaggingOutput>> {
        let object = self.get(&request.input.bucket, &request.input.key)?;
        let tags = object.attributes.tags.iter().map(|(key, value)| Tag {
            key: Some(key.clone()),
            value: Some(value.clone()),
        });
        answer(dto::GetObjectTaggingOutput {
            tag_set: tags.collect(),
            ..dto::GetObjectTaggingOutput::default()
        })
    }

    async fn put_object_tagging(
        &self,
        request: S3Request<dto::PutObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
        let input = request.input;
        let tags = input.tagging.tag_set.into_iter();
        let tags = tags.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
        objects::tag(self, &input.bucket, &input.key, tags.collect())?;
        answer(dto::PutObjectTaggingOutput::default())
    }

    async fn delete_object_tagging(
        &self,
        request: S3Request<dto::DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
        objects::tag(self, &request.input.bucket, &request.input.key, Vec::new())?;
        answer(dto::DeleteObjectTaggingOutput::default())
    }
}
