'use strict';
// The runtime without a browser. Both `const synthetics = require(…)` and `const { synthetics } = require(…)` are in use.
const { SyntheticsCore } = require('../lib/core.cjs');

const synthetics = new SyntheticsCore('syn-nodejs-3.0');
module.exports = synthetics;
module.exports.synthetics = synthetics;
module.exports.default = synthetics;
