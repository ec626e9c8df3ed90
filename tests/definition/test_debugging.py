from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bellwire.definition import Service
from bellwire.definition.debugging import NO_HURRY_MS, debugged, has_debugpy
from bellwire.errors import UnknownKeyError


TEXT = """\
service: demo
provider: {name: aws, runtime: python3.11}
functions:
  hello: {handler: h.f, events: [{websocket: {route: hello}}]}
  other: {handler: h.f, events: [{websocket: {route: other}}]}
resources:
  Resources:
    HelloWebsocketsIntegration: {Properties: {TimeoutInMillis: 500}}
    OtherWebsocketsIntegration: {Properties: {TimeoutInMillis: 700}}
"""


@pytest.fixture
def service(load: Callable[..., Service]) -> Service:
    return load(TEXT)


def test_no_time_out_but_those_of_others(service: Service) -> None:
    found = debugged(service, "hello")
    assert found.limits.integration_timeout_ms == NO_HURRY_MS
    routes = {route.route_key: route.integration for route in found.api.stages[0].routes}
    timeouts = {key: each and each.timeout_ms for key, each in routes.items()}
    assert timeouts == {"hello": None, "other": 700}
    assert found.functions == service.functions


@pytest.mark.parametrize(
    ("key", "hint"),
    [("helo", "did you mean `hello`?"), ("x", "there are `hello` and `other`")],
)
def test_a_function_that_is_not_there(service: Service, key: str, hint: str) -> None:
    with pytest.raises(UnknownKeyError, match=f"no function `{key}` to debug") as caught:
        debugged(service, key)
    assert caught.value.hint == hint


def test_whether_an_ide_can_attach(service: Service) -> None:
    (Path(".venv") / "bin").mkdir(parents=True)
    (Path(".venv") / "bin" / "python").touch()
    assert not has_debugpy(service, "hello")
    Path(".venv/lib/python3.11/site-packages/debugpy").mkdir(parents=True)
    assert has_debugpy(service, "hello")
