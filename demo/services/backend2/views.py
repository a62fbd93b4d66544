"""Backend #2 (Django): greets, and stores the time of the last access in DynamoDB."""

import logging
import time
from datetime import datetime, timezone

import boto3
from aws_xray_sdk.core import xray_recorder
from botocore.exceptions import ClientError
from django.conf import settings
from django.http import JsonResponse

log = logging.getLogger("backend2")

# AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL_DYNAMODB come from the environment.
table = boto3.resource("dynamodb").Table(settings.TABLE)


def remember_access(now):
    # The answer does not depend on this write, so a failure is logged and not passed on. That is what makes a lost
    # permission invisible from outside: every page still looks right.
    try:
        table.put_item(Item={"service": settings.SERVICE, "last_access": now})
    except Exception as error:
        reason = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        did = "refused" if reason == "AccessDeniedException" else "failed"
        message = "DynamoDB %s to store the last access in the table %s: %s"
        fields = {"table": settings.TABLE, "reason": reason}
        log.exception(message, did, settings.TABLE, reason, extra={"fields": fields})


def index(request):
    tenant = request.headers.get("x-demo-tenant", "public")
    segment = xray_recorder.current_segment()
    segment.set_user(request.headers.get("x-demo-user", "guest"))
    segment.put_annotation("tenant", tenant)
    segment.put_annotation("release", settings.RELEASE)

    if settings.DELAY_SECONDS:
        time.sleep(settings.DELAY_SECONDS)
        fields = {"delay_seconds": settings.DELAY_SECONDS, "release": settings.RELEASE}
        log.warning("slow: waited %g s before writing", settings.DELAY_SECONDS, extra={"fields": fields})
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    remember_access(now)
    message = f"Hello from {settings.SERVICE}"
    return JsonResponse({"service": settings.SERVICE, "framework": "Django", "message": message, "time": now})


def health(request):
    return JsonResponse({"status": "ok", "release": settings.RELEASE})
