"""What the reader noticed and went on: each thing said once."""

from __future__ import annotations

from bellwire.definition.model import Finding
from bellwire.definition.suggestion import listed
from bellwire.errors import Place


class Findings:
    """Collects findings; what is skipped is counted and named once per kind."""

    def __init__(self) -> None:
        self._noticed: list[Finding] = []
        self._skipped_events: dict[str, list[Place]] = {}
        self._skipped_keys: dict[str, dict[str, Place]] = {}

    def notice(self, message: str, place: Place, hint: str | None = None) -> None:
        """Keep a finding."""
        finding = Finding(message, place, hint)
        if finding not in self._noticed:
            self._noticed.append(finding)

    def skip_event(self, kind: str, place: Place) -> None:
        """Keep that an event which is not served here was skipped."""
        self._skipped_events.setdefault(kind, []).append(place)

    def skip_key(self, section: str, key: str, place: Place) -> None:
        """Keep that a key has no effect here; `section` is empty at the top of the file."""
        path = f"{section}.{key}" if section else key
        self._skipped_keys.setdefault(section, {}).setdefault(path, place)

    def all(self) -> tuple[Finding, ...]:
        """Return the findings: the doubtful first, then what was skipped."""
        events = [_skipped_event(kind, places) for kind, places in self._skipped_events.items()]
        keys = [
            Finding(f"without effect here: {listed(paths)}", next(iter(paths.values())))
            for paths in self._skipped_keys.values()
        ]
        return (*self._noticed, *events, *keys)


def _skipped_event(kind: str, places: list[Place]) -> Finding:
    count = f", {len(places)} of them" if len(places) > 1 else ""
    return Finding(f"`{kind}` events are not served here: skipped{count}", places[0])
