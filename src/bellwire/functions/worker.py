"""The process that runs a handler: forked by `fork_server`, told what to run by a `Launch`.

It imports the handler's module, then reads an event, runs the handler, writes the result, and
so on until the node closes the socket. Standard library only, and little of it: every worker has
what is imported here in its memory.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
import time

from bellwire.functions import boto, documents, frames
from bellwire.functions.context import FunctionDetails, LambdaContext, trace_header
from bellwire.functions.encoder import EventDecoder, ResultEncoder, escapes_text
from bellwire.functions.handler import (
    Handler,
    HandlerFault,
    format_trace,
    load_handler,
)
from bellwire.functions.launch import DEBUGGER, Launch
from bellwire.functions.launcher import name_process
from bellwire.functions.output import Budget, Console, Sink
from bellwire.functions.private_tmp import use_private_tmp
from bellwire.functions.records import RuntimeLog


RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_CHUNK_BYTES = 64 * 1024
_MEMORY_AFTER_S = 0.001
"""A shorter invocation can have used a few megabytes at most, which the next look will see."""
_MEMORY_EACH_S = 0.05
_RSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class Control:
    """The worker's end of the socket to the node."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = frames.Decoder(2**32 - 1)
        self._lock = threading.RLock()
        self.is_child = False

    def receive(self) -> bytes | None:
        """Wait for the next frame's payload; None where the node wants no more."""
        while data := os.read(self._fd, _CHUNK_BYTES):
            for _, payload in self._decoder.feed(data):
                return payload
        return None

    def send_whole(self, frame: bytes) -> None:
        """Write one frame."""
        with self._lock:
            self._write(self._fd, frame)

    def send_output(self, kind: int, fd: int, payload: bytes) -> None:
        """Write output: as a frame, or to `fd` in a child that the handler forked."""
        if self.is_child:
            self._write(fd, payload)
        else:
            self.send_whole(frames.encode(kind, payload))

    def leave(self) -> None:
        """Let go of the socket, in a forked child: it belongs to the parent."""
        if not self.is_child:  # a child's child has nothing to let go of
            self.is_child = True
            os.close(self._fd)

    def _write(self, fd: int, data: bytes) -> None:
        written = os.write(fd, data)
        while written < len(data):
            data = data[written:]
            written = os.write(fd, data)


class Runtime:
    """Runs one handler, an invocation at a time."""

    def __init__(self, launch: Launch, control: Control) -> None:
        self._launch = launch
        self._control = control
        self._started = self._measured = 0.0
        self._memory_kib = 0
        os.register_at_fork(after_in_child=control.leave)
        for stream in (sys.stdout, sys.stderr):  # whoever writes to sys.__stdout__ wants to be seen
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        self._stdout = _open_console(control, frames.STDOUT, 1, launch, errors="strict")
        self._stderr = _open_console(control, frames.STDERR, 2, launch, errors="backslashreplace")
        if not launch.is_debug:
            sys.stdout, sys.stderr = self._stdout, self._stderr
        self._log = _open_log(self._stderr)
        self._environ = os.environ  # a handler may replace it
        self._encoder = ResultEncoder(
            token=f"decimal-{os.urandom(8).hex()}-",
            escapes=escapes_text(os.environ["AWS_EXECUTION_ENV"]),
        )
        self._decode = EventDecoder().decode_event
        self._details = FunctionDetails(
            os.environ,
            invoked_function_arn=launch.function_arn,
            clock=time.time,
            log=self._stdout.write_line,
        )

    def load(self) -> Handler | None:
        """Import the handler's module and tell the node; None where that failed."""
        try:
            handler = load_handler(self._launch.handler)
        except Exception as error:
            document = self._describe(error, "")
            self._settle()
            self._send(frames.FAULT, document)
            return None
        self._settle()
        self._send(frames.READY, b"")
        return handler

    def serve(self, handler: Handler) -> None:
        """Run invocations until the node closes the socket."""
        while (payload := self._control.receive()) is not None:
            self._started = time.perf_counter()
            call = frames.decode_call(payload)
            self._log.handler.request_id = call.request_id
            self._environ["_X_AMZN_TRACE_ID"] = trace_header(call.request_id, call.started_s)
            kind, document = self._run(handler, call)
            if self._control.is_child:
                os._exit(0)  # a child that the handler forked came back from it
            self._settle()
            self._send(kind, document)

    def _run(self, handler: Handler, call: frames.Call) -> tuple[int, bytes]:
        kind = frames.RESULT
        try:
            context = LambdaContext(
                self._details, call.request_id, call.deadline_ms, call.client_context
            )
            document = self._encoder.encode_result(handler(self._decode(call.event), context))
        except Exception as error:  # not SystemExit: it ends the process, as on Lambda
            kind = frames.ERROR
            document = self._describe(error, call.request_id)
        if len(document) > self._launch.response_bytes:
            return frames.ERROR, documents.response_too_large(self._launch.response_bytes)
        return kind, document

    def _describe(self, error: Exception, request_id: str) -> bytes:
        """Log an error and return its document."""
        if isinstance(error, HandlerFault):
            error_type, message, trace = error.error_type, error.message, list(error.trace)
        else:
            error_type, message = type(error).__name__, str(error)
            trace = format_trace(error.__traceback__, runtime_folder=RUNTIME_FOLDER)
        if not self._stdout.closed:
            self._stdout.flush()
        if not self._stderr.closed:
            self._log.report(error_type, message, trace, request_id=request_id, epoch_s=time.time())
        return documents.handler_error(
            error_type, message, request_id=request_id, stack_trace=trace
        )

    def _send(self, kind: int, document: bytes) -> None:
        """Send an outcome, with the most memory used so far.

        That is asked for, which costs as much as a small handler, where it may have changed.
        """
        now = time.perf_counter()
        if now - self._started > _MEMORY_AFTER_S or now - self._measured > _MEMORY_EACH_S:
            self._measured = now
            used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            self._memory_kib = used * _RSS_UNIT_BYTES // 1024
        self._control.send_whole(frames.encode_outcome(kind, self._memory_kib, document))

    def _settle(self) -> None:
        self._stdout.settle()
        self._stderr.settle()


def _open_console(control: Control, kind: int, fd: int, launch: Launch, *, errors: str) -> Console:
    def send(data: bytes) -> None:
        control.send_output(kind, fd, data)

    budget = Budget(launch.log_bytes_per_s)
    return Console(Sink(send, fd=fd, budget=budget, clock=time.monotonic), errors=errors)


def _open_log(console: Console) -> RuntimeLog:
    """Give `logging` the handler that Lambda gives it; times are UTC, for every handler."""
    logging.Formatter.converter = time.gmtime
    log = RuntimeLog(console.write_line, os.environ)
    root = logging.getLogger()
    root.addHandler(log.handler)
    if log.level is not None:
        root.setLevel(log.level)
    return log


def run(control_fd: int, stdin: int, stdout: int, stderr: int, *channels: int) -> None:
    """Run what the node says on the control socket, until it closes it.

    `stdin`, `stdout` and `stderr` become the descriptors 0, 1 and 2; `channels` are the sockets of
    the launch's `channel_names`.
    """
    for number, descriptor in enumerate((stdin, stdout, stderr)):
        os.dup2(descriptor, number)
        os.close(descriptor)
    for descriptor in (control_fd, *channels):
        os.set_inheritable(descriptor, False)
    control = Control(control_fd)
    payload = control.receive()
    if payload is None:
        return
    launch = Launch.decode(payload)
    _enter(launch, channels)
    if launch.is_debug:
        _listen_for_debugger()
    runtime = Runtime(launch, control)
    handler = runtime.load()
    if handler is None:
        sys.exit(1)
    runtime.serve(handler)


def _listen_for_debugger() -> None:
    """Let an IDE attach, where the service has debugpy."""
    try:
        import debugpy  # type: ignore[import-not-found]  # the user's, not ours

        debugpy.listen(DEBUGGER)
    except ImportError:
        return
    except (RuntimeError, OSError) as error:
        print(f"[bellwire] debugpy does not listen on {DEBUGGER}: {error}", file=sys.stderr)


def _enter(launch: Launch, channels: tuple[int, ...]) -> None:
    """Make this process what the launch says: its variables, its folder, its path."""
    os.environ.clear()
    os.environ.update(launch.variables)
    os.environ.update(zip(launch.channel_names, map(str, channels), strict=True))
    time.tzset()
    sys.dont_write_bytecode = True  # as on Lambda, where the folder is read-only
    os.chdir(launch.directory)
    if launch.temporary is not None:
        use_private_tmp(launch.temporary, needed=(launch.directory, sys.prefix, *sys.path))
    sys.argv[1:] = [launch.handler]
    sys.path.insert(0, launch.directory)
    name_process(launch.function)
    boto.install(
        http_url=os.environ["BELLWIRE_HTTP_URL"],
        stage=os.environ["BELLWIRE_STAGE"],
        token=os.environ.get("BELLWIRE_TOKEN"),
    )
