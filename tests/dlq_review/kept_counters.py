"""The counters that groups keep, held against their letters."""

from django.db.models import Min, Sum

from dlq_review.models import Arrival, DeadLetter, FailureCount, FailureGroup
from processing.models import UnderReview


def assert_counted(*, hours: bool = True) -> None:
    for group in FailureGroup.objects.all():
        letters = group.letters.all()
        counted = (group.waiting, group.redriven, group.settled)
        assert counted == (
            letters.filter(state__in=DeadLetter.WAITING).count(),
            letters.filter(state="redriven").count(),
            letters.filter(state__in=DeadLetter.SETTLED).count(),
        )
        waiting = letters.filter(state__in=DeadLetter.WAITING)
        assert group.oldest_accepted == waiting.aggregate(at=Min("sent_at"))["at"]
        assert not (group.waiting and group.state == "resolved")
    settled = DeadLetter.objects.filter(state__in=DeadLetter.SETTLED)
    assert set(settled) == set(DeadLetter.objects.filter(settled_at__isnull=False))
    arrivals = FailureCount.objects.aggregate(Sum("arrivals", default=0))
    if hours:
        assert arrivals["arrivals__sum"] == Arrival.objects.count()
    unsettled = DeadLetter.objects.exclude(state__in=DeadLetter.SETTLED)
    assert set(UnderReview.objects.values_list("request_id", flat=True)) == set(
        unsettled.values_list("request_id", flat=True)
    )
