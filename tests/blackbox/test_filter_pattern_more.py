"""Filter patterns: examples of AWS's documentation and more, by FilterLogEvents and TestMetricFilter alike."""

import json

import pytest

from conftest import Server
from test_log import everything, make, now_ms, put, refusal

TRAIL = {"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
         "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": None, "ThisFlag": True}
PEOPLE = {"user": {"id": 1, "email": "John.Stiles@example.com"}, "users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
          "actions": ["GET", "PUT", "DELETE"], "coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]}
SETS = {
    "terms": ["[ERROR] A fatal exception has occurred", "Exiting with ERRORCODE: -1", "[ERROR] Caught IllegalArgumentException", "[ERROR] Unhandled Exception",
              "[WARN] Failed to process the request", "[ERROR] Unable to continue: Failed to process the request", "error in lower case", 'said "hello there" twice',
              "the request process to Failed", "user_id=42 path=C:\\temp", "注文 失敗 ✓", "GET /api/v1/orders?id=7 200"],
    "words": ["ERROR WARN message", "ERROR message", "WARN message", "INFO message", "single", "INFO 12.5", "INFO -3", "INFO 1e2"],
    "access": ['127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 1534',
               '127.0.0.1 - frank [10/Oct/2000:13:35:22 -0700] "GET /index.html HTTP/1.0" 500 5324',
               '127.0.0.1 - - [10/Oct/2000:13:50:35 -0700] "GET /products/index.html HTTP/1.0" 404 4355',
               '10.0.0.12 - ann [10/Oct/2000:13:51:00 -0700] "POST /login HTTP/1.0" 403 87', "short line"],
    "ids": ['{"id": 175928847299117063, "sid": "175928847299117063"}', '{"id": 175928847299117064, "sid": "175928847299117064"}'],
    "json": [json.dumps(TRAIL), json.dumps(PEOPLE), json.dumps({"foo": "bar", "latency": 500, "code": 400, "numbers": [9999, 2]}), json.dumps({"foo": "baz", "latency": 1500.5, "code": 500, "numbers": [0.005]}),
             json.dumps({"foo": "bar baz", "latency": -3, "ThisFlag": False, "ip": "10.0.0.7"}), json.dumps({"users": [1, 2, 3]}), "no JSON: latency 500",
             json.dumps({"user-id": "a_1", "under_score": "x", "k.dot": "d", "path": "/api/v1", "ünï": "é", "latency": "slow", "deep": {"er": {"est": [{"x": 1}, {"x": 2}]}}})],
}

CASES = [
    # -- terms
    ("terms", "ERROR", [0, 1, 2, 3, 5]),
    ("terms", '"ERROR"', [0, 1, 2, 3, 5]),
    ("terms", 'ERROR -Exiting', [0, 2, 3, 5]),
    ("terms", '"ERROR" -"Exiting"', [0, 2, 3, 5]),
    ("terms", "ERROR Exception", [2, 3]),
    ("terms", "Exception ERROR", [2, 3]),
    ("terms", "Failed to process the request", [4, 5, 8]),
    ("terms", '"Failed to process the request"', [4, 5]),
    ("terms", "?fatal ?Unhandled", [0, 3]),
    ("terms", '?"process the" ?"lower case"', [4, 5, 6]),
    ("terms", "?fatal ?nothing", [0]),
    ("terms", "ERROR -fatal -Caught", [1, 3, 5]),
    ("terms", "-ERROR -error", [4, 7, 8, 9, 10, 11]),
    ("terms", '-"to process"', [0, 1, 2, 3, 6, 7, 8, 9, 10, 11]),
    ("terms", "exception", [0]),
    ("terms", "Argument", [2]),
    ("terms", "user_id", [9]),
    ("terms", '"user_id=42"', [9]),
    ("terms", '"[ERROR]"', [0, 2, 3, 5]),
    ("terms", '"said \\"hello there\\""', [7]),
    ("terms", '"失敗 ✓"', [10]),
    ("terms", '"/api/v1/orders?id=7"', [11]),
    ("terms", '  ERROR   Unhandled  ', [3]),
    ("terms", "%[Ee]rror in%", [6]),
    ("terms", "%ERROR[A-Z]{4}%", [1]),
    ("terms", "%^\\[WARN\\]%", [4]),
    ("terms", "%Exception$%", [2, 3]),
    ("terms", "%\\d{3}$%", [11]),
    ("terms", "%user_id=\\d+\\s%", [9]),
    ("terms", "%Caught|Unhandled%", [2, 3]),
    ("terms", "?%fatal% ?%twice$%", [0, 7]),
    ("terms", "-%ERROR|error%", [4, 7, 8, 9, 10, 11]),
    # -- between spaces
    ("words", "[w1=ERROR, w2]", [1]),
    ("words", "[w1=ERROR || w1=WARN, w2]", [1, 2]),
    ("words", "[w1!=ERROR && w1!=WARN, w2]", [3, 5, 6, 7]),
    ("words", "[w1!=ERROR&&w1!=WARN, w2]", [3, 5, 6, 7]),
    ("words", "[w]", [4]),
    ("words", "[a, b, c]", [0]),
    ("words", "[w1=*O*, w2=m*]", [1, 3]),
    ("words", "[w1, w2=*age]", [1, 2, 3]),
    ("words", "[w1, w2 > 0]", [5, 7]),
    ("words", "[w1, w2 < 0]", [6]),
    ("words", "[w1, w2 = 100]", [7]),
    ("words", "[w1, w2 >= 12.5 && w2 <= 12.5]", [5]),
    ("words", "[w1=%^(ERR|WA)%, w2]", None),
    ("words", "[w1=%^ERR|^WA%, w2]", [1, 2]),
    ("words", "[w1=\"INFO\", w2!=\"message\"]", [5, 6, 7]),
    ("access", "[ip, user, username, timestamp, request, status_code, bytes]", [0, 1, 2, 3]),
    ("access", "[ip, user, username, timestamp, request, status_code, bytes > 1000]", [0, 1, 2]),
    ("access", "[ip, user, username, timestamp, request, status_code = 200, bytes]", [0]),
    ("access", "[ip, user, username, timestamp, request, status_code = 4*, bytes]", [2, 3]),
    ("access", "[ip, user, username, timestamp, request = *html*, status_code = 4*, bytes]", [2]),
    # An example of AWS's documentation.
    ("words", "[ip, user, username, timestamp, request, status_code = 4* && bytes > 1000]", []),
    ("access", "[ip, user, username, timestamp, request, status_code = 4* && status_code != 403, bytes]", [2]),
    ("access", "[..., status_code = 403, bytes]", [3]),
    ("access", "[ip, user, ..., status_code = 500, bytes]", [1]),
    ("access", "[ip = 127.0.0.1, ...]", [0, 1, 2]),
    ("access", "[ip = 127.*, id, user != \"-\", ...]", [0, 1]),
    ("access", "[ip = %127\\.0\\.0\\.[1-9]%, ...]", [0, 1, 2]),
    ("access", "[ip, id, user, time = *13:5*, ...]", [2, 3]),
    ("access", '[ip, id, user, time, request = "GET /index.html HTTP/1.0", ...]', [1]),
    ("access", "[..., request=*.html*, status_code=4*,]", [2]),
    ("access", "[ip, id, user, time, request, status < 400 || status >= 500, size]", [0, 1]),
    # -- JSON
    ("json", '{ $.eventType = "UpdateTrail" }', [0]),
    ("json", "{$.eventType=UpdateTrail}", [0]),
    ("json", "{ $.sourceIPAddress != 123.123.* }", [0]),
    ("json", "{ $.sourceIPAddress = 111.111.* }", [0]),
    ("json", '{ $.arrayKey[0] = "value" }', [0]),
    ("json", '{ $.arrayKey[1] = "value" }', []),
    ("json", '{ $.arrayKey[*] = "another value" }', [0]),
    ("json", "{ $.objectList[1].id = 2 }", [0]),
    ("json", "{ $.objectList[*].id = 2 }", [0]),
    ("json", "{ $.objectList[0].id = 2 }", []),
    ("json", "{ $.objectList[7].id = 2 }", []),
    ("json", "{ $.SomeObject IS NULL }", [0]),
    ("json", "{ $.SomeOtherObject NOT EXISTS }", [0, 1, 2, 3, 4, 5, 7]),
    ("json", "{ $.SomeObject NOT EXISTS }", [1, 2, 3, 4, 5, 7]),
    ("json", "{ $.foo NOT EXISTS && $.users NOT EXISTS }", [0, 7]),
    ("json", "{ $.ThisFlag IS TRUE }", [0]),
    ("json", "{ $.ThisFlag IS FALSE }", [4]),
    ("json", "{ $.foo = bar }", [2]),
    ("json", '{ $.foo = "bar*" }', [2, 4]),
    ("json", '{ $.foo = "*baz" }', [3, 4]),
    ("json", '{ $.foo = "bar baz" }', [4]),
    ("json", "{ $.foo = bar || $.foo = baz }", [2, 3]),
    ("json", "{ $.foo = * }", [2, 3, 4]),
    ("json", '{ $.foo = "BAR" }', []),
    ("json", '{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }', [1]),
    ("json", '{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }', []),
    ("json", '{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch && $.actions[2] = nomatch }', [1]),
    ("json", '{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = nonmatch) && $.actions[2] = nomatch }', []),
    ("json", "{ $.coordinates[1][2] = 6 }", [1]),
    ("json", '{ $.users[*].email = "Jane*" }', [1]),
    ("json", "{ $.actions[*] = %^P% }", [1]),
    ("json", "{ $.users = 1 }", []),
    ("json", "{ $.users != 1 }", []),
    ("json", "{ $.latency >= 500 }", [2, 3]),
    ("json", "{ $.latency > 500 }", [3]),
    ("json", "{ $.latency < 500 }", [4]),
    ("json", "{ $.latency <= 500 }", [2, 4]),
    ("json", "{ $.latency > +1000 }", [3]),
    ("json", "{ $.latency = -3 }", [4]),
    ("json", "{ $.latency = 1500.5 }", [3]),
    ("json", "{ $.latency = 5e2 }", [2]),
    ("json", "{ $.numbers[0] < 10e3 }", [2, 3]),
    ("json", "{ $.numbers[0] < 10e-3 }", [3]),
    ("json", "{ $.code = 400 }", [2]),
    ("json", "{ $.code != 500 }", [2]),
    ("json", '{ $.latency = "slow" }', [7]),
    ("json", "{ $.user-id = a_1 }", [7]),
    ("json", '{ $.under_score = "x" }', [7]),
    ("json", "{ $.['k.dot'] = \"d\" }", [7]),
    ("json", '{ $.path = "/api/*" }', [7]),
    ("json", "{ $.path = %v[0-9]$% }", [7]),
    ("json", "{ $.ip = %^10\\.0\\.0\\.\\d{1,3}$% }", [4]),
    ("json", "{ $.ip != %^10\\.% }", []),
    ("json", "{ $.deep.er.est[1].x = 2 }", [7]),
    ("json", "{ $.deep.er.est[*].x > 1 }", [7]),
    ("json", "{ $.user.* = 1 }", [1]),
    ("json", "{$.latency>=500&&$.latency<1000||$.ThisFlag IS FALSE}", [2, 4]),
    ("ids", '{ $.sid = "175928847299117063" }', [0]),
    # Numbers of more than 53 bits are told apart.
    ("ids", "{ $.id = 175928847299117063 }", [0]),
    ("ids", "{ $.sid = 175928847299117063 }", [0]),
    ("ids", "{ $.id != 175928847299117063 }", [1]),
    ("ids", "{ $.id > 175928847299117063 }", [1]),
    # -- both kinds do not mix
    ("terms", "{ $.a = 1 }", []),
    ("json", "UpdateTrail", [0]),
    ("json", '"latency 500"', [6]),
    ("json", "[a, b, c, d]", [6]),
]


def test_there_are_enough():
    assert len(CASES) >= 110 and len({case[:2] for case in CASES}) == len(CASES)


@pytest.fixture(scope="module", params=["in memory", "in parts"])
def logs(request, tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("patterns") / "data").start()
    logs = server.aws("logs")
    at = now_ms() - 60_000
    for name, lines in SETS.items():
        make(logs, name, "s")
        put(logs, name, "s", *((at + n, line) for n, line in enumerate(lines)))
    if request.param == "in parts":
        server.restart()
        logs = server.aws("logs")
    yield logs
    server.kill()


@pytest.mark.parametrize("of, pattern, wanted", CASES, ids=[f"{of}: {pattern}"[:90] for of, pattern, _ in CASES])
def test_a_pattern_matches_what_it_should(logs, of, pattern, wanted):
    if wanted is None:
        assert refusal(logs.filter_log_events, logGroupName=of, filterPattern=pattern)[0] == "InvalidParameterException"
        return
    lines = SETS[of]
    assert [lines.index(event["message"]) for event in everything(logs, of, filterPattern=pattern)] == wanted
    assert [match["eventNumber"] - 1 for match in logs.test_metric_filter(filterPattern=pattern, logEventMessages=lines)["matches"]] == wanted


@pytest.mark.parametrize("pattern", [
    "{ $.a = }", "{ $.a }", "{ $.a = 1", "{ a = 1 }", "{ }", "{ $.a = 1 && }", "{ $.a = 1 & $.b = 2 }", "{ ($.a = 1 }", "{ $.a = 1) }", "{ $.a <> 1 }", "{ $.a IS MAYBE }", "{ $.a NOT }",
    "{ $.a[ = 1 }", "{ $.a[x] = 1 }", '{ $.a = "open }', "{ $.a > word }", "{ $.*.* = 1 }", "[a, b", "[a = ]", "[a > word]", "[..., a, ...]", '"open', "%open", "%(group)%", "%[%", "%a% %b% %c%", "x" * 1025,
])
def test_patterns_that_are_none(logs, pattern):
    assert refusal(logs.filter_log_events, logGroupName="terms", filterPattern=pattern)[0] == "InvalidParameterException"
    assert refusal(logs.test_metric_filter, filterPattern=pattern, logEventMessages=["x"])[0] == "InvalidParameterException"


APACHE = '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'


@pytest.mark.parametrize("pattern, line, values", [
    ("[ip, user, username, timestamp, request, status_code, bytes]", APACHE, {
        "$ip": "127.0.0.1", "$user": "-", "$username": "frank", "$timestamp": "10/Oct/2000:13:25:15 -0700", "$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$bytes": "1534"}),
    # Fields without a name, and those of the ellipsis, are called by their places.
    ("[..., request=*.html*, status_code=4*,]", APACHE, {
        "$1": "127.0.0.1", "$2": "-", "$3": "frank", "$4": "10/Oct/2000:13:25:15 -0700", "$request": "GET /index.html HTTP/1.0", "$status_code": "404", "$7": "1534"}),
    ("{ $.latency > 1 }", '{"latency": 50, "x": "y"}', {"$.latency": "50"}),
    ('{ $.a = "x*" && $.b.c = 2 }', '{"a": "xyz", "b": {"c": 2}}', {"$.a": "xyz", "$.b.c": "2"}),
    ("ERROR", "ERROR 1", {}),
])
def test_what_is_extracted(logs, pattern, line, values):
    [match] = logs.test_metric_filter(filterPattern=pattern, logEventMessages=[line])["matches"]
    assert match == {"eventNumber": 1, "eventMessage": line, "extractedValues": values}


def test_streams_and_times_beside_a_pattern(logs):
    found = logs.filter_log_events(logGroupName="terms", filterPattern="ERROR")["events"]
    at = found[1]["timestamp"]
    assert [event["message"] for event in everything(logs, "terms", filterPattern="ERROR", startTime=at)] == [SETS["terms"][n] for n in (1, 2, 3, 5)]
    assert [event["message"] for event in everything(logs, "terms", filterPattern="ERROR", endTime=at)][:1] == [SETS["terms"][0]]
    assert everything(logs, "terms", filterPattern="ERROR", logStreamNames=["s"], limit=2) == found
