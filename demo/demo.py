#!/usr/bin/env python3
"""The demo of Mitoshi: starts Mitoshi and an instrumented application, and switches two faults on and off.

demo.py up [--mitoshi PATH]   install, start everything, leave it running
demo.py slow | denied | ok    a slow release of Backend #2 | backends lose PutItem | both repaired
demo.py status                what runs, and where
demo.py stop [--purge]        end it; Mitoshi's data stays, unless --purge
"""

import argparse
import os
import shutil
import sys
import time

from runner import canary, docker_runtime, mitoshi, permissions, process_runtime, processes, settings, web
from runner import state as states
from runner.output import DemoError, say, step
from runner.services import NAMES, ORDER, address

RUNTIMES = {"process": process_runtime, "docker": docker_runtime}
FRONTEND_WAIT_SECONDS = 60


def runtime_of(state):
    return RUNTIMES[state["runtime"]]


def application_url(state):
    return f"http://127.0.0.1:{state['settings']['ports']['frontend']}/"


def stopped_parts(state):
    stopped = [name for name in NAMES if not runtime_of(state).is_running(state, name)]
    return stopped + [name for name in ("mitoshi", "load") if not processes.alive(state["processes"].get(name))]


def running():
    """The state of a run whose every part is there."""
    state = states.load()
    if state is None:
        raise DemoError("the demo is not running; start it with `make demo`")
    stopped = stopped_parts(state)
    if stopped:
        raise DemoError(f"not running: {', '.join(stopped)}; start what is missing with `make demo`")
    return state


def up(args):
    state = states.load()
    if state and len(stopped_parts(state)) < len(NAMES) + 2:
        if args.runtime not in ("auto", state["runtime"]):
            raise DemoError(f"the demo runs with --runtime {state['runtime']}; stop it first: make demo-stop")
    else:
        if state:  # everything has died, with the machine for example: nothing of it may stand in the way
            runtime_of(state).stop(state)
        runtime = args.runtime
        if runtime == "auto":
            runtime = "docker" if docker_runtime.engine_version() else "process"
        state = {
            "runtime": runtime,
            "settings": settings.read(runtime),
            "release": {"number": 1, "name": "v1", "delay": 0},
            "processes": {},
        }
        permissions.write(granted=True)
        for log in settings.LOGS.glob("*.log"):
            log.unlink()
    runtime = runtime_of(state)
    binary = mitoshi.find_binary(args.mitoshi)
    step(f"runtime: {state['runtime']}")

    started = []
    mitoshi_runs = processes.alive(state["processes"].get("mitoshi"))
    if not mitoshi_runs:
        mitoshi.check_ports(state)
    runtime.check_ports(state)
    if not all(runtime.is_running(state, name) for name in NAMES):
        runtime.prepare(state)
    if not mitoshi_runs:
        mitoshi.start(state, binary, getattr(runtime, "MITOSHI_FLAGS", []))
        started.append("mitoshi")
    mitoshi.put_sampling_rules(state)

    for wave in ORDER:
        missing = [name for name in wave if not runtime.is_running(state, name)]
        for name in missing:
            runtime.start(state, name)
        for name in missing:
            runtime.wait_healthy(state, name)
        if missing:
            runtime.publish(state)
        started += missing

    since = time.time()
    if not processes.alive(state["processes"].get("load")):
        start_traffic(state)
        started.append("load")
    canary.start(state, application_url(state))
    if not started:
        say("Everything runs already.")
        since -= 60
    states.save(state)
    step("waiting for the first traces that went through every service")
    count = mitoshi.wait_for_traces(state, since)
    step(f"{count} whole traces can be queried")
    say(f"""
The demo is running.

  console       {mitoshi.url(state)}
  application   {application_url(state)}

Next:
  make demo-slow     deploy a slow release of Backend #2
  make demo-denied   take the backends' permission to write to DynamoDB away
  make demo-ok       repair both
  make demo-stop     stop everything (the data stays in {settings.DATA})

Logs: {settings.LOGS}""")


def start_traffic(state):
    variables = {"LOAD_URL": f"{application_url(state)}api/", "LOAD_RATE": state["settings"]["rate"]}
    if state["runtime"] == "process":  # containers have health checks of their own
        variables["LOAD_HEALTH_FILE"] = str(settings.HEALTH_URLS)
    env = processes.clean_environment(variables)
    processes.spawn(state, "load", [sys.executable, str(settings.DEMO / "load/load.py")], env=env, cwd=settings.DEMO)
    step(f"traffic: {state['settings']['rate']} requests a second through the frontend")


def ask_frontend(state):
    """One request as a visitor makes it: (status, seconds)."""
    begun = time.monotonic()
    status, _ = web.call(f"{application_url(state)}api/?user=user-00&tenant=tenant-00", timeout=FRONTEND_WAIT_SECONDS)
    return status, time.monotonic() - begun


def deploy(state, delay):
    release = state["release"]
    number = release["number"] + 1
    state["release"] = {"number": number, "name": f"v{number}", "delay": delay}
    step(f"deploying release v{number} of Backend #2 with DELAY_SECONDS={delay} (was {release['delay']})")
    runtime_of(state).redeploy_backend2(state)
    states.save(state)

    def effective():
        status, seconds = ask_frontend(state)
        return status == 200 and (seconds >= delay if delay else seconds < settings.SLOW_SECONDS) and seconds

    seconds = web.wait_until(effective, FRONTEND_WAIT_SECONDS)
    if not seconds:
        raise DemoError(f"the new release is not effective; see {settings.LOGS / 'backend2.log'}")
    step(f"effective: the application answered with 200 in {seconds:.2f} s")


def slow(args):
    state = running()
    if state["release"]["delay"]:
        say(f"Backend #2 already runs the slow release {state['release']['name']}.")
    else:
        deploy(state, settings.SLOW_SECONDS)
    say(f"""
What to look for in {mitoshi.url(state)}
  - the page and a status-only canary stay fine, and nothing is an error
  - Traces, sorted by response time: new ones take {settings.SLOW_SECONDS} s; filter `responsetime > 4`
  - the segment timeline: the time is spent in Backend #2 itself, not in DynamoDB below it
  - annotation.release = "{state["release"]["name"]}": only the new release is slow

Repair: make demo-ok""")


def change_permission(state, granted):
    changed = permissions.write(granted)
    if not changed:
        say(f"Both backends {'have' if granted else 'lack'} the permission dynamodb:PutItem already.")
        return
    for path in changed:
        step(f"{path.relative_to(settings.RUN)} {'allows' if granted else 'no longer allows'} dynamodb:PutItem")
    if not web.wait_until(lambda: (permissions.granted if granted else permissions.refused)(state), 15):
        raise DemoError(f"the change is not effective; see {settings.LOGS / 'dynamodb.log'}")
    status, _ = ask_frontend(state)
    step(f"effective: DynamoDB {'accepts' if granted else 'refuses'} both backends; the application answers {status}")


def denied(args):
    state = running()
    change_permission(state, granted=False)
    say(f"""
What to look for in {mitoshi.url(state)}
  - the page still looks right and answers 200
  - the trace map: the edges from Backend #1 and Backend #2 to DynamoDB show faults
  - Traces: filter `service("last-access") {{ fault }}`, open one, choose the DynamoDB subsegment
  - its Exceptions tab: AccessDeniedException for dynamodb:PutItem, with role, table and stack

Repair: make demo-ok""")


def ok(args):
    state = running()
    if state["release"]["delay"]:
        deploy(state, 0)
    else:
        say("Backend #2 has no delay already.")
    change_permission(state, granted=True)
    say(f"\nNothing is wrong any more. New traces in {mitoshi.url(state)} are fast and without faults.")


def status(args):
    state = states.load()
    if state is None:
        say("The demo is not running; start it with `make demo`.")
        return
    runtime = runtime_of(state)
    say(f"runtime  {state['runtime']}")
    mitoshi_url = mitoshi.url(state) if "mitoshi" in state else "not ready"
    rows = [("mitoshi", processes.alive(state["processes"].get("mitoshi")), mitoshi_url)]
    rows += [(name, runtime.is_running(state, name), f"http://{address(state, name)}/") for name in NAMES]
    rows.append(
        ("load", processes.alive(state["processes"].get("load")), f"{state['settings']['rate']} requests a second")
    )
    for name, runs, where in rows:
        record = state["processes"].get(name)
        what = f"pid {record['pid']}" if record else ("container" if runs else "-")
        say(f"  {name:<9} {'running' if runs else 'STOPPED':<8} {what:<12} {where}")
    if not all(runs for _, runs, _ in rows):
        say("Start what is stopped with `make demo`.")
        return
    release = state["release"]
    say(f"Backend #2  release {release['name']}, delay {release['delay']} s")
    say(f"PutItem     {'allowed' if permissions.granted(state) else 'DENIED'}")


def stop(args):
    state = states.load()
    if state is None:
        say("The demo is not running.")
    else:
        for name in ("load", None, "mitoshi"):  # Mitoshi last: it takes the services' last segments
            if name is None:
                runtime_of(state).stop(state)
                continue
            record = state["processes"].get(name)
            outcome = record and processes.stop(record)
            if outcome:
                step(f"{name} {outcome} (pid {record['pid']})")
        settings.STATE.unlink()
    if args.purge:
        shutil.rmtree(settings.DATA, ignore_errors=True)
        step(f"removed Mitoshi's data in {settings.DATA}")
    elif settings.DATA.exists():
        say(f"Mitoshi's data stays in {settings.DATA}; `python3 demo/demo.py stop --purge` removes it.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["up", "stop", "slow", "denied", "ok", "status"])
    parser.add_argument("--mitoshi", metavar="PATH", default=os.environ.get("MITOSHI"), help="the mitoshi binary (up)")
    parser.add_argument("--runtime", choices=["auto", *RUNTIMES], default=os.environ.get("DEMO_RUNTIME", "auto"))
    parser.add_argument("--purge", action="store_true", help="remove Mitoshi's data too (stop)")
    args = parser.parse_args()
    if sys.version_info < (3, 11):
        sys.exit("demo: Python 3.11 or newer is needed")
    command = {"up": up, "stop": stop, "slow": slow, "denied": denied, "ok": ok, "status": status}[args.command]
    try:
        if args.command == "status":
            status(args)
        else:
            with states.locked():
                command(args)
    except DemoError as error:
        sys.exit(f"demo: {error}")
    except OSError as error:
        sys.exit(f"demo: {error}; the logs are in {settings.LOGS}")
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; `make demo-stop` ends what was started")


if __name__ == "__main__":
    main()
