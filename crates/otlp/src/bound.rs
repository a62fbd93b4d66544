//! Reading requests within bounds. An empty attribute is two bytes in a message and seventy in memory, so that a message is looked through
//! before anything is made of it.

use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use serde::de::DeserializeOwned;

/// A request that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("{0}")]
    Malformed(String),
    #[error(
        "it has more than {max} resources, scopes, spans, metrics, datapoints, log records, attributes, events and links, taken together; send smaller batches"
    )]
    TooMany { max: usize },
}

/// The messages that messages hold any number of, or that hold such.
#[derive(Clone, Copy)]
pub enum Kind {
    Request,
    MetricsRequest,
    LogsRequest,
    ResourceLogs,
    ScopeLogs,
    LogRecord,
    ResourceMetrics,
    ScopeMetrics,
    Metric,
    /// Of a metric: a list of datapoints, by the kind of these.
    Numbers,
    Histograms,
    ExponentialHistograms,
    Summaries,
    Number,
    Histogram,
    ExponentialHistogram,
    Summary,
    Exemplar,
    Quantile,
    ResourceSpans,
    Resource,
    ScopeSpans,
    Scope,
    Span,
    Event,
    Link,
    Pair,
    Value,
    Values,
    Pairs,
    Entity,
    /// A text in a list.
    Text,
}

/// What a field holds, by the messages' definitions.
fn child(kind: Kind, field: u32) -> Option<Kind> {
    Some(match (kind, field) {
        (Kind::MetricsRequest, 1) => Kind::ResourceMetrics,
        (Kind::ResourceMetrics, 1) => Kind::Resource,
        (Kind::ResourceMetrics, 2) => Kind::ScopeMetrics,
        (Kind::ScopeMetrics, 1) => Kind::Scope,
        (Kind::ScopeMetrics, 2) => Kind::Metric,
        (Kind::Metric, 5 | 7) => Kind::Numbers,
        (Kind::Metric, 9) => Kind::Histograms,
        (Kind::Metric, 10) => Kind::ExponentialHistograms,
        (Kind::Metric, 11) => Kind::Summaries,
        (Kind::Metric, 12) => Kind::Pair,
        (Kind::Numbers, 1) => Kind::Number,
        (Kind::Histograms, 1) => Kind::Histogram,
        (Kind::ExponentialHistograms, 1) => Kind::ExponentialHistogram,
        (Kind::Summaries, 1) => Kind::Summary,
        (Kind::Number, 5) | (Kind::Histogram, 8) | (Kind::ExponentialHistogram, 11) => Kind::Exemplar,
        (Kind::Number | Kind::Summary, 7) | (Kind::Histogram, 9) | (Kind::ExponentialHistogram, 1) => Kind::Pair,
        (Kind::Summary, 6) => Kind::Quantile,
        (Kind::Exemplar, 7) => Kind::Pair,
        (Kind::LogsRequest, 1) => Kind::ResourceLogs,
        (Kind::ResourceLogs, 1) => Kind::Resource,
        (Kind::ResourceLogs, 2) => Kind::ScopeLogs,
        (Kind::ScopeLogs, 1) => Kind::Scope,
        (Kind::ScopeLogs, 2) => Kind::LogRecord,
        (Kind::LogRecord, 5) => Kind::Value,
        (Kind::LogRecord, 6) => Kind::Pair,
        (Kind::Request, 1) => Kind::ResourceSpans,
        (Kind::ResourceSpans, 1) => Kind::Resource,
        (Kind::ResourceSpans, 2) => Kind::ScopeSpans,
        (Kind::Resource, 1) => Kind::Pair,
        (Kind::Resource, 3) => Kind::Entity,
        (Kind::Entity, 3 | 4) => Kind::Text,
        (Kind::ScopeSpans, 1) => Kind::Scope,
        (Kind::ScopeSpans, 2) => Kind::Span,
        (Kind::Scope, 3) => Kind::Pair,
        (Kind::Span, 9) => Kind::Pair,
        (Kind::Span, 11) => Kind::Event,
        (Kind::Span, 13) => Kind::Link,
        (Kind::Event, 3) => Kind::Pair,
        (Kind::Link, 4) => Kind::Pair,
        (Kind::Pair, 2) => Kind::Value,
        (Kind::Value, 5) => Kind::Values,
        (Kind::Value, 6) => Kind::Pairs,
        (Kind::Values, 1) => Kind::Value,
        (Kind::Pairs, 1) => Kind::Pair,
        _ => return None,
    })
}

/// Messages within each other that are read: prost's own bound.
const DEPTH_MAX: usize = 100;

/// How many messages there are in a request, or so many more than `max` that it does not matter. What is malformed is left to the decoder.
pub fn count(request: &[u8], root: Kind, max: usize) -> usize {
    // What is yet to be looked through.
    let mut open: Vec<(&[u8], Kind, usize)> = vec![(request, root, 0)];
    let mut count = 0;
    while let Some((mut rest, kind, depth)) = open.pop() {
        while !rest.is_empty() && count <= max {
            let Ok((field, wire_type)) = decode_key(&mut rest) else { break };
            if wire_type != WireType::LengthDelimited {
                if skip_field(wire_type, field, &mut rest, DecodeContext::default()).is_err() {
                    break;
                }
                continue;
            }
            let length = decode_varint(&mut rest).ok().and_then(|length| usize::try_from(length).ok());
            let Some((inner, behind)) = length.and_then(|length| rest.split_at_checked(length)) else { break };
            rest = behind;
            if let Some(child) = child(kind, field) {
                // Every second value stands in its pair.
                count += usize::from(!matches!((kind, child), (Kind::Pair, Kind::Value)));
                if depth < DEPTH_MAX && !matches!(child, Kind::Text) {
                    open.push((inner, child, depth + 1));
                }
            }
        }
    }
    count
}

/// Reads a request in protobuf.
pub fn decode<R: Message + Default>(request: &[u8], root: Kind, max: usize) -> Result<R, Unreadable> {
    if count(request, root, max) > max {
        return Err(Unreadable::TooMany { max });
    }
    R::decode(request).map_err(|err| Unreadable::Malformed(err.to_string()))
}

/// How many objects a request in JSON has, at most.
pub fn count_json(request: &[u8]) -> usize {
    request.iter().filter(|&&byte| byte == b'{').count()
}

/// Reads a request in JSON.
pub fn decode_json<R: DeserializeOwned>(request: &[u8], max: usize) -> Result<R, Unreadable> {
    // An attribute is an object in an object.
    if count_json(request) > 2 * max {
        return Err(Unreadable::TooMany { max });
    }
    let mut deserializer = serde_json::Deserializer::from_slice(request);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|err| Unreadable::Malformed(err.to_string()))
}
