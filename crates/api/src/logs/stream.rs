//! Streams of log events.

use std::cmp::Reverse;

use model::log::LogStream;
use serde::{Deserialize, Serialize};

use super::{Nothing, arn, broken, invalid, limit_of, missing, named_group, of};
use crate::app::App;
use crate::error::ApiError;
use crate::page;

/// Streams on a page (AWS).
const PAGE: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfStream {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
}

impl OfStream {
    fn names(&self) -> Result<(&str, &str), ApiError> {
        let group = self.log_group_name.as_deref().ok_or_else(|| missing("logGroupName"))?;
        Ok((group, self.log_stream_name.as_deref().ok_or_else(|| missing("logStreamName"))?))
    }
}

pub(super) async fn create_log_stream(app: &App, input: OfStream) -> Result<Nothing, ApiError> {
    let (group, stream) = input.names()?;
    app.logs.create_stream(group, stream).await.map_err(of)?;
    Ok(Nothing {})
}

pub(super) async fn delete_log_stream(app: &App, input: OfStream) -> Result<Nothing, ApiError> {
    let (group, stream) = input.names()?;
    app.logs.delete_stream(group, stream).await.map_err(of)?;
    Ok(Nothing {})
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    descending: Option<bool>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DescribeLogStreamsOutput {
    log_streams: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    log_stream_name: String,
    creation_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_event_timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_ingestion_time: Option<i64>,
    /// Of times in which events had to say what came before them.
    upload_sequence_token: String,
    arn: String,
    stored_bytes: u64,
}

pub(super) async fn describe_log_streams(app: &App, input: DescribeLogStreams) -> Result<DescribeLogStreamsOutput, ApiError> {
    let group = named_group(app, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let limit = limit_of(input.limit, PAGE, PAGE)?;
    let is_by_time = match input.order_by.as_deref() {
        None | Some("LogStreamName") => false,
        Some("LastEventTime") => true,
        Some(other) => {
            let constraint = "Member must satisfy enum value set: [LogStreamName, LastEventTime]";
            return Err(broken(other, "orderBy", constraint));
        }
    };
    if is_by_time && input.log_stream_name_prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let now_us = app.clock.now_us();
    let mut streams = app.logs.streams(&group).await.map_err(of)?;
    if let Some(prefix) = &input.log_stream_name_prefix {
        streams.retain(|stream| stream.name().starts_with(prefix.as_str()));
    }
    // They come by name, and those of one time stay so.
    match (is_by_time, input.descending == Some(true)) {
        (true, true) => streams.sort_by_key(|stream| Reverse(stream.seen.last_us)),
        (true, false) => streams.sort_by_key(|stream| stream.seen.last_us),
        (false, true) => streams.reverse(),
        (false, false) => {}
    }
    let (streams, next_token) = page::cut(streams, input.next_token.as_deref(), limit, &input, now_us)?;
    let group_arn = arn(app, &group);
    let told = |stream: LogStream| Told {
        creation_time: stream.created_us / 1_000,
        first_event_timestamp: stream.seen.first_us.map(|time_us| time_us / 1_000),
        last_event_timestamp: stream.seen.last_us.map(|time_us| time_us / 1_000),
        last_ingestion_time: stream.seen.last_us.map(|_| stream.seen.last_number.ingested_us() / 1_000),
        upload_sequence_token: sequence_token(stream.seen.last_number.0),
        arn: format!("{group_arn}:log-stream:{}", stream.name()),
        stored_bytes: stream.seen.bytes,
        log_stream_name: stream.name().to_owned(),
    };
    Ok(DescribeLogStreamsOutput { log_streams: streams.into_iter().map(told).collect(), next_token })
}

/// Nobody has to give it any more, and some still look for it.
pub(super) fn sequence_token(number: i64) -> String {
    format!("{number:056}")
}
