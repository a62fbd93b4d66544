'use strict';
// Both `const synthetics = require(…)` and `const { synthetics } = require(…)` are in use.
const { synthetics } = require('../lib/playwright.cjs');

module.exports = synthetics;
module.exports.synthetics = synthetics;
module.exports.default = synthetics;
