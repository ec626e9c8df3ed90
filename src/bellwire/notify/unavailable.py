"""What handlers catch where the notifier cannot do its work. Standard library only."""

from __future__ import annotations


class NotifierUnavailable(RuntimeError):
    """The notifier cannot be reached, or is not set up; the text says what to do."""
