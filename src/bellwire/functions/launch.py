"""What a worker is told on its command line."""

from __future__ import annotations

import json
from collections.abc import Sequence


class Launch:
    """The one argument of a worker, as JSON. A plain class: `dataclasses` would slow the start.

    `control_fd` is the worker's end of the socket to the node, `channel_fds` the further ones
    that must not leak into the handler's own children. The worker dies with `parent_pid`.
    `response_bytes` bounds a result, `log_bytes_per_s` the output that reaches the node.
    """

    __slots__ = (
        "channel_fds",
        "control_fd",
        "directory",
        "function_arn",
        "handler",
        "log_bytes_per_s",
        "parent_pid",
        "response_bytes",
    )

    def __init__(
        self,
        *,
        handler: str,
        directory: str,
        function_arn: str,
        control_fd: int,
        channel_fds: Sequence[int],
        parent_pid: int,
        response_bytes: int,
        log_bytes_per_s: int,
    ) -> None:
        self.handler = handler
        self.directory = directory
        self.function_arn = function_arn
        self.control_fd = control_fd
        self.channel_fds = tuple(channel_fds)
        self.parent_pid = parent_pid
        self.response_bytes = response_bytes
        self.log_bytes_per_s = log_bytes_per_s

    def encode(self) -> str:
        """Return the argument."""
        return json.dumps({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def decode(cls, text: str) -> Launch:
        """Read the argument back."""
        return cls(**json.loads(text))
