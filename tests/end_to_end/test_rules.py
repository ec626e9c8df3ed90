"""Rules of a real node: their actions, what becomes of failures, messages for one rule alone."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = r"""
service: actions
provider: {name: aws, runtime: python3.12}
custom:
  bellwire:
    limits: {retryDelayS: 0.05}
    sqlFunctions: {get_dynamodb: look_up}
    rules:
      direct:
        sql: "SELECT VALUE value FROM 'direct/+'"
        notify: {deviceId: '\${topic(2)}', timestamp: '${timestamp}'}
functions:
  record: {handler: handler.record}
  fail: {handler: handler.fail, maximumRetryAttempts: 1}
  doomed: {handler: handler.fail, maximumRetryAttempts: 0, destinations: {onFailure: record}}
  double: {handler: handler.double}
  look_up: {handler: handler.look_up}
  connect: {handler: handler.listen, events: [websocket: $connect, websocket: set_notify_list]}
  told: {handler: handler.record, events: [{iot: {sql: "SELECT * FROM 'out/#'", name: told}}]}
resources:
  Resources:
    Many:
      Type: AWS::IoT::TopicRule
      Properties:
        RuleName: many
        TopicRulePayload:
          AwsIotSqlVersion: '2016-03-23'
          Sql: SELECT *, topic(2) AS device FROM 'many/+'
          Actions:
            - Lambda: {FunctionArn: !GetAtt FailLambdaFunction.Arn}
            - Republish: {Topic: 'out/\${topic(2)}', Qos: '${qos}', RoleArn: r}
            - Http:
                Url: http://127.0.0.1:PORT/hook/${kind}
                ConfirmationUrl: http://127.0.0.1:PORT/hook
                Headers: [{Key: X-Device, Value: '\${topic(2)}'}]
          ErrorAction: {Lambda: {FunctionArn: !GetAtt RecordLambdaFunction.Arn}}
    Doomed:
      Type: AWS::IoT::TopicRule
      Properties:
        TopicRulePayload:
          Sql: SELECT * FROM 'doomed'
          Actions: [Lambda: {FunctionArn: !GetAtt DoomedLambdaFunction.Arn}]
          ErrorAction: {Republish: {Topic: never, RoleArn: r}}
    Ingested:
      Type: AWS::IoT::TopicRule
      Properties:
        RuleName: ingested
        TopicRulePayload:
          Sql: SELECT *, topic() AS topic, topic(2) AS second
          Actions: [Lambda: {FunctionArn: !GetAtt RecordLambdaFunction.Arn}]
    Asks:
      Type: AWS::IoT::TopicRule
      Properties:
        TopicRulePayload:
          AwsIotSqlVersion: '2016-03-23'
          Sql: !Sub >-
            SELECT n, get_thing_shadow('lamp', 'role').state.reported.on AS lamp,
            get_thing_shadow('none', 'role') AS none,
            aws_lambda('${DoubleLambdaFunction.Arn}', {'n': n}).n AS twice,
            get_dynamodb('table', 'key', topic(2), 'role').item AS item FROM 'asks/+'
          Actions: [Lambda: {FunctionArn: !GetAtt RecordLambdaFunction.Arn}]
    Loop:
      Type: AWS::IoT::TopicRule
      Properties:
        RuleName: round
        TopicRulePayload:
          AwsIotSqlVersion: '2016-03-23'
          Sql: SELECT n + 1 AS n FROM 'loop'
          Actions: [Republish: {Topic: loop, Qos: 1, RoleArn: r}]
    Bytes:
      Type: AWS::IoT::TopicRule
      Properties:
        TopicRulePayload:
          Sql: SELECT * FROM 'bytes'
          Actions: [Republish: {Topic: '$$aws/things/\${topic()}/shadow/get', RoleArn: r}]
"""
HANDLER = """\
import json, os
from bellwire.notify import Notifier

RECORD = os.path.join(os.path.dirname(__file__), "record")

def record(event, context):
    fd = os.open(RECORD, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, json.dumps([context.function_name, event]).encode() + b"\\n")
    os.close(fd)

def fail(event, context):
    raise ValueError("no")

def double(event, context):
    return {"n": 2 * event["n"]}

def look_up(event, context):
    return {"item": event}

def listen(event, context):
    context_ = event["requestContext"]
    if context_["routeKey"] == "set_notify_list":
        wanted = json.loads(event["body"])["notify_list"]
        Notifier().set_notify_list(context_["connectionId"], wanted)
    return {"statusCode": 200}
"""


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class Destination:
    """An HTTP server that confirms itself, and answers as it is told."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append(Request(self.path, headers, body))
                if "x-amz-rules-engine-message-type" in headers:
                    outer.confirm(json.loads(body))
                    self.send_response(200)
                else:
                    self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def confirm(self, document: dict[str, str]) -> None:
        urllib.request.urlopen(document["enableUrl"]).close()

    @property
    def messages(self) -> list[Request]:
        return [each for each in self.requests if "confirmationToken" not in each.path]


class Shown(NamedTuple):
    """A node that serves the rules, its destination, and what its functions recorded."""

    node: Node
    destination: Destination
    publisher: mqtt.Client

    def publish(self, topic: str, payload: object, qos: int = 1) -> None:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.publisher.publish(topic, data, qos=qos).wait_for_publish(5)

    def recorded(self, function: str) -> list[Any]:
        path = Path(self.node.folder, "record")
        lines = path.read_text().splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [event for name, event in found if name == f"actions-dev-{function}"]

    def wait(self, look: Callable[[], list[Any]], count: int = 1) -> list[Any]:
        deadline = time.monotonic() + 10
        while len(found := look()) < count:
            assert time.monotonic() < deadline, f"{found}\n{self.node.log_text()[-3000:]}"
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def shown(
    start_shared_node: StartNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shown]:
    destination = Destination()
    folder = tmp_path_factory.mktemp("service")
    (folder / "serverless.yml").write_text(SERVICE.replace("PORT", str(destination.port)))
    (folder / "handler.py").write_text(HANDLER)
    node = start_shared_node(folder=folder)
    publisher = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher")
    publisher.connect("127.0.0.1", node.mqtt_port)
    publisher.loop_start()
    yield Shown(node, destination, publisher)
    publisher.disconnect()
    publisher.loop_stop()
    destination.server.shutdown()
    destination.server.server_close()


def test_actions_are_independent_and_a_failure_reaches_the_error_action(shown: Shown) -> None:
    shown.node.wait_for_log("/hook is confirmed")
    shown.destination.statuses = [503, 429]
    shown.publish("many/pump", {"qos": 1, "kind": "a b", "n": 7})
    (told,) = shown.wait(lambda: shown.recorded("record"))
    assert told["ruleName"] == "many"
    assert (told["topic"], told["clientId"]) == ("many/pump", "n/a")
    assert json.loads(base64.b64decode(told["base64OriginalPayload"]))["n"] == 7
    assert len(told["failures"]) == 1, told["failures"]
    (failure,) = told["failures"]
    assert (failure["failedAction"], failure["failedResource"]) == ("LambdaAction", "fail")
    assert '"errorMessage": "no"' in failure["errorMessage"]
    whole = {"qos": 1, "kind": "a b", "n": 7, "device": "pump"}
    assert shown.wait(lambda: shown.recorded("told")) == [whole]  # once, though others retried
    posts = shown.wait(lambda: shown.destination.messages, 3)
    assert [json.loads(post.body) for post in posts] == [whole] * 3
    assert posts[0].path == "/hook/a%20b"
    assert posts[0].headers["content-type"] == "application/json"
    assert posts[0].headers["x-device"] == "pump"


def test_a_functions_own_destination_comes_before_the_error_action(shown: Shown) -> None:
    shown.publish("doomed", {"n": 1})
    (record,) = shown.wait(
        lambda: [each for each in shown.recorded("record") if "requestContext" in each]
    )
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"]["errorMessage"] == "no"


@pytest.mark.parametrize("qos", [0, 1])
def test_a_message_for_one_rule_alone(shown: Shown, qos: int) -> None:
    got: list[str] = []
    listener = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"listener-{qos}")
    listener.on_message = lambda client, data, message: got.append(message.topic)
    listener.connect("127.0.0.1", shown.node.mqtt_port)
    listener.loop_start()
    for topics in ("$aws/rules/#", "#", "$aws/#"):
        listener.subscribe(topics, qos=1)
    time.sleep(0.2)
    shown.publish("$aws/rules/ingested/out/a", {"qos": qos}, qos)

    def found() -> list[Any]:
        return [each for each in shown.recorded("record") if each.get("qos") == qos]

    assert shown.wait(found) == [{"qos": qos, "topic": "out/a", "second": "a"}]
    shown.publish("last", {})
    deadline = time.monotonic() + 5
    while "last" not in got and time.monotonic() < deadline:
        time.sleep(0.02)
    listener.disconnect()
    listener.loop_stop()
    assert "last" in got  # of QoS 1, to a filter that begins with a wildcard
    assert [topic for topic in got if topic.startswith("$aws/rules")] == []
    assert not [
        each for each in shown.recorded("told") if each.get("qos") == qos and "device" not in each
    ]


def test_a_rule_that_is_not_there_is_told(shown: Shown) -> None:
    shown.publish("$aws/rules/nobody/x", {})
    shown.node.wait_for_log("RuleNotFound: 1 messages so far")


def test_a_statement_asks_services(shown: Shown) -> None:
    shown.publish("$aws/things/lamp/shadow/update", {"state": {"reported": {"on": True}}})
    time.sleep(0.3)
    shown.publish("asks/k1", {"n": 21})
    (found,) = shown.wait(
        lambda: [each for each in shown.recorded("record") if each.get("n") == 21]
    )
    assert found == {
        "n": 21,
        "lamp": True,
        "twice": 42,
        "item": {"function": "get_dynamodb", "arguments": ["table", "key", "k1", "role"]},
    }


def test_a_loop_ends_and_names_its_rules(shown: Shown) -> None:
    shown.node.wait_for_log("a message goes round for ever, by republishing: round → round")
    shown.publish("loop", {"n": 0})
    shown.node.wait_for_log(
        "a message was republished 8 times in a row, by the rules round → round"
    )
    shown.node.wait_for_log("a dead letter now")


def test_what_is_no_json_is_republished_as_it_came_also_to_reserved_topics(shown: Shown) -> None:
    got: list[Any] = []
    listener = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bytes-listener")
    listener.on_message = lambda client, data, message: got.append((message.topic, message.payload))
    listener.connect("127.0.0.1", shown.node.mqtt_port)
    listener.loop_start()
    listener.subscribe("$aws/things/bytes/shadow/get", qos=1)
    time.sleep(0.2)
    shown.publish("bytes", b"\xff\x00 no JSON")
    assert shown.wait(lambda: got) == [("$aws/things/bytes/shadow/get", b"\xff\x00 no JSON")]
    listener.disconnect()
    listener.loop_stop()


def test_a_rule_notifies_without_a_function(shown: Shown) -> None:
    with shown.node.connect() as app:
        wanted = [{"device_id": "oven", "parameters": ["temperature"]}]
        app.send(json.dumps({"action": "set_notify_list", "notify_list": wanted}))
        time.sleep(0.3)
        shown.publish("direct/oven", {"value": {"temperature": 21.5}, "timestamp": 1732370000123})
        assert json.loads(app.recv(timeout=5)) == {
            "event": "parameters",
            "device_id": "oven",
            "value": {"temperature": 21.5},
            "timestamp": 1732370000123,
        }
        shown.publish("direct/oven", {"value": 7})
        shown.node.wait_for_log("what SELECT gives is no object of parameters")
