"""What is said of a member that a contract does not know."""

import pytest
from pydantic import BaseModel

from dlq_review.suggestions.names import misplaced


class Parcel(BaseModel):
    address_1: str
    address_2: str
    weight: int


@pytest.mark.parametrize(
    ("name", "beside", "meant"),
    [
        ("wieght", {}, "weight"),
        ("addres", {}, None),  # it may be either
        ("addres", {"address_1": "Kent"}, "address_2"),
        ("Address1", {}, "address_1"),
        ("colour", {}, None),
    ],
)
def test_a_name_is_offered_only_if_one_alone_can_be_meant(
    name: str, beside: dict[str, str], meant: str | None
) -> None:
    (found,) = misplaced({"data": {name: 1, **beside}}, Parcel)
    assert found.old == ("data", name)
    assert found.new == (("data", meant) if meant else None)
