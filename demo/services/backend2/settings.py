"""Settings of Backend #2: everything that differs between deployments comes from the environment."""

import os
import secrets

SECRET_KEY = secrets.token_urlsafe(32)  # nothing is signed or kept between starts
DEBUG = False
ALLOWED_HOSTS = ["*"]  # the service listens on loopback or inside its task's network only
ROOT_URLCONF = "urls"
USE_TZ = True

INSTALLED_APPS = ["aws_xray_sdk.ext.django"]
# In this order: a request is logged while its segment is open.
MIDDLEWARE = ["aws_xray_sdk.ext.django.middleware.XRayMiddleware", "middleware.log_requests"]
XRAY_RECORDER = {
    "AWS_XRAY_TRACING_NAME": "Backend #2",
    "PATCH_MODULES": ["boto3"],
    "AUTO_INSTRUMENT": False,  # no templates and no SQL here
}

LOGGING_CONFIG = None  # gunicorn.conf.py has done it: one handler for all

SERVICE = "Backend #2"
TABLE = os.environ.get("TABLE_NAME", "last-access")
RELEASE = os.environ.get("RELEASE", "1")  # the deployment that this process belongs to
# Time that every answer waits, in seconds: the slow release of the demo sets 5.
DELAY_SECONDS = float(os.environ.get("DELAY_SECONDS", "0"))
