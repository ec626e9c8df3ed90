from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition.values import Fields, items_of, text_of
from bellwire.errors import DefinitionError, Place, UnknownKeyError


Make = Callable[..., Fields]


def test_values_are_converted_as_the_frameworks_validation_does(fields: Make) -> None:
    read = fields(
        "a: 5\nb: '30'\nc: 3.0\nd: 'true'\ne: false\nf: ${opt:size}\ng: null\ni: 1\nj: 0\n"
    )
    assert [read.text(key) for key in "abcdefgh"] == [
        "5",
        "30",
        "3",
        "true",
        "false",
        "3",
        None,
        None,
    ]
    assert [read.integer(key, low=1) for key in "abcfgh"] == [5, 30, 3, 3, None, None]
    assert [read.boolean(key) for key in "deghij"] == [True, False, None, None, True, False]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "`a` must be a whole number from 1 to 900, not `0`"),
        ("901", "`a` must be a whole number from 1 to 900, not `901`"),
        ("1.5", "`a` must be a whole number from 1 to 900, not `1.5`"),
        ("true", "`a` must be a whole number from 1 to 900, not `true`"),
        ("x", "`a` must be a whole number from 1 to 900, not `x`"),
        ("''", "`a` must be a whole number from 1 to 900, not an empty text"),
        ("'" + "9" * 30 + "'", f"`a` must be a whole number from 1 to 900, not `{'9' * 30}`"),
        ("[1]", "`a` must be a whole number from 1 to 900, not a list"),
    ],
)
def test_a_number_out_of_range_is_refused(fields: Make, value: str, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        fields(f"a: {value}\n").integer("a", low=1, high=900)
    assert str(caught.value) == f"serverless.yml:1:4: {message}"


def test_a_number_without_upper_bound(fields: Make) -> None:
    assert fields("a: 100000\n").integer("a", low=0) == 100_000
    with pytest.raises(DefinitionError, match="`a` must be a whole number of at least 0, not `-1`"):
        fields("a: -1\n").integer("a", low=0)


@pytest.mark.parametrize("value", ["yes", "2", "[]", "{}", "'True'"])
def test_what_is_no_boolean_is_refused(fields: Make, value: str) -> None:
    with pytest.raises(
        DefinitionError, match=r"^serverless.yml:1:4: `a` must be true or false, not"
    ):
        fields(f"a: {value}\n").boolean("a")


def test_paths_name_where_a_value_is(fields: Make) -> None:
    outer = fields("outer:\n  inner: [1]\n").fields("outer")
    assert outer
    assert (outer.name, outer.path("inner")) == ("outer", "outer.inner")
    assert outer.place("inner") == Place("serverless.yml", 2, 10)
    with pytest.raises(DefinitionError) as caught:
        outer.text("inner")
    assert str(caught.value) == "serverless.yml:2:10: `outer.inner` must be a text, not a list"
    with pytest.raises(DefinitionError) as caught:
        outer.fields("inner")
    assert str(caught.value) == "serverless.yml:2:10: `outer.inner` must be a map, not a list"
    assert outer.fields("none") is None


def test_an_unknown_key_comes_with_the_nearest_or_with_all(fields: Make) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        fields("route: x\nrout: y\n").check_keys(("route", "authorizer"))
    assert str(caught.value) == "serverless.yml:2:1: unknown key `rout`"
    assert caught.value.hint == "did you mean `route`?"
    with pytest.raises(UnknownKeyError) as caught:
        fields("cors: x\n").check_keys(("route", "authorizer"))
    assert caught.value.hint == "it takes `route`, `authorizer`"
    fields("route: x\n").check_keys(("route", "authorizer"))


def test_lists_and_texts(fields: Make) -> None:
    read = fields("a: [1, 2]\nb: null\n")
    node = read.get("a")
    assert node
    assert [text_of(item, "x") for item in items_of(node, "a")] == ["1", "2"]
    with pytest.raises(
        DefinitionError, match=r"^serverless.yml:2:4: `b` must be a list, not empty$"
    ):
        items_of(read.node.entries["b"].node, "b")
    with pytest.raises(
        DefinitionError, match=r"^serverless.yml:2:4: `b` must be a text, not empty$"
    ):
        text_of(read.node.entries["b"].node, "b")
