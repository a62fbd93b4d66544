"""Python canaries, started as the server starts them: with and without Selenium, passing, failing, timed out."""

import http.server
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

MAIN = pathlib.Path(__file__).parents[2] / "crates/canary/runtime/python/main.py"
CHROME = os.environ.get("CANARY_TEST_CHROME", "/usr/bin/chromium")
ARN = "arn:aws:synthetics:us-east-1:000000000000:canary:shop"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR): ")


def _why_no_browser():
    if not os.path.exists(CHROME):
        return f"no browser at {CHROME}; set CANARY_TEST_CHROME"
    if not importlib.util.find_spec("selenium"):
        return "no Selenium; pip install selenium into the Python that runs pytest"
    if not shutil.which("chromedriver"):
        return "no chromedriver; apt-get install chromium-driver"
    return ""


needs_browser = pytest.mark.skipif(bool(_why_no_browser()), reason=_why_no_browser() or "-")


class Site(http.server.BaseHTTPRequestHandler):
    seen: list = []
    PAGES = {
        "/": (200, "text/html", '<title>Shop</title><h1>Shop</h1><img src="/missing.png"><a href="/cart">cart</a><script>console.error("cart is broken")</script>'),
        "/cart": (200, "text/html", '<title>Cart</title><p id="n">2 items</p>'),
        "/json": (200, "application/json", '{"ok": true}'),
        "/fail": (503, "text/plain", "down"),
        "/old": (302, "text/plain", ""),
    }

    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        self.seen.append({"method": self.command, "path": self.path, "headers": {k.lower(): v for k, v in self.headers.items()}, "body": body})
        if self.path == "/hang":
            time.sleep(20)
        status, kind, text = self.PAGES.get(self.path.split("?")[0], (404, "text/plain", "nothing here"))
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        if self.path == "/old":
            self.send_header("location", "/cart")
        self.end_headers()
        self.wfile.write(text.encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Result:
    def __init__(self, exit_code, log, artifacts, scratch):
        self.exit_code, self.log = exit_code, log
        self.artifacts = sorted(os.listdir(artifacts))
        self.report = json.loads((artifacts / "report.json").read_text())
        har = artifacts / "results.har"
        self.har = json.loads(har.read_text()) if har.exists() else None
        self.left_over = _processes_in(scratch)


def _processes_in(scratch):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            line = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            if os.readlink(f"/proc/{pid}/cwd").startswith(str(scratch)) or str(scratch) in line:
                found.append(line)
        except OSError:
            continue
    return found


@pytest.fixture
def run(tmp_path):
    def start(files, handler="index.handler", signal_when=None, sends=signal.SIGTERM, site_packages=True, **env):
        folders = [tmp_path / name for name in ("code", "artifacts", "scratch")]
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        code, artifacts, scratch = folders
        for name, text in files.items():
            (code / name).parent.mkdir(parents=True, exist_ok=True)
            (code / name).write_text(text)
        process = subprocess.Popen(
            [sys.executable, *([] if site_packages else ["-S"]), str(MAIN)], cwd=scratch, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={
                "PATH": os.environ["PATH"], "HOME": str(scratch), "MITOSHI_CANARY_HANDLER": handler, "MITOSHI_CANARY_CODE": str(code),
                "MITOSHI_CANARY_ARTIFACTS": str(artifacts), "MITOSHI_CANARY_NAME": "shop", "MITOSHI_CANARY_RUN_ID": "run-1",
                "MITOSHI_CANARY_ARN": ARN, "MITOSHI_CANARY_REGION": "us-east-1", "MITOSHI_CANARY_CHROME": CHROME, **env,
            },
        )
        log = ""
        if signal_when:
            while signal_when not in log:
                line = process.stdout.readline()
                assert line, log
                log += line
            time.sleep(0.5)
            started = time.monotonic()
            process.send_signal(sends)
        log += process.communicate(timeout=90)[0]
        if signal_when:
            assert time.monotonic() - started < 1
        return Result(process.returncode, log, artifacts, scratch)

    return start


def test_http_steps(run, site):
    result = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as syn_webdriver
from aws_synthetics.common import synthetics_logger as logger, synthetics_configuration

def check(response):
    assert response.json()["ok"] is True
    assert response.getheader("Content-Type") == "application/json"

def handler(event, context):
    synthetics_configuration.set_config({{"restricted_url_parameters": ["token"], "restricted_headers": ["authorization"]}})
    syn_webdriver.execute_http_step("products", "{site}/json?token=abc&page=2")
    syn_webdriver.execute_http_step("order", {{"url": "{site}/json", "method": "POST", "headers": {{"Authorization": "Bearer secret"}}, "body": {{"n": 1}}}},
        check, {{"include_request_headers": True, "include_request_body": True, "include_response_body": True}})
    logger.info("agent %s", syn_webdriver.get_canary_user_agent_string())
    print("printed\\nin two lines")
"""}, MITOSHI_CANARY_TRACE_HEADER=TRACE)
    assert result.exit_code == 0, result.log
    assert result.report["status"] == "PASSED"
    assert result.report["requests"] == {"2xx": 2, "3xx": 0, "4xx": 0, "5xx": 0, "failed": 0}
    first = result.report["steps"][0]
    assert first["url"] == f"{site}/json?token=REDACTED&page=2"
    assert first["statusCode"] == 200
    assert set(first["timings"]) == {"dnsMs", "connectMs", "firstByteMs", "downloadMs"}
    got, ordered = result.har["log"]["entries"]
    assert got["request"]["headers"] == [] and "text" not in got["response"]["content"]
    assert ordered["request"]["postData"]["text"] == '{"n": 1}'
    assert {"name": "Authorization", "value": "REDACTED"} in ordered["request"]["headers"]
    assert "abc" not in result.log and "secret" not in result.log
    request = next(request for request in Site.seen if request["path"].startswith("/json?token"))
    assert request["headers"]["x-amzn-trace-id"] == TRACE
    assert f"CloudWatchSynthetics/{ARN}" in request["headers"]["user-agent"]
    assert all(LOG_LINE.match(line) for line in result.log.splitlines()), result.log
    assert "INFO: printed\n" in result.log


def test_failing_steps(run, site):
    result = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as syn_webdriver

async def later():
    return 42

async def handler(event, context):
    await syn_webdriver.execute_http_step("down", "{site}/fail")
    await syn_webdriver.execute_http_step("unreachable", "http://127.0.0.1:1/")
    assert await syn_webdriver.execute_step("value", later) == 42
    assert await syn_webdriver.execute_step("plain", lambda: 43) == 43
    syn_webdriver.execute_step("not awaited", lambda: None)
    await syn_webdriver.execute_step("boom", lambda: 1 / 0)
"""})
    assert result.exit_code == 1, result.log
    assert result.report["code"] == "CANARY_FAILURE"
    assert result.report["reason"] == "division by zero"
    assert "ZeroDivisionError" in result.report["stack"]
    assert [step["status"] for step in result.report["steps"]] == ["FAILED", "FAILED", "PASSED", "PASSED", "PASSED", "FAILED"]
    assert result.report["requests"] == {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 1, "failed": 1}
    assert "refused" in result.report["steps"][1]["failedRequests"][0]["reason"]


@pytest.mark.parametrize("files, handler", [
    ({"python/api.py": "import helper\ndef run(event, context): return helper.VALUE", "python/helper.py": "VALUE = 1"}, "api.run"),
    ({"checks/api.py": "import helper\nfrom checks import other\ndef run(event, context): pass", "checks/helper.py": "", "checks/other.py": ""}, "checks/api.run"),
    ({"main.py": "async def handler(event, context): assert context.aws_request_id == 'run-1'"}, "main.handler"),
])
def test_layouts(run, files, handler):
    result = run(files, handler)
    assert result.exit_code == 0, result.log


@pytest.mark.parametrize("files, reason", [
    ({"other.py": ""}, r"needs a file index\.py.*it holds: other\.py"),
    ({"index.py": "def main(): pass"}, r'no function "handler" \(it has main\)'),
    ({"index.py": "import left_pad"}, r'module "left_pad", which is not installed; run: pip install left_pad'),
    ({"index.py": "def handler(:"}, r"does not parse"),
])
def test_what_cannot_be_run_says_what_to_do(run, files, reason):
    result = run(files)
    assert result.exit_code == 2, result.log
    assert (result.report["status"], result.report["code"]) == ("FAILED", "EXECUTION_FAILURE")
    assert re.search(reason, result.report["reason"]), result.report["reason"]


BROWSER_SCRIPT = """
from aws_synthetics.selenium import synthetics_webdriver as webdriver
def handler(event, context):
    try:
        webdriver.Chrome().get("http://127.0.0.1/")
    except Exception as error:
        raise RuntimeError("wrapped")
"""


def test_without_selenium(run, site):
    result = run({"index.py": BROWSER_SCRIPT}, site_packages=False)
    assert result.exit_code == 2, result.log
    assert "Selenium is not installed; run: pip install selenium" in result.report["reason"]
    api = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as webdriver
def handler(event, context):
    if webdriver.get_http_response("{site}/json") != 200 or webdriver.get_http_response("http://127.0.0.1:1/") != "error":
        raise Exception("no")
"""}, site_packages=False)
    assert api.exit_code == 0, api.log


def test_without_a_browser(run):
    pytest.importorskip("selenium", reason="no Selenium; pip install selenium into the Python that runs pytest")
    result = run({"index.py": BROWSER_SCRIPT}, MITOSHI_CANARY_CHROME="/nowhere")
    assert result.exit_code == 2, result.log
    assert "/nowhere does not exist" in result.report["reason"]


def test_configuration(run):
    result = run({"index.py": """
from aws_synthetics.common import synthetics_configuration as configuration
from aws_synthetics.selenium import synthetics_webdriver
def handler(event, context):
    assert configuration.with_screenshot_on_step_start(False).get_screenshot_on_step_start() is False
    configuration.with_5xx_metric(False).disable_step_metrics()
    configuration.set_config({"nonsense": 1})
    synthetics_webdriver.execute_step("a", lambda: None)
    synthetics_webdriver.add_execution_error("no screenshot", ValueError("gone"))
"""})
    assert result.exit_code == 2, result.log
    assert result.report["reason"] == "no screenshot: gone"
    assert result.report["metricsOff"] == ["5xxMetric"]
    assert result.report["steps"][0]["metricsOff"] == ["stepSuccessMetric", "stepDurationMetric"]
    assert 'no option "nonsense"' in result.log


def test_ways_to_end(run):
    assert "sys.exit(3)" in run({"index.py": "import sys\ndef handler(e, c): sys.exit(3)"}).report["reason"]
    result = run({"index.py": "import time\nfrom aws_synthetics.selenium import synthetics_webdriver as w\ndef handler(e, c):\n    w.execute_step('a', lambda: None)\n    w.execute_step('b', lambda: time.sleep(60))"}, signal_when='"b" starts')
    assert result.exit_code == 2
    assert result.report["reason"] == "the run took longer than its timeout"
    assert [step["status"] for step in result.report["steps"]] == ["PASSED", "FAILED"]
    killed = run({"index.py": "import time\nfrom aws_synthetics.selenium import synthetics_webdriver as w\ndef handler(e, c):\n    w.execute_step('a', lambda: None)\n    print('go')\n    time.sleep(60)"}, signal_when="go", sends=signal.SIGKILL)
    assert "out of memory, or killed" in killed.report["reason"]


@needs_browser
def test_browser(run, site):
    result = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as syn_webdriver
from selenium.webdriver.common.by import By

async def main():
    syn_webdriver.add_user_agent("Shop/2")
    browser = syn_webdriver.Chrome()
    browser.set_viewport_size(1024, 700)
    def home():
        browser.get("{site}/")
    await syn_webdriver.execute_step("home", home)
    await syn_webdriver.execute_step("cart", lambda: browser.find_element(By.TAG_NAME, "a").click())
    assert browser.find_element(By.ID, "n").text == "2 items"
    assert browser.execute_script("return innerWidth") == 1024
    browser.save_screenshot("loaded.png", "page1")
    assert syn_webdriver.get_http_response("{site}/") == 200

async def handler(event, context):
    return await main()
"""}, MITOSHI_CANARY_TRACE_HEADER=TRACE)
    assert result.exit_code == 0, result.log
    home, cart = result.report["steps"]
    assert home["url"] == f"{site}/" and home["statusCode"] == 200
    assert home["timings"]["loadMs"] > 0
    assert home["screenshots"] == ["01-home-succeeded.png"]
    assert any("cart is broken" in text for text in home["consoleErrors"])
    assert {"url": f"{site}/missing.png", "reason": "404 Not Found"} in home["failedRequests"]
    assert cart["url"] == f"{site}/" and cart["destinationUrl"] == f"{site}/cart"
    assert result.report["requests"]["2xx"] == 2
    assert "loaded-page1.png" in result.artifacts
    assert [page["title"] for page in result.har["log"]["pages"]] == [f"{site}/", f"{site}/cart"]
    request = next(request for request in reversed(Site.seen) if request["path"] == "/cart")
    assert request["headers"]["x-amzn-trace-id"] == TRACE
    assert f"CloudWatchSynthetics/{ARN} Shop/2" in request["headers"]["user-agent"]
    assert result.left_over == []


@needs_browser
def test_browser_failures(run, site):
    result = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as syn_webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.common.by import By

def handler(event, context):
    options = Options()
    options.add_argument("--incognito")
    browser = syn_webdriver.Chrome(chrome_options=options)
    syn_webdriver.execute_step("dead", lambda: browser.get("http://127.0.0.1:9/"), {{"continue_on_step_failure": True}})
    browser.get("{site}/old")
    syn_webdriver.execute_step("checkout", lambda: browser.find_element(By.ID, "buy"))
"""})
    assert result.exit_code == 1, result.log
    dead, checkout = result.report["steps"]
    assert "ERR_" in dead["failedRequests"][0]["reason"]
    assert "no such element" in checkout["error"]
    assert checkout["screenshots"] == ["02-checkout-starting.png", "02-checkout-failed.png"]
    assert result.report["requests"]["3xx"] == 1
    assert result.left_over == []


@needs_browser
def test_browser_timeout(run, site):
    result = run({"index.py": f"""
from aws_synthetics.selenium import synthetics_webdriver as syn_webdriver
def handler(event, context):
    browser = syn_webdriver.Chrome()
    syn_webdriver.execute_step("hang", lambda: browser.get("{site}/hang"))
"""}, signal_when='"hang" starts')
    assert result.exit_code == 2, result.log
    assert result.report["reason"] == "the run took longer than its timeout"
    assert result.report["steps"][0]["status"] == "FAILED"
    assert result.left_over == []
