'use strict';
const { SyntheticsLink } = require('../lib/links.cjs');

module.exports = SyntheticsLink;
module.exports.SyntheticsLink = SyntheticsLink;
