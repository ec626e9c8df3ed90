from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bellwire.definition import Service
from bellwire.definition import vocabulary as v


PAGE = (Path(__file__).parents[2] / "docs" / "serverless-yml.md").read_text()
"""What users are told is read."""


def test_each_key_has_one_meaning() -> None:
    for keys in (
        (*v.SERVICE_READ, *v.SERVICE_SKIPPED, *v.SERVICE_SILENT),
        (*v.PROVIDER_READ, *v.PROVIDER_SKIPPED, *v.PROVIDER_SILENT),
        (*v.FUNCTION_READ, *v.FUNCTION_SKIPPED, *v.FUNCTION_SILENT),
        (*v.EVENTS_READ, *v.EVENTS_SKIPPED),
        (*v.API_READ, *v.API_IGNORED),
        (*v.ROUTE_READ, *v.ROUTE_IGNORED),
        (*v.INTEGRATION_READ, *v.INTEGRATION_IGNORED),
        (*v.STAGE_READ, *v.STAGE_IGNORED),
        v.INTRINSICS,
    ):
        assert sorted(keys) == sorted(set(keys))


def test_the_page_names_all_that_is_read() -> None:
    named = set(re.findall(r"[`.]([A-Za-z]+)\b", PAGE))
    read = {
        word
        for name, words in vars(v).items()
        if name.endswith(("_READ", "WEBSOCKET_KEYS", "AUTHORIZER_KEYS", "IOT_KEYS"))
        for word in words
    }
    assert read - named == set()


def test_the_examples_of_the_page_load(load: Callable[..., Service], head: str) -> None:
    resources, custom = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    event = "functions: {f: {handler: h.f, events: [websocket: $connect]}}\n"
    service = load(head + event + resources + custom, env={"BELLWIRE_SECRET": "s"})
    (stage,) = service.api.stages
    assert [(route.route_key, route.api_key_required) for route in stage.routes] == [
        ("$connect", True),
        ("ping", False),
    ]
    assert (stage.variables, stage.default_throttle.rate_per_s) == ({"color": "red"}, 100.0)
    assert service.access_keys.sign_connections
