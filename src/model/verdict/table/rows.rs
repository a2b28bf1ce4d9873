//! The data. One row, one line.

use super::{FULL, Row, Symptom};
use crate::verdict::{
    Sent::{Maybe, No},
    Verdict::{Absent, Answer, Caller, Denied, Faulty, Success, Throttled, Unreachable},
};
use std::{io::ErrorKind, ops::RangeInclusive};

/// By the provider's error code. A code that ends in `*` stands for all that start so.
#[rustfmt::skip]
pub const CODES: &[Row<&str>] = &[
    // Throttled: slow down here, not dead.
    Row::new("SlowDown", Throttled, Maybe, "the provider asks to slow down", "S3's 503: its request rate, not its health"),
    Row::new("SlowDownRead", Throttled, Maybe, "the provider asks to slow down", "MinIO's word for it"),
    Row::new("SlowDownWrite", Throttled, Maybe, "the provider asks to slow down", "MinIO's word for it"),
    Row::new("TooManyRequests", Throttled, Maybe, "too many requests", "a 429 in words"),
    Row::new("TooManyRequestsException", Throttled, Maybe, "too many requests", "a 429 in words"),
    Row::new("RequestLimitExceeded", Throttled, Maybe, "the request limit is exceeded", "DynamoDB and EC2: a quota"),
    Row::new("BandwidthLimitExceeded", Throttled, Maybe, "the bandwidth limit is exceeded", "a quota"),
    Row::new("Throttling*", Throttled, Maybe, "the provider throttles", "Throttling, ThrottlingException, Throttling.User"),
    Row::new("ThrottledException", Throttled, Maybe, "the provider throttles", "another spelling"),
    Row::new("ProvisionedThroughputExceeded*", Throttled, Maybe, "the provisioned throughput is exceeded", "DynamoDB: a quota"),
    Row::new("ServerBusy", Throttled, Maybe, "the provider asks to slow down", "Azure's 503: above the account's or the partition's rate"),
    // Full is not ill: what is there can be read, and a create is taken elsewhere. So it is `Throttled`, for writes alone.
    Row::new("QuotaExceeded", Throttled, Maybe, FULL, "Ceph's and others' 403: no permission is missing, room is"),
    Row::new("InsufficientStorageSpace", Throttled, Maybe, FULL, "Huawei's 403: the bucket's quota"),
    Row::new("XMinioStorageFull", Throttled, Maybe, FULL, "MinIO's 507: its disks"),
    Row::new("XMinioAdminBucketQuotaExceeded", Throttled, Maybe, FULL, "MinIO's 400: the bucket's quota"),
    Row::new("InsufficientStorage", Throttled, Maybe, FULL, "a 507 in words"),
    // A race that S3 refused to decide. Nothing was done, and the same request may succeed at once, here or elsewhere. Of
    // the eight verdicts only `Throttled` says just that: tried again, no evidence of a fault, opens no breaker, surely not
    // applied. `Answer` would lose the call, `Faulty` would open the breaker of a healthy endpoint over a busy key.
    Row::new("ConditionalRequestConflict", Throttled, Maybe, "another write was under way", "409: nothing was done, try again"),
    Row::new("OperationAborted", Throttled, Maybe, "a conflicting operation was under way", "409: nothing was done, try again"),
    Row::new("TransactionConflictException", Throttled, Maybe, "a transaction on the same item was under way", "DynamoDB: nothing was done, try again"),
    Row::new("TransactionInProgressException", Throttled, Maybe, "the same transaction is under way", "DynamoDB: an earlier attempt with this token; try again"),
    Row::new("ReplicatedWriteConflictException", Throttled, Maybe, "another region was writing the same item", "a DynamoDB global table in its strong mode: nothing was done, try again"),
    Row::new("LimitExceededException", Throttled, Maybe, "too many operations on tables at once", "DynamoDB's control plane: a quota"),
    // Faulty: it answered, wrongly.
    Row::new("InternalError", Faulty, Maybe, "the provider failed inside", "S3's 500"),
    Row::new("InternalServerError", Faulty, Maybe, "the provider failed inside", "DynamoDB's 500"),
    Row::new("InternalFailure", Faulty, Maybe, "the provider failed inside", "a 500 in words"),
    Row::new("ServiceUnavailable", Faulty, Maybe, "the service is unavailable", "a 503 that does not ask to slow down"),
    Row::new("ServiceUnavailableException", Faulty, Maybe, "the service is unavailable", "a 503 that does not ask to slow down"),
    Row::new("RequestTimeout", Faulty, Maybe, "the provider did not receive the request in time", "S3's 400 for a slow connection, which is not the request's fault"),
    Row::new("RequestTimeoutException", Faulty, Maybe, "the provider did not receive the request in time", "another spelling"),
    Row::new("OperationTimedOut", Faulty, Maybe, "the operation took the provider too long", "Azure's 500: it may yet be done"),
    Row::new("IncompleteBody", Faulty, Maybe, "the body arrived incomplete", "lost on the way, not by the request"),
    Row::new("BadDigest", Faulty, Maybe, "the body arrived damaged", "damaged on the way: we computed the digest"),
    Row::new("XAmzContentChecksumMismatch", Faulty, Maybe, "the body arrived damaged", "damaged on the way: we computed the checksum"),
    Row::new("XAmzContentSHA256Mismatch", Faulty, Maybe, "the body arrived damaged", "damaged on the way: we computed the hash"),
    // Absent and its false friend.
    Row::new("NoSuchKey", Absent, Maybe, "no such object", "the store is healthy and says so"),
    Row::new("NoSuchVersion", Absent, Maybe, "no such version", "the store is healthy and says so"),
    Row::new("NoSuchUpload", Absent, Maybe, "no such upload", "the store is healthy and says so"),
    Row::new("BlobNotFound", Absent, Maybe, "no such blob", "the store is healthy and says so"),
    Row::new("NotFound", Absent, Maybe, "no such object", "the SDK's code for a HEAD, which has no body; a missing bucket looks the same, and so does a gateway that sends no page"),
    Row::new("NoSuchBucket", Caller, Maybe, "no such bucket", "wrong configuration: moving elsewhere would hide it"),
    Row::new("ContainerNotFound", Caller, Maybe, "no such container", "wrong configuration: moving elsewhere would hide it"),
    Row::new("ContainerBeingDeleted", Caller, Maybe, "the container is being deleted", "wrong configuration"),
    Row::new("QueueNotFound", Caller, Maybe, "no such queue", "Azure: wrong configuration"),
    Row::new("QueueBeingDeleted", Caller, Maybe, "the queue is being deleted", "Azure: wrong configuration"),
    Row::new("TableNotFound", Caller, Maybe, "no such table", "Azure: wrong configuration"),
    Row::new("ContainerDisabled", Caller, Maybe, "the container is disabled", "the owner's decision"),
    Row::new("ResourceNotFoundException", Caller, Maybe, "no such table", "DynamoDB: wrong configuration"),
    // Answers: a refusal that is the answer.
    Row::new("PreconditionFailed", Answer, Maybe, "the condition does not hold", "412"),
    Row::new("ConditionNotMet", Answer, Maybe, "the condition does not hold", "Azure's 412, and its 304"),
    Row::new("NotModified", Answer, Maybe, "the object has not changed", "304"),
    Row::new("ConditionalCheckFailedException", Answer, Maybe, "the condition does not hold", "DynamoDB's 412"),
    Row::new("FileAlreadyExists", Answer, Maybe, "the object exists already", "Alibaba OSS's 409 to a create"),
    Row::new("BlobAlreadyExists", Answer, Maybe, "the object exists already", "Azure's 409 to a create"),
    Row::new("InvalidRange", Answer, Maybe, "the range lies outside the object", "416; some stores send 400"),
    Row::new("TransactionCanceledException", Answer, Maybe, "the transaction was cancelled", "DynamoDB: a condition did not hold; its reasons may say otherwise, see `for_answer`"),
    Row::new("DuplicateItemException", Answer, Maybe, "the item exists already", "DynamoDB's PartiQL: an INSERT of what is there"),
    // Denied: the permission.
    Row::new("AccessDenied", Denied, Maybe, "access was denied", "may be one key's: S3 also says so of a missing key when listing is not allowed"),
    Row::new("AccessDeniedException", Denied, Maybe, "access was denied", "another spelling"),
    Row::new("AllAccessDisabled", Denied, Maybe, "all access is disabled", "the owner's or the provider's decision"),
    Row::new("AccountIsDisabled", Denied, Maybe, "the account is disabled", "the owner's or the provider's decision"),
    Row::new("AuthorizationFailure", Denied, Maybe, "access was denied", "Azure: the permission, or a network rule"),
    Row::new("AuthorizationPermissionMismatch", Denied, Maybe, "access was denied", "Azure: the identity lacks the permission"),
    Row::new("InsufficientAccountPermissions", Denied, Maybe, "access was denied", "Azure: the SAS or the role lacks the permission"),
    Row::new("AccountProblem", Denied, Maybe, "there is a problem with the account", "the provider's decision"),
    // Denied: the credential.
    Row::of_credential("InvalidAccessKeyId", Maybe, "the access key is not known", "valid keys were rejected in Alibaba's 2023 outage"),
    Row::of_credential("ExpiredToken", Maybe, "the session token has expired", "the token service may be down"),
    Row::of_credential("ExpiredTokenException", Maybe, "the session token has expired", "another spelling"),
    Row::of_credential("TokenRefreshRequired", Maybe, "the session token must be refreshed", "the token service may be down"),
    Row::of_credential("InvalidToken", Maybe, "the session token is not valid", "the token service may be down"),
    Row::of_credential("UnrecognizedClientException", Maybe, "the access key is not known", "DynamoDB's word for it"),
    Row::of_credential("InvalidClientTokenId", Maybe, "the access key is not known", "STS's word for it"),
    Row::of_credential("AuthenticationFailed", Maybe, "the request could not be authenticated", "Azure: signature, SAS or token; on one that just worked, the provider's fault"),
    Row::of_credential("InvalidAuthenticationInfo", Maybe, "the credentials are not valid", "Azure: an expired or foreign token"),
    Row::of_credential("SignatureDoesNotMatch", Maybe, "the signature does not match", "on a secret that just worked, the provider's fault"),
    Row::of_credential("InvalidSignatureException", Maybe, "the signature does not match", "DynamoDB's word for it"),
    Row::new("RequestTimeTooSkewed", Denied, No, "this host's clock and the provider's differ too much", "no credential's fault, and nothing was done: the SDK signs the next attempt by the clock of this answer"),
    Row::of_credential("IncompleteSignature", Maybe, "the signature is incomplete", "DynamoDB's word for a damaged header"),
    Row::of_credential("IncompleteSignatureException", Maybe, "the signature is incomplete", "another spelling"),
    Row::of_credential("MissingAuthenticationToken*", Maybe, "the request was not signed", "the credentials were lost on the way"),
    Row::new("RequestExpired", Denied, No, "this host's clock and the provider's differ too much", "DynamoDB's word for it"),
    // Caller: wrong here, wrong everywhere.
    Row::new("ItemCollectionSizeLimitExceededException", Caller, Maybe, "the item collection is too large", "DynamoDB: 10 GB for a key, with a local secondary index"),
    Row::new("IdempotentParameterMismatchException", Caller, Maybe, "the token was used for another transaction", "DynamoDB"),
    Row::new("ResourceInUseException", Caller, Maybe, "the table is being changed", "DynamoDB's control plane"),
    Row::new("PermanentRedirect", Caller, Maybe, "the bucket lies in another region", "301: wrong configuration"),
    Row::new("AuthorizationHeaderMalformed", Caller, Maybe, "the region or the signature's scope is wrong", "wrong configuration"),
    Row::new("NotImplemented", Caller, Maybe, "the store does not implement this", "501: it would not tomorrow either"),
    Row::new("MethodNotAllowed", Caller, Maybe, "the store does not allow this", "405"),
    Row::new("RequestBodyTooLarge", Caller, Maybe, "the body is too large", "Azure: a limit of the store"),
    Row::new("EntityTooLarge", Caller, Maybe, "the body is too large", "a limit of the store"),
    Row::new("KeyTooLongError", Caller, Maybe, "the key is too long", "a limit of the store"),
    Row::new("MetadataTooLarge", Caller, Maybe, "the metadata is too large", "a limit of the store"),
    Row::new("InvalidBucketName", Caller, Maybe, "the bucket's name is not valid", "wrong configuration"),
    Row::new("InvalidRequest", Caller, Maybe, "the request is not valid", "and would not be elsewhere"),
    Row::new("InvalidArgument", Caller, Maybe, "an argument is not valid", "and would not be elsewhere"),
    Row::new("ValidationException", Caller, Maybe, "an argument is not valid", "DynamoDB's word for it"),
];

/// By HTTP status, where no known code says more. The first row that contains the status counts.
#[rustfmt::skip]
pub const STATUSES: &[Row<RangeInclusive<u16>>] = &[
    Row::new(200..=299, Success, Maybe, "the request succeeded", ""),
    Row::new(304..=304, Answer, Maybe, "the resource has not changed", "asked for, and answered"),
    Row::new(300..=399, Caller, Maybe, "the resource lies elsewhere", "wrong region or wrong configuration; redirects are not followed, because they could leave the permitted locations"),
    Row::new(401..=401, Denied, Maybe, "access was denied", "without a code it may be the permission alone"),
    Row::new(403..=403, Denied, Maybe, "access was denied", "without a code it may be the permission alone"),
    Row::new(404..=404, Absent, Maybe, "the resource does not exist", "the store is healthy and says so; the adapters believe it of the store alone, by its code or its mark, and take a gateway's for nonsense"),
    Row::new(408..=408, Faulty, Maybe, "the server did not receive the request in time", "a slow path, not a wrong request"),
    Row::new(409..=409, Answer, Maybe, "the request conflicts with what is there", "create conflicts of several stores; without a code, the client looks at what is there"),
    Row::new(412..=412, Answer, Maybe, "the condition does not hold", "asked for, and answered"),
    Row::new(413..=413, Faulty, No, "the body is too large for something on the way", "a gateway's limit: a store that takes no more says so with a code; and nothing was stored"),
    Row::new(416..=416, Answer, Maybe, "the range lies outside the resource", "asked for, and answered"),
    Row::new(429..=429, Throttled, Maybe, "too many requests", "slow down here"),
    Row::new(400..=499, Caller, Maybe, "the request is not valid", "and would not be elsewhere"),
    Row::new(507..=507, Throttled, Maybe, FULL, "healthy: what is there can be read"),
    Row::new(501..=501, Caller, Maybe, "the server does not implement this", "and would not be tomorrow"),
    Row::new(500..=599, Faulty, Maybe, "the server failed", "500, 502, 503 and 504 alike; a 503 that asks to slow down has a code"),
    Row::new(0..=u16::MAX, Faulty, Maybe, "the status makes no sense", "no HTTP server answers so"),
];

/// By the kind of a bare I/O error. Never proves that nothing was sent: it may come from a connection that was in use.
#[rustfmt::skip]
pub const IO: &[Row<ErrorKind>] = &[
    Row::new(ErrorKind::ConnectionRefused, Unreachable, Maybe, "the connection was refused", "nobody listens; but another attempt inside the client may have been sent"),
    Row::new(ErrorKind::HostUnreachable, Unreachable, Maybe, "the host cannot be reached", "the route is gone, perhaps in mid-request"),
    Row::new(ErrorKind::NetworkUnreachable, Unreachable, Maybe, "the network cannot be reached", "the route is gone, perhaps in mid-request"),
    Row::new(ErrorKind::NetworkDown, Unreachable, Maybe, "the network is down", "perhaps in mid-request"),
    Row::new(ErrorKind::AddrNotAvailable, Unreachable, Maybe, "the address is not available", "this host has no such route, or no free port"),
    Row::new(ErrorKind::NotConnected, Unreachable, Maybe, "there is no connection", "perhaps there was one"),
    Row::of_connection(ErrorKind::ConnectionReset, "the connection was reset", "after who knows what"),
    Row::of_connection(ErrorKind::ConnectionAborted, "the connection was aborted", "after who knows what"),
    Row::of_connection(ErrorKind::BrokenPipe, "the connection broke", "after who knows what"),
    Row::of_connection(ErrorKind::UnexpectedEof, "the answer ended early", "after who knows what"),
    Row::new(ErrorKind::TimedOut, Faulty, Maybe, "the operation took too long", "after who knows what"),
    Row::new(ErrorKind::StorageFull, Throttled, Maybe, FULL, "a mounted disk: what is there can be read"),
    Row::new(ErrorKind::QuotaExceeded, Throttled, Maybe, FULL, "a mounted disk: what is there can be read"),
    Row::new(ErrorKind::InvalidData, Faulty, Maybe, "the answer made no sense", "nonsense is a fault"),
    Row::new(ErrorKind::InvalidInput, Caller, Maybe, "the request is not valid", "and would not be elsewhere"),
    Row::new(ErrorKind::Unsupported, Caller, Maybe, "this is not supported", "and would not be elsewhere"),
];

/// By name.
#[rustfmt::skip]
pub const SYMPTOMS: &[Row<Symptom>] = &[
    Row::new(Symptom::ConnectRefused, Unreachable, No, "the connection was refused", "the HTTP client proves that it never connected"),
    Row::new(Symptom::ConnectTimeout, Unreachable, No, "the connection was not made in time", "the HTTP client proves that it never connected"),
    Row::new(Symptom::DnsNoSuchName, Unreachable, No, "the endpoint's name does not exist", "never \"no such bucket\": names vanish in outages"),
    Row::new(Symptom::DnsEmpty, Unreachable, No, "the endpoint's name has no address", "DynamoDB, October 2025"),
    Row::new(Symptom::DnsFailed, Unreachable, No, "the endpoint's name could not be resolved", "SERVFAIL, or a silent resolver"),
    Row::new(Symptom::TlsHandshake, Unreachable, No, "the TLS handshake failed", "requests are written after the handshake; early data is not used"),
    Row::new(Symptom::NotTls, Unreachable, No, "the server does not speak TLS: check scheme and port", "what came in place of its handshake was something else"),
    Row::new(Symptom::ConnectFailed, Unreachable, No, "no connection could be made", "the HTTP client proves that it never connected"),
    Row::new(Symptom::Unread, Unreachable, No, "the server did not read the request", "it says so (HTTP/2: a refused stream; gRPC: GOAWAY, too)"),
    Row::new(Symptom::DnsUnproven, Unreachable, Maybe, "the endpoint's name could not be resolved", "not from the HTTP client's connect, so no proof"),
    Row::of_connection(Symptom::Reset, "the connection broke under the request", "it may have been acted on"),
    Row::new(Symptom::AttemptTimeout, Faulty, Maybe, "the attempt took too long", "it may yet be acted on"),
    Row::new(Symptom::ShortBody, Faulty, Maybe, "the body does not have the announced length", "a short success is a failure"),
    Row::new(Symptom::WrongChecksum, Faulty, Maybe, "the body does not have the announced checksum", "damaged on the way or at rest"),
    Row::new(Symptom::Nonsense, Faulty, Maybe, "the answer made no sense", "a proxy's error page, or half an answer"),
    Row::new(Symptom::ErrorDocument, Faulty, Maybe, "a success with an error in it", "S3 can answer 200 with an error document"),
    Row::of_credential(Symptom::CredentialsNotLoaded, No, "credentials could not be loaded", "the identity service may be down (Kinesis 2020); nothing can be sent unsigned"),
    Row::new(Symptom::NotBuilt, Caller, No, "the request could not be built: check region, bucket and URL", "wrong here, wrong everywhere"),
    Row::new(Symptom::PlainToTls, Caller, Maybe, "the server speaks TLS: check scheme and port", "it says so in a page: wrong configuration, which moving elsewhere would hide"),
    Row::new(Symptom::Misuse, Caller, Maybe, "the HTTP client was misused", "wrong here, wrong everywhere"),
    Row::new(Symptom::Unknown, Faulty, Maybe, "the attempt failed for an unknown reason", "when in doubt: a fault, and perhaps sent"),
];
