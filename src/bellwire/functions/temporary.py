"""The folders that become the `/tmp` of environments: where they are, and that they go."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from pathlib import Path
from tempfile import mkdtemp

from bellwire.errors import StartError


_NAME_CHARACTERS = 64


async def make_place(place: Path) -> None:
    """Make the folder that they are in, without what a killed node left.

    Raises StartError.
    """
    try:
        await asyncio.to_thread(_renew, place)
    except OSError as error:
        raise StartError(
            f"there can be no folders for the /tmp of functions: {error}",
            hint=f"see that {place.parent} is a folder which may be written",
        ) from None


def make_folder(place: Path, function: str) -> str:
    """Make a folder for an environment of a function; raises OSError."""
    return mkdtemp(prefix=f"{function[:_NAME_CHARACTERS]}-", dir=place)


async def remove_folder(folder: str | None) -> None:
    """Remove a folder, if there is one, with all that a function left in it; as far as it can."""
    if folder is not None:
        with suppress(RuntimeError):  # no thread can be started: it goes at the next start
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _renew(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    # It may be there still: it is a link, or a function made what nobody may remove.
    place.mkdir(parents=True, mode=0o700, exist_ok=True)
