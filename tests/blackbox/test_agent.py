"""`mitoshi agent`: what it takes in arrives at the server, once, also after the server and the agent were away."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from conftest import HEADER, Server, binary, new_id, new_trace_id, segment, wait_for
from test_access import create_key


class Agent:
    def __init__(self, data_dir, url, *args, env=None):
        self.data_dir, self.url, self.args, self.env = Path(data_dir), url, list(args), dict(env or {})
        self.log_path = self.data_dir.parent / f"{self.data_dir.name}.log"

    def start(self):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MITOSHI_", "AWS_", "ECS_"))}
        engines = [] if "--engines" in self.args else ["--engines", "/nowhere.sock"]
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [binary(), "agent", "--server", self.url, "--data-dir", str(self.data_dir), "--daemon", "127.0.0.1:0",
             "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--metadata", "off", *engines, *self.args],
            stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL, env={**env, **self.env})
        line = self.process.stdout.readline().decode()
        assert line.startswith("mitoshi agent ready "), (line, self.log())
        self.ports = {name: int(address.rsplit(":", 1)[1]) for name, address in
                      (part.split("=", 1) for part in line.split()[3:]) if address != "off" and name != "server"}
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0, self.log()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def log(self):
        return self.log_path.read_text("utf-8", "replace")

    def udp(self, *documents):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for document in documents:
                sock.sendto(HEADER + json.dumps(document).encode(), ("127.0.0.1", self.ports["daemon"]))


@pytest.fixture
def new_agent(tmp_path):
    agents = []

    def make(url, *args, name="agent", env=None):
        agents.append(Agent(tmp_path / name, url, *args, env=env))
        return agents[-1].start()

    yield make
    for agent in agents:
        agent.kill()


def arrived(server, trace_id):
    return [json.loads(found["Document"]) for trace in server.xray.batch_get_traces(TraceIds=[trace_id])["Traces"] for found in trace["Segments"]]


def spans(trace_id, name="work"):
    return {"resourceSpans": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "otel"}}]}, "scopeSpans": [{"spans": [{
        "traceId": trace_id[2:].replace("-", ""), "spanId": new_id(), "name": name, "kind": 2,
        "startTimeUnixNano": str(time.time_ns() - 10**8), "endTimeUnixNano": str(time.time_ns())}]}]}]}


def post(agent, path, body, port="otlp-http"):
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", agent.ports[port], timeout=10)
    connection.request("POST", path, body=body if isinstance(body, bytes) else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_everything_arrives(server, new_agent):
    agent = new_agent(server.url)
    documents = [segment() for _ in range(120)]
    agent.udp(*documents)
    ids = [new_trace_id() for _ in range(2)]
    assert post(agent, "/v1/traces", spans(ids[0])) == (200, b"{}")
    import grpc
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=bytes.fromhex(ids[1][2:].replace("-", "")), span_id=os.urandom(8), name="work", kind=2,
        start_time_unix_nano=time.time_ns() - 10**8, end_time_unix_nano=time.time_ns())
    for compression in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        with grpc.insecure_channel(f"127.0.0.1:{agent.ports['otlp-grpc']}", compression=compression) as channel:
            TraceServiceStub(channel).Export(request, timeout=10)
    now = str(time.time_ns())
    metrics = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "depth", "gauge": {"dataPoints": [{"timeUnixNano": now, "asInt": "7"}]}}]}]}]}
    assert post(agent, "/v1/metrics", metrics)[0] == 200
    record = {"timeUnixNano": str(time.time_ns()), "body": {"stringValue": "over the agent"}}
    service = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    assert post(agent, "/v1/logs", {"resourceLogs": [{"resource": service, "scopeLogs": [{"logRecords": [record]}]}]})[0] == 200
    logs = server.aws("logs")
    wait_for("the line", lambda: logs.describe_log_groups(logGroupNamePrefix="/otel/shop")["logGroups"])
    [line] = wait_for("its event", lambda: logs.filter_log_events(logGroupName="/otel/shop")["events"])
    assert json.loads(line["message"])["body"] == "over the agent"
    for document in documents:
        wait_for("its trace", lambda: arrived(server, document["trace_id"]))
    for trace_id in ids:
        assert len(wait_for("its trace", lambda: arrived(server, trace_id))) == 1
    listed = lambda: [metric["MetricName"] for metric in server.cloudwatch.list_metrics(Namespace="OpenTelemetry")["Metrics"]]
    wait_for("the metric", lambda: listed() == ["depth"])
    # Questions about sampling are the server's to answer.
    status, rules = post(agent, "/GetSamplingRules", {}, port="daemon")
    assert status == 200 and json.loads(rules)["SamplingRuleRecords"][0]["SamplingRule"]["RuleName"] == "Default"
    assert post(agent, "/GetSamplingRules", {"NextToken": 5}, port="daemon")[0] == 400
    agent.stop()


def test_nothing_is_lost_while_the_server_is_away(new_server, new_agent, tmp_path):
    server = new_server()
    agent = new_agent(server.url)
    first = segment()
    agent.udp(first)
    wait_for("the first", lambda: arrived(server, first["trace_id"]))
    port = server.http_port
    server.kill()
    documents = [segment() for _ in range(200)]
    ids = [new_trace_id() for _ in range(50)]
    agent.udp(*documents[:100])
    for trace_id in ids[:25]:
        assert post(agent, "/v1/traces", spans(trace_id))[0] == 200
    waiting = lambda: sum(path.stat().st_size for path in agent.data_dir.glob("*.queue"))
    wait_for("them on disk", lambda: waiting() > 10_000)
    time.sleep(0.5)
    # The agent is killed, too, and starts again.
    agent.kill()
    agent.start()
    agent.udp(*documents[100:])
    for trace_id in ids[25:]:
        assert post(agent, "/v1/traces", spans(trace_id))[0] == 200
    assert post(agent, "/GetSamplingRules", {}, port="daemon")[0] == 503
    server.args += ["--http", f"127.0.0.1:{port}"]
    server.start()
    for document in documents:
        found = wait_for("each of them", lambda: arrived(server, document["trace_id"]), deadline=40)
        assert [one["id"] for one in found] == [document["id"]]
    for trace_id in ids:
        assert len(wait_for("each of them", lambda: arrived(server, trace_id), deadline=40)) == 1
    wait_for("an empty buffer", lambda: waiting() == 0 or len(list(agent.data_dir.glob("*.queue"))) == 1)
    assert "the server takes data again" in agent.log()
    agent.stop()


def test_requests_are_signed_and_wait_for_a_good_key(tmp_path, new_agent):
    server = Server(tmp_path / "data", env={"MITOSHI_ACCESS_REQUIRED": "always"})
    key = create_key(server, "write")
    reader = create_key(server, "read")
    server.start()
    agent = new_agent(server.url, env={"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": "wrong"})
    document = segment()
    agent.udp(document)
    wait_for("the refusal", lambda: "does not let this agent in" in agent.log())
    assert "wrong" not in agent.log()
    agent.kill()
    agent.env["AWS_SECRET_ACCESS_KEY"] = key["SecretAccessKey"]
    agent.start()
    xray = server.aws("xray", reader["AccessKeyId"], reader["SecretAccessKey"])
    wait_for("it", lambda: xray.batch_get_traces(TraceIds=[document["trace_id"]])["Traces"])
    agent.stop()
    server.stop()


def test_a_full_buffer_is_told_and_datagrams_wait(new_server, new_agent):
    server = new_server()
    port = server.http_port
    server.kill()
    agent = new_agent(f"http://127.0.0.1:{port}", "--buffer-mib", "1")
    body = os.urandom(200_000).hex()
    status = 200
    for _ in range(20):
        request = spans(new_trace_id())
        request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"] = [{"key": "x", "value": {"stringValue": body}}]
        status, said = post(agent, "/v1/traces", request)
        if status != 200:
            break
    assert status == 503 and b"the buffer is full" in said
    documents = [segment(metadata={"x": os.urandom(20_000).hex()}) for _ in range(3)]
    agent.udp(*documents)
    server.args += ["--http", f"127.0.0.1:{port}"]
    server.start()
    for document in documents:
        wait_for("what waited", lambda: arrived(server, document["trace_id"]), deadline=40)
    assert post(agent, "/v1/traces", spans(new_trace_id()))[0] == 200
    agent.stop()


def test_containers_of_another_machine(new_server, new_agent):
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True).returncode != 0:
        pytest.skip("no Docker answers here")
    if subprocess.run(["docker", "image", "inspect", "mitoshi-test:1"], capture_output=True).returncode != 0:
        pytest.skip("test_container.py has not made its image")
    server = new_server()
    agent = new_agent(server.url, "--engines", "/var/run/docker.sock", "--instance", "other-1", "--every-secs", "5")
    labels = ["--label=com.docker.compose.project=away", "--label=com.docker.compose.service=web"]
    id = subprocess.run(["docker", "run", "-d", *labels, "mitoshi-test:1", "sleep", "600"], capture_output=True, text=True, check=True).stdout.strip()
    try:
        ecs = server.aws("ecs")
        tasks = lambda: "away" in str(ecs.list_clusters()) and ecs.list_tasks(cluster="away")["taskArns"]
        wait_for("its task", tasks, deadline=20)
        described = ecs.describe_tasks(cluster="away", tasks=tasks())["tasks"][0]
        assert described["containerInstanceArn"].endswith("/away/other-1")
        names = lambda: {metric["MetricName"] for metric in server.cloudwatch.list_metrics(Namespace="ECS/ContainerInsights")["Metrics"]}
        wait_for("its metrics", lambda: {"CpuUtilized", "ContainerMemoryUtilized", "RunningTaskCount"} <= names(), deadline=20)
        # While the server is away, what happens is kept; what was counted is there once.
        port = server.http_port
        server.kill()
        began = time.time()
        subprocess.run(["docker", "restart", "-t", "0", id], capture_output=True, check=True)
        time.sleep(11)
        server.args += ["--http", f"127.0.0.1:{port}"]
        server.start()
        changes = lambda: [c["change"] for c in server.request(f"/api/state-changes?from={int(began) - 1}&to={int(began) + 60}", method="GET").json["changes"]]
        wait_for("its restart", lambda: changes() == ["STOPPED", "RESTARTED"], deadline=40)
        cluster = [{"Name": "ClusterName", "Value": "away"}]
        points = lambda: server.cloudwatch.get_metric_statistics(
            Namespace="ECS/ContainerInsights", MetricName="CpuUtilized", Dimensions=cluster, Period=60, Statistics=["SampleCount"],
            StartTime=began - 60, EndTime=began + 60)["Datapoints"]
        time.sleep(6)
        # A reading a second, and none twice.
        assert all(point["SampleCount"] <= 60 for point in points())
        assert sum(point["SampleCount"] for point in points()) >= 10
    finally:
        subprocess.run(["docker", "rm", "-f", id], capture_output=True)
    agent.stop()


@pytest.mark.parametrize("args, said", [
    (["--server", "nonsense"], "is no address of a server"),
    (["--server", "https://127.0.0.1:1"], "https needs --ca"),
    (["--server", "http://127.0.0.1:1", "--every-secs", "7"], "--every-secs 7 is none of"),
    (["--server", "http://127.0.0.1:1", "--daemon", "0.0.0.0:0"], "nothing says who may send"),
])
def test_what_cannot_be_is_said(tmp_path, args, said):
    done = subprocess.run([binary(), "agent", "--data-dir", str(tmp_path / "agent"), *args], capture_output=True, text=True, timeout=20)
    assert done.returncode in (64, 74) and said in done.stderr, done
