"""Where things are and which ports they use. Every port can be changed by an environment variable."""

import os
from pathlib import Path

from .output import DemoError

DEMO = Path(__file__).resolve().parent.parent
SERVICES = DEMO / "services"
RUN = Path(os.environ.get("DEMO_RUN_DIR", DEMO / ".run")).resolve()  # state, logs, policies, Mitoshi's data
CACHE = DEMO / ".cache"  # installed packages; survives every stop
LOGS = RUN / "logs"
DATA = RUN / "data"
POLICIES = RUN / "policies"
STATE = RUN / "state.json"
NAME_FOLDER = RUN / "names"
HOSTS = NAME_FOLDER / "hosts"  # the address of each service, for those that call it by name
HEALTH_URLS = RUN / "health-urls"  # runtime `process`: what the health checks ask

REGION = "ap-northeast-1"
ACCOUNT = "123456789012"
TABLE = "last-access"
SLOW_SECONDS = 5

# name: (variable, default)
PORTS = {
    "frontend": ("DEMO_FRONTEND_PORT", 8080),
    "bff": ("DEMO_BFF_PORT", 8081),
    "backend1": ("DEMO_BACKEND1_PORT", 8082),
    "backend2": ("DEMO_BACKEND2_PORT", 8083),
    "dynamodb": ("DEMO_DYNAMODB_PORT", 8084),
}
# flag of `mitoshi serve`: (variable, default)
MITOSHI_ADDRESSES = {
    "http": ("DEMO_MITOSHI_HTTP", "127.0.0.1:2001"),
    "daemon": ("DEMO_MITOSHI_DAEMON", "127.0.0.1:2000"),
    "otlp-grpc": ("DEMO_MITOSHI_OTLP_GRPC", "127.0.0.1:4317"),
    "otlp-http": ("DEMO_MITOSHI_OTLP_HTTP", "127.0.0.1:4318"),
}


def read(runtime):
    """The settings of a new run. They are kept in the state, so the later commands need no variables."""
    ports = {}
    for name, (variable, default) in PORTS.items():
        try:
            ports[name] = int(os.environ.get(variable, default))
        except ValueError:
            raise DemoError(f"{variable} must be a port number, not {os.environ[variable]!r}") from None
    addresses = {flag: os.environ.get(variable, default) for flag, (variable, default) in MITOSHI_ADDRESSES.items()}
    if runtime == "docker" and "DEMO_MITOSHI_DAEMON" not in os.environ:
        # Containers reach the host through its bridge address, never through loopback.
        addresses["daemon"] = "0.0.0.0:2000"
    for flag, address in addresses.items():
        if not address.rpartition(":")[2].isdigit():
            raise DemoError(f"{MITOSHI_ADDRESSES[flag][0]} must be HOST:PORT, not {address!r}")
    return {"ports": ports, "mitoshi": addresses, "rate": os.environ.get("DEMO_RATE", "3")}


def reachable(address):
    """The address to call for one that a server listens on."""
    return address.replace("0.0.0.0:", "127.0.0.1:")
