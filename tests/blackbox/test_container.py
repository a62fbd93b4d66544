"""Containers on a real Docker, and what ECS's operations tell of them. What a container uses is compared with what the kernel counted.

Tests with containers are skipped where there is no Docker, or no busybox to make an image of."""

import io
import json
import shutil
import subprocess
import tarfile
import time
import urllib.request
import uuid
from datetime import datetime, timezone
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from conftest import Server, segment, wait_for

IMAGE = "mitoshi-test:1"
EVERY_SECS = 5
# From a change to its metric: a period, and what it takes to read and to write it.
SEEN_SECS = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("container") / "data", env={
        "MITOSHI_CONTAINERS_WATCH": "true", "MITOSHI_CONTAINERS_EVERY_SECS": str(EVERY_SECS)}).start()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def ecs(server):
    return server.aws("ecs")


def run(*argv, check=True, **more):
    return subprocess.run(argv, capture_output=True, check=check, timeout=60, **more)


@pytest.fixture(scope="module")
def docker():
    """Starts containers of a project of its own, and ends them."""
    if not shutil.which("docker") or run("docker", "version", check=False).returncode != 0:
        pytest.skip("no Docker answers here")
    busybox = shutil.which("busybox")
    if not busybox or not shutil.which("file") or b"dynamically" in run("file", "-L", busybox, check=False).stdout:
        pytest.skip("no static busybox here (Debian: busybox-static and file)")
    if run("docker", "image", "inspect", IMAGE, check=False).returncode != 0:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(Path(busybox).resolve(), "bin/busybox")
            for applet in ("sh", "sleep", "dd", "tail", "httpd", "sync"):
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        run("docker", "import", "-", IMAGE, input=archive.getvalue())
    docker = Docker()
    yield docker
    docker.end()


class Docker:
    def __init__(self):
        self.project = f"shop-{uuid.uuid4().hex[:8]}"

    def start(self, service, command, *options, number=1):
        labels = {"project": self.project, "service": service, "container-number": number}
        labels = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        name = f"--name={self.project}-{service}-{number}"
        return run("docker", "run", "-d", name, *labels, *options, IMAGE, "sh", "-c", command, text=True).stdout.strip()

    def inspect(self, id):
        return json.loads(run("docker", "inspect", id).stdout)[0]

    def remove(self, id):
        run("docker", "rm", "-f", id)

    def end(self):
        ids = run("docker", "ps", "-aq", f"--filter=label=com.docker.compose.project={self.project}", text=True).stdout.split()
        if ids:
            run("docker", "rm", "-f", *ids)


def dimensions(**values):
    return [{"Name": name, "Value": value} for name, value in values.items()]


class Level:
    """The levels of a container, as dimensions."""

    def __init__(self, docker, service, id):
        cluster, service_, task, container = docker.project, service, id[:32], service
        self.cluster = dimensions(ClusterName=cluster)
        self.service = dimensions(ClusterName=cluster, ServiceName=service_)
        self.family = dimensions(ClusterName=cluster, TaskDefinitionFamily=service)
        self.task = dimensions(ClusterName=cluster, ServiceName=service_, TaskId=task)
        self.container = dimensions(ClusterName=cluster, ServiceName=service_, TaskId=task, ContainerName=container)
        self.of_service = dimensions(ClusterName=cluster, ServiceName=service_, ContainerName=container)


def statistics(server, name, dims, namespace="ECS/ContainerInsights", since=600):
    """Of all datapoints together."""
    now = time.time()
    got = server.cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=name, Dimensions=dims, Period=60, Statistics=["Sum", "SampleCount", "Maximum", "Minimum"],
        StartTime=datetime.fromtimestamp(now - since, timezone.utc), EndTime=datetime.fromtimestamp(now + 60, timezone.utc))["Datapoints"]
    if not got:
        return None
    total, count = sum(point["Sum"] for point in got), sum(point["SampleCount"] for point in got)
    return {"sum": total, "count": count, "average": total / count, "unit": got[0]["Unit"],
            "maximum": max(point["Maximum"] for point in got), "minimum": min(point["Minimum"] for point in got)}


def changes(server, **filter):
    query = "&".join(f"{name}={value}" for name, value in filter.items())
    now = int(time.time())
    answer = server.request(f"/api/state-changes?from={now - 3600}&to={now + 60}&{query}", method="GET")
    assert answer.status == 200, answer
    return answer.json["changes"]


def cgroup_file(docker, id, controller, one, two):
    """Where the kernel counts for a container, in control groups of either version."""
    pid = docker.inspect(id)["State"]["Pid"]
    unified = None
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return Path(f"/sys/fs/cgroup/{controller}{path}/{one}")
        if controllers == "":
            unified = path
    return Path(f"/sys/fs/cgroup{unified}/{two}")


def cpu_ns(file):
    text = file.read_text()
    return int(text.split()[1]) * 1000 if "usage_usec" in text else int(text)


def test_a_container_that_burns_cpu_is_seen_at_every_level(server, docker):
    id = docker.start("burn", "while :; do :; done", "--cpus=0.5", "--memory=64m")
    level = Level(docker, "burn", id)
    file = cgroup_file(docker, id, "cpuacct", "cpuacct.usage", "cpu.stat")
    began, before = time.time(), cpu_ns(file)
    wait_for("its CPU", lambda: statistics(server, "CpuUtilized", level.task), deadline=SEEN_SECS)
    wait_for("several periods", lambda: statistics(server, "CpuUtilized", level.task)["count"] >= 4 * EVERY_SECS, deadline=60)
    used = (cpu_ns(file) - before) / 1e9 / (time.time() - began) * 1024
    docker.remove(id)
    for dims in (level.service, level.family, level.task):
        seen = statistics(server, "CpuUtilized", dims)
        assert seen["average"] == pytest.approx(used, rel=0.05), dims
        assert statistics(server, "CpuReserved", dims)["average"] == 512
        assert statistics(server, "TaskCpuUtilization", dims)["average"] == pytest.approx(used / 5.12, rel=0.05)
        assert statistics(server, "MemoryReserved", dims)["maximum"] == 64
    for dims in (level.of_service, level.container):
        assert statistics(server, "ContainerCpuUtilized", dims)["average"] == pytest.approx(used, rel=0.05)
        assert statistics(server, "ContainerCpuThrottled", dims)["maximum"] > 20
    assert statistics(server, "CPUUtilization", level.service, namespace="AWS/ECS")["average"] == pytest.approx(used / 5.12, rel=0.05)
    assert statistics(server, "CpuUtilized", level.cluster)["maximum"] >= 0.9 * used


def test_a_container_that_leaks_memory_ends_out_of_memory(server, docker):
    # Fills memory until the kernel ends it; slowly enough that it is seen to grow.
    leak = "x=0123456789abcdef; while [ ${#x} -lt 20000000 ]; do x=$x$x; sleep 0.1; done; sleep 3; exec tail /dev/zero"
    id = docker.start("leak", leak, "--memory=96m", "--memory-swap=96m")
    level = Level(docker, "leak", id)
    names = lambda: [change["change"] for change in changes(server, task=id[:32])]
    wait_for("its end", lambda: "STOPPED" in names(), deadline=60)
    assert names() == ["STARTED", "OUT_OF_MEMORY", "STOPPED"]
    stopped = changes(server, task=id[:32], cluster=docker.project)[-1]
    assert stopped["exitCode"] == 137 and "memory" in stopped["reason"] and stopped["container"] == "leak"
    wait_for("the count", lambda: (statistics(server, "ContainerOomKillCount", level.container) or {}).get("sum") == 1, deadline=SEEN_SECS)
    memory = statistics(server, "MemoryUtilized", level.task)
    assert memory["unit"] == "Megabytes" and 30 < memory["maximum"] <= 96
    task = server.aws("ecs").describe_tasks(cluster=docker.project, tasks=[id[:32]])["tasks"][0]
    assert task["lastStatus"] == "STOPPED" and task["containers"][0]["exitCode"] == 137
    assert task["stoppedReason"].startswith("OutOfMemoryError") and task["stopCode"] == "EssentialContainerExited"
    docker.remove(id)


def test_memory_is_the_working_set(server, docker):
    # 40 MB of files that the kernel may drop at any time, and little else.
    id = docker.start("cached", "dd if=/dev/zero of=/file bs=1M count=40; sync; sleep 600", "--memory=128m")
    level = Level(docker, "cached", id)
    wait_for("its memory", lambda: (statistics(server, "MemoryUtilized", level.task) or {}).get("count", 0) >= 2 * EVERY_SECS, deadline=40)
    used = int(cgroup_file(docker, id, "memory", "memory.usage_in_bytes", "memory.current").read_text()) / 2**20
    stat = dict(line.split() for line in cgroup_file(docker, id, "memory", "memory.stat", "memory.stat").read_text().splitlines())
    droppable = int(stat.get("total_inactive_file", stat["inactive_file"])) / 2**20
    assert droppable > 20
    assert statistics(server, "MemoryUtilized", level.task)["minimum"] == pytest.approx(used - droppable, abs=3)
    docker.remove(id)


def test_a_container_that_writes(server, docker):
    id = docker.start("write", "dd if=/dev/zero of=/file bs=1M count=64 conv=fsync; sleep 600")
    level = Level(docker, "write", id)
    pid = docker.inspect(id)["State"]["Pid"]

    def written():
        of = dict(line.split(": ") for line in Path(f"/proc/{pid}/io").read_text().splitlines())
        return int(of["write_bytes"])

    wait_for("the file", lambda: written() >= 64 * 2**20, deadline=30)
    wait_for("its bytes", lambda: (statistics(server, "StorageWriteBytes", level.task) or {}).get("maximum", 0) > 60 * 2**20, deadline=SEEN_SECS)
    for name, dims in (("StorageWriteBytes", level.task), ("ContainerStorageWriteBytes", level.container)):
        assert statistics(server, name, dims)["maximum"] == pytest.approx(written(), rel=0.05)
    docker.remove(id)


def test_a_container_that_sends(server, docker):
    id = docker.start("send", "mkdir -p /www; dd if=/dev/zero of=/www/file bs=1M count=8; exec httpd -f -p 80 -h /www")
    level = Level(docker, "send", id)
    address = docker.inspect(id)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]

    def fetch():
        try:
            return len(urllib.request.urlopen(f"http://{address}/file", timeout=5).read()) == 8 * 2**20
        except OSError:
            return False

    wait_for("the server", fetch, deadline=20)
    wait_for("a first period", lambda: statistics(server, "NetworkTxBytes", level.task), deadline=SEEN_SECS)
    assert all(fetch() for _ in range(4))
    pid = docker.inspect(id)["State"]["Pid"]
    line = next(line for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines() if "eth0" in line)
    sent = int(line.split(":")[1].split()[8])
    # Rates of seconds, so their sum is what was sent; the first second of a container has no rate.
    close = lambda: statistics(server, "NetworkTxBytes", level.task)["sum"] == pytest.approx(sent, rel=0.3)
    wait_for("what was sent", close, deadline=SEEN_SECS)
    assert statistics(server, "NetworkTxBytes", level.task)["sum"] >= 0.95 * 4 * 8 * 2**20
    assert statistics(server, "NetworkTxBytes", level.task)["unit"] == "Bytes/Second"
    docker.remove(id)


def test_containers_that_share_a_network_are_one_task(server, docker):
    pause = docker.start("pod-pause", "sleep 600")
    app = docker.start("app", "sleep 600", f"--network=container:{pause}")
    ecs = server.aws("ecs")
    task = lambda: ecs.describe_tasks(cluster=docker.project, tasks=[pause[:32]])["tasks"]
    wait_for("both", lambda: len((task() or [{"containers": []}])[0]["containers"]) == 2, deadline=SEEN_SECS)
    assert task()[0]["group"] == "service:app"
    assert {container["name"] for container in task()[0]["containers"]} == {"pod-pause", "app"}
    of_task = dimensions(ClusterName=docker.project, ServiceName="app", TaskId=pause[:32])
    wait_for("its network", lambda: statistics(server, "NetworkRxBytes", of_task), deadline=SEEN_SECS)
    wait_for("its memory", lambda: statistics(server, "MemoryUtilized", of_task), deadline=SEEN_SECS)
    docker.remove(app)
    docker.remove(pause)


def test_a_container_that_restarts(server, docker):
    id = docker.start("restart", "sleep 3; exit 3", "--restart=always")
    level = Level(docker, "restart", id)
    wait_for("restarts", lambda: docker.inspect(id)["RestartCount"] >= 2, deadline=30)
    for dims in (level.cluster, level.service, level.task, level.container):
        wait_for("their count", lambda: (statistics(server, "RestartCount", dims) or {}).get("sum", 0) >= 2, deadline=SEEN_SECS)
    names = [change["change"] for change in changes(server, task=id[:32])]
    assert names[:3] == ["STARTED", "STOPPED", "RESTARTED"], names
    assert {change["exitCode"] for change in changes(server, task=id[:32]) if change["change"] == "STOPPED"} == {3}
    docker.remove(id)
    wait_for("the last end", lambda: changes(server, task=id[:32])[-1]["change"] == "STOPPED", deadline=SEEN_SECS)
    told = sum(change["change"] == "RESTARTED" for change in changes(server, task=id[:32]))
    # The last one may have begun and ended in a period of which its container saw no end.
    assert told - 1 <= statistics(server, "RestartCount", level.task)["sum"] <= told


def test_performance_log_events(server, docker):
    """What was measured, as log events that say which of their members are metrics."""
    id = docker.start("perf", "while :; do :; done", "--cpus=0.25", "--memory=32m")
    level = Level(docker, "perf", id)
    wait_for("its CPU", lambda: statistics(server, "CpuUtilized", level.task), deadline=SEEN_SECS)
    logs, group = server.aws("logs"), f"/aws/ecs/containerinsights/{docker.project}/performance"

    def events(kind, **members):
        found = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=group, filterPattern=f'{{ $.Type = "{kind}" }}')["events"]]
        return [event for event in found if all(event.get(name) == value for name, value in members.items())]

    [task] = wait_for("its task's event", lambda: events("Task", TaskId=id[:32])[:1], deadline=SEEN_SECS)
    assert (task["ClusterName"], task["ServiceName"], task["TaskDefinitionFamily"], task["KnownStatus"]) == (docker.project, "perf", "perf", "RUNNING")
    assert task["CpuReserved"] == 256 and 100 < task["CpuUtilized"] < 300 and task["MemoryReserved"] == 32
    directive = task["CloudWatchMetrics"][0]
    assert directive["Namespace"] == "ECS/ContainerInsights" and {"Name": "CpuReserved", "Unit": "None"} in directive["Metrics"]
    assert ["ClusterName", "TaskDefinitionFamily"] in directive["Dimensions"]
    [container] = events("Container", TaskId=id[:32])[:1]
    assert (container["ContainerName"], container["Image"], container["ContainerCpuReserved"], container["CpuReserved"]) == ("perf", IMAGE, 256, 256)
    assert wait_for("the cluster's", lambda: events("Cluster", ClusterName=docker.project), deadline=SEEN_SECS)[0]["TaskCount"] >= 1
    assert wait_for("the service's", lambda: events("Service", ServiceName="perf"), deadline=SEEN_SECS)[0]["RunningTaskCount"] >= 0
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 1
    # They are counted once: the metrics were there before the events.
    assert statistics(server, "CpuReserved", level.task)["maximum"] == 256
    seconds = statistics(server, "CpuUtilized", level.task)["count"]
    assert seconds <= time.time() - datetime.fromisoformat(docker.inspect(id)["State"]["StartedAt"][:26] + "+00:00").timestamp() + 1
    # Of a cluster that measures nothing there are none.
    ecs = server.aws("ecs")
    ecs.update_cluster_settings(cluster=docker.project, settings=[{"name": "containerInsights", "value": "disabled"}])
    time.sleep(1)
    before = len(events("Task", TaskId=id[:32]))
    time.sleep(2 * EVERY_SECS)
    assert len(events("Task", TaskId=id[:32])) == before
    ecs.update_cluster_settings(cluster=docker.project, settings=[{"name": "containerInsights", "value": "enhanced"}])
    docker.remove(id)


def test_health_is_told(server, docker):
    check = ["--health-cmd=sh -c 'sleep 0; [ -e /well ]'", "--health-interval=1s", "--health-retries=1"]
    id = docker.start("health", "sleep 600", *check)
    level = Level(docker, "health", id)
    wait_for("bad health", lambda: (statistics(server, "UnHealthyContainerHealthStatus", level.container) or {}).get("maximum") == 1, deadline=30)
    run("docker", "exec", id, "sh", "-c", ": > /well")
    wait_for("good health", lambda: statistics(server, "UnHealthyContainerHealthStatus", level.container)["minimum"] == 0, deadline=30)
    names = [change["change"] for change in changes(server, task=id[:32])]
    assert names[:3] == ["STARTED", "UNHEALTHY", "HEALTHY"], names
    assert server.aws("ecs").describe_tasks(cluster=docker.project, tasks=[id[:32]])["tasks"][0]["healthStatus"] == "HEALTHY"
    docker.remove(id)


def test_ecs_tells_what_runs(server, docker, ecs):
    ids = [docker.start("web", "sleep 600", "--cpus=0.25", "--memory=32m", number=number) for number in (1, 2)]
    cluster = docker.project
    arn = lambda what: f"arn:aws:ecs:us-east-1:000000000000:{what}"
    described = lambda: ecs.describe_services(cluster=cluster, services=["web"])["services"]
    wait_for("the cluster", lambda: arn(f"cluster/{cluster}") in ecs.list_clusters()["clusterArns"], deadline=SEEN_SECS)
    wait_for("both tasks", lambda: described() and described()[0]["runningCount"] == 2, deadline=SEEN_SECS)
    service = described()[0]
    assert service["serviceArn"] == arn(f"service/{cluster}/web") and service["desiredCount"] == 2 and service["pendingCount"] == 0
    assert [deployment["status"] for deployment in service["deployments"]] == ["PRIMARY"]
    assert arn(f"cluster/{cluster}") in ecs.list_clusters()["clusterArns"]
    found = ecs.describe_clusters(clusters=[cluster, "nothing"], include=["SETTINGS", "TAGS"])
    assert found["failures"] == [{"arn": arn("cluster/nothing"), "reason": "MISSING"}]
    [described_cluster] = found["clusters"]
    assert described_cluster["runningTasksCount"] >= 2 and described_cluster["registeredContainerInstancesCount"] == 1
    assert described_cluster["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert service["serviceArn"] in ecs.list_services(cluster=cluster)["serviceArns"]

    listed = sorted(ecs.list_tasks(cluster=cluster, serviceName="web")["taskArns"])
    assert listed == sorted(arn(f"task/{cluster}/{id[:32]}") for id in ids)
    first = ecs.list_tasks(cluster=cluster, serviceName="web", maxResults=1)
    second = ecs.list_tasks(cluster=cluster, serviceName="web", maxResults=1, nextToken=first["nextToken"])
    assert first["taskArns"] + second["taskArns"] == listed and "nextToken" not in second
    tasks = ecs.describe_tasks(cluster=arn(f"cluster/{cluster}"), tasks=listed)["tasks"]
    assert {task["lastStatus"] for task in tasks} == {"RUNNING"} and {task["group"] for task in tasks} == {"service:web"}
    [container] = tasks[0]["containers"]
    assert (container["name"], container["image"], container["cpu"], container["memory"]) == ("web", IMAGE, "256", "32")
    assert container["runtimeId"] in ids and container["networkInterfaces"][0]["privateIpv4Address"]
    definition = ecs.describe_task_definition(taskDefinition=tasks[0]["taskDefinitionArn"])["taskDefinition"]
    assert definition["family"] == "web" and definition["containerDefinitions"][0]["cpu"] == 256
    [instance] = ecs.list_container_instances(cluster=cluster)["containerInstanceArns"]
    assert ecs.describe_container_instances(cluster=cluster, containerInstances=[instance])["containerInstances"][0]["runningTasksCount"] >= 2

    counts = dimensions(ClusterName=cluster, ServiceName="web")
    wait_for("the counts", lambda: (statistics(server, "RunningTaskCount", counts) or {}).get("maximum") == 2, deadline=SEEN_SECS)
    assert statistics(server, "DesiredTaskCount", counts)["maximum"] == 2
    wait_for("the cluster's", lambda: statistics(server, "TaskCount", dimensions(ClusterName=cluster)), deadline=SEEN_SECS)

    with pytest.raises(ClientError) as refused:
        ecs.delete_cluster(cluster=cluster)
    assert refused.value.response["Error"]["Code"] == "ClusterContainsTasksException"
    docker.remove(ids[0])
    wait_for("one task", lambda: described()[0]["runningCount"] == 1, deadline=SEEN_SECS)
    # Until it is gone it is one that failed, and wanted.
    wait_for("one wanted", lambda: described()[0]["desiredCount"] == 1, deadline=3)
    stopped = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
    assert arn(f"task/{cluster}/{ids[0][:32]}") in stopped
    docker.remove(ids[1])


def test_insights_are_switched_while_running(server, docker, ecs):
    id = docker.start("switch", "sleep 600")
    level = Level(docker, "switch", id)
    count = lambda name, dims: (statistics(server, name, dims) or {}).get("count", 0)
    wait_for("all levels", lambda: count("ContainerMemoryUtilized", level.container), deadline=SEEN_SECS)

    def switch(value):
        settings = [{"name": "containerInsights", "value": value}]
        answer = ecs.update_cluster_settings(cluster=docker.project, settings=settings)
        assert answer["cluster"]["settings"] == settings

    switch("enabled")
    wait_for("classic metrics", lambda: count("MemoryUtilized", level.service), deadline=SEEN_SECS)
    time.sleep(EVERY_SECS + 2)
    containers, services = count("ContainerMemoryUtilized", level.container), count("MemoryUtilized", level.service)
    wait_for("more of services", lambda: count("MemoryUtilized", level.service) > services, deadline=SEEN_SECS)
    assert count("ContainerMemoryUtilized", level.container) == containers
    switch("disabled")
    time.sleep(EVERY_SECS + 2)
    services, basic = count("MemoryUtilized", level.service), statistics(server, "MemoryUtilization", level.service, namespace="AWS/ECS")["count"]
    wait_for("the basic ones", lambda: statistics(server, "MemoryUtilization", level.service, namespace="AWS/ECS")["count"] > basic, deadline=SEEN_SECS)
    assert count("MemoryUtilized", level.service) == services
    switch("enhanced")
    wait_for("all levels again", lambda: count("ContainerMemoryUtilized", level.container) > containers, deadline=SEEN_SECS)
    docker.remove(id)


def test_nodes_of_the_trace_map_are_found_among_containers(server, docker, ecs):
    named, asked = docker.start("named", "sleep 600"), docker.start("asked", "sleep 600")
    tasks = lambda family: ecs.list_tasks(cluster=docker.project, family=family)["taskArns"]
    wait_for("the cluster", lambda: docker.project in str(ecs.list_clusters()), deadline=SEEN_SECS)
    wait_for("both", lambda: tasks("named") and tasks("asked"), deadline=SEEN_SECS)
    address = docker.inspect(asked)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    now = time.time()
    # One says which container it is in, as X-Ray's SDKs do on ECS; the other says only under which address it was asked.
    of_named = segment("Named", start=now, origin="AWS::ECS::Container", aws={"ecs": {"container": named[:12]}})
    of_asked = segment("Asked", start=now, http={"request": {"url": f"http://{address}:80/x"}})
    server.put(of_named, of_asked)
    def found():
        answer = server.request(f"/api/runtimes?from={int(now) - 60}&to={int(now) + 60}", method="GET")
        return {node["name"]: [(it["service"], it["task"]) for it in node["containers"]] for node in answer.json["nodes"]}
    # An engine that is busy gives addresses a moment after it tells of the container.
    wait_for("both nodes", lambda: found() == {"Named": [("named", named[:32])], "Asked": [("asked", asked[:32])]}, deadline=SEEN_SECS)
    docker.remove(named)
    docker.remove(asked)


def test_clusters_are_made_and_deleted(ecs):
    name = f"made-{uuid.uuid4().hex[:6]}"
    made = ecs.create_cluster(clusterName=name, settings=[{"name": "containerInsights", "value": "enabled"}],
                              tags=[{"key": "team", "value": "a"}])["cluster"]
    assert made["status"] == "ACTIVE" and made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    assert made["tags"] == [{"key": "team", "value": "a"}] and made["runningTasksCount"] == 0
    plain = ecs.describe_clusters(clusters=[made["clusterArn"]])["clusters"][0]
    assert plain["settings"] == [] and plain["tags"] == []
    updated = ecs.update_cluster(cluster=name, settings=[{"name": "containerInsights", "value": "disabled"}])["cluster"]
    assert updated["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert ecs.delete_cluster(cluster=name)["cluster"]["status"] == "INACTIVE"
    assert ecs.describe_clusters(clusters=[name])["failures"][0]["reason"] == "MISSING"


def test_the_account_says_what_new_clusters_get(ecs):
    default = ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"]
    assert [setting["value"] for setting in default] == ["enhanced"]
    name = f"made-{uuid.uuid4().hex[:6]}"
    for put in (ecs.put_account_setting, ecs.put_account_setting_default):
        assert put(name="containerInsights", value="enabled")["setting"]["value"] == "enabled"
    made = ecs.create_cluster(clusterName=name)["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    ecs.put_account_setting_default(name="containerInsights", value="enhanced")
    assert ecs.describe_clusters(clusters=[name], include=["SETTINGS"])["clusters"][0]["settings"][0]["value"] == "enabled"
    ecs.delete_cluster(cluster=name)


@pytest.mark.parametrize("operation, arguments, code", [
    ("create_cluster", {"clusterName": "a b"}, "InvalidParameterException"),
    ("create_cluster", {"clusterName": "x", "settings": [{"name": "containerInsights", "value": "on"}]}, "InvalidParameterException"),
    ("create_cluster", {"clusterName": "x", "settings": [{"name": "other", "value": "on"}]}, "InvalidParameterException"),
    ("delete_cluster", {"cluster": "nothing"}, "ClusterNotFoundException"),
    ("update_cluster_settings", {"cluster": "nothing", "settings": [{"name": "containerInsights", "value": "enabled"}]}, "ClusterNotFoundException"),
    ("list_tasks", {"cluster": "nothing"}, "ClusterNotFoundException"),
    ("list_services", {"cluster": "nothing"}, "ClusterNotFoundException"),
    ("list_clusters", {"maxResults": 101}, "InvalidParameterException"),
    ("list_clusters", {"nextToken": "x"}, "InvalidParameterException"),
    ("put_account_setting", {"name": "fargateFIPSMode", "value": "enabled"}, "InvalidParameterException"),
    ("describe_task_definition", {"taskDefinition": "nothing"}, "ClientException"),
    ("run_task", {"taskDefinition": "x"}, "UnknownOperationException"),
])
def test_what_cannot_be_done_is_said(ecs, operation, arguments, code):
    with pytest.raises(ClientError) as refused:
        getattr(ecs, operation)(**arguments)
    assert refused.value.response["Error"]["Code"] == code
    assert refused.value.response["Error"]["Message"]


def test_clusters_outlive_the_server(tmp_path):
    server = Server(tmp_path / "data").start()
    server.aws("ecs").create_cluster(clusterName="kept", settings=[{"name": "containerInsights", "value": "disabled"}])
    server.restart()
    kept = server.aws("ecs").describe_clusters(clusters=["kept"], include=["SETTINGS"])["clusters"][0]
    assert kept["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    assert server.stop() == 0


def written(server, docker, service):
    logs = server.aws("logs")
    group = f"/{docker.project}/{service}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    return [(event["message"], event["logStreamName"]) for event in logs.filter_log_events(logGroupName=group)["events"]]


def test_what_containers_write_is_a_log_over_restarts(new_server, docker):
    server = new_server(env={"MITOSHI_CONTAINERS_WATCH": "true", "MITOSHI_CONTAINERS_EVERY_SECS": str(EVERY_SECS)})
    count = "n=0; while true; do echo line $n; n=$((n+1)); sleep 0.2; done"
    ticking = docker.start("ticking", count)
    both = docker.start("both", "echo to out; echo to err >&2; sleep 1000")
    terminal = docker.start("terminal", "echo on a terminal; sleep 1000", "-t")
    docker.start("silent", "echo not wanted; sleep 1000", "--label=mitoshi.logs=false")
    short = docker.start("short", "echo came and went")
    wait_for("lines", lambda: len(written(server, docker, "ticking")) > 5, 30)
    wait_for("both", lambda: sorted(message for message, _ in written(server, docker, "both")) == ["to err", "to out"], 20)
    wait_for("those of a terminal", lambda: written(server, docker, "terminal") == [("on a terminal", terminal)], 20)
    wait_for("those of one that is over", lambda: written(server, docker, "short") == [("came and went", short)], 20)
    assert {stream for _, stream in written(server, docker, "ticking")} == {ticking} and both
    assert written(server, docker, "silent") == []
    # What is written while the server is away is there afterwards, and nothing twice.
    server.kill()
    time.sleep(2)
    server.start()
    before = len(written(server, docker, "ticking"))
    wait_for("more", lambda: len(written(server, docker, "ticking")) > before + 20, 30)
    messages = [message for message, _ in written(server, docker, "ticking")]
    assert messages == [f"line {n}" for n in range(len(messages))]
    # The container begins again: so do its lines, in the same stream.
    run("docker", "restart", "-t", "0", ticking)
    wait_for("its first line again", lambda: [message for message, _ in written(server, docker, "ticking")].count("line 0") == 2, 30)
    # Its page says where they are.
    ecs = server.aws("ecs")
    task = ecs.describe_tasks(cluster=docker.project, tasks=ecs.list_tasks(cluster=docker.project, serviceName="ticking")["taskArns"])["tasks"][0]
    definition = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    assert definition["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"] == f"/{docker.project}/ticking"
