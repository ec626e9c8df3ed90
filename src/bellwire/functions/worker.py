"""The process that runs a handler: started by the node with one argument, a `Launch` as JSON.

It imports the handler's module, then reads an event, runs the handler, writes the result, and
so on until the node closes the socket. Standard library only, and little of it: what is imported
here delays every start.
"""

from __future__ import annotations

import os
import sys
import threading
import time


if __name__ == "__main__" and (root := os.path.abspath(f"{__file__}/../../..")) not in sys.path:
    sys.path.append(root)  # the node runs from a folder that is not on its functions' path

import logging

from bellwire.functions import boto, documents, frames
from bellwire.functions.context import FunctionDetails, LambdaContext, trace_header
from bellwire.functions.encoder import EventDecoder, ResultEncoder
from bellwire.functions.handler import (
    Handler,
    HandlerFault,
    format_report,
    format_trace,
    load_handler,
)
from bellwire.functions.launch import Launch
from bellwire.functions.launcher import die_with
from bellwire.functions.output import Budget, Console, LambdaLogHandler, Sink


RUNTIME_FOLDER = os.path.dirname(os.path.abspath(__file__)) + os.sep
_CHUNK_BYTES = 64 * 1024


class Control:
    """The worker's end of the socket to the node."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._decoder = frames.Decoder(2**32 - 1)
        self._lock = threading.RLock()
        self._is_child = False

    def receive(self) -> bytes | None:
        """Wait for the next INVOKE frame; None where the node wants no more."""
        while data := os.read(self._fd, _CHUNK_BYTES):
            for _, payload in self._decoder.feed(data):
                return payload
        return None

    def send(self, kind: int, payload: bytes) -> None:
        """Write one frame whole."""
        with self._lock:
            self._write(self._fd, frames.encode(kind, payload))

    def send_output(self, kind: int, fd: int, payload: bytes) -> None:
        """Write output: as a frame, or to `fd` in a child that the handler forked."""
        if self._is_child:
            self._write(fd, payload)
        else:
            self.send(kind, payload)

    def leave(self) -> None:
        """Let go of the socket, in a forked child: it belongs to the parent."""
        if not self._is_child:  # a child's child has nothing to let go of
            self._is_child = True
            os.close(self._fd)

    def _write(self, fd: int, data: bytes) -> None:
        written = os.write(fd, data)
        while written < len(data):
            data = data[written:]
            written = os.write(fd, data)


class Runtime:
    """Runs one handler, an invocation at a time."""

    def __init__(self, launch: Launch) -> None:
        control = Control(launch.control_fd)
        self._launch = launch
        self._control = control
        self._pid = os.getpid()
        os.register_at_fork(after_in_child=control.leave)
        for stream in (sys.stdout, sys.stderr):  # whoever writes to sys.__stdout__ wants to be seen
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        self._stdout = _open_console(control, frames.STDOUT, 1, launch)
        self._stderr = _open_console(control, frames.STDERR, 2, launch)
        sys.stdout, sys.stderr = self._stdout, self._stderr
        self._log_handler = LambdaLogHandler(self._stderr)
        self._log_handler.formatter.converter = time.gmtime  # type: ignore[union-attr]
        logging.getLogger().addHandler(self._log_handler)
        self._environ = os.environ  # a handler may replace it
        self._encoder = ResultEncoder(token=f"decimal-{os.urandom(8).hex()}-")
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
            self._control.send(frames.FAULT, document)
            return None
        self._settle()
        self._control.send(frames.READY, b"")
        return handler

    def serve(self, handler: Handler) -> None:
        """Run invocations until the node closes the socket."""
        control = self._control
        while (payload := control.receive()) is not None:
            request_id, deadline_ms, event = frames.decode_invoke(payload)
            self._log_handler.request_id = request_id
            self._environ["_X_AMZN_TRACE_ID"] = trace_header(request_id, int(time.time()))
            kind, document = self._run(handler, request_id, deadline_ms, event)
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the handler forked came back from it
            self._settle()
            control.send(kind, document)

    def _run(
        self, handler: Handler, request_id: str, deadline_ms: int, event: bytes
    ) -> tuple[int, bytes]:
        kind = frames.RESULT
        try:
            context = LambdaContext(self._details, request_id, deadline_ms)
            document = self._encoder.encode_result(handler(self._decode(event), context))
        except Exception as error:  # not SystemExit: it ends the process, as on Lambda
            kind = frames.ERROR
            document = self._describe(error, request_id)
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
            self._stderr.write(format_report(error_type, message, trace))
        return documents.handler_error(
            error_type, message, request_id=request_id, stack_trace=trace
        )

    def _settle(self) -> None:
        self._stdout.settle()
        self._stderr.settle()


def _open_console(control: Control, kind: int, fd: int, launch: Launch) -> Console:
    def send(data: bytes) -> None:
        control.send_output(kind, fd, data)

    budget = Budget(launch.log_bytes_per_s)
    return Console(Sink(send, fd=fd, budget=budget, clock=time.monotonic))


def main() -> None:
    """Run the handler that the command line describes."""
    launch = Launch.decode(sys.argv[1])
    die_with(launch.parent_pid)
    for fd in (launch.control_fd, *launch.channel_fds):
        os.set_inheritable(fd, False)
    sys.argv[1:] = [launch.handler]
    sys.path.insert(0, launch.directory)
    boto.install(
        http_url=os.environ["BELLWIRE_HTTP_URL"],
        stage=os.environ["BELLWIRE_STAGE"],
        token=os.environ.get("BELLWIRE_TOKEN"),
    )
    runtime = Runtime(launch)
    handler = runtime.load()
    if handler is None:
        sys.exit(1)
    runtime.serve(handler)


if __name__ == "__main__":
    main()
