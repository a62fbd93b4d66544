"""What canaries look at: a web site, a name server, a TLS server, a TCP echo; and what tests of canaries need to talk to the server."""

import io
import json
import socket
import socketserver
import ssl
import struct
import subprocess
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import wait_for

ROLE = "arn:aws:iam::000000000000:role/any"
ARN = "arn:aws:synthetics:us-east-1:000000000000:canary:"


class Asked:
    def __init__(self, method, path, headers, body, at):
        self.method, self.path, self.headers, self.body, self.at = method, path, headers, body, at

    def __repr__(self):
        return f"<{self.method} {self.path}>"


class Site:
    """Answers by path; remembers what it was asked. `pages` has paths of a test's own: text, or a function of what was asked."""

    def __init__(self):
        self.asked, self.pages, self.queues = [], {}, {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length) if length else b""
                asked = Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body, time.time())
                site.asked.append(asked)
                try:
                    status, headers, content = site.reply(asked)
                    if isinstance(content, str):
                        content = content.encode()
                    self.send_response(status)
                    for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def seen(self, path):
        return [each for each in self.asked if urlsplit(each.path).path == path]

    def reply(self, asked):
        parts = urlsplit(asked.path)
        path, query = parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()}
        if self.queues.get(path):
            return self.queues[path].pop(0), {}, "queued"
        if path in self.pages:
            found = self.pages[path]
            found = found(asked) if callable(found) else found
            return found if isinstance(found, tuple) else (200, {}, found)
        if path.startswith("/status/"):
            return int(path.rsplit("/", 1)[1]), {}, "as told"
        if path == "/slow":
            time.sleep(int(query["ms"]) / 1000)
            return 200, {}, "at last"
        if path == "/json":
            return 200, {"Content-Type": "application/json", "X-Kind": "plain text", "Access-Control-Allow-Origin": "*"}, json.dumps(
                {"status": "up", "count": 3, "ok": True, "nothing": None, "price": 1.5, "token": "t-42",
                 "items": [{"id": 7, "name": "a b"}, {"id": 8, "name": "ü"}]})
        if path == "/echo":
            return 200, {"Content-Type": "application/json"}, json.dumps(
                {"method": asked.method, "headers": asked.headers, "body": asked.body.decode("utf-8", "replace"), "query": query})
        if path == "/redirect":
            return 302, {"Location": "/"}, ""
        if path == "/favicon.ico":
            return 204, {}, ""
        if path == "/" or path.startswith("/page") or path.startswith("/run-"):
            return 200, {}, "<html><head><title>Shop</title></head><body><h1 id=head>good</h1></body></html>"
        return 404, {}, "nothing here"


# -- names

A, NS, CNAME, MX, TXT = 1, 2, 5, 15, 16


def packed_name(name):
    return b"".join(bytes([len(part)]) + part.encode() for part in name.rstrip(".").split(".")) + b"\0"


class Names:
    """A name server over UDP and TCP on one port. `silent.test` is never answered, `long.test` only over TCP."""

    def __init__(self):
        self.asked = []
        mail = lambda order, host: struct.pack(">H", order) + packed_name(host)
        words = lambda *texts: b"".join(bytes([len(t)]) + t for t in texts)
        self.records = {
            ("www.test", A): (300, [socket.inet_aton("192.0.2.10"), socket.inet_aton("192.0.2.11")]),
            ("long.test", A): (300, [socket.inet_aton("192.0.2.20")]),
            ("borrowed.test", A): (30, [socket.inet_aton("192.0.2.12")]),
            ("alias.test", CNAME): (120, [packed_name("www.test")]),
            ("shop.test", MX): (60, [mail(10, "mail1.shop.test"), mail(20, "mail2.shop.test")]),
            ("shop.test", TXT): (60, [words(b"v=spf1 -all"), words(b"one part,", b" another")]),
            ("shop.test", NS): (86400, [packed_name("ns1.shop.test"), packed_name("ns2.shop.test")]),
        }
        names = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                answer = names.answer(data, "UDP")
                if answer:
                    sock.sendto(answer, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self):
                head = self.rfile.read(2)
                if len(head) == 2:
                    answer = names.answer(self.rfile.read(struct.unpack(">H", head)[0]), "TCP")
                    if answer:
                        self.wfile.write(struct.pack(">H", len(answer)) + answer)

        for _ in range(50):
            self.tcp = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Tcp)
            self.port = self.tcp.server_address[1]
            try:
                self.udp = socketserver.ThreadingUDPServer(("127.0.0.1", self.port), Udp)
                break
            except OSError:
                self.tcp.server_close()
        for server in (self.tcp, self.udp):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def answer(self, data, over):
        number, _, questions = struct.unpack(">HHH", data[:6])
        at, labels = 12, []
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode())
            at += 1 + data[at]
        question = data[12:at + 5]
        kind = struct.unpack(">H", data[at + 1:at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append((name, kind, over))
        if name == "silent.test":
            return None
        flags = 0x8180 | (0 if name == "borrowed.test" else 0x0400)
        ttl, found = self.records.get((name, kind), (0, None))
        if found is None:
            return struct.pack(">HHHHHH", number, flags | 3, 1, 0, 0, 0) + question
        if name == "long.test" and over == "UDP":
            return struct.pack(">HHHHHH", number, flags | 0x0200, 1, 0, 0, 0) + question
        answers = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, ttl, len(each)) + each for each in found)
        return struct.pack(">HHHHHH", number, flags, 1, len(found), 0, 0) + question + answers

    def close(self):
        for server in (self.tcp, self.udp):
            server.shutdown()
            server.server_close()


# -- TLS and TCP


class Tls:
    """A TLS server that says goodbye at once. What is wrong with its certificate is up to who makes it."""

    def __init__(self, certificate, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.names = []
        context.sni_callback = lambda _sock, name, _context: self.names.append(name)
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.socket.getsockname()[1]

        def serve():
            while True:
                try:
                    plain, _ = self.socket.accept()
                except OSError:
                    return
                plain.settimeout(3)
                try:
                    with context.wrap_socket(plain, server_side=True) as wrapped:
                        wrapped.recv(1000)
                        wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                except (OSError, ssl.SSLError):
                    plain.close()

        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.socket.close()


def certificate(folder, subject="/C=DE/ST=Berlin/L=Mitte/O=Mitoshi Test/OU=Canaries/CN=localhost", alternatives="DNS:localhost,IP:127.0.0.1", days=30):
    key, cert = str(folder / "key.pem"), str(folder / "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", str(days), "-subj", subject, "-addext",
                    f"subjectAltName={alternatives}", "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class Echo:
    """Gives back what it gets; `dumb` takes and never answers."""

    def __init__(self, dumb=False):
        self.taken = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=32)
        self.port = self.socket.getsockname()[1]
        taken = self.taken

        def one(connection):
            with connection:
                try:
                    while data := connection.recv(4096):
                        taken.append(data)
                        if not dumb:
                            connection.sendall(data)
                except OSError:
                    pass

        def serve():
            while True:
                try:
                    connection, _ = self.socket.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()

    def close(self):
        self.socket.close()


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


# -- the server


def synthetics(server, validate=True):
    return boto3.client("synthetics", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                        config=Config(retries={"total_max_attempts": 1}, parameter_validation=validate))


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def members(name, code, **more):
    made = {"Name": name, "Code": code, "ArtifactS3Location": "s3://any", "RuntimeVersion": "syn-nodejs-3.0", "ExecutionRoleArn": ROLE,
            "Schedule": {"Expression": "rate(0 minute)"}, **more}
    return {member: value for member, value in made.items() if value is not None}


def blueprint(kind, **config):
    return {"BlueprintTypes": [kind], "BlueprintConfig": config}


def http(url, *assertions, **more):
    return {"checkerType": "HTTP", "url": url, "httpMethod": "GET", "assertions": list(assertions), **more}


def steps_of(steps):
    return {str(at + 1): {"stepName": f"s{at + 1}", **step} for at, step in enumerate(steps)}


def checks(*steps, **more):
    return blueprint("multi-checks", steps=steps_of(steps), **more)


def checks_zip(*steps, **more):
    return {"ZipFile": zipped({"blueprint-config.json": json.dumps({"steps": steps_of(steps), **more})}), "BlueprintTypes": ["multi-checks"]}


def status(value, operator="EQUALS"):
    return {"type": "STATUS_CODE", "operator": operator, "value": value}


def create(server, name, code, **more):
    """With plain JSON: botocore does not know what is ours in it."""
    answer = server.request("/canary", members(name, code, **more))
    assert answer.status == 200, answer
    return answer.json["Canary"]


def change(server, name, **more):
    answer = server.request(f"/canary/{name}", more, method="PATCH")
    assert answer.status == 200, answer


def runs(server, name, **more):
    return synthetics_of(server).get_canary_runs(Name=name, **more)["CanaryRuns"]


_clients = {}


def synthetics_of(server):
    if _clients.get(id(server), (None,))[0] != server.url:
        _clients[id(server)] = (server.url, synthetics(server))
    return _clients[id(server)][1]


def state(server, name):
    return synthetics_of(server).get_canary(Name=name)["Canary"]["Status"]["State"]


def becomes(server, name, wanted, deadline=20):
    wait_for(f"{name} to be {wanted}", lambda: state(server, name) == wanted, deadline, 0.1)


def ended(server, name, count=1, deadline=40, **more):
    """All runs, newest first, when there are `count` and none is under way."""
    def probe():
        found = runs(server, name, **more)
        return len(found) >= count and all(run["Status"]["State"] != "RUNNING" for run in found) and found
    return wait_for(f"{count} runs of {name}", probe, deadline, 0.1)


def run_once(server, name, deadline=60):
    """Starts a canary that runs once; its run."""
    before = len(runs(server, name))
    synthetics_of(server).start_canary(Name=name)
    found = ended(server, name, before + 1, deadline)
    becomes(server, name, "STOPPED")
    return found[0]


def whole(server, name, run):
    answer = server.request(f"/api/canaries/{name}/runs/{run['Id']}", method="GET")
    assert answer.status == 200, answer
    return answer.json


def tried(server, code, deadline=60, **more):
    answer = server.request("/api/canary-tries", {"Code": code, "RuntimeVersion": "syn-nodejs-3.0", **more})
    assert answer.status == 200, answer
    name = answer.json["TryId"]
    def probe():
        told = server.request(f"/api/canary-tries/{name}", method="GET").json
        return told["State"] != "RUNNING" and told
    return wait_for("the end of a try", probe, deadline, 0.03)


def checked(server, *steps, env=None, **more):
    """Steps of a try of multi-checks."""
    extra = {"RunConfig": {"EnvironmentVariables": env}} if env else {}
    return tried(server, checks(*steps, **more), **extra)["Report"]["steps"]


def artifact(server, key):
    return server.request(f"/api/canary-artifacts?key={quote(key)}", method="GET")


def artifacts(server, told):
    """By the last part of their names."""
    return {each["Key"].rsplit("/", 1)[1]: each["Key"] for each in told["Artifacts"]}


def refused(call, **given):
    with pytest.raises(ClientError) as caught:
        call(**given)
    return caught.value.response["Error"]["Code"]
