from __future__ import annotations

import ast
import re
from dataclasses import FrozenInstanceError, fields
from itertools import pairwise
from pathlib import Path

import pytest

from bellwire import limits
from bellwire.limits import Limits


SOURCE = Path(limits.__file__)
COUNTED = {
    "broker_in_flight",
    "broker_publishes",
    "broker_waiting",
    "connections",
    "dead_letters_in_flight",
    "destination_chain",
    "events_in_flight",
    "function_concurrency",
    "function_retries",
    "half_open",
    "http_requests",
    "invocation_queue",
    "invocations_in_flight",
    "messages_in_flight",
    "notify_list_devices",
    "notify_list_parameters",
    "requests_burst",
    "shadow_depth",
    "shadow_requests",
    "snapshot_devices",
    "topic_levels",
}
"""Limits whose unit is what they count."""

OFF_AT_ZERO = {"new_connections_per_s", "requests_per_s"}
"""Account quotas of AWS, off by default."""


def docstrings() -> dict[str, str]:
    """Return the text below each field."""
    (body,) = [
        node.body
        for node in ast.walk(ast.parse(SOURCE.read_text()))
        if isinstance(node, ast.ClassDef)
    ]
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            assert isinstance(text, ast.Expr), field.target.id
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = str(text.value.value)
    return found


def test_every_limit_has_a_text_that_names_its_source() -> None:
    names = {field.name for field in fields(Limits)}
    texts = docstrings()
    assert set(texts) == names
    for name, text in texts.items():
        assert re.search(r"\[[^\]]+\]|\bOurs\b", text), f"{name}: neither AWS's nor ours?"
        assert not ("Ours." in text and "[ws]." in text), name


def test_every_name_ends_in_its_unit() -> None:
    for field in fields(Limits):
        if field.name not in COUNTED:
            assert re.search(r"_(bytes|s|ms)$", field.name), field.name


def test_the_quotas_of_aws_are_the_defaults() -> None:
    defaults = Limits()
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    assert defaults.frame_bytes == 32 * 1024
    assert defaults.message_bytes == 128 * 1024
    assert defaults.idle_timeout_s == 10 * 60
    assert defaults.connection_duration_s == 2 * 60 * 60
    assert defaults.integration_timeout_ms == 29_000
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    assert defaults.payload_bytes == 6 * 1024 * 1024
    assert defaults.function_retries == 2
    # https://docs.aws.amazon.com/general/latest/gr/iot-core.html
    assert defaults.mqtt_payload_bytes == 128 * 1024
    assert defaults.shadow_bytes == 8 * 1024
    assert defaults.shadow_depth == 8


def test_every_limit_is_a_positive_number_and_cannot_be_changed() -> None:
    defaults = Limits()
    for field in fields(Limits):
        assert getattr(defaults, field.name) > 0 or field.name in OFF_AT_ZERO
        with pytest.raises(FrozenInstanceError):
            setattr(defaults, field.name, 1)


def test_every_limit_bounds_something() -> None:
    """A limit that nothing reads is a promise nobody keeps."""
    package = SOURCE.parent
    text = "\n".join(path.read_text() for path in package.rglob("*.py") if path.name != "limits.py")
    unread = {field.name for field in fields(Limits) if f".{field.name}" not in text}
    assert unread == set()
