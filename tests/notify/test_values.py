"""Parameters inside a value: found by path, picked, merged."""

from __future__ import annotations

import pytest

from bellwire.notify.values import (
    LATEST_TIME_MS,
    MISSING,
    InvalidChange,
    check_change,
    find,
    merge,
    pick,
    to_json,
)


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


def nested(levels: int, inner: object = 1) -> dict[str, object]:
    value: dict[str, object] = {"a": inner}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("device_id", "value", "timestamp"),
    [
        ("d", {}, None),
        ("d", {"a": [{"b": None}]}, 0),
        ("ü", nested(64), LATEST_TIME_MS),
        ("d", nested(60, [[[1]]]), -5),
    ],
)
def test_a_change_is_taken(device_id: str, value: object, timestamp: object) -> None:
    check_change(device_id, value, timestamp)


@pytest.mark.parametrize(
    ("device_id", "value", "timestamp", "message"),
    [
        ("", {}, None, "device_id: expected a non-empty string"),
        (7, {}, None, "device_id: expected a non-empty string"),
        ("d", [1], None, "value: expected an object of parameters"),
        ("d", None, None, "value: expected an object of parameters"),
        ("d", nested(65), None, "value: nested deeper than 64 levels"),
        ("d", nested(900), None, "value: nested deeper than 64 levels"),
        ("d", nested(63, [[1]]), None, "value: nested deeper than 64 levels"),
        ("d", {}, 1.5, "timestamp: expected whole milliseconds since 1970"),
        ("d", {}, True, "timestamp: expected whole milliseconds since 1970"),
        ("d", {}, "5", "timestamp: expected whole milliseconds since 1970"),
        (
            "d",
            {},
            LATEST_TIME_MS + 1,
            "timestamp: expected milliseconds since 1970, and no such distant time",
        ),
    ],
)
def test_a_change_that_is_none_is_refused(
    device_id: object, value: object, timestamp: object, message: str
) -> None:
    with pytest.raises(InvalidChange) as refused:
        check_change(device_id, value, timestamp)
    assert str(refused.value) == message


def test_json_has_no_spaces_and_no_escapes() -> None:
    assert to_json({"a": ["ü", 1.5, None]}) == '{"a":["ü",1.5,null]}'.encode()


@pytest.mark.parametrize("content", [float("nan"), float("inf"), "\ud800", {1}, {(1, 2): 3}])
def test_what_json_cannot_carry_is_refused(content: object) -> None:
    with pytest.raises(InvalidChange, match=r"^value: JSON cannot carry it: "):
        to_json({"a": content})
