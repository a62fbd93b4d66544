//! Log events: taking them in, reading them.

use std::collections::BTreeMap;

use control::cluster::performance::PerformanceEvent;
use control::log::{Accepted, EVENT_BYTES, check_pattern};
use model::log::{EventNumber, LogEvent, LogLine};
use model::metric::Metric;
use query::log::{LogBudget, LogOrder, LogPage, LogPosition};
use serde::{Deserialize, Serialize};
use store::LogScan;
use tracing::debug;

use super::stream::sequence_token;
use super::{broken, invalid, limit_of, missing, named_group, of};
use crate::app::{App, Identity};
use crate::error::ApiError;
use crate::page;

/// Events of a request or an answer, and bytes of them (AWS).
const EVENTS_MAX: usize = 10_000;
const BYTES_MAX: usize = 1_048_576;
/// The longest time from the first event of a request to the last (AWS).
const SPAN_MS: i64 = 24 * 3_600 * 1_000;
/// Events that are looked at for one page: one that finds little says so and goes on with the next.
const SCANNED_MAX: usize = 1_000_000;
const STREAMS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEvents {
    log_group_name: Option<String>,
    log_stream_name: Option<String>,
    log_events: Option<Vec<InputLogEvent>>,
}

#[derive(Deserialize)]
struct InputLogEvent {
    timestamp: Option<i64>,
    message: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutLogEventsOutput {
    next_sequence_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_log_events_info: Option<RejectedLogEventsInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RejectedLogEventsInfo {
    #[serde(skip_serializing_if = "Option::is_none")]
    too_new_log_event_start_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    too_old_log_event_end_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_log_event_end_index: Option<usize>,
}

pub(super) async fn put_log_events(app: &App, input: PutLogEvents) -> Result<PutLogEventsOutput, ApiError> {
    let group = input.log_group_name.ok_or_else(|| missing("logGroupName"))?;
    let stream = input.log_stream_name.ok_or_else(|| missing("logStreamName"))?;
    let given = input.log_events.ok_or_else(|| missing("logEvents"))?;
    if given.is_empty() {
        return Err(broken("[]", "logEvents", "Member must have length greater than or equal to 1"));
    }
    if given.len() > EVENTS_MAX {
        return Err(broken("[...]", "logEvents", &format!("Member must have length less than or equal to {EVENTS_MAX}")));
    }
    let mut events = Vec::with_capacity(given.len());
    let (mut bytes, mut last) = (0, i64::MIN);
    for (place, event) in given.into_iter().enumerate() {
        let member = |name: &str| format!("logEvents.{}.member.{name}", place + 1);
        let time = event.timestamp.ok_or_else(|| missing(&member("timestamp")))?;
        let message = event.message.ok_or_else(|| missing(&member("message")))?;
        if message.is_empty() {
            return Err(broken("", &member("message"), "Member must have length greater than or equal to 1"));
        }
        if time < 0 {
            return Err(broken(&time.to_string(), &member("timestamp"), "Member must have value greater than or equal to 0"));
        }
        if time < last {
            return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
        }
        last = time;
        bytes += message.len() + EVENT_BYTES;
        events.push((time.saturating_mul(1_000), message));
    }
    if bytes > BYTES_MAX {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BYTES_MAX}")));
    }
    if last - events.first().map_or(last, |(first_us, _)| first_us / 1_000) > SPAN_MS {
        return Err(invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours."));
    }
    let taken = take_in(app, &group, &stream, events).await?;
    take_metrics(app, &taken.events).await?;
    let is_rejected = taken.too_new_from.is_some() || taken.too_old_until.is_some() || taken.expired_until.is_some();
    Ok(PutLogEventsOutput {
        next_sequence_token: sequence_token(taken.events.last().map_or(0, |event| event.number.0)),
        rejected_log_events_info: is_rejected.then_some(RejectedLogEventsInfo {
            too_new_log_event_start_index: taken.too_new_from,
            too_old_log_event_end_index: taken.too_old_until,
            expired_log_event_end_index: taken.expired_until,
        }),
    })
}

/// Keeps those events of a stream, which is there, that it takes, and what metric filters make of them. Times are in microseconds.
pub(super) async fn take_in(app: &App, group: &str, stream: &str, events: Vec<(i64, String)>) -> Result<Accepted, ApiError> {
    let mut accepted = app.logs.accept(group, stream, events, app.quotas.lenient).await.map_err(of)?;
    if !accepted.events.is_empty() {
        app.ingest.log_events(&mut accepted.events).await?;
        app.logs.kept(&accepted.events).await.map_err(of)?;
        let Identity { account_id, region, .. } = &app.identity;
        let metrics = app.metric_filters.metrics(&accepted.events, account_id, region).await.map_err(of)?;
        if !metrics.is_empty() {
            app.ingest.metrics(metrics).await?;
        }
    }
    Ok(accepted)
}

/// Keeps the metrics in events.
pub(super) async fn take_metrics(app: &App, events: &[LogEvent]) -> Result<(), ApiError> {
    let now_us = app.clock.now_us();
    let mut metrics: Vec<Metric> = Vec::new();
    // Almost no event is one with metrics, and that is seen at once.
    let may_have = |event: &&LogEvent| event.message.starts_with('{') && event.message.contains("\"CloudWatchMetrics\"");
    for event in events.iter().filter(may_have) {
        match ingest::emf::metrics(&event.message, now_us, app.quotas.lenient) {
            Ok(found) => metrics.extend(found.into_iter().flatten()),
            Err(err) => {
                debug!(group = %event.group, stream = %event.stream, error = %err, "metrics of a log event cannot be taken")
            }
        }
    }
    if !metrics.is_empty() {
        app.ingest.metrics(metrics).await?;
    }
    Ok(())
}

/// Days that performance log events are kept, where nobody says otherwise (AWS).
const PERFORMANCE_DAYS: u32 = 1;

/// Keeps performance log events. The metrics in them are kept already.
pub(crate) async fn take_performance(app: &App, events: Vec<PerformanceEvent>) -> Result<(), ApiError> {
    let mut streams: BTreeMap<(String, String), Vec<(i64, String)>> = BTreeMap::new();
    for event in events {
        streams.entry((event.group(), event.stream)).or_default().push((event.time_us, event.message));
    }
    for ((group, stream), events) in streams {
        // Clusters have names that groups cannot have.
        if app.logs.ensure_stream(&group, &stream, PERFORMANCE_DAYS).await.is_err() {
            continue;
        }
        take_in(app, &group, &stream, events).await?;
    }
    Ok(())
}

/// The longest line (AWS).
const LINE_BYTES_MAX: usize = BYTES_MAX - EVENT_BYTES;

/// A line that cannot be kept, and why.
#[derive(Debug, thiserror::Error)]
#[error("a line of log group {group}, stream {stream}: {reason}")]
pub(crate) struct RefusedLine {
    group: String,
    stream: String,
    reason: String,
}

/// Keeps lines, and makes the groups and streams that they name, where these are not there.
pub(crate) async fn take_lines(app: &App, lines: Vec<LogLine>) -> Result<Vec<RefusedLine>, ApiError> {
    let mut streams: BTreeMap<(String, String), Vec<(i64, String)>> = BTreeMap::new();
    let mut refused = Vec::new();
    for LogLine { group, stream, time_us, message } in lines {
        if message.len() > LINE_BYTES_MAX {
            refused.push(RefusedLine { group, stream, reason: format!("it has more than {LINE_BYTES_MAX} bytes") });
        } else if !message.is_empty() {
            streams.entry((group, stream)).or_default().push((time_us, message));
        }
    }
    for ((group, stream), mut lines) in streams {
        lines.sort_by_key(|(time_us, _)| *time_us);
        let count = lines.len();
        let mut refuse = |count: usize, reason: String| {
            refused.extend((0..count).map(|_| RefusedLine {
                group: group.clone(),
                stream: stream.clone(),
                reason: reason.clone(),
            }));
        };
        match app.logs.ensure_stream(&group, &stream, 0).await {
            Ok(()) => {}
            Err(control::Error::Invalid(why) | control::Error::LimitExceeded(why)) => {
                refuse(count, why);
                continue;
            }
            Err(err) => return Err(of(err)),
        }
        let taken = take_in(app, &group, &stream, lines).await?;
        take_metrics(app, &taken.events).await?;
        refuse(count - taken.events.len(), "its time is too old, or too far ahead".to_owned());
    }
    Ok(refused)
}

/// Keeps events that a subscription filter sends to a group, which is there.
pub async fn take_forwarded(app: &App, group: &str, stream: &str, events: Vec<(i64, String)>) -> Result<(), String> {
    let told = |err: ApiError| err.told().1;
    app.logs.group(group).await.map_err(|err| told(of(err)))?;
    app.logs.ensure_stream(group, stream, 0).await.map_err(|err| told(of(err)))?;
    let taken = take_in(app, group, stream, events).await.map_err(told)?;
    take_metrics(app, &taken.events).await.map_err(told)
}

/// Keeps what logs say of themselves, and the defaults of metric filters.
pub async fn keep_log_metrics(app: &App, is_end: bool) -> Result<(), String> {
    let told = |err: control::Error| of(err).told().1;
    let mut metrics = app.logs.incoming().await.map_err(told)?;
    metrics.extend(app.metric_filters.defaults(is_end).await.map_err(told)?);
    metrics.extend(app.subscription_filters.forwarded().await.map_err(told)?);
    if metrics.is_empty() {
        return Ok(());
    }
    app.ingest.metrics(metrics).await.map_err(|err| err.to_string())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GetLogEventsOutput {
    events: Vec<OutputLogEvent>,
    next_forward_token: String,
    next_backward_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputLogEvent {
    timestamp: i64,
    message: String,
    ingestion_time: i64,
}

/// A place in a stream, and which way it goes from there.
fn token(way: char, at: LogPosition) -> String {
    format!("{way}/{at}")
}

fn position(token: &str) -> Option<(LogOrder, LogPosition)> {
    let (way, at) = token.split_once('/')?;
    let order = match way {
        "f" => LogOrder::OldestFirst,
        "b" => LogOrder::NewestFirst,
        _ => return None,
    };
    Some((order, at.parse().ok()?))
}

pub(super) async fn get_log_events(app: &App, input: GetLogEvents) -> Result<GetLogEventsOutput, ApiError> {
    let group = named_group(app, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let stream = input.log_stream_name.ok_or_else(|| missing("logStreamName"))?;
    let limit = limit_of(input.limit, EVENTS_MAX, EVENTS_MAX)?;
    let (from_us, to_us) = (millis(input.start_time, 0), millis(input.end_time, i64::MAX));
    let group = app.logs.scan(&group, Some(&|name| name == stream)).await.map_err(of)?;
    if group.streams.as_ref().is_some_and(|streams| streams.is_empty()) {
        return Err(of(control::Error::NoResource("The specified log stream does not exist.".to_owned())));
    }
    let scan = LogScan { groups: vec![group], from_us, to_us, with_messages: true, ..LogScan::default() };
    let (order, after) = match input.next_token.as_deref() {
        Some(given) => {
            let (order, at) = position(given).ok_or_else(|| invalid("The specified nextToken is invalid."))?;
            (order, Some(at))
        }
        None if input.start_from_head == Some(true) => (LogOrder::OldestFirst, None),
        None => (LogOrder::NewestFirst, None),
    };
    let budget = LogBudget { events: limit, bytes: BYTES_MAX, scanned: usize::MAX };
    let page = app.ask(move |query| query.log_events(&scan, order, after, &mut |_, _| true, budget)).await?;
    let mut events = page.events;
    if order == LogOrder::NewestFirst {
        events.reverse();
    }
    // Where there is nothing, the next question is the same again.
    let here = after.unwrap_or(LogPosition { time_us: from_us, number: EventNumber(0) });
    let (first, last) = (events.first().map_or(here, LogPosition::from), events.last().map_or(here, LogPosition::from));
    let told = |event: LogEvent| OutputLogEvent {
        timestamp: event.time_us / 1_000,
        ingestion_time: event.number.ingested_us() / 1_000,
        message: event.message,
    };
    Ok(GetLogEventsOutput {
        events: events.into_iter().map(told).collect(),
        next_forward_token: token('f', last),
        next_backward_token: token('b', first),
    })
}

fn millis(given: Option<i64>, otherwise: i64) -> i64 {
    given.map_or(otherwise, |millis| millis.saturating_mul(1_000))
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    #[serde(skip_serializing)]
    next_token: Option<String>,
    #[serde(skip_serializing)]
    limit: Option<i64>,
    start_from_head: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterLogEventsOutput {
    events: Vec<FilteredLogEvent>,
    /// AWS says nothing in it any more.
    searched_log_streams: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FilteredLogEvent {
    log_stream_name: String,
    timestamp: i64,
    message: String,
    ingestion_time: i64,
    /// Says where it is.
    event_id: String,
}

pub(super) async fn filter_log_events(app: &App, input: FilterLogEvents) -> Result<FilterLogEventsOutput, ApiError> {
    let name = named_group(app, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let limit = limit_of(input.limit, EVENTS_MAX, EVENTS_MAX)?;
    let now_us = app.clock.now_us();
    let after: Option<LogPosition> = page::begin(input.next_token.as_deref(), &input, now_us)?;
    let filter = check_pattern(input.filter_pattern.as_deref().unwrap_or_default()).map_err(of)?;
    let group = match (&input.log_stream_names, &input.log_stream_name_prefix) {
        (Some(_), Some(_)) => return Err(invalid("logStreamNames and logStreamNamePrefix exclude each other")),
        (Some(names), None) if names.len() > STREAMS_MAX => {
            return Err(invalid(format!("logStreamNames can have at most {STREAMS_MAX} names")));
        }
        (Some(names), None) => {
            let group = app.logs.scan(&name, Some(&|stream| names.iter().any(|name| name == stream))).await.map_err(of)?;
            if names.iter().any(|name| !group.streams.as_ref().is_some_and(|known| known.contains(name.as_str()))) {
                return Err(of(control::Error::NoResource("The specified log stream does not exist.".to_owned())));
            }
            group
        }
        (None, Some(prefix)) => app.logs.scan(&name, Some(&|stream| stream.starts_with(prefix.as_str()))).await.map_err(of)?,
        (None, None) => app.logs.scan(&name, None).await.map_err(of)?,
    };
    let scan = LogScan {
        groups: vec![group],
        from_us: millis(input.start_time, 0),
        // Events of the last millisecond belong to it.
        to_us: input.end_time.map_or(i64::MAX, |end| end.saturating_add(1).saturating_mul(1_000)),
        needles: filter.needles(),
        with_streams: true,
        with_messages: true,
        ..LogScan::default()
    };
    let order = if input.start_from_head == Some(false) { LogOrder::NewestFirst } else { LogOrder::OldestFirst };
    let budget = LogBudget { events: limit, bytes: BYTES_MAX, scanned: SCANNED_MAX };
    let LogPage { events, next } = app
        .ask(move |query| query.log_events(&scan, order, after, &mut |rows, row| filter.is_match(rows.messages.value(row)), budget))
        .await?;
    let told = |event: LogEvent| FilteredLogEvent {
        event_id: LogPosition::from(&event).to_string(),
        log_stream_name: event.stream.into(),
        timestamp: event.time_us / 1_000,
        ingestion_time: event.number.ingested_us() / 1_000,
        message: event.message,
    };
    Ok(FilterLogEventsOutput {
        events: events.into_iter().map(told).collect(),
        searched_log_streams: [],
        next_token: next.map(|next| page::token(&input, &next, now_us)).transpose()?,
    })
}
