"""A release that knows one more type of event, `order_archived`."""

from typing import Any

from tests.boot.misbehave import after_registration
from tests.boot.on_import import replace

TYPE = "order_archived"


def install() -> None:
    replace("processing.events.contracts:CONTRACTS", with_one_more)
    after_registration(
        lambda handlers: handlers.update({TYPE: handlers["order_updated"]})
    )


def with_one_more(contracts: dict[str, Any]) -> dict[str, Any]:
    archived = type("OrderArchived", (contracts["order_updated"],), {"type": TYPE})
    return {**contracts, TYPE: archived}
