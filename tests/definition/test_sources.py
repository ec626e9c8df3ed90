from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from bellwire.definition import Service
from bellwire.definition.modules import Imports
from bellwire.definition.sources import concerned, is_code, is_definition


TEXT = """\
service: demo
provider: {name: aws, runtime: python3.11}
custom: ${file(custom.yml)}
functions:
  one: {handler: h.f}
  two: {handler: pkg/other.f}
  node: {handler: app.f, runtime: nodejs20.x}
  go: {handler: bin/go, runtime: provided.al2023}
  sh: {handler: any, runtime: provided.al2023}
"""


@pytest.fixture
def service(load: Callable[..., Service], folder: Path) -> Service:
    (folder / "pkg").mkdir()
    (folder / "pkg" / "other.py").write_text("def f(event, context): pass\n")
    (folder / "app.js").write_text("exports.f = async () => 1;\n")
    (folder / "bin").mkdir()
    for name in ("bin/go", "bootstrap"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    (folder / "custom.yml").write_text("{}")
    return load(TEXT)


@pytest.mark.parametrize(
    ("changed", "keys"),
    [
        (["h.py"], "one go sh"),
        (["pkg/other.py"], "two go sh"),
        (["shared.py"], "one two go sh"),
        (["unused.py"], "go sh"),
        (["app.js"], "node go sh"),
        (["package.json"], "node go sh"),
        (["app.ts"], ""),
        (["bin/go"], "go"),
        (["bootstrap"], "go sh"),
        (["data.json"], "one two node go sh"),
        (["templates/mail.html", "app.ts"], "one two node go sh"),
        ([".env"], "one two node go sh"),
        (["serverless.yml", "custom.yml"], ""),
        (["../elsewhere.py"], ""),
        ([], ""),
    ],
)
def test_which_functions_a_file_concerns(service: Service, changed: list[str], keys: str) -> None:
    imports = Imports(
        {
            PurePath("h.py"): frozenset({"shared"}),
            PurePath("pkg/other.py"): frozenset({"shared"}),
            PurePath("shared.py"): frozenset(),
            PurePath("unused.py"): frozenset(),
        }
    )
    paths = [(service.directory / name).resolve() for name in changed]
    assert concerned(service, paths, imports) == frozenset(keys.split())


def test_what_is_read_when_the_service_is_loaded(service: Service) -> None:
    names = ("serverless.yml", "custom.yml", ".env", ".env.dev", "h.py", "other.yml")
    found = [name for name in names if is_definition(service.directory / name, service)]
    assert found == ["serverless.yml", "custom.yml"]


def test_what_is_a_programs_text() -> None:
    names = ("a.py", "a.mjs", "package.json", "a.ts", "a.json", "a", "a.html")
    assert [name for name in names if is_code(PurePath(name))] == [
        "a.py",
        "a.mjs",
        "package.json",
        "a.ts",
    ]


def test_a_layers_file_concerns_who_has_the_layer(service: Service, tmp_path: Path) -> None:
    layer = tmp_path.parent / "common"
    functions = {
        **service.functions,
        "one": replace(service.functions["one"], layers=(layer,)),
    }
    changed = [layer / "python" / "x.py"]
    assert concerned(replace(service, functions=functions), changed, Imports({})) == {"one"}
