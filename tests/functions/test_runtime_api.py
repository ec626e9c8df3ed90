"""The Runtime API itself, spoken to by hand: a runtime that is a shell script sleeps meanwhile."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bellwire.functions.pool import Functions
from bellwire.functions.runtime_api import RefusedError, RuntimeApi, Turn


if TYPE_CHECKING:
    from tests.functions.conftest import Harness

ID = "6c14aac6-b810-49ce-9c6c-50104412d524"
ARN = "arn:aws:lambda:eu-west-1:1:function:f"
TURN = Turn(ID, 1_700_000_000_000, ARN, "Root=1-2-3", b'{"custom":{}}', b'"e"')
BODY_BYTES = 1000


class Recorder:
    """An environment that gives one invocation and keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bytes]] = []

    async def next(self) -> Turn:
        return TURN

    def check(self, request_id: str) -> None:
        if request_id != ID:
            raise RefusedError(400, "InvalidRequestID", "Invalid request ID")

    def respond(self, request_id: str, document: bytes) -> None:
        self.told.append(("respond", request_id, document))

    def fail(self, request_id: str, document: bytes) -> None:
        self.told.append(("fail", request_id, document))

    def fail_init(self, document: bytes) -> None:
        self.told.append(("fail_init", "", document))


Send = Callable[..., Coroutine[Any, Any, tuple[int, dict[str, str], bytes]]]


@asynccontextmanager
async def serving(exchange: Recorder) -> AsyncIterator[Send]:
    """Serve an exchange; gives a function that sends a request on one kept connection."""
    listening = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listening.getsockname()[1]}/2018-06-01/runtime"
    api = RuntimeApi(exchange, body_bytes=BODY_BYTES)
    await api.start(listening)

    async def send(
        method: str, path: str, data: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = None if data is None else io.BytesIO(data)
        async with session.request(method, base + path, data=body, headers=named) as answer:
            return answer.status, dict(answer.headers), await answer.read()

    connector = aiohttp.TCPConnector(limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield send
    await api.close()


def test_each_request_has_its_answer() -> None:
    async def main() -> None:
        exchange = Recorder()
        async with serving(exchange) as send:
            status, headers, body = await send("GET", "/invocation/next")
            assert (status, body) == (200, b'"e"')
            del headers["Date"], headers["Server"]
            assert headers == {
                "Content-Type": "application/json",
                "Content-Length": "3",
                "Lambda-Runtime-Aws-Request-Id": ID,
                "Lambda-Runtime-Deadline-Ms": "1700000000000",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:f",
                "Lambda-Runtime-Trace-Id": "Root=1-2-3",
                "Lambda-Runtime-Client-Context": '{"custom":{}}',
            }
            for path in (f"/invocation/{ID}/response", f"/invocation/{ID}/error", "/init/error"):
                status, _, body = await send("POST", path, path.encode())
                assert (status, body) == (202, b'{"status":"OK"}')
        assert exchange.told == [
            ("respond", ID, f"/invocation/{ID}/response".encode()),
            ("fail", ID, f"/invocation/{ID}/error".encode()),
            ("fail_init", "", b"/init/error"),
        ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "error_type"),
    [
        ("POST", "/invocation/other/response", {}, 400, "InvalidRequestID"),
        ("POST", "/invocation/other/error", {}, 400, "InvalidRequestID"),
        ("POST", f"/invocation/{ID}/else", {}, 404, "NotFound"),
        ("GET", f"/invocation/{ID}/response", {}, 404, "NotFound"),
        ("POST", "/invocation/next", {}, 404, "NotFound"),
        ("GET", "/init/error", {}, 404, "NotFound"),
        ("GET", "", {}, 404, "NotFound"),
        ("GET", "/invocation/next", {"Origin": "http://page.example"}, 403, "Forbidden"),
        ("GET", "/invocation/next", {"Sec_Fetch_Site": "cross-site"}, 403, "Forbidden"),
        ("POST", "/init/error", {"Origin": "null"}, 403, "Forbidden"),
        ("GET", "/invocation/next", {"Host": "evil.example:80"}, 403, "Forbidden"),
    ],
)
def test_other_requests_are_refused(
    method: str, path: str, headers: dict[str, str], status: int, error_type: str
) -> None:
    async def main() -> None:
        exchange = Recorder()
        async with serving(exchange) as send:
            got, _, body = await send(method, path, b"1" if method == "POST" else None, **headers)
            assert got == status
            document = json.loads(body)
            assert document.keys() == {"errorMessage", "errorType"}
            assert document["errorType"] == error_type
        assert exchange.told == []

    asyncio.run(main())


def test_a_body_over_the_bound_is_read_and_refused() -> None:
    too_large = {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (1000 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }

    async def main() -> None:
        exchange = Recorder()
        async with serving(exchange) as send:
            for path in (f"/invocation/{ID}/response", f"/invocation/{ID}/error", "/init/error"):
                status, _, body = await send("POST", path, b"x" * 3_000_000)
                assert status == 413
                assert json.loads(body) == {
                    "errorMessage": "Exceeded maximum allowed payload size (1000 bytes).",
                    "errorType": "RequestEntityTooLarge",
                }
            assert (await send("POST", f"/invocation/{ID}/response", b"x" * 1000))[0] == 202
        (response, error, last) = exchange.told
        assert (response[0], error[0]) == ("fail", "fail")
        assert json.loads(response[2]) == json.loads(error[2]) == too_large
        assert last == ("respond", ID, b"x" * 1000)

    asyncio.run(main())


# A runtime that misbehaves: its environment goes on

PROGRAM = """#!/usr/bin/env python3
import json, os, sys, http.client
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
prefix = "/2018-06-01/runtime/"

def send(method, path, body=None):
    api.request(method, prefix + path, body)
    answer = api.getresponse()
    return answer.status, answer.headers, answer.read()

"""


def misbehaving(harness: Harness, source: str) -> Any:
    harness.write(PROGRAM + source, "main")
    (harness.folder / "main").chmod(0o755)
    return harness.function(runtime="provided", handler="main", concurrency=1, timeout_s=2)


def test_a_second_answer_is_refused_and_the_first_counts(harness: Harness) -> None:
    function = misbehaving(
        harness,
        """
while True:
    _, headers, event = send("GET", "invocation/next")
    own = f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/"
    statuses = [send("POST", own + "response", event)[0]]
    statuses += [send("POST", own + kind, b"2")[0] for kind in ("response", "error")]
    statuses.append(send("POST", "init/error", b"2")[0])
    print(statuses, flush=True)
""",
    )

    async def main() -> None:
        async with harness.running(function) as pools:
            assert [await harness.value(pools, event=number) for number in range(3)] == [0, 1, 2]
        assert {line.text for line in harness.lines} == {"[202, 400, 400, 403]"}

    asyncio.run(main())


def test_a_connection_that_is_lost_before_the_event_came_loses_none(harness: Harness) -> None:
    function = misbehaving(
        harness,
        """
import socket, time
address = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
for _ in range(3):
    lost = socket.create_connection(address)
    host = ":".join(address)
    head = f"GET {prefix}invocation/next HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"
    lost.sendall(head.encode())
    time.sleep(0.05)
    lost.close()
time.sleep(0.05)
while True:
    _, headers, event = send("GET", "invocation/next")
    own = f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/"
    send("POST", own + "response", event)
""",
    )

    async def main() -> None:
        async with harness.running(function) as pools:
            await asyncio.sleep(0.5)
            assert await asyncio.gather(
                *(harness.value(pools, event=number) for number in range(20))
            ) == list(range(20))

    asyncio.run(main())


def test_a_runtime_that_reports_its_init_and_stays_is_ended(harness: Harness) -> None:
    function = misbehaving(
        harness,
        """
import time
print(send("POST", "init/error", b'{"errorType": "Mine", "errorMessage": "m"}')[0], flush=True)
time.sleep(60)
""",
    )

    async def main() -> None:
        async with harness.running(function) as pools:
            result = await harness.call(pools)
            assert (result.error, json.loads(result.payload)) == (
                "Unhandled",
                {"errorType": "Mine", "errorMessage": "m"},
            )
            assert await _processes_end(harness, pools)
        assert [line.text for line in harness.lines] == ["202", "202"]

    asyncio.run(main())


async def _processes_end(harness: Harness, pools: Functions) -> bool:
    async with asyncio.timeout(5):
        while harness.workers():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return pools.statistics()["f"].init_failures == 2


def test_a_child_that_holds_the_socket_does_not_hide_the_end(harness: Harness) -> None:
    function = misbehaving(
        harness,
        """
import subprocess
_, headers, event = send("GET", "invocation/next")
own = f"invocation/{headers['Lambda-Runtime-Aws-Request-Id']}/"
subprocess.Popen(["sleep", "3"], close_fds=False, start_new_session=True, cwd="/")
send("POST", own + "response", event)
api.request("GET", prefix + "invocation/next")
import time
time.sleep(0.2)
os._exit(0)
""",
    )

    async def main() -> None:
        async with harness.running(function) as pools:
            assert await harness.value(pools, event=1) == 1
            async with asyncio.timeout(1.5):
                while not pools.statistics()["f"].crashes:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert await harness.value(pools, event=2) == 2

    asyncio.run(main())


def test_a_long_header_about_an_error_is_taken() -> None:
    async def main() -> None:
        exchange = Recorder()
        async with serving(exchange) as send:
            cause = {"lambda_runtime_function_xray_error_cause": "x" * 1024 * 1024}
            assert (await send("POST", f"/invocation/{ID}/error", b"1", **cause))[0] == 202
        assert exchange.told == [("fail", ID, b"1")]

    asyncio.run(main())
