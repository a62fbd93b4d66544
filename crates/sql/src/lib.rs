//! SQL for people: tables over what the store holds, asked through DataFusion. Reads only, within bounds of time and memory.
//!
//! ```text
//! query ─► plan ─► tables (rows of the store's reader) ─► batches ─► JSON lines, CSV, Arrow
//! ```

mod engine;
mod error;
mod format;
mod log_group;
mod table;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures_util::StreamExt;
use serde::Serialize;
use store::{Reader, Store};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tracing::debug;

pub use datafusion::arrow;
pub use error::{Error, Result};
pub use format::{Encoder, Format};
pub use log_group::{LogQuery, LogTable, Scanned, texts};

use engine::{Engine, VIEWS, check_reads};
use table::Table;
use table::log::Logs;
use table::metric::Metrics;
use table::request::Requests;
use table::segment::Segments;
use table::state_change::StateChanges;
use table::trace::Traces;

/// What queries may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the question to the last row.
    pub timeout: Duration,
    /// Of all queries together, for sorting, grouping and joining.
    pub memory_mib: usize,
}

/// Where the tables are, for clients that ask.
pub const CATALOG: &str = "mitoshi";
pub const SCHEMA: &str = "public";
/// Queries that run at the same time; the others wait.
const QUERIES: usize = 2;
/// Characters of a query.
const QUERY_BYTES: usize = 64 * 1024;

/// The door. Cheap to clone.
#[derive(Clone)]
pub struct Sql {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    limits: Limits,
    /// Made for the first query: a server that is never asked has no need of it.
    engine: Mutex<Option<Arc<Engine>>>,
    places: Arc<Semaphore>,
    /// Says when queries have to end.
    stop: watch::Sender<bool>,
}

/// An answer under way.
#[derive(Debug)]
pub struct Answer {
    pub schema: SchemaRef,
    first: Option<RecordBatch>,
    rows: mpsc::Receiver<RecordBatch>,
    /// How the query ended. Rows that stop coming are all of them only where this says so.
    end: Option<oneshot::Receiver<Result<()>>>,
}

impl Answer {
    /// The next rows; none at the end.
    pub async fn next(&mut self) -> Option<Result<RecordBatch>> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As `next`, for those who poll.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        if let Some(rows) = ready!(self.rows.poll_recv(context)) {
            return Poll::Ready(Some(Ok(rows)));
        }
        let Some(end) = &mut self.end else { return Poll::Ready(None) };
        let end = ready!(Pin::new(end).poll(context));
        self.end = None;
        Poll::Ready(match end {
            Ok(Ok(())) => None,
            Ok(Err(err)) => Some(Err(err)),
            Err(_) => Some(Err(Error::Internal("the query ended in an unexpected way".to_owned()))),
        })
    }
}

impl Sql {
    pub fn new(store: Store, limits: Limits) -> Sql {
        Sql {
            inner: Arc::new(Inner {
                store,
                limits,
                engine: Mutex::default(),
                places: Arc::new(Semaphore::new(QUERIES)),
                stop: watch::Sender::new(false),
            }),
        }
    }

    fn engine(&self) -> Result<Arc<Engine>> {
        let mut engine = self.inner.engine.lock().unwrap_or_else(PoisonError::into_inner);
        match &*engine {
            Some(engine) => Ok(engine.clone()),
            None => {
                let made = Engine::new(&self.inner.limits).map_err(|err| Error::of(err, self.inner.limits.memory_mib))?;
                Ok(engine.insert(Arc::new(made)).clone())
            }
        }
    }

    /// Asks. The answer comes with its first rows, so that most of what can go wrong is known by then. Letting go of it ends the
    /// query.
    pub async fn query(&self, query: String) -> Result<Answer> {
        self.ask(query, Asked::Tables).await
    }

    /// What a query of log groups says of itself.
    pub fn parse_log_query(&self, query: &str) -> Result<LogQuery> {
        check_length(query)?;
        log_group::parse(query).map_err(|err| Error::of(err, self.inner.limits.memory_mib))
    }

    /// Asks log groups. Fields are discovered before: the answer comes when that is done, and what was read for it is counted from
    /// there on.
    pub async fn log_query(&self, query: String, tables: Vec<LogTable>, account_id: String) -> Result<(Answer, Arc<Scanned>)> {
        let scanned = Arc::<Scanned>::default();
        let answer = self.ask(query, Asked::LogGroups { tables, account_id, scanned: scanned.clone() }).await?;
        Ok((answer, scanned))
    }

    async fn ask(&self, query: String, asked: Asked) -> Result<Answer> {
        let (place, engine) = self.place(&query).await?;
        let Limits { timeout, memory_mib } = self.inner.limits;
        let (schema, schema_known) = oneshot::channel();
        let (rows, taken) = mpsc::channel(1);
        let (ended, end) = oneshot::channel();
        let reader = self.inner.store.reader();
        let mut stopping = self.inner.stop.subscribe();
        let running = engine.clone();
        engine.runtime().spawn(async move {
            let _place = place;
            let closed = rows.clone();
            let work = async {
                let done = match planned(&running, reader, &query, asked).await {
                    Ok((context, plan)) => run(&context, plan, schema, rows).await,
                    Err(err) => Err(err),
                };
                done.map_err(|err| Error::of(err, memory_mib))
            };
            let result = tokio::select! {
                _ = stopping.wait_for(|stop| *stop) => Err(Error::Stopping),
                () = closed.closed() => return debug!("a query ended early, as nobody waits for it"),
                done = tokio::time::timeout(timeout, work) => done.unwrap_or(Err(Error::TooLong(timeout))),
            };
            let _ = ended.send(result);
        });
        match schema_known.await {
            Ok(schema) => {
                let mut answer = Answer { schema, first: None, rows: taken, end: Some(end) };
                answer.first = answer.next().await.transpose()?;
                Ok(answer)
            }
            // It failed before there was one.
            Err(_) => Err(match end.await {
                Ok(Err(err)) => err,
                _ => Error::Internal("the query ended in an unexpected way".to_owned()),
            }),
        }
    }

    /// What columns the answer will have.
    pub async fn schema(&self, query: String) -> Result<SchemaRef> {
        let (_place, engine) = self.place(&query).await?;
        let context = engine.context(self.inner.store.reader());
        let plan = async move { Ok(Arc::new(plan(&context, &query).await?.schema().as_arrow().clone())) };
        let planned = engine.runtime().spawn(plan).await.map_err(|err| Error::Internal(err.to_string()))?;
        planned.map_err(|err| Error::of(err, self.inner.limits.memory_mib))
    }

    /// Waits for the query's turn.
    async fn place(&self, query: &str) -> Result<(OwnedSemaphorePermit, Arc<Engine>)> {
        check_length(query)?;
        let place = self.inner.places.clone().acquire_owned().await.map_err(|_| Error::Stopping)?;
        let this = self.clone();
        let engine = tokio::task::spawn_blocking(move || this.engine()).await.map_err(|_| Error::Stopping)??;
        Ok((place, engine))
    }

    /// Ends the queries under way; later ones are refused.
    pub fn stop(&self) {
        self.inner.places.close();
        self.inner.stop.send_replace(true);
    }

    /// What can be asked.
    pub fn tables(&self) -> Vec<TableDescription> {
        let mut tables = vec![
            describe::<Traces>(),
            describe::<Requests>(),
            describe::<Segments>(),
            describe::<Metrics>(),
            describe::<StateChanges>(),
            describe::<Logs>(),
        ];
        tables.extend(VIEWS.iter().map(|view| TableDescription {
            name: view.name,
            description: view.description,
            columns: Vec::new(),
            query: Some(view.query),
        }));
        tables
    }
}

async fn plan(context: &SessionContext, query: &str) -> datafusion::common::Result<LogicalPlan> {
    let plan = context.state().create_logical_plan(query).await?;
    check_reads(&plan)?;
    Ok(plan)
}

fn check_length(query: &str) -> Result<()> {
    if query.len() > QUERY_BYTES {
        return Err(Error::Query(format!("the query has {} bytes, the limit is {QUERY_BYTES}", query.len())));
    }
    Ok(())
}

/// What a query is of.
enum Asked {
    Tables,
    LogGroups { tables: Vec<LogTable>, account_id: String, scanned: Arc<Scanned> },
}

/// Says so when it is let go of.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

async fn planned(
    engine: &Engine,
    reader: Reader,
    query: &str,
    asked: Asked,
) -> datafusion::common::Result<(SessionContext, LogicalPlan)> {
    match asked {
        Asked::Tables => {
            let context = engine.context(reader);
            let plan = plan(&context, query).await?;
            Ok((context, plan))
        }
        Asked::LogGroups { tables, account_id, scanned } => {
            let over = Over(Arc::default());
            let is_over = over.0.clone();
            let look = move || log_group::discovered(reader, tables, &account_id, &scanned, &|| is_over.load(Ordering::Relaxed));
            let looked = tokio::task::spawn_blocking(look).await.map_err(|err| DataFusionError::ExecutionJoin(Box::new(err)))?;
            let tables = looked.map_err(|err| DataFusionError::External(Box::new(err)))?;
            let context = engine.log_context()?;
            let plan = log_group::plan(&context, query, tables).await?;
            Ok((context, plan))
        }
    }
}

async fn run(
    context: &SessionContext,
    plan: LogicalPlan,
    schema: oneshot::Sender<SchemaRef>,
    rows: mpsc::Sender<RecordBatch>,
) -> datafusion::common::Result<()> {
    let mut stream = context.execute_logical_plan(plan).await?.execute_stream().await?;
    let _ = schema.send(stream.schema());
    while let Some(batch) = stream.next().await.transpose()? {
        if batch.num_rows() > 0 && rows.send(batch).await.is_err() {
            break;
        }
    }
    Ok(())
}

/// A table or view, for people.
#[derive(Debug, Clone, Serialize)]
pub struct TableDescription {
    pub name: &'static str,
    pub description: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnDescription>,
    /// Of a view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize)]
pub struct ColumnDescription {
    pub name: &'static str,
    #[serde(rename = "type")]
    pub data_type: &'static str,
    pub description: &'static str,
}

fn describe<T: Table>() -> TableDescription {
    let schema = table::schema::<T>();
    let columns = T::COLUMNS.iter().zip(schema.fields()).map(|(column, field)| ColumnDescription {
        name: column.name,
        data_type: match field.data_type() {
            DataType::Utf8 => "text",
            DataType::Timestamp(..) => "timestamp",
            DataType::Float64 => "double",
            DataType::Int64 => "bigint",
            DataType::Boolean => "boolean",
            DataType::List(_) => "text[]",
            _ => "map(text, text)",
        },
        description: column.description,
    });
    TableDescription { name: T::NAME, description: T::DESCRIPTION, columns: columns.collect(), query: None }
}
