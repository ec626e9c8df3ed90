from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields as fields_of
from dataclasses import replace

import pytest

from bellwire.definition.overrides import read_host_names, read_limits
from bellwire.definition.values import Fields
from bellwire.errors import DefinitionError
from bellwire.limits import Limits


Make = Callable[..., Fields]


@pytest.mark.parametrize(
    "text", ["a: 1", "custom: {}", "custom: {bellwire: {}}", "custom: {bellwire: {limits: null}}"]
)
def test_without_them_the_limits_are_awss(fields: Make, text: str) -> None:
    assert read_limits(fields(text)) == Limits()


def test_limits_are_set_in_camel_case(fields: Make) -> None:
    limits = read_limits(
        fields(
            """\
custom:
  bellwire:
    limits:
      idleTimeoutS: 60
      pingIntervalS: 0
      retryDelayS: 0.5
      connections: ${self:custom.most}
      functionRetries: 0
      frameBytes: null
  most: 5
"""
        )
    )
    assert limits == replace(
        Limits(),
        idle_timeout_s=60.0,
        ping_interval_s=0.0,
        retry_delay_s=0.5,
        connections=5,
        function_retries=0,
    )
    assert isinstance(limits.idle_timeout_s, float)


def test_every_limit_can_be_set(fields: Make) -> None:
    for field in fields_of(Limits):
        first, *others = field.name.split("_")
        key = first + "".join(word.capitalize() for word in others)
        limits = read_limits(fields(f"custom: {{bellwire: {{limits: {{{key}: 7}}}}}}"))
        assert limits == replace(Limits(), **{field.name: 7})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "limits: {idleTimeout: 60}",
            "1:30: unknown key `custom.bellwire.limits.idleTimeout`",
            "did you mean `idleTimeoutS`?",
        ),
        ("limit: {}", "1:21: unknown key `custom.bellwire.limit`", "did you mean `limits`?"),
        (
            "port: 1",
            "1:21: unknown key `custom.bellwire.port`",
            "it takes `limits`, `accessKeys`, `signConnections`, `hostNames`, `rules`, "
            "`sqlFunctions`, `devices`, `broker`",
        ),
        (
            "limits: {idleTimeoutS: 0}",
            "1:44: `custom.bellwire.limits.idleTimeoutS` must be a number above 0, not `0`",
            None,
        ),
        (
            "limits: {connections: 1.5}",
            "1:43: `custom.bellwire.limits.connections` must be a whole number above 0, not `1.5`",
            None,
        ),
        (
            "limits: {connections: true}",
            "1:43: `custom.bellwire.limits.connections` must be a whole number above 0, not `true`",
            None,
        ),
        (
            "limits: {connections: '5'}",
            "1:43: `custom.bellwire.limits.connections` must be a whole number above 0, not `5`",
            None,
        ),
        (
            "limits: {functionRetries: -1}",
            "1:47: `custom.bellwire.limits.functionRetries` must be a whole number of 0 or more, "
            "not `-1`",
            None,
        ),
        (
            "limits: {idleTimeoutS: '.inf'}",
            "1:44: `custom.bellwire.limits.idleTimeoutS` must be a number above 0, not `.inf`",
            None,
        ),
        ("limits: [1]", "1:29: `custom.bellwire.limits` must be a map, not a list", None),
    ],
)
def test_a_wrong_limit_is_refused(fields: Make, text: str, message: str, hint: str | None) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_limits(fields(f"custom: {{bellwire: {{{text}}}}}\n"))
    assert (str(caught.value), caught.value.hint) == (f"serverless.yml:{message}", hint)


def test_host_names(fields: Make) -> None:
    assert read_host_names(fields("custom: {bellwire: {limits: {}}}")) == ()
    assert read_host_names(fields("a: 1")) == ()
    text = "custom: {bellwire: {hostNames: [Live.example.com, '${self:custom.b}']}, b: b.c}"
    assert read_host_names(fields(text)) == ("live.example.com", "b.c")
    with pytest.raises(DefinitionError, match="must be a list"):
        read_host_names(fields("custom: {bellwire: {hostNames: live.example.com}}"))
