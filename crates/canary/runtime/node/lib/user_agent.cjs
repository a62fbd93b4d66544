'use strict';
// The canary names itself to the sites it visits: `CloudWatchSynthetics/<arn>` plus what synthetics.json adds.

const environment = require('./environment.cjs');

const PRODUCT = 'CloudWatchSynthetics/';
let added = '';

module.exports = {
  PRODUCT,
  text: () => [PRODUCT + environment.arn, added].filter(Boolean).join(' '),
  add(more) { added = [added, more].filter(Boolean).join(' '); },
};
