//! DataFusion, set up to read and nothing else.

use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, MemorySchemaProvider,
};
use datafusion::common::Result;
use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use store::Reader;
use tokio::runtime::Runtime;

use crate::table::log::Logs;
use crate::table::metric::Metrics;
use crate::table::request::Requests;
use crate::table::segment::Segments;
use crate::table::state_change::StateChanges;
use crate::table::trace::Traces;
use crate::table::{Provider, Snapshot, Table};
use crate::{CATALOG, Limits, SCHEMA};

/// Functions that make much of nothing: the memory they take is not counted.
const WITHHELD: &[&str] = &["repeat", "lpad", "rpad", "array_repeat", "array_resize", "generate_series", "range"];

/// Questions that are asked often, as queries over the tables.
pub(crate) const VIEWS: &[View] = &[
    View {
        name: "exceptions",
        description: "Segments and subsegments in which an exception was recorded.",
        query: "SELECT time, trace_id, id, service, name, exception_type, exception_message \
                FROM segments WHERE exception_type IS NOT NULL OR exception_message IS NOT NULL",
    },
    View {
        name: "service_minutes",
        description: "Requests per service and minute: how many, how many failed, and how long they took in seconds.",
        query: "SELECT date_trunc('minute', time) AS minute, service, service_type, count(*) AS requests, \
                count(*) FILTER (WHERE error AND NOT fault) AS errors, count(*) FILTER (WHERE fault) AS faults, \
                avg(duration) AS average, approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY duration) AS p50, \
                approx_percentile_cont(0.9) WITHIN GROUP (ORDER BY duration) AS p90, \
                approx_percentile_cont(0.99) WITHIN GROUP (ORDER BY duration) AS p99 \
                FROM requests GROUP BY date_trunc('minute', time), service, service_type",
    },
];

pub(crate) struct View {
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    pub(crate) query: &'static str,
}

pub(crate) struct Engine {
    /// Queries run on threads of their own: they compute for long stretches, and the server must go on answering.
    runtime: Option<Runtime>,
    state: SessionState,
}

impl Engine {
    pub(crate) fn new(limits: &Limits) -> Result<Engine> {
        let threads = std::thread::available_parallelism().map_or(2, usize::from).div_ceil(2).max(2);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).thread_name("sql").enable_time().build()?;
        let memory = limits.memory_mib * 1024 * 1024;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(GreedyMemoryPool::new(memory)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled))
            .build_arc()?;
        let config = SessionConfig::new()
            .with_information_schema(true)
            .with_default_catalog_and_schema(CATALOG, SCHEMA)
            .with_target_partitions(threads)
            .set_str("datafusion.execution.time_zone", "+00:00");
        let state = SessionStateBuilder::new().with_default_features().with_config(config).with_runtime_env(environment).build();
        let context = SessionContext::new_with_state(state);
        for name in WITHHELD {
            context.deregister_udf(name);
            context.deregister_udtf(name);
        }
        register::<Traces>(&context)?;
        register::<Requests>(&context)?;
        register::<Segments>(&context)?;
        register::<Metrics>(&context)?;
        register::<StateChanges>(&context)?;
        register::<Logs>(&context)?;
        for view in VIEWS {
            let plan = runtime.block_on(context.state().create_logical_plan(view.query))?;
            let view_table = datafusion::catalog::view::ViewTable::new(plan, Some(view.query.to_owned()));
            context.register_table(view.name, Arc::new(view_table))?;
        }
        Ok(Engine { runtime: Some(runtime), state: context.state() })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("invariant: is there until the engine is dropped")
    }

    /// A context without tables, for those of one query of log groups: names are as they are written.
    pub(crate) fn log_context(&self) -> Result<SessionContext> {
        let (catalogs, catalog) = (MemoryCatalogProviderList::new(), MemoryCatalogProvider::new());
        catalog.register_schema(SCHEMA, Arc::new(MemorySchemaProvider::new()))?;
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let mut state = SessionStateBuilder::new_from_existing(self.state.clone()).with_catalog_list(Arc::new(catalogs)).build();
        let options = state.config_mut().options_mut();
        options.sql_parser.enable_ident_normalization = false;
        options.sql_parser.dialect = Dialect::Spark;
        options.catalog.information_schema = false;
        Ok(SessionContext::new_with_state(state))
    }

    /// A context whose tables all show the same moment.
    pub(crate) fn context(&self, reader: Reader) -> SessionContext {
        let mut state = self.state.clone();
        state.config_mut().set_extension(Arc::new(Snapshot(Arc::new(reader))));
        SessionContext::new_with_state(state)
    }
}

/// Refuses everything that is not a question.
pub(crate) fn check_reads(plan: &LogicalPlan) -> Result<()> {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false).verify_plan(plan)
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn register<T: Table>(context: &SessionContext) -> Result<()> {
    context.register_table(T::NAME, Arc::new(Provider::<T>::default())).map(|_| ())
}
