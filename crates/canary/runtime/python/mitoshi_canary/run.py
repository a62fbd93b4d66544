"""The state of one run: its steps, counters and network log, and the report made of them. There is one run per process."""

import datetime
import json
import os
import time
import traceback

from . import environment
from .config import configuration, metrics_off, step_metrics_off
from .failure import ExecutionFailure, message_of, missing_module
from .har import Har
from .redact import clean_text

TIMED_OUT = "the run took longer than its timeout"


def timestamp(seconds=None) -> str:
    moment = datetime.datetime.now(datetime.timezone.utc) if seconds is None else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Step:
    def __init__(self, number, name, options):
        self.number = number
        self.name = str(name)
        self.options = options
        self.status = "RUNNING"
        self.started = timestamp()
        self.clock = time.monotonic()
        self.duration_ms = None
        self.url = self.destination_url = self.status_code = self.error = None
        self.screenshots, self.timings, self.console_errors, self.failed_requests = [], {}, [], []

    def report(self):
        running = self.status == "RUNNING"
        report = {
            "stepNumber": self.number,
            "stepName": self.name,
            "status": "FAILED" if running else self.status,
            "startTime": self.started,
            "durationMs": round((time.monotonic() - self.clock) * 1000) if running else self.duration_ms,
            "url": self.url,
            "destinationUrl": self.destination_url,
            "statusCode": self.status_code,
            "error": "the step was not finished" if running else self.error,
            "screenshots": self.screenshots,
            "timings": {name: round(value, 1) for name, value in self.timings.items() if value is not None} or None,
            "consoleErrors": self.console_errors,
            "failedRequests": self.failed_requests,
            "metricsOff": step_metrics_off(self.options) or None,
        }
        return {name: value for name, value in report.items() if value is not None}


class Run:
    def __init__(self):
        self.steps = []
        self.active = []
        self.requests = {"2xx": 0, "3xx": 0, "4xx": 0, "5xx": 0, "failed": 0}
        self.har = Har()
        self.execution_errors = []
        # Set when something the script needs is missing; scripts tend to catch the error and raise another one.
        self.unable = None
        self.written = False

    # ---- steps

    def start_step(self, name, options):
        step = Step(len(self.steps) + 1, name, options)
        self.steps.append(step)
        self.active.append(step)
        return step

    def end_step(self, step, error=None):
        step.duration_ms = round((time.monotonic() - step.clock) * 1000)
        step.status = "PASSED" if error is None else "FAILED"
        if error is not None:
            step.error = clean_text(message_of(error), step.options)
        self.active.remove(step)
        self.write_provisional()

    def current_step(self):
        return self.active[-1] if self.active else None

    # ---- network

    def count_status(self, status):
        group = f"{status // 100}xx"
        if group in self.requests:
            self.requests[group] += 1

    # ---- the end

    def outcome(self, error=None):
        """How the run ended, from what the script raised (None: nothing) and what the steps say."""
        failed = [step for step in self.steps if step.status == "FAILED"]
        error = missing_module(error) or error
        if isinstance(error, ExecutionFailure):
            return self._failure("EXECUTION_FAILURE", str(error))
        if self.unable and (error or failed):
            return self._failure("EXECUTION_FAILURE", str(self.unable))
        if error is not None:
            return self._failure("CANARY_FAILURE", message_of(error), "".join(traceback.format_exception(error)))
        if failed:
            more = f" (and {len(failed) - 1} more of {len(self.steps)} steps)" if len(failed) > 1 else ""
            return self._failure("CANARY_FAILURE", f'step "{failed[0].name}" failed: {failed[0].error}{more}')
        if self.execution_errors:
            return self._failure("EXECUTION_FAILURE", "; ".join(self.execution_errors))
        return {"status": "PASSED"}

    def timed_out(self):
        for step in list(self.active):
            self.end_step(step, TIMED_OUT)
        return self._failure("EXECUTION_FAILURE", TIMED_OUT)

    def _failure(self, code, reason, stack=None):
        options = configuration.values
        outcome = {"status": "FAILED", "code": code, "reason": clean_text(reason, options)}
        if stack:
            outcome["stack"] = clean_text(stack, options)
        return outcome

    def write_provisional(self):
        """A report for the case that this process is killed outright (memory, SIGKILL) and never comes to write its own."""
        if not self.written:
            self._write_report(self._failure("EXECUTION_FAILURE", "the run was ended before it was finished (out of memory, or killed)"), False)

    def write(self, outcome):
        """Writes report and HAR for good; what comes later in this process no longer changes them."""
        if self.written:
            return
        self.written = True
        har = bool(configuration.values["har_file"] and self.har.entries)
        if har:
            _write_json("results.har", self.har.to_json())
        self._write_report(outcome, har)

    def _write_report(self, outcome, har):
        report = {**outcome, "requests": self.requests, "steps": [step.report() for step in self.steps], "har": har}
        off = metrics_off(configuration.values)
        if off:
            report["metricsOff"] = off
        if not configuration.values["steps_report"]:
            report["stepsReport"] = False
        _write_json("report.json", report)


def _write_json(name, value):
    target = os.path.join(environment.ARTIFACTS, name)
    # Renamed into place, so that the parent never reads half a report.
    with open(f"{target}.part", "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
    os.replace(f"{target}.part", target)


run = Run()
