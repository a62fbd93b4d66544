//! What several targets check.

use model::trace::Trace;
use otlp::proto::collector::trace::v1::ExportTraceServiceRequest;

/// Documents of spans can be read, and lead back to spans.
pub fn check_spans(request: &ExportTraceServiceRequest) {
    let (documents, refused) = otlp::documents(request, &otlp::Mapping::default());
    let sent: usize = request.resource_spans.iter().flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
    assert!(refused.len() <= sent && documents.len() <= 2 * sent);
    for document in documents {
        let segment = model::segment::parse(&document.text).expect("what was made can be read");
        let segments = [segment];
        let spans = otlp::spans(document.trace_id, &Trace::assemble(&segments));
        assert!(spans.len() <= 1 + segments[0].subsegments.as_ref().map_or(0, Vec::len));
        for span in &spans {
            otlp::json::span_json(span);
        }
        otlp::jaeger::trace_json("", &spans);
    }
}
