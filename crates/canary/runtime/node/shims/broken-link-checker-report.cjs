'use strict';
const { BrokenLinkCheckerReport } = require('../lib/links.cjs');

module.exports = BrokenLinkCheckerReport;
module.exports.BrokenLinkCheckerReport = BrokenLinkCheckerReport;
