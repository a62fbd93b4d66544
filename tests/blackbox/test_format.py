"""What docs/format says is on disk, read by programs that know nothing of Mitoshi: DuckDB, SQLite, and this file."""

import importlib.util
import json
import re
import sqlite3
import struct
import subprocess
import sys
import time

import duckdb
import pyarrow.parquet
import pytest
import xxhash

from conftest import REPO, Server, new_trace_id, segment, subsegment, wait_for

DOCS = REPO / "docs" / "format"
TABLES = ("segment", "trace", "visit", "minute", "metric", "log_event")
TYPES = {
    "TIMESTAMP WITH TIME ZONE": "TIMESTAMP", "VARCHAR": "STRING", "BIGINT": "INT64", "INTEGER": "INT32", "UBIGINT": "UINT64",
    "UTINYINT": "UINT8", "BOOLEAN": "BOOLEAN", "VARCHAR[]": "LIST", "BLOB": "BLOB", "DOUBLE": "DOUBLE",
}


def documented(table):
    """Columns with their types, as docs/format/part.md has them."""
    body = re.search(rf"^## `{table}`\n(.*?)(?=^## |\Z)", (DOCS / "part.md").read_text(), re.M | re.S)[1]
    columns = {}
    for names, kind in re.findall(r"^\| (`[^|]+`) \| ([^|]+?) \|", body, re.M):
        for name in re.findall(r"`(\w+(?::…)?)`", names):
            columns[name] = kind.split("(")[0].replace("FIXED_LEN_BYTE_ARRAY", "BLOB").removesuffix(", null")
    return columns


@pytest.fixture(scope="module")
def module_server(tmp_path_factory):
    """A server that writes its own metrics every second."""
    server = Server(tmp_path_factory.mktemp("format") / "data", {"MITOSHI_METRICS_OWN_EVERY_SECS": "1"}).start()
    yield server
    server.kill()


LINES = ["INFO ready", f"ERROR in trace {new_trace_id()}", "ERROR request 8f14e45f-ceea-467f-9b5c-0d2f1a2b3c4d failed"]


@pytest.fixture(scope="module")
def folder(module_server):
    """A folder of two parts and the documents in it: a trace whose second document came after the first was in a part."""
    full = {
        "origin": "AWS::ECS::Container", "user": "u", "resource_arn": "arn:aws:ecs:eu-west-1:000000000000:task/1", "fault": True,
        "http": {"request": {"method": "GET", "url": "http://shop/a", "user_agent": "curl", "client_ip": "10.0.0.1", "x": 1},
                 "response": {"status": 500, "content_length": 12}},
        "aws": {"account_id": "000000000000", "xray": {"sdk": "x"}, "function_arn": "arn:aws:lambda:eu-west-1:0:function:f"},
        "service": {"version": "1"}, "annotations": {"tier": "gold", "n": 1}, "metadata": {"a": {"b": [1, 2]}},
        "cause": {"exceptions": [{"id": "0123456789abcdef", "type": "E", "message": "m"}]}, "unknown": "kept",
        "links": [{"trace_id": new_trace_id(), "id": "0123456789abcdef", "attributes": {}}],
    }
    documents = []
    for n in range(100):
        document = segment(f"svc{n % 3}", **full)
        calls = [
            subsegment("DynamoDB", document, namespace="aws", error=True, throttle=True, traced=False, inferred=False, in_progress=False,
                       aws={"operation": "GetItem", "region": "eu-west-1", "table_name": "Items", "request_id": "r", "bucket_name": "b",
                            "queue_url": "https://q", "function_name": "f"}),
            subsegment("db", document, namespace="remote", sql={"sanitized_query": "SELECT 1"},
                       http={"request": {"method": "POST", "url": "http://db/", "traced": False, "user_agent": "u", "client_ip": "::1"},
                             "response": {"status": 429}}),
        ]
        document["subsegments"] = calls
        documents.append(document)
    late = segment("late", trace_id=documents[0]["trace_id"], parent_id=documents[0]["subsegments"][1]["id"],
                   start=documents[0]["start_time"] + 0.02, took=0.01)
    server = module_server
    server.put(*documents)
    logs = server.aws("logs")
    logs.create_log_group(logGroupName="shop")
    logs.create_log_stream(logGroupName="shop", logStreamName="web")
    logs.put_log_events(logGroupName="shop", logStreamName="web", logEvents=[{"timestamp": int(time.time() * 1000), "message": line} for line in LINES])
    server.restart()
    server.put(late)
    counted = {"sql": "SELECT count(*) AS n FROM metrics WHERE name = 'SegmentsAccepted'"}
    wait_for("own metrics", lambda: server.request("/api/sql", counted).json["n"] > 0)
    server.stop()
    yield server.data_dir, documents + [late]


@pytest.fixture
def query(folder):
    """Asks DuckDB, with a view for each table."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        connection.execute(f"CREATE VIEW {table} AS SELECT *, parse_filename(filename, true)::BIGINT AS part "
                           f"FROM read_parquet('{folder[0] / table}/*.parquet', filename = true, union_by_name = true)")
    return lambda sql, *values: connection.execute(sql, values).fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_documented(query, table):
    found = {re.sub("^annotation:.*", "annotation:…", name): TYPES[kind]
             for name, kind, *_ in query(f"DESCRIBE {table}") if name not in ("filename", "part")}
    known = documented(table)
    assert {name: known.get(name) for name in found} == found
    # A segment file lacks columns that nothing is in.
    allowed = {"start_time_bits", "end_time_bits"} if table == "segment" else set()
    assert set(known) - set(found) <= allowed


def read_texts():
    """The program of docs/format that reads messages."""
    spec = importlib.util.spec_from_file_location("read_texts", DOCS / "read_texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_log_events_read_back(folder, query):
    rows = query("SELECT log_group, stream, number // 1000 - epoch_us(time) FROM log_event ORDER BY number")
    assert [row[:2] for row in rows] == [("shop", "web")] * len(LINES)
    assert all(0 <= late < 60_000_000 for *_, late in rows)
    [path] = (folder[0] / "log_event").glob("*.parquet")
    assert read_texts().messages(path) == LINES


SHAPES = (
    lambda n: f"2026-11-29T10:{n // 60 % 60:02}:{n % 60:02}.{n * 37 % 1000:03}Z INFO [worker-{n % 16}] user {n * n} took {n % 977} ms",
    lambda n: json.dumps({"request_id": f"{n * 0x9e3779b97f4a7c15f39cc0605cedc835 % 2**128:032x}", "status": 200 + n % 5, "path": "/käse"}, ensure_ascii=False),
    lambda n: f"at {2**63 + n} 8f14e45f-ceea-467f-9b5c-{n // 9:012x} k{n}f{n}a{n % 7} {n % 100:02} {n % 1000:x}",
    lambda n: "".join(chr(33 + (n * at + at) % 90) for at in range(n % 60)) or "-",
    lambda n: "panic: " + "stack " * (n % 4) + "…\n\tat main.go:12",
)


def test_messages_read_back(tmp_path):
    """A program that knows docs/format/texts.md alone reads them, in parts that are merged and others; so does the server."""
    server = Server(tmp_path / "data", {"MITOSHI_STORE_MEMTABLE_MIB": "1"}).start()
    logs = server.aws("logs")
    logs.create_log_group(logGroupName="shop")
    logs.create_log_stream(logGroupName="shop", logStreamName="web")
    now_ms = int(time.time() * 1000) // 86_400_000 * 86_400_000
    lines = []

    def put(count):
        events = [{"timestamp": now_ms + len(lines) + n, "message": SHAPES[(len(lines) + n) * 7 % 11 % 5](len(lines) + n)} for n in range(count)]
        logs.put_log_events(logGroupName="shop", logStreamName="web", logEvents=events)
        lines.extend(event["message"] for event in events)

    def merged():
        notes = {path: pyarrow.parquet.ParquetFile(path).metadata.metadata for path in (server.data_dir / "log_event").glob("*.parquet")}
        return [path for path, note in notes.items() if note[b"mitoshi.merged_parts"]]

    def is_merged():
        try:
            return merged()
        except (OSError, pyarrow.ArrowInvalid):
            # It went with a merge, or is being written.
            return False

    while not is_merged():
        assert len(lines) < 200_000, "no parts were merged"
        put(4_000)
    put(1_000)
    patterns = {"took 5 ms": "\"took 5 ms\"", "käse": "\"käse\"", "8f14e45f": "\"8f14e45f\"", "panic: stack …": "\"panic: stack …\""}
    for text, pattern in patterns.items():
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName="shop", filterPattern=pattern)
        assert [event["message"] for page in pages for event in page["events"]] == [line for line in lines if text in line], text
    server.stop()

    found, were_merged = {}, 0
    for path in (server.data_dir / "log_event").glob("*.parquet"):
        times = pyarrow.parquet.ParquetFile(path).read(["time"]).column(0).cast("int64").to_pylist()
        found.update(zip(times, read_texts().messages(path), strict=True))
        were_merged += len(times) if path in merged() else 0
    assert [found[time_us] for time_us in sorted(found)] == lines
    assert were_merged > 5_000
    out = subprocess.run([sys.executable, DOCS / "read_texts.py", merged()[0]], capture_output=True, text=True, check=True).stdout
    assert json.loads(out.splitlines()[0])["message"] in lines


def split_mix(bits):
    """The finaliser that docs/format names."""
    mask = 2**64 - 1
    z = (bits + 0x9E3779B97F4A7C15) & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    return z ^ z >> 31


def test_filters_of_messages_are_as_documented(folder):
    """Whoever reads docs/format finds in the filters what stands in messages, and little else."""
    [path] = (folder[0] / "log_event").glob("*.parquet")
    notes = pyarrow.parquet.ParquetFile(path).metadata.metadata
    [(place, length)] = [map(int, part.split(b":")) for part in notes[b"mitoshi.grams"].split(b",")]
    bits = path.read_bytes()[place:place + length]
    in_filter = lambda gram: has(bits, gram.to_bytes(8, "little"))

    def may_have(text):
        hashes = [split_mix(int.from_bytes(text[at:at + 8].encode(), "little")) for at in range(len(text) - 7)]
        return all(in_filter(min(hashes[at:at + 9])) for at in range(len(hashes) - 8))

    assert may_have("8f14e45f-ceea-467f-9b5c-0d2f1a2b3c4d") and may_have("ceea-467f-9b5c-0d2f") and may_have(LINES[1][-35:])
    assert not may_have("00000000-ceea-0000-9b5c-0d2f1a2b3c4d") and not may_have("nothing of the kind stands there")
    trace = bytes.fromhex(LINES[1][-35:].replace("1-", "", 1).replace("-", ""))
    first, second = (int.from_bytes(trace[at:at + 8], "little") for at in (0, 8))
    assert in_filter(split_mix(first ^ split_mix(second) ^ 0x7472616365696473)) and not in_filter(split_mix(first ^ split_mix(second)))


def test_segments_read_back(folder, query):
    _, documents = folder
    rows = query("SELECT '1-' || lower(hex(trace_id)[:8]) || '-' || lower(hex(trace_id)[9:]), lower(hex(id)), name, epoch_us(start_time), "
                 "duration_us, http_status, annotations, rest FROM segment WHERE depth = 0")
    found = {(row[0], row[1]): row[2:] for row in rows}
    assert len(rows) == len(found) == len(documents)
    for document in documents:
        name, start_us, duration_us, status, annotations, rest = found[document["trace_id"], document["id"]]
        assert name == document["name"] and start_us == round(document["start_time"] * 1e6)
        assert duration_us == round(document["end_time"] * 1e6) - round(document["start_time"] * 1e6)
        assert status == document.get("http", {}).get("response", {}).get("status")
        assert (annotations and json.loads(annotations)) == document.get("annotations")
        assert (rest and json.loads(rest)) == ({"unknown": "kept"} if "unknown" in document else None)
    assert query("SELECT count(*), count(sequence) FROM segment") == [(301, 101)]
    assert query("SELECT lower(hex(id)) FROM segment WHERE depth = 1 AND aws_table_name = 'Items' AND throttle ORDER BY 1") == sorted(
        (document["subsegments"][0]["id"],) for document in documents[:-1])


def test_rows_that_count_are_those_that_the_catalog_does_not_name(folder, query):
    data_dir, documents = folder
    assert query("SELECT count(*), count(DISTINCT trace_id) FROM trace") == [(101, 100)]
    catalog = sqlite3.connect(f"file:{data_dir / 'catalog.db'}?mode=ro", uri=True)
    [(part, trace_id)] = catalog.execute("SELECT part_id, trace_id FROM superseded").fetchall()
    assert f"1-{trace_id[:4].hex()}-{trace_id[4:].hex()}" == documents[0]["trace_id"]
    counted = "FROM trace WHERE NOT (part = ? AND trace_id = ?)"
    assert query(f"SELECT count(*), count(DISTINCT trace_id) {counted}", part, trace_id) == [(100, 100)]
    assert query(f"SELECT revision, visits {counted} AND revision > 1", part, trace_id) == [(2, 3)]
    assert query("SELECT DISTINCT \"annotation:tier\", \"annotation:n\", annotations FROM trace WHERE entry_service = 'svc0'") == [
        ("\x1fgold\x1f", "\x1f1\x1f", "\x1f")]
    sums = "SELECT sum(segment_rows), sum(trace_rows) FROM part WHERE family = "
    assert catalog.execute(sums + "'segment'").fetchall() == [(101, 101)]
    assert catalog.execute(sums + "'metric'").fetchall() == [(query("SELECT count(*) FROM metric")[0][0], 0)]


def test_visits_belong_to_their_traces(query):
    numbered = "(SELECT *, row_number() OVER (PARTITION BY part) - 1 AS row FROM visit)"
    assert query(f"SELECT v.service_name, v.service_type, v.caller_name, count(*), bool_and(v.error) FROM trace t JOIN {numbered} v "
                 "ON v.part = t.part AND t.first_visit <= v.row AND v.row < t.first_visit + t.visits "
                 "WHERE t.revision = 1 AND v.service_name = 'Items' GROUP BY ALL ORDER BY 3"
                 ) == [("Items", "AWS::DynamoDB::Table", f"svc{n}", 34 - (n > 0), True) for n in range(3)]
    assert query(f"SELECT count(*) FROM {numbered} v LEFT JOIN trace t ON v.part = t.part AND t.first_visit <= v.row "
                 "AND v.row < t.first_visit + t.visits WHERE t.trace_id IS NULL") == [(0,)]


def places(durations):
    """Durations with their counts, as docs/format/part.md describes them."""
    numbers, value, shift = [], 0, 0
    for byte in durations:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(value)
            value, shift = 0, 0
    place, numbers = 0, iter(numbers)
    for head in numbers:
        place += head >> 1
        zigzag = next(numbers) if head & 1 else 2
        power, digits = divmod(place - 1000, 900)
        yield place if place < 1000 else (digits + 100) * 10 ** (power + 1), zigzag >> 1 ^ -(zigzag & 1)


def test_minutes_add_up_to_the_requests(folder, query):
    rows = query("SELECT service_name, sum(visits), sum(ok), sum(throttle), sum(fault) FROM minute GROUP BY 1 ORDER BY 1")
    # The late segment answers one of the calls to db.
    assert rows == [("Items", 100, 0, 100, 0), ("db", 99, 99, 0, 0), ("late", 1, 1, 0, 0),
                    ("svc0", 34, 0, 0, 34), ("svc1", 33, 0, 0, 33), ("svc2", 33, 0, 0, 33)]
    total = {}
    for (durations,) in query("SELECT durations FROM minute WHERE service_name = 'Items'"):
        for duration_us, count in places(durations):
            total[duration_us] = total.get(duration_us, 0) + count
    assert {duration: count for duration, count in total.items() if count} == {50_000: 100}


def test_metrics_read_back(query):
    names = query("SELECT namespace, name, unit, dimensions, count(*), sum(sum) FROM metric WHERE name LIKE 'Segments%' GROUP BY ALL ORDER BY 2")
    assert [row[:4] for row in names] == [("Mitoshi", "SegmentsAccepted", "Count", "{}"), ("Mitoshi", "SegmentsRejected", "Count", "{}")]
    assert query("SELECT count(*) FROM metric WHERE samples <> 1 OR minimum <> sum OR maximum <> sum OR epoch_us(time) % 1000000 <> 0") == [(0,)]


CRC32C = [0] * 256
for _n in range(256):
    _value = _n
    for _ in range(8):
        _value = _value >> 1 ^ (0x82F63B78 if _value & 1 else 0)
    CRC32C[_n] = _value


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC32C[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def test_files_have_their_checksums(folder):
    data_dir, _ = folder
    catalog = sqlite3.connect(f"file:{data_dir / 'catalog.db'}?mode=ro", uri=True)
    parts = catalog.execute("SELECT id, family, checksums FROM part ORDER BY bytes LIMIT 5").fetchall()
    assert {family for _, family, _ in parts} == {"segment", "metric", "log_event"}
    for part, family, sums in parts:
        for folder in TABLES[:4] if family == "segment" else [family]:
            data = (data_dir / folder / f"{part:012}.parquet").read_bytes()
            blocks = [data[at:at + 16384] for at in range(0, len(data), 16384)]
            expected = struct.pack(f"<{len(blocks) + 1}I", len(blocks), *map(crc32c, blocks))
            assert sums.startswith(expected), (part, folder)
            sums = sums[len(expected):]
        assert sums == b""


SALT = [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31]


def has(bits, value):
    """Whether a split-block Bloom filter may have the value."""
    hashed = xxhash.xxh64(value).intdigest()
    block = 32 * ((hashed >> 32) * (len(bits) // 32) >> 32)
    words = struct.unpack_from("<8I", bits, block)
    return all(word >> ((hashed & 0xFFFFFFFF) * salt % 2**32 >> 27) & 1 for word, salt in zip(words, SALT))


def test_filters_tell_what_a_part_does_not_have(folder):
    data_dir, documents = folder
    catalog = sqlite3.connect(f"file:{data_dir / 'catalog.db'}?mode=ro", uri=True)
    assert catalog.execute("SELECT DISTINCT length(filter) FROM part WHERE family = 'metric'").fetchall() == [(0,)]
    known = set()
    for part, filters in catalog.execute("SELECT id, filter FROM part WHERE family = 'segment'").fetchall():
        found = []
        while filters:
            [length] = struct.unpack_from("<I", filters)
            found.append(filters[4:4 + length])
            filters = filters[4 + length:]
        ids, groups = found[0], found[1:]
        assert len(groups) == pyarrow.parquet.ParquetFile(data_dir / "trace" / f"{part:012}.parquet").metadata.num_row_groups
        known |= {document["trace_id"] for document in documents if has(ids, bytes.fromhex(document["trace_id"][2:].replace("-", "")))}
        assert not any(has(group, b"tier=none") for group in groups)
        assert any(has(group, b"tier=gold") for group in groups) or len(documents) > 100 * len(groups)
        assert sum(has(ids, n.to_bytes(16, "big")) for n in range(10_000)) < 200
    assert known == {document["trace_id"] for document in documents}


def test_the_log_reads_as_described(new_server):
    server = new_server()
    documents = [segment(f"svc{n}") for n in range(7)]
    server.put(*documents[:4])
    server.put(*documents[4:])
    server.kill()
    [path] = (server.data_dir / "wal").iterdir()
    assert path.name == f"{1:020}.log"
    data, at, found, following = path.read_bytes(), 0, [], 1
    while at < len(data):
        length, checksum = struct.unpack_from("<II", data, at)
        body = data[at + 8:at + 8 + length]
        assert crc32c(body) == checksum
        sequence, kind = struct.unpack_from("<QB", body)
        assert (sequence, kind) == (following, 1)
        inner = 9
        while inner < length:
            [size] = struct.unpack_from("<I", body, inner)
            found.append(json.loads(body[inner + 4:inner + 4 + size]))
            inner += 4 + size
            following += 1
        at += 8 + length
    assert found == documents
    assert (server.data_dir / "FORMAT").read_text() == "11\n"
