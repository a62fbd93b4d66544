"""A plugin for test suites of others that expect an empty server before each test: starts one at the address that the suite was told."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.environ["MITOSHI_TESTS"])
from conftest import Server  # noqa: E402


@pytest.fixture(autouse=True)
def fresh_server():
    address = os.environ["TEST_SERVER_MODE_ENDPOINT"].removeprefix("http://")
    with tempfile.TemporaryDirectory() as folder:
        # The account and the times that these suites expect.
        server = Server(Path(folder) / "data", args=["--http", address], env={
            "MITOSHI_ACCOUNT_ID": "123456789012", "MITOSHI_QUOTAS_LENIENT": "true", "MITOSHI_METRICS_OWN_EVERY_SECS": "0"}).start()
        yield
        server.kill()
