//! The tables: one file each, the only places that know column names.

pub(crate) mod file;
pub(crate) mod log_event;
pub(crate) mod metric;
pub(crate) mod minute;
pub(crate) mod segment;
pub(crate) mod state_change;
pub(crate) mod trace;
mod visit;

/// Rows are handed to the writer in batches that end at this size: a column of a batch must stay below 2 GiB.
const BATCH_BYTES: usize = 16 * 1024 * 1024;
/// A row group ends at this size, encoded, for those who read all of a column of it at once.
const ROW_GROUP_BYTES: usize = 256 * 1024 * 1024;
