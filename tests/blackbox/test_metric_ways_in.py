"""Other ways in for metrics than PutMetricData: OpenTelemetry's SDK, the embedded metric format, Prometheus' remote write. And what
the server says of itself to Prometheus."""

import json
import re
import socket
import struct
import time
from datetime import datetime, timezone

import pytest

from conftest import wait_for


def statistics(server, namespace, metric, statistics=("Sum", "SampleCount", "Minimum", "Maximum"), extended=(), **dimensions):
    now = time.time()
    arguments = {"ExtendedStatistics": list(extended)} if extended else {"Statistics": list(statistics)}
    got = server.cloudwatch.get_metric_statistics(
        Namespace=namespace, MetricName=metric, Period=3600, **arguments,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=datetime.fromtimestamp(now - 7200, timezone.utc), EndTime=datetime.fromtimestamp(now + 3600, timezone.utc))["Datapoints"]
    if not got:
        return None
    if extended:
        return got[-1]["ExtendedStatistics"]
    return {"sum": sum(p["Sum"] for p in got), "count": sum(p["SampleCount"] for p in got), "unit": got[0]["Unit"],
            "minimum": min(p["Minimum"] for p in got), "maximum": max(p["Maximum"] for p in got)}


# -- OpenTelemetry

@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_opentelemetrys_sdk(server, protocol):
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        exporter = OTLPMetricExporter(endpoint=f"http://127.0.0.1:{server.otlp_http_port}/v1/metrics")
    else:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        exporter = OTLPMetricExporter(endpoint=f"http://127.0.0.1:{server.otlp_grpc_port}", insecure=True)
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=Resource.create({"service.name": "cart", "service.namespace": "shop"}))
    meter = provider.get_meter("test")
    orders = meter.create_counter("orders", unit="{order}")
    latency = meter.create_histogram("latency", unit="ms")
    meter.create_observable_gauge("queue", callbacks=[lambda _: [Observation(7, {"name": "in"})]])
    orders.add(3, {"kind": "new"})
    for value in (1, 20, 20, 300):
        latency.record(value)
    assert provider.force_flush()
    orders.add(4, {"kind": "new"})
    assert provider.force_flush()
    assert statistics(server, "shop/cart", "orders", kind="new") == {"sum": 7, "count": 2, "unit": "Count", "minimum": 3, "maximum": 4}
    of_latency = statistics(server, "shop/cart", "latency")
    assert (of_latency["sum"], of_latency["count"], of_latency["unit"]) == (341, 4, "Milliseconds")
    # In which bucket it is, is known: not more.
    assert 10 <= statistics(server, "shop/cart", "latency", extended=["p50"])["p50"] <= 25
    assert statistics(server, "shop/cart", "queue", name="in")["maximum"] == 7
    provider.shutdown()


def test_what_cannot_be_kept_of_a_request_is_said(server):
    now = str(time.time_ns())
    point = lambda **members: {"timeUnixNano": now, "asDouble": 1.5, **members}
    metrics = [
        {"name": "good", "gauge": {"dataPoints": [point()]}},
        {"name": "old", "gauge": {"dataPoints": [point(timeUnixNano=str(time.time_ns() - 15 * 86_400 * 10**9))]}},
        {"name": "wide", "gauge": {"dataPoints": [point(attributes=[
            {"key": f"k{i}", "value": {"intValue": str(i)}} for i in range(31)])]}},
    ]
    answer = server.request("/v1/metrics", {"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]}, port=server.otlp_http_port)
    assert answer.status == 200
    assert answer.json["partialSuccess"]["rejectedDataPoints"] == "2"
    assert "old: its time is more than two weeks ago" in answer.json["partialSuccess"]["errorMessage"]
    assert "wide: it has more than 30 dimensions" in answer.json["partialSuccess"]["errorMessage"]
    assert statistics(server, "OpenTelemetry", "good")["sum"] == 1.5
    for body in (b"{", b'{"resourceMetrics": 1}', b"\x0a\xff"):
        assert server.request("/v1/metrics", body, port=server.otlp_http_port).status == 400


# -- the embedded metric format

def event(**members):
    directive = {"Namespace": "Shop", "Dimensions": [["Service"]], "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}]}
    aws = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": aws, "Service": "cart", "Latency": [5, 7], **members})


@pytest.fixture
def emf(new_server):
    server = new_server(env={"MITOSHI_METRICS_EMF_ADDRESS": "127.0.0.1:0"})
    server.emf_port = int(server.health()["listeners"]["emf"].rsplit(":", 1)[1])
    return server


def test_the_embedded_metric_format_over_tcp_and_udp(emf):
    with socket.create_connection(("127.0.0.1", emf.emf_port)) as tcp:
        tcp.sendall("\n".join([event(), "no json", '{"message": "hello"}', event(Latency="fast"), event()]).encode() + b"\n")
        count = lambda of: (statistics(emf, "Shop", "Latency", Service="cart") or {"count": 0})["count"] == of
        wait_for("two events", lambda: count(4))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.sendto(event(Latency=30).encode(), ("127.0.0.1", emf.emf_port))
        wait_for("the datagram", lambda: count(5))
        # What has no end of line when the writer goes away is an event, too.
        tcp.sendall(event(Latency=1).encode())
    wait_for("the last", lambda: count(6))
    assert statistics(emf, "Shop", "Latency", Service="cart") == {"sum": 55, "count": 6, "unit": "Milliseconds", "minimum": 1, "maximum": 30}
    assert emf.health()["ingest"]["events_rejected"] == {"Invalid": 2, "NoMetrics": 1}


def test_the_library_for_the_embedded_metric_format(emf):
    import asyncio

    from aws_embedded_metrics.config import get_config
    from aws_embedded_metrics.environment.default_environment import DefaultEnvironment
    from aws_embedded_metrics.logger.metrics_context import MetricsContext
    from aws_embedded_metrics.logger.metrics_logger import MetricsLogger
    config = get_config()
    config.agent_endpoint, config.service_name, config.service_type = f"tcp://127.0.0.1:{emf.emf_port}", "cart", "test"
    environment = DefaultEnvironment()

    async def provide():
        return environment

    logger = MetricsLogger(provide, MetricsContext.empty())
    logger.set_namespace("Library")
    logger.set_dimensions({"Service": "cart"})
    logger.put_metric("Requests", 3, "Count")
    asyncio.run(logger.flush())
    wait_for("its metric", lambda: statistics(emf, "Library", "Requests", Service="cart"))
    assert statistics(emf, "Library", "Requests", Service="cart")["sum"] == 3


# -- Prometheus

def varint(number):
    out = bytearray()
    while True:
        byte, number = number & 0x7F, number >> 7
        out.append(byte | (0x80 if number else 0))
        if not number:
            return bytes(out)


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def series(labels, *samples):
    body = b"".join(field(1, field(1, name.encode()) + field(2, value.encode())) for name, value in labels.items())
    for value, at in samples:
        body += field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(int(at * 1000)))
    return field(1, body)


def snappy(raw):
    """Literals alone: a block that any decoder reads."""
    out = varint(len(raw))
    for at in range(0, len(raw), 60):
        part = raw[at:at + 60]
        out += bytes([(len(part) - 1) << 2]) + part
    return out


def write(server, *all_series, headers=None):
    return server.request("/api/v1/write", snappy(b"".join(all_series)), headers={
        "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0", **(headers or {})})


def test_prometheus_remote_write(server):
    now = time.time() - 120
    labels = {"__name__": "http_requests_total", "job": "web", "instance": "a:80"}
    gauge = {"__name__": "temperature", "job": "web", "empty": ""}
    stale = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
    assert write(server, series(labels, (100, now), (103, now + 15)), series(gauge, (21.5, now), (stale, now + 15))).status == 204
    # It began anew.
    assert write(server, series(labels, (110, now + 30), (2, now + 45))).status == 204
    assert statistics(server, "Prometheus", "http_requests_total", job="web", instance="a:80")["sum"] == 3 + 7 + 2
    assert statistics(server, "Prometheus", "temperature", job="web") == {"sum": 21.5, "count": 1, "unit": "None", "minimum": 21.5, "maximum": 21.5}
    # The good ones are kept.
    refused = write(server, series({"__name__": "up"}, (1, now)), series({"__name__": "old"}, (1, now - 15 * 86_400)), series({"job": "x"}, (1, now)))
    assert refused.status == 400 and b"2 samples were refused, the others kept" in refused.body
    assert statistics(server, "Prometheus", "up")["sum"] == 1
    assert server.request("/api/v1/write", b"nonsense").status == 400
    assert write(server, headers={"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"}).status == 415
    assert write(server, headers={"Content-Encoding": "gzip"}).status == 415
    assert server.request("/api/v1/write", varint(2**40)).status == 400


def test_what_the_server_says_of_itself(server):
    server.cloudwatch.put_metric_data(Namespace="A", MetricData=[{"MetricName": "x", "Value": 1}, {"MetricName": "y", "Value": 1}])
    answer = server.request("/metrics", method="GET")
    assert answer.status == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    assert "mitoshi_datapoints_accepted_total 2\n" in text
    for line in text.splitlines():
        assert re.fullmatch(r'# (HELP|TYPE) mitoshi_\w+ .+|mitoshi_\w+(\{\w+="[^"]*"\})? [0-9.e+-]+', line), line
    families = re.findall(r"# TYPE (\w+) (counter|gauge)", text)
    assert len(families) == len(set(families)) > 12
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in families)
