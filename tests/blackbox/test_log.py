"""Logs: groups, streams and events, with boto3, the AWS command line and Docker's driver; what was put is what is told."""

import gzip
import json
import random
import subprocess
import sys
import time

import pytest
from botocore.exceptions import ClientError

from conftest import Server, wait_for
from test_account import MONITOR, ONE, World, world  # noqa: F401 (a fixture)
from test_clients import aws_cli
from test_container import docker, run  # noqa: F401 (a fixture)

DAY_MS = 86_400_000


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture
def logs(server):
    return server.aws("logs")


def make(logs, group="shop", *streams):
    logs.create_log_group(logGroupName=group)
    for stream in streams:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)


def put(logs, group, stream, *events):
    return logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[{"timestamp": at, "message": message} for at, message in events])


def everything(logs, group, **more):
    """All events of a group that match, over all pages."""
    found, token = [], None
    while True:
        answer = logs.filter_log_events(logGroupName=group, **more, **({"nextToken": token} if token else {}))
        found += answer["events"]
        token = answer.get("nextToken")
        if not token:
            return found


def refusal(call, **arguments):
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


def test_groups_and_streams(server, logs):
    logs.create_log_group(logGroupName="/aws/ecs/shop", tags={"team": "web"}, logGroupClass="INFREQUENT_ACCESS", kmsKeyId="arn:aws:kms:x")
    make(logs, "/aws/ecs/other", "b", "a")
    logs.put_retention_policy(logGroupName="/aws/ecs/shop", retentionInDays=30)
    [shop] = logs.describe_log_groups(logGroupNamePrefix="/aws/ecs/s")["logGroups"]
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:/aws/ecs/shop"
    assert (shop["arn"], shop["logGroupArn"], shop["retentionInDays"]) == (arn + ":*", arn, 30)
    assert (shop["logGroupClass"], shop["storedBytes"], shop["metricFilterCount"], shop["kmsKeyId"]) == ("INFREQUENT_ACCESS", 0, 0, "arn:aws:kms:x")
    assert abs(shop["creationTime"] - now_ms()) < 60_000
    logs.delete_retention_policy(logGroupName="/aws/ecs/shop")
    assert "retentionInDays" not in logs.describe_log_groups(logGroupNamePattern="SHOP")["logGroups"][0]
    logs.tag_resource(resourceArn=arn, tags={"stage": "test"})
    logs.untag_resource(resourceArn=arn, tagKeys=["team"])
    logs.tag_log_group(logGroupName="/aws/ecs/shop", tags={"more": "1"})
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == logs.list_tags_log_group(logGroupName="/aws/ecs/shop")["tags"] == {"stage": "test", "more": "1"}
    page = logs.describe_log_groups(limit=1)
    assert [group["logGroupName"] for group in page["logGroups"]] == ["/aws/ecs/other"]
    assert [group["logGroupName"] for group in logs.describe_log_groups(nextToken=page["nextToken"])["logGroups"]] == ["/aws/ecs/shop"]
    assert [group["logGroupName"] for group in logs.list_log_groups(logGroupNamePattern="^/aws/ecs/o|nothing")["logGroups"]] == ["/aws/ecs/other"]
    assert [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="/aws/ecs/other")["logStreams"]] == ["a", "b"]
    logs.put_log_group_deletion_protection(logGroupIdentifier=arn, deletionProtectionEnabled=True)
    assert refusal(logs.delete_log_group, logGroupName="/aws/ecs/shop")[0] == "OperationAbortedException"
    # All of it is there after a start.
    server.restart()
    logs = server.aws("logs")
    assert len(logs.describe_log_groups()["logGroups"]) == 2 and logs.describe_log_groups()["logGroups"][1]["deletionProtectionEnabled"]
    logs.delete_log_stream(logGroupName="/aws/ecs/other", logStreamName="a")
    assert [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="/aws/ecs/other")["logStreams"]] == ["b"]


def test_what_is_refused(server, logs):
    make(logs, "g", "s")
    at = now_ms()
    missing = "ResourceNotFoundException"
    one = [{"timestamp": at, "message": "x"}]
    assert refusal(logs.put_log_events, logGroupName="nothing", logStreamName="s", logEvents=one) == (missing, "The specified log group does not exist.")
    assert refusal(logs.put_log_events, logGroupName="g", logStreamName="nothing", logEvents=one) == (missing, "The specified log stream does not exist.")
    assert refusal(logs.create_log_group, logGroupName="g")[0] == "ResourceAlreadyExistsException"
    assert refusal(logs.create_log_stream, logGroupName="g", logStreamName="s")[0] == "ResourceAlreadyExistsException"
    assert refusal(logs.create_log_stream, logGroupName="g", logStreamName="a:b")[0] == "InvalidParameterException"
    assert refusal(logs.create_log_group, logGroupName="a b")[0] == "InvalidParameterException"
    assert refusal(logs.put_retention_policy, logGroupName="g", retentionInDays=2)[0] == "InvalidParameterException"
    for events, why in [
        ([], "greater than or equal to 1"),
        ([(at, "b"), (at - 1, "a")], "chronological order"),
        ([(at - DAY_MS - 1000, "a"), (at, "b")], "cannot span more than 24 hours"),
        ([(at, "x" * 600_000), (at, "y" * 600_000)], "Upload too large: 1200052 bytes exceeds limit of 1048576"),
        ([(at, "x")] * 10_001, "10000"),
        ([(at, "")], "length greater"),
    ]:
        with pytest.raises(ClientError) as refused:
            put(logs, "g", "s", *events)
        assert refused.value.response["Error"]["Code"] == "InvalidParameterException" and why in str(refused.value), why
    assert everything(logs, "g") == []
    code, message = refusal(logs.filter_log_events, logGroupName="g", filterPattern="{ $.a = ")
    assert code == "InvalidParameterException" and "Invalid filter pattern" in message and "at character 8" in message
    code, message = refusal(logs.describe_account_policies, policyType="DATA_PROTECTION_POLICY")
    assert code == "UnknownOperationException" and "not supported by this server" in message


def test_events_that_are_too_old_or_too_new(logs):
    make(logs, "g", "s")
    at = now_ms()
    answer = put(logs, "g", "s", (at - 1000, "good"), (at + 3 * 3_600_000, "too new"))
    assert answer["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1} and answer["nextSequenceToken"]
    assert put(logs, "g", "s", (at - 15 * DAY_MS, "too old"))["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    logs.put_retention_policy(logGroupName="g", retentionInDays=3)
    answer = put(logs, "g", "s", (at - 4 * DAY_MS, "expired"), (at - 4 * DAY_MS + 5, "expired"))
    assert answer["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 2}
    assert [event["message"] for event in everything(logs, "g")] == ["good"]
    # Nobody has to say what came before.
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=[{"timestamp": at, "message": "more"}], sequenceToken="whatever")
    [stream] = logs.describe_log_streams(logGroupName="g", orderBy="LastEventTime", descending=True)["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (at - 1000, at) and stream["storedBytes"] == len("goodmore") + 52
    assert abs(stream["lastIngestionTime"] - now_ms()) < 60_000


@pytest.fixture(params=["in memory", "in parts", "after a kill"])
def settled(request, server):
    def settle():
        if request.param == "in parts":
            server.restart()
        elif request.param == "after a kill":
            server.kill()
            server.start()
        return server.aws("logs")
    return settle


def test_a_stream_is_read_in_both_directions(logs, settled):
    make(logs, "g", "s", "other")
    begin = now_ms() - 3_600_000
    for place in range(0, 250, 50):
        put(logs, "g", "s", *[(begin + n // 3, f"line {n}") for n in range(place, place + 50)])
        put(logs, "g", "other", (begin + place, "of another stream"))
    logs = settled()
    read = lambda **more: logs.get_log_events(logGroupName="g", logStreamName="s", **more)
    lines = lambda answer: [event["message"] for event in answer["events"]]
    wanted = [f"line {n}" for n in range(250)]
    # From the head on; at the end the same token comes again.
    seen, answer = [], read(startFromHead=True, limit=70)
    while answer["events"]:
        seen += lines(answer)
        token = answer["nextForwardToken"]
        answer = read(nextToken=token, limit=70)
    assert seen == wanted and answer["nextForwardToken"] == token
    # From the end back.
    seen, answer = [], read(limit=70)
    assert lines(answer) == wanted[-70:]
    while answer["events"]:
        seen = lines(answer) + seen
        answer = read(nextToken=answer["nextBackwardToken"], limit=70)
    assert seen == wanted
    # What comes later is behind the forward token.
    token = read()["nextForwardToken"]
    put(logs, "g", "s", (now_ms(), "later"))
    assert lines(read(nextToken=token)) == ["later"]
    assert lines(read(startTime=begin + 10, endTime=begin + 12, startFromHead=True)) == wanted[30:36]
    assert read()["events"][-1]["ingestionTime"] >= begin
    assert refusal(logs.get_log_events, logGroupName="g", logStreamName="s", nextToken="x/1")[0] == "InvalidParameterException"


def test_events_of_a_group_are_found_in_their_order(logs, settled):
    make(logs, "g", "a", "b", "c")
    begin = now_ms() - 3_600_000
    chance = random.Random(7)
    all_events = sorted((begin + chance.randrange(3_000_000), chance.choice("abc"), f"event {n}") for n in range(900))
    for stream in "abc":
        mine = [(at, message) for at, of, message in all_events if of == stream]
        for place in range(0, len(mine), 40):
            put(logs, "g", stream, *mine[place:place + 40])
    logs = settled()
    found = everything(logs, "g", limit=100)
    assert [(event["timestamp"], event["message"]) for event in found] == [(at, message) for at, _, message in all_events]
    assert len({event["eventId"] for event in found}) == 900
    some = lambda **more: [event["message"] for event in everything(logs, "g", **more)]
    assert some(logStreamNames=["a", "c"]) == [message for _, of, message in all_events if of != "b"]
    assert some(logStreamNamePrefix="b") == [message for _, of, message in all_events if of == "b"]
    middle = all_events[450][0]
    assert some(startTime=middle, endTime=middle) == [message for at, _, message in all_events if at == middle]
    assert some(filterPattern='"event 45"') == [message for *_, message in all_events if "event 45" in message]
    assert refusal(logs.filter_log_events, logGroupName="g", logStreamNames=["nothing"])[0] == "ResourceNotFoundException"


def test_what_is_known_of_streams_survives_a_kill(server, logs):
    make(logs, "g", "s")
    at = now_ms()
    for n in range(3):
        put(logs, "g", "s", (at + n, "four"))
    server.kill()
    server.start()
    [stream] = server.aws("logs").describe_log_streams(logGroupName="g")["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"], stream["storedBytes"]) == (at, at + 2, 3 * 30)


def test_what_was_deleted_stays_gone(server, logs, settled):
    make(logs, "g", "a", "b")
    at = now_ms()
    put(logs, "g", "a", (at, "old a"))
    put(logs, "g", "b", (at, "old b"))
    logs.delete_log_stream(logGroupName="g", logStreamName="a")
    logs.create_log_stream(logGroupName="g", logStreamName="a")
    put(logs, "g", "a", (at, "new a"))
    logs = settled()
    assert [event["message"] for event in everything(logs, "g")] == ["old b", "new a"]
    logs.delete_log_group(logGroupName="g")
    assert refusal(logs.filter_log_events, logGroupName="g")[0] == "ResourceNotFoundException"
    make(logs, "g", "a")
    put(logs, "g", "a", (at, "again"))
    server.kill()
    server.start()
    assert [event["message"] for event in everything(server.aws("logs"), "g")] == ["again"]


LINES = [
    "[ERROR 400] BAD REQUEST", "[ERROR 401] UNAUTHORIZED REQUEST", "[WARN] slow", "plain",
    '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534',
    '127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /about.html HTTP/1.0" 500 5324',
    '127.0.0.1 - bob [10/Oct/2000:13:50:35 -0700] "GET /index.html HTTP/1.0" 200 4355',
    '{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "n": 3, "list": ["a", "b"], "flag": true, "nothing": null, "odd key": {"x": 1.5}}',
    '{"eventType": "CreateTrail", "sourceIPAddress": "123.123.1.1", "n": 12, "list": [], "flag": false}',
]


@pytest.mark.parametrize("pattern, wanted", [
    ("", range(9)), ("ERROR", [0, 1]), ("ERROR REQUEST", [0, 1]), ("ERROR 401", [1]), ('"BAD REQUEST"', [0]), ("?BAD ?slow", [0, 2]), ("error", []),
    ("ERROR -401", [0]), ("-ERROR", range(2, 9)), ("?slow ERROR", [0, 1]), ("%ERROR 40[01]%", [0, 1]), ("%^\\[WARN%", [2]), ("%\\d{3}\\.\\d{3}%", [7, 8]),
    ("[ip, id, user, time, request, status, size]", [4, 5, 6]), ("[ip, id, user, time, request, status = 4*, size]", [4]),
    ("[ip, id, user, time, request, status >= 400, size > 2000]", [5]), ("[..., status = 404 || status = 500, size]", [4, 5]),
    ('[ip, id = "-", ...]', [6]), ("[ip, id, user, time, request = *html*, status != 200, size]", [4, 5]), ("[ip, id, user, time, request = %/(a|i)%, status, size]", None),
    ('[ip, id, user = f* && user = *k, ...]', [4, 5]), ("[one, two]", [2]), ("[one]", [3]),
    ('{ $.eventType = "UpdateTrail" }', [7]), ("{ $.eventType = UpdateTrail }", [7]), ('{ $.eventType = "*Trail" }', [7, 8]), ('{ $.sourceIPAddress != 123.123.* }', [7]),
    ("{ $.n > 3 }", [8]), ("{ $.n >= 3 && $.n < 1.2e1 }", [7]), ("{ $.n = 3 || $.flag IS FALSE }", [7, 8]), ("{ $.list[0] = a }", [7]), ("{ $.list[*] = b }", [7]),
    ("{ $.nothing IS NULL }", [7]), ("{ $.nothing NOT EXISTS }", [8]), ("{ $.flag IS TRUE }", [7]), ("{ $.['odd key'].x = 1.5 }", [7]), ("{ ($.n = 12 || $.n = 3) && $.eventType = %^Up% }", [7]),
])
def test_filter_patterns(server_with_lines, pattern, wanted):
    logs = server_with_lines
    if wanted is None:
        assert refusal(logs.filter_log_events, logGroupName="lines", filterPattern=pattern)[0] == "InvalidParameterException"
        return
    assert [LINES.index(event["message"]) for event in everything(logs, "lines", filterPattern=pattern)] == list(wanted)
    matches = logs.test_metric_filter(filterPattern=pattern or " ", logEventMessages=LINES)["matches"]
    assert [match["eventNumber"] - 1 for match in matches] == list(wanted)


@pytest.fixture(scope="module")
def server_with_lines(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("log") / "data").start()
    logs = server.aws("logs")
    make(logs, "lines", "s")
    put(logs, "lines", "s", *[(now_ms(), line) for line in LINES])
    yield logs
    server.kill()


def test_what_a_pattern_names_is_told(logs):
    test = lambda pattern, line: logs.test_metric_filter(filterPattern=pattern, logEventMessages=[line])["matches"][0]["extractedValues"]
    assert test("[ip, id, user, time, request, status = 4*, size]", LINES[4]) == {
        "$ip": "127.0.0.1", "$id": "Prod", "$user": "frank", "$time": "10/Oct/2000:13:25:15 -0700", "$request": "GET /index.html HTTP/1.0", "$status": "404", "$size": "1534"}
    assert test("[..., status, size]", LINES[5]) == {
        "$1": "127.0.0.1", "$2": "Prod", "$3": "frank", "$4": "10/Oct/2000:13:35:22 -0700", "$5": "GET /about.html HTTP/1.0", "$status": "500", "$size": "5324"}
    assert test("{ $.n > 1 && $.list[0] = a }", LINES[7]) == {"$.n": "3", "$.list[0]": "a"}
    assert test("ERROR", LINES[0]) == {}


def test_events_with_metrics_become_metrics(server, logs):
    make(logs, "g", "s")
    at = now_ms()
    emf = {"_aws": {"Timestamp": at, "CloudWatchMetrics": [{"Namespace": "Emf", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]},
           "Service": "web", "Latency": 42}
    older = {"CloudWatchMetrics": [{"Namespace": "Emf", "Dimensions": [[]], "Metrics": [{"Name": "Count"}]}], "Timestamp": str(at), "Count": 7}
    put(logs, "g", "s", (at, json.dumps(emf)), (at, json.dumps(older)), (at, '{"CloudWatchMetrics": "no directive"}'))
    assert len(everything(logs, "g")) == 3
    found = {metric["MetricName"] for metric in server.cloudwatch.list_metrics(Namespace="Emf")["Metrics"]}
    assert found == {"Latency", "Count"}


def test_compressed_requests_and_long_lines(server, logs):
    make(logs, "g", "s")
    line = "ü" * 300_000
    body = gzip.compress(json.dumps({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": now_ms(), "message": line}]}).encode())
    answer = server.request("/", body, headers={"X-Amz-Target": "Logs_20140328.PutLogEvents", "Content-Type": "application/x-amz-json-1.1", "Content-Encoding": "gzip"})
    assert answer.status == 200, answer
    assert [event["message"] for event in everything(logs, "g")] == [line]
    server.restart()
    assert [event["message"] for event in everything(server.aws("logs"), "g")] == [line]


def test_accounts_have_logs_of_their_own(world):  # noqa: F811
    one, monitor = world.client(ONE, "logs"), world.client(MONITOR, "logs")
    for logs, line in ((one, "of one"), (monitor, "of the monitor")):
        make(logs, "g", "s")
        put(logs, "g", "s", (now_ms(), line))
    world.server.restart()
    assert [event["message"] for event in everything(world.client(ONE, "logs"), "g")] == ["of one"]
    assert [event["message"] for event in everything(world.client(MONITOR, "logs"), "g")] == ["of the monitor"]


def test_the_command_line_follows(server, logs):
    make(logs, "shop", "web")
    put(logs, "shop", "web", (now_ms() - 1000, "first line"))
    assert aws_cli(server, "logs", "describe-log-groups")["logGroups"][0]["logGroupName"] == "shop"
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
           "AWS_ENDPOINT_URL": server.url, "PYTHONUNBUFFERED": "1"}
    # `aws logs tail` is a part of version 2, which asks in this way.
    follow = """
import boto3, time
logs, start, seen = boto3.client("logs"), 0, set()
while True:
    for page in logs.get_paginator("filter_log_events").paginate(logGroupName="shop", startTime=start, interleaved=True):
        for event in page["events"]:
            if event["eventId"] not in seen:
                seen.add(event["eventId"])
                start = event["timestamp"]
                print(event["logStreamName"], event["message"], flush=True)
    time.sleep(0.5)
"""
    tail = subprocess.Popen([sys.executable, "-c", follow], env=env, stdout=subprocess.PIPE, text=True)
    try:
        assert tail.stdout.readline() == "web first line\n"
        put(logs, "shop", "web", (now_ms(), "second line"))
        assert tail.stdout.readline() == "web second line\n"
    finally:
        tail.kill()
        tail.wait()


def test_dockers_driver(server, docker):  # noqa: F811
    """With the endpoint and nothing else; dockerd has to have credentials, whichever."""
    options = {"awslogs-endpoint": server.url, "awslogs-region": "us-east-1", "awslogs-group": "/docker/shop", "awslogs-create-group": "true", "awslogs-stream": "web/1"}
    try:
        id = docker.start("logs", "echo hello; echo 'second line'; sleep 1", "--log-driver=awslogs", *[f"--log-opt={k}={v}" for k, v in options.items()])
    except subprocess.CalledProcessError as err:
        if "NoCredentialProviders" in str(err.stderr):
            pytest.skip("dockerd has no credentials for awslogs: any will do, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in its environment")
        raise
    logs = server.aws("logs")
    wait_for("its lines", lambda: [event["message"] for event in everything(logs, "/docker/shop")] == ["hello", "second line"], deadline=20)
    docker.remove(id)
    assert [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="/docker/shop")["logStreams"]] == ["web/1"]
