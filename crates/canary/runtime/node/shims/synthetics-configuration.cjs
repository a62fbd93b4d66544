'use strict';
const { configuration } = require('../lib/config.cjs');

module.exports = configuration;
module.exports.default = configuration;
