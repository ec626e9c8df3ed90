"""What handlers catch where the notifier cannot do its work. Standard library only."""

from __future__ import annotations


class NotifierUnavailable(RuntimeError):
    """The notifier cannot be reached, or is not set up; the text says what to do."""


class ConnectionGone(RuntimeError):
    """The connection has closed meanwhile: nothing is kept for it, and nobody waits for a reply."""
