from __future__ import annotations

import inspect
import re

import pytest

from bellwire import errors
from bellwire.errors import (
    BellwireError,
    BusError,
    CallerError,
    DefinitionError,
    Place,
    SqlSyntaxError,
    UpstreamError,
)


def documented_tree() -> dict[str, str]:
    """Return class → parent, as the tree in the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"(?P<lead>[ │├└─]*)(?P<name>[A-Z]\w*Error)\b", line)
        if match is None:
            continue
        depth = len(match["lead"]) // 4
        del path[depth:]
        if path:
            parents[match["name"]] = path[-1]
        path.append(match["name"])
    return parents


def real_tree() -> dict[str, str]:
    return {
        name: found.__base__.__name__
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, BellwireError) and found is not BellwireError and found.__base__
    }


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert documented_tree() == real_tree()
    assert len(real_tree()) > 10


def test_the_docstring_names_the_status_of_each_caller_error() -> None:
    drawn = dict(re.findall(r"─ (\w+Error) +(\d{3})$", errors.__doc__ or "", re.MULTILINE))
    real = {
        name: str(found.status)
        for name, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, CallerError) and found is not CallerError
    }
    assert drawn == real


def test_aws_codes_are_those_botocore_knows() -> None:
    codes = {
        found.aws_code
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, CallerError)
    }
    assert codes == {
        "BadRequestException",
        "ForbiddenException",
        "ResourceNotFoundException",
        "GoneException",
        "PayloadTooLargeException",
        "TooManyRequestsException",
    }


def test_an_error_is_a_sentence_and_a_hint() -> None:
    error = BellwireError("it is wrong", hint="do this")
    assert (str(error), error.message, error.hint) == ("it is wrong", "it is wrong", "do this")
    assert BellwireError("it is wrong").hint is None


def test_a_definition_error_begins_with_its_place() -> None:
    place = Place("serverless.yml", 3, 14)
    assert str(DefinitionError("no such key", place=place)) == "serverless.yml:3:14: no such key"
    assert str(DefinitionError("no such key")) == "no such key"


def test_an_upstream_error_says_if_a_retry_may_help() -> None:
    assert BusError("away", retryable=True).retryable
    assert not UpstreamError("refused", retryable=False).retryable


@pytest.mark.parametrize(
    ("sql", "position", "length", "excerpt"),
    [
        ("SELECT a FORM 'x'", 9, 4, "SELECT a FORM 'x'\n         ^^^^"),
        ("SELECT a\nFORM 'x'", 9, 4, "FORM 'x'\n^^^^"),
        ("SELECT a\nFROM 'x'\nWHERE", 23, 0, "WHERE\n     ^"),
        ("SELECT", 6, 1, "SELECT\n      ^"),
        ("a b\nc", 2, 99, "a b\n  ^"),
        ("", 0, 1, "\n^"),
        ("\ta b", 3, 1, "\ta b\n\t  ^"),
        ("a " * 200 + "b", 400, 1, f"…{'a ' * 40}b…\n{' ' * 81}^"),
        ("b " + "a " * 200, 0, 1, f"…b {'a ' * 79}…\n ^"),
    ],
)
def test_a_sql_error_underlines_what_is_wrong(
    sql: str, position: int, length: int, excerpt: str
) -> None:
    error = SqlSyntaxError("wrong", sql=sql, position=position, length=length)
    assert error.excerpt() == excerpt


def test_a_sql_error_placed_in_its_file_stays_the_same_otherwise() -> None:
    error = SqlSyntaxError("wrong", sql="SELECT", position=2, length=3, hint="write it right")
    placed = error.at(Place("serverless.yml", 5, 9))
    assert str(placed) == "serverless.yml:5:9: wrong"
    assert (placed.sql, placed.position, placed.length) == ("SELECT", 2, 3)
    assert (placed.hint, placed.excerpt()) == ("write it right", error.excerpt())
