from __future__ import annotations

import os
from pathlib import Path

import pytest

from bellwire.errors import StartError
from bellwire.reload import folder as module
from bellwire.reload.folder import Scope, take_snapshot


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(root: Path, **scope: object) -> list[str]:
    snapshot = take_snapshot(Scope((root,), **scope))  # type: ignore[arg-type]
    return sorted(path.relative_to(root).as_posix() for path in snapshot.files)


def test_the_files_of_a_service(tmp_path: Path) -> None:
    write(tmp_path, "serverless.yml", "a/b/c.py", ".env", ".env.dev", "data.json")
    assert names(tmp_path) == [".env", ".env.dev", "a/b/c.py", "data.json", "serverless.yml"]


def test_what_comes_and_goes_by_itself_is_left_out(tmp_path: Path) -> None:
    write(
        tmp_path, "kept.py", ".git/index", ".bellwire/lock", "node_modules/m/i.js", "run.log",
        "web/node_modules/x.js", "__pycache__/a.pyc", ".venv/x.py", "env39/pyvenv.cfg",
        "env39/lib/x.py", "kept.py~", ".kept.py.swp", "#kept.py#", "4913", "a.tmp", "a.db-wal",
        "x.sqlite3", "data/nats/1.blk", ".hidden",
    )  # fmt: skip
    assert names(tmp_path, excluded=frozenset({tmp_path / "data"})) == ["kept.py"]


def test_a_file_elsewhere_is_watched_with_its_folder_and_alone(tmp_path: Path) -> None:
    write(tmp_path, "service/serverless.yml", "common/base.yml", "common/other.yml")
    base = tmp_path / "common" / "base.yml"
    scope = Scope((tmp_path / "service",), files=(base, tmp_path / "gone" / "x.yml"))
    snapshot = take_snapshot(scope)
    assert snapshot.files.keys() == {tmp_path / "service" / "serverless.yml", base}
    assert snapshot.folders == {tmp_path / "service", tmp_path / "common", tmp_path}
    assert scope.covers(base)
    assert scope.covers(tmp_path / "service" / "x" / "y.py")
    assert not scope.covers(tmp_path / "common" / "other.yml")


def test_what_was_added_changed_replaced_and_removed(tmp_path: Path) -> None:
    write(tmp_path, "same", "written", "replaced", "removed")
    scope = Scope((tmp_path,))
    before = take_snapshot(scope)
    (tmp_path / "written").write_text("longer than before")
    status = (tmp_path / "replaced").stat()
    write(tmp_path, "new")
    (tmp_path / "new").write_text("replaced")
    os.utime(tmp_path / "new", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "new").rename(tmp_path / "replaced")  # same time, same size, another file
    (tmp_path / "removed").unlink()
    write(tmp_path, "sub/added")
    changed = before.changed(take_snapshot(scope))
    assert {path.name for path in changed} == {"written", "replaced", "removed", "added"}


def test_links_in_a_circle_are_followed_once(tmp_path: Path) -> None:
    write(tmp_path, "a/x.py")
    (tmp_path / "a" / "round").symlink_to(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    assert names(tmp_path) == ["a/x.py"]


def test_a_folder_that_is_not_there_is_empty_and_looked_for(tmp_path: Path) -> None:
    snapshot = take_snapshot(Scope((tmp_path / "gone" / "too",)))
    assert not snapshot.files
    assert snapshot.folders == {tmp_path}


def test_what_writes_for_ever_is_not_worth_a_look(tmp_path: Path) -> None:
    log, data = tmp_path / "out.log", tmp_path / "data"
    scope = Scope((tmp_path,), excluded=frozenset({data}))
    assert not scope.may_concern(log)
    assert not scope.may_concern(data)
    assert scope.may_concern(tmp_path / "a.py")
    assert scope.may_concern(tmp_path / ".env.local")
    assert Scope((tmp_path,), files=(log,)).may_concern(log)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHED_FILES", 3)
    write(tmp_path, "a", "b", "c")
    assert names(tmp_path) == ["a", "b", "c"]
    write(tmp_path, "d")
    with pytest.raises(StartError, match="more than 3 files"):
        names(tmp_path)
