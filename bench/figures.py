"""Figures: percentiles of a run, median and spread over repeated runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a benchmark, over its repeats."""

    name: str
    unit: str
    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one of the repeats."""
        return median(self.values)

    def line(self) -> str:
        """Return the figure as a line to print."""
        spread = f"{min(self.values):.2f} to {max(self.values):.2f}"
        return f"  {self.name:<52} {self.median:>10.2f} {self.unit:<14} ({spread})"

    def document(self) -> dict[str, object]:
        """Return the figure for the JSON file."""
        return {
            "name": self.name,
            "unit": self.unit,
            "median": self.median,
            "values": list(self.values),
        }


def collect(runs: Sequence[dict[tuple[str, str], float]]) -> list[Figure]:
    """Turn the figures of each run, by (name, unit), into figures over all runs."""
    return [Figure(name, unit, tuple(run[name, unit] for run in runs)) for name, unit in runs[0]]
