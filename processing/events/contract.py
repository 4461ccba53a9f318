"""The base class of all contracts. A contract declares an event type, once."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """The `data` of one event type. A subclass in `contracts.py` declares the type whole.

    The desk takes title, example and masks from here; the API and the batches the schema
    and who may send it; the sender queue and group. A field is personal, and masked at the
    desk, unless it is marked Public.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True
    )
    type: ClassVar[str]
    title: ClassVar[str]
    """What staff call such a request, as in "A new order"."""
    queue: ClassVar[str]
    """The only queue that may bring it, except for redrives; see `sqs/topology.py`."""
    group_field: ClassVar[str]
    """The field that names the customer. Its value is the MessageGroupId."""
    reference_field: ClassVar[str]
    """The field that staff and customers know it by: an order id, an address."""
    example: ClassVar[dict[str, Any]]
    """Valid data, for the OpenAPI document and for staff who repair a body."""
    accepted_from_anyone: ClassVar[bool] = False
    """Whether outside producers may send it: through the API, a batch or a gateway."""

    @property
    def group(self) -> str:
        return str(getattr(self, self.group_field))

    @property
    def reference(self) -> str:
        return str(getattr(self, self.reference_field))

    @property
    def about_order(self) -> str | None:
        """The id of the order that it is about, and does not make."""
        return None

    @property
    def made(self) -> dict[str, str]:
        """The ids that its outcome will name, as far as they are known beforehand."""
        return {}
