"""Requests signed with an access key: AWS Signature Version 4, checked.

A request carries its signature in the header `Authorization` or, as browsers' WebSockets must, in
the query. Who checks it builds the same canonical request from what arrived, signs it with the
secret access key, and compares. As everywhere but in S3, the path is encoded once more.
docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from bellwire.errors import CallerError
from bellwire.limits import SIGNATURE_EXPIRES_S, SIGNATURE_SKEW_S


_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TOKEN = "X-Amz-Security-Token"
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"
_TIME = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)

Headers = Mapping[str, Sequence[str]]
"""The values of each header by its name in lower case."""
Pairs = Sequence[tuple[bytes, bytes]]
"""The names and values of a query, percent-decoded."""


class SignatureError(CallerError):
    """403: the request is signed wrongly, or for another time, region or service."""

    status = 403
    aws_code = "InvalidSignatureException"


class MissingSignatureError(SignatureError):
    """403: the request is not signed."""

    aws_code = "MissingAuthenticationTokenException"


class IncompleteSignatureError(SignatureError):
    """403: a part of the signature is not there, or has not the form it must have."""

    aws_code = "IncompleteSignatureException"


class UnknownAccessKeyError(SignatureError):
    """403: nobody has this access key id."""

    aws_code = "UnrecognizedClientException"


class SignedRequest(NamedTuple):
    """A request as it was received: `path` and `query` raw, the query without its `?`."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes


class _Claim(NamedTuple):
    """What a request says of its signature. `scope` is date, region, service, terminator."""

    key_id: str
    scope: Sequence[str]
    time: datetime
    lifetime_s: int
    signed_headers: str
    signature: str


def verify_signature(
    request: SignedRequest,
    *,
    secret_of: Callable[[str], str | None],
    region: str,
    service: str = "execute-api",
    now_ms: int,
) -> str:
    """Return the access key id that signed the request; `secret_of` gives the secret of an id.

    Raises SignatureError with AWS's own words where they are known. A session token is not
    looked at: whoever has the secret is who the key id says.
    """
    headers, query = _headers(request.headers), _pairs(request.query)
    claim = _claim(headers, query)
    _check_scope(claim, region, service)
    _check_time(claim, datetime.fromtimestamp(now_ms // 1000, UTC))
    rest = _canonical_headers(claim.signed_headers, headers, request.body)
    path = quote(_bytes(request.path or "/"), safe="/~")
    secret = secret_of(claim.key_id)
    # The same work and the same way whether the key exists or not: time must not tell.
    signing_key = _signing_key(secret or "", claim.scope)
    matches = False
    for canonical_query in _canonical_queries(query):
        canonical = "\n".join((request.method.upper(), path, canonical_query, rest))
        expected = _sign(signing_key, _string_to_sign(claim, canonical)).hex()
        matches |= hmac.compare_digest(expected.encode(), _bytes(claim.signature))
    if not secret:
        raise UnknownAccessKeyError("The security token included in the request is invalid.")
    if not matches:
        raise SignatureError(_MISMATCH)
    return claim.key_id


# What the request claims


def _claim(headers: Headers, query: Pairs) -> _Claim:
    authorization = ",".join(headers.get("authorization", ()))
    scheme, _, rest = authorization.partition(" ")
    if scheme == _ALGORITHM:
        return _claim_of_header(rest, headers)
    parameters = {_text(name): _text(value) for name, value in query}
    if "X-Amz-Algorithm" in parameters or "X-Amz-Signature" in parameters:
        return _claim_of_query(parameters)
    if authorization:
        return _claim_of_header("", headers)
    raise MissingSignatureError("Missing Authentication Token")


def _claim_of_header(fields: str, headers: Headers) -> _Claim:
    pairs = (field.strip().partition("=") for field in fields.split(","))
    given = {name: value for name, _, value in pairs}
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not given.get(name)
    ]
    times = headers.get("x-amz-date") or headers.get("date") or ()
    if not times:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing:
        raise IncompleteSignatureError(" ".join(missing))
    return _Claim(
        *_credential(given["Credential"]),
        time=_time(times[0]),
        lifetime_s=SIGNATURE_SKEW_S,
        signed_headers=given["SignedHeaders"],
        signature=given["Signature"],
    )


def _claim_of_query(given: Mapping[str, str]) -> _Claim:
    missing = [
        f"AWS query-string parameters must include '{name}'."
        for name in (
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
        )
        if not given.get(name)
    ]
    if missing:
        raise IncompleteSignatureError(" ".join(missing))
    if given["X-Amz-Algorithm"] != _ALGORITHM:
        raise IncompleteSignatureError(f"X-Amz-Algorithm must be {_ALGORITHM}.")
    return _Claim(
        *_credential(given["X-Amz-Credential"]),
        time=_time(given["X-Amz-Date"]),
        lifetime_s=_lifetime_s(given.get("X-Amz-Expires")),
        signed_headers=given["X-Amz-SignedHeaders"],
        signature=given["X-Amz-Signature"],
    )


def _credential(text: str) -> tuple[str, Sequence[str]]:
    key_id, *scope = text.split("/")
    if len(scope) != 4:
        raise IncompleteSignatureError(
            "Credential must have exactly 5 slash-delimited elements, "
            "e.g. keyid/date/region/service/term."
        )
    return key_id, scope


def _time(text: str) -> datetime:
    try:
        if _TIME.fullmatch(text):
            return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)
        time = parsedate_to_datetime(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise IncompleteSignatureError("Date must be in ISO-8601 'basic format'.") from None


def _lifetime_s(expires: str | None) -> int:
    # Presigners for WebSockets may leave it out: then the URL lives as long as a signed header.
    if expires is None:
        return SIGNATURE_SKEW_S
    if not re.fullmatch(r"[0-9]{1,6}", expires) or not 1 <= int(expires) <= SIGNATURE_EXPIRES_S:
        raise IncompleteSignatureError(
            f"X-Amz-Expires must be a number of seconds, from 1 to {SIGNATURE_EXPIRES_S}."
        )
    return int(expires)


def _check_scope(claim: _Claim, region: str, service: str) -> None:
    date, given_region, given_service, terminator = claim.scope
    stamp = claim.time.strftime(_TIME_FORMAT)
    if given_region != region:
        raise SignatureError(
            f"Credential should be scoped to a valid region, not {given_region!r}."
        )
    if given_service != service:
        raise SignatureError(f"Credential should be scoped to correct service: {service!r}.")
    if terminator != _TERMINATOR:
        raise SignatureError(
            f"Credential should be scoped with a valid terminator: {_TERMINATOR!r}."
        )
    if date != stamp[:8]:
        raise SignatureError(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: {date!r} != {stamp[:8]!r}, from {stamp!r}."
        )


def _check_time(claim: _Claim, now: datetime) -> None:
    age_s = (now - claim.time).total_seconds()
    if age_s > claim.lifetime_s:
        _out_of_time("Signature expired", "is now earlier than", claim, now, -claim.lifetime_s)
    if age_s < -SIGNATURE_SKEW_S:
        _out_of_time(
            "Signature not yet current", "is still later than", claim, now, SIGNATURE_SKEW_S
        )


def _out_of_time(what: str, relation: str, claim: _Claim, now: datetime, by_s: int) -> None:
    bound = datetime.fromtimestamp(now.timestamp() + by_s, UTC)
    span = f"{abs(by_s) // 60} min." if by_s % 60 == 0 else f"{abs(by_s)} s"
    raise SignatureError(
        f"{what}: {claim.time:{_TIME_FORMAT}} {relation} {bound:{_TIME_FORMAT}} "
        f"({now:{_TIME_FORMAT}} {'+' if by_s > 0 else '-'} {span})"
    )


# The canonical request


def _headers(headers: Iterable[tuple[str, str]]) -> Headers:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(" ".join(value.split()))
    return by_name


def _canonical_headers(signed_headers: str, headers: Headers, body: bytes) -> str:
    """Return the canonical request from the headers on: they, their names, the body's hash."""
    names = signed_headers.split(";")
    if "host" not in names:
        raise SignatureError(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        )
    for name in names:
        if name not in headers:
            raise IncompleteSignatureError(
                f"{name!r} is named as a SignedHeader, but it does not exist in the HTTP request."
            )
    lines = [f"{name}:{','.join(headers[name])}" for name in names]
    return "\n".join([*lines, "", signed_headers, _payload_hash(names, headers, body)])


def _payload_hash(names: Sequence[str], headers: Headers, body: bytes) -> str:
    computed = sha256(body).hexdigest()
    given = headers["x-amz-content-sha256"][0] if "x-amz-content-sha256" in names else computed
    if given not in (computed, _UNSIGNED):
        raise SignatureError(_MISMATCH)
    return given


def _pairs(query: str) -> Pairs:
    split = (part.partition("=") for part in query.split("&") if part)
    return [(_decoded(name), _decoded(value)) for name, _, value in split]


def _canonical_queries(query: Pairs) -> Iterable[str]:
    """Return the canonical query, and the one of a session token put in after signing.

    Some presigners do so, as AWS IoT asks of them: github.com/mhart/aws4/issues/30
    """
    signed = [(name, value) for name, value in query if name != b"X-Amz-Signature"]
    yield _canonical_query(signed)
    without_token = [pair for pair in signed if pair[0] != _TOKEN.encode()]
    if len(without_token) < len(signed):
        yield _canonical_query(without_token)


def _canonical_query(query: Pairs) -> str:
    encoded = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in query)
    return "&".join(f"{name}={value}" for name, value in encoded)


# The signature


def _string_to_sign(claim: _Claim, canonical_request: str) -> str:
    return "\n".join(
        (
            _ALGORITHM,
            claim.time.strftime(_TIME_FORMAT),
            "/".join(claim.scope),
            sha256(_bytes(canonical_request)).hexdigest(),
        )
    )


def _signing_key(secret: str, scope: Iterable[str]) -> bytes:
    key = _bytes(f"AWS4{secret}")
    for part in scope:
        key = _sign(key, part)
    return key


def _sign(key: bytes, text: str) -> bytes:
    return hmac.digest(key, _bytes(text), "sha256")


def _bytes(text: str) -> bytes:
    # Whatever bytes a client sent, some servers hand them on as lone surrogates.
    return text.encode("utf-8", "surrogateescape")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _decoded(text: str) -> bytes:
    return unquote_to_bytes(_bytes(text))
