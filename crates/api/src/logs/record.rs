//! What is in log events: all of one, and which fields those of a group have.

use std::collections::BTreeMap;

use model::log::LogEvent;
use query::log::field::fields;
use query::log::{LogBudget, LogOrder, LogPosition};
use serde::{Deserialize, Serialize};
use store::LogScan;

use super::{invalid, missing, named_group, of};
use crate::app::App;
use crate::error::ApiError;

/// Events that are looked at to tell the fields of a group.
const SAMPLE: usize = 1_000;
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;
/// Without a time the fields are those of the last 15 minutes; with one, of 8 minutes before and behind it (AWS).
const RECENT_US: i64 = 15 * 60 * 1_000_000;
const AROUND_US: i64 = 8 * 60 * 1_000_000;
/// What every event has.
const SYSTEM_FIELDS: [&str; 5] = ["@ingestionTime", "@log", "@logStream", "@message", "@timestamp"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogRecord {
    log_record_pointer: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogRecordOutput {
    log_record: BTreeMap<String, String>,
}

pub(super) async fn get_log_record(app: &App, input: GetLogRecord) -> Result<GetLogRecordOutput, ApiError> {
    let pointer = input.log_record_pointer.ok_or_else(|| missing("logRecordPointer"))?;
    let at: LogPosition =
        pointer.parse().map_err(|_| invalid(format!("logRecordPointer {pointer:?} is none: @ptr of a query's row is")))?;
    let mut groups = Vec::new();
    for group in app.logs.groups().await.map_err(of)? {
        groups.push(app.logs.scan(&group.name, None).await.map_err(of)?);
    }
    let scan = LogScan {
        groups,
        from_us: at.time_us,
        to_us: at.time_us.saturating_add(1),
        with_streams: true,
        with_messages: true,
        ..LogScan::default()
    };
    let budget = LogBudget { events: 1, bytes: usize::MAX, scanned: usize::MAX };
    let mut is_it = move |rows: &store::LogRows, row: usize| rows.numbers.value(row) == at.number.0;
    let page = app.ask(move |query| query.log_events(&scan, LogOrder::OldestFirst, None, &mut is_it, budget)).await?;
    let event = page.events.into_iter().next();
    let event = event.ok_or_else(|| of(control::Error::NoResource("the log event is not there any more".to_owned())))?;
    Ok(GetLogRecordOutput { log_record: record(app, event) })
}

fn record(app: &App, event: LogEvent) -> BTreeMap<String, String> {
    let mut record: BTreeMap<String, String> = fields(&event.message).into_iter().collect();
    let at = LogPosition::from(&event);
    let system = [
        ("@ptr", at.to_string()),
        ("@timestamp", (event.time_us / 1_000).to_string()),
        ("@ingestionTime", (event.number.ingested_us() / 1_000).to_string()),
        ("@log", format!("{}:{}", app.identity.account_id, event.group)),
        ("@logStream", event.stream.to_string()),
        ("@message", event.message),
    ];
    record.extend(system.map(|(name, value)| (name.to_owned(), value)));
    record
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogGroupFields {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    time: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogGroupFieldsOutput {
    log_group_fields: Vec<LogGroupField>,
}

#[derive(Serialize)]
struct LogGroupField {
    name: String,
    percent: usize,
}

pub(super) async fn get_log_group_fields(app: &App, input: GetLogGroupFields) -> Result<GetLogGroupFieldsOutput, ApiError> {
    let group = named_group(app, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let group = app.logs.scan(&group, None).await.map_err(of)?;
    let (from_us, to_us) = match input.time {
        // Seconds, as AWS says, or milliseconds, as some send.
        Some(time) => {
            let time_us = if time > 100_000_000_000 { time.saturating_mul(1_000) } else { time.saturating_mul(1_000_000) };
            (time_us.saturating_sub(AROUND_US), time_us.saturating_add(AROUND_US))
        }
        None => (app.clock.now_us() - RECENT_US, i64::MAX),
    };
    let scan = LogScan { groups: vec![group], from_us, to_us, with_messages: true, ..LogScan::default() };
    let budget = LogBudget { events: SAMPLE, bytes: SAMPLE_BYTES, scanned: SAMPLE };
    let page = app.ask(move |query| query.log_events(&scan, LogOrder::NewestFirst, None, &mut |_, _| true, budget)).await?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &page.events {
        for (name, _) in fields(&event.message) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let total = page.events.len();
    let system = SYSTEM_FIELDS.iter().filter(|_| total > 0).map(|name| ((*name).to_owned(), total));
    let mut all: Vec<LogGroupField> =
        system.chain(counts).map(|(name, count)| LogGroupField { name, percent: (count * 100).div_ceil(total.max(1)) }).collect();
    all.sort_by(|a, b| b.percent.cmp(&a.percent).then_with(|| a.name.cmp(&b.name)));
    Ok(GetLogGroupFieldsOutput { log_group_fields: all })
}
