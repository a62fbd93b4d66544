"""Small HTTP calls on loopback; never through a proxy."""

import json
import time
import urllib.error
import urllib.request

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def call(url, body=None, headers=None, timeout=10, method=None):
    """Returns (status, body). Any HTTP status is an answer; only a missing answer raises OSError."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with _opener.open(request, timeout=timeout) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def wait_until(condition, seconds, pause=0.1):
    """Polls until `condition()` gives something true, and returns that; None when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            result = condition()
        except OSError:
            result = None
        if result or time.monotonic() > deadline:
            return result
        time.sleep(pause)


def healthy(address):
    return call(f"http://{address}/health", timeout=2)[0] == 200
