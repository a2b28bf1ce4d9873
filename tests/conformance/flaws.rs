//! The suite itself: that it finds what it is there to find.

use evenkeel::{
    provider::{Memory, ObjectProvider, ProviderError},
    request::object::{
        Attributes, ByteRange, Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer, PutMode,
    },
    testing::objects::{self, Claims},
};

/// What real stores get wrong.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// Answers 200 to a create and overwrites.
    OverwritesOnCreate,
    /// Looks first, and writes after a moment.
    ChecksThenWrites,
    /// Drops user metadata.
    DropsMetadata,
    /// Takes ranges for inclusive at both ends, once too often.
    OneByteMore,
    /// Says that the delete of an absent key failed.
    DeletesOnce,
    /// Lists its own order.
    ListsBackwards,
    /// Loses the last page.
    StopsListing,
    /// `a+b` is `a b`.
    Decodes,
}

struct Flawed(Memory, Flaw);

impl ObjectProvider for Flawed {
    async fn put(&self, mut put: Put) -> Result<PutAnswer, ProviderError> {
        match self.1 {
            Flaw::OverwritesOnCreate => put.mode = PutMode::Overwrite,
            Flaw::ChecksThenWrites
                if put.mode == PutMode::Create && self.0.head(Head::new(put.key.clone())).await.is_err() =>
            {
                tokio::task::yield_now().await;
                put.mode = PutMode::Overwrite;
            }
            Flaw::DropsMetadata if self.0.put(put.clone()).await.is_ok() => {
                put.attributes = Attributes::default().into();
                put.mode = PutMode::Overwrite;
            }
            Flaw::Decodes => put.key = decoded(&put.key),
            _ => {}
        }
        self.0.put(put).await
    }

    async fn get(&self, mut get: Get) -> Result<Object, ProviderError> {
        match (self.1, &mut get.range) {
            (Flaw::OneByteMore, Some(ByteRange::Bounded(range))) => range.end += 1,
            (Flaw::Decodes, _) => get.key = decoded(&get.key),
            _ => {}
        }
        self.0.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.0.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        if matches!(self.1, Flaw::DeletesOnce) {
            self.0.head(Head::new(delete.key.clone())).await?;
        }
        self.0.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        let mut page = self.0.list(list).await?;
        match self.1 {
            Flaw::ListsBackwards => page.entries.reverse(),
            Flaw::StopsListing => page.continuation = None,
            _ => {}
        }
        Ok(page)
    }
}

fn decoded(key: &evenkeel::request::Key) -> evenkeel::request::Key {
    evenkeel::request::Key::new(key.as_str().replace('+', " ")).unwrap()
}

#[tokio::test]
async fn each_flaw_fails_the_check_named_for_it() {
    for (flaw, check) in [
        (Flaw::OverwritesOnCreate, "a_create_never_overwrites"),
        (Flaw::ChecksThenWrites, "racing_creates_have_one_winner"),
        (Flaw::DropsMetadata, "attributes_round_trip"),
        (Flaw::OneByteMore, "ranges_are_exact"),
        (Flaw::DeletesOnce, "a_delete_removes_and_may_be_repeated"),
        (Flaw::ListsBackwards, "a_listing_has_the_prefix_and_is_sorted"),
        (Flaw::StopsListing, "pages_add_up"),
        (Flaw::Decodes, "odd_keys_are_kept_apart"),
    ] {
        let run = tokio::spawn(async move {
            objects::run("flawed", &Flawed(Memory::new(), flaw), &Claims::all()).await;
        });
        let panic = run.await.expect_err("the suite passed a flawed store").into_panic();
        let says = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        assert!(
            says.contains(&format!("flawed: {check}")),
            "{flaw:?} was found elsewhere: {says}"
        );
    }
}
