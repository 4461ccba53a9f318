"""What processing knows: what became of each request, and what its events made.

`Outcome` is the only truth of "final". A row is claimed in the same transaction as the
effect, so an event takes effect once, however often and wherever it is delivered.
"""

from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models
from django.db.models.functions import Lower

from processing.personal import mask

REQUEST_ID_LENGTH = 64


class Outcome(models.Model):
    """The claim on one request id, and what came of it. Never deleted before its copies."""

    class Kind(models.TextChoices):
        PROCESSED = "processed"
        DISCARDED = "discarded"
        REFUSED = "refused"
        """Its sender, who holds a receipt, is told there what to put right."""

    STALE = "stale"
    """In place of the status, in what a change made that came after a later one."""

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    kind = models.CharField(max_length=10, choices=Kind)
    type = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    correlation_id = models.CharField(max_length=REQUEST_ID_LENGTH)
    made = models.JSONField(default=dict)
    """For its receipt: what the event made, by ids only, or what its sender is told."""
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.request_id} {self.kind}"

    @property
    def stale(self) -> bool:
        """Processed, and nothing changed: a later change was stored already."""
        return bool(self.made.get("status") == self.STALE)


class Attempt(models.Model):
    """One delivery that failed. Written in a transaction of its own, as a best effort."""

    request_id = models.CharField(max_length=REQUEST_ID_LENGTH, db_index=True)
    queue = models.CharField(max_length=80)
    message_id = models.CharField(max_length=100, db_index=True)
    receive_count = models.PositiveIntegerField()
    type = models.CharField(max_length=100, blank=True)
    permanent = models.BooleanField()
    error_type = models.CharField(max_length=200)
    error_text = models.TextField()
    traceback = models.TextField(blank=True)
    place = models.CharField(max_length=200, blank=True)
    """Where in our code it failed, as module:function."""
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    worker = models.CharField(max_length=200)
    release = models.CharField(max_length=100)

    class Meta:
        ordering = ("-started_at", "-id")

    def __str__(self) -> str:
        return f"{self.request_id} attempt {self.receive_count}"


class UnderReview(models.Model):
    """A request at the triage desk. Receipts read it; only dlq_review writes it."""

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    since = models.DateTimeField(auto_now_add=True)
    sent_again_at = models.DateTimeField(null=True, blank=True)
    """When it was redriven; empty while it waits for somebody."""

    def __str__(self) -> str:
        return self.request_id


class Repair(models.Model):
    """What staff made of a request before they sent it again, as fingerprints.

    Receipts read it; only dlq_review writes it.
    """

    request_id = models.CharField(max_length=REQUEST_ID_LENGTH)
    asked = models.CharField(max_length=64)
    became = models.CharField(max_length=64)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("request_id", "asked", "became"), name="one_row_per_repair"
            ),
        )

    def __str__(self) -> str:
        return self.request_id


class SpooledEvent(models.Model):
    """An event that must reach its queue and has not yet.

    Either accepted while SQS could not take it, or a follow-up recorded in the
    transaction of the event that caused it.
    """

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    cause = models.CharField(max_length=REQUEST_ID_LENGTH, blank=True, db_index=True)
    """The request id of the event this one follows; empty for an accepted one."""
    order_id = models.CharField(  # noqa: DJ001 - null is unknown, and empty is none
        max_length=64, null=True, db_index=True
    )
    """Of the order that it makes. Unknown where a former release put the event here."""
    body = models.TextField()
    refusal = models.CharField(max_length=200, blank=True)
    """Why SQS did not take it, at the last try."""
    refused_for_good = models.BooleanField(default=False)
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at", "request_id")

    def __str__(self) -> str:
        return self.request_id


class Users(UserManager[Any]):
    def create_superuser(
        self,
        username: str,
        email: str | None = None,
        password: str | None = None,
        **more: Any,
    ) -> Any:
        """Raises ValidationError where somebody has the address already."""
        self.model(email=email or "").validate_constraints()
        return super().create_superuser(username, email, password, **more)


class StaffManager(UserManager["StaffMember"]):
    def get_queryset(self) -> models.QuerySet["StaffMember"]:
        return super().get_queryset().filter(is_staff=True)


class User(AbstractUser):
    """Staff, and the owners of accounts. A sign-up is inactive until its mail is answered."""

    username = models.CharField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    profile = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(
        max_length=REQUEST_ID_LENGTH, null=True, blank=True, unique=True
    )
    verified_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager[Self]] = Users()

    class Meta(AbstractUser.Meta):
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="one_account_per_address",
                violation_error_message="Somebody has this address already.",
            ),
        )

    def __str__(self) -> str:
        """What may stand in any title: an address is shortened."""
        return mask(self.username)


class Signup(models.Model):
    """What one sign-up said of an account that nobody has opened yet.

    Whoever opens the account by the link of this sign-up gets this name and this profile,
    whatever others have asked for with the same address.
    """

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    account = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signups")
    name = models.CharField(max_length=200)
    profile = models.JSONField(default=dict)
    asked_at = models.DateTimeField()

    class Meta:
        ordering = ("-asked_at", "-request_id")

    def __str__(self) -> str:
        return self.request_id


class StaffMember(User):
    """A user who may enter the admin. Accounts come from events; staff are made by hand."""

    objects: ClassVar = StaffManager()

    class Meta:
        proxy = True
        verbose_name = "staff member"


class Order(models.Model):
    class Status(models.TextChoices):
        CREATED = "created"
        PAID = "paid"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"

    order_id = models.CharField(primary_key=True, max_length=64)
    customer_id = models.CharField(max_length=64, db_index=True)
    email = models.EmailField(max_length=254)
    currency = models.CharField(max_length=3)
    total = models.DecimalField(max_digits=18, decimal_places=2)
    status = models.CharField(max_length=10, choices=Status, default=Status.CREATED)
    status_changed_at = models.DateTimeField()
    request_id = models.CharField(max_length=REQUEST_ID_LENGTH, unique=True)
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.order_id


class OrderItem(models.Model):
    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    line = models.PositiveSmallIntegerField()
    sku = models.CharField(max_length=64)
    quantity = models.PositiveIntegerField()
    unit_price = models.DecimalField(max_digits=11, decimal_places=2)

    class Meta:
        ordering = ("line",)
        constraints = (
            models.UniqueConstraint(fields=("order", "line"), name="one_item_per_line"),
        )

    def __str__(self) -> str:
        return f"{self.order_id} {self.sku}"
