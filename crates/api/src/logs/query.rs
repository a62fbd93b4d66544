//! Logs Insights: queries that run for a while, and what they found.

use std::time::Duration;

use axum::http::StatusCode;
use control::log_query::{LogQueryJob, Status};
use model::log::LogGroup;
use query::log::insights::{self, Ask, Malformed, Source};
use query::log::span::SPANS;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::LogScan;
use tokio::time::timeout;

use super::{group_of_identifier, invalid, limit_of, missing, of, sql_query};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

/// Rows where nobody says how many, and at most (AWS).
pub(super) const ROWS: usize = 10_000;
pub(super) const ROWS_MAX: usize = 100_000;
/// Groups of a query (AWS).
pub(super) const GROUPS_MAX: usize = 50;
/// Groups of one that names them itself (AWS).
pub(super) const SOURCE_GROUPS_MAX: usize = 10_000;
const PAGE: usize = 1_000;
/// Logs Insights' own language.
const CWLI: &str = "CWLI";
pub(super) const SQL: &str = "SQL";
/// How long an answer may wait for a query that is over soon.
pub(super) const SETTLE: Duration = Duration::from_millis(200);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartQuery {
    query_language: Option<String>,
    log_group_name: Option<String>,
    log_group_names: Option<Vec<String>>,
    log_group_identifiers: Option<Vec<String>>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    query_string: Option<String>,
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartQueryOutput {
    query_id: String,
}

pub(super) fn malformed(Malformed { start, end, message }: Malformed) -> ApiError {
    let location = json!({"startCharOffset": start, "endCharOffset": end});
    ApiError::new(StatusCode::BAD_REQUEST, "MalformedQueryException", format!("{message} ([{start},{end}])"))
        .with("queryCompileError", json!({"location": location, "message": message}))
}

/// Seconds, or milliseconds, as some write them.
fn seconds(given: i64) -> i64 {
    if given > 100_000_000_000 { given.saturating_mul(1_000) } else { given.saturating_mul(1_000_000) }
}

/// The language of a query, of those that are known.
pub(super) fn language(given: Option<&str>) -> Result<&'static str, ApiError> {
    match given {
        None | Some(CWLI) => Ok(CWLI),
        Some(SQL) => Ok(SQL),
        Some(other) => Err(invalid(format!("queryLanguage {other:?} is not supported by this server: {CWLI} and {SQL} are"))),
    }
}

pub(super) async fn start_query(app: &App, input: StartQuery) -> Result<StartQueryOutput, ApiError> {
    let language = language(input.query_language.as_deref())?;
    let text = input.query_string.ok_or_else(|| missing("queryString"))?;
    let from_us = seconds(input.start_time.ok_or_else(|| missing("startTime"))?);
    // The last second belongs to it.
    let to_us = seconds(input.end_time.ok_or_else(|| missing("endTime"))?).saturating_add(1_000_000);
    if from_us >= to_us {
        return Err(invalid("End time should not be less than start time"));
    }
    if language == SQL {
        if input.log_group_name.is_some() || input.log_group_names.is_some() || input.log_group_identifiers.is_some() {
            return Err(invalid("a query in SQL names its log groups itself: SELECT … FROM `<log group>`"));
        }
        let query_id = sql_query::start(app, text, (from_us, to_us), input.limit).await?;
        return Ok(StartQueryOutput { query_id });
    }
    let query = insights::parse(&text).map_err(malformed)?;
    let limit = limit_of(input.limit, if query.has_limit() { ROWS_MAX } else { ROWS }, ROWS_MAX)?;
    let named = [input.log_group_name.map(|name| vec![name]), input.log_group_names, input.log_group_identifiers];
    let names = match (named.iter().flatten().count(), &query.source) {
        (0, Some(source)) => of_source(app, source).await?,
        (1, None) => {
            let names = named.into_iter().flatten().next().unwrap_or_default();
            names.iter().map(|name| group_of_identifier(app, name)).collect::<Result<Vec<_>, _>>()?
        }
        (0, None) => return Err(missing("logGroupName, logGroupNames or logGroupIdentifiers")),
        (_, Some(_)) => return Err(invalid("a query with SOURCE names its log groups itself")),
        _ => return Err(invalid("logGroupName, logGroupNames and logGroupIdentifiers exclude each other")),
    };
    let most = if query.source.is_some() { SOURCE_GROUPS_MAX } else { GROUPS_MAX };
    if names.is_empty() || names.len() > most {
        return Err(invalid(format!("a query is of 1 to {most} log groups, not of {}", names.len())));
    }
    let tables = query.tables();
    let lookups = app.lookup_tables.lookups(&tables.iter().map(|(name, _)| *name).collect::<Vec<_>>()).await.map_err(of)?;
    if let Some((name, (start, end))) = tables.iter().find(|(name, _)| !lookups.0.contains_key(*name)) {
        let message = format!("there is no lookup table {name}");
        return Err(malformed(Malformed { start: *start, end: *end, message }));
    }
    let mut groups = Vec::with_capacity(names.len());
    let with_spans = names.iter().any(|name| name == SPANS);
    for name in names.iter().filter(|name| *name != SPANS) {
        groups.push(app.logs.scan(name, None).await.map_err(of)?);
    }
    let scan = LogScan { groups, from_us, to_us, ..LogScan::default() };
    let (id, stop) = app.log_queries.start(CWLI, &text, names).map_err(of)?;
    let (queries, job) = (app.log_queries.clone(), id.clone());
    let asking = {
        let (app, account_id) = (app.clone(), app.identity.account_id.clone());
        let (told, told_id) = (queries.clone(), id.clone());
        let ask = move |door: &::query::Query| {
            let progress = |so_far| told.progress(&told_id, so_far);
            let (query, scan, account_id) = (&query, &scan, &account_id);
            door.log_insights(&Ask {
                query,
                scan,
                with_spans,
                limit,
                account_id,
                lookups: &lookups,
                stop: &stop,
                progress: &progress,
            })
        };
        async move { app.ask(ask).await }
    };
    let running = tokio::spawn(async move { queries.finish(&job, asking.await.map_err(|err| err.told().1)) });
    // Whoever asks for a little has it at the first look.
    let _ = timeout(SETTLE, running).await;
    Ok(StartQueryOutput { query_id: id })
}

/// The groups that a query names itself.
pub(super) async fn of_source(app: &App, source: &Source) -> Result<Vec<String>, ApiError> {
    let is_meant = |group: &LogGroup| {
        (source.prefixes.is_empty() || source.prefixes.iter().any(|prefix| group.name.starts_with(prefix.as_str())))
            && (source.classes.is_empty() || source.classes.iter().any(|class| class == group.class.as_str()))
    };
    let all = app.logs.groups().await.map_err(of)?;
    Ok(all.into_iter().filter(is_meant).map(|group| group.name.into()).collect())
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetQueryResults {
    query_id: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    max_items: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetQueryResultsOutput {
    query_language: &'static str,
    results: Vec<Vec<ResultField>>,
    statistics: Value,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
struct ResultField {
    field: String,
    value: String,
}

pub(super) async fn get_query_results(app: &App, input: GetQueryResults) -> Result<GetQueryResultsOutput, ApiError> {
    let job = app.log_queries.get(input.query_id.as_deref().ok_or_else(|| missing("queryId"))?).map_err(of)?;
    if let Status::Failed(why) = &job.status {
        tracing::debug!(query = job.text, why, "a query of logs failed");
    }
    let now_us = app.clock.now_us();
    let from: usize = page::begin(input.next_token.as_deref(), &input, now_us)?;
    let most = match input.max_items {
        None => usize::MAX,
        Some(wanted) if (0..=ROWS as i64).contains(&wanted) => wanted as usize,
        Some(wanted) => return Err(invalid(format!("maxItems {wanted} is not from 0 to {ROWS}"))),
    };
    let rows = &job.answer.rows;
    let field = |(field, value): &(String, insights::Value)| Some(ResultField { field: field.clone(), value: value.text()? });
    let results: Vec<Vec<ResultField>> =
        rows.iter().skip(from).take(most).map(|row| row.iter().filter_map(field).collect()).collect();
    let at = from + results.len();
    let statistics = job.answer.statistics;
    Ok(GetQueryResultsOutput {
        query_language: job.language,
        statistics: json!({
            "recordsMatched": statistics.matched as f64,
            "recordsScanned": statistics.scanned as f64,
            "bytesScanned": statistics.bytes as f64,
            "estimatedRecordsSkipped": 0.0,
            "estimatedBytesSkipped": 0.0,
            "logGroupsScanned": job.groups.len() as f64,
            "resultCount": rows.len() as f64,
        }),
        status: job.status.as_str(),
        next_token: (most > 0 && at < rows.len()).then(|| page::token(&input, &at, now_us)).transpose()?,
        results,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StopQuery {
    query_id: Option<String>,
}

#[derive(Serialize)]
pub(super) struct StopQueryOutput {
    success: bool,
}

pub(super) async fn stop_query(app: &App, input: StopQuery) -> Result<StopQueryOutput, ApiError> {
    app.log_queries.stop(input.query_id.as_deref().ok_or_else(|| missing("queryId"))?).map_err(of)?;
    Ok(StopQueryOutput { success: true })
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueries {
    log_group_name: Option<String>,
    status: Option<String>,
    query_language: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeQueriesOutput {
    queries: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn describe_queries(app: &App, input: DescribeQueries) -> Result<DescribeQueriesOutput, ApiError> {
    let now_us = app.clock.now_us();
    let most = limit_of(input.max_results, PAGE, PAGE)?;
    let is_meant = |job: &LogQueryJob| {
        input.log_group_name.as_ref().is_none_or(|name| job.groups.contains(name))
            && input.status.as_ref().is_none_or(|status| job.status.as_str() == status)
            && input.query_language.as_ref().is_none_or(|language| language == job.language)
    };
    let all: Vec<LogQueryJob> = app.log_queries.list().into_iter().filter(is_meant).collect();
    let (jobs, next_token) = page::cut(all, input.next_token.as_deref(), most, &input, now_us)?;
    let told = |job: &LogQueryJob| {
        json!({
            "queryLanguage": job.language,
            "queryId": job.id,
            "queryString": job.text,
            "status": job.status.as_str(),
            "createTime": job.begun_us / 1_000,
            "logGroupName": job.groups.first(),
            "queryDuration": (job.ended_us.unwrap_or(now_us) - job.begun_us) / 1_000,
            "bytesScanned": job.answer.statistics.bytes as f64,
        })
    };
    Ok(DescribeQueriesOutput { queries: jobs.iter().map(told).collect(), next_token })
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroupsForQuery {
    query_id: Option<String>,
    #[serde(skip_serializing)]
    max_results: Option<i64>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListLogGroupsForQueryOutput {
    log_group_identifiers: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn list_log_groups_for_query(
    app: &App,
    input: ListLogGroupsForQuery,
) -> Result<ListLogGroupsForQueryOutput, ApiError> {
    let job = app.log_queries.get(input.query_id.as_deref().ok_or_else(|| missing("queryId"))?).map_err(of)?;
    let most = limit_of(input.max_results, GROUPS_MAX, 500)?;
    let now_us = app.clock.now_us();
    let (log_group_identifiers, next_token) = page::cut(job.groups, input.next_token.as_deref(), most, &input, now_us)?;
    Ok(ListLogGroupsForQueryOutput { log_group_identifiers, next_token })
}
