"""The notifier's two backends, as real as can be had here."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import boto3
import pytest
from moto import mock_aws

from bellwire.limits import Limits
from bellwire.notify.aws import AwsBackend
from bellwire.notify.listeners import Listeners
from bellwire.notify.sdk import Backend, NodeBackend


NOW_MS = 1_732_370_000_123


class Sockets:
    """The open connections of a test, and the frames each was sent."""

    def __init__(self, *names: str) -> None:
        self.frames: dict[str, list[bytes]] = {name: [] for name in names}
        self.full: set[str] = set()
        self.unread: dict[str, int] = {}

    def deliver(self, connection_ids: Collection[str], frame: bytes) -> int:
        open_ones = [
            each for each in connection_ids if self.is_open(each) and each not in self.full
        ]
        for each in open_ones:
            self.frames[each].append(frame)
        return len(open_ones)

    def is_open(self, connection_id: str) -> bool:
        return connection_id in self.frames

    def waiting(self, connection_id: str) -> int:
        return self.unread.get(connection_id, 0)


def make_listeners(sockets: Sockets, limits: Limits | None = None) -> Listeners:
    return Listeners(
        deliver=sockets.deliver,
        is_open=sockets.is_open,
        now_ms=lambda: NOW_MS,
        limits=limits or Limits(),
        waiting=sockets.waiting,
    )


@pytest.fixture
def sockets() -> Sockets:
    return Sockets("one", "two")


@pytest.fixture
def listeners(sockets: Sockets) -> Listeners:
    return make_listeners(sockets)


@pytest.fixture
def listeners_with(sockets: Sockets) -> Callable[[Limits], Listeners]:
    return lambda limits: make_listeners(sockets, limits)


@contextmanager
def aws_backend(sockets: Sockets) -> Iterator[Backend]:
    """The SDK on moto's DynamoDB; @connections is an HTTP server that answers as AWS does."""

    class Connections(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            connection_id = unquote(self.path).rpartition("/")[2]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if sockets.deliver((connection_id,), body):
                self.send_response(200)
            elif sockets.is_open(connection_id):
                self.send_response(413)
                self.send_header("x-amzn-ErrorType", "PayloadTooLargeException")
            else:
                self.send_response(410)
                self.send_header("x-amzn-ErrorType", "GoneException")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Connections)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    options: dict[str, Any] = {
        "region_name": "us-east-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    try:
        with mock_aws():
            table = boto3.resource("dynamodb", **options).create_table(
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
            endpoint = f"http://127.0.0.1:{server.server_port}/dev"
            client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, **options)
            yield AwsBackend(table, client, clock=lambda: NOW_MS / 1000)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["node", "aws"])
def backend(
    request: pytest.FixtureRequest,
    sockets: Sockets,
    attach_channel: Callable[[Listeners], int],
) -> Iterator[Backend]:
    if request.param == "aws":
        with aws_backend(sockets) as made:
            yield made
    else:
        node = NodeBackend(attach_channel(make_listeners(sockets)))
        yield node
        node.close()
