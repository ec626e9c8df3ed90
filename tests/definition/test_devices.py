"""`custom.bellwire.devices`: who may log in, from serverless.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from bellwire.definition import Service, load_service
from bellwire.errors import DefinitionError


HEAD = """\
service: fleet
provider: {name: aws, runtime: python3.11}
functions: {}
"""
TABLE = """\
      policies:
        default: {publish: ['devices/${device}/#']}
"""


def load(folder: Path, devices: str, more: str = "") -> Service:
    text = f"{HEAD}custom:\n  bellwire:\n    devices:\n{devices}{more}"
    (folder / "serverless.yml").write_text(text)
    return load_service(folder, env={"SECRET": "from-env"})


def test_without_it_every_device_may_connect(tmp_path: Path) -> None:
    (tmp_path / "serverless.yml").write_text(HEAD)
    assert load_service(tmp_path, env={}).devices is None


def test_users_and_tokens_in_both_forms(tmp_path: Path) -> None:
    text = """\
      users:
        one: ${env:SECRET}
        two: {password: p2, policies: [other], things: [a, b]}
      tokens:
        three: {token: t3}
      policies:
        default: {publish: ['devices/${device}/#']}
        other: {connect: ['*'], publish: [a], subscribe: [b]}
"""
    devices = load(tmp_path, text).devices
    assert devices is not None
    one, two, three = devices.logins
    assert (one.name, one.kind, one.secret, one.policies) == (
        "one",
        "user",
        "from-env",
        ("default",),
    )
    assert one.things == ("one",)
    assert (two.secret, two.policies, two.things) == ("p2", ("other",), ("a", "b"))
    assert (three.kind, three.secret) == ("token", "t3")
    default = devices.policies["default"].statements
    assert [each.actions for each in default] == [{"Connect"}, {"Publish"}]
    assert default[0].resources[0].pattern == "${device}"
    assert default[1].resources[0][:2] == ("filter", "devices/${device}/#")
    assert "from-env" not in repr(devices)


def test_a_policy_of_aws_with_its_escapes(tmp_path: Path) -> None:
    text = """\
      users: {one: x}
      policies:
        default:
          Version: '2012-10-17'
          Statement:
            Effect: Allow
            Action: ['iot:Publish', 'iot:RetainPublish', 'iot:S*']
            Resource:
              - 'arn:aws:iot:us-east-1:123456789012:topic/a/\\${iot:ClientId}'
              - arn:aws:iot:*:*:topicfilter/b/#
            Condition: {Bool: {'iot:Connection.Thing.IsAttached': true}}
"""
    devices = load(tmp_path, text).devices
    assert devices is not None
    [statement] = devices.policies["default"].statements
    assert statement.actions == {"Publish", "Subscribe"}
    assert [each[:2] for each in statement.resources] == [
        ("topic", "a/${iot:ClientId}"),
        ("topicfilter", "b/#"),
    ]
    assert statement.conditions[0] == ("Bool", "iot:Connection.Thing.IsAttached", ("true",))


def test_a_policy_among_the_resources_is_found_by_id_and_by_name(tmp_path: Path) -> None:
    more = """\
resources:
  Resources:
    Mine:
      Type: AWS::IoT::Policy
      Properties:
        PolicyName: pumps
        PolicyDocument:
          Statement:
            - Effect: Allow
              Action: iot:*
              Resource:
                - !Sub 'arn:aws:iot:${AWS::Region}:${AWS::AccountId}:topic/a/${!iot:ClientId}'
"""
    text = (
        "      users: {one: {password: x, policies: [Mine]}, two: {password: y, policies: pumps}}\n"
    )
    devices = load(tmp_path, text, more).devices
    assert devices is not None
    assert devices.policies["Mine"] == devices.policies["pumps"]
    assert devices.policies["Mine"].statements[0].resources[0][:2] == ("topic", "a/${iot:ClientId}")


def test_everything_is_each_kind_that_the_actions_are_about(tmp_path: Path) -> None:
    text = """\
      users: {one: x}
      policies:
        default: {Statement: [{Effect: Allow, Action: 'iot:*', Resource: '*'}]}
"""
    devices = load(tmp_path, text).devices
    assert devices is not None
    resources = devices.policies["default"].statements[0].resources
    assert [each[:2] for each in resources] == [
        ("client", "*"),
        ("topic", "*"),
        ("topicfilter", "*"),
    ]


@pytest.mark.parametrize(
    ("devices", "message", "hint"),
    [
        ("      policies: {}\n", "names nobody who may log in", "add `users`"),
        ("      users: {one: x}\n", "nothing says what this login may do", "policies.default"),
        ("      users: {one: {policies: [default]}}\n" + TABLE, "has no password", "${env:"),
        ("      users: {one: }\n" + TABLE, "has no password", "${env:"),
        ("      tokens: {one: {token: x, policies: [defalt]}}\n" + TABLE, "no policy", "default"),
        ("      users: {bellwire-cli: x}\n" + TABLE, "not free", None),
        ("      usrs: {one: x}\n" + TABLE, "unknown key", "users"),
        (
            "      users: {one: x}\n      policies: {default: {publsh: [a]}}\n",
            "unknown key",
            "publish",
        ),
    ],
)
def test_what_is_wrong_is_refused(
    tmp_path: Path, devices: str, message: str, hint: str | None
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        load(tmp_path, devices)
    assert caught.value.place is not None
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("{Effect: Alow, Action: 'iot:*', Resource: '*'}", "Allow or Deny"),
        ("{Effect: Allow, Resource: '*'}", "Action` is missing"),
        ("{Effect: Allow, Action: 'iot:*'}", "Resource` is missing"),
        ("{Effect: Allow, Action: 'iot:Publsh', Resource: '*'}", "can do no iot:Publsh"),
        ("{Effect: Allow, Action: 'iot:*', Resource: 'topic/a'}", "no ARN of IoT"),
        ("{Effect: Allow, Action: 'iot:*', Resource: 'arn:aws:iot:::topics/a'}", "names nothing"),
        (
            "{Effect: Allow, Action: 'iot:*', Resource: '*', Condition: {DateLessThan: {a: b}}}",
            "DateLessThan is not evaluated",
        ),
        (
            "{Effect: Allow, Action: 'iot:*', Resource: '*', Condition: {Bool: {aws:x: b}}}",
            "aws:x is not known",
        ),
        ("{Effect: Allow, Action: 'iot:*', Resource: '*', Principal: x}", "unknown key"),
    ],
)
def test_a_wrong_statement_is_refused(tmp_path: Path, statement: str, message: str) -> None:
    text = (
        f"      users: {{one: x}}\n      policies:\n        default: {{Statement: [{statement}]}}\n"
    )
    with pytest.raises(DefinitionError, match=message) as caught:
        load(tmp_path, text)
    assert caught.value.place is not None
