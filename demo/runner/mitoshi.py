"""Mitoshi itself: started, waited for, given its sampling rules, asked for traces."""

import json
import time
from pathlib import Path

from . import processes, web
from .output import DemoError, step
from .services import INSTRUMENTED
from .settings import DATA, DEMO, MITOSHI_ADDRESSES, reachable

# What it says of a folder that it cannot read.
OTHER_FORMAT = "has format version"
READY = "mitoshi ready "
READY_SECONDS = 60
TRACES_SECONDS = 60

_ANY = {name: "*" for name in ("ServiceName", "ServiceType", "Host", "HTTPMethod", "URLPath", "ResourceARN")}
SAMPLING_RULES = [
    # Health checks come all day long and say nothing: none is recorded.
    {**_ANY, "RuleName": "health", "Priority": 10, "URLPath": "/health", "FixedRate": 0, "ReservoirSize": 0},
    {**_ANY, "RuleName": "demo", "Priority": 100, "FixedRate": 1, "ReservoirSize": 5},
]


def find_binary(given):
    """The path that was given, or what a build of this repository left behind."""
    candidates = (
        [Path(given)] if given else [DEMO.parent / "target" / kind / "mitoshi" for kind in ("release", "debug")]
    )
    for path in candidates:
        if path.is_file():
            return str(path.resolve())
    raise DemoError(
        f"no mitoshi binary at {' or '.join(map(str, candidates))}; build it or name it with --mitoshi PATH"
    )


def check_ports(state):
    for flag, address in state["settings"]["mitoshi"].items():
        host, _, port = address.rpartition(":")
        variable = MITOSHI_ADDRESSES[flag][0]
        processes.require_free_port(int(port), f"Mitoshi ({flag})", variable, host=host)
        if flag == "daemon":
            processes.require_free_port(int(port), f"Mitoshi ({flag})", variable, host=host, udp=True)


def start(state, binary, extra):
    addresses = state["settings"]["mitoshi"]
    state["binary"] = str(binary)
    argv = [binary, "serve", "--data-dir", str(DATA)]
    for flag, address in addresses.items():
        if address != MITOSHI_ADDRESSES[flag][1]:
            argv += [f"--{flag}", address]
    record = processes.spawn(state, "mitoshi", argv + extra, env=None, cwd=DEMO)

    def ready_line():
        with open(record["log"], "rb") as log:
            log.seek(record["log_offset"])
            lines = log.read().decode(errors="replace").splitlines()
        found = [line for line in lines if line.startswith(READY)]
        if not found and any(OTHER_FORMAT in line for line in lines):
            return OTHER_FORMAT
        return found or not processes.alive(record)

    found = web.wait_until(ready_line, READY_SECONDS)
    if found == OTHER_FORMAT:
        # Data of a demo are for looking at, but nobody is to lose them by an update.
        aside = DATA.with_name(f"{DATA.name}-{int(time.time())}")
        web.wait_until(lambda: not processes.alive(record), READY_SECONDS)
        DATA.rename(aside)
        step(f"what is in {DATA} was written by another version of Mitoshi; it is put aside as {aside.name}")
        return start(state, binary, extra)
    if not isinstance(found, list):
        processes.fail(
            "mitoshi", record, "ended before it was ready" if found else f"was not ready in {READY_SECONDS} s"
        )
    state["mitoshi"] = dict(word.partition("=")[::2] for word in found[0][len(READY) :].split())
    step(f"Mitoshi is ready (pid {record['pid']}): {found[0][len(READY) :]}")


def url(state, path="/"):
    return f"http://{reachable(state['mitoshi']['http'])}{path}"


def ask(state, operation, body):
    status, answer = web.call(url(state, f"/{operation}"), body)
    try:
        return status, json.loads(answer or b"{}")
    except ValueError:
        return status, {"message": answer[:200].decode(errors="replace")}


def put_sampling_rules(state):
    """Before any service starts: the SDKs fetch rules at their first request, and then only every 5 minutes."""
    for rule in SAMPLING_RULES:
        status, answer = ask(state, "CreateSamplingRule", {"SamplingRule": {**rule, "Version": 1}})
        if status != 200:  # most likely it exists since an earlier start: the data survives a stop
            status, answer = ask(state, "UpdateSamplingRule", {"SamplingRuleUpdate": rule})
        if status != 200:
            raise DemoError(
                f"Mitoshi refused the sampling rule {rule['RuleName']!r}: HTTP {status} {json.dumps(answer)}"
            )
    step("sampling rules: `health` records nothing, `demo` records everything else")


def wait_for_traces(state, since):
    """Until a trace can be queried that went through every instrumented service. Returns how many there are."""

    def whole_traces():
        body = {"StartTime": since, "EndTime": time.time() + 1}
        status, answer = ask(state, "TraceSummaries", body)
        if status != 200:
            raise DemoError(f"Mitoshi answered TraceSummaries with HTTP {status}: {json.dumps(answer)}")
        summaries = answer.get("TraceSummaries") or []
        return sum(
            INSTRUMENTED <= {service.get("Name") for service in one.get("ServiceIds") or []} for one in summaries
        )

    count = web.wait_until(whole_traces, TRACES_SECONDS, pause=0.5)
    if not count:
        raise DemoError(
            f"no trace with {', '.join(sorted(INSTRUMENTED))} could be queried within {TRACES_SECONDS} s; "
            "see `python3 demo/demo.py status` and the logs in demo/.run/logs"
        )
    return count
