"""Orders and their items."""

from django.db import models
from django.db.models.functions import Lower

from processing.models.requests import REQUEST_ID_LENGTH


class Order(models.Model):
    class Status(models.TextChoices):
        CREATED = "created"
        PAID = "paid"
        SHIPPED = "shipped"
        DELIVERED = "delivered"
        CANCELLED = "cancelled"

    SAMPLE_CUSTOMER = "VISITOR-"
    """The start of the customer ids of samples, which the demonstration page sends."""

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
        # The desk looks for the orders of an address.
        indexes = (models.Index(Lower("email"), name="order_address"),)

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


class OrderReturn(models.Model):
    """Items of an order that a customer returned, and why."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="returns")
    reason = models.TextField(max_length=20_000)
    skus = models.JSONField()
    """The item numbers, one for each piece."""
    request_id = models.CharField(max_length=REQUEST_ID_LENGTH, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at", "-id")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"return of {self.order_id}"
