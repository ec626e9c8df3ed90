"""One environment: its output, what it inherits, how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import uvloop

from bellwire.functions.pool import LogLine
from bellwire.limits import Limits


if TYPE_CHECKING:
    from tests.functions.conftest import Harness, Run

ID = "6c14aac6-b810-49ce-9c6c-50104412d524"
OTHER_ID = "0d4e1a52-3c9f-4a43-8f0e-1f2d3c4b5a69"


def test_all_output_comes_before_the_result_in_the_order_it_was_written(
    harness: Harness, run: Run
) -> None:
    harness.write(
        """
        import logging, sys

        def f(event, context):
            print("one")
            print("err", file=sys.stderr)
            logging.getLogger("x").warning("careful: %s", event)
            logging.getLogger("x").info("not shown")
            context.log("from the context")
            print("two\\nthree")
            print("unfinished", end="")
            return 1
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            seen: list[list[LogLine]] = []
            future = pools.invoke("f", b'"21.5"', request_id=ID)
            future.add_done_callback(lambda _: seen.append(list(harness.lines)))
            await future
            await asyncio.sleep(0)
        (lines,) = seen
        warning = lines.pop(2)
        assert lines == [
            LogLine("f", ID, "stdout", "one"),
            LogLine("f", ID, "stderr", "err"),
            LogLine("f", ID, "stdout", "from the context"),
            LogLine("f", ID, "stdout", "two"),
            LogLine("f", ID, "stdout", "three"),
            LogLine("f", ID, "stdout", "unfinished"),
        ]
        level, moment, request_id, message = warning.text.split("\t")
        assert (level, request_id, message) == ("[WARNING]", ID, "careful: 21.5")
        assert abs(time.time() - _epoch(moment)) < 60
        assert len(harness.lines) == 7, "nothing comes later"

    run(main())


def _epoch(moment: str) -> float:
    parsed = time.strptime(f"{moment[:19]} UTC", "%Y-%m-%dT%H:%M:%S %Z")
    return time.mktime(parsed) - time.timezone


def test_a_handler_may_set_levels_and_formats(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import logging
        root = logging.getLogger()
        root.setLevel(logging.DEBUG)

        def f(event, context):
            for level in (logging.DEBUG, logging.INFO, logging.ERROR, logging.CRITICAL):
                logging.log(level, "x")
            root.handlers[0].setFormatter(logging.Formatter("%(aws_request_id)s %(message)s"))
            try:
                1 / 0
            except ZeroDivisionError:
                logging.exception("caught")
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            await harness.call(pools, request_id=ID)
        texts = harness.texts(ID)
        assert [text.split("\t")[0] for text in texts[:4]] == [
            "[DEBUG]",
            "[INFO]",
            "[ERROR]",
            "[CRITICAL]",
        ]
        caught = texts[4].split("\n")
        assert caught[:2] == [f"{ID} caught", "Traceback (most recent call last):"]
        assert caught[-1] == "ZeroDivisionError: division by zero"

    run(main())


def test_output_past_python_comes_before_the_result_too(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, subprocess, sys

        def f(event, context):
            os.write(1, b"written ")
            os.write(1, b"raw\\nand unfinished")
            subprocess.run([sys.executable, "-c", "print('from a child')"], stdout=sys.stderr)
            sys.__stdout__.write("of the interpreter\\n")
            return 1
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            for request_id in (ID, OTHER_ID):
                lines: list[LogLine] = []
                future = pools.invoke("f", b"1", request_id=request_id)
                future.add_done_callback(lambda _: lines.extend(harness.lines))  # noqa: B023
                await future
                await asyncio.sleep(0)
                assert lines == [
                    LogLine("f", request_id, "stdout", "written raw"),
                    LogLine("f", request_id, "stdout", "and unfinishedof the interpreter"),
                    LogLine("f", request_id, "stderr", "from a child"),
                ] or lines == [
                    LogLine("f", request_id, "stdout", "written raw"),
                    LogLine("f", request_id, "stderr", "from a child"),
                    LogLine("f", request_id, "stdout", "and unfinishedof the interpreter"),
                ]
                harness.lines.clear()

    run(main())


def test_the_last_output_of_a_process_is_kept(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, sys

        def f(event, context):
            print("last print", end="")
            os.write(2, b"last write")
            sys.exit("last words")
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            await harness.call(pools, request_id=ID)
        assert sorted(harness.texts(ID)[:-1]) == ["last print", "last words", "last write"]
        assert harness.texts(ID)[-1] == (
            f"RequestId: {ID} Error: Runtime exited with error: exit status 1 Runtime.ExitError"
        )

    run(main())


def test_a_thread_left_behind_writes_for_the_invocation_that_ran_last(
    harness: Harness, run: Run
) -> None:
    harness.write(
        """
        import threading, time

        def late():
            time.sleep(0.05)
            print("late")

        def f(event, context):
            threading.Thread(target=late).start()
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            await harness.call(pools, request_id=ID)
            assert harness.lines == []
            await asyncio.sleep(0.2)
            assert harness.lines == [LogLine("f", ID, "stdout", "late")]

    run(main())


def test_a_long_line_is_cut(harness: Harness, run: Run) -> None:
    harness.write("def f(event, context):\n    print('x' * 3000)\n    print('next')\n")

    async def main() -> None:
        async with harness.running(harness.function(), limits=Limits(log_line_bytes=1000)) as pools:
            await harness.call(pools, request_id=ID)
        assert harness.texts(ID) == ["x" * 1000 + " … [bellwire: 2000 more bytes cut]", "next"]

    run(main())


def test_a_flood_of_output_is_dropped_and_marked_and_stops_nobody(harness: Harness) -> None:
    harness.write(
        """
        import os, subprocess

        def prints(event, context):
            for n in range(200_000):
                print("line", n)
            return "done"

        def writes(event, context):
            for n in range(2000):
                os.write(1, b"x" * 999 + b"\\n")
            return "done"

        def without_end(event, context):
            while True:
                print("again")

        def quick(event, context):
            return 1
        """
    )
    limits = Limits(log_bytes_per_s=100_000)
    keys = ("prints", "writes", "without_end", "quick")
    functions = [
        harness.function(key, timeout_s=1.4 if key == "without_end" else 20) for key in keys
    ]

    async def main() -> None:
        async with harness.running(*functions, limits=limits) as pools:
            flood = [asyncio.create_task(harness.call(pools, key)) for key in keys[:3]]
            slowest = 0.0
            while not all(task.done() for task in flood):
                started = time.monotonic()
                assert await harness.value(pools, "quick") == 1
                slowest = max(slowest, time.monotonic() - started)
                await asyncio.sleep(0.01)
            prints, writes, endless = [task.result() for task in flood]
        assert (prints.payload, writes.payload) == (b'"done"', b'"done"')
        assert endless.timed_out
        assert slowest < 1.0
        for key in keys[:3]:
            lines = [line.text for line in harness.lines if line.function == key]
            assert len("\n".join(lines)) < 600_000, key
            assert any("bytes of output dropped: more than 100000" in text for text in lines), key

    uvloop.run(main())


def test_a_handler_that_spoils_its_process_is_served_on(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import json, os, sys, io

        def f(event, context):
            if event == "spoil":
                os.close(1)
                os.chdir("/")
                os.environ = {}
                json.loads = json.dumps = None
                sys.stdout.close()
                sys.stderr = io.StringIO()
                return "spoilt"
            if event == "raise":
                raise ValueError("still told")
            return [event, os.getcwd()]
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools, event="spoil") == "spoilt"
            assert await harness.value(pools, event="x") == ["x", "/"]
            failed = await harness.call(pools, event="raise")
            assert b'"errorMessage": "still told", "errorType": "ValueError"' in failed.payload
            assert pools.statistics()["f"].crashes == 0

    run(main())


def test_a_child_that_comes_back_from_the_handler_answers_nothing(
    harness: Harness, run: Run
) -> None:
    harness.write(
        """
        import os, time

        def f(event, context):
            if pid := os.fork():
                os.waitpid(pid, 0)
                return "parent"
            print("from the child")
            held = open(os.devnull)  # takes the lowest number that is free
            if pid := os.fork():
                os.waitpid(pid, 0)
            held.read()
            return "child"
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            for _ in range(3):
                assert await harness.value(pools) == "parent"
        assert [line.text for line in harness.lines] == ["from the child"] * 3

    run(main())


def test_multiprocessing_works(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import multiprocessing

        def work(connection, n):
            print("working")
            connection.send(n * n)

        def f(event, context):
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.get_context(event).Process(target=work, args=(theirs, 7))
            child.start()
            result = ours.recv()
            child.join()
            return result
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools, event="fork") == 49
            assert await harness.value(pools, event="spawn") == 49
        assert [line.text for line in harness.lines] == ["working"] * 2

    run(main())


def test_bytes_on_the_socket_that_are_no_frame_end_the_process(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, stat

        def sockets():
            for fd in range(3, 64):
                try:
                    if stat.S_ISSOCK(os.fstat(fd).st_mode):
                        yield fd
                except OSError:
                    pass

        def f(event, context):
            if event:
                for fd in sockets():
                    os.write(fd, bytes.fromhex(event))
            return 1
        """
    )
    garbage = {
        "text": b"hello, world\n".hex(),
        "a result nobody asked for": (b"\x04\x05\x00\x00\x00\x00\x00\x00\x001" * 2).hex(),
        "ready again": b"\x02\x00\x00\x00\x00".hex(),
        "a frame of 4 GB": b"\x04\xff\xff\xff\xff".hex(),
    }

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            for event in garbage.values():
                await harness.call(pools, event=event)
                assert await harness.value(pools, event="") == 1
            assert pools.statistics()["f"].crashes == len(garbage)
        notes = [line.text for line in harness.lines if line.text.startswith("[bellwire]")]
        prefix = "[bellwire] the function wrote to the socket of its runtime: "
        assert [note.removeprefix(prefix) for note in notes] == [
            "there is no frame of kind 104",
            "a result that nobody asked for",
            "a frame of kind 2 at the wrong time",
            "a frame of 4294967295 bytes, where 6357092 are allowed",
        ]

    run(main())


def test_what_a_process_inherits(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, sys

        def f(event, context):
            held = []
            for fd in range(3, 256):
                try:
                    os.fstat(fd)
                except OSError:
                    continue
                held.append(os.get_inheritable(fd))
            return {
                "held": held,
                "stdin": sys.stdin.read(),
                "cwd": os.getcwd(),
                "path": sys.path[0],
                "argv": sys.argv[1:],
                "session": os.getsid(0) == os.getpid(),
                "table": os.environ["TABLE"],
                "trace": os.environ["_X_AMZN_TRACE_ID"].partition(";")[0][-24:],
                "leaked": "PYTEST_CURRENT_TEST" in os.environ,
            }
        """
    )

    async def main() -> None:
        function = harness.function(environment={"TABLE": "devices"})
        async with harness.running(function, channels={"A": asyncio.Protocol}) as pools:
            result = await pools.invoke("f", b"{}", request_id=ID)
        assert result.payload.decode() == (
            '{"held": [false, false], "stdin": "", '
            f'"cwd": "{harness.folder}", "path": "{harness.folder}", "argv": ["h.f"], '
            '"session": true, "table": "devices", '
            '"trace": "b81049ce9c6c50104412d524", "leaked": false}'
        )

    run(main())


class Echo(asyncio.Protocol):
    """Answers in capitals."""

    def __init__(self, seen: list[bytes], ended: asyncio.Event) -> None:
        self._seen = seen
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._seen.append(data)
        self._transport.write(data.upper())  # type: ignore[attr-defined]

    def connection_lost(self, error: Exception | None) -> None:
        assert error is None
        self._ended.set()


def test_a_channel_joins_the_handler_to_a_protocol_of_the_node(harness: Harness, run: Run) -> None:
    harness.write(
        """
        import os, socket

        def f(event, context):
            channel = socket.socket(fileno=os.dup(int(os.environ["TEST_CHANNEL_FD"])))
            with channel:
                channel.sendall(event.encode())
                return channel.recv(100).decode()
        """
    )
    seen: list[bytes] = []

    async def main() -> None:
        ended = asyncio.Event()
        channels = {"TEST_CHANNEL_FD": lambda: Echo(seen, ended)}
        async with harness.running(harness.function(), channels=channels) as pools:
            assert await harness.value(pools, event="hello") == "HELLO"
            os.kill(harness.workers()[0], signal.SIGKILL)
            async with asyncio.timeout(5):
                await ended.wait()
            for _ in range(500):  # the channel may be seen to end before the worker is
                if pools.statistics()["f"].crashes:
                    break
                await asyncio.sleep(0.01)
            assert await harness.value(pools, event="again") == "AGAIN"
        assert seen == [b"hello", b"again"]

    run(main())


NODE = """
    import asyncio, sys
    from pathlib import Path
    from bellwire.definition.model import Function
    from bellwire.errors import Place
    from bellwire.functions.pool import Functions, RuntimeSettings
    from bellwire.limits import Limits

    async def main():
        place = Place("serverless.yml", 1, 1)
        functions = [
            Function(key, key, f"h.{key}", "python3.11", 60, 128, {}, None, place)
            for key in ("idle", "busy")
        ]
        runtime = RuntimeSettings(Path(sys.argv[1]), "eu-west-1", "1", "dev", "http://127.0.0.1:9")
        pools = Functions(functions, runtime=runtime, limits=Limits(), log=print)
        await pools.start()
        pools.invoke("busy", b"{}", request_id="x")
        await asyncio.sleep(60)

    asyncio.run(main())
"""


def test_a_killed_node_leaves_no_process(harness: Harness) -> None:
    harness.write(
        """
        import pathlib, time

        def idle(event, context):
            pass

        def busy(event, context):
            pathlib.Path("running").touch()
            while True:
                pass
        """
    )
    script = harness.folder.with_name(f"{harness.folder.name}_node.py")
    script.write_text(dedent(NODE))
    node = subprocess.Popen(
        [sys.executable, str(script), str(harness.folder)], cwd=Path(__file__).parent
    )
    try:
        deadline = time.monotonic() + 10
        while not (harness.folder / "running").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        workers = [pid for pid in harness.workers() if pid != node.pid]
        assert len(workers) == 3  # and their fork server
    finally:
        node.kill()
        node.wait()

    async def gone() -> None:
        for pid in workers:
            await harness.wait_gone(pid)

    uvloop.run(gone())


def test_multiprocessing_works_in_a_python_without_bellwire(harness: Harness) -> None:
    python = Path(sys.executable).resolve()
    subprocess.run([python, "-m", "venv", "--without-pip", harness.folder / ".venv"], check=True)
    harness.write(
        """
        import multiprocessing

        def work(connection):
            connection.send(7)

        def f(event, context):
            ours, theirs = multiprocessing.Pipe()
            child = multiprocessing.get_context("spawn").Process(target=work, args=(theirs,))
            child.start()
            theirs.close()
            return ours.recv()
        """
    )

    async def main() -> None:
        async with harness.running(harness.function()) as pools:
            assert await harness.value(pools) == 7

    asyncio.run(main())


def test_a_function_hears_of_signals_however_the_node_was_started(
    harness: Harness, node: str
) -> None:
    harness.write(
        "import signal\n"
        "def f(event, context):\n"
        "    return signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    harness.write(
        """
        const fs = require("fs");
        exports.f = async () => {
          const status = fs.readFileSync("/proc/self/status", "utf8");
          const ignored = /^SigIgn:\\s*(\\w+)/m.exec(status)[1];
          return (BigInt("0x" + ignored) & 2n) === 0n;
        };
        """,
        "h.js",
    )

    async def main() -> None:
        functions = (
            harness.function("python", handler="h.f"),
            harness.function("node", handler="h.f", runtime="nodejs20.x"),
        )
        async with harness.running(*functions) as pools:
            assert await harness.value(pools, "python") is True
            assert await harness.value(pools, "node") is True

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in the background of a script
    try:
        asyncio.run(main())
    finally:
        signal.signal(signal.SIGINT, before)
