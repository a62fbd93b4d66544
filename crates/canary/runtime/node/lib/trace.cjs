'use strict';
// Active tracing: the parent gives one X-Amzn-Trace-Id for the run, and every request of the run carries it.
// The Parent id is kept as given: the server writes the segment with that id, so downstream segments find their parent.

const environment = require('./environment.cjs');

const NAME = 'X-Amzn-Trace-Id';

module.exports = {
  headers: () => (environment.traceHeader ? { [NAME]: environment.traceHeader } : {}),
  /** Adds the header to a request's headers unless the script set one itself. */
  addTo(headers) {
    const present = Object.keys(headers).some((name) => name.toLowerCase() === NAME.toLowerCase());
    if (environment.traceHeader && !present) headers[NAME] = environment.traceHeader;
  },
};
