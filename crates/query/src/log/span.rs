//! Spans as log events: the group `aws/spans`, as AWS's Transaction Search has them.

use std::ops::ControlFlow;

use model::trace::Trace;
use otlp::json::span_json;
use store::{LogRows, Reader, ScanRange};

use crate::{Error, Result};

/// The group that has them.
pub const SPANS: &str = "aws/spans";
const STREAM: &str = "default";
/// Spans of one question.
const SPANS_MAX: usize = 500_000;
/// Spans that stand together.
const CHUNK: usize = 20_000;

/// The spans that began in a time.
pub(crate) fn rows(reader: &Reader, from_us: i64, to_us: i64) -> Result<Vec<LogRows>> {
    let mut found: Vec<(i64, String)> = Vec::new();
    let range = ScanRange::Active { from_us, to_us };
    let mut is_much = false;
    reader.walk(&range, &mut |id, segments| {
        let trace = Trace::assemble(segments);
        for span in otlp::spans(id, &trace) {
            let time_us = (span.span.start_time_unix_nano / 1_000) as i64;
            if (from_us..to_us).contains(&time_us) {
                found.push((time_us, span_json(&span).to_string()));
            }
        }
        is_much = found.len() > SPANS_MAX;
        if is_much { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if is_much {
        return Err(Error::Invalid(format!("there are more than {SPANS_MAX} spans in this time: choose a shorter one")));
    }
    found.sort();
    let rows = |(place, spans): (usize, &[(i64, String)])| {
        let first = place * CHUNK;
        let times = spans.iter().map(|(time_us, _)| *time_us).collect();
        let messages = spans.iter().map(|(_, message)| message.as_str());
        LogRows::of_texts(SPANS, STREAM, times, first as i64, messages)
    };
    Ok(found.chunks(CHUNK).enumerate().map(rows).collect())
}
