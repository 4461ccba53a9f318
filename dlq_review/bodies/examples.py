"""One valid event of each type, for staff to start from when a body cannot be read."""

from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event


def example(type: str, request_id: str) -> str:
    """The body of an example event of *type* under *request_id*. Raises KeyError."""
    contract = CONTRACTS[type]
    return Event.new(contract.model_validate(contract.example), id=request_id).body
