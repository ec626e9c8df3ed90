"""The node's end of the SDK: one socket for each worker, one JSON line for each call.

    {"id":1,"call":"set_notify_list","connection_id":"…","notify_list":[…]}   → {"id":1,"ok":{…}}
    {"id":2,"call":"forget","connection_id":"…"}                              → {"id":2,"ok":null}
    {"id":3,"call":"notify","device_id":"…","value":{…},"timestamp":1}        → {"id":3,"ok":3}

A call that cannot be done is answered
`{"id":4,"error":{"code":"InvalidNotifyList","message":"…"}}`. Calls begin with their id and
answers with that of the call, null where it has none. They come in the order of the calls; who
does not read them is not read from either.
"""

from __future__ import annotations

import asyncio
import logging
import re
from typing import cast

import orjson

from bellwire.errors import BellwireError
from bellwire.notify.listeners import Listeners
from bellwire.notify.lists import InvalidNotifyList
from bellwire.notify.values import InvalidChange


log = logging.getLogger("bellwire.notify")

LINE_BYTES = 8 * 1024 * 1024
"""Longest call: a little more than the largest event a function can get."""
_BEGINNING = re.compile(rb'{"id":(\d{1,15}),')
_PAUSE_S = 0.1
"""Between two bursts of last values that a reply could not carry: the first comes after it."""


class NotifierChannel(asyncio.Protocol):
    """Answers the calls of one function's process."""

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._transport: asyncio.Transport | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._pushes: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket."""
        self._transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        """Take no more calls while answers wait to be read."""
        assert self._transport is not None
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Take calls again."""
        assert self._transport is not None
        self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Answer each whole line."""
        assert self._transport is not None
        *lines, rest = data.split(b"\n")
        if lines:
            self._pieces.append(lines[0])
            lines[0] = b"".join(self._pieces)
            self._pieces, self._size = [], 0
            self._transport.write(b"".join(self._answer(line) for line in lines))
        if rest:
            self._pieces.append(rest)
            self._size += len(rest)
        if self._size > LINE_BYTES:
            log.error("a function's call to the notifier is over %d bytes: cut off", LINE_BYTES)
            self._transport.abort()

    def _answer(self, line: bytes) -> bytes:
        begins = _BEGINNING.match(line)  # known for a line that is not JSON, too
        number = int(begins[1]) if begins else None
        answer: dict[str, object]
        try:
            answer = {"id": number, "ok": self._call(orjson.loads(line))}
        except (InvalidNotifyList, InvalidChange) as error:
            answer = _error(number, type(error).__name__, str(error))
        except BellwireError as error:
            answer = _error(number, type(error).__name__, error.message)
        except orjson.JSONDecodeError as error:
            answer = _error(number, "BadRequestError", f"the call is not JSON: {error}")
        return orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)

    def _call(self, call: object) -> object:
        listeners = self._listeners
        match call:
            case {"call": "notify", "device_id": str(device_id), "value": dict(value), **others}:
                timestamp = cast("int | None", others.get("timestamp"))  # checked by notify
                return listeners.notify(device_id, value, timestamp)
            case {"call": "set_notify_list", "connection_id": str(connection_id), **others}:
                stored = listeners.set_notify_list(connection_id, others.get("notify_list"))
                self._push_later(connection_id)
                return stored
            case {"call": "forget", "connection_id": str(connection_id)}:
                listeners.forget(connection_id)
                return None
            case _:
                raise BellwireError("the call is none that the notifier knows")

    def _push_later(self, connection_id: str) -> None:
        if (earlier := self._pushes.pop(connection_id, None)) is not None:
            earlier.cancel()  # of an earlier list
        if self._listeners.owes(connection_id):
            loop = asyncio.get_running_loop()
            timer = loop.call_later(_PAUSE_S, self._push_owed, connection_id)
            self._pushes[connection_id] = timer

    def _push_owed(self, connection_id: str) -> None:
        self._listeners.push_owed(connection_id)
        self._push_later(connection_id)


def _error(number: int | None, code: str, message: str) -> dict[str, object]:
    return {"id": number, "error": {"code": code, "message": message}}
