"""Whose request a body is: the contract says which field names the person."""

from collections.abc import Set

from dlq_review.forget.address import Address, canonical_of
from processing.events.contracts import CONTRACTS
from processing.events.envelope import envelope_of

#: The fields of each type that hold the address of the person it is about.
ADDRESSES = {
    name: [
        field
        for field, found in contract.model_fields.items()
        if found.json_schema_extra == {"format": "email"}
    ]
    for name, contract in CONTRACTS.items()
}
#: The types without an address, which are about the person of their order.
OF_ORDERS = [name for name, fields in ADDRESSES.items() if not fields]


def owns(address: Address, orders: Set[str], body: str) -> bool:
    """Whether the request in *body* is the person's; *orders* are the ids of theirs.

    A body that cannot be read, or tells no address of its own, is of whom it names.
    """
    event = envelope_of(body)
    data, type = event.get("data"), event.get("type")
    if not isinstance(data, dict) or not isinstance(type, str):
        return address.is_in(body)
    if type in OF_ORDERS:
        return data.get("order_id") in orders
    if type not in ADDRESSES:
        return address.is_in(body)
    told = [data[name] for name in ADDRESSES[type] if isinstance(data.get(name), str)]
    if any(canonical_of(one) for one in told):
        return any(map(address.is_, told))
    return address.is_in(body)
