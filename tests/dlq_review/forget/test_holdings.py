"""What is counted, exported, left alone and told, by the kind of row that holds it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from django.contrib.sessions.backends.db import SessionStore
from pytest_django import Settings

from dlq_review.forget import erasing, export, holdings, texts
from dlq_review.forget.address import Address
from dlq_review.forget.holdings import Holdings
from dlq_review.letters import settlement
from dlq_review.models import Arrival, DeadLetter, FailureGroup, Operation, Revision
from processing.delivery import processor, spool
from processing.events.envelope import new_id
from processing.models import Outcome, SpooledEvent, User
from processing.sqs import publisher, queues
from tests.builders import dead_letter, order_created, order_returned, signup_requested
from tests.dlq_review.forget.world import (
    ANN,
    ASCII,
    OTHER,
    logins,
    mails,
    request,
    settled,
)
from tests.dlq_review.policies import policy

pytestmark = pytest.mark.django_db


def held() -> Holdings:
    return Holdings(Address(ANN))


def asks(email: str) -> DeadLetter:
    return dead_letter(signup_requested(email=email))


def names_ann() -> DeadLetter:
    """Another person's request that names her."""
    return dead_letter(order_returned(order_id="ORD-2", reason=f"Ask {ANN}."))


def one_of_each(email: str, order_id: str) -> None:
    request(email, order_id)
    processor.process(signup_requested(email=email, name="Ann"))
    settled(email)
    spool.add(order_created(email=email), "away")


def test_every_kind_of_row_is_counted(
    sqs: None, tmp_path: Path, settings: Settings
) -> None:
    settings.EMAIL_FILE_PATH = str(tmp_path)
    settings.EMAIL_BACKEND = "processing.files.mail_files.EmailBackend"
    one_of_each(ANN, "ORD-1")
    one_of_each(OTHER, "ORD-2")
    logins()
    mails(tmp_path)
    found = held().counts()
    apart = {name: found.pop(name) for name in [*found] if name.startswith("texts of")}
    assert apart["texts of processing_attempt"] == 2, "the other's names her too"
    assert dict(found) == {
        **dict.fromkeys(("orders", "returns", "accounts", "sign-ups"), 1),
        **dict.fromkeys(("spooled events", "dead letters", "attempts", "sessions"), 1),
        "mail files": 2,  # of one mail only the attachment names her
    }


def test_every_kind_of_row_is_exported_once_and_of_nobody_else(sqs: None) -> None:
    one_of_each(ANN, "ORD-1")
    one_of_each(OTHER, "ORD-2")
    rows = [json.loads(line) for line in export.lines(held())]
    (most,) = Counter((row["table"], row["key"]) for row in rows).most_common(1)
    assert most[1] == 1
    own = Counter(row["table"] for row in rows if "row" in row)
    once = (
        *("order", "orderreturn", "user", "signup", "orderitem", "attempt"),
        "spooledevent",
    )
    desks = ("deadletter", "revision", "arrival")
    for table in (
        *(f"processing_{name}" for name in once),
        *(f"dlq_review_{name}" for name in desks),
    ):
        assert own[table] == 1, table
    assert own["dlq_review_auditentry"] > 0
    assert own["processing_outcome"] > 0
    assert "ORD-2" not in str([row["row"] for row in rows if "row" in row])


def test_of_a_letter_of_two_persons_her_own_texts_alone_are_exported() -> None:
    hers = signup_requested(email=ANN)
    dead_letter(hers)
    dead_letter(signup_requested(email=OTHER).model_copy(update={"id": hers.id}))
    rows = [json.loads(line) for line in export.lines(held())]
    tables = ("dlq_review_revision", "dlq_review_arrival")
    bodies = [row["row"]["body"] for row in rows if row["table"] in tables]
    assert len(bodies) == 2
    assert not any("joann@" in body for body in bodies)


def test_of_a_letter_of_two_persons_her_own_texts_alone_are_purged() -> None:
    theirs = order_created(email=OTHER, customer_id="C-7")
    letter = dead_letter(theirs, attributes={"note": "of the other"})
    hers = order_created(email=ANN, customer_id="C-8")
    dead_letter(hers.model_copy(update={"id": theirs.id}), attributes={"note": "hers"})
    letter.refresh_from_db()
    settlement.resolve(letter, by="bob", reason="x")
    DeadLetter.objects.update(error_text="No lid.")
    erasing.forget(Address(ANN), by="eve")
    letter.refresh_from_db()
    assert (letter.reference, letter.customer_id, letter.error_text) == ("", "", "")
    assert letter.purged_at is not None
    arrivals = letter.arrivals.order_by("pk")
    assert [one.attributes for one in arrivals] == [{"note": "of the other"}, {}]
    assert [bool(one.body) for one in arrivals] == [True, False]


@pytest.mark.parametrize(
    "fields",
    [
        {"username": ASCII.upper()},
        {"username": "x", "email": ASCII.upper()},
        {"username": "x", "email": ANN},
    ],
)
def test_an_account_and_its_sessions_are_hers_by_name_or_address(
    fields: dict[str, str],
) -> None:
    user = User.objects.create(**fields)
    other = User.objects.create(username=OTHER, email=OTHER)
    for one in (user, other):
        session = SessionStore()
        session["_auth_user_id"] = str(one.pk)
        session.save()
    assert list(held().accounts()) == [user]
    (key,) = held().sessions()
    assert SessionStore(key)["_auth_user_id"] == str(user.pk)


@pytest.mark.parametrize("state", DeadLetter.State.values)
def test_a_letter_waits_for_staff_is_under_way_or_is_over(state: str) -> None:
    letter = asks(ANN)
    asks(OTHER)
    DeadLetter.objects.update(state=state)
    assert held().waiting() == [letter.pk] * (state in ("open", "quarantined"))
    assert held().under_way() == [letter.pk] * (state in ("claimed", "redriven"))


@pytest.mark.parametrize("state", Operation.State.values)
def test_an_operation_that_names_her_is_told_of_until_it_is_over(state: str) -> None:
    one = Operation.objects.create(
        by="bob", cutoff="2026-01-01T00:00Z", reason=ANN, state=state
    )
    over = state in ("done", "cancelled")
    assert held().unfinished() == ([] if over else [f"Operation {one.pk}"])


@pytest.mark.parametrize("state", ["draft", "active", "paused", "stopped", "ended"])
def test_a_policy_that_names_her_is_told_of_until_it_is_over(state: str) -> None:
    one = policy(reason=f"Ask {ANN}", state=state)
    over = state == "ended"
    assert held().unfinished() == ([] if over else [f"Redrive policy {one.pk}"])


@pytest.mark.parametrize("emptied", [Revision, Arrival])
def test_anothers_letter_is_told_of_wherever_it_names_her(
    emptied: type[Revision | Arrival],
) -> None:
    letter = names_ann()
    emptied._base_manager.update(body="")
    asks(ANN)
    (said,) = held().left_as_they_are()
    assert said.startswith(f"Dead letter {letter.pk} is another person's request")
    settlement.discard(letter, by="bob", reason="x")
    assert held().left_as_they_are() == []


def test_anothers_spooled_request_that_names_her_is_told_of() -> None:
    spool.add(order_created(email=ANN), "away")
    spool.add(order_returned(reason="It is broken."), "away")
    assert held().left_as_they_are() == []
    event = order_returned(reason=f"Ask {ANN}.")
    spool.add(event, "away")
    (said,) = held().left_as_they_are()
    assert said.startswith(f"The spool holds {event.id}, another person's request")


def test_objects_of_the_archive_are_hers_or_name_her() -> None:
    processor.process(order_created(email=ANN, order_id="ORD-1"))
    for number, letter in enumerate(
        (
            dead_letter(order_returned(order_id="ORD-1", reason="It is broken.")),
            names_ann(),
            dead_letter(order_returned(order_id="ORD-2", reason="It is broken.")),
        )
    ):
        address, at = f"s3://box/{number}", "2026-01-01T00:00Z"
        letter.arrivals.update(archived_to=address, archived_at=at)
    names_ann()  # it never was archived
    assert held().archived() == ["s3://box/0", "s3://box/1"]


def test_a_spooled_event_is_known_again_when_a_copy_comes() -> None:
    event = order_created(email=ANN)
    spool.add(event, "away")
    SpooledEvent.objects.create(
        request_id="r-1",
        next_try_at="2026-01-01T00:00Z",
        body='{"data": {"email": "' + ANN,
    )
    erasing.forget(Address(ANN), by="eve", also_waiting=True)
    assert not SpooledEvent.objects.exists()
    known = {one.pk: one for one in Outcome.objects.filter(kind="discarded")}
    assert (known[event.id].fingerprint, known[event.id].correlation_id) == (
        event.fingerprint,
        event.correlation_id,
    )
    assert (known["r-1"].fingerprint, known["r-1"].correlation_id) == ("", "r-1")
    assert [known[one].type for one in (event.id, "r-1")] == ["order_created", ""]


def test_rows_beyond_one_step_are_found_each_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(texts, "WINDOW", 2)
    for _ in range(5):
        FailureGroup.objects.create(
            fingerprint=new_id(), queue="orders", note=ANN,
            first_seen="2026-01-01T00:00Z", last_seen="2026-01-01T00:00Z",
        )  # fmt: skip
    assert [row.pk for row, _ in held().mentions()] == list(
        FailureGroup.objects.order_by("pk").values_list("pk", flat=True)
    )


def test_a_pseudonym_fits_where_a_shorter_address_stood() -> None:
    group = dead_letter().group
    for name, most in (("template", 300), ("error_type", 200)):
        full = f"{ASCII} said it.".rjust(most, "x").replace("xann", " ann")
        FailureGroup.objects.update(**{name: full})
    erasing.forget(Address(ANN), by="eve")
    group.refresh_from_db()
    assert (len(group.template), len(group.error_type)) == (300, 200)
    for text in (group.template, group.error_type):
        assert f" {Address(ANN).pseudonym} said" in text


def test_a_state_that_reads_like_the_name_of_a_user_stays_in_the_trail() -> None:
    User.objects.create(username="open", email=ANN)
    letter = dead_letter()
    settlement.discard(letter, by="open", reason="x")
    erasing.forget(Address(ANN), by="eve")
    entry = letter.audit.get(verb="discarded")
    assert entry.actor.startswith("forgotten-")
    assert (entry.before, entry.after) == ("open", "discarded")


def test_what_waits_on_sqs_is_told_for_each_queue(sqs: None) -> None:
    assert holdings.on_sqs() == []
    for _ in range(3):
        publisher.publish(order_created())
    assert len(queues.receive("orders", limit=1)) == 1
    publisher.send_raw("emails", "no event")
    queues.receive("emails", limit=1)
    assert sorted(holdings.on_sqs()) == [
        "emails: 1 messages on SQS, of whomever",
        "orders: 3 messages on SQS, of whomever",
    ]


def test_an_sqs_that_is_away_is_told(no_sqs: None) -> None:
    (said,) = holdings.on_sqs()
    assert said.startswith("SQS does not answer")
