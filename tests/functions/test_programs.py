"""The programs that run functions, found before the first start."""

from __future__ import annotations

import asyncio
import json
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bellwire
from bellwire.definition.model import Logging
from bellwire.errors import StartError
from bellwire.functions.programs import Python, find_python


if TYPE_CHECKING:
    from bellwire.definition.model import Function
    from tests.functions.conftest import Harness


def test_a_missing_program_is_told_before_the_start(harness: Harness) -> None:
    async def start(function: Function) -> None:
        async with harness.running(function, environment={"PATH": str(harness.folder)}):
            raise AssertionError

    with pytest.raises(StartError) as no_node:
        asyncio.run(start(harness.function(runtime="nodejs20.x")))
    assert (str(no_node.value), no_node.value.hint) == (
        "function f has the runtime nodejs20.x, and there is no `node` on the PATH",
        "install Node.js 20 or newer",
    )
    with pytest.raises(StartError) as no_bootstrap:
        asyncio.run(start(harness.function(runtime="provided.al2", handler="main")))
    assert (str(no_bootstrap.value), no_bootstrap.value.hint) == (
        f"function f: there is no file `bootstrap` in {harness.folder}",
        "build the function there, or name its executable file as `handler:`",
    )
    harness.write("#!/bin/sh\nexit 1\n", "node")
    (harness.folder / "node").chmod(0o755)
    with pytest.raises(StartError, match="does not say which version of Node"):
        asyncio.run(start(harness.function(runtime="nodejs20.x")))


def test_another_version_of_node_is_told_once(harness: Harness, node: str) -> None:
    harness.write("exports.f = async () => 1", "h.js")

    async def main() -> None:
        functions = [
            harness.function(key, runtime="nodejs4.x", handler="h.f") for key in ("f", "g")
        ]
        async with harness.running(*functions):
            pass
        (line,) = harness.lines
        assert (line.function, line.request_id, line.stream) == ("f", None, "stderr")
        assert re.fullmatch(
            rf"\[bellwire\] nodejs4.x runs on Node.js v\d+\.\d+\.\d+, of {node}", line.text
        )

    asyncio.run(main())


HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
"""The versions of Python that workers run on."""


def find_version(version: str) -> Path:
    """Return a Python of a version on this machine, skip where there is none."""
    installed = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    found = shutil.which(f"python{version}", path="/usr/bin:/usr/local/bin")
    if not installed and found is None:
        pytest.skip(f"Python {version} is not installed")
    return installed[-1] if installed else Path(str(found))


def make_python(folder: Path, script: str, name: str = ".venv") -> Path:
    python = folder / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return python


def test_the_services_own_python_comes_first(tmp_path: Path) -> None:
    assert find_python(tmp_path) == Path(sys.executable)
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "main.py").touch()
    assert find_python(tmp_path) == Path(sys.executable)
    second = make_python(tmp_path, "", "venv/.")
    assert find_python(tmp_path) == second
    first = tmp_path / ".venv" / "bin" / "python"
    first.parent.mkdir(parents=True)
    first.symlink_to("/nowhere/python3.12")
    assert find_python(tmp_path) == first


def test_bellwires_own_python_is_known_without_asking(harness: Harness) -> None:
    python = Python(Path(sys.executable))
    asyncio.run(python.probe())
    assert python.remark(harness.function(runtime="python3.4")) == (
        f"[bellwire] python3.4 runs on Python {platform.python_version()}, of {sys.executable}"
    )
    assert python.remark(harness.function(runtime=HERE)) is None


def test_a_python_of_another_version_is_remarked(harness: Harness) -> None:
    path = make_python(harness.folder, "echo 3.12.7")
    python = Python(path)
    asyncio.run(python.probe())
    assert python.remark(harness.function(runtime="python3.12")) is None
    assert python.remark(harness.function(runtime="python3.1")) == (
        f"[bellwire] python3.1 runs on Python 3.12.7, of {path}"
    )


@pytest.mark.parametrize(
    ("script", "message", "how"),
    [
        ("echo 3.9.19", "is Python 3.9.19; functions run on 3.10 or newer", "Python 3.10 or newer"),
        ("exit 3", "does not run: it ends with status 3", "a Python that runs"),
        (
            "echo 'Python path:' >&2; echo 'Fatal Python error: no codec' >&2; exit 1",
            "does not run: Fatal Python error: no codec",
            "a Python that runs",
        ),
        ("echo Python", "does not run: it says Python", "a Python that runs"),
    ],
)
def test_a_python_that_runs_nothing_is_told_with_a_remedy(
    tmp_path: Path, script: str, message: str, how: str
) -> None:
    path = make_python(tmp_path, script)
    with pytest.raises(StartError) as caught:
        asyncio.run(Python(path).probe())
    assert (str(caught.value), caught.value.hint) == (
        f"{path} {message}",
        f"make {tmp_path / '.venv'} anew with {how}; without it, functions run on Bellwire's own "
        "Python",
    )


def test_a_python_whose_installation_is_gone_is_told(tmp_path: Path) -> None:
    path = tmp_path / ".venv" / "bin" / "python"
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "gone")
    with pytest.raises(StartError, match=r"does not run: .*No such file"):
        asyncio.run(Python(path).probe())


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_worker_imports_runs_on_every_version(version: str) -> None:
    source = Path(bellwire.__file__).parent.parent
    program = "import bellwire.functions.worker, bellwire.notify, sys; print(sys.version)"
    done = subprocess.run(
        [find_version(version), "-W", "error", "-c", program],
        env={"PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.stdout.rpartition(".")[0][: len(version)]) == ("", version)


@pytest.mark.parametrize("version", VERSIONS)
def test_functions_run_on_the_services_own_python(harness: Harness, version: str) -> None:
    folder = harness.folder / ".venv"
    subprocess.run([find_version(version), "-m", "venv", "--without-pip", folder], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "own.py").write_text("NAME = 'own'\n")
    harness.write(
        """
        import logging, os, shutil, sys, own
        from bellwire.notify import Notifier
        def f(event, context):
            if event == "fail":
                raise ValueError(event)
            logging.getLogger().warning("hello")
            try:
                import aiohttp  # Bellwire's, not the service's
            except ModuleNotFoundError:
                version = "%d.%d" % sys.version_info[:2]
                return [sys.prefix, own.NAME, version, shutil.which("python")]
        """
    )

    async def main() -> None:
        function = harness.function(runtime="python3.9")
        found = [str(folder), "own", version, str(folder / "bin" / "python")]
        async with harness.running(
            function, replace(function, key="json", logging=Logging("JSON", "INFO", "INFO"))
        ) as pools:
            for key in ("f", "json"):
                assert await harness.value(pools, key) == found
                failed = await harness.call(pools, key, "fail")
                assert json.loads(failed.payload)["errorType"] == "ValueError"
            remarks = [line.text for line in harness.lines if "[bellwire]" in line.text]
            assert len(remarks) == 1
            assert remarks[0].startswith(f"[bellwire] python3.9 runs on Python {version}.")

    asyncio.run(main())


def test_a_service_whose_python_does_not_run_is_not_started(harness: Harness) -> None:
    make_python(harness.folder, "exit 1")
    harness.write("def f(event, context): ...")

    async def main() -> None:
        async with harness.running(harness.function()):
            raise AssertionError

    with pytest.raises(StartError, match="does not run: it ends with status 1"):
        asyncio.run(main())
