//! Google Cloud Storage, as far as the adapter asks: JSON and media over HTTP/1.1, the rest as gRPC over HTTP/2, on one port.
//! Written from Google's documents by those who wrote the adapter: no independent peer.

use bytes::Bytes;
use googleapis_tonic_google_storage_v2::google::storage::v2::{
    ComposeObjectRequest, DeleteObjectRequest, GetObjectRequest, ListObjectsRequest, ListObjectsResponse, Object,
    RewriteObjectRequest, RewriteResponse,
};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::HeaderValue,
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use prost::Message;
use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::SystemTime,
};
use tokio::{net::TcpListener, task::JoinSet};

const INVALID_ARGUMENT: u16 = 3;
const NOT_FOUND: u16 = 5;
const FAILED_PRECONDITION: u16 = 9;

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// Ends with its connections when dropped. Has one bucket, `orders`.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    _accepting: JoinSet<()>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    generations: i64,
}

#[derive(Clone)]
struct Stored {
    body: Bytes,
    generation: i64,
    written: SystemTime,
    content_type: String,
    cache_control: String,
    content_disposition: String,
    content_encoding: String,
    content_language: String,
    storage_class: String,
    kms_key: String,
    metadata: HashMap<String, String>,
}

pub(crate) async fn start() -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let state = Arc::new(Mutex::new(State::default()));
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let state = state.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| answer(state.clone(), request));
                let http = auto::Builder::new(TokioExecutor::new());
                // A client that goes away is no failure of the server's.
                let _ = http.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    Server {
        addr,
        _accepting: accepting,
    }
}

/// A server that refuses every gRPC call with this code.
pub(crate) async fn refusing(code: u16) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            connections.spawn(async move {
                let refuse = move |_: Request<Incoming>| {
                    std::future::ready(Ok::<_, Infallible>(status(code, "about secret-key")))
                };
                let http = auto::Builder::new(TokioExecutor::new());
                let _ = http.serve_connection(TokioIo::new(socket), service_fn(refuse)).await;
            });
        }
    });
    Server {
        addr,
        _accepting: accepting,
    }
}

async fn answer(state: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    // One lock from the check to the write is what makes conditional puts atomic.
    let mut state = state.lock().unwrap();
    let path = head.uri.path();
    if let Some(method) = path.strip_prefix("/google.storage.v2.Storage/") {
        // Five bytes of frame before the message.
        return Ok(state.grpc(method, &body[5..]));
    }
    let query: HashMap<String, String> = url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    if let Some(rest) = path.strip_prefix("/upload/storage/v1/b/") {
        let bucket = rest.strip_suffix("/o").unwrap();
        return Ok(state.upload(bucket, &query, &head.headers, &body));
    }
    let rest = path.strip_prefix("/storage/v1/b/").unwrap();
    let (bucket, object) = rest.split_once("/o/").unwrap();
    Ok(state.media(bucket, &decoded(object), &query, &head.headers))
}

impl State {
    fn upload(&mut self, bucket: &str, query: &HashMap<String, String>, head: &HeaderMap, body: &Bytes) -> Answer {
        assert_eq!(query["uploadType"], "multipart");
        if bucket != "orders" {
            return refused(404, "notFound", "The specified bucket does not exist.");
        }
        let name = &query["name"];
        let there = self.objects.get(name).map_or(0, |stored| stored.generation);
        if query
            .get("ifGenerationMatch")
            .is_some_and(|wanted| *wanted != there.to_string())
        {
            return refused(
                412,
                "conditionNotMet",
                "At least one of the pre-conditions you specified did not hold.",
            );
        }
        let (resource, media) = parts(head["content-type"].to_str().unwrap(), body);
        let crc = crc32c(&media);
        if resource["crc32c"].as_str().is_some_and(|sent| sent != crc) {
            return refused(400, "invalid", "Provided CRC32C does not match.");
        }
        let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
        self.generations += 1;
        let stored = Stored {
            body: media,
            generation: 1_700_000_000_000_000 + self.generations,
            // The server's clock is none of the crate's.
            #[allow(clippy::disallowed_methods)]
            written: SystemTime::now(),
            content_type: Some(text("contentType"))
                .filter(|t| !t.is_empty())
                .unwrap_or("application/octet-stream".into()),
            cache_control: text("cacheControl"),
            content_disposition: text("contentDisposition"),
            content_encoding: text("contentEncoding"),
            content_language: text("contentLanguage"),
            storage_class: Some(text("storageClass"))
                .filter(|t| !t.is_empty())
                .unwrap_or("STANDARD".into()),
            kms_key: query.get("kmsKeyName").cloned().unwrap_or_default(),
            metadata: serde_json::from_value(resource["metadata"].clone()).unwrap_or_default(),
        };
        let answer = serde_json::json!({
            "kind": "storage#object", "name": name, "bucket": bucket,
            "generation": stored.generation.to_string(), "metageneration": "1",
            "size": stored.body.len().to_string(), "contentType": stored.content_type,
            "metadata": stored.metadata, "crc32c": crc,
        });
        self.objects.insert(name.clone(), stored);
        json(200, &answer)
    }

    fn media(&self, bucket: &str, name: &str, query: &HashMap<String, String>, head: &HeaderMap) -> Answer {
        assert_eq!(query["alt"], "media");
        let Some(stored) = self.objects.get(name).filter(|_| bucket == "orders") else {
            return plain(404, &format!("No such object: {bucket}/{name}"));
        };
        if query.get("ifGenerationNotMatch") == Some(&stored.generation.to_string()) {
            return plain(304, "");
        }
        let size = stored.body.len();
        let range = match head.get("range").map(|range| range.to_str().unwrap()) {
            None => None,
            Some(range) => match range.strip_prefix("bytes=").unwrap().split_once('-').unwrap() {
                ("", last) => Some(size.saturating_sub(last.parse().unwrap())..size),
                (start, "") => Some(start.parse().unwrap()..size),
                (start, end) => Some(start.parse().unwrap()..size.min(end.parse::<usize>().unwrap() + 1)),
            },
        };
        if range.as_ref().is_some_and(|range| range.start >= range.end) {
            return plain(416, "The requested range cannot be satisfied.");
        }
        let mut answer = Response::builder()
            .header("x-goog-generation", stored.generation)
            .header("x-goog-metageneration", 1)
            .header("x-goog-stored-content-length", size)
            .header(
                "x-goog-stored-content-encoding",
                some_or(&stored.content_encoding, "identity"),
            )
            .header("x-goog-hash", format!("crc32c={}", crc32c(&stored.body)))
            .header("content-type", &stored.content_type);
        for (name, value) in [
            ("content-disposition", &stored.content_disposition),
            ("content-encoding", &stored.content_encoding),
            ("content-language", &stored.content_language),
        ] {
            if !value.is_empty() {
                answer = answer.header(name, value);
            }
        }
        for (name, value) in &stored.metadata {
            answer = answer.header(format!("x-goog-meta-{name}"), value);
        }
        let body = match range {
            None => stored.body.clone(),
            Some(range) => {
                answer = answer.status(206).header(
                    "content-range",
                    format!("bytes {}-{}/{size}", range.start, range.end - 1),
                );
                stored.body.slice(range)
            }
        };
        answer.body(boxed(Full::new(body))).unwrap()
    }

    fn grpc(&mut self, method: &str, message: &[u8]) -> Answer {
        let orders = |bucket: &str| bucket == "projects/_/buckets/orders";
        match method {
            "GetObject" => {
                let asked = GetObjectRequest::decode(message).unwrap();
                match self.objects.get(&asked.object).filter(|_| orders(&asked.bucket)) {
                    Some(stored) => ok(&stored.described(&asked.object)),
                    None if orders(&asked.bucket) => status(NOT_FOUND, &format!("No such object: {}", asked.object)),
                    None => status(NOT_FOUND, "The specified bucket does not exist."),
                }
            }
            "DeleteObject" => {
                let asked = DeleteObjectRequest::decode(message).unwrap();
                let there = self.objects.get(&asked.object).map(|stored| stored.generation);
                if there.is_some() && asked.if_generation_match.is_some() && there != asked.if_generation_match {
                    return status(FAILED_PRECONDITION, "The generation does not match.");
                }
                if asked.generation != 0 && there != Some(asked.generation) {
                    return status(NOT_FOUND, &format!("No such object: {}", asked.object));
                }
                match self.objects.remove(&asked.object) {
                    Some(_) => ok(&()),
                    None => status(NOT_FOUND, &format!("No such object: {}", asked.object)),
                }
            }
            "ListObjects" => {
                let asked = ListObjectsRequest::decode(message).unwrap();
                if orders(&asked.parent) {
                    ok(&self.list(&asked))
                } else {
                    status(NOT_FOUND, "The specified bucket does not exist.")
                }
            }
            "ComposeObject" => self.compose(ComposeObjectRequest::decode(message).unwrap()),
            "RewriteObject" => self.rewrite(RewriteObjectRequest::decode(message).unwrap()),
            _ => status(12, "unimplemented"),
        }
    }

    /// Whether the live object of this name is of this generation, if one is asked for. 0: there is none.
    fn is_of(&self, name: &str, generation: Option<i64>) -> bool {
        let there = self.objects.get(name).map_or(0, |stored| stored.generation);
        generation.is_none_or(|wanted| wanted == there)
    }

    /// Stores a body as this object, and says so.
    fn keep(&mut self, name: &str, described: Object, kms_key: String, body: Bytes, class: String) -> Object {
        self.generations += 1;
        let stored = Stored {
            body,
            generation: 1_700_000_000_000_000 + self.generations,
            #[allow(clippy::disallowed_methods)] // as above
            written: SystemTime::now(),
            content_type: described.content_type,
            cache_control: described.cache_control,
            content_disposition: described.content_disposition,
            content_encoding: described.content_encoding,
            content_language: described.content_language,
            storage_class: class,
            kms_key,
            metadata: described.metadata.into_iter().collect(),
        };
        let answer = stored.described(name);
        self.objects.insert(name.to_owned(), stored);
        answer
    }

    /// In one step with the removal of the sources.
    fn compose(&mut self, asked: ComposeObjectRequest) -> Answer {
        let destination = asked.destination.unwrap();
        assert_eq!(destination.bucket, "projects/_/buckets/orders");
        let names: Vec<_> = asked.source_objects.iter().map(|source| source.name.clone()).collect();
        if !(1..=32).contains(&names.len()) {
            return status(
                INVALID_ARGUMENT,
                "The number of source components must be between 1 and 32.",
            );
        }
        let name = destination.name.clone();
        if !self.is_of(&name, asked.if_generation_match) {
            return status(
                FAILED_PRECONDITION,
                "At least one of the pre-conditions you specified did not hold.",
            );
        }
        let mut body = Vec::new();
        let mut classes = std::collections::BTreeSet::new();
        for name in &names {
            let Some(stored) = self.objects.get(name) else {
                return status(NOT_FOUND, &format!("No such object: orders/{name}"));
            };
            body.extend_from_slice(&stored.body);
            classes.insert(stored.storage_class.clone());
        }
        if classes.len() > 1 {
            return status(INVALID_ARGUMENT, "The source objects must be of one storage class.");
        }
        let class = classes.pop_first().unwrap();
        if asked.delete_source_objects == Some(true) {
            names.iter().for_each(|name| drop(self.objects.remove(name)));
        }
        let kept = self.keep(&name, destination, asked.kms_key, body.into(), class);
        ok(&kept)
    }

    /// In one step within a class, else in two.
    fn rewrite(&mut self, asked: RewriteObjectRequest) -> Answer {
        let Some(source) = self.objects.get(&asked.source_object).cloned() else {
            return status(NOT_FOUND, &format!("No such object: orders/{}", asked.source_object));
        };
        let is_source = self.is_of(&asked.source_object, asked.if_source_generation_match);
        if !is_source || !self.is_of(&asked.destination_name, asked.if_generation_match) {
            return status(
                FAILED_PRECONDITION,
                "At least one of the pre-conditions you specified did not hold.",
            );
        }
        let described = asked
            .destination
            .unwrap_or_else(|| source.described(&asked.source_object));
        let class = some_or(&described.storage_class, "STANDARD").to_owned();
        let size = source.body.len() as i64;
        let mut answer = RewriteResponse {
            object_size: size,
            ..RewriteResponse::default()
        };
        if class != source.storage_class && asked.rewrite_token.is_empty() {
            answer.total_bytes_rewritten = size / 2;
            answer.rewrite_token = "half".into();
            return ok(&answer);
        }
        (answer.total_bytes_rewritten, answer.done) = (size, true);
        let (name, key) = (&asked.destination_name, asked.destination_kms_key);
        answer.resource = Some(self.keep(name, described, key, source.body, class));
        ok(&answer)
    }

    /// A page token is the last name of the page before. Starts are inclusive, as Google has it.
    fn list(&self, asked: &ListObjectsRequest) -> ListObjectsResponse {
        let mut answer = ListObjectsResponse::default();
        let mut last = String::new();
        for (name, stored) in &self.objects {
            let Some(rest) = name.strip_prefix(&asked.prefix) else {
                continue;
            };
            let end = rest.find(&asked.delimiter).filter(|_| !asked.delimiter.is_empty());
            let folded = end.map(|end| name[..asked.prefix.len() + end + asked.delimiter.len()].to_owned());
            let listed = folded.as_ref().unwrap_or(name);
            if *listed < asked.lexicographic_start || *listed <= asked.page_token || *listed == last {
                continue;
            }
            if answer.objects.len() + answer.prefixes.len() == asked.page_size as usize {
                answer.next_page_token = last;
                break;
            }
            last.clone_from(listed);
            match folded {
                Some(prefix) => answer.prefixes.push(prefix),
                None => answer.objects.push(stored.described(name)),
            }
        }
        answer
    }
}

impl Stored {
    fn described(&self, name: &str) -> Object {
        Object {
            name: name.to_owned(),
            bucket: "projects/_/buckets/orders".into(),
            generation: self.generation,
            metageneration: 1,
            size: self.body.len() as i64,
            content_type: self.content_type.clone(),
            cache_control: self.cache_control.clone(),
            content_disposition: self.content_disposition.clone(),
            content_encoding: self.content_encoding.clone(),
            content_language: self.content_language.clone(),
            storage_class: self.storage_class.clone(),
            kms_key: self.kms_key.clone(),
            metadata: self.metadata.clone().into_iter().collect(),
            create_time: Some(self.written.into()),
            update_time: Some(self.written.into()),
            ..Object::default()
        }
    }
}

/// The resource and the media of a `multipart/related` body. A third part may hold the checksum.
fn parts(content_type: &str, body: &Bytes) -> (serde_json::Value, Bytes) {
    let (_, boundary) = content_type.split_once("boundary=").unwrap();
    let delimiter = format!("--{}", boundary.trim_matches('"'));
    let find = |from: usize, what: &[u8]| {
        let place = body[from..].windows(what.len()).position(|window| window == what);
        from + place.unwrap()
    };
    let part = |from: usize| {
        let start = find(from, b"\r\n\r\n") + 4;
        let end = find(start, format!("\r\n{delimiter}").as_bytes());
        (start, end)
    };
    let (start, end) = part(0);
    let resource = serde_json::from_slice(&body[start..end]).unwrap();
    let (start, end) = part(end + 2);
    (resource, body.slice(start..end))
}

fn some_or<'t>(text: &'t str, otherwise: &'t str) -> &'t str {
    if text.is_empty() { otherwise } else { text }
}

fn decoded(text: &str) -> String {
    let pair = format!("k={}", text.replace('+', "%2B"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().unwrap().1.into_owned()
}

/// In base64 of its big-endian bytes, as Google writes it.
fn crc32c(bytes: &[u8]) -> String {
    let mut crc = !0_u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    base64(&(!crc).to_be_bytes())
}

fn base64(bytes: &[u8; 4]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = u64::from(u32::from_be_bytes(*bytes)) << 4;
    let digits = (0..6).rev().map(|i| DIGITS[(bits >> (i * 6)) as usize & 63] as char);
    digits.chain("==".chars()).collect()
}

fn boxed<B: Body<Data = Bytes, Error = Infallible> + Send + Sync + 'static>(body: B) -> BoxBody<Bytes, Infallible> {
    BoxBody::new(body)
}

fn plain(status: u16, text: &str) -> Answer {
    let mut answer = Response::new(boxed(Full::new(Bytes::from(text.to_owned()))));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn json(status: u16, value: &serde_json::Value) -> Answer {
    let mut answer = plain(status, &value.to_string());
    let kind = HeaderValue::from_static("application/json; charset=UTF-8");
    answer.headers_mut().insert("content-type", kind);
    answer
}

pub(crate) fn document(status: u16, reason: &str, message: &str) -> serde_json::Value {
    serde_json::json!({ "error": {
        "code": status, "message": message,
        "errors": [{ "message": message, "domain": "global", "reason": reason }],
    } })
}

fn refused(status: u16, reason: &str, message: &str) -> Answer {
    json(status, &document(status, reason, message))
}

fn ok(message: &impl Message) -> Answer {
    let mut frame = vec![0];
    frame.extend((message.encoded_len() as u32).to_be_bytes());
    frame.extend(message.encode_to_vec());
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    let body = Full::new(Bytes::from(frame)).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut answer = Response::new(boxed(body));
    let kind = HeaderValue::from_static("application/grpc");
    answer.headers_mut().insert("content-type", kind);
    answer
}

fn status(code: u16, message: &str) -> Answer {
    let mut answer = Response::new(boxed(Full::new(Bytes::new())));
    let headers = answer.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(code));
    // As gRPC encodes messages: what is no visible ASCII, and the escape itself.
    let escaped: String = message
        .bytes()
        .map(|b| match b {
            b'%' | 0..0x20 | 0x7f.. => format!("%{b:02X}"),
            _ => (b as char).to_string(),
        })
        .collect();
    headers.insert("grpc-message", HeaderValue::from_str(&escaped).unwrap());
    answer
}
