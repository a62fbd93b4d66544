"""The services of the demo: what each one is told by its environment, in either runtime."""

from .settings import ACCOUNT, REGION, TABLE

# Started in this order; what is in one tuple starts together.
ORDER = [("dynamodb",), ("backend1", "backend2"), ("bff",), ("frontend",)]
NAMES = [name for wave in ORDER for name in wave]

INSTRUMENTED = {"BFF", "Backend #1", "Backend #2"}  # segment names, as the console shows them


def address(state, name):
    """Where a service answers on this machine. Releases of Backend #2 take turns, so that old and new can overlap."""
    host = f"127.0.0.{2 - state['release']['number'] % 2}" if name == "backend2" else "127.0.0.1"
    return f"{host}:{state['settings']['ports'][name]}"


def environment(name, *, addresses, daemon, release):
    """`addresses` gives host:port of each service as its callers see it; `daemon` is Mitoshi's X-Ray address."""
    if name == "dynamodb":
        return {"TABLE_NAME": TABLE, "AWS_DEFAULT_REGION": REGION, "AWS_ACCOUNT_ID": ACCOUNT}
    if name == "bff":
        return {
            "AWS_XRAY_DAEMON_ADDRESS": daemon,
            "BACKEND1_URL": f"http://{addresses['backend1']}/",
            "BACKEND2_URL": f"http://{addresses['backend2']}/",
        }
    if name in ("backend1", "backend2"):
        own = {
            "AWS_XRAY_DAEMON_ADDRESS": daemon,
            "AWS_ENDPOINT_URL_DYNAMODB": f"http://{addresses['dynamodb']}",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": f"demo-{name}",  # a name in services/dynamodb/credentials.json, not a secret
            "AWS_SECRET_ACCESS_KEY": "demo",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TABLE_NAME": TABLE,
            "PYTHONUNBUFFERED": "1",
        }
        if name == "backend2":
            own |= {"DELAY_SECONDS": str(release["delay"]), "RELEASE": release["name"]}
        return own
    return {}
