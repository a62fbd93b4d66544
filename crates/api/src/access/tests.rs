use super::*;

#[test]
fn every_path_wants_what_it_does() {
    for (path, wanted) in [
        ("/TraceSegments", Need::May(Action::Send)),
        ("/TelemetryRecords", Need::May(Action::Send)),
        ("/GetSamplingRules", Need::May(Action::Poll)),
        ("/SamplingTargets", Need::May(Action::Poll)),
        ("/TraceSummaries", Need::May(Action::Read)),
        ("/StartTraceRetrieval", Need::May(Action::Read)),
        ("/CreateGroup", Need::May(Action::Change)),
        ("/PutEncryptionConfig", Need::May(Action::Change)),
        ("/api/sql", Need::May(Action::Read)),
        ("/api/anything-new", Need::May(Action::Read)),
        ("/arrow.flight.protocol.FlightService/DoGet", Need::May(Action::Read)),
        ("/v1/traces", Need::May(Action::Send)),
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", Need::May(Action::Send)),
        ("/api/health", Need::Welcome),
        ("/api/session", Need::Nothing),
        ("/traces", Need::Nothing),
        ("/CreateSink", Need::May(Action::Change)),
        ("/ListLinks", Need::May(Action::Read)),
        ("/tags/arn", Need::May(Action::Change)),
    ] {
        assert_eq!(need(&Method::POST, path), wanted, "{path}");
    }
    assert_eq!(need(&Method::GET, "/tags/arn"), Need::May(Action::Read));
}

#[test]
fn tokens_and_cookies_are_found() {
    let headers = |name: &'static str, value: &str| {
        HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), value.parse().unwrap())])
    };
    assert_eq!(bearer(&headers("authorization", "Bearer a.b")), Some("a.b"));
    assert_eq!(bearer(&headers("authorization", "bearer  a.b ")), Some("a.b"));
    assert_eq!(bearer(&headers("authorization", "Basic a.b")), None);
    assert_eq!(cookie(&headers("cookie", "a=b; mitoshi_session=xyz; c=d")), Some("xyz"));
    assert_eq!(cookie(&headers("cookie", "not_mitoshi_session=xyz")), None);
}

#[test]
fn chunks_leave_no_trace_in_headers() {
    for (encoding, left) in [("aws-chunked", None), ("aws-chunked, gzip", Some("gzip")), ("gzip", Some("gzip"))] {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
        without_chunks(&mut headers, 5);
        assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), left);
        assert_eq!(headers[CONTENT_LENGTH], "5");
    }
}
