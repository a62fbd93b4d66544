"""SQL: `POST /api/sql` and `mitoshi query`."""

import csv
import io
import json
import os
import re
import subprocess
import threading
import time

import pytest

from conftest import REPO, binary, segment, wait_for


ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r) SELECT count(*) FROM r"


def query(server, *arguments, status=0, stdin=""):
    """Runs `mitoshi query` against the server; gives standard output and standard error."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    done = subprocess.run([binary(), "query", "--server", f"127.0.0.1:{server.http_port}", *arguments],
                          capture_output=True, text=True, env=env, timeout=60, input=stdin)
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def rows(server, sql):
    answer = server.request("/api/sql", {"sql": sql})
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.body.splitlines()]


@pytest.fixture(scope="module")
def filled(shared):
    """A server with traces in parts and in memory, and the documents."""
    documents = [
        segment("shop" if n % 3 else "stock", fault=n % 5 == 0, annotations={"n": n}, user=f"user-{n}",
                http={"request": {"method": "GET", "url": f"http://shop/items/{n}?q=a,\"b\""}, "response": {"status": 200 + n}})
        for n in range(60)
    ]
    shared.put(*documents[:40])
    shared.restart()
    shared.put(*documents[40:])
    return shared, documents


def test_what_was_put_is_what_is_read(filled):
    server, documents = filled
    found = rows(server, "SELECT document FROM segments")
    assert sorted((json.loads(row["document"]) for row in found), key=lambda d: d["id"]) == sorted(documents, key=lambda d: d["id"])
    found = rows(server, "SELECT trace_id, url, status, fault, users FROM traces ORDER BY status")
    assert found == [
        {"trace_id": d["trace_id"], "url": d["http"]["request"]["url"], "status": 200 + n, "fault": n % 5 == 0, "users": [f"user-{n}"]}
        for n, d in enumerate(documents)
    ]


def test_acknowledged_is_visible_at_once(filled):
    server, documents = filled
    document = segment("late", annotations={"n": -1})
    server.put(document)
    sql = f"SELECT service, annotations['n'] AS n FROM traces WHERE trace_id = '{document['trace_id']}'"
    assert rows(server, sql) == [{"service": "late", "n": "-1"}]


@pytest.mark.parametrize("headers, path, kind", [
    ({}, "/api/sql", "application/x-ndjson"),
    ({"Accept": "application/json"}, "/api/sql", "application/x-ndjson"),
    ({"Accept": "text/csv"}, "/api/sql", "text/csv"),
    ({"Accept": "image/png, text/csv;q=0.5"}, "/api/sql", "text/csv"),
    ({"Accept": "text/csv"}, "/api/sql?format=json", "application/x-ndjson"),
    ({"Accept": "application/vnd.apache.arrow.stream"}, "/api/sql", "application/vnd.apache.arrow.stream"),
    ({}, "/api/sql?format=arrow", "application/vnd.apache.arrow.stream"),
])
def test_formats_are_chosen_by_header_or_name(filled, headers, path, kind):
    server, _ = filled
    answer = server.request(path, {"sql": "SELECT 1 AS one"}, headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, kind)
    expected = {"application/x-ndjson": b'{"one":1}\n', "text/csv": b"one\n1\n"}.get(kind)
    assert answer.body == expected if expected else answer.body.endswith(b"\xff\xff\xff\xff\0\0\0\0")


def test_csv_reads_back(filled):
    server, documents = filled
    answer = server.request("/api/sql?format=csv", {"sql": "SELECT url, annotations, user_agent FROM traces WHERE status = 207"})
    found = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert found == [{"url": documents[7]["http"]["request"]["url"], "annotations": '{"n":"7"}', "user_agent": ""}]


def test_a_query_as_plain_text(filled):
    server, _ = filled
    answer = server.request("/api/sql", b"SELECT 2 AS two", headers={"Content-Type": "text/plain"})
    assert answer.json == {"two": 2}


@pytest.mark.parametrize("body, words", [
    ({"sql": "SELECT nothing FROM traces"}, "No field named nothing"),
    ({"sql": "SELECT * FROM nowhere"}, "nowhere"),
    ({"sql": "SELEC"}, "SELEC"),
    ({"sql": "DELETE FROM traces"}, "DML not supported"),
    ({"sql": "CREATE TABLE a AS SELECT 1"}, "DDL not supported"),
    ({"sql": "COPY traces TO '/tmp/mitoshi-traces.csv'"}, "DML not supported"),
    ({"query": "SELECT 1"}, "sql"),
    (b"SELECT 1", "sql"),
    (b"", "sql"),
])
def test_refusals_say_why(filled, body, words):
    server, _ = filled
    answer = server.request("/api/sql", body)
    assert (answer.status, answer.error) == (400, "InvalidRequestException"), answer
    assert words in answer.json["Message"], answer
    assert not os.path.exists("/tmp/mitoshi-traces.csv")


def test_unknown_formats_and_methods_are_refused(filled):
    server, _ = filled
    assert server.request("/api/sql?format=xml", {"sql": "SELECT 1"}).status == 400
    assert server.request("/api/sql", {"sql": "SELECT 1"}, headers={"Accept": "image/png"}).status == 406
    assert server.request("/api/sql", {"sql": "SELECT 1"}, method="PUT").status == 405


def test_pages_of_other_sites_and_other_machines_do_not_reach_it(filled):
    server, _ = filled
    assert server.request("/api/sql", {"sql": "SELECT 1"}, headers={"Origin": "http://elsewhere.example"}).status == 403
    assert server.request("/api/sql", {"sql": "SELECT 1"}, port=server.daemon_port).status == 404


def test_time_and_memory_are_bounded(new_server):
    server = new_server(env={"MITOSHI_SQL_TIMEOUT_SECS": "1", "MITOSHI_SQL_MEMORY_MIB": "4"})
    server.put(*(segment(f"svc{n}", metadata={"much": "x" * 1000}) for n in range(4000)))
    answer = server.request("/api/sql", {"sql": ENDLESS})
    assert answer.status == 400 and "longer than 1 s" in answer.json["Message"], answer
    answer = server.request("/api/sql", {"sql": "SELECT document, metadata FROM segments ORDER BY document DESC"})
    assert answer.status == 400 and "more memory than 4 MiB" in answer.json["Message"], answer
    assert rows(server, "SELECT count(*) AS n FROM segments") == [{"n": 4000}]


def test_the_server_answers_and_stops_while_queries_run(new_server):
    server = new_server()
    server.put(*(segment(f"svc{n}") for n in range(3000)))
    answers = []

    def ask():
        try:
            answers.append(server.request("/api/sql", {"sql": ENDLESS}))
        except OSError:
            answers.append(None)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    [thread.start() for thread in threads]
    time.sleep(0.3)
    document = segment("meanwhile")
    server.put(document)
    assert server.documents(document["trace_id"]) == [document]
    assert server.stop() == 0
    [thread.join() for thread in threads]
    assert [answer and (answer.status, answer.error) for answer in answers] == [(503, "ServiceUnavailable")] * 4


def test_a_client_that_hangs_up_ends_its_query(new_server):
    server = new_server()
    server.put(*(segment(f"svc{n}") for n in range(3000)))
    for _ in range(4):
        with pytest.raises(TimeoutError):
            server.request("/api/sql", {"sql": ENDLESS}, timeout=0.3)
    # Two queries run at a time: if those went on, this one would wait for them.
    wait_for("room for a query", lambda: rows(server, "SELECT 1 AS one") == [{"one": 1}], deadline=20)


def test_the_server_writes_down_what_it_measures_of_itself(new_server):
    server = new_server(env={"MITOSHI_METRICS_OWN_EVERY_SECS": "1"})
    server.put(*(segment("svc") for _ in range(7)))
    accepted = "SELECT sum(sum) AS n FROM metrics WHERE namespace = 'Mitoshi' AND name = 'SegmentsAccepted' AND unit = 'Count'"
    wait_for("a period's end", lambda: rows(server, accepted) == [{"n": 7.0}])
    wait_for("the next one", lambda: rows(server, "SELECT max(sum) AS n FROM metrics WHERE name = 'StoredSegments'") == [{"n": 7.0}])
    server.kill()
    server.start()
    assert rows(server, accepted) == [{"n": 7.0}]
    assert server.health()["recovery"]["replayed_rows"] > 0
    server.restart()
    assert rows(server, accepted) == [{"n": 7.0}]
    assert rows(server, "SELECT count(*) AS n FROM (SELECT time FROM metrics GROUP BY time, name HAVING count(*) > 1)") == [{"n": 0}]


def test_the_command_shows_a_table(filled):
    server, documents = filled
    said, _ = query(server, "SELECT service, count(*) AS n FROM traces WHERE service <> 'late' GROUP BY service ORDER BY service")
    assert said == (
        "+---------+----+\n| service | n  |\n+---------+----+\n| shop    | 40 |\n| stock   | 20 |\n+---------+----+\n2 rows\n"
    )
    said, _ = query(server, "--format", "json", "-", stdin="SELECT 1 AS one")
    assert said == '{"one":1}\n'
    said, _ = query(server, "--format", "csv", "SELECT 1 AS one")
    assert said == "one\n1\n"
    said, _ = query(server, "SELECT time FROM traces WHERE false")
    assert said.endswith("0 rows\n") and "time" in said


def test_the_command_says_what_is_wrong(filled):
    server, _ = filled
    _, complaint = query(server, "SELECT nothing FROM traces", status=1)
    assert "No field named nothing" in complaint and "hint: " in complaint
    _, complaint = query(server, "--server", "127.0.0.1:1", "SELECT 1", status=2)
    assert "cannot be used multiple times" in complaint
    done = subprocess.run([binary(), "query", "--server", "127.0.0.1:1", "SELECT 1"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "no server answers at 127.0.0.1:1" in done.stderr and "mitoshi serve" in done.stderr


def test_tables_are_documented(filled):
    """docs/sql.md names every table and column with its type, and no others."""
    server, _ = filled
    said, _ = query(server)
    answer = server.request("/api/sql", method="GET").json
    text = (REPO / "docs" / "sql.md").read_text()
    documented = {}
    for name, body in re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S):
        documented[name] = re.findall(r"^\| `(\w+)` \| ([^|]+?) \| ([^|]+?) \|$", body, re.M)
    for table in answer["tables"]:
        assert table["name"] in said
        columns = [(column["name"], column["type"], column["description"]) for column in table.get("columns", [])]
        assert documented[table["name"]] == columns, table["name"]
    assert set(documented) == {table["name"] for table in answer["tables"]}
