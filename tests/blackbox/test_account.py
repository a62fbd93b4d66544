"""Accounts: each sees what it sent, and a monitoring account what was linked to it. Nobody else does."""

import json
import os
import subprocess
import time

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from conftest import Server, binary, new_trace_id, segment, subsegment, wait_for

OWN, ONE, TWO, MONITOR = "000000000000", "111111111111", "222222222222", "999999999999"
TRACES = "AWS::XRay::Trace"


def create_key(server, account, role="admin"):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")}
    done = subprocess.run([binary(), "keys", "create", "--role", role, "--account", account, "--json", "--data-dir",
                           str(server.data_dir)], capture_output=True, text=True, timeout=30, env=clean, check=True)
    return json.loads(done.stdout)


class World:
    """A server, and a client for each account."""

    def __init__(self, server):
        self.server = server
        self.keys = {account: create_key(server, account) for account in (OWN, ONE, TWO, MONITOR)}
        if server.process is None:
            server.start()

    def client(self, account, service="xray"):
        key = self.keys[account]
        return boto3.client(service, endpoint_url=self.server.url, region_name="us-east-1",
                            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
                            config=Config(retries={"total_max_attempts": 1}))

    def put(self, account, *documents):
        answer = self.client(account).put_trace_segments(TraceSegmentDocuments=[json.dumps(d) for d in documents])
        assert answer["UnprocessedTraceSegments"] == []

    def ids(self, account, expression=""):
        now = time.time()
        found = self.client(account).get_trace_summaries(StartTime=now - 600, EndTime=now + 60, FilterExpression=expression)
        return {summary["Id"] for summary in found["TraceSummaries"]}

    def documents(self, account, trace_id):
        traces = self.client(account).batch_get_traces(TraceIds=[trace_id])["Traces"]
        return sorted(json.loads(s["Document"])["name"] for t in traces for s in t["Segments"]
                      if not json.loads(s["Document"]).get("inferred"))

    def nodes(self, account):
        now = time.time()
        services = self.client(account).get_service_graph(StartTime=now - 600, EndTime=now + 60)["Services"]
        return {(s["Name"], s.get("AccountId")) for s in services if s.get("Type") != "client"}

    def link(self, source, monitor=MONITOR, types=(TRACES,)):
        oam = self.client(monitor, "oam")
        sinks = oam.list_sinks()["Items"]
        sink = sinks[0]["Arn"] if sinks else oam.create_sink(Name="all")["Arn"]
        oam.put_sink_policy(SinkIdentifier=sink, Policy=policy("*"))
        return self.client(source, "oam").create_link(
            LabelTemplate="$AccountName", ResourceTypes=list(types), SinkIdentifier=sink)


def policy(principal, types=None):
    condition = {"Condition": {"ForAllValues:StringEquals": {"oam:ResourceTypes": types}}} if types else {}
    return json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": principal} if principal != "*" else "*", "Resource": "*",
        "Action": ["oam:CreateLink", "oam:UpdateLink"], **condition}]})


@pytest.fixture
def world(new_server):
    server = new_server(env={"MITOSHI_ACCESS_REQUIRED": "always"}, start=False)
    return World(server)


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"]


@pytest.fixture(params=["in memory", "in parts", "after a kill"])
def settled(request, world):
    """Documents where they are kept: fresh, written to files, read again from the log."""
    def settle():
        if request.param == "in parts":
            world.server.restart()
        elif request.param == "after a kill":
            world.server.kill()
            world.server.start()
    world.settle = settle
    return world


def test_accounts_see_what_they_sent(settled):
    world = settled
    own, one, two = segment("own"), segment("one", fault=True), segment("two")
    world.put(OWN, own)
    world.put(ONE, one)
    world.put(TWO, two)
    # One trace of three accounts.
    shared = new_trace_id()
    front = segment("front", shared)
    call = subsegment("middle", front, namespace="remote")
    front["subsegments"] = [call]
    world.put(ONE, front)
    world.put(TWO, segment("middle", shared, front["start_time"] + 0.02, 0.02, parent_id=call["id"]))
    world.settle()
    assert world.ids(OWN) == {own["trace_id"]}
    assert world.ids(ONE) == {one["trace_id"], shared} and world.ids(ONE, "fault") == {one["trace_id"]}
    assert world.ids(TWO) == {two["trace_id"], shared}
    assert world.ids(MONITOR) == set()
    assert world.documents(ONE, shared) == ["front"] and world.documents(TWO, shared) == ["middle"]
    assert world.documents(OWN, shared) == [] and world.documents(MONITOR, one["trace_id"]) == []
    assert world.nodes(OWN) == {("own", None)}
    assert ("two", TWO) not in world.nodes(ONE) and ("one", ONE) in world.nodes(ONE)
    assert world.nodes(MONITOR) == set()
    assert world.client(ONE).get_trace_graph(TraceIds=[two["trace_id"]])["Services"] == []
    # The monitoring account sees what is linked, as one.
    link = world.link(ONE)
    assert world.ids(MONITOR) == {one["trace_id"], shared} and world.documents(MONITOR, shared) == ["front"]
    world.link(TWO)
    assert world.ids(MONITOR) == {one["trace_id"], two["trace_id"], shared}
    assert world.documents(MONITOR, shared) == ["front", "middle"]
    assert {("front", ONE), ("middle", TWO)} <= world.nodes(MONITOR)
    # Links go one way, and not through.
    assert world.ids(ONE) == {one["trace_id"], shared} and world.ids(OWN) == {own["trace_id"]}
    world.link(MONITOR, OWN)
    assert world.ids(OWN) == {own["trace_id"]}
    world.settle()
    assert world.documents(MONITOR, shared) == ["front", "middle"]
    world.client(ONE, "oam").delete_link(Identifier=link["Arn"])
    assert world.ids(MONITOR) == {two["trace_id"], shared} and world.documents(MONITOR, shared) == ["middle"]


def test_answers_of_all_kinds_keep_to_the_account(world):
    one = segment("one", user="secret-user", fault=True, annotations={"k": "v"})
    world.put(ONE, one)
    xray = world.client(TWO)
    now = time.time()
    span = {"StartTime": now - 600, "EndTime": now + 60}
    assert xray.get_time_series_service_statistics(**span)["TimeSeriesServiceStatistics"] == []
    selector = {"EntitySelectorExpression": 'service("one")'}
    assert xray.get_time_series_service_statistics(**span, **selector)["TimeSeriesServiceStatistics"] == []
    for expression in ('user = "secret-user"', 'annotation.k = "v"', "fault", 'service("one")'):
        assert world.ids(TWO, expression) == set() and world.ids(ONE, expression) == {one["trace_id"]}
    token = xray.start_trace_retrieval(TraceIds=[one["trace_id"]], **span)["RetrievalToken"]
    assert xray.list_retrieved_traces(RetrievalToken=token)["Traces"] == []
    mine = world.client(ONE).start_trace_retrieval(TraceIds=[one["trace_id"]], **span)["RetrievalToken"]
    assert refused(xray.list_retrieved_traces, RetrievalToken=mine) == "ResourceNotFoundException"
    headers = {"Authorization": f"Bearer {world.keys[TWO]['Token']}"}
    assert world.server.request("/api/services", method="GET", headers=headers).json["data"] == []
    hexadecimal = one["trace_id"][2:].replace("-", "")
    assert world.server.request(f"/api/traces/{hexadecimal}", method="GET", headers=headers).status == 404
    # SQL has no accounts: who does not see all, asks in vain.
    answer = world.server.request("/api/sql", {"sql": "SELECT * FROM traces"}, headers=headers)
    assert (answer.status, answer.error) == (403, "AccessDeniedException") and "only some" in answer.json["Message"]


def test_resources_belong_to_an_account(world):
    for account in (ONE, TWO, OWN):
        xray = world.client(account)
        group = xray.create_group(GroupName="mine", FilterExpression=f'service("{account}")')["Group"]
        assert group["GroupARN"].startswith(f"arn:aws:xray:us-east-1:{account}:group/mine/")
        rule = dict(RuleName="mine", ResourceARN="*", Priority=5, FixedRate=0.5, ReservoirSize=1, ServiceName=account,
                    ServiceType="*", Host="*", HTTPMethod="*", URLPath="*", Version=1)
        xray.create_sampling_rule(SamplingRule=rule)
        xray.put_encryption_config(Type="KMS", KeyId=f"alias/{account}")
    world.server.restart()
    for account in (ONE, TWO, OWN):
        xray = world.client(account)
        groups = {g["GroupName"]: g for g in xray.get_groups()["Groups"]}
        assert groups["mine"]["FilterExpression"] == f'service("{account}")' and len(groups) == 2
        rules = {r["SamplingRule"]["RuleName"]: r["SamplingRule"] for r in xray.get_sampling_rules()["SamplingRuleRecords"]}
        assert rules["mine"]["ServiceName"] == account and f":{account}:" in rules["mine"]["RuleARN"]
        assert xray.get_encryption_config()["EncryptionConfig"]["KeyId"] == f"alias/{account}"
    assert [g["GroupName"] for g in world.client(MONITOR).get_groups()["Groups"]] == ["Default"]
    arn = groups["mine"]["GroupARN"]
    assert refused(world.client(ONE).get_group, GroupARN=arn) == "InvalidRequestException"
    assert refused(world.client(ONE).list_tags_for_resource, ResourceARN=arn) == "ResourceNotFoundException"
    # SDKs ask the daemon's address unsigned: they get the server's own rules.
    rules = world.server.request("/GetSamplingRules", {}, port=world.server.daemon_port).json["SamplingRuleRecords"]
    assert [r["SamplingRule"]["ServiceName"] for r in rules] == [OWN, "*"]


def test_log_groups_in_sql_belong_to_the_account(world):
    now = int(time.time())
    for account in (ONE, TWO):
        logs = world.client(account, "logs")
        logs.create_log_group(logGroupName="shop")
        logs.create_log_stream(logGroupName="shop", logStreamName="s")
        logs.put_log_events(logGroupName="shop", logStreamName="s", logEvents=[{"timestamp": now * 1000, "message": f"of {account}"}])

    def rows(account, query):
        logs = world.client(account, "logs")
        asked = logs.start_query(queryLanguage="SQL", queryString=query, startTime=now - 60, endTime=now + 60)["queryId"]
        answer = wait_for("the answer", lambda: (it := logs.get_query_results(queryId=asked))["status"] == "Complete" and it, 20)
        return [[field["value"] for field in row] for row in answer["results"]]

    for account in (ONE, TWO):
        assert rows(account, "SELECT `@message`, `@log` FROM `shop`") == [[f"of {account}", f"{account}:shop"]]
        assert rows(account, "SELECT COUNT(*) FROM `logGroups(namePrefix: ['s'])`") == [["1"]]
    assert refused(world.client(OWN, "logs").start_query, queryLanguage="SQL", queryString="SELECT * FROM `shop`",
                   startTime=now - 60, endTime=now + 60) == "ResourceNotFoundException"


def test_spans_belong_to_the_account_of_their_token(world):
    trace_id = new_trace_id()
    span = {"traceId": trace_id[2:].replace("-", ""), "spanId": "00f067aa0ba902b7", "name": "n", "kind": 2,
            "startTimeUnixNano": str(time.time_ns() - 10**9), "endTimeUnixNano": str(time.time_ns())}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    for port in (world.server.http_port, world.server.otlp_http_port):
        answer = world.server.request("/v1/traces", body, port=port, headers={"Authorization": f"Bearer {world.keys[ONE]['Token']}"})
        assert answer.status == 200
    assert world.ids(ONE) == {trace_id} and world.ids(OWN) == set()
    import grpc
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub
    other = new_trace_id()
    request = ParseDict({"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "g"}]}]}]}, ExportTraceServiceRequest())
    it = request.resource_spans[0].scope_spans[0].spans[0]
    it.trace_id, it.span_id = bytes.fromhex(other[2:].replace("-", "")), b"12345678"
    it.start_time_unix_nano, it.end_time_unix_nano = time.time_ns() - 10**9, time.time_ns()
    with grpc.insecure_channel(f"127.0.0.1:{world.server.otlp_grpc_port}") as channel:
        TraceServiceStub(channel).Export(request, timeout=10, metadata=[("authorization", f"Bearer {world.keys[TWO]['Token']}")])
    assert world.ids(TWO) == {other} and world.ids(OWN) == set()


def test_sinks_and_links(world):
    monitor, source = world.client(MONITOR, "oam"), world.client(ONE, "oam")
    sink = monitor.create_sink(Name="central", Tags={"team": "ops"})
    assert sink["Arn"] == f"arn:aws:oam:us-east-1:{MONITOR}:sink/{sink['Id']}" and sink["Tags"] == {"team": "ops"}
    assert refused(monitor.create_sink, Name="second") == "ConflictException"
    assert refused(monitor.create_sink, Name="bad name!") == "InvalidParameterException"
    assert [item["Name"] for item in monitor.list_sinks()["Items"]] == ["central"] and source.list_sinks()["Items"] == []
    assert monitor.get_sink(Identifier=sink["Arn"], IncludeTags=True)["Tags"] == {"team": "ops"}
    assert refused(source.get_sink, Identifier=sink["Arn"]) == "ResourceNotFoundException"
    link = {"LabelTemplate": "$AccountName team", "ResourceTypes": [TRACES], "SinkIdentifier": sink["Arn"]}
    # Nobody may link before the policy says so; then only what it says.
    assert refused(source.create_link, **link) == "AccessDeniedException"
    monitor.put_sink_policy(SinkIdentifier=sink["Arn"], Policy=policy([TWO]))
    assert refused(source.create_link, **link) == "AccessDeniedException"
    assert refused(source.put_sink_policy, SinkIdentifier=sink["Arn"], Policy=policy("*")) == "ResourceNotFoundException"
    assert refused(monitor.put_sink_policy, SinkIdentifier=sink["Arn"], Policy="{") == "InvalidParameterException"
    monitor.put_sink_policy(SinkIdentifier=sink["Arn"], Policy=policy([f"arn:aws:iam::{ONE}:root"], ["AWS::CloudWatch::Metric"]))
    assert refused(source.create_link, **link) == "AccessDeniedException"
    monitor.put_sink_policy(SinkIdentifier=sink["Arn"], Policy=policy([ONE, TWO], [TRACES, "AWS::Logs::LogGroup"]))
    assert json.loads(monitor.get_sink_policy(SinkIdentifier=sink["Arn"])["Policy"])["Statement"]
    made = source.create_link(**link)
    assert made["Label"] == f"{ONE} team" and made["LabelTemplate"] == "$AccountName team" and made["SinkArn"] == sink["Arn"]
    assert refused(source.create_link, **link) == "ConflictException"
    assert refused(monitor.create_link, **link) == "InvalidParameterException"
    (attached,) = monitor.list_attached_links(SinkIdentifier=sink["Arn"])["Items"]
    assert attached == {"Label": f"{ONE} team", "LinkArn": made["Arn"], "ResourceTypes": [TRACES]}
    assert [item["Arn"] for item in source.list_links()["Items"]] == [made["Arn"]]
    assert refused(monitor.get_link, Identifier=made["Arn"]) == "ResourceNotFoundException"
    assert refused(monitor.delete_link, Identifier=made["Arn"]) == "ResourceNotFoundException"
    source.tag_resource(ResourceArn=made["Arn"], Tags={"a": "b", "c": "d"})
    source.untag_resource(ResourceArn=made["Arn"], TagKeys=["c"])
    assert source.list_tags_for_resource(ResourceArn=made["Arn"])["Tags"] == {"a": "b"}
    assert refused(monitor.list_tags_for_resource, ResourceArn=made["Arn"]) == "ResourceNotFoundException"
    # Without traces among its types, a link shows none.
    mine = segment("one")
    world.put(ONE, mine)
    assert world.ids(MONITOR) == {mine["trace_id"]}
    updated = source.update_link(Identifier=made["Arn"], ResourceTypes=["AWS::Logs::LogGroup"], IncludeTags=True)
    assert updated["ResourceTypes"] == ["AWS::Logs::LogGroup"] and updated["Tags"] == {"a": "b"}
    assert world.ids(MONITOR) == set()
    assert refused(monitor.delete_sink, Identifier=sink["Arn"]) == "ConflictException"
    source.delete_link(Identifier=made["Arn"])
    monitor.delete_sink(Identifier=sink["Arn"])
    assert monitor.list_sinks()["Items"] == []


@pytest.mark.parametrize("role", ["read", "write"])
def test_only_administrators_link(world, role):
    world.keys[ONE] = create_key(world.server, ONE, role)
    oam = world.client(ONE, "oam")
    wait_for("the key to be known", lambda: refused(oam.create_sink, Name="x") == "AccessDeniedException")
    arn = f"arn:aws:oam:us-east-1:{MONITOR}:sink/x"
    assert refused(oam.create_link, LabelTemplate="x", ResourceTypes=[TRACES], SinkIdentifier=arn) == "AccessDeniedException"
    assert refused(oam.tag_resource, ResourceArn=arn, Tags={"a": "b"}) == "AccessDeniedException"


def test_accounts_survive_a_lost_catalog(world):
    """What is derived of segments tells whose they are."""
    own, one = segment("own"), segment("one")
    world.put(OWN, own)
    world.put(ONE, one)
    world.server.stop()
    subprocess.run([binary(), "doctor", "--deep", "--data-dir", str(world.server.data_dir)], check=True, timeout=60)
    subprocess.run([binary(), "rebuild", "--data-dir", str(world.server.data_dir)], check=True, timeout=60)
    world.server.start()
    assert world.ids(OWN) == {own["trace_id"]} and world.ids(ONE) == {one["trace_id"]}
    world.server.stop()
    for file in world.server.data_dir.glob("catalog.db*"):
        file.unlink()
    world.keys = {account: create_key(world.server, account) for account in (OWN, ONE)}
    world.server.start()
    assert world.ids(OWN) == {own["trace_id"]} and world.ids(ONE) == {one["trace_id"]}


METRICS = "AWS::CloudWatch::Metric"


def about(client, account):
    """Asks about another account, as the console does."""
    client.meta.events.register("before-sign.*.*", lambda request, **_: request.headers.add_header("X-Mitoshi-Account", account))
    return client


def get(world, asking, path, account=None):
    key = world.keys[asking]
    url = world.server.url + path
    request = AWSRequest("GET", url, headers={"X-Mitoshi-Account": account} if account else {})
    SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"]), "xray", "us-east-1").add_auth(request)
    return world.server.request(path, method="GET", headers=dict(request.headers))


@pytest.fixture
def running(world):
    """A service in each of two accounts, in clusters of one name."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MITOSHI_", "AWS_", "ECS_"))}
    argv = lambda account: [binary(), "run", "--server", world.server.url, "--cluster", "shop", "--service", f"of-{account}", "--every-secs", "5",
                            "--key-id", world.keys[account]["AccessKeyId"], "--secret", world.keys[account]["SecretAccessKey"], "--", "sleep", "60"]
    processes = [subprocess.Popen(argv(account), env=env) for account in (ONE, TWO)]
    yield world
    for process in processes:
        process.terminate()
        process.wait(20)


def test_clusters_of_an_account_that_linked_its_metrics(running):
    """A monitoring account looks at a cluster, its metrics and what happened in it; whoever was linked to that account stays out of it."""
    world = running

    def services(client):
        try:
            return [arn.rsplit("/", 1)[1] for arn in client.list_services(cluster="shop")["serviceArns"]]
        except client.exceptions.ClusterNotFoundException:
            return []

    for account in (ONE, TWO):
        wait_for("its service", lambda: services(world.client(account, "ecs")) == [f"of-{account}"], 20)
    monitor = lambda service, account: about(world.client(MONITOR, service), account)
    assert refused(monitor("ecs", ONE).list_clusters) == "AccessDeniedException"
    # Two to one, and one to the monitoring account.
    world.link(TWO, ONE, [METRICS])
    world.link(ONE, MONITOR, [METRICS])
    assert get(world, MONITOR, "/api/accounts").json == {"own": MONITOR, "linked": [ONE]}
    assert get(world, ONE, "/api/accounts").json == {"own": ONE, "linked": [TWO]}
    assert world.client(MONITOR, "ecs").list_clusters()["clusterArns"] == []
    ecs = monitor("ecs", ONE)
    assert ecs.list_clusters()["clusterArns"] == [f"arn:aws:ecs:us-east-1:{ONE}:cluster/shop"] and services(ecs) == [f"of-{ONE}"]
    found = lambda client: {d["Value"] for m in client.list_metrics(Namespace="ECS/ContainerInsights", MetricName="CpuUtilized")["Metrics"]
                            for d in m["Dimensions"] if d["Name"] == "ServiceName"}
    wait_for("its metrics", lambda: found(monitor("cloudwatch", ONE)) == {f"of-{ONE}"}, 20)
    changes = lambda asking, account=None: {change["service"] for change in get(
        world, asking, f"/api/state-changes?from={int(time.time()) - 600}&to={int(time.time()) + 60}", account).json["changes"]}
    assert changes(MONITOR, ONE) == {f"of-{ONE}"}
    # Of what else is of that account, nothing: its logs and dashboards are not its metrics.
    one = world.client(ONE, "logs")
    one.create_log_group(logGroupName="secret")
    one.create_log_stream(logGroupName="secret", logStreamName="s")
    one.put_log_events(logGroupName="secret", logStreamName="s", logEvents=[{"timestamp": int(time.time() * 1000), "message": "a secret"}])
    world.client(ONE, "cloudwatch").put_dashboard(DashboardName="secret", DashboardBody='{"widgets": []}')
    logs, cloudwatch = monitor("logs", ONE), monitor("cloudwatch", ONE)
    assert refused(logs.describe_log_groups) == "AccessDeniedException"
    assert refused(logs.filter_log_events, logGroupName="secret") == "AccessDeniedException"
    assert refused(logs.start_query, logGroupName="secret", queryString="fields @message", startTime=0, endTime=1) == "AccessDeniedException"
    assert refused(cloudwatch.get_dashboard, DashboardName="secret") == "AccessDeniedException"
    # To read, and nothing else; nobody who is not linked.
    assert refused(ecs.update_cluster_settings, cluster="shop", settings=[{"name": "containerInsights", "value": "disabled"}]) == "AccessDeniedException"
    assert refused(monitor("ecs", TWO).list_clusters) == "AccessDeniedException"
    assert refused(about(world.client(ONE, "ecs"), MONITOR).list_clusters) == "AccessDeniedException"
    assert get(world, TWO, "/api/state-changes?from=0&to=1", ONE).status == 403
    # To name oneself changes nothing.
    about(world.client(ONE, "ecs"), ONE).update_cluster_settings(cluster="shop", settings=[{"name": "containerInsights", "value": "enabled"}])
