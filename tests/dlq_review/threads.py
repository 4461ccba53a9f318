"""Work that begins at the same moment, in threads with a database connection each."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection


def together(*work: Callable[[], object]) -> None:
    """Each in a thread of its own, all begun at once; raises what one of them raised."""
    start = Barrier(len(work))

    def run(one: Callable[[], object]) -> None:
        try:
            start.wait()
            one()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(work)) as threads:
        for done in [threads.submit(run, one) for one in work]:
            done.result()
