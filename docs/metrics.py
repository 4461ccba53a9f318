"""The tables of docs/metrics.md, from the declaration: `python -m docs.metrics` writes them."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import django

PAGE = Path(__file__).parent / "metrics.md"
_TABLE = r"(\| {head} \|.*\n\| --- .*\n)(?:\|.*\n)*"


def tables() -> tuple[list[str], list[str]]:
    """The rows about metrics, and about the values of labels."""
    from dlq_review.monitoring.gauges import ALL  # these need the apps
    from processing.metrics.declared import SHOWN

    metrics: list[tuple[str, str, Mapping[str, Iterable[str]], str]] = [
        (one.name, one.kind, one.labels, one.meaning) for one in SHOWN
    ]
    metrics += [(one.name, "gauge", one.labels, one.meaning) for one in ALL.values()]
    rows = [
        _row(f"`{name}`", kind, _codes(labels), meaning)
        for name, kind, labels, meaning in metrics
    ]
    return rows, _label_rows([labels for _, _, labels, _ in metrics])


def _label_rows(all_labels: Iterable[Mapping[str, Iterable[str]]]) -> list[str]:
    values: dict[tuple[str, tuple[str, ...]], None] = {}
    for labels in all_labels:
        for name, some in labels.items():
            values[name, tuple(some)] = None
    return [_row(f"`{name}`", _codes(some)) for name, some in sorted(values)]


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |\n"


def filled(page: str) -> str:
    """*page* with the rows of both tables."""
    for head, rows in zip(("name", "label"), tables(), strict=True):
        table = re.compile(_TABLE.format(head=head))
        found = table.search(page)
        assert found is not None  # noqa: S101 - the page has both tables
        page = page[: found.start()] + found[1] + "".join(rows) + page[found.end() :]
    return page


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    PAGE.write_text(filled(PAGE.read_text()))
