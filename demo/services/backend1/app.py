"""Backend #1 (Flask): greets, and stores the time of the last access in DynamoDB."""

import logging
import os
from datetime import datetime, timezone

import boto3
from aws_xray_sdk.core import patch, xray_recorder
from aws_xray_sdk.ext.flask.middleware import XRayMiddleware
from flask import Flask, request

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("backend1")

SERVICE = "Backend #1"
TABLE = os.environ.get("TABLE_NAME", "last-access")

patch(["boto3"])
app = Flask(__name__)
xray_recorder.configure(service=SERVICE)
XRayMiddleware(app, xray_recorder)

# AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL_DYNAMODB come from the environment.
table = boto3.resource("dynamodb").Table(TABLE)


def remember_access(now):
    # The answer does not depend on this write, so a failure is logged and not passed on. That is what makes a lost
    # permission invisible from outside: every page still looks right.
    try:
        table.put_item(Item={"service": SERVICE, "last_access": now})
    except Exception as error:
        log.error("could not store the last access: %s, trace=%s", error, xray_recorder.current_segment().trace_id)


@app.get("/")
def index():
    tenant = request.headers.get("x-demo-tenant", "public")
    segment = xray_recorder.current_segment()
    segment.set_user(request.headers.get("x-demo-user", "guest"))
    segment.put_annotation("tenant", tenant)

    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    remember_access(now)
    return {"service": SERVICE, "framework": "Flask", "message": f"Hello from {SERVICE}", "time": now}


@app.get("/health")
def health():
    return {"status": "ok"}
