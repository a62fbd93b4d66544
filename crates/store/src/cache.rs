//! What stays in memory of parts, within bounds: blocks whose checksums were tested, and what open files know of themselves.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use model::metric::MetricId;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use quick_cache::sync::{Cache as Bounded, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

use crate::error::Result;
use crate::table::file::TableFile;
use crate::table::minute::MinuteFile;
use crate::table::segment::SegmentFile;
use crate::table::trace::TraceFile;

/// Shared by all parts of a store. Files are numbered when they are opened, so that no file answers for another.
#[derive(Debug)]
pub(crate) struct Cache {
    blocks: Bounded<(u64, u32), Bytes, BlockLength>,
    segments: Bounded<i64, Arc<SegmentFile>, Footer>,
    traces: Bounded<i64, Arc<TraceFile>, Footer>,
    minutes: Bounded<i64, Arc<MinuteFile>, Footer>,
    rows: Bounded<i64, Arc<TableFile>, Footer>,
    /// By file and row group: where the pages are.
    groups: Bounded<(u64, u32), ArrowReaderMetadata, GroupIndex>,
    files: AtomicU64,
    /// Ids of metrics, which many parts have alike.
    metric_ids: Mutex<HashSet<Arc<MetricId>>>,
}

#[derive(Debug, Clone, Copy)]
struct BlockLength;

impl Weighter<(u64, u32), Bytes> for BlockLength {
    fn weight(&self, _: &(u64, u32), block: &Bytes) -> u64 {
        block.len().max(1) as u64
    }
}

#[derive(Debug, Clone, Copy)]
struct Footer;

impl Weighter<i64, Arc<SegmentFile>> for Footer {
    fn weight(&self, _: &i64, file: &Arc<SegmentFile>) -> u64 {
        file.memory_bytes().max(1) as u64
    }
}

impl Weighter<i64, Arc<MinuteFile>> for Footer {
    fn weight(&self, _: &i64, file: &Arc<MinuteFile>) -> u64 {
        file.memory_bytes().max(1) as u64
    }
}

impl Weighter<i64, Arc<TableFile>> for Footer {
    fn weight(&self, _: &i64, file: &Arc<TableFile>) -> u64 {
        file.memory_bytes().max(1) as u64
    }
}

impl Weighter<i64, Arc<TraceFile>> for Footer {
    fn weight(&self, _: &i64, file: &Arc<TraceFile>) -> u64 {
        file.memory_bytes().max(1) as u64
    }
}

#[derive(Debug, Clone, Copy)]
struct GroupIndex;

impl Weighter<(u64, u32), ArrowReaderMetadata> for GroupIndex {
    fn weight(&self, _: &(u64, u32), group: &ArrowReaderMetadata) -> u64 {
        group.metadata().memory_size().max(1) as u64
    }
}

/// In one shard: a large part's footer would not fit into a small one, and be read anew each time.
fn footers<F>(bytes: usize) -> Bounded<i64, Arc<F>, Footer>
where
    Footer: Weighter<i64, Arc<F>>,
{
    let options = OptionsBuilder::new()
        .estimated_items_capacity(bytes / FOOTER_BYTES)
        .weight_capacity(bytes as u64)
        .shards(1)
        .build()
        .expect("invariant: both capacities are given");
    Bounded::with_options(options, Footer, DefaultHashBuilder::default(), DefaultLifecycle::default())
}

/// A footer, or the index of a row group, is about this large: the caches' tables begin with room for as many as fit.
const FOOTER_BYTES: usize = 64 * 1024;

impl Cache {
    pub(crate) fn new(block_bytes: usize, footer_bytes: usize) -> Cache {
        // Without the indexes of their row groups footers are small, those of minutes and of tables of rows above all.
        let few = footer_bytes / 16;
        let each = footer_bytes / 8;
        let groups = footer_bytes - 2 * few - 2 * each;
        Cache {
            blocks: Bounded::with_weighter(block_bytes / crate::table::file::BLOCK_BYTES, block_bytes as u64, BlockLength),
            segments: footers(each),
            traces: footers(each),
            minutes: footers(few),
            rows: footers(few),
            groups: Bounded::with_weighter(groups / FOOTER_BYTES, groups as u64, GroupIndex),
            files: AtomicU64::new(0),
            metric_ids: Mutex::default(),
        }
    }

    pub(crate) fn next_file(&self) -> u64 {
        self.files.fetch_add(1, Ordering::Relaxed)
    }

    /// The same id, kept once.
    pub(crate) fn metric_id(&self, id: MetricId) -> Arc<MetricId> {
        let mut known = self.metric_ids.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = known.get(&id) {
            return id.clone();
        }
        let id = Arc::new(id);
        known.insert(id.clone());
        id
    }

    /// Forgets ids of metrics that nobody has any more.
    pub(crate) fn sweep_metric_ids(&self) {
        self.metric_ids.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| Arc::strong_count(id) > 1);
    }

    pub(crate) fn block(&self, file: u64, block: u32) -> Option<Bytes> {
        self.blocks.get(&(file, block))
    }

    pub(crate) fn keep_block(&self, file: u64, block: u32, bytes: Bytes) {
        self.blocks.insert((file, block), bytes);
    }

    /// The open segment file of a part, opened where it is not in memory.
    pub(crate) fn segment(&self, part: i64, open: impl FnOnce() -> Result<SegmentFile>) -> Result<Arc<SegmentFile>> {
        self.segments.get_or_insert_with(&part, || open().map(Arc::new))
    }

    /// So of the traces.
    pub(crate) fn trace(&self, part: i64, open: impl FnOnce() -> Result<TraceFile>) -> Result<Arc<TraceFile>> {
        self.traces.get_or_insert_with(&part, || open().map(Arc::new))
    }

    /// So of the minutes.
    pub(crate) fn minute(&self, part: i64, open: impl FnOnce() -> Result<MinuteFile>) -> Result<Arc<MinuteFile>> {
        self.minutes.get_or_insert_with(&part, || open().map(Arc::new))
    }

    /// So of a table of rows.
    pub(crate) fn rows(&self, part: i64, open: impl FnOnce() -> Result<TableFile>) -> Result<Arc<TableFile>> {
        self.rows.get_or_insert_with(&part, || open().map(Arc::new))
    }

    /// Where the pages of a row group are, read where it is not in memory.
    pub(crate) fn group(
        &self,
        file: u64,
        group: u32,
        read: impl FnOnce() -> Result<ArrowReaderMetadata>,
    ) -> Result<ArrowReaderMetadata> {
        self.groups.get_or_insert_with(&(file, group), read)
    }

    /// Forgets a part whose files are deleted.
    pub(crate) fn forget(&self, part: i64) {
        self.segments.remove(&part);
        self.traces.remove(&part);
        self.minutes.remove(&part);
        self.rows.remove(&part);
    }
}
