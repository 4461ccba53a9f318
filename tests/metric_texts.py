"""Read what `/metrics` says."""

import re
from collections import Counter
from urllib.request import Request, urlopen

from tests.live import PATIENCE


def samples(text: str) -> dict[str, float]:
    """The figures by name and labels, as `name{label="value"}`."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    found = (line.rpartition(" ") for line in lines)
    return {name: float(figure) for name, _, figure in found}


def scraped(
    port: int, path: str = "/metrics", timeout: float = PATIENCE, **headers: str
) -> str:
    request = Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    with urlopen(request, timeout=timeout) as answer:
        return str(answer.read().decode())


def by_label(text: str, name: str, label: str) -> Counter[str]:
    """The sums of *name* by the values of *label*, without those that are 0."""
    sums: Counter[str] = Counter()
    for key, figure in samples(text).items():
        found = re.fullmatch(rf'{name}\{{.*\b{label}="(\w+)".*\}}', key)
        if found and figure:
            sums[found[1]] += int(figure)
    return sums
