from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Finding
from bellwire.definition.findings import Findings
from bellwire.definition.intrinsics import Intrinsics, Names
from bellwire.definition.properties import Properties, is_function
from bellwire.definition.resources import Resources
from bellwire.definition.template import Template
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Read = Callable[[str], Properties]


@pytest.fixture
def read(fields: Callable[..., Fields]) -> Read:
    """Read a document as the properties of the resource `X`."""

    def read(text: str) -> Properties:
        own = fields(text)
        template = Template({}, Resources(own, Findings()), own.variables)
        names = Names("demo", "dev", "demo-dev", "eu-west-1", "abcdefghij", {})
        intrinsics = Intrinsics(names, template, own.variables)
        return Properties(own.node, "X", own.variables, intrinsics, Place("origin", 1, 1))

    return read


def test_functions_are_resolved_everywhere(read: Read) -> None:
    properties = read(
        """\
text: !Sub "${AWS::Region}-${AWS::StackName}"
none: !Ref AWS::NoValue
number: !Join ['', ['1', '.5']]
flag: !Sub 'true'
size: !Sub ['${n}', {n: 7}]
map: {a: !Ref AWS::Region, b: !Ref AWS::NoValue, c: 1, d: null}
list: [!Ref AWS::Region, b, !Ref AWS::NoValue, '${opt:stage}']
maps: [{a: !Ref AWS::Region}]
"""
    )
    assert properties.text("text") == "eu-west-1-demo-dev"
    assert properties.text("none") is properties.text("absent") is None
    assert properties.number("number") == 1.5
    assert properties.number("none") is None
    assert properties.boolean("flag") is True
    assert properties.integer("size", low=0) == 7
    assert properties.texts("map") == {"a": "eu-west-1", "c": "1"}
    assert properties.texts("absent") == {}
    assert properties.text_list("list") == ("eu-west-1", "b", "dev")
    assert properties.text_list("absent") == ()
    (item,) = properties.items("maps")
    assert properties.item(item, "maps", 0).text("a") == "eu-west-1"
    nested = properties.fields("map")
    assert nested
    assert (nested.name, nested.origin) == ("X.map", Place("serverless.yml", 6, 6))
    assert properties.choice("flag", ("false", "true")) == "true"


def test_json(read: Read) -> None:
    properties = read(
        "a: {b: [1, 2.5, null, true, '${self:c}'], Fn: {Ref: x}}\nc: {d: '${opt:size}'}\n"
    )
    assert properties.json("a") == {"b": [1, 2.5, None, True, {"d": "3"}], "Fn": {"Ref": "x"}}
    assert properties.json("absent") is None


@pytest.mark.parametrize(
    "text", ["a: {b: '${self:a}'}", "a: ['${self:b}', '${self:b}']\nb: ['${self:a}', '${self:a}']"]
)
def test_json_is_bounded(read: Read, text: str) -> None:
    with pytest.raises(DefinitionError, match="this value is built of too many parts"):
        read(text).json("a")


def test_wrong_values_are_refused(read: Read) -> None:
    properties = read("n: -1\nx: inf\nw: b\nm: !GetAZs a\nl: {a: 1}\nt: [{}]\n")
    for action, message in (
        (lambda: properties.required("a"), "origin:1:1: `X` has no a"),
        (lambda: properties.number("n"), "serverless.yml:1:4: `X.n` must be a number of 0 or more"),
        (lambda: properties.number("x"), "serverless.yml:2:4: `X.x` must be a number of 0 or more"),
        (lambda: properties.number("w"), "serverless.yml:3:4: `X.w` must be a number of 0 or more"),
        (
            lambda: properties.choice("w", ("c", "d")),
            "serverless.yml:3:4: `X.w` must be one of c, d, not `b`",
        ),
        (lambda: properties.items("l"), "serverless.yml:5:4: `X.l` must be a list, not a map"),
        (
            lambda: properties.text_list("t"),
            "serverless.yml:6:5: `X.t` must be a text, not a map",
        ),
    ):
        with pytest.raises(DefinitionError) as caught:
            action()
        assert str(caught.value).startswith(message)
    with pytest.raises(UnsupportedFeatureError, match=r"`X\.m` uses Fn::GetAZs"):
        properties.texts("m")


def test_keys_are_checked(read: Read) -> None:
    findings = Findings()
    properties = read("Name: a\nTags: b\nTagz: c\nOther: d\n")
    properties.check(("Name",), ("Tags",), findings)
    assert findings.all() == (
        Finding(
            "unknown property `X.Tagz`: ignored",
            Place("serverless.yml", 3, 1),
            "did you mean `Tags`?",
        ),
        Finding("unknown property `X.Other`: ignored", Place("serverless.yml", 4, 1)),
    )
    with pytest.raises(UnknownKeyError) as caught:
        properties.check(("Name", "Tag"), (), findings)
    assert (caught.value.message, caught.value.hint) == (
        "unknown property `X.Tags`",
        "did you mean `Tag`?",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("!Ref a", True), ("{Fn::If: a}", True), ("{Condition: a}", False), ("{a: 1}", False)],
)
def test_functions_are_told_from_maps(read: Read, text: str, expected: bool) -> None:
    node = read(f"a: {text}").node.get("a")
    assert node
    assert is_function(node) is expected
