"""The policy documents of the two backends: the permission to write is taken away and given back here."""

import json

from . import web
from .settings import POLICIES, SERVICES, TABLE

SOURCE = SERVICES / "dynamodb/policies"
STATEMENT = "StoreLastAccess"


def documents():
    return sorted(SOURCE.glob("*.json"))


def write(granted):
    """Writes every policy document, whole or without its statement that allows PutItem. Returns what changed."""
    POLICIES.mkdir(parents=True, exist_ok=True)
    changed = []
    for source in documents():
        document = json.loads(source.read_text())
        if not granted:
            document["Statement"] = [one for one in document["Statement"] if one["Sid"] != STATEMENT]
        target = POLICIES / source.name
        text = json.dumps(document, indent=2) + "\n"
        if target.exists() and target.read_text() == text:
            continue
        draft = target.with_suffix(".tmp")
        draft.write_text(text)
        draft.replace(target)  # in one go: the permission check never reads half a document
        changed.append(target)
    return changed


def granted(state):
    """Whether every backend may write now, asked of DynamoDB itself with each backend's access key."""
    return all(_may_write(state, key) for key in json.loads((SERVICES / "dynamodb/credentials.json").read_text()))


def refused(state):
    return not any(_may_write(state, key) for key in json.loads((SERVICES / "dynamodb/credentials.json").read_text()))


def _may_write(state, access_key):
    status, _ = web.call(
        f"http://127.0.0.1:{state['settings']['ports']['dynamodb']}/",
        {"TableName": TABLE, "Item": {"service": {"S": "permission probe"}}},
        {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810.PutItem",
            "X-Amz-Date": "20200101T000000Z",
            # dynalite wants a signature to be there and does not verify it.
            "Authorization": f"AWS4-HMAC-SHA256 Credential={access_key}/20200101/demo/dynamodb/aws4_request, "
            "SignedHeaders=host;x-amz-date, Signature=demo",
        },
    )
    return status == 200
