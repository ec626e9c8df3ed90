from __future__ import annotations

import pytest

from bellwire.functions import documents


ID = "6c14aac6-b810-49ce-9c6c-50104412d524"


def test_the_document_of_an_exception() -> None:
    document = documents.handler_error(
        "KeyError", "'tempé'", request_id=ID, stack_trace=['  File "/var/task/h.py", line 2\n']
    )
    assert document == (
        '{"errorMessage": "\'tempé\'", "errorType": "KeyError", '.encode()
        + b'"requestId": "6c14aac6-b810-49ce-9c6c-50104412d524", '
        b'"stackTrace": ["  File \\"/var/task/h.py\\", line 2\\n"]}'
    )


def test_the_document_of_a_timeout() -> None:
    assert documents.timeout_error(ID, 3) == (
        b'{"errorType": "Sandbox.Timedout", "errorMessage": '
        b'"RequestId: 6c14aac6-b810-49ce-9c6c-50104412d524 Error: '
        b'Task timed out after 3.00 seconds"}'
    )


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (1, "Runtime exited with error: exit status 1"),
        (255, "Runtime exited with error: exit status 255"),
        (-6, "Runtime exited with error: signal: aborted"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
        (-40, "Runtime exited with error: signal: signal 40"),
    ],
)
def test_the_document_of_an_exit(status: int, text: str) -> None:
    assert documents.exit_error(ID, status).decode() == (
        '{"errorType": "Runtime.ExitError", "errorMessage": '
        f'"RequestId: 6c14aac6-b810-49ce-9c6c-50104412d524 Error: {text}"}}'
    )


def test_the_document_of_a_process_that_could_not_start() -> None:
    assert documents.start_error(ID, "[Errno 24] Too many open files") == (
        b'{"errorType": "Runtime.InvalidEntrypoint", "errorMessage": '
        b'"RequestId: 6c14aac6-b810-49ce-9c6c-50104412d524 Error: '
        b'[Errno 24] Too many open files"}'
    )


def test_the_document_of_one_that_waited_when_the_node_stopped() -> None:
    assert documents.stopped_error(ID) == (
        b'{"errorType": "Runtime.ExitError", "errorMessage": '
        b'"RequestId: 6c14aac6-b810-49ce-9c6c-50104412d524 Error: The node stopped before it ran"}'
    )


def test_the_document_of_a_large_response() -> None:
    size = 6 * 1024 * 1024 + documents.RESPONSE_OVERHEAD_BYTES
    assert documents.response_too_large(size) == (
        b'{"errorMessage": "Response payload size exceeded maximum allowed payload size '
        b'(6291556 bytes).", "errorType": "Function.ResponseSizeTooLarge"}'
    )


def test_words_are_written_as_they_are_but_for_what_no_utf_8_can_hold() -> None:
    document = documents.handler_error("ValueError", "ä€", request_id="id")
    assert '"errorMessage": "ä€"'.encode() in document
    odd = documents.handler_error("ValueError", "ä\ud800", request_id="id")
    assert b'"errorMessage": "\\u00e4\\ud800"' in odd


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (b'{"errorType": "Runtime.ImportModuleError"}', "Runtime.ImportModuleError"),
        (b'{"errorType": "ZeroDivisionError"}', "Runtime.Unknown"),
        (b'{"errorType": "Runtime.a b"}', "Runtime.Unknown"),
        (b"{}", "Runtime.Unknown"),
        (b"[", "Runtime.Unknown"),
    ],
)
def test_what_the_platform_calls_an_init_that_failed(document: bytes, name: str) -> None:
    assert documents.init_error_type(document) == name
