"""The policy that an authorizer returns: does it let a request through?

A policy is evaluated as IAM does it: what no statement allows is denied, and a statement that
denies wins. `*` stands for any characters, `/` and `:` among them, `?` for one.
docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html

What narrows a statement and is not evaluated here (`Condition`, `Principal`, `NotPrincipal`, a
policy variable such as `${aws:SourceIp}`) never lets anybody in: an Allow that has it does not
apply, a Deny applies as if it were not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bellwire.limits import POLICY_RESOURCE_CHARACTERS


_VERSIONS = ("2012-10-17", "2008-10-17")
_UNEVALUATED = frozenset({"Condition", "Principal", "NotPrincipal"})
_KEYS = _UNEVALUATED | {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource"}


class InvalidPolicyError(Exception):
    """The document is no policy; the message is a sentence that says why."""


class _Names(NamedTuple):
    """The patterns of `Action` or `Resource`; `listed` is False for `NotAction`, `NotResource`."""

    patterns: Sequence[str]
    listed: bool


class _Statement(NamedTuple):
    allow: bool
    actions: _Names
    resources: _Names
    evaluated: bool


def allows(document: object, *, action: str, resource: str) -> bool:
    """Say whether the policy lets `action` (`execute-api:Invoke`) be done on `resource`, an ARN.

    Raises InvalidPolicyError where the document, parsed JSON, is no policy.
    """
    applying = [
        statement.allow
        for statement in _statements(document)
        if _applies(statement, action, resource)
    ]
    return bool(applying) and all(applying)


def _statements(document: object) -> list[_Statement]:
    if not isinstance(document, Mapping):
        raise InvalidPolicyError("the policy document is not a map")
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise InvalidPolicyError(f"the policy's Version is none of {' and '.join(_VERSIONS)}")
    statements = document.get("Statement")
    if isinstance(statements, Mapping):
        statements = [statements]
    if not isinstance(statements, list):
        raise InvalidPolicyError("the policy document has no Statement, a map or a list of maps")
    return [_statement(item, f"Statement[{index}]") for index, item in enumerate(statements)]


def _statement(item: object, name: str) -> _Statement:
    if not isinstance(item, Mapping):
        raise InvalidPolicyError(f"{name} of the policy is not a map")
    if unknown := sorted(str(key) for key in item.keys() - _KEYS):
        raise InvalidPolicyError(f"{name} of the policy has the unknown key {unknown[0]!r}")
    if item.get("Effect") not in ("Allow", "Deny"):
        raise InvalidPolicyError(f"{name} of the policy has no Effect, either Allow or Deny")
    resources = _names(item, "Resource", name)
    if any(len(pattern) > POLICY_RESOURCE_CHARACTERS for pattern in resources.patterns):
        raise InvalidPolicyError(
            f"{name} of the policy has a Resource longer than {POLICY_RESOURCE_CHARACTERS} "
            "characters"
        )
    return _Statement(
        allow=item["Effect"] == "Allow",
        actions=_names(item, "Action", name),
        resources=resources,
        evaluated=not any(item.get(key) for key in _UNEVALUATED),
    )


def _names(item: Mapping[str, object], key: str, name: str) -> _Names:
    given = [candidate for candidate in (key, f"Not{key}") if candidate in item]
    if len(given) != 1:
        raise InvalidPolicyError(f"{name} of the policy needs either {key} or Not{key}")
    value = item[given[0]]
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not patterns:
        raise InvalidPolicyError(
            f"{name}.{given[0]} of the policy is neither text nor a list of it"
        )
    if not all(isinstance(pattern, str) for pattern in patterns):
        raise InvalidPolicyError(f"{name}.{given[0]} of the policy holds something that is no text")
    return _Names(patterns, listed=given[0] == key)


def _applies(statement: _Statement, action: str, resource: str) -> bool:
    if _any_match(statement.actions.patterns, action, re.IGNORECASE) != statement.actions.listed:
        return False
    if any("${" in pattern for pattern in statement.resources.patterns):
        return not statement.allow
    if _any_match(statement.resources.patterns, resource) != statement.resources.listed:
        return False
    return statement.evaluated or not statement.allow


def _any_match(patterns: Sequence[str], text: str, flags: int = 0) -> bool:
    flags |= re.ASCII | re.DOTALL
    return any(re.fullmatch(_expression(pattern), text, flags) for pattern in patterns)


def _expression(pattern: str) -> str:
    """Write a pattern as a regular expression that never goes back over a `*` it has passed.

    What stands between two `*` is taken where it occurs first, which is always right, so each
    such part is atomic: the work is at most the length of the pattern times that of the text.
    """
    first, *rest = (
        ".".join(re.escape(piece) for piece in part.split("?")) for part in pattern.split("*")
    )
    if not rest:
        return first
    *middle, last = rest
    return first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}"
