"""What a child of the supervisor gets, and how it shows in what the supervisor says."""

from io import StringIO
from pathlib import Path

import pytest

from processing.management.supervisor import ChildEndedError, Supervisor

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def said(*lines: str, out: StringIO | None = None) -> list[str]:
    """What is shown of children that run these lines of a shell, one after the other."""
    shown = StringIO() if out is None else out
    supervisor = Supervisor(shown)
    for number, line in enumerate(lines):
        command = ["sh", "-c", line]
        supervisor.start(f"c{number}", command, {**ENVIRONMENT, "GIVEN": "a value"})
        ended(supervisor)
    return shown.getvalue().splitlines()


def ended(supervisor: Supervisor) -> None:
    """Wait for the child that was started last."""
    supervisor._readers[-1].join(10)
    with supervisor._children[-1].process:
        pass


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("echo out; echo in trouble >&2", ["c0     | out", "c0     | in trouble"]),
        ("echo $GIVEN; echo $HOME", ["c0     | a value", "c0     | "]),
        (r"printf 'a\377b\n'", ["c0     | a\N{REPLACEMENT CHARACTER}b"]),
        ("umask", ["c0     | 0077"]),
        ("cat", []),  # from nobody's keyboard
        ("test $$ = $(cut -d' ' -f6 /proc/$$/stat) && echo alone", ["c0     | alone"]),
    ],
    ids=["both streams", "its variables", "no UTF-8", "umask", "input", "session"],
)
def test_what_a_child_says_and_what_it_was_given(line: str, shown: list[str]) -> None:
    assert said(line) == shown


def test_on_a_terminal_each_child_has_a_colour_in_turn() -> None:
    shown = said(*["echo hello"] * 5, out=Terminal())
    assert shown == [
        f"\x1b[{colour}mc{number}     | \x1b[0mhello"
        for number, colour in enumerate((36, 32, 33, 35, 36))
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("exit 3", "web ended with exit code 3. It said nothing."),
        ("exit 0", "web ended with exit code 0. It said nothing."),
        (
            "seq 20; kill -TERM $$",
            "web was killed by SIGTERM. Its last lines:\n"
            + "\n".join(f"    {number}" for number in range(9, 21)),
        ),
    ],
)
def test_the_end_of_a_child_is_told_with_the_last_that_it_said(
    line: str, why: str, tmp_path: Path
) -> None:
    with (tmp_path / "out").open("w") as out:
        supervisor = Supervisor(out)
        supervisor.start("web", ["sh", "-c", line], ENVIRONMENT)
        with pytest.raises(ChildEndedError) as told:
            supervisor.watch()
        ended(supervisor)
    assert str(told.value) == why


def test_an_output_that_is_closed_stops_nobody_from_stopping() -> None:
    class Closed(StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    Supervisor(Closed()).say("Stopping.")


def test_each_line_is_written_at_once() -> None:
    flushed: list[str] = []

    class Buffered(StringIO):
        def flush(self) -> None:
            flushed.append(self.getvalue())

    Supervisor(Buffered()).say("Stopping.")
    assert flushed == ["Stopping.\n"]
