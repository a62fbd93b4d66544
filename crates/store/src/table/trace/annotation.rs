//! Annotation keys that many traces have get a column of their own, chosen anew for each file: a search for one of their values
//! then reads little. The keys of the other annotations share the `annotations` column.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::builder::StringBuilder;
use arrow_schema::{DataType, Field, FieldRef, Schema};
use model::CompactString;
use model::digest::{AnnotationValue, TraceDigest};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterPropertiesBuilder;
use parquet::schema::types::ColumnPath;

use super::SEPARATOR;

/// What the column of a key is called, without the key.
const COLUMN: &str = "annotation:";
/// A file has no more such columns.
const HOT_MAX: usize = 16;
/// A key is hot where one trace in so many has it.
const HOT_SHARE: u64 = 32;
/// Keys that a file notes the counts of, so that what is merged of several can choose.
const NOTED_MAX: usize = 64;
/// Longer keys stay with the others.
const KEY_LENGTH_MAX: usize = 128;
/// A dictionary that grows over this is of values that hardly repeat.
const DICTIONARY_BYTES: usize = 64 * 1024;
/// The note in a file's footer: a JSON object of keys and how many traces have them.
const NOTE: &str = "mitoshi.annotation_keys";

pub(crate) fn value_text(value: &AnnotationValue) -> Cow<'_, str> {
    match value {
        AnnotationValue::Text(value) => Cow::Borrowed(value),
        AnnotationValue::Number(value) => Cow::Owned(value.to_string()),
        AnnotationValue::Boolean(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
    }
}

/// How many of some traces have which keys.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct KeyCounts {
    traces: u64,
    keys: HashMap<CompactString, u64>,
}

impl KeyCounts {
    pub(crate) fn add(&mut self, digest: &TraceDigest) {
        self.traces += 1;
        for (place, annotation) in digest.annotations.iter().enumerate() {
            // A key with several values stands there several times.
            if digest.annotations[..place].iter().any(|other| other.key == annotation.key) {
                continue;
            }
            match self.keys.get_mut(&annotation.key) {
                Some(count) => *count += 1,
                None => {
                    self.keys.insert(annotation.key.clone(), 1);
                }
            }
        }
    }

    pub(crate) fn merge(&mut self, other: KeyCounts) {
        self.traces += other.traces;
        for (key, count) in other.keys {
            *self.keys.entry(key).or_default() += count;
        }
    }

    /// Those that most have, by count.
    fn top(&self, max: usize) -> impl Iterator<Item = (&CompactString, u64)> {
        let mut keys: Vec<(&CompactString, u64)> = self.keys.iter().map(|(key, count)| (key, *count)).collect();
        keys.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        keys.into_iter().filter(|(key, _)| key.len() <= KEY_LENGTH_MAX).take(max)
    }

    pub(crate) fn hot(&self) -> HotKeys {
        let enough = |(_, count): &(&CompactString, u64)| count.saturating_mul(HOT_SHARE) >= self.traces;
        let mut keys: Vec<CompactString> = self.top(HOT_MAX).take_while(enough).map(|(key, _)| key.clone()).collect();
        keys.sort_unstable();
        HotKeys(keys)
    }

    pub(super) fn note(&self) -> KeyValue {
        let keys: BTreeMap<&str, u64> = self.top(NOTED_MAX).map(|(key, count)| (key.as_str(), count)).collect();
        let note = serde_json::json!({"traces": self.traces, "keys": keys});
        KeyValue::new(NOTE.to_owned(), note.to_string())
    }

    /// As a file's footer tells it.
    pub(super) fn of(notes: &[KeyValue]) -> KeyCounts {
        #[derive(serde::Deserialize)]
        struct Note {
            traces: u64,
            keys: HashMap<CompactString, u64>,
        }
        let note = notes.iter().find(|note| note.key == NOTE).and_then(|note| note.value.as_deref());
        match note.and_then(|text| serde_json::from_str(text).ok()) {
            Some(Note { traces, keys }) => KeyCounts { traces, keys },
            None => KeyCounts::default(),
        }
    }
}

/// The keys that have a column of their own in a file, in the order of these.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct HotKeys(Vec<CompactString>);

impl HotKeys {
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldRef> {
        self.0.iter().map(|key| Arc::new(Field::new(column(key), DataType::Utf8, true)))
    }

    pub(super) fn properties(&self, mut properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        for key in &self.0 {
            let path = ColumnPath::from(column(key));
            properties = properties
                .set_column_dictionary_page_size_limit(path.clone(), DICTIONARY_BYTES)
                .set_column_compression(path, Compression::ZSTD(ZstdLevel::default()));
        }
        properties
    }
}

pub(super) fn column(key: &str) -> String {
    [COLUMN, key].concat()
}

/// The keys that have a column in a file of this schema, in the order of the columns.
pub(super) fn hot_keys(schema: &Schema) -> Vec<CompactString> {
    schema.fields().iter().filter_map(|field| field.name().strip_prefix(COLUMN)).map(CompactString::from).collect()
}

/// Those columns on their way into a file.
pub(super) struct Columns {
    keys: Vec<CompactString>,
    builders: Vec<StringBuilder>,
    /// The values of a trace, of each key.
    texts: Vec<String>,
}

impl Columns {
    pub(super) fn new(HotKeys(keys): HotKeys) -> Columns {
        let builders = keys.iter().map(|_| StringBuilder::new()).collect();
        Columns { texts: vec![String::new(); keys.len()], builders, keys }
    }

    /// Adds the trace's row. Returns the annotations that none of the columns has.
    pub(super) fn append(&mut self, digest: &TraceDigest) -> String {
        let mut others = String::from(SEPARATOR);
        self.texts.iter_mut().for_each(String::clear);
        for annotation in &digest.annotations {
            let value = value_text(&annotation.value);
            if let Ok(place) = self.keys.binary_search(&annotation.key) {
                let text = &mut self.texts[place];
                if text.is_empty() {
                    text.push(SEPARATOR);
                }
                text.push_str(&value);
                text.push(SEPARATOR);
            } else {
                others.push_str(&annotation.key);
                others.push('=');
                others.push_str(&value);
                others.push(SEPARATOR);
            }
        }
        for (builder, text) in self.builders.iter_mut().zip(&self.texts) {
            builder.append_option((!text.is_empty()).then_some(text));
        }
        others
    }

    pub(super) fn finish(&mut self) -> impl Iterator<Item = Arc<dyn Array>> {
        self.builders.iter_mut().map(|builder| Arc::new(builder.finish()) as Arc<dyn Array>)
    }
}
