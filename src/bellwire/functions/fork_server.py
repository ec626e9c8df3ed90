"""The process that workers are forked from: `fork_server.py FD PARENT_PID`.

It has imported the runtime, so a new worker starts in a millisecond and shares its memory. The node
sends, on socket FD, one byte and the descriptors of a worker; the answer is a line:

    +PID        a worker was forked
    -PID STATUS it has ended (as `subprocess` has the status)
    !ERRNO      there could be none

A worker leads a session of its own, and dies with the fork server, as that does with the node.
Standard library only, and no thread: a fork would copy its locks.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence


if __name__ in {"__main__", "__mp_main__"}:  # so multiprocessing calls it in what it spawns
    if sys.path[0] == os.path.dirname(os.path.abspath(__file__)):
        sys.path.pop(0)  # no place for a handler to import from
    # The service's own Python does not know Bellwire, and is to find nothing else beside it.
    sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))
    __import__("bellwire")
    sys.path.pop(0)

from bellwire.functions import worker
from bellwire.functions.launcher import die_with


FORK = b"f"
MOST_DESCRIPTORS = 16
_MESSAGE_BYTES = 1


class ForkServer:
    """Forks workers when it is asked to, and tells when they end."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._pid = os.getpid()
        self._wakeup, wakeup = socket.socketpair()
        for end in (self._wakeup, wakeup):
            end.setblocking(False)
        self._signalled = wakeup
        signal.signal(signal.SIGCHLD, lambda *_: None)  # or no signal wakes anybody
        signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)

    def serve(self) -> Sequence[int] | None:
        """Serve the node until it closes its end: then None.

        In each worker it returns too: the descriptors that came for it.
        """
        while True:
            ready, _, _ = select.select([self._socket, self._wakeup], [], [])
            if self._wakeup in ready:
                self._wakeup.recv(4096)
                self._tell_ended()
            if self._socket in ready:
                message, descriptors, _, _ = socket.recv_fds(
                    self._socket, _MESSAGE_BYTES, MOST_DESCRIPTORS
                )
                if not message:
                    return None
                if self._fork(descriptors):
                    return descriptors

    def _fork(self, descriptors: Sequence[int]) -> bool:
        """Fork; tell whether this is the worker."""
        try:
            pid = os.fork()
        except OSError as error:
            answer = f"!{error.errno}\n"
        else:
            if not pid:
                self._become_worker()
                return True
            answer = f"+{pid}\n"
        for descriptor in descriptors:
            os.close(descriptor)
        self._socket.sendall(answer.encode())
        return False

    def _become_worker(self) -> None:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        # Who starts the node in the background of a script has it ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for end in (self._socket, self._wakeup, self._signalled):
            end.close()
        os.setsid()
        die_with(self._pid)

    def _tell_ended(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            code = os.waitstatus_to_exitcode(status)
            self._socket.sendall(f"-{pid} {code}\n".encode())


def main() -> None:
    """Serve the node; go on as a worker where this is one."""
    fd, parent_pid = map(int, sys.argv[1:])
    die_with(parent_pid)
    server = ForkServer(fd)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()  # what sitecustomize printed is not the workers'
    gc.collect()
    gc.freeze()  # a collection in a worker would else copy the pages that all share
    descriptors = server.serve()
    if descriptors is not None:
        worker.run(*descriptors)


if __name__ == "__main__":
    main()
