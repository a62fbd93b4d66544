"""Backend #1 (Flask): greets, and stores the time of the last access in DynamoDB."""

import logging
import os
import time
from datetime import datetime, timezone

import boto3
from aws_xray_sdk.core import patch, xray_recorder
from aws_xray_sdk.ext.flask.middleware import XRayMiddleware
from botocore.exceptions import ClientError
from flask import Flask, g, request

import json_log

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
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        did = "refused" if reason == "AccessDeniedException" else "failed"
        message = "DynamoDB %s to store the last access in the table %s: %s"
        log.exception(message, did, TABLE, reason, extra={"fields": {"table": TABLE, "reason": reason}})


@app.before_request
def start_clock():
    g.started = time.perf_counter()


@app.after_request
def log_request(response):
    # Flask goes through these in reverse: the X-Ray middleware's come later, so the segment is still there.
    json_log.log_request(log, request.method, request.path, response.status_code, g.started)
    return response


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
