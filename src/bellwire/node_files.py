"""The files of a running node: its data folder, which one node has at a time, and where it tells
that it runs.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from bellwire.errors import StartError
from bellwire.settings import NODE_FILE


class NodeFiles:
    """The data folder, locked from `open` to `close`, and the ready file, if one was asked for."""

    def __init__(self, data_dir: Path, ready_file: Path | None) -> None:
        self.data_dir = data_dir
        self._ready_file = ready_file
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Take the folder; remove the ready file of an earlier run, which would tell of this one.

        Raises StartError where another node has it, or where it cannot be written.
        """
        folder, file = self.data_dir, self._ready_file
        with _writing("data folder", folder, "--data-dir"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (folder / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise StartError(
                f"another node uses the data folder {folder}",
                hint="stop it, or choose another folder with --data-dir",
            ) from None
        self._lock = lock
        if file is not None:
            with _writing("ready file", file, "--ready-file"):
                file.unlink(missing_ok=True)

    def tell(self, addresses: Mapping[str, object], *, token: str) -> None:
        """Write where the node listens, and in the data folder what it is asked with; StartError.

        Only who runs the node may read the token.
        """
        text = json.dumps(addresses)
        with _writing("data folder", self.data_dir, "--data-dir"):
            _write_atomically(self.data_dir / NODE_FILE, json.dumps({**addresses, "token": token}))
        file = self._ready_file
        if file is not None:
            with _writing("ready file", file, "--ready-file"):
                _write_atomically(file, text)

    def withdraw(self) -> None:
        """Remove from the data folder what `tell` wrote there."""
        if self._lock is not None:  # else the file is that of another node
            with suppress(OSError):
                (self.data_dir / NODE_FILE).unlink()

    def close(self) -> None:
        """Leave the folder to the next."""
        if self._lock is not None:
            self._lock.close()


@contextmanager
def _writing(what: str, path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StartError(
            f"the {what} {path} cannot be written: {error.strerror}",
            hint=f"choose another with {option}",
        ) from None


def _write_atomically(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
