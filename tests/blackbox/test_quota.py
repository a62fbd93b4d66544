"""Limits that can be set, and the lenient mode for times of long ago."""

import json
import time

import pytest

from conftest import new_trace_id, segment


def refusal(server, path, body):
    answer = server.request(path, body)
    assert answer.status == 400 and answer.error.startswith(("InvalidRequest", "RuleLimitExceeded")), answer
    return answer.json["Message"]


def test_limits_can_be_set(new_server):
    server = new_server(env={
        "MITOSHI_QUOTAS_DOCUMENT_BYTES": "1000", "MITOSHI_QUOTAS_DOCUMENTS_PER_PUT": "2", "MITOSHI_QUOTAS_TRACE_IDS_PER_GET": "7",
        "MITOSHI_QUOTAS_GRAPH_RANGE_HOURS": "24", "MITOSHI_QUOTAS_GROUPS": "1", "MITOSHI_QUOTAS_SAMPLING_RULES": "0",
        "MITOSHI_QUOTAS_TAGS_PER_RESOURCE": "1", "MITOSHI_QUOTAS_SPANS_PER_REQUEST": "1"})
    (large,) = server.xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment(user="x" * 1000))])["UnprocessedTraceSegments"]
    assert large["ErrorCode"] == "DocumentTooLarge" and "the limit is 1000" in large["Message"]
    documents = [json.dumps(segment()) for _ in range(3)]
    assert "the limit is 2" in refusal(server, "/TraceSegments", {"TraceSegmentDocuments": documents})
    server.xray.batch_get_traces(TraceIds=[new_trace_id() for _ in range(7)])
    assert refusal(server, "/Traces", {"TraceIds": [new_trace_id() for _ in range(8)]})
    now = int(time.time())
    server.xray.get_service_graph(StartTime=now - 20 * 3600, EndTime=now)
    assert "24 hours" in refusal(server, "/ServiceGraph", {"StartTime": now - 25 * 3600, "EndTime": now})
    server.xray.create_group(GroupName="one")
    assert "the limit" in refusal(server, "/CreateGroup", {"GroupName": "two"})
    rule = dict(RuleName="r", ResourceARN="*", Priority=1, FixedRate=0.5, ReservoirSize=1, ServiceName="*", ServiceType="*",
                Host="*", HTTPMethod="*", URLPath="*", Version=1)
    assert "the limit" in refusal(server, "/CreateSamplingRule", {"SamplingRule": rule})
    span = {"traceId": "ab" * 16, "spanId": "cd" * 8, "name": "n", "startTimeUnixNano": "1", "endTimeUnixNano": "2"}
    answer = server.request("/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [span, span]}]}]})
    assert answer.status == 400 and "1 spans" in answer.json["message"]


def test_lenient(new_server):
    server = new_server(env={"MITOSHI_QUOTAS_LENIENT": "true"})
    old = 1_461_096_053
    document = segment("old", trace_id=f"1-{old:08x}-461b9c1a1b2c3d4e5f60718a", start=old)
    server.put(document)
    assert server.health()["store"]["retention_days"] == 0
    assert len(server.summaries(start=old - 60, end=old + 60)) == 1
    graph = server.xray.get_service_graph(StartTime=old - 86_400 * 30, EndTime=old + 86_400)["Services"]
    assert "old" in [service["Name"] for service in graph]
    report = dict(RuleName="Default", ClientID="0" * 24, Timestamp=old, RequestCount=1, SampledCount=1, BorrowCount=0)
    answer = server.xray.get_sampling_targets(SamplingStatisticsDocuments=[report])
    assert answer["UnprocessedStatistics"] == [] and len(answer["SamplingTargetDocuments"]) == 1
    server.xray.get_insight_summaries(GroupName="Default", StartTime=old, EndTime=time.time())


@pytest.mark.parametrize("name", ["GROUPS", "DOCUMENT_BYTES"])
def test_a_limit_that_is_no_number(new_server, name):
    with pytest.raises(AssertionError, match="not a whole number"):
        new_server(env={f"MITOSHI_QUOTAS_{name}": "many"})
