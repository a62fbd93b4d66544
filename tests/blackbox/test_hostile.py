"""Input and callers that mean harm, or act as if: the server keeps its bounds and goes on serving the others."""

import contextlib
import http.client
import ipaddress
import json
import os
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from conftest import (HEADER, START_DEADLINE, Answer, binary, new_id, new_trace_id, segment, streamed, subsegment, wait_for, walk)

DAY = 86_400
CORES = os.cpu_count() or 2


def put_all(server, documents):
    """Puts documents, 50 a call, as one HTTP request each: quick for thousands."""
    for at in range(0, len(documents), 50):
        texts = [d if isinstance(d, str) else json.dumps(d) for d in documents[at:at + 50]]
        answer = server.request("/TraceSegments", {"TraceSegmentDocuments": texts}, timeout=60)
        assert answer.status == 200 and answer.json["UnprocessedTraceSegments"] == [], answer


def refusals(server, text):
    """Puts one text; gives the error codes of what was refused."""
    answer = server.request("/TraceSegments", {"TraceSegmentDocuments": [text]})
    assert answer.status == 200, answer
    return [refused["ErrorCode"] for refused in answer.json["UnprocessedTraceSegments"]]


def reads_work(server, *documents):
    """Each document's trace is listed in the present, in the graphs, and comes back by its id."""
    now = time.time()
    window = {"StartTime": now - 600, "EndTime": now + 10}
    listed = {s["Id"]: s for s in server.summaries(start=window["StartTime"], end=window["EndTime"])}
    for document in documents:
        summary = listed[document["trace_id"]]
        assert abs(summary["StartTime"].timestamp() - document["start_time"]) < 600, summary
        back = server.traces(document["trace_id"])[document["trace_id"]]
        assert document["id"] in {s["Id"] for s in back["Segments"]}
        graph = server.graph(document["trace_id"])
        assert (document["name"], document.get("origin")) in graph.nodes
    names = {(d["name"], d.get("origin")) for d in documents}
    assert names <= set(server.service_graph(start=window["StartTime"], end=window["EndTime"]).nodes)
    answer = server.request("/TimeSeriesServiceStatistics", window)
    assert answer.status == 200, answer
    assert server.health()["status"] == "ok"


def survives(server, *documents):
    """The documents can be read now, after a kill (from the log) and after a graceful stop (from files)."""
    reads_work(server, *documents)
    server.kill()
    server.start()
    reads_work(server, *documents)
    assert server.stop() == 0
    assert "could not write everything" not in server.log()
    server.start()
    reads_work(server, *documents)
    assert "panicked" not in server.log()


# -- documents

RESERVED = {"x": {"$serde_json::private::RawValue": "oops"}}
NUMBER = {"x": {"$serde_json::private::Number": "oops"}}


def in_a_subsegment(levels, member):
    document = inner = segment("reserved")
    for _ in range(levels):
        child = subsegment("level", document)
        inner["subsegments"] = [child]
        inner = child
    inner.update(member)
    return document


RESERVED_PLACES = {
    "top": lambda member: segment("reserved", **member),
    "top, itself": lambda member: segment("reserved", **member["x"]),
    "metadata": lambda member: segment("reserved", metadata={"a": member}),
    "metadata, itself": lambda member: segment("reserved", metadata=member["x"]),
    "metadata, 40 deep": lambda member: segment("reserved", metadata={"a": json.loads('{"b":' * 40 + json.dumps(member) + "}" * 40)}),
    "metadata, in a list": lambda member: segment("reserved", metadata={"a": [1, member, {"b": [member]}]}),
    "annotations": lambda member: segment("reserved", annotations={**member, "good": 1}),
    "annotations, itself": lambda member: segment("reserved", annotations=member["x"]),
    "aws": lambda member: segment("reserved", aws=member),
    "service": lambda member: segment("reserved", service=member),
    "http request": lambda member: segment("reserved", http={"request": {"url": "http://a/", **member}, **member}),
    "cause": lambda member: segment("reserved", fault=True, cause={"exceptions": [{"id": new_id(), "message": "m", **member}], **member}),
    "links": lambda member: segment("reserved", links=[{"trace_id": new_trace_id(), "id": new_id(), "attributes": member}]),
    "a subsegment": lambda member: in_a_subsegment(1, member),
    "ten subsegments down": lambda member: in_a_subsegment(10, member),
    "a subsegment's sql": lambda member: in_a_subsegment(1, {"namespace": "remote", "sql": member}),
}


@pytest.mark.parametrize("member", [RESERVED, NUMBER], ids=["RawValue", "Number"])
def test_a_member_name_that_a_json_library_reserves_is_a_name_like_any_other(server, member):
    documents = {place: make(member) for place, make in RESERVED_PLACES.items()}
    for place, document in documents.items():
        assert refusals(server, json.dumps(document)) == [], place
    plain = segment("plain")
    server.put(plain)
    survives(server, *documents.values(), plain)
    for place, document in documents.items():
        assert server.documents(document["trace_id"]) == [document], place


@pytest.mark.parametrize("member", [RESERVED, NUMBER], ids=["RawValue", "Number"])
def test_a_reserved_member_name_in_a_datagram_does_no_harm(server, member):
    document, after = segment("datagram", metadata={"a": member}, **member), segment("after")
    server.udp(document)
    server.udp(after)
    wait_for("both", lambda: server.ingest()["segments_accepted"] == 2)
    survives(server, document, after)


ODD_TIMES = {
    "end in nanoseconds": lambda now: {"start_time": now - 1, "end_time": now * 1e9},
    "start at -1e300": lambda now: {"start_time": -1e300, "end_time": now},
    "start at -1e300, end at 1": lambda now: {"start_time": -1e300, "end_time": 1},
    "start at 1e300": lambda now: {"start_time": 1e300, "end_time": now},
    "end at -1e300": lambda now: {"start_time": now - 1, "end_time": -1e300},
    "all in nanoseconds": lambda now: {"start_time": (now - 1) * 1e9, "end_time": now * 1e9},
}


@pytest.mark.parametrize("way", ["put", "datagram"])
@pytest.mark.parametrize("kind", ODD_TIMES)
def test_an_absurd_time_in_an_embedded_subsegment_does_not_move_the_trace(server, kind, way):
    document, plain = segment("odd"), segment("plain")
    document["subsegments"] = [{**subsegment("call", document, namespace="remote"), **ODD_TIMES[kind](time.time())}]
    if way == "put":
        assert refusals(server, json.dumps(document)) == []
    else:
        server.udp(document)
        wait_for("the document", lambda: server.ingest()["segments_accepted"] == 1)
    server.put(plain)
    survives(server, document, plain)


def test_documents_of_3000_different_days_make_few_parts(new_server):
    """From 1970 to 2106, the last year that a trace id can tell; nothing expires meanwhile."""
    server = new_server(env={"MITOSHI_STORE_RETENTION_DAYS": "0"})
    last = 0xFFFF_FFFF // DAY
    starts = [last * n // 2999 * DAY + DAY // 2 for n in range(3000)]
    starts[-1] = min(starts[-1], 0xFFFF_FFFF - 10)
    assert len({start // DAY for start in starts}) == 3000
    documents = [segment("days", start=float(start)) for start in starts]
    now = segment("now")
    put_all(server, documents + [now])
    assert server.stop() == 0
    server.start()
    store = server.health()["store"]
    assert store["parts"] < 100, store
    assert store["traces"] == store["segments"] == 3001, store
    assert store["damaged_parts"] == [], store
    reads_work(server, now)
    wanted = {d["trace_id"]: d for d in documents}
    for trace_id, trace in server.traces(*wanted).items():
        (back,) = [json.loads(s["Document"]) for s in trace["Segments"]]
        assert back == wanted.pop(trace_id)
    assert not wanted, f"{len(wanted)} traces cannot be fetched, such as {next(iter(wanted.values()))}"
    for document in documents[::300] + documents[-1:]:
        around = server.summaries(start=document["start_time"] - 5, end=document["start_time"] + 5)
        assert [s["Id"] for s in around] == [document["trace_id"]]
    assert len(server.summaries(start=0, end=2 ** 32 + DAY)) == 3001


def test_a_chain_of_30000_loose_subsegments_is_cut_and_holds_nobody_up(server):
    """More than the 20,000 entities that are put together for one trace."""
    others = [segment("other") for _ in range(20)]
    server.put(*others)
    owner = segment("chain")
    chain, parent = [], owner["id"]
    for _ in range(30_000):
        chain.append(streamed("link", owner, parent))
        parent = chain[-1]["id"]
    put_all(server, [owner] + chain)
    began = time.monotonic()
    answer = server.request("/Traces", {"TraceIds": [owner["trace_id"]]}, timeout=60)
    took = time.monotonic() - began
    assert answer.status == 200
    (trace,) = answer.json["Traces"]
    assert trace["LimitExceeded"] is True
    shown = [e for s in trace["Segments"] for e in walk(json.loads(s["Document"])) if not e.get("inferred")]
    assert 0 < len(shown) <= 20_000, len(shown)
    assert took < 20, took
    wanted = {d["trace_id"] for d in others} | {owner["trace_id"]}
    assert wanted <= {s["Id"] for s in server.summaries()}
    assert set(server.traces(*(d["trace_id"] for d in others))) == {d["trace_id"] for d in others}
    began = time.monotonic()
    assert server.stop(20) == 0
    print(f"BatchGetTraces took {took:.1f} s, the stop {time.monotonic() - began:.1f} s")
    server.start()
    assert wanted <= {s["Id"] for s in server.summaries()}
    answer = server.request("/Traces", {"TraceIds": [owner["trace_id"]]}, timeout=60)
    assert answer.json["Traces"][0]["LimitExceeded"] is True


def failing(levels, name, exceptions, leaves):
    """Nested failing subsegments: the exceptions are on the innermost levels, the leaves fail on their own."""
    document = segment("failing", fault=True)

    def call(name=name, **members):
        return subsegment(name, document, **members)

    def cause(count):
        return {"exceptions": [{"id": new_id(), "type": "E" * 100, "message": "m" * 1000} for _ in range(count)]}

    # Each leaf has a name of its own, so that each is a cause of its own.
    inner = [call(f"{n:02}{name}"[:200], **({"fault": True} if n % 2 else {"error": True})) for n in range(leaves)]
    for level in range(levels):
        share = min(10, exceptions)
        exceptions -= share
        inner = [call(fault=True, error=True, **({"cause": cause(share)} if share else {}), subsegments=inner)]
    document["subsegments"] = inner
    return document


FAILING = {
    # Exceptions on every level, so that each of the leaves has many above it.
    "wide": dict(levels=4, name="step", exceptions=38, leaves=40),
    # Long names on a long way down to each of the leaves.
    "deep": dict(levels=58, name="n" * 200, exceptions=9, leaves=40),
}


@pytest.mark.parametrize("shape", FAILING)
def test_2000_documents_of_nested_failures_are_written_out_and_listed_in_pages_of_bounded_size(new_server, shape):
    server = new_server()
    model = json.dumps(failing(**FAILING[shape]))
    assert 40_000 < len(model) < 65_536, len(model)
    old_id, old_trace = json.loads(model)["id"], json.loads(model)["trace_id"]
    traces = [new_trace_id() for _ in range(2000)]
    # The ids inside need not differ between traces.
    put_all(server, [model.replace(old_trace, trace).replace(old_id, new_id()) for trace in traces])
    now = time.time()
    began = time.monotonic()
    assert server.stop(60) == 0
    print(f"the stop took {time.monotonic() - began:.1f} s")
    assert "could not write everything" not in server.log() and "flush failed" not in server.log()
    server.start()
    assert server.health()["recovery"]["replayed_documents"] == 0
    found, token, largest = [], None, 0
    while True:
        answer = server.request("/TraceSummaries", {"StartTime": now - 3600, "EndTime": now + 60,
                                                    **({"NextToken": token} if token else {})}, timeout=60)
        assert answer.status == 200, answer
        largest = max(largest, len(answer.body))
        assert len(answer.body) < 50_000_000, f"page {len(found) // 100} has {len(answer.body)} bytes"
        found.extend(s["Id"] for s in answer.json["TraceSummaries"])
        token = answer.json.get("NextToken")
        if not token:
            break
    print(f"the largest page has {largest / 1e6:.1f} MB")
    assert sorted(found) == sorted(traces)


def test_an_array_of_51_documents_in_one_text_is_refused_as_one(server):
    documents = [segment() for _ in range(51)]
    assert refusals(server, json.dumps(documents)) == ["JSONFormatError"]
    assert server.summaries() == [], "none of a refused array is kept"
    assert server.ingest()["segments_rejected"] == {"JSONFormatError": 1}
    assert refusals(server, json.dumps(documents[:50])) == []
    assert {s["Id"] for s in server.summaries()} == {d["trace_id"] for d in documents[:50]}


def nested(levels):
    document = segment("nested", metadata={"default": {"a": "X"}})
    return document, json.dumps(document).replace('"X"', "[" * levels + "]" * levels)


def test_metadata_nested_200_deep_is_refused_and_100_deep_is_taken(server):
    for levels in (200, 1_000, 30_000):
        document, text = nested(levels)
        assert refusals(server, text) == ["JSONFormatError"], levels
        assert server.traces(document["trace_id"]) == {}
    document, text = nested(100)
    assert refusals(server, text) == []
    assert server.documents(document["trace_id"]) == [json.loads(text)]
    survives(server, document)


@pytest.mark.parametrize("text", ["\ud800", "\udc00", "a\ud800b", "\udc00\ud800", "\ud800\ud800", "ok \U0001f600 \udfff"], ids=ascii)
def test_half_a_surrogate_pair_in_metadata_is_taken(server, text):
    document = segment("half", metadata={"default": {"a": text, "b": [text]}})
    assert "\\ud" in json.dumps(document)
    assert refusals(server, json.dumps(document)) == []
    survives(server, document)
    assert server.documents(document["trace_id"]) == [document]


# -- browsers and other machines


def ask(host, port, path, body=None, headers=None, method="POST", timeout=10):
    """A plain request to any address of this machine."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        text = None if body is None else json.dumps(body).encode()
        connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
        reply = connection.getresponse()
        return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read())
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/api/health", "/"])
def test_reading_under_a_foreign_host_name_is_refused(shared, path):
    """A name that was made to point at this machine must not open the server to the page that has it."""
    port = shared.http_port
    for host in ("evil.example", f"evil.example:{port}", "localhost.evil.example", "127.0.0.1.evil.example", "evil.example:2001"):
        answer = shared.request(path, method="GET", headers={"Host": host})
        assert answer.status == 403, (host, answer)
    for host in ("127.0.0.1", f"127.0.0.1:{port}", "localhost", f"localhost:{port}", f"[::1]:{port}"):
        answer = shared.request(path, method="GET", headers={"Host": host})
        assert answer.status == 200, (host, answer)


def test_a_container_posts_under_its_own_name_for_this_machine(shared):
    host = {"Host": "host.docker.internal:2000"}
    for port in (shared.http_port, shared.daemon_port):
        document = segment()
        answer = shared.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(document)]}, port=port, headers=host)
        assert answer.status == 200 and answer.json["UnprocessedTraceSegments"] == [], answer
        assert shared.documents(document["trace_id"]) == [document]
        assert shared.request("/GetSamplingRules", {}, port=port, headers=host).status == 200
        assert shared.request("/SamplingTargets", {"SamplingStatisticsDocuments": []}, port=port, headers=host).status == 200


def test_a_post_from_a_page_of_another_site_is_refused_without_an_origin_too(shared):
    document = segment()
    body = {"TraceSegmentDocuments": [json.dumps(document)]}
    for port in (shared.http_port, shared.daemon_port):
        for path, sent in (("/TraceSegments", body), ("/GetSamplingRules", {}), ("/SamplingTargets", {"SamplingStatisticsDocuments": []})):
            answer = shared.request(path, sent, port=port, headers={"Sec-Fetch-Site": "cross-site"})
            assert answer.status == 403, (path, port, answer)
    assert shared.documents(document["trace_id"]) == []


def own_address():
    """An address of this machine besides loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect(("198.51.100.1", 9))
            address = sock.getsockname()[0]
        except OSError:
            return None
    return None if ipaddress.ip_address(address).is_loopback or address == "0.0.0.0" else address


@pytest.fixture
def open_daemon(new_server):
    """A server whose daemon port is open to this machine's own network, and the address to use."""
    address = own_address()
    if address is None:
        pytest.skip("SKIPPED: this machine has no address besides loopback, so the open daemon port cannot be reached as from elsewhere")
    network = ipaddress.ip_network(f"{address}/24", strict=False)
    server = new_server(start=False)
    env = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    with open(server.log_path, "ab") as log:
        server.process = subprocess.Popen(
            [binary(), "serve", "--data-dir", str(server.data_dir), "--http", "127.0.0.1:0", "--daemon", "0.0.0.0:0",
             "--daemon-allow", f"{network},127.0.0.0/8"], stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, env=env)
    watchdog = threading.Timer(START_DEADLINE, server.kill)
    watchdog.start()
    line = server.process.stdout.readline().decode()
    watchdog.cancel()
    assert line.startswith("mitoshi ready "), server.log()
    fields = dict(part.split("=", 1) for part in line.split()[2:])
    server.http_port, server.daemon_port = (int(fields[name].rsplit(":", 1)[1]) for name in ("http", "daemon"))
    return server, address


def daemon_questions():
    now = time.time()
    rule = dict(RuleName="made", ResourceARN="*", Priority=100, FixedRate=0.5, ReservoirSize=1, ServiceName="*", ServiceType="*",
                Host="*", HTTPMethod="*", URLPath="*", Version=1)
    statistics = dict(RuleName="Default", ClientID="0123456789abcdef01234567", Timestamp=int(now), RequestCount=1, SampledCount=1, BorrowCount=0)
    sending = [
        ("/GetSamplingRules", {}), ("/SamplingTargets", {"SamplingStatisticsDocuments": [statistics]}),
        ("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(segment())]}),
        ("/TelemetryRecords", {"TelemetryRecords": [{"Timestamp": int(now)}]}),
    ]
    others = [
        ("/CreateSamplingRule", {"SamplingRule": rule}), ("/Traces", {"TraceIds": [new_trace_id()]}),
        ("/TraceSummaries", {"StartTime": now - 60, "EndTime": now}), ("/ServiceGraph", {"StartTime": now - 60, "EndTime": now}),
        ("/TraceGraph", {"TraceIds": [new_trace_id()]}), ("/TimeSeriesServiceStatistics", {"StartTime": now - 60, "EndTime": now}),
        ("/UpdateSamplingRule", {"SamplingRuleUpdate": {"RuleName": "Default", "FixedRate": 0.5}}), ("/DeleteSamplingRule", {"RuleName": "made"}),
    ]
    return sending, others


def test_other_machines_may_send_to_the_open_daemon_port_and_read_and_change_nothing(open_daemon):
    server, address = open_daemon
    sending, others = daemon_questions()
    for path, body in sending:
        answer = ask(address, server.daemon_port, path, body)
        assert answer.status == 200, (path, answer)
    for path, body in others:
        answer = ask(address, server.daemon_port, path, body)
        assert answer.status == 403 and answer.error == "AccessDeniedException", (path, answer)
    assert len(server.xray.get_sampling_rules()["SamplingRuleRecords"]) == 1, "nothing was made"
    document = segment()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(HEADER + json.dumps(document).encode(), (address, server.daemon_port))
    wait_for("the datagram", lambda: server.documents(document["trace_id"]))


def test_this_machine_may_do_everything_on_the_open_daemon_port(open_daemon):
    server, _ = open_daemon
    sending, others = daemon_questions()
    for path, body in sending + others:
        answer = ask("127.0.0.1", server.daemon_port, path, body)
        assert answer.status == 200, (path, answer)


def test_the_apis_do_not_listen_beyond_loopback_when_the_daemon_does(open_daemon):
    server, address = open_daemon
    with pytest.raises(ConnectionRefusedError):
        ask(address, server.http_port, "/api/health", method="GET")


# -- configuration and files


@pytest.mark.parametrize("command", ["serve", "check-config"])
@pytest.mark.parametrize("name, value", [
    ("MITOSHI_STORE_RETENTION_DAYS", "999999999"), ("MITOSHI_STORE_RETENTION_DAYS", "-1"),
    ("MITOSHI_HTTP_CONNECTIONS_MAX", "9223372036854775807"), ("MITOSHI_HTTP_CONNECTIONS_MAX", "0"),
    ("MITOSHI_HTTP_CONNECTIONS_MAX", "99999999999999999999"), ("MITOSHI_STORE_MEMTABLE_MAX_MIB", "17592186044416"),
])
def test_a_number_that_makes_no_sense_ends_the_start_and_is_named(tmp_path, command, name, value):
    env = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    listen = ["--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0"]
    done = subprocess.run([binary(), command, "--data-dir", str(tmp_path / "d"), *listen], capture_output=True, text=True, timeout=20,
                          env={**env, name: value})
    assert done.returncode == 64, done
    section, key = name.removeprefix("MITOSHI_").lower().split("_", 1)
    assert name in done.stderr or f"{section}.{key}" in done.stderr, done.stderr
    assert "panicked" not in done.stderr
    assert not (tmp_path / "d").exists(), "nothing is made before the configuration is known to be good"


def test_the_data_folder_is_for_its_owner_alone(server):
    server.put(segment())
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    server.restart()
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700


# -- connections


@contextlib.contextmanager
def unfinished(server, count, length, sent):
    """Connections that promise `length` bytes of a put and send `sent` of them."""
    head = b"POST /TraceSegments HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length
    body = b'{"TraceSegmentDocuments":[' + b" " * sent
    connections = []
    try:
        for _ in range(count):
            connections.append(socket.create_connection(("127.0.0.1", server.http_port), timeout=10))
            connections[-1].sendall(head + body[:sent])
        yield connections
    finally:
        for connection in connections:
            connection.close()


def served_within(server, seconds):
    """Health and a small put, each asked and answered in time."""
    began = time.monotonic()
    assert server.request("/api/health", method="GET", timeout=seconds).status == 200
    health_took = time.monotonic() - began
    document = segment()
    began = time.monotonic()
    answer = server.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(document)]}, timeout=seconds)
    assert answer.status == 200 and answer.json["UnprocessedTraceSegments"] == [], answer
    put_took = time.monotonic() - began
    assert health_took < seconds and put_took < seconds, (health_took, put_took)
    return document


def test_a_body_that_never_ends_holds_nobody_up(server):
    with unfinished(server, 1, length=1000, sent=10):
        for _ in range(5):
            document = served_within(server, 5)
            assert server.documents(document["trace_id"]) == [document]
        server.summaries()
        server.service_graph()
        assert server.request("/GetSamplingRules", {}, port=server.daemon_port).status == 200
    assert server.ingest()["segments_accepted"] == 5


@pytest.mark.parametrize("sent", [10, 200_000])
def test_40_large_bodies_that_never_end_hold_nobody_up(server, sent):
    with unfinished(server, 40, length=8_000_000, sent=sent):
        for _ in range(10):
            served_within(server, 5)
        server.summaries()
    # And the room is given back once the connections are closed.
    large = [segment(metadata={"a": "x" * 50_000}) for _ in range(50)]
    put_all(server, large)
    assert server.ingest()["segments_accepted"] == 60


def refuses_connections(server):
    try:
        socket.create_connection(("127.0.0.1", server.http_port), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_second_signal_ends_a_stopping_server_at_once_and_loses_nothing(new_server):
    server = new_server()
    documents = [segment() for _ in range(200)]
    server.put(*documents[:100])
    server.restart()
    server.put(*documents[100:])
    with unfinished(server, 1, length=1000, sent=10):
        # Known to be served: the connection was accepted before this one.
        server.health()
        server.process.send_signal(signal.SIGTERM)
        wait_for("the server to stop listening", lambda: refuses_connections(server), 5)
        # Not yet stopped: the open request has some seconds to finish.
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(1)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(3)
        print(f"the second signal took {time.monotonic() - began:.2f} s, exit status {server.process.returncode}")
    server.start()
    wanted = {d["trace_id"]: d for d in documents}
    for trace_id, trace in server.traces(*wanted).items():
        (back,) = [json.loads(s["Document"]) for s in trace["Segments"]]
        assert back == wanted.pop(trace_id)
    assert not wanted, "acknowledged traces are lost"
    assert len(server.summaries()) == 200


# -- sampling


def make_rule(server, reservoir):
    server.xray.create_sampling_rule(SamplingRule=dict(
        RuleName="made", ResourceARN="*", Priority=100, FixedRate=0.5, ReservoirSize=reservoir, ServiceName="*", ServiceType="*",
        Host="*", HTTPMethod="*", URLPath="*", Version=1))


def report(client, requests=10):
    return dict(RuleName="made", ClientID=client, Timestamp=int(time.time()), RequestCount=requests, SampledCount=1, BorrowCount=0)


def targets(server, *documents):
    answer = server.request("/SamplingTargets", {"SamplingStatisticsDocuments": list(documents)})
    assert answer.status == 200, answer
    return answer.json


def test_a_client_id_of_1000_bytes_is_not_processed(server):
    make_rule(server, 10)
    for wrong in ("c" * 1000, "é" * 500, "c" * 300_000):
        answer = targets(server, report(wrong), report("c" * 24))
        assert len(answer["SamplingTargetDocuments"]) == 1, "the other client's report is processed"
        (unprocessed,) = answer["UnprocessedStatistics"]
        assert unprocessed["RuleName"] == "made" and unprocessed["ErrorCode"] and unprocessed["Message"]
        assert len(json.dumps(answer)) < 5_000, "the id is not sent back"


@pytest.mark.parametrize("reservoir", [1, 100, 5_000])
def test_1500_clients_never_hold_more_than_the_reservoir(server, reservoir):
    make_rule(server, reservoir)
    held = {}
    for turn in range(2):
        for at in range(0, 1500, 25):
            # Different demand; every third client reports under a name of its own in the second turn.
            clients = [f"{at + n + (10_000 * turn if n % 3 == 0 else 0):024x}" for n in range(25)]
            answer = targets(server, *(report(client, 10 * (1 + number % 7)) for number, client in enumerate(clients)))
            assert answer["UnprocessedStatistics"] == []
            assert [t["RuleName"] for t in answer["SamplingTargetDocuments"]] == ["made"] * 25
            for client, target in zip(clients, answer["SamplingTargetDocuments"]):
                assert target["FixedRate"] == 0.5
                quota = target.get("ReservoirQuota", 0)
                assert 0 <= quota <= reservoir
                held[client] = (quota, target.get("ReservoirQuotaTTL", 0))
            now = time.time()
            in_force = sum(quota for quota, until in held.values() if until > now)
            assert in_force <= reservoir, (turn, at, in_force)
    assert sum(quota for quota, _ in held.values()) > 0, "somebody gets something"
    assert {r["SamplingRule"]["RuleName"] for r in server.xray.get_sampling_rules()["SamplingRuleRecords"]} == {"Default", "made"}


# -- questions that nobody waits for


def threads(server):
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Threads:"))


def large_trace():
    """About 20,000 entities, embedded in few documents; the documents of one trace."""
    owner = segment("large")
    documents = [owner]
    for part in range(50):
        call = streamed(f"part{part}", owner)
        call["subsegments"] = [{"id": new_id(), "name": "s", "start_time": call["start_time"], "end_time": call["end_time"]} for _ in range(390)]
        documents.append(call)
    return documents


def test_expensive_questions_of_callers_who_hung_up_take_no_threads(server):
    traces = [large_trace() for _ in range(5)]
    for documents in traces:
        put_all(server, documents)
    body = json.dumps({"TraceIds": [documents[0]["trace_id"] for documents in traces]}).encode()
    head = b"POST /Traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    began = time.monotonic()
    assert server.request("/Traces", body, timeout=60).status == 200
    one = time.monotonic() - began
    before = threads(server)
    for _ in range(max(20, 4 * CORES)):
        with socket.create_connection(("127.0.0.1", server.http_port), timeout=10) as connection:
            connection.sendall(head + body)
            # The caller goes once the question is being answered; nothing is waited for.
            time.sleep(0.03)
    most, end = before, time.monotonic() + 5
    while time.monotonic() < end:
        most = max(most, threads(server))
        time.sleep(0.05)
    print(f"one question took {one:.2f} s; {before} threads before, at most {most} after")
    assert most <= before + CORES + 6, (before, most)
    # Whatever still runs ends soon: nobody is left waiting behind it.
    began = time.monotonic()
    assert server.request("/Traces", {"TraceIds": [traces[0][0]["trace_id"]]}, timeout=60).status == 200
    assert time.monotonic() - began < 10 + 5 * one
    assert {s["Id"] for s in server.summaries()} == {documents[0]["trace_id"] for documents in traces}
    assert server.health()["status"] == "ok"
