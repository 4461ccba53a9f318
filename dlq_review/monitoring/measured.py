"""Figures of gauges, as a report stores them."""

from dataclasses import dataclass, field
from typing import Any

from dlq_review.monitoring.gauges import ALL


@dataclass(slots=True)
class Figures:
    """For each gauge by name: a list of label values and the figure."""

    by_name: dict[str, list[tuple[list[str], float]]] = field(default_factory=dict)

    def add(self, name: str, figure: float, *values: str) -> None:
        """Add a sample; one with a label outside the closed set is left out.

        Such a label comes of rows about a queue that is no longer declared.
        """
        allowed = ALL[name].labels.values()
        if all(value in some for value, some in zip(values, allowed, strict=True)):
            samples = self.by_name.setdefault(name, [])
            samples.append((list(values), round(figure, 3)))

    @classmethod
    def stored(cls, figures: dict[str, Any]) -> "Figures":
        """The figures of a row, without those that another release knows."""
        found = cls()
        for name, samples in figures.items():
            for values, figure in samples:
                if name in ALL and len(values) == len(ALL[name].labels):
                    found.add(name, figure, *values)
        return found
