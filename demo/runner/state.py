"""What this run has started, in one file, so that a later command finds it again."""

import fcntl
import json
from contextlib import contextmanager

from .output import DemoError
from .settings import LOGS, RUN, STATE


@contextmanager
def locked():
    """One command at a time: two that start or stop the same services would undo each other."""
    LOGS.mkdir(parents=True, exist_ok=True)
    with open(RUN / "lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError("another demo command is at work; try again when it has ended") from None
        yield


def load():
    """The state of the current run, or None where nothing has been started."""
    try:
        return json.loads(STATE.read_text())
    except FileNotFoundError:
        return None


def save(state):
    draft = STATE.with_suffix(".tmp")
    draft.write_text(json.dumps(state, indent=2) + "\n")
    draft.replace(STATE)
