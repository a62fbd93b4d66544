//! Lookup tables: which there are, and what is in them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use model::Clock;
use model::lookup_table::LookupTable;
use query::log::insights::{Answer, Lookups};
use store::Catalog;

use crate::{Error, Result};

/// Tables of an account, and bytes of one (AWS has 100 and 10 MB).
const TABLES_MAX: usize = 100;
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const COLUMNS_MAX: usize = 50;
const NAME_MAX: usize = 256;

/// The lookup tables of an account. Cheap to clone.
#[derive(Clone)]
pub struct LookupTables {
    catalog: Catalog,
    clock: Arc<dyn Clock>,
    change: Arc<tokio::sync::Mutex<()>>,
}

impl LookupTables {
    pub fn new(catalog: Catalog, clock: Arc<dyn Clock>) -> LookupTables {
        LookupTables { catalog, clock, change: Arc::default() }
    }

    /// By name.
    pub async fn list(&self) -> Result<Vec<LookupTable>> {
        Ok(self.catalog.resources().await?)
    }

    pub async fn get(&self, name: &str) -> Result<LookupTable> {
        self.catalog.resource(name).await?.ok_or_else(|| missing(name))
    }

    /// The tables of these names, ready to be looked up in. Those that are not there are left out.
    pub async fn lookups(&self, names: &[&str]) -> Result<Lookups> {
        let mut tables = HashMap::new();
        for name in names {
            let Some(table) = self.catalog.resource::<LookupTable>(name).await? else { continue };
            let rows = records(&table.body)?.into_iter().skip(1);
            let row = |record: Vec<String>| -> BTreeMap<String, String> { table.columns.iter().cloned().zip(record).collect() };
            tables.insert((*name).to_owned(), rows.map(row).collect());
        }
        Ok(Lookups(tables))
    }

    pub async fn create(
        &self,
        name: &str,
        body: String,
        description: Option<String>,
        kms_key: Option<String>,
    ) -> Result<LookupTable> {
        let _change = self.change.lock().await;
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.len() > NAME_MAX || !name.bytes().all(is_allowed) {
            return Err(Error::Invalid(format!("lookupTableName must have from 1 to {NAME_MAX} letters, digits and underscores")));
        }
        let known = self.list().await?;
        if known.iter().any(|known| known.name == name) {
            return Err(Error::Conflict(format!("lookup table {name} exists already")));
        }
        if known.len() >= TABLES_MAX {
            return Err(Error::LimitExceeded(format!("there are {TABLES_MAX} lookup tables, the limit")));
        }
        self.keep(name, body, description, kms_key, None).await
    }

    /// What is not given stays.
    pub async fn update(
        &self,
        name: &str,
        body: Option<String>,
        description: Option<String>,
        kms_key: Option<String>,
    ) -> Result<LookupTable> {
        let _change = self.change.lock().await;
        let known = self.get(name).await?;
        let (description, kms_key) = (description.or(known.description), kms_key.or(known.kms_key));
        self.keep(name, body.unwrap_or(known.body), description, kms_key, Some(known.created_us)).await
    }

    async fn keep(
        &self,
        name: &str,
        body: String,
        description: Option<String>,
        kms_key: Option<String>,
        created_us: Option<i64>,
    ) -> Result<LookupTable> {
        if body.len() > BODY_BYTES_MAX {
            return Err(Error::Invalid(format!("a lookup table has at most {BODY_BYTES_MAX} bytes")));
        }
        let mut all = records(&body)?;
        if all.is_empty() {
            return Err(Error::Invalid("a lookup table begins with a line with the names of its columns".to_owned()));
        }
        let columns = all.remove(0);
        if columns.len() > COLUMNS_MAX || columns.iter().any(String::is_empty) {
            return Err(Error::Invalid(format!("a lookup table has at most {COLUMNS_MAX} columns, all with a name")));
        }
        let now_us = self.clock.now_us();
        let table = LookupTable {
            name: name.to_owned(),
            description,
            columns,
            rows: all.len(),
            body,
            kms_key,
            created_us: created_us.unwrap_or(now_us),
            modified_us: now_us,
        };
        self.catalog.put_resource(&table).await?;
        Ok(table)
    }

    pub async fn delete(&self, name: &str) -> Result<()> {
        let _change = self.change.lock().await;
        match self.catalog.delete_resource::<LookupTable>(name).await? {
            true => Ok(()),
            false => Err(missing(name)),
        }
    }
}

/// The answer of a query as the body of a table.
pub fn body_of(answer: &Answer) -> Result<String> {
    let mut columns: Vec<&str> = Vec::new();
    for (name, _) in answer.rows.iter().flatten() {
        if name != "@ptr" && !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    let cannot = |err: &dyn std::fmt::Display| Error::Unexpected(format!("an answer cannot be written as a table: {err}"));
    writer.write_record(&columns).map_err(|err| cannot(&err))?;
    for row in &answer.rows {
        let value = |column: &&str| row.iter().find(|(name, _)| name == column).and_then(|(_, value)| value.text());
        writer.write_record(columns.iter().map(|column| value(column).unwrap_or_default())).map_err(|err| cannot(&err))?;
    }
    let written = writer.into_inner().map_err(|err| cannot(&err))?;
    String::from_utf8(written).map_err(|err| cannot(&err))
}

fn missing(name: &str) -> Error {
    Error::NoResource(format!("lookup table {name} does not exist"))
}

/// The records of comma-separated values, all of the same number of fields.
fn records(body: &str) -> Result<Vec<Vec<String>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::Headers).from_reader(body.as_bytes());
    let record = |record: std::result::Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(|err| Error::Invalid(format!("the table cannot be read as comma-separated values: {err}")))?;
        Ok(record.iter().map(str::to_owned).collect())
    };
    reader.records().map(record).collect()
}
