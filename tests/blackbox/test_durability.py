"""What was acknowledged stays: kills, torn logs, full disks, restarts."""

import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from conftest import Server, binary, new_id, segment, streamed, subsegment, wait_for, walk

SMALL = {"MITOSHI_STORE_MEMTABLE_MIB": "1"}


def client_of(port):
    return boto3.session.Session().client(
        "xray", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10))


def bulky(dice, **members):
    """Fills memory quickly, so that flushes and compactions run; random text does not shrink when compressed."""
    return segment(f"svc{dice.randrange(5)}", metadata={"fill": dice.randbytes(3000).hex()}, **members)


def all_present(server, documents):
    """Every document is there exactly once, with its own content."""
    wanted = {d["trace_id"]: d for d in documents}
    ids = list(wanted)
    for at in range(0, len(ids), 5):
        answer = server.request("/Traces", {"TraceIds": ids[at:at + 5]}).json
        assert answer["UnprocessedTraceIds"] == [], "acknowledged traces are lost"
        for trace in answer["Traces"]:
            (back,) = [json.loads(s["Document"]) for s in trace["Segments"]]
            assert back == wanted[trace["Id"]]


class Copies:
    """Backups and restores that are killed at any moment, beside a server that is."""

    def __init__(self, data_dir, folder, dice):
        self.data_dir, self.folder, self.dice = data_dir, folder, dice
        self.to = folder / "backup"
        self.process, self.began_with = None, 0
        # How many documents were acknowledged before the last backup that finished began.
        self.has = None
        self.counts = {"backups": 0, "killed backups": 0, "restores": 0, "killed restores": 0}

    @staticmethod
    def run(*arguments):
        return subprocess.Popen([binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)

    def begin(self, acknowledged):
        self.began_with = acknowledged
        self.process = self.run("backup", self.to, "--data-dir", self.data_dir)

    def end(self):
        """Lets the backup finish, or kills it."""
        if self.process is None:
            return
        try:
            said, _ = self.process.communicate(timeout=self.dice.choice((60, self.dice.uniform(0.0, 0.03))))
        except subprocess.TimeoutExpired:
            self.process.kill()
            said, _ = self.process.communicate()
        if self.process.returncode == 0:
            self.has = self.began_with
            self.counts["backups"] += 1
        else:
            assert self.process.returncode == -9, said
            self.counts["killed backups"] += 1
        self.process = None

    def check(self, acknowledged):
        """Restores into a new folder, with kills on the way, and looks at what is there."""
        if self.has is None:
            return
        new = self.folder / "restored"
        kills = self.dice.randrange(4)
        while True:
            process = self.run("restore", self.to, "--data-dir", new)
            kills -= 1
            try:
                said, _ = process.communicate(timeout=60 if kills < 0 else self.dice.uniform(0.001, 0.15))
            except subprocess.TimeoutExpired:
                process.kill()
                said, _ = process.communicate()
            if process.returncode == 0:
                break
            assert process.returncode == -9, said
            self.counts["killed restores"] += 1
            if (new / "FORMAT").exists() and not (new / "RESTORING").exists():
                # Done, and killed before it could say so.
                break
            if (new / "RESTORING").exists():
                said = self.run("serve", "--data-dir", new, "--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0").communicate(timeout=30)[0]
                assert "mitoshi restore" in said, said
        server = Server(new, env=SMALL)
        try:
            server.start()
            ids = [s["Id"] for s in server.summaries()]
            assert len(ids) == len(set(ids))
            assert {d["trace_id"] for d in acknowledged[:self.has]} <= set(ids)
            all_present(server, acknowledged[max(self.has - 60, 0):self.has])
        finally:
            server.kill()
        shutil.rmtree(new)
        self.counts["restores"] += 1


def test_kill_loop(new_server, tmp_path):
    rounds = int(os.environ.get("MITOSHI_CRASH_ROUNDS", "20"))
    seed = int(os.environ.get("MITOSHI_CRASH_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"MITOSHI_CRASH_SEED={seed}")
    dice = random.Random(seed)
    server = new_server(env={**SMALL, "MITOSHI_METRICS_OWN_EVERY_SECS": "1"}, start=False)
    copies = Copies(server.data_dir, tmp_path, dice)
    # A folder of its own for so many rounds: a history without end would take a time without end.
    history = 40
    acknowledged, expired, checked, total = [], [], 0, 0
    for number in range(rounds):
        if number % history == history - 1:
            check_history(server, acknowledged, expired[-5:], copies)
            total += len(acknowledged)
            acknowledged, expired, checked = [], [], 0
            shutil.rmtree(server.data_dir)
            shutil.rmtree(copies.to, ignore_errors=True)
            copies.has = None
        server.start()
        # Everything of the last rounds, and a sample of the older ones: whole histories would take quadratic time.
        fresh = acknowledged[checked:]
        old = dice.sample(acknowledged[:checked], min(40, checked))
        all_present(server, fresh + old)
        checked = len(acknowledged)
        lock, dying, stop, failures = threading.Lock(), threading.Event(), threading.Event(), []

        def put(my_seed):
            mine = random.Random(my_seed)
            client = client_of(server.http_port)
            while not stop.is_set():
                batch = [bulky(mine) for _ in range(mine.randrange(1, 12))]
                # What retention takes away at the next start: it must not take anything else along.
                past = [bulky(mine, start=time.time() - 40 * 86_400) for _ in range(mine.randrange(3))]
                try:
                    answer = client.put_trace_segments(TraceSegmentDocuments=[json.dumps(d) for d in past + batch])
                except Exception as failure:
                    # Not acknowledged, so kept or not; but before the kill every call must be answered well.
                    if not dying.is_set():
                        failures.append(failure)
                    return
                with lock:
                    failures.extend(answer["UnprocessedTraceSegments"])
                    acknowledged.extend(batch)
                    expired.extend(d["trace_id"] for d in past)

        putters = [threading.Thread(target=put, args=(dice.randrange(1 << 32),)) for _ in range(3)]
        for putter in putters:
            putter.start()
        # The kill's moment is what this test varies; nothing is waited for.
        time.sleep(dice.uniform(0.01, 0.25))
        if dice.random() < 0.3:
            copies.begin(len(acknowledged))
            if dice.random() < 0.7:
                copies.end()
        time.sleep(dice.uniform(0.01, 0.25))
        dying.set()
        server.kill()
        stop.set()
        for putter in putters:
            putter.join()
        copies.end()
        assert failures == []
        if dice.random() < 0.1:
            copies.check(acknowledged)
        if number % 50 == 49:
            print(f"{number + 1} rounds, {total + len(acknowledged)} documents acknowledged, {copies.counts}", flush=True)
    check_history(server, acknowledged, expired[-5:], copies)
    total += len(acknowledged)
    print(f"{total} documents acknowledged over {rounds} rounds, {copies.counts}")


def check_history(server, acknowledged, expired, copies):
    """After the last kill: all is there, once, and the sums are right."""
    copies.check(acknowledged)
    server.start()
    all_present(server, acknowledged[-500:])
    # A period's metrics were written together, so they are all there, once.
    sql = "SELECT n, count(*) AS periods FROM (SELECT time, count(*) AS n, count(DISTINCT name) AS names FROM metrics GROUP BY time) GROUP BY n, names"
    periods = server.request("/api/sql", {"sql": sql})
    assert periods.status == 200 and len(periods.body.splitlines()) <= 1, periods
    found = server.summaries()
    ids = [s["Id"] for s in found]
    assert len(ids) == len(set(ids)), "a trace is listed twice"
    assert {d["trace_id"] for d in acknowledged} <= set(ids)
    totals = {}
    for document in acknowledged:
        totals[document["name"]] = totals.get(document["name"], 0) + 1
    graph = server.service_graph()
    for name, count in totals.items():
        # Documents on their way when the server died may be there in addition.
        assert graph.nodes[(name, None)]["SummaryStatistics"]["TotalCount"] >= count
    assert sum(s["SummaryStatistics"]["TotalCount"] for k, s in graph.nodes.items() if k[1] is None) == len(ids)
    health = server.health()
    assert health["recovery"]["damaged_files"] == [] and health["recovery"]["rebuilt_catalog"] is None
    assert health["store"]["damaged_parts"] == []
    assert server.stop() == 0
    # Nothing past its time is left after the stop and a start, and everything derived is right.
    server.start()
    wait_for("retention", lambda: server.traces(*expired) == {})
    server.stop()
    done = subprocess.run([binary(), "doctor", "--deep", "--data-dir", str(server.data_dir)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_kill_right_after_the_answer(new_server):
    """No delay between the acknowledgement and the kill."""
    server = new_server(start=False)
    documents = []
    for _ in range(10):
        server.start()
        document = segment()
        documents.append(document)
        server.put(document)
        server.kill()
    server.start()
    all_present(server, documents)


def test_graceful_stop_and_restart(new_server):
    server = new_server(env=SMALL)
    dice = random.Random(1)
    documents = [bulky(dice) for _ in range(600)]
    server.put(*documents)
    before_ids = [s["Id"] for s in server.summaries()]
    before_graph = server.service_graph().outcomes()
    assert server.stop() == 0
    server.start()
    all_present(server, documents)
    assert [s["Id"] for s in server.summaries()] == before_ids
    assert server.service_graph().outcomes() == before_graph
    assert server.health()["recovery"]["torn_bytes"] == 0


def test_datagrams_survive_a_graceful_stop(new_server):
    server = new_server()
    documents = [segment() for _ in range(300)]
    server.udp(*documents)
    wait_for("the datagrams", lambda: server.ingest()["segments_accepted"] == 300)
    assert server.stop() == 0
    server.start()
    all_present(server, documents)


def test_requests_in_flight_are_answered_when_stopping(new_server):
    """SIGTERM while putters are at work: each got an answer that holds, or none."""
    server = new_server()
    acknowledged, lock = [], threading.Lock()

    def put():
        client = client_of(server.http_port)
        while True:
            document = segment()
            try:
                client.put_trace_segments(TraceSegmentDocuments=[json.dumps(document)])
            except Exception:
                return
            with lock:
                acknowledged.append(document)

    putters = [threading.Thread(target=put) for _ in range(4)]
    for putter in putters:
        putter.start()
    wait_for("some answers", lambda: len(acknowledged) > 50)
    assert server.stop() == 0
    for putter in putters:
        putter.join()
    server.start()
    all_present(server, acknowledged)


def test_streamed_trace_over_restarts(new_server):
    """Parts of one trace before and after restarts, parent last."""
    server = new_server(env=SMALL)
    owner = segment(took=20)
    for part in range(4):
        server.put(*[streamed(f"p{part}-{n}", owner) for n in range(200)])
        server.kill() if part % 2 else server.stop()
        server.start()
    server.put(owner)
    (back,) = server.documents(owner["trace_id"])
    assert sum(1 for _ in walk(back)) == 801
    server.restart()
    (back,) = server.documents(owner["trace_id"])
    assert sum(1 for _ in walk(back)) == 801


def test_documents_that_change_after_they_were_written_out(new_server):
    """In progress, complete, late in progress, each in a file of its own: one segment remains."""
    server = new_server()
    document = segment()
    begun = {k: v for k, v in document.items() if k != "end_time"} | {"in_progress": True}
    for version in (begun, begun, document, document, begun):
        server.put(version)
        server.restart()
    assert server.documents(document["trace_id"]) == [document]
    (summary,) = server.summaries()
    assert summary["IsPartial"] is False
    assert server.service_graph().nodes[("app", None)]["SummaryStatistics"]["TotalCount"] == 1


def test_inferred_node_goes_when_the_callee_comes_later(new_server):
    server = new_server()
    owner = segment()
    call = subsegment("backend", owner, namespace="remote")
    owner["subsegments"] = [call]
    server.put(owner)
    server.restart()
    server.put(segment("Backend", owner["trace_id"], parent_id=call["id"]))
    server.restart()
    assert set(server.service_graph().nodes) == {("app", None), ("app", "client"), ("Backend", None)}


def test_reads_while_files_are_written(new_server):
    """Under flushes and compactions a document never vanishes, not even for a moment."""
    server = new_server(env=SMALL)
    dice = random.Random(11)
    acknowledged = []
    for number in range(150):
        batch = [bulky(dice) for _ in range(10)]
        answer = server.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(d) for d in batch]})
        assert answer.status == 200, answer
        acknowledged.extend(batch)
        all_present(server, dice.sample(acknowledged, 5))
        if number % 30 == 29:
            assert len(server.summaries()) == len(acknowledged)
    store = server.health()["store"]
    assert store["parts"] >= 1, "no file was written, the test is void"
    assert store["damaged_parts"] == []
    total = sum(s["SummaryStatistics"]["TotalCount"] for k, s in server.service_graph().nodes.items() if k[1] is None)
    assert total == len(acknowledged)


@pytest.mark.parametrize("writing", [False, True], ids=["files only", "while files are written"])
def test_parallel_reads(new_server, writing):
    """Several readers of the same files at once each get everything; no file may be taken for damaged."""
    server = new_server(env=SMALL)
    dice = random.Random(13)
    documents = [bulky(dice) for _ in range(400)]
    server.put(*documents)
    server.restart()
    assert server.health()["store"]["parts"] >= 1
    failures, stop = [], threading.Event()

    def read(my_seed):
        mine = random.Random(my_seed)
        try:
            for _ in range(25):
                all_present(server, mine.sample(documents, 5))
                listed = {s["Id"] for s in server.summaries()}
                assert {d["trace_id"] for d in documents} <= listed
                server.service_graph()
        except BaseException as failure:
            failures.append(failure)

    def write():
        mine = random.Random(17)
        # Every reader lists all there is: without an end, a slow machine would have ever more to do.
        for _ in range(150):
            if stop.is_set():
                break
            server.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(bulky(mine)) for _ in range(10)]})

    assert server.xray
    readers = [threading.Thread(target=read, args=(n,)) for n in range(4)]
    writer = threading.Thread(target=write)
    for thread in readers:
        thread.start()
    if writing:
        writer.start()
    for thread in readers:
        thread.join()
    stop.set()
    if writing:
        writer.join()
    assert server.health()["store"]["damaged_parts"] == []
    assert failures == []


def test_large_trace_survives(new_server):
    server = new_server(env=SMALL)
    owner = segment(took=20)
    parts = [streamed(f"step-{n}", owner) for n in range(10_000)]
    server.put(*parts, owner)
    server.kill()
    server.start()
    (back,) = server.documents(owner["trace_id"])
    assert {d["id"] for d in walk(back)} == {owner["id"]} | {p["id"] for p in parts}


def logs(server):
    """The write-ahead log's files: those that grow with a put. The catalog grows for reasons of its own."""
    found = [p for p in (server.data_dir / "wal").rglob("*") if p.is_file()]
    before = {p: p.stat().st_size for p in found}
    document = segment(metadata={"a": "x" * 5000})
    server.put(document)
    grown = [p for p in (server.data_dir / "wal").rglob("*") if p.is_file() and p.stat().st_size > before.get(p, 0)]
    assert grown, "no file grew although a document was acknowledged"
    return grown, document


@pytest.mark.parametrize("cut", [1, 7, 100, 3000])
def test_torn_end_of_the_log(new_server, cut):
    """A crash in the middle of a write: everything before it stays, the server starts."""
    server = new_server()
    documents = [segment(metadata={"n": n}) for n in range(20)]
    for document in documents:
        server.put(document)
    grown, last = logs(server)
    server.kill()
    (log,) = grown
    with open(log, "r+b") as file:
        file.truncate(log.stat().st_size - cut)
    server.start()
    all_present(server, documents)
    assert server.documents(last["trace_id"]) in ([], [last])
    assert server.health()["recovery"]["torn_bytes"] > 0
    after = segment()
    server.put(after)
    server.kill()
    server.start()
    all_present(server, [*documents, after])


@pytest.mark.parametrize("garbage", [b"\0" * 4096, b"\xff" * 100, b"garbage" * 1000, b"\0"], ids=["zeros", "ones", "text", "one byte"])
def test_garbage_at_the_end_of_the_log(new_server, garbage):
    server = new_server()
    documents = [segment() for _ in range(20)]
    server.put(*documents)
    (log,), last = logs(server)
    server.kill()
    with open(log, "ab") as file:
        file.write(garbage)
    server.start()
    all_present(server, [*documents, last])
    after = segment()
    server.put(after)
    server.kill()
    server.start()
    all_present(server, [*documents, last, after])


def test_half_a_record_then_another_crash(new_server):
    """Several torn ends one after the other."""
    server = new_server()
    documents = []
    for _ in range(6):
        document = segment()
        server.put(document)
        documents.append(document)
        (log,), last = logs(server)
        server.kill()
        with open(log, "r+b") as file:
            file.truncate(log.stat().st_size - 20)
        server.start()
        all_present(server, documents)
        del last


def test_damaged_middle_of_the_log_is_told(new_server):
    """A flipped byte in the middle is no torn end: it must not vanish in silence."""
    server = new_server()
    documents = [segment(metadata={"a": "y" * 500}) for _ in range(50)]
    for document in documents:
        server.put(document)
    (log,), _ = logs(server)
    server.kill()
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(data)
    try:
        server.start()
    except AssertionError as failure:
        # Refusing to start with a message that names the file is a clear answer, too.
        assert log.name in str(failure)
        return
    recovery = server.health()["recovery"]
    assert recovery["torn_bytes"] > 0 or recovery["damaged_files"], recovery
    # Nothing before the damage may be lost.
    all_present(server, documents[:20])


def test_second_process_on_the_same_data(server):
    done = subprocess.run([binary(), "serve", "--data-dir", str(server.data_dir), "--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=20,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")})
    assert done.returncode != 0
    message = done.stderr + done.stdout
    assert str(server.data_dir) in message, message
    assert any(word in message.lower() for word in ("another", "in use", "locked", "already")), message
    assert "panicked" not in message
    document = segment()
    server.put(document)
    assert server.documents(document["trace_id"]) == [document]


def test_restart_directly_after_a_kill(new_server):
    """The lock of a killed process does not stay."""
    server = new_server()
    for _ in range(5):
        server.kill()
        server.start()


def test_unusable_data_dir(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    done = subprocess.run([binary(), "serve", "--data-dir", str(file), "--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert str(file) in done.stderr + done.stdout
    assert "panicked" not in done.stderr


@pytest.fixture
def small_disk():
    """A file system of 8 MB of its own."""
    mount = Path(tempfile.mkdtemp(prefix="mitoshi-disk-"))
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], capture_output=True, text=True)
    if done.returncode:
        mount.rmdir()
        pytest.skip(f"SKIPPED: full-disk test needs the right to mount a tmpfs ({done.stderr.strip()})")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)
    shutil.rmtree(mount, ignore_errors=True)


def test_full_disk(small_disk):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\1" * (3 << 20))
    server = Server(small_disk / "data", SMALL)
    # The log of the process itself must not need the full disk.
    server.log_path = Path(tempfile.mkstemp(prefix="mitoshi-log-")[1])
    dice = random.Random(7)
    acknowledged, refused = [], []

    def put(document):
        return server.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(document)]})

    try:
        server.start()
        for _ in range(4000):
            document = bulky(dice)
            answer = put(document)
            if answer.status == 200:
                assert answer.json["UnprocessedTraceSegments"] == []
                acknowledged.append(document)
                continue
            assert answer.status == 503, answer
            assert int(answer.headers["retry-after"]) >= 1
            refused.append(document)
            if len(refused) >= 20:
                break
        assert refused, "8 MB were never full"
        assert server.alive()
        # Reads go on; of a refused write nothing is kept.
        for document in refused:
            assert server.documents(document["trace_id"]) == []
        all_present(server, acknowledged)
        # A refusal over UDP is counted, not fatal.
        server.udp(bulky(dice))
        assert server.health()
        ballast.unlink()
        extra = segment()
        wait_for("writes to work again", lambda: put(extra).status == 200, 30, 0.1)
        more = [segment() for _ in range(50)]
        for document in more:
            assert put(document).status == 200
        acknowledged += [extra, *more]
        all_present(server, acknowledged)
        server.kill()
        server.start()
        all_present(server, acknowledged)
        for document in refused:
            assert server.documents(document["trace_id"]) == [], "a refused write came back after the restart"
    except BaseException:
        print(server.log()[-3000:])
        raise
    finally:
        server.kill()
        server.log_path.unlink()


def test_start_on_a_full_disk(small_disk):
    """No panic: an error that says why, or a server that answers 503."""

    with open(small_disk / "ballast", "wb") as file:
        try:
            while True:
                file.write(b"\1" * 65536)
                file.flush()
        except OSError:
            pass
    done = None
    process = subprocess.Popen([binary(), "serve", "--data-dir", str(small_disk / "data"), "--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        done = process.communicate(timeout=3)
    except subprocess.TimeoutExpired:
        process.terminate()
        done = process.communicate(timeout=20)
    assert "panicked" not in done[1], done[1][-2000:]
    if process.returncode:
        assert "space" in done[1].lower(), done[1][-2000:]


def test_new_ids_are_unique():
    """The tests' own ids, on which "exactly once" rests."""
    assert len({new_id() for _ in range(100_000)}) == 100_000
