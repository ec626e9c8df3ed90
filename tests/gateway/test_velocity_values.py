from __future__ import annotations

from types import MappingProxyType

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.velocity_values import (
    ArrayList,
    TemplateError,
    Thing,
    as_text,
    assign,
    call,
    equal,
    index,
    json_text,
    member,
)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (5, "5"),
        (1.5, "1.5"),
        ("x", "x"),
        (["x", 1, {"a": None}], '["x",1,{"a":null}]'),
        (ArrayList(["x", 1, None, ArrayList(), True]), "[x, 1, null, [], true]"),
        ({"a": 1, "b": {"c": None}, "d": ["x"]}, '{a=1, b={c=null}, d=["x"]}'),
        (Thing({"a": 1}, {}), ""),
    ],
)
def test_the_text_of_a_value(value: object, text: str) -> None:
    assert as_text(value) == text


@given(value=json_values)
def test_json_is_what_it_was(value: object) -> None:
    assert orjson.loads(json_text(value)) == value


def test_what_is_no_json_is_not_written_as_json() -> None:
    with pytest.raises(TemplateError, match="not JSON"):
        json_text([Thing({}, {})])


@pytest.mark.parametrize(
    ("value", "name", "arguments", "result"),
    [
        ("abc", "length", [], 3),
        ("", "isEmpty", [], True),
        ("abc", "contains", ["b"], True),
        ("abc", "startsWith", ["b"], False),
        ("abc", "endsWith", ["c"], True),
        ("abcb", "indexOf", ["b"], 1),
        ("abcb", "lastIndexOf", ["b"], 3),
        ("abc", "indexOf", ["x"], -1),
        ("abc", "substring", [1], "bc"),
        ("abc", "substring", [1, 2], "b"),
        ("abc", "charAt", [2], "c"),
        ("abc", "concat", [1], "abc1"),
        ("aBc", "equalsIgnoreCase", ["AbC"], True),
        ("aBc", "toLowerCase", [], "abc"),
        ("aBc", "toUpperCase", [], "ABC"),
        (" a ", "trim", [], "a"),
        ("abc", "matches", ["[a-c]+"], True),
        ("abcd", "matches", ["[a-c]+"], False),
        ("a.b.c", "replace", [".", "$"], "a$b$c"),
        ("a1b22", "replaceAll", ["[0-9]+", "<$0>"], "a<1>b<22>"),
        ("a-b", "replaceAll", ["(.)-(.)", r"$2\$$1\\"], "b$a\\"),
        ("aaa", "replaceAll", ["x*", "-"], "-a-a-a-"),
        ("a,b,,", "split", [","], ["a", "b"]),
        ("x", "equals", ["x"], True),
        (5, "toString", [], "5"),
        ([1, 2], "size", [], 2),
        ([], "isEmpty", [], True),
        ([1, 2], "get", [1], 2),
        ([1, 2], "get", [2], None),
        ([1, "2"], "contains", [2], True),
        ([1, 2], "remove", [0], 1),
        ({"a": 1}, "size", [], 1),
        ({"a": 1}, "isEmpty", [], False),
        ({"a": 1}, "get", ["a"], 1),
        ({"a": 1}, "containsKey", ["b"], False),
        ({"a": 1}, "keySet", [], ["a"]),
        ({"a": 1}, "values", [], [1]),
        ({"a": 1}, "remove", ["a"], 1),
        ({"a": 1}, "put", ["a", 2], 1),
        (MappingProxyType({"a": 1}), "get", ["a"], 1),
        (MappingProxyType({"a": 1}), "put", ["a", 2], None),
        ("abc", "format", [], None),
        ("abc", "length", [1], None),
        (None, "toString", [], None),
        (5, "size", [], None),
    ],
)
def test_a_method_of_a_value(
    value: object, name: str, arguments: list[object], result: object
) -> None:
    assert call(value, name, arguments) == result


@pytest.mark.parametrize(
    ("value", "name", "arguments"),
    [
        ("abc", "substring", [4]),
        ("abc", "substring", [2, 1]),
        ("abc", "substring", ["x"]),
        ("abc", "charAt", [3]),
        ("abc", "matches", ["("]),
        ("abc", "replaceAll", ["(", ""]),
        ("abc", "replaceAll", ["a", "$1"]),
        ("x" * 10_000, "replace", ["x", "y" * 10_000]),
        ([1], "set", [1, 2]),
        ([1], "remove", ["x"]),
    ],
)
def test_a_method_that_cannot_do_it_fails(
    value: object, name: str, arguments: list[object]
) -> None:
    with pytest.raises(TemplateError):
        call(value, name, arguments)


def test_lists_and_maps_are_changed_in_place() -> None:
    items: list[object] = [1]
    assert call(items, "add", [2]) is True
    call(items, "addAll", [[3, 4]])
    call(items, "addAll", ["no list"])
    assert call(items, "set", [0, "x"]) == 1
    assert items == ["x", 2, 3, 4]
    table: dict[str, object] = {"a": 1}
    call(table, "putAll", [{"b": 2}])
    call(table, "putAll", ["no map"])
    assert table == {"a": 1, "b": 2}


def test_members_and_places() -> None:
    thing = Thing({"a": 1}, {("m", 1): lambda own, x: (own.members["a"], x)})
    assert member(thing, "a") == 1
    assert call(thing, "m", [2]) == (1, 2)
    assert [member(thing, "m"), call(thing, "m", []), member("x", "a")] == [None, None, None]
    assert [index(["x"], 0), index(["x"], True), index(["x"], -1)] == ["x", None, None]
    assert [index({"1": "x"}, 1), index(thing, "a"), index(None, 0)] == ["x", 1, None]
    items: list[object] = [0]
    assign(items, 0, "y")
    assert items == ["y"]
    targets: list[object] = [items, MappingProxyType({}), "text", None]
    for target in targets:
        with pytest.raises(TemplateError, match="no such place"):
            assign(target, 5, "z")


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        (1, 1.0, True),
        (1, "1", True),
        (True, 1, False),
        (True, "true", True),
        (None, "", True),
        (None, None, True),
        ("a", "a", True),
        ("a", "b", False),
        ([1], [1], True),
    ],
)
def test_what_is_equal(left: object, right: object, result: bool) -> None:
    assert equal(left, right) is result
