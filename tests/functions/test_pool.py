"""Functions as their callers see them: results, failures, limits; in real processes."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import uvloop

from bellwire.errors import (
    NotFoundError,
    PayloadTooLargeError,
    TooManyRequestsError,
    UnsupportedFeatureError,
)
from bellwire.functions.pool import (
    Functions,
    LogLine,
    Result,
    RuntimeSettings,
)
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run


ID = "6c14aac6-b810-49ce-9c6c-50104412d524"


def test_an_event_goes_in_and_a_result_comes_out(harness: Harness, run: Run) -> None:
    harness.write(
        """
        def f(event, context):
            return {"event": event, "id": context.aws_request_id}
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            result = await harness.call(pools, event={"tempé": [1, None]}, request_id=ID)
            assert (json.loads(result.payload), result.error) == (
                {"event": {"tempé": [1, None]}, "id": ID},
                None,
            )

    run(main())


def test_module_state_is_kept_between_invocations(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os
        count = 0

        def f(event, context):
            global count
            count += 1
            return [count, os.getpid()]
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            seen = [await harness.value(pools) for _ in range(3)]
            assert [count for count, _ in seen] == [1, 2, 3]
            assert {pid for _, pid in seen} == set(harness.workers())
            assert seen[0][1] != os.getpid()

    run(main())


def test_events_and_results_of_six_megabytes(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return event\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            text = "x" * (6 * 1024 * 1024 - 2)
            assert await harness.value(pools, event=text) == text
            with pytest.raises(PayloadTooLargeError) as caught:
                pools.invoke("f", b" " * (6 * 1024 * 1024 + 1), request_id=ID)
            assert caught.value.message == (
                "6291457 byte payload is too large for the RequestResponse invocation type "
                "(limit 6291456 bytes)"
            )

    run(main())


FAILURES = """
import os
import signal
import sys


class TooWarm(Exception):
    pass


def fails(event, context):
    raise TooWarm("21.5")


def nested(event, context):
    try:
        {}["missing"]
    except KeyError:
        raise TooWarm()


def recursion(event, context):
    return recursion(event, context)


def unserialisable(event, context):
    return {"when": {1}}


async def is_async(event, context):
    return 1


def too_large(event, context):
    return "x" * (6 * 1024 * 1024 + 99)


def large_error(event, context):
    raise ValueError("x" * (7 * 1024 * 1024))


def as_bytes(event, context):
    return b"\\x00raw"


def exits(event, context):
    sys.exit(3)


def exits_well(event, context):
    sys.exit(0)


def exits_with_text(event, context):
    sys.exit("nothing left to do")


def exits_hard(event, context):
    os._exit(7)


def aborts(event, context):
    os.abort()


def is_killed(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def closes_all(event, context):
    os.closerange(3, 64)


def interrupts(event, context):
    raise KeyboardInterrupt
"""


def failure(error_type: str, message: str, trace: list[str] | None = None) -> dict[str, object]:
    return {
        "errorMessage": message,
        "errorType": error_type,
        "requestId": ID,
        "stackTrace": trace or [],
    }


def platform_failure(error_type: str, what: str) -> dict[str, object]:
    return {"errorType": error_type, "errorMessage": f"RequestId: {ID} Error: {what}"}


def run_once(harness: Harness, run: Run, key: str, source: str = FAILURES) -> Result:
    """Invoke `h.{key}` once, check that the function lives on, and return the result."""
    harness.write(source)
    results: list[Result] = []

    async def main() -> None:
        async with harness.running(harness.function(key)) as pools:
            results.append(await harness.call(pools, key, request_id=ID))
            assert await harness.call(pools, key, request_id=ID) == results[0]

    run(main())
    return results[0]


@pytest.mark.parametrize(
    ("key", "document"),
    [
        ("unserialisable", failure(
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        )),
        ("is_async", failure(
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type coroutine is not JSON serializable",
        )),
        ("too_large", {
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            "(6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }),
        ("large_error", {
            "errorMessage": "Response payload size exceeded maximum allowed payload size "
            "(6291556 bytes).",
            "errorType": "Function.ResponseSizeTooLarge",
        }),
        ("exits", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: exit status 3"
        )),
        ("exits_well", platform_failure(
            "Runtime.ExitError", "Runtime exited without providing a reason"
        )),
        ("exits_with_text", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: exit status 1"
        )),
        ("exits_hard", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: exit status 7"
        )),
        ("aborts", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: signal: aborted"
        )),
        ("is_killed", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: signal: killed"
        )),
        ("closes_all", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: exit status 1"
        )),
        ("interrupts", platform_failure(
            "Runtime.ExitError", "Runtime exited with error: signal: interrupt"
        )),
    ],
)  # fmt: skip
def test_a_failure_costs_one_invocation_and_is_told_as_lambda_tells_it(
    harness: Harness, key: str, document: dict[str, object]
) -> None:
    result = run_once(harness, asyncio.run, key)
    assert (json.loads(result.payload), result.error, result.timed_out) == (
        document, "Unhandled", False
    )  # fmt: skip


def test_an_exception_is_told_with_the_frames_of_the_handler(harness: Harness) -> None:
    result = run_once(harness, asyncio.run, "fails")
    file = harness.folder / "h.py"
    line = 1 + FAILURES.splitlines().index('    raise TooWarm("21.5")')
    frame = f'  File "{file}", line {line}, in fails\n    raise TooWarm("21.5")\n'
    assert json.loads(result.payload) == failure("TooWarm", "21.5", [frame])
    text = (
        "[ERROR] TooWarm: 21.5\nTraceback (most recent call last):\n"
        f'\xa0\xa0File "{file}", line {line}, in fails\n\xa0\xa0\xa0\xa0raise TooWarm("21.5")'
    )
    report = [LogLine("fails", ID, "stderr", text)]
    assert harness.lines == 2 * report


def test_an_exception_in_an_exception_and_one_too_deep(harness: Harness) -> None:
    document = json.loads(run_once(harness, asyncio.run, "nested").payload)
    assert (document["errorType"], document["errorMessage"]) == ("TooWarm", "")
    assert len(document["stackTrace"]) == 1
    document = json.loads(run_once(harness, asyncio.run, "recursion").payload)
    assert document["errorType"] == "RecursionError"
    assert document["errorMessage"].startswith("maximum recursion depth exceeded")
    assert ", in recursion\n" in document["stackTrace"][0]
    assert len(json.dumps(document)) < 10_000


def test_bytes_are_a_result(harness: Harness) -> None:
    assert run_once(harness, asyncio.run, "as_bytes") == Result(b"\x00raw", None, False)


def test_an_event_that_is_not_json(harness: Harness) -> None:
    harness.write("def f(event, context):\n    return event\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            result = await pools.invoke("f", b"{", request_id=ID)
            assert json.loads(result.payload) == failure(
                "Runtime.UnmarshalError",
                "Unable to unmarshal input: Expecting property name enclosed in double quotes: "
                "line 1 column 2 (char 1)",
            )

    asyncio.run(main())


def test_a_timeout_kills_the_process_and_its_children(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import pathlib, signal, subprocess, sys, time

        def f(event, context):
            if event:
                return event
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
            pathlib.Path("child").write_text(str(sleeper.pid))
            print("before", end="")
            sys.stdout.flush()
            time.sleep(60)
        """
    )

    async def main() -> None:
        async with harness.running(harness.function(timeout_s=0.5)) as pools:
            started = time.monotonic()
            result = await harness.call(pools, request_id=ID)
            assert 0.49 < time.monotonic() - started < 1.5
            assert (json.loads(result.payload), result.error, result.timed_out) == (
                platform_failure("Sandbox.Timedout", "Task timed out after 0.50 seconds"),
                "Unhandled",
                True,
            )
            await harness.wait_gone(int((harness.folder / "child").read_text()))
            assert await harness.value(pools, event="next") == "next"
            assert pools.statistics()["f"].timeouts == 1
        first, last = harness.texts(ID)
        assert first == "before"
        assert re.fullmatch(
            rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {ID} Task timed out after 0\.50 seconds",
            last,
        )

    run(main())


def test_each_invocation_has_a_deadline_of_its_own(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import time

        def f(event, context):
            time.sleep(event)
            return context.get_remaining_time_in_millis()
        """
    )

    async def main() -> None:
        async with harness.running(harness.function(timeout_s=0.6)) as pools:
            for _ in range(3):
                assert 200 < await harness.value(pools, event=0.3) <= 301

    run(main())


def test_a_process_killed_from_outside(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import time

        def f(event, context):
            time.sleep(event)
            return "done"
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            (pid,) = harness.workers()
            future = pools.invoke("f", b"60", request_id=ID)
            await asyncio.sleep(0.05)
            os.kill(pid, signal.SIGKILL)
            result = await future
            assert json.loads(result.payload) == platform_failure(
                "Runtime.ExitError", "Runtime exited with error: signal: killed"
            )
            assert await harness.value(pools, event=0) == "done"
            (pid,) = harness.workers()
            os.kill(pid, signal.SIGKILL)  # idle this time
            await harness.wait_gone(pid)
            await asyncio.sleep(0.02)  # or the next invocation may still be given to it
            assert await harness.value(pools, event=0) == "done"
            assert pools.statistics()["f"].crashes == 2
        assert harness.texts(ID) == [
            f"RequestId: {ID} Error: Runtime exited with error: signal: killed Runtime.ExitError"
        ]

    run(main())


INIT_FAILURES = {
    "no_module": (
        "nothing.f",
        "Runtime.ImportModuleError",
        "Unable to import module 'nothing': No module named 'nothing'",
    ),
    "no_function": (
        "h.nothing",
        "Runtime.HandlerNotFound",
        "Handler 'nothing' missing on module 'h'",
    ),
    "no_dot": (
        "handler",
        "Runtime.MalformedHandlerName",
        "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
    ),
    "bad_syntax": (
        "bad.f",
        "Runtime.UserCodeSyntaxError",
        "Syntax error in module 'bad': invalid syntax (bad.py, line 1)",
    ),
    "raises": ("raises.f", "ZeroDivisionError", "division by zero"),
}


def test_a_module_that_cannot_be_imported_is_tried_again_each_time(
    harness: Harness, run: Run
) -> None:
    harness.write("def f(:\n", "bad.py")
    harness.write("1 / 0\n", "raises.py")
    harness.write("def f(event, context):\n    return 1\n")
    functions = [harness.function(key, handler=row[0]) for key, row in INIT_FAILURES.items()]

    async def main() -> None:
        async with harness.running(*functions) as pools:
            for key, (_, error_type, message) in INIT_FAILURES.items():
                result = await harness.call(pools, key, request_id=ID)
                document = json.loads(result.payload)
                trace = document.pop("stackTrace")
                assert document == {
                    "errorMessage": message,
                    "errorType": error_type,
                    "requestId": "",
                }
                assert bool(trace) == (key in ("bad_syntax", "raises"))
                assert (result.error, result.timed_out) == ("Unhandled", False)
                assert pools.statistics()[key].init_failures == 2
            harness.write("def f(event, context):\n    return 'mended'\n", "raises.py")
            assert await harness.value(pools, "raises") == "mended"
        report = (
            f"[ERROR] Runtime.ImportModuleError: {INIT_FAILURES['no_module'][2]}\n"
            "Traceback (most recent call last):"
        )
        assert harness.texts(None).count(report) == 2

    run(main())


def test_a_module_that_exits_or_hangs_while_imported(harness: Harness, run: Run) -> None:
    harness.write("import sys\nsys.exit(2)\n", "exits.py")
    harness.write("import time\nprint('slow')\ntime.sleep(60)\n", "hangs.py")
    limits = Limits(init_timeout_s=1.0)
    functions = [harness.function(name, handler=f"{name}.f") for name in ("exits", "hangs")]

    async def main() -> None:
        async with harness.running(*functions, limits=limits) as pools:
            exits = await harness.call(pools, "exits", request_id=ID)
            hangs = await harness.call(pools, "hangs", request_id=ID)
        assert json.loads(exits.payload) == platform_failure(
            "Runtime.ExitError", "Runtime exited with error: exit status 2"
        )
        assert json.loads(hangs.payload) == platform_failure(
            "Sandbox.Timedout", "Task timed out after 1.00 seconds"
        )
        assert (exits.timed_out, hangs.timed_out) == (False, True)
        assert LogLine("hangs", None, "stdout", "slow") in harness.lines

    run(main())


def test_starts_that_keep_failing_are_few(harness: Harness) -> None:
    harness.write("open('starts', 'a').write('x')\n1 / 0\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            deadline = time.monotonic() + 1.0
            while time.monotonic() < deadline:
                results = await asyncio.gather(*(harness.call(pools) for _ in range(20)))
                assert {json.loads(each.payload)["errorType"] for each in results} == {
                    "ZeroDivisionError"
                }
        assert 5 <= len((harness.folder / "starts").read_text()) < 40

    uvloop.run(main())


@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_a_module_that_raises_is_told_in_both_reports(
    harness: Harness, node: str, runtime: str
) -> None:
    harness.write("1 / 0\n")
    harness.write("throw new RangeError('no')\n", "h.js")
    function = harness.function(runtime=runtime)

    async def main() -> None:
        async with harness.running(function) as pools:
            await harness.call(pools)

    uvloop.run(main())
    reports = [line.text for line in harness.log if "REPORT " in line.text]
    assert len(reports) == 3  # of two inits, the second for an invocation
    assert all(text.endswith("\tStatus: error\tError Type: Runtime.Unknown") for text in reports)


def test_a_folder_that_is_gone(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        function = harness.function()
        home = harness.folder
        harness.folder = home / "gone"
        async with harness.running(function) as pools:
            result = await harness.call(pools, request_id=ID)
            assert json.loads(result.payload) == platform_failure(
                "Runtime.InvalidEntrypoint",
                f"[Errno 2] No such file or directory: '{harness.folder}'",
            )

    run(main())


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """Leave this process so many file descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    held: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        with suppress(OSError):
            while True:
                held.append(os.open("/dev/null", os.O_RDONLY))
        for _ in range(count):
            os.close(held.pop())
        yield
    finally:
        for fd in held:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_node_without_descriptors_left(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            os.kill(harness.workers()[0], signal.SIGKILL)
            for left in (0, 3, 6):  # for the socket, a pipe, the process
                with descriptors_left(left):
                    result = await harness.call(pools, request_id=ID)
                if left:  # the first may have been given to the process that was killed
                    document = json.loads(result.payload)
                    assert document["errorType"] == "Runtime.InvalidEntrypoint"
                    assert document["errorMessage"].startswith(
                        f"RequestId: {ID} Error: [Errno 24] Too many open files"
                    )
            before = len(os.listdir("/proc/self/fd"))
            with descriptors_left(5):
                await harness.call(pools)
            assert len(os.listdir("/proc/self/fd")) == before
            assert await harness.value(pools) == 1

    run(main())


BARRIER = """
import os, pathlib, time


def f(event, context):
    folder = pathlib.Path("arrived")
    folder.mkdir(exist_ok=True)
    (folder / str(os.getpid())).touch()
    deadline = time.monotonic() + 10
    while len(list(folder.iterdir())) < event:
        assert time.monotonic() < deadline, "alone"
        time.sleep(0.005)
    return os.getpid()
"""


def test_invocations_run_at_the_same_time_in_processes_of_their_own(
    harness: Harness, run: Run
) -> None:
    harness.write(BARRIER)

    async def main() -> None:
        async with harness.running(harness.function(concurrency=4)) as pools:
            pids = await asyncio.gather(*(harness.value(pools, event=4) for _ in range(4)))
            assert set(pids) == set(harness.workers())
            seen = pools.statistics()["f"]
            assert (seen.invocations, seen.errors, seen.throttles, seen.crashes) == (4, 0, 0, 0)
            assert (seen.starting, seen.idle, seen.busy, seen.waiting) == (0, 4, 0, 0)
            assert (seen.cold_starts, seen.durations.total, seen.concurrent_max) == (4, 4, 4)

    run(main())


def test_what_is_over_the_concurrency_waits_in_order_and_what_is_over_the_queue_is_refused(
    harness: Harness, run: Run
) -> None:
    harness.write(
        """
        import time
        ran = []

        def f(event, context):
            time.sleep(0.1 if event == 0 else 0)
            ran.append(event)
            return ran
        """
    )

    async def main() -> None:
        limits = Limits(invocation_queue=3)
        async with harness.running(harness.function(concurrency=1), limits=limits) as pools:
            futures = [pools.invoke("f", b"%d" % n, request_id=ID) for n in range(4)]
            with pytest.raises(TooManyRequestsError) as caught:
                pools.invoke("f", b"4", request_id=ID)
            assert caught.value.message == ("function f: 3 invocations wait for its 1 environments")
            results = [json.loads((await future).payload) for future in futures]
            assert results == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]
            assert await harness.value(pools, event=5) == [0, 1, 2, 3, 5]
            assert pools.statistics()["f"].throttles == 1

    run(main())


def test_one_that_nobody_waits_for_any_more_is_not_run(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import time
        ran = []

        def f(event, context):
            ran.append(event)
            time.sleep(0.1)
            return ran
        """
    )

    async def main() -> None:
        async with harness.running(harness.function(concurrency=1)) as pools:
            futures = [pools.invoke("f", b"%d" % n, request_id=ID) for n in range(4)]
            for future in futures[:3]:
                future.cancel()
            assert json.loads((await futures[3]).payload) == [0, 3]

    run(main())


def test_a_reserved_concurrency_of_zero_refuses_all(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        async with harness.running(harness.function(concurrency=0)) as pools:
            assert harness.workers() == []
            with pytest.raises(TooManyRequestsError, match="off: its reservedConcurrency is 0"):
                pools.invoke("f", b"{}", request_id=ID)

    run(main())


def test_a_function_that_does_not_exist(harness: Harness) -> None:
    async def main() -> None:
        async with harness.running() as pools:
            with pytest.raises(NotFoundError) as caught:
                pools.invoke("nothing", b"{}", request_id=ID)
            assert caught.value.message == (
                "Function not found: arn:aws:lambda:eu-west-1:123456789012:function:nothing"
            )

    asyncio.run(main())


def test_another_runtime_is_refused_with_its_place(harness: Harness) -> None:
    async def main() -> None:
        async with harness.running(harness.function(runtime="java21")):
            raise AssertionError

    with pytest.raises(UnsupportedFeatureError) as caught:
        asyncio.run(main())
    assert str(caught.value) == "serverless.yml:1:1: function f: runtime java21 is not supported"


SLEEPER = """
import time


def f(event, context):
    time.sleep(event)
    return "done"
"""


def test_stop_lets_what_runs_and_waits_end(harness: Harness, run: Run) -> None:
    harness.write(SLEEPER)

    async def main() -> None:
        async with harness.running(harness.function(concurrency=1), grace_s=10.0) as pools:
            futures = [pools.invoke("f", b"0.1", request_id=ID) for _ in range(3)]
        assert [(await future).payload for future in futures] == [b'"done"'] * 3
        with pytest.raises(TooManyRequestsError, match="function f: the node is stopping"):
            pools.invoke("f", b"0", request_id=ID)

    run(main())


def test_stop_ends_what_takes_longer_than_the_grace(harness: Harness) -> None:
    harness.write(SLEEPER)

    async def main() -> None:
        async with harness.running(harness.function(concurrency=1), grace_s=0.1) as pools:
            futures = [pools.invoke("f", b"60", request_id=ID) for _ in range(2)]
            await asyncio.sleep(0.05)
        running, waiting = [json.loads((await future).payload) for future in futures]
        assert running == platform_failure(
            "Runtime.ExitError", "Runtime exited with error: signal: terminated"
        )
        assert waiting == platform_failure("Runtime.ExitError", "The node stopped before it ran")

    uvloop.run(main())


def test_stop_kills_what_does_not_want_to_end(harness: Harness) -> None:
    harness.write(
        """
        import atexit, pathlib, signal, threading, time

        def f(event, context):
            signal.signal(signal.SIGTERM, lambda *_: pathlib.Path("terminated").touch())
            threading.Thread(target=time.sleep, args=(60,)).start()
            return 1
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools) == 1
        assert (harness.folder / "terminated").exists()

    uvloop.run(main())


def test_stop_while_modules_are_imported(harness: Harness) -> None:
    harness.write("import time\ntime.sleep(60)\n")

    async def main() -> None:
        started = time.monotonic()
        async with harness.running(harness.function(), limits=Limits(init_timeout_s=0.2)) as pools:
            future = pools.invoke("f", b"{}", request_id=ID)
            await asyncio.sleep(0)
        result = await future
        assert (result.error, result.timed_out) == ("Unhandled", False)
        assert time.monotonic() - started < 8

    uvloop.run(main())


def test_stop_before_the_start_has_ended(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        runtime = RuntimeSettings(harness.folder, "eu-west-1", "1", "dev", "http://127.0.0.1:9")
        for turns in range(6):  # of the loop: each finds the start at another point
            pools = Functions(
                [harness.function()], runtime=runtime, limits=Limits(), log=harness.log_entry
            )
            start = asyncio.create_task(pools.start())
            for _ in range(turns):
                await asyncio.sleep(0)
            await pools.stop(grace_s=0)
            await asyncio.wait_for(start, 5)
            assert harness.workers() == []

    run(main())


def test_one_whose_end_a_hanging_fork_server_does_not_tell(harness: Harness) -> None:
    harness.write("import os\ndef f(event, context):\n    os._exit(3)\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            (server,) = harness.fork_servers()
            os.kill(server, signal.SIGSTOP)
            async with asyncio.timeout(8):
                result = await harness.call(pools)
            assert json.loads(result.payload)["errorType"] == "Runtime.ExitError"

    uvloop.run(main())


def test_stop_while_the_fork_server_hangs(harness: Harness) -> None:
    harness.write("def f(event, context):\n    return 1\n")

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools) == 1
            (server,) = harness.fork_servers()
            os.kill(server, signal.SIGSTOP)
            async with asyncio.timeout(8):
                await pools.stop(grace_s=0.0)

    uvloop.run(main())


@pytest.mark.parametrize("name", ["PYTHONX", "X"])
@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x"])
def test_a_variable_that_cannot_be_one(
    harness: Harness, node: str, name: str, value: str, runtime: str
) -> None:
    harness.write("def f(event, context):\n    return 1\n")
    harness.write("exports.f = async () => 1;\n", "h.js")

    async def main() -> None:
        function = harness.function(environment={name: value}, runtime=runtime)
        async with asyncio.timeout(5), harness.running(function) as pools:
            assert (await harness.call(pools)).error == "Unhandled"

    asyncio.run(main())


def test_who_waits_no_more_takes_no_room_in_the_queue(harness: Harness, run: Run) -> None:
    harness.write("import time\ndef f(event, context):\n    time.sleep(event)\n    return event\n")

    async def main() -> None:
        limits = Limits(invocation_queue=2)
        async with harness.running(harness.function(concurrency=1), limits=limits) as pools:
            first = pools.invoke("f", b"0.3", request_id=ID)
            waiting = [pools.invoke("f", b"0", request_id=ID) for _ in range(2)]
            with pytest.raises(TooManyRequestsError):
                pools.invoke("f", b"0", request_id=ID)
            for each in waiting:
                each.cancel()
            assert await harness.value(pools, event=0) == 0
            assert (await first).payload == b"0.3"

    run(main())
