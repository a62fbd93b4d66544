"""Other people's clients and test suites, with only the endpoint set. AWS's SDK for Rust is in crates/server/tests/aws_sdk.rs."""

import json
import os
import subprocess
import sys
import tarfile

import pytest

from conftest import REPO

# The tests of this release; `moto` itself, which they need, is among the requirements.
MOTO = "5.2.5"


def test_awss_sdk_for_javascript(server):
    folder = REPO / "tests" / "sdk-js"
    subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, timeout=180)
    env = {**os.environ, "ENDPOINT": server.url, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run(["node", "all.mjs"], cwd=folder, capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    # These three need an insight; that there is none is told with the exception that the client knows.
    asked_in_vain = ["GetInsight", "GetInsightEvents", "GetInsightImpactGraph"]
    assert len(said["operations"]) == 38 and sorted(said["done"] + asked_in_vain) == said["operations"]


def test_motos_tests_of_x_ray(new_server, tmp_path):
    """They use times of long ago."""
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", "moto", f"moto=={MOTO}", "-d", str(tmp_path)]
    fetched = subprocess.run(pip, capture_output=True, text=True, timeout=300)
    assert fetched.returncode == 0, fetched.stderr
    with tarfile.open(tmp_path / f"moto-{MOTO}.tar.gz") as archive:
        wanted = [m for m in archive.getmembers() if m.name.startswith(f"moto-{MOTO}/tests/") and m.name.count("/") <= 3
                  and (m.name.endswith("tests/__init__.py") or "/test_xray/" in m.name)]
        archive.extractall(tmp_path, members=wanted, filter="data")
    server = new_server(env={"MITOSHI_QUOTAS_LENIENT": "true"})
    env = {**os.environ, "TEST_SERVER_MODE": "true", "TEST_SERVER_MODE_ENDPOINT": server.url,
           "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_xray/test_xray.py"],
                          cwd=tmp_path / f"moto-{MOTO}", capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0 and "6 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("path", ["/api/services", "/api/traces?service=shop&limit=20&lookback=1h",
                                  "/api/dependencies?endTs=1795000000000&lookback=3600000"])
def test_grafanas_jaeger_data_source_reads_what_it_expects(shared, path):
    """Its health check and its queries want an object with `data`, whatever there is."""
    answer = shared.request(path, method="GET", headers={"Accept": "application/json", "User-Agent": "Grafana/12.2.0"})
    assert answer.status == 200 and isinstance(answer.json["data"], list)
