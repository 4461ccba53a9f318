"""Seeds that once showed something, with what it was. They are run again on demand."""

SEEDS: dict[int, str] = {}


def seeds() -> list[int]:
    return list(SEEDS)
