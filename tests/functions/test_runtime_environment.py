"""Environments behind the Runtime API: Node.js, a shell script, the real awslambdaric."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bellwire.functions.pool import Functions, LogLine, Result
from bellwire.limits import Limits


if TYPE_CHECKING:
    from bellwire.definition.model import Function
    from tests.functions.conftest import Harness, Run

ID = "6c14aac6-b810-49ce-9c6c-50104412d524"
NODE = "nodejs20.x"


def node_function(harness: Harness, key: str = "f", **options: Any) -> Function:
    return harness.function(key, runtime=NODE, **options)


def document(result: Result) -> dict[str, Any]:
    """An error document without the lines of its trace."""
    assert result.error == "Unhandled", result
    found: dict[str, Any] = json.loads(result.payload)
    trace = found.pop("trace", None)
    if trace is not None:
        assert isinstance(trace, list)
        assert not trace or trace[0].startswith(f"{found['errorType']}: "), trace
    return found


async def until_idle(pools: Functions) -> None:
    """Wait until the function `f` has asked for its next event."""
    while not pools.statistics()["f"].idle:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


# Handlers


def test_what_handlers_return(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        """
        exports.async = async (event) => ({ doubled: event * 2 });
        exports.promise = (event) => new Promise((resolve) => setTimeout(resolve, 5, event));
        exports.thenable = () => ({ then: (resolve) => resolve("then") });
        exports.callback = (event, context, callback) => callback(null, [event]);
        exports.later = (event, context, callback) => {
          callback(null, "held back until");
          setTimeout(() => console.log("the loop is empty"), 20);
        };
        exports.now = (event, context, callback) => {
          context.callbackWaitsForEmptyEventLoop = false;
          callback(null, "at once");
          setInterval(() => {}, 1000);
        };
        exports.succeed = (event, context) => context.succeed("succeeded");
        exports.done = (event, context) => context.done(null, "done");
        exports.twice = (event, context, callback) => {
          callback(null, 1);
          callback(null, 2);
          context.done(new Error("too late"));
        };
        exports.both = async (event, context, callback) => callback(null, "called back");
        exports.late = async (event, context, callback) => {
          setTimeout(() => callback(null, "too late"), 5);
        };
        exports.plain = () => "a value that Lambda ignores";
        exports.nothing = async () => {};
        exports.never = () => new Promise(() => {});
        exports.function = async () => () => {};
        exports.nested = { inner: { handler: async () => "nested" } };
        exports.text = async () => "\\u00e4\\u{1f600}";
        """,
        "h.js",
    )
    expected = {
        "async": {"doubled": 42},
        "promise": 21,
        "thenable": "then",
        "callback": [21],
        "later": "held back until",
        "now": "at once",
        "succeed": "succeeded",
        "done": "done",
        "twice": 1,
        "both": "called back",
        "late": None,
        "plain": None,
        "nothing": None,
        "never": None,
        "function": None,
        "text": "ä😀",
    }

    async def main() -> None:
        functions = [node_function(harness, key) for key in expected]
        functions.append(node_function(harness, "deep", handler="h.nested.inner.handler"))
        async with harness.running(*functions) as pools:
            got = {key: await harness.value(pools, key, 21) for key in expected}
            assert got == expected
            assert await harness.value(pools, "deep") == "nested"
            assert await harness.value(pools, "async", 4) == {"doubled": 8}
            assert pools.statistics()["async"].invocations == 2
        assert "INFO\tthe loop is empty" in "\n".join(line.text for line in harness.lines)

    run(main())


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        ({"h.js": "exports.f = async () => __filename.slice(-4)"}, "h.f"),
        ({"h.cjs": "exports.f = async () => __filename.slice(-4)"}, "h.f"),
        ({"h.mjs": "export const f = async () => import.meta.url.slice(-4)"}, "h.f"),
        (
            {
                "package.json": '{"type": "module"}',
                "h.js": "import os from 'node:os'; await 1;"
                "export const f = async () => import.meta.url.slice(-4)",
            },
            "h.f",
        ),
        (
            {
                "package.json": '{"type": "module"}',
                "src/package.json": "{}",
                "src/h.js": "exports.f = async () => __filename.slice(-4)",
            },
            "src/h.f",
        ),
        ({"src/lib/h.js": "module.exports = {f: async () => __filename.slice(-4)}"}, "src/lib/h.f"),
        ({"a/h.js/index.js": "exports.f = async () => 'h.js'.slice(-4)"}, "./a/h.js/index.f"),
        ({"a/b/index.js": "exports.f = async () => __filename.slice(-4)"}, "a/b.f"),
        (
            {
                "a/package.json": '{"main": "m.js"}',
                "a/m.js": "exports.f = async () => __filename.slice(-4)",
            },
            "a.f",
        ),
        ({"node_modules/a/index.js": "exports.f = async () => __filename.slice(-4)"}, "a.f"),
    ],
)
def test_commonjs_and_modules(
    harness: Harness, node: str, files: dict[str, str], handler: str
) -> None:
    for name, source in files.items():
        harness.write(source, name)

    async def main() -> None:
        async with harness.running(node_function(harness, handler=handler)) as pools:
            assert (await harness.value(pools))[-2:] in ("js", "h.")

    asyncio.run(main())


def test_the_context_and_the_process_are_those_of_lambda(
    harness: Harness, run: Run, node: str
) -> None:
    harness.write(
        """
        exports.f = async (event, context) => {
          const { env } = process;
          return {
            context,
            remaining: context.getRemainingTimeInMillis(),
            trace: env._X_AMZN_TRACE_ID,
            cwd: process.cwd() === env.LAMBDA_TASK_ROOT,
            handler: env._HANDLER,
            execution: env.AWS_EXECUTION_ENV,
            endpoints: [env.AWS_ENDPOINT_URL_LAMBDA, env.AWS_ENDPOINT_URL_IOT_DATA_PLANE,
                        env.AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI],
            mine: env.MINE,
          };
        };
        """,
        "h.js",
    )

    async def main() -> None:
        function = node_function(harness, timeout_s=5, environment={"MINE": "1"})
        async with harness.running(function) as pools:
            result = await harness.call(pools, request_id=ID)
        got = json.loads(result.payload)
        stream = got["context"].pop("logStreamName")
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
        assert 4000 < got.pop("remaining") <= 5000
        trace = got.pop("trace")
        assert re.fullmatch(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=\w{16};Sampled=0", trace)
        assert got == {
            "context": {
                "functionVersion": "$LATEST",
                "functionName": "demo-dev-f",
                "memoryLimitInMB": "128",
                "logGroupName": "/aws/lambda/demo-dev-f",
                "invokedFunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:demo-dev-f",
                "awsRequestId": ID,
                "callbackWaitsForEmptyEventLoop": True,
            },
            "cwd": True,
            "handler": "h.f",
            "execution": "AWS_Lambda_nodejs20.x",
            "endpoints": ["http://127.0.0.1:9", "http://127.0.0.1:9", "http://127.0.0.1:9/dev"],
            "mine": "1",
        }

    run(main())


@pytest.mark.parametrize("size", [0, 200_000, 6 * 1024 * 1024 - 2])
def test_large_events_and_results(harness: Harness, run: Run, node: str, size: int) -> None:
    harness.write("exports.f = async (event) => event", "h.js")

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            text = "x" * size
            assert await harness.value(pools, "f", text) == text

    run(main())


def test_a_result_over_the_quota(harness: Harness, run: Run, node: str) -> None:
    harness.write("exports.f = async (size) => 'x'.repeat(size)", "h.js")

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            result = await harness.call(pools, "f", 7 * 1024 * 1024)
            assert document(result) == {
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size "
                "(6291556 bytes).",
            }
            assert await harness.value(pools, "f", 3) == "xxx", "the same process goes on"
            assert pools.statistics()["f"].crashes == 0

    run(main())


# Failures

FAILURES: dict[str, tuple[str, str, str]] = {
    "thrown": ("(e) => { throw new TypeError('on purpose') }", "TypeError", "on purpose"),
    "rejected": ("async () => { throw new RangeError('too far') }", "RangeError", "too far"),
    "called": ("(e, c, callback) => callback(new Error('called'))", "Error", "called"),
    "text": ("(e, c, callback) => callback('only text')", "string", "only text"),
    "failed": ("(e, c) => c.fail(new Error('failed'))", "Error", "failed"),
    "handled": ("(e, c) => c.fail()", "string", "handled"),
    "null": ("async () => { throw null }", "string", "handled"),
    "own": (
        "async () => { throw Object.assign(new Error('m'), { name: 'Custom', code: 7 }) }",
        "Custom",
        "m",
    ),
    "circular": (
        "async () => { const o = {}; o.o = o; return o }",
        "Error",
        "Unable to stringify response body",
    ),
    "bigint": ("async () => 1n", "Error", "Unable to stringify response body"),
}


@pytest.mark.parametrize("key", FAILURES)
def test_a_failure_of_the_handler(harness: Harness, node: str, key: str) -> None:
    source, error_type, message = FAILURES[key]
    harness.write(f"exports.f = {source}; exports.pid = process.pid", "h.js")

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            for _ in range(2):
                result = await harness.call(pools, request_id=ID)
                assert result.error == "Unhandled"
                found = json.loads(result.payload)
                trace = found.pop("trace")
                assert found == {"errorType": error_type, "errorMessage": message}
                assert bool(trace) == (error_type != "string")
            await until_idle(pools)
            assert pools.statistics()["f"].crashes == 0
        first, *_ = harness.texts(ID)
        moment, request_id, level, report = first.split("\t", 3)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", moment)
        assert (request_id, level) == (ID, "ERROR")
        assert report.startswith("Invoke Error \t")
        logged = json.loads(report.partition("\t")[2])
        assert logged == message or logged["errorMessage"] == message

    asyncio.run(main())


DEATHS: dict[str, tuple[str, str, str]] = {
    "rejection": (
        "() => { Promise.reject(new Error('nobody cares')); return new Promise(() => {}) }",
        "Runtime.UnhandledPromiseRejection",
        "Error: nobody cares",
    ),
    "uncaught": (
        "() => new Promise(() => setTimeout(() => { throw new Error('late') }, 1))",
        "Error",
        "late",
    ),
    "exit": (
        "() => process.exit(3)",
        "Runtime.ExitError",
        f"RequestId: {ID} Error: Runtime exited with error: exit status 3",
    ),
    "clean": (
        "() => process.exit()",
        "Runtime.ExitError",
        f"RequestId: {ID} Error: Runtime exited without providing a reason",
    ),
    "abort": (
        "() => process.abort()",
        "Runtime.ExitError",
        f"RequestId: {ID} Error: Runtime exited with error: signal: aborted",
    ),
    "kill": (
        "() => { process.kill(process.pid, 'SIGKILL'); while (true); }",
        "Runtime.ExitError",
        f"RequestId: {ID} Error: Runtime exited with error: signal: killed",
    ),
    "hangs": (
        "() => { while (true); }",
        "Sandbox.Timedout",
        f"RequestId: {ID} Error: Task timed out after 1.00 seconds",
    ),
    "waits": (
        "() => new Promise(() => setInterval(() => {}, 100))",
        "Sandbox.Timedout",
        f"RequestId: {ID} Error: Task timed out after 1.00 seconds",
    ),
}


@pytest.mark.parametrize("key", DEATHS)
def test_an_end_of_the_process(harness: Harness, run: Run, node: str, key: str) -> None:
    source, error_type, message = DEATHS[key]
    harness.write(
        f"const die = {source}\nexports.f = (e, c, cb) => e ? die() : cb(null, 'well')", "h.js"
    )

    async def main() -> None:
        async with harness.running(node_function(harness, timeout_s=1)) as pools:
            assert await harness.value(pools) == "well"
            result = await harness.call(pools, event=True, request_id=ID)
            assert document(result) == {"errorType": error_type, "errorMessage": message}
            assert result.timed_out == (error_type == "Sandbox.Timedout")
            assert await harness.value(pools) == "well"

    run(main())


INIT_FAILURES: dict[str, tuple[str, str, str]] = {
    "missing": (
        "exports.g = 1",
        "Runtime.HandlerNotFound",
        "h.f is undefined or not exported",
    ),
    "value": ("exports.f = 1", "Runtime.HandlerNotFound", "h.f is not a function"),
    "syntax": (
        "exports.f = (",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: Unexpected end of input",
    ),
    "module": (
        "export const f = 1",
        "Runtime.UserCodeSyntaxError",
        "SyntaxError: Unexpected token 'export'",
    ),
    "import": (
        "require('no-such-package')",
        "Runtime.ImportModuleError",
        "Error: Cannot find module 'no-such-package'\nRequire stack:\n- FOLDER/h.js",
    ),
    "raises": ("throw new RangeError('at init')", "RangeError", "at init"),
}


@pytest.mark.parametrize("key", INIT_FAILURES)
def test_a_failure_of_the_init(harness: Harness, node: str, key: str) -> None:
    source, error_type, message = INIT_FAILURES[key]
    harness.write(source, "h.js")

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            found = document(await harness.call(pools))
            found["errorMessage"] = re.sub(
                r"(Require stack:\n- \S+)[\s\S]*", r"\1", found["errorMessage"]
            )
            assert found == {
                "errorType": error_type,
                "errorMessage": message.replace("FOLDER", str(harness.folder)),
            }
            assert pools.statistics()["f"].init_failures == 2
            harness.write("exports.f = async () => 'mended'", "h.js")
            assert await harness.value(pools) == "mended"
        reports = [line for line in harness.texts(None) if "\tERROR\tUncaught Exception \t" in line]
        assert len(reports) == 2

    asyncio.run(main())


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("nowhere.f", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
        ("h", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "../h.f",
            "Runtime.MalformedHandlerName",
            "'../h.f' is not a valid handler name. Use absolute paths when specifying root "
            "directories in handler names.",
        ),
    ],
)
def test_a_handler_that_names_nothing(
    harness: Harness, node: str, handler: str, error_type: str, message: str
) -> None:
    async def main() -> None:
        async with harness.running(node_function(harness, handler=handler)) as pools:
            found = document(await harness.call(pools))
            assert found["errorType"] == error_type
            assert found["errorMessage"].partition("\n")[0] == message

    asyncio.run(main())


def test_an_init_that_exits_or_hangs(harness: Harness, node: str) -> None:
    harness.write("process.exit(2)", "exits.js")
    harness.write("console.log('slow'); while (true);", "hangs.js")
    functions = [
        node_function(harness, name, handler=f"{name}.f", concurrency=1)
        for name in ("exits", "hangs")
    ]

    async def main() -> None:
        async with harness.running(*functions, limits=Limits(init_timeout_s=3)) as pools:
            exits = await harness.call(pools, "exits", request_id=ID)
            hangs = await harness.call(pools, "hangs", request_id=ID)
        assert document(exits) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: exit status 2",
        }
        assert document(hangs) == {
            "errorType": "Sandbox.Timedout",
            "errorMessage": f"RequestId: {ID} Error: Task timed out after 3.00 seconds",
        }
        assert any(line.text.endswith("\tundefined\tINFO\tslow") for line in harness.lines)

    asyncio.run(main())


def test_what_follows_the_answer_counts_against_the_timeout(
    harness: Harness, run: Run, node: str
) -> None:
    harness.write(
        """
        exports.f = (event, context) => {
          context.done(null, process.pid);
          const end = Date.now() + event;
          if (event) setImmediate(() => { while (Date.now() < end); });
        };
        """,
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness, timeout_s=1, concurrency=1)) as pools:
            first = await harness.value(pools, event=200)
            assert await harness.value(pools, event=60_000) == first, "it waited for its turn"
            second = await harness.value(pools, event=0)
            assert second != first, "the process was killed, nobody's result was lost"
            assert pools.statistics()["f"].timeouts == 1

    run(main())


# Output


def test_console_writes_lines_as_on_lambda(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        """
        console.log("at init");
        exports.f = async (event) => {
          console.log("a %s of", "format", { deep: { object: [1] } });
          console.debug("debug"); console.info("info"); console.warn("warn");
          console.error("error"); console.trace("trace");
          process.stdout.write("raw\\nunfinished");
        };
        """,
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            seen: list[LogLine] = []
            future = pools.invoke("f", b"1", request_id=ID)
            future.add_done_callback(lambda _: seen.extend(harness.lines))
            await future
            await asyncio.sleep(0)
        init, *lines = seen
        assert init.text.endswith("Z\tundefined\tINFO\tat init")
        assert init.request_id is None
        assert all(line.request_id == ID and line.stream == "stdout" for line in lines)
        assert [line.text[25:] for line in lines[:6]] == [
            f"{ID}\t{text}"
            for text in (
                "INFO\ta format of { deep: { object: [ 1 ] } }",
                "DEBUG\tdebug",
                "INFO\tinfo",
                "WARN\twarn",
                "ERROR\terror",
                "TRACE\ttrace",
            )
        ]
        assert [line.text for line in lines[6:]] == ["raw", "unfinished"]

    run(main())


def test_a_flood_of_output_is_dropped_and_told(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        "exports.f = async () => { for (let i = 0; i < 2000; i++) console.log('x'.repeat(1000)) }",
        "h.js",
    )

    async def main() -> None:
        limits = Limits(log_bytes_per_s=50_000)
        async with harness.running(node_function(harness), limits=limits) as pools:
            started = time.monotonic()
            await harness.value(pools)
            seconds = time.monotonic() - started
        size = sum(len(line.text) for line in harness.lines)
        assert size < 50_000 * (seconds + 2)
        assert any("bytes of output dropped" in line.text for line in harness.lines)

    run(main())


def test_all_lines_of_an_invocation_come_with_it(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        "exports.f = async () => { for (let i = 0; i < 700; i++) console.log('x'.repeat(1000)) }",
        "h.js",
    )

    async def main() -> None:
        limits = Limits(log_bytes_per_s=100_000_000)
        async with harness.running(node_function(harness), limits=limits) as pools:
            for count in (700, 1400):
                await harness.value(pools)
                assert sum("xxx" in line.text for line in harness.lines) == count
        ids = [line.request_id for line in harness.lines if "xxx" in line.text]
        assert len(set(ids[:700])) == len(set(ids[700:])) == 1
        assert ids[0] != ids[700]

    run(main())


def test_a_flood_is_cut_and_does_not_use_up_the_time(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        "exports.f = async () => { for (let i = 0; i < 300; i++) console.log('x'.repeat(100000)) }",
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness, timeout_s=6)) as pools:
            result = await harness.call(pools)
            assert result.error is None, result

    run(main())


def test_a_runtime_that_leaves_a_child_behind_ends_at_once(
    harness: Harness, run: Run, node: str
) -> None:
    harness.write(
        """
        const { spawn } = require("node:child_process");
        exports.f = async () => {
          spawn("sleep", ["5"], { stdio: ["ignore", "ignore", "ignore", 3, 4, 5, 6, 7, 8] });
          process.exit(3);
        };
        """,
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness, timeout_s=4)) as pools:
            started = time.monotonic()
            result = await harness.call(pools)
            assert b"Runtime.ExitError" in result.payload
            assert time.monotonic() - started < 3

    run(main())


ABUSES = {
    "closes its output": "require('fs').closeSync(1); require('fs').closeSync(2);",
    "changes directory": "process.chdir('/');",
    "empties its environment": "process.env = {};",
    "replaces JSON": "JSON.stringify = JSON.parse = () => { throw new Error('mine') };",
    "replaces http": "require('http').request = require('http').get = () => {};",
    "replaces console": "console = {}; process.stdout.write = () => {};",
    "forbids exits": "process.exit = () => {};",
    "drops listeners": "process.removeAllListeners();",
    "leaves a timer": "setInterval(() => {}, 10);",
    "leaves a rejection for later": "setTimeout(() => Promise.reject(1), 20);",
}


@pytest.mark.parametrize("abuse", ABUSES.values(), ids=ABUSES)
def test_a_handler_that_abuses_its_process(harness: Harness, node: str, abuse: str) -> None:
    harness.write(
        f"exports.f = async (event) => {{ if (event) {{ {abuse} }} return 'well' }};"
        "exports.g = async () => 'untouched';",
        "h.js",
    )

    async def main() -> None:
        functions = [node_function(harness, key, concurrency=1, timeout_s=3) for key in "fg"]
        async with harness.running(*functions) as pools:
            assert await harness.value(pools, "f", 1) == "well"
            await asyncio.sleep(0.1)
            result = await harness.call(pools, "f", 0)
            assert result.error is None, result
            assert await harness.value(pools, "f", 0) == "well"
            assert await harness.value(pools, "g") == "untouched"

    asyncio.run(main())


def test_output_that_is_closed_loses_lines_only(harness: Harness, node: str) -> None:
    harness.write(
        """
        const fs = require("node:fs");
        exports.f = async () => {
          try { fs.closeSync(1); } catch {} // the second time it is closed already
          console.log("nowhere");
          return 1;
        };
        """,
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            assert [await harness.value(pools) for _ in range(2)] == [1, 1]

    asyncio.run(main())


# Processes


def test_processes_end_with_the_node_and_with_their_parents(
    harness: Harness, run: Run, node: str
) -> None:
    harness.write(
        """
        const { spawn } = require("node:child_process");
        process.on("SIGTERM", () => console.log("asked to end, and went on"));
        exports.f = async () => {
          const child = spawn("sleep", ["60", process.env.LAMBDA_TASK_ROOT], { stdio: "inherit" });
          return [process.pid, child.pid];
        };
        """,
        "h.js",
    )

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            pid, child = await harness.value(pools)
            os.kill(pid, signal.SIGKILL)
            await harness.wait_gone(child)
            again, _ = await harness.value(pools)
            assert again != pid
            started = time.monotonic()
        assert time.monotonic() - started < 4

    run(main())


def test_an_idle_process_that_dies_is_noticed(harness: Harness, run: Run, node: str) -> None:
    harness.write("exports.f = async () => process.pid", "h.js")

    async def main() -> None:
        async with harness.running(node_function(harness)) as pools:
            for _ in range(3):
                pid = await harness.value(pools)
                await until_idle(pools)
                os.kill(pid, signal.SIGKILL)
                while pools.statistics()["f"].idle:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert isinstance(await harness.value(pools), int)
            assert pools.statistics()["f"].crashes == 3

    run(main())


def test_a_node_that_is_killed_leaves_no_process(harness: Harness, node: str) -> None:
    harness.write("exports.f = async () => { while (true); }", "h.js")
    script = f"""
import asyncio, os
from pathlib import Path
from bellwire.definition.model import Function
from bellwire.errors import Place
from bellwire.functions.pool import Functions, RuntimeSettings
from bellwire.limits import Limits

async def main():
    f = Function(key="f", name="f", handler="h.f", runtime="nodejs20.x", timeout_s=60.0,
        memory_mb=128, environment={{}}, reserved_concurrency=None, place=Place("x", 1, 1))
    runtime = RuntimeSettings(Path({str(harness.folder)!r}), "eu-west-1", "1", "dev",
        "http://127.0.0.1:9")
    pools = Functions([f], runtime=runtime, limits=Limits(), log=print)
    await pools.start()
    pools.invoke("f", b"1", request_id="x")
    await asyncio.sleep(0.2)
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
        assert await process.wait() == -9
        deadline = time.monotonic() + 5
        while harness.workers():
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    asyncio.run(main())


def test_under_kills_each_invocation_has_one_outcome(harness: Harness, run: Run, node: str) -> None:
    harness.write(
        """
        exports.f = async (event) => {
          await new Promise((resolve) => setTimeout(resolve, event % 7));
          return event;
        };
        """,
        "h.js",
    )
    chance = random.Random(4)
    answers: dict[int, list[Result]] = {number: [] for number in range(500)}

    async def call(pools: Functions, number: int) -> None:
        future = pools.invoke("f", b"%d" % number, request_id=ID)
        answers[number].append(await asyncio.wait_for(future, timeout=60))
        if number % 40 == 39:
            os.kill(chance.choice(harness.workers()), signal.SIGKILL)

    async def main() -> None:
        for given in answers.values():
            given.clear()
        async with harness.running(node_function(harness, concurrency=3)) as pools:
            await asyncio.gather(*(call(pools, number) for number in answers))
            failed = 0
            for number, (result,) in answers.items():
                if result.error is None:
                    assert json.loads(result.payload) == number
                else:
                    failed += 1
                    assert document(result) == {
                        "errorType": "Runtime.ExitError",
                        "errorMessage": f"RequestId: {ID} Error: Runtime exited with error: "
                        "signal: killed",
                    }
            assert failed <= 12, "a kill costs one invocation at most"
            async with asyncio.timeout(10):
                while (statistics := pools.statistics()["f"]).busy:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            assert (statistics.invocations, statistics.busy, statistics.waiting) == (500, 0, 0)
            assert 0 <= statistics.idle <= 3
            assert statistics.crashes + statistics.init_failures > 0

    run(main())


# Other runtimes

SHELL = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime"
echo "started with $_HANDLER"
while true; do
    event=$(curl -sS -D headers "$api/invocation/next")
    id=$(sed -n 's/^lambda-runtime-aws-request-id: *//Ip' headers | tr -d '\\r')
    echo "got $event"
    curl -sS -X POST "$api/invocation/wrong/response" -d 1 >answer
    curl -sS "$api/invocation/next" >>answer
    answers=$(sed 's/}{/},{/' answer)
    curl -sS -o answer -X POST "$api/invocation/$id/response" -d "[$event,$answers]"
done
"""


def test_an_executable_asks_for_its_events(harness: Harness, run: Run) -> None:
    if not Path("/usr/bin/curl").exists():
        pytest.skip("curl is not installed; to run this test: sudo apt-get install curl")
    harness.write(SHELL, "bootstrap")
    (harness.folder / "bootstrap").chmod(0o755)

    async def main() -> None:
        function = harness.function(runtime="provided.al2023", handler="main", concurrency=1)
        async with harness.running(function) as pools:
            for number in (1, 2):
                assert await harness.value(pools, event={"n": number}) == [
                    {"n": number},
                    {"errorMessage": "Invalid request ID", "errorType": "InvalidRequestID"},
                    {
                        "errorMessage": "The environment is not in a state that allows this",
                        "errorType": "InvalidStateTransition",
                    },
                ]
        assert [line.text for line in harness.lines] == [
            "started with main",
            'got {"n": 1}',
            'got {"n": 2}',
        ]

    run(main())


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="no pidfd here")
@pytest.mark.parametrize("way", ["retired", "killed", "timeout"])
def test_a_runtime_may_close_all_descriptors_that_it_does_not_know(
    harness: Harness, run: Run, way: str
) -> None:
    harness.write(
        f"""\
        #!{sys.executable}
        import os, signal, time
        from urllib.request import Request, urlopen

        os.closerange(3, 1000)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        address = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"]
        invocation = address + "/2018-06-01/runtime/invocation/"
        while True:
            with urlopen(invocation + "next") as answer:
                request_id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
                event = answer.read()
            time.sleep(float(event))
            urlopen(Request(invocation + request_id + "/response", data=event)).close()
        """,
        "bootstrap",
    )
    (harness.folder / "bootstrap").chmod(0o755)

    async def main() -> None:
        function = harness.function(runtime="provided.al2023", timeout_s=1.5)
        async with harness.running(function) as pools:
            for _ in range(2):
                assert await harness.value(pools, event=0.5) == 0.5
            assert pools.statistics()["f"].crashes == 0
            if way == "killed":
                call = asyncio.ensure_future(harness.call(pools, event=5))
                await asyncio.sleep(0.1)
                for pid in harness.workers():
                    os.kill(pid, signal.SIGKILL)
                assert json.loads((await call).payload)["errorType"] == "Runtime.ExitError"
            if way == "timeout":
                assert (await harness.call(pools, event=5)).timed_out
        assert harness.processes() == []

    run(main())
