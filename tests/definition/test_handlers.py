from __future__ import annotations

from pathlib import Path

import pytest

from bellwire.definition.handlers import Handlers, executable_file
from bellwire.definition.model import Function
from bellwire.errors import DefinitionError, Place, UnsupportedFeatureError


PLACE = Place("serverless.yml", 5, 14)


def make(handler: str, runtime: str = "python3.12", layers: tuple[Path, ...] = ()) -> Function:
    return Function(
        key="f",
        name="demo-dev-f",
        handler=handler,
        runtime=runtime,
        timeout_s=6.0,
        memory_mb=1024,
        environment={},
        reserved_concurrency=None,
        place=PLACE,
        layers=layers,
    )


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
    Handlers(Path()).check(make(handler), PLACE)


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
        Handlers(Path()).check(make(handler), PLACE)
    assert (str(caught.value), caught.value.hint) == (message, hint)


def test_a_module_that_python_cannot_read(modules: Path) -> None:
    with pytest.raises(
        DefinitionError, match=r"^nul.py:1:1: Python cannot read this: .*null bytes"
    ):
        Handlers(Path()).check(make("nul.f"), PLACE)
    for source in ("(" * 10_000, "-" * 10_000 + "1", "not " * 50_000 + "1"):
        (modules / "nested.py").write_text(source)
        with pytest.raises(DefinitionError, match=r"^nested.py:1:\d+: Python cannot read this"):
            Handlers(Path()).check(make("nested.f"), PLACE)


def test_a_folder_that_is_not_there() -> None:
    with pytest.raises(DefinitionError, match=r": there is no file `a\.py` in nowhere$"):
        Handlers(Path("nowhere")).check(make("a.f"), PLACE)


def test_each_module_is_read_once(modules: Path) -> None:
    handlers = Handlers(Path())
    handlers.check(make("plain.f"), PLACE)
    (modules / "plain.py").write_text("syntax error")
    handlers.check(make("plain.g"), PLACE)


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
    Handlers(Path()).check(make(handler, "nodejs20.x"), PLACE)


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
        Handlers(Path()).check(make(handler, "nodejs20.x"), PLACE)
    assert (str(caught.value), caught.value.hint) == (f"serverless.yml:5:14: {message}", hint)
    assert isinstance(caught.value, UnsupportedFeatureError) == ("TypeScript" in message)


def test_executables(scripts: Path) -> None:
    handlers = Handlers(Path())

    def refusal() -> tuple[str, str | None]:
        with pytest.raises(DefinitionError) as caught:
            handlers.check(make("bin/main", "provided.al2023"), PLACE)
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
    handlers.check(make("bin/main", "provided.al2023"), PLACE)
    (scripts / "bin").mkdir()
    (scripts / "bin" / "main").touch(mode=0o644)
    with pytest.raises(DefinitionError, match="bin/main is not executable"):
        handlers.check(make("bin/main", "provided.al2023"), PLACE)


def test_a_bootstrap_may_be_in_a_layer(scripts: Path) -> None:
    for name in ("low", "high"):
        (scripts / name).mkdir()
    low, high = (scripts / name for name in ("low", "high"))
    function = make("main", "provided.al2023", (low, high))
    (low / "bootstrap").touch(mode=0o755)
    assert executable_file(function, scripts) == low / "bootstrap"
    (high / "bootstrap").touch(mode=0o755)
    assert executable_file(function, scripts) == high / "bootstrap"
    Handlers(scripts).check(function, PLACE)
    (scripts / "bootstrap").touch(mode=0o755)
    assert executable_file(function, scripts) == scripts / "bootstrap"


def test_a_module_may_be_in_a_layer_or_installed(modules: Path) -> None:
    layer = modules / "layer"
    for name in ("python/wrapped/handler.py", "python/lib/python3.12/site-packages/plain.py"):
        (layer / name).parent.mkdir(parents=True)
        (layer / name).write_text("def only_here(event, context): ...\n")
    Handlers(modules).check(make("wrapped/handler.only_here", layers=(layer,)), PLACE)
    with pytest.raises(DefinitionError, match=r"plain.py has no function `only_here`"):
        Handlers(modules).check(make("plain.only_here", layers=(layer,)), PLACE)
    with pytest.raises(DefinitionError, match=r"there is no file `wrapped/handler.py`"):
        Handlers(modules).check(make("wrapped.handler.only_here"), PLACE)
    Handlers(modules).check(make("yaml.safe_load"), PLACE)


def test_what_only_the_services_own_python_understands(tmp_path: Path) -> None:
    (tmp_path / "h.py").write_text("def f(event, context): return event ?? {}\n")
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").touch()
    site = environment / "lib" / "python3.99" / "site-packages"
    site.mkdir(parents=True)
    (site / "wrapper.py").write_text("def f(event, context): ...\n")
    (environment / "pyvenv.cfg").write_text("version = 3.10.1\n")
    with pytest.raises(DefinitionError, match="Python cannot read this"):
        Handlers(tmp_path).check(make("h.f"), PLACE)
    (environment / "pyvenv.cfg").write_text("version = 3.99.0\n")
    Handlers(tmp_path).check(make("h.f"), PLACE)
    Handlers(tmp_path).check(make("wrapper.f"), PLACE)
    with pytest.raises(DefinitionError, match=r"there is no file `yaml.py`"):
        Handlers(tmp_path).check(make("yaml.safe_load"), PLACE)
