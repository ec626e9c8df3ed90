from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition.document import parse_yaml
from bellwire.definition.findings import Findings
from bellwire.definition.model import Finding
from bellwire.definition.nodes import MappingNode, Node, ScalarNode, Source
from bellwire.definition.variables import Variables
from bellwire.errors import (
    DefinitionError,
    Place,
    UnresolvedVariableError,
    UnsupportedFeatureError,
)


Resolve = Callable[..., object]

DOCUMENT = """\
service: demo
provider: {name: aws, stage: prod, region: eu-west-1}
params:
  default: {size: 1, colour: red}
  prod: {size: 2}
custom:
  number: 5
  yes: true
  nothing: null
  map: {a: {b: deep}}
  list: [x, "${self:service}", z]
  lists: [x, [y]]
  prod: {url: https://example.org}
  chain: ${self:custom.link}
  link: ${self:custom.number}
  escaped: \\${self:service}
  one: ${self:custom.two}
  two: a${self:custom.three}
  three: ${self:custom.one}
  itself: ${self:custom.itself}
"""


@pytest.fixture
def findings() -> Findings:
    return Findings()


@pytest.fixture
def resolve(folder: Path, findings: Findings) -> Resolve:
    """Resolve one value at the end of the document, at line 21 and column 8."""

    def resolve(value: str, *, document: str = DOCUMENT) -> object:
        root = parse_yaml(Source("serverless.yml", f"{document}value: {value}\n"))
        assert isinstance(root, MappingNode)
        variables = Variables(
            root,
            Path(),
            options={"stage": "prod", "colour": "blue"},
            env={"HOME": "/home/a", "EMPTY": ""},
            findings=findings,
        )
        node = root.entries["value"].node
        return plain(variables.resolve(node), variables)

    return resolve


def plain(node: Node, variables: Variables) -> object:
    node = variables.resolve(node)
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, MappingNode):
        return {key: plain(entry.node, variables) for key, entry in node.entries.items()}
    return [plain(item, variables) for item in node.items]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        ("5", 5),
        ("${self:service}", "demo"),
        ("${self:service.name}", "demo"),
        ("${self:custom.number}", 5),
        ("${self:custom.yes}", True),
        ("${self:custom.map}", {"a": {"b": "deep"}}),
        ("${self:custom.map.a.b}", "deep"),
        ("${self:custom.list}", ["x", "demo", "z"]),
        ("${self:custom.list.1}", "demo"),
        ("${self:custom.chain}", 5),
        ("${self:custom.escaped}", "${self:service}"),
        ("a-${self:custom.number}-${self:custom.yes}", "a-5-true"),
        ("a-${self:custom.list}", "a-x,demo,z"),
        ("${self:custom.${opt:stage}.url}", "https://example.org"),
        ("${self:custom.${self:provider.stage}.url}/x", "https://example.org/x"),
        ("${self:custom.nothing, 'fallback'}", "fallback"),
        ("${self:custom.none, opt:none, self:custom.number}", 5),
        ("${self:custom.none, null}", None),
        ("${opt:colour}", "blue"),
        ("${opt:none, 'red'}", "red"),
        ("${env:HOME}", "/home/a"),
        ("x${env:EMPTY}y", "xy"),
        ("${env:NONE, env:HOME}", "/home/a"),
        ("${sls:stage}", "prod"),
        ("${param:size}", 2),
        ("${param:colour}", "red"),
        ("${aws:accountId}", "000000000000"),
        ("${aws:region}", "eu-west-1"),
        ("${strToBool(TRUE)}", True),
        ("${strToBool(${self:custom.yes})}", True),
        ("${strToBool(0)}", False),
        ("arn:${AWS::Region}:${Table.Arn}", "arn:${AWS::Region}:${Table.Arn}"),
        ("${AWS::${self:service}}", "${AWS::demo}"),
        ("${ssm:/path, 'local'}", "local"),
        ("${sls:instanceId, 'local'}", "local"),
        ("${file(none/none.yml), 'local'}", "local"),
        ("${cf.eu-west-1:stack.output, self:service}", "demo"),
    ],
)
def test_variables_have_values(resolve: Resolve, value: str, expected: object) -> None:
    found = resolve(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "column", "message", "hint"),
    [
        (
            "${self:custom.numbr}",
            8,
            "`self:custom.numbr` leads nowhere: `custom` has no `numbr`",
            "did you mean `number`?",
        ),
        (
            "${self:kustom.x}",
            8,
            "`self:kustom.x` leads nowhere: the file has no `kustom`",
            "did you mean `custom`?",
        ),
        (
            "${self:custom.number.x}",
            8,
            "`self:custom.number.x` leads nowhere: `custom.number` has no `x`",
            None,
        ),
        (
            "${self:custom.list.7}",
            8,
            "`self:custom.list.7` leads nowhere: `custom.list` has no `7`",
            None,
        ),
        ("${self:custom.nothing}", 8, "`self:custom.nothing` is null", None),
        ("ab${opt:color}", 10, "the option `--color` is not set", "did you mean `colour`?"),
        (
            "${opt:none}",
            8,
            "the option `--none` is not set",
            "give it a fallback: ${opt:none, '…'}",
        ),
        (
            "${env:HOM}",
            8,
            "the environment variable `HOM` is not set",
            "did you mean `HOME`?",
        ),
        ("${sls:stag}", 8, "`sls:stag` does not exist", "there is ${sls:stage}"),
        (
            "${aws:partition}",
            8,
            "`aws:partition` does not exist",
            "there are ${aws:accountId} and ${aws:region}",
        ),
        ("${param:x}", 8, "no parameter `x` for stage `prod` under `params`", None),
        ("${strToBool(maybe)}", 8, "strToBool takes true, false, 1 or 0, not `maybe`", None),
        ("a ${seff:x}", 12, "unknown type of variable `seff`", "did you mean `self`?"),
        ("a ${self:custom.lists}", 10, "a variable inside a text must be a text, not a list", None),
        ("a ${self:custom.map}", 10, "a variable inside a text must be a text, not a map", None),
        (
            "a ${self:custom.none, null}",
            10,
            "a variable inside a text must be a text, not empty",
            None,
        ),
        ("${file(none.yml)}", 8, "there is no file `none.yml` in .", None),
        ("${file(H.py):x}", 8, "there is no file `H.py` in .", "did you mean `h.py`?"),
        ("${file()}", 8, "`file` names no file", "write ${file(path.yml):key}"),
    ],
)
def test_a_dead_end_is_named_at_its_place(
    resolve: Resolve, value: str, column: int, message: str, hint: str | None
) -> None:
    with pytest.raises(UnresolvedVariableError) as caught:
        resolve(value)
    assert str(caught.value) == f"serverless.yml:21:{column}: {message}"
    if hint:
        assert caught.value.hint == hint


def test_the_default_stage_is_no_part_of_the_file(resolve: Resolve) -> None:
    with pytest.raises(UnresolvedVariableError) as caught:
        resolve("${self:provider.stage}", document="provider: {name: aws}\n")
    assert caught.value.hint == (
        "write ${sls:stage}, or give it a fallback: ${self:provider.stage, 'dev'}"
    )


@pytest.mark.parametrize("value", ["${self:service", "${opt:stage, dev}"])
def test_a_malformed_variable_is_a_definition_error(resolve: Resolve, value: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        resolve(value)
    assert str(caught.value).startswith("serverless.yml:21:")


def test_a_circle_is_named(resolve: Resolve) -> None:
    with pytest.raises(UnresolvedVariableError) as caught:
        resolve("${self:custom.one}")
    assert str(caught.value) == (
        "serverless.yml:17:8: variables in a circle: `${self:custom.two}` → "
        "`a${self:custom.three}` → `${self:custom.one}` → `${self:custom.two}`"
    )
    with pytest.raises(
        UnresolvedVariableError, match=r"in a circle: `[^`]*itself}` → `[^`]*itself}`$"
    ):
        resolve("${self:custom.itself}")


def test_a_chain_is_bounded(resolve: Resolve) -> None:
    links = "".join(f"  v{i}: ${{self:custom.v{i + 1}}}\n" for i in range(100))
    with pytest.raises(UnresolvedVariableError, match="more than 40 variables lead from one to"):
        resolve("${self:custom.v0}", document=f"custom:\n{links}")


def test_texts_do_not_grow_without_bound(resolve: Resolve) -> None:
    doubling = "".join(
        f"  v{i}: ${{self:custom.v{i + 1}}}${{self:custom.v{i + 1}}}\n" for i in range(30)
    )
    with pytest.raises(DefinitionError, match="variables make this text longer than 1024 KiB"):
        resolve("${self:custom.v0}", document=f"custom:\n{doubling}  v30: abcdefgh\n")


def test_what_lies_outside_needs_a_fallback(resolve: Resolve, findings: Findings) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        resolve("x ${ssm:/path}")
    assert str(caught.value) == (
        "serverless.yml:21:10: `ssm:` variables read AWS's Parameter Store, which is not done here"
    )
    assert caught.value.hint == "give it a fallback: ${ssm:…, 'local value'}"
    assert findings.all() == ()

    assert resolve("${ssm:/path, 'local'}") == "local"
    assert findings.all() == (
        Finding(
            "`ssm:` variables read AWS's Parameter Store, which is not done here: "
            "its fallback is used",
            Place("serverless.yml", 21, 8),
        ),
    )


def test_a_fallback_that_is_missing_too_leaves_the_first_reason(resolve: Resolve) -> None:
    with pytest.raises(UnsupportedFeatureError, match="`s3:` variables read an object in S3"):
        resolve("${s3:bucket/key, opt:none}")


def test_values_come_from_other_files(resolve: Resolve, folder: Path) -> None:
    (folder / "conf").mkdir()
    (folder / "conf" / "prod.yml").write_text("url: ${self:service}.org\nmap: {a: [1, 2]}\n")
    (folder / "data.json").write_text('{"key": "${self:custom.number}", "list": [true]}')
    (folder / "note.txt").write_text("as it is")
    assert resolve("${file(conf/prod.yml):url}") == "demo.org"
    assert resolve("${file(./conf/${opt:stage}.yml):map.a.1}") == 2
    assert resolve("x-${file(conf/prod.yml):url}") == "x-demo.org"
    assert resolve("${file(data.json)}") == {"key": 5, "list": [True]}
    assert resolve("${file(note.txt)}") == "as it is"
    assert resolve("${file(note.txt)} ${file(note.txt)}") == "as it is as it is"
    assert resolve("${file(none.yml):a, 'fallback'}") == "fallback"
    with pytest.raises(UnresolvedVariableError) as caught:
        resolve("${file(conf/prod.yml):ulr}")
    assert caught.value.message == "`file(conf/prod.yml):ulr` leads nowhere: the file has no `ulr`"
    assert caught.value.hint == "did you mean `url`?"


def test_a_file_beside_the_service_is_read_too(resolve: Resolve, folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "account.yml").write_text("id: '123'\n")
    root = parse_yaml(Source("serverless.yml", "value: ${file(../account.yml):id}\n"))
    assert isinstance(root, MappingNode)
    variables = Variables(root, Path("inner"), options={}, env={}, findings=Findings())
    assert plain(root.entries["value"].node, variables) == "123"


def test_errors_in_other_files_name_them(resolve: Resolve, folder: Path) -> None:
    (folder / "broken.yml").write_text("a: 'x\n")
    (folder / "dead.yml").write_text("a:\n  b: ${self:none}\n")
    with pytest.raises(DefinitionError, match=r"^broken.yml:1:4: the YAML is broken"):
        resolve("${file(broken.yml)}")
    with pytest.raises(UnresolvedVariableError, match=r"^dead.yml:2:6: `self:none` leads nowhere"):
        resolve("${file(dead.yml):a.b}")
    (folder / "large.yml").write_bytes(b" " * 2_000_000)
    with pytest.raises(DefinitionError, match=r"^serverless.yml:21:10: large.yml is larger than"):
        resolve("${file(large.yml)}")


@pytest.mark.parametrize("name", ["x.js", "x.cjs", "x.ts"])
def test_scripts_are_refused(resolve: Resolve, name: str) -> None:
    with pytest.raises(UnsupportedFeatureError) as caught:
        resolve(f"${{file({name}):a, 'fallback'}}")
    assert str(caught.value) == (
        f"serverless.yml:21:10: `{name}` is JavaScript, which is not run here"
    )
    assert caught.value.hint == "move the values into a .yml or .json file"


def test_a_name_that_no_file_can_have(resolve: Resolve) -> None:
    with pytest.raises(UnresolvedVariableError, match=r"`xxx.*…` is no file name"):
        resolve(f"${{file({'x' * 5000})}}")
    with pytest.raises(UnresolvedVariableError, match=r"there is no file `a\ufffd\.yml` in"):
        resolve('"${file(a\\0.yml)}"')


@pytest.mark.parametrize(
    ("options", "provider", "stage", "region"),
    [
        ({}, "{name: aws}", "dev", "us-east-1"),
        ({}, "{stage: prod, region: eu-west-1}", "prod", "eu-west-1"),
        ({"stage": "test", "region": "sa-east-1"}, "{stage: prod}", "test", "sa-east-1"),
        ({}, "{stage: \"${opt:stage, 'local'}\", region: null}", "local", "us-east-1"),
        ({}, "{stage: 5}", "5", "us-east-1"),
    ],
)
def test_stage_and_region(options: dict[str, str], provider: str, stage: str, region: str) -> None:
    root = parse_yaml(Source("f.yml", f"provider: {provider}\n"))
    assert isinstance(root, MappingNode)
    variables = Variables(root, Path(), options=options, env={}, findings=Findings())
    assert (variables.stage(), variables.region()) == (stage, region)


def test_a_stage_that_asks_for_itself_is_a_circle() -> None:
    root = parse_yaml(Source("f.yml", "provider: {stage: '${sls:stage}'}\n"))
    assert isinstance(root, MappingNode)
    variables = Variables(root, Path(), options={}, env={}, findings=Findings())
    with pytest.raises(UnresolvedVariableError, match="variables in a circle"):
        variables.stage()


def test_a_stage_that_is_a_map_is_refused() -> None:
    root = parse_yaml(Source("f.yml", "provider: {stage: {a: b}}\n"))
    assert isinstance(root, MappingNode)
    variables = Variables(root, Path(), options={}, env={}, findings=Findings())
    with pytest.raises(DefinitionError, match=r"^f.yml:1:19: provider.stage must be a text, not a"):
        variables.stage()


def test_a_service_that_is_a_map_is_its_name(resolve: Resolve) -> None:
    document = "service: {name: demo}\n"
    assert resolve("${self:service} ${self:service.name}", document=document) == "demo demo"


def test_a_value_is_resolved_once(folder: Path) -> None:
    root = parse_yaml(Source("f.yml", "a: ${self:b}\nb: {c: '${self:d}'}\nd: 1\n"))
    assert isinstance(root, MappingNode)
    variables = Variables(root, Path(), options={}, env={}, findings=Findings())
    first = variables.resolve(root.entries["a"].node)
    assert variables.resolve(root.entries["a"].node) is first is root.entries["b"].node
