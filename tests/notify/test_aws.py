"""What only AWS has: expiry, several writers at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bellwire.limits import Limits
from bellwire.notify.aws import MESSAGE_BYTES, VALUE_BYTES, AwsBackend


pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning")


@pytest.fixture
def table() -> Iterator[Any]:
    with mock_aws():
        resource = boto3.resource(
            "dynamodb",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        yield resource.create_table(
            TableName="notifier",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )


class Clock:
    """A clock that stands until it is moved."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_who_outlived_a_connection_is_no_listener(table: Any) -> None:
    clock = Clock()
    backend = AwsBackend(table, connections=None, clock=clock)
    backend.set_notify_list("one", [{"device_id": "d"}])
    clock.now += 3 * 3600
    # The item is still there, and nothing is posted: there is no client to post with.
    assert backend.notify("d", {"a": 1}, 5) == 0


def test_the_bounds_are_those_of_a_node() -> None:
    limits = Limits()  # which code on AWS does not import
    assert limits.message_bytes == MESSAGE_BYTES
    assert limits.snapshot_value_bytes == VALUE_BYTES


def test_last_values_that_dynamodb_holds_back_are_asked_for_again(table: Any) -> None:
    class Throttled:
        """The table as one reads it whom DynamoDB gives ten items at a time, and at first none."""

        name = table.name

        def __init__(self) -> None:
            self.meta = self.client = self
            self.room = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

        def batch_get_item(self, RequestItems: dict[str, Any]) -> Any:
            request = RequestItems[table.name]
            keys, left = request["Keys"][: self.room], request["Keys"][self.room :]
            self.room = 10
            answer: dict[str, Any] = {"Responses": {}, "UnprocessedKeys": {}}
            if keys:
                answer = table.meta.client.batch_get_item(
                    RequestItems={table.name: {**request, "Keys": keys}}
                )
            if left:
                answer["UnprocessedKeys"] = {table.name: {**request, "Keys": left}}
            return answer

    backend = AwsBackend(Throttled(), connections=None, clock=Clock())
    devices = [f"d{number}" for number in range(23)]
    for device_id in devices:
        backend.notify(device_id, {"a": 1}, 5)
    stored = backend.set_notify_list("one", [{"device_id": each} for each in [*devices, "e"]])
    assert [known["device_id"] for known in stored["snapshot"]] == devices


def test_an_update_beside_another_is_not_lost(table: Any) -> None:
    clock = Clock()
    backend = AwsBackend(table, connections=None, clock=clock)
    backend.notify("d", {"a": 1}, 1)

    class Beaten:
        """The table as one writer sees it whom another one beats to it, once."""

        def __init__(self) -> None:
            self.meta = table.meta
            self.beaten = False

        def __getattr__(self, name: str) -> Any:
            return getattr(table, name)

        def put_item(self, **arguments: Any) -> Any:
            if not self.beaten:
                self.beaten = True
                backend.notify("d", {"b": 2}, 2)
            return table.put_item(**arguments)

    AwsBackend(Beaten(), connections=None, clock=clock).notify("d", {"c": 3}, 3)
    snapshot = backend.set_notify_list("one", [{"device_id": "d"}])["snapshot"]
    assert snapshot == [{"device_id": "d", "value": {"a": 1, "b": 2, "c": 3}, "timestamp": 3}]


def test_those_who_get_the_same_share_one_frame(table: Any) -> None:
    """A device of many listeners fits into a function's memory."""
    posted: dict[str, bytes] = {}

    class Connections:
        """The client of @connections, as far as a push that succeeds needs it."""

        exceptions = boto3.client("apigatewaymanagementapi", region_name="us-east-1").exceptions

        def post_to_connection(self, *, ConnectionId: str, Data: bytes) -> None:
            posted[ConnectionId] = Data

    backend = AwsBackend(table, Connections(), clock=Clock())
    lists = {"one": ["a", "b"], "two": ["b", "a"], "three": ["a", "z"], "four": ["a", "b"]}
    for connection_id, names in lists.items():
        backend.set_notify_list(connection_id, [{"device_id": "d", "parameters": names}])
    assert backend.notify("d", {"a": 1, "b": 2, "c": 3}, 5) == 4
    start, end = b'{"event":"parameters","device_id":"d","value":', b',"timestamp":5}'
    assert posted == {
        "one": start + b'{"a":1,"b":2}' + end,
        "two": start + b'{"a":1,"b":2}' + end,
        "three": start + b'{"a":1}' + end,
        "four": start + b'{"a":1,"b":2}' + end,
    }
    assert posted["one"] is posted["two"] is posted["four"]
