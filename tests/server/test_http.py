from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidStatus

from bellwire.definition.model import AccessKeys
from bellwire.errors import BadRequestError, BusError
from bellwire.gateway.api import Account, Api
from bellwire.gateway.throttle import TokenBucket


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve

AwsClient = Callable[[str, str], Any]
UNKNOWN = "AAAAAAAAAAAAAAA="
JSON = "application/json"


async def in_thread(function: Callable[..., Any], **arguments: object) -> Any:
    return await asyncio.to_thread(function, **arguments)


# @connections, with boto3


def test_boto3_posts_gets_and_deletes(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id(user_agent_header="app/1")
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            before = datetime.now(UTC)

            posted = await in_thread(
                aws.post_to_connection, ConnectionId=connection_id, Data="hi ü"
            )
            assert posted["ResponseMetadata"]["HTTPStatusCode"] == 200
            assert len(posted["ResponseMetadata"]["RequestId"]) == 16
            assert await client.recv() == "hi ü"

            document = await in_thread(aws.get_connection, ConnectionId=connection_id)
            assert document["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "app/1"}
            assert document["ConnectedAt"] <= document["LastActiveAt"] <= datetime.now(UTC)
            assert (before - document["LastActiveAt"]).total_seconds() < 0.01

            deleted = await in_thread(aws.delete_connection, ConnectionId=connection_id)
            assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert (client.close_code, client.close_reason) == (1000, "Connection Closed Normally")
            (call,) = await server.functions.wait_for("disconnect")
            assert (call.context["disconnectStatusCode"], call.context["disconnectReason"]) == (
                1000,
                "Connection Closed Normally",
            )

    run(main())


def test_boto3_knows_the_errors(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve(message_bytes=1000) as server:
            client, connection_id = await server.connect_with_id()
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            wrong = aws_client("apigatewaymanagementapi", f"{server.http_url}/prod")
            post = aws.post_to_connection
            for call in (aws.get_connection, aws.delete_connection):
                with pytest.raises(aws.exceptions.GoneException):
                    await in_thread(call, ConnectionId=UNKNOWN)
            with pytest.raises(aws.exceptions.GoneException):
                await in_thread(post, ConnectionId=UNKNOWN, Data=b"x")
            with pytest.raises(aws.exceptions.PayloadTooLargeException):
                await in_thread(post, ConnectionId=connection_id, Data=b"x" * 1001)
            with pytest.raises(aws.exceptions.PayloadTooLargeException):
                await in_thread(post, ConnectionId=connection_id, Data=b"x" * 8_000_000)
            with pytest.raises(aws.exceptions.ForbiddenException):
                await in_thread(wrong.post_to_connection, ConnectionId=connection_id, Data=b"x")
            with pytest.raises(ClientError) as caught:
                await in_thread(post, ConnectionId="cjy8i76bx002884le6n17d49b", Data=b"x")
            assert caught.value.response["Error"] == {
                "Code": "BadRequestException",
                "Message": "Invalid connectionId: cjy8i76bx002884le6n17d49b",
            }
            with pytest.raises(ClientError, match="Data is not UTF-8 text: byte 0"):
                await in_thread(post, ConnectionId=connection_id, Data=b"\xff")
            await client.close()
            await server.functions.wait_for("disconnect")
            with pytest.raises(aws.exceptions.GoneException):
                await in_thread(post, ConnectionId=connection_id, Data=b"x")

    run(main())


def test_a_post_to_a_connection_whose_connect_still_runs_is_gone(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            del server.functions.answers["connect"]
            client = await server.raw()
            (call,) = await server.functions.wait_for("connect")
            connection_id = call.context["connectionId"]
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            with pytest.raises(aws.exceptions.GoneException):
                await in_thread(aws.post_to_connection, ConnectionId=connection_id, Data=b"x")
            call.answer({"statusCode": 200})
            await client.head()
            await in_thread(aws.post_to_connection, ConnectionId=connection_id, Data=b"x")
            assert (await client.frame())[1] == b"x"

    run(main())


def test_a_post_to_a_reader_that_is_cut_by_it_is_gone(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(send_queue_bytes=100) as server:
            client, connection_id = await server.connect_with_id()
            path = f"/dev/@connections/{connection_id}"
            assert (await server.request("POST", path, b"x" * 200)).status == 410
            assert (await server.request("POST", path, b"x")).status == 410
            with pytest.raises(ConnectionClosed):
                await client.recv()
            assert client.close_code == 4008

    run(main())


# @connections, byte for byte


def test_the_wire_form_of_each_answer(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id(user_agent_header=None)
            path = f"/dev/@connections/{connection_id}"

            answer = await server.request("POST", path, b"x")
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["content-length"] == "0"
            assert len(answer.headers["x-amzn-requestid"]) == 16

            answer = await server.request("GET", path)
            assert (answer.status, answer.headers["content-type"]) == (200, JSON)
            document = orjson.loads(answer.body)
            assert set(document) == {"connectedAt", "identity", "lastActiveAt"}
            assert document["identity"] == {"sourceIp": "127.0.0.1", "userAgent": None}

            answer = await server.request("POST", "/dev/@connections/nonsense", b"x")
            assert (answer.status, answer.headers["x-amzn-errortype"], answer.body) == (
                400,
                "BadRequestException",
                b'{"message":"Invalid connectionId: nonsense"}',
            )
            answer = await server.request("DELETE", f"/dev/@connections/{UNKNOWN}")
            assert (answer.status, answer.headers["x-amzn-errortype"], answer.body) == (
                410,
                "GoneException",
                b"",
            )
            answer = await server.request("POST", f"/prod/@connections/{connection_id}", b"x")
            assert (answer.status, answer.headers["x-amzn-errortype"], answer.body) == (
                403,
                "ForbiddenException",
                b'{"message":"Forbidden"}',
            )
            answer = await server.request("PUT", path, b"x")
            assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')

            answer = await server.request("DELETE", path)
            assert (answer.status, answer.body) == (204, b"")
            await client.close()

    run(main())


def test_the_path_however_it_is_escaped(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            client, connection_id = await server.connect_with_id()
            for connections in ("@connections", "%40connections"):
                for written in (connection_id, connection_id.replace("=", "%3D")):
                    answer = await server.request("POST", f"/dev/{connections}/{written}", b"x")
                    assert answer.status == 200
                    assert await client.recv() == "x"
            await client.close()

    run(main())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/dev"),
        ("POST", "/dev"),
        ("GET", "/nowhere"),
        ("GET", "/@connections/x"),
        ("DELETE", "/topics/a"),
        ("POST", "/"),
    ],
)
def test_what_is_no_resource_is_forbidden(run: Run, serve: Serve, method: str, path: str) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request(method, path)
            assert (answer.status, answer.body) == (403, b'{"message":"Forbidden"}')
            assert answer.headers["x-amzn-errortype"] == "ForbiddenException"

    run(main())


# Publish


@pytest.mark.parametrize(
    "topic", ["a", "devices/pump-1/parameters", "a.b/ü/c d", "/a//b/", "a%2Fb"]
)
def test_boto3_publishes(run: Run, serve: Serve, aws_client: AwsClient, topic: str) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("iot-data", server.http_url)
            for qos in (0, 1):
                await in_thread(aws.publish, topic=topic, qos=qos, payload=b"\x00\xff")
            await in_thread(aws.publish, topic=topic)
            assert server.published == [
                (topic, b"\x00\xff", 0),
                (topic, b"\x00\xff", 1),
                (topic, b"", 0),
            ]

    run(main())


def test_boto3_confirms_a_destination(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve() as server:
            confirm = aws_client("iot", server.http_url).confirm_topic_rule_destination
            await in_thread(confirm, confirmationToken="the-token")
            assert server.confirmed == ["the-token"]
            with pytest.raises(ClientError) as refused:
                await in_thread(confirm, confirmationToken="another")
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404

    run(main())


@pytest.mark.parametrize(
    ("error", "path", "status"),
    [
        (None, "/topics/a?qos=2", 400),
        (None, "/topics/a?qos=x", 400),
        (BadRequestError("topic 'a+': + and # are for filters"), "/topics/a+", 400),
        (BusError("the broker is away", retryable=True), "/topics/a", 503),
    ],
)
def test_a_publish_that_cannot_be(
    run: Run, serve: Serve, error: Exception | None, path: str, status: int
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.publish_error = error
            answer = await server.request("POST", path, b"x")
            assert answer.status == status
            assert orjson.loads(answer.body)["message"]
            assert server.published == []

    run(main())


def test_a_payload_too_large_to_publish(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(mqtt_payload_bytes=1000) as server:
            answer = await server.request("POST", "/topics/a", b"x" * 1001)
            assert (answer.status, server.published) == (413, [])
            answer = await server.request("POST", "/topics/a", b"x" * 1000)
            assert (answer.status, len(server.published)) == (200, 1)

    run(main())


# The page, health, other sites


def test_the_page_and_its_files(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            page = await server.request("GET", "/")
            assert (page.status, page.body) == (200, b"<h1>hi</h1>")
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert page.headers["etag"] == '"e1"'
            assert page.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'self'" in page.headers["content-security-policy"]

            again = await server.request("GET", "/", If_None_Match='"e1"')
            assert (again.status, again.body) == (304, b"")

            style = await server.request("GET", "/console/page.css")
            assert (style.status, style.body) == (200, b"h1 {}")
            for path in ("/console/missing.js", "/console/..%2f..%2fetc%2fpasswd"):
                assert (await server.request("GET", path)).status in (403, 404)

            devices = await server.request("GET", "/console/devices")
            assert orjson.loads(devices.body) == {
                "stage": "dev",
                "websocket_path": "/dev",
                "devices": [{"device_id": "pump-1", "value": {"rpm": 1450}}],
            }

    run(main())


def test_health(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            assert (await server.request("GET", "/healthz")).body == b'{"status": "ok"}'
            ready = await server.request("GET", "/readyz")
            assert (ready.status, ready.body) == (200, b'{"ready": true}')
            server.is_ready = False
            ready = await server.request("GET", "/readyz")
            assert (ready.status, ready.body) == (503, b'{"ready": false}')

    run(main())


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost", 200),
        ("http://evil.example", 403),
        ("http://localhost:8080", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_a_page_of_another_site_may_not_call(
    run: Run, serve: Serve, origin: str, status: int
) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("POST", "/topics/a", b"x", Origin=origin)
            assert answer.status == status
            assert len(server.published) == (1 if status == 200 else 0)

    run(main())


def test_a_bug_is_a_500_and_the_server_lives_on(
    run: Run, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.publish_error = ZeroDivisionError("a bug")
            answer = await server.request("POST", "/topics/a", b"x")
            assert answer.status == 500
            assert b"ZeroDivisionError" not in answer.body
            assert (await server.request("GET", "/healthz")).status == 200

    run(main())
    assert any("a bug" in (record.exc_text or "") for record in caplog.records)


# @connections, signed and bounded


SIGNED = AccessKeys({"test": "test"}, sign_connections=True)


def account_of(keys: AccessKeys = SIGNED, **buckets: TokenBucket) -> Account:
    free = {"connects": TokenBucket(None, None), "requests": TokenBucket(None, None)}
    return Account("eu-west-1", "123456789012", **free | buckets, access_keys=keys)


def test_where_signatures_are_asked_for_boto3_with_the_key_may_post(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve(api={"account": account_of()}) as server:
            client, connection_id = await server.connect_with_id()
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            await in_thread(aws.post_to_connection, ConnectionId=connection_id, Data="hi")
            assert await client.recv() == "hi"
            await client.close()

    run(main())


def test_where_signatures_are_asked_for_nobody_else_may(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        other = account_of(AccessKeys({"test": "another"}, sign_connections=True))
        async with serve(api={"account": other}) as server:
            client, connection_id = await server.connect_with_id()
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            with pytest.raises(ClientError) as caught:
                await in_thread(aws.post_to_connection, ConnectionId=connection_id, Data="hi")
            assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
            path = f"/dev/@connections/{connection_id}"
            unsigned = await server.request("POST", path, b"hi")
            assert unsigned.status == 403
            assert unsigned.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"
            for token in ("", "\xff", "token-of-the-function"):
                forged = await server.request("POST", path, b"hi", X_Bellwire_Token=token)
                assert forged.status == 403
            own = await server.request(
                "POST", path, b"hi", X_Bellwire_Token="token-of-the-functions"
            )
            assert own.status == 200
            assert await client.recv() == "hi"
            await client.close()

    run(main())


def test_calls_beyond_the_accounts_rate_are_429(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        account = account_of(AccessKeys(), requests=TokenBucket(1, 2))
        async with serve(["$connect"], api={"account": account}) as server:
            client, connection_id = await server.connect_with_id()
            aws = aws_client("apigatewaymanagementapi", f"{server.http_url}/dev")
            await in_thread(aws.get_connection, ConnectionId=connection_id)
            with pytest.raises(aws.exceptions.LimitExceededException):
                await in_thread(aws.get_connection, ConnectionId=connection_id)
            await client.close()

    run(main())


# Several stages and APIs


def test_stages_are_told_apart_by_path_and_apis_by_host(
    run: Run, serve: Serve, make_api: Callable[..., Api]
) -> None:
    async def main() -> None:
        async with serve() as server:
            one = server.apis[0]
            server.apis += [
                make_api(["$connect"], one.limits, stage="prod", variables={"table": "big"}),
                make_api(["$connect"], one.limits, api_id="other56789"),
            ]
            port = server.port
            for host, expected in (
                ("127.0.0.1", ("abcdef1234", "dev")),
                ("127.0.0.1", ("abcdef1234", "prod")),
                ("other56789.localhost", ("other56789", "dev")),
            ):
                url = f"ws://{host}:{port}/{expected[1]}"
                client = await server.connect(url=url, host="127.0.0.1", port=port)
                call = server.functions.of("connect")[-1]
                assert (call.context["apiId"], call.context["stage"]) == expected
                variables = {"table": "big"} if expected[1] == "prod" else None
                assert call.event.get("stageVariables") == variables
                connection_id = call.context["connectionId"]
                stage, wrong = ("prod", "dev") if expected[1] == "prod" else ("dev", "prod")
                found = await server.request("GET", f"/{stage}/@connections/{connection_id}")
                assert found.status == 200
                gone = await server.request("GET", f"/{wrong}/@connections/{connection_id}")
                assert gone.status == 410
                other = "abcdef1234" if expected[0] == "other56789" else "other56789"
                for api_id, status in ((expected[0], 200), (other, 410)):
                    if (api_id, stage) == ("other56789", "prod"):
                        status = 403  # it has no such stage
                    path = f"/{stage}/@connections/{connection_id}"
                    named = await server.request("GET", path, host=f"{api_id}.localhost")
                    assert named.status == status
                await client.close()
            url = f"ws://other56789.localhost:{port}/prod"
            with pytest.raises(InvalidStatus) as caught:
                await server.connect(url=url, host="127.0.0.1", port=port)
            assert caught.value.response.status_code == 403

    run(main())


# Bodies, targets and pages that are not as they should be


def test_a_body_is_bounded_in_size_and_time(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(["$connect"], request_body_timeout_s=0.1) as server:
            client, connection_id = await server.connect_with_id()
            path = f"/dev/@connections/{connection_id}"
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\n"
            announced = await server.raw(f"{head}Content-Length: 131073\r\n\r\n".encode())
            assert (await announced.head()).startswith(b"HTTP/1.1 413 ")
            chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
            chunked = await server.raw(
                f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + chunk * 3
            )
            assert (await chunked.head()).startswith(b"HTTP/1.1 413 ")
            slow = await server.raw(f"{head}Content-Length: 10\r\n\r\nabc".encode())
            assert (await slow.head()).startswith(b"HTTP/1.1 408 ")
            await client.close()

    run(main())


def test_a_target_may_name_scheme_and_host(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("POST", "http://localhost/topics/a%2Fb?qos=1", b"hi")
            assert answer.status == 200
            assert server.published == [("a/b", b"hi", 1)]

    run(main())


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("127.0.0.1", "http://127.0.0.1", True),
        ("localhost:3001", "http://localhost:3001", True),
        ("abc.localhost", "http://abc.localhost", True),
        ("[::1]:3001", "http://[::1]:3001", True),
        ("live.example.com", "https://live.example.com", True),
        # The name of another site that points here, by the time its page calls.
        ("evil.example:3001", "http://evil.example:3001", False),
        ("127.0.0.1", "http://127.0.0.1:3001", False),
        ("127.0.0.1", "http://[", False),
        ("127.0.0.1", "http://\xff", False),
        ("127.0.0.1", "null", False),
    ],
)
def test_which_pages_may_call(
    run: Run, serve: Serve, host: str, origin: str, allowed: bool
) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("GET", "/console/devices", host=host, Origin=origin)
            assert answer.status == (200 if allowed else 403)

    run(main())


@pytest.mark.parametrize("path", ["/status", "/metrics", "/console/devices", "/dead-letters"])
@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("127.0.0.1:3001", True),
        ("[::1]:3001", True),
        ("localhost:3001", True),
        ("abc.localhost:3001", True),
        ("live.example.com", True),
        ("bellwire:3001", True),
        # A page there that reads from its own host names no origin.
        ("evil.example:3001", False),
        ("127.0.0.1.evil.example", False),
        ("evil.[", False),
    ],
)
def test_under_which_names_the_node_tells_of_itself(
    run: Run, serve: Serve, path: str, host: str, allowed: bool
) -> None:
    async def main() -> None:
        async with serve() as server:
            token = "token-of-the-functions"
            answer = await server.request("GET", path, host=host, X_Bellwire_Token=token)
            assert answer.status == (200 if allowed else 403)

    run(main())
