from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.errors import DefinitionError, Place
from bellwire.gateway.json_path import (
    Path,
    Step,
    compile_path,
    follow,
    is_definite,
    parse_body,
    text_of,
)


PLACE = Place("serverless.yml", 7, 42)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
keys = st.text(st.characters(exclude_characters="'\"", exclude_categories=["Cs"]))
path_like = st.text(st.sampled_from(list(".[]*'\"0123456789-abé$@?() ")) | st.characters())


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("", ()),
        (".a.b", (Step("a"), Step("b"))),
        ("['a.b'][\"c\"]", (Step("a.b"), Step("c"))),
        ("[0][-1][ 2 ]", (Step(at=0), Step(at=-1), Step(at=2))),
        (".*[*]", (Step(all=True), Step(all=True))),
        ("..a", (Step(deep="a"),)),
    ],
)
def test_a_path_is_a_list_of_steps(path: str, steps: Path) -> None:
    assert compile_path(path) == steps


@pytest.mark.parametrize(
    "path",
    ["a", ".", "..*", ".a[?(@.b)]", ".a.length()", "[", "[a]", "[1", f"[{'9' * 5000}]", "[١]"],
)
def test_a_path_that_cannot_be_followed_is_refused_with_its_place(path: str) -> None:
    with pytest.raises(DefinitionError, match="is not a JSONPath that can be followed") as caught:
        compile_path(path, PLACE)
    assert caught.value.place == PLACE
    assert caught.value.hint is not None


@pytest.mark.parametrize(
    ("path", "definite"), [("", True), (".a[0]['b']", True), ("[*]", False), ("..a", False)]
)
def test_whether_a_path_leads_to_one_value(path: str, definite: bool) -> None:
    assert is_definite(compile_path(path)) is definite


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", [{"a": [{"b": 1}, {"b": 2, "a": {"b": 3}}]}]),
        (".a[*].b", [1, 2]),
        ("..b", [1, 2, 3]),
        ("..a..b", [1, 2, 3]),
        ("..a..a", [{"b": 3}]),
        (".a.b", []),
        (".a[5]", []),
    ],
)
def test_what_a_path_finds_in_the_order_of_the_document(path: str, found: list[object]) -> None:
    body = {"a": [{"b": 1}, {"b": 2, "a": {"b": 3}}]}
    assert follow(body, compile_path(path)) == found


def test_deep_steps_do_not_multiply_the_work() -> None:
    body: object = 1
    for _ in range(1000):
        body = {"a": body}
    # One after another they would go through 1000 ** 5 / 120 values.
    assert len(follow(body, compile_path("..a..a..a..a..a"))) == 996


@given(path=path_like)
def test_any_text_is_a_path_or_is_refused(path: str) -> None:
    try:
        steps = compile_path(path)
    except DefinitionError:
        return
    assert isinstance(text_of(follow({"a": [1, {"b": 2}]}, steps)), str)


@given(names=st.lists(keys, max_size=5), quote=st.sampled_from("'\""))
def test_quoted_keys_come_back_as_they_were(names: list[str], quote: str) -> None:
    path = "".join(f"[{quote}{name}{quote}]" for name in names)
    assert compile_path(path) == tuple(Step(name) for name in names)


@given(body=json_values, path=st.sampled_from(["", ".a", "[0]", "[*]", ".*", "..a", "[-1].*"]))
def test_whatever_is_found_has_a_text(body: object, path: str) -> None:
    assert isinstance(text_of(follow(body, compile_path(path))), str)


@given(body=json_values)
def test_a_body_is_what_it_says(body: object) -> None:
    assert parse_body(orjson.dumps(body).decode()) == body


@pytest.mark.parametrize(
    "body", ["", "{", "NaN", "-Infinity", "1 2", "[" * 131_072, "1e999999", "9" * 5000]
)
def test_a_body_that_is_no_json_is_nothing(body: str) -> None:
    assert parse_body(body) is None


def test_half_a_character_is_json_as_browsers_send_it() -> None:
    body = parse_body('{"action":"chat","text":"\\ud83d","list":["\\ud83d"]}')
    assert follow(body, compile_path(".action")) == ["chat"]
    assert text_of(follow(body, compile_path(""))) == (
        '{"action":"chat","text":"\\ud83d","list":["\\ud83d"]}'
    )


def test_the_text_of_values() -> None:
    assert text_of([]) == ""
    assert text_of(["x"]) == "x"
    assert text_of([["x", 1]]) == "[x, 1]"
    assert text_of(["x", {"a": None}]) == '[x, {"a":null}]'
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert text_of([{"a": deep}]) == ""
