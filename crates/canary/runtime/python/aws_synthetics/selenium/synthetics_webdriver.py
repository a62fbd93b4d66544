"""SyntheticsWebDriver: what a script calls as `synthetics_webdriver.…`."""

import urllib.error
import urllib.request

from mitoshi_canary import browser as _browser
from mitoshi_canary import environment as _environment
from mitoshi_canary import user_agent as _user_agent
from mitoshi_canary.browser import chrome as Chrome
from mitoshi_canary.config import configuration as _configuration
from mitoshi_canary.failure import message_of as _message_of
from mitoshi_canary.http_step import execute_http_step
from mitoshi_canary.log import logger as _logger
from mitoshi_canary.run import run as _run
from mitoshi_canary.steps import run_step as _run_step

__all__ = [
    "Chrome", "add_execution_error", "add_user_agent", "execute_http_step", "execute_step", "get_canary_arn", "get_canary_name",
    "get_canary_user_agent_string", "get_configuration", "get_http_response", "get_runtime_version", "get_step_errors", "set_config", "take_screenshot",
]


def execute_step(step_name, function_to_execute, step_config=None):
    """`await execute_step(…)` works as AWS documents it; a plain function also runs without the await."""
    options = _configuration.for_step(step_config)
    return _run_step(
        step_name, lambda step: function_to_execute(), options, options["continue_on_step_failure"],
        before=_browser.before_step, after=_browser.after_step,
    )


def get_http_response(url):
    """The status code that `url` answers with, or "error". Redirects are followed, as a browser does."""
    request = urllib.request.Request(url, headers={"User-Agent": _user_agent.text(), **_environment.trace_headers()})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError) as error:
        _logger.error("no response from %s: %s", url, _message_of(error))
        return "error"


def take_screenshot(name, suffix=None):
    shown = _browser.latest()
    if shown is None:
        raise RuntimeError("take_screenshot: no browser is open")
    step = next((step for step in reversed(_run.steps) if step.name == name), _run.current_step())
    return _browser.shoot(shown, name, suffix, step)


def add_execution_error(error_message, ex=None):
    """Fails the run without stopping the script."""
    text = str(error_message) if ex is None else f"{error_message}: {_message_of(ex)}"
    _logger.error("execution error: %s", text)
    _run.execution_errors.append(text)


def add_user_agent(user_agent_str):
    """For browsers that are started afterwards."""
    _user_agent.add(str(user_agent_str))


def set_config(options):
    return _configuration.set_config(options)


def get_configuration():
    return _configuration


def get_canary_name():
    return _environment.NAME


def get_canary_arn():
    return _environment.ARN


def get_canary_user_agent_string():
    return _user_agent.text()


def get_runtime_version():
    return _environment.RUNTIME_VERSION


def get_step_errors():
    return [{"step_name": step.name, "error": step.error} for step in _run.steps if step.error]
