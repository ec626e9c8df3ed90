"""The node's side of the notifier: whole frames, bounds, and nothing kept for those who left."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from bellwire.errors import GoneError
from bellwire.limits import Limits
from bellwire.notify.listeners import Listeners
from bellwire.notify.lists import InvalidNotifyList


if TYPE_CHECKING:
    from tests.notify.conftest import Sockets


def test_frames_are_as_documented_to_the_byte(listeners: Listeners, sockets: Sockets) -> None:
    listeners.set_notify_list("one", [{"device_id": "d", "parameters": ["t", "b.level"]}])
    listeners.set_notify_list("two", [{"device_id": "d"}])
    assert listeners.notify("d", {"t": 21.7, "h": 40, "b": {"level": 80}}, 5) == 2
    assert listeners.notify("d", {"h": 41}) == 1
    assert sockets.frames["one"] == [
        b'{"event":"parameters","device_id":"d","value":{"t":21.7,"b.level":80},"timestamp":5}'
    ]
    assert sockets.frames["two"] == [
        b'{"event":"parameters","device_id":"d","value":{"t":21.7,"h":40,"b":{"level":80}},'
        b'"timestamp":5}',
        b'{"event":"parameters","device_id":"d","value":{"h":41},"timestamp":1732370000123}',
    ]


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
