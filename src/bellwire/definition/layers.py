"""The layers of functions: folders of the service, which Lambda would unpack into `/opt`.

www.serverless.com/framework/docs/providers/aws/guide/layers
docs.aws.amazon.com/lambda/latest/dg/chapter-layers.html
"""

from __future__ import annotations

import re
from pathlib import Path

from bellwire.definition.findings import Findings
from bellwire.definition.intrinsics import Intrinsics
from bellwire.definition.naming import layer_logical_id
from bellwire.definition.nodes import MappingNode, Node, ScalarNode
from bellwire.definition.suggestion import clipped, nearest
from bellwire.definition.values import Fields, items_of
from bellwire.definition.variables import ACCOUNT_ID
from bellwire.definition.vocabulary import LAYER_KEYS
from bellwire.errors import (
    DefinitionError,
    Place,
    UnknownKeyError,
    UnresolvedVariableError,
    UnsupportedFeatureError,
)


_MOST_LAYERS = 5
"""[docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html]"""
_ARN = re.compile(r"arn:[\w-]+:lambda:[\w-]+:(?P<account>\d+):layer:(?P<name>[\w-]+)(:\d+)?")
_ELSEWHERE_HINT = (
    "put its content into a folder that stands under `layers:`, its packages into the service's "
    ".venv or node_modules"
)


def read_layers(service: Fields, findings: Findings) -> Fields | None:
    """Return the section at the top of the file; None without one that can be read."""
    try:
        return service.fields("layers")
    except (UnresolvedVariableError, UnsupportedFeatureError) as error:
        place = error.place or service.place("layers")
        findings.notice(f"`layers` are not read: {error.message}", place, error.hint)
        return None


def layer_names(section: Fields | None) -> dict[str, str]:
    """Return the names of the layers of this section, by their logical ids."""
    return {layer_logical_id(key): key for key in section.node.entries} if section else {}


class Layers:
    """Finds the folders of a service's layers."""

    def __init__(
        self, section: Fields | None, directory: Path, intrinsics: Intrinsics, findings: Findings
    ) -> None:
        self._section = section
        self._names = layer_names(section)
        self._directory = directory
        self._intrinsics = intrinsics
        self._findings = findings

    def of(self, function: Fields, provider: Fields) -> tuple[Path, ...]:
        """Return the folders of a function's layers: its own, else the provider's.

        A layer that is not in the service is told and left out. Raises DefinitionError.
        """
        for fields in (function, provider):
            path = fields.path("layers")
            try:
                node = fields.get("layers")
            except UnsupportedFeatureError:
                self._tell_elsewhere(fields.node.entries["layers"].node, path, "layers")
                return ()
            if node is not None:
                items = items_of(node, path)
                _check_number(len(items), path, node.place)
                numbered = enumerate(items)
                found = [self._folder(item, fields, f"{path}[{at}]") for at, item in numbered]
                return tuple(folder for folder in found if folder)
        return ()

    def _folder(self, item: Node, fields: Fields, path: str) -> Path | None:
        key, named = self._find(item, fields, path)
        if key is not None:
            return self._own(key)
        if named is not None:
            self._tell_elsewhere(item, path, named)
        return None

    def _find(self, item: Node, fields: Fields, path: str) -> tuple[str | None, str | None]:
        """Return the key of the layer of this service that an item names, else what it names."""
        try:
            item = fields.variables.resolve(item)
            text = self._intrinsics.text(item, path)
        except UnsupportedFeatureError:
            return None, "a layer"
        except UnknownKeyError:
            name = _reference(item)
            if name is None or nearest(name, self._names):
                raise
            return None, clipped(name)  # a plugin may make it: serverless-python-requirements
        if text is None:
            return None, None
        arn = _ARN.fullmatch(text)
        if arn is None:
            raise DefinitionError(
                f"`{path}` must be the ARN of a layer, not {clipped(text)}",
                place=item.place,
                hint="one of this service is `{Ref: NameLambdaLayer}`, with its name's first "
                "letter upper-case",
            )
        if arn["account"] == ACCOUNT_ID and arn["name"] in self._names.values():
            return arn["name"], None
        return None, clipped(text)

    def _tell_elsewhere(self, node: Node, path: str, named: str) -> None:
        self._findings.notice(
            f"`{path}` names {named}, not in this service: without effect here",
            node.place,
            _ELSEWHERE_HINT,
        )

    def _own(self, key: str) -> Path:
        assert self._section
        layer = self._section.fields(key)
        written = layer.text("path") if layer else None
        if layer is None or not written:
            raise self._no_path(key, layer)
        layer.check_keys(LAYER_KEYS)
        folder = self._directory / written
        if not _is_folder(folder):
            raise DefinitionError(
                f"the layer `{key}` is in {clipped(written)}, and there is no such folder in "
                f"{self._directory}",
                place=layer.place("path"),
                hint="correct `path:`, or build the layer; for Python that is "
                f"{clipped(f'pip install --target {written}/python …')}",
            )
        return folder.resolve()

    def _no_path(self, key: str, layer: Fields | None) -> DefinitionError:
        assert self._section
        package = layer.fields("package") if layer else None
        if package and package.get("artifact"):
            return UnsupportedFeatureError(
                f"`{package.path('artifact')}` is a packed layer, which is not unpacked here",
                place=package.place("artifact"),
                hint="unpack it, and write `path:` with its folder",
            )
        place = self._section.node.entries[key].place
        return DefinitionError(f"the layer `{key}` has no `path:`", place=place)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no folder can have
        return False


def _check_number(number: int, path: str, place: Place) -> None:
    if number > _MOST_LAYERS:
        raise DefinitionError(
            f"`{path}` has {number} layers; Lambda takes {_MOST_LAYERS}", place=place
        )


def _reference(node: Node) -> str | None:
    """Return what a `Ref` names."""
    target = node.get("Ref") if isinstance(node, MappingNode) else None
    return str(target.value) if isinstance(target, ScalarNode) else None
