"""What the two bills say, whole: each line, its unit, its price and where it comes from."""

from pathlib import Path

import pytest

from project.costs import report
from project.costs.estimate import Basis, Traffic, holdfast, on_lambda
from project.costs.rows import Counted
from tests.kept_texts import assert_kept

HERE = {"mix_from": Basis.HERE, "failures_from": Basis.HERE, "bytes_from": Basis.HERE}
COUNTED = Counted(
    orders=2_000, minutes={600: 2, 40: 20}, failed_attempts=50, table_bytes=2_000.0
)
FEW = Counted(orders=999, minutes={1: 999}, failed_attempts=9, table_bytes=None)
#: A name for each case; what was counted, the pattern that was asked for, the traffic.
CASES: dict[str, tuple[Counted, str | None, Traffic]] = {
    "counted": (
        COUNTED,
        None,
        Traffic(2_000_000, COUNTED.mix, COUNTED.failures, 2_000.0, fifo=True, **HERE),
    ),
    "too few": (FEW, None, Traffic(1_000_000, {"trickle": 1.0})),
    "too many": (FEW, "burst", Traffic(1_000_000_000, {"burst": 1.0})),
}


@pytest.mark.parametrize("case", CASES)
def test_the_bills_say_what_they_are_meant_to(case: str) -> None:
    counted, pattern, traffic = CASES[case]
    text = "\n".join(
        [
            report.as_table("Holdfast", holdfast(traffic), traffic.orders),
            report.as_table("Lambda", on_lambda(traffic, 50), traffic.orders),
            *report.sources(traffic, pattern, counted, 50),
        ]
    )
    lines = [line.rstrip() for line in text.splitlines()]
    path = Path(__file__).with_name(f"bill {case}.txt".replace(" ", "_"))
    assert_kept("\n".join(lines) + "\n", path)
