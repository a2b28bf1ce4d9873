//! Rows, put together from the pieces in which Bigtable sends them.

use super::error::nonsense;
use crate::provider::ProviderError;
use googleapis_tonic_google_bigtable_v2::google::bigtable::v2::read_rows_response::{CellChunk, cell_chunk::RowStatus};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) key: Vec<u8>,
    pub(super) cells: Vec<Cell>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) family: String,
    pub(super) qualifier: Vec<u8>,
    pub(super) value: Vec<u8>,
}

/// Puts rows together from pieces. A row counts when it is committed. The unfinished rest of a broken stream does not
/// count.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) done: Vec<Row>,
    /// The bytes in the values of complete rows.
    pub(super) bytes: usize,
    row: Option<Row>,
    /// Whether the last cell of the row has more to come.
    is_open: bool,
}

impl Rows {
    pub(super) fn take(&mut self, chunk: CellChunk) -> Result<(), ProviderError> {
        if let Some(RowStatus::ResetRow(true)) = chunk.row_status {
            self.row = None;
            self.is_open = false;
            return Ok(());
        }
        let row = match &mut self.row {
            Some(row) if chunk.row_key.is_empty() || chunk.row_key == row.key => row,
            Some(_) => return Err(nonsense()),
            None if chunk.row_key.is_empty() => return Err(nonsense()),
            None => {
                // Ascending, so that none comes twice.
                if self.done.last().is_some_and(|last| last.key >= chunk.row_key) {
                    return Err(nonsense());
                }
                self.row.insert(Row {
                    key: chunk.row_key,
                    cells: Vec::new(),
                })
            }
        };
        if self.is_open {
            row.cells.last_mut().ok_or_else(nonsense)?.value.extend(chunk.value);
        } else if chunk.qualifier.is_some() || chunk.family_name.is_some() || !chunk.value.is_empty() {
            // What is not said is as in the cell before.
            let before = row.cells.last();
            let family = chunk.family_name.or_else(|| before.map(|cell| cell.family.clone()));
            let qualifier = chunk.qualifier.or_else(|| before.map(|cell| cell.qualifier.clone()));
            let (Some(family), Some(qualifier)) = (family, qualifier) else {
                return Err(nonsense());
            };
            row.cells.push(Cell {
                family,
                qualifier,
                value: chunk.value,
            });
        }
        self.is_open = chunk.value_size > 0;
        if let Some(RowStatus::CommitRow(true)) = chunk.row_status {
            if self.is_open {
                return Err(nonsense());
            }
            let row = self.row.take().ok_or_else(nonsense)?;
            self.bytes += row.cells.iter().map(|cell| cell.value.len()).sum::<usize>();
            self.done.push(row);
        }
        Ok(())
    }

    /// Checks that the stream ended well: no row may be half done.
    pub(super) fn ended(&self) -> Result<(), ProviderError> {
        self.row.is_none().then_some(()).ok_or_else(nonsense)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(key: &str, at: Option<(&str, &str)>, value: &str, more: i32, status: Option<RowStatus>) -> CellChunk {
        CellChunk {
            row_key: key.into(),
            family_name: at.map(|(family, _)| family.to_owned()),
            qualifier: at.map(|(_, qualifier)| qualifier.into()),
            value: value.into(),
            value_size: more,
            row_status: status,
            ..CellChunk::default()
        }
    }

    const COMMIT: Option<RowStatus> = Some(RowStatus::CommitRow(true));

    #[test]
    fn chunks_add_up_to_rows() {
        let mut rows = Rows::default();
        rows.take(chunk("a", Some(("kv", "s")), "x", 0, None)).unwrap();
        rows.take(chunk("", Some(("kv", "v")), "long ", 10, None)).unwrap();
        rows.take(chunk("", None, "value", 0, COMMIT)).unwrap();
        rows.take(chunk("b", Some(("kv", "s")), "lost", 0, None)).unwrap();
        rows.take(chunk("", None, "", 0, Some(RowStatus::ResetRow(true))))
            .unwrap();
        rows.take(chunk("b", Some(("kv", "s")), "", 0, COMMIT)).unwrap();
        rows.ended().unwrap();
        let values: Vec<_> = rows
            .done
            .iter()
            .flat_map(|row| &row.cells)
            .map(|cell| &cell.value[..])
            .collect();
        assert_eq!(values, [&b"x"[..], b"long value", b""]);
        assert_eq!(rows.bytes, 11);
    }

    #[test]
    fn malformed_chunks_are_refused() {
        // Without a key; out of order; committed in the middle of a value; cut off.
        assert!(
            Rows::default()
                .take(chunk("", Some(("kv", "s")), "x", 0, COMMIT))
                .is_err()
        );
        let mut rows = Rows::default();
        rows.take(chunk("b", Some(("kv", "s")), "x", 0, COMMIT)).unwrap();
        assert!(rows.take(chunk("a", Some(("kv", "s")), "x", 0, COMMIT)).is_err());
        assert!(rows.take(chunk("c", Some(("kv", "s")), "x", 5, COMMIT)).is_err());
        let mut rows = Rows::default();
        rows.take(chunk("b", Some(("kv", "s")), "x", 0, None)).unwrap();
        assert!(rows.ended().is_err());
        assert!(rows.take(chunk("c", Some(("kv", "s")), "x", 0, None)).is_err());
    }
}
