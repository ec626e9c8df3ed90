"""Lambda's Invoke from boto3 to real functions and back: client context, versions, limits."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """\
service: callers
provider: {name: aws, runtime: python3.12, environment: {RECORD: "%s"}}
functions:
  who: {handler: handler.who}
  kept: {handler: handler.who, provisionedConcurrency: 1}
  off: {handler: handler.who, reservedConcurrency: 0}
  size: {handler: handler.size}
"""
NODE_JS = "  node: {handler: caller.who, runtime: nodejs20.x}\n"
HANDLER = """\
import os

def who(event, context):
    client = context.client_context
    with open(os.environ["RECORD"], "a") as record:
        print(client, file=record)
    return client and {
        "custom": client.custom,
        "env": client.env,
        "client": client.client and {
            name: getattr(client.client, name) for name in client.client.__slots__
        },
    }

def size(event, context):
    return len(event)
"""
CALLER = """\
exports.who = async (event, context) => ({ clientContext: context.clientContext });
"""
CONTEXT = {
    "custom": {"tier": "gold", "größe": "ü"},
    "env": {"locale": "de"},
    "client": {"app_title": "Heat", "installation_id": "i-1"},
}


class Callers:
    """A node with the functions above, a client for it, and the contexts that were recorded."""

    def __init__(self, node: Node, record: Path) -> None:
        self.node = node
        self.record = record
        self.client: Any = boto3.client(
            "lambda",
            endpoint_url=node.http_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}),
        )

    def value(self, function: str, **arguments: Any) -> Any:
        answer = self.client.invoke(FunctionName=function, **arguments)
        assert "FunctionError" not in answer, answer["Payload"].read()
        assert answer["ExecutedVersion"] == "$LATEST"
        return json.load(answer["Payload"])


@pytest.fixture
def start_callers(start_node: StartNode, tmp_path: Path) -> Callable[..., Callers]:
    def start(more: str = "") -> Callers:
        record = tmp_path / "record"
        folder = tmp_path / "service"
        folder.mkdir()
        bootstrap = folder / "bootstrap"
        bootstrap.write_text(f'#!/bin/sh\nexec {sys.executable} -m awslambdaric "$_HANDLER"\n')
        bootstrap.chmod(0o755)
        files = {"serverless.yml": SERVICE % record + more, "handler.py": HANDLER}
        node = start_node(service={**files, "caller.js": CALLER}, folder=folder)
        return Callers(node, record)

    return start


def encoded(document: object) -> str:
    return b64encode(json.dumps(document).encode()).decode()


def test_the_client_context_of_a_caller_is_the_handlers(
    start_callers: Callable[..., Callers], bellwire: Callable[..., Any]
) -> None:
    callers = start_callers()
    nothing = dict.fromkeys(("app_package_name", "app_version_code", "app_version_name"))
    expected = {**CONTEXT, "client": {**CONTEXT["client"], **nothing}}
    assert callers.value("who", ClientContext=encoded(CONTEXT)) == expected
    assert callers.value("who") is None  # nothing stays of the invocation before
    assert callers.value("who", ClientContext=encoded({})) == {
        "custom": None,
        "env": None,
        "client": None,
    }
    done: subprocess.CompletedProcess[str] = bellwire(
        "invoke", "who", "--client-context", json.dumps(CONTEXT), cwd=callers.node.folder
    )
    assert (done.returncode, json.loads(done.stdout)) == (0, expected)
    refused = bellwire("invoke", "who", "--client-context", "[]", cwd=callers.node.folder)
    assert refused.returncode == 1
    assert "Client context must be a valid Base64-encoded JSON object." in refused.stdout


def test_an_asynchronous_invocation_has_no_client_context(
    start_callers: Callable[..., Callers],
) -> None:
    """docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    callers = start_callers()
    answer = callers.client.invoke(
        FunctionName="who", InvocationType="Event", ClientContext=encoded(CONTEXT)
    )
    assert answer["StatusCode"] == 202
    deadline = time.monotonic() + 10
    while not callers.record.exists() or not callers.record.read_text():
        assert time.monotonic() < deadline, callers.node.log_text()
        time.sleep(0.02)
    assert callers.record.read_text() == "None\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_client_context_of_a_node_js_handler(start_callers: Callable[..., Callers]) -> None:
    callers = start_callers(NODE_JS)
    assert callers.value("node", ClientContext=encoded(CONTEXT)) == {"clientContext": CONTEXT}
    assert callers.value("node") == {}


def test_the_client_context_is_that_of_awslambdaric(start_callers: Callable[..., Callers]) -> None:
    """AWS's own client of the Runtime API reads it from a header, in whatever language."""
    callers = start_callers("  real: {handler: handler.who, runtime: provided.al2023}\n")
    for context in (CONTEXT, {}, {"client": {"app_title": "ü"}, "custom": [1]}, {"other": 1}):
        given = encoded(context)
        expected = callers.value("real", ClientContext=given)
        assert callers.value("who", ClientContext=given) == expected
    assert callers.value("real") is None


def test_versions_aliases_and_refusals(start_callers: Callable[..., Callers]) -> None:
    callers = start_callers()
    client = callers.client
    arn = "arn:aws:lambda:us-east-1:000000000000:function:callers-dev-"
    for name, qualifier in (("who", "$LATEST"), ("kept", "provisioned")):
        assert callers.value(name, Qualifier=qualifier) is None
        assert callers.value(f"{arn}{name}:{qualifier}") is None
    for name, qualifier in (("who", "provisioned"), ("kept", "live"), ("who", "7")):
        with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
            client.invoke(FunctionName=name, Qualifier=qualifier)
        told = missing.value.response["Error"]["Message"]
        assert told == f"Function not found: {arn}{name}:{qualifier}"
    with pytest.raises(client.exceptions.TooManyRequestsException) as throttled:
        client.invoke(FunctionName="off")
    reason = throttled.value.response["Reason"]
    assert reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert client.invoke(FunctionName="off", InvocationType="DryRun")["StatusCode"] == 204
    for wrong in ({"InvocationType": "Later"}, {"LogType": "Head"}):
        with pytest.raises(client.exceptions.InvalidParameterValueException):
            client.invoke(FunctionName="who", **wrong)


def test_the_largest_event_runs_and_one_byte_more_is_refused(
    start_callers: Callable[..., Callers],
) -> None:
    """docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    callers = start_callers()
    limit = 6 * 1024 * 1024
    largest = b'"%b"' % (b"x" * (limit - 2))
    assert callers.value("size", Payload=largest) == limit - 2
    with pytest.raises(callers.client.exceptions.RequestTooLargeException) as caught:
        callers.client.invoke(FunctionName="size", Payload=largest + b" ")
    assert caught.value.response["Error"]["Message"] == (
        f"{limit + 1} byte payload is too large for the RequestResponse invocation type "
        f"(limit {limit} bytes)"
    )
