"""Letters and failure groups in each state, and their pages, for a text that is kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dlq_review.groups import merge, triage
from dlq_review.letters import revisions, settlement
from dlq_review.models import Arrival, DeadLetter, FailureGroup
from processing.events.contracts import OrderCreated
from processing.events.envelope import Event
from processing.models import User
from tests.builders import dead_letter, failed_attempt, failure, order_data, redrive_now
from tests.dlq_review.desk_pages import GROUPS, LIST, page

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
#: Where a page is, and the form that is sent there, if one is.
Asked = tuple[str, dict[str, Any] | None]
_UNDOABLE = "a letter that is not yet sent"
WAIT = "?list=state%3Dwaiting"


def letter(
    error: str, body: str | None = None, *, number: str = "", **changes: Any
) -> DeadLetter:
    """A letter whose moments all differ, in a group of its own by *error*."""
    data = order_data(order_id=f"ORD-{error}")
    event = Event.new(OrderCreated.model_validate(data), id=f"r-{error}{number}")
    failed = (NOW - timedelta(hours=3)).isoformat()
    told = failure(error_type=error, failed_at=failed, error_text="ada@example.com?")
    made = dead_letter(event.body if body is None else body, attributes=told)
    fields: dict[str, Any] = {
        "sent_at": NOW - timedelta(hours=9),
        "first_failed_at": NOW - timedelta(hours=5),
        "expires_at": NOW + timedelta(days=13, hours=1),
        **changes,
    }
    DeadLetter.objects.filter(pk=made.pk).update(**fields)
    made.refresh_from_db()
    return made


def wrong(error: str, *, number: str = "", **changes: Any) -> DeadLetter:
    """A letter with a body that its contract refuses at three places."""
    event = Event.new(
        OrderCreated.model_validate(order_data()), id=f"r-{error}{number}"
    )
    found = json.loads(event.body)
    item = {"sku": "TEA-1", "quantity": 0, "unit_price": "4.50"}
    found["data"] |= {"currency": "euros", "items": [item, item], "extra": "x"}
    found["data"] |= {"order_id": f"ORD-{error}"}
    return letter(error, json.dumps(found), **changes)


def edited(error: str) -> DeadLetter:
    found = letter(error)
    body = found.revisions.get(number=0).body
    for number in (1, 2):
        body = body.replace(f"TEA-{number}", f"TEA-{number + 1}")
        revisions.edit(found, body, based_on=found.revision, by="bob", reason="a@b.de")
        found.refresh_from_db()
    return found


def example() -> DeadLetter:
    """A letter that was mended, where two others have the same wrong values."""
    found = wrong("Example")
    for number in "12":
        wrong("Example", number=number)
    body = json.loads(found.revisions.get(number=0).body)
    mended = order_data(order_id="ORD-Example")
    text = json.dumps(body | {"data": mended})
    revisions.edit(found, text, based_on=0, by="bob", reason="a@b.de")
    return found


def letters() -> dict[str, Asked]:
    last, plain, first = letter("Last"), letter("Plain"), letter("First")
    for permanent in (True, False):
        attempt = {"permanent": permanent, "place": "x.py:1" if permanent else ""}
        event = Event.new(OrderCreated.model_validate(order_data()), id="r-Plain")
        failed_attempt(event, started_at=NOW - timedelta(hours=4), **attempt)
    DeadLetter.objects.filter(pk=plain.pk).update(
        attempts=2, correlation_id="k-1", place="x.py:1", customer_id="C-17"
    )
    states: dict[str, dict[str, Any]] = {
        _UNDOABLE: {
            "state": "claimed",
            "send_after": NOW + timedelta(seconds=5),
            "claimed_at": NOW,
        },
        "a letter that is being sent": {"state": "claimed", "claimed_at": NOW},
        "a letter that was sent elsewhere": {
            "state": "redriven",
            "redriven_to": "orders-2",
            "redriven_at": NOW - timedelta(hours=2),
            "redrives": 1,
        },
        "a letter of one attempt without a report": {"attempts": 1},
        "a letter of which little is known": {
            "type": "",
            "release": "",
            "reference": "",
            "correlation_id": "",
        },
        "a letter at its limit": {"redrives": 5, "attempts": 7},
        "a letter that was resolved": {"state": "resolved", "settled_at": NOW},
        "a letter without bodies": {
            "state": "discarded",
            "settled_at": NOW,
            "purged_at": NOW,
        },
    }
    found = {
        name: letter(f"L{number}", **fields)
        for number, (name, fields) in enumerate(states.items())
    }
    gone = letter("Gone")
    settlement.discard(gone, by="bob", reason="for x@y.de", message_for_sender="Sorry.")
    archived = letter("Archived")
    Arrival.objects.filter(letter=archived).update(
        archived_to="s3://bucket/key", archived_at=NOW - timedelta(hours=1)
    )
    unkept = letter("Unkept")
    Arrival.objects.filter(letter=unkept).update(archived_at=NOW)
    redrive_now(sent := letter("Sent"), by="bob")
    return {
        "a letter": (page(plain), None),
        "a letter between two": (f"{page(plain)}{WAIT}", None),
        "the first letter": (f"{page(first)}{WAIT}", None),
        "the last letter": (f"{page(last)}{WAIT}", None),
        "a letter that would be processed": (f"{page(plain, 'rehearse')}{WAIT}", {}),
        "a letter that is wrong": (page(wrong("Wrong")), None),
        "a letter that is no event": (page(letter("None", "no event")), None),
        "a letter that was edited": (f"{page(edited('Edited'))}{WAIT}", None),
        "a letter that is an example": (f"{page(example())}{WAIT}", None),
        "a letter that can be undone": (f"{page(found[_UNDOABLE])}{WAIT}", None),
        "a letter that was discarded": (page(gone), None),
        "a letter that was archived": (page(archived), None),
        "a letter whose body was not archived": (page(unkept), None),
        "a letter that was sent": (page(sent), None),
        **{name: (page(one), None) for name, one in found.items()},
    }


def lists() -> dict[str, Asked]:
    letter("Plain", redrives=1, attempts=2)
    wrong("Wrong", state="quarantined", body_fingerprint="")
    letter("Limit", redrives=5)
    letter("Held", state="claimed", send_after=NOW + timedelta(seconds=5))
    letter("Fulfilled", state="resolved", settled_at=NOW)
    settlement.discard(letter("Gone", type=""), by="bob", reason="x")
    letter("Empty", state="discarded", settled_at=NOW, purged_at=NOW)
    return {
        "letters": (LIST, None),
        "letters of all states": (f"{LIST}?state=all", None),
        "letters that wait": (f"{LIST}?state=waiting&since=24h", None),
        "letters that were discarded": (f"{LIST}?state=discarded", None),
        "letters that a search finds": (f"{LIST}?q=ORD-Plain", None),
        "letters that no search finds": (f"{LIST}?q=nothing", None),
        "what letters have in common": (f"{LIST}common/?state=waiting", None),
        "what one letter has in common": (f"{LIST}common/?q=ORD-Plain", None),
        "what no letters have in common": (f"{LIST}common/?q=nothing", None),
    }


def _change(group: FailureGroup, **fields: Any) -> FailureGroup:
    FailureGroup.objects.filter(pk=group.pk).update(**fields)
    return group


def groups() -> dict[str, Asked]:
    User.objects.get_or_create(
        username="bob", is_staff=True, is_superuser=True, email="bob@example.com"
    )
    plain, many = letter("GPlain").group, wrong("GWrong").group
    for number in "12":
        wrong("GWrong", number=number)
    theirs, nobodys = letter("GBob").group, letter("GGone").group
    triage.acknowledge(theirs, by="bob")
    triage.annotate(theirs, "ask a@b.de", by="bob")
    _change(nobodys, owner="gone", state="acknowledged")
    mine, back = letter("GMine").group, letter("GBack").group
    triage.acknowledge(mine, by="admin")
    _change(back, owner="admin", state="regressed", release="", type="", place="x:1")
    old, into = letter("GOld").group, letter("GInto").group
    merge.merge(old, into, by="bob", reason="the same as a@b.de")
    thrown = letter("GThrown")
    settlement.discard(thrown, by="bob", reason="x")
    redriven = _change(letter("GSent").group, last_redriven_at=NOW - timedelta(hours=2))
    FailureGroup.objects.update(appeared_at=NOW - timedelta(days=2))

    def at(group: FailureGroup, rest: str = "change/") -> str:
        return f"{GROUPS}{group.pk}/{rest}"

    whose: dict[str, Asked] = {
        f"groups of {name or 'all'}": (
            f"{GROUPS}?owner={name}" if name else GROUPS,
            None,
        )
        for name in ("", "mine", "nobody")
    }
    return {
        "a group": (at(plain, "change/?list=owner%3Dmine"), None),
        "a group of several": (at(many), None),
        "a group that was rehearsed": (at(many, "rehearse/"), {}),
        "a valid group that was rehearsed": (at(plain, "rehearse/"), {}),
        "a group of bob": (at(theirs, "change/?list=owner%3Dmine"), None),
        "a group of mine": (at(mine, "change/?list=owner%3Dmine"), None),
        "a group that came back": (at(back), None),
        "a group that was merged": (at(old), None),
        "a group that another stands in": (at(into), None),
        "a group of what was discarded": (at(thrown.group), None),
        "a group that was redriven": (at(redriven), None),
        "take over": (at(theirs, "take_over/?list=owner%3Dmine"), None),
        "take over from nobody who is told": (at(nobodys, "take_over/"), None),
        **whose,
        "I have looked at groups": (f"{GROUPS}looked/", {"until": NOW.isoformat()}),
        "no groups": (f"{GROUPS}?q=nothing", None),
    }
