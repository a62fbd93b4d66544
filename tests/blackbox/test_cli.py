"""The AWS CLI as users call it: a process of its own for each served operation."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import new_trace_id, segment, subsegment


def program():
    beside = Path(sys.executable).with_name("aws")
    found = str(beside) if beside.exists() else shutil.which("aws")
    if not found:
        pytest.fail("the AWS CLI is missing; pip install -r tests/requirements.txt")
    return found


def aws(server, *arguments, code=0, port=None, signed=True):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MITOSHI_"))}
    env.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1", AWS_MAX_ATTEMPTS="1",
               AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_PAGER="")
    done = subprocess.run(
        [program(), "xray", *arguments, "--endpoint-url", f"http://127.0.0.1:{port or server.http_port}", "--output", "json",
         *([] if signed else ["--no-sign-request"])], capture_output=True, text=True, env=env, timeout=60)
    assert done.returncode == code, done.stderr + done.stdout
    if code:
        return done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else {}


def stamp(seconds):
    return str(int(seconds))


def test_put_and_read_a_trace(server):
    owner = segment(fault=True)
    owner["subsegments"] = [subsegment("dynamodb", owner, namespace="aws", aws={"operation": "PutItem", "table_name": "t"})]
    answer = aws(server, "put-trace-segments", "--trace-segment-documents", json.dumps(owner), "not json")
    (refused,) = answer["UnprocessedTraceSegments"]
    assert refused["ErrorCode"]
    unknown = new_trace_id()
    answer = aws(server, "batch-get-traces", "--trace-ids", owner["trace_id"], unknown)
    (trace,) = answer["Traces"]
    assert json.loads(trace["Segments"][0]["Document"]) == owner or json.loads(trace["Segments"][1]["Document"]) == owner
    assert answer["UnprocessedTraceIds"] == [unknown]


def test_summaries_with_filter_and_paging(server):
    now = time.time()
    documents = [segment(start=now - 300 + n / 10, fault=n % 2 == 0) for n in range(230)]
    server.put(*documents)
    window = ("--start-time", stamp(now - 600), "--end-time", stamp(now + 1))
    answer = aws(server, "get-trace-summaries", *window)
    assert len({s["Id"] for s in answer["TraceSummaries"]}) == 230
    answer = aws(server, "get-trace-summaries", *window, "--filter-expression", 'service("app") { fault }')
    assert len(answer["TraceSummaries"]) == 115
    answer = aws(server, "get-trace-summaries", *window, "--no-paginate")
    assert len(answer["TraceSummaries"]) == 100 and answer["NextToken"]
    assert "InvalidRequestException" in aws(server, "get-trace-summaries", *window, "--filter-expression", "fault AND", code=254)


def test_graphs(server):
    owner = segment()
    owner["subsegments"] = [subsegment("api.example", owner, namespace="remote")]
    server.put(owner)
    names = {"app", "api.example"}
    answer = aws(server, "get-trace-graph", "--trace-ids", owner["trace_id"])
    assert {s["Name"] for s in answer["Services"]} == names
    now = time.time()
    answer = aws(server, "get-service-graph", "--start-time", stamp(now - 60), "--end-time", stamp(now + 1))
    assert {s["Name"] for s in answer["Services"]} == names
    error = aws(server, "get-service-graph", "--start-time", stamp(now - 7 * 3600), "--end-time", stamp(now), code=254)
    assert "Time range cannot be longer than 6 hours" in error


def test_time_series(server):
    now = time.time()
    server.put(segment(start=now - 120))
    answer = aws(server, "get-time-series-service-statistics", "--start-time", stamp(now - 600), "--end-time", stamp(now),
                 "--entity-selector-expression", 'service("app")', "--period", "60")
    assert sum(s["ServiceSummaryStatistics"]["TotalCount"] for s in answer["TimeSeriesServiceStatistics"]) == 1


def test_sampling_rules(server):
    rule = dict(RuleName="made", ResourceARN="*", Priority=5, FixedRate=0.5, ReservoirSize=3, ServiceName="*", ServiceType="*",
                Host="*", HTTPMethod="*", URLPath="*", Version=1)
    aws(server, "create-sampling-rule", "--sampling-rule", json.dumps(rule))
    answer = aws(server, "get-sampling-rules", signed=False)
    assert {r["SamplingRule"]["RuleName"] for r in answer["SamplingRuleRecords"]} == {"Default", "made"}
    answer = aws(server, "update-sampling-rule", "--sampling-rule-update", json.dumps({"RuleName": "made", "FixedRate": 0.1}))
    assert answer["SamplingRuleRecord"]["SamplingRule"]["FixedRate"] == 0.1
    statistics = [dict(RuleName="made", ClientID="0123456789abcdef01234567", Timestamp=int(time.time()), RequestCount=1, SampledCount=1)]
    answer = aws(server, "get-sampling-targets", "--sampling-statistics-documents", json.dumps(statistics), port=server.daemon_port)
    assert answer["SamplingTargetDocuments"][0]["RuleName"] == "made"
    answer = aws(server, "delete-sampling-rule", "--rule-name", "made")
    assert answer["SamplingRuleRecord"]["SamplingRule"]["RuleName"] == "made"
    assert "InvalidRequestException" in aws(server, "delete-sampling-rule", "--rule-name", "made", code=254)


def test_telemetry_records(server):
    records = [dict(Timestamp=int(time.time()), SegmentsReceivedCount=3)]
    assert aws(server, "put-telemetry-records", "--telemetry-records", json.dumps(records)) == {}
    assert server.ingest()["daemon_telemetry"]["segments_received"] == 3


def test_operation_that_is_not_served(server):
    assert "NotImplementedException" in aws(server, "get-groups", code=254)
