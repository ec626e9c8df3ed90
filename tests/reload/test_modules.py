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
    problem = modules.problem(A)
    assert problem is not None
    assert str(problem.place) == f"{tmp_path}/a.py:2:5"
    assert modules.problem(B) is None  # it has gone meanwhile
    (tmp_path / "a.py").write_text("import one")
    modules.renew([A], [A, B])
    assert modules.problem(A) is None
    assert modules.problem(B) is None
    assert len(modules) == 1
    assert B not in modules
