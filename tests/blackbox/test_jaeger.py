"""Jaeger's query API, asked as Jaeger's console and Grafana's data source ask it."""

import json
import time
import urllib.parse

import pytest

from conftest import new_id, new_trace_id, segment, subsegment


def ask(server, path, **parameters):
    query = urllib.parse.urlencode([(k, v) for k, many in parameters.items() for v in (many if isinstance(many, list) else [many])])
    return server.request(f"{path}?{query}" if query else path, method="GET")


def data(server, path, **parameters):
    answer = ask(server, path, **parameters)
    assert answer.status == 200, answer
    assert answer.json["errors"] is None and answer.json["total"] == len(answer.json["data"])
    return answer.json["data"]


def hexadecimal(trace_id):
    return trace_id[2:].replace("-", "")


def order(server, took=0.2, fault=False, **annotations):
    """A request to a shop that calls a stock service and a table."""
    front = segment("shop", took=took, annotations=annotations or None, fault=fault or None,
                    http={"request": {"method": "GET", "url": "http://shop/cart"}, "response": {"status": 500 if fault else 200}})
    call = subsegment("stock", front, namespace="remote", http={"request": {"method": "GET", "url": "http://stock/items"}})
    front["subsegments"] = [call]
    back = segment("stock", front["trace_id"], front["start_time"] + 0.02, 0.03, parent_id=call["id"])
    back["subsegments"] = [subsegment("DynamoDB", back, took=0.01, namespace="aws", aws={"table_name": "items"})]
    if fault:
        front["cause"] = {"exceptions": [{"id": new_id(), "type": "KeyError", "message": "no such cart"}]}
    server.put(front, back)
    return front["trace_id"], front, call, back


def span(name, service, kind, trace_id, parent=None, **attributes):
    now = time.time_ns()
    return {"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}},
                                        {"key": "host.name", "value": {"stringValue": "h1"}}]},
            "scopeSpans": [{"scope": {"name": "lib", "version": "1.2"}, "spans": [{
                "traceId": trace_id, "spanId": new_id(), "parentSpanId": parent or "", "name": name, "kind": kind,
                "startTimeUnixNano": str(now - 50_000_000), "endTimeUnixNano": str(now),
                "attributes": [{"key": k, "value": v} for k, v in attributes.items()],
                "events": [{"timeUnixNano": str(now - 10_000_000), "name": "retry",
                            "attributes": [{"key": "attempt", "value": {"intValue": "2"}}]}],
                "links": [{"traceId": "ab" * 16, "spanId": "cd" * 8}],
                "status": {"code": 2, "message": "it broke"}}]}]}


def test_services_and_operations(server):
    order(server)
    assert data(server, "/api/services") == ["shop", "stock"]
    assert data(server, "/api/services/shop/operations") == ["shop", "stock"]
    assert data(server, "/api/operations", service="stock") == [
        {"name": "DynamoDB", "spanKind": "client"}, {"name": "stock", "spanKind": "server"}]
    assert data(server, "/api/operations", service="stock", spanKind="server") == [{"name": "stock", "spanKind": "server"}]
    assert data(server, "/api/services/nobody/operations") == []
    missing = ask(server, "/api/operations")
    assert missing.status == 400 and "service" in missing.json["errors"][0]["msg"]


def test_a_trace(server):
    trace_id, front, call, back = order(server, fault=True, tier="gold")
    (trace,) = data(server, f"/api/traces/{hexadecimal(trace_id)}")
    assert trace["traceID"] == hexadecimal(trace_id)
    spans = {each["spanID"]: each for each in trace["spans"]}
    assert set(spans) == {front["id"], call["id"], back["id"], back["subsegments"][0]["id"]}
    root = spans[front["id"]]
    assert root["operationName"] == "shop" and root["references"] == []
    assert root["startTime"] == round(front["start_time"] * 1e6)
    assert root["duration"] == round((front["end_time"] - front["start_time"]) * 1e6)
    tags = {tag["key"]: tag for tag in root["tags"]}
    assert tags["error"] == {"key": "error", "type": "bool", "value": True}
    assert tags["tier"]["value"] == "gold" and tags["span.kind"]["value"] == "server"
    assert root["logs"][0]["fields"][0] == {"key": "event", "type": "string", "value": "exception"}
    assert spans[back["id"]]["references"] == [{"refType": "CHILD_OF", "traceID": hexadecimal(trace_id), "spanID": call["id"]}]
    assert {trace["processes"][each["processID"]]["serviceName"] for each in trace["spans"]} == {"shop", "stock"}
    # The same under X-Ray's own form, and without leading zeros.
    assert data(server, f"/api/traces/{trace_id}") == [trace]
    missing = ask(server, f"/api/traces/{'0' * 31}1")
    assert missing.status == 404 and missing.json["errors"] == [{"code": 404, "msg": "trace not found"}] and missing.json["data"] is None
    assert ask(server, "/api/traces/nonsense").status == 400


def test_a_span_of_opentelemetry(server):
    trace_id = hexadecimal(new_trace_id())
    body = {"resourceSpans": [span("work", "worker", 1, trace_id, size={"intValue": "7"}, ratio={"doubleValue": 0.5},
                                   big={"boolValue": True}, raw={"bytesValue": "AAE="},
                                   list={"arrayValue": {"values": [{"intValue": "1"}]}})]}
    assert server.request("/v1/traces", body).status == 200
    (trace,) = data(server, f"/api/traces/{trace_id}")
    (found,) = trace["spans"]
    tags = {tag["key"]: (tag["type"], tag["value"]) for tag in found["tags"]}
    assert tags["size"] == ("int64", 7) and tags["ratio"] == ("float64", 0.5) and tags["big"] == ("bool", True)
    assert tags["raw"] == ("binary", "AAE=") and tags["list"] == ("string", "[1]")
    assert tags["otel.scope.name"] == ("string", "lib") and tags["otel.scope.version"] == ("string", "1.2")
    assert tags["otel.status_code"] == ("string", "ERROR") and tags["otel.status_description"] == ("string", "it broke")
    assert found["references"] == [{"refType": "FOLLOWS_FROM", "traceID": "ab" * 16, "spanID": "cd" * 8}]
    assert found["logs"][0]["fields"] == [{"key": "event", "type": "string", "value": "retry"},
                                          {"key": "attempt", "type": "int64", "value": 2}]
    process = trace["processes"][found["processID"]]
    assert process == {"serviceName": "worker", "tags": [{"key": "host.name", "type": "string", "value": "h1"}]}


def found(server, **parameters):
    now = time.time()
    given = {"service": "shop", "start": int((now - 3600) * 1e6), "end": int((now + 60) * 1e6), **parameters}
    return [trace["traceID"] for trace in data(server, "/api/traces", **given)]


def test_search(server):
    slow, fine, broken = order(server, took=2.0), order(server, tier="gold"), order(server, fault=True)
    slow, fine, broken = (hexadecimal(each[0]) for each in (slow, fine, broken))
    assert set(found(server)) == {slow, fine, broken}
    assert len(found(server, limit=2)) == 2
    assert found(server, service="nobody") == []
    assert found(server, minDuration="1s") == [slow]
    assert set(found(server, operation="shop", maxDuration="500ms")) == {fine, broken}
    assert found(server, minDuration="1.5s", maxDuration="1m") == [slow]
    assert found(server, tags=json.dumps({"error": "true"})) == [broken]
    assert found(server, tag="tier:gold") == [fine]
    assert found(server, tags=json.dumps({"http.response.status_code": "500"})) == [broken] or \
        found(server, tags=json.dumps({"http.status_code": "500"})) == [broken]
    assert found(server, tags=json.dumps({"error": "true", "tier": "gold"})) == []
    assert set(found(server, operation="stock")) == {slow, fine, broken}
    assert found(server, service="stock", operation="shop") == []
    assert set(found(server, operation="all")) == {slow, fine, broken}
    past = {"start": int((time.time() - 7200) * 1e6), "end": int((time.time() - 3600) * 1e6)}
    assert found(server, **past) == []
    by_id = data(server, "/api/traces", traceID=[slow, fine])
    assert {trace["traceID"] for trace in by_id} == {slow, fine}
    lately = data(server, "/api/traces", service="shop", lookback="1h")
    assert {trace["traceID"] for trace in lately} == {slow, fine, broken}


@pytest.mark.parametrize("wrong, words", [
    ({}, "service"), ({"service": "a", "minDuration": "fast"}, "minDuration"), ({"service": "a", "tags": "x"}, "tags"),
    ({"service": "a", "tag": "x"}, "key:value"), ({"service": "a", "start": "soon"}, "start"),
    ({"service": "a", "start": "5", "end": "4"}, "before"), ({"traceID": "xyz"}, "trace id"),
])
def test_wrong_searches(shared, wrong, words):
    answer = ask(shared, "/api/traces", **wrong)
    assert answer.status == 400 and words in answer.json["errors"][0]["msg"], answer


def test_dependencies(server):
    for _ in range(3):
        order(server)
    now = int(time.time() * 1000)
    edges = {(edge["parent"], edge["child"]): edge["callCount"]
             for edge in data(server, "/api/dependencies", endTs=now + 60_000, lookback=3_600_000)}
    assert edges == {("shop", "stock"): 3, ("stock", "items"): 3}
    assert data(server, "/api/dependencies", endTs=now - 7_200_000, lookback=60_000) == []
