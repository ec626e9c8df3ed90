"""The node's end of the SDK's socket: lines in any pieces, answers in order, bad calls answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from bellwire.limits import Limits
from bellwire.notify.channel import LINE_BYTES, NotifierChannel
from bellwire.notify.listeners import Listeners


if TYPE_CHECKING:
    from tests.notify.conftest import Sockets


class Transport(asyncio.Transport):
    """A transport that remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.is_aborted = False
        self._is_reading = True

    def is_reading(self) -> bool:
        return self._is_reading

    def pause_reading(self) -> None:
        self._is_reading = False

    def resume_reading(self) -> None:
        self._is_reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.is_aborted = True


def attach(listeners: Listeners) -> tuple[NotifierChannel, Transport]:
    channel, transport = NotifierChannel(listeners), Transport()
    channel.connection_made(transport)
    return channel, transport


def to_line(call: dict[str, object]) -> bytes:
    return json.dumps(call, separators=(",", ":")).encode() + b"\n"


def answers(transport: Transport) -> list[Any]:
    return [json.loads(line) for line in transport.written.splitlines()]


LIST = [{"device_id": "d"}]
CALLS: list[dict[str, object]] = [
    {"id": 1, "call": "set_notify_list", "connection_id": "one", "notify_list": LIST},
    {"id": 2, "call": "notify", "device_id": "d", "value": {"a": 1}, "timestamp": 7},
    {"call": "notify", "device_id": "d", "value": {"a": 1}, "timestamp": None},
    {"id": 4, "call": "forget", "connection_id": "one"},
    {"id": "5", "call": "notify", "device_id": "d", "value": {"a": 1}},
]
ANSWERS = [
    {"id": 1, "ok": {"notify_list": [{"device_id": "d"}], "snapshot": []}},
    {"id": 2, "ok": 1},
    {"id": None, "ok": 1},
    {"id": 4, "ok": None},
    {"id": None, "ok": 0},
]


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_calls_are_answered_in_order_in_whatever_pieces_they_come(
    listeners: Listeners, size: int
) -> None:
    channel, transport = attach(listeners)
    data = b"".join(map(to_line, CALLS))
    for start in range(0, len(data), size):
        channel.data_received(data[start : start + size])
    assert answers(transport) == ANSWERS


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json", "BadRequestError"),
        (b'half a line,"notify_list":[', "BadRequestError"),
        (b'{"call":"drop_tables"}', "BellwireError"),
        (b'{"call":"notify","device_id":"d","value":3}', "BellwireError"),
        (b'{"call":"notify","device_id":"d","value":{"a":NaN}}', "BadRequestError"),
        (b'{"call":"notify","device_id":"d","value":{},"timestamp":1.5}', "InvalidChange"),
        (
            b'{"call":"notify","device_id":"d","value":{"a":' + b"[" * 300 + b"]" * 300 + b"}}",
            "InvalidChange",
        ),
        (
            b'{"call":"set_notify_list","connection_id":"one","notify_list":3}',
            "InvalidNotifyList",
        ),
        (b'{"call":"set_notify_list","connection_id":"x","notify_list":[]}', "GoneError"),
    ],
)
@pytest.mark.parametrize("number", [None, 6])
def test_a_bad_call_is_answered_and_the_next_one_works(
    listeners: Listeners, line: bytes, code: str, number: int | None
) -> None:
    channel, transport = attach(listeners)
    beginning = b"" if number is None else b'{"id":%d,' % number
    channel.data_received(
        beginning
        + line.removeprefix(b"{" if beginning else b"")
        + b'\n{"id":7,"call":"forget","connection_id":"one"}\n'
    )
    first, second = answers(transport)
    assert (first["id"], first["error"]["code"]) == (number, code)
    assert second == {"id": 7, "ok": None}


def test_who_does_not_read_the_answers_is_not_read_from(listeners: Listeners) -> None:
    channel, transport = attach(listeners)
    channel.pause_writing()
    assert not transport.is_reading()
    channel.resume_writing()
    assert transport.is_reading()


def test_a_call_without_end_is_cut_off(listeners: Listeners) -> None:
    channel, transport = attach(listeners)
    for _ in range(LINE_BYTES // 65_536 + 2):
        channel.data_received(b"x" * 65_536)
    assert transport.is_aborted


def test_a_call_that_is_no_object_is_answered(listeners: Listeners) -> None:
    channel, transport = attach(listeners)
    channel.data_received(b"[]\n")
    assert answers(transport) == [
        {
            "id": None,
            "error": {
                "code": "BellwireError",
                "message": "the call is none that the notifier knows",
            },
        }
    ]


def test_lists_in_quick_succession_are_pushed_as_one(
    listeners_with: Callable[[Limits], Listeners], sockets: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    bursts: list[str] = []

    def never_reads(connection_id: str) -> int:
        bursts.append(connection_id)
        return 1_000_000

    monkeypatch.setattr(sockets, "waiting", never_reads)
    listeners = listeners_with(Limits(message_bytes=8 * 1024))
    names = [f"d{number}" for number in range(30)]
    for name in names:
        listeners.notify(name, {"text": "x" * 300}, 5)
    call: dict[str, object] = {"call": "set_notify_list", "connection_id": "one"}
    line = to_line({**call, "notify_list": [{"device_id": name} for name in names]})

    async def main() -> None:
        channel, _ = attach(listeners)
        for _ in range(50):
            channel.data_received(line)
        await asyncio.sleep(0.35)
        assert listeners.owes("one")
        listeners.forget("one")

    asyncio.run(main())
    assert 1 <= len(bursts) <= 3
