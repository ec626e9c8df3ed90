"""Rules of resources, of events with what the user lays over them, and those that notify."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bellwire.definition import (
    HttpAction,
    LambdaAction,
    NotifyAction,
    RepublishAction,
    Service,
    sql_position,
)


Load = Callable[..., Service]
Refuse = Callable[..., tuple[type[Exception], str, str | None]]

FUNCTIONS = """\
service: demo
provider: {name: aws, runtime: python3.11}
functions:
  hello: {handler: h.f, events: [{iot: {sql: "SELECT a FROM 'b'", name: told}}]}
  failed: {handler: h.f}
  other: {handler: h.f, runtime: ruby3.3}
"""


def rule(payload: str, properties: str = "") -> str:
    """Return a service with a rule, whose payload starts at line 11, column 27."""
    return f"""{FUNCTIONS}resources:
  Resources:
    Rule:
      Type: AWS::IoT::TopicRule
      Properties: {{TopicRulePayload: {payload}{properties}}}
"""


ARN = "FunctionArn: !GetAtt HelloLambdaFunction.Arn"


def test_a_rule_of_resources(load: Load) -> None:
    service = load(
        rule(
            f"{{Sql: SELECT * FROM 'x', Actions: [Lambda: {{{ARN}}}], RuleDisabled: 'true', "
            "Description: said}",
            ", RuleName: my_rule",
        )
    )
    told, mine = service.rules
    assert (told.name, told.sql, told.sql_version) == ("told", "SELECT a FROM 'b'", "2015-10-08")
    assert (mine.name, mine.sql, mine.enabled) == ("my_rule", "SELECT * FROM 'x'", False)
    assert (mine.description, mine.error_action) == ("said", None)
    assert [type(each) for each in mine.actions] == [LambdaAction]
    assert sql_position(mine, 7).column == 51
    assert not [each for each in service.findings if "TopicRule" in each.message]


def test_a_rule_without_a_name_has_its_logical_id(load: Load) -> None:
    service = load(rule("{Sql: SELECT * FROM 'x', Actions: []}"))
    assert [each.name for each in service.rules] == ["told", "Rule"]


@pytest.mark.parametrize(
    "arn",
    [
        "!GetAtt HelloLambdaFunction.Arn",
        "!Sub '${HelloLambdaFunction.Arn}:live'",
        "arn:aws:lambda:eu-west-1:123456789012:function:demo-dev-hello",
        "!Join [':', ['arn:aws:lambda', !Ref AWS::Region, !Ref AWS::AccountId, function, "
        "!Ref HelloLambdaFunction]]",
    ],
)
def test_a_function_is_found_by_its_arn(load: Load, arn: str) -> None:
    service = load(rule(f"{{Sql: SELECT * FROM 'x', Actions: [Lambda: {{FunctionArn: {arn}}}]}}"))
    (action,) = service.rules[1].actions
    assert isinstance(action, LambdaAction)
    assert action.function == "hello"


def test_a_statement_may_be_put_together(load: Load) -> None:
    service = load(
        rule("{Sql: !Sub \"SELECT * FROM '${AWS::StackName}/+'\", AwsIotSqlVersion: beta}")
    )
    assert service.rules[1].sql == "SELECT * FROM 'demo-dev/+'"
    assert sql_position(service.rules[1], 16).line == 11


def test_what_stands_over_a_generated_rule_is_merged(load: Load) -> None:
    service = load(
        FUNCTIONS
        + """\
resources:
  Resources:
    HelloIotTopicRule1:
      Properties:
        TopicRulePayload:
          ErrorAction: {Lambda: {FunctionArn: !GetAtt FailedLambdaFunction.Arn}}
"""
    )
    (told,) = service.rules
    assert isinstance(told.error_action, LambdaAction)
    assert told.error_action.function == "failed"
    assert [getattr(each, "function", "") for each in told.actions] == ["hello"]
    assert sql_position(told, 7).column == 54


def test_ref_gives_the_name_of_a_rule(load: Load) -> None:
    text = rule("{Sql: SELECT * FROM 'x'}").replace(
        "failed: {handler: h.f}",
        "failed: {handler: h.f, environment: {A: !Ref Rule, B: !Ref HelloIotTopicRule1}}",
    )
    assert load(text).functions["failed"].environment == {"A": "Rule", "B": "told"}


def test_republish(load: Load) -> None:
    service = load(
        rule(
            r"{Sql: SELECT * FROM 'x', Actions: [Republish: {Topic: 'a/\${topic(1)}', Qos: 1, "
            "RoleArn: r, Headers: {ContentType: text/plain, "
            "UserProperties: [{Key: k, Value: v}]}}]}"
        )
    )
    (action,) = service.rules[1].actions
    assert isinstance(action, RepublishAction)
    assert (action.topic.text, action.qos.text) == ("a/${topic(1)}", "1")
    assert action.headers
    assert action.headers.content_type
    assert action.headers.content_type.text == "text/plain"
    ((key, value),) = action.headers.user_properties
    assert (key.text, value.text) == ("k", "v")


def test_http(load: Load) -> None:
    service = load(
        rule(
            r"{Sql: SELECT * FROM 'x', Actions: [Http: {Url: 'https://h.example/a/\${b}', "
            "ConfirmationUrl: 'https://h.example/a', Headers: [{Key: X-A, Value: '${c}'}]}]}"
        )
    )
    (action,) = service.rules[1].actions
    assert isinstance(action, HttpAction)
    assert action.url.text == "https://h.example/a/${b}"
    assert action.confirmation_url == "https://h.example/a"
    assert [(name, value.text) for name, value in action.headers] == [("X-A", "${c}")]


def test_a_url_confirms_itself(load: Load) -> None:
    service = load(
        rule("{Sql: SELECT * FROM 'x', Actions: [Http: {Url: 'http://127.0.0.1:8000/a'}]}")
    )
    (action,) = service.rules[1].actions
    assert isinstance(action, HttpAction)
    assert action.confirmation_url == "http://127.0.0.1:8000/a"


def test_rules_that_notify(load: Load) -> None:
    service = load(
        FUNCTIONS
        + r"""
custom:
  bellwire:
    rules:
      direct:
        sql: "SELECT VALUE value FROM 'devices/+/parameters'"
        notify: {deviceId: '\${topic(2)}', timestamp: '${timestamp}'}
      off: {sql: "SELECT * FROM 'x'", enabled: false, notify: {deviceId: d}}
"""
    )
    _, direct, off = service.rules
    (action,) = direct.actions
    assert isinstance(action, NotifyAction)
    assert action.device_id.text == "${topic(2)}"
    assert action.timestamp
    assert action.timestamp.text == "${timestamp}"
    assert (off.name, off.enabled, direct.enabled) == ("off", False, True)


X = "Sql: SELECT * FROM 'x'"


@pytest.mark.parametrize(
    ("payload", "message", "hint"),
    [
        ("{}", "9:5: `Rule.TopicRulePayload` has no Sql", None),
        (
            f"{{{X}, Actions: [Sqs: {{QueueUrl: q}}]}}",
            "`Rule.TopicRulePayload.Actions[0]` is an action of the kind Sqs, which is not done",
            "invoke a function that does it with boto3",
        ),
        (
            f"{{{X}, ErrorAction: {{Sns: {{}}}}}}",
            "`Rule.TopicRulePayload.ErrorAction` is an action of the kind Sns",
            "for apps, push by the notifier",
        ),
        (f"{{{X}, Actions: [Republsh: {{}}]}}", "no kind of action `Republsh`", "`Republish`?"),
        (f"{{{X}, Actions: [{{}}]}}", "must have one key, the kind of action, not none", "Lambda"),
        (
            f"{{{X}, Actions: [{{Lambda: {{}}, Http: {{}}}}]}}",
            "must have one key, the kind of action, not `Lambda` and `Http`",
            "a list is merged item by item",
        ),
        (f"{{{X}, Actions: [Lambda: ]}}", "`Rule.TopicRulePayload.Actions[0].Lambda` is empty", ""),
        (f"{{{X}, Actions: [!If [a, b, c]]}}", "an action that a function gives", None),
        (
            f"{{{X}, Actions: [Lambda: {{FunctionArn: 'arn:aws:lambda:x:1:function:a-b'}}]}}",
            "calls the function `a-b`, which this service does not have",
            None,
        ),
        (
            f"{{{X}, Actions: [Lambda: {{FunctionArn: hello}}]}}",
            "names `hello`, which is no Lambda function",
            "!GetAtt",
        ),
        (
            f"{{{X}, Actions: [Lambda: {{FunctionArn: 'arn:${{x}}'}}]}}",
            "depends on the message",
            "a WHERE",
        ),
        (
            f"{{{X}, Actions: [Lambda: {{FunctionArn: !GetAtt OtherLambdaFunction.Arn}}]}}",
            "calls the function `other`, which does not run here",
            "set `runtime",
        ),
        (f"{{{X}, Actions: [{', '.join(['Lambda: {}'] * 11)}]}}", "has 11 actions", "second rule"),
        (f"{{{X}, Actions: [Republish: {{Topic: a, Qos: 2}}]}}", "must be 0 or 1, not `2`", None),
        (f"{{{X}, Actions: [Republish: {{Qos: 1}}]}}", "Republish` has no Topic", None),
        (
            f"{{{X}, Actions: [Http: {{Url: 'http://h.example'}}]}}",
            "AWS takes https:// only",
            "127.0.0.1",
        ),
        (f"{{{X}, Actions: [Http: {{Url: '${{a}}'}}]}}", "must start with https://", None),
        (
            f"{{{X}, Actions: [Http: {{Url: 'https://h.example/${{a}}'}}]}}",
            "has a template in its Url, and no ConfirmationUrl",
            "before the first ${",
        ),
        (
            f"{{{X}, Actions: [Http: {{Url: 'https://h/a', ConfirmationUrl: 'https://g'}}]}}",
            "which is no beginning of the Url",
            None,
        ),
        (
            f"{{{X}, Actions: [Http: {{Url: 'https://h/a', Auth: {{Sigv4: {{}}}}}}]}}",
            "Http.Auth` is not done here",
            None,
        ),
        (
            f"{{{X}, Actions: [Http: {{Url: 'https://h', Headers: [{{Key: Host, Value: a}}]}}]}}",
            "is `Host`, no header that a rule may set",
            None,
        ),
        (f"{{{X}, AwsIotSqlVersion: '2020-01-01'}}", "there is no AwsIotSqlVersion", "AWS knows"),
        (f"{{{X}, AwsIotSqlVersion: 2016-03-23}}", "is a date to YAML", "AwsIotSqlVersion: '2016"),
    ],
)
def test_what_is_refused(refuse: Refuse, payload: str, message: str, hint: str | None) -> None:
    _, told, advice = refuse(rule(payload))
    assert message in told
    assert told.startswith("serverless.yml:")
    assert (hint or "") in (advice or "")


def test_names_are_checked(refuse: Refuse) -> None:
    _, message, _ = refuse(rule(f"{{{X}}}", ", RuleName: my-rule"))
    assert "`my-rule` is no name for a rule" in message
    _, message, _ = refuse(rule(f"{{{X}}}", ", RuleName: told"))
    assert "two rules have the name told; the first is at serverless.yml:4:" in message


def test_a_template_is_no_variable(refuse: Refuse) -> None:
    _, message, hint = refuse(
        rule(f"{{{X}, Actions: [Republish: {{Topic: 'a/${{topic(2)}}', RoleArn: r}}]}}")
    )
    assert "unknown type of variable `topic`" in message
    assert r"is written \${…}" in (hint or "")


@pytest.mark.parametrize(
    ("native", "message"),
    [
        ("a-b: {}", "`a-b` is no name for a rule"),
        ("a: ", "`custom.bellwire.rules.a` is empty"),
        ("a: {notify: {deviceId: d}}", "has no sql"),
        ("a: {sql: s}", "has no notify"),
        ("a: {sql: s, notify: {}}", "notify` has no deviceId"),
        ("a: {sql: s, notify: {deviceID: d}}", "unknown key"),
        ("a: {sql: s, lambda: hello}", "unknown key `custom.bellwire.rules.a.lambda`"),
    ],
)
def test_a_wrong_rule_that_notifies_is_refused(refuse: Refuse, native: str, message: str) -> None:
    text = f"{FUNCTIONS}custom:\n  bellwire:\n    rules:\n      {native}\n"
    assert message in refuse(text)[1]
