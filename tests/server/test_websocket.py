from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode

from bellwire.errors import BadRequestError, CallerError, TooManyRequestsError
from bellwire.gateway.api import Route


if TYPE_CHECKING:
    from tests.server.conftest import Call, Run, Serve

Until = Callable[..., Awaitable[None]]


def refuse(error: CallerError) -> Callable[[Call], object]:
    def answer(call: Call) -> object:
        raise error

    return answer


# The handshake


def test_the_101_waits_for_connect(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            client = await server.raw()
            (call,) = await server.functions.wait_for("connect")
            await asyncio.sleep(0.05)
            assert server.hub.statistics().connections == 0
            call.answer({"statusCode": 200})
            assert (await client.head()).startswith(b"HTTP/1.1 101 ")
            assert server.hub.statistics().connections == 1
            client.close()

    run(main())


def test_connect_is_told_what_the_client_said(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            url = f"{server.url}/?token=a%20b"
            async with server.connect(url=url, additional_headers={"X-Name": "é"}):
                (call,) = server.functions.of("connect")
                assert call.event["queryStringParameters"] == {"token": "a b"}
                assert call.event["headers"]["X-Name"] == "é"
                assert call.event["headers"]["X-Forwarded-Port"] == str(server.port)
                assert call.context["identity"]["sourceIp"] == "127.0.0.1"
                assert call.context["domainName"] == f"127.0.0.1:{server.port}"
                assert call.context["requestTimeEpoch"] >= call.context["connectedAt"]

    run(main())


@pytest.mark.parametrize(
    ("document", "status", "body"),
    [
        ({"statusCode": 403}, 403, b""),
        ({"statusCode": 401, "body": "who?"}, 401, b"who?"),
        ({"statusCode": 444}, 444, b""),
        ({"statusCode": 101}, 502, b"Internal server error"),
        ({"body": "no status"}, 502, b"Internal server error"),
    ],
)
def test_the_status_of_connect_is_the_status_of_the_handshake(
    run: Run, serve: Serve, document: object, status: int, body: bytes
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["connect"] = lambda call: document
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            response = caught.value.response
            assert response.status_code == status
            assert body in response.body
            assert server.hub.statistics().opened == 0
        assert server.functions.of("disconnect") == []

    run(main())


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (TooManyRequestsError("full"), 429, "LimitExceededException"),
        (BadRequestError("gone"), 500, "InternalServerErrorException"),
    ],
)
def test_a_connect_that_cannot_run_refuses_the_handshake(
    run: Run, serve: Serve, error: CallerError, status: int, error_type: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["connect"] = refuse(error)
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == status
            assert caught.value.response.headers["x-amzn-ErrorType"] == error_type

    run(main())


def test_a_connect_that_is_too_slow_is_504_and_its_late_answer_changes_nothing(
    run: Run, serve: Serve
) -> None:
    async def main() -> None:
        async with serve(integration_timeout_ms=50) as server:
            del server.functions.answers["connect"]
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == 504
            server.functions.of("connect")[0].answer({"statusCode": 200})
            await asyncio.sleep(0.01)
            assert server.hub.statistics().opened == 0

    run(main())


def test_an_exception_of_the_pool_is_an_internal_server_error(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            connecting = asyncio.ensure_future(server.connect().__aenter__())
            (call,) = await server.functions.wait_for("connect")
            call.future.set_exception(BadRequestError("no such function"))
            with pytest.raises(InvalidStatus) as caught:
                await connecting
            assert caught.value.response.status_code == 500

    run(main())


@pytest.mark.parametrize("path", ["/prod", "/", "/dev/more", "/DEV", "/devel", "//dev"])
def test_a_path_that_is_no_stage_is_forbidden(run: Run, serve: Serve, path: str) -> None:
    async def main() -> None:
        async with serve() as server:
            with pytest.raises(InvalidStatus) as caught:
                await server.connect(url=f"ws://127.0.0.1:{server.port}{path}")
            response = caught.value.response
            assert response.status_code == 403
            # Seen on AWS in github.com/aws/aws-sdk-php/issues/1955.
            assert response.body == b'{"message":"Forbidden"}'
            assert response.headers["x-amzn-ErrorType"] == "ForbiddenException"
        assert server.functions.calls == []

    run(main())


@pytest.mark.parametrize("path", ["/dev", "/dev/", "/%64ev", "/dev?a=1"])
def test_a_path_that_is_the_stage(run: Run, serve: Serve, path: str) -> None:
    async def main() -> None:
        async with serve() as server, server.connect(url=f"{server.url[:-4]}{path}"):
            assert server.hub.statistics().connections == 1

    run(main())


def test_a_subprotocol_is_answered_only_where_connect_names_it(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["connect"] = lambda call: {
                "statusCode": 200,
                "headers": {"Sec-WebSocket-Protocol": "chat"},
            }
            async with server.connect(subprotocols=["superchat", "chat"]) as client:
                assert client.subprotocol == "chat"
                offered = server.functions.of("connect")[0].event["headers"]
                assert offered["Sec-WebSocket-Protocol"] == "superchat, chat"
            server.functions.answers["connect"] = lambda call: {"statusCode": 200}
            async with server.connect(subprotocols=["chat"]) as client:
                assert client.subprotocol is None

    run(main())


def test_compression_is_not_negotiated(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect(compression="deflate") as client:
            assert client.response.headers.get("Sec-WebSocket-Extensions") is None

    run(main())


def test_one_connection_too_many_is_refused(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(connections=1) as server, server.connect():
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == 503

    run(main())


def test_handshakes_that_wait_count_against_the_bound(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(connections=2) as server:
            server.functions.answers.pop("connect")
            waiting = [await server.raw() for _ in range(2)]
            await server.functions.wait_for("connect", 2)
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == 503
            server.functions.calls[0].answer({"statusCode": 400})
            server.functions.calls[1].answer({"statusCode": 200})
            for client in waiting:
                await client.head()
            server.functions.answers["connect"] = lambda call: {"statusCode": 200}
            async with server.connect():
                assert server.hub.connecting == 0

    run(main())


def test_a_bug_in_a_request_is_answered_and_hurts_no_other(
    run: Run, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def request(self, exchange: object) -> Any:
            raise LookupError("a bug")

        def response(self, exchange: object, result: object) -> Any:
            raise LookupError("a bug")

    async def main() -> None:
        route = Route("$default", Broken())
        async with serve(["$connect", "echo", route]) as server, server.connect() as client:
            for _ in range(40):  # more than may be in flight
                await client.send("bug")
                assert orjson.loads(await client.recv())["message"] == "Internal server error"
            await client.send('{"action":"echo"}')
            assert await client.recv() == '{"action":"echo"}'
        async with serve([Route("$connect", Broken())]) as server:
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == 500
            assert server.hub.connecting == 0

    run(main())
    assert "a request ended in a bug of Bellwire's" in caplog.text


def test_a_url_too_long_is_414(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            fits = f"{server.url}?x={'x' * (4096 - len('/dev?x='))}"
            async with server.connect(url=fits):
                pass
            with pytest.raises(InvalidStatus) as caught:
                await server.connect(url=f"{fits}x")
            assert caught.value.response.status_code == 414

    run(main())


def test_headers_may_be_utf_8(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            head = good()[:-2] + "X-Name: Jürgen\r\n\r\n".encode()
            client = await server.raw(head)
            await client.head()
            (call,) = server.functions.of("connect")
            assert call.event["headers"]["X-Name"] == "Jürgen"
            client.close()

    run(main())


def good(**changes: str | None) -> bytes:
    """Return an upgrade request with some headers changed, or left out where None."""
    headers: dict[str, str | None] = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec_WebSocket_Version": "13",
        "Sec_WebSocket_Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        **changes,
    }
    lines = [
        f"{name.replace('_', '-')}: {value}" for name, value in headers.items() if value is not None
    ]
    return "\r\n".join(["GET /dev HTTP/1.1", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (good(Sec_WebSocket_Key=None), 400),
        (good(Sec_WebSocket_Key="short"), 400),
        (good(Sec_WebSocket_Version="8"), 400),
        (good(Sec_WebSocket_Version=None), 400),
        (good(Connection=None), 426),
        (good(Content_Length="5"), 400),
        (good(Transfer_Encoding="chunked"), 400),
        (good().replace(b"GET ", b"POST "), 405),
        (good().replace(b"HTTP/1.1", b"HTTP/3"), 400),
        (good().replace(b"GET /dev ", b"GET "), 400),
        (good().replace(b"/dev", b"/d\xc3\xa9v"), 400),
        (good(X="a").replace(b"X: a", b"no colon here"), 400),
        (good(X="a").replace(b"X: a", b"X: a\x00"), 400),
        (good(X="a" * 9000), 431),
        (good().replace(b"/dev", b"/dev?" + b"a" * 9000), 414),
    ],
)
def test_a_malformed_upgrade_is_told_so(
    run: Run, serve: Serve, request_head: bytes, status: int
) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw(request_head)
            answer = await client.rest()
            assert int(answer.split(b" ")[1]) == status, answer
            client.close()
        assert server.functions.calls == []

    run(main())


def test_a_peer_that_leaves_while_connect_runs_is_followed_by_disconnect(
    run: Run, serve: Serve, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            for leave in ("close", "reset"):
                client = await server.raw()
                call = (await server.functions.wait_for("connect"))[-1]
                getattr(client, leave)()
                await asyncio.sleep(0.05)
                call.answer({"statusCode": 200})
                await server.functions.wait_for("disconnect")
                disconnect = server.functions.of("disconnect")[-1].context
                assert disconnect["connectionId"] == call.context["connectionId"]
                assert disconnect["disconnectStatusCode"] == 1006
                server.functions.calls.clear()
            client = await server.raw()
            (call,) = await server.functions.wait_for("connect")
            client.close()
            await asyncio.sleep(0.05)
            call.answer({"statusCode": 403})
            await asyncio.sleep(0.01)
            assert server.functions.of("disconnect") == []

    run(main())


@pytest.mark.parametrize("when", ["with the head", "before the 101"])
def test_a_message_sent_before_the_101_is_not_run(run: Run, serve: Serve, when: str) -> None:
    """A peer that is not let in must not reach a function: it could do so by not waiting."""

    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            early = b"\x81\x84\x00\x00\x00\x00ping"
            client = await server.raw(good() + (early if when == "with the head" else b""))
            (call,) = await server.functions.wait_for("connect")
            if when == "before the 101":
                client.send(early)
            await asyncio.sleep(0.05)
            call.answer({"statusCode": 403})
            with suppress(ConnectionResetError):
                await client.rest()
            assert server.functions.of("default") == []

    run(main())


def test_without_a_connect_route_a_message_may_come_with_the_head(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(["$default"]) as server:
            client = await server.raw(good() + b"\x81\x84\x00\x00\x00\x00ping")
            (call,) = await server.functions.wait_for("default")
            assert call.event["body"] == "ping"
            client.close()

    run(main())


# Messages


def test_a_two_way_route_replies_and_a_one_way_does_not(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            server.functions.answers["set"] = lambda call: {"statusCode": 200, "body": "unheard"}
            await client.send('{"action":"set"}')
            await client.send('{"action":"echo","n":1}')
            assert await client.recv() == '{"action":"echo","n":1}'
            assert server.functions.of("set")[0].event["body"] == '{"action":"set"}'

    run(main())


def test_replies_come_as_functions_end_not_as_messages_came(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            del server.functions.answers["echo"]
            for number in range(3):
                await client.send(f'{{"action":"echo","n":{number}}}')
            calls = await server.functions.wait_for("echo", 3)
            for number in (2, 0, 1):
                calls[number].answer({"statusCode": 200, "body": str(number)})
                assert await client.recv() == str(number)

    run(main())


def test_error_frames_byte_for_byte(run: Run, serve: Serve) -> None:
    answers: dict[str, object] = {
        "raised": (b'{"errorMessage":"x"}', "Unhandled"),
        "malformed": (b'{"statusCode":200,"more":1}', None),
        "full": TooManyRequestsError("full"),
        "missing": BadRequestError("no function"),
    }

    async def main() -> None:
        async with serve(["$connect", "set"], integration_timeout_ms=50) as server:
            client, connection_id = await server.connect_with_id()

            async def frame_for(kind: str) -> tuple[str, str]:
                await client.send(f'{{"action":"set","kind":"{kind}"}}')
                return await client.recv(), (await server.functions.wait_for("set"))[-1].context[
                    "requestId"
                ]

            def expected(message: str, request_id: str) -> str:
                return (
                    f'{{"message": "{message}", "connectionId":"{connection_id}", '
                    f'"requestId":"{request_id}"}}'
                )

            def answer(call: Call) -> object:
                outcome = answers.get(orjson.loads(call.event["body"])["kind"])
                if isinstance(outcome, CallerError):
                    raise outcome
                if isinstance(outcome, tuple):
                    result_type = type("Result", (), {"payload": outcome[0], "error": outcome[1]})
                    call.future.set_result(result_type())
                return None

            server.functions.answers["set"] = answer
            for kind, message in {
                "raised": "Internal server error",
                "malformed": "Internal server error",
                "missing": "Internal server error",
                "full": "Too Many Requests",
                "slow": "Endpoint request timed out",
            }.items():
                frame, request_id = await frame_for(kind)
                assert frame == expected(message, request_id)

            await client.send("no route")
            frame = await client.recv()
            assert frame == expected("Forbidden", orjson.loads(frame)["requestId"])
            await client.close()

    run(main())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 32 * 1024])
def test_frames_up_to_32_kb_are_taken(run: Run, serve: Serve, size: int) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            await client.send("x" * size)
            (call,) = await server.functions.wait_for("default")
            assert call.event["body"] == "x" * size

    run(main())


def test_a_message_of_several_frames_up_to_128_kb_is_taken_whole(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            pieces = ["ü" * 16 * 1024] * 4  # 4 times 32 KB
            await client.send(pieces)
            (call,) = await server.functions.wait_for("default")
            assert call.event["body"] == "".join(pieces)

    run(main())


def test_a_character_split_over_frames_and_a_ping_between_them(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.TEXT, b"\xf0\x9f", fin=False)
            client.send_frame(Opcode.PING, b"alive?")
            client.send_frame(Opcode.CONT, b"", fin=False)
            client.send_frame(Opcode.CONT, b"\x94\x94")
            assert await client.frame() == (Opcode.PONG, b"alive?")
            (call,) = await server.functions.wait_for("default")
            assert call.event["body"] == "🔔"
            client.close()

    run(main())


def test_bytes_one_at_a_time(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw(b"")
            for byte in good() + b"\x81\x84\x00\x00\x00\x00ping":
                client.send(bytes((byte,)))
                await asyncio.sleep(0)
                if server.hub.statistics().opened == 0 and byte == 10:
                    await asyncio.sleep(0.002)
            (call,) = await server.functions.wait_for("default")
            assert call.event["body"] == "ping"
            client.close()

    run(main())


async def closed_with(client: Any) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed):
        await client.recv()
    return client.close_code, client.close_reason


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("x" * (32 * 1024 + 1), 1009),
        ("x" * 5_000_000, 1009),
        (["x" * 32 * 1024] * 4 + ["x"], 1009),
        (["x" * 32 * 1024] * 100, 1009),
        (b"binary", 1003),
        ([b"bin", b"ary"], 1003),
    ],
)
def test_what_is_too_large_or_binary_closes_with_its_code(
    run: Run, serve: Serve, message: Any, code: int
) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.connect()
            with suppress(ConnectionClosed):  # it may hear of it while it still sends
                await client.send(message)
            assert (await closed_with(client))[0] == code
            await server.functions.wait_for("disconnect")
            assert server.functions.of("default") == []
            context = server.functions.of("disconnect")[0].context
            assert context["disconnectStatusCode"] == code
            assert context["disconnectReason"] != ""

    run(main())


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # each example has its own server
)
@given(sizes=st.lists(st.integers(0, 72), min_size=1, max_size=8))
def test_however_a_message_is_cut_only_its_frames_and_its_sum_are_bounded(
    run: Run, serve: Serve, sizes: list[int]
) -> None:
    pieces = [bytes((97 + number,)) * size for number, size in enumerate(sizes)]
    fits = max(sizes) <= 64 and sum(sizes) <= 256

    async def main() -> None:
        async with serve(frame_bytes=64, message_bytes=256) as server:
            client = await server.raw_open()
            for number, piece in enumerate(pieces):
                opcode = Opcode.CONT if number else Opcode.TEXT
                client.send_frame(opcode, piece, fin=number == len(pieces) - 1)
            if fits:
                (call,) = await server.functions.wait_for("default")
                assert call.event["body"] == b"".join(pieces).decode()
            else:
                opcode, payload = await client.frame()
                assert (opcode, payload[:2]) == (Opcode.CLOSE, (1009).to_bytes(2))
                assert server.functions.of("default") == []
            client.close()

    run(main())


def test_a_peer_that_is_still_sending_hears_why_it_was_closed(run: Run, serve: Serve) -> None:
    """A socket closed with bytes unread is reset, and the close frame may be lost with it."""

    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.TEXT, b"x" * 5_000_000)
            await asyncio.sleep(0.05)
            client.send(b"x" * 100_000)
            opcode, data = await client.frame()
            assert (opcode, data[:2]) == (Opcode.CLOSE, (1009).to_bytes(2))
            assert await client.rest() == b""

    run(main())


@pytest.mark.parametrize("text", [b"\xff", b"ok \xc3", b"\xed\xa0\x80"])
def test_text_that_is_not_utf_8_closes_with_1007(run: Run, serve: Serve, text: bytes) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.TEXT, text)
            client.send_text("not run any more")
            opcode, data = await client.frame()
            assert (opcode, data[:2]) == (Opcode.CLOSE, (1007).to_bytes(2))
            assert await client.rest() == b""
            client.close()
            await server.functions.wait_for("disconnect")
            assert server.functions.of("default") == []

    run(main())


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x04ping",  # not masked
        b"\xf1\x84\x00\x00\x00\x00ping",  # reserved bits
        b"\x83\x84\x00\x00\x00\x00ping",  # a reserved opcode
        b"\x80\x84\x00\x00\x00\x00ping",  # a continuation of nothing
        b"\x09\x80\x00\x00\x00\x00",  # a ping in pieces
    ],
)
def test_a_breach_of_the_protocol_closes_with_1002(run: Run, serve: Serve, frame: bytes) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send(frame)
            opcode, data = await client.frame()
            assert (opcode, data[:2]) == (Opcode.CLOSE, (1002).to_bytes(2))
            client.close()

    run(main())


def test_pings_are_answered(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server, server.connect() as client:
            async with asyncio.timeout(2):
                await (await client.ping(b"alive?"))

    run(main())


def test_a_message_just_before_the_close_frame_is_run(run: Run, serve: Serve) -> None:
    """Both come in one piece where a program sends and ends; more than may run at once, too."""

    async def main() -> None:
        async with serve(messages_in_flight=2) as server:
            client = await server.raw_open()
            message = b"\x81\x84\x00\x00\x00\x00ping"
            client.send(message * 5 + b"\x88\x82\x00\x00\x00\x00\x03\xe8" + message)
            assert await client.frame() == (Opcode.CLOSE, b"\x03\xe8")
            client.close()
            for number in range(5):
                calls = await server.functions.wait_for("default", min(number + 2, 5))
                assert len(calls) == min(number + 2, 5)
                calls[number].answer({"statusCode": 200})
            (call,) = await server.functions.wait_for("disconnect")
            assert call.context["disconnectStatusCode"] == 1000
            assert server.functions.calls[-1] is call

    run(main())


def test_a_close_frame_amid_a_message_is_answered_as_any(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.TEXT, b"half of a", fin=False)
            client.send_frame(Opcode.CLOSE, (1000).to_bytes(2) + b"bye")
            assert await client.frame() == (Opcode.CLOSE, (1000).to_bytes(2) + b"bye")
            client.close()
            (call,) = await server.functions.wait_for("disconnect")
            assert call.context["disconnectStatusCode"] == 1000
            assert server.functions.of("default") == []

    run(main())


def test_messages_after_a_breach_are_not_run(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            message = b"\x81\x84\x00\x00\x00\x00ping"
            client.send(message + b"\x82\x80\x00\x00\x00\x00" + message)
            await client.rest()
            client.close()
            await server.functions.wait_for("disconnect")
            assert len(server.functions.of("default")) == 1

    run(main())


# Back-pressure from the client


def test_a_flood_of_messages_waits_in_the_socket(run: Run, serve: Serve, wait_until: Until) -> None:
    async def main() -> None:
        async with serve(messages_in_flight=4) as server, server.connect() as client:
            sent = 0

            async def flood() -> None:
                nonlocal sent
                while True:
                    await client.send("x" * 30_000)
                    sent += 1

            flooding = asyncio.create_task(flood())
            calls = await server.functions.wait_for("default", 4)
            await asyncio.sleep(0.3)
            before = sent
            await asyncio.sleep(0.1)
            assert sent == before < 1000  # 30 MB: the kernel's buffers are full, ours are bounded
            assert len(server.functions.of("default")) == 4
            calls[0].answer({"statusCode": 200})
            await server.functions.wait_for("default", 5)
            flooding.cancel()
            server.functions.release()
            await wait_until(lambda: len(server.functions.of("default")) >= before)

    run(main())


def test_a_flood_that_is_answered_at_once_keeps_nobody_waiting(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with (
            serve(["$connect", "echo"], send_queue_bytes=50_000_000) as server,
            server.connect() as good,
        ):
            flooder = await server.raw_open()
            frame = bytes(Frame(Opcode.TEXT, b"nowhere").serialize(mask=True))
            flooder.send(frame * 40_000)  # each is answered Forbidden, without a function
            answered = 0
            while server.apis[0].unrouted.message_count < 40_000:
                await good.send('{"action":"echo"}')
                await good.recv()
                answered += 1
            assert answered > 6, "it had no turn between the messages of the flood"
            flooder.close()

    run(main())


@pytest.mark.parametrize("size", [3 * 8192 - 1, 3 * 8192, 3 * 8192 + 1, 100_000])
def test_nothing_of_what_waits_for_its_turn_is_lost(run: Run, serve: Serve, size: int) -> None:
    async def main() -> None:
        async with serve(["$disconnect", "$default"], messages_in_flight=100_000) as server:
            client = await server.raw_open()
            frame = bytes(Frame(Opcode.TEXT, b"x").serialize(mask=True))
            count = size // len(frame)
            client.send(frame * count)
            client.send_frame(Opcode.CLOSE, (1000).to_bytes(2))
            await client.rest()
            client.close()
            (end,) = await server.functions.wait_for("disconnect")
            assert end.context["disconnectStatusCode"] == 1000
            assert len(server.functions.of("default")) == count
            assert server.functions.calls[-1] is end

    run(main())


def test_a_full_function_answers_a_whole_backlog(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(messages_in_flight=1, send_queue_bytes=10_000_000) as server:
            client = await server.raw_open()
            client.send(b"\x81\x80\x00\x00\x00\x00" * 2000)
            (call,) = await server.functions.wait_for("default")
            await asyncio.sleep(0.05)
            server.functions.answers["default"] = refuse(TooManyRequestsError("full"))
            call.answer({"statusCode": 200})
            for _ in range(1999):
                _, data = await client.frame()
                assert orjson.loads(data)["message"] == "Too Many Requests"
            client.close()

    run(main())


def test_a_peer_whose_messages_wait_for_us_is_not_taken_for_dead(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with (
            serve(messages_in_flight=1, ping_interval_s=0.05, ping_timeout_s=0.05) as server,
            server.connect() as client,
        ):
            for _ in range(3):
                await client.send("x")
            (call,) = await server.functions.wait_for("default")
            await asyncio.sleep(0.5)
            call.answer({"statusCode": 200})
            await server.functions.wait_for("default", 2)
            assert server.hub.statistics().connections == 1
            server.functions.release()

    run(main())


# The end


@pytest.mark.parametrize(
    ("close_frame", "code", "reason"),
    [
        (b"", 1005, "Client-side close frame status not set"),
        (b"\x03\xe8", 1000, ""),
        (b"\x03\xe9", 1001, ""),
        (b"\x03\xe9Going away", 1001, "Going away"),
        (b"\x0f\xa0bye \xc3\xbc", 4000, "bye ü"),
    ],
)
def test_disconnect_is_told_how_the_client_closed(
    run: Run, serve: Serve, close_frame: bytes, code: int, reason: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.CLOSE, close_frame)
            assert await client.frame() == (Opcode.CLOSE, close_frame)
            assert await client.rest() == b""
            client.close()
            (call,) = await server.functions.wait_for("disconnect")
            context = call.context
            assert (context["disconnectStatusCode"], context["disconnectReason"]) == (code, reason)
            assert server.closed == [context["connectionId"]]

    run(main())


@pytest.mark.parametrize("leave", ["close", "reset", "end"])
def test_disconnect_is_told_that_the_client_vanished(run: Run, serve: Serve, leave: str) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_frame(Opcode.TEXT, b"half a mess", fin=False)
            await asyncio.sleep(0.01)
            getattr(client, leave)()
            (call,) = await server.functions.wait_for("disconnect")
            context = call.context
            assert (context["disconnectStatusCode"], context["disconnectReason"]) == (
                1006,
                "Connection Closed Abnormally",
            )
            assert server.functions.of("default") == []
            client.close()

    run(main())


def test_a_peer_that_does_not_finish_the_closing_handshake_is_cut(
    run: Run, serve: Serve, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve(close_timeout_s=0.1) as server:
            client = await server.raw_open()
            connection_id = server.functions.of("connect")[0].context["connectionId"]
            session = server.hub.get(connection_id)
            session.close(session.connection.delete())
            session.close(session.connection.delete())  # once more does nothing
            assert server.hub.get(connection_id) is None
            assert await client.frame() == (Opcode.CLOSE, b"\x03\xe8Connection Closed Normally")
            (call,) = await server.functions.wait_for("disconnect")
            context = call.context
            assert (context["disconnectStatusCode"], context["disconnectReason"]) == (
                1000,
                "Connection Closed Normally",
            )
            client.close()

    run(main())


def test_messages_that_come_after_our_close_are_not_run(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(close_timeout_s=0.1) as server:
            client = await server.raw_open()
            connection_id = server.functions.of("connect")[0].context["connectionId"]
            session = server.hub.get(connection_id)
            session.close(session.connection.delete())
            client.send_text("too late")
            await server.functions.wait_for("disconnect")
            assert server.functions.of("default") == []
            client.close()

    run(main())


def test_a_result_that_comes_after_the_end_is_dropped(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            client.send_text('{"action":"set"}')
            (call,) = await server.functions.wait_for("set")
            client.close()
            await server.functions.wait_for("disconnect")
            call.answer({"statusCode": 200, "body": "nobody hears it"})
            await asyncio.sleep(0.01)
            assert server.apis[0].messages_out == 0

    run(main())
