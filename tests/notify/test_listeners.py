"""The node's side of the notifier: whole frames, bounds, and nothing kept for those who left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from bellwire.errors import GoneError
from bellwire.limits import Limits
from bellwire.notify.listeners import Listeners
from bellwire.notify.lists import InvalidNotifyList
from bellwire.notify.values import InvalidChange


if TYPE_CHECKING:
    from tests.notify.conftest import Sockets

DEVICES = [f"d{number:02}" for number in range(60)]
IN_REPLY = 23
"""How many of them one reply holds; see `owing`."""


def test_frames_are_as_documented_to_the_byte(listeners: Listeners, sockets: Sockets) -> None:
    listeners.set_notify_list("one", [{"device_id": "d", "parameters": ["t", "b.level"]}])
    listeners.set_notify_list("two", [{"device_id": "d"}])
    assert listeners.notify("d", {"t": 21.7, "h": 40, "b": {"level": 80}}, 5) == 2
    assert listeners.notify("d", {"h": 41}) == 1
    assert sockets.frames["one"] == [
        b'{"event":"parameters","device_id":"d","value":{"b.level":80,"t":21.7},"timestamp":5}'
    ]
    assert sockets.frames["two"] == [
        b'{"event":"parameters","device_id":"d","value":{"t":21.7,"h":40,"b":{"level":80}},'
        b'"timestamp":5}',
        b'{"event":"parameters","device_id":"d","value":{"h":41},"timestamp":1732370000123}',
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("", {"a": 1}, 5), "device_id: expected a non-empty string"),
        (("d", [1], 5), "value: expected an object of parameters"),
        (("d", {"a": 1}, True), "timestamp: expected whole milliseconds since 1970"),
    ],
)
def test_a_change_that_cannot_be_pushed_leaves_no_trace(
    listeners: Listeners, sockets: Sockets, change: tuple[str, Any, Any], message: str
) -> None:
    listeners.set_notify_list("one", [{"device_id": "d"}])
    with pytest.raises(InvalidChange) as refused:
        listeners.notify(*change)
    assert str(refused.value) == message
    assert (listeners.devices(), sockets.frames["one"]) == ([], [])


@pytest.fixture
def owing(listeners_with: Callable[[Limits], Listeners]) -> Listeners:
    """Sixty devices are known, and `one` asks for all: a reply holds less than half of them."""
    listeners = listeners_with(Limits(message_bytes=16 * 1024, send_queue_bytes=16 * 1024))
    for device_id in DEVICES:
        listeners.notify(device_id, {"text": "ü" * 200}, 5)
    stored = listeners.set_notify_list("one", [{"device_id": each} for each in DEVICES])
    assert len(orjson.dumps(stored)) < 16 * 1024 - 3000
    assert [each["device_id"] for each in stored["snapshot"]] == DEVICES[:IN_REPLY]
    assert listeners.owes("one")
    return listeners


def test_a_snapshot_too_large_for_a_reply_is_pushed(owing: Listeners, sockets: Sockets) -> None:
    bursts: list[int] = []
    while owing.owes("one"):
        owing.push_owed("one")
        bursts.append(sum(map(len, sockets.frames["one"])) - sum(bursts))
    assert max(bursts) < 4 * 1024 + 500, "a quarter of the queue, and the frame that filled it"
    pushed = [orjson.loads(frame) for frame in sockets.frames["one"]]
    assert [each["device_id"] for each in pushed] == DEVICES[IN_REPLY:]
    assert pushed[-1] == {
        "event": "parameters",
        "device_id": "d59",
        "value": {"text": "ü" * 200},
        "timestamp": 5,
    }
    owing.push_owed("one")
    assert len(sockets.frames["one"]) == len(pushed)


def test_what_is_owed_waits_for_a_slow_reader(owing: Listeners, sockets: Sockets) -> None:
    sockets.unread["one"] = 4 * 1024
    owing.push_owed("one")
    assert (sockets.frames["one"], owing.owes("one")) == ([], True)
    sockets.unread["one"] = 4 * 1024 - 1
    owing.push_owed("one")
    assert len(sockets.frames["one"]) == 1


def test_what_is_owed_is_pushed_as_it_is_now(owing: Listeners, sockets: Sockets) -> None:
    owing.notify("d59", {"text": "new"}, 6)
    while owing.owes("one"):
        owing.push_owed("one")
    told = [orjson.loads(frame) for frame in sockets.frames["one"]]
    assert [each["value"]["text"] for each in told if each["device_id"] == "d59"] == ["new"] * 2


@pytest.mark.parametrize("end", ["forgotten", "replaced", "cut"])
def test_nothing_is_owed_after_the_end(owing: Listeners, sockets: Sockets, end: str) -> None:
    match end:
        case "forgotten":
            owing.forget("one")
        case "replaced":
            owing.set_notify_list("one", [{"device_id": "d01"}])
        case _:
            sockets.full.add("one")
            owing.push_owed("one")
    assert not owing.owes("one")
    owing.push_owed("one")
    assert sockets.frames["one"] == []


def test_a_list_that_is_refused_leaves_the_old_one(listeners: Listeners, sockets: Sockets) -> None:
    listeners.set_notify_list("one", [{"device_id": "d"}])
    with pytest.raises(InvalidNotifyList):
        listeners.set_notify_list("one", [{"device_id": 1}])
    assert listeners.notify("d", {"a": 1}, 1) == 1
    assert len(sockets.frames["one"]) == 1


def test_nothing_is_kept_for_a_connection_that_is_not_open(listeners: Listeners) -> None:
    with pytest.raises(GoneError):
        listeners.set_notify_list("nobody", [{"device_id": "d"}])
    assert listeners.statistics().connections == 0


def test_forgetting_ends_it(listeners: Listeners) -> None:
    listeners.set_notify_list("one", [{"device_id": "d"}])
    listeners.forget("one")
    listeners.forget("one")
    assert listeners.notify("d", {"a": 1}) == 0


def test_the_bounds_are_those_of_the_limits(listeners_with: Callable[[Limits], Listeners]) -> None:
    bounded = listeners_with(Limits(notify_list_devices=1, snapshot_devices=1))
    with pytest.raises(InvalidNotifyList, match="2 entries, at most 1"):
        bounded.set_notify_list("one", [{"device_id": "d"}, {"device_id": "e"}])
    bounded.notify("d", {"a": 1}, 1)
    bounded.notify("e", {"a": 2}, 2)
    assert bounded.devices() == [{"device_id": "e", "value": {"a": 2}, "timestamp": 2}]


def test_statistics(listeners: Listeners) -> None:
    listeners.set_notify_list("one", [{"device_id": "d"}, {"device_id": "e"}])
    listeners.set_notify_list("two", [{"device_id": "d", "parameters": ["a"]}])
    listeners.notify("d", {"a": 1})
    assert listeners.statistics() == (2, 2, 1, 1, 2)
