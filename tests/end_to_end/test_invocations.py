"""Invoke with boto3, from outside and from a handler, and what becomes of asynchronous events."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError


if TYPE_CHECKING:
    from tests.end_to_end.conftest import Node, StartNode

SERVICE = """\
service: jobs
provider: {name: aws, runtime: python3.12, timeout: 10, environment: {RECORD: "%s"}}
custom: {bellwire: {limits: {redeliveryS: 1, retryDelayS: %s}}}
functions:
  work: {handler: handler.work}
  told:
    handler: handler.work
    maximumRetryAttempts: 1
    destinations: {onSuccess: note, onFailure: note}
  note: {handler: handler.note}
  ask: {handler: handler.ask}
  one:
    handler: handler.work
    reservedConcurrency: 1
    maximumRetryAttempts: 0
    destinations: {onFailure: note}
  off: {handler: handler.work, reservedConcurrency: 0, destinations: {onFailure: note}}
"""
HANDLER = """\
import json, os, time
import boto3

def write(document):
    fd = os.open(os.environ["RECORD"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(fd, (json.dumps(document) + "\\n").encode())
    os.close(fd)

def work(event, context):
    print("working on", event.get("n"), flush=True)
    if "sleep" in event:
        time.sleep(event["sleep"])
    write({"n": event.get("n"), "id": context.aws_request_id})
    if event.get("fail"):
        raise ValueError("on purpose")
    if event.get("print"):
        for number in range(event["print"]):
            print("line", number)
    return {"did": event.get("n")}

def note(event, context):
    write({"note": event})

def ask(event, context):
    client = boto3.client("lambda")
    answer = client.invoke(FunctionName=event["name"], InvocationType=event["kind"],
                           Payload=json.dumps({"n": "asked"}))
    return {"status": answer["StatusCode"], "payload": answer["Payload"].read().decode()}
"""


class Jobs:
    """A node with the functions above, a client for it, and what they recorded."""

    def __init__(self, node: Node, record: Path) -> None:
        self.node = node
        self._record = record

    def client(self) -> Any:
        return boto3.client(
            "lambda",
            endpoint_url=self.node.http_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 0}, max_pool_connections=20),
        )

    def send(self, function: str, **event: object) -> str:
        """Invoke a function asynchronously and return the request id."""
        answer = self.client().invoke(
            FunctionName=function, InvocationType="Event", Payload=json.dumps(event)
        )
        assert answer["StatusCode"] == 202
        return str(answer["ResponseMetadata"]["RequestId"])

    def records(self) -> list[Any]:
        if not self._record.exists():
            return []
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def notes(self) -> list[Any]:
        return [each["note"] for each in self.records() if "note" in each]

    def wait_for(self, condition: Callable[[], object], within_s: float = 20.0) -> None:
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, f"{self.records()}\n{self.node.log_text()}"
            time.sleep(0.02)


@pytest.fixture
def start_jobs(start_node: StartNode, tmp_path: Path) -> Callable[..., Jobs]:
    def start(limits: str = "", *, retry_delay_s: float = 0.1) -> Jobs:
        record = tmp_path / "record"
        text = SERVICE % (record, f"{retry_delay_s}{limits}")
        files = {"serverless.yml": text, "handler.py": HANDLER}
        return Jobs(start_node(service=files), record)

    return start


# Synchronous


def test_the_log_of_an_invocation_comes_with_its_result(start_jobs: Callable[..., Jobs]) -> None:
    client = start_jobs().client()
    answer = client.invoke(FunctionName="work", LogType="Tail", Payload=b'{"n":7}')
    assert json.load(answer["Payload"]) == {"did": 7}
    assert "working on 7\n" in b64decode(answer["LogResult"]).decode()
    answer = client.invoke(FunctionName="work", LogType="Tail", Payload=b'{"n":8,"print":5000}')
    log = b64decode(answer["LogResult"]).decode()
    assert len(log) == 4096
    assert "line 4999\n" in log
    assert "working on 8" not in log
    answer = client.invoke(FunctionName="work", LogType="Tail", Payload=b'{"fail":true}')
    assert answer["FunctionError"] == "Unhandled"
    assert "ValueError" in b64decode(answer["LogResult"]).decode()


def test_a_handler_invokes_by_the_deployed_name_both_ways(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    client = jobs.client()
    for kind, expected in (
        ("RequestResponse", {"status": 200, "payload": '{"did": "asked"}'}),
        ("Event", {"status": 202, "payload": ""}),
        ("DryRun", {"status": 204, "payload": ""}),
    ):
        event = json.dumps({"name": "jobs-dev-work", "kind": kind})
        answer = client.invoke(FunctionName="jobs-dev-ask", Payload=event)
        assert json.load(answer["Payload"]) == expected
    jobs.wait_for(lambda: [each["n"] for each in jobs.records()] == ["asked", "asked"])


def test_a_caller_that_finds_no_environment_is_throttled(start_jobs: Callable[..., Jobs]) -> None:
    client = start_jobs(", invocationQueue: 1").client()
    with pytest.raises(client.exceptions.TooManyRequestsException) as caught:
        client.invoke(FunctionName="off")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


# Asynchronous


def test_an_event_runs_once_under_the_id_that_its_sender_was_told(
    start_jobs: Callable[..., Jobs],
) -> None:
    jobs = start_jobs()
    request_id = jobs.send("work", n=1)
    jobs.wait_for(jobs.records)
    time.sleep(1.5)  # longer than redeliveryS
    assert jobs.records() == [{"n": 1, "id": request_id}]


def test_a_failure_is_retried_and_its_destination_told(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    request_id = jobs.send("told", n=1, fail=True)
    jobs.wait_for(jobs.notes)
    assert jobs.records()[:-1] == [{"n": 1, "id": request_id}] * 2
    (note,) = jobs.notes()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", note.pop("timestamp"))
    response = note.pop("responsePayload")
    assert (response["errorType"], response["errorMessage"]) == ("ValueError", "on purpose")
    arn = "arn:aws:lambda:us-east-1:000000000000:function:jobs-dev-told:$LATEST"
    assert note == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": arn,
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 2,
        },
        "requestPayload": {"n": 1, "fail": True},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }


def test_a_success_is_told(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    jobs.send("told", n=1)
    jobs.wait_for(jobs.notes)
    (note,) = jobs.notes()
    assert note["requestContext"]["condition"] == "Success"
    assert note["responsePayload"] == {"did": 1}


def test_a_function_that_is_off_tells_its_destination(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    jobs.send("off", n=1)
    jobs.wait_for(jobs.notes)
    (note,) = jobs.notes()
    assert note["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert note["requestPayload"] == {"n": 1}


def test_without_a_destination_a_failure_is_a_dead_letter_and_the_log_says_so(
    start_jobs: Callable[..., Jobs],
) -> None:
    jobs = start_jobs()
    request_id = jobs.send("work", n=1, fail=True)
    jobs.node.wait_for_log(
        f"function work failed on the asynchronous event {request_id}, 3 attempts; "
        "the event is a dead letter now (bellwire dead-letters list). RetriesExhausted: "
    )
    assert len(jobs.records()) == 3


def test_throttled_events_are_waited_out(start_jobs: Callable[..., Jobs]) -> None:
    """Many more events than may wait: none is lost, none counts a throttle as an attempt."""
    jobs = start_jobs(", invocationQueue: 2, throttleDelayS: 0.2")
    for number in range(30):
        jobs.send("one", n=number, sleep=0.02)
    jobs.wait_for(lambda: len(jobs.records()) >= 30)
    assert sorted(each["n"] for each in jobs.records()) == list(range(30))
    assert jobs.notes() == []


def test_a_full_store_refuses_and_what_was_accepted_runs(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs(", storedInvocationsBytes: 100000, invocationsInFlight: 1")
    client = jobs.client()
    accepted: list[int] = []

    def fill() -> None:
        for number in range(1000):
            event = json.dumps({"n": number, "sleep": 0.1, "filler": "x" * 10_000})
            client.invoke(FunctionName="work", InvocationType="Event", Payload=event)
            accepted.append(number)

    with pytest.raises(client.exceptions.ServiceException) as caught:
        fill()
    assert caught.value.response["Error"]["Message"] == (
        "asynchronous events fill all of their 100000 bytes"
    )
    assert 5 < len(accepted) < 50
    jobs.wait_for(lambda: {each["n"] for each in jobs.records()} == set(accepted))


def test_the_largest_event_and_its_record(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    client = jobs.client()
    filler = "x" * (1024 * 1024 - len('{"n": 1, "filler": ""}'))
    event = json.dumps({"n": 1, "filler": filler})
    assert len(event) == 1024 * 1024
    client.invoke(FunctionName="work", InvocationType="Event", Payload=event)
    jobs.wait_for(jobs.records)
    failing = json.dumps({"n": 1, "fail": 1, "filler": filler[:-11]})
    client.invoke(FunctionName="told", InvocationType="Event", Payload=failing)
    jobs.node.wait_for_log("the event is a dead letter now (bellwire dead-letters list)")
    assert "did not reach its destination note: it has 104" in jobs.node.log_text()


# Whatever is killed


def send_all(jobs: Jobs, count: int) -> set[int]:
    """Send events from several threads; return those that were accepted."""
    client = jobs.client()

    def send(number: int) -> int | None:
        event = json.dumps({"n": number, "sleep": 0.005})
        try:
            client.invoke(FunctionName="told", InvocationType="Event", Payload=event)
        except (ClientError, BotoCoreError):
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        return {number for number in pool.map(send, range(count)) if number is not None}


def successes(jobs: Jobs) -> set[int]:
    return {note["requestPayload"]["n"] for note in jobs.notes()}


def test_killing_the_node_loses_no_accepted_event_and_no_record(
    start_jobs: Callable[..., Jobs],
) -> None:
    jobs = start_jobs()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_all, jobs, 2000)
        jobs.wait_for(lambda: len(jobs.records()) > 40)  # of two kinds
        children = list(jobs.node.children())
        jobs.node.kill()
        accepted = sending.result()
    ran = {each["n"] for each in jobs.records() if "n" in each}
    assert 20 < len(accepted) < 2000
    assert accepted - ran, "killed too late to prove anything"
    jobs.node.wait_until_gone(children, within_s=10)
    jobs.node.start()
    jobs.wait_for(lambda: accepted <= successes(jobs), within_s=60)


@pytest.mark.parametrize("victim", ["worker", "fork server", "nats-server"])
def test_killing_a_child_loses_no_accepted_event(
    start_jobs: Callable[..., Jobs], victim: str
) -> None:
    jobs = start_jobs(retry_delay_s=1)  # an event is not tried again before the last kill
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_all, jobs, 300)
        killed = 0
        for _ in range(3):
            time.sleep(0.3)
            for pid in jobs.node.victims(victim)[:1]:
                os.kill(pid, signal.SIGKILL)
                killed += 1
        accepted = sending.result()
    assert killed > 1
    assert len(accepted) > 50
    jobs.wait_for(lambda: accepted <= successes(jobs), within_s=60)


def test_a_stop_leaves_what_waits_for_the_next_start(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs(retry_delay_s=60)
    jobs.send("work", n=1, sleep=0.5)
    jobs.send("one", n=2, sleep=0.5)
    jobs.send("one", n=3, sleep=0.5)
    jobs.node.wait_for_log("working on 2")
    started = time.monotonic()
    assert jobs.node.stop() == 0
    assert time.monotonic() - started < 10
    jobs.node.start()
    jobs.wait_for(lambda: {each["n"] for each in jobs.records()} == {1, 2, 3})


def test_an_event_of_a_function_that_is_gone_is_a_dead_letter(
    start_jobs: Callable[..., Jobs],
) -> None:
    jobs = start_jobs(retry_delay_s=60)
    jobs.send("work", n=1, fail=True)
    jobs.wait_for(jobs.records)
    assert jobs.node.stop() == 0
    file = jobs.node.folder / "serverless.yml"
    file.write_text(file.read_text().replace("  work: {handler: handler.work}\n", ""))
    jobs.node.start()
    jobs.node.wait_for_log("a dead letter now (bellwire dead-letters list). Function not found: ")


def test_the_figures_of_asynchronous_events_are_metrics(start_jobs: Callable[..., Jobs]) -> None:
    jobs = start_jobs()
    jobs.send("told", n=1, fail=True)
    jobs.wait_for(jobs.notes)
    text = urllib.request.urlopen(f"{jobs.node.http_url}/metrics").read().decode()
    for figure in (
        'bellwire_AsyncEventsReceived_total{FunctionName="jobs-dev-told"} 1.0',
        'bellwire_AsyncEventsDropped_total{FunctionName="jobs-dev-told"} 1.0',
        'bellwire_AsyncEventAge_seconds_count{FunctionName="jobs-dev-told"} 2.0',
        'bellwire_DestinationDeliveryFailures_total{FunctionName="jobs-dev-told"} 0.0',
        'bellwire_DeadLetterErrors_total{FunctionName="jobs-dev-told"} 0.0',
        'bellwire_Invocations_total{FunctionName="jobs-dev-told"} 2.0',
        'bellwire_Errors_total{FunctionName="jobs-dev-told"} 2.0',
        'bellwire_function_async_events_retried_total{FunctionName="jobs-dev-told"} 1.0',
        'bellwire_function_async_events_running{FunctionName="jobs-dev-told"} 0.0',
    ):
        assert figure in text
