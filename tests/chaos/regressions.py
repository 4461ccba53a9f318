"""Seeds that once showed something, with what it was. They are run again on demand."""

SEEDS = {
    1: "A worker that is told to stop just after its start rests 30 s in billiard first.",
}


def seeds() -> list[int]:
    return list(SEEDS)
