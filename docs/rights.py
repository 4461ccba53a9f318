"""The table of permissions in docs/deploy.md, made of the policies: `python -m docs.rights`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from docs import tables
from processing.infrastructure import policies

DOCUMENT = Path(__file__).with_name("deploy.md")
BEGIN = "<!-- rights: made by python -m docs.rights --write -->\n"
END = "<!-- end of rights -->\n"
KINDS = {
    "events": "queues of events",
    "event_dlqs": "their DLQs",
    "jobs": "`jobs`",
    "jobs_dlq": "`jobs-dlq`",
}
NOTHING = "–"


def table() -> str:
    head = ["process", *KINDS.values(), "beside"]
    rows = [head, ["---"] * len(head), *_rows()]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows() -> Iterator[list[str]]:
    for role, rights in policies.RIGHTS.items():
        cells = [_named(rights.get(kind, ())) for kind in KINDS]
        yield [role, *cells, _beside(role)]
    deploys = _named(policies.PROVISION)
    yield ["whoever runs `ensure_queues`", *[deploys] * len(KINDS), NOTHING]


def _beside(role: str) -> str:
    found = []
    if role == policies.ARCHIVING_ROLE:
        keys = f"`{policies.ARCHIVED}` of the archive's bucket"
        found.append(f"{_named(policies.ARCHIVE)} for {keys}")
    if role == policies.ALERTING_ROLE:
        found.append(f"{_named(policies.ALERT)} to the topic of alerts")
    return "; ".join(found) or NOTHING


def _named(actions: policies.Actions) -> str:
    """Without the name of the service, which the column tells."""
    names = [action.partition(":")[2] for action in actions]
    return ", ".join(f"`{name}`" for name in names) or NOTHING


def with_table(text: str) -> str:
    """*text* of the document with the table as it is now."""
    return tables.between(text, BEGIN, END, table())


def main(asked: list[str]) -> int:
    return tables.run(asked, DOCUMENT, table, with_table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
