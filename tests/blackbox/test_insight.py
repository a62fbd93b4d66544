"""Insights: found in traffic, told through X-Ray's operations."""

import math
import time

import pytest
from botocore.exceptions import ClientError

from conftest import segment, subsegment, wait_for

REQUESTS = 20


def request(at, fault):
    """A page whose back end writes to a table, and fails or does not."""
    front = segment("front", start=at, took=0.4, fault=fault or None, user="someone")
    call = subsegment("back", front, namespace="remote", fault=fault or None)
    front["subsegments"] = [call]
    back = segment("back", front["trace_id"], at + 0.02, 0.03, parent_id=call["id"], fault=fault or None)
    back["subsegments"] = [subsegment("DynamoDB", back, took=0.01, namespace="aws", aws={"table_name": "orders"})]
    return [front, back]


def minute_ago(minutes):
    """The beginning of a minute that many minutes ago, of minutes that are over."""
    return (int(time.time() - 30) // 60 - minutes) * 60


def traffic(server, first, last, fails=lambda minute: False):
    """Requests of each minute from `first` minutes ago to `last`."""
    for minute in range(first, last - 1, -1):
        start = minute_ago(minute)
        documents = []
        for n in range(REQUESTS):
            documents += request(start + n * 60 / REQUESTS, fails(minute) and n % 2 == 0)
        server.put(*documents)


def summaries(server, group="shop", **more):
    now = time.time()
    return server.xray.get_insight_summaries(GroupName=group, StartTime=now - 7200, EndTime=now + 60, **more)["InsightSummaries"]


def watch(server, name="shop", expression='service("front")'):
    """A new group looks at the last hour at once."""
    return server.xray.create_group(GroupName=name, FilterExpression=expression,
                                    InsightsConfiguration={"InsightsEnabled": True})["Group"]


@pytest.fixture
def failing(server):
    traffic(server, 50, 1, lambda minute: 1 <= minute <= 8)
    watch(server)
    wait_for("an insight", lambda: summaries(server), 30)
    return server


def test_an_insight_is_found_and_told(failing):
    # It goes on, so what is asked for twice is asked for until nothing was added in between.
    def both_ways():
        (summary,) = summaries(failing)
        insight = failing.xray.get_insight(InsightId=summary["InsightId"])["Insight"]
        return insight == {k: v for k, v in summary.items() if k != "LastUpdateTime"} and summary

    summary = wait_for("the same insight from both operations", both_ways, 30)
    assert summary["State"] == "ACTIVE" and summary["Categories"] == ["FAULT"]
    assert summary["GroupName"] == "shop" and summary["GroupARN"].split(":group/shop/")[1]
    assert summary["RootCauseServiceId"]["Name"] == "back"
    assert [each["ServiceId"]["Name"] for each in summary["TopAnomalousServices"]] == ["back", "front"]
    for impact in (summary["ClientRequestImpactStatistics"], summary["RootCauseServiceRequestImpactStatistics"]):
        assert impact["TotalCount"] >= 7 * REQUESTS
        assert impact["FaultCount"] * 2 == impact["TotalCount"] == impact["OkCount"] + impact["FaultCount"]
    start = summary["StartTime"].timestamp()
    assert start % 60 == 0 and 7 * 60 <= time.time() - start <= 11 * 60
    assert "EndTime" not in summary and summary["LastUpdateTime"].timestamp() > start
    assert "back is failing" in summary["Summary"] and "50 %" in summary["Summary"]

    events = failing.xray.get_insight_events(InsightId=summary["InsightId"])["InsightEvents"]
    assert events and "back began to fail" in events[-1]["Summary"]
    assert events[-1]["ClientRequestImpactStatistics"]["FaultCount"] > 0

    graph = failing.xray.get_insight_impact_graph(
        InsightId=summary["InsightId"], StartTime=start, EndTime=time.time())
    nodes = {service["ReferenceId"]: service for service in graph["Services"]}
    calls = {(nodes[node]["Name"], nodes[node].get("Type"), nodes[edge["ReferenceId"]]["Name"])
             for node in nodes for edge in nodes[node]["Edges"]}
    # The table does not fail, so it is not part of it.
    assert calls == {("front", "client", "front"), ("front", None, "back")}
    assert graph["InsightId"] == summary["InsightId"] and graph["ServiceGraphStartTime"] == summary["StartTime"]


def test_filters_and_pages(failing):
    traffic(failing, 50, 1)
    watch(failing, "other", 'service("back")')
    wait_for("an insight", lambda: summaries(failing, "other"), 30)
    assert len(summaries(failing, States=["ACTIVE"])) == 1
    assert summaries(failing, States=["CLOSED"]) == []
    (mine,) = summaries(failing)
    (other,) = summaries(failing, "other")
    assert mine["InsightId"] != other["InsightId"]
    now = time.time()
    old = failing.xray.get_insight_summaries(GroupARN=mine["GroupARN"], StartTime=now - 7200, EndTime=now - 3600)
    assert old["InsightSummaries"] == []
    by_arn = failing.xray.get_insight_summaries(GroupARN=mine["GroupARN"], StartTime=now - 600, EndTime=now)
    assert [each["InsightId"] for each in by_arn["InsightSummaries"]] == [mine["InsightId"]]


def test_an_insight_survives_a_restart(failing):
    before = summaries(failing)
    failing.kill()
    failing.start()
    after = summaries(failing)
    assert [each["InsightId"] for each in after] == [each["InsightId"] for each in before]
    events = failing.xray.get_insight_events(InsightId=after[0]["InsightId"])["InsightEvents"]
    assert "began to fail" in events[-1]["Summary"]


def test_an_insight_that_is_over_is_closed(server):
    traffic(server, 50, 1, lambda minute: 20 <= minute <= 30)
    watch(server)
    (summary,) = wait_for("an insight", lambda: summaries(server, States=["CLOSED"]), 30)
    minutes = (summary["EndTime"] - summary["StartTime"]).total_seconds() / 60
    assert 10 <= minutes <= 12
    events = server.xray.get_insight_events(InsightId=summary["InsightId"], MaxResults=1)
    assert "no more than usual" in events["InsightEvents"][0]["Summary"]
    older = server.xray.get_insight_events(InsightId=summary["InsightId"], NextToken=events["NextToken"])
    assert "began to fail" in older["InsightEvents"][-1]["Summary"]


def test_traffic_without_faults_has_no_insight(server):
    traffic(server, 50, 1)
    documents = []
    for minute in range(50, 0, -1):
        for n in range(5):
            fault = minute < 8 or None
            documents.append(segment("lonely", start=minute_ago(minute) + n, fault=fault))
    server.put(*documents)
    watch(server)
    watch(server, "zzz", 'service("lonely")')
    # Groups are looked at one after the other: once the later one has its insight, the earlier one was looked at.
    wait_for("an insight", lambda: summaries(server, "zzz"), 30)
    assert summaries(server) == []


@pytest.mark.parametrize("wrong, message", [
    ({}, "GroupName or GroupARN is missing"),
    ({"GroupName": "nobody"}, "there is no group named nobody"),
    ({"GroupName": "Default", "States": ["ACTIVE", "CLOSED"]}, "more than one"),
    ({"GroupName": "Default", "States": ["OPEN"]}, "ACTIVE or CLOSED"),
    ({"GroupName": "Default", "MaxResults": 101}, "from 1 to 100"),
    ({"GroupName": "Default", "StartTime": 1_000_000_000}, "30 days"),
    ({"GroupName": "Default", "NextToken": "bogus"}, "NextToken"),
])
def test_wrong_questions(shared, wrong, message):
    now = int(time.time())
    answer = shared.request("/InsightSummaries", {"StartTime": now - 60, "EndTime": now, **wrong})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer
    assert message in answer.json["Message"]


def test_an_incident_is_not_expected_while_it_goes_on(server):
    traffic(server, 50, 1, lambda minute: minute <= 25)
    steps = server.xray.get_time_series_service_statistics(
        StartTime=minute_ago(25), EndTime=minute_ago(0), EntitySelectorExpression='service("back")',
        ForecastStatistics=True)["TimeSeriesServiceStatistics"]
    highs = [step["ServiceForecastStatistics"]["FaultCountHigh"] for step in steps]
    assert len(highs) == 25 and max(highs) <= 4 and highs[0] == highs[-1]


def test_forecast(server):
    traffic(server, 50, 1, lambda minute: minute == 3)
    start, end = minute_ago(40), minute_ago(0)
    answer = server.xray.get_time_series_service_statistics(
        StartTime=start, EndTime=end, EntitySelectorExpression='service(id(name: "back"))', ForecastStatistics=True)
    steps = answer["TimeSeriesServiceStatistics"]
    assert len(steps) == 40
    for step in steps:
        band, faults = step["ServiceForecastStatistics"], step["ServiceSummaryStatistics"]["FaultStatistics"]["TotalCount"]
        assert band["FaultCountLow"] == 0 <= band["FaultCountHigh"] <= 4
        assert (faults > band["FaultCountHigh"]) == (step["Timestamp"].timestamp() == minute_ago(3))
    with pytest.raises(ClientError, match="names a service"):
        server.xray.get_time_series_service_statistics(StartTime=start, EndTime=end, ForecastStatistics=True)
    plain = server.xray.get_time_series_service_statistics(
        StartTime=start, EndTime=end, EntitySelectorExpression='service("back")')["TimeSeriesServiceStatistics"]
    assert len(plain) == 40 and not any("ServiceForecastStatistics" in step for step in plain)
    assert math.isclose(sum(s["ServiceSummaryStatistics"]["TotalCount"] for s in plain), 40 * REQUESTS)
