"""Progress lines with elapsed time, and the one error that ends a command."""

import time
from contextlib import contextmanager

_started = time.monotonic()


class DemoError(Exception):
    """Something the reader can act on: printed without a stack trace."""


def say(text=""):
    print(text, flush=True)


def step(text):
    print(f"[{time.monotonic() - _started:6.1f} s] {text}", flush=True)


@contextmanager
def timed(text):
    """Prints one line when the block has ended, with the time that the block took."""
    begun = time.monotonic()
    yield
    step(f"{text} ({time.monotonic() - begun:.1f} s)")


def tail(path, lines=20):
    try:
        text = path.read_text(errors="replace").splitlines()[-lines:]
    except OSError:
        return "  (no log)"
    return "\n".join(f"  | {line}" for line in text) or "  (empty log)"
