"""Metrics: boto3 (JSON), forms with XML answers, and CBOR by hand; what was put is what is told."""

import datetime
import gzip
import json
import math
import random
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

import cbor2
import pytest
from botocore.exceptions import ClientError

from conftest import Server
from test_account import MONITOR, ONE, OWN, TWO, World, refused, world  # noqa: F401 (a fixture)

METRICS = "AWS::CloudWatch::Metric"
SPACE = "{http://monitoring.amazonaws.com/doc/2010-08-01/}"
UTC = datetime.timezone.utc


def minute(ago=10):
    """A whole minute, some ago."""
    return int(time.time()) // 60 * 60 - ago * 60


def at(seconds):
    return datetime.datetime.fromtimestamp(seconds, UTC)


def put(server, namespace, *data):
    server.cloudwatch.put_metric_data(Namespace=namespace, MetricData=list(data))


def datum(name, when, value=None, dimensions=None, **more):
    made = {"MetricName": name, "Timestamp": at(when), **more}
    if value is not None:
        made["Value"] = value
    if dimensions:
        made["Dimensions"] = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    return made


def stat(query_id, namespace, name, statistic="Average", period=60, dimensions=None, unit=None, **more):
    metric = {"Namespace": namespace, "MetricName": name}
    if dimensions:
        metric["Dimensions"] = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    found = {"Metric": metric, "Period": period, "Stat": statistic}
    if unit:
        found["Unit"] = unit
    return {"Id": query_id, "MetricStat": found, **more}


def expression(text, query_id="e", **more):
    return {"Id": query_id, "Expression": text, **more}


def ask(server, queries, start, end, **more):
    """Results of all pages, joined, oldest value first."""
    joined, token = {}, None
    while True:
        extra = {"NextToken": token} if token else {}
        answer = server.cloudwatch.get_metric_data(
            MetricDataQueries=queries, StartTime=at(start), EndTime=at(end), ScanBy="TimestampAscending", **more, **extra)
        for result in answer["MetricDataResults"]:
            kept = joined.setdefault((result["Id"], result["Label"]), [])
            kept.extend(zip([int(t.timestamp()) for t in result["Timestamps"]], result["Values"]))
        token = answer.get("NextToken")
        if not token:
            return joined


def values(server, queries, start, end, query_id="e"):
    """The values of one time series."""
    found = [points for (this, _), points in ask(server, queries, start, end).items() if this == query_id]
    assert len(found) == 1, found
    return [value for _, value in found[0]]


def statistics(server, namespace, name, when, *wanted, period=60, dimensions=None, **more):
    plain = [w for w in wanted if w in ("Average", "Sum", "Minimum", "Maximum", "SampleCount")]
    extended = [w for w in wanted if w not in plain]
    arguments = {"Statistics": plain} if plain else {}
    if extended:
        arguments["ExtendedStatistics"] = extended
    if dimensions:
        arguments["Dimensions"] = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    answer = server.cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=name, StartTime=at(when), EndTime=at(when + period), Period=period, **arguments, **more)
    return [{**point, **point.get("ExtendedStatistics", {})} for point in answer["Datapoints"]]


@pytest.fixture(scope="module")
def of_shared(shared):
    return shared


# -- what was put is told

def test_each_way_to_give_values(shared):
    when, ns = minute(), "ways"
    put(shared, ns, datum("one", when + 5, 3.5), datum("one", when + 40, 1.5), datum("one", when + 60, 100))
    put(shared, ns, datum("many", when, Values=[1, 2, 10], Counts=[1, 3, 2]), datum("many", when, Values=[4]))
    put(shared, ns, datum("set", when, StatisticValues={"SampleCount": 4, "Sum": 20, "Minimum": 1, "Maximum": 9}))
    five = ("SampleCount", "Sum", "Minimum", "Maximum", "Average")
    told = {name: [statistics(shared, ns, name, when, *five)[0][s] for s in five] for name in ("one", "many", "set")}
    assert told == {"one": [2, 5, 1.5, 3.5, 2.5], "many": [7, 31, 1, 10, 31 / 7], "set": [4, 20, 1, 9, 5]}
    # Of a set nothing is known of the values in between, so there are no percentiles.
    assert statistics(shared, ns, "set", when, "p50") == []


def test_they_survive(new_server):
    server, when = new_server(), minute()
    put(server, "kept", datum("a", when, 7, {"Service": "web"}, Unit="Percent"))
    for end in (server.kill, server.stop, lambda: server.stop()):
        end()
        server.start()
        found = statistics(server, "kept", "a", when, "Sum", "p99", dimensions={"Service": "web"})
        assert [(p["Sum"], p["p99"], p["Unit"]) for p in found] == [(7, 7, "Percent")]
        assert [m["MetricName"] for m in server.cloudwatch.list_metrics(Namespace="kept")["Metrics"]] == ["a"]


def test_every_statistic_against_the_values_themselves(shared):
    when, ns = minute(), "statistics"
    chance = random.Random(5)
    sample = [round(chance.lognormvariate(3, 0.8), 3) for _ in range(2000)]
    for begin in range(0, len(sample), 100):
        put(shared, ns, datum("took", when + begin % 60, Values=sample[begin:begin + 100]))
    ordered = sorted(sample)
    n = len(ordered)

    def percentile(p):
        return ordered[max(0, math.ceil(round(p / 100 * n, 6)) - 1)]

    def between(low, high):
        return ordered[round(n * low / 100):round(n * high / 100)]

    bounds = (10.0, 30.0)
    within = [v for v in ordered if bounds[0] < v <= bounds[1]]
    wanted = {
        "p50": percentile(50), "p99": percentile(99), "p99.9": percentile(99.9), "p0": ordered[0], "p100": ordered[-1],
        "tm90": sum(between(0, 90)) / len(between(0, 90)), "TM(10%:90%)": sum(between(10, 90)) / len(between(10, 90)),
        "TM(10:30)": sum(within) / len(within), "TC(10:30)": len(within), "TS(10:30)": sum(within),
        "ts90": sum(between(0, 90)), "tc90": n * 0.9, "PR(10:30)": 100 * len(within) / n, "PR(:30)": 100 * len([v for v in ordered if v <= 30]) / n,
        "IQM": sum(between(25, 75)) / len(between(25, 75)),
        "wm98": (sum(between(0, 98)) + percentile(98) * (n - len(between(0, 98)))) / n,
    }
    told = statistics(shared, ns, "took", when, *wanted)[0]
    for name, exact in wanted.items():
        # Values are told apart to one in a hundred; shares and counts of them follow.
        assert told[name] == pytest.approx(exact, rel=0.02), (name, told[name], exact)


def test_statistics_of_several_periods_are_those_of_all_values(shared):
    when, ns = minute(30) // 600 * 600, "merged"
    for number in range(10):
        put(shared, ns, datum("took", when + number * 60, Values=[float(number * 10 + k) for k in range(1, 11)]))
    told = statistics(shared, ns, "took", when, "p50", "p90", "SampleCount", period=600)
    assert [p["SampleCount"] for p in told] == [100]
    assert told[0]["p50"] == pytest.approx(50, rel=0.02) and told[0]["p90"] == pytest.approx(90, rel=0.02)


def test_seconds_where_they_were_asked_for(shared):
    when, ns = minute(), "seconds"
    put(shared, ns, *[datum("fine", when + s, s, StorageResolution=1) for s in range(10)], datum("coarse", when + 7, 1))
    assert values(shared, [stat("e", ns, "fine", "Sum", 1)], when, when + 10) == list(range(10))
    assert values(shared, [stat("e", ns, "fine", "Sum", 5)], when, when + 10) == [10, 35]
    assert values(shared, [stat("e", ns, "coarse", "Sum", 1)], when, when + 10) == [1]


def test_units_are_apart(shared):
    when, ns = minute(), "units"
    put(shared, ns, datum("m", when, 1, Unit="Seconds"), datum("m", when, 2, Unit="Milliseconds"), datum("m", when, 4))
    found = {p["Unit"]: p["Sum"] for p in statistics(shared, ns, "m", when, "Sum")}
    assert found == {"Seconds": 1, "Milliseconds": 2, "None": 4}
    assert [p["Sum"] for p in statistics(shared, ns, "m", when, "Sum", Unit="None")] == [4]
    assert values(shared, [stat("e", ns, "m", "Sum")], when, when + 60) == [7]
    assert values(shared, [stat("e", ns, "m", "Sum", unit="Seconds")], when, when + 60) == [1]


def test_dimensions_are_exact(shared):
    when, ns = minute(), "dimensions"
    put(shared, ns, datum("m", when, 1), datum("m", when, 2, {"A": "x"}), datum("m", when, 4, {"B": "y", "A": "x"}))
    assert [p["Sum"] for p in statistics(shared, ns, "m", when, "Sum")] == [1]
    assert [p["Sum"] for p in statistics(shared, ns, "m", when, "Sum", dimensions={"A": "x"})] == [2]
    # In whatever order they stand.
    assert [p["Sum"] for p in statistics(shared, ns, "m", when, "Sum", dimensions={"A": "x", "B": "y"})] == [4]
    assert statistics(shared, ns, "m", when, "Sum", dimensions={"B": "y"}) == []


# -- which there are

def test_metrics_are_listed(shared):
    when, ns = minute(), "list/ed"
    put(shared, ns, datum("a", when, 1, {"S": "1"}), datum("a", when, 1, {"S": "2", "T": "x"}), datum("b", when, 1))

    def names(**filters):
        found = shared.cloudwatch.list_metrics(Namespace=ns, **filters)["Metrics"]
        return sorted((m["MetricName"], *(d["Value"] for d in m["Dimensions"])) for m in found)

    assert names() == [("a", "1"), ("a", "2", "x"), ("b",)]
    assert names(MetricName="b") == [("b",)]
    assert names(Dimensions=[{"Name": "S"}]) == [("a", "1"), ("a", "2", "x")]
    assert names(Dimensions=[{"Name": "S", "Value": "2"}]) == [("a", "2", "x")]
    assert names(Dimensions=[{"Name": "S", "Value": "1"}, {"Name": "T"}]) == []
    assert names(RecentlyActive="PT3H") == names()


def test_pages_of_metrics(shared):
    when, ns = minute(), "pages"
    for begin in range(0, 1200, 400):
        put(shared, ns, *[datum(f"m{n:04}", when, n) for n in range(begin, begin + 400)])
    pages = list(shared.cloudwatch.get_paginator("list_metrics").paginate(Namespace=ns))
    assert [len(page["Metrics"]) for page in pages] == [500, 500, 200]
    assert [m["MetricName"] for page in pages for m in page["Metrics"]] == [f"m{n:04}" for n in range(1200)]


def test_pages_of_datapoints(shared):
    when, ns = minute(30), "datapoints"
    for name in "ab":
        put(shared, ns, *[datum(name, when + n * 60, n) for n in range(20)])
    queries = [stat("a", ns, "a", "Sum"), stat("b", ns, "b", "Sum")]
    first = shared.cloudwatch.get_metric_data(MetricDataQueries=queries, StartTime=at(when), EndTime=at(when + 1200), MaxDatapoints=25)
    assert [(r["Id"], len(r["Values"]), r["StatusCode"]) for r in first["MetricDataResults"]] == [
        ("a", 20, "Complete"), ("b", 5, "PartialData")]
    # Newest first unless it is asked otherwise.
    assert first["MetricDataResults"][0]["Values"] == [float(n) for n in range(19, -1, -1)]
    joined = ask(shared, queries, when, when + 1200, MaxDatapoints=7)
    assert all([value for _, value in points] == list(range(20)) for points in joined.values()) and len(joined) == 2


# -- expressions

@pytest.fixture(scope="module")
def series(shared):
    """m1 is 1…5 in five minutes, m2 lacks the third, and zero is nothing at all."""
    when, ns = minute(20), "math"
    put(shared, ns, *[datum("m1", when + n * 60, n + 1) for n in range(5)])
    put(shared, ns, *[datum("m2", when + n * 60, 10 * (n + 1)) for n in (0, 1, 3, 4)])
    put(shared, ns, *[datum("zero", when + n * 60, 0) for n in range(5)])
    stats = [stat("m1", ns, "m1", "Sum", ReturnData=False), stat("m2", ns, "m2", "Sum", ReturnData=False),
             stat("zero", ns, "zero", "Sum", ReturnData=False), stat("none", ns, "none", "Sum", ReturnData=False)]

    def compute(text, **more):
        return ask(shared, [*stats, expression(text, **more)], when, when + 300)

    compute.when = when
    return compute


@pytest.mark.parametrize(("text", "wanted"), [
    ("m1 + 1", [2, 3, 4, 5, 6]),
    # What is missing counts as nothing, as it does there.
    ("m1 * m2", [10, 40, 0, 160, 250]),
    ("-m1 ^ 2 + 2 * (m1 - 1)", [-1, -2, -5, -10, -17]),
    ("m1 > 2", [0, 0, 1, 1, 1]),
    ("m1 > 1 && m1 < 4", [0, 1, 1, 0, 0]),
    ("m1 == 1 OR m1 == 5", [1, 0, 0, 0, 1]),
    ("m1 / zero", []),
    ("ABS(-m1)", [1, 2, 3, 4, 5]),
    ("CEIL(m1 / 2)", [1, 1, 2, 2, 3]),
    ("FLOOR(m1 / 2)", [0, 1, 1, 2, 2]),
    ("LOG10(m1 * 10 - m1 * 9 + 99)", [2, math.log10(101), math.log10(102), math.log10(103), math.log10(104)]),
    ("LOG(m1)", [0, math.log(2), math.log(3), math.log(4), math.log(5)]),
    ("m1 - AVG(m1)", [-2, -1, 0, 1, 2]),
    ("m1 * MAX(m1) - MIN(m1)", [4, 9, 14, 19, 24]),
    ("m1 + STDDEV(m1)", [n + math.sqrt(2) for n in range(1, 6)]),
    ("SUM([m1, m2])", [11, 22, 3, 44, 55]),
    ("AVG(METRICS(\"m\"))", [5.5, 11, 3, 22, 27.5]),
    ("m1 * 0 + DATAPOINT_COUNT(m2)", [4, 4, 4, 4, 4]),
    ("m1 * 0 + METRIC_COUNT(METRICS())", [4, 4, 4, 4, 4]),
    ("DIFF(m1)", [None, 1, 1, 1, 1]),
    ("DIFF(m2)", [None, 10, None, 20, 10]),
    ("DIFF_TIME(m2)", [None, 60, None, 120, 60]),
    ("RATE(m1)", [None, 1 / 60, 1 / 60, 1 / 60, 1 / 60]),
    ("RUNNING_SUM(m1)", [1, 3, 6, 10, 15]),
    ("FILL(m2, 0)", [10, 20, 0, 40, 50]),
    ("FILL(m2, REPEAT)", [10, 20, 20, 40, 50]),
    ("FILL(m2, LINEAR)", [10, 20, 30, 40, 50]),
    ("FILL(m2, m1)", [10, 20, 3, 40, 50]),
    ("FILL(none, 7)", [7, 7, 7, 7, 7]),
    ("IF(m1 > 3, m1, 0)", [0, 0, 0, 4, 5]),
    ("IF(m1 > 3, m1)", [None, None, None, 4, 5]),
    ("m1 * 0 + FIRST(m1) + LAST(m1) * 10", [51, 51, 51, 51, 51]),
    ("m1 * 0 + PERIOD(m1)", [60, 60, 60, 60, 60]),
    ("TIME_SERIES(4)", [4, 4, 4, 4, 4]),
    ("SORT(SLICE(SORT([m1, m2], SUM, DESC), 0, 1), SUM, DESC)", [10, 20, None, 40, 50]),
    ("SLICE(SORT([m1, m2], MAX, ASC), 1)", [10, 20, None, 40, 50]),
    ("REMOVE_EMPTY([none, m1])", [1, 2, 3, 4, 5]),
    ("2", "single number"),
    ("m1 +", "at its end"),
    ("m1 + nosuch", "no query with the id nosuch"),
    ("NOSUCH(m1)", "no function NOSUCH"),
    ("e + 1", "depends on itself"),
    ("FILL(m1)", "FILL"),
    ("(" * 200 + "m1" + ")" * 200, "in each other"),
])
def test_math(series, text, wanted):
    if isinstance(wanted, str):
        with pytest.raises(ClientError) as caught:
            series(text)
        assert caught.value.response["Error"]["Code"] == "ValidationError" and wanted in str(caught.value), caught.value
        return
    (found,) = series(text).values()
    expected = [(series.when + n * 60, pytest.approx(value)) for n, value in enumerate(wanted) if value is not None]
    assert found == expected


def test_calendar_functions(series):
    moments = [at(series.when + n * 60) for n in range(5)]
    for name, part in {"MINUTE": lambda m: m.minute, "HOUR": lambda m: m.hour, "DAY": lambda m: m.isoweekday(),
                       "DATE": lambda m: m.day, "MONTH": lambda m: m.month, "YEAR": lambda m: m.year,
                       "EPOCH": lambda m: m.timestamp()}.items():
        (found,) = series(f"{name}(m1)").values()
        assert [value for _, value in found] == [part(m) for m in moments], name


@pytest.fixture(scope="module")
def hosts(shared):
    when, ns = minute(20), "hosts"
    for number in range(4):
        dimensions = {"Cluster": "east" if number < 2 else "west", "InstanceId": f"i-{number}"}
        put(shared, ns, *[datum("CPUUtilization", when + n * 60, 10 * number + n, dimensions) for n in range(3)],
            datum("NetworkIn", when, 5, {"InstanceId": f"i-{number}"}))

    def compute(text, **more):
        return {label: [v for _, v in points] for (_, label), points in ask(shared, [expression(text, **more)], when, when + 180).items()}

    return compute


def test_search(hosts):
    all_four = {f"i-{n}": [10 * n, 10 * n + 1, 10 * n + 2] for n in range(4)}
    strip = lambda found: {label.split(" ")[-1]: points for label, points in found.items()}  # noqa: E731
    assert strip(hosts("SEARCH('{hosts,Cluster,InstanceId} MetricName=\"CPUUtilization\"', 'Average', 60)")) == all_four
    assert strip(hosts("SEARCH('{hosts,InstanceId,Cluster} cpu', 'Average')", Period=60)) == all_four
    found = hosts("SEARCH('{hosts,Cluster,InstanceId} Cluster=west', 'Average', 60)", Label="${PROP('Dim.InstanceId')} of ${PROP('Dim.Cluster')}")
    assert found == {"i-2 of west": [20, 21, 22], "i-3 of west": [30, 31, 32]}
    assert list(hosts("SUM(SEARCH('{hosts,Cluster,InstanceId} i-0 OR i-1', 'Sum', 60))").values()) == [[10, 12, 14]]
    assert hosts("SEARCH('{hosts,Nothing} cpu', 'Sum', 60)") == {}
    assert len(hosts("SEARCH('Namespace=hosts NOT MetricName=NetworkIn', 'Sum', 60)")) == 4


def test_metrics_insights(hosts):
    assert hosts('SELECT AVG(CPUUtilization) FROM SCHEMA("hosts", Cluster, InstanceId) GROUP BY Cluster ORDER BY AVG() DESC', Period=60) == {
        "west": [25, 26, 27], "east": [5, 6, 7]}
    assert list(hosts('SELECT MAX(CPUUtilization) FROM hosts', Period=60).values()) == [[30, 31, 32]]
    assert hosts("SELECT SUM(CPUUtilization) FROM SCHEMA(hosts, Cluster, InstanceId) WHERE Cluster = 'east' GROUP BY InstanceId LIMIT 1",
                 Period=60) == {"i-0": [0, 1, 2]}
    assert list(hosts("SELECT COUNT(CPUUtilization) FROM hosts WHERE InstanceId != 'i-3'", Period=60).values()) == [[3, 3, 3]]


def test_labels(series):
    ((_, label),) = series("m1 * 2", Label="up to ${MAX}, at last ${LAST}, sum ${SUM}, least ${MIN}, of ${DATAPOINT_COUNT} ${NOSUCH}")
    assert label == "up to 10, at last 10, sum 30, least 2, of 5 ${NOSUCH}"


# -- the other two protocols

def form(server, action, headers=None, **parameters):
    body = urllib.parse.urlencode({"Action": action, "Version": "2010-08-01", **parameters}).encode()
    answer = server.request("/", body, headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", **(headers or {})})
    assert answer.headers["content-type"].startswith("text/xml")
    return answer.status, ElementTree.fromstring(answer.body)


def cbor(server, operation, body):
    answer = server.request(
        f"/service/GraniteServiceVersion20100801/operation/{operation}", body if isinstance(body, bytes) else cbor2.dumps(body),
        headers={"Content-Type": "application/cbor", "Accept": "application/cbor", "smithy-protocol": "rpc-v2-cbor"})
    assert answer.headers["smithy-protocol"] == "rpc-v2-cbor" and answer.headers["content-type"] == "application/cbor"
    return answer, cbor2.loads(answer.body)


def text_of(element, path):
    found = element.find("/".join(SPACE + part for part in path.split("/")))
    return None if found is None else found.text


def test_forms_and_xml(shared):
    when, ns = minute(), "form & <space>"
    status, root = form(shared, "PutMetricData", **{
        "Namespace": ns, "MetricData.member.1.MetricName": "a+b", "MetricData.member.1.Value": "2.5",
        "MetricData.member.1.Timestamp": at(when).strftime("%Y-%m-%dT%H:%M:%SZ"), "MetricData.member.1.Unit": "Count",
        "MetricData.member.1.Dimensions.member.1.Name": "D", "MetricData.member.1.Dimensions.member.1.Value": "日本",
        "MetricData.member.2.MetricName": "b", "MetricData.member.2.Values.member.1": "1", "MetricData.member.2.Values.member.2": "2",
        "MetricData.member.2.Counts.member.1": "5", "MetricData.member.2.Counts.member.2": "1",
        "MetricData.member.2.Timestamp": at(when).strftime("%Y-%m-%dT%H:%M:%S.000Z")})
    assert status == 200 and root.tag == SPACE + "PutMetricDataResponse"
    status, root = form(shared, "ListMetrics", Namespace=ns)
    names = [text_of(m, "MetricName") for m in root.iter(SPACE + "member") if text_of(m, "MetricName")]
    assert status == 200 and names == ["a+b", "b"] and text_of(root, "ListMetricsResult/Metrics/member/Dimensions/member/Value") == "日本"
    status, root = form(shared, "GetMetricStatistics", **{
        "Namespace": ns, "MetricName": "a+b", "Dimensions.member.1.Name": "D", "Dimensions.member.1.Value": "日本", "Period": "60",
        "StartTime": at(when).strftime("%Y-%m-%dT%H:%M:%SZ"), "EndTime": at(when + 60).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Statistics.member.1": "Sum", "ExtendedStatistics.member.1": "p90"})
    point = "GetMetricStatisticsResult/Datapoints/member/"
    assert [text_of(root, point + name) for name in ("Sum", "Unit", "Timestamp")] == ["2.5", "Count", at(when).strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert text_of(root, point + "ExtendedStatistics/entry/key") == "p90"
    status, root = form(shared, "GetMetricData", **{
        "MetricDataQueries.member.1.Id": "q", "MetricDataQueries.member.1.MetricStat.Metric.Namespace": ns,
        "MetricDataQueries.member.1.MetricStat.Metric.MetricName": "b", "MetricDataQueries.member.1.MetricStat.Period": "60",
        "MetricDataQueries.member.1.MetricStat.Stat": "Sum", "MetricDataQueries.member.1.ReturnData": "true",
        "StartTime": str(when), "EndTime": at(when + 60).strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert text_of(root, "GetMetricDataResult/MetricDataResults/member/Values/member") == "7.0"
    status, root = form(shared, "PutMetricData", Namespace=ns)
    assert status == 400 and (text_of(root, "Error/Code"), text_of(root, "Error/Type")) == ("MissingParameter", "Sender")
    status, root = form(shared, "DeleteEverything")
    assert status == 400 and root.find(".//{*}Code").text == "InvalidAction"


def test_cbor(shared):
    when, ns = minute(), "cbor"
    answer, told = cbor(shared, "PutMetricData", {"Namespace": ns, "MetricData": [
        {"MetricName": "whole", "Timestamp": cbor2.CBORTag(1, when), "Value": 3, "StorageResolution": 60},
        {"MetricName": "half", "Timestamp": cbor2.CBORTag(1, when + 0.25), "Value": 1.5, "Dimensions": [{"Name": "N", "Value": "v"}]}]})
    assert answer.status == 200 and told == {}
    # Lengths that come at the end, a half float, text in pieces.
    member = b"\xbf" + cbor2.dumps("MetricName") + b"\x7f" + cbor2.dumps("pie") + cbor2.dumps("ces") + b"\xff" \
        + cbor2.dumps("Value") + b"\xf9\x3e\x00" + cbor2.dumps("Timestamp") + b"\xc1" + cbor2.dumps(when) + b"\xff"
    body = b"\xbf" + cbor2.dumps("Namespace") + cbor2.dumps(ns) + cbor2.dumps("MetricData") + b"\x9f" + member + b"\xff\xff"
    assert cbor(shared, "PutMetricData", body)[0].status == 200
    _, told = cbor(shared, "ListMetrics", {"Namespace": ns})
    assert [(m["MetricName"], m["Dimensions"]) for m in told["Metrics"]] == [
        ("half", [{"Name": "N", "Value": "v"}]), ("pieces", []), ("whole", [])]
    question = {"StartTime": cbor2.CBORTag(1, when), "EndTime": cbor2.CBORTag(1, float(when + 60)), "MetricDataQueries": [
        {"Id": "a", "MetricStat": {"Metric": {"Namespace": ns, "MetricName": "pieces"}, "Period": 60, "Stat": "Sum"}}]}
    _, told = cbor(shared, "GetMetricData", question)
    result = told["MetricDataResults"][0]
    assert (result["Values"], result["Timestamps"]) == ([1.5], [at(when)])
    answer, told = cbor(shared, "GetMetricData", {})
    assert answer.status == 400 and told["__type"].endswith("ValidationException")
    assert answer.headers["x-amzn-query-error"] == "ValidationError;Sender"
    for wrong in (b"\xff", b"\xa1", b"\x9f" * 100, cbor2.dumps({"Namespace": 5}), b"\xbf", cbor2.dumps([1])):
        answer, told = cbor(shared, "PutMetricData", wrong)
        assert answer.status == 400 and told["message"], wrong


def test_gzip(shared):
    when, ns = minute(), "packed"
    body = json.dumps({"Namespace": ns, "MetricData": [{"MetricName": "m", "Timestamp": when, "Value": 1}]}).encode()
    headers = {"X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData", "Content-Type": "application/x-amz-json-1.0"}

    def send(content, encoding):
        return shared.request("/", content, headers={**headers, "Content-Encoding": encoding})

    assert send(gzip.compress(body), "gzip").status == 200
    assert [p["Sum"] for p in statistics(shared, ns, "m", when, "Sum")] == [1]
    assert send(body, "gzip").status == 400
    assert send(body, "br").status == 415
    assert send(gzip.compress(b" " * 70_000_000), "gzip").status == 413
    # boto3 itself packs what is long.
    many = [datum(f"long{n}", when, n, {"Dimension": "x" * 50}) for n in range(500)]
    put(shared, ns, *many)
    assert [p["Sum"] for p in statistics(shared, ns, "long499", when, "Sum", dimensions={"Dimension": "x" * 50})] == [499]


# -- bad input

@pytest.mark.parametrize(("change", "code", "says"), [
    ({"Namespace": ":x"}, "InvalidParameterValue", "Namespace"),
    ({"Namespace": "x" * 256}, "InvalidParameterValue", "Namespace"),
    ({"MetricData": []}, "MissingParameter", "MetricData"),
    ({"MetricData": [{"Value": 1}]}, "MissingParameter", "MetricData.member.1.MetricName"),
    ({"MetricData": [{"MetricName": "m"}]}, "InvalidParameterCombination", "Value"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Values": [1]}]}, "InvalidParameterValue", "Values"),
    ({"MetricData": [{"MetricName": "m", "Values": [1], "Counts": [1, 2]}]}, "InvalidParameterValue", "Counts"),
    ({"MetricData": [{"MetricName": "m", "Values": [1] * 151}]}, "InvalidParameterValue", "150"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Unit": "Furlongs"}]}, "InvalidParameterValue", "Unit"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "StorageResolution": 7}]}, "InvalidParameterValue", "StorageResolution"),
    ({"MetricData": [{"MetricName": "m", "Value": 1e300 * 1e10}]}, None, None),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "a", "Value": "b"}] * 2}]}, "InvalidParameterValue", "Dimensions"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Dimensions": [{"Name": f"d{n}", "Value": "b"} for n in range(31)]}]},
     "InvalidParameterValue", "30"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Dimensions": [{"Name": "a", "Value": ""}]}]}, "InvalidParameterValue", "Value"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": at(time.time() + 3 * 3600)}]}, "InvalidParameterValue", "two hours"),
    ({"MetricData": [{"MetricName": "m", "Value": 1, "Timestamp": at(time.time() - 15 * 86400)}]}, "InvalidParameterValue", "two weeks"),
    ({"MetricData": [{"MetricName": "m", "StatisticValues": {"SampleCount": 1, "Sum": 5, "Minimum": 7, "Maximum": 3}}]},
     "InvalidParameterCombination", "Minimum"),
    ({"MetricData": [{"MetricName": "m", "Value": 1}] * 1001}, "InvalidParameterValue", "1000"),
])
def test_what_cannot_be_put(shared, change, code, says):
    arguments = {"Namespace": "refused", "MetricData": [{"MetricName": "m", "Value": 1}], **change}
    with pytest.raises((ClientError, ValueError)) as caught:
        shared.cloudwatch.put_metric_data(**arguments)
    if code:
        assert caught.value.response["Error"]["Code"] == code and says in str(caught.value), caught.value
    assert shared.cloudwatch.list_metrics(Namespace="refused")["Metrics"] == []


def test_nothing_of_a_refused_call_is_kept(shared):
    with pytest.raises(ClientError):
        put(shared, "half", datum("good", minute(), 1), datum("bad", minute(), 1, Unit="Furlongs"))
    assert shared.cloudwatch.list_metrics(Namespace="half")["Metrics"] == []


@pytest.mark.parametrize(("call", "arguments", "code"), [
    ("get_metric_data", {"MetricDataQueries": []}, "ValidationError"),
    ("get_metric_data", {"MetricDataQueries": [{"Id": "Big", "Expression": "1"}]}, "ValidationError"),
    ("get_metric_data", {"MetricDataQueries": [{"Id": "a"}]}, "ValidationError"),
    ("get_metric_data", {"MetricDataQueries": [stat("a", "n", "m", "p101")]}, "ValidationError"),
    ("get_metric_data", {"MetricDataQueries": [stat("a", "n", "m", period=45)]}, "ValidationError"),
    ("get_metric_data", {"MetricDataQueries": [stat("a", "n", "m")], "NextToken": "nonsense"}, None),
    ("get_metric_statistics", {"Namespace": "n", "MetricName": "m", "Period": 60}, "InvalidParameterCombination"),
    ("get_metric_statistics", {"Namespace": "n", "MetricName": "m", "Period": 7, "Statistics": ["Sum"]}, "InvalidParameterValue"),
    ("get_metric_statistics", {"Namespace": "n", "MetricName": "m", "Period": 60, "Statistics": ["Median"]}, "InvalidParameterValue"),
    ("describe_insight_rules", {}, "InvalidAction"),
])
def test_what_cannot_be_asked(shared, call, arguments, code):
    if call.startswith("get"):
        arguments = {"StartTime": at(minute()), "EndTime": at(minute(0)), **arguments}
    with pytest.raises(ClientError) as caught:
        getattr(shared.cloudwatch, call)(**arguments)
    if code:
        assert caught.value.response["Error"]["Code"] == code, caught.value
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_too_many_datapoints(shared):
    with pytest.raises(ClientError) as caught:
        shared.cloudwatch.get_metric_statistics(Namespace="n", MetricName="m", Period=60, Statistics=["Sum"],
                                                StartTime=at(minute(1441)), EndTime=at(minute(0)))
    assert "1,441 datapoints, which exceeds the limit of 1,440" in str(caught.value)


# -- dashboards

def test_dashboards(shared):
    client = shared.cloudwatch
    body = json.dumps({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
        "metrics": [["hosts", "CPUUtilization", "InstanceId", "i-1"]], "region": "us-east-1", "title": "日本"}}]})
    assert client.put_dashboard(DashboardName="first", DashboardBody=body)["DashboardValidationMessages"] == []
    got = client.get_dashboard(DashboardName="first")
    assert json.loads(got["DashboardBody"]) == json.loads(body) and got["DashboardArn"].endswith(":dashboard/first")
    client.put_dashboard(DashboardName="second", DashboardBody='{"widgets": []}')
    entries = client.list_dashboards()["DashboardEntries"]
    assert [(e["DashboardName"], e["Size"]) for e in entries] == [("first", len(body.encode())), ("second", 15)]
    assert [e["DashboardName"] for e in client.list_dashboards(DashboardNamePrefix="sec")["DashboardEntries"]] == ["second"]
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.delete_dashboards(DashboardNames=["first", "nosuch"])
    assert len(client.list_dashboards()["DashboardEntries"]) == 2
    client.delete_dashboards(DashboardNames=["first", "second"])
    assert client.list_dashboards()["DashboardEntries"] == []
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.get_dashboard(DashboardName="first")


@pytest.mark.parametrize("body", ["", "no json", "[]", '{"widgets": 5}', '{"widgets": [{"type": "nosuch"}]}',
                                  '{"widgets": [{"type": "text", "x": 30, "properties": {"markdown": "m"}}]}'])
def test_dashboards_that_are_not_valid(shared, body):
    with pytest.raises(ClientError) as caught:
        shared.cloudwatch.put_dashboard(DashboardName="bad", DashboardBody=body)
    assert caught.value.response["Error"]["Code"] in ("InvalidParameterInput", "MissingParameter"), caught.value


# -- accounts

def test_accounts(world):  # noqa: F811
    when = minute()
    for account, value in ((OWN, 1), (ONE, 2), (TWO, 4)):
        world.client(account, "cloudwatch").put_metric_data(Namespace="a", MetricData=[datum("m", when, value, {"Of": account})])

    def listed(account, **more):
        found = world.client(account, "cloudwatch").list_metrics(Namespace="a", **more)
        return sorted(m["Dimensions"][0]["Value"] for m in found["Metrics"])

    assert [listed(account) for account in (OWN, ONE, TWO, MONITOR)] == [[OWN], [ONE], [TWO], []]
    world.link(ONE, types=(METRICS,))
    world.link(TWO)
    # Traces were linked of the second, not metrics.
    assert listed(MONITOR) == [] and listed(MONITOR, IncludeLinkedAccounts=True) == [ONE]
    client = world.client(MONITOR, "cloudwatch")
    query = stat("q", "a", "m", "Sum", dimensions={"Of": ONE})
    ask_for = lambda q: client.get_metric_data(MetricDataQueries=[q], StartTime=at(when), EndTime=at(when + 60))["MetricDataResults"][0]  # noqa: E731
    assert ask_for(query)["Values"] == [] and ask_for({**query, "AccountId": ONE})["Values"] == [2]
    two = stat("q", "a", "m", "Sum", dimensions={"Of": TWO}, AccountId=TWO)
    assert ask_for(two)["Values"] == []
    search = expression("SEARCH('{a,Of} m', 'Sum', 60)")
    assert ask_for(search)["Values"] == [2]
    assert refused(world.client(MONITOR, "cloudwatch").put_metric_data, Namespace="a", MetricData=[]) == "MissingParameter"


def test_roles(new_server):
    from test_account import create_key
    server = new_server(env={"MITOSHI_ACCESS_REQUIRED": "always"}, start=False)
    keys = {role: create_key(server, OWN, role) for role in ("read", "write", "admin")}
    server.start()
    client = lambda role: server.aws("cloudwatch", keys[role]["AccessKeyId"], keys[role]["SecretAccessKey"])  # noqa: E731
    data = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1}]}
    client("write").put_metric_data(**data)
    assert len(client("read").list_metrics()["Metrics"]) >= 1
    assert refused(client("read").put_metric_data, **data) == "AccessDeniedException"
    assert refused(client("write").list_metrics) == "AccessDeniedException"
    assert refused(client("read").put_dashboard, DashboardName="d", DashboardBody='{"widgets":[]}') == "AccessDeniedException"
    client("admin").put_dashboard(DashboardName="d", DashboardBody='{"widgets":[]}')
    answer = server.request("/", json.dumps(data).encode(), headers={
        "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData", "Content-Type": "application/x-amz-json-1.0"})
    assert answer.status == 403 and answer.error == "MissingAuthenticationTokenException"


def picture(png):
    """Width, height and pixels of a PNG with eight bits a channel."""
    import struct
    import zlib
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", png[at + 8:at + 18])
        if kind == b"IDAT":
            packed += png[at + 8:at + 8 + length]
        at += 12 + length
    assert (depth, colour) == (8, 6)
    raw, rows, before = zlib.decompress(packed), [], bytearray(width * 4)
    for y in range(height):
        line = bytearray(raw[y * (width * 4 + 1) + 1:(y + 1) * (width * 4 + 1)])
        how = raw[y * (width * 4 + 1)]
        for x in range(len(line)):
            left, up, corner = (line[x - 4] if x >= 4 else 0), before[x], (before[x - 4] if x >= 4 else 0)
            guess = left + up - corner
            nearest = min((left, up, corner), key=lambda value: abs(guess - value))
            line[x] = (line[x] + (0, left, up, (left + up) // 2, nearest)[how]) & 0xFF
        rows.append(bytes(line))
        before = line
    return width, height, [tuple(row[x:x + 3]) for row in rows for x in range(0, len(row), 4)]


def test_pictures_of_widgets(shared):
    when = minute()
    put(shared, "Picture", *(datum("x", when + 60 * i, 100 - i, {"Host": "a"}) for i in range(5)))
    put(shared, "Picture", *(datum("x", when + 60 * i, 50, {"Host": "b"}) for i in range(5)))
    widget = {"metrics": [["Picture", "x", "Host", "a", {"color": "#ff0000"}], ["...", "b"]], "width": 400, "height": 300, "period": 60,
              "start": "-PT30M", "end": "P0D", "title": "A picture", "annotations": {"horizontal": [{"value": 75, "label": "limit"}]}}
    of_json = shared.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps(widget))["MetricWidgetImage"]
    width, height, pixels = picture(of_json)
    assert (width, height) == (400, 300)
    assert pixels.count((255, 0, 0)) > 20 and pixels.count((0xFF, 0x7F, 0x0E)) > 20 and pixels.count((0xD9, 0x15, 0x15)) > 50
    # Without values there is a picture, too, and nothing in it.
    empty = shared.cloudwatch.get_metric_widget_image(MetricWidget=json.dumps({"metrics": [["Picture", "nothing", {"color": "#ff0000"}]]}))
    width, height, pixels = picture(empty["MetricWidgetImage"])
    # Its name stands in the legend, beside its colour: that is all there is of it.
    assert (width, height) == (600, 400) and pixels.count((255, 255, 255)) > 0.95 * len(pixels)
    form = urllib.parse.urlencode({"Action": "GetMetricWidgetImage", "Version": "2010-08-01", "MetricWidget": json.dumps(widget)})
    answer = shared.request("/", form.encode(), headers={"Content-Type": "application/x-www-form-urlencoded"})
    import base64
    of_form = ElementTree.fromstring(answer.body).find(f"{SPACE}GetMetricWidgetImageResult/{SPACE}MetricWidgetImage").text
    assert picture(base64.b64decode(of_form))[:2] == (400, 300)
    path = "/service/GraniteServiceVersion20100801/operation/GetMetricWidgetImage"
    answer = shared.request(path, cbor2.dumps({"MetricWidget": json.dumps(widget)}), headers={"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"})
    assert picture(cbor2.loads(answer.body)["MetricWidgetImage"])[:2] == (400, 300)
    for wrong in ("x", "{}", '{"metrics": []}', '{"metrics": [["Picture", "x"]], "width": 5000}'):
        with pytest.raises(ClientError) as refused_:
            shared.cloudwatch.get_metric_widget_image(MetricWidget=wrong)
        assert refused_.value.response["Error"]["Code"] == "ValidationError" and "MetricWidget" in refused_.value.response["Error"]["Message"]


# -- what is usual


def band(server, namespace, start, end, text="ANOMALY_DETECTION_BAND(m1, 2)", name="load"):
    found = ask(server, [stat("m1", namespace, name, period=300, ReturnData=False), expression(text)], start, end)
    return [dict(points) for points in found.values()], [label for _, label in found]


def test_a_band_is_what_is_usual(server):
    """Two days that are alike, and a third: its band is that of the days before, whatever it is itself."""
    end = int(time.time()) // 300 * 300
    usual = lambda when: 100 + 50 * math.sin(when % 86400 / 86400 * 2 * math.pi) + when // 300 % 5
    data = [datum("load", when, usual(when)) for when in range(end - 3 * 86400, end, 300)]
    for place in range(0, len(data), 500):
        put(server, "Usual", *data[place:place + 500])
    (upper, lower), labels = band(server, "Usual", end - 3 * 3600, end)
    assert labels == ["load (expected, high)", "load (expected, low)"] and len(upper) == len(lower) == 36
    inside = [lower[when] <= usual(when) <= upper[when] for when in upper]
    assert sum(inside) >= 34
    assert all(upper[when] - lower[when] < 60 for when in upper)
    (wide, _), _ = band(server, "Usual", end - 3 * 3600, end, "ANOMALY_DETECTION_BAND(m1, 6)")
    assert all(wide[when] > upper[when] for when in upper)
    # Of an expression, too.
    (doubled, _), labels = band(server, "Usual", end - 3 * 3600, end, "ANOMALY_DETECTION_BAND(m1 * 2)")
    assert labels[0] == "e (expected, high)" and all(doubled[when] == pytest.approx(2 * upper[when]) for when in upper)
    # Half of it is excluded: then there is too little to compare days, and everything of a day is alike.
    cloudwatch = server.cloudwatch
    detector = cloudwatch.put_anomaly_detector(
        SingleMetricAnomalyDetector={"Namespace": "Usual", "MetricName": "load", "Stat": "Average"},
        Configuration={"ExcludedTimeRanges": [{"StartTime": at(end - 4 * 86400), "EndTime": at(end - 86400)}], "MetricTimezone": "Asia/Tokyo"})
    (upper_of_a_day, lower_of_a_day), _ = band(server, "Usual", end - 3 * 3600, end)
    assert all(upper_of_a_day[when] - lower_of_a_day[when] > 100 for when in upper_of_a_day)
    [told] = cloudwatch.describe_anomaly_detectors(Namespace="Usual")["AnomalyDetectors"]
    assert told["AnomalyDetectorId"] == detector["AnomalyDetectorId"] and told["StateValue"] == "TRAINED"
    assert told["SingleMetricAnomalyDetector"]["MetricName"] == told["MetricName"] == "load" and told["Stat"] == "Average"
    assert told["Configuration"]["MetricTimezone"] == "Asia/Tokyo" and told["Configuration"]["ExcludedTimeRanges"][0]["EndTime"] == at(end - 86400)
    cloudwatch.delete_anomaly_detector(Namespace="Usual", MetricName="load", Stat="Average")
    assert band(server, "Usual", end - 3 * 3600, end)[0][0] == upper


def test_a_band_of_nothing_is_nothing(server):
    now = minute(0)
    for when in range(3):
        put(server, "New", datum("load", now - 600 + 60 * when, 5))
    found = ask(server, [stat("m1", "New", "load", ReturnData=False), expression("ANOMALY_DETECTION_BAND(m1)")], now - 600, now)
    assert list(found.values()) == [[], []]


@pytest.mark.parametrize("text, why", [
    ("ANOMALY_DETECTION_BAND([m1, m1])", "Unsupported operand type"),
    ("ANOMALY_DETECTION_BAND(m1, 0)", "above 0"),
    ("ANOMALY_DETECTION_BAND(FIRST(ANOMALY_DETECTION_BAND(m1)))", "cannot be of what another one gives"),
    ("ANOMALY_DETECTION_BAND(e)", "depends on itself"),
])
def test_bands_of_what_has_none(server, text, why):
    with pytest.raises(ClientError) as refusal:
        ask(server, [stat("m1", "New", "load", ReturnData=False), expression(text)], minute(), minute(0))
    assert refusal.value.response["Error"]["Code"] == "ValidationError" and why in refusal.value.response["Error"]["Message"]


def test_detectors_are_kept(server):
    cloudwatch = server.cloudwatch
    of = lambda name, **more: {"Namespace": "Kept", "MetricName": name, "Stat": "p99", **more}
    one = cloudwatch.put_anomaly_detector(**of("one"))["AnomalyDetectorId"]
    two = cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=of("two", Dimensions=[{"Name": "a", "Value": "1"}]),
                                          Configuration={"AdaptationSpeed": "FAST", "OutlierFilteringStrength": "STRICT"},
                                          MetricCharacteristics={"PeriodicSpikes": True})["AnomalyDetectorId"]
    math = cloudwatch.put_anomaly_detector(MetricMathAnomalyDetector={"MetricDataQueries": [
        stat("m1", "Kept", "one", ReturnData=False), expression("m1 * 2", ReturnData=True)]})["AnomalyDetectorId"]
    # The same again is the same one.
    assert cloudwatch.put_anomaly_detector(SingleMetricAnomalyDetector=of("one"))["AnomalyDetectorId"] == one
    first = cloudwatch.describe_anomaly_detectors(Namespace="Kept", MaxResults=1)
    second = cloudwatch.describe_anomaly_detectors(Namespace="Kept", MaxResults=1, NextToken=first["NextToken"])
    assert {each["AnomalyDetectorId"] for each in first["AnomalyDetectors"] + second["AnomalyDetectors"]} == {one, two} and "NextToken" not in second
    [told] = cloudwatch.describe_anomaly_detectors(AnomalyDetectorIds=[two])["AnomalyDetectors"]
    assert told["Configuration"] == {"AdaptationSpeed": "FAST", "OutlierFilteringStrength": "STRICT"} and told["StateValue"] == "PENDING_TRAINING"
    assert told["MetricCharacteristics"] == {"PeriodicSpikes": True} and told["Dimensions"] == [{"Name": "a", "Value": "1"}]
    [told] = cloudwatch.describe_anomaly_detectors(AnomalyDetectorTypes=["METRIC_MATH"])["AnomalyDetectors"]
    assert told["AnomalyDetectorId"] == math and told["MetricMathAnomalyDetector"]["MetricDataQueries"][1]["Expression"] == "m1 * 2"
    server.restart()
    cloudwatch = server.cloudwatch
    assert len(cloudwatch.describe_anomaly_detectors(AnomalyDetectorTypes=["SINGLE_METRIC", "METRIC_MATH"], AnomalyDetectorIds=[one, two, math])["AnomalyDetectors"]) == 3
    for id in (one, two, math):
        cloudwatch.delete_anomaly_detector(AnomalyDetectorId=id)
    with pytest.raises(ClientError) as refusal:
        cloudwatch.delete_anomaly_detector(AnomalyDetectorId=one)
    assert refusal.value.response["Error"]["Code"] == "ResourceNotFoundException"
    for wrong in ({}, of("x", SingleMetricAnomalyDetector=of("y")), of("x", Configuration={"MetricTimezone": "Mars/Olympus"}),
                  of("x", Configuration={"AdaptationSpeed": "WARP"}), {**of("x"), "Stat": "p101"}):
        with pytest.raises(ClientError):
            cloudwatch.put_anomaly_detector(**wrong)
