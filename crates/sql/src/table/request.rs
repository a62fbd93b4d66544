//! `requests`: one row per request that a service served.

use std::ops::ControlFlow;

use model::digest::{Call, DigestHttp, TraceDigest, Visit};
use model::service::ServiceId;
use store::{Reader, ScanRange};

use super::trace::{digests, http_of, secs};
use super::{Bounds, Column, Table, Value};

pub(crate) struct Requests;

/// A request, in its trace.
pub(crate) struct Request<'r> {
    trace: &'r TraceDigest,
    visit: &'r Visit,
}

impl Request<'_> {
    fn service(&self) -> &ServiceId {
        &self.trace.service(self.visit.service).id
    }

    fn caller(&self) -> Option<&ServiceId> {
        self.visit.caller.as_ref().map(|caller| &self.trace.service(caller.service).id)
    }

    fn served(&self) -> &Call {
        &self.visit.served
    }

    fn http(&self) -> Option<&DigestHttp> {
        http_of(self.served())
    }
}

impl Table for Requests {
    type Row<'r> = Request<'r>;
    const NAME: &'static str = "requests";
    const DESCRIPTION: &'static str = "One row per request that a service served, and per call to a service that sent nothing itself (a database, an AWS service).";
    const COLUMNS: &'static [Column<Requests>] = &[
        Column::new("time", "when it began", Value::Time(|request| Some(request.served().start_us))),
        Column::new("trace_id", "of the trace it belongs to", Value::Text(|request| Some(request.trace.id.to_string().into()))),
        Column::new("service", "who served it", Value::Text(|request| Some(request.service().name.as_str().into()))),
        Column::new(
            "service_type",
            "as in AWS::DynamoDB::Table",
            Value::Text(|request| Some(request.service().kind.as_deref()?.into())),
        ),
        Column::new("account_id", "of that service", Value::Text(|request| Some(request.service().account_id.as_deref()?.into()))),
        Column::new(
            "duration",
            "seconds that serving took; none while it is in progress",
            Value::Real(|request| request.served().duration_us.map(secs)),
        ),
        Column::new(
            "caller",
            "name of the service that asked",
            Value::Text(|request| Some(request.caller()?.name.as_str().into())),
        ),
        Column::new(
            "caller_type",
            "as in AWS::ECS::Container",
            Value::Text(|request| Some(request.caller()?.kind.as_deref()?.into())),
        ),
        Column::new(
            "requested_duration",
            "seconds as the caller saw it, network included",
            Value::Real(|request| request.visit.requested().duration_us.map(secs)),
        ),
        Column::new("error", "it ended with the client's error (4xx)", Value::Truth(|request| request.served().flags.error)),
        Column::new("throttle", "it was throttled (429)", Value::Truth(|request| request.served().flags.throttle)),
        Column::new("fault", "it ended with the service's fault (5xx)", Value::Truth(|request| request.served().flags.fault)),
        Column::detail("method", "HTTP method", Value::Text(|request| Some(request.http()?.method.as_deref()?.into()))),
        Column::detail("url", "that was asked for", Value::Text(|request| Some(request.http()?.url.as_deref()?.into()))),
        Column::detail("status", "HTTP status", Value::Whole(|request| request.http()?.status)),
        Column::detail("user_agent", "of the client", Value::Text(|request| Some(request.http()?.user_agent.as_deref()?.into()))),
        Column::detail(
            "client_ip",
            "address of the client",
            Value::Text(|request| Some(request.http()?.client_ip.as_deref()?.into())),
        ),
        Column::detail("user_name", "whom it was for", Value::Text(|request| Some(user(request)?.into()))),
        Column::new("root", "nothing in the trace asked for it", Value::Truth(|request| request.visit.root)),
        Column::new("inferred", "known only from the caller", Value::Truth(|request| request.visit.inferred)),
    ];

    fn scan(reader: &Reader, bounds: &Bounds, emit: &mut dyn FnMut(&Request<'_>) -> ControlFlow<()>) -> Result<(), store::Error> {
        let times = bounds.from_us..bounds.to_us;
        digests(reader, bounds, ScanRange::Active { from_us: times.start, to_us: times.end }, &mut |trace| {
            let in_time = trace.visits.iter().filter(|visit| times.contains(&visit.served.start_us));
            in_time.map(|visit| Request { trace, visit }).try_for_each(|request| emit(&request))
        })
    }
}

fn user<'a>(request: &'a Request<'_>) -> Option<&'a str> {
    Some(request.trace.users.get(request.visit.user? as usize)?.text.as_str())
}
