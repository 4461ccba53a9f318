"""The base of all contracts: what is declared of an event type, once and for every surface."""

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
    """The one queue it is taken from, but for redrives of ours; see `sqs/topology.py`."""
    group_field: ClassVar[str]
    """The field that says whose event it is. Its value is the MessageGroupId."""
    reference_field: ClassVar[str]
    """The field that staff and customers know it by: an order id, an address."""
    example: ClassVar[dict[str, Any]]
    """Valid data, for the document of the API and for whoever repairs a body."""
    accepted_from_anyone: ClassVar[bool] = False
    """Whether somebody who is not one of us may send it: by the API, a batch, a gateway."""

    @property
    def group(self) -> str:
        return str(getattr(self, self.group_field))

    @property
    def reference(self) -> str:
        return str(getattr(self, self.reference_field))

    @property
    def made(self) -> dict[str, str]:
        """What its outcome will say it made, as far as that is known beforehand."""
        return {}
