"""What `console` writes in a Node.js function (node/console.mjs)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import bellwire.functions
from bellwire.functions.output import Lines


CONSOLE = Path(bellwire.functions.__file__).parent / "node" / "console.mjs"
ID = "6f747c00-191b-4aae-a82a-d4b28f3d1a1b"
JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}
PROBLEM = (
    "callback called with Error argument, but there was a problem while retrieving one or more of "
    "its message, name, and stack"
)


def written(source: str, environment: dict[str, str] | None = None) -> list[str]:
    """Run statements with our console; return the messages they wrote."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    program = (
        f"import {{ install, logError, setRequestId }} from {json.dumps(CONSOLE.as_uri())};"
        f"install(); {source}"
    )
    output = subprocess.run(
        [node, "--input-type=module", "--eval", program],
        env={"PATH": os.environ["PATH"], **(environment or {})},
        capture_output=True,
        check=True,
        timeout=20,
    )
    assert output.stderr == b""
    lines = Lines(1_000_000)
    return [*lines.feed(output.stdout), *lines.finish()]


def objects(source: str, **environment: str) -> list[Any]:
    return [json.loads(text) for text in written(source, JSON | environment)]


def test_a_message_of_several_lines_is_one_entry() -> None:
    texts = written("setRequestId('id'); console.log('a\\nb\\r\\nc'); console.log('d')")
    assert [text.split("\t", 1)[1] for text in texts] == ["id\tINFO\ta\nb\nc", "id\tINFO\td"]


def test_text_is_filtered_only_where_a_level_is_set() -> None:
    source = (
        "for (const name of ['trace','debug','log','info','warn','error','fatal']) console[name](1)"
    )

    def levels(environment: dict[str, str]) -> list[str]:
        return [text.split("\t")[2] for text in written(source, environment)]

    assert levels({}) == ["TRACE", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "FATAL"]
    assert levels({"AWS_LAMBDA_LOG_LEVEL": "WARN"}) == ["WARN", "ERROR", "FATAL"]
    assert levels({"AWS_LAMBDA_LOG_LEVEL": "FATAL"}) == ["FATAL"]


def test_json_has_time_level_request_and_message() -> None:
    first, second = objects(
        f"console.log('at init'); setRequestId('{ID}'); console.warn('a %d', 1)"
    )
    assert list(first) == ["timestamp", "level", "message"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", second.pop("timestamp"))
    assert second == {"level": "WARN", "requestId": ID, "message": "a 1"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ("{a: [1]}", {"a": [1]}),
        ("7", 7),
        ("null", None),
        ("'a\\nb'", "a\nb"),
        ("{a: 1}, 'b'", "{ a: 1 } b"),
        ("10n", "10n"),
        ("(() => { const a = {}; a.a = a; return a })()", "<ref *1> { a: [Circular *1] }"),
    ],
)
def test_a_single_value_stays_what_it_is(parts: str, message: object) -> None:
    (entry,) = objects(f"console.info({parts})")
    assert entry["message"] == message


def test_nothing_is_a_message_too() -> None:
    (entry,) = objects("console.info()")
    assert "message" not in entry


def test_an_error_is_an_object_with_its_properties() -> None:
    (entry,) = objects("console.error(Object.assign(new TypeError('no'), { code: 7 }))")
    message = entry["message"]
    assert message.pop("stackTrace")[0] == "TypeError: no"
    assert message == {"errorType": "TypeError", "errorMessage": "no", "code": 7}


def test_of_several_values_the_first_error_is_told() -> None:
    (entry,) = objects("console.error('failed:', new RangeError('one'), new Error('two'))")
    assert entry["message"].startswith("failed: RangeError: one\n")
    assert (entry["errorType"], entry["errorMessage"]) == ("RangeError", "one")
    assert entry["stackTrace"][0] == "RangeError: one"


@pytest.mark.parametrize(
    ("thrown", "error_type", "message"),
    [
        ("new RangeError('no')", "RangeError", "no"),
        ("'a text'", "Error", "a text"),
        ("undefined", "Error", ""),
        ("Symbol('s')", "symbol", "Symbol(s)"),
        ("Object.create(null)", "handled", PROBLEM),
        ("Object.defineProperty(new Error(), 'stack', { get() { throw 1 } })", "handled", PROBLEM),
    ],
)
def test_what_ended_an_invocation_is_told_in_json(
    thrown: str, error_type: str, message: str
) -> None:
    (entry,) = objects(f"setRequestId('{ID}'); logError('Invoke Error', {thrown})")
    assert (entry["level"], entry["requestId"]) == ("ERROR", ID)
    assert (entry["message"]["errorType"], entry["message"]["errorMessage"]) == (
        error_type,
        message,
    )


def test_what_ended_an_invocation_is_filtered_too() -> None:
    assert objects("logError('Invoke Error', new Error('no'))", AWS_LAMBDA_LOG_LEVEL="FATAL") == []
