from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Finding, Service
from bellwire.definition.requirements import is_newer, own_python, package_folders
from bellwire.errors import Place


Load = Callable[..., Service]

FUNCTION = "functions: {f: {handler: h.f}}\n"
NEWER = f"{sys.version_info.major}.{sys.version_info.minor + 1}"


def make_environment(folder: Path, config: str | None = None) -> Path:
    """Make a folder that looks like a virtual environment; return its Python."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    if config is not None:
        (folder / "pyvenv.cfg").write_text(config)
    return python


def test_where_packages_are(tmp_path: Path) -> None:
    assert own_python(tmp_path) is None
    assert {folder.name for folder in package_folders(tmp_path)} <= {
        "site-packages",
        "dist-packages",
    }
    python = make_environment(tmp_path / ".venv")
    site = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    assert (own_python(tmp_path), package_folders(tmp_path)) == (python, (site,))


@pytest.mark.parametrize(
    ("config", "newer"),
    [
        (f"home = /usr/bin\nversion = {NEWER}.0\n", True),
        (f"version_info = {NEWER}.0.final.0\n", True),
        ("version = 3.10.4\n", False),
        ("prompt = version = 9.9\n", False),
        ("", False),
        (None, False),
    ],
)
def test_which_version_an_environment_has(tmp_path: Path, config: str | None, newer: bool) -> None:
    assert is_newer(make_environment(tmp_path / ".venv", config)) is newer


def test_missing_packages_are_told_with_a_remedy(load: Load, head: str, folder: Path) -> None:
    Path("requirements.txt").write_text(
        "# what we need\n-r other.txt\n--hash=sha256:0\nno-such-package==1.0 \\\n"
        "    --hash=sha256:1\nPyYAML>=6  # here\n\nNo.Such[extra]<2\nnone@ https://example.com/n.whl\n"
        "windows-only; sys_platform == 'win32'\n./local\ngit+https://example.com/x.git\n"
    )
    assert load(head + FUNCTION).findings == (
        Finding(
            "`no-such-package` and `No.Such` of requirements.txt are not installed for "
            f"{sys.executable}, which runs the functions here",
            Place("requirements.txt", 1, 1),
            "run `python3 -m venv .venv && .venv/bin/pip install -r requirements.txt` in .: "
            "Bellwire uses the service's .venv",
        ),
    )


def test_a_file_of_windows_begins_with_a_mark(load: Load, head: str) -> None:
    Path("requirements.txt").write_bytes(b"\xef\xbb\xbfno-such-package\r\n")
    (finding,) = load(head + FUNCTION).findings
    assert finding.message.startswith("`no-such-package` of requirements.txt is not installed for")


def test_only_some_are_named(load: Load, head: str) -> None:
    Path("requirements.txt").write_text("\n".join(f"missing-{number}" for number in range(9)))
    (finding,) = load(head + FUNCTION).findings
    assert "`missing-3` and `missing-4` and 4 more of requirements.txt" in finding.message


def test_packages_may_be_in_the_folder_or_in_a_layer(load: Load, head: str) -> None:
    Path("requirements.txt").write_text("vendored\nlayered\n")
    for folder in ("Vendored-1.0.dist-info", "lib/python/layered-2.0.dist-info"):
        Path(folder).mkdir(parents=True)
        (Path(folder) / "METADATA").write_text("Name: any\n")
    text = (
        "layers: {l: {path: lib}}\nfunctions: {f: {handler: h.f, layers: [{Ref: LLambdaLayer}]}}\n"
    )
    assert load(head + text).findings == ()


def test_nothing_is_told_where_it_does_not_matter(load: Load, head: str, folder: Path) -> None:
    Path("requirements.txt").write_text("no-such-package\n")
    Path("a.js").touch()
    node = FUNCTION.replace("h.f", "a.f, runtime: nodejs20.x")
    assert load(head + node).findings == ()
    make_environment(folder / "venv")
    assert load(head + FUNCTION).findings == ()
