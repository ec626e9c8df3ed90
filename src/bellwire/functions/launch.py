"""What a worker is told before all else. Used by the worker too: standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple


DEBUGGER = ("127.0.0.1", 5678)
"""Where debugpy listens in a function that is debugged: its own default."""


class Launch(NamedTuple):
    """One environment of a function, as its process is to make it.

    `variables` are all its environment variables, but for those of `channel_names`: these get the
    numbers of the sockets that came with the fork. `response_bytes` bounds a result,
    `log_bytes_per_s` the output that reaches the node. With `is_debug` the descriptors 0, 1 and 2
    are a terminal's, and `sys.stdout` is left as it is.
    `temporary` is the folder that becomes its `/tmp`; None leaves that as it is.
    """

    function: str
    handler: str
    directory: str
    function_arn: str
    variables: Mapping[str, str]
    channel_names: Sequence[str]
    temporary: str | None
    response_bytes: int
    log_bytes_per_s: int
    is_debug: bool

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(self._asdict()).encode()

    @classmethod
    def decode(cls, text: bytes) -> Launch:
        """Read it back."""
        return cls(**json.loads(text))
