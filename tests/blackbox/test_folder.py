"""Commands on a data folder as people call them: doctor, backup, restore, rebuild."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from conftest import Server, binary, segment

GOOD, FOUND_WRONG, CANNOT = 0, 1, 74


def mitoshi(*arguments, status=GOOD):
    """Runs a command; gives what it said on standard output and on standard error."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    done = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, env=env, timeout=60,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == status, f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout, done.stderr


def present(server, documents):
    for document in documents:
        assert server.documents(document["trace_id"]) == [document]


@pytest.fixture
def filled(new_server):
    """A server whose documents are partly in parts, partly in its log."""
    server = new_server()
    documents = [segment(f"svc{n % 3}") for n in range(120)]
    server.put(*documents[:100])
    server.restart()
    server.put(*documents[100:])
    return server, documents


def test_doctor_of_a_running_server(filled):
    server, _ = filled
    said, _ = mitoshi("doctor", "--data-dir", server.data_dir)
    assert "1 part with 100 documents of 100 traces" in said and "20 documents in the log" in said
    assert said.endswith("nothing is wrong\n")
    found = json.loads(mitoshi("doctor", "--deep", "--json", "--data-dir", server.data_dir)[0])
    assert found["findings"] == [] and found["documents"] == 100 and found["log_documents"] == 20 and found["traces"] == 100


def test_doctor_says_which_part_is_damaged_and_rebuild_keeps_the_rest(filled):
    server, documents = filled
    server.stop()
    for victim in (server.data_dir / "trace").iterdir():
        raw = bytearray(victim.read_bytes())
        raw[len(raw) // 2] ^= 0xFF
        victim.write_bytes(raw)
        break
    said, _ = mitoshi("doctor", "--data-dir", server.data_dir, status=FOUND_WRONG)
    assert f"{victim}: it does not have its checksums" in said
    assert "mitoshi rebuild" in said and said.endswith("1 thing is wrong\n")
    said, _ = mitoshi("rebuild", "--data-dir", server.data_dir)
    assert said == "rebuilt 120 documents of 120 traces\n"
    mitoshi("doctor", "--deep", "--data-dir", server.data_dir)
    server.start()
    present(server, documents)
    assert len(server.summaries()) == 120


def test_rebuild_says_what_is_lost(filled):
    server, documents = filled
    server.stop()
    for victim in (server.data_dir / "segment").iterdir():
        victim.write_bytes(victim.read_bytes()[:200])
        break
    said, complained = mitoshi("rebuild", "--data-dir", server.data_dir, status=FOUND_WRONG)
    assert "lost: " in complained and victim.stem.lstrip("0") in complained
    assert any(victim.stem in kept.name for kept in (server.data_dir / "damaged").iterdir())
    mitoshi("doctor", "--deep", "--data-dir", server.data_dir)
    server.start()
    kept = {summary["Id"] for summary in server.summaries()}
    assert kept < {d["trace_id"] for d in documents} and kept
    present(server, [d for d in documents if d["trace_id"] in kept])


def test_backup_of_a_running_server_is_restored(filled, tmp_path):
    server, documents = filled
    to, new = tmp_path / "backup", tmp_path / "new"
    said, _ = mitoshi("backup", to, "--data-dir", server.data_dir)
    assert "1 part with 100 documents" in said
    later = segment("later")
    server.put(later)
    # Again, into the same folder.
    mitoshi("backup", to, "--data-dir", server.data_dir)
    assert oct(to.stat().st_mode & 0o777) == "0o700"
    said, _ = mitoshi("restore", to, "--data-dir", new)
    assert f"restored {to} into {new}" in said
    copy = Server(new)
    try:
        copy.start()
        present(copy, [*documents, later])
        assert len(copy.summaries()) == 121
    finally:
        copy.stop()
    present(server, [later])


def test_a_backup_is_not_served(filled, tmp_path):
    server, _ = filled
    to = tmp_path / "backup"
    mitoshi("backup", to, "--data-dir", server.data_dir)
    before = sorted(str(path) for path in to.rglob("*"))
    _, complained = mitoshi("serve", "--data-dir", to, "--http", "127.0.0.1:0", "--daemon", "127.0.0.1:0", status=CANNOT)
    assert f"{to} is a backup" in complained and f"mitoshi restore {to}" in complained
    _, complained = mitoshi("doctor", "--data-dir", to, status=CANNOT)
    assert "is a backup" in complained
    assert sorted(str(path) for path in to.rglob("*")) == before, "something was made in it"


def test_folders_that_cannot_be_used(filled, tmp_path):
    server, _ = filled
    nowhere = tmp_path / "nowhere"
    for command in (("doctor",), ("rebuild",), ("backup", tmp_path / "b")):
        _, complained = mitoshi(*command, "--data-dir", nowhere, status=CANNOT)
        assert f"there is no data in {nowhere}" in complained and "--data-dir" in complained
    assert not nowhere.exists() and not (tmp_path / "b").exists()
    _, complained = mitoshi("restore", nowhere, "--data-dir", tmp_path / "new", status=CANNOT)
    assert "mitoshi backup" in complained and not (tmp_path / "new").exists()
    _, complained = mitoshi("rebuild", "--data-dir", server.data_dir, status=CANNOT)
    assert "another mitoshi uses this folder" in complained
    (tmp_path / "full").mkdir()
    Path(tmp_path / "full" / "thesis.txt").write_text("mine")
    _, complained = mitoshi("backup", tmp_path / "full", "--data-dir", server.data_dir, status=CANNOT)
    assert "is not empty" in complained
    mitoshi("backup", tmp_path / "b", "--data-dir", server.data_dir)
    _, complained = mitoshi("restore", tmp_path / "b", "--data-dir", server.data_dir, status=CANNOT)
    assert "is not empty" in complained
