//! The segment document: X-Ray's unit of work, as SDKs write it and as `BatchGetTraces` gives it back.
//!
//! Reading is lenient where X-Ray is: a member of the wrong type is dropped, an unknown one is kept in `rest`, and the document
//! is refused only for what makes it unusable (no id, no name, no time). `parse` then `to_json` gives an equal JSON value for
//! every well-typed document.
//!
//! A segment borrows from what it was read from, a document's text or the store's columns: reading one copies nothing.

mod json;
mod read;
#[cfg(test)]
mod tests;
mod write;

use std::borrow::Cow;

pub use json::{Json, Members};

use crate::limit;
use crate::owner::Owner;
use crate::time::secs_to_us;
use crate::{SegmentId, TraceId};

/// The `type` of a subsegment that was sent on its own.
const SUBSEGMENT: &str = "subsegment";

/// A segment or a subsegment, embedded ones included. Members that a document lacks are `None`, so that it can be written
/// again as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment<'a> {
    /// Who sent the document, where that is not the account of this server: account and region. Not part of the document.
    pub owner: Option<Owner>,
    pub id: SegmentId,
    pub name: Cow<'a, str>,
    /// Epoch seconds.
    pub start_time: f64,
    pub end_time: Option<f64>,
    pub in_progress: Option<bool>,
    pub trace_id: Option<TraceId>,
    pub parent_id: Option<SegmentId>,
    /// `subsegment` on those that are sent on their own.
    pub kind: Option<Cow<'a, str>>,
    pub namespace: Option<Cow<'a, str>>,
    pub origin: Option<Cow<'a, str>>,
    pub resource_arn: Option<Cow<'a, str>>,
    pub user: Option<Cow<'a, str>>,
    pub error: Option<bool>,
    pub throttle: Option<bool>,
    pub fault: Option<bool>,
    pub inferred: Option<bool>,
    /// The callee is expected to report a segment of its own.
    pub traced: Option<bool>,
    pub http: Option<Box<Http<'a>>>,
    pub aws: Option<Box<Aws<'a>>>,
    /// An object: version, runtime and the like.
    pub service: Option<Json<'a>>,
    pub cause: Option<Cause<'a>>,
    /// An object.
    pub sql: Option<Json<'a>>,
    /// An object.
    pub annotations: Option<Json<'a>>,
    pub metadata: Option<Json<'a>>,
    /// Objects.
    pub links: Option<Vec<Json<'a>>>,
    pub subsegments: Option<Vec<Segment<'a>>>,
    /// Members that the model does not know.
    pub rest: Members<'a>,
}

/// The HTTP request that a segment served or a subsegment made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Http<'a> {
    pub request: Option<HttpRequest<'a>>,
    pub response: Option<HttpResponse<'a>>,
    pub rest: Members<'a>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpRequest<'a> {
    pub method: Option<Cow<'a, str>>,
    pub url: Option<Cow<'a, str>>,
    pub user_agent: Option<Cow<'a, str>>,
    pub client_ip: Option<Cow<'a, str>>,
    pub traced: Option<bool>,
    pub rest: Members<'a>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpResponse<'a> {
    pub status: Option<i64>,
    /// A whole number; where a document has something else, that is in `rest`.
    pub content_length: Option<i64>,
    pub rest: Members<'a>,
}

/// What a segment says of the AWS resource it runs on, or a subsegment of the one it called. A member that is no text stands in
/// `rest`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Aws<'a> {
    pub account_id: Option<Cow<'a, str>>,
    pub operation: Option<Cow<'a, str>>,
    pub region: Option<Cow<'a, str>>,
    pub request_id: Option<Cow<'a, str>>,
    pub table_name: Option<Cow<'a, str>>,
    pub bucket_name: Option<Cow<'a, str>>,
    pub queue_url: Option<Cow<'a, str>>,
    pub function_name: Option<Cow<'a, str>>,
    pub function_arn: Option<Cow<'a, str>>,
    /// `xray`, `ecs`, `ec2` and everything else.
    pub rest: Members<'a>,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq)]
pub enum Cause<'a> {
    /// The id of an exception recorded elsewhere in the trace, usually on the subsegment where it was raised.
    Reference(Cow<'a, str>),
    Recorded(Box<RecordedCause<'a>>),
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct RecordedCause<'a> {
    pub exceptions: Option<Vec<Exception<'a>>>,
    pub rest: Members<'a>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Exception<'a> {
    pub id: Option<Cow<'a, str>>,
    pub message: Option<Cow<'a, str>>,
    pub kind: Option<Cow<'a, str>>,
    pub remote: Option<bool>,
    pub stack: Option<Json<'a>>,
    pub rest: Members<'a>,
}

/// Why a document was refused. The code is what `UnprocessedTraceSegments` carries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DocumentError {
    pub code: &'static str,
    /// The document's own id, where it could be read.
    pub id: Option<String>,
    pub message: String,
}

impl DocumentError {
    pub fn new(code: &'static str, id: Option<String>, message: impl Into<String>) -> DocumentError {
        DocumentError { code, id, message: message.into() }
    }
}

/// Reads one document: a segment, complete or in progress, or a subsegment sent on its own. Its size is no matter here: what was
/// taken in once can be read.
pub fn parse(document: &[u8]) -> Result<Segment<'_>, DocumentError> {
    let (segment, _) = read(document)?;
    Ok(*segment)
}

/// The trace that a document belongs to, where `parse` takes it.
pub fn parse_trace_id(document: &[u8]) -> Result<TraceId, DocumentError> {
    read(document).map(|(_, trace_id)| trace_id)
}

fn read(document: &[u8]) -> Result<(Box<Segment<'_>>, TraceId), DocumentError> {
    let read::Draft { head, mut segment } = read::draft(document)?;
    let (id, trace_id) = require(&head)?;
    segment.id = id;
    segment.trace_id = Some(trace_id);
    head.fill(&mut segment);
    Ok((segment, trace_id))
}

/// Reads a cause that was written as JSON.
pub fn parse_cause(text: &str) -> Option<Cause<'_>> {
    read::cause(text)
}

/// Whether a document may be taken in.
pub fn check_size(document: &[u8], limit: usize) -> Result<(), DocumentError> {
    if document.len() > limit {
        let message = format!("the document has {} bytes, the limit is {limit}", document.len());
        return Err(DocumentError::new("DocumentTooLarge", None, message));
    }
    Ok(())
}

/// What every document must have.
fn require(head: &read::Head<'_>) -> Result<(SegmentId, TraceId), DocumentError> {
    let fail = |code, message: &str| Err(DocumentError::new(code, head.id.as_ref().map(ToString::to_string), message));

    let id = match &head.id {
        Some(text) => match text.parse() {
            Ok(id) => id,
            Err(_) => return fail("InvalidId", &format!("id {text:?} is not 16 hexadecimal digits")),
        },
        None => return fail("MissingId", "the document has no id"),
    };
    let trace_id = match &head.trace_id {
        Some(text) => match text.parse() {
            Ok(trace_id) => trace_id,
            Err(_) => {
                let form = "1-<8 hexadecimal digits>-<24 hexadecimal digits>";
                return fail("InvalidTraceId", &format!("trace_id {text:?} is not of the form {form}"));
            }
        },
        None => return fail("InvalidTraceId", "the document has no trace_id"),
    };
    match &head.name {
        Some(name) if name.is_empty() => return fail("InvalidName", "the name is empty"),
        Some(name) if name.len() > limit::NAME_CHARS && name.chars().count() > limit::NAME_CHARS => {
            return fail("InvalidName", &format!("the name is longer than {} characters", limit::NAME_CHARS));
        }
        Some(_) => {}
        None => return fail("InvalidName", "the document has no name"),
    }
    let Some(start_time) = head.start_time else {
        return fail("InvalidSegment", "the document has no start_time");
    };
    if !read::is_time(&start_time) {
        return fail("InvalidSegment", "start_time is not a time in seconds since 1970");
    }
    if head.end_time.is_none() && head.in_progress != Some(true) {
        return fail("InvalidSegment", "the document has neither end_time nor in_progress");
    }
    if head.end_time.is_some_and(|end| !read::is_time(&end)) {
        return fail("InvalidSegment", "end_time is not a time in seconds since 1970");
    }
    if head.kind.as_deref() == Some(SUBSEGMENT) && head.parent_id.is_none() {
        return fail("InvalidSegment", "a subsegment that is sent on its own needs a parent_id of 16 hexadecimal digits");
    }
    Ok((id, trace_id))
}

impl<'a> Segment<'a> {
    /// A segment with what every segment has, and nothing else.
    pub fn new(id: SegmentId, name: impl Into<Cow<'a, str>>, start_time: f64) -> Segment<'a> {
        Segment {
            owner: None,
            id,
            name: name.into(),
            start_time,
            end_time: None,
            in_progress: None,
            trace_id: None,
            parent_id: None,
            kind: None,
            namespace: None,
            origin: None,
            resource_arn: None,
            user: None,
            error: None,
            throttle: None,
            fault: None,
            inferred: None,
            traced: None,
            http: None,
            aws: None,
            service: None,
            cause: None,
            sql: None,
            annotations: None,
            metadata: None,
            links: None,
            subsegments: None,
            rest: Members::default(),
        }
    }

    /// A copy that leaves out the embedded subsegments, for whoever puts them in one by one: cloning the list only to drop it
    /// would make a wide trace quadratic. Every member is named, so that a new one cannot be forgotten.
    pub fn without_children(&self) -> Segment<'a> {
        Segment {
            owner: self.owner.clone(),
            id: self.id,
            name: self.name.clone(),
            start_time: self.start_time,
            end_time: self.end_time,
            in_progress: self.in_progress,
            trace_id: self.trace_id,
            parent_id: self.parent_id,
            kind: self.kind.clone(),
            namespace: self.namespace.clone(),
            origin: self.origin.clone(),
            resource_arn: self.resource_arn.clone(),
            user: self.user.clone(),
            error: self.error,
            throttle: self.throttle,
            fault: self.fault,
            inferred: self.inferred,
            traced: self.traced,
            http: self.http.clone(),
            aws: self.aws.clone(),
            service: self.service.clone(),
            cause: self.cause.clone(),
            sql: self.sql.clone(),
            annotations: self.annotations.clone(),
            metadata: self.metadata.clone(),
            links: self.links.clone(),
            subsegments: None,
            rest: self.rest.clone(),
        }
    }

    /// Whether this document is a subsegment that was sent on its own.
    pub fn is_subsegment(&self) -> bool {
        self.kind.as_deref() == Some(SUBSEGMENT)
    }

    /// Whether the work had not ended when this was sent.
    pub fn is_in_progress(&self) -> bool {
        self.end_time.is_none()
    }

    pub fn start_us(&self) -> i64 {
        secs_to_us(self.start_time)
    }

    pub fn end_us(&self) -> Option<i64> {
        self.end_time.map(secs_to_us)
    }

    pub fn children(&self) -> &[Segment<'a>] {
        self.subsegments.as_deref().unwrap_or_default()
    }

    pub fn request(&self) -> Option<&HttpRequest<'a>> {
        self.http.as_ref()?.request.as_ref()
    }

    pub fn status(&self) -> Option<i64> {
        self.http.as_ref()?.response.as_ref()?.status
    }

    pub fn exceptions(&self) -> &[Exception<'a>] {
        match &self.cause {
            Some(Cause::Recorded(cause)) => cause.exceptions.as_deref().unwrap_or_default(),
            _ => &[],
        }
    }

    /// Whether this subsegment left the service: a call to AWS, to a remote host, or to a database.
    pub fn is_call(&self) -> bool {
        matches!(self.namespace.as_deref(), Some("aws" | "remote")) || self.sql.is_some()
    }

    /// Whether the caller said that the callee reports itself.
    pub fn is_traced(&self) -> bool {
        self.traced == Some(true) || self.request().is_some_and(|request| request.traced == Some(true))
    }
}
