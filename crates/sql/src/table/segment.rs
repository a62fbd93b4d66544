//! `segments`: one row per segment and subsegment.

use std::borrow::Cow;
use std::ops::ControlFlow;

use model::segment::{Aws, Exception, Json};
use model::trace::Trace;
use model::{Segment, TraceId, service};
use serde_json::Value as JsonValue;
use store::{Reader, ScanRange};

use super::{Bounds, Column, Table, Value};

pub(crate) struct Segments;

/// A segment or subsegment, in its trace.
pub(crate) struct Row<'r> {
    trace_id: TraceId,
    trace: &'r Trace<'r>,
    index: usize,
}

impl<'r> Row<'r> {
    fn segment(&self) -> &'r Segment<'r> {
        self.trace.entities[self.index].segment
    }

    fn owner(&self) -> &'r Segment<'r> {
        self.trace.entities[self.trace.entities[self.index].owner].segment
    }

    fn aws(&self) -> Option<&'r Aws<'r>> {
        self.segment().aws.as_deref()
    }

    fn is_subsegment(&self) -> bool {
        let entity = &self.trace.entities[self.index];
        entity.parent.is_some() || entity.orphan
    }

    /// The id of what it is in, or of what called it.
    fn parent_id(&self) -> Option<String> {
        let parent = self.trace.entities[self.index].parent.map(|parent| self.trace.entities[parent].segment.id);
        Some(parent.or(self.segment().parent_id)?.to_string())
    }

    fn exception(&self) -> Option<&'r Exception<'r>> {
        self.segment().exceptions().first()
    }
}

impl Table for Segments {
    type Row<'r> = Row<'r>;
    const NAME: &'static str = "segments";
    const DESCRIPTION: &'static str =
        "One row per segment (the work of a service for one request) and per subsegment (a step of it, such as a call).";
    const COLUMNS: &'static [Column<Segments>] = &[
        Column::new("time", "when it began", Value::Time(|row| Some(row.segment().start_us()))),
        Column::new("trace_id", "of the trace it belongs to", Value::Text(|row| Some(row.trace_id.to_string().into()))),
        Column::new("id", "16 hexadecimal digits", Value::Text(|row| Some(row.segment().id.to_string().into()))),
        Column::new(
            "parent_id",
            "of what it is a step of, or of the call that led to it",
            Value::Text(|row| row.parent_id().map(Cow::from)),
        ),
        Column::new("segment_id", "of the segment that it is part of", Value::Text(|row| Some(row.owner().id.to_string().into()))),
        Column::new("end_time", "none while it is in progress", Value::Time(|row| row.segment().end_us())),
        Column::new(
            "duration",
            "seconds",
            Value::Real(|row| row.segment().end_time.map(|end| (end - row.segment().start_time).max(0.0))),
        ),
        Column::new(
            "name",
            "of the service, of what was called, or of the step",
            Value::Text(|row| Some(row.segment().name.as_ref().into())),
        ),
        Column::new(
            "service",
            "name of the service that did it",
            Value::Text(|row| Some(service::of_segment(row.owner()).name.to_string().into())),
        ),
        Column::new("subsegment", "whether it is a step of a segment", Value::Truth(|row| row.is_subsegment())),
        Column::new("namespace", "of a call: aws or remote", Value::Text(|row| row.segment().namespace.as_deref().map(Cow::from))),
        Column::new(
            "origin",
            "what the service runs on, as in AWS::ECS::Container",
            Value::Text(|row| row.segment().origin.as_deref().map(Cow::from)),
        ),
        Column::new("error", "the client's error (4xx)", Value::Truth(|row| row.segment().error == Some(true))),
        Column::new("throttle", "throttled (429)", Value::Truth(|row| row.segment().throttle == Some(true))),
        Column::new("fault", "the service's fault (5xx)", Value::Truth(|row| row.segment().fault == Some(true))),
        Column::new("method", "HTTP method", Value::Text(|row| row.segment().request()?.method.as_deref().map(Cow::from))),
        Column::new("url", "that was asked for", Value::Text(|row| row.segment().request()?.url.as_deref().map(Cow::from))),
        Column::new("status", "HTTP status", Value::Whole(|row| row.segment().status())),
        Column::new(
            "user_agent",
            "of the client",
            Value::Text(|row| row.segment().request()?.user_agent.as_deref().map(Cow::from)),
        ),
        Column::new(
            "client_ip",
            "address of the client",
            Value::Text(|row| row.segment().request()?.client_ip.as_deref().map(Cow::from)),
        ),
        Column::new("user_name", "whom the work was for", Value::Text(|row| row.segment().user.as_deref().map(Cow::from))),
        Column::new("aws_operation", "as in GetItem", Value::Text(|row| row.aws()?.operation.as_deref().map(Cow::from))),
        Column::new("aws_region", "as in eu-west-1", Value::Text(|row| row.aws()?.region.as_deref().map(Cow::from))),
        Column::new("aws_request_id", "that AWS gave the call", Value::Text(|row| row.aws()?.request_id.as_deref().map(Cow::from))),
        Column::new("aws_table", "DynamoDB table", Value::Text(|row| row.aws()?.table_name.as_deref().map(Cow::from))),
        Column::new("sql_query", "of a call to a database", Value::Text(|row| sql_query(row))),
        Column::new("exception_type", "of the first exception", Value::Text(|row| row.exception()?.kind.as_deref().map(Cow::from))),
        Column::new(
            "exception_message",
            "of the first exception",
            Value::Text(|row| row.exception()?.message.as_deref().map(Cow::from)),
        ),
        Column::new("annotations", "as in annotations['tier'] = 'gold'", Value::Map(|row, add| annotations(row, add))),
        Column::new("metadata", "JSON", Value::Text(|row| row.segment().metadata.as_ref().map(Json::as_str).map(Cow::from))),
        Column::new(
            "document",
            "JSON of it with all that is in it, as it was sent",
            Value::Text(|row| Some(row.segment().to_json().into())),
        ),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&Row<'_>) -> ControlFlow<()>) -> Result<(), store::Error> {
        let times = bounds.from_us..bounds.to_us;
        let mut visit = |trace_id: TraceId, segments: &[Segment<'_>]| {
            let trace = &Trace::assemble(segments);
            let rows = (0..trace.entities.len()).map(|index| Row { trace_id, trace, index });
            rows.filter(|row| times.contains(&row.segment().start_us())).try_for_each(|row| emit(&row))
        };
        match bounds.trace_id {
            Some(id) => {
                let documents = reader.documents(id)?;
                if !documents.is_empty() {
                    let _ = visit(id, &documents.segments());
                }
                Ok(())
            }
            None => reader.walk(&ScanRange::Active { from_us: times.start, to_us: times.end }, &mut visit),
        }
    }
}

fn sql_query<'a>(row: &'a Row<'_>) -> Option<Cow<'a, str>> {
    row.segment().sql.as_ref()?.members().get("sanitized_query")?.text().map(|text| text.into_owned().into())
}

fn annotations(row: &Row<'_>, add: &mut super::AddEntry<'_>) {
    let Some(annotations) = &row.segment().annotations else { return };
    let members: Option<serde_json::Map<String, JsonValue>> = serde_json::from_str(annotations.as_str()).ok();
    for (key, value) in members.into_iter().flatten() {
        match value {
            JsonValue::String(text) => add(&key, &text),
            value => add(&key, &value.to_string()),
        }
    }
}
