// A service with OpenTelemetry's SDK that calls another one. Propagates X-Ray's header, as services beside X-Ray SDKs do.
//
//   node front.js OTLP_ENDPOINT BACKEND_URL
//
// Prints its port, then serves: every request calls the backend once.

const { context, propagation, trace } = require('@opentelemetry/api');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');
const { AWSXRayPropagator } = require('@opentelemetry/propagator-aws-xray');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');

const [endpoint, backend] = process.argv.slice(2);
const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces`, compression: 'gzip' });
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'otel-front', 'service.version': '1.2.3' }),
  spanProcessors: [new SimpleSpanProcessor(exporter)],
});
provider.register({ propagator: new AWSXRayPropagator() });
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] });

// Only what is loaded after the instrumentation is instrumented.
const http = require('http');

const server = http.createServer((request, response) => {
  trace.getActiveSpan()?.setAttribute('shop.page', request.url);
  const headers = {};
  propagation.inject(context.active(), headers);
  http.get(`${backend}${request.url}`, (answer) => {
    answer.resume();
    answer.on('end', () => {
      response.writeHead(answer.statusCode);
      response.end(JSON.stringify({ traceId: trace.getActiveSpan()?.spanContext().traceId }));
    });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`port ${server.address().port}`));
process.on('SIGTERM', async () => {
  await provider.shutdown();
  process.exit(0);
});
