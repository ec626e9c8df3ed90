"""Requests to the HTTP endpoints of integrations."""

from __future__ import annotations

import asyncio

import aiohttp

from bellwire.errors import CallerError, TooManyRequestsError
from bellwire.gateway.effects import HttpAnswer, HttpRequest


class UnreachableError(CallerError):
    """Nobody could be connected to: the request was not sent."""


class HttpClient:
    """Sends the requests of HTTP integrations; redirects are passed on, not followed.

    `answer_bytes` is the largest answer it takes, `requests` how many may run at once. Time-outs
    are the caller's: it cancels.
    """

    def __init__(self, *, answer_bytes: int, requests: int) -> None:
        self._answer_bytes = answer_bytes
        self._requests = requests
        self._session: aiohttp.ClientSession | None = None
        self._running: set[asyncio.Task[HttpAnswer]] = set()

    def send(self, request: HttpRequest) -> asyncio.Task[HttpAnswer]:
        """Send a request; the task holds its answer, or a CallerError where there is none.

        Raises TooManyRequestsError where too many run.
        """
        if len(self._running) >= self._requests:
            raise TooManyRequestsError(f"{self._requests} HTTP requests are running")
        task = asyncio.get_running_loop().create_task(self._send(request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        """Give up what is running and close the connections."""
        for task in self._running:
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def _send(self, request: HttpRequest) -> HttpAnswer:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),  # the bound is ours, and it is told
                timeout=aiohttp.ClientTimeout(total=None),
                cookie_jar=aiohttp.DummyCookieJar(),
                # No compressed answers: a few bytes could become very many.
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding",),
            )
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
            ) as response:
                body = await self._read(response)
        except (aiohttp.ClientError, ValueError, OSError) as error:
            where = request.url.partition("?")[0]  # a query may hold a secret
            is_sent = not isinstance(error, aiohttp.ClientConnectorError)
            kind = CallerError if is_sent else UnreachableError
            raise kind(f"{request.method} {where} failed: {error}") from None
        headers: dict[str, list[str]] = {}
        for name, value in response.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        return HttpAnswer(response.status, headers, body)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._answer_bytes:
                raise ValueError(f"the answer is larger than {self._answer_bytes} bytes")
        return bytes(body)
