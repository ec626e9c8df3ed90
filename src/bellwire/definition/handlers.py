"""Does `pkg/module.function` exist? Asked of the source, without importing it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.errors import DefinitionError, Place


_DYNAMIC = {"exec", "eval", "globals", "locals", "vars", "setattr"}
"""A module that uses one of these may define names that its text does not show."""

_NO_SOURCE = {"node_modules", "venv", "__pycache__", "build", "dist"}
_MOST_FILES = 1000
"""Files looked at to guess which module was meant."""


class Handlers:
    """Checks the handlers of one service; each module is parsed once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names: dict[Path, frozenset[str] | None] = {}

    def check(self, handler: str, place: Place) -> None:
        """Raise DefinitionError if a handler, as written at `place`, cannot be there.

        Lambda splits at the last dot and takes `/` for `.` in the module
        [docs.aws.amazon.com/lambda/latest/dg/python-handler.html].
        """
        module, dot, function = handler.rpartition(".")
        parts = module.replace("/", ".").split(".")
        if not dot or not function or not module:
            raise DefinitionError(
                f"{clipped(handler)} is no handler", place=place, hint="write `module.function`"
            )
        if "" in parts:
            raise DefinitionError(
                f"{clipped(handler)}: Lambda cannot import {clipped(module)}",
                place=place,
                hint="write the path from the folder of serverless.yml, without `./` or `/`",
            )
        path = self._module_file(parts)
        if not path:
            raise self._no_module(parts, place)
        if path not in self._names:
            self._names[path] = _names_of(path)
        names = self._names[path]
        if names is not None and function not in names:
            raise DefinitionError(
                f"{path} has no function {clipped(function)}",
                place=place,
                hint=did_you_mean(function, names),
            )

    def _module_file(self, parts: list[str]) -> Path | None:
        base = self._directory.joinpath(*parts)
        for path in (base / "__init__.py", base.parent / f"{base.name}.py"):
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):  # a name that no file can have
                return None
        return None

    def _no_module(self, parts: list[str], place: Place) -> DefinitionError:
        wanted = "/".join(parts)
        modules = [
            path.relative_to(self._directory).with_suffix("").as_posix()
            for path in islice(_python_files(self._directory), _MOST_FILES)
        ]
        same_name = [name for name in modules if name.rpartition("/")[2] == parts[-1]]
        hint = f"did you mean `{same_name[0]}`?" if same_name else did_you_mean(wanted, modules)
        return DefinitionError(
            f"there is no file {clipped(wanted + '.py')} in {self._directory}",
            place=place,
            hint=hint,
        )


def _python_files(directory: Path) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix == ".py":
            yield entry
        elif entry.is_dir() and not entry.is_symlink() and not _is_skipped(entry.name):
            yield from _python_files(entry)


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _NO_SOURCE


def _names_of(path: Path) -> frozenset[str] | None:
    """Return the names a module defines; None if that cannot be told from its text.

    Raises DefinitionError where it does not parse.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except SyntaxError as error:
        place = Place(str(path), error.lineno or 1, error.offset or 1)
        raise DefinitionError(f"Python cannot read this: {error.msg}", place=place) from None
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        why = str(error) or "it is nested too deeply"
        place = Place(str(path), 1, 1)
        raise DefinitionError(f"Python cannot read this: {why}", place=place) from None
    names = set(_bound_names(tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            names.update(node.names)
        if isinstance(node, ast.Name) and node.id in _DYNAMIC:
            return None
    return None if names & {"*", "__getattr__"} else frozenset(names)


def _bound_names(nodes: list[ast.stmt]) -> Iterator[str]:
    """Yield each name that these statements may bind at the level of the module."""
    waiting: list[ast.AST] = [*nodes]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name  # what is inside is not the module's
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        elif isinstance(node, ast.MatchMapping) and node.rest:
            yield node.rest
        waiting += ast.iter_child_nodes(node)
