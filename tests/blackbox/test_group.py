"""Groups, tags, resource policies, settings and retrievals."""

import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import new_trace_id, segment, subsegment, wait_for

POLICY = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "xray:PutTraceSegments", "Resource": "*"}]})


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"]


def span():
    now = time.time()
    return {"StartTime": now - 3600, "EndTime": now + 60}


def test_groups_are_made_changed_and_deleted(server):
    xray = server.xray
    assert [g["GroupName"] for g in xray.get_groups()["Groups"]] == ["Default"]
    made = xray.create_group(GroupName="slow", FilterExpression="responsetime > 1", Tags=[{"Key": "team", "Value": "web"}],
                             InsightsConfiguration={"InsightsEnabled": True, "NotificationsEnabled": True})["Group"]
    assert made["GroupARN"].startswith("arn:aws:xray:us-east-1:000000000000:group/slow/")
    assert xray.list_tags_for_resource(ResourceARN=made["GroupARN"])["Tags"] == [{"Key": "team", "Value": "web"}]
    changed = xray.update_group(GroupARN=made["GroupARN"], FilterExpression="fault")["Group"]
    assert changed["FilterExpression"] == "fault" and changed["InsightsConfiguration"]["NotificationsEnabled"] is True
    server.restart()
    xray = server.xray
    assert xray.get_group(GroupName="slow")["Group"] == changed
    xray.delete_group(GroupName="slow")
    assert refused(xray.get_group, GroupARN=made["GroupARN"])[0] == "InvalidRequestException"
    again = xray.create_group(GroupName="slow")["Group"]
    assert again["GroupARN"] != made["GroupARN"] and "FilterExpression" not in again
    assert xray.list_tags_for_resource(ResourceARN=again["GroupARN"])["Tags"] == []


@pytest.mark.parametrize("wrong, words", [
    ({"GroupName": "Default"}, "already"), ({"GroupName": "x" * 33}, "32"), ({"GroupName": "a b"}, "GroupName"),
    ({"GroupName": "g", "FilterExpression": "service("}, ""), ({"GroupName": "g", "FilterExpression": "bogus = 1"}, "bogus"),
    ({"GroupName": "g", "InsightsConfiguration": {"NotificationsEnabled": True}}, "insights"),
    ({"GroupName": "g", "Tags": [{"Key": "aws:x", "Value": "y"}]}, "aws:"),
])
def test_groups_that_are_refused(shared, wrong, words):
    code, message = refused(shared.xray.create_group, **wrong)
    assert code == "InvalidRequestException" and words in message
    assert "g" not in [g["GroupName"] for g in shared.xray.get_groups()["Groups"]]


def test_the_default_group_keeps_every_trace(shared):
    assert refused(shared.xray.delete_group, GroupName="Default")[0] == "InvalidRequestException"
    assert refused(shared.xray.update_group, GroupName="Default", FilterExpression="fault")[0] == "InvalidRequestException"


def test_there_are_at_most_25_groups(server):
    for n in range(25):
        server.xray.create_group(GroupName=f"g{n}")
    assert "limit" in refused(server.xray.create_group, GroupName="one-more")[1]


def test_a_group_chooses_traces(server):
    gold = segment("shop", annotations={"tier": "gold"})
    free = segment("shop", annotations={"tier": "free"})
    other = segment("stock")
    server.put(gold, free, other)
    group = server.xray.create_group(GroupName="gold", FilterExpression='annotation.tier = "gold"')["Group"]
    assert [s["Id"] for s in server.summaries('group.name = "gold"')] == [gold["trace_id"]]
    assert [s["Id"] for s in server.summaries(f'group.arn = "{group["GroupARN"]}"')] == [gold["trace_id"]]
    assert server.summaries('group.name = "gold" AND service("stock")') == []
    assert len(server.summaries('group.name = "Default"')) == 3
    with pytest.raises(ClientError, match="no group"):
        server.summaries('group.name = "nobody"')
    for which in ({"GroupName": "gold"}, {"GroupARN": group["GroupARN"]}):
        graph = server.xray.get_service_graph(**span(), **which)
        counts = {s["Name"]: s["SummaryStatistics"]["TotalCount"] for s in graph["Services"] if s.get("Type") != "client"}
        assert counts == {"shop": 1} and graph["ContainsOldGroupVersions"] is False
        steps = server.xray.get_time_series_service_statistics(**span(), **which)["TimeSeriesServiceStatistics"]
        assert sum(step["EdgeSummaryStatistics"]["TotalCount"] for step in steps) == 1
    # Another expression counts for what comes from then on, and the answer says that there was another.
    server.xray.update_group(GroupName="gold", FilterExpression='annotation.tier = "free"')
    time.sleep(1.1)
    late = segment("shop", start=time.time(), took=0.01, annotations={"tier": "free"})
    server.put(late)
    assert {s["Id"] for s in server.summaries('group.name = "gold"')} == {gold["trace_id"], late["trace_id"]}
    assert server.xray.get_service_graph(**span(), GroupName="gold")["ContainsOldGroupVersions"] is True


def test_tags(server):
    arn = server.xray.create_group(GroupName="tagged")["Group"]["GroupARN"]
    server.xray.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    server.xray.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "3"}])
    server.xray.untag_resource(ResourceARN=arn, TagKeys=["b", "not there"])
    assert server.xray.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "a", "Value": "3"}]
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    assert refused(server.xray.tag_resource, ResourceARN=arn, Tags=many)[0] == "TooManyTagsException"
    for unknown in (arn + "x", "arn:aws:xray:us-east-1:111111111111:group/tagged/x", "nonsense"):
        answer = server.request("/ListTagsForResource", {"ResourceARN": unknown})
        assert (answer.status, answer.error, answer.json["ResourceName"]) == (404, "ResourceNotFoundException", unknown)
    rule = [r["SamplingRule"] for r in server.xray.get_sampling_rules()["SamplingRuleRecords"]][0]
    server.xray.tag_resource(ResourceARN=rule["RuleARN"], Tags=[{"Key": "a", "Value": "b"}])
    assert server.xray.list_tags_for_resource(ResourceARN=rule["RuleARN"])["Tags"] == [{"Key": "a", "Value": "b"}]


def test_resource_policies(server):
    xray = server.xray
    first = xray.put_resource_policy(PolicyName="sns", PolicyDocument=POLICY)["ResourcePolicy"]
    second = xray.put_resource_policy(PolicyName="sns", PolicyDocument=POLICY, PolicyRevisionId=first["PolicyRevisionId"])
    assert second["ResourcePolicy"]["PolicyRevisionId"] != first["PolicyRevisionId"]
    for revision in ("0", first["PolicyRevisionId"]):
        code, _ = refused(xray.put_resource_policy, PolicyName="sns", PolicyDocument=POLICY, PolicyRevisionId=revision)
        assert code == "InvalidPolicyRevisionIdException"
    assert refused(xray.put_resource_policy, PolicyName="x", PolicyDocument="{")[0] == "MalformedPolicyDocumentException"
    large = json.dumps({**json.loads(POLICY), "Id": "x" * 5200})
    assert refused(xray.put_resource_policy, PolicyName="x", PolicyDocument=large)[0] == "PolicySizeLimitExceededException"
    for n in range(4):
        xray.put_resource_policy(PolicyName=f"p{n}", PolicyDocument=POLICY)
    assert refused(xray.put_resource_policy, PolicyName="p5", PolicyDocument=POLICY)[0] == "PolicyCountLimitExceededException"
    server.restart()
    assert len(server.xray.list_resource_policies()["ResourcePolicies"]) == 5
    code, _ = refused(server.xray.delete_resource_policy, PolicyName="sns", PolicyRevisionId="0")
    assert code == "InvalidPolicyRevisionIdException"
    server.xray.delete_resource_policy(PolicyName="sns")
    assert "sns" not in [p["PolicyName"] for p in server.xray.list_resource_policies()["ResourcePolicies"]]


def test_settings(server):
    xray = server.xray
    assert xray.get_encryption_config()["EncryptionConfig"] == {"Status": "ACTIVE", "Type": "NONE"}
    assert xray.put_encryption_config(Type="KMS", KeyId="alias/k")["EncryptionConfig"]["Status"] == "UPDATING"
    wait_for("the change", lambda: xray.get_encryption_config()["EncryptionConfig"]["Status"] == "ACTIVE")
    assert refused(xray.put_encryption_config, Type="KMS")[0] == "InvalidRequestException"
    assert xray.get_trace_segment_destination()["Destination"] == "XRay"
    assert xray.update_trace_segment_destination(Destination="CloudWatchLogs")["Status"] == "PENDING"
    wait_for("the change", lambda: xray.get_trace_segment_destination()["Status"] == "ACTIVE")
    changed = xray.update_indexing_rule(Name="Default", Rule={"Probabilistic": {"DesiredSamplingPercentage": 7}})["IndexingRule"]
    assert changed["Rule"]["Probabilistic"]["DesiredSamplingPercentage"] == 7
    assert refused(xray.update_indexing_rule, Name="Other", Rule={"Probabilistic": {"DesiredSamplingPercentage": 7}})[0] == \
        "ResourceNotFoundException"
    assert refused(xray.update_indexing_rule, Name="Default", Rule={"Probabilistic": {"DesiredSamplingPercentage": 101}})[0] == \
        "InvalidRequestException"


def test_retrieval(server):
    front = segment("shop", fault=True, http={"request": {"method": "GET", "url": "http://shop/"}, "response": {"status": 500}})
    front["subsegments"] = [subsegment("stock", front, namespace="remote")]
    server.put(front)
    unknown = new_trace_id()
    xray = server.xray
    token = xray.start_trace_retrieval(TraceIds=[front["trace_id"], unknown], **span())["RetrievalToken"]
    answer = xray.list_retrieved_traces(RetrievalToken=token)
    assert answer["RetrievalStatus"] == "COMPLETE" and [t["Id"] for t in answer["Traces"]] == [front["trace_id"]]
    (document,) = [json.loads(s["Document"]) for s in answer["Traces"][0]["Spans"] if "inferred" not in json.loads(s["Document"])]
    assert document == front
    spans = [json.loads(s["Document"]) for s in
             xray.list_retrieved_traces(RetrievalToken=token, TraceFormat="OTEL")["Traces"][0]["Spans"]]
    root = next(s for s in spans if s["spanId"] == front["id"])
    assert root["traceId"] == front["trace_id"][2:].replace("-", "") and root["kind"] == "SERVER"
    assert root["status"]["code"] == "ERROR" and root["startTimeUnixNano"] == pytest.approx(front["start_time"] * 1e9, abs=2000)
    assert [s["parentSpanId"] for s in spans if s["name"] == "stock"] == [front["id"]]
    graph = xray.get_retrieved_traces_graph(RetrievalToken=token)["Services"]
    assert {"shop", "stock"} <= {s["Service"]["Name"] for s in graph}
    past = {"StartTime": time.time() - 7200, "EndTime": time.time() - 3600}
    old = xray.start_trace_retrieval(TraceIds=[front["trace_id"]], **past)["RetrievalToken"]
    assert xray.list_retrieved_traces(RetrievalToken=old)["Traces"] == []
    xray.cancel_trace_retrieval(RetrievalToken=token)
    assert xray.list_retrieved_traces(RetrievalToken=token)["RetrievalStatus"] == "CANCELLED"
    assert refused(xray.list_retrieved_traces, RetrievalToken="unknown")[0] == "ResourceNotFoundException"
    many = [new_trace_id() for _ in range(101)]
    assert refused(xray.start_trace_retrieval, TraceIds=many, **span())[0] == "InvalidRequestException"


def test_sampling_statistics_and_boost(server):
    rule = dict(RuleName="boosted", ResourceARN="*", Priority=5, FixedRate=0.01, ReservoirSize=0, ServiceName="*", ServiceType="*",
                Host="*", HTTPMethod="*", URLPath="*", Version=1, SamplingRateBoost={"MaxRate": 0.5, "CooldownWindowMinutes": 1})
    server.xray.create_sampling_rule(SamplingRule=rule)
    report = dict(RuleName="boosted", ClientID="0" * 24, Timestamp=time.time(), RequestCount=100, SampledCount=1, BorrowCount=0)
    boost = dict(RuleName="boosted", ServiceName="a", Timestamp=time.time(), AnomalyCount=5, TotalCount=100, SampledAnomalyCount=0)
    unknown = {**boost, "RuleName": "nobody"}
    answer = server.xray.get_sampling_targets(SamplingStatisticsDocuments=[report], SamplingBoostStatisticsDocuments=[boost, unknown])
    (target,) = answer["SamplingTargetDocuments"]
    assert target["SamplingBoost"]["BoostRate"] == pytest.approx(10 / 30)
    assert 0 < target["SamplingBoost"]["BoostRateTTL"].timestamp() - time.time() <= 60
    assert [u["RuleName"] for u in answer["UnprocessedBoostStatistics"]] == ["nobody"]
    (window,) = server.xray.get_sampling_statistic_summaries()["SamplingStatisticSummaries"]
    assert (window["RuleName"], window["RequestCount"], window["SampledCount"]) == ("boosted", 100, 1)
