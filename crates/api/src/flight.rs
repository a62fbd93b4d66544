//! Arrow Flight SQL: the same queries for JDBC, ADBC and ODBC drivers, over gRPC. Keeps nothing between two calls: a handle is the
//! query itself.

use std::sync::{Arc, LazyLock};

use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::{FlightService, FlightServiceServer};
use arrow_flight::sql::metadata::{SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::server::FlightSqlService;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables,
    CommandPreparedStatementQuery, CommandStatementQuery, ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{Action, FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use model::Kind;
use prost::Message;
use sql::arrow::array::RecordBatch;
use sql::arrow::datatypes::{Schema, SchemaRef};
use sql::arrow::error::ArrowError;
use sql::arrow::ipc::writer::IpcWriteOptions;
use sql::{CATALOG, SCHEMA, Sql};
use tonic::{Request, Response, Status};
use tracing::error;

use crate::app::App;

/// Of a message that comes in: a query, and little around it.
const MESSAGE_BYTES: usize = 128 * 1024;

type Rows = Response<<Flight as FlightService>::DoGetStream>;
type Answer<T> = Result<T, Status>;

/// The gRPC service.
pub(crate) fn service(app: &App) -> FlightServiceServer<Flight> {
    FlightServiceServer::new(Flight { sql: app.sql.clone() }).max_decoding_message_size(MESSAGE_BYTES)
}

#[derive(Clone)]
pub(crate) struct Flight {
    sql: Sql,
}

impl Flight {
    /// Where rows are to be had: here, with the message as ticket.
    fn info(message: &impl ProstMessageExt, schema: &Schema, descriptor: FlightDescriptor) -> Answer<Response<FlightInfo>> {
        let ticket = Ticket::new(message.as_any().encode_to_vec());
        let info = FlightInfo::new().try_with_schema(schema).map_err(|err| internal(&err))?;
        Ok(Response::new(info.with_endpoint(FlightEndpoint::new().with_ticket(ticket)).with_descriptor(descriptor)))
    }

    async fn rows(&self, query: &[u8]) -> Answer<Rows> {
        let mut answer = self.sql.query(text(query)?).await.map_err(status)?;
        let schema = answer.schema.clone();
        let batches = stream::poll_fn(move |context| answer.poll_next(context));
        let batches = batches.map_err(|err| FlightError::Tonic(Box::new(status(err))));
        let encoded = FlightDataEncoderBuilder::new().with_schema(schema).build(batches).map_err(Status::from);
        Ok(Response::new(encoded.boxed()))
    }
}

fn batch(batch: Result<RecordBatch, impl std::fmt::Display>) -> Answer<Rows> {
    let batch = batch.map_err(|err| internal(&err))?;
    let schema = batch.schema();
    let batches = stream::once(async { Ok(batch) });
    let encoded = FlightDataEncoderBuilder::new().with_schema(schema).build(batches).map_err(Status::from);
    Ok(Response::new(encoded.boxed()))
}

fn text(query: &[u8]) -> Answer<String> {
    String::from_utf8(query.to_vec()).map_err(|_| Status::invalid_argument("the query is not UTF-8"))
}

fn status(err: sql::Error) -> Status {
    match err.kind() {
        Kind::Invalid | Kind::NotFound => Status::invalid_argument(err.to_string()),
        Kind::LimitExceeded => Status::resource_exhausted(err.to_string()),
        Kind::Unavailable => Status::unavailable(err.to_string()),
        Kind::Corrupt | Kind::Internal => internal(&err),
    }
}

fn internal(err: &dyn std::fmt::Display) -> Status {
    error!(error = %err, "a query failed");
    Status::internal("the server failed; its log says why")
}

static INFO: LazyLock<Result<SqlInfoData, FlightError>> = LazyLock::new(|| {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Mitoshi");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, "1.4");
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, 0i32);
    info.append(SqlInfo::FlightSqlServerCancel, false);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, false);
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlQuotedIdentifierCase, 3i32);
    info.append(SqlInfo::SqlTransactionsSupported, false);
    info.build()
});

fn sql_info() -> Answer<&'static SqlInfoData> {
    INFO.as_ref().map_err(|err| internal(err))
}

const VIEW: &str = "VIEW";
const TABLE: &str = "TABLE";

#[tonic::async_trait]
impl FlightSqlService for Flight {
    type FlightService = Flight;

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        let schema = self.sql.schema(query.query.clone()).await.map_err(status)?;
        let ticket = TicketStatementQuery { statement_handle: query.query.into() };
        Flight::info(&ticket, &schema, request.into_inner())
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, _: Request<Ticket>) -> Answer<Rows> {
        self.rows(&ticket.statement_handle).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        _: Request<Action>,
    ) -> Answer<ActionCreatePreparedStatementResult> {
        let schema = self.sql.schema(query.query.clone()).await.map_err(status)?;
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: query.query.into(),
            dataset_schema: encoded(&schema)?,
            parameter_schema: encoded(&Arc::new(Schema::empty()))?,
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        let schema = self.sql.schema(text(&query.prepared_statement_handle)?).await.map_err(status)?;
        Flight::info(&query, &schema, request.into_inner())
    }

    async fn do_get_prepared_statement(&self, query: CommandPreparedStatementQuery, _: Request<Ticket>) -> Answer<Rows> {
        self.rows(&query.prepared_statement_handle).await
    }

    async fn do_action_close_prepared_statement(&self, _: ActionClosePreparedStatementRequest, _: Request<Action>) -> Answer<()> {
        Ok(())
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        Flight::info(&query, &query.into_builder().schema(), request.into_inner())
    }

    async fn do_get_catalogs(&self, query: CommandGetCatalogs, _: Request<Ticket>) -> Answer<Rows> {
        let mut builder = query.into_builder();
        builder.append(CATALOG);
        batch(builder.build())
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        Flight::info(&query, &query.clone().into_builder().schema(), request.into_inner())
    }

    async fn do_get_schemas(&self, query: CommandGetDbSchemas, _: Request<Ticket>) -> Answer<Rows> {
        let mut builder = query.into_builder();
        builder.append(CATALOG, SCHEMA);
        batch(builder.build())
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        Flight::info(&query, &query.clone().into_builder().schema(), request.into_inner())
    }

    async fn do_get_tables(&self, query: CommandGetTables, _: Request<Ticket>) -> Answer<Rows> {
        let with_schema = query.include_schema;
        let mut builder = query.into_builder();
        for table in self.sql.tables() {
            let kind = if table.query.is_some() { VIEW } else { TABLE };
            let schema = match with_schema {
                true => self.sql.schema(format!("SELECT * FROM {}", table.name)).await.map_err(status)?,
                false => Arc::new(Schema::empty()),
            };
            builder.append(CATALOG, SCHEMA, table.name, kind, &schema).map_err(|err| internal(&err))?;
        }
        batch(builder.build())
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        Flight::info(&query, &query.into_builder().schema(), request.into_inner())
    }

    async fn do_get_table_types(&self, query: CommandGetTableTypes, _: Request<Ticket>) -> Answer<Rows> {
        let mut builder = query.into_builder();
        builder.append(TABLE);
        builder.append(VIEW);
        batch(builder.build())
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Answer<Response<FlightInfo>> {
        let schema = query.clone().into_builder(sql_info()?).schema();
        Flight::info(&query, &schema, request.into_inner())
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, _: Request<Ticket>) -> Answer<Rows> {
        batch(query.into_builder(sql_info()?).build())
    }

    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}

fn encoded(schema: &SchemaRef) -> Answer<Bytes> {
    let options = IpcWriteOptions::default();
    let IpcMessage(bytes) = SchemaAsIpc::new(schema, &options).try_into().map_err(|err: ArrowError| internal(&err))?;
    Ok(bytes)
}
