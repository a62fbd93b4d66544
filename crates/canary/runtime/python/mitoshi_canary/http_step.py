"""execute_http_step: one request as a step, with timings, counters and a HAR entry. Redirects are not followed, as on AWS."""

import http.client
import json
import socket
import ssl
import time
from urllib.parse import urlsplit, urlunsplit

from . import environment, user_agent
from .config import configuration
from .failure import message_of
from .log import logger
from .redact import clean, clean_text
from .run import run, timestamp
from .steps import run_step

MAX_KEPT_BODY = 1024 * 1024


class Response:
    """What the callback gets: the answer with its body already read."""

    def __init__(self, raw, body):
        self.status = self.status_code = raw.status
        self.reason = raw.reason
        self.headers = dict(raw.getheaders())
        self.body = self.content = body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.body)

    def read(self):
        return self.body

    def getheader(self, name, default=None):
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), default)


def execute_http_step(step_name, request_options, callback=None, step_config=None):
    options = configuration.for_step(step_config)
    request = _request_of(request_options)
    name = step_name or f"{request['method']} {urlsplit(request['url']).hostname}{urlsplit(request['url']).path}"

    def function(step):
        response = _exchange(step, request, options)
        return (callback or _expect_success)(response)

    return run_step(name, function, options, options["continue_on_http_step_failure"])


def _expect_success(response):
    """Without a callback of its own, a step passes on any 2xx."""
    if not 200 <= response.status <= 299:
        raise Exception(f"{response.status} {response.reason}")


def _request_of(given):
    """Takes a URL, or a dictionary: url, or hostname/port/protocol/path; method, headers, body, timeout (seconds)."""
    if isinstance(given, str):
        given = {"url": given}
    url = given.get("url")
    if not url:
        port = given.get("port")
        protocol = given.get("protocol") or ("https:" if str(port) == "443" else "http:")
        host = given.get("hostname") or given.get("host") or "localhost"
        url = f"{protocol}//{host}" + (f":{port}" if port else "") + (given.get("path") or "/")
    headers = dict(given.get("headers") or {})
    name = next((key for key in headers if key.lower() == "user-agent"), "User-Agent")
    if user_agent.PRODUCT not in headers.get(name, ""):
        headers[name] = f"{user_agent.text()} {headers.get(name, '')}".strip()
    if not any(key.lower() == environment.TRACE_NAME.lower() for key in headers):
        headers.update(environment.trace_headers())
    body = given.get("body")
    if isinstance(body, str):
        body = body.encode()
    elif body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return {"url": url, "method": str(given.get("method") or "GET").upper(), "headers": headers, "body": body, "timeout": given.get("timeout")}


def _exchange(step, request, options):
    step.url = url = clean(request["url"], options)
    if options["log_request"]:
        logger.info("request: %s %s", request["method"], url)
    started = time.monotonic()
    record = {
        "url": request["url"], "method": request["method"], "request_headers": request["headers"], "request_body": request["body"],
        "started": timestamp(), "step_name": step.name, "timings": step.timings,
    }
    try:
        response = _send(request, record, step)
    except (OSError, http.client.HTTPException) as error:
        reason = clean_text(message_of(error), options)
        record["error"] = reason
        if "status" not in record:
            step.failed_requests.append({"url": url, "reason": reason})
            run.requests["failed"] += 1
        raise
    finally:
        record["duration_ms"] = (time.monotonic() - started) * 1000
        run.har.add(record, options)
    if options["log_response"]:
        logger.info("response: %s %s %s", response.status, response.reason, url)
    return response


def _send(request, record, step):
    parts = urlsplit(request["url"])
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    clock = _Clock(step.timings)
    family, kind, protocol, _, address = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)[0]
    clock.lap("dnsMs")
    connection = http.client.HTTPConnection(parts.hostname, port)
    # Connected by hand, so that lookup, connection and handshake can be told apart.
    connection.sock = socket.socket(family, kind, protocol)
    connection.sock.settimeout(request["timeout"])
    try:
        connection.sock.connect(address)
        record["address"] = address[0]
        clock.lap("connectMs")
        if secure:
            connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=parts.hostname)
            clock.lap("tlsMs")
        connection.request(request["method"], urlunsplit(("", "", parts.path or "/", parts.query, "")), request["body"], request["headers"])
        raw = connection.getresponse()
        clock.lap("firstByteMs")
        step.status_code = record["status"] = raw.status
        record.update(status_text=raw.reason, response_headers=dict(raw.getheaders()), http_version=f"HTTP/{raw.version / 10}")
        run.count_status(raw.status)
        body = raw.read()
        clock.lap("downloadMs")
        record["body_size"] = len(body)
        record["response_body"] = body[:MAX_KEPT_BODY].decode("utf-8", "replace")
        return Response(raw, body)
    finally:
        connection.close()


class _Clock:
    def __init__(self, timings):
        self.timings = timings
        self.last = time.monotonic()

    def lap(self, name):
        now = time.monotonic()
        self.timings[name] = (now - self.last) * 1000
        self.last = now
