"""Performs what rules ask for: publishing, posting, notifying, asking services.

What cannot be done raises CallerError, or UpstreamError, which tells if trying again may help.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bellwire.definition.model import EventInvokeConfig, Function, HttpAction
from bellwire.definition.naming import FUNCTION_ARN
from bellwire.errors import BadRequestError, CallerError, TooManyRequestsError, UpstreamError
from bellwire.functions.asynchronous import Answer, invocation_record
from bellwire.gateway.effects import HttpAnswer, HttpRequest
from bellwire.http_destinations import HttpDestinations
from bellwire.iot.actions import Notify, Post, plain, post_failure
from bellwire.iot.performers import FailedInvocation, InvocationResult
from bellwire.iot.rules import Rule
from bellwire.iot.shadow_request import ShadowName, ShadowNotFoundError
from bellwire.iot.sql.documents import read_json
from bellwire.iot.sql.scope import Question
from bellwire.iot.sql.values import UNDEFINED, Value, to_json
from bellwire.limits import HTTP_ACTION_TIMEOUT_S, SQL_FUNCTION_TIMEOUT_S, Limits
from bellwire.notify.values import InvalidChange
from bellwire.server.outbound import UnreachableError


_NO_SETTINGS = EventInvokeConfig()


class ShadowReader(Protocol):
    """What answers for device shadows; raises ShadowError and UpstreamError."""

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes: ...


class StoreEvent(Protocol):
    """Keeps an asynchronous event for a function. Raises UpstreamError."""

    def __call__(
        self, function: str, payload: bytes, *, request_id: str, chain: int
    ) -> Awaitable[None]: ...


@dataclass(frozen=True, slots=True)
class Helpers:
    """Those in the node who help to perform; `functions` are those of now, by key."""

    functions: Callable[[], Mapping[str, Function]]
    sql_functions: Callable[[], Mapping[str, str]]
    invoke: Callable[[str, bytes, str], asyncio.Future[InvocationResult]]
    store: StoreEvent
    arn: Callable[[str], str]
    notify: Callable[[str, Mapping[str, object], int | None], int]
    send_request: Callable[[HttpRequest], asyncio.Task[HttpAnswer]]
    shadows: ShadowReader
    request_id: Callable[[], str]
    now_ms: Callable[[], int]
    limits: Limits


class Effects:
    """Performs the effects of rules, one method each."""

    def __init__(self, helpers: Helpers, destinations: HttpDestinations) -> None:
        self._node = helpers
        self._destinations = destinations

    def settings(self, function: str) -> EventInvokeConfig:
        """Return a function's settings for asynchronous events, by its key."""
        found = self._node.functions().get(function)
        return _NO_SETTINGS if found is None else found.event_invoke_config

    def notify(self, effect: Notify) -> None:
        """Push to those who listen to a device."""
        try:
            try:
                self._node.notify(*effect)
            except TypeError:  # a Decimal in it: listeners get JavaScript's numbers
                self._node.notify(effect.device_id, plain(effect.value), effect.timestamp)
        except InvalidChange as error:
            raise BadRequestError(str(error)) from None

    async def post(self, effect: Post) -> None:
        """Post to a destination that is confirmed."""
        if not self._destinations.is_enabled(effect.confirmation_url):
            raise UpstreamError(
                f"the destination {effect.confirmation_url} is not confirmed", retryable=True
            )
        status = await post(self._node.send_request, effect.url, dict(effect.headers), effect.body)
        failure = post_failure(effect.url, status)
        if failure is not None:
            raise UpstreamError(failure.reason, retryable=failure.may_be_retried)

    async def tell(self, failed: FailedInvocation) -> None:
        """Send the record of a failed invocation to the function's own destination."""
        node = self._node
        function = node.functions()[failed.function]
        destination = function.event_invoke_config.on_failure
        assert destination is not None, "it is asked for only where there is one"
        record = invocation_record(
            function_arn=node.arn(function.name),
            request_id=failed.request_id,
            condition="RetriesExhausted",
            attempts=failed.attempts,
            request=failed.event,
            answer=Answer(failed.result.payload, failed.result.error),
            now_ms=node.now_ms(),
        )
        most = node.limits.asynchronous_payload_bytes
        if len(record) > most:
            raise CallerError(f"the record has {len(record)} bytes, and an event may have {most}")
        await node.store(destination, record, request_id=node.request_id(), chain=1)

    async def ask(self, question: Question) -> Value:
        """Answer a function of IoT SQL that needs a service.

        docs.aws.amazon.com/iot/latest/developerguide/iot-sql-functions.html
        """
        arguments = read_json(question.arguments)
        assert isinstance(arguments, list)
        own = self._node.sql_functions().get(question.function)
        if own is not None:
            event = {"function": question.function, "arguments": arguments}
            return await self._answer_of(own, event, question.function)
        if question.function == "aws_lambda":
            return await self._answer_of(self._key(arguments[0]), arguments[1], "aws_lambda")
        return await self._shadow(arguments)

    async def _shadow(self, arguments: list[Value]) -> Value:
        """Return a shadow's document; Undefined where there is none."""
        thing, *shadow = (str(argument) for argument in arguments[:-1])  # the last is a role
        name = ShadowName(thing, *shadow)
        name.check()
        try:
            return read_json(await self._node.shadows.serve(name, "get", b""))
        except ShadowNotFoundError:
            return UNDEFINED

    def _key(self, arn: Value) -> str:
        found = FUNCTION_ARN.fullmatch(arn) if isinstance(arn, str) else None
        functions = self._node.functions()
        name = found["name"] if found else ""
        key = next((key for key, each in functions.items() if each.name == name), None)
        if key is None:
            raise BadRequestError(f"aws_lambda(): {str(arn)[:200]} is no function of this service")
        return key

    async def _answer_of(self, function: str, event: Value, asked: str) -> Value:
        node = self._node
        try:
            future = node.invoke(function, to_json(event), node.request_id())
        except TooManyRequestsError as error:
            raise UpstreamError(f"{asked}(): {error.message}", retryable=True) from None
        done, _ = await asyncio.wait({future}, timeout=SQL_FUNCTION_TIMEOUT_S)
        if not done:
            raise UpstreamError(
                f"{asked}(): function {function} took longer than {SQL_FUNCTION_TIMEOUT_S:g} s",
                retryable=True,
            )
        result = future.result()
        if result.error is not None:
            told = result.payload.decode(errors="replace")
            raise UpstreamError(f"{asked}(): function {function} failed: {told}", retryable=True)
        return read_json(result.payload)


def confirmation_urls(rules: Iterable[Rule]) -> set[str]:
    """Return the URLs whose owners must confirm before enabled rules post there."""
    return {
        action.definition.confirmation_url
        for rule in rules
        if rule.enabled
        for action in (*rule.actions, *([rule.error_action] if rule.error_action else ()))
        if isinstance(action.definition, HttpAction)
    }


async def post(
    send: Callable[[HttpRequest], asyncio.Task[HttpAnswer]],
    url: str,
    headers: dict[str, str],
    body: bytes,
) -> int:
    """Post, and return the status of the answer; raises CallerError and UpstreamError."""
    timeout_ms = int(HTTP_ACTION_TIMEOUT_S * 1000)
    try:
        task = send(HttpRequest("POST", url, headers, body, timeout_ms))
    except TooManyRequestsError as error:
        raise UpstreamError(error.message, retryable=True) from None
    done, _ = await asyncio.wait({task}, timeout=HTTP_ACTION_TIMEOUT_S)
    if not done:
        task.cancel()
        raise UpstreamError(
            f"{url} did not answer within {HTTP_ACTION_TIMEOUT_S:g} s", retryable=True
        )
    try:
        return task.result().status
    except UnreachableError as error:
        raise UpstreamError(error.message, retryable=True) from None
