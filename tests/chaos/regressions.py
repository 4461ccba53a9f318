"""Seeds that once showed something, with what it was. They are run again on demand."""

SEEDS = {
    1: "A worker that is told to stop just after its start rests 30 s in billiard first.",
    25: "A time limit struck after a BEGIN; its process kept the database locked (SQLite).",
}


def seeds() -> list[int]:
    return list(SEEDS)
