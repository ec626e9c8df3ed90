"""What rules ask for, performed: by functions, shadows, listeners and a real HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, NamedTuple, cast

import orjson
import pytest
from aiohttp import web

from bellwire.bus.embedded import free_port
from bellwire.definition.model import EventInvokeConfig, Function
from bellwire.effects import Effects, Helpers
from bellwire.errors import CallerError, Place, TooManyRequestsError, UpstreamError
from bellwire.gateway.effects import HttpAnswer, HttpRequest
from bellwire.http_destinations import HttpDestinations
from bellwire.iot.actions import Notify, Post
from bellwire.iot.performers import FailedInvocation
from bellwire.iot.shadow_request import ShadowName, ShadowNotFoundError
from bellwire.iot.sql.scope import Question
from bellwire.iot.sql.values import UNDEFINED
from bellwire.limits import HTTP_ACTION_ANSWER_BYTES, Limits
from bellwire.notify.listeners import Listeners
from bellwire.server.outbound import HttpClient


class Result(NamedTuple):
    payload: bytes = b"null"
    error: str | None = None


def function(key: str, on_failure: str | None = None) -> Function:
    config = EventInvokeConfig(on_failure=on_failure)
    return Function(
        key, f"app-dev-{key}", "h.f", "python3.12", 6.0, 128, {}, None,
        Place("serverless.yml", 1, 1), config,
    )  # fmt: skip


class World:
    """The node around the effects."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.answer: Result | CallerError = Result(b'{"n":2}')
        self.stored: list[tuple[str, Any, int]] = []
        self.enabled: set[str] = set()
        self.frames: list[Any] = []
        self.listeners = Listeners(
            deliver=self._deliver, is_open=lambda _: True, now_ms=lambda: 1, limits=Limits()
        )
        self.client = HttpClient(answer_bytes=HTTP_ACTION_ANSWER_BYTES, requests=10)
        functions = {"f": function("f", "told"), "told": function("told")}
        helpers = Helpers(
            functions=lambda: functions,
            sql_functions=lambda: {"get_secret": "f"},
            invoke=self._invoke,
            store=self._store,
            arn="arn:aws:lambda:eu-west-1:000000000000:function:{}".format,
            notify=self.listeners.notify,
            send_request=self._send,
            shadows=self,
            request_id=lambda: "id",
            now_ms=lambda: 1_700_000_000_000,
            limits=Limits(asynchronous_payload_bytes=1000),
        )
        self.effects = Effects(helpers, cast(HttpDestinations, self))

    def is_enabled(self, url: str) -> bool:
        return url in self.enabled

    async def serve(self, name: ShadowName, operation: str, payload: bytes) -> bytes:
        self.calls.append((name.label, operation))
        if name.thing == "none":
            raise ShadowNotFoundError("none")
        return b'{"state":{"reported":{"on":true}}}'

    def _send(self, request: HttpRequest) -> asyncio.Task[HttpAnswer]:
        return self.client.send(request)

    def _deliver(self, connections: object, frame: bytes) -> int:
        self.frames.append(orjson.loads(frame))
        return 1

    def _invoke(self, key: str, event: bytes, request_id: str) -> asyncio.Future[Any]:
        if isinstance(self.answer, CallerError):
            raise self.answer
        self.calls.append((key, orjson.loads(event)))
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        future.set_result(self.answer)
        return future

    async def _store(self, function: str, payload: bytes, *, request_id: str, chain: int) -> None:
        self.stored.append((function, orjson.loads(payload), chain))


def ask(world: World, name: str, *arguments: object) -> Any:
    return asyncio.run(world.effects.ask(Question(name, orjson.dumps(arguments))))


# Notifying


def test_listeners_get_what_select_gives() -> None:
    world = World()
    world.listeners.set_notify_list("c", [{"device_id": "d"}])
    world.effects.notify(Notify("d", {"a": 1}, 5))
    world.effects.notify(Notify("d", {"a": Decimal("1.234567890123456789012345")}, 6))
    assert [frame["value"]["a"] for frame in world.frames] == [1, 1.2345678901234568]
    assert world.frames[0]["timestamp"] == 5


def test_what_cannot_be_pushed_fails() -> None:
    with pytest.raises(CallerError, match="device_id: expected a non-empty string"):
        World().effects.notify(Notify("", {"a": 1}, 5))


# Asking


@pytest.mark.parametrize(
    ("arguments", "name"), [(("lamp", "role"), "lamp"), (("lamp", "night", "role"), "lamp/night")]
)
def test_a_shadow_is_read(arguments: tuple[str, ...], name: str) -> None:
    world = World()
    assert ask(world, "get_thing_shadow", *arguments) == {"state": {"reported": {"on": True}}}
    assert world.calls[0][1] == "get"
    assert name.partition("/")[0] in world.calls[0][0]


def test_a_shadow_that_is_not_there_is_undefined_and_a_wrong_name_an_error() -> None:
    assert ask(World(), "get_thing_shadow", "none", "role") is UNDEFINED
    with pytest.raises(CallerError):
        ask(World(), "get_thing_shadow", "a b", "role")


def test_a_function_answers() -> None:
    world = World()
    arn = "arn:aws:lambda:eu-west-1:000000000000:function:app-dev-f"
    assert ask(world, "aws_lambda", arn, {"n": 1}) == {"n": 2}
    assert ask(world, "get_secret", "s", "SecretString", "role") == {"n": 2}
    assert world.calls == [
        ("f", {"n": 1}),
        ("f", {"function": "get_secret", "arguments": ["s", "SecretString", "role"]}),
    ]


@pytest.mark.parametrize("arn", ["arn:aws:lambda:x:1:function:other", "f", 7])
def test_a_function_of_another_service_does_not(arn: object) -> None:
    with pytest.raises(CallerError, match=r"aws_lambda\(\): .* is no function of this service"):
        ask(World(), "aws_lambda", arn, {})


@pytest.mark.parametrize(
    "answer", [Result(b'{"errorMessage":"no"}', "Unhandled"), TooManyRequestsError("full")]
)
def test_a_function_that_fails_may_be_asked_again(answer: Result | CallerError) -> None:
    world = World()
    world.answer = answer
    with pytest.raises(UpstreamError) as failed:
        ask(world, "get_secret", "s", "SecretString", "role")
    assert failed.value.retryable
    assert failed.value.message.startswith("get_secret(): ")


# Telling


def test_a_failed_invocation_is_told_as_lambda_does() -> None:
    world = World()
    result = Result(b'{"errorMessage":"no"}', "Unhandled")
    failed = FailedInvocation("f", b'{"n":1}', "id", 3, result)
    asyncio.run(world.effects.tell(failed))
    ((destination, record, chain),) = world.stored
    assert (destination, chain) == ("told", 1)
    assert record["requestContext"] == {
        "requestId": "id",
        "functionArn": "arn:aws:lambda:eu-west-1:000000000000:function:app-dev-f:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["responsePayload"] == {"errorMessage": "no"}
    with pytest.raises(CallerError, match="the record has"):
        asyncio.run(world.effects.tell(failed._replace(event=b'"%b"' % (b"x" * 1000))))


def test_settings_of_a_function_that_is_gone_are_the_default() -> None:
    assert World().effects.settings("gone") == EventInvokeConfig()
    assert World().effects.settings("f").on_failure == "told"


# Posting


@asynccontextmanager
async def serving(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[str]:
    application = web.Application()

    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    application.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    port = free_port("127.0.0.1")
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def post(url: str, headers: Mapping[str, str] = {}) -> Post:
    return Post(f"{url}/a", url, tuple(headers.items()), b"{}")


@pytest.mark.parametrize(
    ("status", "size", "is_final"),
    [(200, 0, None), (204, 0, None), (404, 0, True), (302, 0, True), (429, 0, False),
     (503, 0, False), (200, HTTP_ACTION_ANSWER_BYTES + 1, True)],
)  # fmt: skip
def test_which_answers_may_be_tried_again(status: int, size: int, is_final: bool | None) -> None:
    async def main() -> None:
        world = World()
        async with serving(lambda _: web.Response(status=status, body=b"x" * size)) as url:
            world.enabled.add(url)
            if is_final is None:
                await world.effects.post(post(url))
            else:
                with pytest.raises((CallerError, UpstreamError)) as failed:
                    await world.effects.post(post(url))
                assert getattr(failed.value, "retryable", False) is not is_final
        await world.client.close()

    asyncio.run(main())


def test_nobody_there_and_nobody_who_confirmed_may_be_tried_again() -> None:
    async def main() -> None:
        world = World()
        url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
        for reason in ("is not confirmed", "failed: "):
            with pytest.raises(UpstreamError, match=reason) as failed:
                await world.effects.post(post(url))
            assert failed.value.retryable
            world.enabled.add(url)
        await world.client.close()

    asyncio.run(main())


def test_a_header_cannot_smuggle_another() -> None:
    async def main() -> None:
        world = World()
        async with serving(lambda _: web.Response()) as url:
            world.enabled.add(url)
            with pytest.raises(CallerError):
                await world.effects.post(post(url, {"X-A": "1\r\nX-B: 2"}))
        await world.client.close()

    asyncio.run(main())
