'use strict';
const { logger } = require('../lib/logger.cjs');

module.exports = logger;
module.exports.logger = logger;
module.exports.synLogger = logger;
module.exports.default = logger;
