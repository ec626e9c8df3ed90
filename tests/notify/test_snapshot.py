"""Last known values: merged, bounded, given by what a list asks for."""

from __future__ import annotations

from typing import Any

import orjson

from bellwire.notify.snapshot import Snapshot


def test_updates_are_merged_and_the_newest_time_counts() -> None:
    snapshot = Snapshot(devices=10, value_bytes=1000)
    snapshot.update("d", {"a": 1, "n": {"x": 1}}, 200, size=20)
    snapshot.update("d", {"b": 2, "n": {"y": 2}}, 100, size=20)
    assert snapshot.of({"d": None}) == [
        {"device_id": "d", "value": {"a": 1, "n": {"x": 1, "y": 2}, "b": 2}, "timestamp": 200}
    ]


def test_a_list_gets_what_it_asks_for_and_no_more() -> None:
    snapshot = Snapshot(devices=10, value_bytes=1000)
    snapshot.update("d", {"a": 1, "n": {"x": 1}}, 1, size=20)
    assert snapshot.of({"d": ("n.x", "missing"), "unknown": None}) == [
        {"device_id": "d", "value": {"n.x": 1}, "timestamp": 1}
    ]
    assert snapshot.of({"d": ("missing",)}) == []


def test_the_device_silent_longest_goes_first() -> None:
    snapshot = Snapshot(devices=2, value_bytes=1000)
    for number, device_id in enumerate(("a", "b", "a", "c")):
        snapshot.update(device_id, {"x": number}, number, size=7)
    assert len(snapshot) == 2
    assert [each["device_id"] for each in snapshot.newest(10)] == ["a", "c"]
    assert [each["device_id"] for each in snapshot.newest(1)] == ["c"]


def test_a_device_that_makes_up_ever_new_names_starts_anew() -> None:
    snapshot = Snapshot(devices=10, value_bytes=1000)
    for number in range(500):
        value = {f"name-{number}": number}
        snapshot.update("d", value, number, size=len(orjson.dumps(value)))
        known: dict[str, Any] = snapshot.newest(1)[0]
        assert len(orjson.dumps(known["value"])) <= 1000
        assert value.items() <= known["value"].items()


def test_updates_of_the_same_names_are_kept_however_many_they_are() -> None:
    snapshot = Snapshot(devices=10, value_bytes=100)
    snapshot.update("d", {"old": 1}, 0, size=9)
    for number in range(100):
        snapshot.update("d", {"a": number}, number, size=9)
    assert snapshot.of({"d": None}) == [
        {"device_id": "d", "value": {"old": 1, "a": 99}, "timestamp": 99}
    ]
