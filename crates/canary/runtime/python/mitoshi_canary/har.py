"""HAR 1.2. Headers and bodies are only written when the configuration asks for them, as on AWS."""

from urllib.parse import parse_qsl, urlsplit

from .redact import clean, clean_headers

MAX_ENTRIES = 5000


class Har:
    def __init__(self):
        self.pages = []
        self.entries = []

    def add_page(self, url, started, options):
        page = {"startedDateTime": started, "id": f"page_{len(self.pages) + 1}", "title": clean(url, options), "pageTimings": {"onContentLoad": -1, "onLoad": -1}}
        self.pages.append(page)
        return page

    def add(self, exchange: dict, options: dict):
        if len(self.entries) < MAX_ENTRIES:
            self.entries.append(_entry(exchange, options))

    def to_json(self):
        entries = sorted(self.entries, key=lambda entry: entry["startedDateTime"])
        return {"log": {"version": "1.2", "creator": {"name": "mitoshi-canary", "version": "1"}, "pages": self.pages, "entries": entries}}


def _entry(exchange, options):
    url = clean(exchange["url"], options)
    timings = exchange.get("timings") or {}
    version = exchange.get("http_version") or "HTTP/1.1"
    body = exchange.get("request_body")
    request = {
        "method": exchange["method"], "url": url, "httpVersion": version, "cookies": [],
        "headers": _headers(exchange.get("request_headers"), options) if options["include_request_headers"] else [],
        "queryString": [{"name": name, "value": value} for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)],
        "headersSize": -1, "bodySize": len(body) if body else 0,
    }
    if body and options["include_request_body"]:
        text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
        request["postData"] = {"mimeType": _header(exchange.get("request_headers"), "content-type"), "text": text}
    size = exchange.get("body_size") or 0
    content = {"size": size, "mimeType": exchange.get("mime_type") or _header(exchange.get("response_headers"), "content-type")}
    if options["include_response_body"] and exchange.get("response_body") is not None:
        content["text"] = exchange["response_body"]
    connect = timings.get("connectMs")
    entry = {
        "startedDateTime": exchange["started"],
        "time": round(exchange.get("duration_ms") or 0, 3),
        "request": request,
        "response": {
            "status": exchange.get("status") or 0, "statusText": exchange.get("status_text") or "", "httpVersion": version, "cookies": [],
            "headers": _headers(exchange.get("response_headers"), options) if options["include_response_headers"] else [],
            "content": content, "redirectURL": clean(_header(exchange.get("response_headers"), "location"), options),
            "headersSize": -1, "bodySize": size,
        },
        "cache": {},
        "timings": {
            "blocked": -1,
            "dns": _time(timings.get("dnsMs")),
            # HAR counts the TLS handshake into `connect`; our reports keep the two apart.
            "connect": -1 if connect is None else _time(connect + (timings.get("tlsMs") or 0)),
            "ssl": _time(timings.get("tlsMs")),
            "send": 0, "wait": max(0, _time(timings.get("firstByteMs"))), "receive": max(0, _time(timings.get("downloadMs"))),
        },
    }
    for name, key in (("serverIPAddress", "address"), ("pageref", "pageref"), ("_error", "error"), ("_stepName", "step_name"), ("_resourceType", "resource_type")):
        if exchange.get(key):
            entry[name] = exchange[key]
    return entry


def _headers(headers, options):
    return [{"name": name, "value": str(value)} for name, value in clean_headers(headers, options).items()]


def _header(headers, wanted):
    return next((str(value) for name, value in (headers or {}).items() if name.lower() == wanted), "")


def _time(value):
    return -1 if value is None else round(value, 3)
