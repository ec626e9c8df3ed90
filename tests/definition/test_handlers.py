from __future__ import annotations

from pathlib import Path

import pytest

from bellwire.definition.handlers import Handlers
from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError


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
    Handlers(Path()).check(handler, "python3.12", PLACE)


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
        Handlers(Path()).check(handler, "python3.12", PLACE)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_module_that_python_cannot_read(modules: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"^nul.py:1:1: Python cannot read this: .*null bytes"
    ):
        Handlers(Path()).check("nul.f", "python3.12", PLACE)
    for source in ("(" * 10_000, "-" * 10_000 + "1", "not " * 50_000 + "1"):
        (modules / "nested.py").write_text(source)
        with pytest.raises(DefinitionError, match=r"^nested.py:1:\d+: Python cannot read this"):
            Handlers(Path()).check("nested.f", "python3.12", PLACE)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DefinitionError, match=r": there is no file `a\.py` in nowhere$"):
        Handlers(Path("nowhere")).check("a.f", "python3.12", PLACE)


def test_each_module_is_read_once(modules: Path) -> None:
    handlers = Handlers(Path())
    handlers.check("plain.f", "python3.12", PLACE)
    (modules / "plain.py").write_text("syntax error")
    handlers.check("plain.g", "python3.12", PLACE)


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "plain.js",
        "module.mjs",
        "src/deep.v2.js",
        "src/common.cjs",
        "src/typed.ts",
        "folder/index.js",
        "node_modules/package/package.json",
        "python.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    "handler",
    [
        "plain.f",
        "./plain.f",
        "plain.routes.connect",
        "module.f",
        "src/common.f",
        "folder.f",
        "package.f",
    ],
)
def test_scripts_that_are_there(scripts: Path, handler: str) -> None:
    Handlers(Path()).check(handler, "nodejs20.x", PLACE)


@pytest.mark.parametrize(
    ("handler", "message", "hint"),
    [
        (
            "common.f",
            "there is no file `common.js`, `.mjs` or `.cjs` in .",
            "did you mean `src/common`?",
        ),
        (
            "plane.f",
            "there is no file `plane.js`, `.mjs` or `.cjs` in .",
            "did you mean `plain`?",
        ),
        (
            "src/deep.v2.f",
            "there is no file `src/deep.js`, `.mjs` or `.cjs` in .",
            "did you mean `src/deep.v2`?",
        ),
        (
            "python.f",
            "there is no file `python.js`, `.mjs` or `.cjs` in .",
            "it is there in Python: set `runtime: python3.12` for it or under `provider`",
        ),
        (
            "src/typed.f",
            "src/typed.ts is TypeScript, which is not compiled here",
            "compile it, and have `handler:` name the result",
        ),
        ("plain", "`plain` is no handler", "write `file.function`"),
        ("plain.", "`plain.` is no handler", "write `file.function`"),
        ("src/.f", "`src/.f` is no handler", "write `file.function`"),
        ("../plain.f", "`../plain.f` is no handler", "write `file.function`"),
        ("a\0b.f", "there is no file `a\ufffdb.js`, `.mjs` or `.cjs` in .", None),
    ],
)
def test_scripts_that_cannot_be_there(
    scripts: Path, handler: str, message: str, hint: str | None
) -> None:
    with pytest.raises(DefinitionError) as caught:
        Handlers(Path()).check(handler, "nodejs20.x", PLACE)
    assert (str(caught.value), caught.value.hint) == (f"serverless.yml:5:14: {message}", hint)
    assert isinstance(caught.value, UnsupportedFeatureError) == ("TypeScript" in message)


def test_executables(scripts: Path) -> None:
    handlers = Handlers(Path())

    def refusal() -> tuple[str, str | None]:
        with pytest.raises(DefinitionError) as caught:
            handlers.check("bin/main", "provided.al2023", PLACE)
        return str(caught.value), caught.value.hint

    assert refusal() == (
        "serverless.yml:5:14: there is no file `bootstrap` in .",
        "build the function there, or name its executable file as `handler:`",
    )
    (scripts / "bootstrap").touch(mode=0o644)
    assert refusal() == (
        "serverless.yml:5:14: bootstrap is not executable",
        "run `chmod +x bootstrap`",
    )
    (scripts / "bootstrap").chmod(0o755)
    handlers.check("bin/main", "provided.al2023", PLACE)
    (scripts / "bin").mkdir()
    (scripts / "bin" / "main").touch(mode=0o644)
    with pytest.raises(DefinitionError, match="bin/main is not executable"):
        handlers.check("bin/main", "provided.al2023", PLACE)
