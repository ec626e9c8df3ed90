from __future__ import annotations

from base64 import b64encode

import pytest

from bellwire.definition.model import Function
from bellwire.errors import NotFoundError, Place
from bellwire.functions.request import (
    FunctionName,
    InvalidContentError,
    InvalidParameterError,
    find_function,
    parse_client_context,
    parse_function_name,
)
from bellwire.limits import CLIENT_CONTEXT_BYTES


ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


def make_function(key: str, provisioned_concurrency: int = 0) -> Function:
    return Function(
        key=key,
        name=f"app-dev-{key}",
        handler="h.f",
        runtime="python3.12",
        timeout_s=3.0,
        memory_mb=128,
        environment={},
        reserved_concurrency=None,
        place=Place("serverless.yml", 1, 1),
        provisioned_concurrency=provisioned_concurrency,
    )


FUNCTIONS = {"f": make_function("f"), "kept": make_function("kept", 2)}


def find(text: str, qualifier: str | None = None) -> str:
    found = find_function(text, qualifier, find=FUNCTIONS.get, arn=lambda name: ARN + name)
    return found.key


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("f", FunctionName("f", None)),
        ("f:", FunctionName("f", None)),
        ("f:$LATEST", FunctionName("f", "$LATEST")),
        ("123456789012:function:f", FunctionName("f", None)),
        ("123456789012:function:f:live", FunctionName("f", "live")),
        (f"{ARN}f", FunctionName("f", None)),
        (f"{ARN}f:7", FunctionName("f", "7")),
        ("", FunctionName("", None)),
    ],
)
def test_a_function_name_in_each_form(text: str, name: FunctionName) -> None:
    """docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    assert parse_function_name(text) == name


def test_the_latest_version_and_the_provisioned_alias_are_there() -> None:
    assert find("f") == find("f:$LATEST") == find("f", "$LATEST") == "f"
    assert find("kept", "provisioned") == find("kept:provisioned", "provisioned") == "kept"


@pytest.mark.parametrize(
    ("text", "qualifier", "told"),
    [
        ("g", None, "g:$LATEST"),
        ("g:live", None, "g:live"),
        ("f", "provisioned", "app-dev-f:provisioned"),
        ("f:7", None, "app-dev-f:7"),
        ("kept", "live", "app-dev-kept:live"),
    ],
)
def test_all_else_is_not_found(text: str, qualifier: str | None, told: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        find(text, qualifier)
    assert caught.value.message == f"Function not found: {ARN}{told}"


def test_two_different_qualifiers() -> None:
    with pytest.raises(InvalidParameterError):
        find("f:$LATEST", "7")


def encoded(document: bytes) -> str:
    return b64encode(document).decode()


def test_a_client_context_comes_on_one_line() -> None:
    assert parse_client_context(None) == b""
    assert parse_client_context(encoded(b'{"a":\n"\xc3\xbc"}')) == b'{"a":"\\u00fc"}'


@pytest.mark.parametrize(
    "header",
    [
        "",
        "%",
        "e30",
        encoded(b"[]"),
        encoded(b"null"),
        encoded(b"\xff"),
        encoded(b'{"a":Infinity}'),
        "e30=" + " " * CLIENT_CONTEXT_BYTES,
    ],
)
def test_a_client_context_is_a_json_object_in_base64(header: str) -> None:
    with pytest.raises(InvalidContentError):
        parse_client_context(header)
