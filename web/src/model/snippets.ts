// What to paste into an application to send data here. Pure text.

export interface Addresses {
  /** Base URL of the API, as the browser reaches it. */
  api: string;
  /** host:port of the daemon's UDP and TCP port. */
  daemon: string;
  /** host:port of OTLP over HTTP. */
  otlp: string;
}

export function nodeSnippet(): string {
  return `const AWSXRay = require("aws-xray-sdk");
AWSXRay.captureHTTPsGlobal(require("http"));
AWSXRay.captureHTTPsGlobal(require("https"));
const express = require("express");

const app = express();
app.use(AWSXRay.express.openSegment("my-service"));
app.get("/", (request, response) => response.send("hello"));
app.use(AWSXRay.express.closeSegment());
app.listen(8080);`;
}

export function flaskSnippet({ daemon }: Addresses): string {
  return `from aws_xray_sdk.core import xray_recorder, patch_all
from aws_xray_sdk.ext.flask.middleware import XRayMiddleware
from flask import Flask

app = Flask(__name__)
xray_recorder.configure(service="my-service", daemon_address="${daemon}")
XRayMiddleware(app, xray_recorder)
patch_all()`;
}

export function djangoSnippet({ daemon }: Addresses): string {
  return `INSTALLED_APPS += ["aws_xray_sdk.ext.django"]
MIDDLEWARE = ["aws_xray_sdk.ext.django.middleware.XRayMiddleware", *MIDDLEWARE]
XRAY_RECORDER = {
    "AWS_XRAY_TRACING_NAME": "my-service",
    "AWS_XRAY_DAEMON_ADDRESS": "${daemon}",
    "PATCH_MODULES": ["boto3", "requests"],
    "AUTO_INSTRUMENT": True,
}`;
}

export function environmentSnippet({ daemon }: Addresses): string {
  return `export AWS_XRAY_DAEMON_ADDRESS=${daemon}`;
}

export function otelSnippet({ otlp }: Addresses): string {
  return `export OTEL_SERVICE_NAME=my-service
export OTEL_EXPORTER_OTLP_ENDPOINT=http://${otlp}
export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
export OTEL_TRACES_EXPORTER=otlp OTEL_METRICS_EXPORTER=none OTEL_LOGS_EXPORTER=none`;
}

export function collectorSnippet({ otlp }: Addresses): string {
  return `exporters:
  otlphttp/mitoshi:
    endpoint: http://${otlp}
service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [otlphttp/mitoshi]`;
}

export function daemonSnippet({ api }: Addresses): string {
  return `Version: 2
Endpoint: "${api}"
LocalMode: true
Region: "us-east-1"
Socket:
  UDPAddress: "127.0.0.1:2010"
  TCPAddress: "127.0.0.1:2010"`;
}

export const anyCredentials = `export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any`;

export function cliSnippet({ api }: Addresses): string {
  return `T=$(date +%s); ID=$(printf '1-%08x-%s' "$T" "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \\n')"); SEGMENT=$(od -An -N8 -tx1 /dev/urandom | tr -d ' \\n')
AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1 aws xray put-trace-segments --endpoint-url ${api} \\
  --trace-segment-documents "{\\"name\\":\\"hello\\",\\"id\\":\\"$SEGMENT\\",\\"trace_id\\":\\"$ID\\",\\"start_time\\":$T.0,\\"end_time\\":$T.25,\\"http\\":{\\"request\\":{\\"method\\":\\"GET\\",\\"url\\":\\"http://localhost/hello\\"},\\"response\\":{\\"status\\":200}}}"`;
}
