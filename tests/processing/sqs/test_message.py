"""A message as it is read: by which id a body without one is known."""

import pytest

from tests.builders import failure, message

REASON = failure(request_id="r-3")


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({}, "m-1"),
        ({"request_id": "r-1"}, "r-1"),
        ({"RequestId": "r-2"}, "r-2"),
        ({"request_id": "r-1", "RequestId": "r-2", **REASON}, "r-1"),
        ({"request_id": "", "RequestId": "r-2"}, "r-2"),
        ({"request_id": "x" * 65, **REASON}, "r-3"),
        (REASON, "r-3"),
        (failure(request_id=7), "m-1"),
        ({"failure": "no JSON"}, "m-1"),
    ],
)
def test_its_attributes_name_it_before_sqs_does(
    attributes: dict[str, str], named: str
) -> None:
    assert message("no event", id="m-1", attributes=attributes).named_id == named
