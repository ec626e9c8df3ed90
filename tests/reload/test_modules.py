from __future__ import annotations

from pathlib import Path, PurePath

from bellwire.reload.modules import Modules


A, B = PurePath("a.py"), PurePath("b.py")


def test_modules_are_read_again_when_they_have_changed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import one")
    modules = Modules(tmp_path)
    modules.renew([A], [])
    assert dict(modules) == {A: frozenset({"one"})}
    (tmp_path / "a.py").write_text("import two")
    assert modules[A] == frozenset({"one"})
    modules.renew([A], [A])
    assert modules[A] == frozenset({"two"})
    (tmp_path / "a.py").write_text("import importlib")
    modules.renew([A], [A])
    assert modules[A] is None


def test_a_module_that_cannot_be_read_imports_nothing_and_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("import one\nx = )")
    modules = Modules(tmp_path)
    modules.renew([A, B], [])
    assert modules[A] == frozenset()
    problem = modules.problem(tmp_path / "a.py")
    assert problem is not None
    assert str(problem.place) == f"{tmp_path}/a.py:2:5"
    assert modules.problem(tmp_path / "b.py") is None  # it has gone meanwhile
    (tmp_path / "a.py").write_text("import one")
    modules.renew([A], [A, B])
    assert modules.problem(tmp_path / "a.py") is None
    assert modules.problem(tmp_path / "b.py") is None
    assert len(modules) == 1
    assert B not in modules


def test_a_newer_python_may_know_what_this_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = )")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    modules = Modules(tmp_path)
    modules.renew([A], [])
    config = tmp_path / ".venv" / "pyvenv.cfg"
    config.write_text("version = 3.8.1\n")
    assert modules.problem(tmp_path / "a.py") is not None
    config.write_text("version = 3.99.1\n")
    assert modules.problem(tmp_path / "a.py") is None
    assert modules.problem(tmp_path.parent / "a.py") is None
