"""The rows of processing: the outcome of each request, and the data that events created.

`Outcome` is the only truth of "final". A row is claimed in the same transaction as the
effect, so an event takes effect once, however often and wherever it is delivered.
"""

from processing.models.history import ALL_QUEUES, Counts, QueueRecord, WorkerSign
from processing.models.orders import Order, OrderItem, OrderReturn
from processing.models.progress import QueueProgress
from processing.models.requests import (
    REQUEST_ID_LENGTH,
    Attempt,
    Outcome,
    OutcomeMail,
    Repair,
    SpooledEvent,
    UnderReview,
)
from processing.models.users import Signup, StaffManager, StaffMember, User, Users

__all__ = [
    "ALL_QUEUES",
    "Attempt",
    "Counts",
    "Order",
    "OrderItem",
    "OrderReturn",
    "Outcome",
    "OutcomeMail",
    "QueueProgress",
    "QueueRecord",
    "REQUEST_ID_LENGTH",
    "Repair",
    "Signup",
    "SpooledEvent",
    "StaffManager",
    "StaffMember",
    "UnderReview",
    "User",
    "Users",
    "WorkerSign",
]
