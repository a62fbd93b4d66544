"""OpenTelemetry in: OTLP over gRPC and HTTP, from the real SDKs and by hand."""

import base64
import gzip
import json
import random
import re
import socket
import subprocess
import sys
import time
import urllib.request
import zlib
from pathlib import Path

import grpc
import pytest
import zstandard
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status as SpanStatus, StatusCode, TraceFlags

from conftest import REPO, new_trace_id, segment, subsegment, wait_for

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def xray_id(trace_id):
    """An X-Ray trace id of OpenTelemetry's, given as a number or as 32 digits."""
    digits = trace_id if isinstance(trace_id, str) else f"{trace_id:032x}"
    return f"1-{digits[:8]}-{digits[8:]}"


def exporter(server, protocol):
    if protocol == "grpc":
        return GrpcExporter(endpoint=f"http://127.0.0.1:{server.otlp_grpc_port}", insecure=True)
    compression = Compression.Gzip if protocol == "http+gzip" else Compression.NoCompression
    return HttpExporter(endpoint=f"http://127.0.0.1:{server.otlp_http_port}/v1/traces", compression=compression)


def tracer(server, service, protocol="grpc", **resource):
    provider = TracerProvider(resource=Resource.create({"service.name": service, **resource}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter(server, protocol)))
    return provider, provider.get_tracer("test")


def raw_span(trace_id=None, **members):
    now = time.time_ns()
    return {"traceId": trace_id or f"{random.getrandbits(128):032x}", "spanId": f"{random.getrandbits(64) or 1:016x}",
            "name": "GET /x", "kind": 2, "startTimeUnixNano": str(now - 50_000_000), "endTimeUnixNano": str(now), **members}


def raw_request(*spans, service="hand"):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def raw_protobuf(*spans, service="hand"):
    """The same in protobuf; ids are bytes there and hexadecimal digits in OTLP's JSON."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = service
    scope = resource.scope_spans.add()
    for given in spans:
        scope.spans.add(trace_id=bytes.fromhex(given["traceId"]), span_id=bytes.fromhex(given["spanId"]), name=given["name"],
                        kind=given["kind"], start_time_unix_nano=int(given["startTimeUnixNano"]),
                        end_time_unix_nano=int(given["endTimeUnixNano"]))
    return request


def post(server, body, headers=PROTOBUF, path="/v1/traces", port=None):
    return server.request(path, body, port=port or server.otlp_http_port, headers=headers)


# -- SDKs


@pytest.mark.parametrize("protocol", ["grpc", "http", "http+gzip"])
def test_a_trace_of_the_python_sdk_is_a_trace_as_any_other(server, protocol):
    front, front_tracer = tracer(server, "front", protocol)
    back, back_tracer = tracer(server, "back", protocol)
    with front_tracer.start_as_current_span("GET /cart", kind=SpanKind.SERVER, attributes={
            "http.request.method": "GET", "url.full": "http://front/cart", "http.response.status_code": 200}) as root:
        with front_tracer.start_as_current_span("render"):
            with front_tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes={
                    "http.request.method": "GET", "url.full": "http://back/items", "server.address": "back",
                    "http.response.status_code": 500}):
                with back_tracer.start_as_current_span("GET /items", kind=SpanKind.SERVER, attributes={
                        "http.request.method": "GET", "http.response.status_code": 500}) as failing:
                    failing.record_exception(ValueError("no items"))
                    with back_tracer.start_as_current_span("DynamoDB.GetItem", kind=SpanKind.CLIENT, attributes={
                            "rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem",
                            "aws.dynamodb.table_names": ["items"]}):
                        pass
    front.shutdown()
    back.shutdown()
    trace_id = xray_id(root.get_span_context().trace_id)

    summary = server.summary(trace_id)
    assert (summary["HasFault"], summary["Http"]["HttpStatus"], summary["IsPartial"]) == (False, 200, False)
    assert summary["EntryPoint"]["Name"] == "front"
    graph = server.graph(trace_id)
    assert graph.outcomes() == {
        (("front", "client"), ("front", None)): (1, 0, 0, 0),
        (("front", None), ("back", None)): (0, 0, 0, 1),
        (("back", None), ("items", "AWS::DynamoDB::Table")): (1, 0, 0, 0),
    }
    documents = {d["name"]: d for d in server.documents(trace_id)}
    assert sorted(documents) == ["back", "front"]
    [render] = documents["front"]["subsegments"]
    assert (render["name"], [call["name"] for call in render["subsegments"]]) == ("render", ["back"])
    [exception] = documents["back"]["cause"]["exceptions"]
    assert (exception["type"], exception["message"]) == ("ValueError", "no items")
    assert server.summaries('service("back") { fault } AND service("items")')[0]["Id"] == trace_id


def test_what_the_sdk_says_beside_is_kept(server):
    provider, it = tracer(server, "linked", **{"service.version": "9", "host.name": "box"})
    other = SpanContext(random.getrandbits(128), random.getrandbits(64), is_remote=True, trace_flags=TraceFlags(1))
    with it.start_as_current_span("work", kind=SpanKind.SERVER, links=[Link(other, {"why": "batch"})], attributes={
            "aws.xray.annotations": ["order"], "order": 17, "note": "n", "sizes": [1, 2], "enduser.id": "ann"}) as span:
        span.add_event("cache miss", {"key": "k"})
        span.set_status(SpanStatus(StatusCode.ERROR, "gone wrong"))
    provider.shutdown()
    trace_id = xray_id(span.get_span_context().trace_id)
    [document] = server.documents(trace_id)
    assert document["annotations"] == {"order": 17}
    assert (document["user"], document["fault"]) == ("ann", True)
    assert document["cause"]["exceptions"][0]["message"] == "gone wrong"
    assert document["service"]["version"] == "9"
    assert document["metadata"]["default"]["note"] == "n"
    assert document["metadata"]["default"]["sizes"] == [1, 2]
    assert document["metadata"]["default"]["otel.resource.host.name"] == "box"
    assert document["links"] == [{"trace_id": xray_id(other.trace_id), "id": f"{other.span_id:016x}", "attributes": {"why": "batch"}}]
    assert [event["name"] for event in document["otel"]["events"]] == ["cache miss"]
    assert [s["Id"] for s in server.summaries("annotation.order = 17")] == [trace_id]
    assert [s["Id"] for s in server.summaries('user = "ann"')] == [trace_id]
    assert server.summaries("annotation.note") == []


# -- one trace of two worlds


@pytest.fixture(scope="module")
def node_packages():
    folder = REPO / "tests" / "otel"
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, timeout=180)
    return folder


class Program:
    """A service that prints `port N` when it serves."""

    def __init__(self, *argv):
        self.process = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("port "), f"{argv} printed {line!r}"
        self.url = f"http://127.0.0.1:{int(line.split()[1])}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def test_halves_from_opentelemetry_and_the_xray_sdk_are_one_trace(server, node_packages):
    """Node with OpenTelemetry calls Flask with X-Ray's SDK, each sending in its own protocol."""
    back = node_packages / "back.py"
    with Program(sys.executable, back, f"127.0.0.1:{server.daemon_port}") as flask:
        with Program("node", node_packages / "front.js", f"http://127.0.0.1:{server.otlp_http_port}", flask.url) as node:
            with urllib.request.urlopen(f"{node.url}/cart", timeout=20) as answer:
                trace_id = xray_id(json.load(answer)["traceId"])
            names = lambda: sorted(d["name"] for d in server.documents(trace_id))
            wait_for("both halves", lambda: names() == ["otel-front", "xray-back"], 20)
    graph = server.graph(trace_id)
    assert graph.outcomes() == {
        (("otel-front", "client"), ("otel-front", None)): (1, 0, 0, 0),
        (("otel-front", None), ("xray-back", None)): (1, 0, 0, 0),
    }
    [summary] = server.summaries('edge("otel-front", "xray-back")')
    assert (summary["Id"], summary["EntryPoint"]["Name"]) == (trace_id, "otel-front")


def test_the_xray_sdk_calls_a_service_of_opentelemetry(server, node_packages):
    with Program(sys.executable, node_packages / "back.py", f"127.0.0.1:{server.daemon_port}") as last:
        with Program("node", node_packages / "front.js", f"http://127.0.0.1:{server.otlp_http_port}", last.url) as node:
            first = Program(sys.executable, node_packages / "back.py", f"127.0.0.1:{server.daemon_port}", node.url)
            with first:
                trace_id = new_trace_id()
                header = {"X-Amzn-Trace-Id": f"Root={trace_id};Parent=53995c3f42cd8ad8;Sampled=1"}
                urllib.request.urlopen(urllib.request.Request(f"{first.url}/x", headers=header), timeout=20).read()
            wait_for("three segments", lambda: len(server.documents(trace_id)) == 3, 20)
    assert set(server.graph(trace_id).edges) == {
        (("xray-back", "client"), ("xray-back", None)),
        (("otel-front", None), ("xray-back", None)),
        (("xray-back", None), ("otel-front", None)),
    }


# -- the protocol


@pytest.mark.parametrize("encoding, pack", [
    (None, lambda body: body), ("gzip", gzip.compress), ("deflate", zlib.compress), ("zstd", zstandard.ZstdCompressor().compress)])
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_forms_and_encodings(shared, form, encoding, pack):
    span = raw_span()
    body = raw_protobuf(span).SerializeToString() if form == "protobuf" else json.dumps(raw_request(span)).encode()
    kind = "application/x-protobuf" if form == "protobuf" else "application/json; charset=utf-8"
    answer = post(shared, pack(body), {"Content-Type": kind, **({"Content-Encoding": encoding} if encoding else {})})
    assert answer.status == 200, answer
    if form == "protobuf":
        assert answer.headers["content-type"] == "application/x-protobuf"
        assert ExportTraceServiceResponse.FromString(answer.body) == ExportTraceServiceResponse()
    else:
        assert answer.json == {}
    [document] = shared.documents(xray_id(span["traceId"]))
    assert (document["name"], document["id"]) == ("hand", span["spanId"])


def test_the_address_of_the_apis_takes_spans_as_that_of_aws_does(shared):
    span = raw_span()
    assert post(shared, raw_protobuf(span).SerializeToString(), port=shared.http_port).status == 200
    assert len(shared.documents(xray_id(span["traceId"]))) == 1


def test_what_is_refused_is_named_and_the_rest_is_kept(shared):
    good, twice = raw_span(), raw_span()
    bad = [raw_span(traceId="0" * 32), raw_span(spanId=""), raw_span(startTimeUnixNano="0", name="no time")]
    answer = post(shared, raw_request(good, *bad, twice, twice), {})
    assert answer.status == 200, answer
    partial = answer.json["partialSuccess"]
    assert partial["rejectedSpans"] == "3"
    for text in ("trace id is zero", "span id does not have 8 bytes", "no start time", "(no time)"):
        assert text in partial["errorMessage"]
    assert len(shared.documents(xray_id(good["traceId"]))) == 1
    assert len(shared.documents(xray_id(twice["traceId"]))) == 1, "a span that was sent twice counts once"
    request = raw_protobuf(raw_span(traceId="0" * 32), good)
    response = ExportTraceServiceResponse.FromString(post(shared, request.SerializeToString()).body)
    assert response.partial_success.rejected_spans == 1
    assert shared.ingest()["segments_rejected"]["InvalidSpan"] >= 4


@pytest.mark.parametrize("body, headers, status, says", [
    (b"\xff\xff\xff", PROTOBUF, 400, "no ExportTraceServiceRequest in protobuf"),
    (b"{", {}, 400, "no ExportTraceServiceRequest in JSON"),
    (json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": 5}]}]}]}).encode(), {}, 400, "traceId"),
    (b"", {"Content-Type": "text/plain"}, 415, "neither application/x-protobuf nor application/json"),
    (b"x", {"Content-Encoding": "br"}, 415, "the content encoding br is not known"),
    (b"no gzip", {"Content-Encoding": "gzip"}, 400, "cannot be unpacked"),
    (b"no zstd", {"Content-Encoding": "zstd"}, 400, "cannot be unpacked"),
    (gzip.compress(b" " * (16 * 1024 * 1024 + 1)), {"Content-Encoding": "gzip"}, 413, "more than 16777216 bytes when unpacked"),
])
def test_bad_requests_are_answered_in_the_form_of_the_protocol(shared, body, headers, status, says):
    answer = post(shared, body, headers)
    assert answer.status == status, answer
    if headers is PROTOBUF:
        told = Status.FromString(answer.body)
        assert (told.code, says in told.message) == (3, True), told
    else:
        assert answer.json["code"] == 3
        assert says in answer.json["message"]


def test_a_body_that_announces_too_much_is_not_read(shared):
    with socket.create_connection(("127.0.0.1", shared.otlp_http_port), timeout=10) as sock:
        sock.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 16777217\r\n\r\n{")
        answer = sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 413 "), answer
    assert b"larger than 16777216 bytes" in answer


def test_more_spans_than_a_request_may_have(shared):
    answer = post(shared, raw_request(*[raw_span() for _ in range(10_001)]), {})
    assert (answer.status, answer.json["code"]) == (400, 3)
    assert "may have 10000 spans, this one has 10001" in answer.json["message"]


def message(*path, of):
    """Bytes within fields, the outermost first."""
    for field in reversed(path):
        length, size = b"", len(of)
        while size >= 0x80:
            length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
        of = bytes([field << 3 | 2]) + length + bytes([size]) + of
    return of


@pytest.mark.parametrize("bomb", [
    b"\x0a\x00" * 8_000_000,
    message(1, 2, of=b"\x12\x00" * 7_000_000),
    message(1, 2, 2, of=b"\x4a\x00" * 7_000_000),
    message(1, 1, 1, 2, 5, of=b"\x0a\x00" * 7_000_000),
], ids=["resources", "spans", "attributes", "values"])
def test_a_small_message_does_not_become_large(server, bomb):
    def peak():
        status = (Path("/proc") / str(server.process.pid) / "status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    packed = zstandard.ZstdCompressor().compress(bomb)
    assert len(packed) < 64 * 1024
    before = peak()
    answer = post(server, packed, {**PROTOBUF, "Content-Encoding": "zstd"})
    assert answer.status == 400, answer
    assert "send smaller batches" in Status.FromString(answer.body).message
    with grpc.insecure_channel(f"127.0.0.1:{server.otlp_grpc_port}") as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as refused:
            export(bomb, compression=grpc.Compression.Gzip, timeout=30)
    assert (refused.value.code(), "send smaller batches" in refused.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, True)
    assert peak() - before < 150, "the message was read before it was looked at"


def test_members_that_are_not_known_and_numbers_as_texts(shared):
    """OTLP's JSON: unknown members are passed over, numbers of 64 bits may be texts or numbers, enumerations are numbers."""
    span = raw_span(futureMember={"a": 1}, attributes=[
        {"key": "n", "value": {"intValue": "9007199254740993"}}, {"key": "m", "value": {"intValue": 7}},
        {"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}, {"doubleValue": 0.5}]}}},
        {"key": "map", "value": {"kvlistValue": {"values": [{"key": "k", "value": {"stringValue": "v"}}]}}},
        {"key": "none"}])
    span["startTimeUnixNano"] = int(span["startTimeUnixNano"])
    assert post(shared, raw_request(span), {}).json == {}
    [document] = shared.documents(xray_id(span["traceId"]))
    assert document["metadata"]["default"] | {"n": 9007199254740993, "m": 7, "list": [True, 0.5], "map": {"k": "v"}, "none": None} \
        == document["metadata"]["default"]


def test_spans_through_the_daemons_port(shared):
    """What some Lambda layers send: base64 of a request behind a mark, in a datagram."""
    for mark in (b"T1S", b"T1U"):
        span = raw_span()
        body = mark + base64.b64encode(raw_protobuf(span, service="layer").SerializeToString())
        shared.udp(body)
        wait_for("the span", lambda: [d["name"] for d in shared.documents(xray_id(span["traceId"]))] == ["layer"], 10)


def test_ids_of_any_kind_and_parents_that_never_come(shared):
    """W3C ids carry no time; an orphan is shown; a span that ends before it began has no duration."""
    span = raw_span(traceId="ffffffff" + f"{random.getrandbits(96):024x}", parentSpanId="00000000000000aa", kind=1)
    span["endTimeUnixNano"] = str(int(span["startTimeUnixNano"]) - 1_000_000)
    assert post(shared, raw_request(span), {}).json == {}
    trace_id = xray_id(span["traceId"])
    [document] = shared.documents(trace_id)
    assert (document["start_time"], document["parent_id"]) == (document["end_time"], "00000000000000aa")
    assert shared.summary(trace_id)["Duration"] == 0


def test_a_span_larger_than_a_segment_document_may_be(server):
    text = "x" * 100_000
    span = raw_span(attributes=[{"key": "text", "value": {"stringValue": text}}])
    assert post(server, raw_request(span), {}).json == {}
    server.restart()
    [document] = server.documents(xray_id(span["traceId"]))
    assert document["metadata"]["default"]["text"] == text
    larger = raw_span(attributes=[{"key": "text", "value": {"stringValue": "x" * 205_000}}])
    assert "the limit is 204800" in post(server, raw_request(larger), {}).json["partialSuccess"]["errorMessage"]


def test_acknowledged_spans_outlive_the_process(server):
    spans = [raw_span() for _ in range(200)]
    assert post(server, raw_request(*spans), {}).json == {}
    server.kill()
    server.start()
    found = server.traces(*[xray_id(span["traceId"]) for span in spans])
    assert len(found) == 200


def test_halves_of_a_segment_from_both_sides(server):
    """A subsegment of X-Ray's names its caller; the span that serves the call names the subsegment."""
    call = subsegment("orders", namespace="remote")
    caller = segment("shop", subsegments=[call])
    server.put(caller)
    digits = caller["trace_id"].replace("1-", "", 1).replace("-", "")
    assert post(server, raw_request(raw_span(digits, parentSpanId=call["id"]), service="orders"), {}).json == {}
    assert set(server.graph(caller["trace_id"]).edges) == {
        (("shop", "client"), ("shop", None)), (("shop", None), ("orders", None))}


# -- settings


def test_attributes_that_settings_name_become_annotations(new_server):
    server = new_server(env={"MITOSHI_OTLP_INDEXED_ATTRIBUTES": "tenant, otel.resource.service.name"})
    span = raw_span(attributes=[{"key": "tenant", "value": {"stringValue": "t1"}}, {"key": "other", "value": {"stringValue": "o"}}])
    assert post(server, raw_request(span), {}).json == {}
    [document] = server.documents(xray_id(span["traceId"]))
    assert document["annotations"] == {"tenant": "t1", "otel.resource.service.name": "hand"}
    server.stop()
    server.env = {"MITOSHI_OTLP_INDEX_ALL_ATTRIBUTES": "true"}
    server.start()
    span["traceId"] = f"{random.getrandbits(128):032x}"
    assert post(server, raw_request(span), {}).json == {}
    [document] = server.documents(xray_id(span["traceId"]))
    assert document["annotations"] == {"tenant": "t1", "other": "o"}
    assert [s["Id"] for s in server.summaries('annotation[other] = "o"')] == [xray_id(span["traceId"])]


def test_addresses_can_be_off_and_a_taken_one_is_refused(new_server):
    server = new_server(args=["--otlp-grpc", "off", "--otlp-http", "off"])
    assert (server.fields["otlp-grpc"], server.fields["otlp-http"]) == ("off", "off")
    assert server.health()["listeners"]["otlp_grpc"] is None
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AssertionError, match="cannot listen on 127.0.0.1"):
            new_server(args=["--otlp-grpc", address, "--otlp-http", "off"])
    with pytest.raises(AssertionError, match="is not a loopback address"):
        new_server(args=["--otlp-grpc", "0.0.0.0:0", "--otlp-http", "off"])


def test_a_large_span_survives_a_kill(server):
    """Spans may be larger than segment documents; what was acknowledged is there after a crash, in the log or in a part."""
    trace_id = new_trace_id()
    now = time.time_ns()
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": trace_id[2:].replace("-", ""), "spanId": "00f067aa0ba902b7", "name": "large", "kind": 2,
        "startTimeUnixNano": str(now - 10**9), "endTimeUnixNano": str(now),
        "attributes": [{"key": "text", "value": {"stringValue": "x" * 150_000}}]}]}]}]}
    answer = server.request("/v1/traces", body)
    assert answer.status == 200 and answer.json == {}, answer
    server.kill()
    server.start()
    assert server.health()["recovery"]["replayed_documents"] == 1
    (document,) = server.documents(trace_id)
    assert len(document["metadata"]["default"]["text"]) == 150_000
