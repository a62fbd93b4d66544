"""What real SDKs sent, replayed: every capture by UDP and by PutTraceSegments."""

import json

import pytest

from conftest import CAPTURES, by_trace, capture, capture_lines, outcome, shifted, wait_for, walk

OK, THROTTLE, ERROR, FAULT = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
BFF, B1, B2, NODE = ("BFF", None), ("Backend #1", None), ("Backend #2", None), ("NodeSvc", None)
TABLE = ("sample-table", "AWS::DynamoDB::Table")
CHAIN = {(BFF, B1): OK, (BFF, B2): OK, (B1, TABLE): OK, (B2, TABLE): OK}

CAPTURE_NAMES = sorted(p.stem for p in CAPTURES.glob("*.jsonl")
                       if not p.name.endswith(".sampling.jsonl") and p.stem != "docker-events")
SAMPLING_NAMES = sorted(p.stem for p in CAPTURES.glob("*.sampling.jsonl"))


class Expect:
    """What the requests of a capture (health checks aside) must look like; all its traces look the same.

    `edges` leaves out the edge from the client, which is `entry`. `causes`: (services, entities of the last
    service, exception types at the last entity) of every fault root cause.
    """

    def __init__(self, root, edges=(), entry=OK, causes=(), errors=(), throttle=False, nodes=None):
        self.root, self.edges, self.entry = root, dict(edges), entry
        self.causes, self.errors, self.throttle = list(causes), list(errors), throttle
        self.nodes = dict(nodes or {})


def through(*services):
    return [s if isinstance(s, str) else s[0] for s in services]


# A cause is: names of the services on the way, per service the names of its entities, exception types at the end.
DDB = ["sample-table"]
B1_DDB = [["Backend #1", "dynamodb"], DDB]
EXPECT = {
    "01-normal": Expect(BFF, CHAIN, nodes={TABLE: (2, 0, 0, 0)}),
    "02-backend2-sleep5": Expect(BFF, CHAIN),
    # Both backends swallow the refusal: every server segment is fine, only the calls show it.
    "03-ddb-access-denied": Expect(
        BFF, {**CHAIN, (B1, TABLE): FAULT, (B2, TABLE): FAULT}, nodes={TABLE: (0, 0, 0, 2)},
        causes=[([["BFF", "backend1"], ["Backend #1", "dynamodb"], DDB], ["ClientError"]),
                ([["BFF", "backend2"], ["Backend #2", "dynamodb"], DDB], ["ClientError"])]),
    "03b-ddb-access-denied-moto-403-xml": Expect(B1, {(B1, TABLE): FAULT}, causes=[(B1_DDB, ["ClientError"])]),
    # The Python SDK sets no throttle flag for a throttled DynamoDB call.
    "04-ddb-throttle-exhausted": Expect(
        BFF, {**CHAIN, (B1, TABLE): FAULT, (B2, TABLE): FAULT},
        causes=[([["BFF", "backend1"], ["Backend #1", "dynamodb"], DDB], ["ProvisionedThroughputExceededException"]),
                ([["BFF", "backend2"], ["Backend #2", "dynamodb"], DDB], ["ProvisionedThroughputExceededException"])]),
    "04b-ddb-throttle-once": Expect(B1, {(B1, TABLE): OK}),
    "04c-ddb-500": Expect(B1, {(B1, TABLE): FAULT}, causes=[(B1_DDB, ["InternalServerError"])]),
    "05-backend1-500": Expect(BFF, {(BFF, B1): FAULT}, FAULT, [([["BFF", "backend1"], ["Backend #1"]], [])]),
    # The BFF never answers: it looks fine, the call does not.
    "05b-backend1-500-bff-hangs-client-gives-up-3s": Expect(
        BFF, {(BFF, B1): FAULT}, OK, [([["BFF", "backend1"], ["Backend #1"]], [])]),
    # Here the BFF itself turned a 404 (429) of its backend into a 502.
    "05c-backend1-404": Expect(BFF, {(BFF, B1): ERROR}, FAULT, [([["BFF"]], [])],
                               errors=[([["BFF", "backend1"], ["Backend #1"]], [])]),
    "05d-backend1-429": Expect(BFF, {(BFF, B1): THROTTLE}, FAULT, [([["BFF"]], [])],
                               errors=[([["BFF", "backend1"], ["Backend #1"]], [])], throttle=True),
    "05e-backend2-500": Expect(BFF, {(BFF, B1): OK, (B1, TABLE): OK, (BFF, B2): FAULT}, FAULT,
                               [([["BFF", "backend2"], ["Backend #2"]], [])]),
    "05f-bff-next-err": Expect(BFF, {(BFF, B1): FAULT}, FAULT, [([["BFF", "backend1"], ["Backend #1"]], [])]),
    "05g-bff-hang-nginx-504-after-3s": Expect(BFF, {(BFF, B1): FAULT}, OK,
                                              [([["BFF", "backend1"], ["Backend #1"]], [])]),
    "06-bff-conn-refused": Expect(BFF, {(BFF, ("127.0.0.1", "remote")): FAULT}, FAULT,
                                  [([["BFF", "127.0.0.1"], ["127.0.0.1"]], ["Error"])]),
    "06b-bff-nxdomain": Expect(BFF, {(BFF, ("no-such-host.invalid", "remote")): FAULT}, FAULT,
                               [([["BFF", "no-such-host.invalid"], ["no-such-host.invalid"]], ["Error"])]),
    # The callee was fine, only late: the cause ends at the caller's time-out.
    "06c-bff-timeout": Expect(BFF, {(BFF, B2): FAULT, (B2, TABLE): OK}, FAULT,
                              [([["BFF", "backend2"]], ["AxiosError"])], nodes={B2: OK}),
    "07-flask-unhandled": Expect(BFF, {(BFF, B1): FAULT}, FAULT,
                                 [([["BFF", "backend1"], ["Backend #1"]], ["ValueError"])]),
    "07b-flask-unhandled-boto": Expect(
        B1, {(B1, ("no-such-table", "AWS::DynamoDB::Table")): FAULT}, FAULT,
        [([["Backend #1", "dynamodb"], ["no-such-table"]], ["ResourceNotFoundException"])]),
    "07c-flask-caught-in-subsegment": Expect(B1, {}, OK, [([["Backend #1", "work"]], ["KeyError"])]),
    "08-django-unhandled": Expect(BFF, {(BFF, B1): OK, (B1, TABLE): OK, (BFF, B2): FAULT}, FAULT,
                                  [([["BFF", "backend2"], ["Backend #2"]], ["ValueError"])]),
    "09-many150-django": Expect(B2),
    "09-many150-flask": Expect(B1),
    "09-many150-node": Expect(BFF),
    "09b-manypar150-node-streaming": Expect(BFF),
    "09d-django-500-subsegments": Expect(B2),
    "11-bff-throw": Expect(BFF, {}, FAULT, [([["BFF"]], ["Error"])]),
    "12-hdr-root-only": Expect(BFF, CHAIN),
    "12-hdr-sampled1": Expect(BFF, CHAIN),
    "12-hdr-self-lineage-xff": Expect(BFF, CHAIN),
    # An unreachable endpoint leaves no mark at all in what the Python SDK sends.
    "13-ddb-endpoint-unreachable": Expect(B1, {(B1, TABLE): OK}),
    "15-django-db": Expect(B2, {(B2, ("execute", "Database::SQL")): OK}),
    "16-node-fire-and-forget": Expect(BFF, {(BFF, B2): OK, (B2, TABLE): OK}),
    "30-express5-b1-500": Expect(BFF, {(BFF, B1): FAULT}, FAULT, [([["BFF", "172.18.0.2"], ["Backend #1"]], [])]),
    "30-express5-normal": Expect(BFF, CHAIN),
    "30-express5-throw": Expect(BFF, {}, FAULT, [([["BFF"]], ["Error"])]),
    "31-django-gunicorn-nodebug-normal": Expect(B2, {(B2, TABLE): OK}),
    "31-django-gunicorn-nodebug-throw": Expect(B2, {}, FAULT, [([["Backend #2"]], ["ValueError"])]),
    "40-canary-chromium-trace-header": Expect(BFF, CHAIN),
    "50-node-awssdkv3-ddb-500": Expect(NODE, {(NODE, TABLE): FAULT}, OK,
                                       [([["NodeSvc", "DynamoDB"], DDB], ["InternalServerError"])]),
    "50-node-awssdkv3-ddb-deny": Expect(NODE, {(NODE, TABLE): FAULT}, OK,
                                        [([["NodeSvc", "DynamoDB"], DDB], ["AccessDeniedException"])]),
    "50-node-awssdkv3-ddb-ok": Expect(NODE, {(NODE, TABLE): OK}),
    "50-node-awssdkv3-ddb-throttle": Expect(
        NODE, {(NODE, TABLE): FAULT}, OK,
        [([["NodeSvc", "DynamoDB"], DDB], ["ProvisionedThroughputExceededException"])], throttle=True),
    "50-node-awssdkv3-ddb-throttle1": Expect(NODE, {(NODE, TABLE): OK}),
    "50-node-awssdkv3-ddb-unreachable": Expect(NODE, {(NODE, TABLE): FAULT}, OK,
                                               [([["NodeSvc", "DynamoDB"], DDB], ["Error"])]),
}
# Captures whose traces differ from each other; looked at one by one further down, or only as documents.
MIXED = {"10-annotations", "12-hdr-sampledQ", "20-sampling-daemon-404", "21-sampling-rate0",
         "22-sampling-rule-change-propagation", "32-ecs-plugin", "startup"}


def is_health_check(documents):
    return any("/health" in d.get("http", {}).get("request", {}).get("url", "") for d in documents)


def requests_of(documents):
    return {t: ds for t, ds in by_trace(documents).items() if not is_health_check(ds)}


def ingest(server, way, documents):
    if way == "udp":
        before = server.ingest()["segments_accepted"]
        server.udp(*documents)
        wait_for("every datagram to be taken", lambda: server.ingest()["segments_accepted"] >= before + len(documents))
    else:
        server.put(*documents)


def check_document(sent, got, streamed):
    """`got` is `sent` plus the streamed subsegments under their parents."""
    own = dict(sent)
    nested = {d["id"]: d for d in own.pop("subsegments", [])}
    found = dict(got)
    children = {d["id"]: d for d in found.pop("subsegments", [])}
    assert found == own
    expected = {**nested, **{d["id"]: d for d in streamed.get(sent["id"], [])}}
    assert set(children) == set(expected)
    for key, child in expected.items():
        check_document(child, children[key], streamed)


def test_every_capture_has_an_expectation():
    assert set(CAPTURE_NAMES) == set(EXPECT) | MIXED


@pytest.fixture(params=["udp", "put"])
def way(request):
    return request.param


@pytest.mark.parametrize("name", CAPTURE_NAMES)
def test_documents_come_back(shared, name, way):
    documents = shifted(capture(name))
    ingest(shared, way, documents)
    traces = by_trace(documents)
    found = shared.traces(*traces)
    assert set(found) == set(traces)
    for trace_id, sent in traces.items():
        back = [json.loads(s["Document"]) for s in found[trace_id]["Segments"]]
        assert [s["Id"] for s in found[trace_id]["Segments"]] == [d["id"] for d in back]
        real = {d["id"]: d for d in back if not d.get("inferred")}
        streamed = {}
        for document in sent:
            if document.get("type") == "subsegment":
                streamed.setdefault(document["parent_id"], []).append(document)
        segments = {d["id"]: d for d in sent if d.get("type") != "subsegment"}
        assert set(real) == set(segments)
        assert sum(1 for d in real.values() for _ in walk(d)) == sum(1 for d in sent for _ in walk(d))
        for key, document in segments.items():
            check_document(document, real[key], streamed)
        first = min(d["start_time"] for d in segments.values())
        # Also what went on after the answer counts.
        last = max(e["end_time"] for d in sent for e in walk(d))
        assert found[trace_id]["Duration"] == pytest.approx(last - first, abs=0.002)
        assert found[trace_id]["LimitExceeded"] is False


@pytest.mark.parametrize("name", CAPTURE_NAMES)
def test_inferred_segments(shared, name):
    documents = shifted(capture(name))
    shared.put(*documents)
    for trace_id, sent in by_trace(documents).items():
        called = {d.get("parent_id") for d in sent if d.get("type") != "subsegment"}
        outward = {s["id"]: s for d in sent for s in walk(d)
                   if (s.get("namespace") in ("aws", "remote") or "sql" in s) and s["id"] not in called}
        inferred = {d["parent_id"]: d for d in shared.documents(trace_id, inferred=True) if d.get("inferred")}
        assert set(inferred) == set(outward)
        for key, call in outward.items():
            segment = inferred[key]
            assert segment["trace_id"] == trace_id
            for member in ("start_time", "end_time", "http", "aws", "sql", "fault", "error", "throttle", "cause"):
                assert segment.get(member) == call.get(member), member
            assert not {"annotations", "metadata", "subsegments"} & set(segment)
        # Repeated reads agree.
        again = {d["parent_id"]: d["id"] for d in shared.documents(trace_id, inferred=True) if d.get("inferred")}
        assert again == {k: d["id"] for k, d in inferred.items()}


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_trace_graph(shared, name, way):
    expect = EXPECT[name]
    documents = shifted(capture(name))
    ingest(shared, way, documents)
    requests = requests_of(documents)
    assert requests
    client = (expect.root[0], "client")
    for trace_id in requests:
        graph = shared.graph(trace_id)
        assert graph.outcomes() == {**expect.edges, (client, expect.root): expect.entry}
        assert set(graph.nodes) == {n for pair in graph.edges for n in pair}
        for node, want in expect.nodes.items():
            assert outcome(graph.nodes[node]["SummaryStatistics"]) == want
        assert {k for k, s in graph.nodes.items() if s.get("Root")} == {expect.root}
        for key, node in graph.nodes.items():
            real = key[1] is None
            assert node["State"] == ("active" if real else "unknown"), key
            assert node["Names"][0] == node["Name"]
            if key == client:
                assert "SummaryStatistics" not in node and len(node["Edges"]) == 1
            else:
                total = sum(h["Count"] for h in node["ResponseTimeHistogram"])
                assert total == node["SummaryStatistics"]["TotalCount"]


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_service_graph_sums_the_traces(server, name):
    expect = EXPECT[name]
    documents = shifted(capture(name))
    # Without the health checks: they would count for the same nodes.
    requests = requests_of(documents)
    server.put(*[d for ds in requests.values() for d in ds])
    graph = server.service_graph()
    client = (expect.root[0], "client")
    one = {**expect.edges, (client, expect.root): expect.entry}
    assert graph.outcomes() == {pair: tuple(n * len(requests) for n in numbers) for pair, numbers in one.items()}


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_summary(server, name, way):
    expect = EXPECT[name]
    documents = shifted(capture(name))
    ingest(server, way, documents)
    summaries = {s["Id"]: s for s in server.summaries()}
    assert set(summaries) == set(by_trace(documents))
    for trace_id, sent in requests_of(documents).items():
        summary = summaries[trace_id]
        segments = [d for d in sent if d.get("type") != "subsegment"]
        root = next(d for d in segments if d["name"] == expect.root[0])
        assert summary["HasFault"] is (expect.entry == FAULT)
        assert summary["HasError"] is (expect.entry in (ERROR, THROTTLE))
        assert summary["HasThrottle"] is expect.throttle
        assert summary["IsPartial"] is False
        assert summary["ResponseTime"] == pytest.approx(root["end_time"] - root["start_time"], abs=0.001)
        assert summary["StartTime"].timestamp() == pytest.approx(min(d["start_time"] for d in segments), abs=0.001)
        assert summary["EntryPoint"]["Name"] == expect.root[0]
        http = root.get("http", {})
        want = {"HttpURL": http.get("request", {}).get("url"), "HttpMethod": http.get("request", {}).get("method"),
                "HttpStatus": http.get("response", {}).get("status"),
                "UserAgent": http.get("request", {}).get("user_agent"),
                "ClientIp": http.get("request", {}).get("client_ip")}
        assert summary["Http"] == {k: v for k, v in want.items() if v is not None}
        nodes = {n for pair in expect.edges for n in pair} | {expect.root, (expect.root[0], "client")}
        assert {(s["Name"], s.get("Type")) for s in summary["ServiceIds"]} == nodes
        assert summary["Revision"] >= 1


def cause_paths(causes):
    return sorted(([[e["Name"] for e in s["EntityPath"]] for s in c["Services"]],
                   [x["Name"] for x in c["Services"][-1]["EntityPath"][-1]["Exceptions"]]) for c in causes)


@pytest.mark.parametrize("name", sorted(EXPECT))
def test_root_causes(server, name):
    expect = EXPECT[name]
    documents = shifted(capture(name))
    server.put(*documents)
    for trace_id in requests_of(documents):
        summary = server.summary(trace_id)
        assert cause_paths(summary["FaultRootCauses"]) == sorted(expect.causes)
        if expect.errors or not expect.causes:
            # Where one call is fault and error at once, fault wins; which list an error goes to is then open.
            assert cause_paths(summary["ErrorRootCauses"]) == sorted(expect.errors)
        for cause in summary["FaultRootCauses"]:
            assert cause["ClientImpacting"] is (expect.entry == FAULT)
            for place, service in enumerate(cause["Services"]):
                assert service["Names"][0] == service["Name"]
                assert service["EntityPath"][0]["Name"] == service["Name"]
                assert service["EntityPath"][0]["Remote"] is False
                if place + 1 < len(cause["Services"]):
                    assert service["EntityPath"][-1]["Remote"] is True
        for cause in summary["ErrorRootCauses"]:
            assert cause["ClientImpacting"] is False
        inferred = [s for c in summary["FaultRootCauses"] for s in c["Services"] if s["Inferred"]]
        assert all(s["Type"] in ("AWS::DynamoDB::Table", "remote") for s in inferred)


@pytest.mark.parametrize("name, part", [
    ("03-ddb-access-denied", "AccessDeniedException"),
    ("03-ddb-access-denied", "is not authorized to perform: dynamodb:PutItem"),
    ("04-ddb-throttle-exhausted", "reached max retries: 3"),
    ("06-bff-conn-refused", "connect ECONNREFUSED 127.0.0.1:9"),
    ("06b-bff-nxdomain", "getaddrinfo ENOTFOUND no-such-host.invalid"),
    ("06c-bff-timeout", "timeout of 700ms exceeded"),
    ("07-flask-unhandled", "flask boom"),
    ("07c-flask-caught-in-subsegment", "'k'"),
    ("08-django-unhandled", "django boom"),
    ("11-bff-throw", "bff boom"),
])
def test_root_cause_message(server, name, part):
    documents = shifted(capture(name))
    server.put(*documents)
    for trace_id in requests_of(documents):
        causes = server.summary(trace_id)["FaultRootCauses"]
        assert causes
        for cause in causes:
            messages = [x["Message"] for x in cause["Services"][-1]["EntityPath"][-1]["Exceptions"]]
            assert any(part in m for m in messages), messages


def test_cause_that_is_only_an_id_is_resolved(server):
    """07b: the segment's cause is the id of its child's exception."""
    documents = shifted(capture("07b-flask-unhandled-boto"))
    assert isinstance(documents[0]["cause"], str)
    server.put(*documents)
    entity = server.summary(documents[0]["trace_id"])["FaultRootCauses"][0]["Services"][0]["EntityPath"][0]
    assert [x["Name"] for x in entity["Exceptions"]] == ["ResourceNotFoundException"]


def test_annotations_and_user(server):
    documents = shifted(capture("10-annotations"))
    server.put(*documents)
    flask = next(d for d in documents if d["name"] == "Backend #1")
    summary = server.summary(flask["trace_id"])
    got = {k: [v["AnnotationValue"] for v in vs] for k, vs in summary["Annotations"].items()}
    assert got == {"str": [{"StringValue": "a b"}], "num": [{"NumberValue": 1.5}], "bool": [{"BooleanValue": True}],
                   "x": [{"StringValue": "y"}]}
    for values in summary["Annotations"].values():
        assert [s["Name"] for s in values[0]["ServiceIds"]] == ["Backend #1"]
    assert [u["UserName"] for u in summary["Users"]] == ["u-1"]
    assert summary["Users"][0]["ServiceIds"][0]["Name"] == "Backend #1"
    for expression in ('annotation.num > 1', 'annotation.bool = true', 'annotation[str] = "a b"', 'user = "u-1"',
                       'annotation.x = "y"'):
        assert flask["trace_id"] in {s["Id"] for s in server.summaries(expression)}, expression


def test_sampled_question_mark(server):
    """12-hdr-sampledQ: one request through everything, one straight to Backend #1."""
    documents = shifted(capture("12-hdr-sampledQ"))
    server.put(*documents)
    graphs = [server.graph(t).outcomes() for t in requests_of(documents)]
    assert {**CHAIN, (("BFF", "client"), BFF): OK} in graphs
    assert {(B1, TABLE): OK, (("Backend #1", "client"), B1): OK} in graphs
    assert len(graphs) == 2


def test_ecs_origin_is_the_node_type(server):
    documents = shifted(capture("32-ecs-plugin"))
    server.put(*documents)
    assert set(server.service_graph().nodes) == {
        ("Backend #1", "AWS::ECS::Container"), ("Backend #1", "client"), ("BFF", "AWS::ECS::Container"), ("BFF", "client")}
    assert len(server.summaries('service(id(name: "BFF", type: "AWS::ECS::Container"))')) == 1


@pytest.mark.parametrize("name", ["20-sampling-daemon-404", "22-sampling-rule-change-propagation", "startup"])
def test_graph_of_many_small_traces(server, name):
    documents = shifted(capture(name))
    server.put(*documents)
    graph = server.service_graph()
    for service in ("BFF", "Backend #1", "Backend #2"):
        own = [d for d in documents if d["name"] == service and d.get("type") != "subsegment"]
        errors = sum(1 for d in own if d.get("error") and not d.get("fault"))
        faults = sum(1 for d in own if d.get("fault"))
        assert outcome(graph.nodes[(service, None)]["SummaryStatistics"]) == (
            len(own) - errors - faults, 0, errors, faults)
        roots = sum(1 for d in own if "parent_id" not in d)
        assert sum(graph.outcomes()[((service, "client"), (service, None))]) == roots


@pytest.mark.parametrize("other", ["01-normal", "03-ddb-access-denied"])
def test_python_and_node_reach_one_table_node(server, other):
    """The SDKs spell the service differently (dynamodb, DynamoDB); the table is one."""
    server.put(*shifted(capture(other)), *shifted(capture("50-node-awssdkv3-ddb-ok")))
    tables = [k for k in server.service_graph().nodes if k[1] and k[1].startswith("AWS::DynamoDB")]
    assert tables == [TABLE]


def test_all_captures_as_they_are(new_server):
    """Byte for byte, with the times of their capture: no document may be refused because of its age."""
    server = new_server(env={"MITOSHI_STORE_RETENTION_DAYS": "0"})
    raw = [line["raw"].encode() for name in CAPTURE_NAMES for line in capture_lines(name)]
    for at in range(0, len(raw), 200):
        for datagram in raw[at:at + 200]:
            server.datagram(datagram)
        wait_for("the datagrams", lambda: server.ingest()["datagrams_received"] >= min(at + 200, len(raw)))
    counters = wait_for("all documents", lambda: (c := server.ingest())["segments_accepted"] >= len(raw) and c)
    assert counters["segments_accepted"] == len(raw)
    assert not any(counters["segments_rejected"].values()) and not any(counters["datagrams_rejected"].values())
    assert counters["datagrams_kernel_dropped"] == 0
    ids = {d["trace_id"] for name in CAPTURE_NAMES for d in capture(name)}
    assert set(server.traces(*sorted(ids))) == ids


@pytest.mark.parametrize("name", SAMPLING_NAMES)
def test_sampling_requests(server, name):
    """The pollers' requests with their own headers, to the daemon's TCP port."""
    for rule in ("no-health", "rule-a"):
        server.xray.create_sampling_rule(SamplingRule=dict(
            RuleName=rule, ResourceARN="*", Priority=10 if rule == "no-health" else 20, FixedRate=0, ReservoirSize=0,
            ServiceName="*", ServiceType="*", Host="*", HTTPMethod="*", URLPath="/health", Version=1))
    for line in capture_lines(name):
        method, path, _ = line["request_line"].split()
        headers = {k: v for k, v in line["headers"] if k.lower() not in ("host", "content-length", "connection")}
        answer = server.request(path, line["body"].encode(), port=server.daemon_port, headers=headers, method=method)
        assert answer.status == 200, answer
        if path == "/GetSamplingRules":
            rules = [r["SamplingRule"] for r in answer.json["SamplingRuleRecords"]]
            assert {r["RuleName"] for r in rules} == {"Default", "no-health", "rule-a"}
            for rule in rules:
                # SDKs leave out every rule that is not like this.
                assert rule["Version"] == 1 and rule["ResourceARN"] == "*" and rule["Attributes"] == {}
                assert rule["ServiceType"]
        else:
            sent = json.loads(line["body"])["SamplingStatisticsDocuments"]
            body = answer.json
            assert isinstance(body["LastRuleModification"], (int, float))
            names = {d["RuleName"] for d in body["SamplingTargetDocuments"]}
            refused = {d["RuleName"] for d in body["UnprocessedStatistics"]}
            assert names | refused == {d["RuleName"] for d in sent}
            assert not names & refused
            # The captured timestamps are old; when they count as too old they must be named, never dropped.
            for target in body["SamplingTargetDocuments"]:
                assert isinstance(target["FixedRate"], (int, float)) and target["Interval"] == 10
                assert "ReservoirQuotaTTL" in target
