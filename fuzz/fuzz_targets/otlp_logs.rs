//! Log records of OpenTelemetry in protobuf: lines, of which there are no more than records.

#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::proto::collector::logs::v1::ExportLogsServiceRequest;
use prost::Message;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(request) = ExportLogsServiceRequest::decode(bytes) {
        let sent: usize = request.resource_logs.iter().flat_map(|it| &it.scope_logs).map(|it| it.log_records.len()).sum();
        assert!(otlp::log::lines(&request, 1_700_000_000_000_000).len() <= sent);
    }
});
