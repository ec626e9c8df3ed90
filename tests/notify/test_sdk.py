"""The SDK: the same answers here and on AWS."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from bellwire.notify import (
    ConnectionGone,
    InvalidChange,
    InvalidNotifyList,
    Notifier,
    NotifierUnavailable,
    sdk,
)
from bellwire.notify.channel import NotifierChannel
from bellwire.notify.listeners import Listeners
from bellwire.notify.sdk import Backend, NodeBackend


if TYPE_CHECKING:
    from tests.notify.conftest import Sockets

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


def test_listen_change_forget(backend: Backend, sockets: Sockets) -> None:
    entry = {"device_id": "d", "parameters": ["t", "b.level"]}
    assert backend.set_notify_list("one", [entry]) == {"notify_list": [entry], "snapshot": []}
    assert backend.notify("d", {"t": 21.7, "h": 1, "b": {"level": 80}}, 5) == 1
    assert backend.notify("d", {"h": 2}, 6) == 0
    assert [json.loads(frame) for frame in sockets.frames["one"]] == [
        {
            "event": "parameters",
            "device_id": "d",
            "value": {"t": 21.7, "b.level": 80},
            "timestamp": 5,
        }
    ]
    backend.forget("one")
    assert backend.notify("d", {"t": 1}, 7) == 0


def test_a_list_is_replaced_and_gets_what_is_known(backend: Backend, sockets: Sockets) -> None:
    backend.notify("d", {"a": 1, "n": {"x": 1.5}}, 5)
    backend.notify("d", {"n": {"y": "ü"}}, 4)
    backend.set_notify_list("one", [{"device_id": "d"}, {"device_id": "e"}])
    stored = backend.set_notify_list("one", [{"device_id": "d"}, {"device_id": "f"}])
    assert stored["snapshot"] == [
        {"device_id": "d", "value": {"a": 1, "n": {"x": 1.5, "y": "ü"}}, "timestamp": 5}
    ]
    assert backend.notify("e", {"a": 1}, 6) == 0
    assert backend.notify("f", {"a": 1}, 6) == 1


def test_two_who_listen_to_one_device(backend: Backend, sockets: Sockets) -> None:
    backend.set_notify_list("one", [{"device_id": "d", "parameters": ["a"]}])
    backend.set_notify_list("two", [{"device_id": "d"}])
    assert backend.notify("d", {"a": 1, "b": 2}, 5) == 2
    values = {name: json.loads(frames[0])["value"] for name, frames in sockets.frames.items()}
    assert values == {"one": {"a": 1}, "two": {"a": 1, "b": 2}}


def test_frames_are_the_same_to_the_byte(backend: Backend, sockets: Sockets) -> None:
    backend.set_notify_list("one", [{"device_id": "d"}])
    backend.notify("d", {"t": 21.5, "s": "ü", "n": None, "l": [1, {"x": True}]}, 5)
    assert sockets.frames["one"] == [
        '{"event":"parameters","device_id":"d",'
        '"value":{"t":21.5,"s":"ü","n":null,"l":[1,{"x":true}]},"timestamp":5}'.encode()
    ]


def test_a_refused_list_leaves_the_old_one(backend: Backend) -> None:
    backend.set_notify_list("one", [{"device_id": "d"}])
    with pytest.raises(InvalidNotifyList, match=r"^notify_list\[0\]\.device_id: expected"):
        backend.set_notify_list("one", [{"device_id": ""}])
    assert backend.notify("d", {"a": 1}, 5) == 1


@pytest.mark.parametrize(
    "document",
    [[{"device_id": "\ud800"}], [{"device_id": float("nan")}], [{"\ud800": 1}], "\ud800"],
)
def test_a_list_that_json_cannot_carry_is_refused(backend: Backend, document: object) -> None:
    with pytest.raises(InvalidNotifyList, match=r"^notify_list"):
        backend.set_notify_list("one", document)


NESTED = json.loads("[" * 70 + "]" * 70)


@pytest.mark.parametrize("content", [float("nan"), "\ud800", NESTED, Decimal("1.5"), b"x"])
def test_a_change_that_cannot_be_pushed_is_no_change(backend: Backend, content: object) -> None:
    backend.set_notify_list("one", [{"device_id": "d"}])
    with pytest.raises(InvalidChange, match=r"^value: "):
        backend.notify("d", {"a": content}, 5)
    assert backend.notify("d", {"b": 1}, 6) == 1
    assert backend.set_notify_list("one", [{"device_id": "d"}])["snapshot"] == [
        {"device_id": "d", "value": {"b": 1}, "timestamp": 6}
    ]


def test_one_that_cannot_take_it_does_not_keep_the_others_from_it(
    backend: Backend, sockets: Sockets
) -> None:
    for connection_id in ("one", "two"):
        backend.set_notify_list(connection_id, [{"device_id": "d"}])
    sockets.full.add("one")
    assert backend.notify("d", {"a": 1}, 5) == 1
    sockets.full.clear()
    assert backend.notify("d", {"a": 2}, 6) == 2, "it is a listener still"


def test_a_snapshot_too_large_for_a_reply_is_pushed(backend: Backend, sockets: Sockets) -> None:
    devices = [f"d{number:03}" for number in range(120)]
    for device_id in devices:
        backend.notify(device_id, {"text": "x" * 1500}, 5)
    stored = backend.set_notify_list("one", [{"device_id": device_id} for device_id in devices])
    assert len(json.dumps(stored)) < 128 * 1024 - 2048
    in_reply = len(stored["snapshot"])
    assert in_reply < 90
    deadline = time.monotonic() + 10
    while in_reply + len(sockets.frames["one"]) < 120 and time.monotonic() < deadline:
        time.sleep(0.01)  # the node pushes after it has replied
    pushed = [json.loads(frame) for frame in sockets.frames["one"]]
    assert [each["device_id"] for each in stored["snapshot"] + pushed] == devices


def test_a_device_that_makes_up_ever_new_names_starts_anew(backend: Backend) -> None:
    for number in range(5):
        backend.notify("d", {f"name-{number}": "x" * 15_000}, number)
    (known,) = backend.set_notify_list("one", [{"device_id": "d"}])["snapshot"]
    assert known == {"device_id": "d", "value": {"name-4": "x" * 15_000}, "timestamp": 4}


def test_parameters_come_in_one_order(backend: Backend, sockets: Sockets) -> None:
    backend.set_notify_list("one", [{"device_id": "d", "parameters": ["c", "a.x", "b"]}])
    backend.notify("d", {"b": 1, "c": 2, "a": {"x": 3}}, 5)
    assert sockets.frames["one"] == [
        b'{"event":"parameters","device_id":"d","value":{"a.x":3,"b":1,"c":2},"timestamp":5}'
    ]


def test_a_connection_that_left_is_no_listener(backend: Backend, sockets: Sockets) -> None:
    backend.set_notify_list("one", [{"device_id": "d"}, {"device_id": "e"}])
    del sockets.frames["one"]
    assert backend.notify("d", {"a": 1}, 5) == 0
    assert backend.notify("e", {"a": 1}, 5) == 0


def test_a_device_of_many_listeners(backend: Backend, sockets: Sockets) -> None:
    names = [f"c{number}" for number in range(60)]
    for name in names:
        sockets.frames[name] = []
        backend.set_notify_list(name, [{"device_id": f"d{number}"} for number in range(3)])
    assert backend.notify("d1", {"a": "x" * 3000}, 5) == 60


def test_threads_share_a_notifier(backend: Backend, sockets: Sockets) -> None:
    backend.set_notify_list("one", [{"device_id": "d"}])
    threads = [
        threading.Thread(target=backend.notify, args=("d", {"a": number}, number))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    values = {json.loads(frame)["value"]["a"] for frame in sockets.frames["one"]}
    assert values == set(range(8))


def test_a_notifier_checks_before_it_asks(
    monkeypatch: pytest.MonkeyPatch,
    attach_channel: Callable[[Listeners], int],
    listeners: Listeners,
) -> None:
    number = attach_channel(listeners)
    monkeypatch.setenv("BELLWIRE_NOTIFIER_FD", str(number))
    notifier = Notifier()
    notifier.set_notify_list("one", [{"device_id": "d"}])
    with pytest.raises(InvalidChange, match=r"^timestamp: expected whole milliseconds"):
        notifier.notify("d", {"a": 1}, 1.5)  # type: ignore[arg-type]
    assert notifier.notify("d", {"a": 1}) == 1
    with pytest.raises(ConnectionGone, match="connection gone is not open"):
        notifier.set_notify_list("gone", [])
    sdk._backends.pop(number).close()


class Interrupted(Exception):
    """What a handler's own alarm raises, in the middle of whatever runs."""


@contextmanager
def alarm(after_s: float) -> Iterator[None]:
    def ring(number: int, frame: object) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, after_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Wire(asyncio.Transport):
    """Writes to a socket, and waits."""

    def __init__(self, ours: socket.socket) -> None:
        super().__init__()
        self.write = ours.sendall  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("size", [1, 200_000], ids=["unanswered", "half-sent"])
def test_a_call_that_is_interrupted_leaves_its_answer_to_nobody(
    listeners: Listeners, size: int
) -> None:
    ours, theirs = socket.socketpair()
    node = NodeBackend(theirs.fileno())
    with alarm(0.05), pytest.raises(Interrupted):  # the node is busy
        node.set_notify_list("one", [{"device_id": "secret" * size}])

    def serve() -> None:
        channel = NotifierChannel(listeners)
        channel.connection_made(Wire(ours))
        while data := ours.recv(65_536):
            channel.data_received(data)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        for device_id in ("d", "e"):
            stored = node.set_notify_list("two", [{"device_id": device_id}])
            assert stored["notify_list"] == [{"device_id": device_id}]
    finally:
        node.close()
        theirs.close()
        thread.join()
        ours.close()


@pytest.mark.parametrize("answer", [b"", b'{"ok":'])
def test_a_node_that_went_away_is_told(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    node = NodeBackend(theirs.fileno())
    theirs.close()
    ours.sendall(answer)
    ours.shutdown(socket.SHUT_WR)
    with pytest.raises(NotifierUnavailable, match="the node has closed the notifier's socket"):
        node.notify("d", {}, 1)
    ours.close()
    with pytest.raises(NotifierUnavailable, match="the node cannot be reached"):
        node.notify("d", {}, 1)
    node.close()


def test_without_a_node_and_without_aws_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("BELLWIRE_NOTIFIER_FD", "NOTIFIER_TABLE", "NOTIFIER_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NotifierUnavailable, match="NOTIFIER_TABLE and NOTIFIER_ENDPOINT"):
        Notifier()


def test_a_handler_imports_the_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules); import bellwire.notify; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(names - sys.stdlib_module_names), 'asyncio' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout == "['bellwire'] False\n"
