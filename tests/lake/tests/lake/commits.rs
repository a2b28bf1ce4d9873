//! Many writers of one Delta table, while its home flaps.

use crate::{World, store::Trouble, url};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use datafusion::prelude::SessionContext;
use deltalake_core::{
    DeltaTable, DeltaTableBuilder,
    kernel::{DataType, PrimitiveType, transaction::CommitProperties},
    writer::{DeltaWriter, RecordBatchWriter},
};
use futures_util::TryStreamExt;
use object_store_13::{ObjectStore, path::Path};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const WRITERS: i64 = 8;
const COMMITS: i64 = 200;
const FLAP: Duration = Duration::from_millis(200);

fn table(world: &World) -> DeltaTableBuilder {
    let orders = url("orders/");
    let table = DeltaTableBuilder::from_url(orders.clone()).unwrap();
    table.with_storage_backend(world.store(), orders)
}

/// Takes the home away and gives it back for ever, in another way each time. After a reset or a lost answer a writer does not
/// know whether its commit is there.
async fn flap(world: Arc<World>) {
    let troubles = [
        Trouble::Refused,
        Trouble::LostAnswer,
        Trouble::Code("SlowDown"),
        Trouble::Reset,
    ];
    for trouble in troubles.into_iter().cycle() {
        tokio::time::sleep(FLAP).await;
        world.home.always(trouble);
        tokio::time::sleep(FLAP).await;
        world.home.heal();
    }
}

/// Commits its share of the numbers, each by itself. Gives the versions that Delta reported.
async fn write(world: Arc<World>, writer: i64) -> Vec<u64> {
    let mut versions = Vec::new();
    let mut table = table(&world).load().await.unwrap();
    let mut rows = RecordBatchWriter::for_table(&table)
        .unwrap()
        .with_commit_properties(CommitProperties::default().with_max_retries(1_000));
    for number in (writer..COMMITS).step_by(WRITERS as usize) {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values([number]));
        rows.write(RecordBatch::try_from_iter([("number", numbers)]).unwrap())
            .await
            .unwrap();
        versions.push(rows.flush_and_commit(&mut table).await.unwrap());
    }
    versions
}

async fn numbers(table: &DeltaTable) -> Vec<i64> {
    let context = SessionContext::new();
    let provider = table.table_provider().await.unwrap();
    context.register_table("orders", provider).unwrap();
    let sql = "SELECT number FROM orders ORDER BY number";
    let found = context.sql(sql).await.unwrap().collect().await.unwrap();
    let values = found
        .iter()
        .map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    values.flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_commit_is_lost_or_doubled_while_the_home_flaps() {
    let world = Arc::new(World::new());
    let create = table(&world).build().unwrap().create();
    let number = DataType::Primitive(PrimitiveType::Long);
    create.with_column("number", number, true, None).await.unwrap();

    let flapping = tokio::spawn(flap(world.clone()));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(world.clone(), writer)))
        .collect();
    let mut versions = Vec::new();
    for writer in writers {
        versions.extend(writer.await.unwrap());
    }

    // Each commit has a version of its own, and the log has those and no others.
    versions.sort_unstable();
    assert_eq!(versions, (1..=COMMITS as u64).collect::<Vec<_>>());
    flapping.abort();
    world.home.heal();
    let log = Path::from("orders/_delta_log");
    let listed = world.store().list(Some(&log)).map_ok(|found| found.location);
    let listed: BTreeSet<_> = listed.try_collect().await.unwrap();
    let commits = listed.iter().filter(|path| path.as_ref().ends_with(".json")).count();
    assert_eq!(commits, COMMITS as usize + 1);

    // The home is gone, and the copy answers.
    world.home.always(Trouble::Refused);
    let table = table(&world).load().await.unwrap();
    assert_eq!(table.version(), Some(COMMITS as u64));
    assert_eq!(numbers(&table).await, (0..COMMITS).collect::<Vec<_>>());
    println!(
        "{COMMITS} commits of {WRITERS} writers: {} requests at the home, {} at the copy",
        world.home.asked(),
        world.copy.asked()
    );
}
