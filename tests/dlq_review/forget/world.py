"""A system that knows Ann in every way that it can know a person, and Jo Ann beside her."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.backends.db import SessionStore
from django.core.mail import EmailMessage, get_connection
from django.db import connection
from django.db.models import CharField, JSONField, TextField

from dlq_review.letters import settlement
from dlq_review.letters.transitions import note_reveal
from dlq_review.models import (
    AlertDelivery,
    AuditEntry,
    DeadLetter,
    FailureGroup,
    LifeSign,
    Operation,
    UntoldAlert,
)
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from intake.models import ApiKey
from processing.delivery import processor
from processing.models import Order, OrderReturn, Outcome, User
from tests.builders import (
    dead_letter,
    failed_attempt,
    order_created,
    order_returned,
    signup_requested,
)

ANN, OTHER = "ann@bücher.example", "joann@bücher.example"
ASCII = "ann@xn--bcher-kva.example"
SPELLINGS = [
    ANN,
    ASCII,
    "ANN@BÜCHER.example",
    r"ann@b\u00fccher.example",
    "ann%40b%C3%BCcher.example",
    "ann&#64;b&uuml;cher.example",
]
SAID = "Ann's; " + ", ".join(SPELLINGS) + f"; not {OTHER}"


def request(email: str, order_id: str) -> None:
    """An order with a failed attempt, and a return."""
    event = order_created(email=email, order_id=order_id)
    failed_attempt(event, error_text=f"for {email}", traceback=SAID)
    processor.process(event)
    back = order_returned(order_id=order_id, reason=f"The lid, says {email}.")
    processor.process(back)


def settled(email: str, **more: Any) -> DeadLetter:
    letter = dead_letter(signup_requested(email=email, name="Ann Other"), **more)
    settlement.resolve(letter, by="bob", reason=f"Called {email}.")
    return letter


def staffs() -> None:
    """What staff wrote and did."""
    bob = User.objects.create(username="bob", email="bob@example.com", is_staff=True)
    kind = ContentType.objects.get_for_model(Order)
    LogEntry.objects.create(
        user=bob, content_type=kind, action_flag=CHANGE, object_repr=ANN,
        change_message=SAID, object_id=ASCII,
    )  # fmt: skip
    FailureGroup.objects.update(note=SAID, template=SAID[:300])
    note_reveal("bob", SAID)
    AuditEntry.objects.filter(verb="revealed").update(reason=SAID)
    LifeSign.objects.create(name="x", at=bob.date_joined, trouble=SAID)
    UntoldAlert.objects.create(name="x", sentence=SAID, path=f"/?q={ASCII}")
    AlertDelivery.objects.create(
        channel="mail", name=ASCII, kind="growth", phase="raised", sentence=SAID,
        path=f"/?q={ASCII}", last_error=ASCII, began_at=bob.date_joined,
        created_at=bob.date_joined, next_try_at=bob.date_joined,
    )  # fmt: skip
    ApiKey.make(f"shop of {ASCII}", [], None)
    operation = plans.freeze(Selection(), Plan(), by="bob", reason=SAID)
    chosen = {"ids": SPELLINGS, "fields": [f"data.email={ASCII}"]}
    patch = [{"op": "add", "path": "/data/email", "json": json.dumps(ANN)}]
    Operation.objects.filter(pk=operation.pk).update(
        selection=chosen, patch=patch, state=Operation.State.DONE, halted=SAID[:300],
        refused={ASCII: SAID},
    )  # fmt: skip
    operation.items.update(why=SAID)


def logins() -> None:
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        more = {"failures_since_start": 1} if model is AccessAttempt else {}
        model.objects.create(
            username=ASCII, user_agent="x", path_info=f"/?{ASCII}", **more
        )
    AccessAttempt.objects.update(post_data=f"email={ANN}", get_data=SAID)
    for address in (ASCII, OTHER):
        session = SessionStore()
        session["said"] = f"{address} was found"
        session.save()


def mails(folder: Path) -> None:
    for to in (ASCII, "joann@xn--bcher-kva.example"):
        backend = get_connection(
            "processing.files.mail_files.EmailBackend", file_path=folder
        )
        backend.send_messages([EmailMessage("x", f"Für {to}", to=[to])])
    about = EmailMessage("x", "Für Bob", to=["bob@example.com"])
    about.attach("a.bin", f"Says {ASCII}".encode(), "application/octet-stream")
    backend.send_messages([about])


def known(folder: Path) -> None:
    """Everything, of Ann and of the other."""
    for number, email in enumerate((ANN, OTHER), start=1):
        request(email, f"ORD-{number}")
        processor.process(signup_requested(email=email, name="Ann"))
        hidden = base64.b64encode(email.encode()).decode()
        settled(
            email,
            attributes={"note": SAID if email is ANN else email, "raw": hidden},
            types={"raw": "Binary"},
        )
    settled_return = dead_letter(
        order_returned(order_id="ORD-1", reason="I, Ann, hate it")
    )
    settlement.discard(
        settled_return, by="bob", reason=SAID, message_for_sender=f"Dear {ANN}"
    )
    broken = dead_letter('{"type": "signup_requested", "data": {"email": "' + ASCII)
    settlement.discard(broken, by="bob", reason="x")
    mentioned = dead_letter(order_returned(order_id="ORD-2", reason=SAID))
    settlement.discard(mentioned, by="bob", reason="x")
    dead_letter(signup_requested(email=OTHER, name="Waits"))
    Outcome.objects.filter(kind="processed").update(made={"told": SAID})
    staffs()
    logins()
    mails(folder)


def dump() -> Iterator[tuple[str, str]]:
    """Every text of every column of every table, sessions decoded, attributes too."""
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        columns = [
            one.column
            for one in model._meta.concrete_fields
            if isinstance(one, CharField | TextField | JSONField)
        ]
        for column in columns:
            with connection.cursor() as cursor:
                cursor.execute(f'SELECT CAST("{column}" AS text) FROM "{table}"')  # noqa: S608
                for (value,) in cursor.fetchall():
                    yield f"{table}.{column}", value or ""


def of_the_other() -> set[tuple[str, str]]:
    """What is held on the other person alone."""
    return {
        (table, text)
        for table, text in dump()
        if "joann@" in text.lower() and "'s; " not in text
    }


def returned(order: str) -> str:
    return OrderReturn.objects.get(order=order).reason
