"""A Flask service with X-Ray's SDK, beside a service that OpenTelemetry instruments: back.py DAEMON_ADDRESS [NEXT_URL].

Prints its port, then serves. With NEXT_URL, every request calls that too.
"""

import sys

import requests
from aws_xray_sdk.core import patch, xray_recorder
from aws_xray_sdk.ext.flask.middleware import XRayMiddleware
from flask import Flask
from werkzeug.serving import make_server

app = Flask(__name__)
xray_recorder.configure(service="xray-back", daemon_address=sys.argv[1], sampling=False, context_missing="LOG_ERROR")
XRayMiddleware(app, xray_recorder)
patch(["requests"])


@app.get("/<path:path>")
def page(path):
    if path.startswith("broken"):
        raise ValueError("the back is broken")
    if len(sys.argv) > 2:
        requests.get(f"{sys.argv[2]}/{path}", timeout=10)
    return {"path": path}


server = make_server("127.0.0.1", 0, app, threaded=True)
print(f"port {server.port}", flush=True)
server.serve_forever()
