from pathlib import Path

from tests.chaos.recovery import Kill, recoveries

JOURNAL = """\
1.0 worker-1 taken a orders
1.0 worker-1 taken b orders
1.0 worker-1 taken c orders
1.5 worker-1 let-go a orders
2.0 worker-2 taken d orders
7.0 worker-2 taken b orders
7.5 worker-2 let-go b orders
9.0 worker-2 taken a orders
"""


def test_only_what_the_killed_worker_held_counts_until_it_is_taken_again(
    tmp_path: Path,
) -> None:
    journal = tmp_path / "held.log"
    journal.write_text(JOURNAL)
    first, second, third = recoveries(
        journal, [Kill("worker-1", 3.0), Kill("worker-2", 3.0), Kill("worker-2", 8.0)]
    )
    assert (list(first.back_after), first.not_back) == ([4.0], 1)
    assert str(first) == (
        "kill -9 worker-1: it held 2, back after 4.0 s at most, 1 to a DLQ"
    )
    assert (list(second.back_after), second.not_back) == ([], 1)
    assert str(third) == "kill -9 worker-2: it held 1, 1 to a DLQ"


def test_a_run_without_a_journal_has_nothing_to_tell(tmp_path: Path) -> None:
    (none,) = recoveries(tmp_path / "held.log", [Kill("worker-1", 3.0)])
    assert str(none) == "kill -9 worker-1: it held 0"
