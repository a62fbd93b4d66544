'use strict';
const { getSanitizedUrl, getSanitizedErrorMessage, getSanitizedHeaders } = require('../lib/redact.cjs');

module.exports = { getSanitizedUrl, getSanitizedErrorMessage, getSanitizedHeaders };
