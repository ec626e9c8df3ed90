from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Finding
from bellwire.definition.findings import Findings
from bellwire.definition.resources import Resources
from bellwire.definition.values import Fields
from bellwire.errors import Place, UnresolvedVariableError


Make = Callable[..., Fields]


def test_resources_are_a_map_or_a_list_of_maps(fields: Make, folder: Path) -> None:
    (folder / "more.yml").write_text(
        "Resources:\n  Second: {Type: B}\n  First: {Type: C}\nParameters: {P: {Default: 1}}\n"
        "extensions: {E: {Properties: {}}}\n"
    )
    single = Resources(fields("resources: {Resources: {First: {Type: A}, Text: x}}\n"), Findings())
    assert [*single.resources] == ["First"]
    assert (single.parameters, single.extensions) == ({}, {})

    text = "resources:\n  - Resources: {First: {Type: A}}\n  - ${file(more.yml)}\n  - text\n"
    several = Resources(fields(text), Findings())
    places = {
        name: [str(each.place) for each in found] for name, found in several.resources.items()
    }
    assert places == {"First": ["serverless.yml:2:17", "more.yml:3:3"], "Second": ["more.yml:2:3"]}
    assert ([*several.parameters], [*several.extensions]) == (["P"], ["E"])
    several.check_read()


@pytest.mark.parametrize("text", ["a: 1", "resources: null", "resources: text", "resources: []"])
def test_there_may_be_none(fields: Make, text: str) -> None:
    findings = Findings()
    resources = Resources(fields(text), findings)
    assert resources.resources == resources.parameters == resources.extensions == {}
    assert findings.all() == ()


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("resources: ${file(none.yml)}\n", 12),
        ("resources: [{Resources: {A: {}}}, '${file(none.yml)}']\n", 36),
        ("resources: {Resources: {A: '${file(none.yml)}'}}\n", 29),
        ("resources: {Resources: '${file(none.yml)}'}\n", 25),
    ],
)
def test_a_missing_file_harms_only_who_looks_in_it(fields: Make, text: str, column: int) -> None:
    findings = Findings()
    resources = Resources(fields(text), findings)
    assert findings.all() == (
        Finding(
            "part of `resources` is not read: there is no file `none.yml` in .",
            Place("serverless.yml", 1, column),
        ),
    )
    with pytest.raises(UnresolvedVariableError, match=r"there is no file `none\.yml`"):
        resources.check_read()
