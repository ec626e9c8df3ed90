"""boto3 in a function's process, against real servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from bellwire.functions.boto import node_url


if TYPE_CHECKING:
    from tests.functions.conftest import Harness


class Request(NamedTuple):
    """What a server was asked."""

    method: str
    path: str
    host: str
    body: bytes


class Server:
    """An HTTP server on a free port that answers 200, after `failures` times 500."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.failures = 0
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, self.headers["Host"], body)
                server.requests.append(request)
                status = 200
                if server.failures:
                    server.failures -= 1
                    status = 500
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.netloc = f"127.0.0.1:{self._server.server_port}"
        self.url = f"http://{self.netloc}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def node() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


HANDLER = """
import boto3
import botocore.session
from botocore.config import Config

QUICK = Config(retries={"max_attempts": 2, "mode": "standard"}, connect_timeout=2, read_timeout=5)


def connections(event, context):
    endpoints = [
        "https://abcdefghij.execute-api.eu-west-1.amazonaws.com/dev",
        "https://ws.example.com",
        "https://ws.example.com/other",
        "http://localhost:3001",
        None,
    ]
    for number, endpoint in enumerate(endpoints):
        client = boto3.client("apigatewaymanagementapi", endpoint_url=endpoint, config=QUICK)
        client.post_to_connection(ConnectionId="Df14m=", Data=b"data %d" % number)
    client.get_connection(ConnectionId="Df14m=")
    client.delete_connection(ConnectionId="Df14m=")


def others(event, context):
    session = boto3.Session(region_name="us-east-1")
    iot = session.client("iot-data", config=QUICK)
    iot.publish(topic="devices/pump 7/commands", qos=1, payload=b"{}")
    core = botocore.session.get_session().create_client("lambda", config=QUICK)
    core.invoke(FunctionName="demo-dev-f", Payload=b'{"a": 1}')


def elsewhere(event, context):
    table = boto3.resource("dynamodb", config=QUICK).Table("devices")
    table.put_item(Item={"id": "1"})
"""


def run(
    harness: Harness,
    node: Server,
    key: str,
    *,
    environment: dict[str, str] | None = None,
) -> object:
    """Run one handler of HANDLER and return its result."""
    harness.write(HANDLER)
    results: list[object] = []

    async def main() -> None:
        async with harness.running(
            harness.function(key), http_url=node.url, environment=environment
        ) as pools:
            results.append(await harness.value(pools, key))

    asyncio.run(main())
    return results[0]


def test_every_endpoint_of_connections_leads_to_the_node(harness: Harness, node: Server) -> None:
    run(harness, node, "connections")
    path = "/dev/@connections/Df14m%3D"
    assert node.requests == [
        Request("POST", path, node.netloc, b"data 0"),
        Request("POST", path, node.netloc, b"data 1"),
        Request("POST", "/other/@connections/Df14m%3D", node.netloc, b"data 2"),
        Request("POST", path, node.netloc, b"data 3"),
        Request("POST", path, node.netloc, b"data 4"),
        Request("GET", path, node.netloc, b""),
        Request("DELETE", path, node.netloc, b""),
    ]


def test_iot_data_and_lambda_lead_to_the_node_from_any_session(
    harness: Harness, node: Server
) -> None:
    run(harness, node, "others")
    assert node.requests == [
        Request("POST", "/topics/devices%2Fpump%207%2Fcommands?qos=1", node.netloc, b"{}"),
        Request("POST", "/2015-03-31/functions/demo-dev-f/invocations", node.netloc, b'{"a": 1}'),
    ]


def test_tries_again_come_to_the_node_too(harness: Harness, node: Server) -> None:
    node.failures = 1
    run(harness, node, "others")
    assert [request.path.partition("?")[0] for request in node.requests] == [
        "/topics/devices%2Fpump%207%2Fcommands",
        "/topics/devices%2Fpump%207%2Fcommands",
        "/2015-03-31/functions/demo-dev-f/invocations",
    ]


def test_other_services_go_where_the_user_says(
    harness: Harness, node: Server, elsewhere: Server
) -> None:
    run(harness, node, "elsewhere", environment={"AWS_ENDPOINT_URL_DYNAMODB": elsewhere.url})
    assert node.requests == []
    assert [request.host for request in elsewhere.requests] == [elsewhere.netloc]


def test_a_proxy_is_not_asked_for_the_node(harness: Harness, node: Server) -> None:
    proxy = "http://127.0.0.1:9"  # nothing listens there
    run(harness, node, "others", environment={"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy})
    assert len(node.requests) == 2


def test_who_does_not_use_botocore_does_not_load_it(harness: Harness, node: Server) -> None:
    harness.write("import sys\ndef f(event, context):\n    return 'botocore' in sys.modules\n")

    async def main() -> None:
        async with harness.running(harness.function(), http_url=node.url) as pools:
            assert await harness.value(pools) is False

    asyncio.run(main())


def test_the_module_is_loaded_as_if_nobody_had_looked(harness: Harness, node: Server) -> None:
    harness.write(
        """
        import sys

        def f(event, context):
            waits = [type(finder).__module__ for finder in sys.meta_path].count(event)
            import botocore.handlers as handlers
            return [
                waits,
                [type(finder).__module__ for finder in sys.meta_path].count(event),
                type(handlers.__loader__).__name__,
                type(handlers.__spec__.loader).__name__,
                [event for event, *_ in handlers.BUILTIN_HANDLERS[-3:]],
            ]
        """
    )

    async def main() -> None:
        async with harness.running(harness.function(), http_url=node.url) as pools:
            assert await harness.value(pools, event="bellwire.functions.boto") == [
                1,
                0,
                "SourceFileLoader",
                "SourceFileLoader",
                [
                    "before-send.apigatewaymanagementapi",
                    "before-send.iot-data-plane",
                    "before-send.lambda",
                ],
            ]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/dev/@connections/x%3D", "/dev/@connections/x%3D"),
        ("https://a.example/@connections/x", "/dev/@connections/x"),
        ("https://a.example/%40connections/x", "/dev/%40connections/x"),
        ("https://a.example/prod/@connections/x", "/prod/@connections/x"),
        (
            "https://a.example:8443/topics/a%2Fb?qos=1&retain=true",
            "/topics/a%2Fb?qos=1&retain=true",
        ),
        ("http://a.example?x=/@connections/", "?x=/@connections/"),
        ("http://a.example", ""),
    ],
)
def test_only_scheme_and_host_change(url: str, expected: str) -> None:
    node = "http://127.0.0.1:3001"
    assert node_url(url, http_url=node, stage="dev") == f"{node}{expected}"
