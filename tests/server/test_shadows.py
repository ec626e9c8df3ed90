"""The shadow calls of IoT data, by a real boto3 client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from botocore.exceptions import ClientError

from bellwire.errors import BusError
from bellwire.iot.shadow_request import (
    InvalidShadowRequestError,
    ShadowConflictError,
    ShadowEncodingError,
    ShadowError,
    ShadowFailureError,
    ShadowName,
    ShadowNotFoundError,
    ShadowThrottledError,
    ShadowTooLargeError,
)


if TYPE_CHECKING:
    from tests.server.conftest import Run, Serve

AwsClient = Callable[[str, str], Any]
NAMES = "/api/things/shadow/ListNamedShadowsForThing/lamp"


async def in_thread(function: Callable[..., Any], **arguments: object) -> Any:
    return await asyncio.to_thread(function, **arguments)


@pytest.mark.parametrize(
    "name", [ShadowName("lamp"), ShadowName("a:b_c-D"), ShadowName("lamp", "$x:y")]
)
def test_boto3_gets_updates_and_deletes(
    run: Run, serve: Serve, aws_client: AwsClient, name: ShadowName
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("iot-data", server.http_url)
            server.shadows.answer = b'{"version":1}'
            which = {"thingName": name.thing}
            if name.shadow is not None:
                which["shadowName"] = name.shadow
            for call, arguments in (
                (aws.get_thing_shadow, which),
                (aws.update_thing_shadow, {**which, "payload": b'{"state":{}}'}),
                (aws.delete_thing_shadow, which),
            ):
                answer = await in_thread(call, **arguments)
                assert answer["payload"].read() == b'{"version":1}'
            assert server.shadows.calls == [
                (name, "get", b""),
                (name, "update", b'{"state":{}}'),
                (name, "delete", b""),
            ]

    run(main())


@pytest.mark.parametrize(
    "error",
    [
        InvalidShadowRequestError("Invalid JSON"),
        ShadowNotFoundError("No shadow exists with name: 'lamp'"),
        ShadowConflictError("Version conflict"),
        ShadowTooLargeError("The payload exceeds the maximum size allowed"),
        ShadowEncodingError("Unsupported documented encoding; supported encoding is UTF-8"),
        ShadowThrottledError("Too many requests"),
        ShadowFailureError("Internal service failure"),
    ],
)
def test_boto3_knows_the_errors(
    run: Run, serve: Serve, aws_client: AwsClient, error: ShadowError
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("iot-data", server.http_url)
            server.shadows.answer = error
            with pytest.raises(ClientError) as caught:
                await in_thread(aws.get_thing_shadow, thingName="lamp")
            assert isinstance(caught.value, getattr(aws.exceptions, error.aws_code))
            response = caught.value.response
            assert response["Error"] == {"Code": error.aws_code, "Message": error.message}
            assert response["ResponseMetadata"]["HTTPStatusCode"] == error.status

    run(main())


def test_a_store_that_is_away_is_503(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            server.shadows.answer = BusError("NATS is away", retryable=True)
            answer = await server.request("GET", "/things/lamp/shadow")
            assert answer.status == 503

    run(main())


def test_a_document_larger_than_a_message_may_be_is_refused_unread(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(mqtt_payload_bytes=1000) as server:
            good = await server.request("POST", "/things/lamp/shadow", b"x" * 1000)
            assert good.status == 200
            answer = await server.request("POST", "/things/lamp/shadow", b"x" * 1001)
            assert answer.status == 413
            assert answer.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"
            assert orjson.loads(answer.body) == {
                "message": "The payload exceeds the maximum size allowed"
            }
            assert len(server.shadows.calls) == 1

    run(main())


def test_another_method_is_405(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("PUT", "/things/lamp/shadow", b"{}")
            assert answer.status == 405
            assert answer.headers["x-amzn-errortype"] == "MethodNotAllowedException"

    run(main())


@pytest.mark.parametrize("path", ["/things/lamp/shadow", NAMES])
def test_a_page_of_another_site_is_refused(run: Run, serve: Serve, path: str) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("GET", path, Origin="https://evil.example")
            assert answer.status == 403
            assert server.shadows.calls == []

    run(main())


def test_boto3_lists_in_pages(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("iot-data", server.http_url)
            listing = aws.list_named_shadows_for_thing
            server.shadows.page = (("$a", "b:c"), "b:c")
            first = await in_thread(listing, thingName="lamp", pageSize=2)
            assert first["results"] == ["$a", "b:c"]
            assert abs(first["timestamp"] - server.hub.now_ms() / 1000) < 10
            server.shadows.page = (("d",), None)
            second = await in_thread(
                listing, thingName="lamp", pageSize=2, nextToken=first["nextToken"]
            )
            assert second["results"] == ["d"]
            assert "nextToken" not in second
            await in_thread(listing, thingName="lamp")
            assert server.shadows.calls == [
                ("lamp", 2, None),
                ("lamp", 2, "b:c"),
                ("lamp", 100, None),
            ]

    run(main())


@pytest.mark.parametrize(
    "query",
    [
        "pageSize=0",
        "pageSize=101",
        "pageSize=-1",
        "pageSize=x",
        "pageSize=",
        "pageSize=%C2%B2",
        pytest.param("pageSize=" + "9" * 5000, id="pageSize=9…"),
        "nextToken=x",
        "nextToken=%C3%A9",
        "nextToken=_w==",
    ],
)
def test_a_page_that_cannot_be_is_400(run: Run, serve: Serve, query: str) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request("GET", f"{NAMES}?{query}")
            assert answer.status == 400
            assert answer.headers["x-amzn-errortype"] == "InvalidRequestException"
            assert server.shadows.calls == []

    run(main())
