"""The dead letters over HTTP: for who has the node's token, and asks for what there is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bellwire.bus.dead_letters import Selection


if TYPE_CHECKING:
    from tests.server.conftest import FrontDoorServer, Run, Serve

TOKEN = "token-of-the-functions"
LETTER = {
    "sequence": 7,
    "rule": "warm",
    "topic": "a/b",
    "request_id": "",
    "attempts": 3,
    "retries": 1,
    "reason": "no",
    "buried_ms": 2,
    "arrived_ms": 1,
    "chain": 0,
    "size": 4,
    "client_id": "sensor",
}


async def ask(
    server: FrontDoorServer, method: str, path: str, document: object = None
) -> tuple[int, Any]:
    body = b"" if document is None else json.dumps(document).encode()
    answer = await server.request(method, f"/dead-letters{path}", body, X_Bellwire_Token=TOKEN)
    return answer.status, json.loads(answer.body)


@pytest.mark.parametrize("token", [{}, {"X_Bellwire_Token": "wrong"}, {"X_Bellwire_Token": "ü"}])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("GET", "/7"), ("POST", "/retry"), ("POST", "/drop")]
)
def test_nobody_without_the_token_is_told_or_heeded(
    run: Run, serve: Serve, token: dict[str, str], method: str, path: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            body = b"{}" if method == "POST" else b""
            answer = await server.request(method, f"/dead-letters{path}", body, **token)
            assert answer.status == 403
            assert json.loads(answer.body)["message"] == (
                "X-Bellwire-Token is not the token of this node, which stands in its data folder"
            )
            assert server.letters.calls == []

    run(main())


def test_letters_are_listed_and_shown(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            page = {"letters": [LETTER], "rules": {"warm": 1}, "functions": {}, "selected": 1}
            assert await ask(server, "GET", "") == (200, page)
            assert (await ask(server, "GET", "?rule=warm&count=5000&before=9"))[0] == 200
            assert server.letters.calls == [
                (Selection(), None, 50),
                (Selection("rule", "warm"), 9, 1000),
            ]
            assert await ask(server, "GET", "/7") == (200, {**LETTER, "payload": '{"a"'})
            assert await ask(server, "GET", "/8") == (200, {**LETTER, "payload_base64": "/wA="})
            assert await ask(server, "GET", "/9") == (404, {"message": "there is no dead letter 9"})

    run(main())


def test_letters_are_tried_again_and_dropped(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            outcome = {
                "done": 1,
                "failed_again": 2,
                "running": 3,
                "handed_over": 4,
                "refused": {"5": "no"},
                "up_to": 9,
                "after": 8,
            }
            wanted: dict[str, object] = {"function": "work", "after": 3, "up_to": 9, "wait_s": 99}
            assert await ask(server, "POST", "/retry", wanted) == (200, outcome)
            assert (await ask(server, "POST", "/retry", {"letters": [7, 5]}))[0] == 200
            assert await ask(server, "POST", "/drop", {"letters": [5]}) == (
                200,
                {"dropped": 0, "refused": {"5": "no"}},
            )
            assert await ask(server, "POST", "/drop", {"up_to": 9}) == (
                200,
                {"dropped": 6, "refused": {}},
            )
            assert server.letters.calls == [
                (Selection("function", "work"), 3, 9, 30.0),
                ([7, 5], 0.0),
                ([5],),
                (Selection(), 9),
            ]

    run(main())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([], "the body is an object with any of letters, rule, function, after, up_to, wait_s"),
        ({"rules": "a"}, "the body is an object with any of letters,"),
        ({"rule": 1}, "rule is none: 1"),
        ({"after": True}, "after is none: True"),
        ({"letters": [0]}, "letters are at most 100 numbers of letters"),
        ({"letters": [True]}, "letters are at most 100 numbers of letters"),
        ({"letters": list(range(1, 102))}, "letters are at most 100 numbers of letters"),
        ({"rule": "a", "function": "b"}, "a letter is of a rule or of a function, not of both"),
        ({"rule": "a.>"}, "'a.>' is no name of a rule or function"),
        ({"function": ""}, "'' is no name of a rule or function"),
    ],
)
def test_what_makes_no_sense_is_refused(
    run: Run, serve: Serve, wanted: object, message: str
) -> None:
    async def main() -> None:
        async with serve() as server:
            for path in ("/retry", "/drop"):
                status, answer = await ask(server, "POST", path, wanted)
                assert status == 400
                assert answer["message"].startswith(message)
            assert server.letters.calls == []

    run(main())


def test_a_number_that_is_none_is_refused(run: Run, serve: Serve) -> None:
    async def main() -> None:
        async with serve() as server:
            answer = await ask(server, "GET", "?count=x")
            assert answer == (400, {"message": "count is a number, not 'x'"})
            status, _ = await ask(server, "POST", "/retry")
            assert status == 400

    run(main())
