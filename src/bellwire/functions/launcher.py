"""Becomes another program that dies with the node: `launcher.py PARENT_PID TMP PROGRAM ARGUMENT…`.

TMP is the folder that becomes the program's `/tmp`, or empty. Runs as a script of its own: standard
library only.
"""

from __future__ import annotations

import os
import signal
import sys


if __name__ == "__main__" and (root := os.path.abspath(f"{__file__}/../../..")) not in sys.path:
    sys.path.append(root)

from bellwire.functions.private_tmp import use_private_tmp


_PR_SET_PDEATHSIG = 1
_PR_SET_NAME = 15
_CANNOT_EXECUTE = 126
"""The exit status that a shell gives for it."""


def die_with(parent_pid: int) -> None:
    """End this process when its parent ends, though killed. Elsewhere than on Linux: not."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def name_process(name: str) -> None:
    """Have this process called so by `ps` and `top`, up to 15 bytes of it. Linux only."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())


def main() -> None:
    """Run the program that the command line names."""
    parent_pid, temporary, *program = sys.argv[1:]
    die_with(int(parent_pid))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # a script's background has it ignored
    if temporary:
        use_private_tmp(temporary, needed=(os.getcwd(), *program))
    try:
        os.execv(program[0], program)
    except OSError as error:
        print(f"[bellwire] {program[0]} cannot be run: {error.strerror}", file=sys.stderr)
        sys.exit(_CANNOT_EXECUTE)


if __name__ == "__main__":
    main()
