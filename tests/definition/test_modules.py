from __future__ import annotations

import ast
from pathlib import Path, PurePath

import pytest

from bellwire.definition.modules import Imports, imported_names, parse_module
from bellwire.errors import DefinitionError


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", set()),
        ("import a, b.c as d", {"a", "b", "c"}),
        ("from a.b import c as d, e", {"a", "b", "c", "e"}),
        ("from . import a", {"a"}),
        ("from ..a import *", {"a", "*"}),
        ("def f():\n    if x:\n        import late", {"late"}),
        ("import importlib.util", None),
        ("from importlib import import_module", None),
        ("__import__(name)", None),
        ("module.exec('import x')", None),
    ],
)
def test_the_names_that_a_module_imports(text: str, names: set[str] | None) -> None:
    assert imported_names(ast.parse(text)) == names


def test_what_python_cannot_read_is_told_by_its_place(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    for text, line, column in (("x = (\n", 1, 5), ("\n def f(): pass\n", 2, 1), ("\0", 1, 1)):
        file.write_text(text)
        with pytest.raises(DefinitionError, match="Python cannot read this") as caught:
            parse_module(file)
        place = caught.value.place
        assert place is not None
        assert (place.file, place.line) == (str(file), line)
        assert place.column >= column


KNOWN = {
    "handler.py": {"shared", "boto3"},
    "other.py": {"json"},
    "shared.py": {"deep", "er"},
    "lib/deep/__init__.py": set(),
    "lib/deep/er.py": set(),
    "lib/deep/unused.py": {"handler"},
    "pkg/__init__.py": {"settings"},
    "pkg/app/__init__.py": set(),
    "pkg/settings.py": set(),
    "plugins.py": None,
    "loop_a.py": {"loop_b"},
    "loop_b.py": {"loop_a"},
}


@pytest.mark.parametrize(
    ("module", "file", "reaches"),
    [
        ("handler", "handler.py", True),
        ("handler", "shared.py", True),
        ("handler", "lib/deep/er.py", True),  # whatever is on sys.path
        ("handler", "lib/deep/__init__.py", True),
        ("handler", "lib/deep/unused.py", False),
        ("handler", "other.py", False),
        ("other", "shared.py", False),
        ("pkg/app", "pkg/settings.py", True),  # through the package that it is in
        ("plugins", "other.py", True),  # who knows what it imports
        ("loop_a", "loop_b.py", True),
        ("loop_a", "other.py", False),
        ("missing", "other.py", False),
    ],
)
def test_which_files_a_handler_may_import(module: str, file: str, reaches: bool) -> None:
    known = {
        PurePath(path): None if names is None else frozenset(names) for path, names in KNOWN.items()
    }
    assert Imports(known).may_reach(PurePath(module), [PurePath(file)]) is reaches
