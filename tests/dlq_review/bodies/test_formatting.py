"""What a page shows of a stored traceback."""

from dlq_review.bodies import formatting

TEXT = """Traceback (most recent call last):
  File "/srv/processing/handlers/orders.py", line 7, in create
    order = find(
        one.order_id
    )
    ^^^^^^^^^^^^
  File "/srv/.venv/lib/python3.11/site-packages/django/db.py", line 8, in find
    raise Error
Error: no order"""


def test_a_traceback_is_shown_by_its_frames_and_its_error() -> None:
    found = formatting.traceback(TEXT)
    assert [(one.where, one.ours, one.code) for one in found.frames] == [
        (
            "handlers/orders.py:7 in create",
            True,
            ["order = find(", "one.order_id", ")"],
        ),
        ("django/db.py:8 in find", False, ["raise Error"]),
    ]
    assert found.error == "Error: no order"
