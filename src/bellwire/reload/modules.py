"""What the Python modules of a folder import, read when asked for, kept until they change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath

from bellwire.definition.modules import imported_names, parse_module
from bellwire.definition.requirements import is_newer, own_python
from bellwire.errors import DefinitionError


class Modules(Mapping[PurePath, "frozenset[str] | None"]):
    """The names that modules import, by their paths in the folder; None where it may be any.

    One that Python cannot read imports nothing: `problem` tells of it, by `directory` as it was
    given.
    """

    def __init__(self, directory: Path) -> None:
        self._given = directory
        self._directory = directory.resolve()
        self._paths: frozenset[PurePath] = frozenset()
        self._known: dict[PurePath, frozenset[str] | None] = {}
        self._problems: dict[PurePath, DefinitionError] = {}

    def renew(self, paths: Collection[PurePath], changed: Collection[PurePath]) -> None:
        """Take that these are the modules now, and which of them are no longer what they were."""
        self._paths = frozenset(paths)
        for path in (*changed, *(self._known.keys() - self._paths)):
            self._known.pop(path, None)
            self._problems.pop(path, None)

    def problem(self, path: Path) -> DefinitionError | None:
        """Return why a file, by its full path, cannot be read; None for one that can, or is gone.

        None too where the functions have a newer Python: it may know what this one does not.
        """
        python = own_python(self._directory)
        if not path.is_relative_to(self._directory) or (python and is_newer(python)):
            return None
        module = path.relative_to(self._directory)
        if module in self._paths:
            self._read(module)
        return self._problems.get(module)

    def __getitem__(self, path: PurePath) -> frozenset[str] | None:
        """Return the names that a module imports."""
        if path not in self._paths:
            raise KeyError(path)
        return self._read(path)

    def __iter__(self) -> Iterator[PurePath]:
        """Iterate over the paths."""
        return iter(self._paths)

    def __len__(self) -> int:
        """Return the number of modules."""
        return len(self._paths)

    def _read(self, path: PurePath) -> frozenset[str] | None:
        if path not in self._known:
            try:
                self._known[path] = imported_names(parse_module(self._given / path))
            except DefinitionError as error:
                self._known[path] = frozenset()
                if (self._directory / path).exists():
                    self._problems[path] = error
        return self._known[path]
