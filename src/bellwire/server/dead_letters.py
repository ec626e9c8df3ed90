"""The dead letters of a node, for `bellwire dead-letters`; ours, AWS has no such calls."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from bellwire.bus.dead_letters import Letter, Selection
from bellwire.bus.retries import Dropped, Retried
from bellwire.errors import BadRequestError, NotFoundError
from bellwire.server.request import SERVICES, check_token, read_body


PATH = "/dead-letters"
_PAGE, _LARGEST_PAGE = 50, 1000
_BATCH = 100
_LONGEST_WAIT_S = 30.0
_BODY_BYTES = 64 * 1024


def add_dead_letters(router: web.UrlDispatcher) -> None:
    """Serve `list`, `show`, `retry` and `drop`: to those who have the node's token."""
    router.add_get(PATH, _list)
    router.add_get(PATH + r"/{sequence:\d{1,18}}", _show)
    router.add_post(PATH + "/retry", _retry)
    router.add_post(PATH + "/drop", _drop)


async def _list(request: web.Request) -> web.StreamResponse:
    check_token(request)
    query = request.query
    count = _number(query, "count", _PAGE)
    before = _number(query, "before", 0)
    page = await request.app[SERVICES].dead_letters.page(
        _selection(query), before=before or None, count=min(max(count, 1), _LARGEST_PAGE)
    )
    document = {**page._asdict(), "letters": [_document(letter) for letter in page.letters]}
    return _answer(document)


async def _show(request: web.Request) -> web.StreamResponse:
    check_token(request)
    sequence = int(request.match_info["sequence"])
    letter = await request.app[SERVICES].dead_letters.find(sequence)
    if letter is None:
        raise NotFoundError(f"there is no dead letter {sequence}")
    return _answer(_document(letter))


async def _retry(request: web.Request) -> web.StreamResponse:
    check_token(request)
    wanted, retries = await _wanted(request), request.app[SERVICES].dead_letters
    wait_s = min(float(wanted.get("wait_s", 0)), _LONGEST_WAIT_S)
    if "letters" in wanted:
        return _answer(_retried(await retries.retry_each(wanted["letters"], wait_s=wait_s)))
    outcome = await retries.retry(
        _selection(wanted),
        after=int(wanted.get("after", 0)),
        up_to=wanted.get("up_to"),
        count=_BATCH,
        wait_s=wait_s,
    )
    return _answer(_retried(outcome))


async def _drop(request: web.Request) -> web.StreamResponse:
    check_token(request)
    wanted, retries = await _wanted(request), request.app[SERVICES].dead_letters
    if "letters" in wanted:
        return _answer(_retried(await retries.drop_each(wanted["letters"])))
    return _answer(_retried(await retries.drop(_selection(wanted), up_to=wanted.get("up_to"))))


async def _wanted(request: web.Request) -> dict[str, Any]:
    """Return the body of a request: `letters`, or a selection up to a letter."""
    try:
        wanted = orjson.loads(await read_body(request, _BODY_BYTES))
    except orjson.JSONDecodeError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from None
    if not isinstance(wanted, dict) or not wanted.keys() <= _EXPECTED.keys():
        raise BadRequestError(f"the body is an object with any of {', '.join(_EXPECTED)}")
    for name, value in wanted.items():
        if not isinstance(value, _EXPECTED[name]) or isinstance(value, bool):
            raise BadRequestError(f"{name} is none: {value!r}")
    letters = wanted.get("letters", [])
    if len(letters) > _BATCH or not all(type(each) is int and each > 0 for each in letters):
        raise BadRequestError(f"letters are at most {_BATCH} numbers of letters")
    return wanted


_EXPECTED: dict[str, type | tuple[type, ...]] = {
    "letters": list,
    "rule": str,
    "function": str,
    "after": int,
    "up_to": int,
    "wait_s": (int, float),
}


def _selection(named: Mapping[str, Any]) -> Selection:
    rule, function = named.get("rule"), named.get("function")
    if rule is not None and function is not None:
        raise BadRequestError("a letter is of a rule or of a function, not of both")
    if rule is not None:
        return Selection("rule", _token(rule))
    return Selection() if function is None else Selection("function", _token(function))


def _token(name: str) -> str:
    if not name or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise BadRequestError(f"{name!r} is no name of a rule or function")
    return name


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise BadRequestError(f"{name} is a number, not {text!r}")
    return int(text)


def _document(letter: Letter) -> dict[str, object]:
    document = letter._asdict()
    origin, payload = document.pop("origin"), document.pop("payload")
    del document["kind"], document["name"]
    document = {"sequence": document.pop("sequence"), letter.kind: letter.name, **document}
    if origin.client_id is not None:
        document["client_id"] = origin.client_id
    if payload is not None:
        try:
            document["payload"] = payload.decode()
        except UnicodeDecodeError:
            document["payload_base64"] = b64encode(payload).decode()
    return document


def _retried(outcome: Retried | Dropped) -> dict[str, object]:
    refused = {str(sequence): why for sequence, why in outcome.refused.items()}
    return {**outcome._asdict(), "refused": refused}


def _answer(document: Mapping[str, object]) -> web.Response:
    return web.Response(body=orjson.dumps(document), content_type="application/json")
