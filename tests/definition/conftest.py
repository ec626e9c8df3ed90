from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bellwire.definition import Service, load_service
from bellwire.definition.document import parse_yaml
from bellwire.definition.findings import Findings
from bellwire.definition.nodes import MappingNode, Source
from bellwire.definition.values import Fields
from bellwire.definition.variables import Variables
from bellwire.errors import DefinitionError


Load = Callable[..., Service]

HEAD = """\
service: demo
provider: {name: aws, runtime: python3.11}
"""

API = (
    HEAD
    + """\
functions:
  hello: {handler: h.f}
resources:
  Resources:
    Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: chat, ProtocolType: WEBSOCKET,
      RouteSelectionExpression: $request.body.action}}
"""
)


@pytest.fixture
def declare() -> Callable[..., str]:
    """Write a service with the function `hello`, the API `Api` and further resources.

    Each is given as a type and its properties in YAML's flow style; the first stands in line 9,
    its properties start in line 10, column 20.
    """

    def declare(*resources: str) -> str:
        text = API
        for resource in resources:
            name, kind, properties = resource.split(" ", 2)
            kind = kind if "::" in kind else f"AWS::ApiGatewayV2::{kind}"
            text += f"    {name}:\n      {{Type: {kind},\n       Properties: {properties}}}\n"
        return text

    return declare


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service's folder, current, with a module `h` that has a function `f`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "h.py").write_text("def f(event, context):\n    return event\n")
    return tmp_path


@pytest.fixture
def load(folder: Path) -> Load:
    """Load a serverless.yml given as text; places then read `serverless.yml:1:1`."""

    def load(
        text: str,
        *,
        stage: str | None = None,
        options: Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Service:
        Path("serverless.yml").write_text(text)
        return load_service(Path(), stage=stage, options=options or {}, env=env or {})

    return load


@pytest.fixture
def head() -> str:
    """The shortest beginning of a service, two lines."""
    return HEAD


@pytest.fixture
def refuse(load: Load) -> Callable[..., tuple[type[DefinitionError], str, str | None]]:
    """Load a serverless.yml that is wrong; return the error's class, its text and its hint."""

    def refuse(
        text: str, **arguments: Mapping[str, str]
    ) -> tuple[type[DefinitionError], str, str | None]:
        with pytest.raises(DefinitionError) as caught:
            load(text, **arguments)
        return type(caught.value), str(caught.value), caught.value.hint

    return refuse


@pytest.fixture
def fields(folder: Path) -> Callable[..., Fields]:
    """Make the fields of a document given as text."""

    def fields(text: str, **env: str) -> Fields:
        root = parse_yaml(Source("serverless.yml", text))
        assert isinstance(root, MappingNode)
        variables = Variables(
            root, Path(), options={"stage": "dev", "size": "3"}, env=env, findings=Findings()
        )
        return Fields(root, "", variables)

    return fields
