//! The catalog: which parts there are, up to where the log is in them, and the small mutable state that people edit. One SQLite
//! database; a part appears together with the log position it covers, in one transaction.

mod sampling;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use model::TraceId;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::error::Result;
use crate::table::file::{Checksums, Written};
use crate::table::trace::Span;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// The database behind the store.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: SqlitePool,
}

/// A part with the checksums of its files.
#[derive(Debug, Clone)]
pub(crate) struct NewPart {
    pub(crate) row: PartRow,
    /// Of segments, traces, visits.
    pub(crate) checksums: [Arc<Checksums>; 3],
}

impl NewPart {
    /// Of files just written: segments, traces, visits.
    pub(crate) fn new(id: i64, day: i64, documents: u64, written: [Written; 3], span: Span, now_us: i64) -> NewPart {
        let row = PartRow {
            id,
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
        NewPart { row, checksums: written.map(|written| Arc::new(written.checksums)) }
    }
}

/// A part, as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartRow {
    pub(crate) id: i64,
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
        Ok(Catalog { pool })
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) async fn checkpoint(&self) -> Result<u64> {
        let sequence: i64 = sqlx::query_scalar("SELECT sequence FROM checkpoint").fetch_one(&self.pool).await?;
        Ok(sequence as u64)
    }

    pub(crate) async fn parts(&self) -> Result<Vec<NewPart>> {
        let rows = sqlx::query("SELECT * FROM part WHERE damaged IS NULL ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let checksums = |column| Ok::<_, sqlx::Error>(Arc::new(Checksums::from_bytes(row.try_get(column)?)));
                let checksums = [checksums("segment_checksums")?, checksums("trace_checksums")?, checksums("visit_checksums")?];
                let row = PartRow {
                    id: row.try_get("id")?,
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
                Ok(NewPart { row, checksums })
            })
            .collect()
    }

    pub(crate) async fn superseded(&self) -> Result<HashMap<i64, HashSet<TraceId>>> {
        let rows = sqlx::query("SELECT part_id, trace_id FROM superseded").fetch_all(&self.pool).await?;
        let mut superseded: HashMap<i64, HashSet<TraceId>> = HashMap::new();
        for row in rows {
            let id: Vec<u8> = row.try_get("trace_id")?;
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
        for NewPart { row: part, checksums: [segments, traces, visits] } in &change.add {
            sqlx::query(
                "INSERT INTO part (id, day, segment_rows, trace_rows, bytes, min_time_us, max_time_us, min_start_us, max_end_us, \
                 created_us, segment_checksums, trace_checksums, visit_checksums) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(part.id)
            .bind(part.day)
            .bind(part.segment_rows)
            .bind(part.trace_rows)
            .bind(part.bytes)
            .bind(part.min_time_us)
            .bind(part.max_time_us)
            .bind(part.min_start_us)
            .bind(part.max_end_us)
            .bind(part.created_us)
            .bind(segments.to_bytes())
            .bind(traces.to_bytes())
            .bind(visits.to_bytes())
            .execute(&mut *transaction)
            .await?;
        }
        for (part, trace) in &change.supersede {
            sqlx::query("INSERT OR IGNORE INTO superseded (part_id, trace_id) VALUES (?, ?)")
                .bind(part)
                .bind(&trace.0[..])
                .execute(&mut *transaction)
                .await?;
        }
        for id in &change.remove {
            sqlx::query("DELETE FROM part WHERE id = ?").bind(id).execute(&mut *transaction).await?;
        }
        if let Some(sequence) = change.checkpoint {
            sqlx::query("UPDATE checkpoint SET sequence = ?").bind(sequence as i64).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes a part out of every answer, and remembers why.
    pub(crate) async fn mark_damaged(&self, id: i64, why: &str) -> Result<()> {
        sqlx::query("UPDATE part SET damaged = ? WHERE id = ?").bind(why).bind(id).execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn damaged_parts(&self) -> Result<Vec<(i64, String)>> {
        let rows = sqlx::query("SELECT id, damaged FROM part WHERE damaged IS NOT NULL ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("damaged")?))).collect()
    }
}
