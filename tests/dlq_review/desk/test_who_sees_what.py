"""Every place that shows a body or a part of one, by role: a planted secret is in none.

The places are read from the admin's own URLs, so that a page that is added is looked at too.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.utils import timezone

from dlq_review.groups import triage
from dlq_review.letters import retention, revisions, settlement
from dlq_review.letters.transitions import note
from dlq_review.models import AuditEntry, DeadLetter, Operation, RedrivePolicy
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.events.contracts import EmailRequested
from processing.events.envelope import Event
from processing.models import Order, OrderReturn, SpooledEvent, User
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    order_created,
    order_data,
    order_updated,
    signup_requested,
)
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db

SECRET = "zquill"
NAME = "Grace Zquill"
ADDRESS = "grace.zquill@example.com"
PHONE = "+49 151 7654321"
LIST = "/admin/dlq_review/deadletter/"
#: As they come from the wire: nothing of them may show.
SEEN = re.compile(rf"{SECRET}|7654321|\\u007aquill", re.IGNORECASE)


def valid() -> Iterator[Event]:
    yield order_created(email=ADDRESS)
    yield order_updated()
    profile: dict[str, Any] = {"company": f"{SECRET} Ltd", "phone": PHONE}
    yield signup_requested(email=ADDRESS, name=NAME, profile=profile)
    subject, text = f"For {NAME}", f"Dear {NAME},\ncall {PHONE}."
    yield Event.new(EmailRequested(recipient=ADDRESS, subject=subject, body=text))
    context = {"account": "1", SECRET: NAME}
    yield Event.new(
        EmailRequested(recipient=ADDRESS, template="verify_email", context=context)
    )


def broken() -> Iterator[str]:
    def event(type: str = "order_created", **data: Any) -> str:
        return json.dumps({"type": type, "data": data})

    order = order_data(email=ADDRESS)
    yield event(**order, customer={"name": NAME, "more": [{"phone": PHONE}]})
    yield event(**order, phone=7654321, name=[NAME])
    yield event(**{**order, "order_id": NAME, "currency": NAME})
    yield event(**{**order, "order_id": ADDRESS})
    yield event(**{**order, "items": [{"sku": NAME, NAME: NAME}, NAME]})
    yield event(**{**order, ADDRESS: 1, NAME: 2})
    yield event("signup_requested", email=f"{SECRET} at example", name=NAME)
    yield event("signup_requested", email=f"{SECRET}", name=NAME)
    yield event("signup_requested", email=f'"{SECRET}"@example.com', name=NAME)
    yield event(NAME, name=NAME)
    yield event("elsewhere", email=SECRET, name=NAME)
    yield (
        event("signup_requested", email=ADDRESS, name=NAME)
        .replace("Zquill", r"\u005aquill")
        .replace("name", r"n\u0061me")
        .replace("@", r"\u0040")
    )
    yield event("signup_requested", email=ADDRESS, name=NAME)[:-3]
    yield f'{{"name": "{NAME}", "{NAME}": 1, "{NAME}": 2}}'
    yield f"Dear {NAME}, {ADDRESS}"
    yield json.dumps([NAME, {"name": NAME}])


def wrapped() -> Iterator[str]:
    for event in (signup_requested(email=ADDRESS, name=NAME), *list(valid())[:1]):
        inside = json.loads(event.body)
        cloud = {"specversion": "1.0", "source": NAME, "subject": NAME, **inside}
        yield json.dumps(cloud)
        yield json.dumps(
            {"Type": "Notification", "Message": event.body, "Subject": NAME}
        )
        yield json.dumps({"detail-type": "signup_requested", "detail": inside["data"]})
        yield json.dumps({"detail-type": "x", "source": NAME, "detail": cloud})


def complaint(body: str) -> str:
    """What an error may say of *body*: any address, and whatever else stands in it."""
    named = NAME if "Grace" in body else "somebody"
    phone = PHONE if PHONE in body else ""
    return f"Key (email)=({ADDRESS}) of {named} {phone} exists."


def letter_of(body: Event | str) -> DeadLetter:
    text = complaint(body if isinstance(body, str) else body.body)
    told = failure(error_text=text, error_type="HandlerError", release=NAME)
    letter = dead_letter(body, attributes={**told, "customer": NAME, "type": NAME})
    if isinstance(body, Event):
        trace = f'Traceback\n  File "a.py", line 1, in x\n    raise\nValueError: {text}'
        failed_attempt(body, error_text=text, traceback=f"{trace}\n    {text}")
        if body.type == "signup_requested":
            after = body.body.replace(NAME, f"{NAME} II")
            revisions.edit(letter, after, based_on=0, by="ada", reason=f"{NAME} asked.")
            letter.refresh_from_db()
    note(letter, AuditEntry.Verb.NOTED, by="ada", reason=text)
    return letter


def planted(*, every: int = 1) -> None:
    """A desk with each body, what comes of them, and what staff said and did."""
    bodies: list[Event | str] = [*valid(), *broken(), *wrapped()]
    letters = [letter_of(body) for body in bodies[::every]]
    patch = [{"op": "add", "path": "/data/name", "json": f'"{NAME}"'}]
    chosen = Selection(fields=("data.email", "!data.nothing"), ids=[ADDRESS])
    edit = plans.freeze(
        Selection(), Plan(kind="fix", patch=patch), by="ada", reason="x"
    )
    asked = {"fields": [f'data.name~"{NAME}"', f'data["{NAME}"]'], "ids": [ADDRESS]}
    Operation.objects.filter(pk=edit.pk).update(
        selection=asked, reason=f"for {ADDRESS}"
    )
    assert plans.freeze(chosen, Plan(), by="ada").total
    policy(selection=asked, reason=f"for {ADDRESS}", url=f"https://x.y/?{ADDRESS}")
    triage.annotate(letters[0].group, f"See {ADDRESS}", by="ada")
    told = f"Write to {ADDRESS}."
    settlement.discard(letters[1], by="ada", reason="x", message_for_sender=told)
    owner = {"email": ADDRESS, "username": ADDRESS, "name": NAME}
    names = {"first_name": NAME, "last_name": NAME}
    User.objects.create(**owner, **names, profile={"phone": PHONE})
    event = order_created(email=ADDRESS)
    order = Order.objects.create(
        order_id="ORD-9",
        customer_id="C-1",
        email=ADDRESS,
        total=1,
        status_changed_at=timezone.now(),
        request_id=event.id,
    )
    SpooledEvent.objects.create(
        request_id=event.id,
        body=event.body,
        trace=f"00-{'a' * 32}-{'b' * 16}-01 shop={SECRET}",
        next_try_at=timezone.now(),
    )
    OrderReturn.objects.create(
        order=order, reason=f"{NAME} moved.", skus=["TEA-1"], request_id="return-1"
    )


def test_a_secret_is_planted_in_every_field_that_the_admin_masks() -> None:
    planted(every=8)
    missing = [
        f"{model.__name__}.{name}"
        for model, shown in admin.site._registry.items()
        for name in getattr(shown, "personal", ())
        if not any(
            SEEN.search(str(value))
            for value in model._default_manager.values_list(name, flat=True)
        )
    ]
    assert missing == []


def staff(name: str, *without: str) -> Client:
    """Somebody with every permission to look and to act, but for those named."""
    user = User.objects.create(username=name, email=f"{name}@x.org", is_staff=True)
    user.user_permissions.set(Permission.objects.exclude(codename__in=without))
    client = Client()
    client.force_login(user)
    return client


#: Of a number in an address, which the admin may take for the number itself.
SPELLINGS = ("%2B{}", "0{}", "%20{}", "{}%20", "{}.0", "-{}", "{}_")


def places(*, every: int = 1) -> Iterator[str]:
    """Each URL of the admin, for each row, with all spellings of its number.

    With *every* above 1, for the letters, one row of each other kind and one spelling of each.
    """
    few = 1 if every > 1 else 4
    yield "/admin/"
    for model, shown in admin.site._registry.items():
        if model is Permission:
            continue
        base = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        rows = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
        for pattern in shown.get_urls():
            route = str(pattern.pattern).removesuffix(r"\Z")
            if "<" not in route:
                yield base + route
                continue
            route = route.replace("<str:format>", "jsonl").replace("<int:number>", "0")
            # Each letter's own page; of all else a few.
            each = route.endswith("change/") and model is DeadLetter
            for row in rows if each else rows[:: max(1, len(rows) // few)]:
                yield base + re.sub("<[^>]+>", row, route)
            if "<path:" in route:
                for spelling in SPELLINGS[::every]:
                    for row in rows[:2]:
                        yield base + re.sub("<[^>]+>", spelling.format(row), route)


def lists() -> Iterator[str]:
    """Questions whose answers would tell what is in a body."""
    letters = ("", "?state=all", "?state=all&o=1", "?q=ORD", f"?q={SECRET}")
    yield from (f"{LIST}{one}" for one in letters)
    for path in ("dlq_review/failuregroup", "dlq_review/auditentry", "processing/user"):
        yield f"/admin/{path}/?q={NAME}"
    for model, field in (("user", "user"), ("deadletter", "letter")):
        asked = f"app_label=dlq_review&model_name=auditentry&field_name={field}"
        yield f"/admin/autocomplete/?{asked}&term={SECRET}&{model}"


def text_of(answer: Any) -> str:
    if getattr(answer, "streaming", False):
        return b"".join(answer.streaming_content).decode()
    return f"{answer.content.decode()} {answer.headers}"


def seen_in(text: str) -> str:
    found = SEEN.search(text)
    return text[max(0, found.start() - 200) : found.end() + 50] if found else ""


def without_what_was_asked(text: str, url: str) -> str:
    """A search box repeats what was typed into it."""
    return (
        re.sub(r"(?i)q(=|%3D)[^\"&]*|value=\"[^\"]*\"", "", text)
        if "?" in url
        else text
    )


ACTS = ["view_personal_deadletter"]
LOOKS = [*ACTS, "change_deadletter", "export_deadletter"]


@pytest.mark.parametrize(
    ("without", "every"),
    [
        pytest.param(ACTS, 8, id="acts, few bodies"),
        pytest.param(ACTS, 4, id="acts, some bodies", marks=pytest.mark.siege),
        pytest.param(ACTS, 1, id="acts", marks=[pytest.mark.siege, pytest.mark.long]),
        pytest.param(LOOKS, 3, id="looks", marks=[pytest.mark.siege, pytest.mark.long]),
    ],
)
def test_no_page_shows_personal_data_to_those_who_may_not_see_it(
    without: list[str], every: int
) -> None:
    """The fast suite plants some of the bodies, the siege all of them."""
    planted(every=every)
    client = staff("eve", *without)
    seen = 0
    for url in (*places(every=every), *lists()):
        answer = client.get(url)
        text = without_what_was_asked(text_of(answer), url)
        assert seen_in(text) == "", url
        seen += answer.status_code == 200
    assert seen > 100 / every
    for url in posts():
        text = text_of(client.post(url, {"body": "x", "reason": "y", "based_on": 0}))
        assert seen_in(text) == "", url
    assert not AuditEntry.objects.filter(verb="revealed").exists()


def posts() -> Iterator[str]:
    for letter in DeadLetter.objects.all():
        for step in ("rehearse", "reveal", "body/0", "edit"):
            yield f"{LIST}{letter.pk}/{step}/"
        yield f"/admin/dlq_review/failuregroup/{letter.group_id}/rehearse/"
    for format in ("csv", "jsonl"):
        yield f"{LIST}export/{format}/?state=all"


def test_a_stranger_sees_no_page_at_all(client: Client) -> None:
    planted(every=4)
    for url in (*places(every=4), *lists()):
        answer = client.get(url)
        assert answer.status_code in (302, 404), url
        assert not SEEN.search(answer.content.decode())


#: Pages that show what is personal to those who may see it, and put that on record.
ON_RECORD = re.compile(
    r"deadletter/\d+/edit/|auditentry/[^/]+/change|processing/(order|orderreturn|user|attempt|outcome|spooledevent)/.*change"
)


@pytest.mark.siege
@pytest.mark.long
@pytest.mark.parametrize("role", ["reader", "superuser"])
def test_those_who_may_see_it_have_to_ask_and_that_is_on_record(
    role: str, admin_client: Client
) -> None:
    planted(every=3)
    client = admin_client if role == "superuser" else staff("bob")
    for url in (*places(every=3), *lists()):
        text = without_what_was_asked(text_of(client.get(url)), url)
        if not ON_RECORD.search(url) and "/processing/staffmember/" not in url:
            assert seen_in(text) == "", url
    letter = letter_of(signup_requested(email=ADDRESS, name=NAME))
    looked = letter.audit.filter(verb="revealed")
    for step, where in (
        ("reveal", "Its page"),
        ("body/0", "Revision 0 as a file"),
        ("edit", "Its edit page"),
    ):
        before = looked.count()
        answer = client.get if step == "edit" else client.post
        assert SEEN.search(text_of(answer(f"{LIST}{letter.pk}/{step}/")))
        assert looked.count() == before + 1
        assert looked.first().reason == where  # type: ignore[union-attr]


SHARED = ("processing_attempt", "processing_outcome")


def everything() -> Iterator[tuple[str, str]]:
    """Each row of the desk's tables, and of those that it shares, as text."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("dlq_review_") or table in SHARED:
                cursor.execute(f"SELECT * FROM {table}")  # noqa: S608 - names of our own
                yield from ((table, str(row)) for row in cursor.fetchall())


def test_after_a_purge_no_row_of_the_desk_names_anybody() -> None:
    planted()
    long_ago = timezone.now() - timedelta(days=200)
    for letter in DeadLetter.objects.exclude(state="discarded"):
        settlement.resolve(letter, by="ada", reason=f"Told {NAME}")
    DeadLetter.objects.update(settled_at=long_ago)
    Operation.objects.update(created_at=long_ago)
    RedrivePolicy.objects.update(created_at=long_ago)
    ids = set(DeadLetter.objects.values_list("request_id", flat=True))
    assert any(SEEN.search(row) for _, row in everything())
    retention.purge(timezone.now() - timedelta(days=90))
    assert [one for one in everything() if SEEN.search(one[1])] == []
    assert set(DeadLetter.objects.values_list("request_id", flat=True)) == ids
