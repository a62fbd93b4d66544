"""GetTimeSeriesServiceStatistics and PutTelemetryRecords."""

import time

import pytest

from conftest import outcome, segment, subsegment


def series(server, start, end, **query):
    found, token = [], None
    while True:
        answer = server.xray.get_time_series_service_statistics(
            StartTime=start, EndTime=end, **query, **({"NextToken": token} if token else {}))
        found.extend(answer["TimeSeriesServiceStatistics"])
        token = answer.get("NextToken")
        if not token:
            return found


@pytest.fixture
def minute():
    """The start of a full minute, ten minutes ago."""
    return int(time.time()) // 300 * 300 - 600


def fill(server, minute):
    for n in range(10):
        owner = segment("app", start=minute + 6 * n, took=0.5, fault=True if n < 2 else None)
        owner["subsegments"] = [subsegment("api", owner, took=0.25, namespace="remote", error=True if n < 3 else None)]
        server.put(owner)
    server.put(segment("app", start=minute + 130, took=2))


def nonzero(found, member):
    return {int(s["Timestamp"].timestamp()): s[member] for s in found
            if s.get(member) and s[member]["TotalCount"]}


def test_service_selector(server, minute):
    fill(server, minute)
    got = nonzero(series(server, minute, minute + 300, EntitySelectorExpression='service("app")'), "ServiceSummaryStatistics")
    assert {t: outcome(s) for t, s in got.items()} == {minute: (8, 0, 0, 2), minute + 120: (1, 0, 0, 0)}
    assert got[minute]["TotalResponseTime"] == pytest.approx(5.0, abs=0.01)


def test_id_selector(server, minute):
    fill(server, minute)
    got = nonzero(series(server, minute, minute + 300, EntitySelectorExpression='service(id(name: "api", type: "remote"))'),
                  "ServiceSummaryStatistics")
    assert {t: outcome(s) for t, s in got.items()} == {minute: (7, 0, 3, 0)}


def test_edge_selector(server, minute):
    fill(server, minute)
    got = nonzero(series(server, minute, minute + 300, EntitySelectorExpression='edge("app", "api")'), "EdgeSummaryStatistics")
    assert {t: outcome(s) for t, s in got.items()} == {minute: (7, 0, 3, 0)}
    assert got[minute]["TotalResponseTime"] == pytest.approx(2.5, abs=0.01)


def test_without_selector(server, minute):
    """All edges together: client to app and app to api."""
    fill(server, minute)
    got = nonzero(series(server, minute, minute + 300), "EdgeSummaryStatistics")
    assert {t: outcome(s) for t, s in got.items()} == {minute: (15, 0, 3, 2), minute + 120: (1, 0, 0, 0)}


@pytest.mark.parametrize("period, stamps", [(60, [0, 120]), (300, [0])])
def test_period(server, minute, period, stamps):
    fill(server, minute)
    got = nonzero(series(server, minute, minute + 300, Period=period, EntitySelectorExpression='service("app")'), "ServiceSummaryStatistics")
    assert sorted(got) == [minute + s for s in stamps]
    assert sum(s["TotalCount"] for s in got.values()) == 11


def test_sums_equal_the_graph(server, minute):
    fill(server, minute)
    graph = server.service_graph(minute, minute + 300)
    got = nonzero(series(server, minute, minute + 300, EntitySelectorExpression='service("app")'), "ServiceSummaryStatistics")
    assert sum(s["TotalCount"] for s in got.values()) == graph.nodes[("app", None)]["SummaryStatistics"]["TotalCount"]


def test_histogram(server, minute):
    fill(server, minute)
    found = series(server, minute, minute + 60, EntitySelectorExpression='service("app")')
    entries = [h for s in found for h in s["ResponseTimeHistogram"]]
    assert sum(h["Count"] for h in entries) == 10
    assert all(h["Value"] == pytest.approx(0.5, abs=0.01) for h in entries)


def test_statistics_for_clients_that_need_one(server, minute):
    """Grafana needs TotalCount and TotalResponseTime in one of the two statistics of each item."""
    fill(server, minute)
    now = time.time()
    for query in ({}, {"EntitySelectorExpression": 'service("app")'}):
        body = server.request("/TimeSeriesServiceStatistics", {"StartTime": now - 1800, "EndTime": now, **query}).json
        assert body["ContainsOldGroupVersions"] is False
        for item in body["TimeSeriesServiceStatistics"]:
            some = item.get("EdgeSummaryStatistics") or item.get("ServiceSummaryStatistics")
            assert some["TotalCount"] is not None and some["TotalResponseTime"] is not None


@pytest.mark.parametrize("expression", ["", "nonsense(", 'service("a"', "x" * 501, "fault"])
def test_wrong_selector(server, expression):
    now = time.time()
    answer = server.request("/TimeSeriesServiceStatistics", {"StartTime": now - 60, "EndTime": now,
                                                             "EntitySelectorExpression": expression})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer


@pytest.mark.parametrize("period", [0, -60, 7, 59, 3600])
def test_wrong_period(server, period):
    now = time.time()
    answer = server.request("/TimeSeriesServiceStatistics", {"StartTime": now - 60, "EndTime": now, "Period": period})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer


def test_telemetry_records(server):
    """As the official daemon sends them, with empty strings for what it does not know."""
    now = time.time()
    server.xray.put_telemetry_records(
        TelemetryRecords=[{"Timestamp": now - n, "SegmentsReceivedCount": 10, "SegmentsSentCount": 8, "SegmentsSpilloverCount": 1,
                           "SegmentsRejectedCount": 1, "BackendConnectionErrors": {"TimeoutCount": 1, "OtherCount": 0}}
                          for n in range(10)], EC2InstanceId="", Hostname="", ResourceARN="")
    telemetry = server.ingest()["daemon_telemetry"]
    assert telemetry["records"] == 10
    assert (telemetry["segments_received"], telemetry["segments_sent"], telemetry["segments_spillover"],
            telemetry["segments_rejected"]) == (100, 80, 10, 10)
    assert server.request("/TelemetryRecords", {"TelemetryRecords": [{"Timestamp": now}]}).json == {}
