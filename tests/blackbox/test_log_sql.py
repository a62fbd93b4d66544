"""Logs Insights' SQL (`queryLanguage: SQL`): log groups as tables, fields as columns."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import Server, wait_for

NOW_MS = int(time.time() * 1000) - 600_000

SHOP = [
    {"requestId": "r1", "level": "INFO", "took": 12, "ratio": 0.5, "user": {"id": 7, "name": "ann"}, "ok": True, "zip": "00501", "wide": 1.5},
    {"requestId": "r2", "level": "ERROR", "took": 250, "ratio": 2, "user": {"id": 9, "name": "bo"}, "ok": False, "zip": "12"},
    {"requestId": "r3", "level": "INFO", "took": 30, "ratio": 1.25, "user": {"id": 7, "name": "ann"}, "mixed": 5},
    {"requestId": "r4", "level": "WARN", "took": 9, "mixed": "five", "Path": "/a.b", "big": 900719925474099312, "wide": 900719925474099312},
    "no JSON at all",
]
STOCK = [{"requestId": "r2", "item": "lamp"}, {"requestId": "r4", "item": "vase"}, {"requestId": "r9", "item": "chair"}]


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("sql") / "data").start()
    logs = server.aws("logs")
    for group, events in (("/shop/web", SHOP), ("stock.events", STOCK), ("empty", [])):
        logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="one")
        if events:
            logs.put_log_events(logGroupName=group, logStreamName="one", logEvents=[
                {"timestamp": NOW_MS + n * 1000, "message": event if isinstance(event, str) else json.dumps(event)}
                for n, event in enumerate(events)])
    yield logs
    server.kill()


def ask(logs, query, **more):
    """Rows, each a list of fields with their values."""
    answer = results(logs, query, **more)
    assert answer["status"] == "Complete", answer
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def results(logs, query, **more):
    asked = {"startTime": NOW_MS // 1000 - 60, "endTime": NOW_MS // 1000 + 660, **more}
    query_id = logs.start_query(queryLanguage="SQL", queryString=query, **asked)["queryId"]

    def over():
        answer = logs.get_query_results(queryId=query_id)
        return answer if answer["status"] not in ("Scheduled", "Running") else None

    return wait_for("the query's end", over, 20)


def values(rows):
    return [tuple(row.values()) for row in rows]


CASES = [
    ("SELECT `requestId` FROM `/shop/web` WHERE level = 'INFO' ORDER BY `@timestamp`", [("r1",), ("r3",)]),
    ("SELECT requestId, took FROM `/shop/web` WHERE took > 20 ORDER BY took DESC", [("r2", "250"), ("r3", "30")]),
    ("SELECT level, COUNT(*) AS n, SUM(took) AS total FROM `/shop/web` WHERE level IS NOT NULL GROUP BY level ORDER BY level",
     [("ERROR", "1", "250"), ("INFO", "2", "42"), ("WARN", "1", "9")]),
    ("SELECT level, count(*) AS n FROM `/shop/web` WHERE level IS NOT NULL GROUP BY level HAVING n > 1", [("INFO", "2")]),
    ("SELECT `user.name`, AVG(took) AS average FROM `/shop/web` WHERE `user.id` = 7 GROUP BY `user.name`", [("ann", "21")]),
    ("SELECT user.name FROM `/shop/web` WHERE user.id = 9", [("bo",)]),
    ("SELECT A.user.name FROM `/shop/web` AS A WHERE A.user.id = 9", [("bo",)]),
    ("SELECT user.item FROM `stock.events` AS user WHERE user.item = 'vase'", [("vase",)]),
    ("SELECT user.name FROM (SELECT item AS name FROM `stock.events`) AS user, `/shop/web` AS other "
     "WHERE other.requestId = 'r1' AND user.name = 'lamp'", [("lamp",)]),
    ("SELECT ratio FROM `/shop/web` WHERE ratio IS NOT NULL ORDER BY ratio", [("0.5",), ("1.25",), ("2",)]),
    ("SELECT `zip` FROM `/shop/web` WHERE zip IS NOT NULL ORDER BY requestId", [("00501",), ("12",)]),
    ("SELECT mixed FROM `/shop/web` WHERE mixed IS NOT NULL ORDER BY requestId", [("5",), ("five",)]),
    ("SELECT wide FROM `/shop/web` WHERE wide IS NOT NULL ORDER BY requestId", [("1.5",), ("900719925474099312",)]),
    ("SELECT big FROM `/shop/web` WHERE big > 1", [("900719925474099312",)]),
    ("SELECT requestId FROM `/shop/web` WHERE ok ORDER BY requestId", [("r1",)]),
    ("SELECT `@message` FROM `/shop/web` WHERE requestId IS NULL", [("no JSON at all",)]),
    ("SELECT `@logStream`, COUNT(*) AS log_count FROM `/shop/web` GROUP BY `@logStream`", [("one", "5")]),
    ("SELECT COUNT(*) FROM `/shop/web`", [("5",)]),
    ("SELECT A.requestId, B.item FROM `/shop/web` AS A INNER JOIN `stock.events` AS B ON A.`requestId` = B.`requestId` ORDER BY 1",
     [("r2", "lamp"), ("r4", "vase")]),
    ("SELECT A.requestId, B.item FROM `/shop/web` A LEFT OUTER JOIN `stock.events` B ON A.requestId = B.requestId "
     "WHERE A.took < 40 ORDER BY A.requestId", [("r1",), ("r3",), ("r4", "vase")]),
    ("SELECT requestId FROM `stock.events` WHERE requestId NOT IN (SELECT requestId FROM `/shop/web` WHERE requestId IS NOT NULL)", [("r9",)]),
    ("SELECT COUNT(*) AS n FROM `logGroups(logGroupIdentifier: ['/shop/web', 'stock.events'])`", [("8",)]),
    ("SELECT COUNT(*) AS n FROM `logGroups(namePrefix: ['/shop'])`", [("5",)]),
    ("SELECT requestId, CASE WHEN took > 100 THEN 'slow' ELSE 'fast' END AS speed FROM `/shop/web` WHERE took > 20 ORDER BY requestId",
     [("r2", "slow"), ("r3", "fast")]),
    ("SELECT UPPER(requestId), LENGTH(level), ROUND(ratio) FROM `/shop/web` WHERE requestId = 'r1'", [("R1", "4", "1")]),
    ("SELECT requestId FROM `/shop/web` WHERE level LIKE 'E%' OR Path LIKE '%b' ORDER BY requestId", [("r2",), ("r4",)]),
    ("SELECT requestId FROM `/shop/web` WHERE level = \"WARN\"", [("r4",)]),
    ("SELECT requestId, RANK() OVER (ORDER BY took) AS place FROM `/shop/web` WHERE took IS NOT NULL ORDER BY place LIMIT 2",
     [("r4", "1"), ("r1", "2")]),
    ("WITH slow AS (SELECT * FROM `/shop/web` WHERE took > 20) SELECT COUNT(*) FROM slow", [("2",)]),
    ("SELECT requestId, nowhere FROM `/shop/web` WHERE requestId = 'r1'", [("r1",)]),
    ("SELECT requestId FROM `/shop/web` WHERE nowhere = 'x'", []),
    ("SELECT COUNT(*) AS n FROM `empty`", [("0",)]),
    ("SELECT nothing FROM `empty` GROUP BY nothing", []),
    ("SELECT DISTINCT level FROM `/shop/web` WHERE level IS NOT NULL ORDER BY level LIMIT 2", [("ERROR",), ("INFO",)]),
    ("select requestId from `/shop/web` where took between 9 and 12 order by requestId", [("r1",), ("r4",)]),
]


@pytest.mark.parametrize("query, rows", CASES, ids=[query for query, _ in CASES])
def test_answers(logs, query, rows):
    assert values(ask(logs, query)) == rows


def test_times_are_told_as_in_the_other_language(logs):
    [row] = ask(logs, "SELECT `@timestamp`, `@log` FROM `/shop/web` WHERE requestId = 'r2'")
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime((NOW_MS + 1000) // 1000)) + f".{NOW_MS % 1000:03}"
    assert row == {"@timestamp": moment, "@log": "000000000000:/shop/web"}
    [row] = ask(logs, "SELECT MAX(`@timestamp`) AS latest, COUNT(*) AS n FROM `/shop/web` GROUP BY date_trunc('year', `@timestamp`) ORDER BY 1 DESC LIMIT 1")
    assert row["latest"].startswith(time.strftime("%Y-", time.gmtime(NOW_MS // 1000)))


def test_only_the_time_that_is_asked_for(logs):
    at = NOW_MS // 1000
    assert values(ask(logs, "SELECT COUNT(*) FROM `/shop/web`", startTime=at + 2, endTime=at + 3)) == [("2",)]


def test_all_columns(logs):
    [row] = ask(logs, "SELECT * FROM `stock.events` WHERE item = 'lamp'")
    assert row["requestId"] == "r2" and row["item"] == "lamp" and json.loads(row["@message"]) == STOCK[0]
    assert set(row) == {"@timestamp", "@ingestionTime", "@message", "@logStream", "@log", "requestId", "item"}


def test_rows_are_limited(logs):
    assert len(ask(logs, "SELECT requestId FROM `/shop/web`", limit=2)) == 2
    assert len(ask(logs, "SELECT requestId FROM `/shop/web` LIMIT 3")) == 3


def test_what_is_told_of_a_query(logs):
    answer = results(logs, "SELECT requestId FROM `/shop/web` WHERE took > 20")
    assert answer["queryLanguage"] == "SQL"
    assert answer["statistics"]["recordsMatched"] == 2 and answer["statistics"]["recordsScanned"] == 5
    assert answer["statistics"]["bytesScanned"] > 100
    [query] = [it for it in logs.describe_queries(queryLanguage="SQL", logGroupName="/shop/web")["queries"] if "took > 20" in it["queryString"]][:1]
    assert (query["queryLanguage"], query["status"]) == ("SQL", "Complete")
    assert all(it["queryLanguage"] == "CWLI" for it in logs.describe_queries(queryLanguage="CWLI")["queries"])


def test_queries_can_be_kept(logs):
    text = "SELECT COUNT(*) FROM `/shop/web`"
    kept = logs.put_query_definition(queryLanguage="SQL", name="count", queryString=text)["queryDefinitionId"]
    [found] = logs.describe_query_definitions(queryLanguage="SQL")["queryDefinitions"]
    assert (found["queryDefinitionId"], found["queryLanguage"], found["queryString"]) == (kept, "SQL", text)


@pytest.mark.parametrize("query, place", [
    ("SELECT FROM WHERE", None),
    ("SELECT requestId\nFROM `/shop/web`\nGROUP level", 34),
    ("SELECT no_such_function(requestId) FROM `/shop/web`", None),
    ("DELETE FROM `/shop/web`", None),
    ("DROP TABLE `/shop/web`", None),
    ("SELECT 1 FROM `/shop/web`; SELECT 2 FROM `/shop/web`", None),
    ("SELECT 1", None),
    ("", None),
    ("SELECT * FROM shop.web", None),
    ("SELECT * FROM `logGroups(nonsense: ['a'])`", None),
    ("SELECT * FROM `filterIndex('region' = 'eu-west-1')`", None),
    ("SELECT level, took FROM `/shop/web` GROUP BY level", None),
    ("SELECT repeat(requestId, 1000000) FROM `/shop/web`", None),
])
def test_mistakes(logs, query, place):
    with pytest.raises(ClientError) as failed:
        results(logs, query)
    error = failed.value.response["Error"]
    assert error["Code"] == "MalformedQueryException", error
    location = failed.value.response["queryCompileError"]["location"]
    assert "ParserError" not in error["Message"] and "planning" not in error["Message"]
    assert 0 <= location["startCharOffset"] <= location["endCharOffset"] <= len(query)
    if place is not None:
        assert abs(location["startCharOffset"] - place) <= 3


def test_other_mistakes(logs):
    def code(query, **more):
        with pytest.raises(ClientError) as failed:
            results(logs, query, **more)
        return failed.value.response["Error"]["Code"]

    assert code("SELECT * FROM `nowhere`") == "ResourceNotFoundException"
    assert code("SELECT * FROM `/shop/web`", logGroupName="/shop/web") == "InvalidParameterException"
    assert code("SELECT * FROM `/shop/web`", limit=100_001) == "InvalidParameterException"


def test_rows_of_one_table_are_not_those_of_another_query(logs):
    """Tables are of their query alone."""
    assert values(ask(logs, "SELECT COUNT(*) FROM `stock.events`")) == [("3",)]
    with pytest.raises(ClientError) as failed:
        results(logs, "SELECT * FROM metrics")
    assert failed.value.response["Error"]["Code"] == "ResourceNotFoundException"
