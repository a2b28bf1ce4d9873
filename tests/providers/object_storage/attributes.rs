//! Attributes that the conformance suite does not ask of every server.

use evenkeel::{
    provider::ObjectProvider,
    request::{
        Key,
        object::{Attributes, Get, Head, Put, PutMode},
    },
};
use std::sync::Arc;

/// Names with `_`, which some servers drop, come back; and what was not stored, does not.
pub(crate) async fn come_back(store: &impl ObjectProvider) {
    let mut named = Attributes::default();
    for name in ["the_colour", "the-colour", "a-b_c", "number2"] {
        named.metadata.insert(name.into(), format!("of {name}"));
    }
    let mut packed = Attributes::default();
    packed.content_encoding = Some("gzip".into());
    for attributes in [named, packed] {
        let key = Key::new("attributes/of-a-kind").unwrap();
        let mut put = Put::new(key.clone(), "not unpacked");
        put.mode = PutMode::Overwrite;
        put.attributes = Arc::new(attributes.clone());
        store.put(put).await.unwrap();
        let got = store.get(Get::new(key.clone())).await.unwrap();
        assert_eq!(got.body, "not unpacked");
        let head = store.head(Head::new(key)).await.unwrap();
        for mut there in [got.meta.attributes, head.attributes] {
            // Most servers have one for what was stored without.
            there.content_type = None;
            assert_eq!(there, attributes);
        }
    }
}
