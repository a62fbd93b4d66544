"""GetTraceSummaries: fields, time ranges, paging."""

import base64
import json
import threading
import time

import pytest

from conftest import new_trace_id, segment, streamed, subsegment


def ids(summaries):
    return [s["Id"] for s in summaries]


def test_fields(server):
    document = segment(
        took=0.25, user="u1", origin="AWS::EC2::Instance", resource_arn="arn:aws:x:1", error=True,
        http={"request": {"method": "POST", "url": "http://a/b", "user_agent": "ua", "client_ip": "10.0.0.1"},
              "response": {"status": 404}},
        annotations={"s": "x", "n": 1.5, "b": True},
        aws={"account_id": "123456789012", "ec2": {"instance_id": "i-1", "availability_zone": "az-1"}})
    server.put(document)
    (s,) = server.summaries()
    assert s["Id"] == document["trace_id"]
    assert s["Duration"] == pytest.approx(0.25, abs=0.001) and s["ResponseTime"] == pytest.approx(0.25, abs=0.001)
    assert (s["HasFault"], s["HasError"], s["HasThrottle"], s["IsPartial"]) == (False, True, False, False)
    assert s["Http"] == {"HttpURL": "http://a/b", "HttpStatus": 404, "HttpMethod": "POST", "UserAgent": "ua", "ClientIp": "10.0.0.1"}
    assert s["EntryPoint"] == {"Name": "app", "Names": ["app"], "Type": "AWS::EC2::Instance", "AccountId": "123456789012"}
    assert [u["UserName"] for u in s["Users"]] == ["u1"]
    assert s["ResourceARNs"] == [{"ARN": "arn:aws:x:1"}]
    assert s["InstanceIds"] == [{"Id": "i-1"}]
    assert s["AvailabilityZones"] == [{"Name": "az-1"}]
    assert {k: [x["AnnotationValue"] for x in v] for k, v in s["Annotations"].items()} == {
        "s": [{"StringValue": "x"}], "n": [{"NumberValue": 1.5}], "b": [{"BooleanValue": True}]}
    assert s["Revision"] == 1


def test_empty_members_are_there(server):
    """The Grafana data source falls over a missing Http."""
    server.put(segment())
    now = time.time()
    (s,) = server.request("/TraceSummaries", {"StartTime": now - 60, "EndTime": now + 1}).json["TraceSummaries"]
    assert s["Http"] == {} and s["Annotations"] == {} and s["Users"] == []
    for member in ("FaultRootCauses", "ErrorRootCauses", "ResponseTimeRootCauses", "ResourceARNs", "InstanceIds", "AvailabilityZones"):
        assert s[member] == [], member


def test_annotation_values_are_distinct(server):
    owner = segment(annotations={"k": "a"})
    owner["subsegments"] = [subsegment("one", owner, annotations={"k": "b"}), subsegment("two", owner, annotations={"k": "a"})]
    server.put(owner, streamed("three", owner, annotations={"k": 5}))
    values = [v["AnnotationValue"] for v in server.summary(owner["trace_id"])["Annotations"]["k"]]
    assert sorted(values, key=str) == sorted([{"StringValue": "a"}, {"StringValue": "b"}, {"NumberValue": 5.0}], key=str)


def test_flags_are_those_of_the_root(server):
    root = segment("front")
    call = subsegment("back", root, namespace="remote", fault=True)
    root["subsegments"] = [call]
    server.put(root, segment("back", root["trace_id"], parent_id=call["id"], fault=True, error=True))
    s = server.summary(root["trace_id"])
    assert (s["HasFault"], s["HasError"]) == (False, False)


def test_throttle_of_any_segment(server):
    root = segment("front")
    call = subsegment("back", root, namespace="remote", error=True, throttle=True)
    root["subsegments"] = [call]
    server.put(root, segment("back", root["trace_id"], parent_id=call["id"], error=True, throttle=True))
    s = server.summary(root["trace_id"])
    assert (s["HasThrottle"], s["HasError"]) == (True, False)


def test_duration_and_response_time(server):
    root = segment("front", took=0.5)
    call = subsegment("back", root, took=2, namespace="remote")
    root["subsegments"] = [call]
    server.put(root, segment("back", root["trace_id"], root["start_time"] + 0.2, 3, parent_id=call["id"]))
    s = server.summary(root["trace_id"])
    assert s["ResponseTime"] == pytest.approx(0.5, abs=0.001)
    assert s["Duration"] == pytest.approx(3.2, abs=0.001)


def test_revision_grows(server):
    root = segment()
    seen = []
    for document in (root, streamed("a", root), streamed("b", root)):
        server.put(document)
        seen.append(server.summary(root["trace_id"])["Revision"])
    assert seen == sorted(set(seen))


def test_trace_id_range_is_half_open(server):
    base = int(time.time()) - 100
    documents = [segment(trace_id=new_trace_id(base + n), start=base + n + 0.5) for n in range(5)]
    server.put(*documents)
    got = server.summaries(start=base + 1, end=base + 3)
    assert ids(got) == [documents[2]["trace_id"], documents[1]["trace_id"]]
    assert ids(server.summaries(start=base + 1, end=base + 3, TimeRangeType="TraceId")) == ids(got)


def test_range_type_event_and_service(server):
    """A trace that began before the range, but was at work inside it."""
    base = int(time.time()) - 300
    document = segment(trace_id=new_trace_id(base), start=base, took=100)
    server.put(document)
    assert server.summaries(start=base + 50, end=base + 150) == []
    for kind in ("Event", "Service"):
        (s,) = server.summaries(start=base + 50, end=base + 150, TimeRangeType=kind)
        assert s["Id"] == document["trace_id"]
        assert base <= s["MatchedEventTime"].timestamp() <= base + 150
    assert server.summaries(start=base + 150, end=base + 200, TimeRangeType="Service") == []


def test_old_ranges_are_allowed(server):
    document = segment(start=time.time() - 20 * 86400)
    server.put(document)
    assert ids(server.summaries(start=time.time() - 25 * 86400, end=time.time())) == [document["trace_id"]]


@pytest.mark.parametrize("strategy", [{}, {"Name": "PartialScan", "Value": 1.0}, {"Name": "FixedRate", "Value": 1.0}])
def test_sampling_arguments_are_taken(server, strategy):
    server.put(segment())
    now = time.time()
    extra = {"SamplingStrategy": strategy} if strategy else {}
    answer = server.xray.get_trace_summaries(StartTime=now - 60, EndTime=now + 1, Sampling=True, **extra)
    assert len(answer["TraceSummaries"]) == 1


def test_counts(server):
    server.put(*[segment(fault=n % 2 == 0) for n in range(10)])
    now = time.time()
    answer = server.xray.get_trace_summaries(StartTime=now - 60, EndTime=now + 1, FilterExpression="fault")
    assert len(answer["TraceSummaries"]) == 5
    assert answer["TracesProcessedCount"] == 10
    assert answer["ApproximateTime"]


def fill(server, count, base=None):
    base = base if base is not None else time.time() - 3000
    documents = [segment(f"svc{n % 3}", new_trace_id(base + n), base + n, fault=n % 3 == 0) for n in range(count)]
    server.put(*documents)
    return documents


def pages(server, **query):
    token, found = None, []
    while True:
        answer = server.xray.get_trace_summaries(**query, **({"NextToken": token} if token else {}))
        found.append(ids(answer["TraceSummaries"]))
        token = answer.get("NextToken")
        if not token:
            return found


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 200, 350])
def test_pages(server, count):
    documents = fill(server, count)
    now = time.time()
    found = pages(server, StartTime=now - 3600, EndTime=now)
    assert all(len(page) <= 100 for page in found)
    assert [i for page in found for i in page] == [d["trace_id"] for d in reversed(documents)]


def test_pages_with_a_filter(server):
    documents = fill(server, 400)
    now = time.time()
    found = pages(server, StartTime=now - 3600, EndTime=now, FilterExpression="fault")
    assert [i for page in found for i in page] == [d["trace_id"] for d in reversed(documents) if d["fault"]]


def test_pages_of_one_second(server):
    """All trace ids carry the same second: the order must still be total."""
    base = int(time.time()) - 100
    documents = [segment(trace_id=new_trace_id(base), start=base + n / 1000) for n in range(500)]
    server.put(*documents)
    found = [i for page in pages(server, StartTime=base - 1, EndTime=base + 2) for i in page]
    assert len(found) == 500 and set(found) == {d["trace_id"] for d in documents}


@pytest.mark.parametrize("kind", ["Event", "Service"])
def test_pages_of_other_range_types(server, kind):
    documents = fill(server, 250)
    now = time.time()
    found = [i for page in pages(server, StartTime=now - 3600, EndTime=now, TimeRangeType=kind) for i in page]
    assert sorted(found) == sorted(d["trace_id"] for d in documents)


def test_pages_while_traces_arrive(server):
    """What was there when the first page was read comes exactly once, newest first."""
    before = fill(server, 600)
    stop = threading.Event()
    added = []

    def add():
        client = server.client(signed=False)
        while not stop.is_set():
            document = segment("late", start=time.time() - 3000 + len(added) % 600)
            client.put_trace_segments(TraceSegmentDocuments=[json.dumps(document)])
            added.append(document["trace_id"])

    server.client(signed=False)
    worker = threading.Thread(target=add)
    worker.start()
    try:
        now = time.time()
        rounds = [[i for page in pages(server, StartTime=now - 3600, EndTime=now) for i in page] for _ in range(3)]
    finally:
        stop.set()
        worker.join()
    assert added
    old = {d["trace_id"] for d in before}
    for found in rounds:
        assert len(found) == len(set(found)), "a trace came twice"
        assert old <= set(found), "a trace is missing"
        assert [i for i in found if i in old] == [d["trace_id"] for d in reversed(before)]


def token_of(server):
    fill(server, 150)
    now = int(time.time())
    query = {"StartTime": now - 3600, "EndTime": now}
    token = server.xray.get_trace_summaries(**query)["NextToken"]
    return query, token


def refused(server, query, token, path="/TraceSummaries"):
    answer = server.request(path, {**query, "NextToken": token})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer


def test_token_that_was_changed(server):
    query, token = token_of(server)
    assert server.request("/TraceSummaries", {**query, "NextToken": token}).status == 200
    for place in range(0, len(token), max(1, len(token) // 12)):
        other = "A" if token[place] != "A" else "B"
        refused(server, query, token[:place] + other + token[place + 1:])
    for wrong in ("x", token[:-1], token + "A", "../../etc/passwd", base64.b64encode(b"0" * 40).decode(), "é", token * 2):
        refused(server, query, wrong)


def test_token_of_another_query(server):
    query, token = token_of(server)
    refused(server, {**query, "FilterExpression": "fault"}, token)
    refused(server, {**query, "StartTime": query["StartTime"] + 1}, token)
    refused(server, {**query, "TimeRangeType": "Event"}, token)


def test_token_of_another_operation(server):
    query, token = token_of(server)
    refused(server, query, token, "/ServiceGraph")
    refused(server, {"TraceIds": [new_trace_id()]}, token, "/Traces")


def test_botocore_paginator(server):
    documents = fill(server, 250)
    now = time.time()
    paginator = server.xray.get_paginator("get_trace_summaries")
    found = [s["Id"] for page in paginator.paginate(StartTime=now - 3600, EndTime=now) for s in page["TraceSummaries"]]
    assert sorted(found) == sorted(d["trace_id"] for d in documents)
