"""Alarms: what state data make of them, what they say of it, and what is sent when it changes, over failures and kills."""

import datetime
import json
import os
import random
import re
import socket
import socketserver
import stat as file_modes
import threading
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cbor2
import pytest
from botocore.exceptions import ClientError

from conftest import wait_for
from test_account import ONE, OWN, TWO, world  # noqa: F401 (a fixture)
from test_cloudwatch_metric import SPACE, UTC, at, datum, expression, minute, put, stat
from test_log import refusal

ACCOUNT = "000000000000"
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
UNKNOWN = "INSUFFICIENT_DATA"
OPERATIONS = "/service/GraniteServiceVersion20100801/operation/"
KILLS = int(os.environ.get("MITOSHI_ALARM_KILL_ROUNDS", "12"))
KILL_SEED = int(os.environ.get("MITOSHI_ALARM_KILL_SEED", random.SystemRandom().getrandbits(32)))


def alarm_arn(name):
    return f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm:{name}"


def within_a_minute(seconds=12):
    """Windows end with whole minutes, a few seconds after them: what puts data for one has to be done before the next begins."""
    wait_for("the middle of a minute", lambda: 8 < time.time() % 60 < 60 - seconds, seconds + 15)


def alarm(name, **more):
    """The input of PutMetricAlarm; members that are None are left out."""
    made = {"AlarmName": name, "Namespace": "Shop", "MetricName": name, "Statistic": "Average", "Period": 60, "EvaluationPeriods": 1,
            "Threshold": 5.0, "ComparisonOperator": "GreaterThanThreshold", **more}
    return {member: value for member, value in made.items() if value is not None}


def put_alarm(server, name, **more):
    server.cloudwatch.put_metric_alarm(**alarm(name, **more))


def of_queries(name, *queries, **more):
    return alarm(name, **{"MetricName": None, "Namespace": None, "Statistic": None, "Period": None, "Metrics": list(queries), **more})


def switch(server, name, **more):
    """An alarm without data that stays in whatever state it is set to."""
    put_alarm(server, name, TreatMissingData="ignore", **more)


def turn(server, name, state, reason="by hand", **more):
    server.cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason, **more)


def told(server, name):
    answer = server.cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    found = answer["MetricAlarms"] + answer["CompositeAlarms"]
    assert len(found) <= 1
    return found[0] if found else None


def state(server, name):
    return told(server, name)["StateValue"]


def becomes(server, name, wanted, deadline=10):
    wait_for(f"{name} to be {wanted}", lambda: state(server, name) == wanted, deadline)
    return told(server, name)


def history(server, name=None, kind=None, **more):
    """All items of all pages, oldest first."""
    asked = {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "ScanBy": "TimestampAscending", **more}
    if name:
        asked["AlarmName"] = name
    if kind:
        asked["HistoryItemType"] = kind
    found = []
    while True:
        answer = server.cloudwatch.describe_alarm_history(**asked)
        found += answer["AlarmHistoryItems"]
        if not answer.get("NextToken"):
            return found
        asked["NextToken"] = answer["NextToken"]


def preview(server, start, end, **definition):
    answer = server.request("/api/alarm-preview", {"Alarm": definition, "StartTime": start, "EndTime": end})
    assert answer.status == 200, answer
    return answer.json


def put_row(server, name, row, end=None, fine=1, bad=9):
    """A value for each whole minute up to the last complete one: 0 is fine, X is not, - is none."""
    end = minute(0) if end is None else end
    data = [datum(name, end - 60 * (len(row) - place), bad if each == "X" else fine) for place, each in enumerate(row) if each != "-"]
    if data:
        put(server, "Shop", *data)


# -- what missing data make of it

# Oldest first; M of three, and the states by treatment. None is whatever it was.
ROWS = [
    ("0-X-X", 3, ("OK",) * 4), ("0----", 3, ("OK",) * 4), ("-----", 3, (UNKNOWN, None, "ALARM", "OK")),
    ("0XX-X", 3, ("ALARM",) * 4), ("--X--", 3, ("ALARM", None, "ALARM", "OK")),
    ("0-X-X", 2, ("ALARM",) * 4), ("00X0X", 2, ("ALARM",) * 4), ("0-X--", 2, ("OK", "OK", "ALARM", "OK")),
    ("----0", 2, ("OK", "OK", "ALARM", "OK")), ("---X-", 2, ("ALARM", None, "ALARM", "OK")),
    # An alarm would be premature.
    ("----X", 3, (None, None, "ALARM", "OK")), ("---X-", 3, (None, None, "ALARM", "OK")),
]


@pytest.fixture(scope="module")
def rows(shared):
    within_a_minute(20)
    cases = {}
    for number, (row, needed, wanted) in enumerate(ROWS):
        put_row(shared, f"row{number}", row)
        for treatment, outcome in zip(TREATMENTS, wanted):
            name = f"row{number}-{treatment}"
            put_alarm(shared, name, MetricName=f"row{number}", EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treatment)
            cases[name] = outcome or UNKNOWN

    def states():
        found = {}
        for page in shared.cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix="row"):
            found.update((each["AlarmName"], each["StateValue"]) for each in page["MetricAlarms"])
        return found

    wait_for("evaluations", lambda: states() == cases or time.time() % 60 > 55, 8, 0.2)
    return states()


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("number", range(len(ROWS)), ids=[f"{row}-{needed}" for row, needed, _ in ROWS])
def test_states_of_the_tables_of_missing_data(rows, number, treatment):
    wanted = ROWS[number][2][TREATMENTS.index(treatment)] or UNKNOWN
    assert rows[f"row{number}-{treatment}"] == wanted


def evaluated(points, periods, needed, treatment, current):
    """The contract's rules, as reference/alarm_eval.py states them."""
    real = [(len(points) - place, each) for place, each in enumerate(points) if each != "-"]
    if len(real) >= periods:
        return "ALARM" if sum(each == "X" for _, each in real[-periods:]) >= needed else "OK"
    breaching, fills = sum(each == "X" for _, each in real), periods - len(real)
    if treatment == "breaching":
        return "ALARM" if breaching + fills >= needed else "OK"
    if treatment == "notBreaching":
        return "ALARM" if breaching >= needed else "OK"
    if not real:
        return UNKNOWN if treatment == "missing" else current
    if breaching >= needed:
        return "ALARM"
    if any(each == "0" for _, each in real):
        return "OK"
    return "ALARM" if treatment == "missing" and max(age for age, _ in real) >= needed else current


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_preview_goes_through_the_states_that_the_rules_give(shared, treatment):
    chance, end, length = random.Random(11), minute(5), 90
    for round_ in range(4):
        row = "".join(chance.choices("0X-", (2, 2, (1, 3, 6, 9)[round_]), k=length))
        name = f"preview-{treatment}-{round_}"
        put_row(shared, name, row, end)
        for needed in (1, 2, 3):
            answer = preview(shared, end - 60 * length, end, **alarm(
                name, EvaluationPeriods=3, DatapointsToAlarm=needed, TreatMissingData=treatment))
            changes = {each["StartTime"]: each["StateValue"] for each in answer["States"]}
            current, seen, wanted_all, seen_all = UNKNOWN, UNKNOWN, [], []
            for place in range(length + 1):
                if place:
                    current = evaluated(("-" * 5 + row)[place:place + 5], 3, needed, treatment, current)
                    wanted_all.append(current)
                seen = changes.get(end - 60 * (length - place), seen)
                if place:
                    seen_all.append(seen)
            # Before all data a window may end at the beginning itself; it holds nothing.
            if treatment in ("breaching", "notBreaching") or wanted_all[0] != UNKNOWN:
                assert seen_all[1:] == wanted_all[1:], (row, needed, treatment)
            else:
                assert seen_all == wanted_all, (row, needed, treatment)


def test_a_preview_tells_series_threshold_and_why(shared):
    end = minute(3)
    put_row(shared, "looked-at", "0X0", end)
    answer = preview(shared, end - 600, end, **alarm("looked-at", TreatMissingData="notBreaching"))
    assert answer["Period"] == 60 and answer["Threshold"] == 5.0 and answer["Band"] is None
    [series] = answer["Series"]
    assert series["Times"] == [end - 180, end - 120, end - 60] and series["Values"] == [1.0, 9.0, 1.0]
    alarmed = [each for each in answer["States"] if each["StateValue"] == "ALARM"]
    assert [each["StartTime"] for each in alarmed] == [end - 60] and "1 datapoint [9.0" in alarmed[0]["StateReason"]
    assert answer["States"][-1]["StateValue"] == "OK"
    # Nothing is made by it.
    assert told(shared, "looked-at") is None and history(shared, "looked-at") == []


@pytest.mark.parametrize("wrong", [
    {}, {"Alarm": {}, "StartTime": 1, "EndTime": 2}, {"Alarm": alarm("x"), "StartTime": 100, "EndTime": 50}, {"Alarm": alarm("x", Period=7), "StartTime": 0, "EndTime": 600},
    {"Alarm": alarm("x"), "StartTime": "soon", "EndTime": 600}, {"Alarm": "x", "StartTime": 0, "EndTime": 600}, {"Alarm": alarm("x"), "StartTime": 0, "EndTime": 1e18},
    {"Alarm": alarm("x", Period=10), "StartTime": 0, "EndTime": int(time.time())},
])
def test_previews_that_cannot_be(shared, wrong):
    answer = shared.request("/api/alarm-preview", wrong, timeout=20)
    assert answer.status == 400, answer
    assert shared.alive()


# -- what it says


def test_an_alarm_says_why_it_is_in_alarm(shared):
    within_a_minute()
    end = minute(0)
    put_row(shared, "why", "00XX0X", bad=7.25)
    put_alarm(shared, "why", EvaluationPeriods=4, DatapointsToAlarm=3)
    found = becomes(shared, "why", "ALARM")
    when = [datetime.datetime.fromtimestamp(end - 60 * ago, UTC) for ago in (1, 2, 3, 4)]
    words = [f"{moment:%d/%m/%y %H:%M:%S}" for moment in when]
    assert found["StateReason"] == (
        f"Threshold Crossed: 3 out of the last 4 datapoints [7.25 ({words[0]}), 7.25 ({words[2]}), 7.25 ({words[3]})] "
        "were greater than the threshold (5.0) (minimum 3 datapoints for OK -> ALARM transition).")
    data = json.loads(found["StateReasonData"])
    assert data["version"] == "1.0" and data["statistic"] == "Average" and data["period"] == 60 and data["threshold"] == 5.0
    assert data["recentDatapoints"] == [7.25, 7.25, 1.0, 7.25]
    assert data["startDate"] == f"{when[3]:%Y-%m-%dT%H:%M:%S}.000+0000"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", data["queryDate"])
    assert data["evaluatedDatapoints"] == [
        {"timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.000+0000", "sampleCount": 1.0, "value": value} for moment, value in zip(when, (7.25, 1.0, 7.25, 7.25))]
    assert found["StateUpdatedTimestamp"] == found["StateTransitionedTimestamp"] and abs(found["StateUpdatedTimestamp"].timestamp() - time.time()) < 30


@pytest.mark.parametrize("name, row, more, wanted, words", [
    ("one", "X", {}, "ALARM", r"Threshold Crossed: 1 datapoint \[9\.0 \(.{17}\)\] was greater than the threshold \(5\.0\)\."),
    ("fine", "0", {}, "OK", r"Threshold Crossed: 1 datapoint \[1\.0 \(.{17}\)\] was not greater than the threshold \(5\.0\)\."),
    ("fine-two", "00", {"EvaluationPeriods": 2}, "OK", r"Threshold Crossed: 2 out of the last 2 datapoints \[.*\] were not greater than the threshold \(5\.0\) \(minimum 1 datapoint for ALARM -> OK transition\)\."),
    ("none-is-bad", "-", {"EvaluationPeriods": 2, "TreatMissingData": "breaching"}, "ALARM", r"Threshold Crossed: no datapoints were received for 2 periods and 2 missing datapoints were treated as \[Breaching\]\."),
    ("none-is-fine", "-", {"TreatMissingData": "notBreaching"}, "OK", r"Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as \[NonBreaching\]\."),
    ("low", "0", {"ComparisonOperator": "LessThanOrEqualToThreshold", "Threshold": 1}, "ALARM", r".* was less than or equal to the threshold \(1\.0\)\."),
    ("high", "X", {"ComparisonOperator": "GreaterThanOrEqualToThreshold", "Threshold": 9}, "ALARM", r".* was greater than or equal to the threshold \(9\.0\)\."),
    ("less", "0", {"ComparisonOperator": "LessThanThreshold"}, "ALARM", r".* was less than the threshold \(5\.0\)\."),
])
def test_words_of_reasons(shared, name, row, more, wanted, words):
    within_a_minute()
    put_row(shared, f"words-{name}", row)
    put_alarm(shared, f"words-{name}", **more)
    assert re.fullmatch(words, becomes(shared, f"words-{name}", wanted)["StateReason"]), told(shared, f"words-{name}")["StateReason"]


def test_an_alarm_without_data_says_that_they_are_unknown(shared):
    put_alarm(shared, "nothing-known", EvaluationPeriods=3)
    wait_for("an evaluation", lambda: "Unchecked" not in told(shared, "nothing-known")["StateReason"], 75, 0.5)
    assert told(shared, "nothing-known")["StateReason"] == "Insufficient Data: 3 datapoints were unknown."
    assert state(shared, "nothing-known") == UNKNOWN
    # It is no transition.
    assert history(shared, "nothing-known", "StateUpdate") == []


def test_long_reasons_fit_where_they_are_told(shared):
    within_a_minute(20)
    put_row(shared, "long", "X" * 300, bad=123456789.123456)
    topic = shared.aws("sns").create_topic(Name="t" * 256)["TopicArn"]
    put_alarm(shared, "long", EvaluationPeriods=300, AlarmDescription="d" * 1024, AlarmActions=[topic])
    found = becomes(shared, "long", "ALARM")
    assert len(found["StateReason"]) <= 1023 and len(found["StateReasonData"]) <= 4000
    assert json.loads(found["StateReasonData"])["version"] == "1.0" and "300 out of the last 300 datapoints" in found["StateReason"]
    wait_for("the action", lambda: history(shared, "long", "Action"))
    for item in history(shared, "long"):
        assert len(item["HistorySummary"]) <= 255 and json.loads(item["HistoryData"])
    assert {item["HistoryItemType"]: len(item["HistoryData"]) for item in history(shared, "long") if len(item["HistoryData"]) > 4095} == {}


def test_history_tells_the_life_of_an_alarm(server):
    sns, cloudwatch = server.aws("sns"), server.cloudwatch
    topic = sns.create_topic(Name="told")["TopicArn"]
    before = time.time()
    switch(server, "life", AlarmActions=[topic], AlarmDescription="first")
    turn(server, "life", "ALARM", "it broke", StateReasonData='{"by": "hand"}')
    switch(server, "life", AlarmActions=[topic], AlarmDescription="second", Threshold=6)
    turn(server, "life", "OK", "it is well")
    wait_for("the action", lambda: history(server, "life", "Action"))
    cloudwatch.delete_alarms(AlarmNames=["life"])
    assert told(server, "life") is None
    # It outlives the alarm, and the server.
    server.restart()
    items = history(server, "life")
    assert all(item["AlarmName"] == "life" and item["AlarmType"] == "MetricAlarm" and before - 1 < item["Timestamp"].timestamp() < time.time() + 1 for item in items)
    assert [item["Timestamp"] for item in items] == sorted(item["Timestamp"] for item in items)
    kinds = [(item["HistoryItemType"], item["HistorySummary"]) for item in items]
    action = ("Action", f"Successfully executed action {topic}")
    assert kinds.count(action) == 1
    assert [kind for kind in kinds if kind != action] == [
        ("ConfigurationUpdate", 'Alarm "life" created'), ("StateUpdate", f"Alarm updated from {UNKNOWN} to ALARM"), ("ConfigurationUpdate", 'Alarm "life" updated'),
        ("StateUpdate", "Alarm updated from ALARM to OK"), ("ConfigurationUpdate", 'Alarm "life" deleted')]
    created, broke, updated, _, deleted = [json.loads(item["HistoryData"]) for item in items if item["HistoryItemType"] != "Action"]
    assert created["type"] == "Create" and created["createdAlarm"]["alarmDescription"] == "first"
    assert updated["type"] == "Update" and updated["updatedAlarm"]["alarmDescription"] == "second" and updated["updatedAlarm"]["threshold"] == 6.0
    assert deleted["type"] == "Delete" and deleted["deletedAlarm"]["alarmName"] == "life"
    assert broke["version"] == "1.0" and broke["newState"]["stateValue"] == "ALARM" and broke["newState"]["stateReason"] == "it broke"
    assert broke["newState"]["stateReasonData"] == {"by": "hand"} and broke["oldState"]["stateValue"] == UNKNOWN
    assert broke["oldState"]["stateReason"].startswith("Unchecked: Initial alarm creation")
    # Of another alarm of the same name, nothing is mixed up.
    switch(server, "life")
    assert [item["HistorySummary"] for item in history(server, "life", "ConfigurationUpdate")][-2:] == ['Alarm "life" deleted', 'Alarm "life" created']
    assert state(server, "life") == UNKNOWN


def test_history_is_told_in_pages_by_date_and_by_kind(server):
    cloudwatch = server.cloudwatch
    switch(server, "paged")
    switch(server, "other")
    cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(paged)")
    for number in range(12):
        turn(server, "paged", ("ALARM", "OK")[number % 2], f"turn {number}")
        turn(server, "other", ("ALARM", "OK")[number % 2], f"turn {number}")
    everything = history(server, "paged")
    assert len(everything) == 13
    pages, token = [], None
    while True:
        page = cloudwatch.describe_alarm_history(AlarmName="paged", MaxRecords=4, **({"NextToken": token} if token else {}))
        pages.append(page["AlarmHistoryItems"])
        token = page.get("NextToken")
        if not token:
            break
    assert [len(page) for page in pages] == [4, 4, 4, 1]
    # Newest first unless it is asked otherwise.
    assert [item for page in pages for item in page] == everything[::-1]
    # What happens between pages moves nothing.
    first = cloudwatch.describe_alarm_history(AlarmName="paged", MaxRecords=4)
    turn(server, "paged", "ALARM", "in between")
    second = cloudwatch.describe_alarm_history(AlarmName="paged", MaxRecords=4, NextToken=first["NextToken"])
    assert second["AlarmHistoryItems"] == everything[::-1][4:8]
    assert [item["HistoryItemType"] for item in history(server, "paged", "ConfigurationUpdate")] == ["ConfigurationUpdate"]
    some = everything[5]["Timestamp"], everything[8]["Timestamp"]
    ranged = history(server, "paged", StartDate=some[0] - datetime.timedelta(milliseconds=1), EndDate=some[1] + datetime.timedelta(milliseconds=1))
    assert [item for item in ranged if some[0] <= item["Timestamp"] <= some[1]] == everything[5:9] and len(ranged) <= 6
    assert history(server, "paged", StartDate=at(time.time() + 3600)) == [] and history(server, "paged", EndDate=at(time.time() - 3600)) == []
    # Of all alarms; metric ones alone unless others are asked for.
    assert {item["AlarmName"] for item in history(server)} == {"paged", "other", "above"}
    assert {item["AlarmName"] for item in cloudwatch.describe_alarm_history()["AlarmHistoryItems"]} == {"paged", "other"}
    composite = history(server, AlarmTypes=["CompositeAlarm"])
    assert {(item["AlarmName"], item["AlarmType"]) for item in composite} == {("above", "CompositeAlarm")}
    assert history(server, "nobody") == []
    assert refusal(cloudwatch.describe_alarm_history, AlarmName="paged", NextToken="wrong")[0] == "InvalidNextToken"
    for wrong in ({"MaxRecords": 0}, {"MaxRecords": 101}, {"HistoryItemType": "Weather"}, {"ScanBy": "Colour"}, {"AlarmTypes": ["Clock"]}):
        assert refusal(cloudwatch.describe_alarm_history, AlarmName="paged", **wrong)[0] in ("ValidationError", "InvalidParameterValue"), wrong


def test_an_update_keeps_the_state_and_replaces_all_else(shared):
    switch(shared, "replaced", AlarmDescription="old", OKActions=[f"arn:aws:sns:us-east-1:{ACCOUNT}:x"], DatapointsToAlarm=1, Unit="Percent", ActionsEnabled=False)
    turn(shared, "replaced", "ALARM")
    first = told(shared, "replaced")
    assert first["Unit"] == "Percent" and first["DatapointsToAlarm"] == 1 and first["TreatMissingData"] == "ignore" and first["ActionsEnabled"] is False
    switch(shared, "replaced", Statistic=None, ExtendedStatistic="p90", Threshold=7, Dimensions=[{"Name": "a", "Value": "b"}])
    second = told(shared, "replaced")
    assert second["StateValue"] == "ALARM" and second["StateTransitionedTimestamp"] == first["StateTransitionedTimestamp"]
    assert second["ExtendedStatistic"] == "p90" and second["Threshold"] == 7.0 and second["Dimensions"] == [{"Name": "a", "Value": "b"}]
    assert not {"AlarmDescription", "Unit", "DatapointsToAlarm", "Statistic"} & set(second) and second["OKActions"] == [] and second["ActionsEnabled"] is True
    assert second["AlarmConfigurationUpdatedTimestamp"] > first["AlarmConfigurationUpdatedTimestamp"]
    assert second["AlarmArn"] == first["AlarmArn"] == alarm_arn("replaced")


def test_a_state_set_again_is_an_update_and_no_transition(shared):
    switch(shared, "again")
    turn(shared, "again", "OK", "one")
    first = told(shared, "again")
    turn(shared, "again", "OK", "two")
    second = told(shared, "again")
    assert second["StateReason"] == "two" and second["StateUpdatedTimestamp"] > first["StateUpdatedTimestamp"]
    assert second["StateTransitionedTimestamp"] == first["StateTransitionedTimestamp"]
    assert len(history(shared, "again", "StateUpdate")) == 1


def test_a_metric_alarm_goes_back_with_its_next_evaluation(shared):
    within_a_minute()
    put(shared, "Shop", *[datum("fast", int(time.time()) // 10 * 10 + offset, 1, StorageResolution=1) for offset in range(-60, 90, 10)])
    put_alarm(shared, "fast", Period=10)
    becomes(shared, "fast", "OK")
    turn(shared, "fast", "ALARM", "let us see")
    back = becomes(shared, "fast", "OK", 25)
    assert back["StateReason"].startswith("Threshold Crossed")
    assert [item["HistorySummary"] for item in history(shared, "fast", "StateUpdate")] == [
        f"Alarm updated from {UNKNOWN} to OK", "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK"]


# -- what is compared with what


@pytest.mark.parametrize("operator, breaching, fine", [
    ("GreaterThanThreshold", 5.1, 5), ("GreaterThanOrEqualToThreshold", 5, 4.9), ("LessThanThreshold", 4.9, 5), ("LessThanOrEqualToThreshold", 5, 5.1)])
def test_operators(shared, operator, breaching, fine):
    within_a_minute()
    for kind, value, wanted in (("bad", breaching, "ALARM"), ("fine", fine, "OK")):
        put(shared, "Shop", datum(f"{operator}-{kind}", minute(1), value))
        put_alarm(shared, f"{operator}-{kind}", ComparisonOperator=operator)
        becomes(shared, f"{operator}-{kind}", wanted)


@pytest.mark.parametrize("row, periods, needed, wanted", [
    ("X00X", 4, 2, "ALARM"), ("X000", 4, 2, "OK"), ("X0000", 4, 1, "OK"), ("0X000", 4, 1, "ALARM"), ("XXX0", 4, None, "OK"), ("XXXX", 4, None, "ALARM"), ("XX0XX", 5, 4, "ALARM")])
def test_m_of_n(shared, row, periods, needed, wanted):
    within_a_minute()
    name = f"m-of-n-{row}-{periods}-{needed}"
    put_row(shared, name, row)
    put_alarm(shared, name, EvaluationPeriods=periods, DatapointsToAlarm=needed)
    becomes(shared, name, wanted)


@pytest.mark.parametrize("statistic, wanted", [("SampleCount", 3.0), ("Average", 4.0), ("Sum", 12.0), ("Minimum", 1.0), ("Maximum", 9.0), ("p50", 2.0), ("tm50", None)])
def test_statistics_of_a_period(shared, statistic, wanted):
    within_a_minute()
    name = f"of-{statistic}"
    put(shared, "Shop", datum(name, minute(1), Values=[1.0, 2.0, 9.0]))
    kind = {"ExtendedStatistic": statistic, "Statistic": None} if statistic[0].islower() else {"Statistic": statistic}
    put_alarm(shared, name, Threshold=0, **kind)
    data = json.loads(becomes(shared, name, "ALARM")["StateReasonData"])
    assert data["evaluatedDatapoints"][0]["sampleCount"] == 3.0 and data["statistic"] == statistic
    if wanted is not None:
        assert data["recentDatapoints"] == [pytest.approx(wanted, rel=0.02)]


@pytest.mark.parametrize("percentile, samples, evaluate, wanted", [
    ("p99", 999, "ignore", UNKNOWN), ("p99", 999, "evaluate", "ALARM"), ("p99", 999, None, "ALARM"), ("p99", 1000, "ignore", "ALARM"),
    ("p50", 19, "ignore", UNKNOWN), ("p50", 20, "ignore", "ALARM"), ("p10", 99, "ignore", UNKNOWN), ("p10", 100, "ignore", "ALARM")])
def test_percentiles_of_few_samples(shared, percentile, samples, evaluate, wanted):
    within_a_minute()
    name = f"few-{percentile}-{samples}-{evaluate}"
    put(shared, "Shop", datum(name, minute(1), Values=[7.0, 8.0], Counts=[samples // 2, samples - samples // 2]))
    put_alarm(shared, name, Statistic=None, ExtendedStatistic=percentile, EvaluateLowSampleCountPercentile=evaluate)
    put_alarm(shared, name + "-last", MetricName=name)
    becomes(shared, name + "-last", "ALARM")
    becomes(shared, name, wanted)


def test_another_unit_is_no_data(shared):
    within_a_minute()
    put(shared, "Shop", datum("unit", minute(1), 9, Unit="Seconds"))
    put_alarm(shared, "unit", Unit="Milliseconds")
    put_alarm(shared, "unit-right", MetricName="unit", Unit="Seconds")
    put_alarm(shared, "unit-any", MetricName="unit")
    assert json.loads(becomes(shared, "unit-right", "ALARM")["StateReasonData"])["unit"] == "Seconds"
    becomes(shared, "unit-any", "ALARM")
    assert state(shared, "unit") == UNKNOWN


def test_dimensions_are_exact(shared):
    within_a_minute()
    put(shared, "Shop", datum("sized", minute(1), 9, {"Size": "l", "Colour": "red"}))
    for name, dimensions, wanted in (("both", [("Colour", "red"), ("Size", "l")], "ALARM"), ("one", [("Size", "l")], UNKNOWN), ("none", [], UNKNOWN)):
        put_alarm(shared, f"sized-{name}", MetricName="sized", Dimensions=[{"Name": key, "Value": value} for key, value in dimensions])
        becomes(shared, f"sized-{name}", wanted)


def test_long_periods_slide_and_those_of_a_wall_clock_do_not(shared):
    within_a_minute()
    end = minute(0)
    put(shared, "Shop", *[datum("slides", end - 60 * ago, 2 ** (ago - 1)) for ago in range(1, 11)])
    put_alarm(shared, "slides", Period=300, Statistic="Sum", Threshold=0)
    put_alarm(shared, "clock", MetricName="slides", Period=300, Statistic="Sum", Threshold=0, EvaluationWindow={"WallClockWindow": {"Timezone": "Europe/Berlin"}})
    sliding = json.loads(becomes(shared, "slides", "ALARM")["StateReasonData"])
    assert sliding["recentDatapoints"] == [31.0] and sliding["startDate"] == f"{at(end - 300):%Y-%m-%dT%H:%M:%S}.000+0000"
    last = end // 300 * 300
    whole = json.loads(becomes(shared, "clock", "ALARM")["StateReasonData"])
    assert whole["recentDatapoints"] == [float(sum(2 ** ((end - when) // 60 - 1) for when in range(last - 300, last, 60)))]
    assert told(shared, "clock")["EvaluationWindow"] == {"WallClockWindow": {"Timezone": "Europe/Berlin"}}


def test_short_periods_see_the_last_seconds(shared):
    within_a_minute()
    now = int(time.time()) // 10 * 10
    put(shared, "Shop", datum("short", now - 20, 9, StorageResolution=1), datum("short", now - 10, 9, StorageResolution=1), datum("short", now - 30, 1, StorageResolution=1))
    put_alarm(shared, "short", Period=10, EvaluationPeriods=2)
    becomes(shared, "short", "ALARM")


def test_expressions(shared):
    within_a_minute()
    when = minute(1)
    put(shared, "Shop", datum("errors", when, 3), datum("requests", when, 20), datum("errors", when - 60, 1), datum("requests", when - 60, 20))
    inputs = [stat("m1", "Shop", "errors", "Sum", ReturnData=False), stat("m2", "Shop", "requests", "Sum", ReturnData=False)]
    shared.cloudwatch.put_metric_alarm(**of_queries("rate", expression("100 * m1 / m2", "e1", Label="Error rate"), *inputs, Threshold=10))
    found = becomes(shared, "rate", "ALARM")
    assert "1 datapoint [15.0 (" in found["StateReason"]
    assert "MetricName" not in found and [query["Id"] for query in found["Metrics"]] == ["e1", "m1", "m2"]
    assert found["Metrics"][0]["Label"] == "Error rate" and found["Metrics"][1]["MetricStat"]["Metric"]["MetricName"] == "errors" and found["Metrics"][1]["ReturnData"] is False
    data = json.loads(found["StateReasonData"])
    assert data["recentDatapoints"] == [15.0] and data["period"] == 60
    # No value of a period is a missing datapoint.
    shared.cloudwatch.put_metric_alarm(**of_queries("rate-of-none", expression("m1 / (m2 - 20)", "e1"), *inputs, Threshold=10, TreatMissingData="breaching"))
    becomes(shared, "rate-of-none", "ALARM")
    shared.cloudwatch.put_metric_alarm(**of_queries("single", stat("m1", "Shop", "errors", "Sum"), Threshold=2))
    becomes(shared, "single", "ALARM")


@pytest.fixture(scope="module")
def banded(shared):
    """Three days that are alike, and ten minutes that are not."""
    within_a_minute(25)
    end, usual = minute(0), lambda when: 100 + 10 * (when // 60 % 7)
    data = [datum("banded", when, usual(when)) for when in range(end - 3 * 86400, end - 600, 60)]
    data += [datum("banded", when, 1000) for when in range(end - 600, end + 180, 60)]
    for place in range(0, len(data), 1000):
        put(shared, "Shop", *data[place:place + 1000])
    queries = [stat("m1", "Shop", "banded", ReturnData=True), expression("ANOMALY_DETECTION_BAND(m1, 2)", "ad1")]
    for operator in ("LessThanLowerOrGreaterThanUpperThreshold", "GreaterThanUpperThreshold", "LessThanLowerThreshold"):
        shared.cloudwatch.put_metric_alarm(**of_queries(operator, *queries, Threshold=None, ThresholdMetricId="ad1", ComparisonOperator=operator, EvaluationPeriods=3))
    return end, queries


@pytest.mark.parametrize("operator, wanted, words", [
    ("LessThanLowerOrGreaterThanUpperThreshold", "ALARM", r"were less than the lower thresholds \[.*\] or greater than the upper thresholds \[.*\] \(minimum 3 datapoints for OK -> ALARM transition\)\."),
    ("GreaterThanUpperThreshold", "ALARM", r"were greater than the upper thresholds \[.*\] \(minimum 3 datapoints for OK -> ALARM transition\)\."),
    ("LessThanLowerThreshold", "OK", r"were not less than the lower thresholds \[.*\] \(minimum 1 datapoint for ALARM -> OK transition\)\."),
])
def test_bands(shared, banded, operator, wanted, words):
    found = becomes(shared, operator, wanted)
    assert found["ThresholdMetricId"] == "ad1" and "Threshold" not in found
    data = json.loads(found["StateReasonData"])
    assert data["recentDatapoints"] == [1000.0] * 3 and "threshold" not in data
    assert re.fullmatch(r"Thresholds Crossed: 3 out of the last 3 datapoints \[1000\.0 \(.*\)\] " + words, found["StateReason"]), found["StateReason"]


def test_reasons_of_bands_tell_the_thresholds(shared, banded):
    data = json.loads(becomes(shared, "LessThanLowerOrGreaterThanUpperThreshold", "ALARM")["StateReasonData"])
    assert len(data["recentUpperThresholds"]) == len(data["recentLowerThresholds"]) == 3, data


def test_an_alarm_has_the_band_that_a_query_has(shared, banded):
    end, queries = banded
    evaluated_ = json.loads(becomes(shared, "GreaterThanUpperThreshold", "ALARM")["StateReasonData"])["evaluatedDatapoints"]
    answer = shared.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=at(end - 3 * 3600), EndTime=at(end))
    upper = next(dict(zip([f"{when:%Y-%m-%dT%H:%M}" for when in each["Timestamps"]], each["Values"])) for each in answer["MetricDataResults"] if each["Label"].endswith("(expected, high)"))
    wanted = [upper[each["timestamp"][:16]] for each in evaluated_]
    assert [each["threshold"] for each in evaluated_] == pytest.approx(wanted, rel=0.05)


def test_a_preview_has_the_band(shared, banded):
    end, queries = banded
    answer = preview(shared, end - 3600, end, **of_queries(
        "x", *queries, Threshold=None, ThresholdMetricId="ad1", ComparisonOperator="GreaterThanUpperThreshold", EvaluationPeriods=3))
    assert answer["Threshold"] is None and len(answer["Band"]["Upper"]) == len(answer["Band"]["Lower"]) > 50
    assert [each["StateValue"] for each in answer["States"]] == ["OK", "ALARM"]
    assert answer["States"][-1]["StartTime"] == end - 600 + 180


def test_a_band_does_not_get_used_to_an_incident(shared):
    """Of forty minutes, where three days are alike."""
    quarter = int(time.time()) // 900 * 900 - 5400
    begin, end = quarter - 600, quarter + 1800
    data = [datum("incident", when, 600 if begin <= when < end else 100 + 10 * (when // 60 % 7)) for when in range(quarter - 3 * 86400, end + 1200, 60)]
    for place in range(0, len(data), 1000):
        put(shared, "Shop", *data[place:place + 1000])
    answer = preview(shared, begin - 900, end + 900, **of_queries(
        "x", stat("m1", "Shop", "incident", ReturnData=True), expression("ANOMALY_DETECTION_BAND(m1, 3)", "ad1"), Threshold=None, ThresholdMetricId="ad1",
        ComparisonOperator="GreaterThanUpperThreshold", EvaluationPeriods=3))
    assert [(each["StateValue"], each["StartTime"]) for each in answer["States"]] == [("OK", begin - 900), ("ALARM", begin + 180), ("OK", end + 60)]


def contributors_of(server, name):
    return server.cloudwatch.describe_alarm_contributors(AlarmName=name)["AlarmContributors"]


def hosts_in_alarm(server, name):
    return sorted(each["ContributorAttributes"]["Host"] for each in contributors_of(server, name) if "No data" not in each["StateReason"] and " not " not in each["StateReason"])


def test_contributors_are_those_in_alarm(server):
    within_a_minute()
    put(server, "Farm", *[datum("load", minute(1), value, {"Host": host}) for host, value in (("a", 9), ("c", 1))])
    query = expression('SELECT MAX(load) FROM SCHEMA("Farm", Host) GROUP BY Host', "q1", Period=60)
    server.cloudwatch.put_metric_alarm(**of_queries("some", query))
    server.cloudwatch.put_metric_alarm(**of_queries("none", query, Threshold=50))
    becomes(server, "none", "OK")
    becomes(server, "some", "ALARM")
    assert [[each["ContributorAttributes"]["Host"] for each in contributors_of(server, name)] for name in ("some", "none")] == [["a"], []]


def test_queries_have_an_alarm_for_each_of_their_series(server):
    within_a_minute()
    when = minute(1)
    put(server, "Farm", *[datum("load", when, value, {"Host": host}) for host, value in (("a", 9), ("b", 8), ("c", 1))])
    query = expression('SELECT MAX(load) FROM SCHEMA("Farm", Host) GROUP BY Host', "q1", Period=60)
    server.cloudwatch.put_metric_alarm(**of_queries("hosts", query))
    found = becomes(server, "hosts", "ALARM")
    assert found["StateReason"]
    contributors = [each for each in contributors_of(server, "hosts") if each["ContributorAttributes"]["Host"] != "c"]
    assert sorted(each["ContributorAttributes"]["Host"] for each in contributors) == ["a", "b"]
    assert all(1 <= len(each["ContributorId"]) <= 16 and "Threshold Crossed" in each["StateReason"] and each["StateTransitionedTimestamp"] for each in contributors)
    assert len({each["ContributorId"] for each in contributors}) == 2
    items = history(server, "hosts", "AlarmContributorStateUpdate")
    alarmed = [item for item in items if item["AlarmContributorAttributes"]["Host"] in "ab"]
    assert len(alarmed) == 2 and {item["AlarmContributorId"] for item in alarmed} == {each["ContributorId"] for each in contributors}
    one = contributors[0]["ContributorId"]
    assert {item["AlarmContributorId"] for item in history(server, "hosts", AlarmContributorId=one)} == {one}
    # All are well, or there is nobody at all.
    server.cloudwatch.put_metric_alarm(**of_queries("well", query, Threshold=50))
    becomes(server, "well", "OK")
    nobody = expression('SELECT MAX(nothing) FROM SCHEMA("Farm", Host) GROUP BY Host', "q1", Period=60)
    for treatment in ("breaching", "notBreaching", "missing"):
        server.cloudwatch.put_metric_alarm(**of_queries(f"nobody-{treatment}", nobody, TreatMissingData=treatment))
        server.cloudwatch.put_metric_alarm(**of_queries("hosts", query))
        assert state(server, f"nobody-{treatment}") == UNKNOWN
    # An alarm that is not of a query has none; an unknown one is not there.
    switch(server, "plain")
    assert contributors_of(server, "plain") == []
    assert "ResourceNotFound" in refusal(server.cloudwatch.describe_alarm_contributors, AlarmName="nosuch")[0]


def test_a_series_that_is_no_more_is_well(server):
    receiver = Receiver()
    topic = subscribed(server, "series", receiver.url)
    now = int(time.time()) // 10 * 10
    put(server, "Farm", *[datum("load", now + offset, 9, {"Host": "stays"}, StorageResolution=1) for offset in range(-60, 180, 10)],
        *[datum("load", now + offset, 9, {"Host": "goes"}, StorageResolution=1) for offset in range(-60, 0, 10)])
    query = expression('SELECT MAX(load) FROM SCHEMA("Farm", Host) GROUP BY Host', "q1", Period=10)
    server.cloudwatch.put_metric_alarm(**of_queries("series", query, AlarmActions=[topic], OKActions=[topic]))

    wait_for("both", lambda: hosts_in_alarm(server, "series") == ["goes", "stays"], 30)
    wait_for("one", lambda: hosts_in_alarm(server, "series") == ["stays"], 90, 0.2)
    assert state(server, "series") == "ALARM"
    items = history(server, "series", "AlarmContributorStateUpdate")
    assert all(UNKNOWN not in item["HistorySummary"] for item in items), items[0]["HistorySummary"]
    [gone] = [item for item in history(server, "series", "AlarmContributorStateUpdate") if item["AlarmContributorAttributes"]["Host"] == "goes"
              and json.loads(item["HistoryData"])["newState"]["stateValue"] == "OK"]
    assert "No data was returned for this contributor" in gone["HistoryData"]
    # Each is notified of by itself.
    wait_for("three notifications", lambda: len(receiver.alarms()) >= 3, 10)
    assert sorted(message["NewStateValue"] for message in receiver.alarms()) == ["ALARM", "ALARM", "OK"]
    assert len(history(server, "series", "AlarmContributorAction")) == 3
    receiver.stop()


# -- what is sent


class Receiver:
    """Takes what is posted to it, after it has refused some; it may be away for a while, and come back to the same port."""

    def __init__(self, refuse=0):
        self.taken, self.left, self.tries, self.port = [], refuse, 0, 0
        self.start()

    def start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.tries += 1
                if receiver.left > 0:
                    receiver.left -= 1
                    self.send_response(500)
                else:
                    receiver.taken.append((time.time(), {name.lower(): value for name, value in self.headers.items()}, body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        class Listener(ThreadingHTTPServer):
            allow_reuse_address, daemon_threads = True, True

        self.server = Listener(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def envelopes(self):
        return [json.loads(body) for _, _, body in list(self.taken)]

    def alarms(self):
        """In the order of transitions, which need not be that of arrival."""
        found = [json.loads(each["Message"]) for each in self.envelopes() if each.get("Type") == "Notification" and not each["Message"].startswith("fence")]
        return sorted(found, key=lambda message: message["StateChangeTime"])

    def states(self, name=None):
        return [message["NewStateValue"] for message in self.alarms() if name in (None, message["AlarmName"])]


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.stop()


def subscribed(server, topic, *endpoints, protocol="http", **attributes):
    sns = server.aws("sns")
    arn = sns.create_topic(Name=topic)["TopicArn"]
    for endpoint in endpoints:
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=endpoint, ReturnSubscriptionArn=True, **({"Attributes": attributes} if attributes else {}))
    return arn


def deliveries(server, **filters):
    answer = server.request("/api/deliveries?" + urllib.parse.urlencode(filters), method="GET")
    assert answer.status == 200, answer
    return answer.json["Deliveries"]


def fence(server, topic, receiver):
    """What was sent before this has arrived when this has; whatever else would be has been asked for, too."""
    word = f"fence {random.getrandbits(40)}"
    server.aws("sns").publish(TopicArn=topic, Message=word)
    wait_for("the fence", lambda: any(word.encode() in body for _, _, body in list(receiver.taken)), 20)
    wait_for("no delivery under way", lambda: all(each["State"] != "PENDING" for each in deliveries(server, topic=topic)), 20)


def test_a_notification_arrives_over_failures(server):
    within_a_minute()
    receiver = Receiver(refuse=2)
    topic = subscribed(server, "shop", receiver.url)
    put_row(server, "sent", "0XX")
    put_alarm(server, "sent", EvaluationPeriods=2, AlarmActions=[topic], OKActions=[topic], AlarmDescription="of *orders*", Unit=None,
              Dimensions=None, TreatMissingData="notBreaching", Tags=[{"Key": "team", "Value": "web"}])
    wait_for("the notification", lambda: receiver.taken, 60)
    found = told(server, "sent")
    assert receiver.tries == 3
    [(_, headers, body)] = receiver.taken
    assert headers["x-amz-sns-message-type"] == "Notification" and headers["x-amz-sns-topic-arn"] == topic
    assert headers["x-amz-sns-message-id"] and headers["x-amz-sns-subscription-arn"].startswith(topic + ":") and headers["content-type"].startswith("text/plain")
    envelope = json.loads(body)
    assert envelope["Type"] == "Notification" and envelope["TopicArn"] == topic and envelope["MessageId"] == headers["x-amz-sns-message-id"]
    assert envelope["Subject"].startswith('ALARM: "sent" in ') and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope["Timestamp"])
    message = json.loads(envelope["Message"])
    assert message["AlarmName"] == "sent" and message["AlarmArn"] == alarm_arn("sent") and message["AlarmDescription"] == "of *orders*"
    assert message["AWSAccountId"] == ACCOUNT and message["Region"] and message["OldStateValue"] == UNKNOWN and message["NewStateValue"] == "ALARM"
    assert message["NewStateReason"].startswith("Threshold Crossed: 2 out of the last 2 datapoints")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", message["StateChangeTime"])
    assert message["AlarmConfigurationUpdatedTimestamp"].startswith(f"{found['AlarmConfigurationUpdatedTimestamp']:%Y-%m-%dT%H:%M:%S}")
    assert (message["AlarmActions"], message["OKActions"], message["InsufficientDataActions"]) == ([topic], [topic], [])
    assert {name: message["Trigger"][name] for name in (
        "MetricName", "Namespace", "StatisticType", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm", "ComparisonOperator", "Threshold", "TreatMissingData")} == {
        "MetricName": "sent", "Namespace": "Shop", "StatisticType": "Statistic", "Statistic": "AVERAGE", "Dimensions": [], "Period": 60, "EvaluationPeriods": 2,
        "DatapointsToAlarm": 2, "ComparisonOperator": "GreaterThanThreshold", "Threshold": 5.0, "TreatMissingData": "notBreaching"}
    assert {"Unit", "EvaluateLowSampleCountPercentile"} <= set(message["Trigger"])
    [delivery] = wait_for("its record", lambda: [each for each in deliveries(server, alarm="sent", limit=5) if each["State"] == "DELIVERED"])
    assert delivery["Tries"] == 3 and delivery["TopicArn"] == topic
    wait_for("its item", lambda: history(server, "sent", "Action"))
    assert [item["HistorySummary"] for item in history(server, "sent", "Action")] == [f"Successfully executed action {topic}"]
    receiver.stop()


def test_one_notification_for_each_transition(server, receiver):
    topic, other = subscribed(server, "one", receiver.url), subscribed(server, "nobody")
    switch(server, "flips", AlarmActions=[topic, other], OKActions=[topic], InsufficientDataActions=[topic],
           Dimensions=[{"Name": "Host", "Value": "a"}])
    switch(server, "mute-flips", AlarmActions=[topic], ActionsEnabled=False)
    switch(server, "silent")
    for wanted in ("ALARM", "ALARM", "OK", "OK", "ALARM", UNKNOWN):
        for name in ("flips", "mute-flips", "silent"):
            turn(server, name, wanted)
    wait_for("all of it", lambda: len(receiver.states()) >= 4, 20)
    fence(server, topic, receiver)
    # Of none that has no actions.
    assert receiver.states("flips") == ["ALARM", "OK", "ALARM", UNKNOWN] and receiver.states() == receiver.states("flips")
    assert receiver.alarms()[0]["Trigger"]["Dimensions"] == [{"name": "Host", "value": "a"}]
    assert [message["OldStateValue"] for message in receiver.alarms()] == [UNKNOWN, "ALARM", "OK", "ALARM"]
    assert len({each["MessageId"] for each in receiver.envelopes()}) == len(receiver.envelopes())
    assert len(history(server, "flips", "Action")) == 6 and history(server, "silent", "Action") == []
    assert len(history(server, "mute-flips", "StateUpdate")) == 4


def test_notifications_arrive_in_the_order_of_transitions(server, receiver):
    topic = subscribed(server, "ordered", receiver.url)
    switch(server, "ordered", AlarmActions=[topic], OKActions=[topic])
    for number in range(60):
        turn(server, "ordered", ("ALARM", "OK")[number % 2], str(number))
    wait_for("all", lambda: len(receiver.taken) >= 60, 20)
    assert [int(json.loads(json.loads(body)["Message"])["NewStateReason"]) for _, _, body in receiver.taken] == list(range(60))


def test_actions_are_disabled_and_enabled(server, receiver):
    topic = subscribed(server, "able", receiver.url)
    for name in ("one", "two"):
        switch(server, name, AlarmActions=[topic])
    server.cloudwatch.disable_alarm_actions(AlarmNames=["one", "two"])
    assert [told(server, name)["ActionsEnabled"] for name in ("one", "two")] == [False, False]
    turn(server, "one", "ALARM")
    turn(server, "one", "OK")
    server.cloudwatch.enable_alarm_actions(AlarmNames=["one"])
    assert [told(server, name)["ActionsEnabled"] for name in ("one", "two")] == [True, False]
    turn(server, "two", "ALARM")
    turn(server, "one", "ALARM", "now")
    wait_for("one", lambda: receiver.states())
    fence(server, topic, receiver)
    assert [(message["AlarmName"], message["NewStateReason"]) for message in receiver.alarms()] == [("one", "now")]
    assert "ConfigurationUpdate" in {item["HistoryItemType"] for item in history(server, "two")}


def test_what_fails_for_good_is_told(server):
    within_a_minute()
    topic = subscribed(server, "down", "http://127.0.0.1:9/none")
    switch(server, "to-nobody", AlarmActions=[topic, f"arn:aws:sns:us-east-1:{ACCOUNT}:gone"])
    turn(server, "to-nobody", "ALARM")
    [delivery] = wait_for("a try", lambda: [each for each in deliveries(server, alarm="to-nobody") if each["Tries"] >= 1])
    assert delivery["State"] in ("PENDING", "FAILED") and delivery["Error"] and delivery["Endpoint"] == "http://127.0.0.1:9/none"
    failed = wait_for("the failed action", lambda: [item for item in history(server, "to-nobody", "Action") if ":gone" in item["HistorySummary"]])
    assert failed[0]["HistorySummary"].startswith("Failed to execute action") and json.loads(failed[0]["HistoryData"])["actionState"] == "Failed"


def test_deliveries_are_found_by_alarm_and_topic(server, receiver):
    topics = [subscribed(server, name, receiver.url) for name in ("first", "second")]
    for number, topic in enumerate(topics):
        switch(server, f"d{number}", AlarmActions=[topic], OKActions=topics)
        for wanted in ("ALARM", "OK"):
            turn(server, f"d{number}", wanted)
    wait_for("six", lambda: [each["State"] for each in deliveries(server)].count("DELIVERED") == 6)
    assert len(deliveries(server, alarm="d0")) == 3 and len(deliveries(server, topic=topics[0])) == 3 and len(deliveries(server, alarm="d0", topic=topics[1])) == 1
    newest = deliveries(server, limit=2)
    assert len(newest) == 2 and newest == deliveries(server)[:2] and deliveries(server, alarm="nosuch") == []
    assert server.request("/api/deliveries?limit=x", method="GET").status == 400


def test_raw_messages_come_without_an_envelope(server, receiver):
    topic = subscribed(server, "raw", receiver.url, RawMessageDelivery="true")
    switch(server, "raw", AlarmActions=[topic], OKActions=[topic])
    turn(server, "raw", "ALARM")
    wait_for("it", lambda: receiver.taken)
    _, headers, body = receiver.taken[0]
    assert json.loads(body)["AlarmName"] == "raw" and headers["x-amz-sns-rawdelivery"] == "true"
    sns = server.aws("sns")
    [subscription] = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    sns.set_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"], AttributeName="RawMessageDelivery", AttributeValue="false")
    turn(server, "raw", "OK")
    wait_for("the other", lambda: len(receiver.taken) == 2)
    assert json.loads(receiver.taken[1][2])["Type"] == "Notification"


def test_chats_are_told_in_their_ways(server, receiver):
    topic = subscribed(server, "slack", receiver.url, protocol="slack")
    switch(server, "<b> & *co*", AlarmActions=[topic], AlarmDescription="of <orders>")
    turn(server, "<b> & *co*", "ALARM", "too much & more")
    wait_for("slack", lambda: receiver.taken)
    _, headers, body = receiver.taken.pop()
    assert headers["content-type"].startswith("application/json")
    payload = json.loads(body)
    text = json.dumps(payload, ensure_ascii=False)
    assert isinstance(payload["text"], str) and "ALARM" in text and "too much &amp; more" in text and "<b>" not in text
    topic = subscribed(server, "teams", receiver.url, protocol="teams")
    switch(server, "of teams", AlarmActions=[topic])
    turn(server, "of teams", "ALARM", "too much")
    wait_for("teams", lambda: receiver.taken)
    _, headers, body = receiver.taken.pop()
    payload = json.loads(body)
    assert headers["content-type"].startswith("application/json") and payload["type"] == "message"
    [attachment] = payload["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and attachment["content"]["type"] == "AdaptiveCard"
    assert "of teams" in body.decode() and "too much" in body.decode() and "ALARM" in body.decode()


class Mailbox:
    """An SMTP server that keeps what it is given."""

    def __init__(self, refuse=0):
        self.mails, self.left = [], refuse
        box = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.say("220 here")
                to, sender = [], None
                for line in self.rfile:
                    word = line.strip().upper()
                    if word.startswith(b"MAIL FROM:"):
                        sender, to = line.decode().split("<", 1)[1].split(">")[0], []
                    elif word.startswith(b"RCPT TO:"):
                        to.append(line.decode().split("<", 1)[1].split(">")[0])
                    elif word == b"DATA":
                        self.say("354 go on")
                        lines = []
                        for part in self.rfile:
                            if part == b".\r\n":
                                break
                            lines.append(part[1:] if part.startswith(b"..") else part)
                        if box.left > 0:
                            box.left -= 1
                            self.say("451 later")
                            continue
                        box.mails.append((sender, to, message_from_bytes(b"".join(lines), policy=policy.default)))
                    elif word == b"QUIT":
                        return self.say("221 bye")
                    self.say("250 fine")

            def say(self, words):
                self.wfile.write(words.encode() + b"\r\n")

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads = True, True

        self.server = Listener(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"smtp://127.0.0.1:{self.server.server_address[1]}"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def test_mail(new_server):
    box = Mailbox(refuse=1)
    server = new_server(env={"MITOSHI_SMTP_URL": box.url, "MITOSHI_SMTP_FROM": "Mitoshi <alarms@example.com>"})
    topic = subscribed(server, "mail", "ann@example.com", "bob@example.com", protocol="email")
    switch(server, "übergroß\u2028.", AlarmActions=[topic], AlarmDescription="line\n.\nline")
    turn(server, "übergroß\u2028.", "ALARM", "zu groß: " + "x" * 900)
    wait_for("two mails", lambda: len(box.mails) == 2, 60)
    assert sorted(to for _, [to], _ in box.mails) == ["ann@example.com", "bob@example.com"]
    for sender, _, mail in box.mails:
        assert sender == "alarms@example.com" and "alarms@example.com" in mail["From"] and "\n" not in mail["Subject"]
        assert mail["Subject"].startswith('ALARM: "übergroß') and mail["Date"] and mail["Message-ID"]
        text = mail.get_body(("plain",)).get_content()
        assert "zu groß: xxx" in text.replace("\n", "") and "ALARM" in text and alarm_arn("") [:-1] in text
    box.stop()


def test_without_a_mail_server_there_is_no_mail(server):
    topic = server.aws("sns").create_topic(Name="mail")["TopicArn"]
    try:
        subscribed(server, "mail", "ann@example.com", protocol="email")
    except ClientError as refused:
        assert refused.response["Error"]["Code"] in ("InvalidParameter", "InvalidParameterValue")
        return
    switch(server, "unsent", AlarmActions=[topic])
    turn(server, "unsent", "ALARM")
    delivery = wait_for("a failure", lambda: [each for each in deliveries(server, alarm="unsent") if each["Error"]])[0]
    assert "smtp" in delivery["Error"].lower() or "mail" in delivery["Error"].lower()


def test_commands_that_are_named_are_run(new_server, tmp_path):
    script, wrong, out = tmp_path / "hook.sh", tmp_path / "wrong.sh", tmp_path / "out"
    script.write_text(f"#!/bin/sh\ncat > {out}.part && echo \"$1\" > {out}.argument && mv {out}.part {out}\n")
    wrong.write_text("#!/bin/sh\necho it is broken >&2\nexit 3\n")
    for each in (script, wrong):
        each.chmod(each.stat().st_mode | file_modes.S_IXUSR)
    config = tmp_path / "mitoshi.toml"
    config.write_text(f"[notifications.commands]\nhook = [\"{script}\", \"a b; $HOME\"]\nwrong = [\"{wrong}\"]\n")
    server = new_server(args=["--config", str(config)])
    topic, bad = subscribed(server, "run", "hook", protocol="command"), subscribed(server, "bad", "wrong", protocol="command")
    switch(server, "run", AlarmActions=[topic, bad])
    turn(server, "run", "ALARM", "go")
    wait_for("the file", out.exists)
    taken = json.loads(out.read_text())
    message = json.loads(taken["Message"]) if "Message" in taken else taken
    assert message["AlarmName"] == "run" and message["NewStateReason"] == "go" and (tmp_path / "out.argument").read_text() == "a b; $HOME\n"
    delivery = wait_for("a failure", lambda: [each for each in deliveries(server, topic=bad) if each["Error"]])[0]
    assert "broken" in delivery["Error"] or "3" in delivery["Error"]
    # What is not named is never run.
    other = tmp_path / "other.sh"
    other.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    other.chmod(0o755)
    for number, name in enumerate((str(other), f"hook; {other}", "nosuch")):
        try:
            unnamed = subscribed(server, f"unnamed-{number}", name, protocol="command")
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "InvalidParameter"
            continue
        server.aws("sns").publish(TopicArn=unnamed, Message="x")
        assert wait_for("a failure", lambda: [each for each in deliveries(server, topic=unnamed) if each["Error"]])[0]["State"] != "DELIVERED"
    assert not (tmp_path / "was-run").exists()


def always(server, name, *alarms, **more):
    server.cloudwatch.put_alarm_mute_rule(Name=name, Rule={"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT5M"}}, MuteTargets={"AlarmNames": list(alarms)}, **more)


def test_a_muted_alarm_acts_when_its_rule_is_gone(server, receiver):
    topic = subscribed(server, "muted", receiver.url)
    for name in ("muted", "heard", "well-again"):
        switch(server, name, AlarmActions=[topic], OKActions=[topic])
    turn(server, "well-again", "OK", "before")
    wait_for("what was before", lambda: receiver.states() == ["OK"])
    server.cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(muted)", AlarmActions=[topic])
    becomes(server, "above", "OK")
    always(server, "quiet", "muted", "well-again", "above")
    assert server.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="quiet")["Status"] == "ACTIVE"
    turn(server, "muted", "ALARM", "in the night")
    turn(server, "well-again", "ALARM")
    turn(server, "well-again", "OK")
    turn(server, "heard", "ALARM")
    wait_for("the other", lambda: receiver.states("heard") == ["ALARM"])
    fence(server, topic, receiver)
    becomes(server, "above", "ALARM")
    assert receiver.states("muted") == [] and receiver.states("above") == [] and receiver.states("well-again") == ["OK"]
    # All but actions goes on, also over a restart.
    assert state(server, "muted") == "ALARM" and len(history(server, "muted", "StateUpdate")) == 1
    server.restart()
    fence(server, topic, receiver)
    assert receiver.states("muted") == []
    server.cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="quiet")
    wait_for("the actions", lambda: receiver.states("muted") == ["ALARM"] and receiver.states("above") == ["ALARM"])
    fence(server, topic, receiver)
    assert [message["NewStateReason"] for message in receiver.alarms() if message["AlarmName"] == "muted"] == ["in the night"]
    assert receiver.states("well-again")[:1] == ["OK"] and "ALARM" not in receiver.states("well-again")
    # Once.
    assert len(history(server, "muted", "StateUpdate")) == 1


def test_a_muted_alarm_acts_when_its_rule_ends(server, receiver):
    topic = subscribed(server, "ends", receiver.url)
    switch(server, "ends", AlarmActions=[topic])
    end = time.time() + 4
    always(server, "short", "ends", ExpireDate=at(end))
    turn(server, "ends", "ALARM")
    fence(server, topic, receiver)
    assert receiver.states() == [] or time.time() > end
    wait_for("the action", lambda: receiver.states("ends") == ["ALARM"], 30)
    assert receiver.taken[-1][0] >= end - 0.1
    assert server.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="short")["Status"] == "EXPIRED"


def test_mute_rules(server):
    cloudwatch = server.cloudwatch
    for name in ("a", "b"):
        switch(server, name)
    later = datetime.datetime.now(UTC) + datetime.timedelta(days=400)
    cloudwatch.put_alarm_mute_rule(Name="later", Description="a feast", Rule={"Schedule": {"Expression": f"at({later:%Y-%m-%dT%H:%M})", "Duration": "P1DT2H", "Timezone": "Asia/Tokyo"}},
                                   MuteTargets={"AlarmNames": ["a"]}, Tags=[{"Key": "k", "Value": "v"}], ExpireDate=at(later.timestamp() + 86400))
    always(server, "now", "a", "b")
    always(server, "over", "b", StartDate=at(time.time() - 7200), ExpireDate=at(time.time() - 3600))
    always(server, "not-yet", "b", StartDate=at(time.time() + 7200))
    arn = f"arn:aws:cloudwatch:us-east-1:{ACCOUNT}:alarm-mute-rule:later"
    rule = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="later")
    assert rule["Name"] == "later" and rule["AlarmMuteRuleArn"] == arn and rule["Description"] == "a feast" and rule["Status"] == "SCHEDULED"
    assert rule["Rule"]["Schedule"] == {"Expression": f"at({later:%Y-%m-%dT%H:%M})", "Duration": "P1DT2H", "Timezone": "Asia/Tokyo"} and rule["MuteTargets"] == {"AlarmNames": ["a"]}
    assert abs(rule["LastUpdatedTimestamp"].timestamp() - time.time()) < 30 and int(rule["ExpireDate"].timestamp()) == int(later.timestamp() + 86400)
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]

    def listed(**filters):
        return {each["AlarmMuteRuleArn"].rsplit(":", 1)[1]: each["Status"] for each in cloudwatch.list_alarm_mute_rules(**filters)["AlarmMuteRuleSummaries"]}

    assert listed() == {"later": "SCHEDULED", "now": "ACTIVE", "over": "EXPIRED", "not-yet": "SCHEDULED"}
    assert set(listed(AlarmName="a")) == {"later", "now"} and set(listed(Statuses=["ACTIVE", "EXPIRED"])) == {"now", "over"}
    first = cloudwatch.list_alarm_mute_rules(MaxRecords=3)
    second = cloudwatch.list_alarm_mute_rules(MaxRecords=3, NextToken=first["NextToken"])
    assert len(first["AlarmMuteRuleSummaries"]) == 3 and len(second["AlarmMuteRuleSummaries"]) == 1 and "NextToken" not in second
    always(server, "later", "b")
    rule = cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="later")
    assert rule["Status"] == "ACTIVE" and "Description" not in rule and rule["MuteTargets"] == {"AlarmNames": ["b"]}
    server.restart()
    cloudwatch = server.cloudwatch
    assert set(listed()) == {"later", "now", "over", "not-yet"}
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="later")
    cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName="later")
    assert refusal(cloudwatch.get_alarm_mute_rule, AlarmMuteRuleName="later")[0] in ("ResourceNotFoundException", "ResourceNotFound")
    for wrong in ({"Expression": "cron(* * * *)"}, {"Expression": "every day"}, {"Expression": "cron(61 * * * *)"}, {"Expression": "at(2026-13-01T00:00)"}, {"Duration": "PT30S"}, {"Duration": "P16D"},
                  {"Duration": "5 minutes"}, {"Timezone": "Mars/Olympus"}):
        schedule = {"Expression": "cron(* * * * *)", "Duration": "PT5M", **wrong}
        assert refusal(cloudwatch.put_alarm_mute_rule, Name="wrong", Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": ["a"]})[0] in ("ValidationError", "InvalidParameterValue"), wrong
    for wrong in ({"MuteTargets": {"AlarmNames": [str(n) for n in range(101)]}}, {"Rule": {}}, {"Name": ""}, {"StartDate": at(2000), "ExpireDate": at(1000)}):
        given = {"Name": "wrong", "Rule": {"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT5M"}}, "MuteTargets": {"AlarmNames": ["a"]}, **wrong}
        assert refusal(cloudwatch.put_alarm_mute_rule, **given)[0] in ("ValidationError", "InvalidParameterValue", "MissingParameter"), wrong


@pytest.mark.parametrize("schedule, status", [
    (lambda now: f"at({now - datetime.timedelta(minutes=2):%Y-%m-%dT%H:%M})", "ACTIVE"), (lambda now: f"at({now - datetime.timedelta(minutes=9):%Y-%m-%dT%H:%M})", "EXPIRED"),
    (lambda now: f"at({now + datetime.timedelta(minutes=9):%Y-%m-%dT%H:%M})", "SCHEDULED"), (lambda now: f"cron({now - datetime.timedelta(minutes=2):%M %H} * * *)", "ACTIVE"),
    (lambda now: f"cron({now - datetime.timedelta(minutes=9):%M %H} * * *)", "SCHEDULED"), (lambda now: "cron(* * * JAN-DEC SUN-SAT)", "ACTIVE"), (lambda now: f"cron(* * {now:%d} {now:%b} *)".upper().replace("CRON", "cron"), "ACTIVE"),
    (lambda now: f"cron(* * * * {now + datetime.timedelta(days=3):%a})".upper().replace("CRON", "cron"), "SCHEDULED"), (lambda now: "cron(* 0-11,12-23 * * *)", "ACTIVE"),
])
@pytest.mark.parametrize("zone, hours", [(None, 0), ("Asia/Kolkata", 5.5), ("Pacific/Honolulu", -10)])
def test_schedules_of_mute_rules_are_of_a_time_zone(shared, schedule, status, zone, hours):
    switch(shared, "zoned")
    wait_for("the middle of a minute", lambda: 2 < time.time() % 60 < 55)
    now = datetime.datetime.now(UTC) + datetime.timedelta(hours=hours)
    rule = {"Expression": schedule(now), "Duration": "PT5M", **({"Timezone": zone} if zone else {})}
    shared.cloudwatch.put_alarm_mute_rule(Name="zoned", Rule={"Schedule": rule}, MuteTargets={"AlarmNames": ["zoned"]})
    assert shared.cloudwatch.get_alarm_mute_rule(AlarmMuteRuleName="zoned")["Status"] == status, rule


@pytest.fixture
def hung():
    """Takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/hook"


@pytest.fixture
def slow_commands(new_server, tmp_path):
    command = tmp_path / "slow.sh"
    command.write_text("#!/bin/sh\nexec sleep 90\n")
    command.chmod(0o755)
    config = tmp_path / "mitoshi.toml"
    config.write_text(f"[notifications.commands]\nslow = [\"{command}\"]\n")
    return new_server(args=["--config", str(config)])


@pytest.mark.parametrize("kind", ["http", "command"])
def test_a_receiver_that_hangs_holds_nobody_else_back(slow_commands, receiver, hung, kind):
    server = slow_commands
    topic, well = subscribed(server, "hangs", hung if kind == "http" else "slow", protocol=kind), subscribed(server, "well", receiver.url)
    for number in range(30):
        switch(server, f"hang-{number}", AlarmActions=[topic])
        turn(server, f"hang-{number}", "ALARM")
    switch(server, "well", AlarmActions=[well], OKActions=[well])
    turn(server, "well", "ALARM")
    turn(server, "well", "OK")
    wait_for("those that are well", lambda: receiver.states("well") == ["ALARM", "OK"], 8)


@pytest.mark.parametrize("kind", ["http", "command"])
def test_a_receiver_that_hangs_does_not_hold_back_the_end(slow_commands, hung, kind):
    server = slow_commands
    topic = subscribed(server, "hangs", hung if kind == "http" else "slow", protocol=kind)
    switch(server, "hang", AlarmActions=[topic])
    turn(server, "hang", "ALARM")
    wait_for("its record", lambda: deliveries(server, topic=topic))
    assert server.stop(10) == 0
    # What is left is there when it begins again.
    server.start()
    assert [each["State"] for each in deliveries(server, topic=topic)] == ["PENDING"]


def test_many_at_once_make_one_chain(server, receiver):
    topic = subscribed(server, "chain", receiver.url)
    switch(server, "chain", AlarmActions=[topic], OKActions=[topic], InsufficientDataActions=[topic])
    server.cloudwatch.put_composite_alarm(AlarmName="above-chain", AlarmRule="ALARM(chain)")
    errors = []

    def flip(seed):
        chance = random.Random(seed)
        try:
            for number in range(15):
                turn(server, "chain", chance.choice(("ALARM", "OK", UNKNOWN)), f"{seed}-{number}")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=flip, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    updates = [json.loads(item["HistoryData"]) for item in history(server, "chain", "StateUpdate")]
    states = [each["newState"]["stateValue"] for each in updates]
    assert [each["oldState"]["stateValue"] for each in updates] == [UNKNOWN, *states[:-1]] and all(one != two for one, two in zip([UNKNOWN, *states], states))
    assert state(server, "chain") == states[-1]
    wait_for("all", lambda: len(receiver.states("chain")) >= len(states), 20)
    fence(server, topic, receiver)
    assert sorted(message["NewStateReason"] for message in receiver.alarms()) == sorted(each["newState"]["stateReason"] for each in updates)
    becomes(server, "above-chain", "ALARM" if states[-1] == "ALARM" else "OK")


def test_actions_that_are_not_there_fail_and_say_so(server):
    actions = ["arn:aws:automate:us-east-1:ec2:stop", f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"]
    switch(server, "odd", AlarmActions=actions)
    turn(server, "odd", "ALARM")
    items = wait_for("both", lambda: len(found := history(server, "odd", "Action")) == 2 and found)
    assert {action for action in actions for item in items if item["HistorySummary"].startswith(f"Failed to execute action {action}")} == set(actions)


def test_an_alarm_that_warms_up_is_not_evaluated(shared):
    within_a_minute()
    put(shared, "Shop", datum("warm", minute(1), 9))
    warm_up = {"WarmUpPeriodDurationInMinutes": 5, "OnlyStartEvaluatingAfterWarmUpPeriodEnds": True}
    put_alarm(shared, "warm", WarmUpConfiguration=warm_up)
    put_alarm(shared, "not-warm", MetricName="warm")
    becomes(shared, "not-warm", "ALARM")
    assert state(shared, "warm") == UNKNOWN and told(shared, "warm")["WarmUpConfiguration"] == warm_up
    for minutes in (0, 2881):
        assert refusal(shared.cloudwatch.put_metric_alarm, **alarm("cold", WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": minutes}))[0] in ("ValidationError", "InvalidParameterValue")


# -- topics


def test_topics_and_subscriptions(server, receiver):
    sns = server.aws("sns")
    arn = sns.create_topic(Name="orders", Tags=[{"Key": "team", "Value": "web"}], Attributes={"DisplayName": "Orders"})["TopicArn"]
    assert arn == f"arn:aws:sns:us-east-1:{ACCOUNT}:orders" and sns.create_topic(Name="orders")["TopicArn"] == arn
    assert [each["TopicArn"] for each in sns.list_topics()["Topics"]] == [arn]
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Orders"
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="All orders")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "All orders"
    sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "stage", "Value": "test"}])
    sns.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "stage", "Value": "test"}]
    subscription = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=receiver.url, ReturnSubscriptionArn=True)["SubscriptionArn"]
    assert sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=receiver.url, ReturnSubscriptionArn=True)["SubscriptionArn"] == subscription
    [listed] = sns.list_subscriptions()["Subscriptions"]
    assert (listed["SubscriptionArn"], listed["Protocol"], listed["Endpoint"], listed["TopicArn"], listed["Owner"]) == (subscription, "http", receiver.url, arn, ACCOUNT)
    assert sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["RawMessageDelivery"] == "false"
    id_ = sns.publish(TopicArn=arn, Subject="hello", Message="plain words")["MessageId"]
    wait_for("it", lambda: receiver.taken)
    [envelope] = receiver.envelopes()
    assert (envelope["Subject"], envelope["Message"], envelope["MessageId"]) == ("hello", "plain words", id_)
    server.restart()
    sns = server.aws("sns")
    assert len(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]) == 1
    sns.unsubscribe(SubscriptionArn=subscription)
    assert sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"] == []
    for call, arguments, code in (
            (sns.get_topic_attributes, {"TopicArn": arn + "x"}, "NotFound"), (sns.publish, {"TopicArn": arn + "x", "Message": "x"}, "NotFound"),
            (sns.subscribe, {"TopicArn": arn + "x", "Protocol": "http", "Endpoint": receiver.url}, "NotFound"),
            (sns.subscribe, {"TopicArn": arn, "Protocol": "pigeon", "Endpoint": receiver.url}, "InvalidParameter"),
            (sns.subscribe, {"TopicArn": arn, "Protocol": "http", "Endpoint": "nowhere"}, "InvalidParameter"),
            (sns.subscribe, {"TopicArn": arn, "Protocol": "http", "Endpoint": "https://example.com/"}, "InvalidParameter"),
            (sns.subscribe, {"TopicArn": arn, "Protocol": "email", "Endpoint": "ann@example.com\r\nBcc: x@example.com"}, "InvalidParameter"),
            (sns.create_topic, {"Name": "not a name"}, "InvalidParameter"), (sns.create_topic, {"Name": "x" * 257}, "InvalidParameter"),
            (sns.publish, {"TopicArn": arn, "Message": ""}, "InvalidParameter"), (sns.publish, {"TopicArn": arn, "Message": "x", "Subject": "a\r\nBcc: x"}, "InvalidParameter"),
            (sns.publish, {"TopicArn": arn, "Message": "x", "Subject": "x" * 101}, "InvalidParameter"), (sns.publish, {"TopicArn": arn, "Message": "x" * 262145}, "InvalidParameter")):
        assert refusal(call, **arguments)[0] == code, (call.__name__, str(arguments)[:200])
    sns.delete_topic(TopicArn=arn)
    sns.delete_topic(TopicArn=arn)
    assert sns.list_topics()["Topics"] == [] and sns.list_subscriptions()["Subscriptions"] == []


# -- kills


def test_a_notification_outlives_a_kill(new_server, receiver):
    server = new_server()
    within_a_minute(20)
    topic = subscribed(server, "kept", receiver.url)
    receiver.stop()
    put_row(server, "kept", "XX")
    put_alarm(server, "kept", EvaluationPeriods=2, AlarmActions=[topic])
    becomes(server, "kept", "ALARM")
    server.kill()
    server.start()
    assert state(server, "kept") == "ALARM"
    receiver.start()
    wait_for("the notification", lambda: receiver.states(), 60)
    fence(server, topic, receiver)
    assert set(receiver.states()) == {"ALARM"}
    assert [item["HistorySummary"] for item in history(server, "kept", "StateUpdate")] == [f"Alarm updated from {UNKNOWN} to ALARM"]
    [delivery] = [each for each in deliveries(server, alarm="kept")]
    assert delivery["State"] == "DELIVERED"


def test_what_is_acknowledged_is_kept_over_kills(new_server, receiver):
    print(f"MITOSHI_ALARM_KILL_SEED={KILL_SEED}")
    chance = random.Random(KILL_SEED)
    server = new_server()
    topic = subscribed(server, "kills", receiver.url)
    switch(server, "kills", AlarmActions=[topic], OKActions=[topic])
    server.cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(kills)", AlarmActions=[topic], OKActions=[topic])
    acknowledged, asked, stale, number = [], [], [], 0
    for round_ in range(KILLS):
        killer = threading.Timer(chance.uniform(0.02, 0.6), server.kill)
        killer.start()
        try:
            now = state(server, "kills")
            while True:
                now = "OK" if now == "ALARM" else "ALARM"
                number += 1
                asked.append((now, f"turn {number}"))
                turn(server, "kills", *asked[-1])
                acknowledged.append(asked[-1])
        except Exception:
            killer.join()
        server.start()
        try:
            wait_for("the one above", lambda: (state(server, "above") == "ALARM") == (state(server, "kills") == "ALARM"), 2)
        except AssertionError:
            stale.append(round_)
    assert len(acknowledged) > KILLS
    updates = [json.loads(item["HistoryData"]) for item in history(server, "kills", "StateUpdate")]
    kept = [(each["newState"]["stateValue"], each["newState"]["stateReason"]) for each in updates]
    assert len(set(kept)) == len(kept) and [each for each in asked if each in set(kept)] == kept
    assert set(acknowledged) <= set(kept), set(acknowledged) - set(kept)
    # Each begins where the last one ended, and the alarm is where the last one left it.
    states = [each["newState"]["stateValue"] for each in updates]
    assert [each["oldState"]["stateValue"] for each in updates] == [UNKNOWN, *states[:-1]]
    assert state(server, "kills") == states[-1]

    def notified(name):
        return [(message["NewStateValue"], message["NewStateReason"]) for message in receiver.alarms() if message["AlarmName"] == name]

    wait_for("all notifications", lambda: set(kept) <= set(notified("kills")), 60, 0.2)
    assert len(history(server, "kills", "Action")) >= len(kept)
    assert set(notified("kills")) == set(kept)
    # The composite one follows it: its history is a chain, too, and it is notified of as often.
    above = [json.loads(item["HistoryData"]) for item in history(server, "above", "StateUpdate")]
    values = [each["newState"]["stateValue"] for each in above]
    assert all(one != two for one, two in zip(values, values[1:])) and [each["oldState"]["stateValue"] for each in above][1:] == values[:-1]
    wait_for("those above", lambda: len(notified("above")) >= len(values), 60, 0.2)
    assert stale == [], "rounds after which it did not follow"


# -- alarms of alarms


@pytest.fixture(scope="module")
def children(shared):
    """One in each state, and names that need quotes."""
    for name, wanted in (("c-alarm", "ALARM"), ("c-alarm2", "ALARM"), ("c-ok", "OK"), ("c-unknown", UNKNOWN), ("c (odd) AND", "ALARM")):
        switch(shared, name)
        if wanted != UNKNOWN:
            turn(shared, name, wanted)
    shared.cloudwatch.put_composite_alarm(AlarmName="c-composite", AlarmRule="ALARM(c-alarm)")
    becomes(shared, "c-composite", "ALARM")
    return shared


@pytest.mark.parametrize("rule, wanted", [
    ("ALARM(c-alarm)", True), ("ALARM(c-ok)", False), ("OK(c-ok)", True), ("INSUFFICIENT_DATA(c-unknown)", True), ("OK(c-unknown)", False),
    ("TRUE", True), ("FALSE", False), ("NOT FALSE", True), ("ALARM(c-alarm) AND ALARM(c-ok)", False), ("ALARM(c-alarm) OR ALARM(c-ok)", True),
    ("NOT ALARM(c-ok) AND ALARM(c-alarm)", True),
    # NOT before AND before OR.
    ("TRUE OR FALSE AND FALSE", True), ("(TRUE OR FALSE) AND FALSE", False), ("NOT TRUE OR TRUE", True), ("NOT (TRUE OR TRUE)", False), ("FALSE AND FALSE OR TRUE", True),
    ('ALARM("c-alarm")', True), ('ALARM("c (odd) AND")', True), (f"ALARM({alarm_arn('c-alarm')})", True), (f'ALARM("{alarm_arn("c (odd) AND")}")', True),
    ("ALARM(c-composite)", True), ("ALARM(c-composite) AND NOT OK(c-alarm)", True), ("  ( ( ALARM ( c-alarm ) ) )\n AND\tNOT FALSE ", True),
    ("AT_LEAST(2, ALARM, (c-alarm, c-alarm2, c-ok))", True), ("AT_LEAST(3, ALARM, (c-alarm, c-alarm2, c-ok))", False), ("AT_LEAST(50%, ALARM, (c-alarm, c-alarm2, c-ok, c-unknown))", True),
    ("AT_LEAST(51%, ALARM, (c-alarm, c-alarm2, c-ok, c-unknown))", False), ("AT_LEAST(2, NOT ALARM, (c-alarm, c-ok, c-unknown))", True),
    ('AT_LEAST(1, INSUFFICIENT_DATA, ("c-unknown", c-ok))', True), ("NOT AT_LEAST(1, OK, (c-alarm, c-alarm2)) AND ALARM(c-alarm)", True),
])
def test_rules(children, rule, wanted):
    name = " ".join(f"rule {rule}".split())
    children.cloudwatch.put_composite_alarm(AlarmName=name, AlarmRule=rule)
    found = becomes(children, name, "ALARM" if wanted else "OK")
    assert found["AlarmRule"] == rule and found["AlarmArn"] == alarm_arn(name)
    children.cloudwatch.delete_alarms(AlarmNames=[name])


@pytest.mark.parametrize("rule", [
    "ALARM(nobody)", "ALARM(c-alarm) AND OK(nobody)", f"ALARM({alarm_arn('nobody')})", "AT_LEAST(1, ALARM, (c-alarm, nobody))", "ALARM(c-alarm", "ALARM(c-alarm) ALARM(c-ok)", "AND", "BAD(c-alarm)",
    "ALARM()", "", "NOT", "AT_LEAST(1, ALARM, ())", "AT_LEAST(1, WELL, (c-alarm))", "AT_LEAST(-1, ALARM, (c-alarm))", "AT_LEAST(x, ALARM, (c-alarm))", "TRUE " + " " * 10240,
    'ALARM("c-alarm)', "ALARM(c-alarm) &", " OR ".join(f"ALARM(c-many-{n})" for n in range(101)), f"ALARM({alarm_arn('c-alarm').replace(ACCOUNT, '1' * 12)})", f"ALARM({alarm_arn('c-alarm').replace('us-east-1', 'eu-west-1')})",
], ids=lambda rule: rule[:50])
def test_rules_that_cannot_be(children, rule):
    if "many" in rule:
        for number in range(101):
            switch(children, f"c-many-{number}")
    try:
        code, message = refusal(children.cloudwatch.put_composite_alarm, AlarmName="impossible-rule", AlarmRule=rule)
        assert code in ("ValidationError", "InvalidParameterValue", "LimitExceeded", "MissingParameter"), code
        if "nobody" in rule:
            assert "nobody" in message
        assert told(children, "impossible-rule") is None
    finally:
        children.cloudwatch.delete_alarms(AlarmNames=["impossible-rule"])


@pytest.mark.parametrize("rule", [
    "(" * 5000 + "TRUE" + ")" * 5000, "NOT " * 2500 + "TRUE", "TRUE OR " * 1200 + "TRUE", "AT_LEAST(0, ALARM, (c-alarm))", "AT_LEAST(3, ALARM, (c-alarm, c-ok))", "AT_LEAST(101%, ALARM, (c-alarm))",
    "AT_LEAST(99999999999999999999, ALARM, (c-alarm))", "\0", "ALARM(\u2028)"], ids=lambda rule: rule[:40])
def test_odd_rules_end_nothing(children, rule):
    try:
        children.cloudwatch.put_composite_alarm(AlarmName="odd-rule", AlarmRule=rule)
    except ClientError as refused:
        assert refused.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert children.alive() and children.health()


def test_a_composite_alarm_follows_its_children(server, receiver):
    topic = subscribed(server, "composite", receiver.url)
    for name in ("left", "right"):
        switch(server, name)
        turn(server, name, "OK")
    server.cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule="ALARM(left) AND ALARM(right)", AlarmActions=[topic], OKActions=[topic], AlarmDescription="all is lost")
    server.cloudwatch.put_composite_alarm(AlarmName="nested", AlarmRule="ALARM(both) OR FALSE")
    found = becomes(server, "both", "OK")
    assert re.fullmatch(re.escape(alarm_arn("both")) + " was created .*and its alarm rule evaluates to OK", found["StateReason"]), found["StateReason"]
    turn(server, "left", "ALARM")
    assert state(server, "both") == "OK"
    turn(server, "right", "ALARM")
    becomes(server, "nested", "ALARM")
    found = becomes(server, "both", "ALARM")
    assert re.fullmatch(re.escape(alarm_arn("right")) + r" transitioned to ALARM at \w+ \d\d \w+, \d{4} \d\d:\d\d:\d\d UTC", found["StateReason"]), found["StateReason"]
    [triggering] = json.loads(found["StateReasonData"])["triggeringAlarms"]
    assert triggering["arn"] == alarm_arn("right") and triggering["state"]["value"] == "ALARM"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", triggering["state"]["timestamp"])
    wait_for("both notifications", lambda: len(receiver.states()) == 2)
    assert receiver.states() == ["OK", "ALARM"]
    message = receiver.alarms()[-1]
    assert message["AlarmName"] == "both" and message["AlarmRule"] == "ALARM(left) AND ALARM(right)" and message["OldStateValue"] == "OK" and message["AlarmDescription"] == "all is lost"
    # Set by hand, it stays until a child changes.
    turn(server, "both", "OK", "by hand")
    wait_for("the third", lambda: receiver.states() == ["OK", "ALARM", "OK"])
    assert state(server, "both") == "OK"
    becomes(server, "nested", "OK")
    turn(server, "left", "OK")
    turn(server, "left", "ALARM")
    becomes(server, "both", "ALARM")
    items = history(server, "both", AlarmTypes=["CompositeAlarm"])
    assert items[0]["HistorySummary"] == 'Alarm "both" created' and {item["AlarmType"] for item in items} == {"CompositeAlarm"}
    assert [item["HistorySummary"] for item in items if item["HistoryItemType"] == "StateUpdate"][1:] == [
        "Alarm updated from OK to ALARM", "Alarm updated from ALARM to OK", "Alarm updated from OK to ALARM"]


def test_a_composite_alarm_says_that_it_was_created(shared):
    shared.cloudwatch.put_composite_alarm(AlarmName="new-composite", AlarmRule="TRUE")
    assert becomes(shared, "new-composite", "ALARM")["StateReason"] == f"{alarm_arn('new-composite')} was created and its alarm rule evaluates to ALARM"


def test_what_others_depend_on_is_not_deleted(server):
    cloudwatch = server.cloudwatch
    for name in ("child", "free"):
        switch(server, name)
    cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="ALARM(child)")
    cloudwatch.put_composite_alarm(AlarmName="grandparent", AlarmRule="ALARM(parent)")
    for name in ("child", "parent"):
        code, message = refusal(cloudwatch.delete_alarms, AlarmNames=[name])
        assert code in ("ValidationError", "ResourceConflict") and name in message
        assert told(server, name)
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["parent", "grandparent"])[0] == "ValidationError"
    # Unknown names are skipped, the others go.
    cloudwatch.delete_alarms(AlarmNames=["nosuch", "free"])
    assert told(server, "free") is None
    # A circle of rules is neither evaluated nor deleted until it is broken.
    cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="ALARM(grandparent)")
    for name in ("parent", "grandparent"):
        assert refusal(cloudwatch.delete_alarms, AlarmNames=[name])[0] in ("ValidationError", "ResourceConflict")
    turn(server, "parent", "ALARM")
    assert server.alive()
    cloudwatch.put_composite_alarm(AlarmName="parent", AlarmRule="FALSE")
    becomes(server, "parent", "OK")
    for name in ("grandparent", "parent", "child"):
        cloudwatch.delete_alarms(AlarmNames=[name])
        assert told(server, name) is None
    assert refusal(cloudwatch.delete_alarms, AlarmNames=[str(n) for n in range(101)])[0] in ("ValidationError", "InvalidParameterValue")


@pytest.fixture
def suppressed(server, receiver):
    """A composite alarm that is well, and another that may suppress what it does."""
    topic = subscribed(server, "suppressed", receiver.url)
    for name in ("cause", "suppressor"):
        switch(server, name)
        turn(server, name, "OK")

    def make(wait, extension):
        definition = {"AlarmName": "held", "AlarmRule": "ALARM(cause)", "AlarmActions": [topic], "OKActions": [topic]}
        server.cloudwatch.put_composite_alarm(**definition)
        becomes(server, "held", "OK")
        wait_for("its beginning", lambda: receiver.states() == ["OK"])
        receiver.taken.clear()
        server.cloudwatch.put_composite_alarm(**definition, ActionsSuppressor="suppressor", ActionsSuppressorWaitPeriod=wait, ActionsSuppressorExtensionPeriod=extension)

    make.fence = lambda: fence(server, topic, receiver)
    return make


def by(server):
    return told(server, "held").get("ActionsSuppressedBy")


def test_a_suppressor_in_alarm_suppresses_until_its_extension_ends(server, receiver, suppressed):
    suppressed(2, 3)
    turn(server, "suppressor", "ALARM")
    turn(server, "cause", "ALARM")
    found = becomes(server, "held", "ALARM")
    assert found["ActionsSuppressor"] in ("suppressor", alarm_arn("suppressor")) and found["ActionsSuppressorWaitPeriod"] == 2 and found["ActionsSuppressorExtensionPeriod"] == 3
    assert by(server) == "Alarm" and told(server, "held")["ActionsSuppressedReason"]
    suppressed.fence()
    assert receiver.states() == []
    left = time.time()
    turn(server, "suppressor", "OK")
    wait_for("the extension", lambda: by(server) == "ExtensionPeriod", 2)
    wait_for("the action", lambda: receiver.states("held") == ["ALARM"], 15)
    assert 2.9 <= receiver.taken[-1][0] - left < 10
    wait_for("nothing suppressed", lambda: by(server) is None, 3)


def test_a_wait_ends_with_the_action(server, receiver, suppressed):
    suppressed(3, 2)
    begun = time.time()
    turn(server, "cause", "ALARM")
    wait_for("the wait", lambda: by(server) == "WaitPeriod", 2)
    wait_for("the action", lambda: receiver.states("held") == ["ALARM"], 15)
    assert 2.9 <= receiver.taken[-1][0] - begun < 10
    wait_for("nothing suppressed", lambda: by(server) is None, 3)
    suppressed.fence()
    assert receiver.states("held") == ["ALARM"]


def test_a_suppressor_that_comes_during_the_wait_suppresses(server, receiver, suppressed):
    suppressed(3, 2)
    turn(server, "cause", "ALARM")
    wait_for("the wait", lambda: by(server) == "WaitPeriod", 2)
    turn(server, "suppressor", "ALARM")
    wait_for("the suppressor", lambda: by(server) == "Alarm", 2)
    end = time.time() + 4
    wait_for("longer than the wait", lambda: time.time() > end, 6)
    suppressed.fence()
    assert receiver.states() == [] and by(server) == "Alarm"


def test_a_change_during_the_extension_begins_a_wait(server, receiver, suppressed):
    suppressed(2, 30)
    turn(server, "suppressor", "ALARM")
    turn(server, "cause", "ALARM")
    wait_for("the suppressor", lambda: by(server) == "Alarm", 2)
    turn(server, "suppressor", "OK")
    wait_for("the extension", lambda: by(server) == "ExtensionPeriod", 2)
    turn(server, "cause", "OK")
    wait_for("the wait", lambda: by(server) == "WaitPeriod", 2)
    # Of the state that it is in at the end.
    wait_for("the action", lambda: receiver.states(), 15)
    assert receiver.states("held") == ["OK"]


def test_a_wait_outlives_a_kill(server, receiver, suppressed):
    suppressed(3, 2)
    turn(server, "cause", "ALARM")
    wait_for("the wait", lambda: by(server) == "WaitPeriod", 2)
    server.kill()
    server.start()
    wait_for("the action", lambda: receiver.states("held") == ["ALARM"], 20)
    wait_for("nothing suppressed", lambda: by(server) is None, 3)


def test_another_suppressor_ends_what_the_first_one_held(server, receiver, suppressed):
    suppressed(60, 60)
    turn(server, "cause", "ALARM")
    wait_for("the wait", lambda: by(server) == "WaitPeriod", 2)
    server.cloudwatch.put_composite_alarm(AlarmName="held", AlarmRule="ALARM(cause)", AlarmActions=[f"arn:aws:sns:us-east-1:{ACCOUNT}:suppressed"])
    wait_for("nothing suppressed", lambda: by(server) is None, 5)
    assert "ActionsSuppressor" not in told(server, "held")


@pytest.mark.parametrize("wrong", [
    {"ActionsSuppressor": "c-alarm"}, {"ActionsSuppressor": "c-alarm", "ActionsSuppressorWaitPeriod": 1}, {"ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1},
    {"ActionsSuppressor": "nobody", "ActionsSuppressorWaitPeriod": 1, "ActionsSuppressorExtensionPeriod": 1},
    {"ActionsSuppressor": "c-alarm", "ActionsSuppressorWaitPeriod": -1, "ActionsSuppressorExtensionPeriod": 1},
])
def test_suppressors_that_cannot_be(children, wrong):
    assert refusal(children.cloudwatch.put_composite_alarm, AlarmName="impossible", AlarmRule="ALARM(c-alarm)", **wrong)[0] in (
        "ValidationError", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter")


# -- what cannot be, what there is


@pytest.mark.parametrize("wrong", [
    {"AlarmName": None}, {"AlarmName": ""}, {"AlarmName": "x" * 256}, {"EvaluationPeriods": None}, {"EvaluationPeriods": 0}, {"ComparisonOperator": None}, {"ComparisonOperator": "About"},
    {"Threshold": None}, {"Period": 0}, {"Period": 7}, {"Period": 90}, {"Period": None}, {"DatapointsToAlarm": 2}, {"DatapointsToAlarm": 0}, {"Statistic": None}, {"Statistic": "Median"},
    {"ExtendedStatistic": "p90"}, {"Statistic": None, "ExtendedStatistic": "p101"}, {"Statistic": None, "ExtendedStatistic": "nonsense"}, {"TreatMissingData": "guess"},
    {"Period": 60, "EvaluationPeriods": 1441}, {"Period": 3600, "EvaluationPeriods": 169}, {"Period": 86400, "EvaluationPeriods": 8}, {"Unit": "Apples"}, {"AlarmDescription": "x" * 1025},
    {"AlarmActions": [f"arn:aws:sns:us-east-1:{ACCOUNT}:t{n}" for n in range(6)]}, {"AlarmActions": ["x" * 1025]}, {"AlarmActions": ["no arn"]}, {"Namespace": None}, {"Namespace": ":x"}, {"MetricName": None},
    {"EvaluateLowSampleCountPercentile": "maybe", "Statistic": None, "ExtendedStatistic": "p90"}, {"Dimensions": [{"Name": "a", "Value": "b"}] * 31}, {"Dimensions": [{"Name": "", "Value": "b"}]},
    {"Metrics": [stat("m1", "Shop", "x")]}, {"Tags": [{"Key": "k", "Value": "v" * 257}]}, {"Tags": [{"Key": str(n), "Value": ""} for n in range(51)]}, {"ThresholdMetricId": "ad1"},
    {"ComparisonOperator": "GreaterThanUpperThreshold"}, {"EvaluationWindow": {"WallClockWindow": {"Timezone": "Mars/Olympus"}}}, {"Threshold": float("nan")},
], ids=lambda wrong: str(wrong)[:60])
def test_alarms_that_cannot_be(shared, wrong):
    try:
        code, message = refusal(shared.cloudwatch.put_metric_alarm, **alarm("impossible", **wrong))
        assert code in ("ValidationError", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter", "LimitExceeded") and message, (code, message)
        assert told(shared, "impossible") is None
    finally:
        shared.cloudwatch.delete_alarms(AlarmNames=["impossible"])


M1, M2 = stat("m1", "Shop", "a", ReturnData=False), stat("m2", "Shop", "b", ReturnData=False)


@pytest.mark.parametrize("queries, more", [
    ([M1, M2], {}), ([{**M1, "ReturnData": True}, {**M2, "ReturnData": True}], {}), ([M1, expression("m1 + nosuch")], {}), ([M1, expression("m1 +")], {}), ([M1, M1, expression("m1")], {}),
    ([expression("SEARCH('{Shop} a', 'Sum', 60)")], {}), ([M1, M2, expression("[m1, m2]")], {}), ([M1, M2, expression("METRICS()")], {}), ([M1, expression("m1", "1e")], {}),
    ([{"Id": "m1"}], {}), ([{**M1, "Expression": "m2"}], {}), ([M1, expression("ANOMALY_DETECTION_BAND(m1)", "ad")], {"ComparisonOperator": "GreaterThanUpperThreshold", "Threshold": None, "ThresholdMetricId": "nosuch"}),
    ([stat(f"m{n}", "Shop", f"a{n}", ReturnData=False) for n in range(11)] + [expression("+".join(f"m{n}" for n in range(11)))], {}),
    ([M1, expression("m1")], {"Period": 60}), ([M1, expression("m1")], {"Statistic": "Sum"}), ([M1, expression("m1")], {"MetricName": "a"}), ([M1, expression("5", "e")], {}),
], ids=lambda each: str(each)[:70])
def test_alarms_of_expressions_that_cannot_be(shared, queries, more):
    try:
        code, message = refusal(shared.cloudwatch.put_metric_alarm, **of_queries("impossible", *queries, **more))
        assert code in ("ValidationError", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter") and message
        assert told(shared, "impossible") is None
    finally:
        shared.cloudwatch.delete_alarms(AlarmNames=["impossible"])


def test_names_that_are_not_there(shared):
    cloudwatch = shared.cloudwatch
    assert refusal(cloudwatch.set_alarm_state, AlarmName="nosuch", StateValue="OK", StateReason="x")[0] == "ResourceNotFound"
    cloudwatch.delete_alarms(AlarmNames=["nosuch"])
    cloudwatch.enable_alarm_actions(AlarmNames=["nosuch"])
    answer = cloudwatch.describe_alarms(AlarmNames=["nosuch"])
    assert answer["MetricAlarms"] == [] and answer["CompositeAlarms"] == []
    assert refusal(cloudwatch.list_tags_for_resource, ResourceARN=alarm_arn("nosuch"))[0] in ("ResourceNotFound", "ResourceNotFoundException")


def test_states_that_cannot_be_set(shared):
    switch(shared, "settable")
    for wrong, codes in (({"StateValue": "FINE"}, ("ValidationError", "InvalidParameterValue")), ({"StateReason": "x" * 1024}, ("ValidationError", "InvalidParameterValue")),
                         ({"StateReasonData": "no json"}, ("InvalidFormat",)), ({"StateReasonData": json.dumps("x" * 4000)}, ("ValidationError", "InvalidParameterValue", "InvalidFormat")),
                         ({"StateReason": None}, ("ValidationError", "MissingParameter")), ({"StateValue": None}, ("ValidationError", "MissingParameter"))):
        given = {"AlarmName": "settable", "StateValue": "OK", "StateReason": "x", **wrong}
        code, _ = refusal(shared.cloudwatch.set_alarm_state, **{k: v for k, v in given.items() if v is not None})
        assert code in codes, (wrong, code)
    assert state(shared, "settable") == UNKNOWN and history(shared, "settable", "StateUpdate") == []


def test_a_name_is_of_one_kind(shared):
    switch(shared, "one-kind")
    shared.cloudwatch.put_composite_alarm(AlarmName="one-kind-2", AlarmRule="FALSE")
    assert refusal(shared.cloudwatch.put_composite_alarm, AlarmName="one-kind", AlarmRule="FALSE")[0] in ("ValidationError", "InvalidParameterValue", "ResourceConflict")
    assert refusal(shared.cloudwatch.put_metric_alarm, **alarm("one-kind-2"))[0] in ("ValidationError", "InvalidParameterValue", "ResourceConflict")


def test_tags_are_given_when_an_alarm_is_made(shared):
    cloudwatch, arn = shared.cloudwatch, alarm_arn("tagged")
    tags = lambda: {each["Key"]: each["Value"] for each in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
    switch(shared, "tagged", Tags=[{"Key": "team", "Value": "web"}])
    assert tags() == {"team": "web"}
    switch(shared, "tagged", Tags=[{"Key": "team", "Value": "shop"}, {"Key": "more", "Value": "x"}])
    assert tags() == {"team": "web"}
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "stage", "Value": "test"}])
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["team"])
    assert tags() == {"stage": "test"}
    cloudwatch.delete_alarms(AlarmNames=["tagged"])
    switch(shared, "tagged")
    assert tags() == {}
    cloudwatch.put_composite_alarm(AlarmName="tagged-composite", AlarmRule="FALSE", Tags=[{"Key": "a", "Value": "b"}])
    assert cloudwatch.list_tags_for_resource(ResourceARN=alarm_arn("tagged-composite"))["Tags"] == [{"Key": "a", "Value": "b"}]


def test_alarms_are_found(server):
    cloudwatch, topic = server.cloudwatch, f"arn:aws:sns:us-east-1:{ACCOUNT}:found"
    for number in range(7):
        switch(server, f"web-{number}", **({"OKActions": [topic + str(number)]} if number < 3 else {}))
    switch(server, "Db-1", InsufficientDataActions=[topic])
    turn(server, "web-1", "ALARM")
    turn(server, "web-2", "OK")
    cloudwatch.put_composite_alarm(AlarmName="web-all", AlarmRule="ALARM(web-1) OR ALARM(web-2)", AlarmActions=[topic])
    cloudwatch.put_composite_alarm(AlarmName="top", AlarmRule=f"ALARM(web-all) AND NOT ALARM({alarm_arn('Db-1')})")
    becomes(server, "top", "ALARM")

    def names(**filters):
        answer = cloudwatch.describe_alarms(**filters)
        return [each["AlarmName"] for each in answer["MetricAlarms"] + answer["CompositeAlarms"]]

    every, both = [f"web-{n}" for n in range(7)], {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}
    assert sorted(names()) == ["Db-1", *every] and names(AlarmTypes=["CompositeAlarm"]) == ["top", "web-all"] and sorted(names(**both)) == sorted(["Db-1", "top", *every, "web-all"])
    assert names(AlarmNamePrefix="web-") == every and names(AlarmNamePrefix="Web") == [] and names(AlarmNamePrefix="web-", **both) == [*every, "web-all"]
    assert sorted(names(AlarmNames=["web-3", "Db-1", "nosuch"])) == ["Db-1", "web-3"] and names(AlarmNames=["top"]) == []
    assert names(StateValue="ALARM") == ["web-1"] and names(StateValue="OK", AlarmNamePrefix="web") == ["web-2"] and names(StateValue="ALARM", AlarmTypes=["CompositeAlarm"]) == ["top", "web-all"]
    assert sorted(names(ActionPrefix=topic)) == ["Db-1", "web-0", "web-1", "web-2"] and names(ActionPrefix=topic + "1") == ["web-1"] and "web-all" in names(ActionPrefix=topic, **both)
    assert sorted(names(ChildrenOfAlarmName="web-all")) == ["web-1", "web-2"] and sorted(names(ChildrenOfAlarmName="top")) == ["Db-1", "web-all"]
    assert names(ParentsOfAlarmName="web-1") == ["web-all"] and names(ParentsOfAlarmName="Db-1") == ["top"] and names(ParentsOfAlarmName="top") == []
    pages = list(cloudwatch.get_paginator("describe_alarms").paginate(MaxRecords=4, **both))
    listed = [[each["AlarmName"] for each in page["MetricAlarms"] + page["CompositeAlarms"]] for page in pages]
    assert [len(page) for page in listed] == [4, 4, 2] and sorted(sum(listed, [])) == sorted(["Db-1", "top", *every, "web-all"])
    for wrong, codes in (({"AlarmNames": ["a"], "AlarmNamePrefix": "b"}, ("ValidationError", "InvalidParameterCombination")), ({"MaxRecords": 0}, ("ValidationError", "InvalidParameterValue")),
                         ({"MaxRecords": 101}, ("ValidationError", "InvalidParameterValue")), ({"NextToken": "wrong"}, ("InvalidNextToken",)), ({"StateValue": "FINE"}, ("ValidationError", "InvalidParameterValue")),
                         ({"AlarmTypes": ["Clock"]}, ("ValidationError", "InvalidParameterValue")), ({"AlarmNames": [str(n) for n in range(101)]}, ("ValidationError", "InvalidParameterValue")),
                         ({"ChildrenOfAlarmName": "top", "StateValue": "OK"}, ("ValidationError", "InvalidParameterCombination"))):
        code, _ = refusal(cloudwatch.describe_alarms, **wrong)
        assert code in codes, (wrong, code)
    server.restart()
    cloudwatch = server.cloudwatch
    assert sorted(names(**both)) == sorted(["Db-1", "top", *every, "web-all"]) and names(StateValue="ALARM") == ["web-1"]


def test_alarms_of_a_metric(shared):
    put_alarm(shared, "metric-1", MetricName="of", Dimensions=[{"Name": "a", "Value": "1"}, {"Name": "b", "Value": "2"}])
    put_alarm(shared, "metric-2", MetricName="of", Period=300, Statistic="Sum")
    shared.cloudwatch.put_metric_alarm(**of_queries("metric-3", expression("m1 * 2"), stat("m1", "Shop", "of", ReturnData=False)))

    def names(*dimensions, **more):
        found = shared.cloudwatch.describe_alarms_for_metric(Namespace="Shop", MetricName="of", Dimensions=[{"Name": key, "Value": value} for key, value in dimensions], **more)
        return [each["AlarmName"] for each in found["MetricAlarms"]]

    assert names(("b", "2"), ("a", "1")) == ["metric-1"] and names(("a", "1")) == []
    assert "metric-2" in names() and "metric-1" not in names()
    assert names(Statistic="Average") == [] and names(Period=60) == [] and names(Statistic="Sum", Period=300) == ["metric-2"]


def test_accounts_see_their_own(world):  # noqa: F811
    receiver = Receiver()
    for account in (ONE, TWO):
        cloudwatch, sns = world.client(account, "cloudwatch"), world.client(account, "sns")
        topic = sns.create_topic(Name="t")["TopicArn"]
        assert topic == f"arn:aws:sns:us-east-1:{account}:t"
        sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=receiver.url + account)
        cloudwatch.put_metric_alarm(**alarm("same", TreatMissingData="ignore", AlarmActions=[topic], AlarmDescription=account))
        cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="ALARM(same)")
    one, two = world.client(ONE, "cloudwatch"), world.client(TWO, "cloudwatch")
    two.put_metric_alarm(**alarm("theirs", TreatMissingData="ignore", AlarmActions=[f"arn:aws:sns:us-east-1:{ONE}:t"]))
    one.set_alarm_state(AlarmName="same", StateValue="ALARM", StateReason="x")
    # Nothing of one is reached from another.
    two.set_alarm_state(AlarmName="theirs", StateValue="ALARM", StateReason="x")
    wait_for("one", lambda: receiver.taken)
    items = lambda cloudwatch, **more: cloudwatch.describe_alarm_history(AlarmTypes=["MetricAlarm", "CompositeAlarm"], **more)["AlarmHistoryItems"]
    wait_for("their action", lambda: items(two, AlarmName="theirs", HistoryItemType="Action"))
    assert [(message["AWSAccountId"], message["AlarmArn"]) for message in receiver.alarms()] == [(ONE, f"arn:aws:cloudwatch:us-east-1:{ONE}:alarm:same")]
    states = [{each["AlarmName"]: each["StateValue"] for each in client.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"], AlarmNames=["same", "above"])[kind]}
              for client in (one, two) for kind in ("MetricAlarms", "CompositeAlarms")]
    assert states == [{"same": "ALARM"}, {"above": "ALARM"}, {"same": UNKNOWN}, {"above": "OK"}]
    assert items(one, HistoryItemType="StateUpdate", AlarmName="same") and not items(two, HistoryItemType="StateUpdate", AlarmName="same")
    own = world.client(OWN, "cloudwatch")
    assert own.describe_alarms()["MetricAlarms"] == [] and world.client(OWN, "sns").list_topics()["Topics"] == []
    assert refusal(own.list_tags_for_resource, ResourceARN=f"arn:aws:cloudwatch:us-east-1:{ONE}:alarm:same")[0] in ("ResourceNotFound", "ResourceNotFoundException", "AccessDenied", "AccessDeniedException")
    two.delete_alarms(AlarmNames=["above"])
    two.delete_alarms(AlarmNames=["same"])
    assert [each["AlarmName"] for each in one.describe_alarms()["MetricAlarms"]] == ["same"]
    receiver.stop()


# -- three protocols


def form(server, action, **fields):
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **fields})
    answer = server.request("/", body.encode(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    return answer.status, ElementTree.fromstring(answer.body)


def test_forms(server):
    status, answer = form(server, "PutMetricAlarm", **{
        "AlarmName": "formed", "Namespace": "Shop", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 2, "DatapointsToAlarm": 1, "Threshold": "1.5",
        "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "ignore", "ActionsEnabled": "false", "Dimensions.member.1.Name": "Host", "Dimensions.member.1.Value": "a",
        "AlarmActions.member.1": f"arn:aws:sns:us-east-1:{ACCOUNT}:x", "Tags.member.1.Key": "k", "Tags.member.1.Value": "v"})
    assert status == 200 and answer.tag == f"{SPACE}PutMetricAlarmResponse" and answer.find(f"{SPACE}ResponseMetadata/{SPACE}RequestId").text
    assert form(server, "SetAlarmState", AlarmName="formed", StateValue="ALARM", StateReason="a < b")[0] == 200
    status, answer = form(server, "DescribeAlarms", **{"AlarmNames.member.1": "formed"})
    member = answer.find(f"{SPACE}DescribeAlarmsResult/{SPACE}MetricAlarms/{SPACE}member")
    text = lambda path: member.find("/".join(SPACE + part for part in path.split("/"))).text
    assert (text("AlarmName"), text("StateValue"), text("StateReason"), text("Threshold"), text("ActionsEnabled"), text("Dimensions/member/Name")) == ("formed", "ALARM", "a < b", "1.5", "false", "Host")
    for name in ("StateUpdatedTimestamp", "StateTransitionedTimestamp", "AlarmConfigurationUpdatedTimestamp"):
        assert abs(datetime.datetime.fromisoformat(text(name).replace("Z", "+00:00")).timestamp() - time.time()) < 60
    now = datetime.datetime.now(UTC)
    status, answer = form(server, "DescribeAlarmHistory", AlarmName="formed", HistoryItemType="StateUpdate", StartDate=f"{now - datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
                          EndDate=f"{now + datetime.timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
    items = answer.findall(f"{SPACE}DescribeAlarmHistoryResult/{SPACE}AlarmHistoryItems/{SPACE}member")
    assert status == 200 and [item.find(f"{SPACE}HistorySummary").text for item in items] == [f"Alarm updated from {UNKNOWN} to ALARM"]
    assert form(server, "PutCompositeAlarm", AlarmName="formed-2", AlarmRule="ALARM(formed)")[0] == 200
    status, answer = form(server, "SetAlarmState", AlarmName="nosuch", StateValue="OK", StateReason="x")
    error = answer.find(f"{SPACE}Error")
    assert status == 404 and (error.find(f"{SPACE}Type").text, error.find(f"{SPACE}Code").text) == ("Sender", "ResourceNotFound")
    assert form(server, "DeleteAlarms", **{"AlarmNames.member.1": "formed-2"})[0] == 200
    assert form(server, "DeleteAlarms", **{"AlarmNames.member.1": "formed"})[0] == 200
    assert told(server, "formed") is None


def cbor(server, operation, **members):
    answer = server.request(OPERATIONS + operation, cbor2.dumps(members), headers={"Content-Type": "application/cbor", "Accept": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"})
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor" and answer.headers["content-type"] == "application/cbor", answer
    return answer.status, cbor2.loads(answer.body) if answer.body else {}, answer.headers


def test_cbor(server):
    assert cbor(server, "PutMetricAlarm", **alarm("packed", Threshold=5, TreatMissingData="ignore", Dimensions=[{"Name": "a", "Value": "b"}]))[0] == 200
    assert cbor(server, "SetAlarmState", AlarmName="packed", StateValue="OK", StateReason="fine")[0] == 200
    status, answer, _ = cbor(server, "DescribeAlarms", AlarmNamePrefix="packed")
    [found] = answer["MetricAlarms"]
    assert status == 200 and found["StateValue"] == "OK" and found["Threshold"] == 5.0 and found["Dimensions"] == [{"Name": "a", "Value": "b"}] and found["ActionsEnabled"] is True
    assert all(abs(found[name].timestamp() - time.time()) < 60 for name in ("StateUpdatedTimestamp", "StateTransitionedTimestamp", "AlarmConfigurationUpdatedTimestamp"))
    now = datetime.datetime.now(UTC)
    status, answer, _ = cbor(server, "DescribeAlarmHistory", AlarmName="packed", StartDate=cbor2.CBORTag(1, now.timestamp() - 60.5), EndDate=cbor2.CBORTag(1, int(now.timestamp()) + 60))
    assert status == 200 and [item["HistoryItemType"] for item in answer["AlarmHistoryItems"]] == ["StateUpdate", "ConfigurationUpdate"]
    assert abs(answer["AlarmHistoryItems"][0]["Timestamp"].timestamp() - time.time()) < 60
    rule = {"Schedule": {"Expression": "cron(* * * * *)", "Duration": "PT1M"}}
    assert cbor(server, "PutAlarmMuteRule", Name="packed", Rule=rule, MuteTargets={"AlarmNames": ["packed"]}, ExpireDate=cbor2.CBORTag(1, int(time.time()) + 3600))[0] == 200
    status, answer, _ = cbor(server, "GetAlarmMuteRule", AlarmMuteRuleName="packed")
    assert answer["Status"] == "ACTIVE" and abs(answer["ExpireDate"].timestamp() - time.time() - 3600) < 60
    assert cbor(server, "PutCompositeAlarm", AlarmName="above", AlarmRule="OK(packed)")[0] == 200
    status, answer, headers = cbor(server, "SetAlarmState", AlarmName="nosuch", StateValue="OK", StateReason="x")
    assert status == 404 and answer["__type"].endswith("ResourceNotFound") and answer["message"] and headers["x-amzn-query-error"] == "ResourceNotFound;Sender"


def test_json_as_it_is_on_the_wire(server):
    def call(operation, **members):
        return server.request("/", members, headers={"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"GraniteServiceVersion20100801.{operation}", "x-amzn-query-mode": "true"})

    answer = call("PutMetricAlarm", **alarm("wired", TreatMissingData="ignore"))
    assert answer.status == 200 and answer.json == {}
    assert call("SetAlarmState", AlarmName="wired", StateValue="OK", StateReason="x").json == {}
    [found] = call("DescribeAlarms", AlarmNames=["wired"]).json["MetricAlarms"]
    assert isinstance(found["StateUpdatedTimestamp"], (int, float)) and abs(found["StateUpdatedTimestamp"] - time.time()) < 60
    assert None not in found.values()
    answer = call("DescribeAlarmHistory", AlarmName="wired", StartDate=time.time() - 60.25, EndDate=int(time.time()) + 60)
    assert [item["HistoryItemType"] for item in answer.json["AlarmHistoryItems"]] == ["StateUpdate", "ConfigurationUpdate"]
    answer = call("SetAlarmState", AlarmName="nosuch", StateValue="OK", StateReason="x")
    assert answer.status == 404 and answer.headers["x-amzn-query-error"] == "ResourceNotFound;Sender"
