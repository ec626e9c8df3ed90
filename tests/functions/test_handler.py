from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bellwire.functions.handler import (
    HandlerFault,
    format_trace,
    load_handler,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    (tmp_path / "pkg_under_test").mkdir()
    (tmp_path / "pkg_under_test" / "mod.py").write_text(
        "def f(event, context):\n    return event\n\n\n"
        "def broken(event, context):\n    return 1 / 0\n"
    )
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def fault_of(name: str) -> tuple[str, str, tuple[str, ...]]:
    with pytest.raises(HandlerFault) as caught:
        load_handler(name)
    return caught.value.error_type, caught.value.message, caught.value.trace


@pytest.mark.parametrize("name", ["pkg_under_test.mod.f", "pkg_under_test/mod.f"])
def test_a_handler_is_found_by_either_form_of_its_path(folder: Path, name: str) -> None:
    assert load_handler(name)({"a": 1}, None) == {"a": 1}


def test_a_name_without_a_dot() -> None:
    assert fault_of("handler") == (
        "Runtime.MalformedHandlerName",
        "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        (),
    )


def test_a_module_that_does_not_exist(folder: Path) -> None:
    assert fault_of("pkg_under_test/nothing.f") == (
        "Runtime.ImportModuleError",
        "Unable to import module 'pkg_under_test/nothing': "
        "No module named 'pkg_under_test.nothing'",
        (),
    )


def test_a_module_that_imports_what_does_not_exist(folder: Path) -> None:
    (folder / "imports_nothing.py").write_text("import no_such_library\n")
    assert fault_of("imports_nothing.f") == (
        "Runtime.ImportModuleError",
        "Unable to import module 'imports_nothing': No module named 'no_such_library'",
        (),
    )


def test_a_function_that_does_not_exist(folder: Path) -> None:
    assert fault_of("pkg_under_test/mod.g") == (
        "Runtime.HandlerNotFound",
        "Handler 'g' missing on module 'pkg_under_test/mod'",
        (),
    )


def test_a_module_with_a_syntax_error(folder: Path) -> None:
    (folder / "bad_syntax.py").write_text("def f(:\n    pass\n")
    error_type, message, trace = fault_of("bad_syntax.f")
    assert error_type == "Runtime.UserCodeSyntaxError"
    assert message == "Syntax error in module 'bad_syntax': invalid syntax (bad_syntax.py, line 1)"
    assert trace == (f'  File "{folder}/bad_syntax.py" Line 1\n    def f(:\n',)


def test_a_module_of_the_interpreter() -> None:
    assert fault_of("sys.exit") == (
        "Runtime.BuiltInModuleConflict",
        "Cannot use built-in module sys as a handler module",
        (),
    )


def test_what_the_module_raises_passes_through(folder: Path) -> None:
    (folder / "raises.py").write_text("import os\n\nos.nothing\n")
    with pytest.raises(AttributeError, match="module 'os' has no attribute 'nothing'"):
        load_handler("raises.f")


def test_a_trace_begins_with_the_handler(folder: Path) -> None:
    handler = load_handler("pkg_under_test.mod.broken")
    try:
        handler({}, None)
    except ZeroDivisionError as error:
        trace = format_trace(error.__traceback__, runtime_folder=str(Path(__file__).parent))
        whole = format_trace(error.__traceback__, runtime_folder="/nowhere/")
        only = format_trace(error.__traceback__, runtime_folder="/")
    file = folder / "pkg_under_test" / "mod.py"
    assert trace == [f'  File "{file}", line 6, in broken\n    return 1 / 0\n']
    assert len(whole) == 2
    assert only == trace
    assert sys.exc_info() == (None, None, None)
