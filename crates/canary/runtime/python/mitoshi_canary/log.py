"""The log of a run: one line per message on stdout, `time LEVEL: text`, as CloudWatch shows it."""

import datetime
import io
import logging
import os
import sys

LEVELS = {"DEBUG": logging.DEBUG, "INFO": logging.INFO, "WARN": logging.WARNING, "ERROR": logging.ERROR}


class _Lines(logging.Handler):
    def emit(self, record):
        try:
            text = self.format(record)
            level = "WARN" if record.levelno == logging.WARNING else "ERROR" if record.levelno > logging.ERROR else record.levelname
            now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            # A message stays on one line, so that the reader can split the log by lines. Written at once: the process
            # may be ended right after.
            line = f"{now} {level}: " + text.replace("\r", "").replace("\n", "\\n") + "\n"
            os.write(1, line.encode("utf-8", "replace"))
        except Exception:  # A log line that cannot be written must not fail the canary.
            pass


class SyntheticsLogger:
    """`synthetics_logger`: the functions of logging, plus AWS's names for the level."""

    def __init__(self):
        self._logger = logging.getLogger("synthetics")
        for name in ("debug", "info", "warning", "error", "exception", "critical"):
            setattr(self, name, getattr(self._logger, name))
        self.log = self._logger.info
        self.warn = self._logger.warning

    def get_level(self):
        return self._logger.getEffectiveLevel()

    def set_level(self, level):
        if isinstance(level, str):
            level = LEVELS.get(level.upper(), logging.INFO)
        self._logger.setLevel(level)


class _Printed(io.TextIOBase):
    """`print` in a script ends up in the same form as the logger's lines."""

    def __init__(self, level):
        self._level = level
        self._rest = ""

    def writable(self):
        return True

    def write(self, text):
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if line:
                logging.getLogger("synthetics").log(self._level, "%s", line)
        return len(text)

    def flush(self):
        pass


logger = SyntheticsLogger()


def take_over():
    """Sends logging, print and stderr to the run's log."""
    handler = _Lines()
    handler.setFormatter(logging.Formatter("%(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    # Libraries log a lot at DEBUG (Selenium: every command); only the script's own logger goes below INFO.
    root.setLevel(logging.INFO)
    logger.set_level(os.environ.get("CW_SYNTHETICS_LOG_LEVEL", "INFO"))
    sys.stdout = _Printed(logging.INFO)
    sys.stderr = _Printed(logging.ERROR)
