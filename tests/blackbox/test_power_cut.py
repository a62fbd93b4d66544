"""The power goes while the server writes: what was acknowledged is there, once, and every start succeeds.

A server is recorded while it takes documents, then killed. From the record come folders as power cuts at random moments would
have left them; each is started and looked at, and the recording goes on from one of them.
"""

import json
import os
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from conftest import Server, binary, wait_for
from power_cut import disk
from test_durability import all_present, bulky, client_of

SMALL = {"MITOSHI_STORE_MEMTABLE_MIB": "1", "MITOSHI_STORE_RETENTION_DAYS": "30"}
CUTS = 3


@pytest.fixture(scope="module")
def recorder(tmp_path_factory):
    source = Path(__file__).with_name("power_cut") / "record.c"
    library = tmp_path_factory.mktemp("recorder") / "record.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-o", library, source, "-ldl"], check=True)
    return library


def load(server, dice, log, seconds):
    """Puts from three clients until the server is killed; gives the batches that were acknowledged."""
    acknowledged, lock, dying = [], threading.Lock(), threading.Event()
    failures = []

    def put(my_dice):
        client = client_of(server.http_port)
        while True:
            now = time.time()
            batch = [bulky(my_dice, start=now - my_dice.choice((1, 1, 1, 86_400))) for _ in range(my_dice.randrange(1, 30))]
            try:
                answer = client.put_trace_segments(TraceSegmentDocuments=[json.dumps(d) for d in batch])
            except Exception as failure:
                if not dying.is_set():
                    failures.append(failure)
                return
            with lock:
                failures.extend(answer["UnprocessedTraceSegments"])
                disk.mark(log, len(acknowledged))
                acknowledged.append(batch)

    putters = [threading.Thread(target=put, args=(random.Random(dice.randrange(1 << 32)),)) for _ in range(3)]
    for putter in putters:
        putter.start()
    # How far it gets is what varies, from the first answer on, which a busy machine may take long for.
    wait_for("the first answer", lambda: acknowledged or failures, 60)
    time.sleep(seconds)
    dying.set()
    server.kill()
    for putter in putters:
        putter.join()
    assert failures == []
    return acknowledged


def test_power_cuts(recorder, tmp_path):
    rounds = int(os.environ.get("MITOSHI_POWER_CUT_ROUNDS", "5"))
    seed = int(os.environ.get("MITOSHI_POWER_CUT_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"MITOSHI_POWER_CUT_SEED={seed}")
    dice = random.Random(seed)
    folder, safe = tmp_path / "data-0", []
    folder.mkdir(mode=0o700)
    seen = {"cuts": 0, "replayed": 0, "torn": 0, "parts": 0, "damaged_log": 0}
    for number in range(rounds):
        before = disk.Disk(folder)
        record = tmp_path / f"record-{number}"
        log = os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        server = Server(folder, env={**SMALL, "LD_PRELOAD": str(recorder), "POWER_CUT_DIR": str(folder), "POWER_CUT_LOG": str(record)})
        server.start()
        acknowledged = load(server, dice, log, dice.uniform(0.1, 0.7))
        os.close(log)
        found = list(disk.records(record))
        kept = None
        moments = sorted(dice.randrange(len(found) + 1) for _ in range(CUTS))
        fresh, at = [], 0
        for cut, moment in enumerate(moments):
            for kind, a, b, data in found[at:moment]:
                if kind == disk.MARK:
                    fresh.extend(acknowledged[a])
                else:
                    before.take(kind, a, b, data)
            at = moment
            image = tmp_path / f"data-{number + 1}-{cut}"
            before.write_after_cut(image, dice)
            print(f"round {number}: {len(found)} records, cut at {moment}, {len(safe)} + {len(fresh)} documents acknowledged")
            pristine = tmp_path / f"pristine-{number + 1}-{cut}"
            shutil.copytree(image, pristine)
            check(image, safe, fresh, dice, seen)
            shutil.rmtree(image)
            if cut == len(moments) - 1:
                kept = pristine
            else:
                shutil.rmtree(pristine)
        record.unlink()
        shutil.rmtree(folder)
        safe += fresh
        folder = kept
    print(f"{len(safe)} documents acknowledged, {seen}")
    assert seen["cuts"] == rounds * CUTS and seen["parts"] > 0 and seen["replayed"] > 0


def check(image, safe, fresh, dice, seen):
    server = Server(image, env=SMALL)
    try:
        server.start()
        # The newest are those in danger; of the others a sample is read whole, and all must be listed.
        all_present(server, fresh[-150:] + dice.sample(fresh, min(150, len(fresh))) + dice.sample(safe, min(60, len(safe))))
        ids = [s["Id"] for s in server.summaries(start=time.time() - 3 * 86_400)]
        assert len(ids) == len(set(ids)), "a trace is listed twice"
        assert {d["trace_id"] for d in safe} | {d["trace_id"] for d in fresh} <= set(ids), "a trace is not listed"
        health = server.health()
        assert health["store"]["damaged_parts"] == [] and health["recovery"]["rebuilt_catalog"] is None, health
        seen["cuts"] += 1
        seen["replayed"] += health["recovery"]["replayed_documents"]
        seen["torn"] += health["recovery"]["torn_bytes"] > 0
        seen["damaged_log"] += len(health["recovery"]["damaged_files"])
        seen["parts"] += health["store"]["parts"]
    finally:
        server.kill()
    done = subprocess.run([binary(), "doctor", *dice.choice(([], [], ["--deep"])), "--data-dir", str(image)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
