from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bellwire.definition.document import LOADER, Loader, parse_yaml, read_document
from bellwire.definition.nodes import MappingNode, Node, ScalarNode, SequenceNode, Source
from bellwire.errors import DefinitionError, Place, UnknownKeyError
from bellwire.limits import DEFINITION_BYTES, DEFINITION_DEPTH, DEFINITION_VALUES


def parse(text: str) -> Node:
    return parse_yaml(Source("f.yml", text))


def plain(node: Node) -> Any:
    """The document without its places."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: plain(entry.node) for key, entry in node.entries.items()}
    return [plain(item) for item in node.items]


def refused(text: str) -> tuple[str, str | None]:
    with pytest.raises(DefinitionError) as caught:
        parse(text)
    return str(caught.value), caught.value.hint


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text", "text"),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        # No booleans, sexagesimals or dates to js-yaml, unlike to PyYAML.
        ("yes", "yes"),
        ("on", "on"),
        ("12:30:00", "12:30:00"),
        ("2016-03-23", "2016-03-23"),
        ("1_000", "1_000"),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("007", 7),
        ("0x1F", 31),
        ("-0x1F", -31),
        ("0o17", 15),
        ("0b101", 5),
        ("0x", "0x"),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        (".inf", None),
        ("-.INF", None),
        (".nan", None),
        ("9" * 400, None),
        ("0" * 5000 + "7", 7.0),
        ("0x" + "f" * 300, "0x" + "f" * 300),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("! 12", "12"),
    ],
)
def test_scalars_mean_what_they_mean_to_js_yaml(text: str, value: object) -> None:
    found = plain(parse(f"a: {text}\n"))
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


def test_every_value_and_key_has_its_place() -> None:
    root = parse("a:\n  - x\n  - {b: 'é', c: [1]}\n")
    assert isinstance(root, MappingNode)
    assert root.place == Place("f.yml", 1, 1)
    assert root.entries["a"].place == Place("f.yml", 1, 1)
    first = root.entries["a"].node
    assert isinstance(first, SequenceNode)
    second = first.items[1]
    assert isinstance(second, MappingNode)
    assert second.place == Place("f.yml", 3, 5)
    assert second.entries["b"].place == Place("f.yml", 3, 6)
    assert second.entries["b"].node.place == Place("f.yml", 3, 9)
    assert second.entries["c"].place == Place("f.yml", 3, 14)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref Table", {"Ref": "Table"}),
        ("!Sub 'a-${b}'", {"Fn::Sub": "a-${b}"}),
        ("!Sub ['${a}', {a: 1}]", {"Fn::Sub": ["${a}", {"a": 1}]}),
        ("!GetAtt Table.Arn", {"Fn::GetAtt": ["Table", "Arn"]}),
        ("!GetAtt Table.Stream.Arn", {"Fn::GetAtt": ["Table", "Stream.Arn"]}),
        ("!GetAtt [Table, Arn]", {"Fn::GetAtt": ["Table", "Arn"]}),
        ("!Join ['', [!Ref A, b]]", {"Fn::Join": ["", [{"Ref": "A"}, "b"]]}),
        ("!Condition c", {"Condition": "c"}),
        ("!If [c, 1, 2]", {"Fn::If": ["c", 1, 2]}),
        ("!Transform {Name: x}", {"Fn::Transform": {"Name": "x"}}),
    ],
)
def test_short_forms_of_cloudformation_become_what_they_stand_for(text: str, value: object) -> None:
    assert plain(parse(f"a: {text}\n")) == {"a": value}


def test_an_unknown_tag_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownKeyError) as caught:
        parse("a: !Reff x\n")
    assert str(caught.value) == "f.yml:1:4: unknown tag `!Reff`"
    assert caught.value.hint == "did you mean `!Ref`?"


def test_anchors_and_merges() -> None:
    text = """\
base: &base {a: 1, b: 2}
one: {<<: *base, b: 3}
two: {<<: [*base, {c: 4}], c: 5}
same: *base
&key name: x
again: {*key : y}
"""
    assert plain(parse(text)) == {
        "base": {"a": 1, "b": 2},
        "one": {"a": 1, "b": 3},
        "two": {"a": 1, "b": 2, "c": 5},
        "same": {"a": 1, "b": 2},
        "name": "x",
        "again": {"name": "y"},
    }


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")
def test_tabs_that_js_yaml_accepts() -> None:
    assert plain(parse("a:\tb\nc: \td # \t\ne: {f:\tg}\nh:\t\n  i: 'x\ty'\n")) == {
        "a": "b",
        "c": "d",
        "e": {"f": "g"},
        "h": {"i": "x\ty"},
    }


BROKEN = pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "f.yml:1:1: the file is empty", None),
        ("# nothing\n", "f.yml:1:1: the file is empty", None),
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yml:3:1: the key `a` is there twice; the first is at f.yml:1:1",
            None,
        ),
        (
            "a: b: c\n",
            "f.yml:1:5: the YAML is broken: a `:` that starts a value where none can start",
            "put a text that holds `: ` in quotes, or check the indentation",
        ),
        (
            "a:\n\tb: 1\n",
            "f.yml:2:1: the YAML is broken: a value cannot start with this character",
            "indent with spaces, not with tabs; put a text that starts with @, ` or % in quotes",
        ),
        (
            "a: x\nb: 'y\nc: z\n",
            "f.yml:2:4: the YAML is broken: a quote is opened here and never closed",
            None,
        ),
        (
            "a:\n  b: 1\n c: 2\n",
            "f.yml:3:2: the YAML is broken: this line belongs to no level above it",
            "check the indentation: entries of one map start in the same column",
        ),
        (
            "- a\nb: 1\n",
            "f.yml:2:1: the YAML is broken: this line is no entry of the list above it",
            "check the indentation: entries of one list start with `-` in the same column",
        ),
        (
            "a: [1\nb: 2\n",
            "f.yml:2:2: the YAML is broken: a `[` list without its `]`",
            "or a `,` is missing",
        ),
        (
            "a: {b: 1]\n",
            "f.yml:1:9: the YAML is broken: a `{` map without its `}`",
            "or a `,` is missing",
        ),
        ("a: 1\n---\nb: 2\n", "f.yml:2:1: a second document starts here", "remove the `---`"),
        (
            "a: &name 1\nb: *nam\n",
            "f.yml:2:4: no anchor `&nam` is complete before this `*nam`",
            "did you mean `name`?",
        ),
        ("a: &x [*x]\n", "f.yml:1:8: no anchor `&x` is complete before this `*x`", None),
        ("<<: 1\n", "f.yml:1:5: `<<` takes a map or a list of maps", None),
        ("a: &x 1\n*x : 2\n", "f.yml:2:1: a key must be a text", None),
        ("? [a]\n: 1\n", "f.yml:1:3: a key must be a text", None),
        ("a: 1\nb: \x07\n", "f.yml:2:4: the character U+0007 may not stand in YAML", None),
    ],
)


@BROKEN
def test_broken_yaml_is_explained_at_its_place(text: str, message: str, hint: str | None) -> None:
    assert refused(text) == (message, hint)


@BROKEN
def test_yaml_without_libyaml_says_the_same(text: str, message: str, hint: str | None) -> None:
    with pytest.raises(DefinitionError) as caught:
        parse_yaml(Source("f.yml", text), loader=yaml.SafeLoader)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_half_a_surrogate_pair_is_refused_or_replaced() -> None:
    text = 'a: "\\ud83d"\n'
    assert refused(text)[0].startswith("f.yml:1:7: the YAML is broken: found invalid Unicode")
    assert plain(parse_yaml(Source("f.yml", text), loader=yaml.SafeLoader)) == {"a": "\ufffd"}


@pytest.mark.parametrize("loader", [yaml.SafeLoader, LOADER])
@pytest.mark.parametrize("escape", ["\\U00110000", "\\UFFFFFFFF"])
def test_an_escape_beyond_unicode_is_refused(loader: Loader, escape: str) -> None:
    with pytest.raises(DefinitionError, match=r"^f.yml:1:\d+: the YAML is broken: "):
        parse_yaml(Source("f.yml", f'a: "{escape}"\n'), loader=loader)


def test_no_document_is_too_deep_or_too_large() -> None:
    assert refused("[" * 100_000)[0] == (
        f"f.yml:1:{DEFINITION_DEPTH + 2}: nested more than {DEFINITION_DEPTH} deep"
    )
    assert refused("[" + "1," * DEFINITION_VALUES + "]")[0].endswith(
        f"more than {DEFINITION_VALUES} values in one file"
    )
    base = "a: &a {" + ",".join(f"k{i}: 1" for i in range(1000)) + "}\n"
    copies = "".join(f"b{i}: {{<<: *a}}\n" for i in range(200))
    assert refused(base + copies)[0].endswith(f"more than {DEFINITION_VALUES} values in one file")


def test_a_chain_of_aliases_is_not_multiplied_out() -> None:
    text = "a0: &a0 [1, 2]\n" + "".join(
        f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 80)
    )
    root = parse(text)
    assert isinstance(root, MappingNode)
    assert len(root.entries) == 80


def test_a_file_is_read_by_what_its_name_says(tmp_path: Path) -> None:
    for name, text in {
        "a.yml": "a: 1",
        "a.yaml": "a: 1",
        "a.json": '{"a": [1, null, true, 1e999, "\\ud83d\\ude00"], "\\ud83d": "\\ud83d", "b": '
        + "9" * 5000
        + "}",
        "a.txt": "a: 1",
    }.items():
        (tmp_path / name).write_text(text)
    assert plain(read_document(tmp_path / "a.yml", "a.yml")) == {"a": 1}
    assert plain(read_document(tmp_path / "a.yaml", "a.yaml")) == {"a": 1}
    assert plain(read_document(tmp_path / "a.json", "a.json")) == {
        "a": [1, None, True, None, "😀"],
        "\ufffd": "\ufffd",
        "b": None,
    }
    assert plain(read_document(tmp_path / "a.txt", "a.txt")) == "a: 1"


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.yml", b"a: 1\nb: \xff\n", "a.yml:2:4: the byte 0xFF is not UTF-8"),
        ("a.yml", b" " * (DEFINITION_BYTES + 1), "a.yml is larger than 1024 KiB"),
        ("a.json", b'{"a": 1\n "b"}', "a.json:2:2: the JSON is broken: Expecting ',' delimiter"),
        ("a.json", b"[" * 200 + b"]" * 200, "a.json:1:1: nested more than 100 deep"),
        (
            "a.json",
            b"[" * 100_000 + b"]" * 100_000,
            "a.json:1:1: nested more than 100 deep",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DefinitionError) as caught:
        read_document(tmp_path / name, name)
    assert str(caught.value) == message


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"^x.yml cannot be read: Is a directory$"):
        read_document(tmp_path, "x.yml")


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_bytes(b"\xef\xbb\xbfa: 1\r\nb: x\r\n")
    root = read_document(tmp_path / "a.yml", "a.yml")
    assert plain(root) == {"a": 1, "b": "x"}
    assert isinstance(root, MappingNode)
    assert root.entries["b"].node.place == Place("a.yml", 2, 4)
