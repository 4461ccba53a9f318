"""Fields that their contract makes of the other fields, such as the total of an order."""

import json

from pydantic import ValidationError

from dlq_review.bodies import exact_json
from dlq_review.bodies.contract_fields import fields_of
from dlq_review.bodies.exact_json import Leaf, Node
from dlq_review.bodies.json_patch import PatchError
from dlq_review.bodies.pointers import names_of, pointer, veiled
from processing.events.contract import Contract
from processing.events.contracts import CONTRACTS
from processing.events.timestamps import ON_A_QUEUE


def computed_paths(contract: type[Contract]) -> list[str]:
    """The pointers of the fields that *contract* computes if they are left out."""
    return [
        pointer(("data", name))
        for name, kind in fields_of(contract).items()
        if kind.computed
    ]


def contract_of(document: Node) -> type[Contract] | None:
    type = document.get("type") if isinstance(document, dict) else None
    name = type.value if isinstance(type, Leaf) else None
    return CONTRACTS.get(name) if isinstance(name, str) else None


def computed(document: Node, path: str) -> str | None:
    """What the contract of *document* makes of its other fields for *path*, as JSON.

    None if one of those is wrong. Raises PatchError if the contract computes no such field.
    """
    contract = contract_of(document)
    if contract is None or path not in computed_paths(contract):
        raise PatchError(f"{veiled(path)} is no field that the contract computes.")
    _, name = names_of(path)
    data = json.loads(exact_json.dumps(document))["data"]
    if not isinstance(data, dict):
        return None
    data.pop(name, None)
    try:
        made = contract.model_validate(data, context=ON_A_QUEUE)
    except ValidationError:
        return None
    return json.dumps(made.model_dump(mode="json")[name], ensure_ascii=False)
