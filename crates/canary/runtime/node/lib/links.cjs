'use strict';
// SyntheticsLink and BrokenLinkCheckerReport of AWS's broken-link blueprint.

const { getSanitizedUrl } = require('./redact.cjs');
const { messageOf } = require('./failure.cjs');

class SyntheticsLink {
  constructor(url) {
    this.url = url;
    this.screenshots = [];
  }

  withUrl(url) { this.url = url; return this; }
  withText(text) { this.text = text; return this; }
  withParentUrl(parentUrl) { this.parentUrl = parentUrl; return this; }
  withStatusCode(statusCode) { this.statusCode = statusCode; return this; }
  withStatusText(statusText) { this.statusText = statusText; return this; }
  withFailureReason(reason) { this.failureReason = messageOf(reason); return this; }
  addScreenshotResult(result) { this.screenshots.push(result); return this; }

  getUrl() { return this.url; }
  getText() { return this.text; }
  getParentUrl() { return this.parentUrl; }
  getStatusCode() { return this.statusCode; }
  getStatusText() { return this.statusText; }
  getFailureReason() { return this.failureReason; }
}

class BrokenLinkCheckerReport {
  constructor() {
    this.reset();
  }

  reset() {
    this.links = {};
    this.brokenLinks = [];
  }

  /** Without `isBroken`, a link is broken when it gave no status code or one from 400 up. */
  addLink(link, isBroken = !link.statusCode || Number(link.statusCode) >= 400) {
    const url = getSanitizedUrl(link.url);
    this.links[url] = link;
    if (isBroken && !this.brokenLinks.includes(url)) this.brokenLinks.push(url);
  }

  getLinks() { return this.links; }
  getTotalLinksChecked() { return Object.keys(this.links).length; }
  getTotalBrokenLinks() { return this.brokenLinks.length; }

  toReport() {
    return {
      totalLinksChecked: this.getTotalLinksChecked(),
      totalBrokenLinks: this.getTotalBrokenLinks(),
      brokenLinks: this.brokenLinks,
      links: Object.fromEntries(Object.entries(this.links).map(([url, link]) => [url, {
        ...link,
        url,
        screenshots: link.screenshots.map((one) => (typeof one === 'string' ? { fileName: one } : { fileName: one.fileName, pageUrl: one.pageUrl, error: one.error && messageOf(one.error) })),
      }])),
    };
  }
}

module.exports = { SyntheticsLink, BrokenLinkCheckerReport };
