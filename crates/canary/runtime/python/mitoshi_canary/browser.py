"""The Selenium side: starting Chromium through chromedriver, and what a step does with an open browser."""

import os
import re
import shutil
import threading

from . import environment, user_agent
from .failure import ExecutionFailure, message_of
from .log import logger
from .redact import clean
from .recorder import Recorder
from .run import run

VIEWPORT = (1920, 1080)
# Chromium puts a socket into the temporary folder, and a socket's path has at most 107 bytes.
MAX_TEMP_PATH = 55
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_browsers = []
_class = None


def chrome(*args, options=None, chrome_options=None, service=None, **others):
    """Starts a browser. Both `options=` and the older `chrome_options=` are taken, and options as the first argument."""
    options = options or chrome_options or (args[0] if args else None)
    try:
        browser = _browser_class()(_prepared(options), service or _service())
    except ExecutionFailure:
        raise
    except Exception as error:
        raise _unable(f"the browser did not start: {message_of(error).splitlines()[0]}") from error
    _browsers.append(browser)
    browser.start_recording()
    return browser


def latest():
    return _browsers[-1] if _browsers else None


def forget(browser):
    if browser in _browsers:
        _browsers.remove(browser)


def collect_all(step=None):
    for browser in list(_browsers):
        try:
            browser.recorder.collect(step)
        except Exception as error:
            logger.debug("the browser's log was not read: %s", message_of(error))


def quit_all():
    """Closes what the script left open; chromedriver then removes its temporary folders. One that hangs is killed later."""
    closing = [threading.Thread(target=_quit_quietly, args=(browser,), daemon=True) for browser in _browsers]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(timeout=3)


def _quit_quietly(browser):
    try:
        browser.quit()
    except Exception as error:
        logger.debug("closing the browser: %s", message_of(error))


def finish_open():
    for browser in _browsers:
        browser.recorder.finish_open()


# ---- around a step


def before_step(step):
    collect_all()
    browser = latest()
    address = _address(browser)
    if not address.startswith(("http:", "https:")):
        return  # Nothing to see on a blank page.
    step.url = clean(address, step.options)
    if step.options["screenshot_on_step_start"]:
        shoot(browser, step.name, "starting", step)


def after_step(step, passed):
    collect_all(step)
    browser = latest()
    if browser is None:
        return
    address = _address(browser)
    if address.startswith(("http:", "https:")):
        step.destination_url = clean(address, step.options)
    if step.options["screenshot_on_step_success" if passed else "screenshot_on_step_failure"]:
        shoot(browser, step.name, "succeeded" if passed else "failed", step)


def shoot(browser, name, suffix, step):
    """A screenshot as `NN-name-suffix.png` in the artifacts, listed with the step it belongs to."""
    number = step.number if step else max(1, len(run.steps))
    stem = "-".join(_safe(part) for part in (f"{number:02}", name, suffix) if part)
    return keep(f"{stem}.png", browser.get_screenshot_as_png(), step)


def keep(file_name, image, step):
    stem, extension = os.path.splitext(file_name)
    free, count = file_name, 2
    while os.path.exists(os.path.join(environment.ARTIFACTS, free)):
        free, count = f"{stem}-{count}{extension}", count + 1
    with open(os.path.join(environment.ARTIFACTS, free), "wb") as file:
        file.write(image)
    if step:
        step.screenshots.append(free)
    return free


def _address(browser):
    try:
        return browser.current_url if browser else ""
    except Exception:
        return ""  # An open alert, or a window that was closed.


def _safe(text):
    return re.sub(r"[^\w. -]+", "_", str(text))[:120]


# ---- starting


def _browser_class():
    """The browser's class is made when it is first needed: canaries without a browser run without Selenium."""
    global _class
    if _class:
        return _class
    try:
        from selenium.webdriver import Chrome
    except ModuleNotFoundError as error:
        raise _unable(
            "the script starts a browser, but Selenium is not installed; run: pip install selenium "
            "(for the Python that runs canaries), or put it in the canary's zip (pip install --target python selenium)"
        ) from error

    class SyntheticsBrowser(Chrome):
        def __init__(self, options, service):
            super().__init__(options=options, service=service)
            self.recorder = Recorder(self)

        def start_recording(self):
            """Applies to this tab; chromedriver gives no access to tabs that a page opens by itself."""
            version = self.execute_cdp_cmd("Browser.getVersion", {})
            self.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": f"{version['userAgent']} {user_agent.text()}"})
            if environment.trace_headers():
                self.execute_cdp_cmd("Network.enable", {})
                self.execute_cdp_cmd("Network.setExtraHTTPHeaders", {"headers": environment.trace_headers()})

        def set_viewport_size(self, width, height):
            # The window is larger than the page by its frame, so the difference is measured.
            outer, inner = self.get_window_size(), self.execute_script("return [innerWidth, innerHeight]")
            self.set_window_size(width + outer["width"] - inner[0], height + outer["height"] - inner[1])

        def save_screenshot(self, filename, suffix=None):
            """Goes into the artifacts, wherever the script wants it; a path is kept as well."""
            stem, extension = os.path.splitext(os.path.basename(str(filename)))
            step = run.current_step()
            if os.path.dirname(str(filename)):
                super().save_screenshot(str(filename))
            keep(_safe("-".join(filter(None, [stem, suffix]))) + (extension or ".png"), self.get_screenshot_as_png(), step)
            return True

        def quit(self):
            try:
                self.recorder.collect(run.current_step())
                self.recorder.finish_open()
            except Exception as error:
                logger.debug("the browser's log was not read: %s", message_of(error))
            forget(self)
            super().quit()

    _class = SyntheticsBrowser
    return _class


def _prepared(options):
    _browser_class()  # Says so when Selenium is missing.
    from selenium.webdriver.chrome.options import Options

    options = options or Options()
    options.binary_location = _executable(options.binary_location)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    container = os.path.exists("/.dockerenv") or os.path.exists("/run/.containerenv")
    wanted = [
        *(["--no-sandbox"] if root or container else []),
        "--disable-dev-shm-usage",  # Containers give /dev/shm 64 MB, less than one page may need.
        "--disable-gpu", "--hide-scrollbars", "--mute-audio", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-breakpad", "--disable-crash-reporter", "--disable-sync", "--password-store=basic",
    ]
    given = options.arguments
    if not any(flag.startswith("--headless") for flag in given):
        wanted.append("--headless=new")
    if not any(flag.startswith("--window-size") for flag in given):
        wanted.append(f"--window-size={VIEWPORT[0]},{VIEWPORT[1]}")
    if not any(flag.startswith("--user-data-dir") for flag in given):
        wanted.append(f"--user-data-dir={os.path.join(environment.SCRATCH, f'.profile-{len(_browsers) + 1}')}")
    for flag in wanted:
        if flag not in given:
            options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return options


def _executable(wanted):
    if wanted and os.path.exists(wanted):
        return wanted
    if environment.CHROME:
        if os.path.exists(environment.CHROME):
            return environment.CHROME
        raise _unable(f"the browser {environment.CHROME} does not exist; install Chromium there, or set MITOSHI_CANARY_CHROME to its path")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise _unable("no browser was found; install Chromium on the server (Debian: apt-get install chromium), or set MITOSHI_CANARY_CHROME to its path")
    return found


def _service():
    """Selenium would download a driver that it does not find; a canary uses the one that is installed."""
    from selenium.webdriver.chrome.service import Service

    driver = environment.CHROMEDRIVER or shutil.which("chromedriver") or shutil.which("chromedriver", path="/usr/bin:/usr/lib/chromium:/usr/lib/chromium-browser")
    if not driver or not os.path.exists(driver):
        raise _unable("chromedriver was not found; install it on the server (Debian: apt-get install chromium-driver), or set MITOSHI_CANARY_CHROMEDRIVER to its path")
    env = {
        **os.environ,
        "XDG_CONFIG_HOME": os.path.join(environment.SCRATCH, ".config"),
        "XDG_CACHE_HOME": os.path.join(environment.SCRATCH, ".cache"),
    }
    if len(environment.SCRATCH) <= MAX_TEMP_PATH:
        env["TMPDIR"] = environment.SCRATCH
    return Service(executable_path=driver, env=env)


def _unable(message):
    run.unable = ExecutionFailure(message)
    return run.unable
