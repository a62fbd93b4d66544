"""The X-Ray daemon's side: UDP datagrams and the TCP port."""

import json
import os
import random
import socket
import time

import pytest

from conftest import HEADER, segment, streamed, wait_for


def arrives(server, document):
    return wait_for("the document", lambda: server.documents(document["trace_id"]))


HEADERS = [
    b'{"format":"json","version":1}\n', b'{"format": "json", "version": 1}\n', b'{"version":1,"format":"json"}\n',
    b'{ "format" : "json" , "version" : 1 }\n', b'{"format":"JSON","version":1}\n', b'{"format":"Json","version":1}\n',
    b'{"format":"json","version":1}\r\n', b'{\t"format":"json",\t"version":1}\n', b'{"format":"json","version":1,"more":true}\n',
]


@pytest.mark.parametrize("header", HEADERS, ids=[h.decode().strip() for h in HEADERS])
def test_header_forms(server, header):
    document = segment()
    server.udp(document, header=header)
    assert arrives(server, document) == [document]
    wait_for("the count", lambda: server.ingest()["segments_accepted"] == 1)


@pytest.mark.parametrize("text", [
    lambda d: json.dumps(d, indent=2), lambda d: json.dumps(d, separators=(",", ":")), lambda d: "\n\n" + json.dumps(d),
    lambda d: json.dumps(d, indent=4).replace("\n", "\r\n"), lambda d: json.dumps(d) + "\n", lambda d: json.dumps(d, ensure_ascii=False),
], ids=["pretty", "compact", "blank lines", "CRLF", "newline at the end", "UTF-8"])
def test_payload_forms(server, text):
    """The split is at the first line feed only."""
    document = segment("注文")
    server.udp(text(document))
    assert arrives(server, document) == [document]


WRONG = {
    "empty": b"", "one byte": b"x", "garbage": bytes(range(256)), "zeros": b"\0" * 500, "no line feed": b'{"format":"json","version":1}',
    "header only": HEADER, "header and blanks": HEADER + b"   ", "version 2": b'{"format":"json","version":2}\n{}',
    "version as text": b'{"format":"json","version":"1"}\n' + json.dumps({"id": 1}).encode(), "no version": b'{"format":"json"}\n{}',
    "no format": b'{"version":1}\n{}', "xml": b'{"format":"xml","version":1}\n<a/>', "header is a list": b"[]\n{}", "two headers": HEADER + HEADER,
    "header is no JSON": b"format=json\n{}", "payload is no JSON": HEADER + b"hello", "payload is a number": HEADER + b"5",
    "payload is empty object": HEADER + b"{}", "cut off": HEADER + json.dumps(segment()).encode()[:-5], "invalid UTF-8": HEADER + b'{"name":"\xff"}',
    "only the document": json.dumps(segment()).encode(), "only a line feed": b"\n",
}


@pytest.mark.parametrize("kind", WRONG)
def test_refused_datagram_is_counted(server, kind):
    good = segment()
    server.datagram(WRONG[kind])
    server.udp(good)
    arrives(server, good)
    # Documents may be readable a moment before they are counted.
    ingest = wait_for("the counts", lambda: (i := server.ingest())["segments_accepted"] >= 1 and
                      sum({**i["datagrams_rejected"], **i["segments_rejected"]}.values()) >= 1 and i)
    assert ingest["segments_accepted"] == 1
    assert ingest["datagrams_received"] == 2
    counted = {**ingest["datagrams_rejected"], **ingest["segments_rejected"]}
    assert sum(counted.values()) == 1, ingest
    assert all(counted), "a reason has a name"


def test_reasons_are_told_apart(server):
    for raw in (b"no header", HEADER, b'{"format":"json","version":9}\n{}', HEADER + b"no json", HEADER + b"{}"):
        server.datagram(raw)
    ingest = wait_for("the counters", lambda: (i := server.ingest())["datagrams_received"] == 5 and i)
    ingest = wait_for("the reasons", lambda: (i := server.ingest()) and
                      sum({**i["datagrams_rejected"], **i["segments_rejected"]}.values()) == 5 and i)
    assert len({**ingest["datagrams_rejected"], **ingest["segments_rejected"]}) >= 4


def test_largest_datagram(server):
    """65,507 bytes is what UDP carries."""
    document = segment(metadata={"a": ""})
    document["metadata"]["a"] = "x" * (65_507 - len(HEADER) - len(json.dumps(document)))
    server.udp(document)
    assert arrives(server, document) == [document]


def test_array_in_a_datagram(server):
    """A datagram is one document; an array is split as in PutTraceSegments, or refused under a reason."""
    owner = segment()
    server.udp([owner, streamed("a", owner)])
    ingest = wait_for("a count", lambda: (i := server.ingest()) and
                      (i["segments_accepted"] + sum({**i["segments_rejected"], **i["datagrams_rejected"]}.values())) and i)
    if ingest["segments_accepted"]:
        wait_for("the subsegment", lambda: server.documents(owner["trace_id"])[0].get("subsegments"))
    else:
        assert sum({**ingest["segments_rejected"], **ingest["datagrams_rejected"]}.values()) >= 1


def test_sampled_otlp_prefix_does_no_harm(server):
    """ADOT in Lambda sends other payloads on the same port; what is not taken is counted."""
    for payload in (b"T1S" + b"AAAA", b"T1UAAAA", b"M1AAAA"):
        server.datagram(HEADER + payload)
    good = segment()
    server.udp(good)
    arrives(server, good)


def test_burst_of_2000(server):
    """Paced like a busy host; every datagram arrives, none is counted twice."""
    documents = [segment(f"svc{n % 5}") for n in range(2000)]
    server.udp(*documents)
    ingest = wait_for("all 2,000", lambda: (i := server.ingest())["segments_accepted"] >= 2000 and i, 30)
    assert ingest["segments_accepted"] == 2000 and ingest["datagrams_received"] == 2000
    assert ingest["datagrams_kernel_dropped"] == 0
    assert not ingest["datagrams_rejected"] and not ingest["segments_rejected"]
    assert {s["Id"] for s in server.summaries()} == {d["trace_id"] for d in documents}


def test_unpaced_flood_is_accounted_for(server):
    """As fast as possible: what the kernel drops must be counted, nothing is lost in silence."""
    payloads = [HEADER + json.dumps(segment(metadata={"a": "x" * 2000})).encode() for _ in range(3000)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for payload in payloads:
            sock.sendto(payload, ("127.0.0.1", server.daemon_port))

    def settled():
        i = server.ingest()
        return i["segments_accepted"] + i["datagrams_kernel_dropped"] + sum(i["segments_rejected"].values()) >= 3000 and i

    ingest = wait_for("every datagram to be accounted for", settled, 30)
    assert ingest["segments_accepted"] == ingest["datagrams_received"]
    assert not ingest["segments_rejected"]


def test_random_bytes(server):
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    good = segment()
    for n in range(500):
        body = dice.randbytes(dice.randrange(0, 300))
        server.datagram((HEADER if n % 2 else b"") + body)
        if n % 50 == 49:
            time.sleep(0.002)
    server.udp(good)
    arrives(server, good)
    wait_for("the count", lambda: server.ingest()["segments_accepted"] == 1)


def test_udp_and_tcp_share_the_port(server):
    document = segment()
    server.udp(document)
    arrives(server, document)
    assert server.request("/GetSamplingRules", {}, port=server.daemon_port).status == 200


def test_unknown_path_on_tcp(server):
    answer = server.request("/Nothing", {}, port=server.daemon_port)
    assert answer.status == 404
    assert answer.json["Message"] or answer.json.get("message")
    assert answer.headers["content-type"].startswith("application/json")


def test_daemon_port_serves_put_trace_segments(server):
    """The official daemon's TCP side passes any operation on."""
    document = segment()
    server.client(port=server.daemon_port, signed=False).put_trace_segments(TraceSegmentDocuments=[json.dumps(document)])
    assert server.documents(document["trace_id"]) == [document]


def test_keep_alive(server):
    """Node's poller and the daemon keep one connection."""
    import http.client
    for port in (server.http_port, server.daemon_port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        sockets = set()
        for _ in range(5):
            connection.request("POST", "/GetSamplingRules", b"{}", {"Content-Type": "application/json", "Connection": "keep-alive"})
            reply = connection.getresponse()
            assert reply.status == 200
            reply.read()
            sockets.add(connection.sock.getsockname())
        connection.close()
        assert len(sockets) == 1


def test_chunked_request(server):
    import http.client
    document = segment()
    body = json.dumps({"TraceSegmentDocuments": [json.dumps(document)]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=10)
    connection.request("POST", "/TraceSegments", iter([body[:10], body[10:50], body[50:]]), {"Content-Type": "application/json"},
                       encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert server.documents(document["trace_id"]) == [document]


def test_many_idle_connections(server):
    """Half-open clients must not stop the others."""
    idle = [socket.create_connection(("127.0.0.1", server.http_port)) for _ in range(200)]
    try:
        document = segment()
        server.put(document)
        assert server.documents(document["trace_id"]) == [document]
    finally:
        for sock in idle:
            sock.close()


def test_ready_line(server):
    """What scripts read from stdout."""
    assert server.ready_line == (f"mitoshi ready http=127.0.0.1:{server.http_port} daemon=127.0.0.1:{server.daemon_port} "
                                 f"otlp-grpc=127.0.0.1:{server.otlp_grpc_port} otlp-http=127.0.0.1:{server.otlp_http_port}")
    health = server.health()
    assert health["status"] == "ok"
    assert health["listeners"]["http"].endswith(f":{server.http_port}")


def test_same_daemon_port_is_refused(server, new_server):
    """Two daemons on one address: the second says so and ends."""
    second = new_server(start=False, env={"MITOSHI_DAEMON_ADDRESS": f"127.0.0.1:{server.daemon_port}"})
    import subprocess
    from conftest import binary
    done = subprocess.run([binary(), "serve", "--data-dir", str(second.data_dir), "--http", "127.0.0.1:0",
                           "--daemon", f"127.0.0.1:{server.daemon_port}"], capture_output=True, text=True, timeout=20,
                          env={k: v for k, v in os.environ.items() if not k.startswith("MITOSHI_")})
    assert done.returncode != 0
    assert str(server.daemon_port) in done.stderr + done.stdout
