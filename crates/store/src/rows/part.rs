//! Parts of tables of rows: one file each, sorted, of one UTC day.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::ArrowError;
use arrow_select::take::take_record_batch;
use model::digest::day_of;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::{ColumnKind, RowTable};
use crate::cache::Cache;
use crate::catalog::{NewPart, PartRow};
use crate::error::{Error, IoContext, Result};
use crate::flush;
use crate::gram::Grams;
use crate::packed::{self, Choice, Texts};
use crate::part::{self, PartFiles};
use crate::table::file::{Checksums, FileWriter, TableFile};

/// A part that can be read.
#[derive(Debug, Clone)]
pub(crate) struct RowPart {
    pub(crate) row: PartRow,
    pub(crate) table: &'static RowTable,
    pub(crate) files: Arc<PartFiles>,
}

impl RowPart {
    /// None where the part is of segments.
    pub(crate) fn new(dir: &Path, new: NewPart, cache: &Arc<Cache>) -> Option<RowPart> {
        let table = RowTable::named(new.row.family)?;
        let files = Arc::new(PartFiles::new(dir, &new, cache));
        Some(RowPart { row: new.row, table, files })
    }
}

/// Notes in a file, for when the catalog is lost: the number of the newest row in it, and the parts that it was merged of.
const LAST_SEQUENCE: &str = "mitoshi.last_sequence";
const MERGED: &str = "mitoshi.merged_parts";
/// Where the filters of the grams of each row group are: places and lengths.
const GRAMS: &str = "mitoshi.grams";
/// Where the packed texts of each row group are, in files that have no column of them.
const TEXTS: &str = "mitoshi.texts";
/// The shortest period of its rows.
const FINEST: &str = "mitoshi.finest_period";

/// What a file says of where its rows come from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) last_sequence: u64,
    pub(crate) merged: Vec<i64>,
    /// The shortest period of its rows, in seconds, where the table has periods and this is known.
    pub(crate) finest: i64,
}

impl Origin {
    pub(crate) fn of(file: &TableFile) -> Origin {
        let notes = file.metadata.metadata().file_metadata().key_value_metadata();
        let note = |key: &str| notes.into_iter().flatten().find(|note| note.key == key).and_then(|note| note.value.as_deref());
        Origin {
            last_sequence: note(LAST_SEQUENCE).and_then(|text| text.parse().ok()).unwrap_or(0),
            merged: note(MERGED).unwrap_or_default().split(',').filter_map(|id| id.parse().ok()).collect(),
            finest: note(FINEST).and_then(|text| text.parse().ok()).unwrap_or(1),
        }
    }
}

fn properties(table: &RowTable) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(table.row_group_rows))
        .set_statistics_enabled(EnabledStatistics::None);
    for name in table.sort.iter().chain([&table.time]) {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(*name), EnabledStatistics::Chunk);
    }
    for name in table.filters {
        properties = properties.set_column_bloom_filter_enabled(ColumnPath::from(*name), true);
    }
    for column in
        table.columns.iter().filter(|column| matches!(column.kind, ColumnKind::Time | ColumnKind::Whole | ColumnKind::Bytes))
    {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(column.name), false);
        if column.kind != ColumnKind::Bytes {
            properties = properties.set_column_encoding(ColumnPath::from(column.name), Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

/// Where the filter of a row group's grams is, if it has one.
pub(crate) fn grams(file: &TableFile, group: usize) -> Option<(u64, usize)> {
    embedded(file, GRAMS, group)
}

fn embedded(file: &TableFile, note: &str, group: usize) -> Option<(u64, usize)> {
    let note = file.notes().iter().find(|found| found.key == note)?.value.as_deref()?;
    let (place, length) = note.split(',').nth(group)?.split_once(':')?;
    Some((place.parse().ok()?, length.parse().ok()?))
}

/// The long texts of a row group, or those that are chosen, where they are packed. None where they are a column of the file.
pub(crate) fn packed_texts(table: &RowTable, file: &TableFile, group: usize, choice: &Choice<'_>) -> Result<Option<StringArray>> {
    if table.long_text.is_none_or(|name| file.has(name)) {
        return Ok(None);
    }
    let damaged = |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidData, what);
    let (place, length) = embedded(file, TEXTS, group).ok_or_else(|| damaged("it has no texts")).at("read", &file.path)?;
    let texts = packed::unpack(&file.embedded(place, length)?, choice).at("read", &file.path)?;
    if texts.len() != file.group_rows(group) {
        return Err(damaged("it does not have as many texts as rows")).at("read", &file.path);
    }
    Ok(Some(texts))
}

/// A file that is being written. Rows come in their order.
pub(super) struct RowWriter {
    file: FileWriter,
    table: &'static RowTable,
    id: i64,
    rows: i64,
    min_time_us: i64,
    max_time_us: i64,
    finest: i64,
    long_text: LongText,
}

/// Of the long texts of a row group that is being written.
#[derive(Default)]
struct LongText {
    grams: Grams,
    texts: Texts,
    /// Filters of the row groups before it.
    filters: Vec<Vec<u8>>,
    /// Places and lengths of the packed texts of these.
    packed: Vec<(usize, usize)>,
}

/// Long texts of a row group: those who read it have all of them in memory.
const GROUP_TEXT_BYTES: usize = 64 * 1024 * 1024;

impl RowWriter {
    pub(super) fn create(dir: &Path, table: &'static RowTable, id: i64) -> Result<RowWriter> {
        let schema = table.schema_without_texts();
        let file = FileWriter::create(&part::path(dir, table.name, id), schema, properties(table))?;
        Ok(RowWriter {
            file,
            table,
            id,
            rows: 0,
            min_time_us: i64::MAX,
            max_time_us: i64::MIN,
            finest: i64::MAX,
            long_text: LongText::default(),
        })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.rows += batch.num_rows() as i64;
        let times = batch.column(self.table.place(self.table.time)).as_primitive::<TimestampMicrosecondType>();
        for &time_us in times.values() {
            self.min_time_us = self.min_time_us.min(time_us);
            self.max_time_us = self.max_time_us.max(time_us);
        }
        if let Some(roll_up) = self.table.roll_up {
            self.finest = self.finest.min((roll_up.finest)(batch));
        }
        match self.table.long_texts(batch) {
            Some(texts) => self.write_texts(batch, texts),
            None => self.file.write(batch),
        }
    }

    /// Row groups end where they have enough rows or texts, and each has its own filter.
    fn write_texts(&mut self, batch: &RecordBatch, texts: &StringArray) -> Result<()> {
        let mut from = 0;
        for row in 0..batch.num_rows() {
            let text = texts.value(row).as_bytes();
            self.long_text.grams.add(text);
            for id in model::log::trace_ids(text) {
                self.long_text.grams.add_trace(id);
            }
            self.long_text.texts.push(text);
            let texts = &self.long_text.texts;
            if texts.ends.len() == self.table.row_group_rows || texts.bytes.len() >= GROUP_TEXT_BYTES {
                self.write_rows(batch.slice(from, row + 1 - from))?;
                from = row + 1;
                self.end_group()?;
            }
        }
        if from < batch.num_rows() {
            self.write_rows(batch.slice(from, batch.num_rows() - from))?;
        }
        Ok(())
    }

    fn write_rows(&mut self, batch: RecordBatch) -> Result<()> {
        let schema = self.table.schema_without_texts();
        let columns = schema.fields().iter().map(|field| batch.column(self.table.place(field.name())).clone());
        self.file.write(&RecordBatch::try_new(schema.clone(), columns.collect()).map_err(|err| self.table.error(err))?)?;
        // It ends a row group where it has enough rows, or other columns are large: these texts end there too.
        if !self.file.is_group_open() {
            self.end_group()?;
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        let LongText { grams, texts, filters, packed } = &mut self.long_text;
        if texts.ends.is_empty() {
            return Ok(());
        }
        self.file.end_group()?;
        filters.push(grams.finish());
        let bytes = packed::pack(texts).at("write", self.file.path())?;
        texts.clear();
        packed.push((self.file.embed(&bytes)?, bytes.len()));
        Ok(())
    }

    pub(super) fn finish(mut self, day: i64, origin: &Origin, now_us: i64) -> Result<NewPart> {
        let merged: Vec<String> = origin.merged.iter().map(ToString::to_string).collect();
        self.file.note(KeyValue::new(LAST_SEQUENCE.to_owned(), origin.last_sequence.to_string()));
        self.file.note(KeyValue::new(MERGED.to_owned(), merged.join(",")));
        self.file.note(KeyValue::new(FINEST.to_owned(), self.finest.to_string()));
        if self.table.long_text.is_some() {
            self.end_group()?;
            let places = |all: &[(usize, usize)]| {
                all.iter().map(|(place, length)| format!("{place}:{length}")).collect::<Vec<_>>().join(",")
            };
            let mut filters = Vec::with_capacity(self.long_text.filters.len());
            for filter in &self.long_text.filters {
                filters.push((self.file.embed(filter)?, filter.len()));
            }
            if self.file.groups() != filters.len() {
                return Err(self.table.error(ArrowError::ComputeError("row groups and what belongs to them differ".to_owned())));
            }
            self.file.note(KeyValue::new(GRAMS.to_owned(), places(&filters)));
            self.file.note(KeyValue::new(TEXTS.to_owned(), places(&self.long_text.packed)));
        }
        let written = self.file.finish()?;
        let row = row(self.id, self.table, day, self.rows, written.bytes as i64, (self.min_time_us, self.max_time_us), now_us);
        Ok(NewPart { row, checksums: vec![Arc::new(written.checksums)], filter: None })
    }
}

/// What the catalog says of a part.
pub(crate) fn row(
    id: i64,
    table: &'static RowTable,
    day: i64,
    rows: i64,
    bytes: i64,
    (min_time_us, max_time_us): (i64, i64),
    now_us: i64,
) -> PartRow {
    PartRow {
        id,
        family: table.name,
        day,
        segment_rows: rows,
        trace_rows: 0,
        bytes,
        min_time_us,
        max_time_us,
        min_start_us: min_time_us,
        max_end_us: max_time_us,
        created_us: now_us,
    }
}

/// Writes the rows of a flush: one part for each day.
pub(crate) fn write_all(
    dir: &Path,
    mut next_id: i64,
    table: &'static RowTable,
    batches: &[RecordBatch],
    last_sequence: u64,
    now_us: i64,
) -> Result<Vec<NewPart>> {
    let arrow = |err| table.error(err);
    let all = super::concat(table, batches)?;
    let order = super::order::order(table, &all)?;
    let times = all.column(table.place(table.time)).as_primitive::<TimestampMicrosecondType>();
    let today = day_of(now_us);
    let mut days: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
    for row in order {
        days.entry(flush::label(day_of(times.value(row as usize)), today)).or_default().push(row);
    }
    let mut parts = Vec::with_capacity(days.len());
    for (day, rows) in days {
        let mut writer = RowWriter::create(dir, table, next_id)?;
        next_id += 1;
        for step in rows.chunks(table.row_group_rows) {
            writer.write(&take_record_batch(&all, &UInt32Array::from(step.to_vec())).map_err(arrow)?)?;
        }
        parts.push(writer.finish(day, &Origin { last_sequence, ..Origin::default() }, now_us)?);
    }
    Ok(parts)
}

/// What files say that the catalog does not, because it is lost.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) parts: Vec<NewPart>,
    pub(crate) last_sequence: u64,
    pub(crate) unreadable: Vec<(i64, String)>,
}

/// Looks at the files of a table. `sums` has the checksums of those that are still known.
pub(crate) fn find(
    dir: &Path,
    table: &'static RowTable,
    sums: &HashMap<i64, Arc<Checksums>>,
    cache: &Arc<Cache>,
    now_us: i64,
) -> Result<Found> {
    let mut found = Found::default();
    let mut merged = HashSet::new();
    for id in part::ids(dir, table.name)? {
        let path = part::path(dir, table.name, id);
        let read = || {
            let checksums = match sums.get(&id) {
                Some(sums) => sums.clone(),
                None => Arc::new(Checksums::of(&path)?),
            };
            let file = Arc::new(TableFile::open(&path, checksums.clone(), cache)?);
            let mut bounds = (i64::MAX, i64::MIN);
            let mut rows = 0;
            for batch in super::scan::batches(table, &file, None, 8_192)? {
                let batch = batch?;
                rows += batch.num_rows() as i64;
                let times = batch.column(table.place(table.time)).as_primitive::<TimestampMicrosecondType>();
                bounds = times.values().iter().fold(bounds, |(min, max), &time| (min.min(time), max.max(time)));
            }
            let bytes = std::fs::metadata(&path).at("read size of", &path)?.len() as i64;
            let day = flush::label(day_of(bounds.0), day_of(now_us));
            let row = row(id, table, day, rows, bytes, bounds, now_us);
            Ok::<_, Error>((Origin::of(&file), NewPart { row, checksums: vec![checksums], filter: None }))
        };
        // Damaged lengths and offsets can make the decoders panic.
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok((origin, part))) => {
                found.last_sequence = found.last_sequence.max(origin.last_sequence);
                merged.extend(origin.merged);
                found.parts.push(part);
            }
            Ok(Err(err)) if err.is_damage() => found.unreadable.push((id, err.to_string())),
            Ok(Err(err)) => return Err(err),
            Err(_) => found.unreadable.push((id, "reading it failed in an unexpected way".to_owned())),
        }
    }
    // A merge writes its part before the catalog lets go of those it was made of.
    found.parts.retain(|part| !merged.contains(&part.row.id));
    found.unreadable.retain(|(id, _)| !merged.contains(id));
    Ok(found)
}
