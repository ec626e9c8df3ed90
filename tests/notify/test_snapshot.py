"""Last known values: merged, bounded, given by what a list asks for."""

from __future__ import annotations

from bellwire.notify.snapshot import Snapshot


def test_updates_are_merged_and_the_newest_time_counts() -> None:
    snapshot = Snapshot(devices=10)
    snapshot.update("d", {"a": 1, "n": {"x": 1}}, 200)
    snapshot.update("d", {"b": 2, "n": {"y": 2}}, 100)
    assert snapshot.of({"d": None}) == [
        {"device_id": "d", "value": {"a": 1, "n": {"x": 1, "y": 2}, "b": 2}, "timestamp": 200}
    ]


def test_a_list_gets_what_it_asks_for_and_no_more() -> None:
    snapshot = Snapshot(devices=10)
    snapshot.update("d", {"a": 1, "n": {"x": 1}}, 1)
    assert snapshot.of({"d": ("n.x", "missing"), "unknown": None}) == [
        {"device_id": "d", "value": {"n.x": 1}, "timestamp": 1}
    ]
    assert snapshot.of({"d": ("missing",)}) == []


def test_the_device_silent_longest_goes_first() -> None:
    snapshot = Snapshot(devices=2)
    for number, device_id in enumerate(("a", "b", "a", "c")):
        snapshot.update(device_id, {"x": number}, number)
    assert len(snapshot) == 2
    assert [each["device_id"] for each in snapshot.newest(10)] == ["a", "c"]
    assert [each["device_id"] for each in snapshot.newest(1)] == ["c"]
