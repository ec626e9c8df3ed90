from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Function, Service
from bellwire.errors import DefinitionError, Place, UnknownKeyError, UnsupportedFeatureError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

HERE = f"python{sys.version_info.major}.{sys.version_info.minor}"


def test_own_settings_come_before_the_providers_and_these_before_defaults(load: Load) -> None:
    service = load(
        f"""\
service: demo
provider:
  name: aws
  runtime: {HERE}
  timeout: 10
  environment:
    A: provider
    B: provider
    C: 1.0
functions:
  one:
    handler: h.f
  two:
    handler: h.f
    name: my_two
    timeout: '30'
    memorySize: 256
    reservedConcurrency: 0
    environment:
      A: function
      B: null
      D: true
"""
    )
    assert service.functions == {
        "one": Function(
            key="one",
            name="demo-dev-one",
            handler="h.f",
            runtime=HERE,
            timeout_s=10.0,
            memory_mb=1024,
            environment={"A": "provider", "B": "provider", "C": "1"},
            reserved_concurrency=None,
            place=Place("serverless.yml", 11, 3),
        ),
        "two": Function(
            key="two",
            name="my_two",
            handler="h.f",
            runtime=HERE,
            timeout_s=30.0,
            memory_mb=256,
            environment={"A": "function", "C": "1", "D": "true"},
            reserved_concurrency=0,
            place=Place("serverless.yml", 13, 3),
        ),
    }
    assert service.findings == ()


def test_the_frameworks_defaults(load: Load) -> None:
    service = load(
        f"service: demo\nprovider: aws\nfunctions:\n  f: {{handler: h.f, runtime: {HERE}}}\n"
    )
    function = service.functions["f"]
    assert (function.timeout_s, function.memory_mb) == (6.0, 1024)
    assert (function.environment, function.reserved_concurrency) == ({}, None)


def test_functions_come_from_lists_and_files(load: Load, head: str, folder: Path) -> None:
    (folder / "more.yml").write_text("b: {handler: h.f}\nc: ${file(c.yml)}\n")
    (folder / "c.yml").write_text("handler: h.f\nevents:\n  - websocket: c\n")
    text = "functions:\n  - a: {handler: h.f}\n  - ${file(more.yml)}\n"
    service = load(head + text)
    assert list(service.functions) == ["a", "b", "c"]
    assert service.functions["b"].place == Place("more.yml", 1, 1)
    assert service.api.stages[0].routes[0].place == Place("c.yml", 3, 16)
    assert list(load(head + "functions: ${file(more.yml)}\n").functions) == ["b", "c"]


@pytest.mark.parametrize("text", ["", "functions:\n", "functions: {}\n", "functions: {f: null}\n"])
def test_a_service_may_have_no_functions(load: Load, head: str, text: str) -> None:
    assert load(head + text).functions == {}


def test_what_serves_nobody_here_is_skipped(load: Load, head: str) -> None:
    service = load(
        head
        + """\
functions:
  page:
    handler: page.show
    runtime: nodejs20.x
    events: [{http: get /}]
  box: {image: 'box:1'}
  mine:
    handler: h.f
    environment:
      PAGE: {Ref: PageLambdaFunction}
"""
    )
    assert list(service.functions) == ["mine"]
    assert service.functions["mine"].environment == {"PAGE": "demo-dev-page"}
    assert [str(finding.place) + " " + finding.message for finding in service.findings] == [
        "serverless.yml:4:3 `functions.page` has the runtime `nodejs20.x`: skipped, it serves no "
        "route and no rule",
        "serverless.yml:8:3 `functions.box` is a container image: skipped, it serves no route and "
        "no rule",
        "serverless.yml:7:14 `http` events are not served here: skipped",
        "serverless.yml:8:9 without effect here: `functions.*.image`",
    ]


def test_keys_of_others_are_named_and_unknown_ones_too(load: Load, head: str) -> None:
    service = load(
        head + "functions:\n"
        "  f: {handler: h.f, vpc: {}, description: d, role: r, dscription: x, zzz: 1}\n"
    )
    assert [finding.message for finding in service.findings] == [
        "unknown key `functions.f.dscription`: ignored",
        "unknown key `functions.f.zzz`: ignored",
        "without effect here: `functions.*.vpc` and `functions.*.role`",
    ]
    assert service.findings[0].hint == "did you mean `description`?"


@pytest.mark.parametrize(
    ("function", "kind", "message", "hint"),
    [
        (
            "f: {handlr: h.f}",
            UnknownKeyError,
            "4:7: unknown key `functions.f.handlr`",
            "did you mean `handler`?",
        ),
        (
            "f: {handler: h.f, event: []}",
            UnknownKeyError,
            "4:21: unknown key `functions.f.event`",
            "did you mean `events`?",
        ),
        (
            "f: {timeout: 3}",
            DefinitionError,
            "4:3: `functions.f` has no handler",
            "write `handler: module.function`",
        ),
        ("f: h.f", DefinitionError, "4:6: `functions.f` must be a map, not `h.f`", None),
        (
            "f.g: {handler: h.f}",
            DefinitionError,
            "4:3: `f.g` is no name for a function: letters, digits, `-` and `_`",
            None,
        ),
        (
            "f: {handler: h.f, timeout: 901}",
            DefinitionError,
            "4:30: `functions.f.timeout` must be a whole number from 1 to 900, not `901`",
            None,
        ),
        (
            "f: {handler: h.f, memorySize: 64}",
            DefinitionError,
            "4:33: `functions.f.memorySize` must be a whole number from 128 to 10240, not `64`",
            None,
        ),
        (
            "f: {handler: h.f, reservedConcurrency: -1}",
            DefinitionError,
            "4:42: `functions.f.reservedConcurrency` must be a whole number of at least 0, "
            "not `-1`",
            None,
        ),
        (
            "f: {handler: h.f, environment: {a-b: x}}",
            DefinitionError,
            "4:35: `a-b` is no name for an environment variable",
            None,
        ),
        (
            "f: {handler: h.f, environment: {A: [x]}}",
            DefinitionError,
            "4:38: `functions.f.environment.A` must be a text, not a list",
            None,
        ),
        (
            "f: {handler: h.f, environment: x}",
            DefinitionError,
            "4:34: `functions.f.environment` must be a map, not `x`",
            None,
        ),
        (
            "f: {handler: h.f, name: a b}",
            DefinitionError,
            "4:27: `a b` is no name for a Lambda function: up to 64 letters, digits, `-` and `_`",
            None,
        ),
        (
            f"{'f' * 60}: {{handler: h.f}}",
            DefinitionError,
            f"4:3: `demo-dev-{'f' * 60}` is no name for a Lambda function: up to 64 letters, "
            "digits, `-` and `_`",
            "set a shorter `name:`",
        ),
        (
            "a: {handler: h.f, name: x}\n  b: {handler: h.f, name: x}",
            DefinitionError,
            "5:3: the functions `a` and `b` have the same name x; the first is at "
            "serverless.yml:4:3",
            None,
        ),
        (
            "f: {handler: h.f}\n  f: {handler: h.f}",
            DefinitionError,
            "5:3: the key `f` is there twice; the first is at serverless.yml:4:3",
            None,
        ),
        (
            "f: {handler: h.f, runtime: java21, events: [{websocket: a}]}",
            UnsupportedFeatureError,
            "4:30: `functions.f` has the runtime `java21`: only Python, Node.js and executables "
            "run here",
            "set `runtime: python3.12`, `nodejs24.x` or `provided.al2023`",
        ),
        (
            "f: {image: 'x:1', events: [{iot: {sql: a}}]}",
            UnsupportedFeatureError,
            "4:3: `functions.f` is a container image: only Python, Node.js and executables run "
            "here",
            "set `runtime: python3.12`, `nodejs24.x` or `provided.al2023`",
        ),
    ],
)
def test_a_wrong_function_is_refused(
    refuse: Refuse,
    head: str,
    function: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    text = f"{head}functions:\n  {function}\n"
    assert refuse(text) == (kind, f"serverless.yml:{message}", hint)


def test_a_function_without_runtime_is_node_to_the_framework(refuse: Refuse) -> None:
    text = (
        "service: demo\nprovider: aws\nfunctions:\n  f: {handler: h.f, events: [{websocket: a}]}\n"
    )
    assert refuse(text) == (
        DefinitionError,
        "serverless.yml:4:16: there is no file `h.js`, `.mjs` or `.cjs` in .",
        "it is there in Python: set `runtime: python3.12` for it or under `provider`",
    )


def test_other_runtimes_run_beside_python(load: Load, folder: Path) -> None:
    for name in ("h.js", "page.js", "bootstrap"):
        (folder / name).touch(mode=0o755)
    service = load(
        "service: demo\nprovider: aws\nfunctions:\n"
        "  node: {handler: h.f, runtime: nodejs20.x, events: [{websocket: a}]}\n"
        "  default: {handler: h.f}\n"
        "  go: {handler: bootstrap, runtime: provided.al2023}\n"
        "  old: {handler: main, runtime: provided}\n"
        f"  mine: {{handler: h.f, runtime: {HERE}}}\n"
        "  page: {handler: page.show, runtime: nodejs22.x, events: [{http: get /}]}\n"
    )
    assert {key: each.runtime for key, each in service.functions.items()} == {
        "node": "nodejs20.x",
        "default": "nodejs24.x",
        "go": "provided.al2023",
        "old": "provided",
        "mine": HERE,
    }


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ("5", "3:12: `functions` must be a map or a list of maps, not `5`"),
        ("[5]", "3:13: `functions` must be a map or a list of maps, not `5`"),
        (
            "[{a: {handler: h.f}}, {a: {handler: h.f}}]",
            "3:35: the function `a` is there twice; the first is at serverless.yml:3:14",
        ),
    ],
)
def test_functions_must_be_maps(refuse: Refuse, head: str, functions: str, message: str) -> None:
    assert refuse(f"{head}functions: {functions}\n")[1] == f"serverless.yml:{message}"


@pytest.mark.parametrize(
    ("keys", "reserved", "provisioned"),
    [
        ("", None, 0),
        ("provisionedConcurrency: 0", None, 0),
        ("provisionedConcurrency: 3", None, 3),
        ("reservedConcurrency: 3, provisionedConcurrency: '3'", 3, 3),
        ("provisionedConcurrency: 3, snapStart: false", None, 3),
        ("provisionedConcurrency: 0, snapStart: true", None, 0),
    ],
)
def test_environments_that_are_kept(
    load: Load, head: str, keys: str, reserved: int | None, provisioned: int
) -> None:
    function = load(head + f"functions: {{f: {{handler: h.f, {keys}}}}}\n").functions["f"]
    assert function.reserved_concurrency == reserved
    assert function.provisioned_concurrency == provisioned


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            "provisionedConcurrency: 4, reservedConcurrency: 3",
            "3:55: `functions.f.provisionedConcurrency` is 4, more than the reservedConcurrency 3",
        ),
        (
            "provisionedConcurrency: -1",
            "3:55: `functions.f.provisionedConcurrency` must be a whole number of at least 0, not "
            "`-1`",
        ),
        (
            "provisionedConcurrency: 1, snapStart: true",
            "3:55: `functions.f` has provisionedConcurrency and snapStart; "
            "Lambda takes one of them",
        ),
    ],
)
def test_environments_that_cannot_be_kept(
    refuse: Refuse, head: str, keys: str, message: str
) -> None:
    text = head + f"functions: {{f: {{handler: h.f, {keys}}}}}\n"
    assert refuse(text)[1] == f"serverless.yml:{message}"
