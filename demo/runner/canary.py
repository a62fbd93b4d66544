"""The canary that looks at the page as a visitor does, and its alarms."""

import json

from . import web
from .mitoshi import url
from .output import DemoError, step

NAME = "shop-page"
MEMBERS = {
    "Code": {"BlueprintTypes": ["heartbeat"]},
    "Schedule": {"Expression": "rate(1 minute)"},
    "RunConfig": {"TimeoutInSeconds": 60, "ActiveTracing": True},
    "RuntimeVersion": "mitoshi-1.0",
    "ArtifactS3Location": "s3://cw-syn-results",
    "ExecutionRoleArn": "arn:aws:iam::000000000000:role/mitoshi",
}
CLOUDWATCH = "GraniteServiceVersion20100801"
# A page that is slower than this is slow whatever it was before: it rings while the usual band is still being learned.
SLOW_MS = 3000


def _metric(name, statistic):
    metric = {
        "Namespace": "CloudWatchSynthetics",
        "MetricName": name,
        "Dimensions": [{"Name": "CanaryName", "Value": NAME}],
    }
    return {"Metric": metric, "Period": 60, "Stat": statistic}


def _plain(name, statistic, comparison, threshold, periods=1):
    stat = _metric(name, statistic)
    return {
        **stat["Metric"],
        "Statistic": statistic,
        "Period": 60,
        "EvaluationPeriods": periods,
        "ComparisonOperator": comparison,
        "Threshold": threshold,
        "TreatMissingData": "notBreaching",
    }


ALARMS = {
    1: ("Fewer than 90 % of the looks at the page succeed.", _plain("SuccessPercent", "Average", "LessThanThreshold", 90)),
    2: (
        "The page takes longer than it usually does.",
        {
            "Metrics": [
                {"Id": "m1", "MetricStat": _metric("Duration", "Average"), "ReturnData": True},
                {"Id": "ad1", "Expression": "ANOMALY_DETECTION_BAND(m1, 4)", "ReturnData": True},
            ],
            "ThresholdMetricId": "ad1",
            "ComparisonOperator": "GreaterThanUpperThreshold",
            "EvaluationPeriods": 2,
            "TreatMissingData": "notBreaching",
        },
    ),
    3: ("Something that the page asks for fails.", _plain("5xx", "Sum", "GreaterThanThreshold", 0)),
    4: ("The page takes longer than three seconds.", _plain("Duration", "Average", "GreaterThanThreshold", SLOW_MS)),
}


def start(state, page):
    """Makes it, or changes the one of an earlier start: the data survives a stop."""
    members = {**MEMBERS, "Code": {**MEMBERS["Code"], "BlueprintConfig": {"urls": [{"url": page, "name": "page"}]}}}
    status, answer = web.call(url(state, "/canary"), {"Name": NAME, **members})
    if status == 409:
        status, answer = web.call(url(state, f"/canary/{NAME}"), members, method="PATCH")
    if status != 200:
        raise DemoError(f"Mitoshi refused the canary: HTTP {status} {answer[:300].decode(errors='replace')}")
    status, answer = web.call(url(state, f"/canary/{NAME}/start"), {})
    if status not in (200, 409):  # it runs already
        raise DemoError(f"the canary does not start: HTTP {status} {answer[:300].decode(errors='replace')}")
    for number, (description, alarm) in ALARMS.items():
        body = {"AlarmName": f"Synthetics-Alarm-{NAME}-{number}", "AlarmDescription": description, **alarm}
        status, answer = web.call(url(state), body, {"X-Amz-Target": f"{CLOUDWATCH}.PutMetricAlarm"})
        if status != 200:
            raise DemoError(f"Mitoshi refused an alarm: HTTP {status} {answer[:300].decode(errors='replace')}")
    _, setup = web.call(url(state, "/api/canary-setup"))
    message = json.loads(setup)["Browser"]["Message"]
    looks = f"asks for it ({message})" if message else "loads it in a browser"
    step(f"canary {NAME}: {looks} each minute, watched by {len(ALARMS)} alarms")
