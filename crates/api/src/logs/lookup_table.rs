//! Lookup tables: what queries can look up.

use std::collections::BTreeMap;

use control::log_query::Status;
use control::lookup_table;
use model::lookup_table::LookupTable;
use serde::{Deserialize, Serialize};

use super::{Nothing, invalid, limit_of, missing, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLookupTable {
    lookup_table_name: Option<String>,
    description: Option<String>,
    table_body: Option<String>,
    query_id: Option<String>,
    kms_key_id: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateLookupTableOutput {
    lookup_table_arn: String,
    created_at: i64,
}

fn arn(app: &App, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:lookup-table:{name}", app.identity.region, app.identity.account_id)
}

/// The name in an ARN; a name alone is taken, too.
fn name(given: Option<&str>) -> Result<&str, ApiError> {
    let given = given.ok_or_else(|| missing("lookupTableArn"))?;
    match given.strip_prefix("arn:") {
        None => Ok(given),
        Some(_) => given
            .rsplit_once(":lookup-table:")
            .map(|(_, name)| name)
            .ok_or_else(|| invalid(format!("{given} is no ARN of a lookup table"))),
    }
}

/// The body of a table: given, or the answer of a query.
async fn body(app: &App, body: Option<String>, query_id: Option<String>) -> Result<Option<String>, ApiError> {
    match (body, query_id) {
        (Some(_), Some(_)) => Err(invalid("tableBody and queryId exclude each other")),
        (body, None) => Ok(body),
        (None, Some(id)) => {
            let job = app.log_queries.get(&id).map_err(of)?;
            match job.status {
                Status::Complete => lookup_table::body_of(&job.answer).map(Some).map_err(of),
                _ => Err(invalid(format!("query {id} is not complete"))),
            }
        }
    }
}

pub(super) async fn create_lookup_table(app: &App, input: CreateLookupTable) -> Result<CreateLookupTableOutput, ApiError> {
    let name = input.lookup_table_name.ok_or_else(|| missing("lookupTableName"))?;
    if input.tags.is_some_and(|tags| !tags.is_empty()) {
        return Err(invalid("tags of lookup tables are not supported by this server"));
    }
    let body = body(app, input.table_body, input.query_id).await?.ok_or_else(|| missing("tableBody or queryId"))?;
    let made = app.lookup_tables.create(&name, body, input.description, input.kms_key_id).await.map_err(of)?;
    Ok(CreateLookupTableOutput { lookup_table_arn: arn(app, &name), created_at: made.created_us / 1_000 })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateLookupTable {
    lookup_table_arn: Option<String>,
    description: Option<String>,
    table_body: Option<String>,
    query_id: Option<String>,
    kms_key_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UpdateLookupTableOutput {
    lookup_table_arn: String,
    last_updated_time: i64,
}

pub(super) async fn update_lookup_table(app: &App, input: UpdateLookupTable) -> Result<UpdateLookupTableOutput, ApiError> {
    let name = name(input.lookup_table_arn.as_deref())?;
    let body = body(app, input.table_body, input.query_id).await?;
    let made = app.lookup_tables.update(name, body, input.description, input.kms_key_id).await.map_err(of)?;
    Ok(UpdateLookupTableOutput { lookup_table_arn: arn(app, name), last_updated_time: made.modified_us / 1_000 })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfTable {
    lookup_table_arn: Option<String>,
}

pub(super) async fn delete_lookup_table(app: &App, input: OfTable) -> Result<Nothing, ApiError> {
    app.lookup_tables.delete(name(input.lookup_table_arn.as_deref())?).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Told {
    lookup_table_arn: String,
    lookup_table_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_fields: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    records_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_body: Option<String>,
    size_bytes: usize,
    last_updated_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
}

fn told(app: &App, table: LookupTable, with_body: bool) -> Told {
    Told {
        lookup_table_arn: arn(app, &table.name),
        lookup_table_name: table.name,
        description: table.description,
        size_bytes: table.body.len(),
        table_fields: (!with_body).then_some(table.columns),
        records_count: (!with_body).then_some(table.rows),
        table_body: with_body.then_some(table.body),
        last_updated_time: table.modified_us / 1_000,
        kms_key_id: table.kms_key,
    }
}

pub(super) async fn get_lookup_table(app: &App, input: OfTable) -> Result<Told, ApiError> {
    let table = app.lookup_tables.get(name(input.lookup_table_arn.as_deref())?).await.map_err(of)?;
    Ok(told(app, table, true))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLookupTables {
    lookup_table_name_prefix: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLookupTablesOutput {
    lookup_tables: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_lookup_tables(app: &App, input: DescribeLookupTables) -> Result<DescribeLookupTablesOutput, ApiError> {
    let most = limit_of(input.max_results, PAGE, PAGE)?;
    let is_meant =
        |table: &LookupTable| input.lookup_table_name_prefix.as_ref().is_none_or(|prefix| table.name.starts_with(prefix.as_str()));
    let meant = app.lookup_tables.list().await.map_err(of)?.into_iter().filter(is_meant);
    let token = input.next_token.as_deref();
    let (tables, next_token) = page::cut_by_name(meant, |table| &table.name, token, most, &input, app.clock.now_us())?;
    Ok(DescribeLookupTablesOutput { lookup_tables: tables.into_iter().map(|table| told(app, table, false)).collect(), next_token })
}
