//! SQL over Parquet files, while the home is cut off.

use crate::{
    World,
    store::Trouble::{self, Hang, Refused},
    url,
};
use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use object_store_13::{ObjectStoreExt, path::Path};
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

const FILES: i64 = 8;
/// In each file. About 160 KB, in row groups of a quarter.
const ROWS: i64 = 20_000;

/// A file with the numbers from `from`, and who they belong to.
fn file(from: i64) -> Vec<u8> {
    let mut file = Vec::new();
    let rows = |start: i64| {
        let amounts = Int64Array::from_iter_values(start..start + ROWS / 4);
        let customers = Int64Array::from_iter_values((start..start + ROWS / 4).map(|amount| amount % 10));
        let columns = [
            ("customer", Arc::new(customers) as ArrayRef),
            ("amount", Arc::new(amounts)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    };
    let mut writer = ArrowWriter::try_new(&mut file, rows(from).schema(), None).unwrap();
    for group in 0..4 {
        writer.write(&rows(from + group * ROWS / 4)).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
    file
}

/// The query reads all files. The home answers so many requests, and meets the trouble from then on.
async fn while_the_home(answers: usize, trouble: Trouble) -> usize {
    let world = World::new();
    let store = world.store();
    for number in 0..FILES {
        let path = Path::from(format!("orders/{number}.parquet"));
        store.put(&path, file(number * ROWS).into()).await.unwrap();
    }
    let context = SessionContext::new();
    context.register_object_store(&url(""), store);
    let orders = url("orders/");
    let options = ParquetReadOptions::default();
    context
        .register_parquet("orders", orders.as_str(), options)
        .await
        .unwrap();
    world.home.forget();
    world.copy.forget();
    world.home.then(vec![Trouble::None; answers]);
    world.home.always(trouble);

    let sql = "SELECT customer, sum(amount) AS total FROM orders GROUP BY customer ORDER BY customer";
    let found = context.sql(sql).await.unwrap().collect().await.unwrap();
    let column = |at: usize| -> Vec<i64> {
        let values = found
            .iter()
            .map(|batch| batch.column(at).as_primitive::<Int64Type>().values().to_vec());
        values.flatten().collect()
    };
    let all = FILES * ROWS;
    let total = |customer: i64| (customer..all).step_by(10).sum::<i64>();
    assert_eq!(column(0), (0..10).collect::<Vec<_>>());
    assert_eq!(column(1), (0..10).map(total).collect::<Vec<_>>());
    println!(
        "{trouble:?} after {answers}: {} requests at the home, {} at the copy",
        world.home.asked(),
        world.copy.asked()
    );
    world.copy.asked()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_is_right_while_the_home_is_cut_off() {
    for trouble in [Refused, Hang] {
        for answers in [0, 5, 12] {
            assert!(while_the_home(answers, trouble).await > 0, "nobody went on");
        }
    }
}
