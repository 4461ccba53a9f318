"""The tables of docs/metrics.md, made of the declaration: `python -m docs.metrics`."""

import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()

from dlq_review.monitoring.gauges import ALL  # noqa: E402 - needs the apps
from docs import tables  # noqa: E402
from processing.metrics.declared import SHOWN  # noqa: E402

DOCUMENT = Path(__file__).with_name("metrics.md")
_TABLE = r"(\| {head} \|.*\n\| --- .*\n)(?:\|.*\n)*"


def rows() -> tuple[list[str], list[str]]:
    """Those about metrics, and those about the values of labels."""
    metrics: list[tuple[str, str, Mapping[str, Iterable[str]], str]] = [
        (one.name, one.kind, one.labels, one.meaning) for one in SHOWN
    ]
    metrics += [(one.name, "gauge", one.labels, one.meaning) for one in ALL.values()]
    told = [
        _row(f"`{name}`", kind, _codes(labels), meaning)
        for name, kind, labels, meaning in metrics
    ]
    return told, _label_rows([labels for _, _, labels, _ in metrics])


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


def table() -> str:
    return "\n".join("".join(some) for some in rows())


def filled(page: str) -> str:
    """*page* with the rows of both tables."""
    for head, some in zip(("name", "label"), rows(), strict=True):
        head_and_rows = re.compile(_TABLE.format(head=head))
        found = head_and_rows.search(page)
        assert found is not None  # noqa: S101 - the page has both tables
        page = page[: found.start()] + found[1] + "".join(some) + page[found.end() :]
    return page


def main(asked: list[str]) -> int:
    return tables.run(asked, DOCUMENT, table, filled)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
