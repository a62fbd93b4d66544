"""`mitoshi run`: a command runs as it would by itself, and a server knows what it and its children use."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone

import pytest

from conftest import binary, wait_for

EVERY_SECS = 5


def start(server, *command, args=(), **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MITOSHI_", "AWS_"))}
    return subprocess.Popen(
        [binary(), "run", "--server", server.url, "--cluster", "processes", "--every-secs", str(EVERY_SECS), *args, "--", *command],
        env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def statistics(server, name, **dimensions):
    now = time.time()
    got = server.cloudwatch.get_metric_statistics(
        Namespace="ECS/ContainerInsights", MetricName=name, Period=60, Statistics=["Sum", "SampleCount", "Maximum"],
        Dimensions=[{"Name": key, "Value": value} for key, value in {"ClusterName": "processes", **dimensions}.items()],
        StartTime=datetime.fromtimestamp(now - 600, timezone.utc), EndTime=datetime.fromtimestamp(now + 60, timezone.utc))["Datapoints"]
    if not got:
        return None
    count = sum(point["SampleCount"] for point in got)
    return {"average": sum(point["Sum"] for point in got) / count, "count": count, "maximum": max(point["Maximum"] for point in got)}


def changes(server):
    now = int(time.time())
    return server.request(f"/api/state-changes?from={now - 600}&to={now + 60}&cluster=processes", method="GET").json["changes"]


BURN = """
import os, subprocess, sys, time
child = "import time; end = time.time() + 60\\nwhile time.time() < end:\\n  t = time.time()\\n  while time.time() - t < 0.02: pass\\n  time.sleep(0.06)"
memory = bytearray(60_000_000)
# A child, and one whose parent ends at once.
subprocess.Popen([sys.executable, "-c", child])
subprocess.run([sys.executable, "-c", "import subprocess, sys; subprocess.Popen([sys.executable, '-c', sys.argv[1]])", child])
print("ready", flush=True)
time.sleep(60)
"""


def test_a_process_and_its_children_are_seen(server):
    process = start(server, sys.executable, "-c", BURN, args=["--service", "burn"], start_new_session=True)
    try:
        assert process.stdout.readline() == "ready\n"
        ecs = server.aws("ecs")
        tasks = lambda: "processes" in str(ecs.list_clusters()) and ecs.list_tasks(cluster="processes")["taskArns"]
        [task] = ecs.describe_tasks(cluster="processes", tasks=wait_for("its task", tasks))["tasks"]
        assert task["lastStatus"] == "RUNNING" and task["group"] == "service:burn"
        assert task["containers"][0]["name"] == "burn" and "-c" in task["containers"][0]["image"]
        wait_for("some periods", lambda: (statistics(server, "CpuUtilized", ServiceName="burn") or {"count": 0})["count"] >= 12, deadline=60)
        # Each child burns some 25 % of a core. The kernel counts in ticks, so that a second is known to 2 %.
        used = statistics(server, "CpuUtilized", ServiceName="burn")["average"]
        assert 0.3 * 1024 < used < 0.75 * 1024
        assert 60 < statistics(server, "MemoryUtilized", ServiceName="burn")["maximum"] < 120
        assert statistics(server, "ContainerProcessCount", ServiceName="burn", ContainerName="burn")["maximum"] == 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 128 + signal.SIGTERM
        wait_for("its end", lambda: [change["change"] for change in changes(server)] == ["STARTED", "STOPPED"])
        assert changes(server)[-1]["exitCode"] == 143
        wait_for("none running", lambda: ecs.list_tasks(cluster="processes")["taskArns"] == [])
        assert len(ecs.list_tasks(cluster="processes", desiredStatus="STOPPED")["taskArns"]) == 1
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("command, code", [(["sh", "-c", "echo out; echo err >&2; exit 3"], 3), (["sh", "-c", "echo out; echo err >&2; kill -9 $$"], 137)])
def test_a_command_runs_as_by_itself(server, command, code):
    process = start(server, *command)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (code, "out\n", "err\n")
    assert [(change["change"], change["exitCode"]) for change in changes(server)] == [("STARTED", None), ("STOPPED", code)]


def test_without_a_server_the_command_runs_all_the_same(server):
    server.kill()
    process = start(server, "sh", "-c", "echo out")
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "out\n")
    assert start(server, "/no/such/command").wait(20) == 127


WRITE = """
import sys, time
print("first line", flush=True)
sys.stderr.write("Traceback: no\\n"); sys.stderr.flush()
print("x" * 300_000, flush=True)
print("no end", end="", flush=True)
time.sleep(7)
"""


def test_what_a_command_writes_is_a_log(server):
    process = start(server, sys.executable, "-c", WRITE, args=["--service", "writer"])
    out, err = process.communicate(timeout=30)
    # It is where it would be without us.
    assert out == "first line\n" + "x" * 300_000 + "\nno end" and err == "Traceback: no\n"
    logs = server.aws("logs")
    wait_for("its lines", lambda: logs.describe_log_groups()["logGroups"])
    found = logs.filter_log_events(logGroupName="/processes/writer")["events"]
    assert sorted((event["message"][:13], len(event["message"])) for event in found) == [
        ("Traceback: no", 13), ("first line", 10), ("no end", 6), ("x" * 13, 37882), ("x" * 13, 262118)]
    # The stream is called as the container is, and its page says where to look.
    ecs = server.aws("ecs")
    wait_for("its task", lambda: "processes" in str(ecs.list_clusters()) and ecs.list_tasks(cluster="processes", desiredStatus="STOPPED")["taskArns"])
    [task] = ecs.describe_tasks(cluster="processes", tasks=ecs.list_tasks(cluster="processes", desiredStatus="STOPPED")["taskArns"])["tasks"]
    assert {event["logStreamName"] for event in found} == {task["containers"][0]["runtimeId"]}
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"] == "/processes/writer"


def test_lines_wait_while_the_server_is_away(server):
    code = "import sys, time\nfor n in range(6):\n    print('line', n, flush=True); time.sleep(0.5)\ntime.sleep(4)"
    process = start(server, sys.executable, "-c", code, args=["--service", "patient"])
    assert process.stdout.readline() == "line 0\n"
    port = server.url.rsplit(":", 1)[-1]
    server.kill()
    time.sleep(2)
    server.args += ["--http", f"127.0.0.1:{port}"]
    server.start()
    process.communicate(timeout=30)
    logs = server.aws("logs")
    lines = lambda: [event["message"] for event in logs.filter_log_events(logGroupName="/processes/patient")["events"]]
    wait_for("all of them", lambda: logs.describe_log_groups(logGroupNamePrefix="/processes")["logGroups"] and len(lines()) >= 6)
    assert lines() == [f"line {n}" for n in range(6)]


def test_a_command_can_keep_its_output_to_itself(server):
    process = start(server, "sh", "-c", "echo secret", args=["--no-logs"])
    assert process.communicate(timeout=30)[0] == "secret\n"
    assert server.aws("logs").describe_log_groups(logGroupNamePrefix="/processes")["logGroups"] == []
