"""Where it is kept which HTTP destinations are confirmed: a bucket of NATS's key-value store.

It is one for a NATS server, whatever services it serves: as on AWS, a destination is the account's.
"""

from __future__ import annotations

from hashlib import sha256

from nats.errors import Error as NatsError
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from bellwire.bus.connection import Bus
from bellwire.errors import BusError
from bellwire.limits import DESTINATIONS_BYTES


_BUCKET = "BELLWIRE_DESTINATIONS"
_STREAM = f"KV_{_BUCKET}"


class DestinationStore:
    """The newest record of each destination, by its confirmation URL."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def open(self) -> None:
        """Make sure that the bucket exists; raises BusError."""
        await self._bus.keep_stream(
            StreamConfig(
                name=_STREAM,
                subjects=[f"$KV.{_BUCKET}.>"],
                max_msgs_per_subject=1,
                max_bytes=DESTINATIONS_BYTES,
                allow_rollup_hdrs=True,
                deny_delete=True,
            )
        )

    async def load(self, url: str) -> bytes | None:
        """Return what is stored; raises BusError."""
        try:
            message = await self._bus.jetstream.get_last_msg(_STREAM, _subject(url))
        except NotFoundError:
            return None
        except (TimeoutError, NatsError) as error:
            raise _unreachable(error) from None
        return message.data or None

    async def save(self, url: str, data: bytes) -> None:
        """Store a record in place of the one before; raises BusError."""
        try:
            await self._bus.jetstream.publish(_subject(url), data)
        except (TimeoutError, NatsError) as error:
            raise _unreachable(error) from None


def _subject(url: str) -> str:
    return f"$KV.{_BUCKET}.{sha256(url.encode()).hexdigest()}"


def _unreachable(error: Exception) -> BusError:
    return BusError(f"what is kept of HTTP destinations is out of reach: {error}", retryable=True)
