"""The access log of a stage: one line for each request, as its format says.

docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-logging.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from bellwire.errors import DefinitionError, Place
from bellwire.limits import ACCESS_LOG_FORMAT_BYTES


_OUTCOME = ("error", "latency", "status")
_NAMES: dict[str, tuple[str, ...]] = {
    "": (
        "apiId", "connectedAt", "connectionId", "domainName", "eventType", "extendedRequestId",
        "integrationLatency", "messageId", "requestId", "requestTime", "requestTimeEpoch",
        "routeKey", "stage", "status",
    ),
    "authorize.": _OUTCOME,
    "authenticate.": _OUTCOME,
    "waf.": _OUTCOME,
    "error.": ("message", "messageString", "responseType", "validationErrorString"),
    "identity.": (
        "accountId", "apiKey", "apiKeyId", "caller", "cognitoAuthenticationProvider",
        "cognitoAuthenticationType", "cognitoIdentityId", "cognitoIdentityPoolId",
        "principalOrgId", "sourceIp", "user", "userAgent", "userArn",
    ),
    "integration.": (*_OUTCOME, "integrationStatus", "requestId"),
}  # fmt: skip
_KNOWN = frozenset(f"{prefix}{name}" for prefix, names in _NAMES.items() for name in names)
_AUTHORIZER = "authorizer."
"""What follows may be any property: an authorizer names those of its context itself."""
_QUOTED = "error.messageString"
_MISSING = "-"

_VARIABLE = re.compile(r"\$context\.([A-Za-z]\w*(?:\.\w+)*)", re.ASCII)
_LINE_BREAK = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
# What could end a line, move a terminal's cursor, or not be written as UTF-8.
_CONTROL = "\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff"
_UNSAFE_IN_QUOTES = re.compile(f"[{_CONTROL}]")
_UNSAFE = re.compile(f'[{_CONTROL}"\\\\]')
_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


Write = Callable[[Callable[[str], str | None]], str]
"""Takes a look-up of `$context` variables, by the name after `$context.`; returns the line."""


def compile_access_log(format: str, place: Place | None) -> Write:
    """Compile an access log format: text in which `$context.NAME` stands for a value.

    A value that is not there, and a name that no request has, becomes `-`. Values are escaped as
    in JSON, so that no client can add a line, or a field to a line of JSON; AWS leaves quotes as
    they are. Raises DefinitionError for a format that AWS would refuse.
    """
    _check(format, place)
    # By turns the text between variables and a variable's name.
    parts = _VARIABLE.split(format)
    texts, names = parts[::2], [_known(name) for name in parts[1::2]]

    def write(lookup: Callable[[str], str | None]) -> str:
        line = [texts[0]]
        for name, text in zip(names, texts[1:], strict=True):
            line += (_value(name, lookup), text)
        return "".join(line)

    return write


def _check(format: str, place: Place | None) -> None:
    if len(format.encode("utf-8", "surrogatepass")) > ACCESS_LOG_FORMAT_BYTES:
        raise DefinitionError(
            f"an access log format has at most {ACCESS_LOG_FORMAT_BYTES} bytes",
            place=place,
            hint="log less",
        )
    if _LINE_BREAK.search(format):
        raise DefinitionError(
            "an access log format is one line",
            place=place,
            hint="in YAML, a text after >- is folded into one line",
        )
    if "requestId" not in _VARIABLE.findall(format):
        raise DefinitionError(
            "an access log format must contain $context.requestId",
            place=place,
            hint="add $context.requestId",
        )


def _known(name: str) -> str | None:
    return name if name in _KNOWN or name.startswith(_AUTHORIZER) else None


def _value(name: str | None, lookup: Callable[[str], str | None]) -> str:
    value = None if name is None else lookup(name)
    if not value:
        return _MISSING
    return (_UNSAFE_IN_QUOTES if name == _QUOTED else _UNSAFE).sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"
