"""What follows from log events: metric filters, subscription filters, live tail; and what is in them: records, fields, kept queries."""

import gzip
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from conftest import wait_for
from test_log import everything, make, now_ms, put, refusal

ACCOUNT = "000000000000"


@pytest.fixture
def logs(server):
    return server.aws("logs")


def arn(group):
    return f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{group}"


def transformation(name="Errors", value="1", **more):
    return [{"metricName": name, "metricNamespace": "Shop", "metricValue": value, **more}]


def statistics(server, name, dimensions=(), stat=("Sum", "SampleCount", "Maximum")):
    now = time.time()
    answer = server.cloudwatch.get_metric_statistics(
        Namespace="Shop", MetricName=name, Period=3600, StartTime=now - 7200, EndTime=now + 3600, Statistics=list(stat),
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions])
    points = answer["Datapoints"]
    return {kind: sum(point[kind] for point in points) if kind != "Maximum" else max(point[kind] for point in points) for kind in stat} if points else None


def test_events_become_metrics(server, logs):
    make(logs, "shop", "a")
    logs.put_metric_filter(logGroupName="shop", filterName="errors", filterPattern="ERROR", metricTransformations=transformation(unit="Count"))
    logs.put_metric_filter(logGroupName="shop", filterName="latency", filterPattern="{ $.ms > 0 }", metricTransformations=transformation(
        "Latency", "$.ms", dimensions={"Path": "$.path"}), emitSystemFieldDimensions=["@aws.region"])
    logs.put_metric_filter(logGroupName="shop", filterName="bytes", filterPattern="[ip, user, size]", metricTransformations=transformation("Bytes", "$size"))
    logs.put_metric_filter(logGroupName="shop", filterName="sizes", filterPattern="[ip, user, amount]", metricTransformations=transformation("Amount", "$amount"))
    now = now_ms()
    put(logs, "shop", "a", (now - 50, "ERROR one"), (now - 40, "fine"), (now - 30, "ERROR two"), (now - 20, json.dumps({"ms": 12.5, "path": "/a"})),
        (now - 10, json.dumps({"ms": 7.5, "path": "/a"})), (now - 5, json.dumps({"ms": 100, "path": "/b"})), (now - 4, json.dumps({"ms": 5})), (now, "10.0.0.1 ann 512"))
    assert statistics(server, "Errors") == {"Sum": 2, "SampleCount": 2, "Maximum": 1}
    place = [("Path", "/a"), ("@aws.region", "us-east-1")]
    assert statistics(server, "Latency", place) == {"Sum": 20, "SampleCount": 2, "Maximum": 12.5}
    assert statistics(server, "Bytes")["Sum"] == len("10.0.0.1 ann 512") and statistics(server, "Amount")["Sum"] == 512
    # Percentiles are there, too.
    found = server.cloudwatch.get_metric_statistics(Namespace="Shop", MetricName="Latency", Period=3600, StartTime=time.time() - 7200, EndTime=time.time() + 3600,
                                                      ExtendedStatistics=["p100"], Dimensions=[{"Name": name, "Value": value} for name, value in place])
    assert [point["ExtendedStatistics"]["p100"] for point in found["Datapoints"]] == [pytest.approx(12.5, rel=0.02)]
    server.restart()
    logs = server.aws("logs")
    assert logs.describe_log_groups()["logGroups"][0]["metricFilterCount"] == 4
    put(logs, "shop", "a", (now_ms(), "ERROR three"))
    assert statistics(server, "Errors")["Sum"] == 3
    logs.delete_metric_filter(logGroupName="shop", filterName="errors")
    put(logs, "shop", "a", (now_ms(), "ERROR four"))
    assert statistics(server, "Errors")["Sum"] == 3
    assert [each["filterName"] for each in logs.describe_metric_filters(logGroupName="shop", filterNamePrefix="l")["metricFilters"]] == ["latency"]
    [told] = logs.describe_metric_filters(metricName="Latency", metricNamespace="Shop")["metricFilters"]
    assert told["metricTransformations"][0]["dimensions"] == {"Path": "$.path"} and told["emitSystemFieldDimensions"] == ["@aws.region"]
    logs.delete_log_group(logGroupName="shop")
    assert logs.describe_metric_filters()["metricFilters"] == []


def test_minutes_without_a_match_have_the_default(server, logs):
    make(logs, "shop", "a")
    logs.put_metric_filter(logGroupName="shop", filterName="errors", filterPattern="ERROR", metricTransformations=transformation(defaultValue=0))
    put(logs, "shop", "a", (now_ms(), "fine"))
    # The minute is told when it is over, or when the server stops.
    server.restart()
    assert statistics(server, "Errors") == {"Sum": 0, "SampleCount": 1, "Maximum": 0}


@pytest.mark.parametrize("change, says", [
    ({"filterName": "a:b"}, "filterName"), ({"filterName": "x" * 513}, "filterName"), ({"filterPattern": "{ $.a = }"}, "Invalid filter pattern"),
    ({"filterPattern": "x" * 1025}, "1024"), ({"metricTransformations": transformation() * 2}, "exactly one"),
    ({"metricTransformations": transformation(value="many")}, "metricValue"), ({"metricTransformations": transformation(unit="Apples")}, "no unit"),
    ({"metricTransformations": transformation(dimensions={"A": "a"})}, "no field"),
    ({"metricTransformations": transformation(dimensions={"A": "$.a"}, defaultValue=1)}, "not both"),
    ({"metricTransformations": transformation(dimensions={str(n): "$.a" for n in range(4)})}, "at most 3"),
    ({"emitSystemFieldDimensions": ["@aws.zone"]}, "@aws.zone"),
])
def test_metric_filters_that_cannot_be(shared, change, says):
    logs = shared.aws("logs")
    if not logs.describe_log_groups(logGroupNamePrefix="checked")["logGroups"]:
        make(logs, "checked")
    given = {"logGroupName": "checked", "filterName": "f", "filterPattern": "x", "metricTransformations": transformation(), **change}
    code, message = refusal(logs.put_metric_filter, **given)
    assert code == "InvalidParameterException" and says in message
    assert refusal(logs.put_metric_filter, **{**given, **{"logGroupName": "nowhere"}})[0] in ("ResourceNotFoundException", "InvalidParameterException")


class Receiver:
    """Takes what is posted to it, after it has refused some."""

    def __init__(self, refuse=0):
        self.taken, self.left, self.status = [], refuse, 503
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.left > 0:
                    receiver.left -= 1
                    self.send_response(receiver.status)
                else:
                    receiver.taken.append((self.path, self.headers["Content-Type"], body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"127.0.0.1:{self.server.server_port}"

    def messages(self):
        return [event["message"] for path, kind, body in self.taken for event in json.loads(body)["logEvents"]]

    def stop(self):
        self.server.shutdown()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def subscribe(logs, group, name, pattern, destination):
    logs.put_subscription_filter(logGroupName=group, filterName=name, filterPattern=pattern, destinationArn=destination)


def test_events_go_on_to_a_webhook_over_failures_and_restarts(server, logs, receiver):
    make(logs, "shop", "a", "b")
    put(logs, "shop", "a", (now_ms(), "ERROR before it was asked for"))
    receiver.left = 1
    subscribe(logs, "shop", "errors", "ERROR", f"http://{receiver.address}/hook?key=secret")
    put(logs, "shop", "a", (now_ms(), "ERROR 0"), (now_ms(), "fine"))
    put(logs, "shop", "b", (now_ms(), "ERROR 1"))
    wait_for("both", lambda: sorted(receiver.messages()) == ["ERROR 0", "ERROR 1"], 20)
    path, kind, body = receiver.taken[0]
    told = json.loads(body)
    assert (path, kind, told["messageType"], told["owner"], told["logGroup"], told["subscriptionFilters"]) == (
        "/hook?key=secret", "application/json", "DATA_MESSAGE", ACCOUNT, "shop", ["errors"])
    assert told["logStream"] in "ab" and set(told["logEvents"][0]) == {"id", "timestamp", "message"}
    # What comes while nobody takes it is there when someone does, even if the server ended meanwhile.
    receiver.left = 10**6
    put(logs, "shop", "a", (now_ms(), "ERROR 2"))
    wait_for("a try", lambda: receiver.left < 10**6, 20)
    server.kill()
    receiver.left = 0
    server.start()
    wait_for("the rest", lambda: "ERROR 2" in receiver.messages(), 20)
    logs = server.aws("logs")
    put(logs, "shop", "a", (now_ms(), "ERROR 3"))
    wait_for("what came after", lambda: "ERROR 3" in receiver.messages(), 20)
    assert sorted(set(receiver.messages())) == [f"ERROR {n}" for n in range(4)]
    assert "secret" not in server.log()
    logs.delete_subscription_filter(logGroupName="shop", filterName="errors")
    put(logs, "shop", "a", (now_ms(), "ERROR 4"))
    time.sleep(1.5)
    assert "ERROR 4" not in receiver.messages()


def test_events_go_on_to_another_group(server, logs):
    for group in ("one", "two", "three"):
        make(logs, group)
    logs.create_log_stream(logGroupName="one", logStreamName="s")
    subscribe(logs, "one", "all", "", arn("two"))
    subscribe(logs, "two", "some", "keep", arn("three") + ":*")
    logs.put_metric_filter(logGroupName="three", filterName="kept", filterPattern="", metricTransformations=transformation("Kept"))
    at = now_ms()
    for n in range(0, 300, 100):
        put(logs, "one", "s", *((at + n + m, f"{'keep' if m % 2 else 'drop'} {n + m}") for m in range(100)))
    wait_for("all of them", lambda: len(everything(logs, "two")) == 300 and len(everything(logs, "three")) == 150, 20)
    found = everything(logs, "three")
    assert [event["message"] for event in found] == [f"keep {n}" for n in range(1, 300, 2)] and {event["logStreamName"] for event in found} == {"s"}
    assert found[0]["timestamp"] == at + 1 and statistics(server, "Kept")["Sum"] == 150
    code, message = refusal(logs.put_subscription_filter, logGroupName="three", filterName="back", filterPattern="", destinationArn=arn("one"))
    assert code == "InvalidParameterException" and "come back" in message
    [told] = logs.describe_subscription_filters(logGroupName="two")["subscriptionFilters"]
    assert (told["filterName"], told["filterPattern"], told["distribution"]) == ("some", "keep", "ByLogStream")
    wait_for("its metrics", lambda: server.cloudwatch.list_metrics(Namespace="AWS/Logs", MetricName="ForwardedLogEvents")["Metrics"], 20)
    names = {metric["MetricName"] for metric in server.cloudwatch.list_metrics(Namespace="AWS/Logs")["Metrics"]}
    assert {"IncomingBytes", "IncomingLogEvents", "ForwardedBytes", "DeliveryErrors"} <= names


def test_events_go_on_to_an_otlp_endpoint(server, new_server, logs):
    other = new_server()
    make(logs, "shop", "a")
    subscribe(logs, "shop", "out", "", f"otlp+{other.url}/v1/logs")
    put(logs, "shop", "a", (now_ms(), "failed, trace 1-5759e988-bd862e3fe1be46a994272793"))
    theirs = other.aws("logs")
    wait_for("it", lambda: theirs.describe_log_groups()["logGroups"] and everything(theirs, "shop"), 20)
    message = json.loads(everything(theirs, "shop")[0]["message"])
    assert message["body"].startswith("failed") and message["traceId"] == "5759e988bd862e3fe1be46a994272793"


@pytest.mark.parametrize("destination", ["arn:aws:lambda:us-east-1:000000000000:function:f", "arn:aws:kinesis:us-east-1:000000000000:stream/s", "ftp://x/y", "otlp+x",
                                         "arn:aws:logs:us-east-1:111111111111:log-group:shop", ""])
def test_destinations_that_are_none(shared, destination):
    logs = shared.aws("logs")
    if not logs.describe_log_groups(logGroupNamePrefix="checked")["logGroups"]:
        make(logs, "checked")
    answer = shared.request("/", {"logGroupName": "checked", "filterName": "f", "filterPattern": "", "destinationArn": destination},
                            headers={"X-Amz-Target": "Logs_20140328.PutSubscriptionFilter", "Content-Type": "application/x-amz-json-1.1"})
    assert answer.status == 400 and answer.error == "InvalidParameterException" and "destinationArn" in answer.json["message"]


def tail(server, **asked):
    client = boto3.client("logs", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                          config=Config(inject_host_prefix=False, read_timeout=30, retries={"total_max_attempts": 1}))
    return client.start_live_tail(**asked)["responseStream"]


def told_by(stream, seen, until):
    for event in stream:
        seen.append(event)
        if until(seen):
            break
    stream.close()


def lines(seen):
    return [line for event in seen for line in event.get("sessionUpdate", {}).get("sessionResults", [])]


def test_live_tail(server, logs):
    make(logs, "shop", "a", "b")
    make(logs, "other", "o")
    put(logs, "shop", "a", (now_ms(), "ERROR before"))
    seen, stream = [], tail(server, logGroupIdentifiers=[arn("shop"), arn("other")], logEventFilterPattern="ERROR")
    follower = threading.Thread(target=told_by, args=(stream, seen, lambda seen: len(lines(seen)) >= 3), daemon=True)
    follower.start()
    wait_for("its beginning", lambda: seen)
    start = seen[0]["sessionStart"]
    assert start["logGroupIdentifiers"] == [arn("shop"), arn("other")] and start["logEventFilterPattern"] == "ERROR" and start["sessionId"]
    put(logs, "shop", "a", (now_ms() - 60_000, "ERROR of a minute ago"), (now_ms(), "fine"))
    put(logs, "other", "o", (now_ms(), "ERROR elsewhere"))
    wait_for("two of them", lambda: len(lines(seen)) == 2)
    put(logs, "shop", "b", (now_ms(), "ERROR again"))
    follower.join(20)
    found = lines(seen)
    assert [line["message"] for line in found] == ["ERROR of a minute ago", "ERROR elsewhere", "ERROR again"]
    assert found[1]["logStreamName"] == "o" and found[1]["logGroupIdentifier"] == f"{ACCOUNT}:other" and found[1]["ingestionTime"] >= found[1]["timestamp"]
    assert all(event["sessionUpdate"]["sessionMetadata"] == {"sampled": False} for event in seen[1:])


def test_live_tail_of_streams_ends_with_the_server(server, logs):
    make(logs, "shop", "web-1", "web-2", "db")
    seen, stream = [], tail(server, logGroupIdentifiers=[arn("shop")], logStreamNamePrefixes=["web-"])
    follower = threading.Thread(target=told_by, args=(stream, seen, lambda _: False), daemon=True)
    follower.start()
    wait_for("its beginning", lambda: seen)
    for name in ("web-1", "db", "web-2"):
        put(logs, "shop", name, (now_ms(), name))
    wait_for("both", lambda: sorted(line["message"] for line in lines(seen)) == ["web-1", "web-2"])
    began = time.time()
    server.stop()
    follower.join(10)
    assert not follower.is_alive() and time.time() - began < 8


@pytest.mark.parametrize("asked, code", [
    ({"logGroupIdentifiers": []}, "InvalidParameterException"), ({"logGroupIdentifiers": ["g"] * 11}, "InvalidParameterException"),
    ({"logGroupIdentifiers": ["nowhere"]}, "ResourceNotFoundException"), ({"logGroupIdentifiers": [arn("x") + ":*"]}, "InvalidParameterException"),
    ({"logGroupIdentifiers": ["a"], "logStreamNames": ["s"], "logStreamNamePrefixes": ["s"]}, "InvalidParameterException"),
    ({"logGroupIdentifiers": ["a", "b"], "logStreamNames": ["s"]}, "InvalidParameterException"),
])
def test_live_tails_that_cannot_be(shared, asked, code):
    answer = shared.request("/", asked, headers={"X-Amz-Target": "Logs_20140328.StartLiveTail", "Content-Type": "application/x-amz-json-1.1"})
    assert answer.status == 400 and answer.error == code


def test_records_and_fields(server, logs):
    make(logs, "shop", "a")
    at = now_ms()
    put(logs, "shop", "a", (at, json.dumps({"user": {"name": "ann"}, "tags": ["x"], "@own": 1})), (at + 1, "no JSON"))
    id = logs.start_query(logGroupName="shop", startTime=at // 1000 - 60, endTime=at // 1000 + 60, queryString="fields @timestamp | sort @timestamp asc | limit 1")["queryId"]
    wait_for("its end", lambda: logs.get_query_results(queryId=id)["status"] == "Complete")
    [row] = logs.get_query_results(queryId=id)["results"]
    record = logs.get_log_record(logRecordPointer={field["field"]: field["value"] for field in row}["@ptr"])["logRecord"]
    assert record == {**record, "user.name": "ann", "tags.0": "x", "@@own": "1", "@logStream": "a", "@log": f"{ACCOUNT}:shop", "@timestamp": str(at)}
    assert refusal(logs.get_log_record, logRecordPointer="nothing")[0] == "InvalidParameterException"
    assert refusal(logs.get_log_record, logRecordPointer="0" * 56)[0] == "ResourceNotFoundException"
    fields = {field["name"]: field["percent"] for field in logs.get_log_group_fields(logGroupName="shop")["logGroupFields"]}
    assert fields == {"@message": 100, "@timestamp": 100, "@logStream": 100, "@log": 100, "@ingestionTime": 100, "user.name": 50, "tags.0": 50, "@@own": 50}
    assert logs.get_log_group_fields(logGroupName="shop", time=at // 1000 - 7200)["logGroupFields"] == []
    assert logs.list_log_groups_for_query(queryId=id)["logGroupIdentifiers"] == ["shop"]


def test_kept_queries(server, logs):
    made = logs.put_query_definition(name="shop/errors", queryString="filter level = 'ERROR'", logGroupNames=["shop"])["queryDefinitionId"]
    logs.put_query_definition(name="other", queryString="limit 5", parameters=[{"name": "n", "defaultValue": "5"}])
    logs.put_query_definition(queryDefinitionId=made, name="shop/all errors", queryString="filter level = 'ERROR' | limit 9")
    server.restart()
    logs = server.aws("logs")
    found = logs.describe_query_definitions()["queryDefinitions"]
    assert [(each["name"], each["queryString"]) for each in found] == [("other", "limit 5"), ("shop/all errors", "filter level = 'ERROR' | limit 9")]
    assert found[0]["parameters"] == [{"name": "n", "defaultValue": "5"}] and found[1]["logGroupNames"] == [] and found[1]["lastModified"] > 0
    assert [each["name"] for each in logs.describe_query_definitions(queryDefinitionNamePrefix="shop/")["queryDefinitions"]] == ["shop/all errors"]
    page = logs.describe_query_definitions(maxResults=1)
    assert logs.describe_query_definitions(maxResults=1, nextToken=page["nextToken"])["queryDefinitions"][0]["name"] == "shop/all errors"
    assert logs.delete_query_definition(queryDefinitionId=made)["success"] is True
    assert refusal(logs.delete_query_definition, queryDefinitionId=made)[0] == "ResourceNotFoundException"
    assert refusal(logs.put_query_definition, queryDefinitionId="nothing", name="x", queryString="y")[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_log_records_of_the_python_sdk(server, logs, protocol):
    """Its logging handler, in a span: the line knows its trace."""
    import logging

    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        exporter = OTLPLogExporter(endpoint=f"http://127.0.0.1:{server.otlp_grpc_port}", insecure=True)
    else:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        exporter = OTLPLogExporter(endpoint=f"{server.url}/v1/logs")
    provider = LoggerProvider(Resource({"service.name": "shop", "service.instance.id": "one"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    logger = logging.getLogger(f"shop-{protocol}")
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.propagate = False
    with TracerProvider().get_tracer("t").start_as_current_span("order") as span:
        logger.error("cannot write %s", "order 7", extra={"order": 7})
    provider.shutdown()
    [event] = everything(logs, "/otel/shop")
    message = json.loads(event["message"])
    trace = format(span.get_span_context().trace_id, "032x")
    assert (event["logStreamName"], message["body"], message["traceId"], message["severityText"]) == ("one", "cannot write order 7", trace, "ERROR")
    assert message["attributes"]["order"] == 7 and message["resource"]["attributes"]["service.name"] == "shop"
    # It is found by the id, in either form.
    id = logs.start_query(startTime=int(time.time()) - 600, endTime=int(time.time()) + 60,
                          queryString=f'SOURCE logGroups() | filter @message like "1-{trace[:8]}-{trace[8:]}" or @message like "{trace}"')["queryId"]
    wait_for("its end", lambda: logs.get_query_results(queryId=id)["status"] == "Complete")
    assert len(logs.get_query_results(queryId=id)["results"]) == 1


def test_log_records_that_cannot_be_kept_are_named(shared):
    now = time.time_ns()
    record = lambda text, at=now: {"timeUnixNano": str(at), "body": {"stringValue": text}}
    resource = lambda group: {"attributes": [{"key": "aws.log.group.names", "value": {"stringValue": group}}, {"key": "aws.log.stream.names", "value": {"stringValue": "s"}}]}
    body = {"resourceLogs": [{"resource": resource("good"), "scopeLogs": [{"logRecords": [record("kept"), record("old", now - 40 * 86400 * 10**9), record("x" * 1_100_000)]}]},
                             {"resource": resource("b@d"), "scopeLogs": [{"logRecords": [record("lost")]}]}]}
    answer = shared.request("/v1/logs", body, headers={"Content-Type": "application/json"})
    assert answer.status == 200 and answer.json["partialSuccess"]["rejectedLogRecords"] == "3", answer
    assert "b@d" in answer.json["partialSuccess"]["errorMessage"] and "too old" in answer.json["partialSuccess"]["errorMessage"]
    assert [json.loads(event["message"])["body"] for event in everything(shared.aws("logs"), "good")] == ["kept"]


def test_exports(server, logs):
    make(logs, "shop", "web/1", "web/2", "db")
    at = now_ms() - 10_000
    put(logs, "shop", "web/1", *((at + n, f"one {n}") for n in range(100)))
    put(logs, "shop", "web/2", (at, "two"))
    put(logs, "shop", "db", (at, "not asked for"))
    asked = {"logGroupName": "shop", "fromTime": at + 1, "to": at + 90, "destination": "archive", "logStreamNamePrefix": "web"}
    task = logs.create_export_task(taskName="t", **asked)["taskId"]
    told = lambda: logs.describe_export_tasks(taskId=task)["exportTasks"][0]
    wait_for("its end", lambda: told()["status"]["code"] == "COMPLETED")
    assert (told()["taskName"], told()["destinationPrefix"], told()["executionInfo"]["completionTime"] >= at) == ("t", "exportedlogs", True)
    folder = Path(server.data_dir) / "exports" / "archive" / "exportedlogs" / task
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.gz")) == ["web-1/000000.gz"]
    lines = gzip.decompress((folder / "web-1" / "000000.gz").read_bytes()).decode().splitlines()
    assert len(lines) == 89 and lines[0].endswith("Z one 1") and lines[-1].endswith("Z one 89")
    assert refusal(logs.cancel_export_task, taskId=task)[0] == "InvalidOperationException"
    assert refusal(logs.create_export_task, **{**asked, "logGroupName": "nothing"})[0] == "ResourceNotFoundException"
    for wrong in ({"destination": "../up"}, {"destination": "x"}, {"destinationPrefix": "a/../b"}, {"to": at}):
        assert refusal(logs.create_export_task, **{**asked, **wrong})[0] == "InvalidParameterException"
    # They outlive a restart, and nothing of the server minds them.
    server.restart()
    assert server.aws("logs").describe_export_tasks(statusCode="COMPLETED")["exportTasks"][0]["taskId"] == task
    assert (folder / "web-1" / "000000.gz").exists()
