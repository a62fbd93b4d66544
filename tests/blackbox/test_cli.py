"""The AWS CLI as users call it: a process of its own for each served operation."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import binary, new_trace_id, segment, subsegment


def program():
    beside = Path(sys.executable).with_name("aws")
    found = str(beside) if beside.exists() else shutil.which("aws")
    if not found:
        pytest.fail("the AWS CLI is missing; pip install -r tests/requirements.txt")
    return found


def aws(server, *arguments, failing=False, port=None, signed=True):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MITOSHI_"))}
    env.update(AWS_ACCESS_KEY_ID="any", AWS_SECRET_ACCESS_KEY="any", AWS_DEFAULT_REGION="us-east-1", AWS_MAX_ATTEMPTS="1",
               AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_PAGER="")
    done = subprocess.run(
        [program(), "xray", *arguments, "--endpoint-url", f"http://127.0.0.1:{port or server.http_port}", "--output", "json",
         *([] if signed else ["--no-sign-request"])], capture_output=True, text=True, env=env, timeout=60)
    # A service's error is exit status 255 in version 1 of the CLI, 254 in version 2.
    assert done.returncode in ((254, 255) if failing else (0,)), done.stderr + done.stdout
    if failing:
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
    assert "InvalidRequestException" in aws(server, "get-trace-summaries", *window, "--filter-expression", "fault AND", failing=True)


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
    error = aws(server, "get-service-graph", "--start-time", stamp(now - 7 * 3600), "--end-time", stamp(now), failing=True)
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
    assert "InvalidRequestException" in aws(server, "delete-sampling-rule", "--rule-name", "made", failing=True)


def test_telemetry_records(server):
    records = [dict(Timestamp=int(time.time()), SegmentsReceivedCount=3)]
    assert aws(server, "put-telemetry-records", "--telemetry-records", json.dumps(records)) == {}
    assert server.ingest()["daemon_telemetry"]["segments_received"] == 3


def test_groups(server):
    made = aws(server, "create-group", "--group-name", "slow", "--filter-expression", "responsetime > 4",
               "--insights-configuration", "InsightsEnabled=true,NotificationsEnabled=true")["Group"]
    assert made["GroupARN"].startswith("arn:aws:xray:us-east-1:000000000000:group/slow/")
    names = [group["GroupName"] for group in aws(server, "get-groups")["Groups"]]
    assert names == ["Default", "slow"]
    assert "already" in aws(server, "create-group", "--group-name", "slow", failing=True)
    assert aws(server, "delete-group", "--group-arn", made["GroupARN"]) in ({}, None)
    assert aws(server, "get-insight-summaries", "--group-name", "Default", "--start-time", str(int(time.time()) - 60),
               "--end-time", str(int(time.time())))["InsightSummaries"] == []


def mitoshi(*arguments, **env):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=20, env={**clean, **env})


def test_print_config():
    done = mitoshi("print-config")
    assert done.returncode == 0
    for key in ("data_dir", "memtable_mib", "retention_days", "[http]", "[daemon]", "[store]"):
        assert key in done.stdout


@pytest.mark.parametrize("name, value, line", [
    ("MITOSHI_STORE_MEMTABLE_MIB", "7", "memtable_mib = 7"), ("MITOSHI_STORE_RETENTION_DAYS", "3", "retention_days = 3"),
    ("MITOSHI_REGION", "eu-west-1", 'region = "eu-west-1"'), ("MITOSHI_ACCOUNT_ID", "123456789012", 'account_id = "123456789012"'),
])
def test_environment_sets_a_key(tmp_path, name, value, line):
    assert line in mitoshi("print-config", "--data-dir", str(tmp_path), **{name: value}).stdout


@pytest.mark.parametrize("name, value", [
    ("MITOSHI_STORE_MEMTABLE_MIB", "many"), ("MITOSHI_HTTP_ADDRESS", "nowhere"), ("MITOSHI_ACCOUNT_ID", "12"),
])
def test_wrong_environment_is_told(tmp_path, name, value):
    """A typing mistake must not pass in silence."""
    done = mitoshi("check-config", "--data-dir", str(tmp_path / "d"), **{name: value})
    assert done.returncode != 0, done.stdout
    message = (done.stderr + done.stdout).lower()
    assert name.lower() in message or name.lower().removeprefix("mitoshi_").split("_", 1)[1] in message, message
    assert "panicked" not in message


def test_a_variable_that_is_no_setting_is_told(tmp_path):
    done = mitoshi("check-config", "--data-dir", str(tmp_path / "d"), MITOSHI_HTTP_ADRESS="127.0.0.1:1")
    assert done.returncode == 0
    assert "MITOSHI_HTTP_ADRESS" in done.stderr and "did you mean MITOSHI_HTTP_ADDRESS?" in done.stderr


def test_open_http_address_is_refused(tmp_path):
    """Nobody could sign in: the API must not listen beyond the machine by a slip."""
    done = mitoshi("serve", "--data-dir", str(tmp_path / "d"), "--http", "0.0.0.0:0", "--daemon", "127.0.0.1:0")
    assert done.returncode != 0
    assert "loopback" in (done.stderr + done.stdout).lower()


def test_unknown_flag():
    done = mitoshi("serve", "--no-such-flag")
    assert done.returncode != 0 and "--no-such-flag" in done.stderr


def test_region_and_account_are_those_of_the_configuration(new_server):
    server = new_server(env={"MITOSHI_REGION": "eu-west-1", "MITOSHI_ACCOUNT_ID": "123456789012"})
    (record,) = server.xray.get_sampling_rules()["SamplingRuleRecords"]
    assert record["SamplingRule"]["RuleARN"] == "arn:aws:xray:eu-west-1:123456789012:sampling-rule/Default"
