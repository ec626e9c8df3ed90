"""`bellwire hash-password`: what to write in serverless.yml for a password of a device."""

from __future__ import annotations

import sys
from getpass import getpass

from bellwire.errors import BadRequestError


def hash_password() -> None:
    """Read a password, from the terminal or as a line of stdin, and print its hash."""
    from bellwire.logins import password_hash

    asked = sys.stdin.isatty()
    password = getpass("Password: ") if asked else sys.stdin.readline().rstrip("\n")
    if not password:
        raise BadRequestError("an empty password is none")
    print(password_hash(password))
