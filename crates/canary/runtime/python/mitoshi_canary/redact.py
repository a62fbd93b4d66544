"""Keeps secrets out of logs, reports and HAR files: passwords in URLs, restricted parameters and headers."""

import re
from urllib.parse import unquote

REDACTED = "REDACTED"
_URL_IN_TEXT = re.compile(r"""\b(?:https?|wss?|ftp)://[^\s"'<>)\]}]+""")
_PASSWORD = re.compile(r"^([a-z][a-z0-9+.-]*://[^:@/?#\s]*):[^@/?#\s]*@", re.IGNORECASE)
# name=value after ? & ; / or #. Changed in place, since a parsed and re-printed URL would differ in encoding.
_PARAMETER = re.compile(r"([?&;/#])([^=?&;/#\s]+)=([^&;#\s]*)")


def clean(url: str, options: dict) -> str:
    if not options["include_url_password"]:
        url = _PASSWORD.sub(rf"\1:{REDACTED}@", url)
    restricted = {str(name).lower() for name in options["restricted_url_parameters"]}
    if not restricted:
        return url

    def replace(match):
        before, name, _ = match.groups()
        return f"{before}{name}={REDACTED}" if "*" in restricted or unquote(name).lower() in restricted else match.group(0)

    return _PARAMETER.sub(replace, url)


def clean_text(text: str, options: dict) -> str:
    return _URL_IN_TEXT.sub(lambda match: clean(match.group(0), options), text)


def clean_headers(headers: dict, options: dict) -> dict:
    restricted = {str(name).lower() for name in options["restricted_headers"]}
    return {name: REDACTED if name.lower() in restricted else value for name, value in (headers or {}).items()}
