"""Handlers that abuse their process: the caller gets Lambda's answer, nobody else notices.

Each case runs twice while another function is called without a pause: once to abuse, and once to
see that the function is served on.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from textwrap import indent
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import uvloop

from bellwire.limits import Limits


if TYPE_CHECKING:
    from bellwire.functions.pool import Functions, Result
    from tests.functions.conftest import Harness

TIMEOUT_S = 1.5
NOTICED_S = 1.0
"""A call of the other function that takes this long has noticed something."""

WELL = "well"


class Abuse(NamedTuple):
    """What a handler does, and what its caller gets: a value or the type of an error."""

    source: str
    outcome: str = WELL
    then: str = WELL


ABUSES = {
    "floods stdout": Abuse("for n in range(200_000): print('line', n)"),
    "floods stderr past Python": Abuse("for n in range(3000): os.write(2, b'x' * 1000 + b'\\n')"),
    "floods with one line": Abuse("for n in range(300): sys.stdout.write('x' * 100_000)"),
    "floods by a child": Abuse("subprocess.run(['head', '-c', '30000000', '/dev/zero'])"),
    "floods the log": Abuse("for n in range(50_000): logging.warning('record %d', n)"),
    "returns 7 MB": Abuse("return 'x' * 7_000_000", "Function.ResponseSizeTooLarge"),
    "raises 7 MB": Abuse("raise ValueError('x' * 7_000_000)", "Function.ResponseSizeTooLarge"),
    "forks children and dies": Abuse(
        "for n in range(10):\n    if not os.fork(): time.sleep(60)\nos._exit(1)",
        "Runtime.ExitError",
    ),
    "forks children that come back": Abuse(
        "for n in range(10): os.fork()\nreturn 'well'",
    ),
    "starts children that outlive": Abuse(
        "subprocess.Popen(['sleep', '60'])\nos._exit(1)", "Runtime.ExitError"
    ),
    "closes descriptor 1": Abuse("os.close(1)"),
    "closes descriptors 0, 1, 2": Abuse("for n in range(3): os.close(n)"),
    "closes all descriptors": Abuse("os.closerange(0, 4096)", "Runtime.ExitError"),
    "opens all descriptors": Abuse(
        "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
        "kept.extend(open(os.devnull) for n in range(100))",
        "OSError",
    ),
    "replaces descriptor 1": Abuse("os.dup2(os.open(os.devnull, os.O_WRONLY), 1)"),
    "ignores SIGTERM": Abuse(
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(60)", "Sandbox.Timedout"
    ),
    "blocks all signals": Abuse(
        "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ntime.sleep(60)",
        "Sandbox.Timedout",
    ),
    "stops itself": Abuse("os.kill(os.getpid(), signal.SIGSTOP)", "Sandbox.Timedout"),
    "loops in compiled code": Abuse("sum(iter(int, 1))", "Sandbox.Timedout"),
    "sets an alarm": Abuse(
        "signal.signal(signal.SIGALRM, lambda *_: print('rings'))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)"
    ),
    "sets a signal handler that raises": Abuse(
        "def fall(*_): raise ValueError('in a signal handler')\n"
        "signal.signal(signal.SIGUSR1, fall)\nos.kill(os.getpid(), signal.SIGUSR1)\ntime.sleep(1)",
        "ValueError",
    ),
    "changes directory": Abuse("os.chdir('/')"),
    "removes its directory": Abuse("os.mkdir('gone')\nos.chdir('gone')\nos.rmdir('../gone')"),
    "replaces os.environ": Abuse("os.environ = {}"),
    "clears os.environ": Abuse("os.environ.clear()"),
    "patches json": Abuse("json.loads = json.dumps = json.JSONEncoder = json.JSONDecoder = None"),
    "patches json's classes": Abuse(
        "json.JSONEncoder.default = json.JSONEncoder.encode = json.JSONEncoder.iterencode = None\n"
        "json.JSONDecoder.decode = json.JSONDecoder.raw_decode = None"
    ),
    "patches json's parts": Abuse("json.encoder.c_make_encoder = None"),
    "patches time": Abuse("time.time = time.monotonic = time.sleep = None"),
    "patches logging": Abuse(
        "logging.Formatter.format = None\nlogging.getLogger().handlers.clear()\nlogging.disable()"
    ),
    "shuts logging down": Abuse("logging.shutdown()"),
    "forgets sys.stdout": Abuse("del sys.stdout"),
    "closes sys.stdout": Abuse("sys.stdout.close(); sys.stderr.close()"),
    "replaces sys.stdout": Abuse("sys.stdout = sys.stderr = 5"),
    "forgets all modules": Abuse("kept.append(dict(sys.modules))\nsys.modules.clear()"),
    "replaces builtins": Abuse("builtins.len = None", "Runtime.ExitError"),
    "replaces print": Abuse("builtins.print = builtins.open = builtins.str.__call__"),
    "lowers the recursion limit": Abuse("sys.setrecursionlimit(60)"),
    "traces itself": Abuse("sys.setprofile(lambda *_: None)"),
    "forbids collections": Abuse("gc.disable()"),
    "leaves a thread": Abuse(
        "def on():\n    while True:\n        print('goes on')\n        time.sleep(0.001)\n"
        "threading.Thread(target=on).start()"
    ),
    "leaves a hundred threads": Abuse(
        "for n in range(100): threading.Thread(target=time.sleep, args=(60,)).start()"
    ),
    "makes a session": Abuse("os.setsid()", "PermissionError"),
    "asks for less priority": Abuse("os.nice(19)"),
    "fills its disk": Abuse(
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "open('large', 'wb').write(bytes(2_000_000))",
        "OSError",
    ),
    "leaves files in /tmp": Abuse(
        "for n in range(100): open(f'{tempfile.gettempdir()}/{n}', 'wb').write(bytes(100_000))"
    ),
    "raises in __str__": Abuse(
        "class Odd(Exception):\n    def __str__(self): raise RuntimeError\nraise Odd",
        "Runtime.ExitError",
    ),
    "raises in __repr__": Abuse(
        "class Odd:\n    def __repr__(self): raise RuntimeError\nraise KeyError(Odd())",
        "Runtime.ExitError",
    ),
    "returns what raises": Abuse(
        "class Odd(dict):\n    def items(self): raise RuntimeError('in items')\nreturn Odd(a=1)",
        "Runtime.MarshalError",
    ),
    "raises while it ends": Abuse(
        "atexit.register(lambda: 1 / 0)\nsys.exit(3)", "Runtime.ExitError"
    ),
    "hangs while it ends": Abuse(
        "atexit.register(time.sleep, 60)\nsys.exit(3)", "Sandbox.Timedout"
    ),
}
HEAD = """\
import atexit, builtins, gc, json, logging, os, resource, signal, subprocess, sys, tempfile
import threading, time

kept = []


def good(event, context):
    return event


def bad(event, context):
    if event == "well":
        return "well"
"""


def outcome(result: Result) -> Any:
    """What was returned, or the type of the error."""
    document = json.loads(result.payload)
    return document["errorType"] if result.error else document


async def call_good(harness: Harness, pools: Functions, until: asyncio.Event) -> float:
    """Call the other function until told; return how long the slowest call took."""
    slowest_s, number = 0.0, 0
    while not until.is_set():
        number += 1
        started = time.monotonic()
        assert await harness.value(pools, "good", number) == number
        slowest_s = max(slowest_s, time.monotonic() - started)
        await asyncio.sleep(0.005)
    assert number
    return slowest_s


@pytest.mark.parametrize("abuse", ABUSES.values(), ids=ABUSES)
def test_an_abuse_is_the_abusers_own_affair(harness: Harness, abuse: Abuse) -> None:
    harness.write(HEAD + indent(f"{abuse.source}\nreturn 'well'\n", "    "))
    bad = harness.function("bad", timeout_s=TIMEOUT_S, concurrency=1)

    async def main() -> None:
        async with harness.running(
            bad, harness.function("good", concurrency=1), limits=Limits(log_bytes_per_s=100_000)
        ) as pools:
            done = asyncio.Event()
            other = asyncio.create_task(call_good(harness, pools, done))
            try:
                got = [outcome(await harness.call(pools, "bad", "abuse"))]
                got += [outcome(await harness.call(pools, "bad", WELL)) for _ in range(2)]
            finally:
                done.set()
            assert got == [abuse.outcome, abuse.then, WELL]
            assert await other < NOTICED_S
            assert pools.statistics()["good"].errors == 0
            assert pools.statistics()["good"].crashes == 0
        assert sum(len(line.text) for line in harness.lines) < 2_000_000

    uvloop.run(main())


def test_what_is_cut_of_a_flood_is_told(harness: Harness) -> None:
    harness.write(HEAD + indent(ABUSES["floods stdout"].source, "    "))
    limits = Limits(log_bytes_per_s=10_000)

    async def main() -> None:
        async with harness.running(harness.function("bad"), limits=limits) as pools:
            await harness.call(pools, "bad", "abuse")
        told = [line.text for line in harness.lines if "bytes of output dropped" in line.text]
        assert told
        assert all("custom.bellwire.limits.logBytesPerS" in text for text in told)

    uvloop.run(main())


def test_a_child_with_a_session_of_its_own_answers_nothing(harness: Harness) -> None:
    harness.write(
        HEAD
        + indent(
            "pid = os.fork()\n"
            "if pid: return pid\n"
            "os.setsid()\nos.chdir('/')\nos.execv('/bin/sleep', ['sleep', '60'])\n",
            "    ",
        )
    )

    async def main() -> None:
        async with harness.running(harness.function("bad", timeout_s=TIMEOUT_S)) as pools:
            child = await harness.value(pools, "bad", "abuse")
            try:
                assert await harness.value(pools, "bad", WELL) == WELL
            finally:
                os.kill(child, signal.SIGKILL)  # Bellwire does not know of it

    uvloop.run(main())


def test_who_kills_its_parent_takes_the_workers_along_but_not_the_node(harness: Harness) -> None:
    harness.write(HEAD + indent("os.kill(os.getppid(), signal.SIGKILL)\ntime.sleep(60)", "    "))
    functions = [harness.function(key, timeout_s=TIMEOUT_S) for key in ("bad", "good")]

    async def main() -> None:
        async with harness.running(*functions) as pools:
            assert outcome(await harness.call(pools, "bad", "abuse")) == "Runtime.ExitError"
            # One that reaches a worker in the moment of its death fails, like any that is killed.
            assert outcome(await harness.call(pools, "good", WELL)) in (WELL, "Runtime.ExitError")
            for key in ("good", "bad"):
                assert await harness.value(pools, key, WELL) == WELL

    uvloop.run(main())
