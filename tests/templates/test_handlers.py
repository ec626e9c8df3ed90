"""The four handlers as functions, on the notifier of a node."""

from __future__ import annotations

import importlib.util
import json
import logging
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bellwire.limits import Limits
from bellwire.notify import sdk
from bellwire.notify.listeners import Listeners


HANDLERS = (
    Path(__file__).parents[2]
    / "src/bellwire/templates/parameter_notifier/subscribers/websocket_event_handler.py"
)
NOW_MS = 1_732_370_000_123


@pytest.fixture
def frames() -> list[bytes]:
    return []


@pytest.fixture
def handlers(
    frames: list[bytes],
    attach_channel: Callable[[Listeners], int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[ModuleType]:
    """The handlers' module, imported as a function's process does."""

    def deliver(connection_ids: Collection[str], frame: bytes) -> int:
        frames.extend(frame for _ in connection_ids)
        return len(connection_ids)

    number = attach_channel(
        Listeners(
            deliver=deliver,
            is_open=lambda connection_id: connection_id != "gone=",
            now_ms=lambda: NOW_MS,
            limits=Limits(),
        )
    )
    monkeypatch.setenv("BELLWIRE_NOTIFIER_FD", str(number))
    spec = importlib.util.spec_from_file_location("websocket_event_handler", HANDLERS)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sdk._backends.pop(number).close()


def message(**body: object) -> dict[str, object]:
    return {"requestContext": {"connectionId": "c1="}, "body": json.dumps(body)}


def test_connect_lets_in_and_disconnect_forgets(handlers: ModuleType) -> None:
    context = {"requestContext": {"connectionId": "c1="}}
    assert handlers.connect(context, None) == {"statusCode": 200}
    handlers.set_notify_list(message(notify_list=[{"device_id": "d"}]), None)
    assert handlers.disconnect(context, None) == {"statusCode": 200}
    assert handlers.notify_parameter({"device_id": "d", "payload": {"value": {"a": 1}}}, None) == 0


def test_set_notify_list_replies_with_the_list_and_what_is_known(handlers: ModuleType) -> None:
    handlers.notify_parameter({"device_id": "d", "payload": {"value": {"a": 1}}}, None)
    reply = handlers.set_notify_list(
        message(notify_list=[{"device_id": "d"}], request_id="a1"), None
    )
    assert reply == {
        "statusCode": 200,
        "body": '{"event":"notify_list","notify_list":[{"device_id":"d"}],"snapshot":'
        '[{"device_id":"d","value":{"a":1},"timestamp":1732370000123}],"request_id":"a1"}',
    }


def test_set_notify_list_tells_what_is_wrong(handlers: ModuleType) -> None:
    reply = handlers.set_notify_list(message(notify_list=[{"device_id": 1}]), None)
    assert json.loads(reply["body"]) == {
        "event": "error",
        "code": "InvalidNotifyList",
        "message": "notify_list[0].device_id: expected a non-empty string",
    }


@pytest.mark.parametrize("body", [None, "", "[]", "3", "no json", "[" * 5000, '{"notify_list":{}}'])
def test_a_message_that_holds_no_list_is_refused(handlers: ModuleType, body: str | None) -> None:
    event = {"requestContext": {"connectionId": "c1="}, "body": body}
    assert handlers.set_notify_list(event, None) == {
        "statusCode": 200,
        "body": '{"event":"error","code":"InvalidNotifyList",'
        '"message":"notify_list: expected an array of entries"}',
    }


@pytest.mark.parametrize("request_id", ["ü", "\ud800", None, 7, {"a": [1]}])
def test_whatever_request_id_is_given_comes_back(handlers: ModuleType, request_id: object) -> None:
    reply = handlers.set_notify_list(message(notify_list=[], request_id=request_id), None)
    reply["body"].encode()
    assert json.loads(reply["body"])["request_id"] == request_id


def test_an_app_that_has_left_gets_no_reply(handlers: ModuleType) -> None:
    event = {**message(notify_list=[]), "requestContext": {"connectionId": "gone="}}
    assert handlers.set_notify_list(event, None) == {"statusCode": 410}


def test_a_message_that_is_nested_too_deep_is_warned_about(
    handlers: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    value = json.loads('{"a":' * 70 + "1" + "}" * 70)
    with caplog.at_level(logging.WARNING):
        assert handlers.notify_parameter({"device_id": "d", "payload": {"value": value}}, None) == 0
    assert "device d: value: nested deeper than 64 levels" in caplog.text


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [(5, 5), (5.9, 5), (True, NOW_MS), ("5", NOW_MS), (None, NOW_MS), (1e300, NOW_MS)],
)
def test_a_device_may_tell_its_own_time(
    handlers: ModuleType, frames: list[bytes], timestamp: object, expected: int
) -> None:
    handlers.set_notify_list(message(notify_list=[{"device_id": "d"}]), None)
    payload = {"value": {"a": 1}, "timestamp": timestamp}
    assert handlers.notify_parameter({"device_id": "d", "payload": payload}, None) == 1
    assert json.loads(frames[0])["timestamp"] == expected


@pytest.mark.parametrize(
    "event", [{}, {"payload": [1]}, {"payload": {"value": 3}}, {"payload": {}}]
)
def test_a_message_without_values_is_warned_about(
    handlers: ModuleType, caplog: pytest.LogCaptureFixture, event: dict[str, object]
) -> None:
    with caplog.at_level(logging.WARNING):
        assert handlers.notify_parameter({"device_id": "d", **event}, None) == 0
    assert 'device d: expected {"value": {"name": …}}' in caplog.text
