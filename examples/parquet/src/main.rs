//! Parquet through evenkeel. A file of a hundred row groups is read through `object_store`'s own trait while the primary
//! is cut off in the middle. The sum is right, and the counts of reads show who went on.
//!
//! ```text
//! cargo run --release --manifest-path examples/parquet/Cargo.toml
//! ```

use arrow_array::{ArrayRef, Int64Array, RecordBatch, cast::AsArray, types::Int64Type};
use evenkeel::{
    Endpoint, ObjectClient, Replication,
    provider::{Memory, ObjectProvider, ProviderError, ProviderErrorKind},
    request::object::{Delete, Get, Head, List, ListPage, Object, ObjectMeta, Put, PutAnswer},
    verdict::{Outcome, Sent, Verdict},
};
use futures_util::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    arrow::{ArrowWriter, ParquetRecordBatchStreamBuilder, async_reader::ParquetObjectReader},
    file::properties::WriterProperties,
};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

const GROUPS: i64 = 100;
const ROWS: i64 = 10_000;

/// A store whose line can be cut. It has what its provider replicated to it: both handles share one memory.
#[derive(Clone)]
struct Line {
    memory: Memory,
    is_cut: Arc<AtomicBool>,
    reads: Arc<AtomicUsize>,
}

impl Line {
    fn to(memory: &Memory) -> Self {
        Self {
            memory: memory.clone(),
            is_cut: Arc::default(),
            reads: Arc::default(),
        }
    }

    fn passes(&self) -> Result<(), ProviderError> {
        if self.is_cut.load(Ordering::Relaxed) {
            let outcome = Outcome::new(Verdict::Unreachable, Sent::No);
            return Err(ProviderError::new(ProviderErrorKind::Failed, outcome).with_message("the line is cut"));
        }
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl ObjectProvider for Line {
    async fn put(&self, put: Put) -> Result<PutAnswer, ProviderError> {
        self.passes()?;
        self.memory.put(put).await
    }

    async fn get(&self, get: Get) -> Result<Object, ProviderError> {
        self.passes()?;
        self.memory.get(get).await
    }

    async fn head(&self, head: Head) -> Result<ObjectMeta, ProviderError> {
        self.passes()?;
        self.memory.head(head).await
    }

    async fn delete(&self, delete: Delete) -> Result<(), ProviderError> {
        self.passes()?;
        self.memory.delete(delete).await
    }

    async fn list(&self, list: List) -> Result<ListPage, ProviderError> {
        self.passes()?;
        self.memory.list(list).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::new();
    let (virginia, ireland) = (Line::to(&memory), Line::to(&memory));
    let client = ObjectClient::builder()
        .endpoint(Endpoint::new("virginia", virginia.clone()))
        .endpoint(Endpoint::new("ireland", ireland.clone()).read_only())
        .replication(Replication::provider_managed())
        .on_event(|event| println!("  {event}"))
        .build()?;
    // The one changed line.
    let store: Arc<dyn ObjectStore> = Arc::new(client);

    let path = Path::from("orders.parquet");
    store.put(&path, orders()?.into()).await?;
    let size = store.head(&path).await?.size;
    println!("{GROUPS} row groups, {size} bytes");

    let reader = ParquetObjectReader::new(store, path).with_file_size(size);
    let mut batches = ParquetRecordBatchStreamBuilder::new(reader).await?.build()?;
    let (mut sum, mut rows) = (0, 0);
    while let Some(batch) = batches.try_next().await? {
        sum += batch.column(0).as_primitive::<Int64Type>().values().iter().sum::<i64>();
        rows += batch.num_rows() as i64;
        if rows >= GROUPS * ROWS / 3 && !virginia.is_cut.swap(true, Ordering::Relaxed) {
            println!("virginia is cut off after {rows} rows");
        }
    }
    let last = GROUPS * ROWS;
    println!(
        "{rows} rows; {} reads at virginia, {} at ireland",
        virginia.reads.load(Ordering::Relaxed),
        ireland.reads.load(Ordering::Relaxed)
    );
    assert_eq!((rows, sum), (last, last * (last - 1) / 2), "the sum is wrong");
    assert!(ireland.reads.load(Ordering::Relaxed) > 0, "nobody went on");
    println!("the sum is right: {sum}");
    Ok(())
}

/// A file with the numbers from 0, in row groups.
fn orders() -> Result<Vec<u8>, Box<dyn Error>> {
    let batch = |group: i64| {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(group * ROWS..(group + 1) * ROWS));
        RecordBatch::try_from_iter([("number", numbers)])
    };
    let mut file = Vec::new();
    let properties = WriterProperties::builder().build();
    let mut writer = ArrowWriter::try_new(&mut file, batch(0)?.schema(), Some(properties))?;
    for group in 0..GROUPS {
        writer.write(&batch(group)?)?;
        writer.flush()?;
    }
    writer.close()?;
    Ok(file)
}
