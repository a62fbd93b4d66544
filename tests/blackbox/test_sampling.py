"""Sampling rules and targets."""

import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError

from conftest import wait_for

ARN = "arn:aws:xray:us-east-1:000000000000:sampling-rule/"


def rule(name="made", **members):
    return {**dict(RuleName=name, ResourceARN="*", Priority=100, FixedRate=0.5, ReservoirSize=10, ServiceName="*",
                   ServiceType="*", Host="*", HTTPMethod="*", URLPath="*", Version=1), **members}


def rules(server):
    found, token = {}, None
    while True:
        answer = server.xray.get_sampling_rules(**({"NextToken": token} if token else {}))
        found.update({r["SamplingRule"]["RuleName"]: r for r in answer["SamplingRuleRecords"]})
        token = answer.get("NextToken")
        if not token:
            return found


def client_id(n):
    return hashlib.sha256(str(n).encode()).hexdigest()[:24]


def statistics(name="made", client=0, requests=10, sampled=1, borrowed=0, at=None):
    return dict(RuleName=name, ClientID=client_id(client), Timestamp=int(at or time.time()), RequestCount=requests,
                SampledCount=sampled, BorrowCount=borrowed)


def targets(server, *documents, **extra):
    answer = server.request("/SamplingTargets", {"SamplingStatisticsDocuments": list(documents), **extra})
    assert answer.status == 200, answer
    return answer.json


def refused(call, *arguments, code="InvalidRequestException", **members):
    with pytest.raises(ClientError) as caught:
        call(*arguments, **members)
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    return caught.value.response["Error"]["Message"]


def test_default_rule(server):
    body = server.request("/GetSamplingRules", {}).json
    (record,) = body["SamplingRuleRecords"]
    assert record["SamplingRule"] == {
        "RuleName": "Default", "RuleARN": ARN + "Default", "ResourceARN": "*", "Priority": 10000, "FixedRate": 0.05,
        "ReservoirSize": 1, "ServiceName": "*", "ServiceType": "*", "Host": "*", "HTTPMethod": "*", "URLPath": "*",
        "Version": 1, "Attributes": {}}
    assert record["CreatedAt"] == 0


def test_create_update_delete(server):
    before = time.time()
    made = server.xray.create_sampling_rule(SamplingRule=rule())["SamplingRuleRecord"]
    assert made["SamplingRule"] == {**rule(), "RuleARN": ARN + "made", "Attributes": {}}
    assert before - 1 <= made["CreatedAt"].timestamp() <= time.time() + 1
    assert made["CreatedAt"] == made["ModifiedAt"]
    assert set(rules(server)) == {"Default", "made"}
    changed = server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "made", "FixedRate": 0.1})["SamplingRuleRecord"]
    assert changed["SamplingRule"] == {**made["SamplingRule"], "FixedRate": 0.1}
    assert changed["CreatedAt"] == made["CreatedAt"] and changed["ModifiedAt"] > made["ModifiedAt"]
    gone = server.xray.delete_sampling_rule(RuleName="made")["SamplingRuleRecord"]
    assert gone["SamplingRule"]["FixedRate"] == 0.1
    assert set(rules(server)) == {"Default"}


@pytest.mark.parametrize("change", [
    {"Priority": 1}, {"FixedRate": 1.0}, {"ReservoirSize": 0}, {"Host": "a.example"}, {"ServiceName": "x"}, {"ServiceType": "AWS::EC2::Instance"},
    {"HTTPMethod": "GET"}, {"URLPath": "/a/*"}, {"Attributes": {"k": "v"}}, {"ResourceARN": "arn:aws:x"},
])
def test_each_member_can_be_changed_alone(server, change):
    made = server.xray.create_sampling_rule(SamplingRule=rule())["SamplingRuleRecord"]["SamplingRule"]
    changed = server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleARN": made["RuleARN"], **change})["SamplingRuleRecord"]["SamplingRule"]
    assert changed == {**made, **change}
    assert rules(server)["made"]["SamplingRule"] == changed


@pytest.mark.parametrize("wrong", [
    {"RuleName": ""}, {"RuleName": "n" * 33}, {"Priority": 0}, {"Priority": 10000}, {"Priority": -1}, {"FixedRate": 1.1}, {"FixedRate": -0.1},
    {"ReservoirSize": -1}, {"ServiceName": "n" * 65}, {"ServiceType": "n" * 65}, {"Host": "n" * 65}, {"HTTPMethod": "n" * 11},
    {"URLPath": "n" * 129}, {"Version": 2}, {"Version": 0}, {"ResourceARN": "n" * 501}, {"RuleName": "Default"},
    {"Attributes": {str(n): "v" for n in range(6)}}, {"Attributes": {"k" * 33: "v"}}, {"Attributes": {"k": "v" * 33}},
], ids=str)
def test_wrong_rule(server, wrong):
    refused(server.xray.create_sampling_rule, SamplingRule=rule(**wrong))
    assert set(rules(server)) == {"Default"}


@pytest.mark.parametrize("good", [
    {"RuleName": "n" * 32}, {"Priority": 1}, {"Priority": 9999}, {"FixedRate": 0}, {"FixedRate": 1}, {"ReservoirSize": 0},
    {"ReservoirSize": 100_000}, {"ServiceName": "n" * 64}, {"HTTPMethod": "n" * 10}, {"URLPath": "n" * 128}, {"Host": ""},
    {"Attributes": {str(n): "v" * 32 for n in range(5)}}, {"SamplingRateBoost": {"MaxRate": 0.5, "CooldownWindowMinutes": 5}},
], ids=str)
def test_rule_at_its_limits(server, good):
    wanted = rule(**good)
    server.xray.create_sampling_rule(SamplingRule=wanted)
    kept = rules(server)[wanted["RuleName"]]["SamplingRule"]
    assert {k: kept[k] for k in good} == good


def test_two_rules_of_one_name(server):
    server.xray.create_sampling_rule(SamplingRule=rule())
    refused(server.xray.create_sampling_rule, SamplingRule=rule(FixedRate=0.9))
    assert rules(server)["made"]["SamplingRule"]["FixedRate"] == 0.5


def test_limit_of_25_rules(server):
    for n in range(25):
        server.xray.create_sampling_rule(SamplingRule=rule(f"r{n}", Priority=n + 1))
    message = refused(server.xray.create_sampling_rule, SamplingRule=rule("one-more"), code="RuleLimitExceededException")
    assert message
    assert len(rules(server)) == 26
    server.xray.delete_sampling_rule(RuleName="r7")
    server.xray.create_sampling_rule(SamplingRule=rule("one-more"))


def test_name_or_arn(server):
    server.xray.create_sampling_rule(SamplingRule=rule())
    for call, key in ((server.xray.delete_sampling_rule, None), (server.xray.update_sampling_rule, "SamplingRuleUpdate")):
        both = {"RuleName": "made", "RuleARN": ARN + "made"}
        refused(call, **({key: both} if key else both))
        refused(call, **({key: {}} if key else {}))
        unknown = {"RuleName": "unknown"}
        refused(call, **({key: unknown} if key else unknown))
        unknown = {"RuleARN": ARN + "unknown"}
        refused(call, **({key: unknown} if key else unknown))
    assert set(rules(server)) == {"Default", "made"}
    server.xray.delete_sampling_rule(RuleARN=ARN + "made")
    assert set(rules(server)) == {"Default"}


def test_default_rule_cannot_be_deleted(server):
    refused(server.xray.delete_sampling_rule, RuleName="Default")
    refused(server.xray.delete_sampling_rule, RuleARN=ARN + "Default")


@pytest.mark.parametrize("change", [{"Priority": 1}, {"Host": "a"}, {"ServiceName": "a"}, {"ServiceType": "a"}, {"HTTPMethod": "GET"},
                                    {"URLPath": "/a"}, {"ResourceARN": "a"}, {"Attributes": {"a": "b"}}])
def test_default_rule_keeps_what_it_matches(server, change):
    refused(server.xray.update_sampling_rule, SamplingRuleUpdate={"RuleName": "Default", **change})
    assert rules(server)["Default"]["SamplingRule"]["Priority"] == 10000


def test_default_rule_rate_and_reservoir(server):
    server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "FixedRate": 1, "ReservoirSize": 50})
    kept = rules(server)["Default"]["SamplingRule"]
    assert (kept["FixedRate"], kept["ReservoirSize"]) == (1, 50)
    body = targets(server, statistics("Default"))
    assert body["SamplingTargetDocuments"][0]["FixedRate"] == 1


def test_rules_survive_a_restart(server):
    server.xray.create_sampling_rule(SamplingRule=rule())
    server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "FixedRate": 0.9})
    before, modified = rules(server), targets(server)["LastRuleModification"]
    server.kill()
    server.start()
    assert rules(server) == before
    assert targets(server)["LastRuleModification"] == modified


def test_target_shape(server):
    server.xray.create_sampling_rule(SamplingRule=rule(FixedRate=0.25))
    body = targets(server, statistics())
    (target,) = body["SamplingTargetDocuments"]
    assert target["RuleName"] == "made" and target["FixedRate"] == 0.25 and target["Interval"] == 10
    assert 0 <= target["ReservoirQuota"] <= 10
    assert time.time() < target["ReservoirQuotaTTL"] <= time.time() + 600
    assert body["UnprocessedStatistics"] == []
    assert isinstance(body["LastRuleModification"], (int, float))


def test_no_statistics(server):
    body = targets(server)
    assert body["SamplingTargetDocuments"] == [] and body["UnprocessedStatistics"] == []
    assert "LastRuleModification" in body


def test_unknown_rule(server):
    body = targets(server, statistics("nothing"), statistics("Default"))
    assert [t["RuleName"] for t in body["SamplingTargetDocuments"]] == ["Default"]
    (unprocessed,) = body["UnprocessedStatistics"]
    assert unprocessed["RuleName"] == "nothing" and unprocessed["ErrorCode"] and unprocessed["Message"]


def test_statistics_that_are_too_old(server):
    body = targets(server, statistics("Default", at=time.time() - 7200))
    assert body["SamplingTargetDocuments"] == []
    assert body["UnprocessedStatistics"][0]["RuleName"] == "Default"


def test_at_most_25_documents(server):
    documents = [statistics("Default", n) for n in range(26)]
    assert server.request("/SamplingTargets", {"SamplingStatisticsDocuments": documents[:25]}).status == 200
    answer = server.request("/SamplingTargets", {"SamplingStatisticsDocuments": documents})
    assert answer.status == 400 and answer.error == "InvalidRequestException"


@pytest.mark.parametrize("size", [0, 1, 3, 10, 100])
@pytest.mark.parametrize("clients", [1, 2, 7, 30])
def test_reservoir_is_shared(server, size, clients):
    """Quotas that are valid at the same time never add up to more than the reservoir."""
    server.xray.create_sampling_rule(SamplingRule=rule(ReservoirSize=size))
    quotas = {}
    for _ in range(4):
        for client in range(clients):
            (target,) = targets(server, statistics(client=client, requests=50 + client))["SamplingTargetDocuments"]
            quotas[client] = target.get("ReservoirQuota", 0)
    # By the last round everybody knows of everybody.
    assert sum(quotas.values()) <= size
    if size >= clients:
        assert sum(quotas.values()) >= size // 2, quotas
        assert all(q >= 1 for q in quotas.values()), quotas


def test_reservoir_is_never_exceeded_when_clients_join(server):
    """At no time may the quotas in force exceed the reservoir, newcomers included."""
    server.xray.create_sampling_rule(SamplingRule=rule(ReservoirSize=10))
    in_force = {}
    for client in range(12):
        for known in range(client + 1):
            (target,) = targets(server, statistics(client=known, requests=100))["SamplingTargetDocuments"]
            in_force[known] = target.get("ReservoirQuota", 0)
            assert sum(in_force.values()) <= 10, in_force


def test_one_client_gets_the_whole_reservoir(server):
    server.xray.create_sampling_rule(SamplingRule=rule(ReservoirSize=10))
    quota = [targets(server, statistics(requests=100))["SamplingTargetDocuments"][0].get("ReservoirQuota") for _ in range(3)]
    assert quota[-1] == 10


def test_last_modification_moves(server):
    """A later value makes clients fetch the rules again."""
    seen = [targets(server)["LastRuleModification"]]

    def step(change):
        change()
        seen.append(targets(server)["LastRuleModification"])

    step(lambda: server.xray.create_sampling_rule(SamplingRule=rule()))
    step(lambda: server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "made", "FixedRate": 0.2}))
    step(lambda: server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "Default", "FixedRate": 0.2}))
    step(lambda: server.xray.delete_sampling_rule(RuleName="made"))
    assert seen == sorted(set(seen)), seen
    assert abs(seen[-1] - time.time()) < 10
    assert targets(server)["LastRuleModification"] == seen[-1]


def test_adot_spellings(server):
    """SampleCount for SampledCount, null boost documents, float times, members nobody knows."""
    server.xray.create_sampling_rule(SamplingRule=rule())
    base = {"RuleName": "made", "ClientID": client_id(1), "RequestCount": 5, "Timestamp": time.time()}
    for document in ({**base, "SampleCount": 2, "BorrowCount": 1}, base, {**base, "SampledCount": 2, "Extra": {"a": 1}}):
        for extra in ({"SamplingBoostStatisticsDocuments": None}, {"SamplingBoostStatisticsDocuments": []}, {}):
            body = targets(server, document, **extra)
            assert [t["RuleName"] for t in body["SamplingTargetDocuments"]] == ["made"]
            assert body["UnprocessedStatistics"] == []


def test_boost_documents_are_taken(server):
    server.xray.create_sampling_rule(SamplingRule=rule(SamplingRateBoost={"MaxRate": 0.8, "CooldownWindowMinutes": 1}))
    boost = {"RuleName": "made", "ServiceName": "app", "Timestamp": time.time(), "AnomalyCount": 0, "TotalCount": 10,
             "SampledAnomalyCount": 0, "ClientID": client_id(1)}
    body = targets(server, statistics(), SamplingBoostStatisticsDocuments=[boost])
    assert [t["RuleName"] for t in body["SamplingTargetDocuments"]] == ["made"]


@pytest.mark.parametrize("wrong", [{"ClientID": "short"}, {"ClientID": None}, {"RequestCount": -1}, {"RequestCount": "many"},
                                   {"Timestamp": "now"}, {"RuleName": None}], ids=str)
def test_wrong_statistics(server, wrong):
    document = {k: v for k, v in {**statistics("Default"), **wrong}.items() if v is not None}
    answer = server.request("/SamplingTargets", {"SamplingStatisticsDocuments": [document]})
    if answer.status == 200:
        assert answer.json["UnprocessedStatistics"] or answer.json["SamplingTargetDocuments"]
    else:
        assert answer.status == 400 and answer.error == "InvalidRequestException"
    assert server.health()["status"] == "ok"


def test_same_on_the_daemon_port(server):
    server.xray.create_sampling_rule(SamplingRule=rule())
    body = server.request("/GetSamplingRules", {}, port=server.daemon_port).json
    assert {r["SamplingRule"]["RuleName"] for r in body["SamplingRuleRecords"]} == {"Default", "made"}
    body = server.request("/SamplingTargets", {"SamplingStatisticsDocuments": [statistics()]}, port=server.daemon_port).json
    assert body["SamplingTargetDocuments"][0]["RuleName"] == "made"


def test_telling_clients_of_a_change_is_quick(server):
    """FixedRate of the next targets is the new one; the Node SDK depends on it."""
    server.xray.create_sampling_rule(SamplingRule=rule())
    targets(server, statistics())
    server.xray.update_sampling_rule(SamplingRuleUpdate={"RuleName": "made", "FixedRate": 0})
    wait_for("the new rate", lambda: targets(server, statistics())["SamplingTargetDocuments"][0]["FixedRate"] == 0, 2)


def test_body_is_json_with_numbers(server):
    raw = server.request("/GetSamplingRules", {}).body
    assert json.loads(raw)["SamplingRuleRecords"][0]["SamplingRule"]["Attributes"] == {}
