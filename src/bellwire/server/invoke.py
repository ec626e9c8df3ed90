"""Lambda's Invoke, as boto3 calls it. Of Lambda's API there is nothing else here.

docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import logging
from urllib.parse import unquote

import orjson
from aiohttp import web

from bellwire.definition.model import Function
from bellwire.errors import (
    CallerError,
    NotFoundError,
    PayloadTooLargeError,
    TooManyRequestsError,
    UpstreamError,
)
from bellwire.functions.request import (
    LATEST,
    InvalidContentError,
    InvalidParameterError,
    find_function,
    parse_client_context,
)
from bellwire.server.request import SERVICES, read_body


log = logging.getLogger("bellwire.http")


def add_invoke(router: web.UrlDispatcher) -> None:
    """Serve Invoke, and say of the rest of Lambda's API that it is not here."""
    router.add_post("/2015-03-31/functions/{name}/invocations", _invoke)
    router.add_route("*", r"/{version:\d{4}-\d{2}-\d{2}}/{rest:.*}", _unknown_operation)


async def _invoke(request: web.Request) -> web.StreamResponse:
    services = request.app[SERVICES]
    request_id = services.invocation_id()
    function: Function | None = None
    try:
        kind = _choice(request, "X-Amz-Invocation-Type", ("RequestResponse", "Event", "DryRun"))
        log_type = _choice(request, "X-Amz-Log-Type", ("None", "Tail"))
        function = find_function(
            unquote(request.match_info["name"]),
            request.query.get("Qualifier"),
            find=services.find_function,
            arn=services.function_arn,
        )
        context = parse_client_context(request.headers.get("X-Amz-Client-Context"))
        if kind == "DryRun":
            return _answer(204, request_id)
        if kind == "Event":  # without the client context, as on Lambda
            return await _accept(request, function, request_id)
        return await _run(request, function, request_id, context, wants_log=log_type == "Tail")
    except CallerError as error:
        return _refusal(error, request_id, function)


async def _run(
    request: web.Request,
    function: Function,
    request_id: str,
    context: bytes,
    *,
    wants_log: bool,
) -> web.StreamResponse:
    """Run a function and answer with its result, and the last of its log where asked."""
    services = request.app[SERVICES]
    event = await _event(request, "RequestResponse", services.hub.limits.payload_bytes)
    headers = {"X-Amz-Executed-Version": LATEST}
    if wants_log:
        with services.tails.follow(request_id) as tail:
            result = await services.invoke(function.key, event, request_id, context)
        headers["X-Amz-Log-Result"] = tail.encoded()
    else:
        result = await services.invoke(function.key, event, request_id, context)
    if result.error:
        headers["X-Amz-Function-Error"] = result.error
    return _answer(200, request_id, result.payload, headers)


async def _accept(request: web.Request, function: Function, request_id: str) -> web.StreamResponse:
    """Answer 202 once an asynchronous event is where no crash can reach it."""
    services = request.app[SERVICES]
    event = await _event(request, "Event", services.hub.limits.asynchronous_payload_bytes)
    try:
        await services.store(function.key, event, request_id)
    except UpstreamError as error:
        log.error("function %s: an event was not accepted: %s", function.key, error.message)
        document = orjson.dumps({"Type": "Service", "Message": error.message})
        return _answer(500, request_id, document, {"x-amzn-ErrorType": "ServiceException"})
    return _answer(202, request_id)


async def _event(request: web.Request, kind: str, limit: int) -> bytes:
    """Read an event, which must be JSON; none is an empty map."""
    try:
        event = await read_body(request, limit) or b"{}"
    except PayloadTooLargeError:
        size = request.content_length or f"More than {limit}"
        raise _RequestTooLargeError(
            f"{size} byte payload is too large for the {kind} invocation type (limit {limit} bytes)"
        ) from None
    try:
        orjson.loads(event)
    except orjson.JSONDecodeError as error:
        raise InvalidContentError(f"Could not parse request body into json: {error}") from None
    return event


def _choice(request: web.Request, header: str, choices: tuple[str, ...]) -> str:
    """Return the value of a header, by default the first it may have."""
    value = request.headers.get(header, choices[0])
    if value not in choices:
        raise InvalidParameterError(f"{header} is {', '.join(choices)}, not {value!r}")
    return value


async def _unknown_operation(request: web.Request) -> web.StreamResponse:
    error = _UnknownOperationError(
        f"{request.method} {request.path} is not served here: of the Lambda API there is Invoke, "
        "POST /2015-03-31/functions/{name}/invocations"
    )
    return _refusal(error, request.app[SERVICES].invocation_id(), None)


class _RequestTooLargeError(CallerError):
    status = 413
    aws_code = "RequestTooLargeException"


class _UnknownOperationError(CallerError):
    status = 404
    aws_code = "UnknownOperationException"


def _refusal(error: CallerError, request_id: str, function: Function | None) -> web.Response:
    """Return an error in the members that the API's model has for it."""
    name = "Message" if isinstance(error, NotFoundError) else "message"
    document = {"Type": "User", name: error.message.encode("utf-8", "replace").decode()}
    if isinstance(error, TooManyRequestsError):
        has_own = function is not None and function.reserved_concurrency is not None
        kind = "ReservedFunctionConcurrent" if has_own else "Concurrent"
        document["Reason"] = f"{kind}InvocationLimitExceeded"
    headers = {"x-amzn-ErrorType": error.aws_code}
    return _answer(error.status, request_id, orjson.dumps(document), headers)


def _answer(
    status: int, request_id: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> web.Response:
    headers = {"x-amzn-RequestId": request_id, **(headers or {})}
    if not body:
        return web.Response(status=status, headers=headers)
    return web.Response(status=status, body=body, headers=headers, content_type="application/json")
