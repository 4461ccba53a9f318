from datetime import datetime

from django.db import models
from django.utils import timezone


class QueueProgress(models.Model):
    """How far the workers of one queue have come, noted once a minute while they work.

    The oldest message on the queue is about as old as this: SQS gives them out roughly in
    the order sent.
    """

    queue = models.CharField(primary_key=True, max_length=80)
    newest_sent_at = models.DateTimeField()
    """SQS's latest timestamp among the messages that were delivered the first time."""
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.queue

    @classmethod
    def note(cls, queue: str, newest_sent_at: datetime) -> None:
        """Several workers note theirs; the furthest counts."""
        now = timezone.now()
        row, new = cls.objects.get_or_create(
            queue=queue, defaults={"newest_sent_at": newest_sent_at, "at": now}
        )
        if not new and row.newest_sent_at < newest_sent_at:
            cls.objects.filter(queue=queue, newest_sent_at__lt=newest_sent_at).update(
                newest_sent_at=newest_sent_at, at=now
            )
