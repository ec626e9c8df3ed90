from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from bellwire.definition.findings import Findings
from bellwire.definition.nodes import MappingNode, Node, Plain, SequenceNode, make_map
from bellwire.definition.resources import Resources
from bellwire.definition.template import Record, Template
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnresolvedVariableError


Make = Callable[..., Fields]

MADE = Place("made", 1, 1)
BARE: dict[str, Plain] = {
    "RouteKey": "hello",
    "List": ["a", {"b": 1, "c": 2}],
    "Ref": {"Ref": "x"},
}
GENERATED = {
    "helloWebsocketsRoute": make_map({"Type": "AWS::ApiGatewayV2::Route", "Properties": BARE}, MADE)
}


@pytest.fixture
def template(fields: Make) -> Callable[[str], Template]:
    """Merge resources, given as text, over one that is generated."""

    def template(text: str) -> Template:
        read = fields(text)
        return Template(GENERATED, Resources(read, Findings()), read.variables)

    return template


def plain(node: Node | None) -> object:
    """Return a node as Python values."""
    if isinstance(node, MappingNode):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return node and node.value


def properties(template: Template, name: str = "helloWebsocketsRoute") -> Mapping[str, object]:
    found = plain(template.resource(name))
    assert isinstance(found, dict)
    assert isinstance(found["Properties"], dict)
    return found["Properties"]


def test_without_resources_there_is_what_is_generated(
    template: Callable[[str], Template],
) -> None:
    read = template("a: 1")
    assert [*read.names()] == ["helloWebsocketsRoute"]
    assert properties(read) == BARE
    (record,) = read.records()
    node = GENERATED["helloWebsocketsRoute"]
    assert record == Record("helloWebsocketsRoute", "AWS::ApiGatewayV2::Route", node, MADE)


def test_resources_are_merged_deeply(template: Callable[[str], Template]) -> None:
    read = template(
        """\
custom: {more: {c: 3, d: 4}}
resources:
  - Resources:
      helloWebsocketsRoute:
        Properties:
          Own: {x: 1}
          List: [b, '${self:custom.more}', z]
          Ref: {Fn::Sub: y}
          RouteKey: null
      Table: {Type: T, Properties: {A: 1}}
  - Resources:
      helloWebsocketsRoute: {Properties: {Own: {y: 2}}}
      Table: {Properties: {B: 2}, Type: U}
      Untyped: {Properties: {}}
      Bare: {Type: V}
    Parameters: {P: {Default: 1}}
"""
    )
    assert properties(read) == {
        "RouteKey": None,
        "List": ["b", {"b": 1, "c": 3, "d": 4}, "z"],
        "Ref": {"Ref": "x", "Fn::Sub": "y"},
        "Own": {"x": 1, "y": 2},
    }
    assert properties(read, "Table") == {"A": 1, "B": 2}
    found = [(each.logical_id, each.type, str(each.place)) for each in read.records()]
    assert found == [
        ("helloWebsocketsRoute", "AWS::ApiGatewayV2::Route", "made:1:1"),
        ("Table", "U", "serverless.yml:10:7"),
        ("Bare", "V", "serverless.yml:15:7"),
    ]
    assert plain(read.parameter("P")) == {"Default": 1}
    assert read.parameter("Q") is None
    assert read.resource("P") is None
    assert [*read.names()] == ["helloWebsocketsRoute", "Table", "Untyped", "Bare", "P"]


def test_extensions_replace_properties(template: Callable[[str], Template]) -> None:
    read = template(
        """\
resources:
  Resources: {Table: {Type: T}}
  extensions:
    helloWebsocketsRoute: {Properties: {List: [z], Ref: {Fn::Sub: y}}}
    Table: {Properties: {A: 1}, DeletionPolicy: Retain}
    HelloLambdaFunction: {Properties: {}}
"""
    )
    assert properties(read) == {"RouteKey": "hello", "List": ["z"], "Ref": {"Fn::Sub": "y"}}
    assert properties(read, "Table") == {"A": 1}


@pytest.mark.parametrize("section", ["Resources", "extensions"])
def test_a_change_of_nothing_is_refused(template: Callable[[str], Template], section: str) -> None:
    with pytest.raises(UnknownKeyError) as caught:
        template(f"resources: {{{section}: {{\n heloWebsocketsRoute: {{Properties: {{}}}}}}}}")
    assert str(caught.value) == (
        f"serverless.yml:2:2: `resources.{section}` changes `heloWebsocketsRoute`, which does not "
        "exist"
    )
    assert caught.value.hint == "did you mean `helloWebsocketsRoute`?"


def test_what_is_not_read_is_missed_only_if_asked_for(
    template: Callable[[str], Template],
) -> None:
    read = template("resources: ['${file(none.yml)}', {Resources: {A: {Type: T}}}]")
    assert properties(read) == BARE
    assert plain(read.resource("A")) == {"Type": "T"}
    with pytest.raises(UnresolvedVariableError):
        read.resource("B")


def test_merging_is_bounded(template: Callable[[str], Template]) -> None:
    maps = "a: {x: '${self:a}', y: '${self:a}'}\n"
    with pytest.raises(DefinitionError, match="`resources` are built of too many parts"):
        template(
            maps + "resources:\n"
            "  - Resources: {X: {Properties: '${self:a}'}}\n"
            "  - Resources: {X: {Properties: '${self:a}'}}\n"
        )
