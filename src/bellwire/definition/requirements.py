"""The Python of a service's functions: which it is, where its packages are, which are missing.

Nothing is run: a virtual environment is a folder, an installed package has a folder of metadata.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from bellwire.definition.findings import Findings
from bellwire.definition.model import Function
from bellwire.definition.suggestion import listed
from bellwire.errors import Place
from bellwire.limits import DEFINITION_BYTES


FILE_NAME = "requirements.txt"
_FOLDERS = (".venv", "venv")
_VERSION = re.compile(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MOST_NAMED = 5


def own_python(directory: Path) -> Path | None:
    """Return the Python of the virtual environment in a service's folder, None without one.

    It is that of `.venv`, else of `venv`; that it runs is not said.
    """
    pythons = (directory.absolute() / name / "bin" / "python" for name in _FOLDERS)
    return next((each for each in pythons if each.is_symlink() or each.is_file()), None)


def is_newer(python: Path) -> bool:
    """Tell whether a virtual environment's Python is newer than the one that runs this."""
    try:
        text = (python.parent.parent / "pyvenv.cfg").read_text(errors="replace")
    except OSError:
        return False
    version = _VERSION.search(text)
    return version is not None and (int(version[1]), int(version[2])) > sys.version_info[:2]


def package_folders(directory: Path) -> tuple[Path, ...]:
    """Return where the Python that runs a service's functions has its packages."""
    python = own_python(directory)
    if python is None:
        return tuple(Path(folder) for folder in sys.path if folder.endswith("-packages"))
    return tuple(python.parent.parent.glob("lib/python3*/site-packages"))


def layer_folders(function: Function) -> tuple[Path, ...]:
    """Return where Python looks in a function's layers: the last lies over those before.

    [docs.aws.amazon.com/lambda/latest/dg/packaging-layers.html]
    """
    layers = [layer / "python" for layer in reversed(function.layers)]
    return (*(layer / f"lib/{function.runtime}/site-packages" for layer in layers), *layers)


def report_missing(directory: Path, functions: Iterable[Function], findings: Findings) -> None:
    """Name the packages of requirements.txt that Python functions will not find.

    For a service without a Python of its own: they are looked for where Bellwire's Python has its
    packages, in the service's folder and in layers. Lines with a marker or a URL are passed over.
    """
    ours = [function for function in functions if function.runtime.startswith("python")]
    if not ours or own_python(directory):
        return
    file = directory / FILE_NAME
    layers = (folder for function in ours for folder in layer_folders(function))
    places = [*map(str, dict.fromkeys((directory, *layers))), *sys.path]
    missing = [name for name in _names(file) if not any(distributions(name=name, path=places))]
    if not missing:
        return
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    findings.notice(
        f"{listed(missing[:_MOST_NAMED])}{more} of {FILE_NAME} {'are' if missing[1:] else 'is'} "
        f"not installed for {sys.executable}, which runs the functions here",
        Place(str(file), 1, 1),
        f"run `python3 -m venv .venv && .venv/bin/pip install -r {FILE_NAME}` in {directory}: "
        "Bellwire uses the service's .venv",
    )


def _names(file: Path) -> Iterator[str]:
    """Yield the names of the packages that a requirements file asks for, whatever the version.

    [pip.pypa.io/en/stable/reference/requirements-file-format/]
    """
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            text = lines.read(DEFINITION_BYTES)
    except OSError:
        return
    for line in text.replace("\\\n", " ").splitlines():
        name = _NAME.match(line)
        if name and not {";", "://"} & {*re.findall(r";|://", line)}:
            yield name[0]
