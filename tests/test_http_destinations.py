"""HTTP destinations of rules, from the first request to the next start."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import orjson
import pytest

from bellwire.bus.destinations import DestinationStore
from bellwire.errors import NotFoundError, UpstreamError
from bellwire.http_destinations import HttpDestinations


URL = "https://h.example/hook"


class Store:
    """What is kept, in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    async def open(self) -> None: ...

    async def load(self, url: str) -> bytes | None:
        return self.kept.get(url)

    async def save(self, url: str, data: bytes) -> None:
        self.kept[url] = data


class Owner:
    """Whoever serves the URL; notes what is posted, or is away."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.is_away = False

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.posted.append((url, headers, orjson.loads(body)))
        if self.is_away:
            raise UpstreamError("nobody is there", retryable=True)
        return 200


Make = Callable[[], HttpDestinations]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def make(store: Store, owner: Owner) -> Make:
    return lambda: HttpDestinations(
        cast(DestinationStore, store),
        post=owner.post,
        arn="arn:{}".format,
        enable_url="http://node/confirmdestination/{}".format,
    )


def test_a_destination_is_asked_and_enabled_for_good(
    make: Make, store: Store, owner: Owner
) -> None:
    async def main() -> None:
        destinations = make()
        await destinations.follow([URL])
        await asyncio.sleep(0)
        ((url, _, body),) = owner.posted
        assert url == f"{URL}/?confirmationToken={body['confirmationToken']}"
        assert body["enableUrl"].endswith(f"/{body['confirmationToken']}")
        assert not destinations.is_enabled(URL)
        with pytest.raises(NotFoundError):
            await destinations.confirm("another")
        await destinations.confirm(body["confirmationToken"])
        assert destinations.is_enabled(URL)
        await destinations.close()
        again = make()
        await again.follow([URL])
        assert again.is_enabled(URL)
        await asyncio.sleep(0)
        assert len(owner.posted) == 1

    asyncio.run(main())


def test_one_that_is_not_confirmed_has_the_same_token_at_the_next_start(
    make: Make, owner: Owner
) -> None:
    async def main() -> None:
        owner.is_away = True
        for _ in range(2):
            destinations = make()
            await destinations.follow([URL])
            await asyncio.sleep(0)
            await destinations.close()
        assert owner.posted[0] == owner.posted[1]

    asyncio.run(main())


def test_a_destination_that_no_rule_posts_to_any_more_is_left_alone(
    make: Make, owner: Owner
) -> None:
    async def main() -> None:
        destinations = make()
        await destinations.follow([URL])
        await asyncio.sleep(0)
        token = owner.posted[0][2]["confirmationToken"]
        await destinations.follow([])
        with pytest.raises(NotFoundError):
            await destinations.confirm(token)
        await destinations.close()

    asyncio.run(main())
