"""All operations of the X-Ray API as boto3's own model knows them: served, or a clear refusal."""

import json
import time

import botocore.session
import pytest
from botocore.exceptions import ClientError

from conftest import new_trace_id, segment

MODEL = botocore.session.get_session().get_service_model("xray")
OPERATIONS = sorted(MODEL.operation_names)


def uri(name):
    return MODEL.operation_model(name).http["requestUri"]


def value(shape):
    """A valid value for a shape of the model."""
    kind = shape.type_name
    if kind == "structure":
        return {n: value(m) for n, m in shape.members.items() if n in shape.required_members}
    if kind == "list":
        return [value(shape.member)]
    if kind == "map":
        return {}
    if kind == "string":
        return shape.enum[0] if shape.enum else "x" * max(1, shape.metadata.get("min", 1))
    if kind == "boolean":
        return True
    if kind == "timestamp":
        return int(time.time())
    return shape.metadata.get("min", 1)


GROUP_ARN = "arn:aws:xray:us-east-1:000000000000:group/Default"
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:PutTraceSegments", "Resource": "*"}]})
# Operations about something that must be there, which these tests do not make.
ABOUT_AN_INSIGHT = {"GetInsight", "GetInsightEvents", "GetInsightImpactGraph"}


def arguments(name):
    now = int(time.time())
    span = {"StartTime": now - 60, "EndTime": now}
    insight = {"InsightId": "01234567-89ab-4cde-8f01-23456789abcd"}
    own = {
        "PutTraceSegments": {"TraceSegmentDocuments": [json.dumps(segment())]},
        "BatchGetTraces": {"TraceIds": [new_trace_id()]},
        "GetTraceGraph": {"TraceIds": [new_trace_id()]},
        "GetTraceSummaries": span,
        "GetServiceGraph": span,
        "GetTimeSeriesServiceStatistics": span,
        "CreateSamplingRule": {"SamplingRule": rule("made")},
        "UpdateSamplingRule": {"SamplingRuleUpdate": {"RuleName": "Default", "FixedRate": 0.05}},
        "DeleteSamplingRule": {"RuleName": "made"},
        "GetSamplingTargets": {"SamplingStatisticsDocuments": []},
        "PutTelemetryRecords": {"TelemetryRecords": [{"Timestamp": now}]},
        "CreateGroup": {"GroupName": "made"},
        "GetGroup": {"GroupName": "Default"},
        "UpdateGroup": {"GroupName": "Default", "InsightsConfiguration": {"InsightsEnabled": True}},
        "DeleteGroup": {"GroupName": "gone"},
        "TagResource": {"ResourceARN": GROUP_ARN, "Tags": [{"Key": "team", "Value": "web"}]},
        "UntagResource": {"ResourceARN": GROUP_ARN, "TagKeys": ["team"]},
        "ListTagsForResource": {"ResourceARN": GROUP_ARN},
        "PutResourcePolicy": {"PolicyName": "made", "PolicyDocument": POLICY},
        "DeleteResourcePolicy": {"PolicyName": "gone"},
        "PutEncryptionConfig": {"Type": "NONE"},
        "UpdateIndexingRule": {"Name": "Default", "Rule": {"Probabilistic": {"DesiredSamplingPercentage": 50}}},
        "UpdateTraceSegmentDestination": {"Destination": "XRay"},
        "StartTraceRetrieval": {"TraceIds": [new_trace_id()], **span},
        "CancelTraceRetrieval": {"RetrievalToken": "unknown"},
        "ListRetrievedTraces": {"RetrievalToken": "unknown"},
        "GetRetrievedTracesGraph": {"RetrievalToken": "unknown"},
        "GetInsightSummaries": {"GroupName": "Default", **span},
        "GetInsight": insight,
        "GetInsightEvents": insight,
        "GetInsightImpactGraph": {**insight, **span},
    }
    if name in own:
        return own[name]
    shape = MODEL.operation_model(name).input_shape
    return value(shape) if shape else {}


def prepared(server, name):
    """The arguments, once what they name is there."""
    given = arguments(name)
    if name == "DeleteSamplingRule":
        server.xray.create_sampling_rule(SamplingRule=rule("made"))
    if name == "DeleteGroup":
        server.xray.create_group(GroupName="gone")
    if name == "DeleteResourcePolicy":
        server.xray.put_resource_policy(PolicyName="gone", PolicyDocument=POLICY)
    if "RetrievalToken" in given:
        started = server.xray.start_trace_retrieval(**arguments("StartTraceRetrieval"))
        given["RetrievalToken"] = started["RetrievalToken"]
    return given


def rule(name):
    return dict(RuleName=name, ResourceARN="*", Priority=100, FixedRate=0.5, ReservoirSize=1, ServiceName="*",
                ServiceType="*", Host="*", HTTPMethod="*", URLPath="*", Version=1)


def test_model_is_the_one_that_was_specified():
    assert len(OPERATIONS) == 38


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "unsigned"])
def test_operation(server, name, signed):
    client = server.client(signed=signed)
    call = getattr(client, botocore.xform_name(name))
    given = prepared(server, name)
    if name in ABOUT_AN_INSIGHT:
        with pytest.raises(ClientError, match="InvalidRequestException.*there is no insight"):
            call(**given)
        return
    answer = call(**given)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["ResponseMetadata"]["RequestId"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_operation_on_the_daemon_port(server, name):
    """SDKs and tools may use the daemon's TCP address as the endpoint."""
    answer = server.request(uri(name), prepared(server, name), port=server.daemon_port)
    if name in ABOUT_AN_INSIGHT:
        # An answer of the operation, not of the proxy.
        assert answer.status == 400 and answer.error == "InvalidRequestException", answer
    else:
        assert answer.status == 200, answer


REQUIRED = [(n, m) for n in OPERATIONS if MODEL.operation_model(n).input_shape
            for m in MODEL.operation_model(n).input_shape.required_members]


@pytest.mark.parametrize("name, member", REQUIRED, ids=[f"{n}-{m}" for n, m in REQUIRED])
@pytest.mark.parametrize("how", ["absent", "null"])
def test_required_member(shared, name, member, how):
    body = arguments(name)
    body.pop(member)
    if how == "null":
        body[member] = None
    answer = shared.request(uri(name), body)
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer
    if how == "absent":
        assert member in answer.json["Message"]


RULE_REQUIRED = ["ResourceARN", "Priority", "FixedRate", "ReservoirSize", "ServiceName", "ServiceType", "Host",
                 "HTTPMethod", "URLPath", "Version"]


@pytest.mark.parametrize("member", RULE_REQUIRED)
def test_required_member_of_a_rule(shared, member):
    wanted = rule("made")
    del wanted[member]
    answer = shared.request("/CreateSamplingRule", {"SamplingRule": wanted})
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer
    assert member in answer.json["Message"]


WRONG_TYPES = [
    ("PutTraceSegments", {"TraceSegmentDocuments": "text"}), ("PutTraceSegments", {"TraceSegmentDocuments": [1]}),
    ("PutTraceSegments", {"TraceSegmentDocuments": {"a": 1}}), ("BatchGetTraces", {"TraceIds": "text"}),
    ("BatchGetTraces", {"TraceIds": [5]}), ("GetTraceSummaries", {"StartTime": "soon", "EndTime": 5}),
    ("GetTraceSummaries", {"StartTime": 1, "EndTime": 2, "FilterExpression": 7}),
    ("GetTraceSummaries", {"StartTime": 1, "EndTime": 2, "TimeRangeType": "Sometimes"}),
    ("GetServiceGraph", {"StartTime": [], "EndTime": {}}), ("GetTraceGraph", {"TraceIds": {}}),
    ("GetTimeSeriesServiceStatistics", {"StartTime": 1, "EndTime": 2, "Period": "often"}),
    ("GetSamplingTargets", {"SamplingStatisticsDocuments": 5}), ("CreateSamplingRule", {"SamplingRule": "x"}),
    ("UpdateSamplingRule", {"SamplingRuleUpdate": []}), ("PutTelemetryRecords", {"TelemetryRecords": 1}),
]


@pytest.mark.parametrize("name, body", WRONG_TYPES, ids=[f"{n}-{i}" for i, (n, _) in enumerate(WRONG_TYPES)])
def test_wrong_type(shared, name, body):
    answer = shared.request(uri(name), body)
    assert answer.status == 400 and answer.error == "InvalidRequestException", answer


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"{", b"{]", b"\xff\xfe", b"{} {}"])
@pytest.mark.parametrize("name", ["PutTraceSegments", "GetTraceSummaries", "CreateSamplingRule"])
def test_body_is_no_object(shared, name, body):
    answer = shared.request(uri(name), body)
    assert answer.status == 400 and answer.error in ("InvalidRequestException", "SerializationException"), answer
    assert shared.health()["status"] == "ok"


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - ABOUT_AN_INSIGHT))
def test_unknown_members_are_ignored(server, name):
    answer = server.request(uri(name), {**prepared(server, name), "NotInTheModel": {"deep": [1]}})
    assert answer.status == 200, answer


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_empty_body(shared, body):
    """ADOT posts no body at all to GetSamplingRules."""
    for port in (shared.http_port, shared.daemon_port):
        assert shared.request("/GetSamplingRules", body, port=port).json["SamplingRuleRecords"]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-amz-json-1.1", "text/plain", ""])
def test_content_type_does_not_matter(shared, content_type):
    answer = shared.request("/GetSamplingRules", {}, headers={"Content-Type": content_type})
    assert answer.status == 200, answer


def test_numbers_for_times_in_answers(server):
    """Node and Go clients read numbers only."""
    server.put(segment())
    now = time.time()
    body = server.request("/TraceSummaries", {"StartTime": now - 60.5, "EndTime": now + 1.25}).json
    assert isinstance(body["ApproximateTime"], (int, float))
    assert isinstance(body["TraceSummaries"][0]["StartTime"], (int, float))
    body = server.request("/ServiceGraph", {"StartTime": now - 60.5, "EndTime": now + 1.25}).json
    assert isinstance(body["StartTime"], (int, float)) and isinstance(body["EndTime"], (int, float))
    assert all(isinstance(s["StartTime"], (int, float)) for s in body["Services"] if "StartTime" in s)
    assert isinstance(server.request("/SamplingTargets", {"SamplingStatisticsDocuments": []}).json["LastRuleModification"],
                      (int, float))


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - ABOUT_AN_INSIGHT))
def test_answer_fits_the_model(server, name):
    """Every member of an answer that the model knows has the model's type."""
    server.put(segment(annotations={"a": 1}, user="u", http={"request": {"url": "http://a/"}, "response": {"status": 200}}))
    answer = server.request(uri(name), prepared(server, name))
    shape = MODEL.operation_model(name).output_shape
    check_shape(shape, answer.json, name)


def check_shape(shape, got, where):
    kind = shape.type_name
    if kind == "structure":
        assert isinstance(got, dict), where
        for member, inner in got.items():
            if member in shape.members:
                assert inner is not None, f"{where}.{member} is null"
                check_shape(shape.members[member], inner, f"{where}.{member}")
    elif kind == "list":
        assert isinstance(got, list), where
        for inner in got:
            check_shape(shape.member, inner, where + "[]")
    elif kind == "map":
        assert isinstance(got, dict), where
        for inner in got.values():
            check_shape(shape.value, inner, where + "{}")
    elif kind == "string":
        assert isinstance(got, str), where
    elif kind == "boolean":
        assert isinstance(got, bool), where
    elif kind in ("integer", "long"):
        assert isinstance(got, int) and not isinstance(got, bool), where
    else:
        assert isinstance(got, (int, float)) and not isinstance(got, bool), where


@pytest.mark.parametrize("path", ["/Nope", "/traces", "/TraceSegments/x", "/api/nope", "/.."])
def test_unknown_path(shared, path):
    answer = shared.request(path, {})
    assert 400 <= answer.status < 500, answer
    assert shared.alive()


@pytest.mark.parametrize("origin", ["http://evil.example", "https://evil.example:2001", "null"])
@pytest.mark.parametrize("path", ["/TraceSegments", "/TraceSummaries", "/CreateSamplingRule", "/GetSamplingRules"])
def test_foreign_origin_is_refused(shared, path, origin):
    """A page in a browser must not reach a server on the same machine."""
    answer = shared.request(path, {}, headers={"Origin": origin})
    assert answer.status == 403, answer
    answer = shared.request(path, {}, headers={"Origin": origin}, port=shared.daemon_port)
    assert answer.status == 403, answer


def test_own_origin_is_let_in(shared):
    assert shared.request("/GetSamplingRules", {}, headers={"Origin": shared.url}).status == 200
