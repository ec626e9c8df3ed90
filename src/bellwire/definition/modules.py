"""Python modules as texts: what they import, and so which of them a handler may depend on."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath

from bellwire.errors import DefinitionError, Place


_DYNAMIC = {
    "__import__",
    "eval",
    "exec",
    "imp",
    "import_module",
    "importlib",
    "pkgutil",
    "runpy",
    "spec_from_file_location",
}
"""A module that uses one of these may import what its text does not name."""


def parse_module(path: Path) -> ast.Module:
    """Parse a Python file. Raises DefinitionError where Python cannot read it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(path.read_bytes())
    except SyntaxError as error:
        place = Place(str(path), error.lineno or 1, error.offset or 1)
        raise DefinitionError(f"Python cannot read this: {error.msg}", place=place) from None
    except (ValueError, RecursionError, MemoryError, OSError) as error:
        why = str(error) or "it is nested too deeply"
        place = Place(str(path), 1, 1)
        raise DefinitionError(f"Python cannot read this: {why}", place=place) from None


def imported_names(tree: ast.Module) -> frozenset[str] | None:
    """Return each part of each name that a module imports; None where it may import anything.

    `from a.b import c` has `a`, `b` and `c`: the last may be a module, or not.
    """
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(aliases):
                for alias in aliases:
                    names.update(alias.name.split("."))
            case ast.ImportFrom(module, aliases):
                names.update((module or "").split("."), (alias.name for alias in aliases))
            case ast.Name(name) | ast.Attribute(attr=name) if name in _DYNAMIC:
                return None
            case _:
                pass
    return None if names & _DYNAMIC else frozenset(names - {""})


class Imports:
    """What the modules of a folder import. `known` is by path, relative to the folder.

    A file is found by its last name alone, wherever in the folder it is: a path that is on
    `sys.path` by the user's doing makes no difference. So more may be said to depend on a file
    than do, never less.
    """

    def __init__(self, known: Mapping[PurePath, frozenset[str] | None]) -> None:
        self._known = known
        self._by_name: dict[str, list[PurePath]] = {}
        for path in known:
            self._by_name.setdefault(_module_name(path), []).append(path)

    def may_reach(self, module: PurePath, targets: Collection[PurePath]) -> bool:
        """Tell whether a module, by its path without a suffix, may import one of these files."""
        first = (module.with_name(f"{module.name}.py"), module / "__init__.py")
        waiting = [path for path in first if path in self._known]
        seen = set(waiting)
        while waiting:
            path = waiting.pop()
            if path in targets:
                return True
            names = self._known[path]
            if names is None:
                return True
            for found in self._named(names, path):
                if found not in seen:
                    seen.add(found)
                    waiting.append(found)
        return False

    def _named(self, names: frozenset[str], path: PurePath) -> Iterator[PurePath]:
        for name in names:
            yield from self._by_name.get(name, ())
        for folder in path.parents:  # the packages that it is in are imported before it
            if (package := folder / "__init__.py") in self._known:
                yield package


def _module_name(path: PurePath) -> str:
    return path.parent.name if path.name == "__init__.py" else path.stem
