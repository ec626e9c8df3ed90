"""What a caller of the Device Shadow service asks for, and why it may be refused.

A request is an operation on the shadow of a thing: it comes on an MQTT topic or as an HTTP call,
with the same document.
docs.aws.amazon.com/iot/latest/developerguide/device-shadow-mqtt.html
docs.aws.amazon.com/iot/latest/developerguide/device-shadow-error-messages.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

import orjson

from bellwire.errors import CallerError
from bellwire.limits import SHADOW_TOKEN_BYTES


Tree = dict[str, object]
"""A JSON object."""

_TOPIC = re.compile(r"\$aws/things/([^/]*)/shadow/(?:name/([^/]*)/)?(get|update|delete)")
_THING_NAME = re.compile(r"[a-zA-Z0-9:_-]{1,128}")
_SHADOW_NAME = re.compile(r"[$a-zA-Z0-9:_-]{1,64}")


class ShadowError(CallerError):
    """A request is refused; `client_token` is the caller's own, to be sent back."""

    client_token: str | None = None


class InvalidShadowRequestError(ShadowError):
    """400: the request or its document does not have the form the service asks for."""

    aws_code = "InvalidRequestException"


class ShadowNotFoundError(ShadowError):
    """404: there is no such shadow."""

    status = 404
    aws_code = "ResourceNotFoundException"


class ShadowConflictError(ShadowError):
    """409: the document has another version than the request names."""

    status = 409
    aws_code = "ConflictException"


class ShadowTooLargeError(ShadowError):
    """413: the state would be larger than a shadow may be."""

    status = 413
    aws_code = "RequestEntityTooLargeException"


class ShadowEncodingError(ShadowError):
    """415: the document is not UTF-8."""

    status = 415
    aws_code = "UnsupportedDocumentEncodingException"


class ShadowThrottledError(ShadowError):
    """429: too many requests are being worked on."""

    status = 429
    aws_code = "ThrottlingException"


class ShadowFailureError(ShadowError):
    """500: the shadow cannot be stored."""

    status = 500
    aws_code = "InternalFailureException"


class ShadowName(NamedTuple):
    """Which shadow of which thing; `shadow` is None for the classic one."""

    thing: str
    shadow: str | None = None

    @property
    def prefix(self) -> str:
        """What the topics of this shadow begin with, without the last slash."""
        classic = f"$aws/things/{self.thing}/shadow"
        return classic if self.shadow is None else f"{classic}/name/{self.shadow}"

    @property
    def label(self) -> str:
        """The name that error messages have for it."""
        return self.thing if self.shadow is None else f"{self.thing}~{self.shadow}"

    def check(self) -> None:
        """Raise InvalidShadowRequestError where a thing or a shadow cannot have this name.

        docs.aws.amazon.com/iot/latest/apireference/API_iotdata_UpdateThingShadow.html
        """
        if not _THING_NAME.fullmatch(self.thing):
            raise InvalidShadowRequestError(
                "Invalid thing name: 1 to 128 letters, digits, colons, underscores and hyphens"
            )
        if self.shadow is not None and not _SHADOW_NAME.fullmatch(self.shadow):
            raise InvalidShadowRequestError(
                "Invalid shadow name: 1 to 64 letters, digits, colons, underscores, hyphens and $"
            )


class ShadowRequest(NamedTuple):
    """One request. `operation` is get, update or delete.

    `sequence` and `stored_ms` are its number and time in the broker's stream, which may give it out
    again; both are 0 where it comes once.
    """

    name: ShadowName
    operation: str
    payload: bytes = b""
    sequence: int = 0
    stored_ms: int = 0


class Update(NamedTuple):
    """What an update asks for. `state` None empties the document; None in it removes a member."""

    state: Tree | None
    version: int | None


def parse_topic(topic: str) -> tuple[ShadowName, str] | None:
    """Return the shadow and the operation that a topic asks for; None where it is no request."""
    match = _TOPIC.fullmatch(topic)
    return None if match is None else (ShadowName(match[1], match[2]), match[3])


def parse_document(payload: bytes) -> Tree:
    """Parse the document of an update; raises ShadowEncodingError, InvalidShadowRequestError."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        raise ShadowEncodingError(
            "Unsupported documented encoding; supported encoding is UTF-8"
        ) from None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidShadowRequestError("Invalid JSON") from None
    if not isinstance(document, dict):
        raise InvalidShadowRequestError("Invalid JSON")
    return document


def parse_optional_document(payload: bytes) -> Tree:
    """Return the document of a get or delete, whose content does not matter but for its token."""
    try:
        return parse_document(payload)
    except ShadowError:
        return {}


def client_token(document: Tree) -> str | None:
    """Return the token of a request; raises InvalidShadowRequestError.

    docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#client-token
    """
    token = document.get("clientToken")
    if token is None:
        return None
    if not isinstance(token, str) or len(token.encode()) > SHADOW_TOKEN_BYTES:
        raise InvalidShadowRequestError("Invalid clientToken")
    return token


def parse_update(document: Tree, *, depth: int) -> Update:
    """Check what an update asks for; `depth` bounds the levels below desired and reported.

    Raises InvalidShadowRequestError.
    """
    if "state" not in document:
        raise InvalidShadowRequestError("Missing required node: state")
    state = document["state"]
    if state is not None:
        if not isinstance(state, dict):
            raise InvalidShadowRequestError("State node must be an object")
        for name, section in state.items():
            _check_section(name, section, depth)
    return Update(state, _version(document.get("version")))


def _check_section(name: str, section: object, depth: int) -> None:
    if name not in ("desired", "reported"):
        raise InvalidShadowRequestError(f"State contains an invalid node: '{name}'")
    if section is None:
        return
    if not isinstance(section, dict):
        raise InvalidShadowRequestError(f"{name.capitalize()} node must be an object")
    for value in section.values():
        _check_value(value, depth, depth)
        if isinstance(value, list | dict) and _has_null_in_array(value):
            raise InvalidShadowRequestError("State contains an invalid node: arrays have no null")


def _check_value(value: object, left: int, depth: int) -> None:
    if not isinstance(value, dict | list):
        return
    if left == 0:
        raise InvalidShadowRequestError(
            f"JSON contains too many levels of nesting; maximum is {depth}"
        )
    for inner in value.values() if isinstance(value, dict) else value:
        _check_value(inner, left - 1, depth)


def _has_null_in_array(value: dict[str, object] | list[object], *, inside: bool = False) -> bool:
    """Tell whether an array holds a null, at whatever depth: in an array it removes nothing.

    docs.aws.amazon.com/iot/latest/developerguide/device-shadow-document.html#device-shadow-arrays
    """
    is_array = isinstance(value, list)
    inside = inside or is_array
    for inner in value if isinstance(value, list) else value.values():
        if inner is None and inside:
            return True
        if isinstance(inner, list | dict) and _has_null_in_array(inner, inside=inside):
            return True
    return False


def _version(version: object) -> int | None:
    if version is None:
        return None
    if isinstance(version, bool) or not isinstance(version, int) or version < 0:
        raise InvalidShadowRequestError("Invalid version")
    return version
