"""The files of a service as they are now, and what differs from before."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bellwire.errors import StartError
from bellwire.limits import WATCHED_FILES


_NO_SOURCE = {"node_modules", "__pycache__", "venv"}
_ENVIRONMENT_FILE = re.compile(r"\.env(\..+)?")
_PASSING = re.compile(
    r"""\..*            # hidden: of editors, of version control
    | .*~ | \#.*\# | .*\.sw[a-z] | 4913 | .*___jb_(tmp|old)___  # of editors that save by renaming
    | .*\.(tmp|log|pid|pyc)
    | .*\.(db|sqlite|sqlite3)(-journal|-wal|-shm)?""",
    re.VERBOSE,
)
"""Files that come and go without anything being changed, or that programs write."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What is looked at: all of `folders`, and `files` elsewhere; nothing of what is `excluded`."""

    folders: tuple[Path, ...]
    files: tuple[Path, ...] = ()
    excluded: frozenset[Path] = frozenset()

    def covers(self, path: Path) -> bool:
        """Tell whether a file is looked at, if none of the rules of passing files keeps it out."""
        return path in self.files or any(path.is_relative_to(folder) for folder in self.folders)

    def may_concern(self, path: Path) -> bool:
        """Tell whether it is worth a look that something happened to a path: no log's next line."""
        return path in self.files or not (path in self.excluded or _is_passing(path.name))


class Signature(NamedTuple):
    """What changes when a file is written or replaced."""

    modified_ns: int
    size: int
    inode: int


class Snapshot(NamedTuple):
    """The files of a moment, and the folders that tell of changes of them.

    For a folder that is not there the nearest one above it tells that it is back.
    """

    files: Mapping[Path, Signature]
    folders: frozenset[Path]

    def changed(self, later: Snapshot) -> frozenset[Path]:
        """Return the files that were added, changed or removed until a later moment."""
        paths = self.files.keys() | later.files.keys()
        return frozenset(path for path in paths if self.files.get(path) != later.files.get(path))


def take_snapshot(scope: Scope) -> Snapshot:
    """Look at all files. Raises StartError where they are too many to be watched."""
    files: dict[Path, Signature] = {}
    folders: set[Path] = set()
    seen: set[tuple[int, int]] = set()
    waiting = list(scope.folders)
    while waiting:
        folder = waiting.pop()
        folders.add(_standing(folder))
        for entry in _entries(folder, seen):
            path = Path(entry.path)
            if path in scope.excluded:
                continue
            if entry.is_dir():
                if not _is_skipped_folder(entry):
                    waiting.append(path)
            elif not _is_passing(entry.name):
                _sign(path, files)
        if len(files) > WATCHED_FILES:
            raise StartError(
                f"{scope.folders[0]} has more than {WATCHED_FILES} files, which are not watched",
                hint="`--no-reload` says so without a warning",
            )
    for path in scope.files:
        _sign(path, files)
        folders.add(_standing(path.parent))
    return Snapshot(files, frozenset(folders))


def _standing(folder: Path) -> Path:
    """Return a folder, or the nearest above it that is there."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())


def _is_passing(name: str) -> bool:
    return bool(_PASSING.fullmatch(name)) and not _ENVIRONMENT_FILE.fullmatch(name)


def _entries(folder: Path, seen: set[tuple[int, int]]) -> Iterator[os.DirEntry[str]]:
    """Yield what is in a folder; nothing where it was seen, by another link, or cannot be read."""
    try:
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            return
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        return


def _is_skipped_folder(entry: os.DirEntry[str]) -> bool:
    return (
        entry.name.startswith(".")
        or entry.name in _NO_SOURCE
        or Path(entry.path, "pyvenv.cfg").exists()
    )


def _sign(path: Path, files: dict[Path, Signature]) -> None:
    try:
        status = path.stat()
    except OSError:
        return  # it has just gone, or is a link to nowhere
    files[path] = Signature(status.st_mtime_ns, status.st_size, status.st_ino)
