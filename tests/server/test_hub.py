from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Opcode

from bellwire.gateway.api import Api


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve

Until = Callable[..., Awaitable[None]]
CUT = (4008).to_bytes(2) + b"Slow consumer"


# Sending to many


def test_one_message_to_many_and_how_many_took_it(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            clients = [await server.connect() for _ in range(5)]
            ids = [call.context["connectionId"] for call in server.functions.of("connect")]
            assert server.hub.deliver([*ids, "unknown"], b"hello") == 5
            assert [await client.recv() for client in clients] == ["hello"] * 5
            assert server.hub.deliver([], b"hello") == 0
            statistics = server.hub.statistics()
            assert statistics._asdict() == {
                "connections": 5,
                "opened": 5,
                "slow_consumers_cut": 0,
            }
            for client in clients:
                await client.close()

    run(main())


def test_messages_to_one_connection_arrive_in_order(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id()
            for number in range(500):
                server.hub.deliver([connection_id], b"%d" % number)
                if number % 7 == 0:
                    await asyncio.sleep(0)
            assert [await client.recv() for _ in range(500)] == [str(n) for n in range(500)]
            await client.close()

    run(main())


@pytest.mark.parametrize("size", [0, 125, 126, 32 * 1024, 32 * 1024 + 1, 128 * 1024])
def test_a_large_message_goes_out_in_frames_of_32_kb(run: Run, serve: Serve, size: int) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id()
            text = ("ü" * (size // 2 + 1)).encode()[:size].decode(errors="ignore")
            assert server.hub.deliver([connection_id], text.encode()) == 1
            frames = [frame async for frame in client.recv_streaming()]
            assert "".join(frames) == text
            assert all(len(frame.encode()) <= 32 * 1024 for frame in frames)
            assert len(frames) == max(1, -(-len(text.encode()) // (32 * 1024)))
            await client.close()

    run(main())


def test_a_closing_connection_takes_nothing(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id()
            session = server.hub.get(connection_id)
            assert server.hub.is_open(connection_id)
            session.close(session.connection.delete())
            assert not server.hub.is_open(connection_id)
            assert server.hub.deliver([connection_id], b"x") == 0
            assert not session.send(b"x")
            await client.close()

    run(main())


# Readers that are too slow


def test_200_connections_that_never_read_do_not_slow_one_that_does(
    run: Run, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=100_000, close_timeout_s=0.2) as server:
            good, good_id = await server.connect_with_id()
            deaf = [await server.raw_open() for _ in range(200)]
            ids = [call.context["connectionId"] for call in server.functions.of("connect")]
            for client in deaf:
                client.stop_reading()
            slowest = 0.0
            text = b"x" * 30_000
            rounds = 0
            while server.hub.statistics().slow_consumers_cut < 200:
                rounds += 1
                assert rounds < 1000, "those that never read are never cut"
                started = time.monotonic()
                server.hub.deliver(ids, text)
                assert await good.recv() == text.decode()
                slowest = max(slowest, time.monotonic() - started)
            assert slowest < 3  # those who never read would hold it up for ever
            assert server.hub.is_open(good_id)
            assert server.hub.statistics().connections == 1
            calls = await server.functions.wait_for("disconnect", 200)
            assert {
                (call.context["disconnectStatusCode"], call.context["disconnectReason"])
                for call in calls
            } == {(4008, "Slow consumer")}
            await good.close()

    with caplog.at_level(logging.WARNING, "bellwire"):
        run(main())
    assert len(caplog.records) == 200  # one line each
    first = caplog.records[0].getMessage()
    assert "reads too slowly" in first
    assert "sendQueueBytes" in first


def test_a_slow_reader_that_catches_up_hears_why_it_was_cut(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=50_000, close_timeout_s=3) as server:
            client = await server.raw_open()
            connection_id = server.functions.of("connect")[0].context["connectionId"]
            client.stop_reading()
            sent = 0
            while server.hub.deliver([connection_id], b"x" * 30_000):
                sent += 1
                await asyncio.sleep(0)
            client.read_on()
            for _ in range(sent):
                opcode, _data = await client.frame()
                if opcode is Opcode.CLOSE:
                    break
            else:
                opcode, _data = await client.frame()
            assert (opcode, _data) == (Opcode.CLOSE, CUT)
            client.send_frame(Opcode.CLOSE, (4008).to_bytes(2))
            assert await client.rest() == b""
            client.close()
            async with asyncio.timeout(2):  # not only when `close_timeout_s` is over
                await server.functions.wait_for("disconnect")

    run(main())


def test_one_turn_of_the_loop_cannot_fill_the_memory(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=50_000) as server:
            client, connection_id = await server.connect_with_id()
            taken = [server.hub.deliver([connection_id], b"x" * 10_000) for _ in range(10)]
            assert taken == [1] * 4 + [0] * 6
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 4008

    run(main())


def test_it_tells_how_far_a_reader_lags_behind(run: Run, serve: Serve, wait_until: Until) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.raw_open()
            connection_id = server.functions.of("connect")[0].context["connectionId"]
            waiting = server.hub.waiting_bytes
            assert (waiting(connection_id), waiting("unknown")) == (0, 0)
            assert server.hub.deliver([connection_id], b"x" * 100) == 1
            assert waiting(connection_id) == 102  # with the head of its frame
            await wait_until(lambda: waiting(connection_id) == 0)
            client.stop_reading()
            while waiting(connection_id) < 200_000:  # the sockets between them are full
                assert server.hub.deliver([connection_id], b"x" * 30_000) == 1
                await asyncio.sleep(0)
            client.read_on()
            async with asyncio.timeout(5):
                while waiting(connection_id):
                    await client.frame()
            client.close()

    run(main())


def test_a_peer_that_pings_and_never_reads_is_cut(
    run: Run, serve: Serve, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=100_000, close_timeout_s=0.5) as server:
            client = await server.raw_open()
            connection_id = server.functions.of("connect")[0].context["connectionId"]
            session = server.hub.get(connection_id)
            client.stop_reading()
            ping = b"\x89\xfd" + bytes(4) + b"x" * 125
            most = 0
            while not server.functions.of("disconnect"):
                client.send(ping * 100)
                await asyncio.sleep(0)
                most = max(most, session._transport.get_write_buffer_size())
            assert server.hub.statistics().slow_consumers_cut == 1
            assert most < 1_000_000
            client.reset()

    run(main())


# The clock


def test_an_idle_connection_is_closed(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(idle_timeout_s=0.3) as server:
            idle = await server.connect()
            busy = await server.connect()
            started = time.monotonic()
            while not idle.close_code:
                await busy.send('{"action":"echo"}')
                await busy.recv()
                await asyncio.sleep(0.01)
            assert (idle.close_code, idle.close_reason) == (1001, "Going away")
            assert 0.25 < time.monotonic() - started < 1.5
            assert busy.close_code is None
            (call,) = await server.functions.wait_for("disconnect")
            assert (call.context["disconnectStatusCode"], call.context["disconnectReason"]) == (
                1001,
                "Going away",
            )
            await busy.close()

    run(main())


def test_an_old_connection_is_closed_however_busy(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(connection_duration_s=0.3) as server:
            client = await server.connect()

            async def talk() -> None:
                while True:
                    await client.send('{"action":"echo"}')
                    await client.recv()

            with pytest.raises(ConnectionClosed):
                await talk()
            assert (client.close_code, client.close_reason) == (1001, "Going away")

    run(main())


def test_a_peer_that_answers_no_ping_is_dead(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(ping_interval_s=0.1, ping_timeout_s=0.1) as server:
            alive = await server.connect()
            mute = await server.raw_open()
            assert await mute.frame() == (Opcode.PING, b"")
            (call,) = await server.functions.wait_for("disconnect")
            assert (call.context["disconnectStatusCode"], call.context["disconnectReason"]) == (
                1006,
                "Connection Closed Abnormally",
            )
            assert alive.close_code is None
            assert server.hub.statistics().connections == 1
            await alive.close()

    run(main())


# The end


def test_close_says_1001_and_waits_for_disconnect(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["disconnect"]
            client = await server.connect()
            vanished = await server.raw_open()
            vanished.stop_reading()
            closing = asyncio.create_task(server.hub.close())
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (1001, "Going away")
            calls = await server.functions.wait_for("disconnect", 2)
            assert {call.context["disconnectStatusCode"] for call in calls} == {1001}
            calls[0].answer({"statusCode": 200})
            await asyncio.sleep(0.05)
            assert not closing.done()
            calls[1].answer({"statusCode": 200})
            async with asyncio.timeout(1):
                await closing
            assert server.hub.statistics().connections == 0

    run(main())


def test_close_waits_for_a_function_that_runs(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.connect()
            await client.send('{"action":"set"}')
            (call,) = await server.functions.wait_for("set")
            closing = asyncio.create_task(server.hub.close())
            await server.functions.wait_for("disconnect")
            await asyncio.sleep(0.05)
            assert not closing.done()
            call.answer({"statusCode": 200})
            async with asyncio.timeout(1):
                await closing
            await client.close()

    run(main())


def test_close_with_a_connect_still_running(run: Run, serve: Serve) -> None:
    """The handshake is finished, then closed: `$disconnect` undoes what `$connect` has done."""

    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            connecting = asyncio.ensure_future(server.connect().__aenter__())
            (call,) = await server.functions.wait_for("connect")
            closing = asyncio.create_task(server.hub.close())
            await asyncio.sleep(0.01)
            call.answer({"statusCode": 200})
            client = await connecting
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1001
            async with asyncio.timeout(1):
                await closing
            assert len(server.functions.of("disconnect")) == 1

    run(main())


def test_close_refuses_handshakes_that_come_late(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            await server.hub.close()
            with pytest.raises(InvalidStatus) as caught:
                await server.connect()
            assert caught.value.response.status_code == 503
            assert orjson.loads(caught.value.response.body)["message"] == "Service Unavailable"

    run(main())


def test_close_while_a_client_closes_and_a_client_is_cut(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=1000) as server:
            leaving, cut, backlog = [await server.raw_open() for _ in range(3)]
            ids = [call.context["connectionId"] for call in server.functions.of("connect")]
            leaving.send_frame(Opcode.CLOSE, b"")
            server.hub.deliver([ids[1]], b"x" * 2000)
            for _ in range(50):
                backlog.send_text("hello")
            await server.functions.wait_for("default", 32)
            server.functions.answers["default"] = lambda call: {"statusCode": 200}
            closing = asyncio.create_task(server.hub.close())
            await asyncio.sleep(0)
            for call in server.functions.of("default"):
                call.answer({"statusCode": 200})
            for client in (leaving, cut, backlog):
                client.close()
            async with asyncio.timeout(2):
                await closing
            assert len(server.functions.of("disconnect")) == 3
            assert len(server.closed) == 3

    run(main())


def test_on_close_hears_of_each_connection_once_and_nothing_is_kept(
    run: Run, serve: Serve, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve() as server:
            clients = [await server.connect() for _ in range(20)]
            ids = [call.context["connectionId"] for call in server.functions.of("connect")]
            for client in clients[:10]:
                await client.close()
            for client in clients[10:]:
                client.transport.abort()
            await server.functions.wait_for("disconnect", 20)
            await wait_until(lambda: server.hub._running == 0)
            assert sorted(server.closed) == sorted(ids)
            assert (server.hub._sessions, server.hub._closing) == ({}, set())

    run(main())


# Other definitions of the stages


def test_apis_are_replaced_and_no_connection_is_closed(
    run: Run, serve: Serve, make_api: Callable[..., Api]
) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id()
            server.functions.answers.pop("echo")
            await client.send('{"action":"echo","n":1}')
            (held,) = await server.functions.wait_for("echo")
            limits = server.hub.limits
            server.hub.replace_apis([make_api(["$connect", "$disconnect", "set"], limits)])
            await client.send('{"action":"echo"}')  # no such route any more, nor a default
            assert "Forbidden" in str(await client.recv())
            held.answer({"statusCode": 200, "body": "by the old route"})
            assert await client.recv() == "by the old route"
            assert server.hub.deliver([connection_id], b"still here") == 1
            assert await client.recv() == "still here"
            (api,) = server.hub.apis
            assert api.unrouted.message_count == 1
            await client.close()
            await server.functions.wait_for("disconnect")

    run(main())


def test_a_handshake_that_is_on_its_way_ends_on_the_new_routes(
    run: Run, serve: Serve, make_api: Callable[..., Api]
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers.pop("connect")
            connecting = asyncio.ensure_future(server.connect())
            (call,) = await server.functions.wait_for("connect")
            server.hub.replace_apis([make_api(["echo", "$disconnect"], server.hub.limits)])
            call.answer({"statusCode": 200})
            client = await connecting
            await client.send('{"action":"set"}')
            assert "Forbidden" in str(await client.recv())
            await client.send('{"action":"echo"}')
            assert await client.recv() == '{"action":"echo"}'
            await client.close()

    run(main())


def test_connections_of_a_stage_that_is_gone_keep_it(
    run: Run, serve: Serve, make_api: Callable[..., Api]
) -> None:
    async def main() -> None:
        async with serve() as server:
            client = await server.connect()
            server.hub.replace_apis([make_api(["set"], server.hub.limits, stage="other")])
            await client.send('{"action":"echo"}')
            assert await client.recv() == '{"action":"echo"}'
            with pytest.raises(InvalidStatus, match="403"):
                await server.connect()
            await client.close()

    run(main())
