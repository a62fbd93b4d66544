"""Runtime `docker`: every service is a task as on ECS: a pause container that owns the network, the service in it."""

import os
import re
import secrets
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor

from . import install, processes, web
from . import state as states
from .output import DemoError, step, timed
from .services import NAMES, address, environment
from .settings import ACCOUNT, CACHE, DEMO, HOSTS, LOGS, NAME_FOLDER, POLICIES, PORTS, REGION, SERVICES

# Mitoshi takes segments from outside loopback only from networks that it has been told; Docker's are in these.
MITOSHI_FLAGS = ["--daemon-allow", "127.0.0.0/8,172.16.0.0/12,192.168.0.0/16"]
BASE = "debian:bookworm-slim"
NODE = "mitoshi-demo/node"
NETWORK = "mitoshi-demo"
CLUSTER = "mitoshi-demo"
MARK = "mitoshi.demo"  # label on everything that this program makes, so that `stop` finds exactly that
HOST = "host.docker.internal"
MEMORY = {"frontend": "64m", "bff": "192m", "backend1": "256m", "backend2": "256m", "dynamodb": "256m"}
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def _clients():
    if "DEMO_DOCKER" in os.environ:
        return [os.environ["DEMO_DOCKER"]]
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return list(dict.fromkeys(filter(None, (shutil.which("docker", path=folder) for folder in folders))))


def _output(argv, timeout=20):
    """What the command prints, or None when it fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def engine_version():
    """The version of the Docker Engine that answers, or None."""
    return next(
        filter(None, (_output([client, "version", "-f", "{{.Server.Version}}"], 5) for client in _clients())), None
    )


def _client_that_builds():
    """BuildKit is part of the client up to version 22; later ones need the buildx component."""
    for client in _clients():
        major = re.search(r"version (\d+)", _output([client, "--version"]) or "")
        if _output([client, "buildx", "version"]) or (major and int(major[1]) < 23):
            return client
    raise DemoError(
        "no docker client with BuildKit was found: install docker-buildx, or name a client with DEMO_DOCKER"
    )


def docker(*argv):
    """Runs one docker command and returns its output."""
    done = subprocess.run([_clients()[0], *map(str, argv)], capture_output=True, text=True)
    if done.returncode != 0:
        raise DemoError(f"docker {argv[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _inspect(name, template):
    return _output([*_clients()[:1], "inspect", "-f", template, name])


# Images


def _is_current(client, name, content):
    template = f'{{{{index .Config.Labels "{MARK}"}}}}'
    return _output([client, "image", "inspect", "-f", template, f"mitoshi-demo/{name}"]) == content


def _build(client, name, folder, content, *options):
    argv = [client, "build", "-t", f"mitoshi-demo/{name}", "--label", f"{MARK}={content}", *options]
    if os.path.exists(CA_BUNDLE):
        argv += ["--secret", f"id=ca,src={CA_BUNDLE}"]
    with timed(f"image mitoshi-demo/{name} built"):
        install.run(f"image-{name}", [*argv, folder], DOCKER_BUILDKIT="1")


def _service_image(client, name, below=""):
    """Builds a service's image unless there is one of the same files on the same Node.js (`below`)."""
    folder = SERVICES / name
    made = {"node_modules", "__pycache__"}
    files = sorted(path for path in folder.rglob("*") if path.is_file() and made.isdisjoint(path.parts))
    content = install.digest(below.encode(), *files)
    if not _is_current(client, name, content):
        _build(client, name, folder, content)


def _node_image(client):
    """Builds the image with this machine's Node.js unless it is there. Returns a digest of what is in it."""
    program, version = install.node()
    dockerfile = DEMO / "docker/node.Dockerfile"
    content = install.digest(version.encode(), dockerfile)
    if not _is_current(client, "node", content):
        npm = os.path.realpath(shutil.which("npm"))  # …/npm/bin/npm-cli.js
        with tempfile.TemporaryDirectory(dir=CACHE) as context:
            shutil.copy(os.path.realpath(program), f"{context}/node")
            shutil.copytree(os.path.dirname(os.path.dirname(npm)), f"{context}/npm")
            _build(client, "node", context, content, "-f", dockerfile)
    return content


def prepare(state):
    if not engine_version():
        raise DemoError("no Docker Engine answers; start it, or use --runtime process")
    CACHE.mkdir(exist_ok=True)
    client = _client_that_builds()
    if not _output([client, "image", "inspect", "-f", "{{.Id}}", BASE]):
        with timed(f"image {BASE} fetched or built"):
            if not install.run("image-base", [client, "pull", BASE], check=False):
                install.run("image-base", [DEMO / "docker/build-base.sh", BASE])

    def node_services():
        content = _node_image(client)
        for name in ("bff", "dynamodb"):
            _service_image(client, name, below=content)

    def python_services():
        for name in ("backend1", "backend2"):  # in turn: the second finds the first one's Python layer
            _service_image(client, name)

    with ThreadPoolExecutor() as pool:
        jobs = [pool.submit(node_services), pool.submit(python_services)]
        jobs.append(pool.submit(_service_image, client, "frontend"))
    for job in jobs:
        job.result()
    if not _output([client, "network", "inspect", NETWORK]):
        docker("network", "create", "--label", f"{MARK}=network", NETWORK)


# Tasks


def daemon_address(state):
    return f"{HOST}:{state['mitoshi']['daemon'].rpartition(':')[2]}"


def _task(state, name):
    return state.get("tasks", {}).get(name)


def is_running(state, name):
    task = _task(state, name)
    if not task:
        return False
    return _has_network(task) and _inspect(task["app"], "{{.State.Running}}") == "true"


def _has_network(task):
    return bool(task) and _inspect(task["pause"], "{{.State.Running}}") == "true"


def check_ports(state):
    for name in NAMES:
        if not _has_network(_task(state, name)):
            host, _, port = address(state, name).partition(":")
            processes.require_free_port(int(port), name, PORTS[name][0], host=host)


def publish(state):
    """Tells the BFF where its backends are: this runtime's name service.

    A network alias would send calls to a new task before it is healthy.
    """
    template = f'{{{{(index .NetworkSettings.Networks "{NETWORK}").IPAddress}}}}'
    lines = [f"{_inspect(task['pause'], template)} {name}\n" for name, task in state["tasks"].items()]
    NAME_FOLDER.mkdir(parents=True, exist_ok=True)
    draft = HOSTS.with_suffix(".tmp")
    draft.write_text("".join(lines))
    draft.replace(HOSTS)


def _labels(task, container):
    values = {
        "cluster": CLUSTER,
        "container-name": container,
        "task-arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{task['id']}",
        "task-definition-family": task["family"],
        "task-definition-version": task["version"],
    }
    words = [f"com.amazonaws.ecs.{key}={value}" for key, value in values.items()] + [f"{MARK}=container"]
    # Of which service a task is, ECS's labels do not say.
    words.append(f"mitoshi.service={task['family']}")
    return [word for label in words for word in ("--label", label)]


def start(state, name):
    """Starts a service, in the network that it had where that is still there: callers keep the address."""
    task = _task(state, name)
    if _has_network(task):
        _remove_container(task, "app", patience=1)
    else:
        _remove(task)
        task = _new_task(state, name)
    _run(state, name, task)


def _new_task(state, name):
    version = str(state["release"]["number"]) if name == "backend2" else "1"
    stem = f"mitoshi-demo-{name}-{version}"
    task = {"id": secrets.token_hex(16), "family": name, "version": version, "pause": f"{stem}-pause", "app": stem}
    state.setdefault("tasks", {})[name] = task
    states.save(state)

    host, _, port = address(state, name).partition(":")
    alias = [] if name == "backend2" else ["--network-alias", name]
    docker(
        "run", "-d", "--init", "--name", task["pause"], "--network", NETWORK, *alias,
        "--add-host", f"{HOST}:host-gateway", "-p", f"{host}:{port}:80", "--cpus", "0.1", "--memory", "16m",
        *_labels(task, "~internal~ecs~pause"), BASE, "sleep", "infinity",
    )  # fmt: skip
    return task


def _run(state, name, task):
    own = environment(
        name,
        addresses={service: service for service in NAMES},
        daemon=daemon_address(state),
        release=state["release"],
    )
    mounts = []
    if name == "bff":
        own["HOSTS_FILE"] = f"/run/names/{HOSTS.name}"
        mounts = ["-v", f"{NAME_FOLDER}:/run/names:ro"]
    if name == "dynamodb":
        own["POLICY_DIR"] = "/run/policies"
        mounts = ["-v", f"{POLICIES}:/run/policies:ro"]
    docker(
        "run", "-d", "--init", "--name", task["app"], "--network", f"container:{task['pause']}",
        "--cpus", "0.5", "--memory", MEMORY[name], *_labels(task, name), *mounts,
        *(word for pair in own.items() for word in ("-e", "=".join(pair))),
        "--health-cmd", "curl -fsS http://127.0.0.1/health", "--health-interval", "10s", "--health-timeout", "3s",
        "--health-retries", "3", "--health-start-period", "10s", "--log-opt", "max-size=10m", f"mitoshi-demo/{name}",
    )  # fmt: skip


def wait_healthy(state, name, seconds=60):
    task = _task(state, name)

    def answered():
        return "dead" if _inspect(task["app"], "{{.State.Running}}") != "true" else web.healthy(address(state, name))

    outcome = web.wait_until(answered, seconds, pause=0.3)
    if outcome is not True:
        _keep_log(task)
        what = "ended instead of starting" if outcome == "dead" else f"did not become healthy in {seconds} s"
        processes.fail(name, {"log": LOGS / f"{name}.log"}, what)
    step(f"{name} is healthy: {address(state, name)} (container {task['app']})")


def redeploy_backend2(state):
    """A rolling deployment: the new task answers before the BFF learns of it and the old one stops. No call fails."""
    old = _task(state, "backend2")
    _run(state, "backend2", _new_task(state, "backend2"))
    wait_healthy(state, "backend2")
    publish(state)
    _remove(old)


def _keep_log(task):
    with open(LOGS / f"{task['family']}.log", "ab") as log:
        subprocess.run([_clients()[0], "logs", task["app"]], stdout=log, stderr=log)


def _remove(task):
    if task:
        # The service first, with time to answer what it has begun; the network that it lives in after that.
        _remove_container(task, "app", patience=25)
        _remove_container(task, "pause", patience=1)


def _remove_container(task, role, patience):
    name = task[role]
    if _inspect(name, "{{.State.Status}}"):
        docker("stop", "-t", patience, name)
        if role == "app":
            _keep_log(task)
        docker("rm", "-f", name)


def stop(state):
    for name in reversed(NAMES):
        task = _task(state, name)
        if task:
            _remove(task)
            step(f"{name} removed (container {task['app']})")
    # What an interrupted deployment may have left behind.
    found = _output([*_clients()[:1], "ps", "-aq", "--filter", f"label={MARK}=container"]) or ""
    for container in found.split():
        docker("rm", "-f", container)
    if _inspect(NETWORK, "{{.Name}}"):
        docker("network", "rm", NETWORK)
