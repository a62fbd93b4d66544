//! `traces`: one row per trace.

use std::ops::ControlFlow;

use model::digest::{AnnotationValue, Call, DigestHttp, TraceDigest, Visit};
use model::service::ServiceId;
use store::{Prefilter, Reader, ScanRange, TraceScan};

use super::{Bounds, Column, Table, Value};

pub(crate) struct Traces;

impl Table for Traces {
    type Row<'r> = TraceDigest;
    const NAME: &'static str = "traces";
    const DESCRIPTION: &'static str =
        "One row per trace. What says how a request went is of the trace's entry: the first request of it.";
    const NEWEST_FIRST: bool = true;
    const COLUMNS: &'static [Column<Traces>] = &[
        Column::new(
            "time",
            "when the trace began, by its id; newest first unless ordered",
            Value::Time(|trace| Some(trace.time_us)),
        ),
        Column::new(
            "trace_id",
            "as in 1-5759e988-bd862e3fe1be46a994272793",
            Value::Text(|trace| Some(trace.id.to_string().into())),
        ),
        Column::new("start_time", "when its first segment began", Value::Time(|trace| Some(trace.start_us))),
        Column::new("end_time", "when its last segment ended", Value::Time(|trace| Some(trace.end_us))),
        Column::new("duration", "seconds from start to end", Value::Real(|trace| Some(secs(trace.duration_us())))),
        Column::new(
            "response_time",
            "seconds that the entry took; none while it is in progress",
            Value::Real(|trace| trace.response_us().map(secs)),
        ),
        Column::new("service", "name of the service it entered at", Value::Text(|trace| Some(entry(trace)?.name.as_str().into()))),
        Column::new("service_type", "as in AWS::ECS::Container", Value::Text(|trace| Some(entry(trace)?.kind.as_deref()?.into()))),
        Column::new("account_id", "of that service", Value::Text(|trace| Some(entry(trace)?.account_id.as_deref()?.into()))),
        Column::detail("method", "HTTP method", Value::Text(|trace| Some(http(trace)?.method.as_deref()?.into()))),
        Column::detail("url", "that was asked for", Value::Text(|trace| Some(http(trace)?.url.as_deref()?.into()))),
        Column::detail("status", "HTTP status", Value::Whole(|trace| http(trace)?.status)),
        Column::detail("user_agent", "of the client", Value::Text(|trace| Some(http(trace)?.user_agent.as_deref()?.into()))),
        Column::detail("client_ip", "address of the client", Value::Text(|trace| Some(http(trace)?.client_ip.as_deref()?.into()))),
        Column::new("error", "it ended with the client's error (4xx)", Value::Truth(|trace| trace.flags().error)),
        Column::new("throttle", "some request in it was throttled (429)", Value::Truth(|trace| trace.has_throttle())),
        Column::new("fault", "it ended with the service's fault (5xx)", Value::Truth(|trace| trace.flags().fault)),
        Column::new("partial", "some segment is in progress", Value::Truth(|trace| trace.partial)),
        Column::new("revision", "how many documents made it", Value::Whole(|trace| Some(trace.revision.into()))),
        Column::new("requests", "how many requests services served in it", Value::Whole(|trace| Some(trace.visits.len() as i64))),
        Column::new(
            "services",
            "names of all services it touched",
            Value::Texts(|trace, add| trace.services.iter().for_each(|service| add(&service.id.name))),
        ),
        Column::detail(
            "users",
            "whom its requests were for",
            Value::Texts(|trace, add| trace.users.iter().for_each(|user| add(&user.text))),
        ),
        Column::detail(
            "resource_arns",
            "tasks, containers and functions that took part",
            Value::Texts(|trace, add| trace.resource_arns.iter().for_each(|arn| add(arn))),
        ),
        Column::detail(
            "annotations",
            "as in annotations['tier'] = 'gold'; of a key with several values, the first",
            Value::Map(|trace, add| {
                for (index, annotation) in trace.annotations.iter().enumerate() {
                    if !trace.annotations[..index].iter().any(|before| before.key == annotation.key) {
                        add(&annotation.key, &text(&annotation.value));
                    }
                }
            }),
        ),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&TraceDigest) -> ControlFlow<()>) -> Result<(), store::Error> {
        digests(reader, bounds, ScanRange::Time { from_us: bounds.from_us, to_us: bounds.to_us }, emit)
    }
}

/// The digests of the range, newest first, or of the one trace that is asked for.
pub(crate) fn digests(
    reader: &Reader,
    bounds: &Bounds,
    range: ScanRange,
    emit: &mut dyn FnMut(&TraceDigest) -> ControlFlow<()>,
) -> Result<(), store::Error> {
    if let Some(id) = bounds.trace_id {
        if let Some(digest) = reader.digest(id)? {
            let _ = emit(&digest);
        }
        return Ok(());
    }
    let scan = TraceScan { range, prefilter: Prefilter::Anything, after: None, budget: u64::MAX, outline: !bounds.detail };
    reader.scan(&scan, emit).map(|_| ())
}

pub(crate) fn secs(us: u64) -> f64 {
    us as f64 / 1e6
}

fn entry(trace: &TraceDigest) -> Option<&ServiceId> {
    trace.entry_visit().map(|visit: &Visit| &trace.service(visit.service).id)
}

fn http(trace: &TraceDigest) -> Option<&DigestHttp> {
    trace.entry_visit().and_then(|visit| http_of(&visit.served))
}

pub(crate) fn http_of(call: &Call) -> Option<&DigestHttp> {
    call.http.as_deref()
}

fn text(value: &AnnotationValue) -> String {
    match value {
        AnnotationValue::Text(text) => text.to_string(),
        AnnotationValue::Number(number) => number.to_string(),
        AnnotationValue::Boolean(truth) => truth.to_string(),
    }
}
