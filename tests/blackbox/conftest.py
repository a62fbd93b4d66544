"""The real binary, started per test or per module, and what tests need to talk to it."""

import copy
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

REPO = Path(__file__).resolve().parents[2]
CAPTURES = REPO / "tests" / "captures"
HEADER = b'{"format":"json","version":1}\n'
START_DEADLINE = 30.0

_ids = itertools.count(random.SystemRandom().getrandbits(40))


def binary():
    path = Path(os.environ.get("MITOSHI_BIN", "target/debug/mitoshi"))
    if not path.is_absolute():
        path = REPO / path
    if not path.exists():
        pytest.exit(f"{path} is missing: build the server or set MITOSHI_BIN", returncode=3)
    return str(path)


def wait_for(what, probe, deadline=10.0, pause=0.02):
    """Ask until the answer is truthy; the last answer goes into the failure."""
    end = time.monotonic() + deadline
    answer = None
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s for {what}; last answer: {answer!r}")
        time.sleep(pause)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """The error's name as AWS clients read it: header first, then the body's __type."""
        name = self.headers.get("x-amzn-errortype")
        if not name:
            try:
                name = self.json.get("__type", "")
            except (ValueError, AttributeError):
                name = ""
        return name.split(":", 1)[0].rsplit("#", 1)[-1]

    def __repr__(self):
        return f"<{self.status} {self.error} {self.body[:400]!r}>"


class Server:
    def __init__(self, data_dir, env=None, args=()):
        self.data_dir = Path(data_dir)
        self.env = dict(env or {})
        self.args = list(args)
        self.process = None
        self.log_path = self.data_dir.parent / (self.data_dir.name + ".log")
        self.http_port = self.daemon_port = None
        self._clients = {}

    # -- process

    def start(self, deadline=START_DEADLINE):
        env = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
        # What else runs on the machine is not what tests are about, but those of containers.
        env["MITOSHI_CONTAINERS_WATCH"] = "false"
        env["MITOSHI_METRICS_EMF_ADDRESS"] = "off"
        env["MITOSHI_CONTAINERS_METADATA_ADDRESS"] = "off"
        env.update(self.env)
        http = [] if "--http" in self.args else ["--http", "127.0.0.1:0"]
        otlp = [] if "--otlp-grpc" in self.args else ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"]
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen(
            [binary(), "serve", "--data-dir", str(self.data_dir), *http,
             "--daemon", "127.0.0.1:0", *otlp, *self.args],
            stdout=subprocess.PIPE, stderr=self._log, stdin=subprocess.DEVNULL, env=env,
        )
        ready = {}

        def read():
            for line in self.process.stdout:
                text = line.decode("utf-8", "replace")
                if text.startswith("mitoshi ready ") and "line" not in ready:
                    ready["line"] = text.strip()
                    done.set()
            done.set()

        done = threading.Event()
        threading.Thread(target=read, daemon=True).start()
        if not done.wait(deadline) or "line" not in ready:
            code = self.process.poll()
            self.kill()
            raise AssertionError(f"no ready line within {deadline} s, exit status {code}; log:\n{self.log()[-3000:]}")
        self.ready_line = ready["line"]
        fields = dict(part.split("=", 1) for part in self.ready_line.split()[2:])
        self.fields = fields
        self.http_port = int(fields["http"].rsplit(":", 1)[1])
        self.daemon_port = int(fields["daemon"].rsplit(":", 1)[1])
        self.otlp_grpc_port = int(fields["otlp-grpc"].rsplit(":", 1)[-1]) if fields["otlp-grpc"] != "off" else None
        self.otlp_http_port = int(fields["otlp-http"].rsplit(":", 1)[-1]) if fields["otlp-http"] != "off" else None
        self._clients = {}
        return self

    def stop(self, deadline=20.0):
        """Ends gracefully and gives the exit status."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(deadline)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"SIGTERM did not end the server within {deadline} s")
        return self.process.returncode if self.process else None

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def alive(self):
        return self.process.poll() is None

    def log(self):
        try:
            return self.log_path.read_text("utf-8", "replace")
        except OSError:
            return ""

    # -- requests

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http_port}"

    def client(self, port=None, signed=True, validate=False):
        port = port or self.http_port
        key = (port, signed, validate)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                "xray", endpoint_url=f"http://127.0.0.1:{port}", region_name="us-east-1",
                aws_access_key_id="any", aws_secret_access_key="any",
                config=Config(
                    # One attempt only: a retry would hide a wrong answer.
                    retries={"total_max_attempts": 1, "mode": "standard"},
                    signature_version="v4" if signed else UNSIGNED,
                    parameter_validation=validate, read_timeout=60, max_pool_connections=32,
                ),
            )
        return self._clients[key]

    @property
    def xray(self):
        return self.client()

    def aws(self, service, access_key_id="any", secret="any"):
        """A client of another service, made as its users make it: the endpoint is all that differs."""
        key = (service, access_key_id)
        if key not in self._clients:
            self._clients[key] = boto3.client(
                service, endpoint_url=self.url, region_name="us-east-1",
                aws_access_key_id=access_key_id, aws_secret_access_key=secret,
                config=Config(retries={"total_max_attempts": 1}, parameter_validation=False))
        return self._clients[key]

    @property
    def cloudwatch(self):
        return self.aws("cloudwatch")

    def request(self, path, body=None, port=None, headers=None, method="POST", timeout=30):
        """A plain HTTP request; `body` may be bytes, or anything that JSON can hold."""
        if not isinstance(body, (bytes, type(None))):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", port or self.http_port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers={"Content-Type": "application/json", **(headers or {})})
            reply = connection.getresponse()
            names = {k.lower(): v for k, v in reply.getheaders()}
            return Answer(reply.status, names, reply.read())
        finally:
            connection.close()

    def health(self):
        answer = self.request("/api/health", method="GET")
        assert answer.status == 200, answer
        return answer.json

    def ingest(self):
        return self.health()["ingest"]

    # -- documents

    def put(self, *documents):
        """Puts documents (objects or ready strings), 50 a call; all must be taken."""
        texts = [d if isinstance(d, str) else json.dumps(d) for d in documents]
        for at in range(0, len(texts), 50):
            answer = self.xray.put_trace_segments(TraceSegmentDocuments=texts[at:at + 50])
            assert answer["UnprocessedTraceSegments"] == []

    def udp(self, *documents, header=HEADER):
        """Sends each document as one datagram; kept slow enough for a loaded machine's socket buffer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number, document in enumerate(documents):
                payload = document if isinstance(document, bytes) else (
                    document if isinstance(document, str) else json.dumps(document)).encode()
                sock.sendto(header + payload, ("127.0.0.1", self.daemon_port))
                if number % 50 == 49:
                    time.sleep(0.005)

    def datagram(self, raw):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(raw, ("127.0.0.1", self.daemon_port))

    def traces(self, *ids):
        """Traces by id as {id: trace}, five ids a call as the API allows."""
        found = {}
        for at in range(0, len(ids), 5):
            token = None
            while True:
                extra = {"NextToken": token} if token else {}
                answer = self.xray.batch_get_traces(TraceIds=list(ids[at:at + 5]), **extra)
                for trace in answer["Traces"]:
                    found.setdefault(trace["Id"], {**trace, "Segments": []})["Segments"].extend(trace["Segments"])
                token = answer.get("NextToken")
                if not token:
                    break
        return found

    def documents(self, trace_id, inferred=False):
        """The documents of one trace, oldest first, without those that the server inferred."""
        trace = self.traces(trace_id).get(trace_id)
        if not trace:
            return []
        found = [json.loads(s["Document"]) for s in trace["Segments"]]
        return [d for d in found if inferred or not d.get("inferred")]

    def summaries(self, expression=None, start=None, end=None, **extra):
        """All summaries of all pages."""
        now = time.time()
        query = {"StartTime": start if start is not None else now - 6 * 3600,
                 "EndTime": end if end is not None else now + 3600, **extra}
        if expression is not None:
            query["FilterExpression"] = expression
        found, token = [], None
        while True:
            answer = self.xray.get_trace_summaries(**query, **({"NextToken": token} if token else {}))
            found.extend(answer["TraceSummaries"])
            token = answer.get("NextToken")
            if not token:
                return found

    def summary(self, trace_id, **extra):
        for summary in self.summaries(**extra):
            if summary["Id"] == trace_id:
                return summary
        return None

    def graph(self, *trace_ids):
        return Graph(self.xray.get_trace_graph(TraceIds=list(trace_ids))["Services"])

    def service_graph(self, start=None, end=None):
        now = time.time()
        services, token = [], None
        while True:
            answer = self.xray.get_service_graph(
                StartTime=start if start is not None else now - 3600,
                EndTime=end if end is not None else now + 60, **({"NextToken": token} if token else {}))
            services.extend(answer["Services"])
            token = answer.get("NextToken")
            if not token:
                return Graph(services)


class Graph:
    """Nodes by (name, type), edges by pairs of them; type is None where the service has none."""

    def __init__(self, services):
        self.services = services
        by_reference = {}
        for service in services:
            assert service["ReferenceId"] not in by_reference, "ReferenceId must be unique"
            by_reference[service["ReferenceId"]] = service
        self.nodes = {self.key(s): s for s in services}
        assert len(self.nodes) == len(services), "one node for each name and type"
        self.edges = {}
        for service in services:
            for edge in service["Edges"]:
                pair = (self.key(service), self.key(by_reference[edge["ReferenceId"]]))
                assert pair not in self.edges, f"edge {pair} is there twice"
                self.edges[pair] = edge

    @staticmethod
    def key(service):
        return (service["Name"], service.get("Type"))

    def outcomes(self):
        return {pair: outcome(edge["SummaryStatistics"]) for pair, edge in self.edges.items()}


def outcome(statistics):
    """(ok, throttle, other error, fault), with the sums checked."""
    errors, faults = statistics["ErrorStatistics"], statistics["FaultStatistics"]
    assert errors["TotalCount"] == errors["ThrottleCount"] + errors["OtherCount"]
    assert faults["TotalCount"] == faults["OtherCount"]
    assert statistics["TotalCount"] == statistics["OkCount"] + errors["TotalCount"] + faults["TotalCount"]
    return (statistics["OkCount"], errors["ThrottleCount"], errors["OtherCount"], faults["TotalCount"])


# -- making documents


def new_id():
    return f"{(next(_ids) * 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF:016x}"


def new_trace_id(at=None):
    return f"1-{int(at if at is not None else time.time()):08x}-{new_id()}{random.getrandbits(32):08x}"


def segment(name="app", trace_id=None, start=None, took=0.1, **members):
    """A complete segment document; `end_time=None` or any other member can be given."""
    # Whole microseconds, as the SDKs send them.
    start = round(time.time() - 1 if start is None else start, 6)
    document = {"name": name, "id": new_id(), "trace_id": trace_id or new_trace_id(start),
                "start_time": start, "end_time": round(start + took, 6)}
    document.update(members)
    return {k: v for k, v in document.items() if v is not None}


def subsegment(name="call", parent=None, took=0.05, **members):
    """A nested subsegment, timed inside `parent` when that is given."""
    start = round(parent["start_time"] + 0.01 if parent else time.time() - 1, 6)
    document = {"name": name, "id": new_id(), "start_time": start, "end_time": round(start + took, 6)}
    document.update(members)
    return {k: v for k, v in document.items() if v is not None}


def streamed(name, owner, parent_id=None, **members):
    """An independent subsegment of the segment `owner`."""
    return subsegment(name, owner, type="subsegment", trace_id=owner["trace_id"],
                      parent_id=parent_id or owner["id"], **members)


def capture_lines(name):
    with open(CAPTURES / f"{name}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def capture(name):
    return [json.loads(line["raw"].split("\n", 1)[1]) for line in capture_lines(name)]


def shifted(documents, to=None):
    """Moves documents in time so that they end just before `to` (now), as traces of their own.

    Every trace gets an id with the epoch of its new time; the distance between documents stays, so does
    everything else. Traces whose ids carry a chosen epoch (the tests' own headers) are treated the same.
    """
    documents = copy.deepcopy(documents)
    last = max(d.get("end_time", d["start_time"]) for d in documents)
    offset = float(int((time.time() if to is None else to) - last) - 1)
    names = {}

    def move(document):
        for member in ("start_time", "end_time"):
            if member in document:
                document[member] = round(document[member] + offset, 6)
        if "trace_id" in document:
            document["trace_id"] = names[document["trace_id"]]
        for nested in document.get("subsegments", ()):
            move(nested)

    for document in documents:
        old = document["trace_id"]
        if old not in names:
            names[old] = new_trace_id(document["start_time"] + offset)
    for document in documents:
        move(document)
    return documents


def by_trace(documents):
    found = {}
    for document in documents:
        found.setdefault(document["trace_id"], []).append(document)
    return found


def walk(document):
    yield document
    for nested in document.get("subsegments", ()):
        yield from walk(nested)


# -- fixtures


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        item.session.stash.setdefault(_failed, set()).add(item.nodeid.split("::")[0])
        item.stash[_failed_here] = True
        for name in ("server", "shared"):
            server = item.funcargs.get(name) if hasattr(item, "funcargs") else None
            if isinstance(server, Server):
                report.sections.append((f"server log ({server.log_path})", server.log()[-4000:]))


_failed = pytest.StashKey()
_failed_here = pytest.StashKey()


@pytest.fixture
def new_server(request):
    """Makes servers of this test's own: new_server(env={...}, data_dir=...). Data stay when the test fails."""
    root = Path(tempfile.mkdtemp(prefix="mitoshi-test-"))
    servers = []

    def make(env=None, data_dir=None, args=(), start=True):
        server = Server(data_dir or root / f"data{len(servers)}", env, args)
        servers.append(server)
        return server.start() if start else server

    yield make
    for server in servers:
        server.kill()
    if request.node.stash.get(_failed_here, False):
        print(f"data and logs are kept in {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def server(new_server):
    """A server that holds nothing but this test's data."""
    return new_server()


@pytest.fixture(scope="module")
def shared(request):
    """One server for a module whose tests look only at traces of their own."""
    root = Path(tempfile.mkdtemp(prefix="mitoshi-test-"))
    server = Server(root / "data").start()
    yield server
    died = not server.alive()
    server.kill()
    if died or request.node.nodeid in request.session.stash.get(_failed, set()):
        print(f"data and logs are kept in {root}")
    else:
        shutil.rmtree(root, ignore_errors=True)
    assert not died, f"the server died; see {root}"
