//! What every write of an object says beside the body: condition, attributes, terms, id.

use super::{
    Objects,
    door::{self, Checked},
    terms::Asked,
};
use crate::{
    call::{Context, Error},
    replicate::{Condition, Mark, Write},
    request::{
        Key,
        object::{Attributes, BeginUpload, Head, ObjectRequest, Put, PutMode, WriteId},
    },
};
use bytes::Bytes;
use std::sync::Arc;

/// What the caller said.
#[derive(Clone, Debug)]
pub(super) struct Writing {
    pub(super) mode: PutMode,
    pub(super) attributes: Attributes,
    pub(super) terms: Asked,
    pub(super) write_id: Option<WriteId>,
}

impl Default for Writing {
    fn default() -> Self {
        Self {
            mode: PutMode::Create,
            attributes: Attributes::default(),
            terms: Asked::default(),
            write_id: None,
        }
    }
}

/// The same, checked: what begins an upload, and what a put has of it.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    pub(super) begin: BeginUpload,
    pub(super) mode: PutMode,
    pub(super) id: WriteId,
    /// Whether the caller chose the id.
    pub(super) known_id: bool,
}

impl Writing {
    /// `length`: the body's, if it is known and not here. `body`: the whole, if it is here. The write's id is bound to
    /// the length, and has the body's checksum.
    ///
    /// # Errors
    /// The write would be refused, or could not be kept as the caller said.
    pub(super) fn checked(
        self,
        cx: &Context<Objects>,
        key: Checked,
        length: Option<usize>,
        body: Option<&[u8]>,
    ) -> Result<Checks, Error> {
        let key = door::addressable(cx, key)?;
        if let PutMode::IfMatch(tag) = &self.mode {
            cx.checked(door::condition(tag))?;
        }
        let known_id = self.write_id.is_some();
        if let Some(id) = &self.write_id {
            cx.checked(id.check())?;
        }
        let chosen = self.write_id.as_ref();
        let id = match body {
            Some(body) => cx.core.id_of(chosen, key.as_str(), body),
            None => cx.core.write_id(chosen, key.as_str(), length),
        };
        cx.checked(door::attributes(&self.attributes, &id))?;
        let (terms, terms_at) = self.terms.settled(cx)?;
        let begin = BeginUpload {
            attributes: Arc::new(self.attributes),
            terms,
            terms_at,
            write_id: Some(id.clone()),
            ..BeginUpload::new(key)
        };
        Ok(Checks {
            begin,
            mode: self.mode,
            id,
            known_id,
        })
    }
}

impl Checks {
    pub(super) const fn key(&self) -> &Key {
        &self.begin.key
    }

    pub(super) fn condition(&self) -> Condition {
        match &self.mode {
            PutMode::Create => Condition::Create,
            PutMode::Overwrite => Condition::None,
            PutMode::IfMatch(tag) => Condition::Match {
                given_by: tag.endpoint().into(),
            },
        }
    }

    /// This write as a put of the whole body.
    pub(super) fn put(self, body: Bytes, fenced: bool) -> Write<Objects> {
        let put = Put {
            mode: self.mode.clone(),
            attributes: self.begin.attributes.clone(),
            terms: self.begin.terms.clone(),
            terms_at: self.begin.terms_at.clone(),
            write_id: self.begin.write_id.clone(),
            ..Put::new(self.key().clone(), body)
        };
        self.write(ObjectRequest::Put(put), fenced)
    }

    /// This write with the request that makes it.
    pub(super) fn write(self, request: ObjectRequest, fenced: bool) -> Write<Objects> {
        let length = match &request {
            ObjectRequest::Put(put) => Some(put.body.len() as u64),
            ObjectRequest::Copy(copy) => Some(copy.size),
            ObjectRequest::CompleteUpload(complete) => Some(complete.size()),
            _ => None,
        };
        Write {
            condition: self.condition(),
            look: ObjectRequest::Head(Head::new(self.key().clone())),
            request,
            known_id: self.known_id,
            mark: Mark { id: self.id, length },
            removes: false,
            fenced,
        }
    }
}

/// The setters of a write that a [`Writing`] in this field holds.
macro_rules! write_setters {
    ($($at:ident).+) => {
        /// `Content-Type`.
        pub fn content_type(mut self, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.content_type = Some(value.into());
            self
        }

        /// `Cache-Control`.
        pub fn cache_control(mut self, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.cache_control = Some(value.into());
            self
        }

        /// `Content-Disposition`.
        pub fn content_disposition(mut self, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.content_disposition = Some(value.into());
            self
        }

        /// `Content-Encoding`. The store keeps it; nobody packs or unpacks the body.
        pub fn content_encoding(mut self, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.content_encoding = Some(value.into());
            self
        }

        /// `Content-Language`.
        pub fn content_language(mut self, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.content_language = Some(value.into());
            self
        }

        /// A metadata pair of your own. Names are lower-case ASCII letters, digits, `-` and `_`; values are visible ASCII.
        pub fn metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.$($at).+.attributes.metadata.insert(name.into(), value.into());
            self
        }

        /// Adds a tag, at every endpoint. See [`Terms`](crate::request::object::Terms) for what a tag may look like
        /// and which stores keep tags.
        pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self.$($at).+.terms.everywhere = self.$($at).+.terms.everywhere.tag(name, value);
            self
        }

        /// Sets the storage class, at every endpoint. Each provider has its own classes: with endpoints of several
        /// providers, use [`terms_at`](Self::terms_at).
        pub fn storage_class(mut self, class: impl Into<String>) -> Self {
            self.$($at).+.terms.everywhere = self.$($at).+.terms.everywhere.storage_class(class);
            self
        }

        /// Sets the encryption, at every endpoint. Each provider has its own keys: with endpoints of several
        /// providers, use [`terms_at`](Self::terms_at).
        pub fn encryption(mut self, encryption: $crate::request::object::Encryption) -> Self {
            self.$($at).+.terms.everywhere = self.$($at).+.terms.everywhere.encryption(encryption);
            self
        }

        /// Sets the terms at the endpoint of this name, or at every endpoint of this provider.
        ///
        /// An endpoint's terms win over its provider's terms, the provider's over the terms for every endpoint, and
        /// those over the endpoint's own defaults. Class and encryption are each taken as a whole, tags name by name.
        ///
        /// No term is dropped, because a call that fails over must not lose its encryption key on the way. Before
        /// anything is sent, the put is therefore refused, with the endpoint's name,
        /// - as [`Unsupported`](crate::ErrorKind::Unsupported), if an endpoint that the put may go to cannot keep the
        ///   terms;
        /// - as [`InvalidInput`](crate::ErrorKind::InvalidInput), if the put sets a class, an encryption or tags for
        ///   some endpoints, and none for another endpoint that the put may go to. `Terms::new()` for that endpoint
        ///   accepts its defaults.
        ///
        /// ```
        /// use evenkeel::request::object::{Encryption, Terms};
        /// use evenkeel::{Endpoint, ErrorKind, ObjectClient, Replication, provider::Memory};
        ///
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let (virginia, azure) = (Memory::new(), Memory::new());
        /// let orders = ObjectClient::builder()
        ///     .endpoint(Endpoint::new("virginia", virginia.clone()).provider("aws"))
        ///     .endpoint(Endpoint::new("west europe", azure).provider("azure"))
        ///     .replication(Replication::write_once())
        ///     .build()?;
        /// let amazons = Terms::new().encryption(Encryption::kms("alias/orders"));
        /// let error = orders.put("42", "{}").terms_at("aws", amazons.clone()).await.unwrap_err();
        /// assert_eq!(error.kind(), ErrorKind::InvalidInput); // and at `west europe`?
        ///
        /// let azures = Terms::new().encryption(Encryption::kms("orders-scope"));
        /// orders.put("42", "{}").tag("team", "billing").terms_at("aws", amazons).terms_at("azure", azures).await?;
        /// assert_eq!(virginia.terms_of("42").unwrap().tags["team"], "billing");
        /// # Ok(()) }
        /// ```
        pub fn terms_at(mut self, endpoint_or_provider: impl Into<std::sync::Arc<str>>, terms: $crate::request::object::Terms) -> Self {
            self.$($at).+.terms.at.push((endpoint_or_provider.into(), terms));
            self
        }

        /// Sets all attributes, and the terms at every endpoint.
        #[cfg(feature = "object_store")]
        #[allow(dead_code, reason = "not every sort of write is described as a whole")]
        pub(in crate::client) fn described(
            mut self,
            attributes: $crate::request::object::Attributes,
            terms: $crate::request::object::Terms,
        ) -> Self {
            self.$($at).+.attributes = attributes;
            self.$($at).+.terms.everywhere = terms;
            self
        }

        /// Sends the put under this id instead of a new one. The put then recognises what an earlier call with the
        /// same id stored. Use the id of the [error](crate::Error::write_id), or an id derived from your own request.
        ///
        /// An id of your own is stored as a [stamp](crate::request::Stamp) that is made of it. The stamp names this key
        /// and the length of this body, too, where it is known beforehand: under the same id, a body of another length is
        /// another write.
        pub fn write_id(mut self, id: $crate::request::object::WriteId) -> Self {
            self.$($at).+.write_id = Some(id);
            self
        }
    };
}
pub(super) use write_setters;
