"""A `/tmp` of its own for the process of an environment.

On Linux a folder is mounted over `/tmp`, seen by this process and its children alone. Where that
may not be done, or would hide what the function needs, `TMPDIR` names the folder instead.
docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
Runs in the function's process: standard library only.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence


_TMP = "/tmp"
_VARIABLE = "TMPDIR"
_SEARCHED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "NODE_PATH",
    "HOME",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "AWS_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
"""Variables with paths that programs, SDKs and TLS clients read: what of them is in `/tmp` was put
there for the function."""

_CLONE_NEWNS = 0x0002_0000
_CLONE_NEWUSER = 0x1000_0000
_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_SLAVE = 0x8_0000
"""Numbers of unshare(2) and mount(2)."""


def use_private_tmp(folder: str, *, needed: Sequence[str]) -> None:
    """Make `folder` this process's place for temporary files.

    `needed` are the paths that must stay visible, besides those in which the system looks.
    """
    searched = [path for name in _SEARCHED for path in os.environ.get(name, "").split(os.pathsep)]
    hides_nothing = not any(_is_in_tmp(path) for path in (folder, *needed, *searched) if path)
    if hides_nothing and sys.platform == "linux" and _mount(folder):
        return
    os.environ.setdefault(_VARIABLE, folder)


def _is_in_tmp(path: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(_TMP)}/")


def _mount(folder: str) -> bool:
    """Tell whether the folder is mounted. Where it failed, nothing that matters has changed."""
    libc = ctypes.CDLL(None)
    if libc.unshare(_CLONE_NEWNS) and not _enter_user_namespace(libc):
        return False
    # Slave: mounts of the machine still appear here, ours appears nowhere else.
    if libc.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None):
        return False
    return not libc.mount(os.fsencode(folder), _TMP.encode(), None, _MS_BIND, None)


def _enter_user_namespace(libc: ctypes.CDLL) -> bool:
    """Become somebody who may mount, under the same user and group: who is not root needs it."""
    user, group = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWNS | _CLONE_NEWUSER):
        return False
    try:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    except OSError:
        return False
    return True
