"""No place shows staff a name in an error text, however long ago that was stored.

Texts are masked when they are stored. Those of before are masked by a migration.
"""

from collections.abc import Callable
from http import HTTPStatus
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from dlq_review.groups import merge
from dlq_review.letters import revisions
from dlq_review.models import DeadLetter, FailureGroup, Operation, OperationItem
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.events.envelope import Event
from processing.models import Attempt
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    order_created,
    signup_requested,
)
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.test_who_sees_what import staff, text_of

pytestmark = pytest.mark.django_db
migration = import_module("dlq_review.migrations.0013_masked_texts")

SIGNUP = {"email": "grace.zquill@example.com", "name": "Grace Zquill"}
TEXT = "No room for Grace Zquill (grace.zquill@example.com) today."
MASKED = "No room for ••• ••• (g…@example.com) today."
VARIES = '<i class="varies">‹…›</i>'
TEMPLATE = f"No room for {VARIES} {VARIES} {VARIES} today."
DESK = "/admin/dlq_review"


def signup_letter(**more: str) -> DeadLetter:
    told = failure(error_type="MailError", error_text=TEXT, **more)
    return dead_letter(signup_requested(**SIGNUP), queue="signups-dlq", attributes=told)


def as_before(letter: DeadLetter, text: str = TEXT, **more: str) -> None:
    """Store of *letter* and its group what the previous releases did."""
    told = {"error_type": letter.error_type, **more}
    DeadLetter.objects.filter(pk=letter.pk).update(error_text=text[:500], **told)
    told.pop("reference", "")
    template = migration._template(text)
    groups = FailureGroup.objects.filter(pk=letter.origin_id or letter.group_id)
    groups.update(template=template, **told)


def migrate() -> None:
    migration.mask_stored(apps, None)


def new() -> DeadLetter:
    return signup_letter()


def old() -> DeadLetter:
    letter = signup_letter()
    as_before(letter)
    migrate()
    letter.refresh_from_db()
    return letter


def operation_with(letter: DeadLetter) -> int:
    operation = plans.freeze(Selection(), Plan(), by="ada")
    Operation.objects.update(state=Operation.State.DONE, ended_at=timezone.now())
    OperationItem.objects.filter(letter=letter).update(
        state=OperationItem.State.FAILED_AGAIN
    )
    return operation.pk


#: What each place does to show the text of a letter; None where it must not find one.
PLACES: dict[str, Callable[[DeadLetter], tuple[str, str | None]]] = {
    "letter list": lambda one: (f"{DESK}/deadletter/", MASKED),
    "letter": lambda one: (f"{DESK}/deadletter/{one.pk}/change/", MASKED),
    "group list": lambda one: (f"{DESK}/failuregroup/", TEMPLATE),
    "group": lambda one: (f"{DESK}/failuregroup/{one.group_id}/change/", TEMPLATE),
    "overview": lambda one: ("/admin/", None),
    "new operation": lambda one: (
        f"{DESK}/operation/new/?group={one.group_id}",
        TEMPLATE,
    ),
    "operation": lambda one: (
        f"{DESK}/operation/{operation_with(one)}/change/",
        MASKED,
    ),
    "attempts": lambda one: ("/admin/processing/attempt/", None),
    "attempt": lambda one: (
        f"/admin/processing/attempt/{Attempt.objects.get().pk}/change/",
        None,
    ),
    "groups found": lambda one: (f"{DESK}/failuregroup/?q=room+for", TEMPLATE),
    "letters found": lambda one: (f"{DESK}/deadletter/?q=room+for", MASKED),
    "csv": lambda one: (f"{DESK}/deadletter/export/csv/", MASKED),
    "jsonl": lambda one: (f"{DESK}/deadletter/export/jsonl/", MASKED),
}
#: The permissions of each role, and of those who may do everything but see who it is.
ROLES = {"looks": ("view",), "exports": ("view", "export"), "acts": ()}


@pytest.mark.parametrize("stored", [new, old])
@pytest.mark.parametrize("role", ROLES)
def test_no_place_shows_a_name_in_an_error_text(
    client_of: ClientOf, role: str, stored: Callable[[], DeadLetter]
) -> None:
    letter = stored()
    event = signup_requested(**SIGNUP)
    failed_attempt(event, request_id=letter.request_id, error_text=TEXT)
    acts = role == "acts"
    client = (
        staff("eve", "view_personal_deadletter") if acts else client_of(*ROLES[role])
    )
    for name, place in PLACES.items():
        url, expected = place(letter)
        answer = client.post(url) if "/export/" in url else client.get(url)
        text = text_of(answer)
        assert "zquill" not in text.lower(), name
        if acts or answer.status_code == HTTPStatus.OK:
            assert (expected or "") in text, name


@pytest.mark.parametrize("found", ["deadletter", "failuregroup"])
def test_no_search_tells_who_an_old_text_names(client_of: ClientOf, found: str) -> None:
    old()
    client = client_of("view", name="eve")
    assert "No room" not in text_of(client.get(f"{DESK}/{found}/?q=Zquill"))
    assert "No room" in text_of(client.get(f"{DESK}/{found}/?q=No+room"))


# -- The migration ------------------------------------------------------------------
def test_old_texts_read_as_new_ones_and_their_group_takes_the_next_failure() -> None:
    fresh = signup_letter()
    told = (fresh.error_text, fresh.group.template, fresh.group.fingerprint)
    as_before(fresh)
    migrate()
    fresh.refresh_from_db()
    group = FailureGroup.objects.get()
    assert (fresh.error_text, group.template, group.fingerprint) == told
    assert signup_letter().group == group


def test_groups_whose_texts_are_alike_once_masked_stay_two() -> None:
    letters = [
        dead_letter(
            signup_requested(name=name),
            queue="signups-dlq",
            attributes=failure(error_text=f"No room for {name}."),
        )
        for name in ("Grace", "Edsger")
    ]
    for letter, name in zip(letters, ("Grace", "Edsger"), strict=True):
        as_before(letter, f"No room for {name}.")
    migrate()
    templates = FailureGroup.objects.order_by("pk").values_list("template", flat=True)
    assert list(templates) == ["No room for •••."] * 2


def test_what_says_nothing_of_people_stays_as_it_is() -> None:
    letters = [
        dead_letter(attributes=failure()),
        dead_letter(),  # nobody reported why
        dead_letter("Dear Grace,"),
        dead_letter("Dear Grace,", attributes=failure(error_text="The wrong Grace")),
        dead_letter(order_created(order_id="Grace")),
    ]
    merge.merge(letters[0].group, letters[1].group, by="ada", reason="x")
    models = (DeadLetter, FailureGroup)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    migrate()
    assert before == [list(model.objects.order_by("pk").values()) for model in models]


def test_all_bodies_of_a_letter_count() -> None:
    letter = dead_letter(order_created(email="ada@example.com"))
    body = letter.revisions.get().body.replace("ada@", "zquill@")
    revisions.edit(letter, body, based_on=0, by="ada", reason="x")
    as_before(letter, "Ada is not Zquill")
    migrate()
    letter.refresh_from_db()
    assert letter.error_text == "••• is not •••"


def test_half_a_name_at_the_end_of_a_text_that_was_cut_is_left_out() -> None:
    letter = signup_letter()
    as_before(letter, f"{'x' * 490} for Zquill".replace("x" * 490, "x " * 245))
    migrate()
    letter.refresh_from_db()
    assert "Zq" not in letter.error_text


@pytest.mark.parametrize(
    ("field", "before", "after"),
    [
        ("error_type", "NoRoomForZquill", "NoRoomForZquill"),
        ("error_type", "No room for Zquill", "No room for •••"),
        ("release", "r1", "r1"),
        ("release", "Grace Zquill", "•••"),
        ("type", "signup_requested", "signup_requested"),
        ("type", "Grace Zquill", ""),
    ],
)
def test_the_names_of_a_failure_are_masked_too(
    field: str, before: str, after: str
) -> None:
    letter = signup_letter()
    as_before(letter, **{field: before})
    migrate()
    letter.refresh_from_db()
    assert (getattr(letter, field), getattr(letter.group, field)) == (after, after)


@pytest.mark.parametrize("place", ["", "processing/handlers/accounts.py:sign_up"])
def test_a_group_whose_error_is_masked_takes_what_fails_next(place: str) -> None:
    event = signup_requested(**SIGNUP)
    name = "No room for Zquill"
    letter = dead_letter(
        event, queue="signups-dlq", attributes=failure(error_type=name)
    )
    as_before(letter, failure()["failure"], place=place, error_type=name)
    group = FailureGroup.objects.get()
    detail = place or group.template
    key = migration._key("signups", "signup_requested", name, detail)
    FailureGroup.objects.update(fingerprint=key)
    migrate()
    group.refresh_from_db()
    masked = "No room for •••"
    assert group.error_type == masked
    expected = migration._key("signups", "signup_requested", masked, detail)
    assert group.fingerprint == expected


def test_two_groups_that_would_get_one_key_stay_two() -> None:
    letter = signup_letter()
    names = ("No room for Grace", "No room for Zquill")
    place = "processing/handlers/accounts.py:sign_up"
    groups = [letter.group, dead_letter(signup_requested()).group]
    other = DeadLetter.objects.exclude(pk=letter.pk).get()
    other.revisions.update(body=letter.revisions.get().body)
    other.arrivals.update(body=letter.revisions.get().body)
    for one, name in zip((letter, other), names, strict=True):
        key = migration._key("signups", "signup_requested", name, place)
        as_before(one, place=place, error_type=name)
        told = {"queue": "signups", "type": "signup_requested", "fingerprint": key}
        FailureGroup.objects.filter(pk=one.group_id).update(**told)
    migrate()
    masked = migration._key("signups", "signup_requested", "No room for •••", place)
    kept = migration._key("signups", "signup_requested", names[1], place)
    keys = [FailureGroup.objects.get(pk=one.pk).fingerprint for one in groups]
    assert keys == [masked, kept]


@pytest.mark.parametrize(
    ("event", "reference", "kept"),
    [
        (signup_requested(**SIGNUP), "Zquill", False),
        (signup_requested(**SIGNUP), SIGNUP["email"], True),
        (order_created(order_id="Zquill"), "Zquill", True),
    ],
)
def test_a_wrong_address_is_no_reference_any_more(
    event: Event, reference: str, kept: bool
) -> None:
    letter = dead_letter(event)
    as_before(letter, reference=reference)
    migrate()
    letter.refresh_from_db()
    assert letter.reference == (reference if kept else "")


def test_a_group_of_which_no_body_is_left_keeps_no_text() -> None:
    letter = signup_letter()
    as_before(letter)
    letter.revisions.update(body="")
    letter.arrivals.update(body="")
    DeadLetter.objects.update(error_text="", purged_at=timezone.now())
    migrate()
    group = FailureGroup.objects.get()
    assert (group.template, group.error_type) == ("", "MailError")


def test_many_letters_are_masked_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "STEP", 2)
    for letter in [signup_letter() for _ in range(5)]:
        as_before(letter)
    migrate()
    assert set(DeadLetter.objects.values_list("error_text", flat=True)) == {MASKED}


def test_an_address_that_was_stored_as_it_was_is_shortened_in_every_list(
    client_of: ClientOf,
) -> None:
    """In what hovers too."""
    letter = dead_letter()
    DeadLetter.objects.filter(pk=letter.pk).update(error_text=TEXT)
    desk = client_of("view")
    for path in ("deadletter/", f"deadletter/{letter.pk}/change/"):
        shown = desk.get(f"{DESK}/{path}").content.decode()
        assert "grace.zquill@" not in shown, path
