"""What runs a function that is not Python: Node.js with our bootstrap, or an executable file."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bellwire.definition.model import Function
from bellwire.errors import StartError


BOOTSTRAP_FILE = Path(__file__).with_name("node") / "bootstrap.mjs"
_NODE = re.compile(r"nodejs(\d+)\.x")
_PROBE_S = 30.0

_AS_ON_LAMBDA = ("--no-experimental-require-module", "--no-experimental-detect-module")
"""Lambda's Node.js takes a file for a module only where its name or package.json says so
[docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html]."""
_PROBE = (
    "console.log([process.version, ...process.argv.slice(1).filter("
    "(name) => process.allowedNodeEnvironmentFlags.has(name))].join(' '))"
)


def is_node(runtime: str) -> bool:
    """Tell whether functions of this runtime are run by Node.js."""
    return _NODE.fullmatch(runtime) is not None


class Node:
    """The Node.js of this machine. `probe` once before `command`."""

    def __init__(self, search_path: str | None) -> None:
        """Look for it in these folders, by default those of PATH."""
        self._path = shutil.which("node", path=search_path)
        self._options: Sequence[str] = ()
        self._version = ""

    def require(self, function: Function) -> None:
        """Raise StartError where there is none to run this function."""
        if self._path is None:
            raise StartError(
                f"function {function.key} has the runtime {function.runtime}, and there is no "
                "`node` on the PATH",
                hint="install Node.js 20 or newer",
            )

    async def probe(self) -> None:
        """Ask it for its version and the options it knows; raises StartError."""
        assert self._path is not None
        command = [self._path, "-e", _PROBE, "--", *_AS_ON_LAMBDA]
        try:
            done = await asyncio.to_thread(
                subprocess.run,
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_PROBE_S,
            )
            self._version, *self._options = done.stdout.split()
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise StartError(
                f"{self._path} does not say which version of Node.js it is: {error}",
                hint="install Node.js 20 or newer",
            ) from None

    def remark(self, function: Function) -> str | None:
        """Return what to say of a function whose runtime has another version, else None."""
        match = _NODE.fullmatch(function.runtime)
        if match is not None and self._version.startswith(f"v{match.group(1)}."):
            return None
        return f"[bellwire] {function.runtime} runs on Node.js {self._version}, of {self._path}"

    def command(self, directory: Path) -> Sequence[str]:
        """Return what runs a function of the service in this folder."""
        assert self._path is not None
        return [self._path, *self._options, str(BOOTSTRAP_FILE), str(directory)]


def find_executable(function: Function, directory: Path) -> str:
    """Return what runs a function of the runtime `provided`: its handler's file, else `bootstrap`.

    Raises StartError. docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
    """
    for name in (function.handler, "bootstrap"):
        file = directory / name
        if file.is_file():
            return str(file)
    raise StartError(
        f"function {function.key}: there is no file `bootstrap` in {directory}",
        hint="build the function there, or name its executable file as `handler:`",
    )
