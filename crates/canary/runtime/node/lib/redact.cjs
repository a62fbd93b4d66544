'use strict';
// Keeps secrets out of logs, reports and HAR files: passwords in URLs, restricted parameters and headers.

const { configuration } = require('./config.cjs');

const REDACTED = 'REDACTED';
const URL_IN_TEXT = /\b(?:https?|wss?|ftp):\/\/[^\s"'<>)\]}]+/g;
// name=value after ? & ; / or #. The text is changed in place, since a parsed and re-printed URL would differ in encoding.
const PARAMETER = /([?&;/#])([^=?&;/#\s]+)=([^&;#\s]*)/g;

/** Throws on what is not a URL, as AWS documents. */
function getSanitizedUrl(url, stepConfig = null) {
  const text = String(url);
  new URL(text);
  return clean(text, configuration.forStep(stepConfig));
}

function getSanitizedErrorMessage(error, stepConfig = null) {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return cleanText(text, configuration.forStep(stepConfig));
}

function getSanitizedHeaders(headers, stepConfig = null) {
  return cleanHeaders(headers, configuration.forStep(stepConfig));
}

function clean(url, options) {
  let text = url;
  if (!options.includeUrlPassword) text = text.replace(/^([a-z][a-z0-9+.-]*:\/\/[^:@/?#\s]*):[^@/?#\s]*@/i, `$1:${REDACTED}@`);
  const restricted = lower(options.restrictedUrlParameters);
  if (restricted.length === 0) return text;
  const all = restricted.includes('*');
  return text.replace(PARAMETER, (whole, before, name) => (all || restricted.includes(decoded(name).toLowerCase()) ? `${before}${name}=${REDACTED}` : whole));
}

function cleanText(text, options) {
  return text.replace(URL_IN_TEXT, (url) => clean(url, options));
}

function cleanHeaders(headers, options) {
  const restricted = lower(options.restrictedHeaders);
  return Object.fromEntries(
    Object.entries(headers || {}).map(([name, value]) => [name, restricted.includes(name.toLowerCase()) ? REDACTED : value]),
  );
}

function lower(names) {
  return (names || []).map((name) => String(name).toLowerCase());
}

function decoded(name) {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

module.exports = { getSanitizedUrl, getSanitizedErrorMessage, getSanitizedHeaders, clean, cleanText, cleanHeaders };
