"""A run leaves no process behind: whatever this process started, browsers above all, is ended with it."""

import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

from . import environment

# Inherited by everything that is started here; tells ours from other runs' when the parent is gone, as with Chromium's
# crash handlers, which cut themselves loose.
_MARK = f"MITOSHI_CANARY_ARTIFACTS={environment.ARTIFACTS}\0".encode()
_WAIT_S = 0.4


def end_with_parent():
    """Ends the script when the process that started it is gone: then nobody waits for it, limits it or reads its report."""
    if not _is_pipe(0):
        return

    def watch():
        # Held open by the parent, and only by it.
        while os.read(0, 4096):
            pass
        kill_descendants()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def _is_pipe(fd):
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return False


def kill_descendants():
    deadline = time.monotonic() + _WAIT_S
    signalled = set()
    while True:
        living = _table()
        for pid in _ours(living):
            signalled.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass  # It ended by itself in the meantime.
        # SIGKILL takes effect a moment later; what is dying still holds files in the scratch folder.
        if not signalled.intersection(living) or time.monotonic() > deadline:
            return
        time.sleep(0.01)


def remove_sockets():
    """A killed Chromium leaves its socket's folder in /tmp; its profile, in the scratch folder, knows where."""
    for profile in os.listdir(environment.SCRATCH):
        try:
            folder = os.path.dirname(os.readlink(os.path.join(environment.SCRATCH, profile, "SingletonSocket")))
        except OSError:
            continue
        if re.match(r"\.?(org\.chromium|com\.google)\.", os.path.basename(folder)):
            shutil.rmtree(folder, ignore_errors=True)


def _ours(living):
    children = {}
    for pid, (parent, _) in living.items():
        children.setdefault(parent, []).append(pid)
    # A shell or a limiter around the runtime carries the mark too, and must survive to pass the exit code on.
    above, pid = set(), os.getpid()
    while pid in living and pid not in above:
        above.add(pid)
        pid = living[pid][0]
    found = {pid for pid, (_, marked) in living.items() if marked and pid not in above}
    todo = [os.getpid(), *found]
    while todo:
        for pid in children.get(todo.pop(), []):
            if pid not in found:
                found.add(pid)
                todo.append(pid)
    return found


def _table():
    """All living processes of the machine: pid → (parent's pid, whether it carries the run's mark)."""
    if not os.path.exists("/proc/self/stat"):
        return _table_of_ps()
    living = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                # "pid (name) state ppid …": the name may hold spaces and brackets, so count from the last bracket.
                state, parent = file.read().rpartition(b") ")[2].split()[:2]
        except OSError:
            continue
        if state != b"Z":
            living[int(name)] = (int(parent), _is_marked(name))
    return living


def _is_marked(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return _MARK in file.read()
    except OSError:
        return False  # Another user's.


def _table_of_ps():
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = (line.split() for line in lines)
    return {int(pid): (int(parent), False) for pid, parent, state, *_ in rows if not state.startswith("Z")}
