"""Other people's clients and test suites, with only the endpoint set. AWS's SDK for Rust is in crates/server/tests/aws_sdk.rs."""

import base64
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import REPO, segment, subsegment

# The tests of this release; `moto` itself, which they need, is among the requirements.
MOTO = "5.2.5"


def test_awss_sdk_for_javascript(server):
    folder = REPO / "tests" / "sdk-js"
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, timeout=180)
    env = {**os.environ, "ENDPOINT": server.url, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run(["node", "all.mjs"], cwd=folder, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    # These three need an insight; that there is none is told with the exception that the client knows.
    asked_in_vain = ["GetInsight", "GetInsightEvents", "GetInsightImpactGraph"]
    assert len(said["operations"]) == 38 and sorted(said["done"] + asked_in_vain) == said["operations"]


@pytest.fixture(scope="module")
def motos_tests(tmp_path_factory):
    """The tests of that project, whose release has them."""
    folder = tmp_path_factory.mktemp("moto")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "moto", f"moto=={MOTO}", "-d", str(folder)]
    fetched = subprocess.run(pip, capture_output=True, text=True, timeout=300)
    assert fetched.returncode == 0, fetched.stderr
    with tarfile.open(folder / f"moto-{MOTO}.tar.gz") as archive:
        archive.extractall(folder, members=[m for m in archive.getmembers() if m.name.startswith(f"moto-{MOTO}/tests/")], filter="data")
    return folder / f"moto-{MOTO}"


# What is left out: what these services do not do here, and where that project differs from AWS.
MOTO_SUITES = {
    "test_xray/test_xray.py": {},
    "test_cloudwatch/test_cloudwatch.py": {
        "test_put_metric_alarm": "a new alarm that is OK; with AWS, nothing is known of it yet",
        "test_put_metric_alarm_with_percentile": "a new alarm that is OK", "test_put_metric_alarm_with_anomaly_detection": "a new alarm that is OK",
        "test_cloudwatch_return_s3_metrics": "S3",
        "test_put_metric_data_with_statistics": "a resolution of 123 seconds, which AWS refuses",
        "test_duplicate_put_metric_data": "two dimensions of one name, which AWS refuses",
        "test_list_metrics_without_value": "metrics without a value, which AWS refuses",
        "test_list_metrics_with_same_dimensions_different_metric_name": "metrics without a value, which AWS refuses",
        "test_get_metric_statistics_dimensions": "values of fewer dimensions than those asked for",
        "test_get_metric_data_for_dimensions": "values of fewer dimensions than those asked for",
        "test_list_metrics": "a metric once for each of its values", "test_list_metrics_paginated": "a metric once for each of its values",
        "test_get_metric_data_within_timeframe": "labels with the statistic, always", "test_get_metric_data_partially_within_timeframe": "labels with the statistic, always",
        "test_get_metric_data_with_custom_label": "labels with the statistic, always",
    },
    "test_cloudwatch/test_cloudwatch_alarms.py": {"test_alarm_state": "a new alarm that is OK", "test_create_alarm": "the region of the client, which is the server's here"},
    "test_cloudwatch/test_cloudwatch_tags.py": {
        "test_list_tags_for_resource_with_unknown_resource": "tags of nothing, for which AWS has an exception",
        "test_tag_resource_on_resource_without_tags": "an alarm without a statistic, which AWS refuses",
        "test_tag_resource_error_not_exists": "the words of a message", "test_untag_resource_error_not_exists": "the words of a message",
        "test_tag_insight_rules_resource": "rules of Contributor Insights",
    },
    "test_cloudwatch/test_cloudwatch_dashboards.py": {"test_put_list_dashboard[cn-north-1-aws-cn]": "the region of the client, which is the server's here"},
    "test_cloudwatch/test_cloudwatch_expressions.py": {},
    "test_logs/test_logs.py": {
        "test_destinations_no_prefix": "destinations", "test_destinations": "destinations",
        "test_put_log_events_in_the_past": "the place of the last old event, where AWS has the one after it",
        "test_put_resource_policy": "resource policies", "test_put_resource_policy_too_many": "resource policies",
        "test_delete_resource_policy": "resource policies", "test_describe_resource_policies": "resource policies",
        "test_get_log_events": "tokens in a form of its own", "test_get_log_events_with_start_from_head": "tokens in a form of its own",
        "test_describe_log_groups_paging": "takes any token", "test_describe_log_streams_paging": "tokens in a form of its own",
        **dict.fromkeys(("test_put_delivery_destination", "test_put_delivery_destination_update", "test_get_delivery_destination", "test_describe_delivery_destinations",
                         "test_put_delivery_destination_policy", "test_get_delivery_destination_policy", "test_put_delivery_source", "test_describe_delivery_sources",
                         "test_get_delivery_source", "test_create_delivery", "test_describe_deliveries", "test_get_delivery", "test_delete_delivery",
                         "test_delete_delivery_destination", "test_delete_delivery_destination_policy", "test_delete_delivery_source"), "deliveries"),
        "test_start_live_tail_returns_session_events": "events from before the session, which ends after a second",
        "test_start_live_tail_filters_by_log_stream_name_prefixes": "events from before the session, which ends after a second",
        "test_start_live_tail_rejects_stream_names_and_prefixes_together": "the words of a message",
        "test_start_live_tail_rejects_stream_filters_with_multiple_log_groups": "the words of a message",
        "test_start_live_tail_backend_rejects_empty_stream_names_with_prefixes": "that project's own code, without a server",
        "test_start_live_tail_backend_rejects_empty_stream_names_with_multiple_groups": "that project's own code, without a server",
    },
    "test_logs/test_export_tasks.py": {
        **dict.fromkeys(("test_create_export_task_happy_path", "test_create_export_raises_ResourceNotFoundException_log_group_not_found", "test_create_export_executes_export_task",
                         "test_describe_export_tasks_happy_path", "test_describe_export_tasks_out_of_order_timestamps", "test_describe_export_tasks_task_id"), "S3"),
        "test_create_export_task_raises_ClientError_when_bucket_not_found": "a bucket that is not there; here it is a folder, which is made",
    },
    "test_logs/test_logs_metric_filters.py": {
        **dict.fromkeys(("test_describe_metric_filters_happy_prefix", "test_describe_metric_filters_happy_log_group_name", "test_describe_metric_filters_happy_metric_name",
                         "test_describe_metric_filters_multiple_happy", "test_put_and_describe_metric_filter_with_non_alphanumerics_in_namespace"),
                        "filters of groups that are not there, and values that are neither numbers nor fields"),
        "test_delete_metric_filter": "deletes a filter that is not there",
        "test_delete_metric_filter_invalid_filter_name": "the words of a message", "test_delete_metric_filter_invalid_log_group_name": "the words of a message",
    },
    "test_logs/test_logs_filter_log_events.py": {
        "TestLogFilterParameters::test_filter_logs_paging": "tokens in a form of its own", "TestLogFilterParameters::test_filter_logs_paging__unknown_token": "tokens in a form of its own",
        "TestLogsFilterPattern::test_unknown_pattern": "patterns of JSON, which it does not know",
    },
    "test_logs/test_logs_tags.py": {"test_destination_tags": "destinations"},
    "test_logs/test_logs_query/test_boto3.py": {"test_start_query__unknown_log_group": "a query that AWS does not understand",
                                                "test_describe_completed_query": "queries that are over before they began, however busy the machine is"},
}


def test_who_asks_is_of_the_account(new_server):
    server = new_server(env={"MITOSHI_ACCOUNT_ID": "123456789012"})
    told = server.aws("sts").get_caller_identity()
    assert (told["Account"], told["UserId"], told["Arn"]) == ("123456789012", "123456789012", "arn:aws:iam::123456789012:root")


@pytest.mark.parametrize("suite", MOTO_SUITES)
def test_suites_of_moto(motos_tests, suite):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    env = {**os.environ, "TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": address, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
           "MITOSHI_TESTS": str(REPO / "tests" / "blackbox"), "PYTHONPATH": str(REPO / "tests" / "blackbox"),
           "MITOSHI_LEFT_OUT": json.dumps(list(MOTO_SUITES[suite]))}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "fresh_server", f"tests/{suite}"],
                          cwd=motos_tests, capture_output=True, text=True, timeout=300, env=env)
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/api/services", "/api/traces?service=shop&limit=20&lookback=1h",
                                  "/api/dependencies?endTs=1795000000000&lookback=3600000"])
def test_grafanas_jaeger_data_source_reads_what_it_expects(shared, path):
    """Its health check and its queries want an object with `data`, whatever there is."""
    answer = shared.request(path, method="GET", headers={"Accept": "application/json", "User-Agent": "Grafana/12.2.0"})
    assert answer.status == 200 and isinstance(answer.json["data"], list)


def test_grafanas_x_ray_data_source(server):
    """The calls that its queries make, and the members that it follows without looking whether they are there."""
    ids = []
    for n in range(40):
        front = segment("shop", fault=(n % 10 == 0) or None, origin="AWS::ECS::Container", annotations={"tier": "gold"})
        call = subsegment("stock", front, namespace="remote")
        table = subsegment("DynamoDB", front, namespace="aws", aws={"table_name": "orders"})
        front["subsegments"] = [call, table]
        server.put(front, segment("stock", front["trace_id"], front["start_time"] + 0.02, 0.02, parent_id=call["id"]))
        ids.append(front["trace_id"])
    now = int(time.time())
    span = {"StartTime": now - 900, "EndTime": now + 60}
    # The health check, then the service map of a group.
    group = server.request("/Groups", {}).json["Groups"][0]
    graph = server.request("/ServiceGraph", {**span, "GroupName": group["GroupName"]}).json["Services"]
    graph += server.request("/TraceGraph", {"TraceIds": ids[:1]}).json["Services"]
    for service in graph:
        assert isinstance(service["Edges"], list) and isinstance(service["ResponseTimeHistogram"], list)
        assert service.get("SummaryStatistics") or service["Edges"]
        for edge in service["Edges"]:
            assert edge["Aliases"] == [] and isinstance(edge["ResponseTimeHistogram"], list)
            assert edge["SummaryStatistics"]["TotalCount"] > 0
    # A list of traces, and one of them.
    filters = ['service(id(name: "shop", type: "AWS::ECS::Container")) { fault = true }', 'edge("shop", "stock")',
               'annotation.tier = "gold" AND http.status = 200', ""]
    found = [server.request("/TraceSummaries", {**span, "FilterExpression": f, "TimeRangeType": "Event"}).json for f in filters]
    assert [len(page["TraceSummaries"]) for page in found] == [4, 40, 0, 40]
    assert all(isinstance(summary["Http"], dict) for page in found for summary in page["TraceSummaries"])
    (trace,) = server.request("/Traces", {"TraceIds": ids[:1]}).json["Traces"]
    assert all(json.loads(each["Document"])["name"] for each in trace["Segments"])
    # Statistics of a service, of an edge and of everything.
    for selector in ('service(id(name: "shop", type: "AWS::ECS::Container"))', 'edge("shop", "stock") { fault = true }', None):
        asked = {**span, "Period": 60, **({"EntitySelectorExpression": selector} if selector else {})}
        for step in server.request("/TimeSeriesServiceStatistics", asked).json["TimeSeriesServiceStatistics"]:
            statistics = step.get("ServiceSummaryStatistics") or step["EdgeSummaryStatistics"]
            assert statistics["TotalCount"] is not None and statistics["TotalResponseTime"] is not None
    # Insights, and analytics: four parts of the range at the same time.
    insights = server.request("/InsightSummaries", {**span, "GroupName": "Default", "States": ["ACTIVE"]}).json
    assert insights["InsightSummaries"] == []
    quarter = (span["EndTime"] - span["StartTime"]) // 4

    def part(n):
        start = span["StartTime"] + n * quarter
        asked = {"StartTime": start, "EndTime": start + quarter, "TimeRangeType": "Event", "Sampling": True,
                 "SamplingStrategy": {"Name": "FixedRate", "Value": 1}}
        return server.request("/TraceSummaries", asked).json["TraceSummaries"]

    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(part, range(4)))
    assert {summary["Id"] for each in parts for summary in each} == set(ids)


def aws_cli(server, *words):
    """What the command line says, as JSON, or nothing."""
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1",
           "AWS_ENDPOINT_URL": server.url, "AWS_PAGER": ""}
    done = subprocess.run([sys.executable, "-m", "awscli", *words, "--output", "json"], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_command_line_with_metrics_and_dashboards(server, tmp_path):
    now = int(time.time()) // 60 * 60
    iso = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
    aws = lambda *words: aws_cli(server, "cloudwatch", *words)
    aws("put-metric-data", "--namespace", "Shop", "--metric-name", "orders", "--unit", "Count", "--value", "3", "--dimensions", "Region=eu,Kind=web", "--timestamp", iso(now - 120))
    aws("put-metric-data", "--namespace", "Shop", "--metric-data",
        f"MetricName=orders,Unit=Count,Timestamp={iso(now - 60)},Dimensions=[{{Name=Region,Value=eu}},{{Name=Kind,Value=web}}],StatisticValues={{SampleCount=2,Sum=9,Minimum=4,Maximum=5}}")
    assert aws("list-metrics", "--namespace", "Shop")["Metrics"][0]["MetricName"] == "orders"
    got = aws("get-metric-statistics", "--namespace", "Shop", "--metric-name", "orders", "--dimensions", "Name=Region,Value=eu", "Name=Kind,Value=web",
              "--start-time", iso(now - 300), "--end-time", iso(now), "--period", "300", "--statistics", "Sum", "Maximum")
    assert [(point["Sum"], point["Maximum"]) for point in got["Datapoints"]] == [(12, 5)]
    queries = tmp_path / "queries.json"
    queries.write_text(json.dumps([{"Id": "all", "Expression": "SUM(SEARCH('{Shop,Kind,Region} orders', 'Sum', 60)) * 10"}]))
    got = aws("get-metric-data", "--start-time", iso(now - 300), "--end-time", iso(now), "--metric-data-queries", f"file://{queries}")
    assert got["MetricDataResults"][0]["Values"] == [90, 30]
    body = json.dumps({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 6, "height": 6, "properties": {"metrics": [["Shop", "orders"]], "region": "us-east-1"}}]})
    assert aws("put-dashboard", "--dashboard-name", "shop", "--dashboard-body", body)["DashboardValidationMessages"] == []
    assert aws("get-dashboard", "--dashboard-name", "shop")["DashboardBody"] == body
    assert [entry["DashboardName"] for entry in aws("list-dashboards")["DashboardEntries"]] == ["shop"]
    picture = aws("get-metric-widget-image", "--metric-widget", json.dumps({"metrics": [["Shop", "orders", "Region", "eu", "Kind", "web"]]}))
    assert base64.b64decode(picture["MetricWidgetImage"]).startswith(b"\x89PNG")
    aws("put-anomaly-detector", "--single-metric-anomaly-detector", "Namespace=Shop,MetricName=orders,Stat=Sum")
    assert aws("describe-anomaly-detectors")["AnomalyDetectors"][0]["Stat"] == "Sum"
    aws("delete-dashboards", "--dashboard-names", "shop")
    assert aws("list-dashboards")["DashboardEntries"] == []


def test_the_command_line_with_clusters(server):
    aws = lambda *words: aws_cli(server, "ecs", *words)
    made = aws("create-cluster", "--cluster-name", "blue", "--settings", "name=containerInsights,value=enhanced", "--tags", "key=team,value=shop")["cluster"]
    assert made["status"] == "ACTIVE" and made["clusterArn"].endswith(":cluster/blue")
    assert aws("list-clusters")["clusterArns"] == [made["clusterArn"]]
    [told] = aws("describe-clusters", "--clusters", "blue", "--include", "SETTINGS", "TAGS")["clusters"]
    assert told["settings"] == [{"name": "containerInsights", "value": "enhanced"}] and told["tags"] == [{"key": "team", "value": "shop"}]
    aws("update-cluster-settings", "--cluster", "blue", "--settings", "name=containerInsights,value=disabled")
    aws("put-account-setting-default", "--name", "containerInsights", "--value", "enabled")
    assert aws("list-account-settings", "--effective-settings", "--name", "containerInsights")["settings"][0]["value"] == "enabled"
    for operation, member in (("list-services", "serviceArns"), ("list-tasks", "taskArns"), ("list-container-instances", "containerInstanceArns")):
        assert aws(operation, "--cluster", "blue")[member] == []
    assert aws("delete-cluster", "--cluster", "blue")["cluster"]["status"] == "INACTIVE"
