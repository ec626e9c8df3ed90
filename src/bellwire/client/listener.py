"""Listening to parameters over a WebSocket, as any app does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from bellwire.errors import BadRequestError, UpstreamError


class Update(NamedTuple):
    """Parameters of one device. `is_snapshot` where it is the last known value, not news."""

    device_id: str
    value: Mapping[str, object]
    timestamp_ms: int
    is_snapshot: bool


@asynccontextmanager
async def open_listener(
    url: str, device_id: str, parameters: Sequence[str]
) -> AsyncIterator[AsyncIterator[Update]]:
    """Connect and listen to a device, or to some of its parameters; yields the updates.

    Raises UpstreamError where there is no connection or it ends, BadRequestError where the node
    does not take the list, ValueError where the address is none of a WebSocket.
    """
    try:
        connecting = connect(url, compression=None)
    except (InvalidURI, ValueError):  # ValueError: a port that is no number, say
        raise ValueError(f"{url!r} is not of the form ws://127.0.0.1:3001/dev") from None
    try:
        async with connecting as websocket:
            yield _updates(websocket, device_id, parameters)
    except InvalidStatus as error:
        status = error.response.status_code
        raise UpstreamError(
            f"{url} refused the connection with status {status}",
            retryable=False,
            hint="the path is the stage, as in ws://127.0.0.1:3001/dev" if status == 403 else None,
        ) from None
    except ConnectionClosed as error:
        close = error.rcvd
        why = f"{close.code} {close.reason}".rstrip() if close else "the connection broke"
        raise UpstreamError(f"{url} closed the connection: {why}", retryable=True) from None
    except (OSError, WebSocketException) as error:
        raise UpstreamError(
            f"{url} cannot be reached: {error}", retryable=True, hint="is `bellwire run` running?"
        ) from None


async def _updates(
    websocket: ClientConnection, device_id: str, parameters: Sequence[str]
) -> AsyncIterator[Update]:
    entry: dict[str, object] = {"device_id": device_id}
    if parameters:
        entry["parameters"] = list(parameters)
    await websocket.send(json.dumps({"action": "set_notify_list", "notify_list": [entry]}))
    while True:
        frame = _parse(await websocket.recv())
        match frame:
            case {"event": "notify_list", "snapshot": snapshot}:
                for known in snapshot:
                    yield _update(known, is_snapshot=True)
            case {"event": "parameters"}:
                yield _update(frame, is_snapshot=False)
            case {"event": "error", "message": message} | {"message": message}:
                raise BadRequestError(f"the node refused the list: {message}")


def _parse(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise UpstreamError("the server sends what is not JSON", retryable=False) from None


def _update(frame: Mapping[str, object], *, is_snapshot: bool) -> Update:
    device_id, value, timestamp = frame["device_id"], frame["value"], frame["timestamp"]
    assert isinstance(device_id, str)
    assert isinstance(value, dict)
    assert isinstance(timestamp, int | float)
    return Update(device_id, value, int(timestamp), is_snapshot)
