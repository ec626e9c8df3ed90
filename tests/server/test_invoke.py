"""Lambda's Invoke, by a real boto3 client."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from bellwire.errors import BusError, TooManyRequestsError


if TYPE_CHECKING:
    from tests.server.conftest import Call, Run, Serve

AwsClient = Callable[[str, str], Any]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"


async def in_thread(function: Callable[..., Any], **arguments: object) -> Any:
    return await asyncio.to_thread(function, **arguments)


def test_boto3_invokes(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["set"] = lambda call: {"got": call.event}
            aws = aws_client("lambda", server.http_url)
            names = [
                "set",
                "app-dev-set",
                f"{ARN}app-dev-set:$LATEST",
                "set:$LATEST",
                f"{ARN}set",
                "123456789012:function:set",
            ]
            for name in names:
                answer = await in_thread(aws.invoke, FunctionName=name, Payload=b'{"a":1}')
                assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
                assert "FunctionError" not in answer
                assert answer["Payload"].read() == b'{"got":{"a":1}}'
            answer = await in_thread(aws.invoke, FunctionName="set")
            assert answer["Payload"].read() == b'{"got":{}}'
            assert "LogResult" not in answer
            dry = await in_thread(aws.invoke, FunctionName="set", InvocationType="DryRun")
            assert (dry["StatusCode"], dry["Payload"].read()) == (204, b"")
            assert len(server.functions.of("set")) == len(names) + 1

    run(main())


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"FunctionName": "nobody"}, "nobody:$LATEST"),
        ({"FunctionName": "nobody", "Qualifier": "live"}, "nobody:live"),
        ({"FunctionName": "set", "Qualifier": "7"}, "app-dev-set:7"),
        ({"FunctionName": "set:live"}, "app-dev-set:live"),
        ({"FunctionName": f"{ARN}app-dev-set:7"}, "app-dev-set:7"),
        ({"FunctionName": "set", "Qualifier": "provisioned"}, "app-dev-set:provisioned"),
    ],
)
def test_boto3_knows_that_there_is_no_such_function_version_or_alias(
    run: Run,
    serve: Serve,
    aws_client: AwsClient,
    kind: str,
    arguments: dict[str, str],
    told: str,
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(aws.exceptions.ResourceNotFoundException) as caught:
                await in_thread(aws.invoke, InvocationType=kind, **arguments)
            response = caught.value.response
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 404
            assert response["Error"]["Message"] == f"Function not found: {ARN}{told}"
            assert (response["Message"], response["Type"]) == (response["Error"]["Message"], "User")
            assert (server.functions.calls, server.stored) == ([], [])

    run(main())


@pytest.mark.parametrize(
    "arguments",
    [
        {"FunctionName": "set", "Qualifier": "$LATEST"},
        {"FunctionName": "set:$LATEST", "Qualifier": "$LATEST"},
        {"FunctionName": "kept", "Qualifier": "provisioned"},
        {"FunctionName": "kept:provisioned"},
        {"FunctionName": f"{ARN}app-dev-kept:provisioned"},
    ],
)
def test_the_version_and_the_alias_that_there_are_run(
    run: Run, serve: Serve, aws_client: AwsClient, arguments: dict[str, str]
) -> None:
    async def main() -> None:
        async with serve() as server:
            for function in ("set", "kept"):
                server.functions.answers[function] = lambda call: {"ran": call.function}
            aws = aws_client("lambda", server.http_url)
            answer = await in_thread(aws.invoke, **arguments)
            assert answer["ExecutedVersion"] == "$LATEST"
            assert json.load(answer["Payload"])["ran"] in arguments["FunctionName"]

    run(main())


def test_two_different_qualifiers_are_refused(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(aws.exceptions.InvalidParameterValueException) as caught:
                await in_thread(aws.invoke, FunctionName="set:$LATEST", Qualifier="7")
            assert caught.value.response["message"] == (
                "The derived qualifier from the function name does not match the specified "
                "qualifier."
            )

    run(main())


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_a_client_context_reaches_the_function_on_one_line_in_ascii(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["set"] = lambda call: {}
            aws = aws_client("lambda", server.http_url)
            given = '{"custom": {"a": "ü\\r\\nX: y"},\n "n": 12345678901234567890}'
            longest = encoded(f'{{"a":"{"x" * 2677}"}}')
            for context in (encoded(given), longest):
                await in_thread(aws.invoke, FunctionName="set", ClientContext=context)
            first, second = server.functions.of("set")
            assert first.client_context == (
                b'{"custom":{"a":"\\u00fc\\r\\nX: y"},"n":12345678901234567890}'
            )
            assert len(longest) == 3580
            assert second.client_context == b'{"a":"%b"}' % (b"x" * 2677)

    run(main())


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ("not base64!", "Client context must be a valid Base64-encoded JSON object."),
        (encoded("{"), "Client context must be a valid Base64-encoded JSON object."),
        (encoded("[1]"), "Client context must be a valid Base64-encoded JSON object."),
        (encoded('{"a":NaN}'), "Client context must be a valid Base64-encoded JSON object."),
        (encoded("[" * 2000), "Client context must be a valid Base64-encoded JSON object."),
        (encoded(f'{{"a":"{"x" * 2690}"}}'), "Client context is larger than 3583 bytes"),
    ],
)
def test_a_client_context_of_the_wrong_form_is_refused(
    run: Run, serve: Serve, aws_client: AwsClient, context: str, told: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            for kind in ("RequestResponse", "Event", "DryRun"):
                with pytest.raises(aws.exceptions.InvalidRequestContentException) as caught:
                    await in_thread(
                        aws.invoke, FunctionName="set", InvocationType=kind, ClientContext=context
                    )
                assert caught.value.response["Error"]["Message"].startswith(told)
            assert (server.functions.calls, server.stored) == ([], [])

    run(main())


def test_boto3_sees_a_function_error(run: Run, serve: Serve, aws_client: AwsClient) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            invoking = asyncio.create_task(in_thread(aws.invoke, FunctionName="set"))
            (call,) = await server.functions.wait_for("set")
            result = type("Result", (), {"payload": b'{"errorMessage":"x"}', "error": "Unhandled"})
            call.future.set_result(result())
            answer = await invoking
            assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
            assert answer["Payload"].read() == b'{"errorMessage":"x"}'

    run(main())


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("set", "ConcurrentInvocationLimitExceeded"),
        ("few", "ReservedFunctionConcurrentInvocationLimitExceeded"),
    ],
)
def test_boto3_knows_why_an_invocation_was_throttled(
    run: Run, serve: Serve, aws_client: AwsClient, function: str, reason: str
) -> None:
    async def main() -> None:
        async with serve() as server:

            def refuse(call: Call) -> object:
                raise TooManyRequestsError("Rate exceeded")

            server.functions.answers[function] = refuse
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
                await in_thread(aws.invoke, FunctionName=function)
            response = caught.value.response
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
            assert response["Error"]["Message"] == response["message"] == "Rate exceeded"
            assert (response["Reason"], response["Type"]) == (reason, "User")

    run(main())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Payload": b"not json"}, "InvalidRequestContentException"),
        ({"Payload": b"not json", "InvocationType": "Event"}, "InvalidRequestContentException"),
        ({"InvocationType": "Later"}, "InvalidParameterValueException"),
        ({"LogType": "Head"}, "InvalidParameterValueException"),
        ({"Payload": b'"%b"' % (b"x" * 7_500_000)}, "RequestTooLargeException"),
    ],
)
def test_an_invocation_of_the_wrong_form(
    run: Run, serve: Serve, aws_client: AwsClient, arguments: dict[str, object], code: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(ClientError) as caught:
                await in_thread(aws.invoke, FunctionName="set", **arguments)
            assert caught.value.response["Error"]["Code"] == code
            assert (server.functions.calls, server.stored) == ([], [])

    run(main())


def test_the_request_id_of_an_invocation_is_told(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.functions.answers["set"] = lambda call: {}
            aws = aws_client("lambda", server.http_url)
            answer = await in_thread(aws.invoke, FunctionName="set")
            (call,) = server.functions.of("set")
            assert answer["ResponseMetadata"]["RequestId"] == call.request_id
            assert call.request_id == "8f3c0d0e-6a51-4a54-9c37-1b1b9b5f7a10"

    run(main())


@pytest.mark.parametrize(("log_type", "log"), [("Tail", "one\ntwo ü\n"), ("None", None)])
def test_boto3_gets_the_last_of_the_log_where_it_asks(
    run: Run, serve: Serve, aws_client: AwsClient, log_type: str, log: str | None
) -> None:
    async def main() -> None:
        async with serve() as server:

            def answer(call: Call) -> object:
                for line in ("one", "two ü"):
                    server.tails.add(call.request_id, line)
                server.tails.add("of another invocation", "three")
                return {}

            server.functions.answers["set"] = answer
            aws = aws_client("lambda", server.http_url)
            answered = await in_thread(aws.invoke, FunctionName="set", LogType=log_type)
            given = answered.get("LogResult")
            assert (given and b64decode(given).decode()) == log

    run(main())


# Asynchronous invocations


def test_an_event_is_accepted_once_it_is_stored(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            event = {"InvocationType": "Event", "LogType": "Tail"}
            for name, arguments in (("set", {"Payload": b'{"a": 1.10}'}), ("app-dev-set", {})):
                answer = await in_thread(aws.invoke, FunctionName=name, **event, **arguments)
                assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
                assert {"ExecutedVersion", "LogResult", "FunctionError"}.isdisjoint(answer)
            request_id = answer["ResponseMetadata"]["RequestId"]
            assert server.stored == [
                ("set", b'{"a": 1.10}', request_id),
                ("set", b"{}", request_id),
            ]
            assert server.functions.calls == []

    run(main())


def test_an_event_that_cannot_be_stored_is_never_accepted(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            server.store_error = BusError("events fill all of their 10 bytes", retryable=False)
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(aws.exceptions.ServiceException) as caught:
                await in_thread(aws.invoke, FunctionName="set", InvocationType="Event")
            response = caught.value.response
            assert response["ResponseMetadata"]["HTTPStatusCode"] == 500
            assert response["Error"] == {
                "Code": "ServiceException",
                "Message": "events fill all of their 10 bytes",
            }

    run(main())


def test_the_largest_event_of_each_kind_is_that_of_aws(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            functions = server.functions
            functions.answers["set"] = lambda call: {}
            for kind, limit in (("Event", 1024**2), ("RequestResponse", 6 * 1024**2)):
                largest = b'"%b"' % (b"x" * (limit - 2))
                call = {"FunctionName": "set", "InvocationType": kind}
                await in_thread(aws.invoke, **call, Payload=largest)
                with pytest.raises(aws.exceptions.RequestTooLargeException) as caught:
                    await in_thread(aws.invoke, **call, Payload=largest + b" ")
                response = caught.value.response
                assert response["ResponseMetadata"]["HTTPStatusCode"] == 413
                assert response["Error"]["Message"] == (
                    f"{limit + 1} byte payload is too large for the {kind} invocation type "
                    f"(limit {limit} bytes)"
                )
            assert (len(server.stored), len(functions.calls)) == (1, 1)

    run(main())


def test_an_event_of_unknown_size_is_bounded(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve(asynchronous_payload_bytes=10) as server:
            path = "/2015-03-31/functions/set/invocations"
            client = await server.raw(
                f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                "X-Amz-Invocation-Type: Event\r\nTransfer-Encoding: chunked\r\n\r\n"
                "b\r\n[1,2,3,4,5]\r\n0\r\n\r\n".encode()
            )
            answer = await client.rest()
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"More than 10 byte payload is too large for the Event" in answer

    run(main())


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/2021-11-15/functions/set/response-streaming-invocations"),
        ("POST", "/2014-11-13/functions/set/invoke-async"),
        ("GET", "/2015-03-31/functions/set/invocations"),
        ("GET", "/2015-03-31/functions/"),
    ],
)
def test_the_rest_of_the_lambda_api_says_that_it_is_not_here(
    run: Run, serve: Serve, method: str, path: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await server.request(method, path)
            assert (answer.status, answer.headers["x-amzn-errortype"]) == (
                404,
                "UnknownOperationException",
            )
            assert json.loads(answer.body)["message"] == (
                f"{method} {path} is not served here: of the Lambda API there is Invoke, "
                "POST /2015-03-31/functions/{name}/invocations"
            )

    run(main())


def test_boto3_knows_that_an_operation_is_not_here(
    run: Run, serve: Serve, aws_client: AwsClient
) -> None:
    async def main() -> None:
        async with serve() as server:
            aws = aws_client("lambda", server.http_url)
            with pytest.raises(ClientError, match="of the Lambda API there is Invoke"):
                await in_thread(aws.invoke_with_response_stream, FunctionName="set")

    run(main())


def test_an_error_may_quote_what_is_no_text(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            path = "/2015-03-31/functions/set/invocations"
            answer = await server.request("POST", path, b"{}", X_Amz_Invocation_Type="\xff")
            assert answer.status == 400

    run(main())
