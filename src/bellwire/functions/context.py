"""The context object that a handler gets as its second argument.

docs.aws.amazon.com/lambda/latest/dg/python-context.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bellwire.functions.encoder import Decoder
from bellwire.functions.handler import HandlerFault


_decode = Decoder().decode


class FunctionDetails:
    """What is the same in every context of one environment."""

    __slots__ = (
        "clock",
        "function_name",
        "function_version",
        "invoked_function_arn",
        "log",
        "log_group_name",
        "log_stream_name",
        "memory_limit_in_mb",
    )

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        invoked_function_arn: str,
        clock: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        """Read Lambda's variables. `clock` gives epoch seconds, `log` writes to the log."""
        self.function_name = environment["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = environment["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = environment["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = environment["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.invoked_function_arn = invoked_function_arn
        self.clock = clock
        self.log = log


class CognitoIdentity:
    """The identity of a caller from a mobile app; empty for every other caller, as on Lambda."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self) -> None:
        self.cognito_identity_id: str | None = None
        self.cognito_identity_pool_id: str | None = None

    def __repr__(self) -> str:
        return (
            f"CognitoIdentity([cognito_identity_id={self.cognito_identity_id},"
            f"cognito_identity_pool_id={self.cognito_identity_pool_id}])"
        )


class Client:
    """The app of a caller; what it did not tell is None."""

    __slots__ = (
        "app_package_name",
        "app_title",
        "app_version_code",
        "app_version_name",
        "installation_id",
    )

    def __init__(self, given: Mapping[str, object]) -> None:
        self.installation_id = given.get("installation_id")
        self.app_title = given.get("app_title")
        self.app_version_name = given.get("app_version_name")
        self.app_version_code = given.get("app_version_code")
        self.app_package_name = given.get("app_package_name")

    def __repr__(self) -> str:
        return (
            f"Client([installation_id={self.installation_id},app_title={self.app_title},"
            f"app_version_name={self.app_version_name},app_version_code={self.app_version_code},"
            f"app_package_name={self.app_package_name}])"
        )


class ClientContext:
    """What a caller of Invoke told about itself; a part that it did not tell is None.

    `custom` and `env` are as they came, whatever their type.
    """

    __slots__ = ("client", "custom", "env")

    def __init__(self, given: Mapping[str, object]) -> None:
        client = given.get("client")
        self.custom = given.get("custom")
        self.env = given.get("env")
        self.client = None if client is None else Client(client)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"ClientContext([custom={self.custom},env={self.env},client={self.client}])"


class LambdaContext:
    """One invocation, as its handler sees it. Handlers may hang attributes of their own on it.

    `memory_limit_in_mb` is a string, as on Lambda. `client_context` is None but for a caller of
    Invoke that gave one.
    """

    tenant_id: str | None = None

    def __init__(
        self,
        function: FunctionDetails,
        request_id: str,
        deadline_ms: int,
        client_context: bytes = b"",
    ) -> None:
        """Describe an invocation; `client_context` is a JSON object, or empty.

        Raises HandlerFault where it is no JSON.
        """
        given = _read_client_context(client_context) if client_context else None
        self._w3c = _take_w3c(given)
        self.client_context = None if given is None else ClientContext(given)
        self.aws_request_id = request_id
        self.log_group_name = function.log_group_name
        self.log_stream_name = function.log_stream_name
        self.function_name = function.function_name
        self.memory_limit_in_mb = function.memory_limit_in_mb
        self.function_version = function.function_version
        self.invoked_function_arn = function.invoked_function_arn
        self.identity = CognitoIdentity()
        self._epoch_deadline_time_in_ms = deadline_ms
        self._function = function

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the invocation is cut off."""
        return max(0, self._epoch_deadline_time_in_ms - int(self._function.clock() * 1000))

    def w3c(self) -> dict[str, str]:
        """Return the caller's W3C trace context: the member `w3c` of its client context."""
        return dict(self._w3c)

    def log(self, msg: object) -> None:
        """Write a message to the log."""
        self._function.log(str(msg))

    def __repr__(self) -> str:
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


def _read_client_context(text: bytes) -> Any:
    try:
        return _decode(text.decode())
    except ValueError as error:
        raise HandlerFault(
            "Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}"
        ) from None


def _take_w3c(given: object) -> Mapping[str, str]:
    """Take the trace context out of a client context: that of it which is known, and text."""
    found = given.pop("w3c", None) if isinstance(given, dict) else None
    if not isinstance(found, dict):
        return {}
    known = ((name, found.get(name)) for name in ("traceparent", "tracestate", "baggage"))
    return {name: value for name, value in known if isinstance(value, str)}


def trace_id(request_id: str, epoch_s: int) -> str:
    """Return the X-Ray trace id of an invocation, made from its request id.

    docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
    """
    return f"1-{epoch_s:08x}-{request_id.replace('-', '').rjust(32, '0')[8:32]}"


def trace_header(request_id: str, epoch_s: int) -> str:
    """Return the value of `_X_AMZN_TRACE_ID`: not sampled.

    docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    """
    parent = request_id.replace("-", "").rjust(32, "0")[:16]
    return f"Root={trace_id(request_id, epoch_s)};Parent={parent};Sampled=0"
