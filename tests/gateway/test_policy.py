from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import product
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bellwire.gateway.policy import InvalidPolicyError, allows


ACTION = "execute-api:Invoke"
ARN = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/$connect"
HTTP_ARN = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/GET/pets/7"


def statement(effect: str = "Allow", /, **keys: object) -> dict[str, object]:
    names = {"Action": ACTION, "Resource": ARN}
    kept = {key: value for key, value in names.items() if f"Not{key}" not in keys}
    return {"Effect": effect, **kept, **keys}


def policy(*statements: object, **keys: object) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements), **keys}


def allowed(document: object, resource: str = ARN) -> bool:
    return allows(document, action=ACTION, resource=resource)


@pytest.mark.parametrize(
    ("document", "result"),
    [
        (policy(statement()), True),
        (policy(Statement=statement()), True),
        ({"Statement": [statement()]}, True),
        (policy(statement(), Version="2008-10-17", Id="x"), True),
        (policy(statement(Sid="one")), True),
        (policy(statement("Deny")), False),
        (policy(), False),
        (policy(statement(), statement("Deny")), False),
        (policy(statement("Deny"), statement()), False),
        (policy(statement("Deny", Resource=HTTP_ARN), statement()), True),
        (policy(statement("Deny", Action="execute-api:ManageConnections"), statement()), True),
        (policy(statement(Resource=HTTP_ARN), statement()), True),
        (policy(statement(Action=["a:b", ACTION], Resource=["x", ARN])), True),
        (policy(statement(Action=["a:b"], Resource=[ARN])), False),
    ],
)
def test_a_deny_wins_and_what_nothing_allows_is_denied(document: object, result: bool) -> None:
    assert allowed(document) is result


@pytest.mark.parametrize(
    ("keys", "result"),
    [
        ({"NotAction": "execute-api:ManageConnections"}, True),
        ({"NotAction": ["a:b", "execute-api:*"]}, False),
        ({"NotResource": HTTP_ARN}, True),
        ({"NotResource": ["x", "*/prod/*"]}, False),
        ({"NotAction": "a:b", "NotResource": "x"}, True),
    ],
)
def test_what_is_not_listed(keys: dict[str, object], result: bool) -> None:
    assert allowed(policy(statement(**keys))) is result
    denied = policy(statement(Action="*", Resource="*"), statement("Deny", **keys))
    assert allowed(denied) is not result


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        (ARN, True),
        ("*", True),
        ("arn:aws:execute-api:*", True),
        ("arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/*", True),
        ("arn:aws:execute-api:*:*:*/prod/*", True),
        ("arn:aws:execute-api:*:123456789012:*/$connect", True),
        ("*:abcdef????/pro?/$connec?", True),
        ("*$connect", True),
        ("arn:aws:execute-api:*prod*", True),
        # github.com/aws-powertools/powertools-lambda-python/issues/5800
        ("arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/*/*", False),
        ("arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/PROD/*", False),
        ("arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/$connect?", False),
        ("arn:aws:execute-api:eu-central-1:123456789012:abcdef1234", False),
        ("$connect", False),
        ("", False),
        ("arn.aws.execute-api.*", False),
        ("[a]*", False),
    ],
)
def test_patterns_of_a_resource(pattern: str, result: bool) -> None:
    assert allowed(policy(statement(Resource=pattern))) is result


@pytest.mark.parametrize(
    ("pattern", "result"),
    [
        ("execute-api:invoke", True),
        ("EXECUTE-API:INVOKE", True),
        ("execute-api:*", True),
        ("*", True),
        ("execute-api:Invok?", True),
        ("Invoke", False),
        ("execute-api:Invalidate*", False),
        ("execute-api:Invo\u212ae", False),  # the sign of the kelvin is no k
    ],
)
def test_patterns_of_an_action_in_any_case(pattern: str, result: bool) -> None:
    assert allowed(policy(statement(Action=pattern))) is result


@given(pattern=st.text("ab*?[!\n", max_size=8), text=st.text("ab[!\n", max_size=8))
def test_a_pattern_matches_as_a_shell_would(pattern: str, text: str) -> None:
    shell = "".join("[[]" if character == "[" else character for character in pattern)
    assert allowed(policy(statement(Resource=pattern)), text) is fnmatchcase(text, shell)


def test_every_short_pattern_against_every_short_text() -> None:
    for pattern in map("".join, product("ab*?", repeat=4)):
        for text in map("".join, product("ab", repeat=5)):
            result = allowed(policy(statement(Resource=pattern)), text)
            assert result is fnmatchcase(text, pattern), (pattern, text)


@pytest.mark.parametrize("pattern", ["*a" * 255 + "b", "*a?" * 170 + "b", "*" * 511 + "b"])
def test_a_pattern_of_many_stars_costs_no_more_than_its_length(pattern: str) -> None:
    started = process_time()
    assert not allowed(policy(statement(Resource=pattern)), "a" * 1600 + "c")
    assert process_time() - started < 1


@pytest.mark.parametrize(
    "narrowing",
    [
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Principal": {"AWS": "123456789012"}},
        {"NotPrincipal": "*"},
        {"Resource": "arn:aws:execute-api:*:*:*/prod/${aws:username}"},
        {"NotResource": ["x", "${aws:username}"]},
    ],
)
def test_what_is_not_evaluated_never_lets_anybody_in(narrowing: dict[str, object]) -> None:
    assert not allowed(policy(statement(**narrowing)))
    assert allowed(policy(statement(), statement(**narrowing)))
    assert not allowed(policy(statement(), statement("Deny", **narrowing)))
    elsewhere = statement("Deny", **{"Action": "execute-api:ManageConnections", **narrowing})
    assert allowed(policy(statement(), elsewhere))


def test_an_empty_condition_is_none() -> None:
    assert allowed(policy(statement(Condition={})))
    assert allowed(
        policy(statement(), statement("Deny", Resource="x", Condition={"a": {"b": "c"}}))
    )


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (None, "the policy document is not a map"),
        ("Allow", "the policy document is not a map"),
        ([statement()], "the policy document is not a map"),
        ({"statusCode": 401}, "the policy document has no Statement, a map or a list of maps"),
        (policy(Statement="x"), "the policy document has no Statement, a map or a list of maps"),
        (
            policy(Version="2012-10-18"),
            "the policy's Version is none of 2012-10-17 and 2008-10-17",
        ),
        (policy(Version=[]), "the policy's Version is none of 2012-10-17 and 2008-10-17"),
        (policy(statement(), "x"), "Statement[1] of the policy is not a map"),
        (
            policy(statement(Conditions={})),
            "Statement[0] of the policy has the unknown key 'Conditions'",
        ),
        (
            policy(statement("allow")),
            "Statement[0] of the policy has no Effect, either Allow or Deny",
        ),
        (
            policy(statement(Effect=["Allow"])),
            "Statement[0] of the policy has no Effect, either Allow or Deny",
        ),
        (
            policy({"Action": ACTION, "Resource": ARN}),
            "Statement[0] of the policy has no Effect, either Allow or Deny",
        ),
        (
            policy({"Effect": "Allow", "Resource": ARN}),
            "Statement[0] of the policy needs either Action or NotAction",
        ),
        (
            policy({"Effect": "Allow", "Action": ACTION}),
            "Statement[0] of the policy needs either Resource or NotResource",
        ),
        (
            policy({**statement(), "NotAction": "x"}),
            "Statement[0] of the policy needs either Action or NotAction",
        ),
        (
            policy(statement(NotAction=[])),
            "Statement[0].NotAction of the policy is neither text nor a list of it",
        ),
        (
            policy(statement(Action=None)),
            "Statement[0].Action of the policy is neither text nor a list of it",
        ),
        (
            policy(statement(Resource=[ARN, 7])),
            "Statement[0].Resource of the policy holds something that is no text",
        ),
        (
            policy(statement(Resource="x" * 513)),
            "Statement[0] of the policy has a Resource longer than 512 characters",
        ),
        (
            policy(statement("Deny"), statement("maybe")),
            "Statement[1] of the policy has no Effect, either Allow or Deny",
        ),
    ],
)
def test_a_document_that_is_no_policy(document: object, message: str) -> None:
    with pytest.raises(InvalidPolicyError) as raised:
        allowed(document)
    assert str(raised.value) == message


def test_the_longest_resource_is_fine() -> None:
    assert not allowed(policy(statement(Resource="x" * 512)))
