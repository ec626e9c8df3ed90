"""HTTP destinations of rules: who serves a URL must confirm it before messages are posted there.

The node posts a token to the confirmation URL; whoever reads it there asks for the enable URL,
which the node serves, and the destination is enabled for good.
docs.aws.amazon.com/iot/latest/developerguide/http-action-destination.html
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable
from hmac import compare_digest

from bellwire.bus.destinations import DestinationStore
from bellwire.errors import CallerError, NotFoundError, UpstreamError
from bellwire.iot.destination import Destination, confirmation_request, decode, encode
from bellwire.limits import CONFIRMATION_DELAYS_S


log = logging.getLogger("bellwire.rules")

PostRequest = Callable[[str, dict[str, str], bytes], Awaitable[int]]
"""Posts to a URL; returns the status. Raises CallerError and UpstreamError."""


class HttpDestinations:
    """The destinations that a service's rules post to; `enable_url` makes the URL of a token."""

    def __init__(
        self,
        store: DestinationStore,
        *,
        post: PostRequest,
        arn: Callable[[str], str],
        enable_url: Callable[[str], str],
    ) -> None:
        self._store = store
        self._post = post
        self._arn = arn
        self._enable_url = enable_url
        self._known: dict[str, Destination] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._is_open = False

    def is_enabled(self, url: str) -> bool:
        """Tell whether messages may be posted to what a confirmation URL stands for."""
        known = self._known.get(url)
        return known is not None and known.is_enabled

    async def follow(self, urls: Iterable[str]) -> None:
        """Ask who serves these URLs to confirm, but for those that have. Raises BusError."""
        wanted = set(urls)
        if wanted and not self._is_open:
            await self._store.open()
            self._is_open = True
        for url in self._known.keys() - wanted:
            del self._known[url]
            if (asking := self._asking.pop(url, None)) is not None:
                asking.cancel()
        for url in sorted(wanted - self._known.keys()):
            await self._begin(url)

    async def confirm(self, token: str) -> None:
        """Enable the destination with a token; raises NotFoundError where there is none."""
        for url, known in self._known.items():
            if compare_digest(known.token.encode(), token.encode("utf-8", "surrogatepass")):
                enabled = known._replace(is_enabled=True)
                await self._store.save(url, encode(enabled))
                self._known[url] = enabled
                log.info("the HTTP destination %s is confirmed", url)
                return
        raise NotFoundError("there is no such confirmation token")

    async def close(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _begin(self, url: str) -> None:
        stored = decode(await self._store.load(url))
        if stored is None:
            stored = Destination(url, self._arn(secrets.token_hex(16)), secrets.token_urlsafe(32))
            await self._store.save(url, encode(stored))
        self._known[url] = stored
        if not stored.is_enabled:
            self._asking[url] = asyncio.create_task(self._ask(stored))

    async def _ask(self, destination: Destination) -> None:
        """Post the confirmation request, ever more rarely, until it is confirmed."""
        request = confirmation_request(destination, self._enable_url(destination.token))
        delays = iter(CONFIRMATION_DELAYS_S)
        while not self.is_enabled(destination.url):
            try:
                status = await self._post(*request)
                outcome = f"it answered {status}"
            except (CallerError, UpstreamError) as error:
                outcome = error.message
            delay_s = next(delays, CONFIRMATION_DELAYS_S[-1])
            await asyncio.sleep(delay_s)
            if not self.is_enabled(destination.url):
                log.warning(
                    "the HTTP destination %s is not confirmed yet, %s: it must GET the enableUrl "
                    "that was posted there; it is asked again",
                    destination.url,
                    outcome,
                )
