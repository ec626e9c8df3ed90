from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import (
    Finding,
    Integration,
    LambdaAction,
    Route,
    Service,
    TextRun,
    TopicRule,
)
from bellwire.errors import DefinitionError, Place, UnknownKeyError


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[DefinitionError], str, str | None]]


@pytest.fixture
def function(head: str) -> Callable[[str], str]:
    """A service of one function, whose events start at line 7, column 7."""

    def function(events: str) -> str:
        indented = "".join(f"      {line}\n" for line in events.splitlines())
        return f"{head}functions:\n  my-f_1:\n    handler: h.f\n    events:\n{indented}"

    return function


def test_routes_in_all_forms(load: Load, function: Callable[[str], str]) -> None:
    service = load(
        function(
            """\
- websocket: $connect
- websocket:
    route: $disconnect
- websocket: {route: hello, routeResponseSelectionExpression: $default}
- websocket: 5
- websocket: ${opt:none, '_under/score'}
"""
        )
    )

    def at(line: int, column: int) -> Place:
        return Place("serverless.yml", line, column)

    shared = Integration("AWS_PROXY", at(7, 20), "my-f_1")
    assert service.api.stages[0].routes == (
        Route("$connect", shared, False, at(7, 20)),
        Route("$disconnect", shared, False, at(9, 18)),
        Route("hello", shared, True, at(10, 28)),
        Route("5", shared, False, at(11, 20)),
        Route("_under/score", shared, False, at(12, 20)),
    )


def test_rules_in_all_forms(load: Load, function: Callable[[str], str]) -> None:
    service = load(
        function(
            """\
- iot:
    sql: "SELECT * FROM 'a'"
- iot:
    sql: |
      SELECT *
        FROM 'b'
    sqlVersion: '2016-03-23'
    name: my_rule
    enabled: false
    description: "one\\ntwo"
- iot: {sql: a, sqlVersion: beta, enabled: 'true'}
"""
        )
    )
    assert service.rules == (
        TopicRule(
            name="MyDashfUnderscore1IotTopicRule1",
            sql="SELECT * FROM 'a'",
            sql_version="2015-10-08",
            actions=(LambdaAction("my-f_1", Place("serverless.yml", 7, 9)),),
            error_action=None,
            enabled=True,
            description="",
            sql_place=Place("serverless.yml", 8, 17),
            sql_runs=(TextRun(0, 8, 17, True),),
        ),
        TopicRule(
            name="my_rule",
            sql="SELECT *  FROM 'b'",
            sql_version="2016-03-23",
            actions=(LambdaAction("my-f_1", Place("serverless.yml", 9, 9)),),
            error_action=None,
            enabled=False,
            description="onetwo",
            sql_place=Place("serverless.yml", 11, 13),
            sql_runs=(TextRun(0, 11, 13, True), TextRun(8, 12, 13, True)),
        ),
        TopicRule(
            name="MyDashfUnderscore1IotTopicRule3",
            sql="a",
            sql_version="beta",
            actions=(LambdaAction("my-f_1", Place("serverless.yml", 17, 9)),),
            error_action=None,
            enabled=True,
            description="",
            sql_place=Place("serverless.yml", 17, 20),
            sql_runs=(TextRun(0, 17, 20, True),),
        ),
    )
    assert service.findings[-1:] == ()


def test_words_that_the_framework_glues_are_reported(
    load: Load, function: Callable[[str], str]
) -> None:
    text = "- iot:\n    sql: |\n      SELECT a\n      FROM 'x'\n      WHERE b\n      AND c"
    service = load(function(text))
    assert service.rules[0].sql == "SELECT aFROM 'x'WHERE bAND c"
    at = Place("serverless.yml", 8, 16)
    hint = "start the block with `>-` instead of `|`"
    assert service.findings == (
        Finding(
            "the framework deletes line breaks in sql: `a` and `FROM` become `aFROM`", at, hint
        ),
        Finding("the framework deletes line breaks in sql: `b` and `AND` become `bAND`", at, hint),
    )
    assert load(function(text.replace("|", ">-"))).findings == ()


def test_sql_that_is_no_text_in_the_file_still_has_a_place(
    load: Load, function: Callable[[str], str]
) -> None:
    (rule,) = load(function("- iot: {sql: 1.0}")).rules
    assert (rule.sql, rule.sql_place, rule.sql_runs) == ("1", Place("serverless.yml", 7, 20), ())
    (rule,) = load(function("- iot: {sql: '${env:SQL}'}"), env={"SQL": "a b"}).rules
    assert (rule.sql, rule.sql_place) == ("a b", Place("serverless.yml", 7, 20))
    assert rule.sql_runs == (TextRun(0, 7, 20, False),)


@pytest.mark.parametrize(
    ("events", "kind", "message", "hint"),
    [
        (
            "- websocket:\n  route: $connect",
            DefinitionError,
            "8:9: `route` must stand inside `websocket`, not beside it",
            "indent by two more spaces what belongs to `websocket:`",
        ),
        (
            "- iot:\n  sql: x\n  sqlVersion: '2016-03-23'",
            DefinitionError,
            "8:9: `sql` and `sqlVersion` must stand inside `iot`, not beside it",
            "indent by two more spaces what belongs to `iot:`",
        ),
        (
            "- websocket: $connect\n  authorizer: auth",
            DefinitionError,
            "8:9: `authorizer` must stand inside `websocket`, not beside it",
            "write `websocket: {route: …, authorizer: …}`",
        ),
        (
            "- websocket: {route: $connect}\n  authorizer: auth",
            DefinitionError,
            "8:9: `authorizer` must stand inside `websocket`, not beside it",
            "write `websocket: {route: …, authorizer: …}`",
        ),
        (
            "- websocket: $connect\n  http: get /",
            DefinitionError,
            "8:9: `functions.my-f_1.events[0]` has more than one key: `websocket` and `http`",
            "start each event with a `-` of its own",
        ),
        (
            "- websocket:",
            DefinitionError,
            "7:9: `websocket` has no route",
            "write `websocket: {route: …}`",
        ),
        (
            "- websocket",
            DefinitionError,
            "7:9: `websocket` has no route",
            "write `- websocket: {route: …}`",
        ),
        ("- iot", DefinitionError, "7:9: `iot` has no sql", "write `- iot: {sql: …}`"),
        (
            "- websocket: {}",
            DefinitionError,
            "7:9: `functions.my-f_1.events[0].websocket` has no route",
            None,
        ),
        (
            "- iot: {name: x}",
            DefinitionError,
            "7:9: `functions.my-f_1.events[0].iot` has no sql",
            None,
        ),
        (
            "- websocket: [a]",
            DefinitionError,
            "7:20: `functions.my-f_1.events[0].websocket` must be a map, not a list",
            None,
        ),
        (
            "- websocket: {routeKey: a}",
            UnknownKeyError,
            "7:21: unknown key `functions.my-f_1.events[0].websocket.routeKey`",
            "did you mean `route`?",
        ),
        (
            "- iot: {sql: a, cors: true}",
            UnknownKeyError,
            "7:23: unknown key `functions.my-f_1.events[0].iot.cors`",
            "it takes `sql`, `sqlVersion`, `name`, `enabled`, `description`",
        ),
        (
            "- websocket: $conect",
            DefinitionError,
            "7:20: `$conect` is no route key: only $connect, $disconnect and $default start "
            "with `$`",
            "did you mean `$connect`?",
        ),
        (
            "- websocket: {route: ''}",
            DefinitionError,
            "7:28: `` is no route key: only $connect, $disconnect and $default start with `$`",
            None,
        ),
        (
            "- websocket: {route: a, routeResponseSelectionExpression: $other}",
            DefinitionError,
            "7:65: RouteResponseSelectionExpression must be $default, not `$other`",
            None,
        ),
        (
            "- websockets: $connect",
            UnknownKeyError,
            "7:9: unknown event `websockets`",
            "did you mean `websocket`?",
        ),
        (
            "- iot: {sql: a, sqlVersion: 2016-03-23}",
            DefinitionError,
            "7:35: sqlVersion without quotes is a date to YAML",
            "write it in quotes: sqlVersion: '2016-03-23'",
        ),
        (
            "- iot: {sql: a, sqlVersion: '2017-01-01'}",
            DefinitionError,
            "7:35: there is no sqlVersion `2017-01-01`",
            "AWS knows 2015-10-08, 2016-03-23, beta",
        ),
        (
            "- iot: {sql: a, name: my-rule}",
            DefinitionError,
            "7:29: `my-rule` is no name for a rule: up to 128 letters, digits and underscores",
            None,
        ),
        (
            "- iot: {sql: {Fn::Sub: x}}",
            DefinitionError,
            "7:20: `functions.my-f_1.events[0].iot.sql` must be a text, not a map",
            None,
        ),
        (
            "- {}",
            DefinitionError,
            "7:9: `functions.my-f_1.events[0]` must be an event, not a map",
            None,
        ),
        (
            "- 5",
            DefinitionError,
            "7:9: `functions.my-f_1.events[0]` must be an event, not `5`",
            None,
        ),
        (
            "- iot: {sql: a, enabled: maybe}",
            DefinitionError,
            "7:32: `functions.my-f_1.events[0].iot.enabled` must be true or false, not `maybe`",
            None,
        ),
    ],
)
def test_a_wrong_event_is_refused(
    refuse: Refuse,
    function: Callable[[str], str],
    events: str,
    kind: type[DefinitionError],
    message: str,
    hint: str | None,
) -> None:
    assert refuse(function(events)) == (kind, f"serverless.yml:{message}", hint)


def test_events_must_be_a_list(refuse: Refuse, head: str) -> None:
    text = f"{head}functions:\n  f:\n    handler: h.f\n    events: {{websocket: $connect}}\n"
    assert refuse(text)[1] == "serverless.yml:6:13: `functions.f.events` must be a list, not a map"


def test_events_of_others_are_skipped(load: Load, function: Callable[[str], str]) -> None:
    service = load(
        function(
            "- http: get /\n- schedule: rate(1 minute)\n- http: get /b\n- alexaSkill\n- kinesys: x"
        )
    )
    assert service.api.stages[0].routes == ()
    assert service.findings == (
        Finding("unknown event `kinesys`: skipped", Place("serverless.yml", 11, 9)),
        Finding(
            "`http` events are not served here: skipped, 2 of them", Place("serverless.yml", 7, 9)
        ),
        Finding("`schedule` events are not served here: skipped", Place("serverless.yml", 8, 9)),
        Finding("`alexaSkill` events are not served here: skipped", Place("serverless.yml", 10, 9)),
    )
