"""Fluent Bit with its output `cloudwatch_logs`, with only the endpoint set: what it reads from a file is what is told.

Skipped where there is no Fluent Bit; `FLUENT_BIT` names one that is not on the path."""

import json
import os
import shutil
import socket
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from conftest import wait_for
from test_log import everything, now_ms

FLUENT_BIT = os.environ.get("FLUENT_BIT") or shutil.which("fluent-bit") or "/opt/fluent-bit/bin/fluent-bit"
HOUR_MS = 3_600_000

CONFIG = """
[SERVICE]
    Flush           0.5
    Grace           5
    Log_Level       info
    Parsers_File    {folder}/parsers.conf
    scheduler.base  1
    scheduler.cap   2

[INPUT]
    Name            tail
    Tag             app.web
    Path            {folder}/app.log
    Parser          json
    Read_from_Head  true
    Refresh_Interval  1
    Buffer_Max_Size   1M

[OUTPUT]
    Name            cloudwatch_logs
    Match           *
    region          us-east-1
    endpoint        127.0.0.1
    port            {port}
    tls             off
    log_group_name  /fluent-bit/shop
    log_stream_prefix  from-
    auto_create_group  true
    log_retention_days  7
    Retry_Limit     False
    {more}
"""
PARSERS = """
[PARSER]
    Name         json
    Format       json
    Time_Key     time
    Time_Format  %Y-%m-%dT%H:%M:%S.%L%z
"""


class Shipper:
    """One Fluent Bit, and the file that it reads."""

    def __init__(self, folder, port, more):
        self.lines, self.log = folder / "app.log", folder / "fluent-bit.log"
        (folder / "parsers.conf").write_text(PARSERS)
        (folder / "fluent-bit.conf").write_text(CONFIG.format(folder=folder, port=port, more=more))
        self.lines.touch()
        env = {"PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([FLUENT_BIT, "-c", folder / "fluent-bit.conf"], stdout=log, stderr=log, env=env)

    def write(self, *events):
        """Lines of a time each, as (milliseconds, members)."""
        with open(self.lines, "a", encoding="utf-8") as lines:
            for at, members in events:
                time = datetime.fromtimestamp(at / 1000, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03}+0000"
                lines.write(json.dumps({"time": time, **members}, ensure_ascii=False) + "\n")

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@pytest.fixture
def shipper(tmp_path):
    """Starts Fluent Bit: shipper(port, settings of its output)."""
    if not Path(FLUENT_BIT).exists():
        pytest.skip("no Fluent Bit here (FLUENT_BIT names one that is not on the path)")
    started = []

    def start(port, more=""):
        started.append(Shipper(tmp_path, port, more))
        return started[-1]

    yield start
    for each in started:
        each.stop()
        print(f"Fluent Bit said:\n{each.log.read_text('utf-8', 'replace')[-4000:]}")


@pytest.mark.parametrize("headers, body", [
    ({"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}, "{}"),
    ({"X-Amz-Target": "Logs_20140328.DescribeLogStreams", "Content-Type": "application/x-amz-json-1.1"}, "{}"),
    ({"Content-Type": "application/x-www-form-urlencoded"}, "Action=ListMetrics&Version=2010-08-01"),
], ids=["json", "refused", "query"])
def test_request_ids_are_named_with_their_capitals(shared, headers, body):
    """As AWS has them: Fluent Bit looks for that very name, and sends everything again for ever where it is not."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", shared.http_port), timeout=10) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: logs\r\nConnection: close\r\n{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b"\r\nx-amzn-RequestId: " in answer, answer


def test_lines_of_a_file(server, shipper):
    logs = server.aws("logs")
    now = now_ms()
    # Those of some days ago go into requests of their own: one may not span more than a day.
    times = [now - 72 * HOUR_MS + n for n in range(100)] + [now - 30 * HOUR_MS + n * 500 for n in range(500)] + [now - 60_000 + n // 3 for n in range(6_000)]
    events = [(at, {"n": n, "log": f"order {n} \"ü\" 注文\t\\"}) for n, at in enumerate(times)]
    events.append((now, {"n": len(times), "log": "x" * 200_000}))
    shipper(server.http_port).write(*events)
    found = lambda: everything(logs, "/fluent-bit/shop") if logs.describe_log_groups()["logGroups"] else []
    wait_for("all lines", lambda: len(found()) >= len(events), deadline=60, pause=0.5)
    told = [(event["timestamp"], json.loads(event["message"])) for event in found()]
    assert told == events
    [group] = logs.describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/fluent-bit/shop", 7)
    assert [stream["logStreamName"] for stream in logs.describe_log_streams(logGroupName="/fluent-bit/shop")["logStreams"]] == ["from-app.web"]


def test_nothing_is_lost_while_the_server_is_away(new_server, shipper):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = new_server(args=["--http", f"127.0.0.1:{port}"])
    fluent_bit = shipper(port, "log_key log")
    said = []

    def say(count):
        now = now_ms()
        events = [(now + n, {"log": f"line {len(said) + n}"}) for n in range(count)]
        said.extend((at, members["log"]) for at, members in events)
        fluent_bit.write(*events)
        time.sleep(0.01)

    told = lambda: [(event["timestamp"], event["message"]) for event in everything(server.aws("logs"), "/fluent-bit/shop")]
    say(500)
    wait_for("the first lines", lambda: server.aws("logs").describe_log_groups()["logGroups"] and len(told()) == 500, deadline=30)
    for _ in range(3):
        # It is killed as lines come, and they go on coming.
        for n in range(30):
            say(10)
            if n == 10:
                server.kill()
        assert fluent_bit.process.poll() is None
        server.start()
    wait_for("all lines", lambda: len(set(told())) >= len(said), deadline=90, pause=0.5)
    # What was kept as the server was killed may have come twice; nothing else did.
    found = told()
    assert set(found) == set(said) and len(found) < len(said) + 900
    assert [at for at, _ in found] == sorted(at for at, _ in found)


def test_embedded_metrics(server, shipper):
    logs = server.aws("logs")
    now = now_ms()
    said = json.dumps({"_aws": {"Timestamp": now, "CloudWatchMetrics": [{"Namespace": "Shop", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}]},
                       "Service": "web", "Latency": 12})
    shipper(server.http_port, "log_key log\n    log_format json/emf").write((now, {"log": said}))
    asked = {"Namespace": "Shop", "MetricName": "Latency", "Dimensions": [{"Name": "Service", "Value": "web"}], "Period": 60, "Statistics": ["Sum"],
             "StartTime": now / 1000 - 300, "EndTime": now / 1000 + 300}
    [point] = wait_for("its metric", lambda: server.cloudwatch.get_metric_statistics(**asked)["Datapoints"], deadline=30)
    assert (point["Sum"], point["Unit"]) == (12, "Milliseconds")
    assert [event["message"] for event in everything(logs, "/fluent-bit/shop")] == [said]
