"""The error documents of Lambda: what the caller gets where a function failed.

Those about an exception are worded as the Python runtime words them, those about the process as
Lambda itself does. Used by the worker too: standard library only.
docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence


RESPONSE_OVERHEAD_BYTES = 100
"""Lambda lets a response be this much larger than the quota for an event: 6 291 556 bytes."""

# The names Lambda prints, by number; the same on Linux and macOS for these.
_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    8: "floating point exception",
    9: "killed",
    11: "segmentation fault",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
}

_PLATFORM_ERROR = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def handler_error(
    error_type: str, message: str, *, request_id: str, stack_trace: Sequence[str] = ()
) -> bytes:
    """Return the document of an exception in the handler or its module.

    `request_id` is empty where there is no invocation yet. A `stack_trace` item is one frame, as
    `traceback.format_list` gives it.
    """
    return _encode(
        {
            "errorMessage": message,
            "errorType": error_type,
            "requestId": request_id,
            "stackTrace": list(stack_trace),
        }
    )


def exit_error(request_id: str, status: int) -> bytes:
    """Return the document of a worker that ended; `status` as `subprocess` has it."""
    return _platform_error("Runtime.ExitError", request_id, describe_exit(status))


def describe_exit(status: int) -> str:
    """Return how a process ended, in Lambda's words; negative is the number of a signal."""
    if status == 0:
        return "Runtime exited without providing a reason"
    if status > 0:
        return f"Runtime exited with error: exit status {status}"
    return f"Runtime exited with error: signal: {_SIGNALS.get(-status, f'signal {-status}')}"


def timeout_error(request_id: str, timeout_s: float) -> bytes:
    """Return the document of an invocation that took too long."""
    return _platform_error("Sandbox.Timedout", request_id, describe_timeout(timeout_s))


def describe_timeout(timeout_s: float) -> str:
    """Return what Lambda says of a timeout, in the document and in the log."""
    return f"Task timed out after {timeout_s:.2f} seconds"


def start_error(request_id: str, reason: str) -> bytes:
    """Return the document where no process could be started."""
    return _platform_error("Runtime.InvalidEntrypoint", request_id, reason)


def stopped_error(request_id: str) -> bytes:
    """Return the document of an invocation that still waited when the node stopped. Ours."""
    return _platform_error("Runtime.ExitError", request_id, "The node stopped before it ran")


def response_too_large(response_bytes: int) -> bytes:
    """Return the document of a result over the quota.

    docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    return _encode(
        {
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            f"({response_bytes} bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }
    )


def error_type(document: bytes) -> str | None:
    """Return the `errorType` of an error document; None where it has none."""
    try:
        value = json.loads(document)["errorType"]
    except (ValueError, KeyError, TypeError, RecursionError):  # a runtime may send anything
        return None
    return value if isinstance(value, str) else None


def init_error_type(document: bytes) -> str:
    """Return what the platform's log calls an init that failed with an error document.

    Errors of a runtime go by their own names; what the handler's module raised has none there.
    [github.com/aws/aws-lambda-runtime-interface-emulator]
    """
    found = error_type(document) or ""
    return found if _PLATFORM_ERROR.fullmatch(found) else "Runtime.Unknown"


def api_error(error_type: str, message: str) -> bytes:
    """Return what the Runtime API answers to a request that it refuses.

    docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
    """
    return _encode({"errorMessage": message, "errorType": error_type})


def _platform_error(error_type: str, request_id: str, what: str) -> bytes:
    return _encode(
        {"errorType": error_type, "errorMessage": f"RequestId: {request_id} Error: {what}"}
    )


class Encoder(json.JSONEncoder):
    """The encoder of `json` with its methods as they are now: a handler may patch them."""

    encode = json.JSONEncoder.encode
    iterencode = json.JSONEncoder.iterencode


_encode_json = Encoder(ensure_ascii=False).encode
_encode_escaped = Encoder().encode


def _encode(document: dict[str, object]) -> bytes:
    try:
        return _encode_json(document).encode()
    except UnicodeEncodeError:  # a lone surrogate
        return _encode_escaped(document).encode()
