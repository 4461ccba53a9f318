"""The progress of each request: outcome, failed attempts, review and spool."""

from collections.abc import Iterable
from typing import Self

from django.db import connection, models

from processing.tracing.context import LONGEST_TEXT

REQUEST_ID_LENGTH = 64


class Outcome(models.Model):
    """The claim on one request id, and its outcome. Kept as long as copies may arrive."""

    class Kind(models.TextChoices):
        PROCESSED = "processed"
        DISCARDED = "discarded"
        REFUSED = "refused"
        """The sender's receipt tells what to correct."""

    STALE = "stale"
    """The status that `made` names for a change that came after a later one."""
    MESSAGE_FOR_SENDER = "told"
    """The key in `made` of the text that the sender's receipt shows."""

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    kind = models.CharField(max_length=10, choices=Kind)
    type = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    correlation_id = models.CharField(max_length=REQUEST_ID_LENGTH)
    made = models.JSONField(default=dict)
    """For the receipt: the ids that the event created, or the text for its sender."""
    order_id = models.CharField(  # noqa: DJ001 - null keeps it out of the index
        max_length=64, null=True, blank=True
    )
    """The order that it changed or returned. Null for one that it made, which bears its id."""
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        # Not partitioned by time: then a request id would be unique within a month only.
        indexes = (
            models.Index(fields=("at",), name="outcome_by_age"),
            # Most requests are their own correlation: the primary key finds these.
            models.Index(
                fields=("correlation_id",),
                condition=~models.Q(correlation_id=models.F("request_id")),
                name="outcome_correlation",
            ),
            models.Index(
                fields=("order_id",),
                condition=models.Q(order_id__isnull=False),
                name="outcome_order",
            ),
        )

    def __str__(self) -> str:
        return f"{self.request_id} {self.kind}"

    @classmethod
    def processed(cls, *requests: str | models.OuterRef) -> models.QuerySet[Self]:
        """The outcomes of *requests* that were processed."""
        return cls._of(requests, cls.Kind.PROCESSED)

    @classmethod
    def discarded(cls, *requests: str | models.OuterRef) -> models.QuerySet[Self]:
        """The tombstones of *requests* that were discarded."""
        return cls._of(requests, cls.Kind.DISCARDED)

    @classmethod
    def correlated(cls, *correlations: str) -> models.QuerySet[Self]:
        """The outcomes of requests that were caused by others: their correlation id is not
        their own request id. The condition is the one of the partial index."""
        caused = ~models.Q(correlation_id=models.F("request_id"))
        return cls.objects.filter(caused, correlation_id__in=correlations)

    @classmethod
    def _of(
        cls, requests: tuple[str | models.OuterRef, ...], kind: Kind
    ) -> models.QuerySet[Self]:
        return cls.objects.filter(request_id__in=requests, kind=kind)

    @classmethod
    def claim_many(cls, claims: Iterable[Self]) -> set[str]:
        """Insert those of *claims* whose request id is free, and return their request ids.

        One statement, because Django's bulk_create(ignore_conflicts=True) does not tell
        which rows it inserted. It waits for a claim that another transaction has not
        committed yet, so it inserts in the order of the ids: two workers never deadlock.
        """
        rows = sorted(claims, key=lambda one: one.request_id)
        fields = cls._meta.concrete_fields
        row = f"({', '.join(['%s'] * len(fields))})"
        quote = connection.ops.quote_name
        key = quote("request_id")
        columns = ", ".join(quote(str(field.column)) for field in fields)
        values = [
            field.get_db_prep_save(field.pre_save(one, add=True), connection)
            for one in rows
            for field in fields
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {quote(cls._meta.db_table)} ({columns})"  # noqa: S608
                f" VALUES {', '.join([row] * len(rows))}"
                f" ON CONFLICT ({key}) DO NOTHING RETURNING {key}",
                values,
            )
            return {request_id for (request_id,) in cursor.fetchall()}

    @property
    def stale(self) -> bool:
        """Processed, and nothing changed: a later change was stored already."""
        return bool(self.made.get("status") == self.STALE)

    @property
    def message_for_sender(self) -> str:
        return str(self.made.get(self.MESSAGE_FOR_SENDER, ""))


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
    error_field = models.CharField(
        max_length=200, blank=True, default="", db_default=""
    )
    """The field that the error names, as in data.order_id."""
    traceback = models.TextField(blank=True)
    place = models.CharField(max_length=200, blank=True)
    """Where in our code it failed, as module:function."""
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    worker = models.CharField(max_length=200)
    release = models.CharField(max_length=100)

    class Meta:
        ordering = ("-started_at", "-id")
        indexes = (
            models.Index(
                fields=("started_at",),
                condition=~models.Q(error_text="") | ~models.Q(traceback=""),
                name="attempt_texts",
            ),
        )

    def __str__(self) -> str:
        return f"{self.request_id} attempt {self.receive_count}"


class UnderReview(models.Model):
    """A request at the triage desk. Receipts read it; only dlq_review writes it."""

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    since = models.DateTimeField(auto_now_add=True)
    sent_again_at = models.DateTimeField(null=True, blank=True)
    """When it was redriven; empty while it waits for staff."""

    def __str__(self) -> str:
        return self.request_id


class OutcomeMail(models.Model):
    """A wish for one mail on the outcome of a request. The front door writes it, and
    dlq_review mails and deletes it.
    """

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    piece = models.CharField(max_length=16, blank=True, db_default="")
    """The piece of the receipt: two requests may have one id, and each has an address."""
    asked_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return self.request_id


class Repair(models.Model):
    """An edit of a request by staff before its redrive, as two fingerprints.

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
    """A row of the spool (an outbox): an event that has not reached its queue yet.

    Either accepted while SQS could not take it, or a follow-up recorded in the
    transaction of the event that caused it.
    """

    request_id = models.CharField(primary_key=True, max_length=REQUEST_ID_LENGTH)
    cause = models.CharField(max_length=REQUEST_ID_LENGTH, blank=True, db_index=True)
    """The request id of the event this one follows; empty for an accepted one."""
    order_id = models.CharField(  # noqa: DJ001 - null is unknown, and empty is none
        max_length=64, null=True, db_index=True
    )
    """The id of the order that it creates. Null if an earlier release stored the row."""
    body = models.TextField()
    refusal = models.CharField(max_length=200, blank=True)
    """Why SQS did not take it, at the last try."""
    refused_for_good = models.BooleanField(default=False)
    trace = models.CharField(
        max_length=LONGEST_TEXT, blank=True, default="", db_default=""
    )
    """The trace that it belongs to, as `Trace.text`."""
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("created_at", "request_id")

    def __str__(self) -> str:
        return self.request_id
