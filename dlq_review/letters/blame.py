"""The field that the last failure of a letter names, unless staff have changed it since."""

from collections.abc import Iterable

from django.db.models import F, Q

from dlq_review.bodies import exact_json, json_patch
from dlq_review.bodies.json_patch import PatchError
from dlq_review.bodies.pointers import pointer
from dlq_review.models import DeadLetter, Revision
from processing.events import strict_json
from processing.events.errors import Problem


def blamed(letter: DeadLetter, body: str) -> list[Problem]:
    """What a business rule found wrong with *body*, which may not be saved yet."""
    if not letter.error_field:
        return []
    problem = Problem(letter.error_field, letter.error_text)
    path = pointer(problem.names)
    failed = _failed_body(letter)
    if failed is None:
        return []
    same = body == failed or _value(body, path) == _value(failed, path)
    return [problem] if same else []


def _failed_body(letter: DeadLetter) -> str | None:
    """The body that failed last: what arrived, or what staff had saved by then; None if unknown."""
    sent = Q(by="") | Q(at__lte=letter.last_failed_at)
    return letter.revisions.filter(sent).values_list("body", flat=True).first()


def _value(body: str, path: str) -> str | None:
    try:
        return exact_json.dumps(json_patch.get(exact_json.loads(body), path))
    except (strict_json.UnreadableJSONError, LookupError, PatchError):
        return None


def edited_since(letters: Iterable[DeadLetter]) -> set[int]:
    """The numbers of those of *letters* that staff have edited since their last failure."""
    current = Revision.objects.filter(
        letter__in=list(letters), number=F("letter__revision")
    )
    edited = current.exclude(by="").filter(at__gt=F("letter__last_failed_at"))
    return set(edited.order_by().values_list("letter_id", flat=True))
