"""Runs every check against a target and says how it went, in words that do not change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from http.client import HTTPException
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from tests.conformance.registry import Chapter, Check
from tests.conformance.session import Service, Session, Target, request


class Result(NamedTuple):
    """What a target did: `ok`, `differs` with a few words, or `not offered`."""

    verdict: str
    words: str = ""


def run(target: Target, chapters: Iterable[Chapter]) -> Iterator[tuple[Check, Result]]:
    """Run all checks, one after the other."""
    for chapter in chapters:
        for check in chapter.checks:
            yield check, _run(target, check)


def _run(target: Target, check: Check) -> Result:
    lack = target.lacks(check.service)
    if lack is not None:
        return Result("not offered", lack)
    with Session(target, check.service) as session:
        words = _outcome(check, session)
        if not _is_alive(session.service):
            return Result("differs", "the server crashes")
    return Result("ok") if words is None else Result("differs", words)


def _is_alive(service: Service) -> bool:
    """Tell whether a service answers; one that is about to end is waited for."""
    try:
        request(service.http_url, "GET", "/")
    except (HTTPException, OSError):
        service.wait()
        return False
    return service.is_running()


def _outcome(check: Check, session: Session) -> str | None:
    """Return what differs, in a few words; None where nothing does."""
    try:
        check.run(session)
    except (AssertionError, InvalidHandshake, ConnectionClosed) as error:
        return _words(error)
    except (HTTPException, OSError, BotoCoreError, ClientError, LookupError, ValueError) as error:
        return _words(error)
    return None


def _words(error: Exception) -> str:
    match error:
        case AssertionError():
            return str(error) or "another result"
        case InvalidStatus():
            return f"the handshake is answered with {error.response.status_code}"
        case ConnectionClosed():
            return f"the connection is closed with {error.rcvd.code if error.rcvd else 1006}"
        case ClientError():
            return f"boto3 raises {error.response['Error']['Code']}"
        case TimeoutError():
            return "no answer"
        case _:
            return f"{type(error).__name__}"
