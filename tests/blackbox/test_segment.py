"""Segments and subsegments: taking them, merging them, giving them back."""

import itertools
import json
import random
import time

import pytest

from conftest import new_id, new_trace_id, segment, streamed, subsegment, wait_for, walk


def full_document():
    document = segment(
        "shop-api", origin="AWS::ECS::Container", user="u-42", resource_arn="arn:aws:ecs:eu-west-1:1:task/x",
        service={"version": "1.2", "runtime": "CPython"},
        http={"request": {"method": "GET", "url": "http://shop.local/orders/7", "client_ip": "10.0.0.9",
                          "user_agent": "curl/8", "x_forwarded_for": True},
              "response": {"status": 200, "content_length": 512}},
        annotations={"tier": "gold", "items": 3, "flag": False}, metadata={"ns": {"deep": [1, {"a": None}, "ü"]}},
        aws={"account_id": "123456789012", "ecs": {"container": "c1"}, "xray": {"sdk": "X-Ray for Python", "sdk_version": "2.15.0"}},
        links=[{"trace_id": new_trace_id(), "id": new_id(), "attributes": {"aws.xray.reserved.reference_type": "parent"}}],
    )
    document["subsegments"] = [
        subsegment("DynamoDB", document, namespace="aws", aws={"operation": "GetItem", "table_name": "orders", "region": "eu-west-1",
                                                               "request_id": "R1"}, http={"response": {"status": 200}}),
        subsegment("orders@db", document, namespace="remote", sql={"sanitized_query": "select 1", "database_type": "PostgreSQL"}),
    ]
    return document


def test_full_document_comes_back(server):
    document = full_document()
    server.put(document)
    assert server.documents(document["trace_id"]) == [document]


def test_times_come_back_exactly(server):
    """Times of SDKs carry more digits than microseconds; the document must stay the same number."""
    documents = [segment() for _ in range(200)]
    for document in documents:
        document["start_time"] += random.random() * 1e-6
        document["end_time"] += random.random() * 1e-6
    server.put(*documents)
    found = server.traces(*[d["trace_id"] for d in documents])
    changed = [(d, back) for d in documents
               for back in [json.loads(found[d["trace_id"]]["Segments"][0]["Document"])] if back != d]
    assert not changed, f"{len(changed)} of 200 differ, the first: {changed[0]}"


@pytest.mark.parametrize("value", [12345678901234567890, 1e300, 0.1, -0.0, 1.0, "\U0001f600", "a\\\"/\n", True, None, [[]], {}])
def test_metadata_is_untouched(server, value):
    document = segment(metadata={"ns": {"v": value}})
    server.put(document)
    (back,) = server.documents(document["trace_id"])
    got = back["metadata"]["ns"]["v"]
    assert got == value and type(got) is type(value)


def test_trace_shape(server):
    document = segment(took=0.25)
    server.put(document)
    answer = server.xray.batch_get_traces(TraceIds=[document["trace_id"]])
    (trace,) = answer["Traces"]
    assert trace["Id"] == document["trace_id"] and trace["LimitExceeded"] is False
    assert trace["Duration"] == pytest.approx(0.25, abs=0.001)
    assert [s["Id"] for s in trace["Segments"]] == [document["id"]]
    assert answer["UnprocessedTraceIds"] == []


def test_known_and_unknown_ids_together(server):
    document, unknown = segment(), new_trace_id()
    server.put(document)
    answer = server.xray.batch_get_traces(TraceIds=[unknown, document["trace_id"]])
    assert [t["Id"] for t in answer["Traces"]] == [document["trace_id"]]
    assert answer["UnprocessedTraceIds"] == [unknown]


def test_w3c_id_finds_the_trace(server):
    document = segment()
    server.put(document)
    w3c = document["trace_id"].replace("-", "")[1:]
    assert len(w3c) == 32
    answer = server.xray.batch_get_traces(TraceIds=[w3c])
    assert [s["Id"] for t in answer["Traces"] for s in t["Segments"]] == [document["id"]]


def test_in_progress_then_complete(server):
    document = segment()
    begun = {k: v for k, v in document.items() if k != "end_time"} | {"in_progress": True}
    server.put(begun)
    summary = server.summary(document["trace_id"])
    assert summary["IsPartial"] is True
    assert server.documents(document["trace_id"])[0]["in_progress"] is True
    server.put(document)
    after = server.summary(document["trace_id"])
    assert after["IsPartial"] is False and after["Revision"] > summary["Revision"]
    (back,) = server.documents(document["trace_id"])
    assert back["end_time"] == document["end_time"] and not back.get("in_progress")


def test_late_in_progress_does_not_undo(server):
    document = segment()
    server.put(document)
    server.put({k: v for k, v in document.items() if k != "end_time"} | {"in_progress": True})
    (back,) = server.documents(document["trace_id"])
    assert back["end_time"] == document["end_time"] and not back.get("in_progress")
    assert server.summary(document["trace_id"])["IsPartial"] is False


def test_same_document_twice_is_one(server):
    document = full_document()
    server.put(document)
    server.put(document)
    assert server.documents(document["trace_id"]) == [document]
    node = server.graph(document["trace_id"]).nodes[("shop-api", "AWS::ECS::Container")]
    assert node["SummaryStatistics"]["TotalCount"] == 1


def test_second_complete_document_wins(server):
    document = segment()
    server.put(document)
    server.put({**document, "fault": True})
    assert server.documents(document["trace_id"]) == [{**document, "fault": True}]
    assert server.summary(document["trace_id"])["HasFault"] is True


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=lambda o: "".join(map(str, o)))
def test_streamed_subsegments_in_any_order(shared, order):
    owner = segment()
    one = streamed("one", owner)
    two = streamed("two", owner, one["id"])
    three = streamed("three", owner, two["id"])
    for place in order:
        shared.put([owner, one, two, three][place])
    (back,) = shared.documents(owner["trace_id"])
    path, here = [], back
    while here.get("subsegments"):
        (here,) = here["subsegments"]
        path.append(here["name"])
    assert path == ["one", "two", "three"]


def test_subsegment_under_a_nested_one(server):
    owner = segment()
    inner = subsegment("inner", owner)
    owner["subsegments"] = [inner]
    late = streamed("late", owner, inner["id"])
    server.put(late)
    server.put(owner)
    (back,) = server.documents(owner["trace_id"])
    assert [d["name"] for d in walk(back)] == ["app", "inner", "late"]


def test_orphan_is_shown_until_its_parent_comes(server):
    owner = segment()
    child = streamed("child", owner)
    server.put(child)
    (back,) = server.documents(owner["trace_id"])
    assert back["type"] == "subsegment" and back["id"] == child["id"]
    server.put(owner)
    (back,) = server.documents(owner["trace_id"])
    assert [d["name"] for d in walk(back)] == ["app", "child"]


def test_subsegment_in_progress_is_replaced(server):
    owner = segment()
    child = streamed("child", owner)
    server.put(owner, {k: v for k, v in child.items() if k != "end_time"} | {"in_progress": True})
    assert server.summary(owner["trace_id"])["IsPartial"] is True
    server.put(child)
    (back,) = server.documents(owner["trace_id"])
    assert [s["end_time"] for s in back["subsegments"]] == [child["end_time"]]
    assert server.summary(owner["trace_id"])["IsPartial"] is False


def test_ids_do_not_mix_between_traces(server):
    one = segment("one")
    two = segment("two", id=one["id"])
    server.put(one, two)
    assert [d["name"] for d in server.documents(one["trace_id"])] == ["one"]
    assert [d["name"] for d in server.documents(two["trace_id"])] == ["two"]


def test_nested_annotation_is_dropped(server):
    document = segment(annotations={"good": 1, "nested": {"a": 1}})
    server.put(document)
    assert set(server.summary(document["trace_id"])["Annotations"]) == {"good"}


INFERRED = [
    ({"name": "dynamodb", "namespace": "aws", "aws": {"operation": "PutItem", "table_name": "t1"}}, "t1", "AWS::DynamoDB::Table"),
    ({"name": "DynamoDB", "namespace": "aws", "aws": {"operation": "ListTables"}}, "DynamoDB", "AWS::DynamoDB"),
    ({"name": "S3", "namespace": "aws", "aws": {"operation": "GetObject", "bucket_name": "b1", "key": "k"}}, "b1", "AWS::S3::Bucket"),
    ({"name": "SQS", "namespace": "aws", "aws": {"operation": "SendMessage", "queue_url": "https://sqs.local/1/q"}},
     "https://sqs.local/1/q", "AWS::SQS::Queue"),
    ({"name": "SNS", "namespace": "aws", "aws": {"operation": "Publish", "topic_arn": "arn:aws:sns:eu-west-1:1:t"}}, "SNS", "AWS::SNS"),
    ({"name": "Lambda", "namespace": "aws", "aws": {"operation": "Invoke", "function_name": "fn"}}, "fn", "AWS::Lambda"),
    ({"name": "STS", "namespace": "aws", "aws": {"operation": "AssumeRole"}}, "STS", "AWS::STS"),
    ({"name": "secretsmanager", "namespace": "aws", "aws": {"operation": "GetSecretValue"}}, "secretsmanager", "AWS::secretsmanager"),
    ({"name": "Secrets Manager", "namespace": "aws", "aws": {"operation": "GetSecretValue"}}, "Secrets Manager", "AWS::Unknown"),
    ({"name": "orders@db.host", "namespace": "remote", "sql": {"sanitized_query": "select 1"}}, "orders@db.host", "Database::SQL"),
    ({"name": "orders@db.host", "sql": {"sanitized_query": "select 1"}}, "orders@db.host", "Database::SQL"),
    ({"name": "api.example", "namespace": "remote", "http": {"request": {"url": "http://api.example/"}}}, "api.example", "remote"),
]


@pytest.mark.parametrize("call, name, kind", INFERRED, ids=[f"{i}-{k}" for i, (_, _, k) in enumerate(INFERRED)])
def test_inferred_node(shared, call, name, kind):
    owner = segment()
    owner["subsegments"] = [subsegment(parent=owner, **call)]
    shared.put(owner)
    # Which spelling an AWS service keeps is open: names that differ only in case are one node.
    nodes = {(n.lower(), (t or "").lower()) for n, t in shared.graph(owner["trace_id"]).nodes}
    assert nodes == {("app", ""), ("app", "client"), (name.lower(), kind.lower())}
    (inferred,) = [d for d in shared.documents(owner["trace_id"], inferred=True) if d.get("inferred")]
    assert inferred["parent_id"] == owner["subsegments"][0]["id"]
    if kind != "remote":
        assert inferred["origin"].lower() == kind.lower()


@pytest.mark.parametrize("call", [{"name": "work"}, {"name": "work", "namespace": "local"}])
def test_local_work_makes_no_node(shared, call):
    owner = segment()
    owner["subsegments"] = [subsegment(parent=owner, **call)]
    shared.put(owner)
    assert set(shared.graph(owner["trace_id"]).nodes) == {("app", None), ("app", "client")}


def test_real_segment_replaces_the_inferred_one(server):
    owner = segment()
    call = subsegment("backend", owner, namespace="remote")
    owner["subsegments"] = [call]
    server.put(owner)
    assert ("backend", "remote") in server.graph(owner["trace_id"]).nodes
    server.put(segment("Backend", owner["trace_id"], parent_id=call["id"]))
    assert set(server.graph(owner["trace_id"]).nodes) == {("app", None), ("app", "client"), ("Backend", None)}
    assert not [d for d in server.documents(owner["trace_id"], inferred=True) if d.get("inferred")]


def test_nested_call_through_local_subsegment(server):
    owner = segment()
    work = subsegment("work", owner)
    work["subsegments"] = [subsegment("backend", owner, namespace="remote")]
    owner["subsegments"] = [work]
    server.put(owner)
    assert (("app", None), ("backend", "remote")) in server.graph(owner["trace_id"]).edges


def test_trace_with_only_child_segments_is_listed(server):
    document = segment(parent_id=new_id())
    server.put(document)
    summary = server.summary(document["trace_id"])
    assert summary and summary["EntryPoint"]["Name"] == "app"
    assert server.documents(document["trace_id"]) == [document]


def test_visible_at_once(server):
    """After the answer of PutTraceSegments a read finds the document, without delay."""
    for _ in range(50):
        document = segment()
        server.put(document)
        assert server.documents(document["trace_id"]) == [document]
    assert len(server.summaries()) == 50


def test_ten_thousand_streamed_subsegments(server):
    """A large trace comes back whole, pages included."""
    owner = segment("large", took=20)
    parts = [streamed(f"step-{n}", owner) for n in range(10_000)]
    started = time.monotonic()
    server.put(*parts, owner)
    documents = server.documents(owner["trace_id"])
    (back,) = [d for d in documents if d["id"] == owner["id"]]
    assert {s["id"] for s in walk(back)} == {owner["id"]} | {p["id"] for p in parts}
    assert sum(1 for _ in walk(back)) == 10_001
    assert server.summary(owner["trace_id"])["ResponseTime"] == pytest.approx(20, abs=0.001)
    assert time.monotonic() - started < 60


def test_concurrent_putters(server):
    """Many connections at once: every accepted document is there exactly once."""
    import concurrent.futures
    batches = [[segment(f"svc{n % 7}") for _ in range(20)] for n in range(40)]
    client = server.xray

    def put(batch):
        answer = client.put_trace_segments(TraceSegmentDocuments=[json.dumps(d) for d in batch])
        assert answer["UnprocessedTraceSegments"] == []

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(put, batches))
    sent = {d["trace_id"] for b in batches for d in b}
    assert {s["Id"] for s in server.summaries()} == sent
    assert sum(sum(o) for pair, o in server.service_graph().outcomes().items()) == len(sent)
    wait_for("the counter", lambda: server.ingest()["segments_accepted"] == len(sent))
