"""Who may ask: keys, roles, tokens, users, and addresses beyond this machine."""

import datetime
import http.client
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from conftest import Answer, Server, binary, new_trace_id, segment, wait_for


def mitoshi(server, *arguments, stdin=None, ok=True):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    done = subprocess.run([binary(), *arguments, "--data-dir", str(server.data_dir)], input=stdin, capture_output=True,
                          text=True, timeout=30, env=clean)
    assert (done.returncode == 0) == ok, done.stdout + done.stderr
    return done.stdout if ok else done.stderr


def create_key(server, role, *more):
    return json.loads(mitoshi(server, "keys", "create", "--role", role, "--json", *more))


def client(server, key=None, endpoint=None, **more):
    key = key or {"AccessKeyId": "AKIANOBODY", "SecretAccessKey": "wrong"}
    return boto3.client(
        "xray", endpoint_url=endpoint or server.url, region_name="us-east-1", aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"], aws_session_token=key.get("SessionToken"),
        config=Config(retries={"total_max_attempts": 1}), **more)


def refusal(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def closed(tmp_path_factory):
    """A server at which everyone has to say who they are."""
    server = Server(tmp_path_factory.mktemp("closed") / "data", env={"MITOSHI_ACCESS_REQUIRED": "always"})
    server.keys = {role: create_key(server, role) for role in ("admin", "read", "write")}
    mitoshi(server, "users", "add", "ana", "--role", "read", "--password-stdin", stdin="correct horse\n")
    server.start()
    yield server
    server.stop()


NOW = {"StartTime": int(time.time()) - 600, "EndTime": int(time.time()) + 600}


# -- keys and roles

ATTEMPTS = {
    "send": lambda xray: xray.put_trace_segments(TraceSegmentDocuments=[json.dumps(segment())]),
    "telemetry": lambda xray: xray.put_telemetry_records(TelemetryRecords=[{"Timestamp": time.time()}]),
    "rules": lambda xray: xray.get_sampling_rules(),
    "targets": lambda xray: xray.get_sampling_targets(SamplingStatisticsDocuments=[]),
    "summaries": lambda xray: xray.get_trace_summaries(**NOW),
    "traces": lambda xray: xray.batch_get_traces(TraceIds=[new_trace_id()]),
    "graph": lambda xray: xray.get_service_graph(**NOW),
    "groups": lambda xray: xray.get_groups(),
    "policies": lambda xray: xray.list_resource_policies(),
    "retrieval": lambda xray: xray.start_trace_retrieval(TraceIds=[new_trace_id()], **NOW),
    "create group": lambda xray: xray.create_group(GroupName=f"g{time.time_ns()}"),
    "update group": lambda xray: xray.update_group(GroupName="Default", InsightsConfiguration={"InsightsEnabled": True}),
    "update rule": lambda xray: xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "FixedRate": 0.1}),
    "encryption": lambda xray: xray.put_encryption_config(Type="NONE"),
    "tag": lambda xray: xray.tag_resource(ResourceARN="arn:aws:xray:us-east-1:000000000000:group/Default",
                                          Tags=[{"Key": "a", "Value": "b"}]),
}
MAY = {
    "admin": set(ATTEMPTS),
    "read": {"rules", "targets", "summaries", "traces", "graph", "groups", "policies", "retrieval"},
    "write": {"send", "telemetry", "rules", "targets"},
}


@pytest.mark.parametrize("what", ATTEMPTS)
@pytest.mark.parametrize("role", MAY)
def test_roles(closed, role, what):
    xray = client(closed, closed.keys[role])
    if what in MAY[role]:
        ATTEMPTS[what](xray)
        return
    with pytest.raises(ClientError) as caught:
        ATTEMPTS[what](xray)
    error = caught.value.response
    assert error["Error"]["Code"] == "AccessDeniedException" and error["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert "not authorized to perform: xray:" in error["Error"]["Message"] and f"role {role}" in error["Error"]["Message"]


def test_nobody_is_let_in(closed):
    unsigned = closed.request("/TraceSummaries", NOW)
    assert (unsigned.status, unsigned.error) == (403, "MissingAuthenticationTokenException")
    assert refusal(client(closed).get_groups)[0] == "UnrecognizedClientException"
    right = closed.keys["admin"]
    code, message = refusal(client(closed, {**right, "SecretAccessKey": right["SecretAccessKey"][::-1]}).get_groups)
    assert code == "InvalidSignatureException" and "does not match" in message
    assert refusal(client(closed, {**right, "SessionToken": "made up"}).get_groups)[0] == "UnrecognizedClientException"
    for path in ("/api/sql", "/api/anything"):
        assert closed.request(path, method="GET").status == 403
    assert closed.request("/api/sql", {"sql": "SELECT 1"}).status == 403
    assert closed.request("/v1/traces", {"resourceSpans": []}).status == 401
    # That it is there may be known, and no more.
    assert closed.request("/api/health", method="GET").json == {"status": "ok"}
    assert closed.request("/", method="GET").status != 403


def test_the_daemons_address_takes_segments_and_tells_rules_only(closed):
    port = closed.daemon_port
    assert closed.request("/TraceSegments", {"TraceSegmentDocuments": [json.dumps(segment())]}, port=port).status == 200
    assert closed.request("/GetSamplingRules", {}, port=port).status == 200
    for path in ("/TraceSummaries", "/Groups", "/CreateGroup"):
        answer = closed.request(path, {**NOW, "GroupName": "x"}, port=port)
        assert (answer.status, answer.error) == (403, "AccessDeniedException")


def signed(server, key, method="POST", path="/Groups", body=b"{}", headers=None, at=None, presign=None, payload=None):
    """A request signed by botocore's own signer, as header or, with `presign` seconds, as URL."""
    request = botocore.awsrequest.AWSRequest(method, f"{server.url}{path}", data=body,
                                             headers={"Content-Type": "application/json", **(headers or {})})
    credentials = botocore.credentials.Credentials(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"))
    if presign:
        signer = botocore.auth.SigV4QueryAuth(credentials, "xray", "us-east-1", expires=presign)
    else:
        signer = botocore.auth.SigV4Auth(credentials, "xray", "us-east-1")
    if payload:
        signer.payload = lambda _: payload
    real = botocore.auth.get_current_datetime if hasattr(botocore.auth, "get_current_datetime") else None
    if at is not None:
        moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).replace(tzinfo=None)
        if real:
            botocore.auth.get_current_datetime = lambda *_, **__: moment
        else:
            class Clock(datetime.datetime):
                @classmethod
                def utcnow(cls):
                    return moment
            botocore.auth.datetime.datetime, kept = Clock, botocore.auth.datetime.datetime
    try:
        signer.add_auth(request)
    finally:
        if at is not None:
            if real:
                botocore.auth.get_current_datetime = real
            else:
                botocore.auth.datetime.datetime = kept
    return request.prepare()


def send(server, prepared, body=None):
    url = urllib.parse.urlsplit(prepared.url)
    path = url.path + (f"?{url.query}" if url.query else "")
    given = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    return server.request(path, prepared.body if body is None else body, method=prepared.method, headers=given)


def test_signatures_in_the_header(closed):
    key = closed.keys["read"]
    assert send(closed, signed(closed, key)).status == 200
    changed = send(closed, signed(closed, key), body=b'{"NextToken": null}')
    assert (changed.status, changed.error) == (403, "InvalidSignatureException")
    for at, words in ((time.time() - 400, "Signature expired"), (time.time() + 400, "Signature not yet current")):
        answer = send(closed, signed(closed, key, at=at))
        assert (answer.status, answer.error) == (403, "InvalidSignatureException")
        assert words in answer.json["Message"]
    assert send(closed, signed(closed, key, at=time.time() - 200)).status == 200
    replayed = signed(closed, key)
    replayed.url = replayed.url.replace("/Groups", "/GetSamplingRules")
    assert send(closed, replayed).error == "InvalidSignatureException"
    broken = signed(closed, key)
    broken.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=oops"
    assert (send(closed, broken).status, send(closed, broken).error) == (400, "IncompleteSignatureException")


def test_presigned_requests(closed):
    key = closed.keys["read"]
    unsigned_type = {"Content-Type": "application/json"}
    prepared = signed(closed, key, presign=60, headers=unsigned_type)
    assert send(closed, prepared).status == 200
    late = send(closed, signed(closed, key, presign=60, at=time.time() - 100))
    assert late.error == "InvalidSignatureException" and "Signature expired" in late.json["Message"]
    assert send(closed, signed(closed, key, presign=3_600, at=time.time() - 1_000)).status == 200
    forged = signed(closed, key, presign=60)
    forged.url = forged.url.replace("X-Amz-Expires=60", "X-Amz-Expires=3600")
    assert send(closed, forged).error == "InvalidSignatureException"


def test_bodies_in_signed_chunks(closed):
    """As AWS clients send streams."""
    import hashlib
    import hmac

    key = closed.keys["write"]
    content = json.dumps({"TraceSegmentDocuments": [json.dumps(segment())]}).encode()
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    headers = {"x-amz-content-sha256": kind, "Content-Encoding": "aws-chunked", "x-amz-decoded-content-length": str(len(content))}
    prepared = signed(closed, key, path="/TraceSegments", body=b"", headers=headers, payload=kind)
    authorization = prepared.headers["Authorization"]
    authorization = authorization.decode() if isinstance(authorization, bytes) else authorization
    before = authorization.split("Signature=")[1]
    stamp = prepared.headers["X-Amz-Date"]
    stamp = stamp.decode() if isinstance(stamp, bytes) else stamp
    scope = f"{stamp[:8]}/us-east-1/xray/aws4_request"
    derived = f"AWS4{key['SecretAccessKey']}".encode()
    for part in scope.split("/"):
        derived = hmac.new(derived, part.encode(), hashlib.sha256).digest()
    body = b""
    for chunk in (content[:100], content[100:], b""):
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, before, hashlib.sha256(b"").hexdigest(),
                          hashlib.sha256(chunk).hexdigest()])
        before = hmac.new(derived, text.encode(), hashlib.sha256).hexdigest()
        body += f"{len(chunk):x};chunk-signature={before}\r\n".encode() + chunk + b"\r\n"
    del prepared.headers["Content-Length"]
    answer = send(closed, prepared, body=body)
    assert answer.status == 200 and answer.json["UnprocessedTraceSegments"] == [], answer
    forged = send(closed, prepared, body=body.replace(b"start_time", b"START_TIME"))
    assert (forged.status, forged.error) == (403, "InvalidSignatureException")


def test_temporary_keys_end(closed):
    key = create_key(closed, "read", "--expires-in", "3s")
    assert key["AccessKeyId"].startswith("ASIA") and key["SessionToken"]
    wait_for("the key to be known", lambda: client(closed, key).get_groups()["Groups"] if not _fails(closed, key) else None)
    without = {k: v for k, v in key.items() if k != "SessionToken"}
    assert refusal(client(closed, without).get_groups)[0] == "UnrecognizedClientException"
    wait_for("the key to end", lambda: _fails(closed, key) == "ExpiredTokenException")


def _fails(server, key):
    try:
        client(server, key).get_groups()
    except ClientError as err:
        return err.response["Error"]["Code"]
    return None


def test_keys_are_made_listed_and_revoked_while_the_server_runs(closed):
    text = mitoshi(closed, "keys", "create", "--role", "read", "--name", "dashboard", "--account", "111122223333")
    lines = dict(line.split(" = ") for line in text.splitlines() if " = " in line)
    assert set(lines) == {"aws_access_key_id", "aws_secret_access_key"} and "not shown again" in text
    key = {"AccessKeyId": lines["aws_access_key_id"], "SecretAccessKey": lines["aws_secret_access_key"]}
    wait_for("the key to be known", lambda: _fails(closed, key) is None)
    listed = mitoshi(closed, "keys", "list")
    assert f"{key['AccessKeyId']}  read   111122223333  dashboard" in listed and key["SecretAccessKey"] not in listed
    assert "revoked" in mitoshi(closed, "keys", "revoke", key["AccessKeyId"])
    wait_for("the key to be gone", lambda: _fails(closed, key) == "UnrecognizedClientException")
    assert "there is no key" in mitoshi(closed, "keys", "revoke", key["AccessKeyId"], ok=False)
    for wrong in (["--role", "owner"], ["--role", "read", "--account", "12"], ["--role", "read", "--expires-in", "soon"]):
        mitoshi(closed, "keys", "create", *wrong, ok=False)


def test_no_secret_is_in_the_log(closed):
    secrets = [value for key in closed.keys.values() for value in (key["SecretAccessKey"], key["Token"])]
    client(closed, closed.keys["read"]).get_groups()
    assert not any(secret in closed.log() for secret in [*secrets, "correct horse"])


# -- tokens

def test_tokens_for_opentelemetry(closed):
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": new_trace_id().removeprefix("1-").replace("-", ""), "spanId": "0123456789abcdef", "name": "spam",
        "startTimeUnixNano": str(time.time_ns() - 10**9), "endTimeUnixNano": str(time.time_ns())}]}]}]}

    def send_span(token, port):
        return closed.request("/v1/traces", body, port=port, headers={"Authorization": f"Bearer {token}"})

    for port in (closed.http_port, closed.otlp_http_port):
        assert send_span(closed.keys["write"]["Token"], port).status == 200
        assert send_span(closed.keys["read"]["Token"], port).status == 403
        assert send_span("AKIAX.wrong", port).status == 401
        missing = closed.request("/v1/traces", body, port=port)
        assert missing.status == 401 and missing.json["code"] == 16 and missing.headers["www-authenticate"] == "Bearer"
        prepared = signed(closed, closed.keys["write"], path="/v1/traces", body=json.dumps(body).encode())
        assert send(closed, prepared).status == 200


def test_tokens_for_metrics(closed):
    ask = lambda path, token, body=None, **more: closed.request(path, body, headers={"Authorization": f"Bearer {token}"} if token else {}, **more).status
    read, write = (closed.keys[role]["Token"] for role in ("read", "write"))
    assert [ask("/v1/metrics", token, {}, port=closed.otlp_http_port) for token in (write, read, None)] == [200, 403, 401]
    assert [ask("/metrics", token, method="GET") for token in (read, write, None)] == [200, 403, 403]
    # Signed in, a body that is none is refused for what it is.
    assert [ask("/api/v1/write", token, b"x") for token in (write, read, None)] == [400, 403, 403]


@pytest.mark.parametrize("role, code", [("write", None), ("read", "PERMISSION_DENIED"), (None, "UNAUTHENTICATED")])
def test_tokens_over_grpc(closed, role, code):
    import grpc
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

    metadata = [("authorization", f"Bearer {closed.keys[role]['Token']}")] if role else []
    with grpc.insecure_channel(f"127.0.0.1:{closed.otlp_grpc_port}") as channel:
        call = TraceServiceStub(channel).Export
        if code is None:
            call(ExportTraceServiceRequest(), metadata=metadata, timeout=10)
        else:
            with pytest.raises(grpc.RpcError) as caught:
                call(ExportTraceServiceRequest(), metadata=metadata, timeout=10)
            assert caught.value.code().name == code


def test_sql_needs_a_reader(closed):
    def ask(role):
        headers = {"Authorization": f"Bearer {closed.keys[role]['Token']}"} if role else {}
        return closed.request("/api/sql", {"sql": "SELECT 1 AS one"}, headers=headers)

    assert ask("read").body == b'{"one":1}\n' and ask("write").status == 403 and ask(None).status == 403


# -- people

def sign_in(server, user="ana", password="correct horse", **headers):
    return server.request("/api/session", {"user": user, "password": password}, headers=headers)


def test_sessions(closed):
    before = closed.request("/api/session", method="GET").json
    assert before == {"required": True, "user": None, "role": None, "account_id": None}
    answer = sign_in(closed)
    assert answer.status == 200 and answer.json["user"] == "ana" and answer.json["role"] == "read"
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(attributes) and "Secure" not in attributes
    headers = {"Cookie": cookie}
    assert closed.request("/Groups", {}, headers=headers).status == 200
    assert closed.request("/api/health", method="GET", headers=headers).json["store"]
    denied = closed.request("/CreateGroup", {"GroupName": "x"}, headers=headers)
    assert (denied.status, denied.error) == (403, "AccessDeniedException")
    assert closed.request("/api/session", method="GET", headers=headers).json["user"] == "ana"
    # Another site's page does not get in with the cookie, should a browser send it.
    foreign = closed.request("/Groups", {}, headers={**headers, "Origin": "http://evil.example", "Host": "127.0.0.1"})
    assert foreign.status == 403
    out = closed.request("/api/session", method="DELETE", headers=headers)
    assert out.status == 200 and "Max-Age=0" in out.headers["set-cookie"]
    assert closed.request("/Groups", {}, headers=headers).status == 403


def test_a_session_survives_a_restart_and_ends_with_the_user(server):
    server.stop()
    server.env["MITOSHI_ACCESS_REQUIRED"] = "always"
    mitoshi(server, "users", "add", "bo", "--role", "admin", "--password-stdin", stdin="battery staple")
    server.start()
    headers = {"Cookie": sign_in(server, "bo", "battery staple").headers["set-cookie"].split(";")[0]}
    server.kill()
    server.start()
    assert server.request("/CreateGroup", {"GroupName": "mine"}, headers=headers).status == 200
    assert "bo" in mitoshi(server, "users", "list")
    mitoshi(server, "users", "remove", "bo")
    assert server.request("/Groups", {}, headers=headers).status == 403


def test_wrong_passwords(closed):
    mitoshi(closed, "users", "add", "victim", "--password-stdin", stdin="correct horse")
    for user in ("victim", "nobody"):
        for _ in range(5):
            wrong = sign_in(closed, user, "guess guess")
            assert (wrong.status, wrong.error) == (403, "AccessDeniedException") and "set-cookie" not in wrong.headers
            assert wrong.json["Message"] == "the name or the password is wrong"
        blocked = sign_in(closed, user, "correct horse")
        assert blocked.status == 429 and blocked.headers["retry-after"] == "60"
    assert sign_in(closed, **{"Content-Type": "text/plain"}).status == 400
    assert closed.request("/api/session", b"{}").status == 400
    mitoshi(closed, "users", "add", "weak", "--password-stdin", stdin="short", ok=False)


# -- where nobody has to sign in

def test_on_this_machine_nobody_has_to_sign(server):
    assert client(server).get_groups()["Groups"]
    assert server.request("/Groups", {}, headers={"Authorization": "Bearer whatever"}).status == 200
    assert server.request("/Groups", {}, headers={"Authorization": "AWS4-HMAC-SHA256 nonsense"}).status == 200
    # Who brings a key that is known is held to it.
    key = create_key(server, "read")
    wait_for("the key to be known", lambda: _denied(server, key))
    assert client(server, key).get_groups()["Groups"]
    code, _ = refusal(client(server, {**key, "SecretAccessKey": "wrong"}).get_groups)
    assert code == "InvalidSignatureException"


def _denied(server, key):
    try:
        client(server, key).create_group(GroupName=f"g{time.time_ns()}")
    except ClientError as err:
        return err.response["Error"]["Code"] == "AccessDeniedException"
    return False


def start(data, *flags, env=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    addresses = {"--http": "127.0.0.1:0", "--daemon": "127.0.0.1:0", "--otlp-grpc": "off", "--otlp-http": "off"}
    addresses.update([flags] if flags else [])
    given = [text for pair in addresses.items() for text in pair]
    return subprocess.run([binary(), "serve", "--data-dir", str(data), *given], capture_output=True, text=True, timeout=30,
                          env={**clean, **(env or {})})


@pytest.mark.parametrize("flags", [["--http", "0.0.0.0:0"], ["--otlp-http", "0.0.0.0:0"], ["--otlp-grpc", "[::]:0"]])
def test_beyond_this_machine_someone_has_to_be_known(tmp_path, flags):
    done = start(tmp_path / "data", *flags)
    assert done.returncode == 74 and "neither a key nor a user" in done.stderr
    assert "mitoshi users add" in done.stderr and "mitoshi keys create" in done.stderr


def test_beyond_this_machine_everyone_has_to_sign(tmp_path):
    server = Server(tmp_path / "data", args=["--http", "0.0.0.0:0"])
    key = create_key(server, "read")
    server.start()
    try:
        assert client(server, key).get_groups()["Groups"]
        assert server.request("/Groups", {}).error == "MissingAuthenticationTokenException"
        assert "without TLS" in server.log()
    finally:
        server.stop()


# -- TLS

def certificate(folder, name):
    """A certificate of its own for this machine."""
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(key), "-out",
                    str(cert)], check=True, capture_output=True)
    return cert, key


def shown(port):
    """The certificate that a server shows."""
    return ssl.get_server_certificate(("127.0.0.1", port))


def test_tls(tmp_path):
    cert, key = certificate(tmp_path, "first")
    server = Server(tmp_path / "data", env={"MITOSHI_TLS_CERTIFICATE": str(cert), "MITOSHI_TLS_KEY": str(key),
                                            "MITOSHI_ACCESS_REQUIRED": "always"})
    access = create_key(server, "admin")
    mitoshi(server, "users", "add", "ana", "--password-stdin", stdin="correct horse")
    server.start()
    try:
        endpoint = f"https://127.0.0.1:{server.http_port}"
        xray = client(server, access, endpoint=endpoint, verify=str(cert))
        assert xray.get_groups()["Groups"]
        context = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection("localhost", server.http_port, context=context, timeout=10)
        connection.request("POST", "/api/session", json.dumps({"user": "ana", "password": "correct horse"}),
                           {"Content-Type": "application/json"})
        reply = connection.getresponse()
        assert reply.status == 200 and "Secure" in reply.headers["set-cookie"]
        connection.close()
        import grpc
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
        credentials = grpc.ssl_channel_credentials(cert.read_bytes())
        with grpc.secure_channel(f"localhost:{server.otlp_grpc_port}", credentials) as channel:
            TraceServiceStub(channel).Export(ExportTraceServiceRequest(), timeout=10,
                                             metadata=[("authorization", f"Bearer {access['Token']}")])
        # Plain text is no answer, and does no harm; a client that says nothing neither.
        with pytest.raises((http.client.HTTPException, OSError)):
            server.request("/Groups", {})
        silent = socket.create_connection(("127.0.0.1", server.http_port))
        first = shown(server.http_port)
        # The daemon's clients know no TLS.
        assert server.request("/GetSamplingRules", {}, port=server.daemon_port).status == 200
        second, second_key = certificate(tmp_path, "second")
        os.replace(second, cert)
        time.sleep(0.1)
        os.replace(second_key, key)
        wait_for("the new certificate", lambda: shown(server.http_port) != first, 20)
        silent.close()
        assert client(server, access, endpoint=endpoint, verify=str(cert)).get_groups()["Groups"]
        key.write_text("broken")
        wait_for("a word about it", lambda: "cannot be read" in server.log(), 20)
        assert client(server, access, endpoint=endpoint, verify=str(cert)).get_groups()["Groups"]
    finally:
        server.stop()


@pytest.mark.parametrize("break_it, words", [
    (lambda cert, key: cert.write_text("nothing"), "no certificate"),
    (lambda cert, key: key.write_text("nothing"), "first.key"),
    (lambda cert, key: key.unlink(), "first.key"),
])
def test_tls_that_cannot_be_served(tmp_path, break_it, words):
    cert, key = certificate(tmp_path, "first")
    break_it(cert, key)
    done = start(tmp_path / "data", env={"MITOSHI_TLS_CERTIFICATE": str(cert), "MITOSHI_TLS_KEY": str(key)})
    assert done.returncode == 74 and "cannot serve TLS" in done.stderr and words in done.stderr
    half = start(tmp_path / "data", env={"MITOSHI_TLS_CERTIFICATE": str(cert)})
    assert half.returncode == 64 and "belong together" in half.stderr
