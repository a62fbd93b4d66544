#!/usr/bin/env python3
"""Steady traffic through the frontend as different users, and health checks as a load balancer makes them.

Requests start at a fixed pace whether or not earlier ones have been answered, as visitors do: a slow service then
shows as many waiting requests and not as less traffic. SIGTERM or SIGINT ends it.
"""

import os
import random
import signal
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

URL = os.environ.get("LOAD_URL", "http://127.0.0.1:8080/api/")
RATE = float(os.environ.get("LOAD_RATE", "3"))
HEALTH_FILE = os.environ.get("LOAD_HEALTH_FILE")  # one URL a line, read before every round: deployments change it
USERS = [f"user-{number:02}" for number in range(1, 13)]
TENANTS = [f"tenant-{number:02}" for number in range(1, 4)]
IN_FLIGHT_MAX = 100
HEALTH_SECONDS = 10
REPORT_SECONDS = 30

stopping = threading.Event()
slots = threading.BoundedSemaphore(IN_FLIGHT_MAX)
lock = threading.Lock()
answered = []  # (succeeded, seconds) since the last report


def get(url):
    request = urllib.request.Request(url, headers={"User-Agent": "mitoshi-demo-load/1.0"})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            response.read()
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def visit():
    # Each user belongs to one tenant, so a search by user and one by tenant fit together.
    number = random.randrange(len(USERS))
    query = urllib.parse.urlencode({"user": USERS[number], "tenant": TENANTS[number % len(TENANTS)]})
    started = time.monotonic()
    try:
        succeeded = get(f"{URL}?{query}")
        with lock:
            answered.append((succeeded, time.monotonic() - started))
    finally:
        slots.release()


def check_health():
    while HEALTH_FILE and not stopping.wait(HEALTH_SECONDS):
        for url in Path(HEALTH_FILE).read_text().split():
            if not get(url):
                print(f"{time.strftime('%H:%M:%S')} no healthy answer from {url}", flush=True)


def report():
    while not stopping.wait(REPORT_SECONDS):
        with lock:
            batch, answered[:] = answered[:], []
        seconds = sorted(taken for _, taken in batch) or [0.0]
        failed = sum(not succeeded for succeeded, _ in batch)
        print(
            f"{time.strftime('%H:%M:%S')} {len(batch)} answers in {REPORT_SECONDS} s, {failed} failed, "
            f"median {seconds[len(seconds) // 2]:.3f} s, longest {seconds[-1]:.3f} s",
            flush=True,
        )


def main():
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    for task in (check_health, report):
        threading.Thread(target=task, daemon=True).start()
    print(f"{RATE:g} requests a second to {URL}", flush=True)
    due = time.monotonic()
    while not stopping.is_set():
        if slots.acquire(blocking=False):
            threading.Thread(target=visit, daemon=True).start()
        due = max(due + 1 / RATE, time.monotonic() - 1)
        stopping.wait(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
