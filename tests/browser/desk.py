"""The triage desk with something in every state, and what worker and beat do for it."""

from contextlib import suppress
from datetime import timedelta

from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from dlq_review import tasks
from dlq_review.letters import settlement
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.redrive import claims, sender
from dlq_review.redrive.terms import Redrive, Terms
from dlq_review.search.selections import Selection
from processing.delivery import processor, spool
from processing.events.contracts import OrderReturned
from processing.events.envelope import Event
from processing.models import User
from processing.sqs import queues
from processing.sqs.topology import EVENT_QUEUES
from tests import roles
from tests.builders import (
    dead_letter,
    failed_attempt,
    failure,
    order_created,
    redriven,
    signup_requested,
)
from tests.dlq_review.policies import policy

LETTERS = "/admin/dlq_review/deadletter/"
GROUPS = "/admin/dlq_review/failuregroup/"
OPERATIONS = "/admin/dlq_review/operation/"
POLICIES = "/admin/dlq_review/redrivepolicy/"
AUDIT = "/admin/dlq_review/auditentry/"
ALERTS = "/admin/dlq_review/alertdelivery/"


def session_of(group: str, name: str = "ada") -> str:
    """The cookie of a viewer, an editor, an operator or an administrator, signed in."""
    email = f"{name}@example.com"
    user = User.objects.create(username=name, email=email, is_staff=True)
    if group == "administrator":
        User.objects.filter(pk=user.pk).update(is_superuser=True)
    else:
        given = roles.permissions_of(f"Triage {group}")
        held = Permission.objects.filter(codename__in=given)
        user.user_permissions.set(held)
    client = Client()
    client.force_login(user)
    return client.cookies["sessionid"].value


def page_of(letter: DeadLetter, name: str = "change") -> str:
    return f"{LETTERS}{letter.pk}/{name}/"


def group_page(group: FailureGroup) -> str:
    return f"{GROUPS}{group.pk}/change/"


def operation_page(operation: Operation) -> str:
    return f"{OPERATIONS}{operation.pk}/change/"


def go_round() -> None:
    """What worker and beat do with all there is to do, once, in this process."""
    tasks.operate()
    for queue in EVENT_QUEUES:
        for message in queues.receive(queue):
            with suppress(processor.RetryLaterError):
                processor.handle(message)
                queues.delete(queue, [message.receipt_handle])
    tasks.pull()
    tasks.settle()


class FullDesk:
    """Rows in every state that a screen can show."""

    def __init__(self) -> None:
        _alerts()
        self.letters = _letters()
        self.groups = _groups()
        self.operations = _operations()
        self.policies = _policies()
        _orders()


def _alerts() -> None:
    """A delivery in each state, with an error as long as one can be."""
    now = timezone.now()
    for number, state in enumerate(AlertDelivery.State.values):
        AlertDelivery.objects.create(
            channel="webhook",
            name=f"growth/{state}",
            number=number,
            kind="growth",
            phase=AlertDelivery.Phase.RAISED,
            sentence="150 failures on orders within an hour; 4.0 is usual.",
            path=LETTERS,
            began_at=now,
            created_at=now,
            next_try_at=now + timedelta(minutes=4),
            sent_at=now if state == "sent" else None,
            state=state,
            tries=number,
            last_error="" if state == "sent" else "HTTP 503 " + "long " * 30,
        )


def _orders() -> None:
    """An order that was returned, and one in the spool."""
    back = OrderReturned.model_validate(OrderReturned.example)
    item = {"sku": back.skus[0], "quantity": 2, "unit_price": "4.50"}
    ids = {"order_id": back.order_id, "customer_id": back.customer_id}
    for event in (order_created(items=[item], **ids), Event.new(back)):
        processor.process(event)
    spool.add(order_created(), "no answer")


def _letters() -> dict[str, DeadLetter]:
    now = timezone.now()
    recent = failure(failed_at=now.isoformat())
    event = order_created(order_id="ORD-attempts")
    failed_attempt(event, worker="w-1", release="r1", traceback=TRACEBACK, place=PLACE)
    found = {
        "open": dead_letter(order_created(), attributes=recent),
        "attempts": dead_letter(event, sent_at=now - timedelta(minutes=2)),
        "invalid": dead_letter(
            order_created().body.replace("EUR", "euros"), attributes=recent
        ),
        "quarantined": dead_letter("{not an event", attributes=recent),
        "signup": dead_letter(signup_requested(), queue="signups-dlq"),
        "claimed": dead_letter(),
        "redriven": dead_letter(),
        "overdue": dead_letter(),
        "again": dead_letter(),
        "resolved": dead_letter(),
        "discarded": dead_letter(),
    }
    claims.claim(found["claimed"], by="bob", reason="")
    for name in ("redriven", "overdue", "again"):
        sender.redrive_many([Redrive(found[name], 0)], Terms(by="bob"))
    longer = now - timedelta(hours=3)
    DeadLetter.objects.filter(pk=found["overdue"].pk).update(redriven_at=longer)
    again = found["again"]
    body = again.revisions.get().body
    dead_letter(body, attributes=recent | redriven(again))
    settlement.resolve(
        found["resolved"], by="bob", reason="The customer ordered by phone."
    )
    settlement.discard(found["discarded"], by="bob", reason="A test of the sender.")
    # As wide as a time can be: what fits beside it fits at any time.
    DeadLetter.objects.filter(pk=found["attempts"].pk).update(
        last_failed_at=now - timedelta(minutes=88), attempts=12, redrives=10
    )
    return found


def _groups() -> dict[str, FailureGroup]:
    found = {}
    for state in FailureGroup.State.values:
        attributes = failure(error_type=f"{state.title()}Error", error_text="No stock.")
        found[state] = dead_letter(attributes=attributes).group
        note = "Asked the warehouse; they answer on Monday." * (state != "open")
        owner = "bob" if note else ""
        FailureGroup.objects.filter(pk=found[state].pk).update(
            state=state, note=note, owner=owner
        )
    return found


def _policies() -> dict[str, RedrivePolicy]:
    """One in each state; the active one has had a run."""
    now = timezone.now()
    chosen = {"queue": "orders", "fields": ["data.currency=EUR"]}
    found = {
        state: policy(state=state, next_run_at=now)
        for state in RedrivePolicy.State.values
    }
    active = RedrivePolicy.objects.filter(pk=found["active"].pk)
    said = "The URL answered with 200. Redrive #1 took 3 letters."
    asked = {"probe": "http", "url": "https://status.example.com/health"}
    later = now + timedelta(minutes=9)
    active.update(selection=chosen, green=True, said=said, looked_at=now, **asked)
    active.update(next_run_at=later, canary=3)
    Operation.objects.create(
        policy=found["active"], by="bob", state="done", cutoff=now, total=3
    )
    why = "Letter 7 failed with an error that is new here: OverdraftError."
    stopped = RedrivePolicy.objects.filter(pk=found["stopped"].pk)
    stopped.update(halted=why, green=False, looked_at=now, said="No mail server.")
    return found


def _operations() -> dict[str, Operation]:
    found = {}
    patch = [{"op": "replace", "path": "/data/currency", "value": "EUR"}]
    for name, plan in {
        "redrive": Plan(canary=2),
        "discard": Plan(kind="discard"),
        "fix": Plan(kind="fix", patch=patch),
        "running": Plan(canary=1, stop_at=20),
        "braked": Plan(canary=1),
        "done": Plan(kind="discard"),
        "cancelled": Plan(),
    }.items():
        chosen = [dead_letter().pk for _ in range(3)]
        if name == "fix":
            chosen[0] = dead_letter(order_created().body.replace("EUR", "euros")).pk
        selection = Selection(ids=[str(pk) for pk in chosen])
        found[name] = plans.freeze(selection, plan, by="bob", reason="Fixed in r2.")
    for name in ("running", "braked", "done", "cancelled"):
        control.start(found[name], by="bob")
    runner.run(found["running"], seconds=1)
    failed = found["braked"].items.earliest("pk")
    found["braked"].items.filter(pk=failed.pk).update(state="failed_again")
    runner.observe(found["braked"])
    runner.run(found["done"], seconds=5)
    control.cancel(found["cancelled"], by="bob")
    return found


PLACE = "processing/handlers/orders.py:create_order"
TRACEBACK = """Traceback (most recent call last):
  File "/srv/holdfast/processing/delivery/processor.py", line 61, in handle
    process(event, redriven="redrive" in message.attributes)
  File "/srv/holdfast/processing/handlers/orders.py", line 41, in create_order
    order = Order.objects.create(
  File "/usr/lib/python3.11/site-packages/django/db/backends/utils.py", line 105, in _execute
    return self.cursor.execute(sql, params)
django.db.utils.OperationalError: the database is away
"""
