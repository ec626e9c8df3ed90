"""The notifier as handlers use it: the same few verbs here and on AWS. Standard library only.

Where a handler runs decides what is behind them: in a Bellwire node the node's own lists, reached
over a socket that the process inherits (`BELLWIRE_NOTIFIER_FD`); on AWS Lambda a DynamoDB table
and the @connections API (`bellwire.notify.aws`).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Mapping
from typing import Any, Protocol

from bellwire.notify.lists import InvalidNotifyList, ListBounds, StoredList, parse_notify_list
from bellwire.notify.unavailable import ConnectionGone, NotifierUnavailable
from bellwire.notify.values import InvalidChange, check_change, to_json


CHANNEL_VARIABLE = "BELLWIRE_NOTIFIER_FD"

_UNBOUNDED = ListBounds(sys.maxsize, sys.maxsize, sys.maxsize)
_ERRORS: dict[str, type[Exception]] = {
    "InvalidNotifyList": InvalidNotifyList,
    "InvalidChange": InvalidChange,
    "GoneError": ConnectionGone,
}
"""What the node's errors are for a handler; any other is NotifierUnavailable."""


class Backend(Protocol):
    """What is behind the notifier's verbs."""

    def set_notify_list(self, connection_id: str, notify_list: object) -> StoredList:
        """Replace a connection's list."""

    def forget(self, connection_id: str) -> None:
        """Remove a connection's list."""

    def notify(self, device_id: str, value: Mapping[str, object], timestamp: int | None) -> int:
        """Push an update."""


class Notifier:
    """Notify lists and the pushing of changes. Make one where your module is imported."""

    def __init__(self) -> None:
        """Connect to what is there; raises NotifierUnavailable where nothing is."""
        self._backend: Backend
        if CHANNEL_VARIABLE in os.environ:
            self._backend = _shared_node_backend(int(os.environ[CHANNEL_VARIABLE]))
        else:
            from bellwire.notify.aws import AwsBackend  # boto3 only where it is needed

            self._backend = AwsBackend.from_environment(os.environ)

    def set_notify_list(self, connection_id: str, notify_list: object) -> StoredList:
        """Replace what a connection listens to; return it as stored, with last known values.

        Raises InvalidNotifyList, and then the old list stays; ConnectionGone where the connection
        is known to have closed. Values that one reply cannot carry are pushed like changes.
        """
        return self._backend.set_notify_list(connection_id, notify_list)

    def forget(self, connection_id: str) -> None:
        """Remove what a connection listens to; for `$disconnect`."""
        self._backend.forget(connection_id)

    def notify(
        self, device_id: str, value: Mapping[str, object], timestamp: int | None = None
    ) -> int:
        """Push a device's update to those who listen; return how many connections it went to.

        `value` holds the parameters, `timestamp` is epoch milliseconds, None means now. Raises
        InvalidChange where it is none that can be pushed.
        """
        check_change(device_id, value, timestamp)
        return self._backend.notify(device_id, value, timestamp)


class NodeBackend:
    """Calls the node over an inherited socket: one JSON line a call, one at a time."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=os.dup(fd))
        self._socket.setblocking(True)
        self._reader = self._socket.makefile("rb")
        self._lock = threading.Lock()
        self._calls = 0
        self._is_sending = False

    def set_notify_list(self, connection_id: str, notify_list: object) -> StoredList:
        """Replace a connection's list."""
        # Checked here for what JSON cannot carry, there for what the node allows.
        parse_notify_list(notify_list, _UNBOUNDED)
        stored: StoredList = self._call(
            call="set_notify_list", connection_id=connection_id, notify_list=notify_list
        )
        return stored

    def forget(self, connection_id: str) -> None:
        """Remove a connection's list."""
        self._call(call="forget", connection_id=connection_id)

    def notify(self, device_id: str, value: Mapping[str, object], timestamp: int | None) -> int:
        """Push an update."""
        pushed: int = self._call(
            call="notify", device_id=device_id, value=value, timestamp=timestamp
        )
        return pushed

    def close(self) -> None:
        """Let go of the socket."""
        self._reader.close()
        self._socket.close()

    def _call(self, **call: object) -> Any:
        document = json.loads(self._exchange(to_json(call)))
        if "ok" in document:
            return document["ok"]
        code, message = document["error"]["code"], document["error"]["message"]
        if code in _ERRORS:
            raise _ERRORS[code](message)
        raise NotifierUnavailable(f"{code}: {message}")

    def _exchange(self, call: bytes) -> bytes:
        """Send a call, which is a JSON object, and return the answer to it.

        Calls are numbered: one that is interrupted, by a handler's own alarm say, leaves half a
        line or an answer behind. Neither may pass for a part of the next call, or its answer.
        """
        with self._lock:
            self._calls += 1
            line = b'{"id":%d,%b\n' % (self._calls, call[1:])
            beginning = b'{"id":%d,' % self._calls
            try:
                self._send(line)
                while not (answer := self._reader.readline()).startswith(beginning):
                    if not answer:
                        break
            except (OSError, ValueError) as error:  # ValueError: closed on our side
                raise NotifierUnavailable(f"the node cannot be reached: {error}") from None
        if not answer.endswith(b"\n"):
            raise NotifierUnavailable("the node has closed the notifier's socket: is it stopping?")
        return answer

    def _send(self, line: bytes) -> None:
        whole = b"\n" + line if self._is_sending else line  # ends what an interrupted call began
        self._is_sending = True
        self._socket.sendall(whole)
        self._is_sending = False


_backends: dict[int, NodeBackend] = {}


def _shared_node_backend(fd: int) -> NodeBackend:
    # One socket serves the whole process: two readers on it would take each other's answers.
    if fd not in _backends:
        _backends[fd] = NodeBackend(fd)
    return _backends[fd]
