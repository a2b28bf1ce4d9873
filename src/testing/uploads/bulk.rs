use super::Room;
use crate::{
    provider::{ObjectProvider, ProviderErrorKind},
    request::object::{DeleteMany, Get},
};

/// Names that a list of keys may mix up, beside plain ones.
const NAMES: [&str; 6] = ["a", "a/b", "a b", "ä & <b>", "%61", "a+b"];

pub(super) async fn a_declared_bulk_delete_removes_each_key_and_no_other<D: ObjectProvider>(room: &Room<'_, D>) {
    let many = |names: &[&str]| DeleteMany::new(names.iter().map(|name| room.key(name)).collect::<Vec<_>>());
    if room.door.capabilities().bulk_delete.is_none() {
        let refused = room.refused("a bulk delete", room.door.delete_many(many(&NAMES)).await);
        assert_eq!(
            refused.kind(),
            ProviderErrorKind::Unsupported,
            "{}: {refused}",
            room.name
        );
        return;
    }
    for name in NAMES.iter().chain(&["a c", "b"]) {
        room.overwrite(name, "x").await;
    }
    // The second time nothing is there.
    for what in ["a bulk delete", "a bulk delete of what is gone"] {
        let answers = room.ok(what, room.door.delete_many(many(&NAMES)).await);
        assert_eq!(answers.len(), NAMES.len(), "{}: {what}", room.name);
        for (name, answer) in NAMES.iter().zip(answers) {
            room.ok(&format!("{what}: {name:?}"), answer);
            let gone = room.door.get(Get::new(room.key(name))).await;
            let gone = room.refused("a get of what was deleted", gone);
            assert_eq!(gone.kind(), ProviderErrorKind::NotFound, "{}: {gone}", room.name);
        }
    }
    for name in ["a c", "b"] {
        assert_eq!(room.fetch(name).await.body, "x", "{}", room.name);
    }
}
