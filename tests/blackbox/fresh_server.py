"""A plugin for test suites of others that expect an empty server before each test: starts one at the address that the suite was told."""

import json
import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.environ["MITOSHI_TESTS"])
from conftest import Server  # noqa: E402

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def fresh_server():
    address = os.environ["TEST_SERVER_MODE_ENDPOINT"].removeprefix("http://")
    with tempfile.TemporaryDirectory() as folder:
        # The account and the times that these suites expect.
        server = Server(Path(folder) / "data", args=["--http", address], env={
            "MITOSHI_ACCOUNT_ID": ACCOUNT, "MITOSHI_QUOTAS_LENIENT": "true", "MITOSHI_METRICS_OWN_EVERY_SECS": "0"}).start()
        yield
        server.kill()


def pytest_collection_modifyitems(config, items):
    """Leaves out the tests that are named, and no others whose names begin alike: all parameters of a test, where it is named without."""
    names = json.loads(os.environ["MITOSHI_LEFT_OUT"])

    def is_left_out(item):
        name = item.nodeid.split("::", 1)[1]
        return name in names or name.split("[")[0] in names

    left_out = [item for item in items if is_left_out(item)]
    unknown = [name for name in names if not any(name in (item.nodeid.split("::", 1)[1], item.nodeid.split("::", 1)[1].split("[")[0]) for item in left_out)]
    assert not unknown, f"there are no tests {unknown}"
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not is_left_out(item)]
