"""Detached processes: started in a session of their own, known by pid and start time, ended exactly."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from . import state as states
from .output import DemoError, tail
from .settings import LOGS

_children = []  # keeps the handles, so that Python does not warn about processes that outlive this one


def clean_environment(extra):
    """This environment without the reader's own AWS settings, which must never reach a demo service."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "_X_AMZN", "PYTHON"))}
    loopback = "127.0.0.1,localhost"
    kept["NO_PROXY"] = kept["no_proxy"] = ",".join(filter(None, [kept.get("NO_PROXY", kept.get("no_proxy")), loopback]))
    return {**kept, **extra}


def start_time(pid):
    """Field 22 of /proc/<pid>/stat, or None for a process that has ended. Pids are used again; this pair is not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name may hold blanks and parentheses
    return None if fields[0] in "ZX" else int(fields[19])


def alive(record):
    return record is not None and start_time(record["pid"]) == record["start"]


def spawn(state, name, argv, *, env, cwd):
    """Starts a process and writes it down before anything else can fail."""
    log = LOGS / f"{name}.log"
    with open(log, "ab") as out:
        offset = out.tell()
        try:
            child = subprocess.Popen(
                argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        except OSError as error:
            raise DemoError(f"{name} could not be started: {error}") from None
    _children.append(child)
    record = {"pid": child.pid, "start": start_time(child.pid), "log": str(log), "log_offset": offset}
    state["processes"][name] = record
    states.save(state)
    return record


def stop(record, patience=25):
    """SIGTERM, wait, SIGKILL as the last resort. Returns how it went, or None where nothing was left to end."""
    if not alive(record):
        return None
    pid = record["pid"]
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not alive(record):
            return "stopped"
        time.sleep(0.05)
    # The process leads its own group: this ends its workers too, and nobody else.
    os.killpg(pid, signal.SIGKILL)
    while alive(record):
        time.sleep(0.05)
    return "killed"


def fail(name, record, what):
    raise DemoError(f"{name} {what}; the end of {record['log']}:\n{tail(Path(record['log']))}")


def require_free_port(port, user, variable, *, host="127.0.0.1", udp=False):
    """A clear error now instead of a service that dies on its bind."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as probe:
        if not udp:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections in TIME_WAIT do not matter
        try:
            probe.bind((host, port))
        except OSError as error:
            kind = "UDP" if udp else "TCP"
            other = f"{host}:{port + 10000}" if user.startswith("Mitoshi") else port + 10000
            raise DemoError(
                f"{kind} port {port} for {user} cannot be used: {error.strerror}. "
                f"Stop what uses it, or choose another one, for example: {variable}={other} make demo"
            ) from None
