"""What runs a function: a Python, Node.js with our bootstrap, or an executable file."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bellwire.definition.handlers import executable_file
from bellwire.definition.model import Function
from bellwire.definition.requirements import own_python
from bellwire.errors import StartError


BOOTSTRAP_FILE = Path(__file__).with_name("node") / "bootstrap.mjs"
_NODE = re.compile(r"nodejs(\d+)\.x")
_PROBE_S = 30.0

_OLDEST_PYTHON = (3, 10)
"""The oldest that the worker is written for."""
_DOTTED = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
_MOST_SAID = 80
_PYTHON_PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3])"

_AS_ON_LAMBDA = ("--no-experimental-require-module", "--no-experimental-detect-module")
"""Lambda's Node.js takes a file for a module only where its name or package.json says so
[docs.aws.amazon.com/lambda/latest/dg/lambda-nodejs.html]."""
INSPECTOR = "127.0.0.1:9229"
"""Where a Node.js function that is debugged listens for a debugger: Node.js's own default."""
_HEAP_OPTION = "max-old-space-size"
_PROBE = (
    "console.log([process.version, ...process.argv.slice(1).filter("
    "(name) => process.allowedNodeEnvironmentFlags.has(name))].join(' '))"
)


def is_node(runtime: str) -> bool:
    """Tell whether functions of this runtime are run by Node.js."""
    return _NODE.fullmatch(runtime) is not None


def is_python(runtime: str) -> bool:
    """Tell whether functions of this runtime are run by Python."""
    return runtime.startswith("python")


def find_python(directory: Path) -> Path:
    """Return what runs the Python functions of the service in this folder.

    It is the Python of the folder's `.venv` or `venv`, else the one that runs Bellwire.
    """
    return own_python(directory) or Path(sys.executable)


class Python:
    """The Python that runs a service's functions. `probe` once before `remark`."""

    def __init__(self, path: Path) -> None:
        """Take the one of this path, as `find_python` found it."""
        self.path = path
        self._version: tuple[int, ...] = ()

    async def probe(self) -> None:
        """Ask it for its version; raises StartError where it does not run or is too old."""
        if self._version:
            return
        version = await self._ask_version()
        if version[:2] < _OLDEST_PYTHON:
            oldest = _dotted(_OLDEST_PYTHON)
            raise StartError(
                f"{self.path} is Python {_dotted(version)}; functions run on {oldest} or newer",
                hint=self._remedy(f"with Python {oldest} or newer"),
            )
        self._version = version

    def remark(self, function: Function) -> str | None:
        """Return what to say of a function whose runtime has another version, else None."""
        version = _dotted(self._version)
        if function.runtime == f"python{_dotted(self._version[:2])}":
            return None
        return f"[bellwire] {function.runtime} runs on Python {version}, of {self.path}"

    async def _ask_version(self) -> tuple[int, ...]:
        if str(self.path) == sys.executable:
            return sys.version_info[:3]
        # -I -S: nothing of the shell's or of the packages is asked for.
        command = [str(self.path), "-I", "-S", "-c", _PYTHON_PROBE]
        try:
            answer = (await _ask(command)).strip()
            if not _DOTTED.fullmatch(answer):
                raise ValueError(f"it says {answer[:_MOST_SAID]}")
            return tuple(map(int, answer.split(".")))
        except (OSError, subprocess.TimeoutExpired, ValueError) as error:
            raise StartError(
                f"{self.path} does not run: {error}", hint=self._remedy("with a Python that runs")
            ) from None

    def _remedy(self, how: str) -> str:
        folder = self.path.parent.parent
        return f"make {folder} anew {how}; without it, functions run on Bellwire's own Python"


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


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
        if self._version:
            return
        command = [self._path, "-e", _PROBE, "--", *_AS_ON_LAMBDA]
        try:
            answer = await _ask(command)
            self._version, *self._options = answer.split()
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

    def command(self, function: Function, directory: Path, *, is_debug: bool) -> Sequence[str]:
        """Return what runs a function of the service in this folder.

        With `is_debug` its inspector listens on `INSPECTOR`.
        """
        assert self._path is not None
        options = list(self._options)
        if _HEAP_OPTION not in function.environment.get("NODE_OPTIONS", ""):
            # Told of no bound, V8 collects late, and the process is killed for what is garbage.
            options.append(f"--{_HEAP_OPTION}={_heap_mb(function.memory_mb)}")
        if is_debug:
            options.append(f"--inspect={INSPECTOR}")
        return [self._path, *options, str(BOOTSTRAP_FILE), str(directory)]


def _heap_mb(memory_mb: int) -> int:
    """Return what the heap may take of a function's memory; Node.js itself needs some 60 MB."""
    return max(memory_mb - 64, memory_mb // 2)


async def _ask(command: Sequence[str]) -> str:
    """Return what a program prints.

    Raises OSError and subprocess.TimeoutExpired, ValueError where it fails.
    """
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PROBE_S,
    )
    if done.returncode:
        reasons = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise ValueError(*reasons[:1] or [f"it ends with status {done.returncode}"])
    return done.stdout


def find_executable(function: Function, directory: Path) -> str:
    """Return what runs a function of the runtime `provided`; raises StartError."""
    file = executable_file(function, directory)
    if file is not None:
        return str(file)
    raise StartError(
        f"function {function.key}: there is no file `bootstrap` in {directory}",
        hint="build the function there, or name its executable file as `handler:`",
    )
