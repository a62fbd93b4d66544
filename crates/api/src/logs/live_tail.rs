//! Live tail: events as they come in, in an event stream.

use std::sync::Arc;
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use axum::body::Body;
use bytes::Bytes;
use control::log::check_pattern;
use model::log::{EventNumber, LogEvent};
use query::log::pattern::Pattern;
use query::log::{LogBudget, LogOrder};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{LogGroupScan, LogScan};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use super::{arn, group_of_identifier, invalid, missing, of};
use crate::app::App;
use crate::error::ApiError;

/// Groups of a session, and the pages of its life (AWS).
const GROUPS_MAX: usize = 10;
const UPDATE_EVERY: Duration = Duration::from_secs(1);
const EVENTS_MAX: usize = 500;
const SESSION: Duration = Duration::from_secs(3 * 3_600);
/// Events that are looked at for one update; of more, those that came last are left out.
const SCANNED_MAX: usize = 200_000;
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// Sessions at a time (AWS).
pub(crate) const SESSIONS_MAX: usize = 15;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartLiveTail {
    log_group_identifiers: Option<Vec<String>>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefixes: Option<Vec<String>>,
    log_event_filter_pattern: Option<String>,
}

struct Session {
    app: Arc<App>,
    input: StartLiveTail,
    groups: Vec<String>,
    pattern: Pattern,
    /// What came before it was told, or came before the session.
    next: EventNumber,
    ticks: Interval,
    began: Instant,
    state: State,
    _place: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Running,
    Over,
}

pub(super) async fn start_live_tail(app: &Arc<App>, input: StartLiveTail) -> Result<Body, ApiError> {
    let identifiers = input.log_group_identifiers.as_deref().ok_or_else(|| missing("logGroupIdentifiers"))?;
    if identifiers.is_empty() || identifiers.len() > GROUPS_MAX {
        let bound = if identifiers.is_empty() {
            "greater than or equal to 1".to_owned()
        } else {
            format!("less than or equal to {GROUPS_MAX}")
        };
        return Err(invalid(format!(
            "1 validation error detected: Value at 'logGroupIdentifiers' failed to satisfy constraint: Member must have length {bound}"
        )));
    }
    if input.log_stream_names.is_some() && input.log_stream_name_prefixes.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefixes exclude each other"));
    }
    let names_streams = input.log_stream_names.is_some() || input.log_stream_name_prefixes.is_some();
    if names_streams && identifiers.len() > 1 {
        return Err(invalid("logStreamNames and logStreamNamePrefixes go with one log group alone"));
    }
    if [&input.log_stream_names, &input.log_stream_name_prefixes].into_iter().flatten().any(Vec::is_empty) {
        return Err(invalid("logStreamNames and logStreamNamePrefixes must have at least one member"));
    }
    let mut groups = Vec::with_capacity(identifiers.len());
    for identifier in identifiers {
        let name = group_of_identifier(app, identifier)?;
        app.logs.group(&name).await.map_err(of)?;
        groups.push(name);
    }
    let pattern = check_pattern(input.log_event_filter_pattern.as_deref().unwrap_or_default()).map_err(of)?;
    let place = app.limits.live_tails.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{SESSIONS_MAX} live tail sessions run already");
        ApiError::new(axum::http::StatusCode::BAD_REQUEST, "LimitExceededException", message)
    })?;
    let mut ticks = tokio::time::interval(UPDATE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let session = Session {
        next: app.store.settled_events(),
        app: app.clone(),
        input,
        groups,
        pattern,
        ticks,
        began: Instant::now(),
        state: State::New,
        _place: place,
    };
    let frames = futures_util::stream::unfold(session, |mut session| async move {
        let frames = session.frames().await?;
        Some((Ok::<_, std::convert::Infallible>(frames), session))
    });
    Ok(Body::from_stream(frames))
}

impl Session {
    /// What is sent next; none at the end.
    async fn frames(&mut self) -> Option<Bytes> {
        if self.state == State::New {
            self.state = State::Running;
            return Some([event("initial-response", &json!({})), event("sessionStart", &self.start())].concat().into());
        }
        if self.state == State::Over {
            return None;
        }
        let mut stopping = self.app.stopping.clone();
        tokio::select! {
            _ = self.ticks.tick() => {}
            _ = stopping.wait_for(|stop| *stop) => return None,
        }
        if self.began.elapsed() >= SESSION {
            self.state = State::Over;
            return Some(
                exception("SessionTimeoutException", "the session has run for three hours, the longest that it may").into(),
            );
        }
        match self.update().await {
            Ok(update) => Some(event("sessionUpdate", &update).into()),
            Err(err) => {
                self.state = State::Over;
                Some(exception("SessionStreamingException", &err.told().1).into())
            }
        }
    }

    fn start(&self) -> Value {
        let mut told = json!({
            "requestId": uuid(),
            "sessionId": uuid(),
            "logGroupIdentifiers": self.groups.iter().map(|name| arn(&self.app, name)).collect::<Vec<_>>(),
            "logEventFilterPattern": self.input.log_event_filter_pattern.clone().unwrap_or_default(),
        });
        if let Some(names) = &self.input.log_stream_names {
            told["logStreamNames"] = names.clone().into();
        }
        if let Some(prefixes) = &self.input.log_stream_name_prefixes {
            told["logStreamNamePrefixes"] = prefixes.clone().into();
        }
        told
    }

    async fn scans(&self) -> Result<Vec<LogGroupScan>, ApiError> {
        let (names, prefixes) = (&self.input.log_stream_names, &self.input.log_stream_name_prefixes);
        let is_meant = |stream: &str| {
            names.iter().flatten().any(|name| name == stream)
                || prefixes.iter().flatten().any(|prefix| stream.starts_with(prefix.as_str()))
        };
        let is_meant: Option<&(dyn Fn(&str) -> bool + Sync)> =
            if names.is_some() || prefixes.is_some() { Some(&is_meant) } else { None };
        let mut scans = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            match self.app.logs.scan(group, is_meant).await {
                Ok(mut scan) => {
                    scan.since = scan.since.max(self.next);
                    scans.push(scan);
                }
                // It was deleted meanwhile.
                Err(control::Error::NoResource(_)) => {}
                Err(err) => return Err(of(err)),
            }
        }
        Ok(scans)
    }

    async fn update(&mut self) -> Result<Value, ApiError> {
        let until = self.app.store.settled_events();
        let scan = LogScan {
            groups: self.scans().await?,
            from_us: i64::MIN,
            to_us: i64::MAX,
            until: Some(until),
            needles: self.pattern.needles(),
            with_streams: true,
            with_messages: true,
            ..LogScan::default()
        };
        let pattern = self.pattern.clone();
        let budget = LogBudget { events: EVENTS_MAX, bytes: BYTES_MAX, scanned: SCANNED_MAX };
        let mut is_wanted = move |rows: &store::LogRows, row: usize| pattern.is_match(rows.messages.value(row));
        let page = self.app.ask(move |query| query.log_events(&scan, LogOrder::OldestFirst, None, &mut is_wanted, budget)).await?;
        self.next = until;
        let told = |event: &LogEvent| {
            json!({
                "logStreamName": event.stream,
                "logGroupIdentifier": format!("{}:{}", self.app.identity.account_id, event.group),
                "message": event.message,
                "timestamp": event.time_us / 1_000,
                "ingestionTime": event.number.ingested_us() / 1_000,
            })
        };
        Ok(json!({
            "sessionMetadata": { "sampled": page.next.is_some() },
            "sessionResults": page.events.iter().map(told).collect::<Vec<_>>(),
        }))
    }
}

fn uuid() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn frame(headers: [(&'static str, &'static str); 3], payload: &Value) -> Vec<u8> {
    let text = |text: &'static str| HeaderValue::String(text.into());
    let headers = headers.into_iter().map(|(name, value)| Header::new(name, text(value))).collect();
    let mut written = Vec::new();
    let message = Message::new_from_parts(headers, payload.to_string().into_bytes());
    write_message_to(&message, &mut written).expect("invariant: headers are short, and updates far below what a frame may have");
    written
}

fn event(kind: &'static str, payload: &Value) -> Vec<u8> {
    frame([(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")], payload)
}

fn exception(kind: &'static str, message: &str) -> Vec<u8> {
    let headers = [(":message-type", "exception"), (":exception-type", kind), (":content-type", "application/json")];
    frame(headers, &json!({ "message": message }))
}
