"""Logs Insights: a corpus of queries with the rows that they find, and what is told of those that cannot be understood."""

import json
import time
from datetime import datetime, timezone

import pytest
from botocore.exceptions import ClientError

from conftest import Server, segment, wait_for
from test_log import make, refusal

BASE = int(time.time()) // 3600 * 3600 - 2 * 3600
REQUEST = "8f14e45f-ceea-467f-9b5c-0d2f1a2b3c4d"
EVENTS = [
    (0, "a", json.dumps({"level": "INFO", "path": "/orders", "status": 200, "ms": 12, "user": {"id": 7, "name": "ann"}, "tags": ["x", "y"], "ip": "10.0.0.1"})),
    (10, "a", json.dumps({"level": "ERROR", "path": "/orders", "status": 500, "ms": 250, "user": {"id": 8, "name": "bob"}, "tags": ["y"], "ip": "10.0.1.1"})),
    (70, "b", json.dumps({"level": "INFO", "path": "/cart", "status": 200, "ms": 30.5, "user": {"id": 7, "name": "ann"}, "ip": "2001:db8::1", "@own": "mine"})),
    (80, "b", json.dumps({"level": "WARN", "path": "/cart", "status": "404", "ms": 5, "ok": False, "odd-key": "odd", "a.b": "dotted"})),
    (130, "a", "user=ann, method:GET, latency := 15"),
    (140, "a", "user=bob, method:POST, latency := 40"),
    (150, "b", "[ERROR] Failed to write item 42 to table orders"),
    (160, "b", "[ERROR] Failed to write item 43 to table orders"),
    (200, "b", "  padded Text  "),
    (3000, "a", f"REPORT RequestId: {REQUEST} Duration: 3.5 ms Billed: 4 ms"),
]
M = [message for *_, message in EVENTS]


def moment(seconds):
    return datetime.fromtimestamp(BASE + seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S.000")


T = [moment(at) for at, *_ in EVENTS]


@pytest.fixture(scope="module", params=["in memory", "in parts"])
def logs(request, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("insights") / "data").start()
    logs = server.aws("logs")
    make(logs, "corpus", "a", "b")
    make(logs, "other", "o")
    for stream in "ab":
        logs.put_log_events(logGroupName="corpus", logStreamName=stream, logEvents=[
            {"timestamp": (BASE + at) * 1000, "message": message} for at, of, message in EVENTS if of == stream])
    logs.put_log_events(logGroupName="other", logStreamName="o", logEvents=[{"timestamp": BASE * 1000, "message": "of another group"}])
    if request.param == "in parts":
        server.restart()
        logs = server.aws("logs")
    yield logs
    server.kill()


def run(logs, query, start=BASE, end=BASE + 3600, **more):
    if "SOURCE" not in query and not any(name.startswith("logGroup") for name in more):
        more.setdefault("logGroupName", "corpus")
    id = logs.start_query(startTime=start, endTime=end, queryString=query, **more)["queryId"]
    answer = lambda: (lambda got: got["status"] != "Running" and got)(logs.get_query_results(queryId=id))
    return wait_for("its end", answer, 30)


def rows(answer):
    """Each row as its values, and the names of its fields, without the pointer."""
    found = [[(field["field"], field["value"]) for field in row if field["field"] != "@ptr"] for row in answer["results"]]
    return found


NUMBERED = [(T[i], M[i]) for i in range(10)]
NEWEST = NUMBERED[::-1]
messages = lambda *places: [(M[place],) for place in places]

# A query, and the values of its rows in their order.
CORPUS = [
    # -- without anything, and fields
    ("fields @timestamp, @message", NEWEST),
    ("", NEWEST),
    ("fields @message | limit 2", messages(9, 8)),
    ("FIELDS @message | LIMIT 1", messages(9)),
    ("fields @message # a comment | limit 1\n| limit 3", messages(9, 8, 7)),
    ("limit 1", [NUMBERED[9]]),
    ("fields @logStream, @message | limit 1", [("a", M[9])]),
    ("fields @log | limit 1", [("000000000000:corpus",)]),
    ("fields level, status | filter ispresent(level)", [("WARN", "404"), ("INFO", "200"), ("ERROR", "500"), ("INFO", "200")]),
    ("fields user.name as who, user.id | filter ispresent(who)", [("ann", "7"), ("bob", "8"), ("ann", "7")]),
    ("fields tags.0 as first | filter ispresent(tags.0)", [("y",), ("x",)]),
    ("fields tags[1] as second | filter ispresent(tags[1])", [("y",)]),
    ("fields `odd-key` as odd | filter ispresent(`odd-key`)", [("odd",)]),
    ("fields a.b | filter a.b = 'dotted'", [("dotted",)]),
    ("fields @@own | filter ispresent(@@own)", [("mine",)]),
    ("fields ms * 2 as double | filter level = 'ERROR'", [("500",)]),
    ("fields ms / 3 as third | filter level = 'ERROR'", [("83.3333",)]),
    ("fields ms + 1, ms - 1 | filter level = 'WARN'", [("6", "4")]),
    ("fields ms % 7 as rest | filter level = 'ERROR'", [("5",)]),
    ("fields 2 ^ 10 as power | limit 1", [("1024",)]),
    ("fields 2 + 3 * 4 as sum | limit 1", [("14",)]),
    ("fields (2 + 3) * 4 as product | limit 1", [("20",)]),
    ("fields -ms as minus | filter level = 'WARN'", [("-5",)]),
    ("fields ms / 0 as nothing, level | filter level = 'WARN'", [("WARN",)]),
    ("display @message | limit 1", messages(9)),
    ("fields @timestamp, @message | display @message | limit 2", messages(9, 8)),
    ("fields ms as took | display took, level | filter took > 100", [("250", "ERROR")]),
    # -- filter
    ("fields @message | filter level = 'INFO'", messages(2, 0)),
    ('fields @message | filter level = "INFO" and path = "/cart"', messages(2)),
    ("fields @message | filter level = 'WARN' or level = 'ERROR'", messages(3, 1)),
    ("fields @message | filter level != 'INFO'", messages(3, 1)),
    ("fields @message | filter not level = 'INFO' | limit 2", messages(9, 8)),
    ("fields @message | filter not ispresent(level) and not @message like 'user'", messages(9, 8, 7, 6)),
    ("fields @message | filter status >= 400", messages(3, 1)),
    ("fields @message | filter status < 300", messages(2, 0)),
    ("fields @message | filter ms > 5 and ms <= 30.5", messages(2, 0)),
    ("fields @message | filter status = 404", messages(3)),
    ("fields @message | filter status = '200'", messages(2, 0)),
    ("fields @message | filter status in [404, 500]", messages(3, 1)),
    ("fields @message | filter level in ['WARN', 'NOTHING']", messages(3)),
    ("fields @message | filter level not in ['INFO'] and ispresent(level)", messages(3, 1)),
    ("fields @message | filter @message like 'Failed'", messages(7, 6)),
    ("fields @message | filter @message like 'failed'", []),
    ("fields @message | filter @message like /(?i)FAILED/", messages(7, 6)),
    ("fields @message | filter @message like /item 4[2]/", messages(6)),
    ("fields @message | filter @message =~ /^\\[ERROR\\]/", messages(7, 6)),
    ("fields @message | filter @message not like /[a-z]/", []),
    ("fields @message | filter @message not like /ERROR|INFO|WARN|user/", messages(9, 8)),
    ("fields @message | filter @message like '" + REQUEST + "'", messages(9)),
    ("fields @message | filter @message like /" + REQUEST + "/", messages(9)),
    ("fields @message | filter @message like '00000000-ceea-467f-9b5c-0d2f1a2b3c4d'", []),
    ("fields @message | filter @logStream = 'a' | limit 1", messages(9)),
    ("fields @message | filter ok = false", messages(3)),
    ("fields @message | filter user.name = 'ann' | filter status = 200 | filter path = '/cart'", messages(2)),
    ("fields @message | filter nothing = 'x'", []),
    ("fields @message | filter nothing != 'x'", []),
    ("filter level = 'ERROR' | fields @message", messages(1)),
    ("filter level = 'ERROR'", [NUMBERED[1]]),
    ("fields @message | filterIndex level = 'ERROR'", messages(1)),
    ("fields @message | filter strlen(@message) < 20", messages(8)),
    ("fields @message | filter @timestamp >= " + str((BASE + 200) * 1000), messages(9, 8)),
    # -- sort and limit
    ("fields @message | sort @timestamp asc | limit 2", messages(0, 1)),
    ("fields @message | sort @timestamp | limit 1", messages(0)),
    ("fields @message | sort @timestamp desc | limit 1", messages(9)),
    ("fields ms | filter ispresent(ms) | sort ms", [("5",), ("12",), ("30.5",), ("250",)]),
    ("fields ms | filter ispresent(ms) | sort ms desc | limit 2", [("250",), ("30.5",)]),
    ("fields level, ms | filter ispresent(ms) | sort level asc, ms desc", [("ERROR", "250"), ("INFO", "30.5"), ("INFO", "12"), ("WARN", "5")]),
    ("fields path, ms | filter ispresent(ms) | sort path desc, ms", [("/orders", "12"), ("/orders", "250"), ("/cart", "5"), ("/cart", "30.5")]),
    ("fields @message | sort strlen(@message) | limit 1", messages(8)),
    # -- parse
    ("parse @message 'user=*, method:*, latency := *' as who, how, took | filter ispresent(who) | display who, how, took", [("bob", "POST", "40"), ("ann", "GET", "15")]),
    ("parse 'user=*,' as who | filter ispresent(who) | display who", [("bob",), ("ann",)]),
    ("fields @message | parse @message /latency := (?<took>\\d+)/ | filter took > 20", [(M[5], "40")]),
    ("parse @message /item (?<item>\\d+) to table (?<table>\\w+)/ | filter table = 'orders' | display item, table", [("43", "orders"), ("42", "orders")]),
    ("parse @message /(?P<word>REPORT)/ | filter ispresent(word) | display word", [("REPORT",)]),
    ("parse @message 'Duration: * ms' as took | stats avg(took) as average", [("3.5",)]),
    ("parse path '/*' as name | filter ispresent(name) | stats count(*) as n by name", [("cart", "2"), ("orders", "2")]),
    # -- stats
    ("stats count(*)", [("10",)]),
    ("stats count() as n", [("10",)]),
    ("stats count(level)", [("4",)]),
    ("stats count(*) as n by level", [("6",), ("ERROR", "1"), ("INFO", "2"), ("WARN", "1")]),
    ("filter ispresent(level) | stats count(*) as n by level | sort n desc, level", [("INFO", "2"), ("ERROR", "1"), ("WARN", "1")]),
    ("stats sum(ms), avg(ms), min(ms), max(ms)", [("297.5", "74.375", "5", "250")]),
    ("stats pct(ms, 50) as middle", [("21.25",)]),
    ("stats pct(ms, 100), pct(ms, 0)", [("250", "5")]),
    ("stats median(ms) as middle", [("21.25",)]),
    ("stats stddev(ms) as spread by path | filter path = '/cart'", [("/cart", "12.75")]),
    ("stats count_distinct(path) as paths", [("2",)]),
    ("stats count_distinct(user.id)", [("2",)]),
    ("stats count(*) as n by bin(1m)", [(moment(3000), "1"), (moment(180), "1"), (moment(120), "4"), (moment(60), "2"), (moment(0), "2")]),
    ("stats count(*) as n by bin(1h) as hour", [(moment(0), "10")]),
    ("stats count(*) as n by bin(30m)", [(moment(1800), "1"), (moment(0), "9")]),
    ("stats count(*) as n by bin(100s) | limit 1", [(moment(3000 - (BASE + 3000) % 100), "1")]),
    ("stats earliest(level) as first, latest(level) as last", [("INFO", "WARN")]),
    ("stats sortsFirst(level), sortsLast(level)", [("ERROR", "WARN")]),
    ("stats min(@timestamp) as first, max(@timestamp) as last", [(T[0], T[9])]),
    ("filter ispresent(level) | stats avg(ms) as average by path, level | sort average desc", [("/orders", "ERROR", "250"), ("/cart", "INFO", "30.5"), ("/orders", "INFO", "12"), ("/cart", "WARN", "5")]),
    ("filter ispresent(ms) | stats max(ms) as most by path | stats sum(most) as sum", [("280.5",)]),
    ("stats count(*) as n by bin(1m) | stats max(n) as most, avg(n)", [("4", "2")]),
    ("filter level = 'NOTHING' | stats count(*)", [("0",)]),
    ("filter level = 'NOTHING' | stats count(*) by path", []),
    ("filter level = 'NOTHING' | stats sum(ms) as sum, count(*) as n", [("0",)]),
    ("stats sum(ms > 20) as slow", [("2",)]),
    ("stats count(*) as n by status >= 400 as bad | filter bad = 1", [("1", "2")]),
    ("stats count(*) as n by @logStream", [("a", "5"), ("b", "5")]),
    # -- dedup, unnest, pattern
    ("filter ispresent(path) | fields path, level | dedup path", [("/cart", "WARN"), ("/orders", "ERROR")]),
    ("filter ispresent(path) | fields path, level | dedup path, level", [("/cart", "WARN"), ("/cart", "INFO"), ("/orders", "ERROR"), ("/orders", "INFO")]),
    ("filter ispresent(path) | fields path, level | sort @timestamp asc | dedup path", [("/orders", "INFO"), ("/cart", "INFO")]),
    ("fields level, tags | unnest tags into tag | display level, tag", [("ERROR", "y"), ("INFO", "x"), ("INFO", "y")]),
    ("fields tags | unnest tags into tag | stats count(*) as n by tag", [("x", "1"), ("y", "2")]),
    ("filter @message like 'Failed' | pattern @message | display @pattern, @sampleCount, @ratio", [("[ERROR] Failed to write item <Number-1> to table orders", "2", "1")]),
    ("pattern @message | limit 1 | display @sampleCount, @severityLabel", [("2", "ERROR")]),
    ("unmask @message | limit 1", [NUMBERED[9]]),
    # -- numbers
    ("fields abs(-3), ceil(1.2), floor(1.8), sqrt(16) | limit 1", [("3", "2", "1", "4")]),
    ("fields greatest(1, 5, 3) as most, least(4, 2) as least | limit 1", [("5", "2")]),
    ("fields log(1) as zero | limit 1", [("0",)]),
    ("fields sqrt(-1) as none, 1 as one | limit 1", [("1",)]),
    # -- texts
    ("fields toupper(level) as up, tolower(level) as low | filter level = 'WARN'", [("WARN", "warn")]),
    ("fields trim(@message) as bare | filter @message like 'padded'", [("padded Text",)]),
    ("fields ltrim(@message) as bare | filter @message like 'padded'", [("padded Text  ",)]),
    ("fields rtrim(@message) as bare | filter @message like 'padded'", [("  padded Text",)]),
    ("fields trim('xxaxx', 'x') as bare | limit 1", [("a",)]),
    ("fields strlen(level) as n | filter level = 'ERROR'", [("5",)]),
    ("fields substr(level, 1) as rest, substr(level, 1, 2) as part | filter level = 'ERROR'", [("RROR", "RR")]),
    ("fields concat(level, '-', status) as both | filter level = 'ERROR'", [("ERROR-500",)]),
    ("fields replace(path, '/', '|') as changed | filter level = 'ERROR'", [("|orders",)]),
    ("fields strcontains(path, 'ord') as has | filter level = 'ERROR'", [("1",)]),
    ("fields @message | filter strcontains(@message, 'REPORT') = 1", messages(9)),
    ("fields isempty('') as yes, isempty('x') as no | limit 1", [("1", "0")]),
    ("fields isblank('  ') as yes, isblank(nothing) as missing | limit 1", [("1", "1")]),
    # -- whatever
    ("fields coalesce(level, 'none') as known | limit 2", [("none",), ("none",)]),
    ("fields coalesce(nothing, level, 'x') as known | filter level = 'WARN'", [("WARN",)]),
    ("fields if(ms > 100, 'slow', 'fast') as how | filter ispresent(ms)", [("fast",), ("fast",), ("slow",), ("fast",)]),
    ("fields ispresent(level) as has | limit 1", [("0",)]),
    ("stats sum(ispresent(level)) as n", [("4",)]),
    # -- JSON and addresses
    ("fields jsonParse(@message) as j | filter j.level = 'ERROR' | display j.user.name", [("bob",)]),
    ("fields jsonStringify(user) as text | filter level = 'ERROR'", [('{"id":8,"name":"bob"}',)]),
    ("fields isValidIp(ip) as any, isValidIpv4(ip) as four, isValidIpv6(ip) as six | filter ispresent(ip)", [("1", "0", "1"), ("1", "1", "0"), ("1", "1", "0")]),
    ("fields ip | filter isIpInSubnet(ip, '10.0.0.0/24')", [("10.0.0.1",)]),
    ("fields ip | filter isIpv4InSubnet(ip, '10.0.0.0/8')", [("10.0.1.1",), ("10.0.0.1",)]),
    ("fields ip | filter isIpv6InSubnet(ip, '2001:db8::/32')", [("2001:db8::1",)]),
    ("fields ip | filter isIpInSubnet(ip, 'nonsense')", []),
    # -- time
    ("fields datefloor(@timestamp, 1h) as hour, dateceil(@timestamp, 1h) as next | filter level = 'ERROR'", [(moment(0), moment(3600))]),
    ("fields toMillis(@timestamp) as ms1 | filter level = 'ERROR'", [(str((BASE + 10) * 1000),)]),
    ("fields fromMillis(%d) as then | limit 1" % (BASE * 1000), [(moment(0),)]),
    ("fields bin(1m) as minute | filter level = 'ERROR'", [(moment(0),)]),
    ("fields now() > 1000000000 as later | limit 1", [("1",)]),
    # -- groups that the query names
    ("SOURCE logGroups(namePrefix: ['oth']) | fields @message", [("of another group",)]),
    ("SOURCE logGroups(namePrefix: ['corpus', 'other'], class: ['STANDARD']) | stats count(*)", [("11",)]),
]


def test_there_are_enough():
    assert len(CORPUS) >= 120 and len({query for query, _ in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("query, expected", CORPUS, ids=[query[:70] for query, _ in CORPUS])
def test_a_query_finds_what_it_should(logs, query, expected):
    answer = run(logs, query)
    assert answer["status"] == "Complete"
    assert [tuple(value for _, value in row) for row in rows(answer)] == expected


@pytest.mark.parametrize("query, start, why", [
    ("fields @message | fliter x = 1", 18, "is no command"),
    ("fields @message |", None, None),
    ("fields @message | limit", 23, "whole number"),
    ("fields @message | limit 0", 24, "whole number"),
    ("stats foo(x)", 6, "no aggregate function"),
    ("fields foo(x)", 7, "no function foo"),
    ("fields strlen()", 7, "takes 1 arguments"),
    ("filter x = ", 11, "expected a field"),
    ("filter (x = 1", 13, "expected )"),
    ("filter x like", 13, "regular expression"),
    ("filter x like /[/", 14, "not a regular expression"),
    ("filter x = 'open", 11, "no end"),
    ("parse @message 'a * b *' as one", 28, "2 times *"),
    ("parse @message /no names/", 15, "names nothing"),
    ("stats count(*) by bin(5)", 22, "length of time"),
    ("stats count(*) by bin(5parsecs)", 22, "no unit of time"),
    ("stats avg(*)", 10, "count alone"),
    ("stats pct(x, 101)", 13, "percentage"),
    ("stats count(*) | stats count(*) | stats count(*)", 34, "at most two stats"),
    ("sort @timestamp | diff", 18, "diff compares patterns"),
    ("pattern @message | diff yesterday", 24, "expected previousDay"),
    ("fields @message | anomaly", 18, "directly after pattern"),
    ("lookup nowhere k OUTPUT v", 7, "no lookup table nowhere"),
    ("lookup t k", 10, "expected OUTPUT"),
    ("fields @message | tail 5", 18, "no command tail"),
    ("fields @message limit 5", 16, "expected |"),
    ("SOURCE tables('x') | limit 1", 7, "logGroups"),
    ("fields €", 7, "unexpected character"),
])
def test_what_cannot_be_understood_is_told_where(logs, query, start, why):
    if why is None:
        assert run(logs, query)["status"] == "Complete"
        return
    with pytest.raises(ClientError) as refused:
        logs.start_query(logGroupName="corpus", startTime=BASE, endTime=BASE + 60, queryString=query)
    response = refused.value.response
    assert response["Error"]["Code"] == "MalformedQueryException" and why in response["Error"]["Message"], response
    assert response["queryCompileError"]["location"]["startCharOffset"] == start, response


def test_fields_and_pointers(logs):
    answer = run(logs, "stats count(*) as n by level | sort n desc | limit 1")
    assert rows(answer) == [[("n", "6")]] and "@ptr" not in str(answer["results"])
    answer = run(logs, "fields @timestamp, level | limit 1")
    assert [field["field"] for field in answer["results"][0]] == ["@timestamp", "@ptr"]
    statistics = answer["statistics"]
    assert statistics["recordsScanned"] >= 1 and statistics["recordsMatched"] >= 1 and statistics["logGroupsScanned"] == 1
    answer = run(logs, "filter level = 'ERROR' | fields @message")
    assert (answer["statistics"]["recordsScanned"], answer["statistics"]["recordsMatched"]) == (10, 1)
    assert answer["statistics"]["bytesScanned"] == sum(len(message.encode()) for message in M)
    answer = run(logs, "stats count(*) by bin(1h)")
    assert [field["field"] for field in answer["results"][0]] == ["bin(1h)", "count(*)"]


def test_several_groups_limits_and_pages(logs):
    id = logs.start_query(logGroupNames=["corpus", "other"], startTime=BASE, endTime=BASE + 3600, queryString="fields @message", limit=4)["queryId"]
    wait_for("its end", lambda: logs.get_query_results(queryId=id)["status"] == "Complete")
    assert len(logs.get_query_results(queryId=id)["results"]) == 4
    first = logs.get_query_results(queryId=id, maxItems=3)
    second = logs.get_query_results(queryId=id, maxItems=3, nextToken=first["nextToken"])
    assert (len(first["results"]), len(second["results"])) == (3, 1) and "nextToken" not in second
    # The time is that which was asked for, in whole seconds, both of its ends included.
    assert len(run(logs, "fields @message", BASE + 10, BASE + 70)["results"]) == 2
    assert refusal(logs.start_query, logGroupName="nothing", startTime=0, endTime=1, queryString="limit 1")[0] == "ResourceNotFoundException"
    assert refusal(logs.start_query, startTime=0, endTime=1, queryString="limit 1")[0] == "InvalidParameterException"
    assert refusal(logs.start_query, logGroupName="corpus", startTime=5, endTime=1, queryString="limit 1")[0] == "InvalidParameterException"
    assert refusal(logs.start_query, logGroupName="corpus", startTime=0, endTime=1, queryString="select 1", queryLanguage="SQL")[0] == "InvalidParameterException"


def test_queries_are_remembered(logs):
    run(logs, "fields @message | limit 1")
    [newest] = logs.describe_queries(logGroupName="corpus", maxResults=1)["queries"]
    assert newest["queryString"] == "fields @message | limit 1" and newest["status"] == "Complete" and newest["queryId"]
    assert refusal(logs.stop_query, queryId=newest["queryId"])[0] == "InvalidParameterException"
    assert refusal(logs.get_query_results, queryId="nothing")[0] == "ResourceNotFoundException"
    assert logs.describe_queries(status="Running")["queries"] == []


def test_patterns_against_an_earlier_time(server):
    logs = server.aws("logs")
    make(logs, "changing", "a")
    hour = 3600
    before = [(60 * n, f"took {n} ms") for n in range(4)] + [(500, "gone 1")]
    now = [(hour + 60 * n, f"took {n} ms") for n in range(2)] + [(hour + 300 + n, f"failed {n}") for n in range(3)]
    logs.put_log_events(logGroupName="changing", logStreamName="a", logEvents=[{"timestamp": (BASE + at) * 1000, "message": text} for at, text in sorted(before + now)])
    ask = lambda query: rows(run(logs, query, BASE + hour, BASE + 2 * hour - 1, logGroupName="changing"))
    changed = [{name: value for name, value in row if name in ("@pattern", "@sampleCount", "@previousSampleCount", "@differenceAbsolute", "@differencePercent")}
               for row in ask("pattern @message | diff")]
    assert changed == [
        {"@pattern": "failed <Number-1>", "@sampleCount": "3", "@previousSampleCount": "0", "@differenceAbsolute": "3"},
        {"@pattern": "took <Number-1> ms", "@sampleCount": "2", "@previousSampleCount": "4", "@differenceAbsolute": "-2", "@differencePercent": "-50"},
        {"@pattern": "gone <Number-1>", "@sampleCount": "0", "@previousSampleCount": "1", "@differenceAbsolute": "-1", "@differencePercent": "-100"},
    ]
    # Of messages, where no pattern is named; and only of those that pass the filter.
    assert len(ask("filter @message like /failed/ | diff")) == 1
    assert [row[0][1] for row in ask("pattern @message | diff previousDay | sort @sampleCount desc | limit 1")] == ["failed <Number-1>"]


def test_unusual_patterns(server):
    logs = server.aws("logs")
    make(logs, "unusual", "a")
    lines = [(30 * n, f"served request {n} in {10 + n % 3} ms") for n in range(115)]
    lines += [(30 * n + 1, f"cache miss {n}") for n in range(115)] + [(1000 + n, f"cache miss {n}") for n in range(80)]
    lines += [(3300, "disk is full"), (2000, "served request 7 in 90000 ms")]
    logs.put_log_events(logGroupName="unusual", logStreamName="a", logEvents=[{"timestamp": (BASE + at) * 1000, "message": text} for at, text in sorted(lines)])
    found = {dict(row)["@pattern"]: dict(row) for row in rows(run(logs, "pattern @message | anomaly", logGroupName="unusual"))}
    kinds = {pattern: row.get("@anomalyType") for pattern, row in found.items()}
    assert kinds == {"cache miss <Number-1>": "PatternFrequency", "disk is full": "NewPattern", "served request <Number-1> in <Number-2> ms": "NumericalToken"}, found
    assert found["disk is full"]["@anomalyTime"] == moment(3300) and "90000" in found["served request <Number-1> in <Number-2> ms"]["@anomalyDescription"]
    quiet = rows(run(logs, "filter @message like /served/ and @message not like /90000/ | pattern @message | anomaly", logGroupName="unusual"))
    assert [dict(row)["@anomaly"] for row in quiet] == ["0"]


def test_tables_that_are_looked_up_in(server):
    logs = server.aws("logs")
    make(logs, "shop", "a")
    logs.put_log_events(logGroupName="shop", logStreamName="a", logEvents=[
        {"timestamp": (BASE + at) * 1000, "message": json.dumps({"user": user})} for at, user in enumerate(["u1", "u2", "u9"])])
    made = logs.create_lookup_table(lookupTableName="users", description="who", tableBody='id,name,team\nu1,"Ann, the first",red\nu2,Bob,blue\nu1,twice,green\n')
    arn = made["lookupTableArn"]
    assert arn == "arn:aws:logs:us-east-1:000000000000:lookup-table:users"
    ask = lambda query: rows(run(logs, query, logGroupName="shop"))
    assert ask("fields user | lookup users id as user OUTPUT name, team as crew | sort user asc") == [
        [("user", "u1"), ("name", "Ann, the first"), ("crew", "red")], [("user", "u2"), ("name", "Bob"), ("crew", "blue")], [("user", "u9")]]
    assert ask("lookup users id as user OUTPUT team | stats count(*) as n by team | sort team asc") == [
        [("n", "1")], [("team", "blue"), ("n", "1")], [("team", "red"), ("n", "1")]]
    server.restart()
    logs = server.aws("logs")
    [told] = logs.describe_lookup_tables(lookupTableNamePrefix="use")["lookupTables"]
    assert (told["tableFields"], told["recordsCount"], told["description"]) == (["id", "name", "team"], 3, "who")
    logs.update_lookup_table(lookupTableArn=arn, tableBody="id,name\nu9,Zoe\n")
    assert logs.get_lookup_table(lookupTableArn=arn)["tableBody"] == "id,name\nu9,Zoe\n"
    assert ask("fields user, 1 as one | lookup users id as user OUTPUT name | filter ispresent(name)") == [[("user", "u9"), ("one", "1"), ("name", "Zoe")]]
    # One can be made of an answer.
    id = logs.start_query(logGroupName="shop", startTime=BASE, endTime=BASE + 60, queryString="fields user, 'x' as mark")["queryId"]
    wait_for("its end", lambda: logs.get_query_results(queryId=id)["status"] == "Complete")
    assert logs.get_lookup_table(lookupTableArn=logs.create_lookup_table(lookupTableName="made", queryId=id)["lookupTableArn"])["tableBody"].splitlines()[0] == '"user","mark"'
    assert refusal(logs.create_lookup_table, lookupTableName="users", tableBody="a\n1\n")[0] == "ResourceAlreadyExistsException"
    assert refusal(logs.create_lookup_table, lookupTableName="bad", tableBody="a,b\n1\n")[0] == "InvalidParameterException"
    logs.delete_lookup_table(lookupTableArn=arn)
    assert refusal(logs.get_lookup_table, lookupTableArn=arn)[0] == "ResourceNotFoundException"


def test_spans_are_a_group(server):
    traced = segment("shop", start=time.time() - 5, took=1.5, http={"request": {"method": "GET", "url": "http://shop/orders"}, "response": {"status": 200}})
    failed = segment("stock", start=time.time() - 4, took=0.2, fault=True)
    server.put(traced, failed)
    logs = server.aws("logs")
    now = int(time.time())
    ask = lambda query: rows(run(logs, query, now - 600, now + 60, logGroupName="aws/spans"))
    assert ask("stats count(*) as n") == [[("n", "2")]]
    found = ask("fields name, durationNano / 1000000 as ms, traceId | sort @timestamp asc")
    assert [dict(row)["ms"] for row in found] == ["1500", "200"] and dict(found[0])["traceId"] == traced["trace_id"][2:].replace("-", "")
    assert [dict(row)["n"] for row in ask("filter status.code = 'ERROR' | stats count(*) as n by resource.attributes.service.name")] == ["1"]
    assert ask(f"filter @message like '{failed['id']}' | fields name | limit 5")[0]
    # Beside others.
    make(logs, "shop", "a")
    logs.put_log_events(logGroupName="shop", logStreamName="a", logEvents=[{"timestamp": now * 1000, "message": "a line"}])
    both = rows(run(logs, "stats count(*) as n by @log | sort @log asc", now - 600, now + 60, logGroupNames=["shop", "aws/spans"]))
    assert both == [[("@log", "000000000000:aws/spans"), ("n", "2")], [("@log", "000000000000:shop"), ("n", "1")]]


def test_logs_in_sql(server):
    logs = server.aws("logs")
    make(logs, "shop", "a")
    make(logs, "gone", "a")
    now = int(time.time() * 1000)
    put = lambda group, *events: logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=[{"timestamp": at, "message": text} for at, text in events])
    put("shop", (now - 2000, json.dumps({"level": "ERROR", "user": {"id": 7}})), (now - 1000, json.dumps({"level": "INFO"})), (now, "plain"))
    put("gone", (now, "deleted"))
    logs.delete_log_group(logGroupName="gone")
    for _ in range(2):
        ask = lambda sql: [json.loads(line) for line in server.request("/api/sql", {"sql": sql}).body.splitlines()]
        assert ask("SELECT fields['level'] AS level, count(*) AS n FROM logs GROUP BY 1 ORDER BY 1") == [
            {"level": "ERROR", "n": 1}, {"level": "INFO", "n": 1}, {"level": None, "n": 1}]
        assert ask("SELECT log_group, log_stream, message FROM logs WHERE fields['user.id'] = '7'") == [
            {"log_group": "shop", "log_stream": "a", "message": '{"level": "ERROR", "user": {"id": 7}}'}]
        # From memory and from parts.
        server.restart()
