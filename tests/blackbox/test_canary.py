"""Canaries by what they see: real pages, names, certificates and scripts, and what runs of them leave."""

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat as file_modes
import subprocess
import threading
import time
import zipfile
import io
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from canary_world import (
    ARN, Echo, Names, Site, Tls, artifact, artifacts, becomes, blueprint, certificate, change, checked, checks, checks_zip, closed_port,
    create, ended, http, members, refused, run_once, runs, state, status, synthetics, synthetics_of, tried, whole, zipped)
from conftest import Server, binary, wait_for

CHROMIUM = "/usr/bin/chromium"
UUID = re.compile(r"^[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}$")
needs_browser = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"{CHROMIUM} is missing: pages cannot be loaded")
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="node is missing: scripts of Node.js cannot run")


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def other():
    """A site of another origin."""
    site = Site()
    yield site
    site.close()


@pytest.fixture(scope="module")
def names():
    names = Names()
    yield names
    names.close()


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    server = Tls(*certificate(tmp_path_factory.mktemp("tls")))
    yield server
    server.close()


@pytest.fixture(scope="module")
def echo():
    server = Echo()
    yield server
    server.close()


@pytest.fixture(scope="module", autouse=True)
def long_ago(tmp_path_factory):
    """A server that was killed during a run, with canaries whose next runs take a minute: they go on while other tests run."""
    server, site = Server(tmp_path_factory.mktemp("killed") / "data"), Site()
    site.pages["/hangs"] = lambda asked: (time.sleep(20) if len(site.seen("/hangs")) == 1 else None) or "there"
    server.start()
    create(server, "killed", checks(http(site.url + "/hangs")), Schedule={"Expression": "rate(1 minute)"}, RunConfig={"TimeoutInSeconds": 50})
    create(server, "clock", checks(http(site.url + "/page-clock")), Schedule={"Expression": "cron(* * * * ? *)"})
    create(server, "brief", checks(http(site.url + "/page-brief")), Schedule={"Expression": "rate(1 minute)", "DurationInSeconds": 4})
    create(server, "idle", checks(http(site.url + "/page-idle")), Schedule={"Expression": "rate(1 minute)"})
    synthetics_of(server).start_canary(Name="killed")
    wait_for("a run under way", lambda: site.seen("/hangs"))
    [before] = runs(server, "killed")
    server.kill()
    server.start()
    for name in ("clock", "brief"):
        synthetics_of(server).start_canary(Name=name)
    server.began, server.before, server.site = time.time(), before, site
    yield server
    server.kill()
    site.close()


# -- life of a canary


def test_a_canary_as_boto3_makes_and_tells_it(shared, site):
    client = synthetics(shared)
    made = client.create_canary(**members(
        "whole-life", checks_zip(http(site.url + "/page-life")), Schedule={"Expression": "rate(5 minutes)", "DurationInSeconds": 3600, "RetryConfig": {"MaxRetries": 1}},
        RunConfig={"TimeoutInSeconds": 20, "MemoryInMB": 1024, "ActiveTracing": False, "EnvironmentVariables": {"A": "b"}}, Tags={"team": "shop"},
        SuccessRetentionPeriodInDays=3, FailureRetentionPeriodInDays=4))["Canary"]
    assert UUID.match(made["Id"]) and made["Name"] == "whole-life" and made["Tags"] == {"team": "shop"}
    assert made["Schedule"]["Expression"] == "rate(5 minutes)" and made["Schedule"]["DurationInSeconds"] == 3600 and made["Schedule"]["RetryConfig"] == {"MaxRetries": 1}
    assert made["RunConfig"]["TimeoutInSeconds"] == 20 and made["RunConfig"]["MemoryInMB"] == 1024 and made["RunConfig"]["ActiveTracing"] is False
    assert made["SuccessRetentionPeriodInDays"] == 3 and made["FailureRetentionPeriodInDays"] == 4 and made["RuntimeVersion"] == "syn-nodejs-3.0"
    assert abs(made["Timeline"]["Created"].timestamp() - time.time()) < 10 and made["Status"]["State"] in ("CREATING", "READY")
    becomes(shared, "whole-life", "READY")
    assert client.get_canary(Name="whole-life")["Canary"]["Id"] == made["Id"]
    assert [each["Name"] for each in client.describe_canaries(Names=["whole-life", "no-such-one"])["Canaries"]] == ["whole-life"]
    assert refused(client.stop_canary, Name="whole-life") == "ConflictException"

    client.update_canary(Name="whole-life", Schedule={"Expression": "rate(10 minutes)"}, SuccessRetentionPeriodInDays=5, RunConfig={"TimeoutInSeconds": 30})
    wait_for("the update", lambda: state(shared, "whole-life") in ("READY", "STOPPED"))
    told = client.get_canary(Name="whole-life")["Canary"]
    assert told["Schedule"]["Expression"] == "rate(10 minutes)" and told["SuccessRetentionPeriodInDays"] == 5 and told["RunConfig"]["TimeoutInSeconds"] == 30
    assert told["FailureRetentionPeriodInDays"] == 4 and told["Timeline"]["LastModified"] >= made["Timeline"]["LastModified"]

    began = time.time()
    client.start_canary(Name="whole-life")
    becomes(shared, "whole-life", "RUNNING")
    [run] = ended(shared, "whole-life")
    assert run["Timeline"]["Started"].timestamp() - began < 5, "the first run begins soon"
    assert UUID.match(run["Id"]) and UUID.match(run["ScheduledRunId"]) and run["Name"] == "whole-life" and run.get("ArtifactS3Location")
    assert run["Status"]["State"] == "PASSED" and run["Status"]["TestResult"] == "PASSED"
    assert refused(client.start_canary, Name="whole-life") == refused(client.delete_canary, Name="whole-life") == "ConflictException"
    # It may be changed while it runs.
    client.update_canary(Name="whole-life", Code=checks_zip(http(site.url + "/page-life-2")))
    becomes(shared, "whole-life", "RUNNING")
    client.stop_canary(Name="whole-life")
    becomes(shared, "whole-life", "STOPPED")
    timeline = client.get_canary(Name="whole-life")["Canary"]["Timeline"]
    assert timeline["LastStarted"] <= timeline["LastStopped"]
    assert refused(client.stop_canary, Name="whole-life") == "ConflictException"
    client.start_canary(Name="whole-life")
    ended(shared, "whole-life", 2)
    assert site.seen("/page-life-2")
    client.stop_canary(Name="whole-life")
    becomes(shared, "whole-life", "STOPPED")

    client.delete_canary(Name="whole-life", DeleteLambda=True)
    wait_for("its end", lambda: not client.describe_canaries(Names=["whole-life"])["Canaries"])
    again = client.create_canary(**members("whole-life", checks_zip(http(site.url + "/page-life"))))["Canary"]
    assert again["Id"] != made["Id"] and runs(shared, "whole-life") == [] and "Tags" not in again or again["Tags"] == {}


def test_a_canary_stops_while_a_run_is_under_way(shared, site):
    client = synthetics(shared)
    create(shared, "stops-late", checks(http(site.url + "/slow?ms=2500")), Schedule={"Expression": "rate(1 hour)"})
    client.start_canary(Name="stops-late")
    wait_for("a run", lambda: runs(shared, "stops-late"))
    client.stop_canary(Name="stops-late")
    if state(shared, "stops-late") == "STOPPING":
        assert refused(client.start_canary, Name="stops-late") == refused(client.delete_canary, Name="stops-late") == "ConflictException"
    becomes(shared, "stops-late", "STOPPED")
    [run] = ended(shared, "stops-late")
    assert run["Status"]["State"] == "PASSED", "the run that is under way may end"
    client.delete_canary(Name="stops-late")


def test_what_is_not_there(shared):
    client = synthetics(shared)
    for call in (client.get_canary, client.start_canary, client.stop_canary, client.delete_canary, client.get_canary_runs, client.start_canary_dry_run):
        assert refused(call, Name="nobody") == "ResourceNotFoundException", call
    assert refused(client.update_canary, Name="nobody", RuntimeVersion="syn-nodejs-3.0") == "ResourceNotFoundException"
    assert shared.request("/api/canaries/nobody/runs/" + "0" * 8, method="GET").status == 404
    assert shared.request("/api/canary-tries/00000000-0000-0000-0000-000000000000", method="GET").status == 404
    assert shared.request("/api/canary-artifacts?key=canary/nothing", method="GET").status == 404
    assert refused(client.list_tags_for_resource, ResourceArn=ARN + "nobody") in ("NotFoundException", "ResourceNotFoundException")
    for call in (client.get_group, client.delete_group, client.list_group_resources):
        assert refused(call, GroupIdentifier="nobody") == "ResourceNotFoundException"


def test_a_name_is_given_once(shared, site):
    create(shared, "only-once", checks(http(site.url)))
    assert refused(synthetics(shared).create_canary, **members("only-once", checks_zip(http(site.url)))) in ("ConflictException", "ValidationException")
    # Also when many ask at once.
    answers = []
    all_at_once = [threading.Thread(target=lambda: answers.append(shared.request("/canary", members("race", checks(http(site.url)))).status)) for _ in range(8)]
    for thread in all_at_once:
        thread.start()
    for thread in all_at_once:
        thread.join()
    assert sorted(answers)[0] == 200 and all(400 <= each < 500 for each in sorted(answers)[1:]), answers


@pytest.mark.parametrize("expression", [
    "rate(1 minute)", "rate(2 minutes)", "rate(60 minutes)", "rate(1 hour)", "rate(0 minute)", "rate(0 hour)", "cron(0 10 * * ? *)", "cron(*/5 * ? * MON-FRI *)",
    "cron(0 8 1 * ? *)", "cron(0 18 L * ? *)", "cron(0 9 ? * 2#1 *)", "cron(0 9 ? * 6L *)", "cron(0 9 15W * ? *)", "cron(0,30 8-17 ? JAN-JUN 2,4,6 *)"])
def test_schedules_that_are_taken(shared, site, expression):
    name = "schedule-" + hashlib.md5(expression.encode()).hexdigest()[:8]
    assert create(shared, name, checks(http(site.url)), Schedule={"Expression": expression})["Schedule"]["Expression"] == expression


@pytest.mark.parametrize("expression", [
    "rate(61 minutes)", "rate(2 hours)", "rate(1 day)", "rate(30 seconds)", "rate(-1 minute)", "rate(1.5 minutes)", "rate()", "rate(1 minute", "", "daily",
    "cron(0 10 * * * *)", "cron(0 10 ? * ? *)", "cron(0 10 * * ?)", "cron(0 10 1 * 2 *)", "cron(60 10 * * ? *)", "cron(0 24 * * ? *)", "cron(0 10 32 * ? *)",
    "cron(0 10 * 13 ? *)", "cron(0 10 ? * 8 *)", "cron(0 10 * * ? 2030)", "cron(0 10 ? * MUN *)", "cron(0 10 * * ? * *)", "cron(*/0 * * * ? *)", "at(2027-01-01T00:00:00)"])
def test_schedules_that_are_refused(shared, site, expression):
    name = "never-" + hashlib.md5(expression.encode()).hexdigest()[:8]
    answer = shared.request("/canary", members(name, checks(http(site.url)), Schedule={"Expression": expression}))
    assert answer.status == 400 and answer.error == "ValidationException", answer


# Capitals in a name, and code with nothing to run, are taken: AWS's emulators do so, and what is written for them.
@pytest.mark.parametrize("wrong", [
    {"Name": ""}, {"Name": "a" * 256}, {"Name": "a b"}, {"Name": None}, {"Code": None}, {"Schedule": None}, {"Code": "text"},
    {"RunConfig": {"TimeoutInSeconds": 2}}, {"RunConfig": {"TimeoutInSeconds": 841}}, {"RunConfig": {"MemoryInMB": 959}}, {"RunConfig": {"MemoryInMB": 1000}},
    {"RunConfig": {"EnvironmentVariables": {"AWS_LAMBDA_FUNCTION_NAME": "x"}}}, {"RunConfig": {"EnvironmentVariables": {"A": "x" * 4097}}},
    {"RunConfig": {"EnvironmentVariables": {"1 A": "x"}}}, {"RunConfig": {"EphemeralStorage": 1}},
    {"SuccessRetentionPeriodInDays": 0}, {"FailureRetentionPeriodInDays": 5000}, {"Schedule": {"Expression": "rate(1 minute)", "RetryConfig": {"MaxRetries": 3}}},
    {"Schedule": {"Expression": "rate(1 minute)", "DurationInSeconds": -1}}, {"Schedule": {"Expression": "rate(1 minute)", "DurationInSeconds": 31622401}},
    {"Tags": {f"k{n}": "v" for n in range(51)}}, {"Code": {"Script": "x", "Handler": "no handler!"}}, {"Code": {"Script": "exports.handler = 1", "Handler": "index.handler" + "x" * 130}},
    {"Code": {"BlueprintTypes": ["heartbeat"], "BlueprintConfig": {}}}, {"Code": {"BlueprintTypes": ["heartbeat"], "BlueprintConfig": {"urls": [{"url": "no url"}]}}},
    {"Code": {"BlueprintTypes": ["heartbeat"], "BlueprintConfig": {"urls": [{"url": "file:///etc/passwd"}]}}},
    {"Code": {"BlueprintTypes": ["workflow"], "BlueprintConfig": {"url": "http://127.0.0.1/", "steps": [{"action": "dance"}]}}},
    {"Code": {"BlueprintTypes": ["heartbeat", "visual"], "BlueprintConfig": {"urls": [{"url": "http://127.0.0.1/"}]}}},
], ids=lambda wrong: json.dumps(wrong)[:60])
def test_canaries_that_are_refused(shared, site, wrong):
    answer = shared.request("/canary", {**members("wrong-" + hashlib.md5(repr(wrong).encode()).hexdigest()[:8], checks(http(site.url))), **wrong})
    assert answer.status == 400 and answer.error == "ValidationException", answer
    assert answer.json.get("Message") or answer.json.get("message")


def test_a_broken_body_is_refused(shared):
    for body in (b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"Name": 5}'):
        answer = shared.request("/canary", body)
        assert 400 <= answer.status < 500, (body, answer)
    assert shared.request("/canary", {"Name": "x", "Code": {"ZipFile": "no base64!", "BlueprintTypes": ["multi-checks"]}}).status == 400
    assert shared.alive()


def test_once_is_once(shared, site):
    create(shared, "runs-once", checks(http(site.url + "/run-once")), Schedule={"Expression": "rate(0 hour)"})
    for times in (1, 2):
        run = run_once(shared, "runs-once")
        assert run["Status"]["State"] == "PASSED" and len(site.seen("/run-once")) == times
    assert len(runs(shared, "runs-once")) == 2


def test_retries(shared, site):
    site.queues["/flaky"] = [500, 500]
    create(shared, "flaky", checks(http(site.url + "/flaky", status(200))), Schedule={"Expression": "rate(0 minute)", "RetryConfig": {"MaxRetries": 2}})
    site.pages["/flaky"] = "good again"
    synthetics_of(shared).start_canary(Name="flaky")
    three = ended(shared, "flaky", 3)
    becomes(shared, "flaky", "STOPPED")
    assert len(runs(shared, "flaky")) == 3
    assert [run["Status"]["State"] for run in three] == ["PASSED", "FAILED", "FAILED"] and [run.get("RetryAttempt") for run in three] == [2, 1, None]
    assert len({run["ScheduledRunId"] for run in three}) == 1 and len({run["Id"] for run in three}) == 3
    assert len({run["Timeline"]["MetricTimestampForRunAndRetries"] for run in three}) == 1
    assert three[2]["Status"]["StateReasonCode"] == "CANARY_FAILURE" and three[2]["Status"]["TestResult"] == "FAILED" and "500" in three[2]["Status"]["StateReason"]
    wait_for("metrics", lambda: metric(shared, "SuccessPercent", CanaryName="flaky", of="SampleCount") == 3)
    assert metric(shared, "SuccessPercent", CanaryName="flaky", of="Sum") == 100
    assert metric(shared, "SuccessPercentWithRetries", CanaryName="flaky") == 100 and metric(shared, "SuccessPercentWithRetries", CanaryName="flaky", of="SampleCount") == 1
    assert metric(shared, "RetryCount", CanaryName="flaky", of="Maximum") == 2
    assert metric(shared, "5xx", CanaryName="flaky", of="Sum") == 2 and metric(shared, "2xx", CanaryName="flaky", of="Sum") == 1


def test_retries_end(shared, site):
    create(shared, "hopeless", checks(http(site.url + "/status/503", status(200))), Schedule={"Expression": "rate(0 minute)", "RetryConfig": {"MaxRetries": 1}})
    synthetics_of(shared).start_canary(Name="hopeless")
    becomes(shared, "hopeless", "STOPPED")
    assert [run["Status"]["State"] for run in runs(shared, "hopeless")] == ["FAILED", "FAILED"]
    wait_for("metrics", lambda: metric(shared, "SuccessPercentWithRetries", CanaryName="hopeless") == 0)


def test_a_run_that_takes_too_long(shared, site):
    create(shared, "too-long", checks(http(site.url + "/slow?ms=8000")), RunConfig={"TimeoutInSeconds": 3})
    began = time.monotonic()
    run = run_once(shared, "too-long")
    assert time.monotonic() - began < 7
    assert run["Status"]["State"] == "FAILED" and run["Status"]["StateReasonCode"] == "EXECUTION_FAILURE" and "time" in run["Status"]["StateReason"].lower()
    assert run["Status"]["TestResult"] in ("UNKNOWN", "FAILED")
    assert run["Timeline"]["Completed"] >= run["Timeline"]["Started"]
    wait_for("metrics", lambda: metric(shared, "Failed", CanaryName="too-long", of="Sum") == 1)
    assert metric(shared, "SuccessPercent", CanaryName="too-long") == 0


def test_dry_runs(shared, site):
    client = synthetics(shared)
    client.create_canary(**members("dry", checks_zip(http(site.url + "/run-wet"))))
    dry = client.start_canary_dry_run(Name="dry", Code=checks_zip(http(site.url + "/run-dry")), RunConfig={"TimeoutInSeconds": 17})["DryRunConfig"]
    assert UUID.match(dry["DryRunId"])
    [run] = ended(shared, "dry", DryRunId=dry["DryRunId"])
    assert run["DryRunConfig"]["DryRunId"] == dry["DryRunId"] and run["Status"]["State"] == "PASSED"
    wait_for("its status", lambda: client.get_canary(Name="dry", DryRunId=dry["DryRunId"])["Canary"]["DryRunConfig"].get("LastDryRunExecutionStatus") == "PASSED")
    assert client.get_canary(Name="dry", DryRunId=dry["DryRunId"])["Canary"]["RunConfig"]["TimeoutInSeconds"] == 17
    assert len(site.seen("/run-dry")) == 1 and not site.seen("/run-wet")
    # No trace of it in the history: not in the runs, not as the last one, not in the canary.
    assert runs(shared, "dry") == runs(shared, "dry", RunType="CANARY_RUN") == [] and len(runs(shared, "dry", RunType="DRY_RUN")) == 1
    last = client.describe_canaries_last_run(Names=["dry"])["CanariesLastRun"]
    assert not last or not last[0].get("LastRun")
    assert client.get_canary(Name="dry")["Canary"]["RunConfig"].get("TimeoutInSeconds") != 17 and state(shared, "dry") == "READY"
    wait_for("metrics", lambda: metric(shared, "SuccessPercentDryRun", CanaryName="dry") == 100)
    assert metric(shared, "DurationDryRun", CanaryName="dry") > 0 and metric(shared, "SuccessPercent", CanaryName="dry") is None
    # It can be taken over.
    client.update_canary(Name="dry", DryRunId=dry["DryRunId"])
    assert client.get_canary(Name="dry")["Canary"]["RunConfig"]["TimeoutInSeconds"] == 17
    run_once(shared, "dry")
    assert len(site.seen("/run-dry")) == 2 and not site.seen("/run-wet")
    assert refused(client.update_canary, Name="dry", DryRunId="00000000-0000-4000-8000-000000000000") in ("ResourceNotFoundException", "ValidationException")


def test_pages_of_runs_and_canaries(new_server, site):
    server = new_server()
    client = synthetics(server)
    assert client.describe_canaries()["Canaries"] == [] and client.describe_canaries_last_run()["CanariesLastRun"] == [] and client.list_groups()["Groups"] == []
    create(server, "paged", checks(http(site.url + "/page-paged")))
    for _ in range(5):
        run_once(server, "paged")
    everything = runs(server, "paged")
    started = [run["Timeline"]["Started"] for run in everything]
    assert len(everything) == 5 and started == sorted(started, reverse=True), "newest first"
    pages, token = [], None
    while True:
        answer = client.get_canary_runs(Name="paged", MaxResults=2, **({"NextToken": token} if token else {}))
        pages.append([run["Id"] for run in answer["CanaryRuns"]])
        token = answer.get("NextToken")
        if not token:
            break
    assert [len(page) for page in pages] == [2, 2, 1] and sum(pages, []) == [run["Id"] for run in everything]
    for number in range(6):
        create(server, f"other-{number}", checks(http(site.url)))
    seen, token = [], None
    while True:
        answer = client.describe_canaries(MaxResults=3, **({"NextToken": token} if token else {}))
        assert len(answer["Canaries"]) <= 3
        seen += [each["Name"] for each in answer["Canaries"]]
        token = answer.get("NextToken")
        if not token:
            break
    assert sorted(seen) == sorted(["paged"] + [f"other-{n}" for n in range(6)])
    last = client.describe_canaries_last_run(Names=["paged"])["CanariesLastRun"]
    assert [(each["CanaryName"], each["LastRun"]["Id"]) for each in last] == [("paged", everything[0]["Id"])]
    loose = synthetics(server, validate=False)
    for call, given in ((loose.describe_canaries, {"MaxResults": 21}), (loose.describe_canaries, {"MaxResults": 0}), (loose.get_canary_runs, {"Name": "paged", "MaxResults": 101}),
                        (loose.describe_canaries, {"NextToken": "nonsense"}), (loose.get_canary_runs, {"Name": "paged", "NextToken": "nonsense"}),
                        (loose.describe_canaries, {"Names": [f"n{n}" for n in range(6)]}), (loose.get_canary_runs, {"Name": "paged", "RunType": "NONE"})):
        assert refused(call, **given) == "ValidationException", given


def test_groups_and_their_limits(new_server, site):
    server = new_server()
    client = synthetics(server)
    for number in range(11):
        create(server, f"c{number}", checks(http(site.url)))
    for number in range(20):
        client.create_group(Name=f"g{number}", Tags={"n": str(number)})
    assert refused(client.create_group, Name="g20") == "ServiceQuotaExceededException"
    assert refused(client.create_group, Name="g3") == "ConflictException"
    for number in range(10):
        client.associate_resource(GroupIdentifier="g0", ResourceArn=ARN + f"c{number}")
    assert refused(client.associate_resource, GroupIdentifier="g0", ResourceArn=ARN + "c10") == "ServiceQuotaExceededException"
    for number in range(1, 10):
        client.associate_resource(GroupIdentifier=f"g{number}", ResourceArn=ARN + "c0")
    assert refused(client.associate_resource, GroupIdentifier="g10", ResourceArn=ARN + "c0") == "ServiceQuotaExceededException"
    assert refused(client.associate_resource, GroupIdentifier="g10", ResourceArn=ARN + "nobody") == "ResourceNotFoundException"
    assert len(client.list_associated_groups(ResourceArn=ARN + "c0")["Groups"]) == 10
    group = client.get_group(GroupIdentifier="g0")["Group"]
    assert group["Name"] == "g0" and group["Tags"] == {"n": "0"} and client.get_group(GroupIdentifier=group["Arn"])["Group"]["Id"] == group["Id"]
    first = client.list_group_resources(GroupIdentifier="g0", MaxResults=7)
    rest = client.list_group_resources(GroupIdentifier="g0", MaxResults=7, NextToken=first["NextToken"])
    assert sorted(first["Resources"] + rest["Resources"]) == sorted(ARN + f"c{n}" for n in range(10)) and not rest.get("NextToken")
    client.disassociate_resource(GroupIdentifier="g0", ResourceArn=ARN + "c9")
    client.associate_resource(GroupIdentifier="g0", ResourceArn=ARN + "c10")
    client.delete_group(GroupIdentifier="g0")
    assert refused(client.get_group, GroupIdentifier="g0") == "ResourceNotFoundException" and len(client.list_groups()["Groups"]) == 19
    assert client.get_canary(Name="c0")["Canary"]["Name"] == "c0"


def test_tags(shared, site):
    client = synthetics(shared)
    create(shared, "tagged", checks(http(site.url)), Tags={"a": "1", "b": "2"})
    arn = ARN + "tagged"
    client.tag_resource(ResourceArn=arn, Tags={"b": "3", "c": ""})
    client.untag_resource(ResourceArn=arn, TagKeys=["a", "no-such-key"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == client.get_canary(Name="tagged")["Canary"]["Tags"] == {"b": "3", "c": ""}
    assert refused(client.tag_resource, ResourceArn=ARN + "nobody", Tags={"a": "b"}) in ("NotFoundException", "ResourceNotFoundException")
    loose = synthetics(shared, validate=False)
    assert refused(loose.tag_resource, ResourceArn=arn, Tags={"aws:x": "b"}) in ("BadRequestException", "ValidationException")
    assert refused(loose.tag_resource, ResourceArn=arn, Tags={f"k{n}": "" for n in range(60)}) in ("BadRequestException", "ValidationException")


def test_runtime_versions(shared, site):
    found = [each for page in synthetics(shared).get_paginator("describe_runtime_versions").paginate() for each in page["RuntimeVersions"]] \
        if synthetics(shared).can_paginate("describe_runtime_versions") else synthetics(shared).describe_runtime_versions()["RuntimeVersions"]
    known = [each["VersionName"] for each in found]
    assert any(each.startswith("syn-nodejs-puppeteer") for each in known) and any(each.startswith("syn-python-selenium") for each in known)
    assert all(each["Description"] and each["ReleaseDate"] for each in found) and len(known) == len(set(known))
    # What AWS gave up long ago still runs.
    create(shared, "old-runtime", checks(http(site.url + "/page-old")), RuntimeVersion="syn-nodejs-puppeteer-3.9")
    assert run_once(shared, "old-runtime")["Status"]["State"] == "PASSED"
    change(shared, "old-runtime", Schedule={"Expression": "rate(1 minute)"})


# -- what a run leaves


def metric(server, name, of="Average", **dimensions):
    now = time.time()
    found = server.cloudwatch.get_metric_statistics(
        Namespace="CloudWatchSynthetics", MetricName=name, StartTime=now - 900, EndTime=now + 120, Period=3600, Statistics=[of],
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()])["Datapoints"]
    if not found:
        return None
    return sum(point[of] for point in found) if of in ("Sum", "SampleCount") else found[0][of]


def test_metrics_and_logs_of_a_run(shared, site):
    made = create(shared, "metered", checks(
        {**http(site.url + "/page-metered"), "stepName": "fine"}, {**http(site.url + "/status/404"), "stepName": "lost", "assertions": [status(404)]},
        {**http(site.url + "/status/500", status(500)), "stepName": "broken"}, {**http(f"http://127.0.0.1:{closed_port()}/"), "stepName": "nobody"}))
    run = run_once(shared, "metered")
    assert run["Status"]["State"] == "FAILED" and run["Status"]["StateReasonCode"] == "CANARY_FAILURE" and "nobody" in run["Status"]["StateReason"]
    wait_for("metrics", lambda: metric(shared, "Failed requests", CanaryName="metered", of="Sum") == 1)
    assert [metric(shared, name, CanaryName="metered", of="Sum") for name in ("2xx", "4xx", "5xx", "Failed")] == [1, 1, 1, 0]
    assert metric(shared, "SuccessPercent", CanaryName="metered") == 0 and metric(shared, "Duration", CanaryName="metered") > 0
    assert [metric(shared, "SuccessPercent", CanaryName="metered", StepName=step) for step in ("fine", "lost", "broken", "nobody")] == [100, 100, 100, 0]
    told = whole(shared, "metered", run)
    assert metric(shared, "Duration", CanaryName="metered", StepName="fine") == pytest.approx(told["Report"]["steps"][0]["durationMs"], rel=0.01)
    assert metric(shared, "RetryCount", CanaryName="metered") is None, "only where there were retries"
    assert told["Report"]["requests"] == {"2xx": 1, "3xx": 0, "4xx": 1, "5xx": 1, "failed": 1}
    assert told["LogGroup"] == f"/aws/lambda/cwsyn-metered-{made['Id']}"
    lines = [event["message"] for event in shared.aws("logs").get_log_events(logGroupName=told["LogGroup"], logStreamName=told["LogStream"], startFromHead=True)["events"]]
    assert any("fine" in line for line in lines) and any("nobody" in line and "ERROR" in line for line in lines), lines
    units = {unit: point for unit in ("Percent", "Milliseconds") for point in shared.cloudwatch.get_metric_statistics(
        Namespace="CloudWatchSynthetics", MetricName="SuccessPercent" if unit == "Percent" else "Duration", StartTime=time.time() - 900, EndTime=time.time() + 60,
        Period=3600, Statistics=["Average"], Unit=unit, Dimensions=[{"Name": "CanaryName", "Value": "metered"}])["Datapoints"]}
    assert set(units) == {"Percent", "Milliseconds"}


def test_the_folder_of_a_run(shared, site):
    made = create(shared, "filed", checks(http(site.url + "/page-filed")))
    run = run_once(shared, "filed")
    told = whole(shared, "filed", run)
    keys = artifacts(shared, told)
    assert {"SyntheticsReport-PASSED.json", "results.har"} <= set(keys)
    assert re.match(rf"^(.*/)?canary/us-east-1/filed-{made['Id']}/\d{{4}}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{{3}}/results\.har$", keys["results.har"]), keys
    assert keys["results.har"].rsplit("/", 1)[0] in run["ArtifactS3Location"], (run["ArtifactS3Location"], keys)
    for each in told["Artifacts"]:
        assert len(artifact(shared, each["Key"]).body) == each["Bytes"]
    assert artifact(shared, keys["SyntheticsReport-PASSED.json"]).json["runId"] == run["Id"]


def test_keys_stay_in_the_folder(shared, site):
    (shared.data_dir / "canaries").mkdir(exist_ok=True)
    (shared.data_dir / "secret.txt").write_text("do not tell")
    (shared.data_dir / "canaries" / "secret.txt").write_text("do not tell")
    for key in ("../secret.txt", "../../secret.txt", "canary/../../secret.txt", "tries/../../../secret.txt", "/etc/passwd", "//etc/passwd", "..%2f..%2fsecret.txt",
                "%2e%2e/secret.txt", "..\\secret.txt", "canary", "", ".", "a\0b", str(shared.data_dir / "secret.txt"), "canary/./../../secret.txt"):
        for answer in (artifact(shared, key), shared.request(f"/api/canary-artifacts?key={key}".replace("\0", "%00"), method="GET")):
            assert answer.status in (400, 404), (key, answer)
            assert b"do not tell" not in answer.body and b"root:" not in answer.body
    assert shared.request("/api/canary-artifacts", method="GET").status in (400, 404)


def test_a_trace_with_the_canary_as_client(shared, site):
    create(shared, "traced", checks(http(site.url + "/run-traced"), http(site.url + "/status/500", status(500))), RunConfig={"ActiveTracing": True, "TimeoutInSeconds": 20})
    run = run_once(shared, "traced")
    told = whole(shared, "traced", run)["Report"]
    [asked] = site.seen("/run-traced")
    header = dict(part.split("=") for part in asked.headers["x-amzn-trace-id"].split(";"))
    assert header["Sampled"] == "1" and header["Root"] in told["traceIds"] and told["steps"][0].get("traceId", header["Root"]) == header["Root"]
    summary = wait_for("the trace", lambda: shared.summary(header["Root"]))
    assert summary["Id"] == header["Root"]
    [document] = shared.documents(header["Root"])
    assert document["name"] == "traced" and header["Parent"] in [each["id"] for each in document["subsegments"]]
    call = next(each for each in document["subsegments"] if each["id"] == header["Parent"])
    assert call["namespace"] == "remote" and call["http"]["request"]["url"] == site.url + "/run-traced" and call["http"]["response"]["status"] == 200
    graph = shared.graph(header["Root"])
    assert any(key[0] == "traced" for key in graph.nodes) and any(pair[0][0] == "traced" for pair in graph.edges), graph.nodes


def test_no_trace_without_active_tracing(shared, site):
    create(shared, "untraced", checks(http(site.url + "/run-untraced")))
    run = run_once(shared, "untraced")
    assert whole(shared, "untraced", run)["Report"]["traceIds"] == [] and "x-amzn-trace-id" not in site.seen("/run-untraced")[0].headers
    assert not [each for each in shared.summaries('service("untraced")')]


# -- multi-checks


def judged(server, step, assertion, **more):
    """What one assertion came to: True, False, or why it could not be looked at."""
    [result] = checked(server, {**step, "assertions": [assertion]}, **more)
    if not result["assertions"]:
        return result.get("error") or "no assertion"
    [told] = result["assertions"]
    assert told["passed"] == (result["status"] == "PASSED") and told["text"]
    assert told["passed"] or result["error"], "what failed says why"
    return told["passed"]


def header(operator, value=None, name="X-Kind"):
    return {"type": "HEADER", "headerName": name, "operator": operator, **({"value": value} if value is not None else {})}


def body(operator, value=None, path=None):
    return {"type": "BODY", "target": "JSON" if path else "TEXT", "operator": operator, **({"path": path} if path else {}), **({"value": value} if value is not None else {})}


@pytest.mark.parametrize("assertion, fulfilled", [
    (status(200), True), (status(201), False), (status(201, "NOT_EQUALS"), True), (status(200, "NOT_EQUALS"), False), (status(199, "GREATER_THAN"), True),
    (status(200, "GREATER_THAN"), False), (status(201, "LESS_THAN"), True), (status(200, "LESS_THAN"), False),
    ({"type": "STATUS_CODE", "operator": "IN_RANGE", "rangeMin": 200, "rangeMax": 200}, True), ({"type": "STATUS_CODE", "operator": "IN_RANGE", "rangeMin": 201, "rangeMax": 299}, False),
    (status("200"), True),
    ({"type": "RESPONSE_TIME", "operator": "LESS_THAN", "value": 5000, "unit": "MILLISECONDS"}, True), ({"type": "RESPONSE_TIME", "operator": "GREATER_THAN", "value": 5000, "unit": "MILLISECONDS"}, False),
    ({"type": "RESPONSE_TIME", "operator": "EQUALS", "value": 99999, "unit": "MILLISECONDS"}, False),
    (header("EQUALS", "plain text"), True), (header("EQUALS", "plain"), False), (header("NOT_EQUALS", "plain"), True), (header("NOT_EQUALS", "plain text"), False),
    (header("CONTAINS", "ain t"), True), (header("CONTAINS", "AIN"), False), (header("NOT_CONTAINS", "xyz"), True), (header("NOT_CONTAINS", "plain"), False),
    (header("REGEX_MATCH", "^pl.*t$"), True), (header("REGEX_MATCH", "^text"), False), (header("EXIST"), True), (header("EXIST", name="X-Nothing"), False),
    (header("EXIST", name="x-KIND"), True), (header("EQUALS", "x", name="X-Nothing"), False),
    (body("CONTAINS", '"count": 3'), True), (body("CONTAINS", "down"), False), (body("NOT_CONTAINS", "down"), True), (body("NOT_CONTAINS", "up"), False),
    (body("EQUALS", "up", "$.status"), True), (body("EQUALS", "down", "$.status"), False), (body("NOT_EQUALS", "down", "$.status"), True), (body("NOT_EQUALS", "up", "$.status"), False),
    (body("EQUALS", 3, "$.count"), True), (body("EQUALS", "3", "$.count"), True), (body("EQUALS", True, "$.ok"), True), (body("EQUALS", 1.5, "$.price"), True),
    (body("EQUALS", 8, "$.items[1].id"), True), (body("CONTAINS", "b", "$.items[0].name"), True), (body("NOT_CONTAINS", "b", "$.items[0].name"), False),
    (body("EQUALS", "ü", "$.items[-1:].name"), True), (body("EXISTS", path="$.items[0]"), True), (body("EXISTS", path="$.items[2]"), False), (body("EXISTS", path="$.nothing"), True),
    (body("EXISTS", path="$['status']"), True), (body("EQUALS", "a b", "$.items[?(@.id==7)].name"), True), (body("EQUALS", 7, "$..id"), True),
    (body("EQUALS", "x", "$.no.such.path"), False),
], ids=lambda given: json.dumps(given, ensure_ascii=False).replace('"', "") if isinstance(given, dict) else "")
def test_http_assertions(shared, site, assertion, fulfilled):
    assert judged(shared, http(site.url + "/json"), assertion) is fulfilled


def test_methods_headers_and_bodies(shared, site):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
        sent = {"body": '{"sent": "%s"}' % method} if method in ("POST", "PUT", "PATCH") else {}
        [step] = checked(shared, {**http(f"{site.url}/echo?m={method}", status(200), headers={"X-Mine": "yes", "Content-Type": "application/json"}, **sent), "httpMethod": method})
        assert step["status"] == "PASSED", step
        asked = site.seen("/echo")[-1]
        assert asked.method == method and asked.headers["x-mine"] == "yes" and asked.body.decode() == sent.get("body", "")
    checked(shared, http(site.url + "/run-agent"), globalSettings={"userAgent": "Watcher/9"})
    assert site.seen("/run-agent")[0].headers["user-agent"] == "Watcher/9"
    # What no assertion speaks of is fine; a redirection is followed or told, but no failure of its own.
    [step] = checked(shared, http(site.url + "/redirect"))
    assert step["status"] == "PASSED" and step["statusCode"] in (200, 302)


def test_steps_go_in_order_and_each_tells_of_itself(shared, site):
    steps = [http(f"{site.url}/run-order-{n}", status(200 if n != 3 else 404), body("CONTAINS", "good")) for n in range(1, 11)]
    told = tried(shared, checks(*steps))
    results = told["Report"]["steps"]
    assert [step["stepName"] for step in results] == [f"s{n}" for n in range(1, 11)] and [step["stepNumber"] for step in results] == list(range(1, 11))
    assert results[2]["status"] == "FAILED" and [each["passed"] for each in results[2]["assertions"]] == [False, True] and told["State"] == "FAILED"
    assert [each.path for each in site.asked if "/run-order" in each.path] == [f"/run-order-{n}" for n in range(1, 11)]
    assert told["Report"]["code"] == "CANARY_FAILURE" and "s3" in told["Report"]["reason"] and "404" in told["Report"]["reason"] and "s3" in told["Log"]
    for step in results:
        assert {"durationMs", "timings", "assertions", "screenshots", "consoleErrors", "failedRequests", "status"} <= set(step)
        assert {"connectMs", "firstByteMs"} <= set(step["timings"]) and all(value >= 0 for value in step["timings"].values())
    har = artifact(shared, artifacts(shared, told)["results.har"]).json["log"]
    assert har["version"] == "1.2" and [each["request"]["url"] for each in har["entries"]] == [step["url"] for step in results]


def test_variables_extractors_and_secrets(shared, site):
    steps = [
        http("${base}/json", extractors=[{"name": "token", "type": "BODY", "path": "$.token"}, {"name": "digits", "type": "BODY", "path": "$.token", "regex": "t-(\\d)(\\d)", "regexGroup": 2},
                                         {"name": "page", "type": "BODY", "regex": "\"count\": (\\d+)", "regexGroup": 1}]),
        {**http("${base}/echo?n=${digits}&c=${page}", status(200), body("EQUALS", "${token}", "$.headers['x-token']"),
                headers={"X-Token": "${token}", "X-Secret": "${AWS_SECRET:shop}", "X-Key": "${AWS_SECRET:pair:key}"}, body='{"t":"${token}","k":"${AWS_SECRET:pair:key}"}'), "httpMethod": "POST"},
    ]
    told = tried(shared, checks(*steps, variables={"base": site.url}), RunConfig={"EnvironmentVariables": {"shop": "hush-1", "pair": '{"key": "hush-2"}'}})
    assert told["State"] == "PASSED", told["Report"]["steps"]
    asked = site.seen("/echo")[-1]
    assert asked.path == "/echo?n=2&c=3" and asked.headers["x-token"] == "t-42" and asked.headers["x-secret"] == "hush-1" and asked.headers["x-key"] == "hush-2"
    assert json.loads(asked.body) == {"t": "t-42", "k": "hush-2"}
    # Secrets are nowhere in what is kept.
    kept = json.dumps(told) + "".join(artifact(shared, key).body.decode("utf-8", "replace") for key in artifacts(shared, told).values())
    assert "hush-1" not in kept and "hush-2" not in kept
    # What is not there.
    told = tried(shared, checks(http(site.url + "/echo", headers={"X": "${AWS_SECRET:nobody}"})))
    assert told["State"] == "FAILED" and "nobody" in told["Report"]["reason"]
    told = tried(shared, checks(http(site.url + "/json", extractors=[{"name": "x", "type": "BODY", "path": "$.no"}]), http(site.url + "/echo?x=${x}", status(200))))
    assert told["State"] == "FAILED" and "$.no" in json.dumps(told["Report"]["steps"][0])


@pytest.mark.parametrize("where", ["address", "expected value", "password"])
def test_secrets_are_not_told(shared, site, where):
    step = {"address": http(site.url + "/page?key=${AWS_SECRET:shop}", status(404)), "expected value": http(site.url + "/page", body("CONTAINS", "${AWS_SECRET:shop}")),
            "password": http(site.url + "/page", authentication={"type": "API_KEY", "apiKey": "${AWS_SECRET:shop}"})}[where]
    told = tried(shared, checks(step), RunConfig={"EnvironmentVariables": {"shop": "hush-hush-3"}})
    kept = json.dumps(told) + "".join(artifact(shared, key).body.decode("utf-8", "replace") for key in artifacts(shared, told).values())
    assert "hush-hush-3" not in kept


def test_authentication(shared, site):
    def seen(**authentication):
        [step] = checked(shared, http(site.url + "/echo?auth", status(200), authentication=authentication))
        assert step["status"] == "PASSED", step
        return site.seen("/echo")[-1].headers
    assert "authorization" not in seen(type="NONE")
    assert seen(type="BASIC", username="ann", password="pä:ss")["authorization"] == "Basic " + base64.b64encode("ann:pä:ss".encode()).decode()
    assert seen(type="API_KEY", apiKey="k-1")["x-api-key"] == "k-1"
    assert seen(type="API_KEY", apiKey="k-2", headerName="X-Other")["x-other"] == "k-2"
    # Passwords are secrets.
    [step] = checked(shared, http(site.url + "/echo?auth", authentication={"type": "BASIC", "username": "ann", "password": "${AWS_SECRET:door}"}), env={"door": "open"})
    assert base64.b64decode(site.seen("/echo")[-1].headers["authorization"].split()[1]) == b"ann:open"


@pytest.mark.parametrize("way", ["BASIC_AUTH_HEADER", "REQUEST_BODY"])
def test_oauth_client_credentials(shared, site, way):
    path = "/token-" + way
    site.pages[path] = lambda asked: (200, {"Content-Type": "application/json"}, json.dumps({"access_token": "at-" + way, "token_type": "Bearer", "expires_in": 3600}))
    given = {"type": "OAUTH_CLIENT_CREDENTIALS", "tokenUrl": site.url + path, "clientId": "me", "clientSecret": "s3", "scope": "read", "audience": "shop", "tokenApiAuth": way}
    steps = checked(shared, http(site.url + "/echo?o1", authentication=given), http(site.url + "/echo?o2", authentication=given))
    assert [step["status"] for step in steps] == ["PASSED", "PASSED"], steps
    assert [asked.headers["authorization"] for asked in site.seen("/echo")[-2:]] == ["Bearer at-" + way] * 2
    asked = site.seen(path)[0]
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert asked.method == "POST" and asked.headers["content-type"].startswith("application/x-www-form-urlencoded")
    assert form["grant_type"] == "client_credentials" and form["scope"] == "read" and form["audience"] == "shop"
    if way == "REQUEST_BODY":
        assert (form["client_id"], form["client_secret"]) == ("me", "s3")
    else:
        assert base64.b64decode(asked.headers["authorization"].split()[1]) == b"me:s3" and "client_secret" not in form
    assert len(site.seen(path)) == 1, "a token is asked for once"


def test_a_token_that_is_refused(shared, site):
    [step] = checked(shared, http(site.url + "/echo", authentication={"type": "OAUTH_CLIENT_CREDENTIALS", "tokenUrl": site.url + "/status/401", "clientId": "me", "clientSecret": "sesame"}))
    assert step["status"] == "FAILED" and "401" in step["error"] and "sesame" not in step["error"]


def test_sigv4(shared, site):
    [step] = checked(shared, {**http(site.url + "/echo?b=2&a=1%20x", status(200), body='{"q": 1}', headers={"Content-Type": "application/json"},
                                     authentication={"type": "SIGV4", "service": "execute-api", "region": "eu-west-1"}), "httpMethod": "POST"},
                     env={"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret"})
    assert step["status"] == "PASSED", step
    asked = site.seen("/echo")[-1]
    found = re.match(r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/(\d{8})/eu-west-1/execute-api/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$", asked.headers["authorization"])
    assert found, asked.headers["authorization"]
    # botocore comes to the same signature.
    request = AWSRequest(method="POST", url=site.url + asked.path, data=asked.body, headers={name: asked.headers[name] for name in found[2].split(";") if name not in ("host",)})
    request.context["timestamp"] = asked.headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKIDEXAMPLE", "very-secret"), "execute-api", "eu-west-1")
    canonical = signer.canonical_request(request)
    assert signer.signature(signer.string_to_sign(request, canonical), request) == found[3], canonical


def test_timeouts_and_waits_of_steps(shared, site):
    began = time.monotonic()
    [step] = checked(shared, http(site.url + "/slow?ms=4000", timeout=1000))
    assert step["status"] == "FAILED" and "1000 ms" in step["error"] and 0.95 < time.monotonic() - began < 3
    # The wait for an answer that does not come is a part of it.
    assert 900 < step["durationMs"] < 2500


def test_a_step_waits_before_it_begins(shared, site):
    steps = checked(shared, http(site.url + "/run-wait-1"), http(site.url + "/run-wait-2", waitTime=1))
    first, second = site.seen("/run-wait-1")[0], site.seen("/run-wait-2")[0]
    assert second.at - first.at >= 0.95 and steps[1]["durationMs"] < 900, "waiting is no part of a step's time"


@pytest.mark.parametrize("path, words", [
    ("refused", "refused"), ("name", "no-such-host.invalid"), ("cut", "connection"), ("nonsense", "")])
def test_what_fails_says_why(shared, path, words):
    if path == "refused":
        url = f"http://127.0.0.1:{closed_port()}/"
    elif path == "name":
        url = "http://no-such-host.invalid/"
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"

        def answer():
            connection, _ = listener.accept()
            connection.recv(2000)
            if path == "nonsense":
                connection.sendall(b"this is no HTTP\r\n\r\n")
            connection.close()
            listener.close()
        threading.Thread(target=answer, daemon=True).start()
    told = tried(shared, checks(http(url, status(200))))
    [step] = told["Report"]["steps"]
    assert step["status"] == "FAILED" and words in step["error"].lower() and told["Report"]["requests"]["failed"] == 1, step
    assert told["Report"]["code"] == "CANARY_FAILURE"


def test_answers_without_end_are_cut(shared):
    listener = socket.create_server(("127.0.0.1", 0))
    sent = []

    def answer():
        connection, _ = listener.accept()
        with connection:
            connection.recv(2000)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            try:
                while sum(sent) < 400_000_000:
                    connection.sendall(b"x" * 1_000_000)
                    sent.append(1_000_000)
            except OSError:
                pass
    threading.Thread(target=answer, daemon=True).start()
    [step] = checked(shared, http(f"http://127.0.0.1:{listener.getsockname()[1]}/", status(200)))
    listener.close()
    assert sum(sent) < 100_000_000, "an answer is not read for ever"


@pytest.mark.parametrize("wrong", [
    {"steps": {}}, {}, {"steps": {str(n): {"stepName": f"s{n}", **http("http://127.0.0.1/")} for n in range(1, 12)}},
    {"steps": {"x": {"stepName": "s", **http("http://127.0.0.1/")}}}, {"steps": {"1": {**http("http://127.0.0.1/")}}}, {"steps": {"1": {"stepName": "1s", **http("http://127.0.0.1/")}}},
    {"steps": {"1": {"stepName": "s", "checkerType": "FTP"}}}, {"steps": {"1": {"stepName": "s", "checkerType": "HTTP", "httpMethod": "GET"}}},
    {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/"), "httpMethod": "TRACE"}}}, {"steps": {"1": {"stepName": "s" * 65, **http("http://127.0.0.1/")}}},
    {"steps": {"1": {"stepName": "s", "checkerType": "DNS"}}}, {"steps": {"1": {"stepName": "s", "checkerType": "TCP", "hostname": "h"}}}, {"steps": {"1": {"stepName": "s", "checkerType": "SSL"}}},
    {"steps": {"1": {"stepName": "s", "checkerType": "DNS", "domain": "x.test", "recordType": "SRV"}}},
    {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/", waitTime=61)}}}, {"variables": {f"v{n}": "x" for n in range(11)}, "steps": {"1": {"stepName": "s", **http("http://127.0.0.1/")}}},
    {"variables": {"1v": "x"}, "steps": {"1": {"stepName": "s", **http("http://127.0.0.1/")}}}, {"globalSettings": {"stepTimeout": 300001}, "steps": {"1": {"stepName": "s", **http("http://127.0.0.1/")}}},
    {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/", header("REGEX_MATCH", "("))}}}, {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/", {"type": "STATUS_CODE", "operator": "EQUALS"})}}},
    {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/", {"type": "STATUS_CODE", "operator": "CONTAINS", "value": 2})}}},
    {"steps": {"1": {"stepName": "s", **http("http://127.0.0.1/", authentication={"type": "OAUTH_CLIENT_CREDENTIALS"})}}},
    {"more": 1, "steps": {"1": {"stepName": "s", **http("http://127.0.0.1/")}}},
], ids=lambda wrong: json.dumps(wrong)[:110])
def test_checks_that_are_refused(shared, wrong):
    answer = shared.request("/api/canary-tries", {"Code": blueprint("multi-checks", **wrong), "RuntimeVersion": "syn-nodejs-3.0"})
    assert answer.status == 400, answer


def dns(names, domain, kind="A", **more):
    return {"checkerType": "DNS", "domain": domain, "recordType": kind, "nameserver": "127.0.0.1", "port": names.port, "timeout": 2000, **more}


def record(operator, value):
    return {"type": "RECORD_VALUE", "operator": operator, "value": value}


@pytest.mark.parametrize("domain, kind, assertion, fulfilled", [
    ("www.test", "A", record("EQUALS", "192.0.2.10"), True), ("www.test", "A", record("EQUALS", "192.0.2.11"), True), ("www.test", "A", record("EQUALS", "192.0.2.12"), False),
    ("www.test", "A", record("NOT_EQUALS", "192.0.2.12"), True), ("www.test", "A", record("NOT_EQUALS", "192.0.2.10"), False),
    ("www.test", "A", record("CONTAINS", "192.0.2"), True), ("www.test", "A", record("NOT_CONTAINS", "10.0."), True), ("www.test", "A", record("NOT_CONTAINS", "192"), False),
    ("www.test", "A", record("REGEX_MATCH", r"^192\.0\.2\.1[01]$"), True), ("www.test", "A", record("REGEX_MATCH", r"^10\."), False),
    ("alias.test", "CNAME", record("CONTAINS", "www.test"), True), ("shop.test", "MX", record("CONTAINS", "mail2.shop.test"), True), ("shop.test", "MX", record("CONTAINS", "10 mail1"), True),
    ("shop.test", "TXT", record("EQUALS", "v=spf1 -all"), True), ("shop.test", "TXT", record("EQUALS", "one part, another"), True), ("shop.test", "NS", record("CONTAINS", "ns2.shop.test"), True),
    ("www.test", "A", {"type": "RECORD_COUNT", "operator": "EQUALS", "value": 2}, True), ("www.test", "A", {"type": "RECORD_COUNT", "operator": "GREATER_THAN", "value": 2}, False),
    ("www.test", "A", {"type": "RECORD_COUNT", "operator": "LESS_THAN", "value": 3}, True),
    ("www.test", "A", {"type": "AUTHORITATIVE", "value": True}, True), ("borrowed.test", "A", {"type": "AUTHORITATIVE", "value": True}, False), ("borrowed.test", "A", {"type": "AUTHORITATIVE", "value": False}, True),
    ("www.test", "A", {"type": "TTL", "operator": "EQUALS", "value": 300}, True), ("www.test", "A", {"type": "TTL", "operator": "LESS_THAN", "value": 300}, False), ("shop.test", "NS", {"type": "TTL", "operator": "GREATER_THAN", "value": 3600}, True),
    ("www.test", "A", {"type": "RESPONSE_TIME", "operator": "LESS_THAN", "value": 2000, "unit": "MILLISECONDS"}, True),
])
def test_dns(shared, names, domain, kind, assertion, fulfilled):
    assert judged(shared, dns(names, domain, kind), assertion) is fulfilled


def test_dns_over_tcp_and_without_answers(shared, names):
    names.asked.clear()
    assert judged(shared, dns(names, "www.test", protocol="TCP"), record("EQUALS", "192.0.2.10")) is True and {over for *_, over in names.asked} == {"TCP"}
    # What does not fit into a datagram is asked for again.
    assert judged(shared, dns(names, "long.test"), record("EQUALS", "192.0.2.20")) is True
    [step] = checked(shared, dns(names, "nobody.test", assertions=[record("EQUALS", "1")]))
    assert step["status"] == "FAILED" and step["error"]
    began = time.monotonic()
    [step] = checked(shared, {**dns(names, "silent.test"), "timeout": 1000, "assertions": []})
    assert step["status"] == "FAILED" and "1000 ms" in step["error"] and time.monotonic() - began < 4


def ssl_step(port, *assertions, **more):
    return {"checkerType": "SSL", "hostname": "localhost", "port": port, "assertions": list(assertions), **more}


def subject(field, value, operator="EQUALS", kind="CERTIFICATE_SUBJECT"):
    return {"type": kind, "field": field, "operator": operator, "value": value}


def expiry(operator, value, unit="DAYS"):
    return {"type": "CERTIFICATE_EXPIRY", "operator": operator, "value": value, "unit": unit}


@pytest.mark.parametrize("assertion, fulfilled", [
    (subject("CN", "localhost"), True), (subject("CN", "example.com"), False), (subject("O", "Mitoshi Test"), True), (subject("O", "shi T", "CONTAINS"), True), (subject("OU", "Canaries"), True),
    (subject("C", "DE"), True), (subject("ST", "^Ber.in$", "REGEX_MATCH"), True), (subject("L", "Mitte"), True), (subject("L", "Wedding"), False),
    (subject("CN", "localhost", kind="CERTIFICATE_ISSUER"), True), (subject("O", "Else", kind="CERTIFICATE_ISSUER"), False),
    (expiry("GREATER_THAN", 28), True), (expiry("GREATER_THAN", 31), False), (expiry("LESS_THAN", 31), True), (expiry("GREATER_THAN", 700, "HOURS"), True), (expiry("LESS_THAN", 700, "HOURS"), False),
], ids=lambda given: json.dumps(given).replace('"', "") if isinstance(given, dict) else "")
def test_certificates(shared, tls, assertion, fulfilled):
    assert judged(shared, ssl_step(tls.port, allowSelfSigned=True), assertion) is fulfilled


def test_certificates_that_are_not_good(shared, tls, tmp_path):
    def result(port, **more):
        [step] = checked(shared, ssl_step(port, **more))
        return step["status"], (step.get("error") or "").lower()
    assert result(tls.port, allowSelfSigned=True)[0] == "PASSED"
    assert result(tls.port)[0] == "FAILED" and "self" in result(tls.port)[1]
    elsewhere = Tls(*certificate(tmp_path, subject="/CN=shop.example.com", alternatives="DNS:shop.example.com"))
    try:
        assert result(elsewhere.port, allowSelfSigned=True)[0] == "FAILED", "another host's certificate"
        assert result(elsewhere.port, allowSelfSigned=True, verifyHostname=False)[0] == "PASSED"
    finally:
        elsewhere.close()
    tls.names.clear()
    result(tls.port, allowSelfSigned=True, sni=False)
    result(tls.port, allowSelfSigned=True, sni=True)
    assert tls.names == [None, "localhost"]
    assert result(closed_port())[0] == "FAILED" and "refused" in result(closed_port())[1]


def test_an_expired_certificate(shared, tmp_path):
    x509 = pytest.importorskip("cryptography.x509", reason="expired certificates are made with cryptography")
    import datetime
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1).not_valid_before(
        now - datetime.timedelta(days=9)).not_valid_after(now - datetime.timedelta(days=2)).add_extension(
        x509.SubjectAlternativeName([x509.DNSName("localhost")]), False).sign(key, hashes.SHA256())
    (tmp_path / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    old = Tls(tmp_path / "c.pem", tmp_path / "k.pem")
    [step] = checked(shared, ssl_step(old.port, allowSelfSigned=True))
    old.close()
    assert step["status"] == "FAILED" and "expired" in step["error"].lower(), step


def tcp(port, *assertions, **more):
    return {"checkerType": "TCP", "hostname": "127.0.0.1", "port": port, "assertions": list(assertions), "readTimeout": 1000, **more}


@pytest.mark.parametrize("operator, value, fulfilled", [
    ("EQUALS", "PING 1", True), ("EQUALS", "PING", False), ("CONTAINS", "NG", True), ("CONTAINS", "PONG", False), ("NOT_CONTAINS", "PONG", True), ("NOT_CONTAINS", "PING", False),
    ("REGEX_MATCH", r"^PING \d$", True), ("REGEX_MATCH", "^1", False), ("STARTS_WITH", "PI", True), ("STARTS_WITH", "1", False), ("ENDS_WITH", " 1", True), ("ENDS_WITH", "PING", False)])
def test_tcp_answers(shared, echo, operator, value, fulfilled):
    assert judged(shared, tcp(echo.port, sendData="PING 1"), {"type": "RESPONSE_DATA", "operator": operator, "value": value}) is fulfilled


def test_tcp_connections(shared, echo):
    connected = {"type": "CONNECTION_SUCCESSFUL", "value": True}
    assert judged(shared, tcp(echo.port), connected) is True
    [step] = checked(shared, tcp(closed_port(), connected))
    assert step["status"] == "FAILED" and "refused" in step["error"].lower()
    # That a port is closed can be what is wanted.
    [step] = checked(shared, tcp(closed_port(), {"type": "CONNECTION_SUCCESSFUL", "value": False}))
    assert step["status"] == "PASSED", step
    echo.taken.clear()
    [step] = checked(shared, tcp(echo.port, {"type": "RESPONSE_DATA", "operator": "EQUALS", "value": "00ff10"}, sendData="00ff10", encoding="HEX"))
    assert b"".join(echo.taken) == b"\x00\xff\x10" and step["status"] == "PASSED", (echo.taken, step)
    [step] = checked(shared, tcp(echo.port, sendData="hello", expectedResponse="hello"))
    assert step["status"] == "PASSED", step
    [step] = checked(shared, tcp(echo.port, sendData="hello", expectedResponse="goodbye"))
    assert step["status"] == "FAILED" and "goodbye" in step["error"], step
    dumb = Echo(dumb=True)
    began = time.monotonic()
    [step] = checked(shared, tcp(dumb.port, {"type": "RESPONSE_DATA", "operator": "EQUALS", "value": "x"}, sendData="hello"))
    assert step["status"] == "FAILED" and step["error"] and 0.9 < time.monotonic() - began < 4
    dumb.close()


# -- pages in a browser


def page(script="", inside="<h1 id=head>Shop</h1>"):
    return f"<!doctype html><html><head><title>Shop</title><link rel=icon href=data:,></head><body>{inside}<script>{script}</script></body></html>"


def loaded(server, url, deadline=60, run=None, **more):
    """A try of a heartbeat with one page: all of it, and its step."""
    told = tried(server, blueprint("heartbeat", urls=[{"url": url, "name": "home"}], **{"screenshot": False, **more}), deadline, RunConfig={"TimeoutInSeconds": 40, **(run or {})})
    return told, told["Report"]["steps"][0] if told["Report"]["steps"] else None


def size_of_png(data):
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR"
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


@needs_browser
def test_a_page_with_what_it_asks_for_later(shared, site):
    site.pages["/slow-page"] = page("fetch('/slow?ms=700').then(() => fetch('/slow?ms=600')).then(r => r.text()).then(t => { document.title = t })")
    told, step = loaded(shared, site.url + "/slow-page", screenshot=True, viewport={"width": 800, "height": 600})
    assert told["State"] == step["status"] == "PASSED" and step["statusCode"] == 200 and step["url"] == site.url + "/slow-page"
    assert 1300 <= step["durationMs"] < 3500, "requests after the load count, what the browser takes to start does not"
    assert step["timings"]["loadMs"] < 1000 and {"firstByteMs", "domContentLoadedMs", "loadMs"} <= set(step["timings"])
    keys = artifacts(shared, told)
    assert size_of_png(artifact(shared, keys[step["screenshots"][0]]).body) == (800, 600)
    answer = artifact(shared, keys[step["screenshots"][0]])
    assert answer.headers["content-type"] == "image/png"
    har = artifact(shared, keys["results.har"]).json["log"]
    assert har["version"] == "1.2" and har["creator"]["name"] and len(har["entries"]) == 3
    assert [each["request"]["url"] for each in har["entries"]] == [site.url + path for path in ("/slow-page", "/slow?ms=700", "/slow?ms=600")]
    for entry in har["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings"} <= set(entry), entry
        assert {"method", "url", "httpVersion", "headers", "queryString", "cookies", "headersSize", "bodySize"} <= set(entry["request"])
        assert {"status", "statusText", "httpVersion", "headers", "cookies", "content", "redirectURL", "headersSize", "bodySize"} <= set(entry["response"])
        assert {"send", "wait", "receive"} <= set(entry["timings"]) and entry["response"]["status"] == 200
        parts = [entry["timings"][part] for part in ("blocked", "dns", "connect", "send", "wait", "receive") if entry["timings"].get(part, -1) >= 0]
        assert entry["time"] == pytest.approx(sum(parts), abs=30)
    assert 690 <= har["entries"][1]["time"] < 1500 and har["entries"][1]["request"]["queryString"] == [{"name": "ms", "value": "700"}]


@needs_browser
def test_what_goes_wrong_in_a_page(shared, site):
    site.pages["/bad-page"] = page(f"console.error('paint', 7); fetch('/status/404').catch(() => 0); fetch('http://127.0.0.1:{closed_port()}/gone').catch(() => 0); setTimeout(() => {{ throw new Error('oops') }}, 50)")
    told, step = loaded(shared, site.url + "/bad-page")
    assert step["status"] == "PASSED", "nothing said that it must not be"
    assert any("paint 7" in each for each in step["consoleErrors"]) and any("oops" in each for each in step["consoleErrors"]), step["consoleErrors"]
    reasons = {each["url"].rsplit("/", 1)[1]: each["reason"] for each in step["failedRequests"]}
    assert "404" in reasons["404"] and "refused" in reasons["gone"].lower(), reasons
    assert told["Report"]["requests"] == {"2xx": 1, "3xx": 0, "4xx": 1, "5xx": 0, "failed": 1}
    _, step = loaded(shared, site.url + "/bad-page", failOnConsoleError=True)
    assert step["status"] == "FAILED" and "console" in step["error"].lower()
    _, step = loaded(shared, site.url + "/bad-page", failOnFailedRequest=True)
    assert step["status"] == "FAILED" and ("404" in step["error"] or "gone" in step["error"])


@needs_browser
@pytest.mark.parametrize("path, words", [("/status/500", "500"), ("/status/404", "404"), ("refused", "refused"), ("invalid", "name")])
def test_pages_that_do_not_come(shared, site, path, words):
    url = {"refused": f"http://127.0.0.1:{closed_port()}/", "invalid": "http://no-such-host.invalid/"}.get(path, site.url + path)
    told, step = loaded(shared, url, screenshot=True)
    assert told["Report"]["code"] == "CANARY_FAILURE" and step, told["Report"]
    assert told["State"] == step["status"] == "FAILED" and words in step["error"].lower().replace("_", " "), step
    assert told["Report"]["code"] == "CANARY_FAILURE" and "home" in told["Report"]["reason"]
    assert "SyntheticsReport-FAILED.json" in artifacts(shared, told)


@needs_browser
def test_a_page_that_is_never_quiet(shared, site):
    site.pages["/polls"] = page("setInterval(() => fetch('/json'), 100); fetch('/slow?ms=500')")
    began = time.monotonic()
    told, step = loaded(shared, site.url + "/polls")
    assert told["State"] == "PASSED" and 500 <= step["durationMs"] < 8000 and time.monotonic() - began < 25


@needs_browser
def test_a_page_that_waits_for_an_element(shared, site):
    site.pages["/late"] = page("setTimeout(() => { document.body.insertAdjacentHTML('beforeend', '<p id=ready>there</p>') }, 900)")
    _, step = loaded(shared, site.url + "/late", waitForSelector="#ready")
    assert step["status"] == "PASSED" and step["durationMs"] >= 900
    _, step = loaded(shared, site.url + "/late", waitForSelector="#never", stepTimeoutMs=2000)
    assert step["status"] == "FAILED" and "#never" in step["error"]


@needs_browser
def test_a_page_that_may_take_so_long(shared, site):
    site.pages["/takes-800"] = page("fetch('/slow?ms=800')")
    _, step = loaded(shared, site.url + "/takes-800", maxDurationMs=500)
    assert step["status"] == "FAILED" and "500" in step["error"]
    _, step = loaded(shared, site.url + "/takes-800", maxDurationMs=6000)
    assert step["status"] == "PASSED"


@needs_browser
def test_dialogs_and_downloads_do_not_stop_a_page(shared, site):
    site.pages["/asks"] = page("alert('hello'); confirm('sure?'); fetch('/json')")
    _, step = loaded(shared, site.url + "/asks", stepTimeoutMs=8000)
    assert step["status"] == "PASSED", step
    site.pages["/download"] = lambda asked: (200, {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment; filename=x.bin"}, "x")
    told, step = loaded(shared, site.url + "/download", stepTimeoutMs=5000)
    assert told["State"] in ("PASSED", "FAILED")


@needs_browser
def test_a_page_that_hangs_the_browser(shared, site):
    site.pages["/spins"] = page("for (;;);")
    began = time.monotonic()
    told, _ = loaded(shared, site.url + "/spins", run={"TimeoutInSeconds": 6})
    assert told["State"] == "FAILED" and time.monotonic() - began < 15
    _, step = loaded(shared, site.url + "/page")
    assert step["status"] == "PASSED", "the next one is not hurt"


@needs_browser
def test_the_trace_header_goes_to_the_own_origin_only(shared, site, other):
    site.pages["/mixed"] = page(f"fetch('/run-own'); fetch('{other.url}/json').then(r => r.json()).then(j => fetch('/run-cors-' + j.token), e => console.error('refused: ' + e))")
    told, step = loaded(shared, site.url + "/mixed", run={"ActiveTracing": True})
    assert told["State"] == "PASSED" and step["consoleErrors"] == [] and site.seen("/run-cors-t-42"), step
    assert [each.method for each in other.seen("/json")] == ["GET"] and "x-amzn-trace-id" not in other.seen("/json")[0].headers
    [trace] = told["Report"]["traceIds"]
    headers = [dict(part.split("=") for part in site.seen(path)[-1].headers["x-amzn-trace-id"].split(";")) for path in ("/mixed", "/run-own")]
    assert all(each["Root"] == trace and each["Sampled"] == "1" for each in headers) and step["traceId"] == trace


@needs_browser
def test_a_traced_page(shared, site):
    site.pages["/traced-page"] = page("fetch('/run-traced-own')")
    create(shared, "traced-page", blueprint("heartbeat", urls=[{"url": site.url + "/traced-page"}]), RunConfig={"ActiveTracing": True, "TimeoutInSeconds": 30})
    run = run_once(shared, "traced-page")
    [trace] = whole(shared, "traced-page", run)["Report"]["traceIds"]
    [document] = wait_for("the trace", lambda: shared.documents(trace))
    calls = {each["id"] for each in document["subsegments"]} | {nested["id"] for each in document["subsegments"] for nested in each.get("subsegments", ())}
    for path in ("/traced-page", "/run-traced-own"):
        assert dict(part.split("=") for part in site.seen(path)[0].headers["x-amzn-trace-id"].split(";"))["Parent"] in calls, path


@needs_browser
def test_several_pages_are_steps(shared, site):
    create(shared, "pages", blueprint("heartbeat", urls=[{"url": site.url + "/page-one", "name": "one"}, {"url": site.url + "/status/500", "name": "two"}, {"url": site.url + "/page-three"}], screenshot=True))
    run = run_once(shared, "pages")
    told = whole(shared, "pages", run)
    steps = told["Report"]["steps"]
    assert run["Status"]["State"] == "FAILED" and [step["status"] for step in steps] == ["PASSED", "FAILED", "PASSED"] and [step["stepName"] for step in steps[:2]] == ["one", "two"]
    assert steps[0]["screenshots"] == ["01-one-succeeded.png"] and steps[1]["screenshots"] == ["02-two-failed.png"]
    wait_for("metrics", lambda: metric(shared, "5xx", CanaryName="pages", of="Sum") == 1)
    assert metric(shared, "SuccessPercent", CanaryName="pages", StepName="one") == 100 and metric(shared, "SuccessPercent", CanaryName="pages", StepName="two") == 0
    assert metric(shared, "Duration", CanaryName="pages") == pytest.approx(sum(step["durationMs"] for step in steps), rel=0.02)


def children():
    found = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines()
    return [line for line in found if "chrom" in line and "mitoshi" in line.lower()]


def test_without_a_browser_pages_are_asked_for_alone(new_server, site):
    server = new_server(env={"MITOSHI_CANARIES_BROWSER": "/nonexistent", "MITOSHI_CANARIES_SCRIPTS": "never"})
    setup = server.request("/api/canary-setup", method="GET").json
    assert setup["Browser"]["Path"] is None and "/nonexistent" in setup["Browser"]["Message"] and setup["Scripts"]["Message"]
    told, step = loaded(server, site.url + "/page-alone")
    assert told["State"] == "PASSED" and step["statusCode"] == 200 and "asked for alone" in told["Log"]
    # Also of what is tried as soon as the server is there.
    assert "cannot write" not in told["Log"] and "SyntheticsReport-PASSED.json" in artifacts(server, told), told["Log"]


def test_without_a_browser_what_needs_one_says_so(new_server, site):
    server = new_server(env={"MITOSHI_CANARIES_BROWSER": "/nonexistent", "MITOSHI_CANARIES_SCRIPTS": "never"})
    _, step = loaded(server, site.url + "/status/500")
    assert step["status"] == "FAILED" and "500" in step["error"]
    told = tried(server, blueprint("workflow", url=site.url, steps=[{"action": "click", "selector": "#x"}]))
    assert told["State"] == "FAILED" and told["Report"]["code"] == "EXECUTION_FAILURE" and "/nonexistent" in told["Report"]["reason"]
    # Scripts are refused here, whichever way they come.
    for answer in (server.request("/api/canary-tries", {"Code": script("x"), "RuntimeVersion": "syn-nodejs-3.0"}), server.request("/canary", members("s", script("x")))):
        if answer.status == 200:
            name = answer.json.get("TryId")
            if name:
                told = wait_for("its end", lambda: (lambda a: a["State"] != "RUNNING" and a)(server.request(f"/api/canary-tries/{name}", method="GET").json))
                status_of = {"StateReasonCode": told["Report"]["code"], "StateReason": told["Report"]["reason"]}
            else:
                status_of = run_once(server, "s")["Status"]
            assert status_of["StateReasonCode"] == "EXECUTION_FAILURE" and "canaries.scripts" in status_of["StateReason"], status_of
        else:
            assert answer.status in (400, 403) and "scripts" in answer.body.decode()


# -- links, pictures, workflows


def test_broken_links(shared, site, other):
    site.pages["/links"] = page(inside=f"""<a href="/page-a">a</a> <a href="page-b?x=1#part">b</a> <a href="/page-a#again">a again</a> <a href="/status/404">bad</a>
        <a href="{other.url}/page-elsewhere">elsewhere</a> <a href="mailto:a@b.c">mail</a> <a href="javascript:void(0)">js</a> <a href="#top">top</a> <a>none</a> <a href="/redirect">r</a>""")
    told = tried(shared, blueprint("broken-links", url=site.url + "/links", maxLinks=20))
    results = {step["url"]: step["status"] for step in told["Report"]["steps"]}
    assert told["State"] == "FAILED" and results[site.url + "/links"] == "PASSED" and results[site.url + "/status/404"] == "FAILED", results
    assert [url for url in results if results[url] == "FAILED"] == [site.url + "/status/404"] and "404" in told["Report"]["reason"]
    assert len(site.seen("/page-a")) == 1 and len(site.seen("/page-b")) == 1 and all(url.startswith("http") for url in results)
    assert len({step["stepName"] for step in told["Report"]["steps"]}) == len(told["Report"]["steps"]), "metrics are by the name of a step"
    other.asked.clear()
    tried(shared, blueprint("broken-links", url=site.url + "/links", maxLinks=20, sameHostOnly=True))
    # 127.0.0.1 is the same host; only the port differs.
    before = len(site.asked)
    told = tried(shared, blueprint("broken-links", url=site.url + "/links", maxLinks=2))
    assert len(told["Report"]["steps"]) == len(site.asked) - before <= 3
    told = tried(shared, blueprint("broken-links", url=site.url + "/status/500", maxLinks=2))
    assert told["State"] == "FAILED"
    site.pages["/elsewhere"] = page(inside=f"<a href='{other.url.replace('127.0.0.1', 'localhost')}/page-x'>x</a>")
    told = tried(shared, blueprint("broken-links", url=site.url + "/elsewhere", maxLinks=5, sameHostOnly=True))
    assert told["State"] == "PASSED" and not other.seen("/page-x")


@needs_browser
def test_pictures_are_compared(shared, site):
    box = "<div style='position:absolute;left:{};top:100px;width:200px;height:150px;background:{}'></div>"
    site.pages["/picture"] = page(inside=box.format("100px", "#fff"))
    create(shared, "picture", blueprint("visual", urls=[{"url": site.url + "/picture", "name": "home"}], screenshot=True, variancePercent=1, viewport={"width": 800, "height": 600}))
    synthetics_of(shared).update_canary(Name="picture", VisualReferences=[{"BaseCanaryRunId": "nextrun"}])
    first = run_once(shared, "picture")
    assert first["Status"]["State"] == "PASSED", first
    again = run_once(shared, "picture")
    assert again["Status"]["State"] == "PASSED"
    site.pages["/picture"] = page(inside=box.format("100px", "#000"))
    changed = run_once(shared, "picture")
    told = whole(shared, "picture", changed)
    [step] = told["Report"]["steps"]
    assert changed["Status"]["State"] == "FAILED" and step["status"] == "FAILED" and "visual" in step and "%" in step["error"], step
    # 200 × 150 of 800 × 600 pixels.
    percent = [float(each) for each in re.findall(r"([\d.]+) ?%", step["error"])]
    assert any(each == pytest.approx(6.25, abs=0.1) for each in percent), step["error"]
    pictures = [name for name in artifacts(shared, told) if name.endswith(".png")]
    assert len(pictures) >= 2 and all(size_of_png(artifact(shared, artifacts(shared, told)[name]).body)[0] == 800 for name in pictures), "what differs is shown"
    wait_for("metrics", lambda: metric(shared, "VisualMonitoringTotalComparisons", CanaryName="picture", of="Sum"))
    assert metric(shared, "VisualMonitoringSuccessPercent", CanaryName="picture", of="Minimum") == 0
    # A failed run has not become the baseline.
    assert run_once(shared, "picture")["Status"]["State"] == "FAILED"
    # What is in a box is not looked at; what is beside it is.
    synthetics_of(shared).update_canary(Name="picture", VisualReferences=[{"BaseCanaryRunId": again["Id"], "BaseScreenshots": [
        {"ScreenshotName": told_name(shared, "picture", again), "IgnoreCoordinates": ["90,90,220,170"]}]}])
    run = run_once(shared, "picture")
    assert run["Status"]["State"] == "PASSED", run["Status"]
    site.pages["/picture"] = page(inside=box.format("400px", "#000"))
    assert run_once(shared, "picture")["Status"]["State"] == "FAILED"
    synthetics_of(shared).update_canary(Name="picture", VisualReferences=[{"BaseCanaryRunId": "lastrun"}])
    assert run_once(shared, "picture")["Status"]["State"] == "PASSED"
    # A little is allowed.
    synthetics_of(shared).update_canary(Name="picture", VisualReferences=[{"BaseCanaryRunId": first["Id"]}])
    change(shared, "picture", Code=blueprint("visual", urls=[{"url": site.url + "/picture", "name": "home"}], screenshot=True, variancePercent=7, viewport={"width": 800, "height": 600}))
    assert run_once(shared, "picture")["Status"]["State"] == "PASSED"


def told_name(server, name, run):
    return whole(server, name, run)["Report"]["steps"][0]["screenshots"][0]


FORM = """<input id=name><select id=size><option value=s>S</option><option value=l>L</option></select><button id=go>Go</button><p id=out></p><a id=next href=/workflow-2>next</a>"""
FORM_SCRIPT = """const out = document.getElementById('out');
document.getElementById('go').onclick = () => setTimeout(() => { out.textContent = 'Hello ' + document.getElementById('name').value + ' ' + document.getElementById('size').value }, 300);
document.getElementById('name').onkeydown = e => { if (e.key == 'Enter') out.textContent = 'entered ' + e.target.value };"""


@needs_browser
def test_a_workflow(shared, site):
    site.pages["/workflow"], site.pages["/workflow-2"] = page(FORM_SCRIPT, FORM), page(inside="<h1 id=second>Second page</h1>")
    told = tried(shared, blueprint("workflow", url=site.url + "/workflow", steps=[
        {"action": "verifySelector", "selector": "#name"}, {"action": "type", "selector": "#name", "text": "Ann ü"}, {"action": "select", "selector": "#size", "text": "l"},
        {"action": "click", "selector": "#go", "name": "send"}, {"action": "verifyText", "selector": "#out", "text": "Hello Ann ü l"}, {"action": "click", "selector": "#name"}, {"action": "press", "text": "Enter"},
        {"action": "verifyText", "selector": "#out", "text": "entered Ann ü"}, {"action": "wait", "ms": 300}, {"action": "click", "selector": "#next"},
        {"action": "verifyUrl", "url": site.url + "/workflow-2"}, {"action": "verifyText", "selector": "#second", "text": "Second"},
        {"action": "navigate", "url": site.url + "/page-last"}, {"action": "verifySelector", "selector": "#head"}]), RunConfig={"TimeoutInSeconds": 50})
    assert told["State"] == "PASSED", [(step["stepName"], step.get("error")) for step in told["Report"]["steps"] if step["status"] != "PASSED"]
    steps = told["Report"]["steps"]
    assert len(steps) in (14, 15) and any("send" in step["stepName"] for step in steps) and next(s for s in steps if "wait" in s["stepName"].lower())["durationMs"] >= 300
    assert site.seen("/workflow-2") and site.seen("/page-last")


@pytest.fixture(scope="module")
def slow_workflows(shared, site):
    """What fails is waited for half a minute: both at once."""
    site.pages["/workflow"] = page(FORM_SCRIPT, FORM)
    found = {}
    def work(name, *steps):
        found[name] = tried(shared, blueprint("workflow", url=site.url + "/workflow", steps=list(steps)), RunConfig={"TimeoutInSeconds": 60})
    threads = [threading.Thread(target=work, args=args) for args in (
        ("fails", {"action": "verifyText", "selector": "#out", "text": "never said", "name": "reads"}, {"action": "click", "selector": "#go", "name": "clicks"},
         {"action": "navigate", "url": site.url + "/run-not-reached", "name": "goes"}),
        ("press", {"action": "press", "selector": "#name", "text": "Enter"}, {"action": "verifyText", "selector": "#out", "text": "entered"}))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


@needs_browser
def test_a_key_is_pressed_in_what_is_selected(slow_workflows):
    assert slow_workflows["press"]["State"] == "PASSED", slow_workflows["press"]["Report"]["reason"]


@needs_browser
def test_a_workflow_that_fails_skips_the_rest(slow_workflows, site):
    told = slow_workflows["fails"]
    results = {step["stepName"]: step for step in told["Report"]["steps"]}
    assert told["State"] == "FAILED" and results["reads"]["status"] == "FAILED" and "never said" in results["reads"]["error"], results
    assert results["clicks"]["status"] == results["goes"]["status"] == "SKIPPED" and not site.seen("/run-not-reached")
    assert results["reads"]["screenshots"] and "reads" in told["Report"]["reason"]


# -- scripts


def script(text, handler="index.handler", **more):
    return {"Script": text, "Handler": handler, **more}


NODE = "const synthetics = require('Synthetics'); const log = require('SyntheticsLogger'); exports.handler = async () => { %s };"


@needs_node
def test_a_script_of_node_from_a_zip(shared, site):
    text = NODE % ("""await synthetics.executeHttpStep('asks', {hostname: '127.0.0.1', port: process.env.PORT, path: '/run-node', method: 'GET', protocol: 'http:', headers: {'X-Mine': process.env.WORD}});
        await synthetics.executeStep('thinks', async () => { await new Promise(r => setTimeout(r, 200)); log.info('thought of ' + process.env.WORD); });""")
    synthetics(shared).create_canary(**members("node-zip", {"ZipFile": zipped({"nodejs/node_modules/index.js": text}), "Handler": "index.handler"}, RuntimeVersion="syn-nodejs-puppeteer-9.1",
                                               RunConfig={"TimeoutInSeconds": 30, "EnvironmentVariables": {"PORT": str(site.port), "WORD": "käse"}}))
    run = run_once(shared, "node-zip")
    told = whole(shared, "node-zip", run)
    assert run["Status"]["State"] == "PASSED", run
    assert [(step["stepName"], step["status"]) for step in told["Report"]["steps"]] == [("asks", "PASSED"), ("thinks", "PASSED")] and told["Report"]["steps"][1]["durationMs"] >= 195
    assert site.seen("/run-node")
    lines = [event["message"] for event in shared.aws("logs").get_log_events(logGroupName=told["LogGroup"], logStreamName=told["LogStream"], startFromHead=True)["events"]]
    assert any("thought of käse" in line for line in lines)
    wait_for("metrics", lambda: metric(shared, "SuccessPercent", CanaryName="node-zip", StepName="thinks") == 100)
    assert metric(shared, "2xx", CanaryName="node-zip", of="Sum") == 1 and metric(shared, "Duration", CanaryName="node-zip") >= 195


@needs_node
@pytest.mark.parametrize("text, code, words", [
    (NODE % "await synthetics.executeStep('breaks', async () => { throw new Error('no stock') });", "CANARY_FAILURE", "no stock"),
    (NODE % "await synthetics.executeHttpStep('asks', new URL(process.env.SITE + '/status/500'));", "CANARY_FAILURE", "500"),
    (NODE % "throw new Error('shut today')", "CANARY_FAILURE", "shut today"), (NODE % "setTimeout(() => { throw new Error('later') }, 50); await new Promise(r => setTimeout(r, 500));", "", "later"),
    (NODE % "process.exit(0)", "", ""), (NODE % "process.kill(process.pid, 'SIGKILL')", "EXECUTION_FAILURE", ""), ("syntax error here(", "", ""), ("exports.other = 1", "EXECUTION_FAILURE", "handler"),
    (NODE % "for (;;);", "EXECUTION_FAILURE", "time"), (NODE % "await new Promise(() => setInterval(() => 0, 1000));", "EXECUTION_FAILURE", "time"),
    (NODE % "const all = []; for (;;) { all.push(Buffer.alloc(100e6, 1)); await new Promise(r => setTimeout(r, 10)); }", "EXECUTION_FAILURE", "memory"),
    (NODE % "const all = []; for (;;) all.push(new Array(1e6).fill({}));", "EXECUTION_FAILURE", "memory"),
], ids=["step", "http step", "throws", "throws later", "exits", "is killed", "syntax", "no handler", "spins", "never ends", "buffers", "heap"])
def test_scripts_of_node_that_fail(shared, site, text, code, words):
    began = time.monotonic()
    told = tried(shared, script(text), 110, RunConfig={"TimeoutInSeconds": 5 if "for (;;)" not in text or "all" not in text else 90, "MemoryInMB": 960, "EnvironmentVariables": {"SITE": site.url}})
    report = told["Report"]
    assert told["State"] == report["status"] == "FAILED" and code in report["code"] and report["reason"] and words in report["reason"].lower(), report
    assert time.monotonic() - began < 100


@needs_node
def test_a_script_sees_what_it_is_given_and_no_more(new_server, site):
    server = new_server(env={"SECRET_OF_THE_SERVER": "hush-hush", "AWS_SECRET_ACCESS_KEY": "hush-hush"})
    told = tried(server, script(NODE % "console.log(JSON.stringify(process.env)); console.log('cwd ' + process.cwd());"), RunConfig={"EnvironmentVariables": {"MINE": "yes"}, "TimeoutInSeconds": 20})
    assert told["State"] == "PASSED" and '"MINE":"yes"' in told["Log"] and "hush-hush" not in told["Log"]
    folder = re.search(r"cwd (\S+)", told["Log"])[1]
    assert not Path(folder).exists(), "the folder of a run goes with it"


@needs_node
@pytest.mark.parametrize("end", ["", "for (;;);", "process.kill(process.pid, 'SIGKILL');"], ids=["returns", "spins", "is killed"])
def test_what_a_script_starts_ends_with_it(shared, site, end):
    mark = f"mitoshi-left-{os.getpid()}-{len(end)}"
    tried(shared, script(NODE % f"require('child_process').spawn('sh', ['-c', 'sleep 300; echo {mark}'], {{detached: true, stdio: 'ignore'}}).unref(); await new Promise(r => setTimeout(r, 200)); {end}"), RunConfig={"TimeoutInSeconds": 3})
    def left():
        return [int(line.split()[0]) for line in subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True).stdout.splitlines() if mark in line]
    try:
        wait_for("the end of what it started", lambda: not left(), 4, 0.2)
    finally:
        for process in left():
            os.killpg(process, signal.SIGKILL)


@needs_node
def test_a_script_that_talks_too_much(shared):
    told = tried(shared, script(NODE % "const line = 'x'.repeat(1000); for (let n = 0; n < 100000; n++) console.log(line);"), RunConfig={"TimeoutInSeconds": 40})
    assert told["State"] in ("PASSED", "FAILED") and len(told["Log"]) < 60_000_000 and shared.alive()
    assert shared.health()


@needs_node
@pytest.mark.parametrize("name", ["../outside.js", "nodejs/../../outside.js", "/tmp/mitoshi-outside.js", "a\\..\\..\\outside.js", "link"])
def test_zips_that_leave_their_folder(shared, name, tmp_path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("nodejs/node_modules/index.js", NODE % "console.log('read ' + require('fs').readFileSync(__dirname + '/../../link', 'utf8'))" if name == "link" else NODE % "")
        entry = zipfile.ZipInfo(name)
        if name == "link":
            entry.create_system, entry.external_attr = 3, (file_modes.S_IFLNK | 0o777) << 16
            (tmp_path / "outside.txt").write_text("not yours")
        archive.writestr(entry, str(tmp_path / "outside.txt") if name == "link" else "x")
    client, canary = synthetics(shared), "zip-" + hashlib.md5(name.encode()).hexdigest()[:8]
    try:
        client.create_canary(**members(canary, {"ZipFile": packed.getvalue(), "Handler": "index.handler"}))
    except ClientError as refusal:
        assert refusal.response["Error"]["Code"] == "ValidationException"
        return
    run = run_once(shared, canary)
    assert not Path("/tmp/mitoshi-outside.js").exists() and not list(shared.data_dir.rglob("outside.js"))
    # An absolute path may also be taken as one below the folder.
    if "\\" not in name and not name.startswith("/"):
        assert run["Status"]["State"] == "FAILED" and "not yours" not in json.dumps(whole(shared, canary, run)), run


@needs_node
def test_a_zip_that_is_all_air_leaves_nothing(shared):
    """Three hundred megabytes of zeros from a little over one: refused (AWS takes 250 MB) or run, nothing of it stays."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("nodejs/node_modules/index.js", NODE % "")
        with archive.open("zeros", "w", force_zip64=True) as out:
            for _ in range(300):
                out.write(b"\0" * 1_000_000)
    answer = shared.request("/api/canary-tries", {"Code": {"ZipFile": base64.b64encode(packed.getvalue()).decode(), "Handler": "index.handler"}, "RuntimeVersion": "syn-nodejs-3.0", "RunConfig": {"TimeoutInSeconds": 30}})
    assert answer.status in (200, 400, 413), answer
    if answer.status == 200:
        wait_for("its end", lambda: shared.request(f"/api/canary-tries/{answer.json['TryId']}", method="GET").json["State"] != "RUNNING", 40, 0.1)
    wait_for("room", lambda: not [path for path in shared.data_dir.rglob("zeros")], 5)


def test_a_script_of_python(shared, site):
    text = """from aws_synthetics.common import synthetics_logger as logger
import os, urllib.request
def handler(event, context):
    logger.info("read " + urllib.request.urlopen(os.environ["SITE"] + "/run-python").read().decode()[:6])
    if os.environ.get("FAIL"):
        raise Exception("no stock in python")
    return "done"
"""
    client = synthetics(shared)
    client.create_canary(**members("python", {"ZipFile": zipped({"python/canary.py": text}), "Handler": "canary.handler"}, RuntimeVersion="syn-python-selenium-7.0",
                                   RunConfig={"TimeoutInSeconds": 30, "EnvironmentVariables": {"SITE": site.url}}))
    run = run_once(shared, "python")
    assert run["Status"]["State"] == "PASSED" and site.seen("/run-python"), run
    client.update_canary(Name="python", RunConfig={"TimeoutInSeconds": 30, "EnvironmentVariables": {"SITE": site.url, "FAIL": "1"}})
    run = run_once(shared, "python")
    assert run["Status"]["State"] == "FAILED" and "no stock in python" in run["Status"]["StateReason"] and run["Status"]["StateReasonCode"] == "CANARY_FAILURE"


@pytest.mark.parametrize("path", ["/canary", "/api/canary-tries", "/canary/of-another/start"])
def test_other_sites_in_a_browser_make_no_canaries(shared, site, path):
    """A script does what the server's user can: a page that somebody visits must not be able to bring one."""
    if path.endswith("start"):
        create(shared, "of-another", checks(http(site.url)))
    given = members("from-elsewhere", script(NODE % "")) if path != "/api/canary-tries" else {"Code": script(NODE % ""), "RuntimeVersion": "syn-nodejs-3.0"}
    for headers in ({"Origin": "https://evil.example", "Content-Type": "text/plain"}, {"Origin": "null", "Content-Type": "text/plain", "Sec-Fetch-Site": "cross-site"},
                    {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}):
        answer = shared.request(path, given, headers=headers)
        assert answer.status in (400, 403, 421), (headers, answer)


# -- without a server


def cli(*arguments, env=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MITOSHI_")}
    return subprocess.run([binary(), "canary", "run", *map(str, arguments)], capture_output=True, text=True, timeout=60, env={**clean, **(env or {})})


def test_the_command_line(site, tmp_path):
    good = tmp_path / "good.json"
    good.write_text(json.dumps({"Name": "good", "Code": checks(http(site.url + "/run-cli", status(200)))}))
    done = cli(good)
    assert done.returncode == 0 and "s1" in done.stdout and "PASSED" in done.stdout and site.seen("/run-cli"), done
    done = cli(good, "--json", "--artifacts", tmp_path / "left")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["status"] == "PASSED" and report["steps"][0]["stepName"] == "s1"
    assert {"SyntheticsReport-PASSED.json", "results.har"} <= {path.name for path in (tmp_path / "left").rglob("*")}
    bad = tmp_path / "bad.toml"
    bad.write_text(f"""Name = "bad"
[Code]
BlueprintTypes = ["multi-checks"]
[Code.BlueprintConfig.steps.1]
stepName = "looks"
checkerType = "HTTP"
url = "{site.url}/status/500"
httpMethod = "GET"
assertions = [{{ type = "STATUS_CODE", operator = "EQUALS", value = 200 }}]
""")
    done = cli(bad)
    assert done.returncode == 1 and "looks" in done.stdout + done.stderr and "500" in done.stdout + done.stderr, done
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.toml", "good.json", "left"], "nothing is left beside"


def test_the_command_line_with_files_that_are_wrong(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty.json").write_text("{}")
    (tmp_path / "none.json").write_text(json.dumps({"Name": "x", "Code": {"Path": "missing.js", "Handler": "missing.handler"}}))
    (tmp_path / "up.json").write_text(json.dumps({"Name": "x", "Code": {"BlueprintTypes": ["dance"]}}))
    for name in ("broken.json", "empty.json", "none.json", "up.json", "nowhere.json"):
        done = cli(tmp_path / name)
        assert done.returncode != 0 and done.stderr.strip() + done.stdout.strip() and "panicked" not in done.stderr, (name, done)


@needs_node
def test_the_command_line_runs_scripts_beside_the_file(site, tmp_path):
    (tmp_path / "shop.js").write_text(NODE % "await synthetics.executeHttpStep('asks', new URL(process.env.SITE));")
    (tmp_path / "shop.json").write_text(json.dumps({"Name": "shop", "Code": {"Path": "shop.js", "Handler": "shop.handler"}, "RunConfig": {"EnvironmentVariables": {"SITE": site.url + "/run-cli-node"}}}))
    done = cli(tmp_path / "shop.json")
    assert done.returncode == 0 and "asks" in done.stdout and site.seen("/run-cli-node"), done


def test_a_folder_of_canaries(new_server, site, tmp_path):
    (tmp_path / "one.json").write_text(json.dumps({"Name": "one", "Code": checks(http(site.url + "/page-folder")), "Schedule": {"Expression": "rate(5 minutes)"}}))
    (tmp_path / "two.toml").write_text(f'Name = "two"\n[Code]\nBlueprintTypes = ["broken-links"]\n[Code.BlueprintConfig]\nurl = "{site.url}/page-two"\nmaxLinks = 1\n')
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "readme.md").write_text("no canary")
    server = new_server(env={"MITOSHI_CANARIES_FOLDER": str(tmp_path)})
    def told():
        return {each["Name"]: each for each in synthetics_of(server).describe_canaries()["Canaries"]}
    wait_for("canaries of files", lambda: set(told()) == {"one", "two"})
    assert "broken.json" in server.log()
    made = told()["one"]
    assert made["Schedule"]["Expression"] == "rate(5 minutes)"
    (tmp_path / "one.json").write_text(json.dumps({"Name": "one", "Code": checks(http(site.url + "/run-folder-changed")), "Schedule": {"Expression": "rate(10 minutes)"}}))
    server.restart()
    wait_for("the change", lambda: told()["one"]["Schedule"]["Expression"] == "rate(10 minutes)")
    assert told()["one"]["Id"] == made["Id"]
    if state(server, "one") == "RUNNING":
        synthetics_of(server).stop_canary(Name="one")
        becomes(server, "one", "STOPPED")
    synthetics_of(server).start_canary(Name="one")
    wait_for("a run", lambda: site.seen("/run-folder-changed"))


# -- what went on meanwhile


def test_a_killed_run_and_the_schedule_after_it(long_ago):
    killed = next(run for run in runs(long_ago, "killed") if run["Id"] == long_ago.before["Id"])
    assert killed["Status"]["State"] == "FAILED" and killed["Status"]["StateReasonCode"] == "EXECUTION_FAILURE"
    assert "the server was stopped while it ran" in killed["Status"]["StateReason"] and killed["Timeline"]["Completed"]
    assert state(long_ago, "killed") == "RUNNING" and state(long_ago, "idle") == "READY" and runs(long_ago, "idle") == []
    latest = wait_for("the next run", lambda: (lambda all: len(all) > 1 and all[0]["Status"]["State"] != "RUNNING" and all)(runs(long_ago, "killed")), 70, 0.5)
    assert latest[0]["Status"]["State"] == "PASSED"


def test_a_canary_by_the_clock(long_ago):
    done = wait_for("a run", lambda: [run for run in runs(long_ago, "clock") if run["Status"]["State"] == "PASSED"], 70, 0.5)
    for run in done:
        assert run["Timeline"]["Started"].timestamp() % 60 < 5, run


def test_a_canary_that_ends_by_itself(long_ago):
    becomes(long_ago, "brief", "STOPPED", 10)
    assert len(runs(long_ago, "brief")) == 1
    timeline = synthetics_of(long_ago).get_canary(Name="brief")["Canary"]["Timeline"]
    assert 3.5 <= (timeline["LastStopped"] - timeline["LastStarted"]).total_seconds() < 8


def test_links_that_lead_elsewhere(shared, site):
    site.pages["/moved-bad"] = lambda asked: (302, {"Location": "/status/404"}, "")
    site.pages["/with-moved"] = page(inside="<a href=/moved-bad>x</a>")
    told = tried(shared, blueprint("broken-links", url=site.url + "/with-moved", maxLinks=5))
    assert told["State"] == "FAILED" and "404" in told["Report"]["reason"], told["Report"]


def test_a_start_page_that_has_moved(shared, site):
    site.pages["/old-start"] = lambda asked: (301, {"Location": "/new/start"}, "")
    site.pages["/new/start"] = page(inside="<a href=beside>x</a>")
    site.pages["/new/beside"] = "there"
    told = tried(shared, blueprint("broken-links", url=site.url + "/old-start", maxLinks=5))
    assert told["State"] == "PASSED" and site.seen("/new/beside")


def test_links_that_go_in_circles(shared, site):
    site.pages["/circle"] = lambda asked: (302, {"Location": "/circle"}, "")
    site.pages["/to-circle"] = page(inside="<a href=/circle>x</a>")
    told = tried(shared, blueprint("broken-links", url=site.url + "/to-circle", maxLinks=5))
    assert told["State"] == "FAILED", told["Report"]["steps"]


def test_an_update_without_code_keeps_it(shared, site):
    create(shared, "keeps-code", checks(http(site.url + "/run-keeps", status(200))))
    answer = shared.request("/canary/keeps-code", {"Code": {}}, method="PATCH")
    assert answer.status in (200, 400)
    assert run_once(shared, "keeps-code")["Status"]["State"] == "PASSED" and site.seen("/run-keeps")


def test_defaults_are_told(shared, site):
    """AWS tells what holds, and Terraform compares it."""
    create(shared, "defaults", checks(http(site.url)), Schedule={"Expression": "rate(5 minutes)"})
    assert synthetics_of(shared).get_canary(Name="defaults")["Canary"]["RunConfig"].get("TimeoutInSeconds") == 300


def test_pictures_and_boxes_that_are_wrong(shared, site):
    create(shared, "wrong-boxes", blueprint("visual", urls=[{"url": site.url}], screenshot=True))
    for wrong in ([{"BaseCanaryRunId": "lastrun", "BaseScreenshots": [{"ScreenshotName": "x.png", "IgnoreCoordinates": ["1,2"]}]}],
                  [{"BaseCanaryRunId": "lastrun", "BaseScreenshots": [{"ScreenshotName": "x.png", "IgnoreCoordinates": ["a,b,c,d"]}]}], [{"BaseScreenshots": []}]):
        answer = shared.request("/canary/wrong-boxes", {"VisualReferences": wrong}, method="PATCH")
        assert answer.status == 400, (wrong, answer)


def below(process):
    """All processes below one, and that they are: (pid, start time)."""
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if fields[0] != "Z":
                table[int(entry.name)] = (int(fields[1]), fields[19])
    found, more = {}, [process]
    while more:
        parent = more.pop()
        for each, (above, began) in table.items():
            if above == parent and each not in found:
                found[each] = began
                more.append(each)
    return found, {each: began for each, (_, began) in table.items()}


@pytest.mark.parametrize("way", ["kill", "stop"])
@pytest.mark.parametrize("what", [pytest.param("page", marks=needs_browser), pytest.param("script", marks=needs_node)])
def test_what_runs_ends_with_the_server(new_server, site, what, way):
    server = new_server()
    site.pages["/stays"] = page("setInterval(() => fetch('/json'), 100)")
    code = blueprint("heartbeat", urls=[{"url": site.url + "/stays"}], waitForSelector="#never", stepTimeoutMs=60000) if what == "page" else script(
        NODE % "await new Promise(done => require('http').get(process.env.SITE, done)); for (;;);")
    site.asked.clear()
    create(server, "stays", code, RunConfig={"TimeoutInSeconds": 60, "EnvironmentVariables": {"SITE": site.url + "/stays"}})
    synthetics_of(server).start_canary(Name="stays")
    wait_for("the run", lambda: site.seen("/stays"), 20)
    mine, _ = below(server.process.pid)
    assert mine
    try:
        began = time.monotonic()
        (server.kill if way == "kill" else server.stop)()
        assert time.monotonic() - began < 10, "the end does not wait for runs"
        def left():
            now = below(1)[1]
            return {each for each, start in mine.items() if now.get(each) == start}
        wait_for("the end of what ran", lambda: not left(), 5, 0.1)
    finally:
        now = below(1)[1]
        for each, start in mine.items():
            if now.get(each) == start:
                os.kill(each, signal.SIGKILL)
    server.start()
    run = wait_for("the end of the run to be noted", lambda: next((each for each in runs(server, "stays") if each["Status"]["State"] != "RUNNING"), None))
    assert run["Status"]["State"] == "FAILED" and run["Status"]["StateReasonCode"] == "EXECUTION_FAILURE" and "the server was stopped while it ran" in run["Status"]["StateReason"], run
