"""What only AWS has: expiry, several writers at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from bellwire.notify.aws import AwsBackend


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
