"""What is compared: the handlers of `service/`, and more that are no valid module."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path


SERVICE = Path(__file__).with_name("service")
CHAPTERS = {
    "results": "What a handler returns",
    "events": "What a handler gets",
    "failures": "How a handler fails",
    "ends": "How a process ends",
    "inits": "How an init fails",
    "output": "What is written",
    "json": "What is written, where the log's format is JSON",
    "surroundings": "What a handler finds around it",
}
"""Titles, in the order of the page."""


@dataclass(frozen=True, slots=True)
class Case:
    """One invocation, made of both. Those with the same `setting` share an environment."""

    name: str
    what: str
    chapter: str
    handler: str
    event: bytes
    runtime: str = "python3.12"
    variables: Mapping[str, str] = field(default_factory=dict)
    client_context: bytes = b""

    @property
    def setting(self) -> tuple[str, str, tuple[tuple[str, str], ...]]:
        """What a function is made of."""
        return self.handler, self.runtime, tuple(self.variables.items())


EVENTS = {
    "null": ("null", b"null"),
    "odd-numbers": ("Numbers at the edges", b"[-0.0, -0, 1E400, 1e-400, 1.0, 123456789012345678]"),
    "huge-integer": ("An integer of 4 000 digits", b"7" * 4000),
    "too-huge-integer": ("An integer of more digits than Python reads", b"7" * 5000),
    "not-a-number": ("NaN and Infinity, which are no JSON", b"[NaN, Infinity, -Infinity]"),
    "duplicate-keys": ("The same key twice", b'{"a": 1, "b": 2, "a": 3}'),
    "lone-surrogate": ("An escaped lone surrogate", b'["\\ud800"]'),
    "surrogate-pair": ("An escaped pair of surrogates", b'["\\ud83d\\ude00"]'),
    "escapes": ("Escapes of all kinds", b'"\\u0000\\b\\f\\n\\r\\t\\"\\/\\\\\\u2028"'),
    "unicode": ("Characters of all planes", '{"ä": "€ 😀 \u2028"}'.encode()),
    "byte-order-mark": ("A byte order mark before the JSON", b"\xef\xbb\xbf1"),
    "white-space": ("White space around the JSON", b" \t\r\n[ 1 ,2 ]\n"),
    "control-character": ("A raw control character in a text", b'"a\tb"'),
    "nothing": ("No bytes at all", b""),
    "no-json": ("What is no JSON", b"{'a': 1}"),
    "cut-json": ("JSON that is cut", b'{"a": [1, '),
    "trailing": ("JSON with more behind it", b"1 2"),
    "no-utf-8": ("Bytes that are no UTF-8", b'"\xff"'),
    "depth-of-500": ("A list 500 deep", b"[" * 500 + b"]" * 500),
    "depth-without-end": ("A list 100 000 deep", b"[" * 100_000 + b"]" * 100_000),
    "large": ("An event of 5.9 MB", b'"' + b"x" * 5_900_000 + b'"'),
    "many-keys": (
        "An object of 20 000 keys",
        json.dumps(dict.fromkeys(map(str, range(20_000)))).encode(),
    ),
}

CLIENT_CONTEXTS = {
    "whole": (
        "A client context with all there may be",
        b'{"client": {"installation_id": "i", "app_title": "t", "app_version_name": "v", '
        b'"app_version_code": "c", "app_package_name": "p", "more": 1}, '
        b'"custom": {"a": [1, null]}, "env": {"locale": "de"}, "more": 2}',
    ),
    "part": ("A client context with a part of it", b'{"custom": {"a": 1}}'),
    "empty": ("An empty client context", b"{}"),
    "null": ("A client context that is null", b"null"),
    "w3c": (
        "A trace context in the client context",
        b'{"w3c": {"traceparent": "00-1", "tracestate": 5, "other": "x"}, "custom": {}}',
    ),
    "list": ("A client context that is no object", b"[1]"),
    "no-json": ("A client context that is no JSON", b"{"),
    "odd-client": ("A client context whose client is a text", b'{"client": "me"}'),
}

FILES = {
    "syntax.py": "def f(:\n    pass\n",
    "indentation.py": "def f(event, context):\n  a = 1\n    b = 2\n",
    "tabs.py": "def f():\n\tif 1:\n        pass\n",
    "nul.py": "a = 1\x00\n",
    "encoding.py": "a = 'ä'\n",
    "imports.py": "import no_such_module\n",
    "imports_name.py": "from json import no_such_name\n",
    "circular.py": "from circular import f\n",
    "deep.py": "import imports\n",
    "raising.py": "raise ValueError('at init')\n",
    "raising_deep.py": "def inner():\n    1 / 0\n\ninner()\n",
    "raising_import.py": "raise ImportError\n",
    "raising_output.py": "print('before')\nraise ValueError('after it')\n",
    "exiting.py": "import sys\nsys.exit(3)\n",
    "exiting_0.py": "import sys\nsys.exit(0)\n",
    "exiting_words.py": "import sys\nsys.exit('words')\n",
    "exiting_hard.py": "import os\nprint('before')\nos._exit(4)\n",
    "interrupting.py": "raise KeyboardInterrupt\n",
    "aborting.py": "import os\nos.abort()\n",
    "empty.py": "",
    "printing.py": "import logging\nprint('at init')\nlogging.warning('logged at init')\n"
    "def f(event, context):\n    print('run')\n",
    "warning.py": "import warnings\nwarnings.warn('careful')\ndef f(event, context): ...\n",
    "odd.py": "f = 5\nclass g:\n    def __init__(self, event, context): ...\n"
    "class h:\n    @staticmethod\n    def inner(event, context): return 'inner'\n"
    "def few(): ...\ndef many(event, context, more): ...\n"
    "two = lambda event, context: 'lambda'\n"
    "class Called:\n    def __call__(self, event, context): return 'called'\n"
    "called = Called()\n",
    "folder/inner.py": "from . import other\ndef f(event, context): return [__name__, other.x]\n",
    "folder/other.py": "x = 1\n",
    "attribute.py": "def __getattr__(name):\n    raise RuntimeError('lazy ' + name)\n",
}
"""Modules that only a test should hold."""

INITS = {
    "syntax-error": ("A syntax error", "syntax.f"),
    "indentation-error": ("A wrong indentation", "indentation.f"),
    "tab-error": ("Tabs and blanks mixed", "tabs.f"),
    "nul-byte": ("A null byte in the source", "nul.f"),
    "import-error": ("An import of what is not there", "imports.f"),
    "import-name-error": ("An import of a name that is not there", "imports_name.f"),
    "import-circular": ("A module that imports from itself", "circular.f"),
    "import-deep": ("An import that fails in an imported module", "deep.f"),
    "import-raised": ("An ImportError without words", "raising_import.f"),
    "no-module": ("A module that is not there", "nowhere.f"),
    "no-module-in-folder": ("A module that is not in its folder", "folder/nowhere.f"),
    "no-handler": ("A handler that is not in its module", "empty.f"),
    "no-dot": ("A handler's name without a dot", "handler"),
    "no-name": ("A handler's name that ends in a dot", "empty."),
    "no-module-name": ("A handler's name that begins with a dot", ".f"),
    "built-in-module": ("A module of the interpreter", "sys.exit"),
    "relative-name": ("A handler's name with two dots", "..f"),
    "backslash-name": ("A handler's name with a backslash", "folder\\inner.f"),
    "raises": ("An exception", "raising.f"),
    "raises-deep": ("An exception out of a function", "raising_deep.f"),
    "raises-after-output": ("Output, then an exception", "raising_output.f"),
    "module-getattr": ("A module whose __getattr__ raises", "attribute.f"),
    "exits": ("sys.exit(3)", "exiting.f"),
    "exits-0": ("sys.exit(0)", "exiting_0.f"),
    "exits-with-words": ("sys.exit with words", "exiting_words.f"),
    "exits-hard": ("os._exit(4) after output", "exiting_hard.f"),
    "interrupts": ("KeyboardInterrupt", "interrupting.f"),
    "aborts": ("os.abort()", "aborting.f"),
    "prints": ("Output and a record of the init, then a good handler", "printing.f"),
    "warns": ("A warning of the init", "warning.f"),
    "folder-slash": ("A handler in a folder, by a slash", "folder/inner.f"),
    "folder-dot": ("A handler in a folder, by a dot", "folder.inner.f"),
    "no-function": ("A handler that is a number", "odd.f"),
    "a-class": ("A handler that is a class", "odd.g"),
    "an-object": ("A handler that is an object with __call__", "odd.called"),
    "a-lambda": ("A handler that is a lambda", "odd.two"),
    "too-few": ("A handler without parameters", "odd.few"),
    "too-many": ("A handler with three parameters", "odd.many"),
}


def cases() -> list[Case]:
    """Return all cases, in the order in which they run and are shown."""
    found: list[Case] = []
    for chapter in CHAPTERS:
        match chapter:
            case "events":
                found += [
                    Case(f"event-{name}", what, chapter, "results.echo", event)
                    for name, (what, event) in EVENTS.items()
                ]
                found += [
                    Case(
                        f"client-context-{name}",
                        what,
                        chapter,
                        "surroundings.client",
                        b"1",
                        client_context=context,
                    )
                    for name, (what, context) in CLIENT_CONTEXTS.items()
                ]
            case "inits":
                found += [
                    Case(f"init-{name}", what, chapter, handler, b"1")
                    for name, (what, handler) in INITS.items()
                ]
            case "json":
                found += [
                    replace(
                        case,
                        name=case.name.replace("output-", f"json-{level.lower()}-"),
                        what=f"{case.what}; level {level}",
                        chapter="json",
                        variables={
                            "AWS_LAMBDA_LOG_FORMAT": "JSON",
                            "AWS_LAMBDA_LOG_LEVEL": level,
                        },
                    )
                    for level in ("TRACE", "INFO", "ERROR")
                    for case in _of_module("output")
                    if "logs" in case.name or "warns" in case.name or "context" in case.name
                ]
                found += [
                    replace(
                        case,
                        name=f"json-{case.name}",
                        chapter="json",
                        variables={"AWS_LAMBDA_LOG_FORMAT": "JSON"},
                    )
                    for case in _of_module("failures")
                ]
            case _:
                found += _of_module(chapter)
    return found


def _of_module(chapter: str) -> Iterator[Case]:
    """Yield a case for each function of a module whose docstring says what it is."""
    tree = ast.parse((SERVICE / f"{chapter}.py").read_text())
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        what = ast.get_docstring(node)
        if what is not None:
            name = f"{_SINGULAR[chapter]}-{node.name.replace('_', '-')}"
            event = json.dumps({"do": node.name}).encode()
            yield Case(name, what, chapter, f"{chapter}.handler", event)


_SINGULAR = {
    "results": "result",
    "failures": "failure",
    "ends": "end",
    "output": "output",
    "surroundings": "around",
}
