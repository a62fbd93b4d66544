"""Other people's clients and test suites, with only the endpoint set. AWS's SDK for Rust is in crates/server/tests/aws_sdk.rs."""

import json
import os
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


def test_motos_tests_of_x_ray(new_server, tmp_path):
    """They use times of long ago."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "moto", f"moto=={MOTO}", "-d", str(tmp_path)]
    fetched = subprocess.run(pip, capture_output=True, text=True, timeout=300)
    assert fetched.returncode == 0, fetched.stderr
    with tarfile.open(tmp_path / f"moto-{MOTO}.tar.gz") as archive:
        wanted = [m for m in archive.getmembers() if m.name.startswith(f"moto-{MOTO}/tests/") and m.name.count("/") <= 3
                  and (m.name.endswith("tests/__init__.py") or "/test_xray/" in m.name)]
        archive.extractall(tmp_path, members=wanted, filter="data")
    server = new_server(env={"MITOSHI_QUOTAS_LENIENT": "true"})
    env = {**os.environ, "TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": server.url,
           "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_xray/test_xray.py"],
                          cwd=tmp_path / f"moto-{MOTO}", capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout + done.stderr


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
