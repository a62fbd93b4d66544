//! The catalog: which parts there are, up to where the log is in them, and the small mutable state that people edit. One SQLite
//! database; a part appears together with the log position it covers, in one transaction.

mod resource;
mod sampling;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::TraceId;
use model::owner::Owner;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Row, SqliteConnection};

use crate::error::{Error, Result};
use crate::filter::PartFilter;
use crate::part;
use crate::part::{FOLDERS, SEGMENT};
use crate::table::file::{Checksums, Written};
use crate::table::trace::Span;

pub use resource::ResourceChanges;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The database behind the store.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: SqlitePool,
    /// Whose resources it gives and takes; empty for the server's own account.
    account: Arc<str>,
}

/// A part with the checksums of its files, and what it cannot have.
#[derive(Debug, Clone)]
pub(crate) struct NewPart {
    pub(crate) row: PartRow,
    /// In the order of `part::folders_of`.
    pub(crate) checksums: Vec<Arc<Checksums>>,
    /// Of a part of segments.
    pub(crate) filter: Option<Arc<PartFilter>>,
}

impl NewPart {
    /// Of files just written, in the order of `part::FOLDERS`.
    pub(crate) fn new(
        id: i64,
        day: i64,
        documents: u64,
        written: [Written; FOLDERS.len()],
        filter: PartFilter,
        span: Span,
        now_us: i64,
    ) -> NewPart {
        let row = PartRow {
            id,
            family: SEGMENT,
            day,
            segment_rows: documents as i64,
            trace_rows: span.rows as i64,
            bytes: written.iter().map(|written| written.bytes as i64).sum(),
            min_time_us: span.min_time_us,
            max_time_us: span.max_time_us,
            min_start_us: span.min_start_us,
            max_end_us: span.max_end_us,
            created_us: now_us,
        };
        let checksums = written.into_iter().map(|written| Arc::new(written.checksums)).collect();
        NewPart { row, checksums, filter: Some(Arc::new(filter)) }
    }
}

impl NewPart {
    /// Of all that the catalog says of it.
    fn checksum(&self, filter: &[u8]) -> i64 {
        let row = &self.row;
        let numbers = [
            row.id,
            row.day,
            row.segment_rows,
            row.trace_rows,
            row.bytes,
            row.min_time_us,
            row.max_time_us,
            row.min_start_us,
            row.max_end_us,
            row.created_us,
        ];
        let sum = crc32c::crc32c(row.family.as_bytes());
        let sum = numbers.iter().fold(sum, |sum, number| crc32c::crc32c_append(sum, &number.to_le_bytes()));
        let sum = crc32c::crc32c_append(sum, &Checksums::all_to_bytes(&self.checksums));
        i64::from(crc32c::crc32c_append(sum, filter))
    }
}

fn superseded_checksum(part: i64, trace: &[u8]) -> i64 {
    i64::from(crc32c::crc32c_append(crc32c::crc32c(&part.to_le_bytes()), trace))
}

async fn set_exact_from(connection: &mut SqliteConnection, exact_from_us: i64) -> Result<()> {
    sqlx::query("UPDATE minute_sums SET exact_from_us = ?, checksum = ?")
        .bind(exact_from_us)
        .bind(i64::from(crc32c::crc32c(&exact_from_us.to_le_bytes())))
        .execute(connection)
        .await?;
    Ok(())
}

/// An error where a row is not what was written.
fn intact(row: &SqliteRow, checksum: impl Into<i64>) -> Result<(), sqlx::Error> {
    if row.try_get::<i64, _>("checksum")? == checksum.into() {
        Ok(())
    } else {
        Err(sqlx::Error::Decode("a row does not have its checksum".into()))
    }
}

/// A part, as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub(crate) id: i64,
    /// Which tables it has the rows of: `part::SEGMENT`, or the name of a table of rows.
    pub(crate) family: &'static str,
    pub(crate) day: i64,
    pub(crate) segment_rows: i64,
    pub(crate) trace_rows: i64,
    pub(crate) bytes: i64,
    pub(crate) min_time_us: i64,
    pub(crate) max_time_us: i64,
    pub(crate) min_start_us: i64,
    pub(crate) max_end_us: i64,
    pub(crate) created_us: i64,
}

/// One change of the set of parts; all of it happens, or nothing.
#[derive(Debug, Default)]
pub(crate) struct PartChange {
    pub(crate) add: Vec<NewPart>,
    pub(crate) remove: Vec<i64>,
    pub(crate) supersede: Vec<(i64, TraceId)>,
    pub(crate) checkpoint: Option<u64>,
    pub(crate) exact_from_us: Option<i64>,
}

impl Catalog {
    pub(crate) async fn open(path: &Path) -> Result<Catalog> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        Ok(Catalog { pool, account: "".into() })
    }

    /// The same for the resources of another account.
    pub fn of_account(&self, account_id: &str) -> Catalog {
        Catalog { pool: self.pool.clone(), account: account_id.into() }
    }

    /// The accounts that have resources, the server's own left out.
    pub async fn accounts(&self) -> Result<Vec<String>> {
        let sql = "SELECT DISTINCT account FROM resource WHERE account <> '' UNION SELECT DISTINCT account FROM sampling_rule WHERE account <> ''";
        Ok(sqlx::query_scalar(sql).fetch_all(&self.pool).await?)
    }

    /// Of whom there are segments, besides the server's own account.
    pub(crate) async fn owners(&self) -> Result<BTreeSet<Owner>> {
        let texts: Vec<String> = sqlx::query_scalar("SELECT owner FROM owner").fetch_all(&self.pool).await?;
        Ok(texts.iter().map(|text| Owner::of_text(text)).collect())
    }

    pub(crate) async fn add_owner(&self, owner: &Owner) -> Result<()> {
        sqlx::query("INSERT OR IGNORE INTO owner (owner) VALUES (?)").bind(owner.as_str()).execute(&self.pool).await?;
        Ok(())
    }

    /// What is not as it was written, if anything.
    pub(crate) async fn damage(&self) -> Result<Option<String>> {
        let check = async {
            let rows: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_all(&self.pool).await?;
            if rows != ["ok"] {
                return Ok(Some(rows.join("; ")));
            }
            self.checkpoint().await?;
            self.parts().await?;
            self.superseded().await?;
            self.damaged_parts().await?;
            self.exact_from_us().await?;
            self.all_sampling_rules().await?;
            self.check_resources().await?;
            Ok::<_, Error>(None)
        };
        match check.await {
            Err(err) if err.is_catalog_damage() => Ok(Some(err.to_string())),
            found => found,
        }
    }

    /// Takes over what people edited from a database that may be damaged.
    /// Returns how many rules and other resources are lost.
    pub(crate) async fn salvage(&self, from: &Path) -> Result<(usize, usize)> {
        let damaged = Catalog::open_read_only(from).await?;
        let (rules, lost) = damaged.intact_sampling_rules().await?;
        for (account, rule) in rules {
            self.of_account(&account).put_sampling_rule(&rule, rule.modified_us).await?;
        }
        let resources = self.take_resources(&damaged).await;
        damaged.close().await;
        Ok((lost, resources?))
    }

    /// The checksums of the first file of each part, as far as a database that may be damaged still has them.
    pub(crate) async fn checksums_of(path: &Path) -> Result<HashMap<i64, Arc<Checksums>>> {
        let damaged = Catalog::open_read_only(path).await?;
        let parts = damaged.parts().await;
        damaged.close().await;
        let first = |part: NewPart| Some((part.row.id, part.checksums.into_iter().next()?));
        Ok(parts?.into_iter().filter_map(first).collect())
    }

    /// Beside another process that uses it; nothing is migrated.
    pub(crate) async fn open_existing(path: &Path) -> Result<Catalog> {
        let options = SqliteConnectOptions::new().filename(path).busy_timeout(Duration::from_secs(10));
        Ok(Catalog { pool: SqlitePoolOptions::new().max_connections(1).connect_with(options).await?, account: "".into() })
    }

    /// Writes a copy of the database as it is now.
    pub(crate) async fn copy_to(&self, path: &Path) -> Result<()> {
        sqlx::query("VACUUM INTO ?").bind(path.to_string_lossy().as_ref()).execute(&self.pool).await?;
        Ok(())
    }

    /// Without the right to change anything; other processes may.
    pub(crate) async fn open_read_only(path: &Path) -> Result<Catalog> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(10));
        Ok(Catalog { pool: SqlitePoolOptions::new().max_connections(1).connect_with(options).await?, account: "".into() })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn checkpoint(&self) -> Result<u64> {
        let row = sqlx::query("SELECT sequence, checksum FROM checkpoint").fetch_one(&self.pool).await?;
        let sequence: i64 = row.try_get("sequence")?;
        intact(&row, crc32c::crc32c(&sequence.to_le_bytes()))?;
        Ok(sequence as u64)
    }

    pub(crate) async fn parts(&self) -> Result<Vec<NewPart>> {
        self.parts_of("SELECT * FROM part WHERE damaged IS NULL ORDER BY id").await
    }

    /// Parts that no answer is made of, because something in them cannot be read.
    pub(crate) async fn parts_set_aside(&self) -> Result<Vec<NewPart>> {
        self.parts_of("SELECT * FROM part WHERE damaged IS NOT NULL ORDER BY id").await
    }

    async fn parts_of(&self, sql: &'static str) -> Result<Vec<NewPart>> {
        let rows = sqlx::query(sql).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|sql| {
                let row: &SqliteRow = sql;
                let checksums = Checksums::all_from_bytes(row.try_get("checksums")?);
                let family: &str = row.try_get("family")?;
                let unknown = || sqlx::Error::Decode(format!("a part of the unknown table {family:?}").into());
                let row = PartRow {
                    id: row.try_get("id")?,
                    family: part::family(family).ok_or_else(unknown)?,
                    day: row.try_get("day")?,
                    segment_rows: row.try_get("segment_rows")?,
                    trace_rows: row.try_get("trace_rows")?,
                    bytes: row.try_get("bytes")?,
                    min_time_us: row.try_get("min_time_us")?,
                    max_time_us: row.try_get("max_time_us")?,
                    min_start_us: row.try_get("min_start_us")?,
                    max_end_us: row.try_get("max_end_us")?,
                    created_us: row.try_get("created_us")?,
                };
                let bytes: &[u8] = sql.try_get("filter")?;
                let filter = (!bytes.is_empty()).then(|| {
                    let filter = PartFilter::from_bytes(bytes);
                    filter.map(Arc::new).ok_or_else(|| sqlx::Error::Decode("a filter that cannot be read".into()))
                });
                let part = NewPart { row, checksums, filter: filter.transpose()? };
                intact(sql, part.checksum(bytes))?;
                Ok(part)
            })
            .collect()
    }

    pub(crate) async fn superseded(&self) -> Result<HashMap<i64, HashSet<TraceId>>> {
        let rows = sqlx::query("SELECT part_id, trace_id, checksum FROM superseded").fetch_all(&self.pool).await?;
        let mut superseded: HashMap<i64, HashSet<TraceId>> = HashMap::new();
        for row in rows {
            let id: Vec<u8> = row.try_get("trace_id")?;
            intact(&row, superseded_checksum(row.try_get("part_id")?, &id))?;
            if let Ok(bytes) = <[u8; 16]>::try_from(id) {
                superseded.entry(row.try_get("part_id")?).or_default().insert(TraceId(bytes));
            }
        }
        Ok(superseded)
    }

    /// Numbers for new parts, never given out again, not even after a crash: the first of `count`.
    pub(crate) async fn reserve_part_ids(&self, count: i64) -> Result<i64> {
        let next: i64 =
            sqlx::query_scalar("UPDATE part_number SET next = next + ? RETURNING next").bind(count).fetch_one(&self.pool).await?;
        Ok(next - count)
    }

    pub(crate) async fn change_parts(&self, change: &PartChange) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for new in &change.add {
            let NewPart { row: part, checksums, filter } = new;
            let filter = filter.as_ref().map(|filter| filter.to_bytes()).unwrap_or_default();
            sqlx::query(
                "INSERT INTO part (id, family, day, segment_rows, trace_rows, bytes, min_time_us, max_time_us, min_start_us, \
                 max_end_us, created_us, checksums, filter, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(part.id)
            .bind(part.family)
            .bind(part.day)
            .bind(part.segment_rows)
            .bind(part.trace_rows)
            .bind(part.bytes)
            .bind(part.min_time_us)
            .bind(part.max_time_us)
            .bind(part.min_start_us)
            .bind(part.max_end_us)
            .bind(part.created_us)
            .bind(Checksums::all_to_bytes(checksums))
            .bind(filter.as_slice())
            .bind(new.checksum(&filter))
            .execute(&mut *transaction)
            .await?;
        }
        for (part, trace) in &change.supersede {
            sqlx::query("INSERT OR IGNORE INTO superseded (part_id, trace_id, checksum) VALUES (?, ?, ?)")
                .bind(part)
                .bind(&trace.0[..])
                .bind(superseded_checksum(*part, &trace.0))
                .execute(&mut *transaction)
                .await?;
        }
        for id in &change.remove {
            sqlx::query("DELETE FROM part WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        }
        if let Some(sequence) = change.checkpoint {
            let sequence = sequence as i64;
            sqlx::query("UPDATE checkpoint SET sequence = ?, checksum = ?")
                .bind(sequence)
                .bind(i64::from(crc32c::crc32c(&sequence.to_le_bytes())))
                .execute(&mut *transaction)
                .await?;
        }
        if let Some(exact_from_us) = change.exact_from_us {
            set_exact_from(&mut transaction, exact_from_us).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// From when on sums per minute can be used.
    pub(crate) async fn exact_from_us(&self) -> Result<i64> {
        let row = sqlx::query("SELECT exact_from_us, checksum FROM minute_sums").fetch_one(&self.pool).await?;
        let exact_from_us: i64 = row.try_get("exact_from_us")?;
        intact(&row, crc32c::crc32c(&exact_from_us.to_le_bytes()))?;
        Ok(exact_from_us)
    }

    /// Takes a part out of every answer, and remembers why.
    pub(crate) async fn mark_damaged(&self, id: i64, why: &str, exact_from_us: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE part SET damaged = ? WHERE id = ?").bind(why).bind(id).execute(&mut *transaction).await?;
        set_exact_from(&mut transaction, exact_from_us).await?;
        transaction.commit().await?;
        Ok(())
    }

    pub(crate) async fn damaged_parts(&self) -> Result<Vec<(i64, String)>> {
        let rows = sqlx::query("SELECT id, damaged FROM part WHERE damaged IS NOT NULL ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("damaged")?))).collect()
    }
}
