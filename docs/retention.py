"""The table of docs/retention.md, made of the declaration: `python -m docs.retention`."""

import os
import sys
from collections.abc import Iterator
from math import ceil
from pathlib import Path

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()

from dlq_review.retention import periods  # noqa: E402 - models need Django
from dlq_review.retention.tables import RULES, TEXTS, Purged, With  # noqa: E402
from docs import tables  # noqa: E402

BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
DOCUMENT = Path(__file__).with_name("retention.md")


def table() -> str:
    """A row for each table: what goes, after which setting, and the least it may be."""
    head = "| table | what goes | after | at least |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in sorted(_rows()))


def with_table(text: str) -> str:
    """*text* of the document with the table as it is now."""
    return tables.between(text, BEGIN, END, table())


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for label, rule in RULES.items():
        if label in TEXTS:
            days = _least(periods.TEXTS)
            yield _name(label), TEXTS[label], "`RETENTION_DAYS`", days
        if isinstance(rule, Purged):
            name = rule.period.setting
            after = f"`{name}`" if name else _fixed(rule.period)
            yield _name(label), f"rows: {rule.rows}", after, _least(rule.period)
        elif isinstance(rule, With):
            owners = " and ".join(map(_name, rule.tables))
            yield _name(label), f"rows: {rule.rows}", f"with {owners}", ""
        else:
            yield _name(label), f"nothing: {rule.because}", "never", ""


def _name(label: str) -> str:
    return f"`{apps.get_model(label)._meta.db_table}`"


def _fixed(period: periods.Period) -> str:
    length = period.length()
    return f"{length.days} days" if length else "at once"


def _least(period: periods.Period) -> str:
    days = ceil(period.least().total_seconds() / 86_400)
    if not days or not period.setting:
        return ""
    return "1 day" if days == 1 else f"{days} days"


def main(asked: list[str]) -> int:
    return tables.run(asked, DOCUMENT, table, with_table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
