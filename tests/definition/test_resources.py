from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition.resources import Resources
from bellwire.definition.values import Fields
from bellwire.errors import UnresolvedVariableError


Make = Callable[..., Fields]


def test_resources_are_a_map_or_a_list_of_maps(fields: Make, folder: Path) -> None:
    (folder / "more.yml").write_text(
        "Resources:\n  Second: {Type: B}\nParameters: {P: {Default: 1}}\n"
    )
    single = Resources(fields("resources: {Resources: {First: {Type: A}, Text: x}}\n"))
    several = Resources(
        fields("resources:\n  - Resources: {First: {Type: A}}\n  - ${file(more.yml)}\n  - text\n")
    )
    assert list(single.names()) == ["First", "Text"]
    assert list(several.names()) == ["First", "Second", "P"]
    first, second = several.resource("First"), several.resource("Second")
    assert first
    assert second
    assert (first.place.line, second.place.file) == (2, "more.yml")
    assert several.parameter("P")
    assert single.resource("Text") is single.resource("None") is single.parameter("P") is None


@pytest.mark.parametrize("text", ["a: 1", "resources: null", "resources: text", "resources: []"])
def test_there_may_be_none(fields: Make, text: str) -> None:
    resources = Resources(fields(text))
    assert list(resources.names()) == []
    assert resources.resource("Table") is None


def test_a_missing_file_harms_only_who_looks_in_it(fields: Make) -> None:
    resources = Resources(fields("resources: ${file(none.yml)}\n"))
    with pytest.raises(UnresolvedVariableError, match=r"there is no file `none\.yml`"):
        resources.resource("Table")
