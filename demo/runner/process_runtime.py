"""Runtime `process`: every service is a plain process on loopback."""

import os
import time

from . import install, processes, web
from .output import step
from .services import NAMES, address, environment
from .settings import HEALTH_URLS, HOSTS, NAME_FOLDER, POLICIES, PORTS, RUN, SERVICES, reachable

NGINX_RUN = RUN / "nginx"
CLUSTER = "mitoshi-demo"
PREVIOUS = "backend2 (previous release)"


def prepare(state):
    state["programs"] = install.everything()


def publish(state):
    """Tells callers and health checks where the services are now: this runtime's name service."""
    places = {name: address(state, name) for name in NAMES}
    texts = {
        HOSTS: "".join(f"{place.partition(':')[0]} {name}\n" for name, place in places.items()),
        HEALTH_URLS: "".join(f"http://{place}/health\n" for place in places.values()),
    }
    NAME_FOLDER.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        draft = path.with_suffix(".tmp")
        draft.write_text(text)
        draft.replace(path)


def daemon_address(state):
    return state["mitoshi"]["daemon"]


def is_running(state, name):
    return processes.alive(state["processes"].get(name))


def check_ports(state):
    for name in NAMES:
        if not is_running(state, name):
            host, _, port = address(state, name).partition(":")
            processes.require_free_port(int(port), name, PORTS[name][0], host=host)


def _nginx_configuration(ports):
    NGINX_RUN.mkdir(parents=True, exist_ok=True)
    values = {
        "RUN": NGINX_RUN,
        "ROOT": SERVICES / "frontend/site",
        "LISTEN": f"127.0.0.1:{ports['frontend']}",
        "BFF": f"127.0.0.1:{ports['bff']}",
    }
    text = (SERVICES / "frontend/nginx.conf.template").read_text()
    for name, value in values.items():
        text = text.replace(f"${{{name}}}", str(value))
    target = NGINX_RUN / "nginx.conf"
    target.write_text(text)
    return target


def _command(state, name):
    programs = state["programs"]
    if name == "frontend":
        argv = [programs["nginx"], "-p", str(NGINX_RUN), "-e", "stderr"]
        argv += ["-c", str(_nginx_configuration(state["settings"]["ports"]))]
        # A master that runs as root gives its workers to `nobody`, who may not be able to read this folder.
        return argv + (["-g", "user root;"] if os.geteuid() == 0 else [])
    if name == "backend1":
        return [f"{programs['python']}/gunicorn", "app:app"]
    if name == "backend2":
        return [f"{programs['python']}/gunicorn", "wsgi:application"]
    return [programs["node"], "server.js"]


def start(state, name):
    ports = state["settings"]["ports"]
    # The BFF calls its backends by name, as in a container network; `publish` says where the names lead.
    addresses = {
        "dynamodb": f"127.0.0.1:{ports['dynamodb']}",
        "backend1": f"backend1:{ports['backend1']}",
        "backend2": f"backend2:{ports['backend2']}",
    }
    own = environment(name, addresses=addresses, daemon=daemon_address(state), release=state["release"])
    own |= {"PORT": str(ports[name]), "BIND": address(state, name).partition(":")[0]}
    if name == "bff":
        own["HOSTS_FILE"] = str(HOSTS)
    if name == "dynamodb":
        own["POLICY_DIR"] = str(POLICIES)
    # Under `mitoshi run`, so that the console's Containers page knows what each service uses.
    argv = [state["binary"], "run", "--server", f"http://{reachable(state['mitoshi']['http'])}", "--cluster", CLUSTER]
    argv += ["--service", name, "--", *_command(state, name)]
    env = processes.clean_environment(own)
    return processes.spawn(state, name, argv, env=env, cwd=SERVICES / name)


def wait_healthy(state, name, seconds=60):
    record = state["processes"][name]
    place = address(state, name)

    def answered():
        return "dead" if not processes.alive(record) else web.healthy(place)

    outcome = web.wait_until(answered, seconds)
    if outcome == "dead":
        processes.fail(name, record, "ended instead of starting")
    if not outcome:
        processes.fail(name, record, f"did not become healthy in {seconds} s")
    step(f"{name} is healthy: {place} (pid {record['pid']})")


def redeploy_backend2(state):
    """A rolling deployment: the new release answers before callers learn of it and the old one stops. None fails."""
    old = state["processes"].get("backend2")
    if old:
        state["processes"][PREVIOUS] = old
    start(state, "backend2")
    wait_healthy(state, "backend2")
    publish(state)
    if old:
        time.sleep(0.2)  # a call that has just looked the old address up still gets through
        processes.stop(old)
        del state["processes"][PREVIOUS]


def stop(state):
    for name in [PREVIOUS, *reversed(NAMES)]:
        record = state["processes"].get(name)
        outcome = record and processes.stop(record)
        if outcome:
            step(f"{name} {outcome} (pid {record['pid']})")
