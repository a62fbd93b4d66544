"""What the parent process told this run, read once so that no other file looks at MITOSHI_CANARY_* by itself."""

import os

HANDLER = os.environ.get("MITOSHI_CANARY_HANDLER", "")
CODE = os.environ.get("MITOSHI_CANARY_CODE") or os.getcwd()
ARTIFACTS = os.environ.get("MITOSHI_CANARY_ARTIFACTS") or os.getcwd()
NAME = os.environ.get("MITOSHI_CANARY_NAME") or "canary"
RUN_ID = os.environ.get("MITOSHI_CANARY_RUN_ID", "")
ARN = os.environ.get("MITOSHI_CANARY_ARN", "")
REGION = os.environ.get("MITOSHI_CANARY_REGION") or os.environ.get("AWS_REGION") or "us-east-1"
CHROME = os.environ.get("MITOSHI_CANARY_CHROME", "")
CHROMEDRIVER = os.environ.get("MITOSHI_CANARY_CHROMEDRIVER", "")
TRACE_HEADER = os.environ.get("MITOSHI_CANARY_TRACE_HEADER", "")
RUNTIME_VERSION = os.environ.get("MITOSHI_CANARY_RUNTIME_VERSION") or "syn-python-selenium-10.0"
# The scratch folder; kept because a script may change its working directory.
SCRATCH = os.getcwd()

TRACE_NAME = "X-Amzn-Trace-Id"


def trace_headers() -> dict:
    """The header that active tracing adds to requests. The Parent id is kept: the server writes the segment with that id."""
    return {TRACE_NAME: TRACE_HEADER} if TRACE_HEADER else {}
