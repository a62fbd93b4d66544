"""Task metadata, version 4: containers and processes are told about themselves as ECS tells tasks, and an agent beside a task reads it."""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from conftest import Server, binary, wait_for
from test_agent import new_agent  # noqa: F401
from test_container import SEEN_SECS, dimensions, docker, run, statistics  # noqa: F401

EVERY_SECS = 5
BRIDGE = "172.17.0.1"


@pytest.fixture(scope="module")
def server(docker, tmp_path_factory):  # noqa: F811
    server = Server(tmp_path_factory.mktemp("metadata") / "data", env={
        "MITOSHI_CONTAINERS_WATCH": "true", "MITOSHI_CONTAINERS_EVERY_SECS": str(EVERY_SECS),
        "MITOSHI_CONTAINERS_METADATA_ADDRESS": f"{BRIDGE}:0", "MITOSHI_CONTAINERS_METADATA_ALLOW": "0.0.0.0/0"}).start()
    server.metadata = "http://" + server.health()["listeners"]["task_metadata"] + "/v4/"
    yield server
    assert server.stop() == 0


def ask(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return json.load(answer)


def test_a_container_is_told_about_itself(server, docker):  # noqa: F811
    name = f"{docker.project}-web-1"
    id = docker.start("web", "sleep 600", "--cpus=0.5", "--memory=64m", "-p", "127.0.0.1::80", "-v", "/tmp:/data:ro",
                      "--label=com.amazonaws.ecs.task-definition-version=7",
                      "--health-cmd=echo well", "--health-interval=1s", "--log-opt=max-size=1m")
    told = ask(server.metadata + name)
    arn = "arn:aws:ecs:us-east-1:000000000000"
    assert (told["DockerId"], told["Name"], told["DockerName"], told["Type"]) == (id, "web", name, "NORMAL")
    assert told["KnownStatus"] == told["DesiredStatus"] == "RUNNING" and told["Limits"] == {"CPU": 512, "Memory": 64}
    assert told["ContainerARN"] == f"{arn}:container/{docker.project}/{id[:32]}/{id}" and told["ImageID"].startswith("sha256:")
    assert told["Labels"]["com.amazonaws.ecs.task-arn"] == f"{arn}:task/{docker.project}/{id[:32]}"
    assert told["Labels"]["com.docker.compose.project"] == docker.project and told["LogDriver"] == "json-file"
    assert told["LogOptions"] == {"max-size": "1m"} and told["RestartCount"] == 0
    assert {"Source": "/tmp", "Destination": "/data"} in told["Volumes"]
    assert told["Ports"][0]["ContainerPort"] == 80 and told["Ports"][0]["HostIp"] == "127.0.0.1"
    [network] = told["Networks"]
    assert network["NetworkMode"] == "bridge" and network["IPv4Addresses"] == [docker.inspect(id)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]]
    assert datetime.fromisoformat(told["CreatedAt"]) <= datetime.fromisoformat(told["StartedAt"]) <= datetime.now(timezone.utc)
    health = wait_for("its health", lambda: (lambda health: health["status"] == "HEALTHY" and health)(ask(server.metadata + name)["Health"]), deadline=SEEN_SECS)
    assert health["exitCode"] == 0 and health["output"] == "well\n" and health["statusSince"]
    # By its id, and by the beginning of it that engines show.
    strip = lambda told: {k: v for k, v in told.items() if k != "Health"}
    assert strip(ask(server.metadata + id)) == strip(ask(server.metadata + id[:12])) == strip(told)

    task = ask(server.metadata + name + "/task")
    assert (task["Cluster"], task["TaskARN"]) == (f"{arn}:cluster/{docker.project}", f"{arn}:task/{docker.project}/{id[:32]}")
    assert (task["Family"], task["Revision"], task["ServiceName"], task["LaunchType"]) == ("web", "7", "web", "EXTERNAL")
    assert task["Limits"] == {"CPU": 0.5, "Memory": 64} and strip(task["Containers"][0]) == strip(told)
    assert ask(server.metadata + name + "/taskWithTags")["TaskTags"] == {}
    # The same as ECS's operations say.
    assert server.aws("ecs").describe_tasks(cluster=docker.project, tasks=[task["TaskARN"]])["tasks"][0]["taskArn"] == task["TaskARN"]
    docker.remove(id)


def test_what_a_container_uses_is_told(server, docker):  # noqa: F811
    id = docker.start("busy", "while :; do :; done", "--cpus=0.5")
    pause = docker.start("still", "sleep 600")
    beside = docker.start("beside", "sleep 600", f"--network=container:{pause}")
    stats = ask(server.metadata + id + "/stats")
    assert stats["id"] == id and stats["memory_stats"]["usage"] > 0
    used = stats["cpu_stats"]["cpu_usage"]["total_usage"] - stats["precpu_stats"]["cpu_usage"]["total_usage"]
    took = datetime.fromisoformat(stats["read"]) - datetime.fromisoformat(stats["preread"])
    assert used / 1e9 / took.total_seconds() == pytest.approx(0.5, abs=0.15)
    assert set(stats["network_rate_stats"]) == {"rx_bytes_per_sec", "tx_bytes_per_sec"}
    both = ask(server.metadata + pause + "/task/stats")
    assert set(both) == {pause, beside} and all(both.values())
    docker.remove(id)
    docker.remove(beside)
    docker.remove(pause)


def test_whoever_asks_is_known_by_its_address(server, docker):  # noqa: F811
    host, port = server.metadata.split("/")[2].split(":")
    asks = f'(printf "GET /v4/self HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n"; sleep 5) | /bin/busybox nc {host} {port}; echo; sleep 600'

    def told(id):
        answer = wait_for("its answer", lambda: (lambda said: said.rstrip().endswith(b"}") and said)(run("docker", "logs", id).stdout), deadline=SEEN_SECS)
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])

    id = docker.start("asks", asks)
    assert told(id)["DockerId"] == id
    # Beside a container that holds the network, the one that works is meant.
    pause = docker.start("pod-pause", "sleep 600")
    beside = docker.start("works", f"sleep 1; {asks}", f"--network=container:{pause}")
    assert told(beside)["DockerId"] == beside
    [docker.remove(each) for each in (id, beside, pause)]


def test_who_is_not_known_is_told_so(server):
    for who, why in (("nobody", "no container has the id or the name"), ("self", "no container has the address ")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            ask(server.metadata + who)
        assert refused.value.code == 404 and why in json.load(refused.value)
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server.metadata.replace("/v4/", "/v3/") + "x")
    assert refused.value.code == 404 and "/v4/ID/task" in json.load(refused.value)


def test_it_is_closed_to_other_networks(server, tmp_path):
    env = {"MITOSHI_CONTAINERS_METADATA_ADDRESS": f"{BRIDGE}:0"}
    done = subprocess.run([binary(), "serve", "--data-dir", str(tmp_path / "data"), "--http", "127.0.0.1:0"],
                          env={**os.environ, **env}, capture_output=True, text=True, timeout=20)
    assert done.returncode == 64 and "nothing says who may ask" in done.stderr and "metadata_allow" in done.stderr
    closed = Server(tmp_path / "closed", env={"MITOSHI_CONTAINERS_WATCH": "true", **env, "MITOSHI_CONTAINERS_METADATA_ALLOW": "10.99.0.0/16"}).start()
    with pytest.raises(OSError):
        ask("http://" + closed.health()["listeners"]["task_metadata"] + "/v4/self")
    closed.stop()


DETECT = """
import json
from opentelemetry.sdk.extension.aws.resource.ecs import AwsEcsResourceDetector
print(json.dumps(dict(AwsEcsResourceDetector(raise_on_error=True).detect().attributes)))
"""


def test_a_process_is_told_about_itself(tmp_path):
    server = Server(tmp_path / "data").start()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MITOSHI_", "AWS_", "ECS_"))}
    argv = [binary(), "run", "--server", server.url, "--cluster", "blue", "--service", "detect", "--region", "eu-west-1", "--account-id", "111122223333"]
    done = subprocess.run([*argv, "--", sys.executable, "-c", DETECT], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    arn = "arn:aws:ecs:eu-west-1:111122223333"
    assert found["cloud.platform"] == "aws_ecs" and found["aws.ecs.cluster.arn"] == f"{arn}:cluster/blue"
    assert found["aws.ecs.task.arn"].startswith(f"{arn}:task/blue/") and found["aws.ecs.container.arn"].startswith(f"{arn}:container/blue/")
    assert (found["aws.ecs.task.family"], found["aws.ecs.task.revision"]) == ("detect", "1")
    stats = "import json, os, urllib.request as r; print(r.urlopen(os.environ['ECS_CONTAINER_METADATA_URI_V4'] + '/stats').read().decode())"
    done = subprocess.run([*argv, "--", sys.executable, "-c", stats], env=env, capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert told["cpu_stats"]["cpu_usage"]["total_usage"] >= told["precpu_stats"]["cpu_usage"]["total_usage"] > 0
    assert 2e6 < told["memory_stats"]["usage"] < told["memory_stats"]["limit"] and told["pids_stats"]["current"] == 1
    says = [sys.executable, "-c", "import os; print(os.environ.get('ECS_CONTAINER_METADATA_URI_V4'))"]
    assert subprocess.run([*argv, "--no-metadata", "--", *says], env=env, capture_output=True, text=True, timeout=60).stdout == "None\n"
    # One that stands on ECS is told by ECS.
    env["ECS_CONTAINER_METADATA_URI_V4"] = "http://169.254.170.2/v4/x"
    assert subprocess.run([*argv, "--", *says], env=env, capture_output=True, text=True, timeout=60).stdout == "http://169.254.170.2/v4/x\n"
    assert server.stop() == 0


def test_an_agent_beside_a_task_tells_what_the_task_uses(server, docker, new_agent, tmp_path):  # noqa: F811
    """What one Mitoshi says of a container, as ECS would, another one is told by an agent that knows no engine."""
    id = docker.start("sidecar", "while :; do :; done", "--cpus=0.5", "--memory=64m")
    ask(server.metadata + id)
    other = Server(tmp_path / "other").start()
    agent = new_agent(other.url, "--every-secs", str(EVERY_SECS), env={"ECS_CONTAINER_METADATA_URI_V4": server.metadata + id})
    of_task = dimensions(ClusterName=docker.project, ServiceName="sidecar", TaskId=id[:32])
    counted = lambda: (statistics(other, "CpuUtilized", of_task) or {"count": 0})["count"] >= 2 * EVERY_SECS
    wait_for("some periods", counted, deadline=60)
    for name in ("CpuUtilized", "CpuReserved", "MemoryUtilized", "MemoryReserved", "TaskCpuUtilization"):
        here, there = statistics(other, name, of_task), statistics(server, name, of_task)
        assert here["average"] == pytest.approx(there["average"], rel=0.1, abs=1), name
    assert statistics(other, "NetworkRxBytes", of_task) and not statistics(other, "instance_cpu_limit", dimensions(ClusterName=docker.project))
    [task] = other.aws("ecs").describe_tasks(cluster=docker.project, tasks=[id[:32]])["tasks"]
    assert task["lastStatus"] == "RUNNING" and task["containers"][0]["runtimeId"] == id
    agent.stop()
    docker.remove(id)
    assert other.stop() == 0


class Fargate(BaseHTTPRequestHandler):
    """Task metadata as Fargate documents it: a task with limits of its own, and two containers with one network."""

    begun = time.time()
    ids = ("ea32192c8553fbff06c9340478a2ff089b2bb5646fb718b4ee206641c9086d66-1", "0206b271-b33f-47ab-86c6-a0ba208a70a9")

    def do_GET(self):
        since = time.time() - self.begun
        now = datetime.now(timezone.utc)
        arn = "arn:aws:ecs:us-west-2:111122223333"

        def container(number, name, **more):
            return {"DockerId": self.ids[number], "Name": name, "DockerName": name, "Image": f"{name}:latest", "ImageID": "sha256:00",
                    "Labels": {"com.amazonaws.ecs.container-name": name, "com.amazonaws.ecs.cluster": f"{arn}:cluster/default",
                               "com.amazonaws.ecs.task-arn": f"{arn}:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3"},
                    "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 2}, "Type": "NORMAL", "LogDriver": "awslogs",
                    "LogOptions": {"awslogs-group": "/ecs/shop"}, "CreatedAt": (now - timedelta(hours=1)).isoformat(),
                    "StartedAt": (now - timedelta(hours=1)).isoformat(),
                    "Networks": [{"NetworkMode": "awsvpc", "IPv4Addresses": ["10.0.0.108"], "AttachmentIndex": 0}], **more}

        def stats(cpu_share, bytes_a_second):
            return {"read": now.isoformat(), "cpu_stats": {"cpu_usage": {"total_usage": int(since * cpu_share * 1e9)}, "online_cpus": 2},
                    "memory_stats": {"usage": 300 * 2**20, "limit": 2**30, "stats": {"inactive_file": 100 * 2**20}},
                    "networks": {"eth1": {"rx_bytes": int(since * bytes_a_second), "tx_bytes": 0}}, "pids_stats": {"current": 3},
                    "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 5000}, {"op": "write", "value": 7000}]}}

        if self.path == "/v4/x/task":
            told = {"Cluster": "default", "TaskARN": f"{arn}:task/default/e9028f8d5d8e4f258373e7b93ce9a3c3", "Family": "shop", "Revision": "26",
                    "ServiceName": "front", "DesiredStatus": "RUNNING", "KnownStatus": "RUNNING", "Limits": {"CPU": 0.5, "Memory": 1024},
                    "LaunchType": "FARGATE", "EphemeralStorageMetrics": {"Utilized": 5120, "Reserved": 20480},
                    "Containers": [container(0, "app", RestartCount=2), container(1, "log_router")]}
        elif self.path == "/v4/x/task/stats":
            told = {self.ids[0]: stats(0.2, 1000), self.ids[1]: stats(0.05, 1000)}
        else:
            return self.send_error(404)
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_an_agent_reads_what_fargate_says(new_agent, tmp_path):  # noqa: F811
    fargate = ThreadingHTTPServer(("127.0.0.1", 0), Fargate)
    threading.Thread(target=fargate.serve_forever, daemon=True).start()
    server = Server(tmp_path / "data").start()
    agent = new_agent(server.url, "--every-secs", str(EVERY_SECS), "--task", f"http://127.0.0.1:{fargate.server_port}/v4/x")
    of_task = dimensions(ClusterName="default", ServiceName="front", TaskId="e9028f8d5d8e4f258373e7b93ce9a3c3")
    wait_for("some periods", lambda: (statistics(server, "CpuUtilized", of_task) or {"count": 0})["count"] >= EVERY_SECS, deadline=40)
    average = lambda name, dims=of_task: statistics(server, name, dims)["average"]
    # Limits are those of the task; a network that both containers have counts once.
    assert average("CpuUtilized") == pytest.approx(256, rel=0.05) and average("CpuReserved") == 512
    assert average("TaskCpuUtilization") == pytest.approx(50, rel=0.05)
    assert average("MemoryUtilized") == 400 and average("MemoryReserved") == 1024
    assert average("NetworkRxBytes") == pytest.approx(1000, rel=0.05)
    assert (average("StorageReadBytes"), average("StorageWriteBytes")) == (10000, 14000)
    assert (average("EphemeralStorageUtilized"), average("EphemeralStorageReserved"), average("TaskEphemeralStorageUtilization")) == (5, 20, 25)
    app = [*of_task, {"Name": "ContainerName", "Value": "app"}]
    assert average("ContainerCpuUtilized", app) == pytest.approx(204.8, rel=0.05) and average("ContainerCpuReserved", app) == 512
    [task] = server.aws("ecs").describe_tasks(cluster="default", tasks=["e9028f8d5d8e4f258373e7b93ce9a3c3"])["tasks"]
    assert {container["name"] for container in task["containers"]} == {"app", "log_router"} and task["group"] == "service:front"
    assert task["taskDefinitionArn"].endswith(":task-definition/shop:26")
    agent.stop()
    fargate.shutdown()
    assert server.stop() == 0
