'use strict';
// Log lines as JSON on standard output, one for each request, with the trace and the segment that they belong to.

const AWSXRay = require('aws-xray-sdk');

const SERVICE = 'BFF'; // also the segment's name

function write(level, message, fields) {
  // The level stands near the start: whoever reads only the beginning of a line knows how bad it is. `console` writes
  // at once and, unlike `process.stdout`, does not end the process when nobody reads any more.
  console.log(JSON.stringify({ time: new Date().toISOString(), level, service: SERVICE, message, ...fields }));
}

// A segment that is not recorded leads nowhere, so its ids are left out.
function traceOf(segment) {
  return segment && !segment.notTraced ? { trace_id: segment.trace_id, segment_id: segment.id } : {};
}

// The backend that a failed call went to, by its name.
function backendOf(error) {
  return error.config && new URL(error.config.url).hostname;
}

function failureOf(error) {
  return {
    backend: backendOf(error),
    exception_type: error.constructor.name, // axios takes the name of the cause for its own
    exception_message: error.message,
    stack_trace: error.stack,
  };
}

/** Middleware that goes after the one that opens the segment. `res.locals.failure` is the error behind an answer. */
function requests(req, res, next) {
  const started = performance.now();
  const segment = AWSXRay.getSegment();
  const { method, path } = req;
  // Not `finish`, which never comes when the caller goes away before the answer.
  res.once('close', () => {
    const answered = res.writableFinished;
    const { statusCode: status, locals: { failure } } = res;
    // Health checks come all day long and say nothing while they succeed.
    if (path === '/health' && answered && status < 500) return;

    const duration_ms = Math.round(performance.now() - started);
    const end = answered ? `answered ${status} in` : 'was left by its caller after';
    const level = failure || status >= 500 ? 'ERROR' : answered ? 'INFO' : 'WARN';
    const reason = failure ? `: ${backendOf(failure) || 'the BFF'} failed: ${failure.message}` : '';
    const message = `${method} ${path} ${end} ${duration_ms} ms${reason}`;
    const request = { method, path, status: answered ? status : undefined, duration_ms };
    write(level, message, { ...request, ...traceOf(segment), ...(failure && failureOf(failure)) });
  });
  next();
}

module.exports = { SERVICE, info: (message, fields) => write('INFO', message, fields), requests };
