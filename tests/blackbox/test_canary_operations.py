"""Canaries by their operations: what they are, when they run, what a run leaves."""

import io
import json
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.exceptions import ClientError

PAGE = b"<html><body>good</body></html>"


class Site:
    """A server that is looked at: answers as it is told to, and remembers what it was asked."""

    def __init__(self):
        self.statuses, self.asked = [], []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status = site.statuses.pop(0) if site.statuses else 200
                body = json.dumps({"token": "t-1"}).encode() if self.path == "/json" else PAGE
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site():
    site = Site()
    yield site
    site.server.shutdown()


def synthetics(server):
    return boto3.client("synthetics", endpoint_url=server.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")


def checks(site, path="/", **more):
    step = {"stepName": "look", "checkerType": "HTTP", "url": site.url + path, "httpMethod": "GET",
            "assertions": [{"type": "STATUS_CODE", "operator": "EQUALS", "value": 200}], **more}
    return zipped({"blueprint-config.json": json.dumps({"steps": {"1": step}})})


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def create(client, name, code, **more):
    members = {"Name": name, "Code": {"ZipFile": code, "BlueprintTypes": ["multi-checks"]}, "ArtifactS3Location": "s3://any", "RuntimeVersion": "syn-nodejs-3.0",
               "ExecutionRoleArn": "arn:aws:iam::000000000000:role/any", "Schedule": {"Expression": "rate(1 minute)"}, **more}
    return client.create_canary(**members)["Canary"]


def wait_for(what, condition, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {seconds} s")


def runs(client, name, **more):
    return client.get_canary_runs(Name=name, **more)["CanaryRuns"]


def done(client, name, count=1, **more):
    return wait_for(f"{count} runs", lambda: (lambda all: len(all) >= count and all[0]["Status"]["State"] != "RUNNING" and all)(runs(client, name, **more)))


def refusal(call, **members):
    with pytest.raises(ClientError) as refused:
        call(**members)
    return refused.value.response["Error"]["Code"]


def test_a_canary_runs_as_long_as_it_is_started(server, site):
    client = synthetics(server)
    made = create(client, "shop", checks(site))
    assert made["Status"]["State"] == "READY" and made["Code"]["BlueprintTypes"] == ["multi-checks"]
    assert refusal(client.stop_canary, Name="shop") == "ConflictException"
    client.start_canary(Name="shop")
    [run] = done(client, "shop")
    assert run["Status"] == {"State": "PASSED", "TestResult": "PASSED"} and run["Timeline"]["Completed"] >= run["Timeline"]["Started"]
    assert client.get_canary(Name="shop")["Canary"]["Status"]["State"] == "RUNNING"
    assert refusal(client.start_canary, Name="shop") == refusal(client.delete_canary, Name="shop") == "ConflictException"
    [last] = client.describe_canaries_last_run()["CanariesLastRun"]
    assert last["CanaryName"] == "shop" and last["LastRun"]["Id"] == run["Id"]
    client.stop_canary(Name="shop")
    wait_for("the end", lambda: client.get_canary(Name="shop")["Canary"]["Status"]["State"] == "STOPPED")
    client.delete_canary(Name="shop")
    assert client.describe_canaries()["Canaries"] == []
    assert refusal(client.get_canary, Name="shop") == "ResourceNotFoundException"


def test_what_a_run_leaves(server, site):
    client = synthetics(server)
    canary = create(client, "shop", checks(site), RunConfig={"ActiveTracing": True, "TimeoutInSeconds": 30})
    client.start_canary(Name="shop")
    [run] = done(client, "shop")
    whole = server.request(f"/api/canaries/shop/runs/{run['Id']}", method="GET").json
    report = whole["Report"]
    [step] = report["steps"]
    assert report["status"] == step["status"] == "PASSED" and step["assertions"][0]["passed"] and step["statusCode"] == 200
    names = [artifact["Key"].rsplit("/", 1)[1] for artifact in whole["Artifacts"]]
    assert "SyntheticsReport-PASSED.json" in names and "results.har" in names
    har = server.request(f"/api/canary-artifacts?key={whole['Artifacts'][names.index('results.har')]['Key']}", method="GET").json
    assert har["log"]["version"] == "1.2" and har["log"]["entries"][0]["response"]["status"] == 200
    assert server.request("/api/canary-artifacts?key=../catalog.sqlite", method="GET").status == 404
    # Metrics, for the canary and for its step.
    def average(name, **dimensions):
        now = time.time()
        found = server.cloudwatch.get_metric_statistics(Namespace="CloudWatchSynthetics", MetricName=name, StartTime=now - 600, EndTime=now + 60, Period=60,
                                                        Statistics=["Average"], Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()])
        return found["Datapoints"][0]["Average"] if found["Datapoints"] else None
    wait_for("metrics", lambda: average("SuccessPercent", CanaryName="shop") == 100)
    assert average("2xx", CanaryName="shop") == 1 and average("5xx", CanaryName="shop") == average("Failed", CanaryName="shop") == average("Failed requests", CanaryName="shop") == 0
    assert average("Duration", CanaryName="shop") > 0 and average("SuccessPercent", CanaryName="shop", StepName="look") == 100
    # Its log, under the name that AWS gives it.
    assert whole["LogGroup"] == f"/aws/lambda/cwsyn-shop-{canary['Id']}"
    lines = [event["message"] for event in server.aws("logs").get_log_events(logGroupName=whole["LogGroup"], logStreamName=whole["LogStream"])["events"]]
    assert any("step look passed" in line for line in lines)
    # Its trace: the server that was asked knows of whom it is a part.
    [trace] = report["traceIds"]
    header = dict(part.split("=") for part in site.asked[0][1]["x-amzn-trace-id"].split(";"))
    document = json.loads(server.request("/Traces", {"TraceIds": [trace]}).json["Traces"][0]["Segments"][0]["Document"])
    assert header["Root"] == trace and header["Sampled"] == "1" and header["Parent"] in [call["id"] for call in document["subsegments"]]
    assert document["name"] == "shop" and document["origin"] == "AWS::Synthetics"


def test_without_active_tracing_there_is_no_trace(server, site):
    client = synthetics(server)
    create(client, "shop", checks(site))
    client.start_canary(Name="shop")
    [run] = done(client, "shop")
    assert server.request(f"/api/canaries/shop/runs/{run['Id']}", method="GET").json["Report"]["traceIds"] == []
    assert "x-amzn-trace-id" not in site.asked[0][1]


def test_a_failed_run_is_tried_again_at_once(server, site):
    client = synthetics(server)
    site.statuses = [500, 503]
    create(client, "shop", checks(site), Schedule={"Expression": "rate(1 hour)", "RetryConfig": {"MaxRetries": 2}})
    client.start_canary(Name="shop")
    all_runs = done(client, "shop", 3)
    assert [run["Status"]["State"] for run in all_runs] == ["PASSED", "FAILED", "FAILED"]
    assert [run.get("RetryAttempt") for run in all_runs] == [2, 1, None] and len({run["ScheduledRunId"] for run in all_runs}) == 1
    assert all_runs[1]["Status"]["StateReasonCode"] == "CANARY_FAILURE" and "503" in all_runs[1]["Status"]["StateReason"]
    assert len({run["Timeline"]["MetricTimestampForRunAndRetries"] for run in all_runs}) == 1


def test_a_canary_that_runs_once_has_then_stopped(server, site):
    client = synthetics(server)
    create(client, "once", checks(site), Schedule={"Expression": "rate(0 minute)"})
    client.start_canary(Name="once")
    done(client, "once")
    wait_for("the end", lambda: client.get_canary(Name="once")["Canary"]["Status"]["State"] == "STOPPED")
    assert len(runs(client, "once")) == 1


def test_a_dry_run_is_no_part_of_the_history_and_can_be_taken_over(server, site):
    client = synthetics(server)
    create(client, "shop", checks(site))
    dry = client.start_canary_dry_run(Name="shop", Code={"ZipFile": checks(site, "/json"), "BlueprintTypes": ["multi-checks"]})["DryRunConfig"]
    [run] = done(client, "shop", DryRunId=dry["DryRunId"])
    assert run["DryRunConfig"]["DryRunId"] == dry["DryRunId"] and site.asked[-1][0] == "/json"
    assert runs(client, "shop") == [] and len(runs(client, "shop", RunType="DRY_RUN")) == 1
    told = wait_for("its end", lambda: (lambda told: told["LastDryRunExecutionStatus"] == "PASSED" and told)(client.get_canary(Name="shop", DryRunId=dry["DryRunId"])["Canary"]["DryRunConfig"]))
    client.update_canary(Name="shop", DryRunId=told["DryRunId"])
    client.start_canary(Name="shop")
    done(client, "shop")
    assert site.asked[-1][0] == "/json"


@pytest.mark.parametrize("expression", ["rate(30 seconds)", "rate(2 hours)", "cron(0 10 1 * 2 *)", "cron(* * * *)", "daily"])
def test_schedules_that_cannot_be(shared, expression):
    client = synthetics(shared)
    assert refusal(create, client=client, name="never", code=zipped({"x": ""}), Schedule={"Expression": expression}) == "ValidationException"


@pytest.mark.parametrize("wrong", [
    {"RunConfig": {"TimeoutInSeconds": 841}}, {"RunConfig": {"MemoryInMB": 3_072}}, {"SuccessRetentionPeriodInDays": 1_025}, {"Code": {"S3Bucket": "b", "S3Key": "k"}},
    {"RunConfig": {"EnvironmentVariables": {"AWS_LAMBDA_X": "1"}}}, {"Code": {"ZipFile": b"no zip"}},
    {"Code": {"ZipFile": zipped({"blueprint-config.json": "{}"}), "BlueprintTypes": ["multi-checks"]}}, {"Code": {"ZipFile": zipped({"x": ""}), "BlueprintTypes": ["nothing-of-this"]}},
], ids=lambda wrong: str(wrong)[:50])
def test_canaries_that_cannot_be(shared, wrong):
    client = boto3.client("synthetics", endpoint_url=shared.url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any",
                          config=boto3.session.Config(parameter_validation=False))
    members = {"Name": "never", "Code": {"ZipFile": zipped({"x": ""}), "Handler": "x.handler"}, "ArtifactS3Location": "s3://any", "RuntimeVersion": "syn-nodejs-3.0",
               "ExecutionRoleArn": "arn:aws:iam::000000000000:role/any", "Schedule": {"Expression": "rate(1 minute)"}, **wrong}
    assert refusal(client.create_canary, **members) == "ValidationException"


def test_groups_and_tags(server, site):
    client = synthetics(server)
    create(client, "shop", checks(site), Tags={"team": "a"})
    arn = "arn:aws:synthetics:us-east-1:000000000000:canary:shop"
    group = client.create_group(Name="Pages", Tags={"tier": "gold"})["Group"]
    assert refusal(client.create_group, Name="Pages") == "ConflictException"
    client.associate_resource(GroupIdentifier="Pages", ResourceArn=arn)
    assert refusal(client.associate_resource, GroupIdentifier=group["Id"], ResourceArn=arn) == "ConflictException"
    assert client.list_group_resources(GroupIdentifier=group["Id"])["Resources"] == [arn]
    assert [known["Name"] for known in client.list_associated_groups(ResourceArn=arn)["Groups"]] == ["Pages"]
    client.tag_resource(ResourceArn=arn, Tags={"tier": "gold"})
    client.untag_resource(ResourceArn=arn, TagKeys=["team"])
    assert client.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"tier": "gold"}
    assert client.list_tags_for_resource(ResourceArn=group["Arn"])["Tags"] == {"tier": "gold"}
    client.delete_canary(Name="shop")
    assert client.list_group_resources(GroupIdentifier=group["Id"])["Resources"] == []
    client.delete_group(GroupIdentifier="Pages")
    assert client.list_groups()["Groups"] == [] and refusal(client.get_group, GroupIdentifier="Pages") == "ResourceNotFoundException"


SCRIPT = """const synthetics = require('Synthetics');
exports.handler = async () => { %s };"""


@pytest.mark.parametrize("body, state, code, reason", [
    ("await synthetics.executeHttpStep('h', new URL(process.env.SITE));", "PASSED", None, ""),
    ("throw new Error('the shop is shut');", "FAILED", "CANARY_FAILURE", "the shop is shut"),
    ("for (;;);", "FAILED", "EXECUTION_FAILURE", "timeout"),
    ("const all = []; for (;;) { all.push(Buffer.alloc(50e6, 1)); await new Promise(done => setTimeout(done, 20)); }", "FAILED", "EXECUTION_FAILURE", "memory"),
], ids=["passes", "throws", "hangs", "takes memory"])
def test_scripts_of_node(shared, body, state, code, reason):
    client, name = synthetics(shared), f"script-{abs(hash(body)) % 10**6}"
    script = zipped({"nodejs/node_modules/index.js": SCRIPT % body})
    create(client, name, script, Code={"ZipFile": script, "Handler": "index.handler"}, Schedule={"Expression": "rate(0 minute)"},
           RunConfig={"TimeoutInSeconds": 5, "EnvironmentVariables": {"SITE": shared.url + "/api/health"}})
    client.start_canary(Name=name)
    [run] = done(client, name)
    assert run["Status"]["State"] == state and run["Status"].get("StateReasonCode") == code and reason in run["Status"].get("StateReason", "").lower(), run["Status"]


def test_a_script_stays_in_its_folder(server):
    client = synthetics(server)
    script = zipped({"../../outside.txt": "x", "nodejs/node_modules/index.js": SCRIPT % ""})
    create(client, "shop", script, Code={"ZipFile": script, "Handler": "index.handler"}, Schedule={"Expression": "rate(0 minute)"})
    client.start_canary(Name="shop")
    [run] = done(client, "shop")
    assert run["Status"]["StateReasonCode"] == "EXECUTION_FAILURE" and "outside" in run["Status"]["StateReason"]


def test_a_run_that_was_under_way_when_the_server_ended_has_failed(server, site):
    client = synthetics(server)
    script = zipped({"nodejs/node_modules/index.js": SCRIPT % "await new Promise(done => setTimeout(done, 30000));"})
    create(client, "shop", script, Code={"ZipFile": script, "Handler": "index.handler"}, Schedule={"Expression": "rate(1 hour)"}, RunConfig={"TimeoutInSeconds": 60})
    client.start_canary(Name="shop")
    wait_for("a run", lambda: runs(client, "shop"))
    server.kill()
    server.start()
    client = synthetics(server)
    [run] = wait_for("its end", lambda: (lambda all: all[0]["Status"]["State"] != "RUNNING" and all)(runs(client, "shop")))
    assert run["Status"]["StateReasonCode"] == "EXECUTION_FAILURE" and "stopped while it ran" in run["Status"]["StateReason"]
    assert client.get_canary(Name="shop")["Canary"]["Status"]["State"] == "RUNNING"


def test_a_status_page_tells_of_what_it_names(server, site):
    client = synthetics(server)
    create(client, "shop", checks(site))
    create(client, "secret", checks(site))
    assert server.request("/status", method="GET").status == 404
    settings = {"Enabled": True, "Title": "Our <shop>", "Description": "", "Canaries": ["shop"], "Alarms": []}
    assert server.request("/api/status-page", settings, method="PUT").json == settings
    client.start_canary(Name="shop")
    done(client, "shop")
    page = server.request("/status", method="GET").body.decode()
    assert "All systems work" in page and "Our &lt;shop&gt;" in page and ">shop<" in page and "secret" not in page
    assert "すべて正常" in server.request("/status", method="GET", headers={"Accept-Language": "ja"}).body.decode()


def test_the_console_has_its_pages_at_the_addresses_of_operations(shared):
    for path in ("/groups", "/canaries"):
        assert shared.request(path, method="GET").headers["content-type"].startswith("text/html"), path
        assert shared.request(path, {}).status == 200, path
