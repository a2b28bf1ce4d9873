//! Attributes that the conformance suite does not ask of every server.

use evenkeel::{
    provider::ObjectProvider,
    request::{
        Key,
        object::{Attributes, Get, Head, List, ListEntry, Put, PutMode, WriteId},
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

/// What an adapter says of its listings.
pub(crate) async fn ids_are_listed(store: &impl ObjectProvider) {
    assert!(store.capabilities().listed_ids);
    for (name, id) in [("with", Some(WriteId::new("the-write"))), ("without", None)] {
        let mut put = Put::new(Key::new(format!("listed/{name}")).unwrap(), "x");
        put.write_id = id;
        put.attributes = Arc::new({
            let mut attributes = Attributes::default();
            attributes.metadata.insert("the_colour".into(), "<blue> & so on".into());
            attributes
        });
        store.put(put).await.unwrap();
    }
    let mut list = List::default();
    list.prefix = "listed/".into();
    let page = store.list(list).await.unwrap();
    let ids = page.entries.into_iter().map(|entry| match entry {
        ListEntry::Object(meta) => (meta.write_id, meta.attributes),
        ListEntry::CommonPrefix(_) => panic!("nothing folds"),
    });
    let expected = [Some(WriteId::new("the-write")), None].map(|id| (id, Attributes::default()));
    assert_eq!(ids.collect::<Vec<_>>(), expected);
}
