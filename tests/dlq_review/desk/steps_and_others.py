"""Operations, policies, forms and other pages in each state, for a text that is kept."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import GROWTH
from dlq_review.models import (
    AlertDelivery,
    Operation,
    OperationItem,
    RaisedAlert,
    RedrivePolicy,
)
from dlq_review.operations import control, plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.dlq_review.desk.letters_and_groups import (
    NOW,
    WAIT,
    Asked,
    edited,
    letter,
    wrong,
)
from tests.dlq_review.desk_pages import ALERTS, OPERATIONS, POLICIES, page, plan
from tests.dlq_review.policies import policy

EUROS = [
    {"op": "test", "path": "/data/currency", "value": "euros"},
    {"op": "replace", "path": "/data/currency", "value": "EUR"},
]
_WHY = "Ask a@b.de."


def _frozen(kind: str = "redrive", chosen: Selection | None = None, **more: Any) -> int:
    """The number of an operation over six letters, or those *chosen*."""
    how = {name: more.pop(name) for name in list(more) if name in Plan.__slots__}
    made = plans.freeze(
        chosen or Selection(queue="orders"), Plan(kind, **how), by="bob", reason=_WHY
    )
    state = more.get("state")
    if state and state != "draft":
        control.start(made, by="bob")
    Operation.objects.filter(pk=made.pk).update(
        **{"cutoff": NOW - timedelta(hours=2), **more}
    )
    return made.pk


def _items(number: int, **states: int) -> int:
    """Give the items of operation *number* these *states*, in the order of the letters."""
    items = list(OperationItem.objects.filter(operation=number).order_by("letter_id"))
    for state, many in states.items():
        some, items = items[:many], items[many:]
        pks = [one.pk for one in some]
        why = _WHY if state in ("skipped", "failed_again") else ""
        OperationItem.objects.filter(pk__in=pks).update(state=state, why=why)
    return number


def operations() -> dict[str, Asked]:
    for number in range(4):
        letter(f"O{number}")
    wrong("OWrong")
    edited("OEdited")
    ran = policy(owner="bob", state="active")
    body = Selection(fields=("data.currency=EUR", "data.email=ada@example.com"))
    drafts = {
        "to redrive": _frozen(rate=50),
        "to redrive with care": _frozen(
            canary=2, stop_at=100, to="orders-2", override_limit=True
        ),
        "to discard": _frozen("discard"),
        "to edit": _frozen("fix", patch=EUROS),
        "to repair": _frozen("repair", patch=EUROS),
        "found by a search": _frozen(chosen=Selection(search="ORD-O1", masked=True)),
        "with conditions": _frozen(chosen=body),
        "of a policy": _frozen(policy_id=ran.pk),
    }
    stopped: dict[str, Any] = {"halted": "Too many failed again."}
    refused: dict[str, Any] = {"refused": {"orders": "AccessDenied"}}
    going = {
        "that runs": _items(_frozen(state="running", **refused), sent=1, processed=2),
        "that paused": _items(_frozen(state="paused", **refused), processed=1),
        "that stopped": _items(
            _frozen(state="paused", **stopped), processed=1, failed_again=2
        ),
        "that is done": _items(
            _frozen(state="done"), processed=2, failed_again=2, skipped=1
        ),
        "that was cancelled": _items(
            _frozen(state="cancelled", **stopped), processed=1
        ),
        "that discarded": _items(_frozen("discard", state="done"), discarded=3),
        "that edited": _items(
            edits := _frozen("fix", patch=EUROS, state="done"), fixed=2, skipped=2
        ),
        "that undoes": _frozen("undo", undoes_id=edits),
        "that undid": _items(
            _frozen("undo", undoes_id=edits, state="done"), undone=1, skipped=1
        ),
        "that repaired": _items(
            _frozen("repair", patch=EUROS, state="done"), fixed=1, failed_again=1
        ),
    }
    pages: dict[str, Asked] = {
        f"an operation {name}": (f"{OPERATIONS}{number}/change/", None)
        for name, number in (drafts | going).items()
    }
    return pages | {"operations": (OPERATIONS, None)}


def policies() -> dict[str, Asked]:
    group = letter("PGroup").group
    letter("POther")
    fields = {"fields": ["data.currency=EUR", "data.email=ada@example.com"]}
    own: dict[str, dict[str, Any]] = {
        "draft": {"reason": _WHY},
        "active": {"state": "active", "next_run_at": NOW + timedelta(hours=2)},
        "of a group": {"selection": {"group": group.pk}, "canary": 2, "stop_at": 100},
        "of one run": {"times": 1, "most": 1},
        "with conditions": {"selection": fields},
        "stopped": {"state": "stopped", "halted": "Too many failed."},
        "paused": {"state": "paused", "halted": "The probe is red."},
        "ended": {"state": "ended"},
        "with a probe": {"events": 3, "url": "https://bank.example/up"},
    }
    made = {name: policy(**{"owner": "bob", **more}) for name, more in own.items()}
    awaits = policy(owner="bob", state="active")
    _items(_frozen(policy_id=awaits.pk, state="running"), processed=1, skipped=1)
    ran = policy(owner="bob", state="paused", known_errors=["PGroup"])
    _items(_frozen(policy_id=ran.pk, state="done"), processed=1)
    RedrivePolicy.objects.filter(pk=ran.pk).update(
        looked_at=NOW, green=False, said="no"
    )
    made |= {"awaits": awaits, "ran": ran}
    pages: dict[str, Asked] = {
        f"a policy, {name}": (f"{POLICIES}{one.pk}/change/", None)
        for name, one in made.items()
    }
    return pages | {
        "policies": (POLICIES, None),
        "no policies": (f"{POLICIES}?state__exact=x&q=nothing", None),
        "a new policy": (f"{POLICIES}new/", None),
        "a new policy of a group": (f"{POLICIES}new/?group={group.pk}", None),
        "a new policy, not right": (f"{POLICIES}new/", {"group": group.pk}),
    }


def forms() -> dict[str, Asked]:
    """The forms that edit one letter or many, and that of a new operation."""
    bad, other = wrong("FWrong"), wrong("FWrong", number="2")
    nothing, fine = letter("FNone", "no event"), letter("FFine", place="x.py:1")
    settled = letter("FSettled", state="resolved", settled_at=timezone.now())
    long = letter("FLong", json.dumps({"x": "y" * 70_000}))
    done = _items(_frozen("discard", state="done"), discarded=1)
    fixed = _items(_frozen("fix", patch=EUROS, state="done"), fixed=1)
    new, edit = f"{OPERATIONS}new/", f"{OPERATIONS}edit/"
    ids, group = f"{bad.pk}+{other.pk}", bad.group_id
    sent: dict[str, Any] = {"based_on": 0, "patch": "", "reason": ""}
    return {
        "an edit": (f"{page(fine, 'edit')}{WAIT}", None),
        "an edit of what is wrong": (f"{page(bad, 'edit')}{WAIT}", None),
        "an edit with problems": (f"{page(bad, 'edit')}{WAIT}", sent | {"save": ""}),
        "an edit that fills in": (page(bad, "edit"), sent | {"suggest": "all"}),
        "an edit as JSON": (page(bad, "edit"), sent | {"as": "text"}),
        "an edit of no event": (page(nothing, "edit"), None),
        "an edit of no event, not right": (
            page(nothing, "edit"),
            sent | {"body": "{", "save": ""},
        ),
        "an edit of what is settled": (f"{page(settled, 'edit')}{WAIT}", None),
        "an edit of what is long": (f"{page(long, 'edit')}{WAIT}", None),
        "a new operation": (new, None),
        "a new operation of a group": (f"{new}?group={group}", None),
        "a new edit of a group": (f"{new}?group={group}&kind=fix", None),
        "a new operation of two": (f"{new}?ids={ids}", None),
        "a new operation of one": (f"{new}?ids={bad.pk}", None),
        "a new operation of a search": (f"{new}?q=ORD-FFine", None),
        "a new restore of a search": (f"{new}?q=ORD-FFine&kind=restore", None),
        "a new restore of an operation": (
            f"{new}?kind=restore&discarded_by={done}",
            None,
        ),
        "a new redrive after an operation": (f"{new}?after={fixed}", None),
        "a new operation, not right": (new, plan(rate="x", ids="?", group="y")),
        "an edit of many": (f"{edit}?group={group}", None),
        "an edit of many at another place": (
            f"{edit}?group={group}&path=/data/items/*/quantity",
            None,
        ),
        "an edit of many without a value": (edit, {"group": group, "redrive": "on"}),
        "an edit of many that a search finds": (f"{edit}?q=ORD-FWrong", None),
        "an edit of many that is refused": (f"{edit}?group=x", None),
        "an edit of many that are valid": (f"{edit}?ids={fine.pk}", None),
    }


def _alerts() -> None:
    """An alert that lasts, and its deliveries in each state."""
    for rows in (RaisedAlert, AlertDelivery):
        rows.objects.all().delete()
    raising.begin(GROWTH, "orders", "150 failures.")
    told = AlertDelivery.objects.latest("pk")
    states: dict[str, dict[str, Any]] = {
        "sent": {"sent_at": NOW - timedelta(hours=2), "phase": "over", "tries": 1},
        "given_up": {"last_error": "HTTP 500", "phase": "reminder", "tries": 9},
    }
    for number, (state, fields) in enumerate(states.items(), 7):
        told.pk, told.key = None, uuid4()
        told.number, told.state, told.created_at = number, state, NOW
        for name, value in fields.items():
            setattr(told, name, value)
        told.save(force_insert=True)


def others() -> dict[str, Asked]:
    known, hard = (
        letter("XKnown", correlation_id="k-2", customer_id="C-17"),
        "é" * 3_000,
    )
    for number in "12":
        letter("XOther", number=number, correlation_id="k-2")
    _alerts()
    return {
        "a request": (f"/admin/request/{known.request_id}/", None),
        "a request that is not known": ("/admin/request/r-x/", None),
        "find": ("/admin/find/", None),
        "find an order": ("/admin/find/?q=ORD-XKnown", None),
        "find two": ("/admin/find/?q=k-2", None),
        "find nothing": ("/admin/find/?q=r-x", None),
        "find a person": ("/admin/find/?q=ada%40example.com", None),
        "find what is too long": ("/admin/find/", {"q": hard}),
        "alerts": (ALERTS, None),
        "no alerts": (f"{ALERTS}?q=nothing", None),
        "audit": ("/admin/dlq_review/auditentry/", None),
        "no audit": ("/admin/dlq_review/auditentry/?who=of-x", None),
        "overview": ("/admin/", None),
    }
