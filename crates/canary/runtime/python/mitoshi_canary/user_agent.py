"""The canary names itself to the sites it visits: `CloudWatchSynthetics/<arn>` plus what the script adds."""

from . import environment

PRODUCT = "CloudWatchSynthetics/"
_added = []


def text() -> str:
    return " ".join([PRODUCT + environment.ARN, *_added])


def add(more: str):
    _added.append(more)
