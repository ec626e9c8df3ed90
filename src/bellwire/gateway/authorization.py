"""What a Lambda authorizer decided, and what a request must bring to be worth asking it.

docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-lambda-auth.html
docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import orjson

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.policy import InvalidPolicyError, allows
from bellwire.gateway.responses import FORBIDDEN, INTERNAL_SERVER_ERROR, UNAUTHORIZED
from bellwire.limits import AUTHORIZER_RESULT_BYTES


_INVOKE = "execute-api:Invoke"
_REASON_CHARS = 200
"""Most characters of an authorizer's own message that go into the log. Ours."""

_SOURCE = re.compile(
    r"route\.request\.(?P<kind>header|querystring)\.(?P<name>[^\s,]+)"
    r"|(?P<other>context|stageVariables)\.(?P<key>[^\s,]+)"
)
# How REST and HTTP APIs write the same: `method.request.header.Auth`, `$request.header.Auth`.
_FOREIGN_SOURCE = re.compile(
    r"\$?(?:(?:route\.|method\.)?(?P<request>request)|(?P<other>context|stageVariables))"
    r"\.(?P<rest>[^\s,]+)"
)
_SOURCE_FORMS = (
    "write route.request.header.NAME, route.request.querystring.NAME, context.NAME or "
    "stageVariables.NAME, each as an item of a list"
)


class Authorization(NamedTuple):
    """The authorizer let the request in.

    `context` is what later events and templates see: text only, `1` as "1", `true` as "true".
    """

    principal_id: str
    context: Mapping[str, str]
    usage_identifier_key: str | None


class Denial(NamedTuple):
    """The authorizer did not let the request in, or what it returned cannot be used.

    `status` and `message` are for the client, `reason` is a sentence for the log.
    """

    status: int
    message: str
    reason: str


class IdentitySources(NamedTuple):
    """What a request must bring before its authorizer is asked; header names in lower case."""

    headers: tuple[str, ...]
    query: tuple[str, ...]
    context: tuple[str, ...]
    stage_variables: tuple[str, ...]

    def missing(
        self,
        headers: Mapping[str, Sequence[str]],
        query: Mapping[str, Sequence[str]],
        context: Callable[[str], str | None],
        stage_variables: Mapping[str, str],
    ) -> bool:
        """Say whether one is not there or empty: then the answer is 401, and nobody is asked.

        `headers` are by lower-case names; `context` looks up a `$context` variable.
        """
        return not (
            all(any(headers.get(name, ())) for name in self.headers)
            and all(any(query.get(name, ())) for name in self.query)
            and all(context(name) for name in self.context)
            and all(stage_variables.get(name) for name in self.stage_variables)
        )


def compile_identity_sources(sources: Sequence[str], place: Place | None) -> IdentitySources:
    """Read the identity sources of an authorizer, written as WebSocket APIs have them.

    A header's name is looked up in any case. Raises DefinitionError for another form.
    """
    names: dict[str, list[str]] = {
        kind: [] for kind in ("header", "querystring", "context", "stageVariables")
    }
    for source in sources:
        match = _SOURCE.fullmatch(source)
        if match is None:
            raise _no_source(source, place)
        name = match["name"] or match["key"]
        names[match["kind"] or match["other"]].append(
            name.lower() if match["kind"] == "header" else name
        )
    return IdentitySources(*map(tuple, names.values()))


def _no_source(source: str, place: Place | None) -> DefinitionError:
    match = _FOREIGN_SOURCE.fullmatch(source)
    hint = _SOURCE_FORMS
    if match is not None:
        prefix = "route.request" if match["request"] else match["other"]
        if _SOURCE.fullmatch(meant := f"{prefix}.{match['rest']}"):
            hint = f"write {meant}"
    return DefinitionError(
        f"'{source}' is not an identity source of a WebSocket API", place=place, hint=hint
    )


def method_arn(*, region: str, account_id: str, api_id: str, stage: str, route_key: str) -> str:
    """Return the ARN of a route, which the authorizer's policy must allow."""
    return f"arn:aws:execute-api:{region}:{account_id}:{api_id}/{stage}/{route_key}"


def read_authorization(
    payload: bytes, error: str | None, *, method_arn: str
) -> Authorization | Denial:
    """Read what an authorizer returned (JSON), or its error document where `error` is not None."""
    if error is not None:
        return _failed(payload)
    if len(payload) > AUTHORIZER_RESULT_BYTES:
        return _unusable(
            f"{len(payload)} bytes, at most {AUTHORIZER_RESULT_BYTES} are allowed", "return less"
        )
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = None
    if not isinstance(document, dict):
        return _unusable("no map", "return principalId and policyDocument")
    return _read(document, method_arn)


def _read(document: Mapping[str, object], method_arn: str) -> Authorization | Denial:
    principal_id = _text(document.get("principalId"))
    if not principal_id:
        return _unusable("no principalId", "name whom you let in, as text")
    context = _context(document.get("context"))
    if isinstance(context, Denial):
        return context
    key = document.get("usageIdentifierKey")
    if key is not None and not isinstance(key, str):
        return _unusable("a usageIdentifierKey that is no text", "return the value of an API key")
    try:
        allowed = allows(document.get("policyDocument"), action=_INVOKE, resource=method_arn)
    except InvalidPolicyError as fault:
        return _unusable(f"no policy: {fault}", "return an IAM policy as policyDocument")
    if not allowed:
        return _denied(method_arn)
    return Authorization(principal_id, context, key)


def _context(value: object) -> Mapping[str, str] | Denial:
    if value is None:
        return {}
    if not isinstance(value, dict):
        return _unusable("a context that is no map", "return names with text, numbers or booleans")
    context = {}
    for name, item in value.items():
        text = _text(item)
        if text is None:
            found = "null" if item is None else "a list" if isinstance(item, list) else "a map"
            return _unusable(
                f"context[{name[:_REASON_CHARS]!r}] as {found}",
                "return text, a number or a boolean, such as the value as JSON text",
            )
        context[name] = text
    return context


def _text(value: object) -> str | None:
    # AWS makes text of a number here too: github.com/dherault/serverless-offline/issues/813
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode() if isinstance(value, bool | int | float) else None


def _failed(payload: bytes) -> Denial:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        document = None
    message = document.get("errorMessage") if isinstance(document, dict) else None
    if message == UNAUTHORIZED:
        return Denial(401, UNAUTHORIZED, "the authorizer refused the request as Unauthorized")
    return Denial(
        500,
        INTERNAL_SERVER_ERROR,
        f"the authorizer failed: {str(message)[:_REASON_CHARS]!r}; to refuse a request, return a "
        f"policy that denies it (403) or raise an error of the exact text {UNAUTHORIZED} (401)",
    )


def _unusable(what: str, remedy: str) -> Denial:
    return Denial(500, INTERNAL_SERVER_ERROR, f"the authorizer returned {what}; {remedy}")


def _denied(method_arn: str) -> Denial:
    return Denial(
        403,
        FORBIDDEN,
        f"the authorizer's policy does not allow {_INVOKE} on {method_arn}; to let the request "
        "in, allow that Resource, or one that ends in /* after the stage (/*/* does not match it)",
    )
