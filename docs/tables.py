"""Tables of the documents, made of what the code declares.

Each of `python -m docs.metrics`, `docs.retention` and `docs.rights` prints its table;
`--write` puts it into its document, and `--check` fails where that holds another.
"""

import sys
from collections.abc import Callable
from pathlib import Path


def between(text: str, begin: str, end: str, table: str) -> str:
    """*text* with *table* in place of all between *begin* and *end*."""
    before, _, rest = text.partition(begin)
    return before + begin + table + end + rest.partition(end)[2]


def run(
    asked: list[str],
    document: Path,
    table: Callable[[], str],
    filled: Callable[[str], str],
) -> int:
    """Do what is *asked*; return the exit code. *filled* puts the table into the text."""
    text = document.read_text()
    if asked == ["--write"]:
        document.write_text(filled(text))
    elif asked == ["--check"]:
        if text != filled(text):
            sys.stderr.write(
                f"A table of {document} is stale: write it with --write.\n"
            )
            return 1
    else:
        sys.stdout.write(table())
    return 0
