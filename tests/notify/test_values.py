"""Parameters inside a value: found by path, picked, merged."""

from __future__ import annotations

from bellwire.notify.values import MISSING, find, merge, pick


VALUE: dict[str, object] = {
    "temperature": 21.5,
    "battery": {"level": 80, "cell": {"v": None}},
    "a.b": 1,
    "a": {"b": 2, "c": 3},
    "list": [1],
}


def test_find() -> None:
    assert find(VALUE, "temperature") == 21.5
    assert find(VALUE, "battery.level") == 80
    assert find(VALUE, "battery") == {"level": 80, "cell": {"v": None}}
    assert find(VALUE, "battery.cell.v") is None
    assert find(VALUE, "a.b") == 1, "a member with dots in its name comes first"
    assert find(VALUE, "a.c") == 3
    for path in ("none", "battery.none", "temperature.x", "list.0", "", "battery."):
        assert find(VALUE, path) is MISSING


def test_pick() -> None:
    assert pick(VALUE, ["battery.level", "none", "temperature"]) == {
        "battery.level": 80,
        "temperature": 21.5,
    }


def test_merge_joins_objects_and_replaces_the_rest() -> None:
    known = {"a": {"x": 1, "y": 2}, "b": 1, "c": {"z": 1}}
    news = {"a": {"y": 3}, "b": {"w": 1}, "c": 5}
    assert merge(known, news) == {"a": {"x": 1, "y": 3}, "b": {"w": 1}, "c": 5}
    assert known == {"a": {"x": 1, "y": 2}, "b": 1, "c": {"z": 1}}


def test_merge_is_bounded_in_depth() -> None:
    known: dict[str, object] = {"old": 1}
    news: dict[str, object] = {"new": 1}
    for _ in range(900):
        known, news = {"in": known}, {"in": news}
    merge(known, news)
