"""The page's scripts, in Node.js: each parses as a module; the pure ones keep their promises."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from bellwire.console import files


HERE = Path(__file__).parent
SUITES = sorted(path.name for path in HERE.glob("*.test.js"))


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """Return a folder with the page's scripts and their tests, as one package of modules."""
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for name, file in files().items():
        (tmp_path / name).write_bytes(file.body)
    for name in SUITES:
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


def run_node(*arguments: str, folder: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not installed: apt-get install nodejs")
    done = subprocess.run(
        [node, *arguments], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", sorted(name for name in files() if name.endswith(".js")))
def test_script_parses_as_a_module(name: str, scripts: Path) -> None:
    run_node("--check", name, folder=scripts)


@pytest.mark.parametrize("suite", SUITES)
def test_suite(suite: str, scripts: Path) -> None:
    run_node("--test", suite, folder=scripts)


def test_each_pure_script_has_a_suite() -> None:
    assert SUITES == ["chart.test.js", "connection.test.js", "model.test.js"]
