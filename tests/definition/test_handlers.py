from __future__ import annotations

from pathlib import Path

import pytest

from bellwire.definition.handlers import Handlers
from bellwire.errors import DefinitionError, Place


PLACE = Place("serverless.yml", 5, 14)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, source in {
        "plain.py": "def f(event, context): ...\nasync def g(event, context): ...\nclass C: ...\n",
        "bound.py": """\
import json, os.path as path
from other import one, two as three
a = b = lambda event, context: None
c, (d, *e) = 1, (2, 3)
i: int = 1
if a:
    def inside(event, context): ...
else:
    with open(a) as j: pass
try:
    import fast
except ImportError as problem:
    fast = None
for k in []: pass
while (m := 0): pass
match a:
    case {"x": n, **o}: pass
    case [p, *q] | q as p: pass
def outer():
    global late
    local = 1
    late = 2
class K:
    member = 1
""",
        "star.py": "from plain import *\n",
        "lazy.py": "def __getattr__(name): ...\n",
        "made.py": "globals()['f'] = 1\n",
        "run.py": "exec('def f(e, c): pass')\n",
        "broken.py": "def f(event, context):\n    return (\n",
        "nul.py": "x = 1\0\n",
        "escape.py": "def f(e, c):\n    return '\\d'\n",
        "latin.py": "# -*- coding: latin-1 -*-\n# \xe9\ndef f(e, c): ...\n",
        "pkg/__init__.py": "def p(event, context): ...\n",
        "pkg/mod.py": "def m(event, context): ...\n",
        "deep/er/mod-1.py": "def h(event, context): ...\n",
        "node_modules/plan.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(source.encode("latin-1"))
    return tmp_path


@pytest.mark.parametrize(
    "handler",
    [
        "plain.f",
        "plain.g",
        "plain.C",
        "pkg.p",
        "pkg.mod.m",
        "pkg/mod.m",
        "deep/er/mod-1.h",
        "deep.er/mod-1.h",
        "star.anything",
        "lazy.anything",
        "made.f",
        "run.f",
        "escape.f",
        "latin.f",
        *(
            f"bound.{name}"
            for name in [
                "json",
                "path",
                "one",
                "three",
                "a",
                "b",
                "c",
                "d",
                "e",
                "i",
                "inside",
                "j",
                "fast",
            ]
        ),
        *(
            f"bound.{name}"
            for name in ["problem", "k", "m", "n", "o", "p", "q", "outer", "late", "K"]
        ),
    ],
)
def test_handlers_that_are_there_or_could_be(modules: Path, handler: str) -> None:
    Handlers(Path()).check(handler, PLACE)


@pytest.mark.parametrize(
    ("handler", "message", "hint"),
    [
        ("plain.h", "serverless.yml:5:14: plain.py has no function `h`", None),
        (
            "bound.insid",
            "serverless.yml:5:14: bound.py has no function `insid`",
            "did you mean `inside`?",
        ),
        ("bound.local", "serverless.yml:5:14: bound.py has no function `local`", None),
        ("bound.member", "serverless.yml:5:14: bound.py has no function `member`", None),
        ("bound.two", "serverless.yml:5:14: bound.py has no function `two`", None),
        ("pkg.m", "serverless.yml:5:14: pkg/__init__.py has no function `m`", None),
        (
            "plan.f",
            "serverless.yml:5:14: there is no file `plan.py` in .",
            "did you mean `plain`?",
        ),
        (
            "mod.m",
            "serverless.yml:5:14: there is no file `mod.py` in .",
            "did you mean `pkg/mod`?",
        ),
        (
            "pkg.mood.m",
            "serverless.yml:5:14: there is no file `pkg/mood.py` in .",
            "did you mean `pkg/mod`?",
        ),
        (
            "plain.C.method",
            "serverless.yml:5:14: there is no file `plain/C.py` in .",
            "did you mean `plain`?",
        ),
        (
            "./plain.f",
            "serverless.yml:5:14: `./plain.f`: Lambda cannot import `./plain`",
            "write the path from the folder of serverless.yml, without `./` or `/`",
        ),
        (
            "/plain.f",
            "serverless.yml:5:14: `/plain.f`: Lambda cannot import `/plain`",
            "write the path from the folder of serverless.yml, without `./` or `/`",
        ),
        ("plain", "serverless.yml:5:14: `plain` is no handler", "write `module.function`"),
        ("plain.", "serverless.yml:5:14: `plain.` is no handler", "write `module.function`"),
        (".f", "serverless.yml:5:14: `.f` is no handler", "write `module.function`"),
        ("broken.f", "broken.py:2:12: Python cannot read this: '(' was never closed", None),
        ("a" * 300 + ".f", f"serverless.yml:5:14: there is no file `{'a' * 79}…` in .", None),
        ("a\0b.f", "serverless.yml:5:14: there is no file `a\ufffdb.py` in .", None),
    ],
)
def test_handlers_that_cannot_be_there(
    modules: Path, handler: str, message: str, hint: str | None
) -> None:
    with pytest.raises(DefinitionError) as caught:
        Handlers(Path()).check(handler, PLACE)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_module_that_python_cannot_read(modules: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"^nul.py:1:1: Python cannot read this: .*null bytes"
    ):
        Handlers(Path()).check("nul.f", PLACE)
    for source in ("(" * 10_000, "-" * 10_000 + "1", "not " * 50_000 + "1"):
        (modules / "nested.py").write_text(source)
        with pytest.raises(DefinitionError, match=r"^nested.py:1:\d+: Python cannot read this"):
            Handlers(Path()).check("nested.f", PLACE)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DefinitionError, match=r": there is no file `a\.py` in nowhere$"):
        Handlers(Path("nowhere")).check("a.f", PLACE)


def test_each_module_is_read_once(modules: Path) -> None:
    handlers = Handlers(Path())
    handlers.check("plain.f", PLACE)
    (modules / "plain.py").write_text("syntax error")
    handlers.check("plain.g", PLACE)
