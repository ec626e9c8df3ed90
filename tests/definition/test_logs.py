from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import Service
from bellwire.definition.model import Logging
from bellwire.errors import DefinitionError, UnknownKeyError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]

HEAD = "service: demo\nprovider: {name: aws, runtime: python3.11, logs: {lambda: {%s}}}\n"
FUNCTION = "functions: {f: {handler: h.f%s}}\n"


@pytest.mark.parametrize(
    ("provided", "own", "logging"),
    [
        ("", "", Logging()),
        ("", ", logs: {}", Logging()),
        ("logFormat: JSON", "", Logging("JSON", "INFO", "INFO")),
        ("", ", logs: {logFormat: JSON}", Logging("JSON", "INFO", "INFO")),
        (
            "logFormat: JSON, applicationLogLevel: TRACE, systemLogLevel: WARN, logGroup: /a",
            "",
            Logging("JSON", "TRACE", "WARN", "/a"),
        ),
        ("logFormat: JSON, logGroup: /a", ", logs: {logGroup: b}", Logging(group="b")),
        ("logFormat: Text", "", Logging()),
    ],
)
def test_how_a_function_logs(load: Load, provided: str, own: str, logging: Logging) -> None:
    service = load(HEAD % provided + FUNCTION % own)
    assert (service.functions["f"].logging, service.findings) == (logging, ())


@pytest.mark.parametrize(
    ("own", "error", "hint"),
    [
        (
            "logFormat: Yaml",
            "3:49: `functions.f.logs.logFormat` must be one of Text, JSON, not `Yaml`",
            None,
        ),
        (
            "logFormat: JSON, systemLogLevel: ERROR",
            "3:71: `functions.f.logs.systemLogLevel` must be one of DEBUG, INFO, WARN, not `ERROR`",
            None,
        ),
        (
            "applicationLogLevel: DEBUG",
            "3:59: `functions.f.logs.applicationLogLevel` is for JSON logs: Lambda does not filter "
            "others",
            "write `logFormat: JSON` beside it",
        ),
        (
            "logFormat: Text, systemLogLevel: DEBUG",
            "3:71: `functions.f.logs.systemLogLevel` is for JSON logs: Lambda does not filter "
            "others",
            "write `logFormat: JSON` beside it",
        ),
        (
            "logGroup: 'a b'",
            "3:48: `a b` is no name for a log group: up to 512 letters, digits, `.`, `-`, `_`, `/` "
            "and `#`",
            None,
        ),
    ],
)
def test_what_lambda_would_refuse(refuse: Refuse, own: str, error: str, hint: str | None) -> None:
    text = HEAD % "" + FUNCTION % f", logs: {{{own}}}"
    assert refuse(text)[1:] == (f"serverless.yml:{error}", hint)


def test_misspelt_keys_are_refused(refuse: Refuse) -> None:
    kind, message, hint = refuse(HEAD % "format: JSON" + FUNCTION % "")
    assert (kind, hint) == (UnknownKeyError, "did you mean `logFormat`?")
    assert message.endswith("unknown key `provider.logs.lambda.format`")
