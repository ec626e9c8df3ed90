"""Does `pkg/module.function` exist? Asked of the files, without running anything.

A Python module is read for the names that it defines; of JavaScript the file is looked for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.definition.modules import parse_module
from bellwire.definition.requirements import (
    is_newer,
    layer_folders,
    own_python,
    package_folders,
)
from bellwire.definition.suggestion import clipped, did_you_mean
from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError


_DYNAMIC = {"exec", "eval", "globals", "locals", "vars", "setattr"}
"""A module that uses one of these may define names that its text does not show."""

_NO_SOURCE = {"node_modules", "venv", "__pycache__", "build", "dist"}
_JAVASCRIPT = {".js", ".mjs", ".cjs"}
_TYPESCRIPT = (".ts", ".tsx", ".mts", ".cts")

_MOST_FILES = 1000
"""Files looked at to guess which module was meant."""


class Handlers:
    """Checks the handlers of one service; each module is parsed once."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._packages = package_folders(directory)
        python = own_python(directory)
        self._knows_syntax = python is None or not is_newer(python)
        self._names: dict[Path, frozenset[str] | None] = {}

    def check(self, function: Function, place: Place) -> None:
        """Raise DefinitionError if a function's handler, written at `place`, cannot be there."""
        if function.runtime.startswith("nodejs"):
            self._check_node(function.handler, place)
        elif function.runtime.startswith("provided"):
            self._check_executable(function, place)
        else:
            self._check_python(function, place)

    def _check_python(self, function: Function, place: Place) -> None:
        """Look for the name in the module, which may be in a layer or an installed package too.

        Lambda splits at the last dot and takes `/` for `.` in the module
        [docs.aws.amazon.com/lambda/latest/dg/python-handler.html].
        """
        handler = function.handler
        module, dot, name = handler.rpartition(".")
        parts = module.replace("/", ".").split(".")
        if not dot or not name or not module:
            raise DefinitionError(
                f"{clipped(handler)} is no handler", place=place, hint="write `module.function`"
            )
        if "" in parts:
            raise DefinitionError(
                f"{clipped(handler)}: Lambda cannot import {clipped(module)}",
                place=place,
                hint="write the path from the folder of serverless.yml, without `./` or `/`",
            )
        folders = (self._directory, *layer_folders(function), *self._packages)
        path = next((path for folder in folders if (path := _module_file(folder, parts))), None)
        if not path:
            raise self._no_module(parts, place)
        if path not in self._names:
            self._names[path] = self._read_names(path)
        names = self._names[path]
        if names is not None and name not in names:
            raise DefinitionError(
                f"{path} has no function {clipped(name)}",
                place=place,
                hint=did_you_mean(name, names),
            )

    def _read_names(self, path: Path) -> frozenset[str] | None:
        try:
            return _names_of(path)
        except DefinitionError:
            if self._knows_syntax:
                raise
            return None  # it may be right for the newer Python that runs it

    def _check_node(self, handler: str, place: Place) -> None:
        """Look for the file: up to the first dot after the last slash.

        [docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html]
        """
        folder, slash, last = handler.rpartition("/")
        name, _, function = last.partition(".")
        if not name or not function or ".." in handler:
            raise DefinitionError(
                f"{clipped(handler)} is no handler", place=place, hint="write `file.function`"
            )
        wanted = f"{folder}{slash}{name}"
        base = self._directory / wanted
        if _is_node_module(base) or _is_node_module(self._directory / "node_modules" / wanted):
            return
        for suffix in _TYPESCRIPT:
            if _is_file(base, suffix):
                raise UnsupportedFeatureError(
                    f"{base}{suffix} is TypeScript, which is not compiled here",
                    place=place,
                    hint="compile it, and have `handler:` name the result",
                )
        raise self._no_script(wanted, place)

    def _no_script(self, wanted: str, place: Place) -> DefinitionError:
        hint = self._nearest(wanted, _JAVASCRIPT)
        if _is_file(self._directory / wanted, ".py"):
            hint = "it is there in Python: set `runtime: python3.12` for it or under `provider`"
        return DefinitionError(
            f"there is no file {clipped(wanted + '.js')}, `.mjs` or `.cjs` in {self._directory}",
            place=place,
            hint=hint,
        )

    def _check_executable(self, function: Function, place: Place) -> None:
        file = executable_file(function, self._directory)
        if file is None:
            raise DefinitionError(
                f"there is no file `bootstrap` in {self._directory}",
                place=place,
                hint="build the function there, or name its executable file as `handler:`",
            )
        if not file.stat().st_mode & 0o111:
            raise DefinitionError(
                f"{file} is not executable", place=place, hint=f"run `chmod +x {file}`"
            )

    def _no_module(self, parts: list[str], place: Place) -> DefinitionError:
        wanted = "/".join(parts)
        return DefinitionError(
            f"there is no file {clipped(wanted + '.py')} in {self._directory}",
            place=place,
            hint=self._nearest(wanted, {".py"}),
        )

    def _nearest(self, wanted: str, suffixes: set[str]) -> str | None:
        """Return a hint that names the file that may have been meant."""
        files = islice(_files(self._directory, suffixes), _MOST_FILES)
        names = [each.relative_to(self._directory).with_suffix("").as_posix() for each in files]
        last = wanted.rpartition("/")[2]
        same_name = [name for name in names if name.rpartition("/")[2] == last]
        return f"did you mean `{same_name[0]}`?" if same_name else did_you_mean(wanted, names)


def executable_file(function: Function, directory: Path) -> Path | None:
    """Return what runs a function of the runtime `provided`: its handler's file, else `bootstrap`.

    `bootstrap` may be in a layer too.
    docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
    """
    folders = (directory, *reversed(function.layers))
    files = (directory / function.handler, *(folder / "bootstrap" for folder in folders))
    return next((file for file in files if _is_file(file)), None)


def _module_file(folder: Path, parts: list[str]) -> Path | None:
    base = folder.joinpath(*parts)
    files = (base / "__init__.py", base.parent / f"{base.name}.py")
    return next((path for path in files if _is_file(path)), None)


def _is_file(path: Path, suffix: str = "") -> bool:
    try:
        return path.with_name(path.name + suffix).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_node_module(base: Path) -> bool:
    """Tell whether a file, or a folder as Node.js takes it for a module, has this path."""
    is_folder = _is_file(base / "package.json") or _is_file(base / "index.js")
    return is_folder or any(_is_file(base, suffix) for suffix in ("", *_JAVASCRIPT))


def _files(directory: Path, suffixes: set[str]) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.suffix in suffixes:
            yield entry
        elif entry.is_dir() and not entry.is_symlink() and not _is_skipped(entry.name):
            yield from _files(entry, suffixes)


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name in _NO_SOURCE


def _names_of(path: Path) -> frozenset[str] | None:
    """Return the names a module defines; None if that cannot be told from its text.

    Raises DefinitionError where it does not parse.
    """
    tree = parse_module(path)
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
