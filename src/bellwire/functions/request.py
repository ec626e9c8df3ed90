"""What a request of Invoke names: a function, its version or alias, a client context.

docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from typing import NamedTuple, NoReturn

from bellwire.definition.model import Function
from bellwire.errors import CallerError, NotFoundError
from bellwire.limits import CLIENT_CONTEXT_BYTES


LATEST = "$LATEST"
PROVISIONED_ALIAS = "provisioned"
"""The alias that the Serverless Framework makes for a function with provisionedConcurrency
[www.serverless.com/framework/docs/providers/aws/guide/functions#provisioned-concurrency]."""


class InvalidParameterError(CallerError):
    """400: a parameter has a value that it may not have."""

    aws_code = "InvalidParameterValueException"


class InvalidContentError(CallerError):
    """400: what should be JSON is not."""

    aws_code = "InvalidRequestContentException"


class FunctionName(NamedTuple):
    """A function's name and the version or alias that follows it, if one does."""

    name: str
    qualifier: str | None


def parse_function_name(text: str) -> FunctionName:
    """Read a name, a partial ARN or an ARN, each with or without a version or alias."""
    if ":function:" in text:
        text = text.partition(":function:")[2]
    name, _, qualifier = text.partition(":")
    return FunctionName(name, qualifier or None)


def find_function(
    text: str,
    qualifier: str | None,
    *,
    find: Callable[[str], Function | None],
    arn: Callable[[str], str],
) -> Function:
    """Return the function that FunctionName and Qualifier name.

    `find` knows functions by their names, `arn` the ARN of a name. There is one version here,
    `$LATEST`; raises NotFoundError for all others but the alias of provisionedConcurrency, and
    InvalidParameterError where both name one, and not the same.
    """
    name, in_name = parse_function_name(text)
    if in_name and qualifier and in_name != qualifier:
        raise InvalidParameterError(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    wanted = qualifier or in_name or LATEST
    function = find(name)
    if function is not None:
        name = function.name
        if wanted == LATEST or (wanted == PROVISIONED_ALIAS and function.provisioned_concurrency):
            return function
    raise NotFoundError(f"Function not found: {arn(name)}:{wanted}")


def parse_client_context(header: str | None) -> bytes:
    """Return the JSON object of X-Amz-Client-Context on one line, in ASCII; nothing where none is.

    Raises InvalidContentError.
    """
    if header is None:
        return b""
    if len(header) > CLIENT_CONTEXT_BYTES:
        raise InvalidContentError(
            f"Client context is larger than {CLIENT_CONTEXT_BYTES} bytes: it has {len(header)}."
        )
    try:
        document = json.loads(b64decode(header, validate=True), parse_constant=_refuse)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise InvalidContentError("Client context must be a valid Base64-encoded JSON object.")
    return json.dumps(document, separators=(",", ":")).encode()


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")  # but Python would take NaN and Infinity
