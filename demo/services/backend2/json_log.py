"""Log lines as JSON on standard output, each with the trace and the segment that it belongs to.

The same file in both backends; `gunicorn.conf.py` puts it to use.
"""

import json
import logging
import time
from datetime import datetime, timezone

from aws_xray_sdk.core import xray_recorder

LEVELS = {"WARNING": "WARN"}  # as the BFF calls it


def current_trace():
    """The ids of the current segment; nothing outside of a request, or where the request is not recorded."""
    try:
        segment = xray_recorder.current_segment()
    except Exception:  # what the SDK does without a segment can be changed by AWS_XRAY_CONTEXT_MISSING
        segment = None
    return {"trace_id": segment.trace_id, "segment_id": segment.id} if segment and segment.sampled else {}


class JsonFormatter(logging.Formatter):
    """One line for each record. Fields of its own come by `extra={"fields": {…}}`: no others get into the log."""

    def __init__(self, service):
        super().__init__()
        self.service = service

    def format(self, record):
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            # Near the start: whoever reads only the beginning of a line knows how bad it is.
            "level": LEVELS.get(record.levelname, record.levelname),
            "service": self.service,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
            **current_trace(),
        }
        if record.exc_info and record.exc_info[1]:
            line["exception_type"] = type(record.exc_info[1]).__name__
            line["exception_message"] = str(record.exc_info[1])
            line["stack_trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, separators=(",", ":"))


def configuration(service, levels):
    """For `logging.config`: everything goes through one handler, so nothing is written twice."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter, "service": service}},
        "handlers": {"stdout": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
        "root": {"handlers": ["stdout"], "level": "WARNING"},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},  # all that gunicorn has to say
            "gunicorn.access": {"handlers": [], "propagate": False},  # `log_request` writes these lines
            # Complains when somebody asks for a segment outside of a request, as `current_trace` does for every line
            # there: the complaint would be such a line again, without an end.
            "aws_xray_sdk.core.context": {"level": "CRITICAL"},
            **{name: {"level": level} for name, level in levels.items()},
        },
    }


def log_request(log, method, path, status, started):
    """The line of a request that has been answered; `started` is from `time.perf_counter`."""
    milliseconds = round((time.perf_counter() - started) * 1000)
    # Health checks come all day long and say nothing while they succeed.
    level = logging.ERROR if status >= 500 else logging.DEBUG if path == "/health" else logging.INFO
    fields = {"method": method, "path": path, "status": status, "duration_ms": milliseconds}
    log.log(level, "%s %s answered %d in %d ms", method, path, status, milliseconds, extra={"fields": fields})
