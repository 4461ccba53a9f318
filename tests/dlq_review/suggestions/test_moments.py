from decimal import Decimal

import pytest

from dlq_review.suggestions import moments


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-11-20 10:00", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00+01:00", "2026-11-20T10:00:00+01:00"),
        ("20.11.2026", "2026-11-20T00:00:00Z"),
        ("1.2.2026, 9:05", "2026-02-01T09:05:00Z"),
        ("2026/11/20 10:00:30", "2026-11-20T10:00:30Z"),
        ("2026/11/20", "2026-11-20T00:00:00Z"),
        ("20 November 2026", "2026-11-20T00:00:00Z"),
        ("20 Nov 2026", "2026-11-20T00:00:00Z"),
        ("20 November 2026 10:00", "2026-11-20T10:00:00Z"),
        ("20 Nov 2026 10:00", "2026-11-20T10:00:00Z"),
        ("November 20, 2026", "2026-11-20T00:00:00Z"),
        ("Fri, 20 Nov 2026 10:00:00 +0100", "2026-11-20T10:00:00+01:00"),
        ("1764579600", "2025-12-01T09:00:00Z"),
        (Decimal("1764579600000"), "2025-12-01T09:00:00Z"),
        ("1764579600250", "2025-12-01T09:00:00.250000Z"),
        ("1000000000", "2001-09-09T01:46:40Z"),
    ],
)
def test_a_time_is_read_in_the_forms_of_others(
    written: str | Decimal, read: str
) -> None:
    assert moments.read(written) == read


@pytest.mark.parametrize(
    "written",
    [
        *("", "20.13.2026", "11/20/26", "0", "Friday", "9" * 400, "1.1.0000"),
        f"Fri, 20 Nov 2026 10:00:00 +{'9' * 20}",
        f"Fri, 20 Nov 2026 {'9' * 20}:00:00 +0000",
        f"20 Nov {'9' * 14} 10:00:00",
        "\u0661\u0667\u0666\u0664\u0665\u0667\u0669\u0666\u0660\u0660",
        *("999999999", "10000000000", Decimal("-1764579600"), Decimal("NaN")),
    ],
)
def test_what_is_no_time_is_not_read(written: str | Decimal) -> None:
    assert moments.read(written) is None
