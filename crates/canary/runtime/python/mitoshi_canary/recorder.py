"""Reads Chromium's performance log (DevTools events that chromedriver keeps): requests for the HAR and the counters, load times."""

import json

from .config import configuration
from .log import logger
from .redact import clean, clean_text
from .run import run, timestamp

MAX_MESSAGES = 100
MAX_BODY = 1024 * 1024


class Recorder:
    def __init__(self, driver):
        self.driver = driver
        self.open = {}
        self.page = None
        self.page_clock = 0.0
        self.page_step = None
        self.main_frame = None

    def collect(self, step=None):
        """Takes in what happened since the last time. It belongs to `step`: the log is read when a step starts and when it ends."""
        options = step.options if step else configuration.values
        for row in self.driver.get_log("performance"):
            message = json.loads(row["message"])["message"]
            take = self._takers.get(message["method"])
            if take:
                take(self, message["params"], step, options)
        for row in self.driver.get_log("browser"):
            # Requests that failed are in the performance log, with more detail.
            if row["level"] == "SEVERE" and row.get("source") != "network":
                text = clean_text(row["message"], options)
                logger.warning("browser console: %s", text)
                _note(step and step.console_errors, text)

    def _starts(self, event, step, options):
        request = event["request"]
        if not request["url"].startswith(("http:", "https:")):
            return
        redirect = event.get("redirectResponse")
        if redirect and event["requestId"] in self.open:
            # The same id goes on at the new address; what led there is a request of its own.
            self._answer(self.open[event["requestId"]], redirect)
            self._finish(event["requestId"], event["timestamp"], 0)
        exchange = {
            "url": request["url"], "method": request["method"], "request_headers": request["headers"], "request_body": request.get("postData"),
            "started": timestamp(event["wallTime"]), "clock": event["timestamp"], "resource_type": event.get("type"),
            "step": step, "step_name": step.name if step else None, "options": options,
            "main": event.get("type") == "Document" and self.main_frame in (None, event.get("frameId")),
        }
        if exchange["main"]:
            self.main_frame = event.get("frameId")
            self._navigates(exchange, bool(redirect))
        if self.page:
            exchange["pageref"] = self.page["id"]
        self.open[event["requestId"]] = exchange
        if options["log_request"]:
            logger.info("request: %s %s", exchange["method"], clean(exchange["url"], options))

    def _navigates(self, exchange, redirected):
        step = exchange["step"]
        if not (redirected and self.page):
            # After a redirect the load is still the one that began with the first request.
            self.page = run.har.add_page(exchange["url"], exchange["started"], exchange["options"])
            self.page_clock = exchange["clock"]
        self.page_step = step
        if step and not step.url:
            step.url = clean(exchange["url"], exchange["options"])

    def _responds(self, event, step, options):
        exchange = self.open.get(event["requestId"])
        if exchange:
            self._answer(exchange, event["response"])

    def _answer(self, exchange, response):
        step, options = exchange["step"], exchange["options"]
        url = clean(exchange["url"], options)
        exchange.update(
            status=response["status"], status_text=response.get("statusText"), response_headers=response.get("headers"),
            mime_type=response.get("mimeType"), http_version=response.get("protocol"), address=response.get("remoteIPAddress"), network=response.get("timing"),
        )
        run.count_status(response["status"])
        if response["status"] >= 400:
            _note(step and step.failed_requests, {"url": url, "reason": f"{response['status']} {response.get('statusText') or ''}".strip()})
        if exchange["main"] and step:
            step.status_code = response["status"]
        if options["log_response"]:
            logger.info("response: %s %s", response["status"], url)

    def _ends(self, event, step, options):
        exchange = self.open.get(event["requestId"])
        if exchange and exchange["options"]["include_response_body"] and event["encodedDataLength"] <= MAX_BODY:
            try:
                body = self.driver.execute_cdp_cmd("Network.getResponseBody", {"requestId": event["requestId"]})
                if not body["base64Encoded"]:
                    exchange["response_body"] = body["body"]
            except Exception:
                pass  # The page has moved on and dropped it.
        self._finish(event["requestId"], event["timestamp"], event["encodedDataLength"])

    def _fails(self, event, step, options):
        exchange = self.open.get(event["requestId"])
        if not exchange:
            return
        # A request that the page itself gave up, say by navigating away, has not failed.
        if not event.get("canceled") and "status" not in exchange:
            reason = event.get("errorText") or "failed"
            run.requests["failed"] += 1
            _note(exchange["step"] and exchange["step"].failed_requests, {"url": clean(exchange["url"], exchange["options"]), "reason": reason})
        exchange["error"] = event.get("errorText")
        self._finish(event["requestId"], event["timestamp"], 0)

    def _finish(self, request_id, clock, size):
        exchange = self.open.pop(request_id, None)
        if not exchange:
            return
        exchange["duration_ms"] = (clock - exchange["clock"]) * 1000
        exchange["body_size"] = size
        exchange["timings"] = _timings(exchange.get("network"), clock)
        if exchange["main"] and exchange["step"]:
            exchange["step"].timings.update(exchange["timings"])
        run.har.add(exchange, exchange["options"])

    def _content_loaded(self, event, step, options):
        if self.page:
            self.page["pageTimings"]["onContentLoad"] = round((event["timestamp"] - self.page_clock) * 1000, 1)

    def _loaded(self, event, step, options):
        if self.page:
            milliseconds = (event["timestamp"] - self.page_clock) * 1000
            self.page["pageTimings"]["onLoad"] = round(milliseconds, 1)
            if self.page_step:
                self.page_step.timings["loadMs"] = milliseconds

    def finish_open(self):
        """Requests that never ended (a stream, a hanging server) belong in the HAR too."""
        for request_id, exchange in list(self.open.items()):
            exchange["error"] = "not finished at the end of the run"
            self._finish(request_id, exchange["clock"], 0)

    _takers = {
        "Network.requestWillBeSent": _starts,
        "Network.responseReceived": _responds,
        "Network.loadingFinished": _ends,
        "Network.loadingFailed": _fails,
        "Page.domContentEventFired": _content_loaded,
        "Page.loadEventFired": _loaded,
    }


def _timings(network, ended):
    """Chromium's timings: moments in ms after `requestTime` (s), -1 for what did not take place."""
    if not network:
        return {}

    def span(start, end):
        return end - start if start >= 0 and end >= 0 else None

    tls = span(network["sslStart"], network["sslEnd"])
    connect = span(network["connectStart"], network["connectEnd"])
    return {
        "dnsMs": span(network["dnsStart"], network["dnsEnd"]),
        "connectMs": None if connect is None else connect - (tls or 0),
        "tlsMs": tls,
        "firstByteMs": span(network["sendStart"], network["receiveHeadersEnd"]),
        "downloadMs": max(0, (ended - network["requestTime"]) * 1000 - network["receiveHeadersEnd"]),
    }


def _note(items, item):
    if items is not None and len(items) < MAX_MESSAGES:
        items.append(item)
