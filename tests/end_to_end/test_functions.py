"""Functions that fail: each costs one invocation, and the app hears of it as on AWS."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from websockets.exceptions import ConnectionClosedOK, InvalidStatus


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """\
service: failing
provider: {name: aws, runtime: python3.12, timeout: 1}
functions:
  connect:
    handler: handler.connect
    events: [{websocket: $connect}]
  reply:
    handler: handler.reply
    events: [{websocket: {route: reply, routeResponseSelectionExpression: $default}}]
  quiet:
    handler: handler.reply
    events: [{websocket: quiet}]
  disconnect:
    handler: handler.disconnect
    events: [{websocket: $disconnect}]
  post:
    handler: handler.post
    timeout: 10
    events: [{websocket: post}]
"""
HANDLER = """\
import json, logging, os, sys, time
import boto3

def connect(event, context):
    query = event.get("queryStringParameters") or {}
    return {"statusCode": int(query.get("status", 200))}

def reply(event, context):
    body = json.loads(event["body"])
    do = body.get("do")
    print("doing", do)
    logging.getLogger().warning("logged %s", do)
    if do == "raise":
        raise ValueError("on purpose")
    if do == "exit":
        sys.exit(3)
    if do == "abort":
        os.abort()
    if do == "sleep":
        time.sleep(30)
    if do == "nonsense":
        return {"statusCode": 200, "Data": "x"}
    return {"statusCode": 200, "body": json.dumps({"echo": body, "pid": os.getpid()})}

def disconnect(event, context):
    context_ = event["requestContext"]
    print("gone", context_["disconnectStatusCode"], repr(context_["disconnectReason"]))

def post(event, context):
    request = event["requestContext"]
    endpoint = "https://%s/%s" % (request["domainName"], request["stage"])
    client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint)
    client.post_to_connection(ConnectionId=request["connectionId"], Data=b"from boto3")
    return {"statusCode": 200}
"""
INTERNAL = (
    r'\{"message": "Internal server error", "connectionId":"[\w-]{15}=", "requestId":"[\w-]{15}="\}'
)


@pytest.fixture
def node(start_node: StartNode) -> Node:
    return start_node(service={"serverless.yml": SERVICE, "handler.py": HANDLER})


@pytest.mark.parametrize("do", ["raise", "exit", "abort", "sleep", "nonsense"])
@pytest.mark.parametrize("action", ["reply", "quiet"])
def test_a_failure_is_told_and_costs_one_invocation(node: Node, do: str, action: str) -> None:
    with node.connect() as app:
        app.send(json.dumps({"action": action, "do": do}))
        answer = app.recv(timeout=15)
        assert isinstance(answer, str)
        assert re.fullmatch(INTERNAL, answer)
        app.send(json.dumps({"action": "reply", "do": "echo"}))
        assert json.loads(app.recv(timeout=15))["echo"]["do"] == "echo"


def test_prints_and_logging_reach_the_log_with_function_and_request_id(node: Node) -> None:
    with node.connect() as app:
        app.send(json.dumps({"action": "reply", "do": "echo"}))
        app.recv(timeout=15)
    node.wait_for_log("logged echo")
    assert re.search(r"reply [0-9a-f]{8} doing echo\n", node.log_text())
    assert re.search(
        r"reply [0-9a-f]{8} \[WARNING\]\t\S+Z\t[0-9a-f-]{36}\tlogged echo", node.log_text()
    )


def test_a_one_way_route_answers_nothing(node: Node) -> None:
    with node.connect() as app:
        app.send(json.dumps({"action": "quiet", "do": "echo"}))
        app.send(json.dumps({"action": "reply", "do": "last"}))
        assert json.loads(app.recv(timeout=15))["echo"]["do"] == "last"


def test_several_workers_run_at_once(node: Node) -> None:
    with node.connect() as app:
        for number in range(8):
            app.send(json.dumps({"action": "reply", "do": "echo", "number": number}))
        replies = [json.loads(app.recv(timeout=15)) for _ in range(8)]
    assert {reply["echo"]["number"] for reply in replies} == set(range(8))
    assert str(node.process.pid) not in {str(reply["pid"]) for reply in replies}


def test_the_handshake_answers_the_status_of_connect(node: Node) -> None:
    from websockets.sync.client import connect

    with pytest.raises(InvalidStatus) as refused:
        connect(f"{node.websocket_url}?status=403", compression=None)
    assert refused.value.response.status_code == 403
    with connect(f"{node.websocket_url}?status=204", compression=None):
        pass


def test_disconnect_gets_code_and_reason(node: Node) -> None:
    with node.connect() as app:
        app.close(code=4001, reason="bye")
    node.wait_for_log("gone 4001 'bye'")
    with node.connect() as app:
        app.socket.shutdown(socket.SHUT_RDWR)
    node.wait_for_log("gone 1006 'Connection Closed Abnormally'")


def test_a_handlers_boto3_reaches_the_node_by_the_address_of_aws(node: Node) -> None:
    with node.connect() as app:
        app.send(json.dumps({"action": "post"}))
        assert app.recv(timeout=15) == "from boto3"


def client_of(node: Node, service: str, endpoint: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}),
    )


def test_connections_are_managed_by_boto3_from_outside(node: Node) -> None:
    stage_url = f"{node.http_url}/{node.addresses['stage']}"
    management = client_of(node, "apigatewaymanagementapi", stage_url)
    with node.connect() as app:
        app.send(json.dumps({"action": "missing"}))
        connection_id = json.loads(app.recv(timeout=15))["connectionId"]
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
        assert app.recv(timeout=15) == "hello"
        about = management.get_connection(ConnectionId=connection_id)
        assert about["Identity"]["SourceIp"] == "127.0.0.1"
        assert about["ConnectedAt"] <= about["LastActiveAt"]
        management.delete_connection(ConnectionId=connection_id)
        with pytest.raises(management.exceptions.GoneException):
            management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
    node.wait_for_log("gone 1000 'Connection Closed Normally'")


def test_boto3_publishes_and_invokes(node: Node) -> None:
    functions = client_of(node, "lambda", node.http_url)
    answer = functions.invoke(FunctionName="reply", Payload=b'{"body": "{\\"do\\": \\"x\\"}"}')
    assert json.loads(json.loads(answer["Payload"].read())["body"])["echo"] == {"do": "x"}
    failed = functions.invoke(FunctionName="reply", Payload=b'{"body": "{\\"do\\": \\"raise\\"}"}')
    assert failed["FunctionError"] == "Unhandled"
    assert json.loads(failed["Payload"].read())["errorMessage"] == "on purpose"
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="nobody", Payload=b"{}")


def test_ctrl_c_lets_running_invocations_end_and_leaves_no_process(start_node: StartNode) -> None:
    service = SERVICE.replace("timeout: 1}", "timeout: 20}")
    handler = HANDLER.replace("time.sleep(30)", "time.sleep(2); print('slept')")
    node = start_node(service={"serverless.yml": service, "handler.py": handler})
    with node.connect() as app:
        app.send(json.dumps({"action": "reply", "do": "sleep"}))
        node.wait_for_log("doing sleep")
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            ending = pool.submit(node.stop)
            with pytest.raises(ConnectionClosedOK, match="1001"):
                app.recv(timeout=15)
            assert ending.result() == 0
    assert time.monotonic() - started < 15
    assert "slept" in node.log_text()
    assert "gone 1001 'Going away'" in node.log_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_waits_for_no_function(
    start_node: StartNode, number: signal.Signals
) -> None:
    definition = SERVICE.replace("timeout: 1}", "timeout: 60}")
    node = start_node(service={"serverless.yml": definition, "handler.py": HANDLER})
    children = list(node.children())
    with node.connect() as app:
        app.send(json.dumps({"action": "reply", "do": "sleep"}))
        node.wait_for_log("doing sleep")
        node.process.send_signal(number)
        with pytest.raises(ConnectionClosedOK):
            app.recv(timeout=10)
    with pytest.raises(subprocess.TimeoutExpired):
        node.process.wait(timeout=0.5)
    node.process.send_signal(number)
    assert node.process.wait(timeout=8) == 0
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
