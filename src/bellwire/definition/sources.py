"""Which functions a changed file concerns.

A Python file concerns the functions that may import it, a script of Node.js all of Node.js, an
executable its function, a layer's file the functions with that layer. Any other file, which some
handler may read, concerns all.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePath

from bellwire.definition.model import Function, Service
from bellwire.definition.modules import Imports


_NODE = {".js", ".mjs", ".cjs", ".node"}
_NODE_FILES = {"package.json", "package-lock.json"}
_COMPILED = {".ts", ".tsx", ".mts", ".cts", ".pyc", ".pyi"}
"""Files that nothing runs or reads: what is compiled of them is."""


def is_definition(path: Path, service: Service) -> bool:
    """Tell whether a file is read when the service is loaded, not by its functions alone."""
    return path == service.file or path in service.files


def is_code(path: PurePath) -> bool:
    """Tell whether a file is a program's text; others may be data that functions write."""
    return path.suffix in {".py", *_NODE, *_COMPILED} or path.name in _NODE_FILES


def concerned(service: Service, changed: Collection[Path], imports: Imports) -> frozenset[str]:
    """Return the keys of the functions that changed files, by their full paths, may change."""
    return frozenset(
        key
        for key, function in service.functions.items()
        if _is_concerned(function, service, changed, imports)
    )


def _is_concerned(
    function: Function, service: Service, changed: Collection[Path], imports: Imports
) -> bool:
    if any(path.is_relative_to(layer) for layer in function.layers for path in changed):
        return True
    kinds: dict[str, list[PurePath]] = {}
    programs = _programs(service)
    for path in changed:
        if path.is_relative_to(service.directory) and not is_definition(path, service):
            relative = path.relative_to(service.directory)
            kinds.setdefault(_kind(relative, programs), []).append(relative)
    if "data" in kinds:
        return True
    if function.runtime.startswith("python"):
        module = function.handler.rpartition(".")[0].replace(".", "/")
        return "python" in kinds and imports.may_reach(PurePath(module), kinds["python"])
    if function.runtime.startswith("nodejs"):
        return "node" in kinds
    # An executable may be a script, in whatever language.
    return bool(kinds.keys() & {"python", "node"}) or any(
        path.as_posix() in (function.handler, "bootstrap") for path in kinds.get("program", ())
    )


def _programs(service: Service) -> frozenset[str]:
    handlers = [
        each.handler for each in service.functions.values() if each.runtime.startswith("provided")
    ]
    return frozenset([*handlers, "bootstrap"] if handlers else [])


def _kind(path: PurePath, programs: Collection[str]) -> str:
    if path.as_posix() in programs:
        return "program"
    if path.suffix in _COMPILED:
        return "compiled"
    if path.suffix == ".py":
        return "python"
    return "node" if path.suffix in _NODE or path.name in _NODE_FILES else "data"
