"""Actions: what they make of a message, and how mistakes in their templates are placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bellwire.definition.model import (
    Action,
    HttpAction,
    LambdaAction,
    NotifyAction,
    RepublishAction,
    RepublishHeaders,
    TemplateText,
    TopicRule,
)
from bellwire.errors import DefinitionError, Place, SqlSyntaxError, UnsupportedFeatureError
from bellwire.iot.actions import Invoke, Notify, Post, Republish, Unfit, plain, post_failure
from bellwire.iot.rules import Rule, compile_rule
from bellwire.iot.sql.scope import Message, World
from bellwire.iot.sql.values import to_json
from bellwire.origin import MqttProperties


PLACE = Place("serverless.yml", 3, 14)
WORLD = World(lambda bits: 2 ** (bits - 1))


def text(written: str) -> TemplateText:
    return TemplateText(written, PLACE)


def rule(
    *actions: Action,
    sql: str = "SELECT * FROM 'a/+'",
    error_action: Action | None = None,
    external: Sequence[str] = (),
) -> Rule:
    definition = TopicRule("r", sql, "2016-03-23", actions, error_action, True, "", PLACE)
    return compile_rule(definition, external)


def effects(made: Rule, payload: bytes = b'{"n":1}', topic: str = "a/b") -> Any:
    return made.effects(Message(topic, payload, 1_700_000_000_000), WORLD)


def republish(topic: str, qos: str = "0", headers: RepublishHeaders | None = None) -> Action:
    return RepublishAction(text(topic), text(qos), PLACE, headers)


INVOKE = LambdaAction("f", PLACE)


def test_each_action_has_one_effect() -> None:
    notify = NotifyAction(text("${topic(2)}"), PLACE)
    post = HttpAction(text("https://h/${n}"), "https://h/", PLACE)
    made = rule(
        INVOKE, republish("c/${topic(2)}", "1"), post, notify, sql="SELECT n + 1 AS m FROM 'a/+'"
    )
    assert effects(made) == [
        Invoke("f", b'{"m":2}'),
        Republish("c/b", b'{"m":2}', 1),
        Post("https://h/1", "https://h/", (("content-type", "application/json"),), b'{"m":2}'),
        Notify("b", {"m": 2}, 1_700_000_000_000),
    ]


def test_where_decides_for_all_actions() -> None:
    assert effects(rule(INVOKE, republish("c"), sql="SELECT * FROM 'a/+' WHERE n = 2")) is None


def test_what_is_no_json_goes_on_as_it_came_but_to_no_function() -> None:
    post = HttpAction(text("https://h/"), "https://h/", PLACE)
    found = effects(rule(INVOKE, republish("c"), post), b"\xff")
    assert isinstance(found, list)
    assert isinstance(found[0], Unfit)
    assert found[1] == Republish("c", b"\xff", 0)
    assert found[2].headers == (("content-type", "application/octet-stream"),)
    assert found[2].body == b"\xff"
    assert isinstance(effects(rule(INVOKE), b"\xff"), Unfit)


@pytest.mark.parametrize(
    ("topic", "published"),
    [
        ("$$aws/things/x/shadow/update", "$aws/things/x/shadow/update"),
        ("$aws/things/x", "$aws/things/x"),
        ("x/${missing}/y", "x//y"),
        ("x/${topic()}", "x/a/b"),
    ],
)
def test_topics_of_republish(topic: str, published: str) -> None:
    assert effects(rule(republish(topic))) == [Republish(published, b'{"n":1}', 0)]


@pytest.mark.parametrize(
    ("payload", "qos"), [(b'{"n":1}', 1), (b'{"n":"0"}', 0), (b'{"n":2}', None), (b"{}", None)]
)
def test_the_qos_may_be_a_template(payload: bytes, qos: int | None) -> None:
    (effect,) = effects(rule(republish("c", "${n}")), payload)
    if qos is None:
        assert effect.reason.startswith("the QoS must be 0 or 1, not ")
    else:
        assert effect.qos == qos


def test_headers_of_republish() -> None:
    headers = RepublishHeaders(
        payload_format=text("UTF8_DATA"),
        content_type=text("text/${n}"),
        response_topic=text("r"),
        correlation_data=text("aGk="),
        message_expiry=text("60"),
        user_properties=((text("k"), text("${topic()}")),),
    )
    (effect,) = effects(rule(republish("c", headers=headers)))
    assert effect.properties == MqttProperties(
        "text/1", True, "r", b"hi", (("k", "a/b"),), message_expiry_s=60
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (RepublishHeaders(payload_format=text("x")), "payloadFormatIndicator is one of"),
        (RepublishHeaders(correlation_data=text("?")), "correlationData is no base64"),
        (RepublishHeaders(message_expiry=text("soon")), "messageExpiry is no number"),
    ],
)
def test_a_wrong_header_fails_its_action_alone(headers: RepublishHeaders, reason: str) -> None:
    found = effects(rule(republish("c", headers=headers), INVOKE))
    assert isinstance(found, list)
    assert found[0].reason.startswith(reason)
    assert found[1] == Invoke("f", b'{"n":1}')


def test_headers_of_http_and_a_content_type_of_ones_own() -> None:
    headers = (("Content-Type", text("text/plain")), ("X-N", text("${n}")))
    post = HttpAction(text("https://h/"), "https://h/", PLACE, headers)
    (effect,) = effects(rule(post))
    assert effect.headers == (("Content-Type", "text/plain"), ("X-N", "1"))


@pytest.mark.parametrize(
    ("payload", "timestamp"),
    [(b'{"t":5}', 5), (b"{}", 1_700_000_000_000), (b'{"t":null}', 1_700_000_000_000)],
)
def test_the_time_of_a_notification(payload: bytes, timestamp: int) -> None:
    made = rule(NotifyAction(text("d"), PLACE, text("${t}")))
    (effect,) = effects(made, payload)
    assert (effect.device_id, effect.timestamp) == ("d", timestamp)


@pytest.mark.parametrize(
    ("sql", "payload", "reason"),
    [
        ("SELECT VALUE n FROM 'a/+'", b'{"n":1}', "what SELECT gives is no object"),
        ("SELECT * FROM 'a/+'", b'{"t":"x"}', "the timestamp must be epoch milliseconds, not 'x'"),
    ],
)
def test_what_cannot_be_notified(sql: str, payload: bytes, reason: str) -> None:
    (effect,) = effects(rule(NotifyAction(text("d"), PLACE, text("${t}")), sql=sql), payload)
    assert effect.reason.startswith(reason)


def test_templates_see_the_message_and_the_variables_not_the_selection() -> None:
    made = rule(republish("${n}/${@twice}/${m}"), sql="SET @twice = n * 2 SELECT n AS m FROM 'a/+'")
    assert effects(made) == [Republish("1/2/", b'{"m":1}', 0)]


def test_an_error_action_gets_the_document_and_templates_of_the_message() -> None:
    made = rule(INVOKE, error_action=republish("failed/${topic(2)}"))
    message = Message("a/b", b'{"n":1}', 0)
    assert made.error_effect(message, WORLD, {"ruleName": "r"}) == Republish(
        "failed/b", b'{"ruleName":"r"}', 0
    )


def test_a_mistake_in_a_template_is_placed() -> None:
    with pytest.raises(SqlSyntaxError) as refused:
        rule(republish("a/${topic(}"))
    assert str(refused.value).startswith("serverless.yml:3:24: ")
    with pytest.raises(SqlSyntaxError) as refused:
        rule(republish("a/${topic()"))
    assert str(refused.value) == "serverless.yml:3:16: ${ is not closed"


def test_a_template_that_asks_a_service_nobody_is() -> None:
    with pytest.raises(UnsupportedFeatureError) as refused:
        rule(republish("${get_secret('a', 'SecretString', 'r')}"))
    assert "sqlFunctions: {get_secret: key}" in (refused.value.hint or "")


def test_an_error_action_asks_no_service() -> None:
    asks = republish("${get_thing_shadow('a', 'r').x}")
    assert rule(asks, external=["get_thing_shadow"]).external == ("get_thing_shadow",)
    with pytest.raises(DefinitionError, match=r"an error action may not call get_thing_shadow\(\)"):
        rule(INVOKE, error_action=asks, external=["get_thing_shadow"])


def test_what_templates_need_is_told_of_the_rule() -> None:
    definition = TopicRule(
        "r", "SELECT * FROM 'a'", "2015-10-08", (republish("${isUndefined(clientid())}"),), None,
        True, "", PLACE,
    )  # fmt: skip
    made = compile_rule(definition)
    assert made.broker_functions == ("clientid()",)
    assert made.warnings[0].startswith("isUndefined(): not in version 2015-10-08")


@pytest.mark.parametrize(
    ("status", "retried"),
    [(200, None), (204, None), (302, False), (404, False), (429, True), (500, True), (503, True)],
)
def test_what_an_answer_means(status: int, retried: bool | None) -> None:
    failure = post_failure("https://h/a?secret=1", status)
    if retried is None:
        assert failure is None
    else:
        assert failure == (f"https://h/a answered {status}", retried)


def test_listeners_get_plain_numbers() -> None:
    made = rule(INVOKE, sql="SELECT VALUE {'a': 1.234567890123456789012345678901234} FROM 'a/+'")
    (effect,) = effects(made)
    assert plain({"a": 1}) == {"a": 1}
    assert to_json({"a": 1}) == b'{"a":1}'
    assert effect.event.startswith(b'{"a":1.2345678901234567')
