"""Keep failure groups and their counters, in the transaction that changes a dead letter."""

import functools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Greatest
from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import NEW_FAILURE, REGRESSION
from dlq_review.bodies import sentences
from dlq_review.groups.fingerprint import LONGEST_TEMPLATE, Failure
from dlq_review.groups.plain_words import plain_words
from dlq_review.models import DeadLetter, FailureGroup
from processing.events.veil import Veil

_State = DeadLetter.State
COUNTER = {
    _State.OPEN: "waiting",
    _State.QUARANTINED: "waiting",
    _State.CLAIMED: "waiting",
    _State.REDRIVEN: "redriven",
    _State.RESOLVED: "settled",
    _State.DISCARDED: "settled",
}

_COUNTED = (
    *("waiting", "redriven", "settled", "state", "last_redriven_at"),
    *("appeared_at", "oldest_accepted"),
)
_OLDEST = Subquery(
    DeadLetter.objects.filter(group=OuterRef("pk"), state__in=DeadLetter.WAITING)
    .order_by("sent_at")
    .values("sent_at")[:1]
)
_Arrival = tuple[int, Failure]  # the group of its fingerprint, and why


def groups_of(failures: Iterable[Failure]) -> dict[str, FailureGroup]:
    """The group of each of *failures*, by its fingerprint."""
    latest_first = sorted(failures, key=lambda one: one.failed_at, reverse=True)
    needed = {failure.fingerprint: failure for failure in latest_first}
    found = FailureGroup.objects.in_bulk(list(needed), field_name="fingerprint")
    # Rows are locked in the order of their keys everywhere, so transactions cannot
    # deadlock.
    for fingerprint in sorted(needed.keys() - found.keys()):
        found[fingerprint] = group_of(needed[fingerprint])
    return found


def group_of(failure: Failure) -> FailureGroup:
    """The group of *failure*, which is created at its first failure."""
    group, new = FailureGroup.objects.get_or_create(
        fingerprint=failure.fingerprint,
        defaults={
            "queue": failure.queue,
            "type": failure.type,
            "error_type": failure.error_type[:200],
            "place": failure.place[:200],
            "template": failure.template,
            "sentence": sentences.sentence_of(failure.error_text),
            "release": failure.release,
            "first_seen": failure.failed_at,
            "last_seen": failure.failed_at,
        },
    )
    if new:
        sentence = f"A new kind of failure: {plain_words(group)}."
        raising.begin(NEW_FAILURE, str(group.pk), sentence, _path(group))
    return group


def group_fields(group: FailureGroup) -> dict[str, int | None]:
    """The group fields of a letter of *group*, which may have been merged into another."""
    if group.merged_into_id is None:
        return {"group_id": group.pk, "origin_id": None}
    return {"group_id": group.merged_into_id, "origin_id": group.pk}


def _path(group: FailureGroup) -> str:
    return f"/admin/dlq_review/failuregroup/{group.pk}/change/"


def count_new(letters: Iterable[DeadLetter], failures: Iterable[Failure]) -> None:
    """Count the first arrival of each of *letters*, which are new, in few statements."""
    arrived: dict[int, list[_Arrival]] = defaultdict(list)
    counters: dict[int, Counter[str]] = defaultdict(Counter)
    for letter, failure in zip(letters, failures, strict=True):
        arrived[letter.group_id].append((own_group(letter), failure))
        counters[letter.group_id][COUNTER[_State(letter.state)]] += 1
    _count_arrivals(arrived, counters)


def count_arrival(letter: DeadLetter, failure: Failure) -> None:
    """Count one more arrival, in its hour and as the last one seen.

    A resolved group regresses.
    """
    _count_arrivals({letter.group_id: [(own_group(letter), failure)]}, {})


def own_group(letter: DeadLetter) -> int:
    """The group of the letter's own fingerprint.

    Its hours are counted apart, for a later split.
    """
    return letter.origin_id or letter.group_id


def _count_arrivals(
    arrived: Mapping[int, Sequence[_Arrival]], counters: Mapping[int, Counter[str]]
) -> None:
    """Update each group's row, in the order of their keys, then the counts by hour."""
    hours: Counter[tuple[int, datetime]] = Counter()
    for group_id, arrivals in sorted(arrived.items()):
        last = max((failure for _, failure in arrivals), key=lambda one: one.failed_at)
        hours.update((own, _hour(failure.failed_at)) for own, failure in arrivals)
        FailureGroup.objects.filter(pk=group_id).update(
            last_seen=Greatest(F("last_seen"), last.failed_at),
            release=last.release,
            oldest_accepted=_OLDEST,
            **{
                name: F(name) + step
                for name, step in counters.get(group_id, {}).items()
            },
        )
    _learn(arrived)
    _count_hours(hours)


def _learn(arrived: Mapping[int, Sequence[_Arrival]]) -> None:
    """Narrow the sentence of each group, which is locked; one that is resolved regresses."""
    for group in FailureGroup.objects.filter(pk__in=arrived):
        before = group.sentence or sentences.marked(group.template)
        # The texts of a merged group differ from those of its own failures.
        its = [one for own, one in arrived[group.pk] if own == group.pk]
        texts = {one.error_text for one in its}
        sentence = functools.reduce(sentences.narrowed, sorted(texts), before)
        masked = {one.key_template: one.template for one in its}
        template = masked.get(group.template, group.template)
        said = {"sentence": sentence, "template": template}
        changed = [name for name, to in said.items() if getattr(group, name) != to]
        for name in changed:
            setattr(group, name, said[name])
        if group.state == FailureGroup.State.RESOLVED:
            _wake(group, regresses=True)
            changed += ["state", "appeared_at"]
        if changed:
            group.save(update_fields=changed)


def mask(texts: Iterable[tuple[DeadLetter, str, Veil]], also: Iterable[int]) -> None:
    """Take what is masked now in the text of a letter out of the texts of its group.

    *texts* are letters, their texts as they are masked from now on, and what masks them.
    The groups *also* are locked with theirs, because the transaction changes them next.
    """
    found: dict[int, list[tuple[str, Veil]]] = defaultdict(list)
    for letter, text, veil in texts:
        found[own_group(letter)].append((text, veil))
    groups = FailureGroup.objects.filter(pk__in={*found, *also}).order_by("pk")
    for group in groups.select_for_update(no_key=True):
        if group.pk in found:
            _mask_group(group, found[group.pk])


def _mask_group(group: FailureGroup, found: Iterable[tuple[str, Veil]]) -> None:
    before = group.sentence or sentences.marked(group.template)
    new = sorted({text for text, _ in found})
    group.sentence = functools.reduce(sentences.narrowed, new, before)
    # Not that of the letter's text: another letter may have had its own names masked here.
    for _, veil in found:
        template = sentences.whole_words(group.template, LONGEST_TEMPLATE)
        group.template = veil(template)[:LONGEST_TEMPLATE]
    group.save(update_fields=["sentence", "template"])


def _count_hours(arrivals: Mapping[tuple[int, datetime], int]) -> None:
    """In SQL, because the ORM has no upsert that adds to the stored value."""
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO dlq_review_failurecount (group_id, hour, arrivals) "
            "VALUES (%s, %s, %s) ON CONFLICT (group_id, hour) DO UPDATE "
            "SET arrivals = dlq_review_failurecount.arrivals + excluded.arrivals",
            [
                (group_id, adapt(hour), number)
                for (group_id, hour), number in sorted(arrivals.items())
            ],
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """A letter's move from one (group id, state) to another."""

    before: tuple[int, str]
    after: tuple[int, str]
    came_back: bool
    """It failed again, or after it was settled."""

    @property
    def waits(self) -> bool:
        return COUNTER[_State(self.after[1])] == "waiting"


def count_moves(moved: Sequence[Moved], at: datetime) -> None:
    """Count the moves of letters.

    A resolved group in which a letter waits now is open again; if the letter came back, the
    group regresses.
    """
    steps: dict[int, Counter[str]] = defaultdict(Counter)
    for one in moved:
        for (group_id, state), step in ((one.before, -1), (one.after, 1)):
            steps[group_id][COUNTER[_State(state)]] += step
    counted = [pk for pk, counters in steps.items() if any(counters.values())]
    waited_in = {one.after[0] for one in moved if one.waits}
    resolved = Q(pk__in=waited_in, state=FailureGroup.State.RESOLVED)
    # In the order of their keys everywhere, so transactions cannot deadlock.
    groups = FailureGroup.objects.filter(Q(pk__in=counted) | resolved).order_by("pk")
    locked = list(groups.select_for_update(no_key=True))
    for group in locked:
        _count(group, steps[group.pk], at)
    came_back = {one.after[0] for one in moved if one.waits and one.came_back}
    for group in locked:
        if group.pk in waited_in and group.state == FailureGroup.State.RESOLVED:
            _wake(group, regresses=group.pk in came_back)
    if locked:
        FailureGroup.objects.bulk_update(locked, _COUNTED)


def _count(group: FailureGroup, step: Counter[str], at: datetime) -> None:
    """Add *step* to the counters of *group*, which is locked."""
    group.oldest_accepted = _OLDEST
    for name, number in step.items():
        setattr(group, name, getattr(group, name) + number)
    if step["redriven"] > 0:
        group.last_redriven_at = at
    settled = step["waiting"] + step["redriven"] < 0
    if settled and group.waiting <= 0 and group.redriven <= 0:
        group.state = FailureGroup.State.RESOLVED


def _wake(group: FailureGroup, *, regresses: bool) -> None:
    """Open a resolved group again, and alert if it *regresses*. The caller saves it."""
    if not regresses:
        group.state = FailureGroup.State.OPEN
        return
    group.state = FailureGroup.State.REGRESSED
    group.appeared_at = timezone.now()
    # It was over, whether or not anybody has looked since.
    for kind in (NEW_FAILURE, REGRESSION):
        raising.end(kind, [str(group.pk)])
    sentence = f"A failure came back: {plain_words(group)}."
    raising.begin(REGRESSION, str(group.pk), sentence, _path(group))


def find_oldest(groups: Iterable[int]) -> None:
    """Store again when the oldest event was accepted that waits in each of *groups*."""
    FailureGroup.objects.filter(pk__in=groups).update(oldest_accepted=_OLDEST)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
