"""Input that is wrong in every way: the right error, the server alive, good neighbours kept."""

import json
import random
import socket
import time

import pytest

from conftest import HEADER, new_id, new_trace_id, segment, streamed, subsegment, wait_for

ID, TRACE = "5a1f00c2d3e4b596", "1-66b5f1a0-0123456789abcdef01234567"


def without(*members, **changes):
    document = segment()
    document.update(changes)
    for member in members:
        document.pop(member, None)
    return json.dumps(document)


REFUSED = {
    "not JSON": "hello",
    "empty": "",
    "blank": "   ",
    "cut off": json.dumps(segment())[:-3],
    "number": "5",
    "null": "null",
    "string": '"text"',
    "empty object": "{}",
    "no id": without("id"),
    "no name": without("name"),
    "no start": without("start_time"),
    "no trace id": without("trace_id"),
    "no end and not in progress": without("end_time"),
    "in_progress false and no end": without("end_time", in_progress=False),
    "empty name": without(name=""),
    "name of 201": without(name="n" * 201),
    "name is a number": without(name=5),
    "id too short": without(id="5a1f00c2d3e4b59"),
    "id too long": without(id="5a1f00c2d3e4b5966"),
    "id not hex": without(id="5a1f00c2d3e4b59g"),
    "id number": without(id=1234567812345678),
    "trace id: no dashes": without(trace_id="166b5f1a00123456789abcdef01234567x"),
    "trace id: version 2": without(trace_id="2-66b5f1a0-0123456789abcdef01234567"),
    "trace id: short": without(trace_id="1-66b5f1a0-0123456789abcdef0123456"),
    "trace id: long": without(trace_id="1-66b5f1a0-0123456789abcdef012345678"),
    "trace id: not hex": without(trace_id="1-66b5f1a0-0123456789abcdef0123456z"),
    "trace id: epoch not hex": without(trace_id="1-66b5f1ag-0123456789abcdef01234567"),
    "trace id: empty": without(trace_id=""),
    "start is text": without(start_time="yesterday"),
    "start is null": without(start_time=None),
    "start is an object": without(start_time={}),
    "end is text": without(end_time="now"),
    "start is NaN": without(start_time=float("nan")),
    "end is Infinity": without(end_time=float("inf")),
    "start is 1e999": without(start_time=1).replace('"start_time": 1', '"start_time": 1e999'),
    "negative start": without(start_time=-5.0, end_time=-4.0),
    "independent without parent": without(type="subsegment"),
    "too long": without(metadata={"a": {"b": "x" * 66_000}}),
}


def refuse(server, document):
    """Puts the document between two good ones; gives its entry of UnprocessedTraceSegments."""
    before, after = segment(), segment()
    answer = server.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(before), document, json.dumps(after)])
    refused = answer["UnprocessedTraceSegments"]
    assert set(server.traces(before["trace_id"], after["trace_id"])) == {before["trace_id"], after["trace_id"]}
    return refused


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_document(server, kind):
    counted = sum(server.ingest()["segments_rejected"].values())
    refused = refuse(server, REFUSED[kind])
    assert len(refused) == 1, refused
    assert refused[0]["ErrorCode"] and refused[0]["Message"]
    ingest = server.ingest()
    assert sum(ingest["segments_rejected"].values()) == counted + 1
    assert refused[0]["ErrorCode"] in ingest["segments_rejected"] or len(ingest["segments_rejected"]) == 1
    assert ingest["segments_accepted"] == 2
    assert len(server.summaries()) == 2


@pytest.mark.parametrize("kind", REFUSED)
def test_refused_datagram(server, kind):
    good = segment()
    payload = REFUSED[kind].encode()
    if len(payload) + len(HEADER) > 65_507:
        pytest.skip("does not fit a datagram")
    server.datagram(HEADER + payload)
    server.udp(good)
    wait_for("the good neighbour", lambda: server.traces(good["trace_id"]))
    ingest = wait_for("the counts", lambda: (i := server.ingest())["segments_accepted"] >= 1 and
                      sum({**i["datagrams_rejected"], **i["segments_rejected"]}.values()) >= 1 and i)
    assert sum(ingest["segments_rejected"].values()) + sum(ingest["datagrams_rejected"].values()) == 1
    assert ingest["segments_accepted"] == 1


@pytest.mark.parametrize("document, code", [
    (without("id"), "MissingId"), (without(trace_id="1-zz"), "InvalidTraceId"), (without(name="n" * 201), "InvalidName"),
])
def test_error_codes(server, document, code):
    refused = refuse(server, document)
    assert [r["ErrorCode"] for r in refused] == [code]
    if code != "MissingId":
        assert refused[0]["Id"] == json.loads(document)["id"]
    else:
        assert "Id" not in refused[0]
    assert code in refused[0]["Message"]


TAKEN = {
    "scientific notation": lambda d: json.dumps(d).replace(
        f'"start_time": {d["start_time"]}', f'"start_time": {d["start_time"]:.9E}'),
    "whole seconds": lambda d: json.dumps({**d, "start_time": int(d["start_time"]), "end_time": int(d["start_time"]) + 1}),
    "pretty printed": lambda d: json.dumps(d, indent=4),
    "leading blanks": lambda d: "\n  " + json.dumps(d) + " \n",
    "W3C id": lambda d: json.dumps({**d, "trace_id": "1-aaaaaaaa-" + d["trace_id"][-24:]}),
    "in_progress false with an end": lambda d: json.dumps({**d, "in_progress": False}),
    "unknown members": lambda d: json.dumps({**d, "notTraced": False, "future": {"a": [1, None]}}),
    "content_length as text": lambda d: json.dumps({**d, "http": {"response": {"status": 200, "content_length": "12"}}}),
    "content_length -1": lambda d: json.dumps({**d, "http": {"response": {"status": 200, "content_length": -1}}}),
    "status as text": lambda d: json.dumps({**d, "http": {"response": {"status": "200"}}}),
    "name of 200": lambda d: json.dumps({**d, "name": "n" * 200}),
    "name in Japanese": lambda d: json.dumps({**d, "name": "注文サービス"}, ensure_ascii=False),
    "name with allowed marks": lambda d: json.dumps({**d, "name": "a_b.c:d/e%f&g#h=i+j\\k-l@m n"}),
    "end before start": lambda d: json.dumps({**d, "end_time": d["start_time"] - 5}),
    "http is text": lambda d: json.dumps({**d, "http": "text"}),
    "annotations is a list": lambda d: json.dumps({**d, "annotations": [1]}),
    "nested annotation": lambda d: json.dumps({**d, "annotations": {"a": {"b": 1}, "ok": 1}}),
    "subsegments is text": lambda d: json.dumps({**d, "subsegments": "no"}),
    "fault is text": lambda d: json.dumps({**d, "fault": "yes"}),
    "cause is a number": lambda d: json.dumps({**d, "fault": True, "cause": 5}),
    "parent is no id": lambda d: json.dumps({**d, "parent_id": "zz"}),
    "millisecond times": lambda d: json.dumps({**d, "start_time": d["start_time"] * 1000, "end_time": d["end_time"] * 1000}),
    "very long url": lambda d: json.dumps({**d, "http": {"request": {"url": "http://a/" + "u" * 5000}}}),
    "upper-case ids": lambda d: json.dumps({**d, "id": "ABCDEF0123456789"}),
    "control characters in metadata": lambda d: json.dumps({**d, "metadata": {"a": "\u0000\u001f"}}),
    "lone surrogate": lambda d: json.dumps({**d, "metadata": {"a": "X"}}).replace('"X"', '"\\ud800"'),
    "same key twice": lambda d: json.dumps(d)[:-1] + ', "user": "a", "user": "b"}',
}


@pytest.mark.parametrize("kind", TAKEN)
def test_odd_document_does_no_harm(server, kind):
    """Taken or refused with a reason; whatever happens, all reads go on working."""
    text = TAKEN[kind](segment("odd"))
    answer = server.xray.put_trace_segments(TraceSegmentDocuments=[text])
    refused = answer["UnprocessedTraceSegments"]
    assert all(r["ErrorCode"] and r["Message"] for r in refused)
    good = segment()
    server.put(good)
    assert good["trace_id"] in {s["Id"] for s in server.summaries()}
    server.service_graph()
    if not refused:
        trace_id = json.loads(text)["trace_id"]
        assert server.documents(trace_id)
        server.graph(trace_id)
    must_be_taken = {
        "scientific notation", "whole seconds", "pretty printed", "leading blanks", "W3C id", "unknown members",
        "in_progress false with an end", "content_length as text", "content_length -1", "status as text", "name of 200",
        "name in Japanese", "name with allowed marks", "nested annotation", "very long url", "upper-case ids",
    }
    assert not (refused and kind in must_be_taken), refused


def test_long_name_is_cut_or_refused_never_kept(server):
    refused = refuse(server, json.dumps(segment("x" * 300)))
    assert [r["ErrorCode"] for r in refused] == ["InvalidName"]


def test_millisecond_times_do_not_stretch_the_graph(server):
    """A frequent mistake: times in milliseconds lie 50,000 years ahead."""
    wrong = segment("wrong")
    wrong["start_time"] *= 1000
    wrong["end_time"] *= 1000
    server.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(wrong)])
    good = segment("good")
    server.put(good)
    assert ("good", None) in server.service_graph().nodes
    now = time.time()
    for series in server.xray.get_time_series_service_statistics(StartTime=now - 3600, EndTime=now + 60)["TimeSeriesServiceStatistics"]:
        assert now - 3700 < series["Timestamp"].timestamp() < now + 120


def test_array_in_a_document_string_is_split(server):
    owner = segment()
    parts = [streamed(f"part{n}", owner) for n in range(3)]
    answer = server.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(owner), json.dumps(parts)])
    assert answer["UnprocessedTraceSegments"] == []
    (document,) = server.documents(owner["trace_id"])
    assert {s["id"] for s in document["subsegments"]} == {p["id"] for p in parts}


def test_array_with_one_bad_member(server):
    good = segment()
    answer = server.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps([good, {"id": ID}])])
    assert [r.get("Id") for r in answer["UnprocessedTraceSegments"]] == [ID]
    assert server.documents(good["trace_id"])


@pytest.mark.parametrize("count, taken", [(1, True), (50, True), (51, False), (500, False)])
def test_documents_per_call(server, count, taken):
    documents = [segment() for _ in range(count)]
    answer = server.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(d) for d in documents]})
    if taken:
        assert answer.status == 200 and answer.json["UnprocessedTraceSegments"] == []
        assert len(server.summaries()) == count
    else:
        assert answer.status == 400 and answer.error == "InvalidRequestException", answer
        assert server.summaries() == []


def test_no_documents(server):
    answer = server.request("/TraceSegments", {"TraceSegmentDocuments": []})
    assert answer.status in (200, 400), answer


def test_size_limit_is_64_kib(server):
    def sized(size):
        document = segment(metadata={"fill": {"x": ""}})
        document["metadata"]["fill"]["x"] = "x" * (size - len(json.dumps(document)))
        assert len(json.dumps(document)) == size
        return document

    exact, over = sized(65_536), sized(65_537)
    assert refuse(server, json.dumps(exact)) == []
    # Not parsed, so its id may be unknown.
    assert len(refuse(server, json.dumps(over))) == 1
    assert server.documents(exact["trace_id"]) == [exact]
    assert server.documents(over["trace_id"]) == []


@pytest.mark.parametrize("levels", [100, 1000, 10_000])
def test_deep_nesting(server, levels):
    """Refused or taken, without exhausting the stack of any reader."""
    texts = [
        json.dumps(segment(metadata={"a": "X"})).replace('"X"', "[" * levels + "]" * levels),
        json.dumps(segment(subsegments=["X"])).replace(
            '"X"', "".join('{"id":"%s","name":"s","start_time":1,"end_time":2,"subsegments":[' % new_id()
                           for _ in range(min(levels, 700))) + "]}" * min(levels, 700)),
    ]
    for text in texts:
        answer = server.xray.put_trace_segments(TraceSegmentDocuments=[text])
        if not answer["UnprocessedTraceSegments"]:
            trace_id = text[text.index('"1-') + 1:][:35]
            assert server.traces(trace_id)
            server.graph(trace_id)
    answer = server.request("/TraceSegments", b'{"TraceSegmentDocuments":' + b"[" * levels + b"]" * levels + b"}")
    assert answer.status == 400, answer
    server.summaries()
    server.service_graph()
    assert server.health()["status"] == "ok"


def test_twenty_levels_of_subsegments(server):
    owner = segment()
    inner = owner
    for level in range(20):
        child = subsegment(f"level{level}", owner)
        inner["subsegments"] = [child]
        inner = child
    server.put(owner)
    assert server.documents(owner["trace_id"]) == [owner]


@pytest.mark.parametrize("depth", [50, 5_000, 100_000])
@pytest.mark.parametrize("shape", ["({})", "!{}"])
def test_deep_filter(server, depth, shape):
    left, right = shape.split("{}")
    answer = server.request("/TraceSummaries", {"StartTime": 1, "EndTime": 2,
                                                "FilterExpression": left * depth + "fault" + right * depth})
    assert answer.status in ((200,) if depth == 50 else (200, 400, 413)), answer
    assert server.health()["status"] == "ok"


def test_long_chain_of_parents(server):
    """2,000 services calling each other in one trace: no recursion may run out."""
    trace, start, parent, documents = new_trace_id(), time.time() - 10, None, []
    for level in range(2000):
        call = subsegment("next", {"start_time": start}, namespace="remote", fault=True)
        documents.append(segment(f"s{level % 40}", trace, start, 1, parent_id=parent, subsegments=[call], fault=True))
        parent = call["id"]
    server.put(*documents)
    assert len(server.traces(trace)[trace]["Segments"]) >= 2000
    server.graph(trace)
    server.service_graph()
    assert server.summary(trace)["HasFault"] is True
    assert server.health()["status"] == "ok"


def test_circle_of_parents(server):
    trace, one, two = new_trace_id(), new_id(), new_id()
    server.put(segment("one", trace, id=one, parent_id=two), segment("two", trace, id=two, parent_id=one),
               segment("self", trace, id=ID, parent_id=ID))
    assert len(server.documents(trace)) == 3
    server.graph(trace)
    server.service_graph()
    assert server.summary(trace)
    owner = segment()
    a, b = new_id(), new_id()
    server.put(owner, {**streamed("a", owner, b), "id": a}, {**streamed("b", owner, a), "id": b})
    assert server.traces(owner["trace_id"])
    server.graph(owner["trace_id"])
    assert server.health()["status"] == "ok"


def raw_request(server, data, shut=True):
    """Sends bytes as they are and gives what comes back until the server closes (or nothing for 5 s)."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=5) as sock:
        got = b""
        try:
            sock.sendall(data)
            if shut:
                sock.shutdown(socket.SHUT_WR)
        except OSError:
            # Closed by the server before everything was sent; its answer may still be there.
            pass
        try:
            while chunk := sock.recv(65536):
                got += chunk
        except OSError:
            pass
        return got


def test_truncated_body(server):
    """Content-Length promises more than comes: nothing of it may be kept."""
    document = segment()
    body = json.dumps({"TraceSegmentDocuments": [json.dumps(document)]}).encode()
    head = b"POST /TraceSegments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (len(body) + 100)
    got = raw_request(server, head + body)
    assert not got.startswith(b"HTTP/1.1 200"), got
    assert server.documents(document["trace_id"]) == []
    assert server.health()["status"] == "ok"


@pytest.mark.parametrize("data", [
    b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\x00" * 1000, b"\x16\x03\x01\x02\x00\x01\x00",
    b"POST /TraceSegments HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"POST /TraceSegments HTTP/1.1\r\nContent-Length: abc\r\n\r\n",
    b"POST /TraceSegments HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"POST /TraceSegments HTTP/1.1\r\nHost: x\r\n" + b"".join(b"H%d: v\r\n" % n for n in range(2000)) + b"\r\n",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=range(10))
def test_broken_http(server, data):
    got = raw_request(server, data)
    assert not got.startswith(b"HTTP/1.1 200"), got[:200]
    assert server.health()["status"] == "ok"


def test_huge_body(server):
    """300 MB announced: refused early, never collected."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=10) as sock:
        sock.sendall(b"POST /TraceSegments HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                     b"Content-Length: 314572800\r\n\r\n")
        block, sent, got = b" " * 65536, 0, b""
        try:
            while sent < 64 * 1024 * 1024:
                sock.sendall(block)
                sent += len(block)
        except OSError:
            pass
        try:
            got = sock.recv(4096)
        except OSError:
            pass
    assert sent < 64 * 1024 * 1024 or got.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), (sent, got[:200])
    if got:
        assert got.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), got[:200]
    assert server.health()["status"] == "ok"


def test_whole_batch_at_its_limit(server):
    """50 documents of nearly 64 KB, the most a call may carry."""
    documents = []
    for _ in range(50):
        document = segment()
        document["metadata"] = {"fill": "x" * 65_000}
        documents.append(document)
    server.put(*documents)
    assert len(server.summaries()) == 50


def test_invalid_utf8_in_the_body(server):
    good = segment()
    body = b'{"TraceSegmentDocuments":["' + b"\xff\xfe\x80" + b'"]}'
    answer = server.request("/TraceSegments", body)
    assert answer.status == 400 or answer.json["UnprocessedTraceSegments"], answer
    server.datagram(HEADER + json.dumps(good).encode().replace(b'"app"', b'"a\xffpp"'))
    wait_for("the datagram to be counted", lambda: server.ingest()["datagrams_received"] == 1)
    wait_for("the refusal", lambda: (i := server.ingest()) and
             sum(i["segments_rejected"].values()) + sum(i["datagrams_rejected"].values()) == 1)
    assert server.documents(good["trace_id"]) == []


@pytest.mark.parametrize("ids", [["x"], ["1-00000000-000000000000000000000000"], [TRACE.upper()], ["-" * 35], ["1-" * 17]])
def test_unknown_trace_ids_are_echoed(server, ids):
    answer = server.xray.batch_get_traces(TraceIds=ids)
    assert answer["Traces"] == [] and answer["UnprocessedTraceIds"] == ids


@pytest.mark.parametrize("ids", [[], [new_trace_id() for _ in range(6)], ["x" * 36], [""]])
def test_trace_ids_out_of_limits(server, ids):
    answer = server.request("/Traces", {"TraceIds": ids})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer


@pytest.mark.parametrize("start, end", [(2, 1), (-5, 5), (1e300, 1e301), (1.8e12, 1.8e12 + 60_000)])
def test_odd_time_ranges(server, start, end):
    for path in ("/TraceSummaries", "/ServiceGraph", "/TimeSeriesServiceStatistics"):
        answer = server.request(path, {"StartTime": start, "EndTime": end})
        assert answer.status in (200, 400), answer
        if start > end:
            assert answer.status == 400 and answer.error == "InvalidRequestException", answer
    assert server.health()["status"] == "ok"


def test_random_mutations(server):
    """A capture's bytes with random damage: always an answer, never a fall."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    original = json.dumps(segment(subsegments=[subsegment(namespace="aws", aws={"operation": "x", "table_name": "t"})],
                                  http={"request": {"url": "http://a/"}}, annotations={"a": 1}))
    for _ in range(20):
        batch = []
        for _ in range(50):
            text = list(original)
            for _ in range(dice.randrange(1, 5)):
                place = dice.randrange(len(text))
                text[place] = dice.choice(["", "{", "}", '"', "0", "-", "e", "null", ",", "é", "[", "]", "\\"])
            batch.append("".join(text))
        answer = server.xray.put_trace_segments(TraceSegmentDocuments=batch)
        assert len(answer["UnprocessedTraceSegments"]) <= 50
    server.summaries(start=0, end=4e9)
    assert server.health()["status"] == "ok"


@pytest.mark.parametrize("path, body, member", [
    ("/TraceSegments", {"TraceSegmentDocuments": None}, "TraceSegmentDocuments"),
    ("/TraceSegments", {"TraceSegmentDocuments": ["{}", 5]}, "TraceSegmentDocuments[1]"),
    ("/Traces", {"TraceIds": None}, "TraceIds"),
    ("/SamplingTargets", {"SamplingStatisticsDocuments": [{"RuleName": 5}]}, "SamplingStatisticsDocuments[0].RuleName"),
])
def test_a_member_of_the_wrong_type_is_named(server, path, body, member):
    answer = server.request(path, body)
    assert answer.status == 400, answer
    assert member + ":" in answer.json["Message"], answer
