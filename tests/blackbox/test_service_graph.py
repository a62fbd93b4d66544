"""GetServiceGraph and GetTraceGraph: nodes, edges, statistics, histograms."""

import time

import pytest

from conftest import new_id, new_trace_id, outcome, segment, subsegment, wait_for

APP, CLIENT = ("app", None), ("app", "client")


def calling(name="db", owner=None, **members):
    owner = owner or segment()
    owner["subsegments"] = owner.get("subsegments", []) + [subsegment(name, owner, **members)]
    return owner


def test_worked_example(server):
    """Four requests to one service; two call a table and a topic."""
    for n in range(4):
        owner = segment("web", error=True if n == 0 else None, took=0.1)
        if n >= 2:
            calling("dynamodb", owner, took=0.06, namespace="aws", aws={"operation": "PutItem", "table_name": "t"})
            calling("SNS", owner, namespace="aws", aws={"operation": "Publish"})
        server.put(owner)
    graph = server.service_graph()
    web, table, topic = ("web", None), ("t", "AWS::DynamoDB::Table"), ("SNS", "AWS::SNS")
    assert graph.outcomes() == {(("web", "client"), web): (3, 0, 1, 0), (web, table): (2, 0, 0, 0), (web, topic): (2, 0, 0, 0)}
    assert graph.edges[(web, table)]["SummaryStatistics"]["TotalResponseTime"] == pytest.approx(0.12, abs=0.001)
    assert graph.nodes[web]["SummaryStatistics"]["TotalResponseTime"] == pytest.approx(0.4, abs=0.001)
    assert graph.nodes[web]["Root"] is True and graph.nodes[web]["State"] == "active"
    assert graph.nodes[table]["State"] == "unknown" and "Root" not in graph.nodes[table]
    assert graph.nodes[table]["SummaryStatistics"] == {**graph.edges[(web, table)]["SummaryStatistics"]}
    client = graph.nodes[("web", "client")]
    assert "SummaryStatistics" not in client and client["State"] == "unknown"
    assert client["DurationHistogram"] == [] and client["ResponseTimeHistogram"] == []


@pytest.mark.parametrize("flags, expected", [
    ({}, (1, 0, 0, 0)), ({"error": True}, (0, 0, 1, 0)), ({"error": True, "throttle": True}, (0, 1, 0, 0)),
    ({"throttle": True}, (0, 1, 0, 0)), ({"fault": True}, (0, 0, 0, 1)), ({"fault": True, "error": True}, (0, 0, 0, 1)),
    ({"fault": True, "error": True, "throttle": True}, (0, 0, 0, 1)), ({"fault": False}, (1, 0, 0, 0)),
])
def test_one_bucket_for_each_request(server, flags, expected):
    owner = segment(**flags)
    calling("api.example", owner, namespace="remote", **flags)
    server.put(owner)
    graph = server.service_graph()
    assert outcome(graph.nodes[APP]["SummaryStatistics"]) == expected
    assert graph.outcomes() == {(CLIENT, APP): expected, (APP, ("api.example", "remote")): expected}


def test_always_present_members(server):
    server.put(calling(namespace="remote"))
    now = time.time()
    body = server.request("/ServiceGraph", {"StartTime": now - 60, "EndTime": now + 1}).json
    assert body["StartTime"] == pytest.approx(now - 60, abs=1) and body["EndTime"] == pytest.approx(now + 1, abs=1)
    assert body["ContainsOldGroupVersions"] is False
    for service in body["Services"]:
        for member in ("ReferenceId", "Name", "Names", "State", "Edges", "DurationHistogram", "ResponseTimeHistogram"):
            assert member in service, member
        assert "SummaryStatistics" in service or service["Edges"]
        for edge in service["Edges"]:
            assert edge["Aliases"] == [] and "ResponseTimeHistogram" in edge and "SummaryStatistics" in edge


def test_empty_graph(server):
    now = time.time()
    assert server.request("/ServiceGraph", {"StartTime": now - 60, "EndTime": now}).json["Services"] == []
    assert server.request("/TraceGraph", {"TraceIds": [new_trace_id()]}).json["Services"] == []


@pytest.mark.parametrize("hours, allowed", [(6, True), (6.001, False), (24, False)])
def test_range_of_six_hours(server, hours, allowed):
    end = int(time.time())
    answer = server.request("/ServiceGraph", {"StartTime": end - hours * 3600, "EndTime": end})
    if allowed:
        assert answer.status == 200, answer
    else:
        assert answer.status == 400 and answer.error == "InvalidRequestException"
        assert answer.json["Message"] == "Time range cannot be longer than 6 hours"


def test_edge_is_seen_from_the_caller(server):
    owner = segment(took=2)
    call = subsegment("backend", owner, took=1.5, namespace="remote", fault=True)
    owner["subsegments"] = [call]
    server.put(owner, segment("Backend", owner["trace_id"], owner["start_time"] + 0.1, 0.5, parent_id=call["id"]))
    graph = server.graph(owner["trace_id"])
    edge, node = graph.edges[(APP, ("Backend", None))], graph.nodes[("Backend", None)]
    assert outcome(edge["SummaryStatistics"]) == (0, 0, 0, 1)
    assert edge["SummaryStatistics"]["TotalResponseTime"] == pytest.approx(1.5, abs=0.001)
    assert outcome(node["SummaryStatistics"]) == (1, 0, 0, 0)
    assert node["SummaryStatistics"]["TotalResponseTime"] == pytest.approx(0.5, abs=0.001)


def test_parent_that_is_a_segment(server):
    owner = segment()
    server.put(owner, segment("fn", owner["trace_id"], took=0.3, parent_id=owner["id"], origin="AWS::Lambda::Function"))
    graph = server.graph(owner["trace_id"])
    edge = graph.edges[(APP, ("fn", "AWS::Lambda::Function"))]
    assert edge["SummaryStatistics"]["TotalResponseTime"] == pytest.approx(0.3, abs=0.001)


def test_in_progress_is_not_counted(server):
    document = segment()
    server.put({k: v for k, v in document.items() if k != "end_time"} | {"in_progress": True})
    node = server.graph(document["trace_id"]).nodes[APP]
    assert node.get("SummaryStatistics", {"TotalCount": 0})["TotalCount"] == 0
    server.put(document)
    assert server.graph(document["trace_id"]).nodes[APP]["SummaryStatistics"]["TotalCount"] == 1


def test_names_that_differ_in_case_are_one_aws_node(server):
    server.put(calling("dynamodb", namespace="aws", aws={"operation": "ListTables"}),
               calling("DynamoDB", namespace="aws", aws={"operation": "ListTables"}))
    nodes = [k for k in server.service_graph().nodes if k not in (APP, CLIENT)]
    assert nodes == [("DynamoDB", "AWS::DynamoDB")]


def test_ordinary_names_that_differ_in_case_stay_two(server):
    server.put(segment("App"), segment("app"))
    assert {("App", None), ("app", None)} <= set(server.service_graph().nodes)


def test_types_are_told_apart(server):
    server.put(segment("app"), segment("app", origin="AWS::EC2::Instance"))
    assert {("app", None), ("app", "AWS::EC2::Instance")} <= set(server.service_graph().nodes)


def test_traced_call_waits_for_its_callee(server):
    """`traced: true` announces a segment of the callee: no remote node until it has had its time to come."""
    owner = segment(start=time.time() - 0.5)
    calling("backend", owner, namespace="remote", traced=True)
    began = time.monotonic()
    server.put(owner)
    remote = ("backend", "remote")
    assert remote not in server.graph(owner["trace_id"]).nodes
    assert remote not in server.service_graph().nodes
    wait_for("the remote node", lambda: remote in server.graph(owner["trace_id"]).nodes, 30, 0.25)
    assert time.monotonic() - began > 8
    assert remote in server.service_graph().nodes


def test_traced_call_with_callee(server):
    owner = segment()
    call = subsegment("backend", owner, namespace="remote", traced=True)
    owner["subsegments"] = [call]
    server.put(owner, segment("Backend", owner["trace_id"], parent_id=call["id"]))
    assert (APP, ("Backend", None)) in server.graph(owner["trace_id"]).edges


def test_old_traced_call_is_shown(server):
    owner = segment(start=time.time() - 300)
    calling("backend", owner, namespace="remote", http={"request": {"traced": True, "url": "http://backend/"}})
    server.put(owner)
    wait_for("the remote node", lambda: ("backend", "remote") in server.graph(owner["trace_id"]).nodes, 25, 0.25)


def test_lambda_chain(server):
    owner = segment()
    call = subsegment("Lambda", owner, namespace="aws", aws={"operation": "Invoke", "function_name": "fn"})
    owner["subsegments"] = [call]
    service = segment("fn", owner["trace_id"], parent_id=call["id"], origin="AWS::Lambda")
    function = segment("fn", owner["trace_id"], parent_id=service["id"], origin="AWS::Lambda::Function")
    server.put(owner, service, function)
    assert set(server.graph(owner["trace_id"]).edges) == {
        (CLIENT, APP), (APP, ("fn", "AWS::Lambda")), (("fn", "AWS::Lambda"), ("fn", "AWS::Lambda::Function"))}


def test_histograms(server):
    start = time.time() - 60
    for took in (0.1, 0.1, 0.2):
        server.put(segment(start=start, took=took))
    node = server.service_graph().nodes[APP]
    for member in ("ResponseTimeHistogram", "DurationHistogram"):
        got = {}
        for entry in node[member]:
            got[round(entry["Value"], 3)] = got.get(round(entry["Value"], 3), 0) + entry["Count"]
        assert got == {0.1: 2, 0.2: 1}


def test_histogram_of_many(server):
    documents = [segment(start=time.time() - 60, took=0.001 * (n + 1)) for n in range(1000)]
    server.put(*documents)
    node = server.service_graph().nodes[APP]
    histogram = node["ResponseTimeHistogram"]
    assert sum(h["Count"] for h in histogram) == 1000
    assert len(histogram) < 1000
    weighted = sum(h["Count"] * h["Value"] for h in histogram)
    assert weighted == pytest.approx(node["SummaryStatistics"]["TotalResponseTime"], rel=0.1)


def test_node_times(server):
    now = int(time.time()) - 100
    server.put(segment(start=now, took=1), segment(start=now + 20, took=5))
    node = server.service_graph().nodes[APP]
    assert node["StartTime"].timestamp() == pytest.approx(now, abs=0.001)
    assert node["EndTime"].timestamp() == pytest.approx(now + 25, abs=0.001)


def test_window(server):
    now = int(time.time()) - 1000
    server.put(segment("early", start=now), segment("late", start=now + 500))
    assert ("late", None) not in server.service_graph(now - 10, now + 100).nodes
    assert ("early", None) not in server.service_graph(now + 400, now + 600).nodes
    assert {("early", None), ("late", None)} <= set(server.service_graph(now - 10, now + 600).nodes)


def test_graph_of_several_traces_sums_up(server):
    one, two = calling(namespace="remote"), calling(namespace="remote")
    server.put(one, two)
    graph = server.graph(one["trace_id"], two["trace_id"])
    assert outcome(graph.edges[(APP, ("db", "remote"))]["SummaryStatistics"]) == (2, 0, 0, 0)


def test_link_edge(server):
    """A consumer's link to the trace of the producer's message is an edge of type link."""
    producer = segment("producer")
    call = subsegment("SQS", producer, namespace="aws", aws={"operation": "SendMessage", "queue_url": "https://sqs.local/1/q"})
    producer["subsegments"] = [call]
    consumer = segment("consumer", start=producer["start_time"] + 0.5, links=[
        {"trace_id": producer["trace_id"], "id": call["id"], "attributes": {"aws.xray.reserved.reference_type": "parent"}}])
    server.put(producer, consumer)
    graph = server.service_graph()
    links = {pair: e for pair, e in graph.edges.items() if e.get("EdgeType") == "link"}
    assert [pair[1] for pair in links] == [("consumer", None)]
    (edge,) = links.values()
    assert edge["ReceivedEventAgeHistogram"]


def test_same_trace_after_more_arrives(server):
    """A later document changes the graph of the range, without doubling what was there."""
    owner = segment()
    call = subsegment("backend", owner, namespace="remote")
    owner["subsegments"] = [call]
    server.put(owner)
    first = server.service_graph().outcomes()
    assert first == {(CLIENT, APP): (1, 0, 0, 0), (APP, ("backend", "remote")): (1, 0, 0, 0)}
    server.put(segment("Backend", owner["trace_id"], parent_id=call["id"]))
    assert server.service_graph().outcomes() == {(CLIENT, APP): (1, 0, 0, 0), (APP, ("Backend", None)): (1, 0, 0, 0)}


def test_many_services_are_paged_without_loss(server):
    names = [f"svc-{n:03}" for n in range(300)]
    server.put(*[segment(name) for name in names])
    graph = server.service_graph()
    assert {k[0] for k in graph.nodes if k[1] is None} == set(names)
    assert len(graph.nodes) == 600


def test_graph_against_traces(server):
    """The graph of a range equals the sums of the graphs of its traces."""
    owners = []
    for n in range(30):
        owner = segment(f"app{n % 3}", fault=True if n % 5 == 0 else None)
        calling("dynamodb", owner, namespace="aws", aws={"operation": "Get", "table_name": f"t{n % 2}"}, fault=True if n % 7 == 0 else None)
        owners.append(owner)
    server.put(*owners)
    total = {}
    for owner in owners:
        for pair, numbers in server.graph(owner["trace_id"]).outcomes().items():
            total[pair] = tuple(a + b for a, b in zip(total.get(pair, (0,) * 4), numbers))
    assert server.service_graph().outcomes() == total


def test_unknown_parent(server):
    """The caller is not instrumented: the segment stands alone."""
    document = segment(parent_id=new_id())
    server.put(document)
    graph = server.graph(document["trace_id"])
    assert outcome(graph.nodes[APP]["SummaryStatistics"]) == (1, 0, 0, 0)
