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
