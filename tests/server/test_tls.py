from __future__ import annotations

import asyncio
import json
import resource
import shutil
import socket
import ssl
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.exceptions import ClientError
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode

from bellwire.server.front_door import FrontDoor
from bellwire.server.tls import TlsTransport


if TYPE_CHECKING:
    from tests.server.conftest import Authority, FrontDoorServer, Run, Serve

Until = Callable[..., Awaitable[None]]

UPGRADE = (
    b"GET /dev HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
PONG = b"\x8a\x80" + bytes(4)


class HandClient:
    """A TLS client whose records a test sends as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = credulous().wrap_bio(self._incoming, self._outgoing)

    def flight(self) -> bytes:
        """Return what the client has to send."""
        return self._outgoing.read()

    async def take(self) -> bool:
        """Take what the server sent; False at its end."""
        async with asyncio.timeout(5):
            data = await self._reader.read(65536)
        self._incoming.write(data)
        return bool(data)

    def hello(self) -> bytes:
        """Return the first flight."""
        with suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.flight()

    async def shake_hands(self) -> bytes:
        """Go through the handshake but for its last flight, and return that."""
        while True:
            assert await self.take()
            with suppress(ssl.SSLWantReadError):
                self.tls.do_handshake()
                return self.flight()

    async def rest(self) -> bytes:
        """Read to the end of the server's records."""
        text = b""
        while True:
            try:
                piece = self.tls.read(65536)
                if not piece:
                    return text
                text += piece
            except ssl.SSLZeroReturnError:
                return text  # both sides have said that they are done
            except ssl.SSLWantReadError:
                assert await self.take(), f"no close_notify after {text!r}"


def credulous() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def client_hello() -> bytes:
    """Return the first bytes of a client."""
    outgoing = ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        credulous().wrap_bio(ssl.MemoryBIO(), outgoing).do_handshake()
    return outgoing.read()


async def by_hand(server: FrontDoorServer) -> HandClient:
    return HandClient(*await asyncio.open_connection("127.0.0.1", server.port))


def secure(server: FrontDoorServer, authority: Authority, **arguments: Any) -> Any:
    """Open a WebSocket over TLS with a real client."""
    return server.connect(url=server.secure_url, ssl=authority.client, **arguments)


# WebSockets


def test_a_websocket_over_tls(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            async with secure(server, authority) as client:
                await client.send('{"action":"echo"}')
                assert await client.recv() == '{"action":"echo"}'
                host = f"localhost:{server.port}"
                assert server.functions.of("connect")[0].context["domainName"] == host
                assert server.functions.of("connect")[0].context["identity"]["sourceIp"]
            (call,) = await server.functions.wait_for("disconnect")
            assert call.context["disconnectStatusCode"] == 1000

    run(main())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("address", ["localhost", "127.0.0.1"])
def test_versions_and_names(
    run: Run, serve: Serve, authority: Authority, version: ssl.TLSVersion, address: str
) -> None:
    context = ssl.create_default_context(cafile=authority.file)
    context.minimum_version = context.maximum_version = version

    async def main() -> None:
        async with (
            serve(tls=authority.server) as server,
            server.connect(url=f"wss://{address}:{server.port}/dev", ssl=context) as client,
        ):
            await client.send('{"action":"echo"}')
            assert await client.recv() == '{"action":"echo"}'
            transport = client.transport
            assert transport.get_extra_info("ssl_object").version() == version.name.replace(
                "_", "."
            )

    run(main())


def test_plain_and_tls_share_the_port(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with (
            serve(tls=authority.server) as server,
            server.connect() as plain,
            secure(server, authority) as encrypted,
        ):
            for client in (plain, encrypted, plain):
                await client.send('{"action":"echo"}')
                assert await client.recv() == '{"action":"echo"}'
            assert (await server.request("GET", "/healthz")).status == 200

    run(main())


def test_large_messages_both_ways(run: Run, serve: Serve, authority: Authority) -> None:
    text = json.dumps({"action": "echo", "text": "é" * 50_000}, ensure_ascii=False)

    async def main() -> None:
        async with (
            serve(tls=authority.server, frame_bytes=200_000) as server,
            secure(server, authority) as client,
        ):
            for _ in range(20):
                await client.send(text)
            for _ in range(20):
                assert await client.recv() == text

    run(main())


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def test_a_large_message_leaves_no_memory_with_its_connection(authority: Authority) -> None:
    message = bytes(120_000)

    class Under(asyncio.Transport):
        def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
            self.sent = bytes(data)

        def is_closing(self) -> bool:
            return False

        def get_write_buffer_size(self) -> int:
            return 0

    class Above(asyncio.Protocol):
        got = 0

        def data_received(self, data: bytes) -> None:
            self.got += len(data)

    def exchange() -> TlsTransport:
        """Shake hands, and send a large message either way."""
        under, above = Under(), Above()
        server = TlsTransport(under, above, authority.server)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = credulous().wrap_bio(incoming, outgoing)
        for _ in range(2):
            with suppress(ssl.SSLWantReadError):
                client.do_handshake()
            server.data_received(outgoing.read())
            incoming.write(under.sent)
        client.write(message)
        server.data_received(outgoing.read())
        assert above.got == len(message)
        server.write(message)
        assert len(under.sent) > len(message)
        under.sent = b""
        return server

    kept = [exchange() for _ in range(20)]
    before = resident_bytes()
    kept += [exchange() for _ in range(200)]
    assert (resident_bytes() - before) / 200 < 120_000


def test_a_burst_to_one_reader_arrives_whole_and_in_order(
    run: Run, serve: Serve, authority: Authority
) -> None:
    async def main() -> None:
        async with (
            serve(tls=authority.server, send_queue_bytes=64_000_000) as server,
            secure(server, authority) as client,
        ):
            connection_id = server.functions.of("connect")[-1].context["connectionId"]
            for number in range(300):
                assert server.hub.deliver((connection_id,), f"{number:0100000}".encode())
            for number in range(300):
                assert int(str(await client.recv())[-9:]) == number

    run(main())


def test_many_connections_at_once(run: Run, serve: Serve, authority: Authority) -> None:
    async def one(server: FrontDoorServer, number: int) -> None:
        async with secure(server, authority, open_timeout=14) as client:
            text = json.dumps({"action": "echo", "number": number})
            for _ in range(3):
                await client.send(text)
                assert await client.recv() == text

    async def main() -> None:
        async with serve(tls=authority.server) as server:
            await asyncio.gather(*(one(server, number) for number in range(200)))
            assert server.hub.statistics().opened == 200
            assert not server.hub.half_open

    run(main())


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1001, "gone"), (4321, "mine")])
def test_close_codes_of_the_client_arrive(
    run: Run, serve: Serve, authority: Authority, code: int, reason: str
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            async with secure(server, authority) as client:
                await client.close(code, reason)
                assert client.close_code == code
            (call,) = await server.functions.wait_for("disconnect")
            assert call.context["disconnectStatusCode"] == code

    run(main())


def test_close_codes_of_the_server_arrive(run: Run, serve: Serve, authority: Authority) -> None:
    async def close_of(client: ClientConnection) -> tuple[int | None, str | None]:
        with suppress(ConnectionClosed):
            await client.recv()
        return client.close_code, client.close_reason

    async def main() -> None:
        async with serve(tls=authority.server, idle_timeout_s=0.2) as server:
            async with secure(server, authority) as idle:
                assert await close_of(idle) == (1001, "Going away")
            async with secure(server, authority) as binary:
                await binary.send(b"bytes")
                assert (await close_of(binary))[0] == 1003
            async with secure(server, authority) as large:
                await large.send("x" * 200_000)
                assert (await close_of(large))[0] == 1009

    run(main())


def test_a_reader_too_slow_is_cut(
    run: Run, serve: Serve, authority: Authority, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, send_queue_bytes=300_000) as server:
            client = await server.raw(tls=authority.client)
            assert (await client.head()).startswith(b"HTTP/1.1 101 ")
            client.stop_reading()
            connection_id = server.functions.of("connect")[-1].context["connectionId"]
            async with secure(server, authority) as other:
                await wait_until(lambda: not server.hub.deliver((connection_id,), b"x" * 100_000))
                assert server.hub.statistics().slow_consumers_cut == 1
                await other.send('{"action":"echo"}')
                assert await other.recv() == '{"action":"echo"}'
            await wait_until(lambda: server.functions.of("disconnect"))
            call = server.functions.of("disconnect")[0]
            assert call.context["disconnectStatusCode"] in (4008, 1000)

    run(main())


def test_a_sender_waits_while_its_messages_do(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with (
            serve(tls=authority.server, messages_in_flight=2) as server,
            secure(server, authority) as client,
        ):
            for number in range(500):
                await client.send(f'{{"action":"set","number":{number}}}')
            calls = await server.functions.wait_for("set", 2)
            await asyncio.sleep(0.05)
            assert len(server.functions.of("set")) == 2
            server.functions.answers["set"] = lambda call: {"statusCode": 200}
            for call in calls:
                call.answer({"statusCode": 200})
            calls = await server.functions.wait_for("set", 500)
            numbers = [json.loads(call.event["body"])["number"] for call in calls]
            assert numbers == list(range(500))

    run(main())


def test_a_sender_of_one_long_stream_keeps_nobody_waiting(
    run: Run, serve: Serve, authority: Authority
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            flood = await server.raw(tls=authority.client)
            assert (await flood.head()).startswith(b"HTTP/1.1 101 ")
            async with secure(server, authority) as client:
                for _ in range(20_000):
                    flood.send_text('{"action":"echo"}')
                started = time.monotonic()
                await client.send('{"action":"echo"}')
                assert await client.recv() == '{"action":"echo"}'
                assert time.monotonic() - started < 5
            flood.reset()

    run(main())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("reads", [True, False])
def test_a_peer_that_changes_its_keys_is_answered_while_it_reads(
    run: Run, serve: Serve, authority: Authority, wait_until: Until, reads: bool
) -> None:
    async def main() -> None:
        opened = asyncio.Event()
        async with (
            serve(tls=authority.server, send_queue_bytes=64_000_000) as server,
            passing_on(server.port, lambda: reads or not opened.is_set()) as address,
            s_client(address) as (to_peer, from_peer),
        ):
            to_peer.write(UPGRADE)
            await from_peer.readuntil(b"\r\n\r\n")
            opened.set()
            connection_id = server.functions.of("connect")[-1].context["connectionId"]
            for _ in range(0 if reads else 150):
                assert server.hub.deliver((connection_id,), b"x" * 120_000)
            for line in (b"K\n", PONG) * 3:  # K changes the keys, with what is sent next
                to_peer.write(line)
                await asyncio.sleep(0.1)
            if reads:
                assert server.hub.deliver((connection_id,), b"still here")
                assert (await from_peer.readexactly(12)).endswith(b"still here")
            else:
                await wait_until(lambda: not server.hub.is_open(connection_id))

    run(main())


@asynccontextmanager
async def s_client(
    address: str,
) -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamReader]]:
    """Run OpenSSL's client; a line that it reads alone may be a command."""
    command = ("openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", address)
    peer = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    assert peer.stdin is not None
    assert peer.stdout is not None
    try:
        yield peer.stdin, peer.stdout
    finally:
        with suppress(ProcessLookupError):
            peer.kill()
        await peer.wait()
        peer.stdin.close()


@asynccontextmanager
async def passing_on(port: int, answers: Callable[[], bool]) -> AsyncIterator[str]:
    """Stand between a peer and the server, whose words are left unread while not `answers`."""
    copying: list[asyncio.Task[None]] = []

    async def copy(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, may: Callable[[], bool]
    ) -> None:
        try:
            with suppress(ConnectionError):
                while (data := await source.read(65536)) and may():
                    target.write(data)
            await asyncio.Event().wait()
        finally:
            target.close()

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, to_server = await asyncio.open_connection("127.0.0.1", port)
        copying.append(asyncio.create_task(copy(reader, to_server, lambda: True)))
        copying.append(asyncio.create_task(copy(ours, writer, answers)))

    listening = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    try:
        yield "{}:{}".format(*listening.sockets[0].getsockname())
    finally:
        listening.close()
        for task in copying:
            task.cancel()
        await asyncio.gather(*copying, return_exceptions=True)


# HTTP


def test_https_with_urllib(run: Run, serve: Serve, authority: Authority) -> None:
    def get(url: str) -> tuple[int, bytes]:
        with urlopen(Request(url), context=authority.client, timeout=5) as answer:
            return answer.status, answer.read()

    async def main() -> None:
        async with serve(tls=authority.server) as server:
            for host in ("localhost", "127.0.0.1"):
                url = f"https://{host}:{server.port}/readyz"
                assert await asyncio.to_thread(get, url) == (200, b'{"ready": true}')

    run(main())


def test_boto3_posts_gets_and_deletes_by_https(
    run: Run, serve: Serve, authority: Authority, aws_session: boto3.Session
) -> None:
    def drive(url: str, connection_id: str) -> dict[str, Any]:
        api = aws_session.client(
            "apigatewaymanagementapi", endpoint_url=url, verify=str(authority.file)
        )
        for number in range(3):  # on one connection, kept alive
            api.post_to_connection(ConnectionId=connection_id, Data=f"hello {number}".encode())
        identity: dict[str, Any] = dict(api.get_connection(ConnectionId=connection_id)["Identity"])
        api.delete_connection(ConnectionId=connection_id)
        with pytest.raises(ClientError, match="GoneException"):
            api.post_to_connection(ConnectionId=connection_id, Data=b"too late")
        api.close()
        return identity

    async def main() -> None:
        async with (
            serve(tls=authority.server) as server,
            secure(server, authority) as client,
        ):
            context = server.functions.of("connect")[-1].context
            url = f"https://{context['domainName']}/{context['stage']}"
            identity = await asyncio.to_thread(drive, url, context["connectionId"])
            assert identity["SourceIp"] in ("127.0.0.1", "::1")
            for number in range(3):
                assert await client.recv() == f"hello {number}"
            with pytest.raises(ConnectionClosed):
                await client.recv()

    run(main())


def test_large_bodies_in_requests_one_after_the_other(
    run: Run, serve: Serve, authority: Authority
) -> None:
    body = json.dumps("x" * 3_000_000).encode()
    head = b"POST /2015-03-31/functions/set/invocations HTTP/1.1\r\nHost: localhost\r\n"
    head += b"Content-Length: %d\r\n" % len(body)

    def drive(port: int) -> bytes:
        # In a thread, with a socket: the TLS of uvloop, as a client, loses the end of what it has
        # not read when the server closes.
        with (
            socket.create_connection(("localhost", port), timeout=5) as plain,
            authority.client.wrap_socket(plain, server_hostname="localhost") as client,
        ):
            client.sendall(head + b"\r\n" + body)
            client.sendall(head + b"Connection: close\r\n\r\n" + body)
            return b"".join(iter(lambda: client.recv(65536), b""))

    async def main() -> None:
        async with serve(tls=authority.server) as server:
            server.functions.answers["set"] = lambda call: call.event
            answers = await asyncio.to_thread(drive, server.port)
            assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
            assert answers.count(body) == 2

    run(main())


def test_a_head_too_large_is_431_over_tls_too(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, request_head_timeout_s=0.5) as server:
            request = b"GET /dev HTTP/1.1\r\nX: " + b"a" * 100_000
            client = await server.raw(request, tls=authority.client)
            assert (await client.head()).startswith(b"HTTP/1.1 431 ")
            client.close()

    run(main())


# The handshake, and its bounds


def test_a_request_may_come_with_the_end_of_the_handshake_cut_anyhow(
    run: Run, serve: Serve, authority: Authority
) -> None:
    request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    async def main() -> None:
        async with serve(tls=authority.server) as server:
            for size in (1, 7, 100_000):
                client = await by_hand(server)
                await send_in_pieces(client, client.hello(), size)
                last = await client.shake_hands()
                client.tls.write(request)
                await send_in_pieces(client, last + client.flight(), size)
                answer = await client.rest()
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
                assert answer.endswith(b'{"ready": true}')
                client.writer.close()

    run(main())


async def send_in_pieces(client: HandClient, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        client.writer.write(data[start : start + size])
        await client.writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16" * 500,
        b"\x16\x03\x01\xff\xff" + bytes(100),
        b"\x16\x03\x01\x00\x05hello",
        b"\x16GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\x02\x01\x00",
    ],
)
def test_what_only_begins_like_tls_ends(
    run: Run, serve: Serve, authority: Authority, garbage: bytes
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, request_head_timeout_s=0.2) as server:
            client = await server.raw(garbage)
            with suppress(ConnectionError):
                answer = await client.rest()
                assert answer[:1] in (b"", b"\x15"), "an alert, or nothing"
            assert not server.hub.half_open
            assert (await server.request("GET", "/healthz")).status == 200

    run(main())


def test_garbage_amid_a_connection_ends_it(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            client = await by_hand(server)
            client.writer.write(client.hello())
            client.writer.write(await client.shake_hands())
            client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with suppress(ssl.SSLError, ConnectionError):
                assert await client.rest() == b""
            client.writer.close()

    run(main())


def test_tls_within_tls_is_no_request(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, request_head_timeout_s=0.2) as server:
            client = await server.raw(client_hello() + b"\r\n\r\n", tls=authority.client)
            assert not (await client.rest()).startswith(b"\x16")

    run(main())


def test_a_slow_handshake_is_dropped_in_the_time_of_a_head(
    run: Run, serve: Serve, authority: Authority
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, request_head_timeout_s=0.3) as server:
            started = time.monotonic()
            silent = await server.raw(b"\x16")
            half = await by_hand(server)
            half.writer.write(half.hello())
            await half.shake_hands()  # its end is never sent
            headless = await server.raw(b"", tls=authority.client)
            for client in (silent, headless):
                with suppress(ConnectionError, ssl.SSLError):
                    assert await client.rest() == b""
            with suppress(ConnectionError, AssertionError):
                await half.rest()
            assert 0.2 < time.monotonic() - started < 1.5
            assert not server.hub.half_open
            half.writer.close()

    run(main())


def test_handshakes_count_among_half_open_sockets(
    run: Run, serve: Serve, authority: Authority
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, half_open=3) as server:
            oldest = await server.raw(b"\x16")
            others = [await server.raw(b"\x16") for _ in range(2)]
            async with secure(server, authority) as client:
                with suppress(ConnectionError):
                    assert await oldest.rest() == b""
                assert len(server.hub.half_open) == 2
                await client.send('{"action":"echo"}')
                assert await client.recv() == '{"action":"echo"}'
            for each in others:
                each.reset()

    run(main())


@pytest.mark.parametrize("leave", ["close", "reset"])
@pytest.mark.parametrize("sent", [1, 50, None])
def test_a_peer_that_leaves_within_its_handshake_leaves_nothing(
    run: Run,
    serve: Serve,
    authority: Authority,
    wait_until: Until,
    sent: int | None,
    leave: str,
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server, request_head_timeout_s=0.3) as server:
            client = await server.raw(client_hello()[:sent])
            await wait_until(lambda: len(server.hub.half_open) == 1)
            getattr(client, leave)()
            await wait_until(lambda: not server.hub.half_open)

    run(main())


def test_without_a_certificate_tls_is_no_request(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(request_head_timeout_s=0.2) as server:
            client = await server.raw(client_hello())
            with suppress(ConnectionError):
                assert b"\x16" not in await client.rest()

    run(main())


# The end


def test_a_client_that_says_it_is_done_hears_that_we_are(
    run: Run, serve: Serve, authority: Authority
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            client = await by_hand(server)
            client.writer.write(client.hello())
            client.writer.write(await client.shake_hands())
            with suppress(ssl.SSLWantReadError):
                client.tls.unwrap()
            client.writer.write(client.flight())
            assert await client.rest() == b""
            client.writer.close()

    run(main())


def test_the_close_frame_arrives_though_the_client_still_sends(
    run: Run, serve: Serve, authority: Authority
) -> None:
    """A socket closed while bytes are unread would be reset, and our last words lost."""

    async def main() -> None:
        async with serve(tls=authority.server) as server:
            client = await server.raw(tls=authority.client)
            await client.head()
            client.send_frame(Opcode.BINARY, b"x")
            for _ in range(100):
                client.send_text("x" * 1000)
            assert (await client.frame())[0] is Opcode.CLOSE
            assert await client.rest() == b""

    run(main())


def test_a_client_that_vanishes_is_noticed(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            for leave in ("reset", "close"):
                client = await server.raw(tls=authority.client)
                await client.head()
                getattr(client, leave)()
            calls = await server.functions.wait_for("disconnect", 2)
            assert {call.context["disconnectStatusCode"] for call in calls} == {1006}
            assert server.hub.statistics().connections == 0

    run(main())


def test_a_node_that_stops_tells_its_clients(run: Run, serve: Serve, authority: Authority) -> None:
    async def main() -> None:
        async with (
            serve(tls=authority.server) as server,
            secure(server, authority) as client,
        ):
            closing = asyncio.create_task(server.hub.close())
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 1001
            await closing

    run(main())


def test_a_transport_tells_what_it_is(
    run: Run, serve: Serve, authority: Authority, wait_until: Until
) -> None:
    async def main() -> None:
        async with serve(tls=authority.server) as server:
            client = await server.raw(b"GET", tls=authority.client)
            await wait_until(lambda: server.hub.half_open)
            (under,) = server.hub.half_open
            await wait_until(lambda: type(under.get_protocol()) is TlsTransport)
            transport = under.get_protocol()
            assert isinstance(transport, TlsTransport)
            assert isinstance(transport.get_protocol(), FrontDoor)
            assert isinstance(transport.get_extra_info("ssl_object"), ssl.SSLObject)
            assert transport.get_extra_info("sslcontext") is authority.server
            assert transport.get_extra_info("sockname") == under.get_extra_info("sockname")
            assert transport.get_extra_info("nothing", 1) == 1
            assert transport.get_write_buffer_size() == 0
            transport.set_write_buffer_limits(high=100, low=10)
            assert under.get_write_buffer_limits() == (10, 100)
            assert transport.get_write_buffer_limits() == (10, 100)
            transport.pause_reading()
            assert not transport.is_reading()
            assert not under.is_reading()
            transport.resume_reading()
            assert transport.is_reading()
            transport.abort()
            transport.write(b"too late")
            assert transport.is_closing()
            client.close()

    run(main())
