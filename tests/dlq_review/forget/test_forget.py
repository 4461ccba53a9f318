"""One person is forgotten everywhere, and nobody else."""

import base64
import contextlib
import html
import json
import re
from collections import Counter
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from urllib.parse import unquote

import pytest
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from dlq_review.forget import erasing
from dlq_review.forget.address import Address
from dlq_review.forget.holdings import Holdings
from dlq_review.groups import triage
from dlq_review.letters import settlement
from dlq_review.models import (
    Arrival,
    AuditEntry,
    DeadLetter,
    Erasure,
    FailureGroup,
    Operation,
    Revision,
)
from dlq_review.monitoring import books
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.delivery import processor, spool
from processing.models import (
    Attempt,
    Order,
    Outcome,
    Signup,
    SpooledEvent,
    StaffMember,
    User,
)
from processing.receipts import Receipt, State
from tests.builders import (
    dead_letter,
    failed_attempt,
    message,
    order_created,
    order_returned,
    redrive_now,
    signup_requested,
)
from tests.dlq_review.forget.world import (
    ANN,
    ASCII,
    OTHER,
    dump,
    known,
    logins,
    mails,
    of_the_other,
    returned,
    settled,
)
from tests.dlq_review.policies import policy

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


@pytest.fixture(autouse=True)
def mail_folder(tmp_path: Path, settings: Settings) -> Path:
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")
    settings.EMAIL_BACKEND = "processing.files.mail_files.EmailBackend"
    (tmp_path / "mail").mkdir()
    return tmp_path / "mail"


@pytest.fixture(autouse=True)
def bob(db: None) -> None:
    """Staff who forget."""
    User.objects.create(username="eve", is_staff=True)


def forget(*more: str, yes: bool = True) -> str:
    said = StringIO()
    how = ("--yes", "--by", "eve") if yes else ()
    call_command("forget", "--email", ANN, *how, *more, stdout=said)
    return said.getvalue()


def unescaped(text: str) -> str:
    """*text* with its escapes read by other code than the product's."""
    for _ in range(4):
        text = html.unescape(unquote(text))
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda one: chr(int(one[1], 16)), text)
    return text.lower()


def names_ann(text: str) -> bool:
    plain = unescaped(text)
    return any(re.search(rf"(?<![a-z]){one}", plain) for one in (ANN, ASCII))


def test_after_it_no_column_of_any_table_names_the_person(mail_folder: Path) -> None:
    known(mail_folder)
    before = of_the_other()
    assert before
    tables = {name for name, text in dump() if names_ann(text)}
    assert len(tables) > 25
    forget()
    assert [name for name, text in dump() if names_ann(text)] == []
    theirs = Attempt.objects.get(request_id=Order.objects.get(pk="ORD-1").request_id)
    assert (theirs.error_text, theirs.traceback) == ("", "")
    assert of_the_other() == before
    assert books.close().balanced


@pytest.mark.parametrize("end", ["", ".", ".."])  # base64 ends in none, one or two =
def test_an_address_that_only_a_binary_attribute_holds_is_found(end: str) -> None:
    hidden = base64.b64encode(f"To {ANN}{end}".encode()).decode()
    letter = dead_letter(
        "no event",
        attributes={"raw": hidden, "odd": "a"},
        types={"raw": "Binary.gif" if end else "Binary", "odd": "Binary"},
    )
    settlement.discard(letter, by="bob", reason="x")
    forget()
    assert Arrival.objects.get(letter=letter).attributes == {"raw": "", "odd": "a"}


def test_sessions_attributes_and_mail_are_searched_as_they_read(
    mail_folder: Path,
) -> None:
    known(mail_folder)
    forget()
    (left,) = Session.objects.all()
    assert left.get_decoded()["said"].startswith(OTHER)
    assert not any("raw" in one.attributes for one in Arrival.objects.filter(body=""))
    (file,) = mail_folder.iterdir()
    assert "joann@xn--bcher-kva.example" in file.read_text()
    assert "bob@example.com" not in file.read_text()


def test_an_order_stays_with_its_amounts_under_a_pseudonym(mail_folder: Path) -> None:
    known(mail_folder)
    order = Order.objects.get(pk="ORD-1")
    forget()
    now = Order.objects.get(pk="ORD-1")
    assert now.email == Address(ANN).pseudonymous_email
    kept = ("total", "currency", "customer_id", "request_id", "status")
    assert [getattr(now, one) for one in kept] == [getattr(order, one) for one in kept]
    assert now.items.exists()
    assert returned("ORD-1") == ""
    assert OTHER.partition("@")[0] in returned("ORD-2")
    assert Order.objects.get(pk="ORD-2").email.startswith("joann@")


def test_letters_keep_ids_and_state_and_a_late_copy_does_nothing() -> None:
    event = order_created(email=ANN)
    letter = dead_letter(event)
    settlement.discard(letter, by="bob", reason=f"Said {ANN}")
    forget()
    letter.refresh_from_db()
    assert (letter.state, letter.request_id) == ("discarded", event.id)
    assert letter.purged_at is not None
    assert set(letter.revisions.values_list("body", flat=True)) == {""}
    processor.handle(message(event))
    assert not Order.objects.exists()


def test_settled_letters_that_name_nobody_keep_their_bodies() -> None:
    nobodys = dead_letter("no event")
    settlement.discard(nobodys, by="bob", reason="a test of ours")
    letter = settled(ANN)
    forget()
    assert nobodys.revisions.get().body == "no event"
    assert letter.revisions.get().body == ""


def test_a_return_of_theirs_is_found_through_their_order() -> None:
    processor.process(order_created(email=ANN, order_id="ORD-1"))
    letter = dead_letter(order_returned(order_id="ORD-1", reason="I have a rash"))
    settlement.resolve(letter, by="bob", reason="x")
    forget()
    assert letter.revisions.get().body == ""
    again = dead_letter(order_returned(order_id="ORD-1", reason="A rash again"))
    settlement.resolve(again, by="bob", reason="x")
    forget()
    assert again.revisions.get().body == ""


def test_a_dry_run_counts_and_changes_nothing(mail_folder: Path) -> None:
    known(mail_folder)
    spool.add(order_created(email=ANN), "away")
    before = list(dump())
    said = forget(yes=False)
    assert list(dump()) == before
    assert re.search(r"1  orders\n", said)
    assert re.search(r"1  spooled events\n", said)
    assert "Nothing was erased. Add --yes --by USER." in said
    assert not Erasure.objects.exists()


def by_order() -> str:
    processor.process(event := order_created(email=ANN))
    return event.id


def by_return() -> str:
    processor.process(order_created(email=ANN, order_id="ORD-1"))
    processor.process(event := order_returned(order_id="ORD-1"))
    return event.id


def by_account() -> str:
    processor.process(event := signup_requested(email=ANN))
    Signup.objects.all().delete()
    return event.id


def by_signup() -> str:
    for _ in range(2):
        processor.process(event := signup_requested(email=ANN))
    return event.id


def by_letter() -> str:
    return settled(ANN).request_id


def by_spool() -> str:
    spool.add(event := order_created(email=ANN), "away")
    return event.id


@pytest.mark.parametrize(
    "known", [by_order, by_return, by_account, by_signup, by_letter, by_spool]
)
def test_a_request_is_known_as_theirs_by_any_one_row(
    known: Callable[[], str], tmp_path: Path
) -> None:
    request, anothers = known(), order_created(email=OTHER)
    processor.process(anothers)
    failed_attempt(order_created(id=request), error_text="no name")
    failed_attempt(anothers, error_text="another's")
    Outcome.objects.get_or_create(pk=request, defaults={"type": "x"})
    forget("--export", str(file := tmp_path / "ann.jsonl"), yes=False)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    named = Counter(
        (row["table"], row["row"]["request_id"])
        for row in rows
        if "row" in row and "request_id" in row["row"]
    )
    for table in ("processing_attempt", "processing_outcome"):
        assert named[table, request] == 1
    assert anothers.id not in {id for _, id in named}
    forget("--also-waiting")
    left = Attempt.objects.exclude(error_text="").values_list("error_text", flat=True)
    assert list(left) == ["another's"]


def test_the_record_says_who_when_and_how_many_and_not_whom(mail_folder: Path) -> None:
    known(mail_folder)
    forget()
    (record,) = Erasure.objects.all()
    assert (record.by, record.person) == ("eve", Address(ANN).person)
    assert record.ended_at is not None
    assert record.counts["orders pseudonymised"] == 1
    assert not names_ann(str(vars(record)))


def test_what_leads_to_the_rest_is_erased_last() -> None:
    assert [*erasing._STEPS] == [
        *("spooled events discarded", "waiting letters discarded", "letters purged"),
        *("sessions deleted", "attempts purged", "orders pseudonymised"),
        *("returns purged", "accounts erased", "texts changed", "mail files erased"),
    ]


def test_a_second_run_finds_nothing(mail_folder: Path) -> None:
    known(mail_folder)
    forget()
    assert "Nothing is held on this address." in forget()
    assert not any(Erasure.objects.first().counts.values())  # type: ignore[union-attr]


def test_runs_that_are_killed_one_behind_each_step_go_on_to_the_end(
    mail_folder: Path,
) -> None:
    known(mail_folder)

    def kill(what: str, done: int) -> None:
        if what not in passed:
            passed.append(what)
            raise KeyboardInterrupt

    passed: list[str] = []
    runs = 0
    while not Erasure.objects.exclude(ended_at=None).exists():
        runs += 1
        with contextlib.suppress(KeyboardInterrupt):
            by = "eve" if runs == 1 else "bob"
            erasing.forget(Address(ANN), by=by, progress=kill)
    assert runs > 5
    assert [name for name, text in dump() if names_ann(text)] == []
    assert returned("ORD-1") == ""
    (record,) = Erasure.objects.all()
    assert record.counts["orders pseudonymised"] == 1
    assert record.by == "bob", "who ended it"


def test_a_waiting_request_is_refused_and_nothing_is_erased() -> None:
    processor.process(order_created(email=ANN))
    letter = dead_letter(signup_requested(email=ANN))
    spool.add(order_created(email=ANN), "away")
    before = list(dump())
    with pytest.raises(CommandError) as refused:
        forget()
    (spooled,) = SpooledEvent.objects.all()
    for sentence in (
        f"Dead letter {letter.pk} is an accepted request that waits for staff. Settle it,"
        " or add --also-waiting to discard it unfulfilled.",
        f"The spool holds the accepted request {spooled.pk}. Wait until SQS takes it, or"
        " add --also-waiting to discard it unfulfilled.",
    ):
        assert sentence in str(refused.value)
    assert list(dump()) == before


def test_waiting_requests_are_discarded_where_that_is_asked() -> None:
    others = dead_letter(signup_requested(email=OTHER))
    theirs = order_created(email=OTHER)
    spool.add(theirs, "away")
    letter = dead_letter(signup_requested(email=ANN))
    event = order_created(email=ANN)
    spool.add(event, "away")
    forget("--also-waiting")
    letter.refresh_from_db()
    assert (letter.state, letter.revisions.get().body) == ("discarded", "")
    others.refresh_from_db()
    assert others.state == "open"
    (left,) = SpooledEvent.objects.all()
    assert left.pk == theirs.id
    left.delete()
    settlement.discard(others, by="bob", reason="x")
    assert Outcome.objects.get(pk=event.id).kind == Outcome.Kind.DISCARDED
    assert Receipt.of(event).status().state == State.NOT_ACCEPTED
    processor.handle(message(event))
    assert not Order.objects.exists()
    assert books.close().balanced


def test_what_is_being_redriven_or_run_or_is_staff_is_refused() -> None:
    letter = dead_letter(signup_requested(email=ANN))
    redrive_now(letter, by="bob")
    User.objects.create(username="x", email=ANN, is_staff=True)
    dead_letter()
    plans.freeze(Selection(), Plan(), by="bob", reason=ANN)
    asked = policy(selection={"fields": [f"data.email={ANN}"]}, state="active")
    with pytest.raises(CommandError) as refused:
        forget("--also-waiting")
    said = f"Redrive policy {asked.pk} is not over and names"
    for words in (
        f"Dead letter {letter.pk} is being redriven. Wait for its outcome.",
        "with this address is a member of staff. Take the rights away first, under Staff"
        " members.",
        "is not over and names",
        said,
    ):
        assert words in str(refused.value)


def test_a_policy_that_has_ended_names_the_pseudonym() -> None:
    asked = policy(selection={"fields": [f"data.email={ANN}"]}, state="ended")
    forget()
    asked.refresh_from_db()
    assert ANN not in str(asked.selection)


def test_two_persons_who_share_a_letter_lose_only_the_one() -> None:
    mine = signup_requested(email=ANN)
    letter = dead_letter(mine)
    dead_letter(signup_requested(email=OTHER).model_copy(update={"id": mine.id}))
    letter.refresh_from_db()
    settlement.resolve(letter, by="bob", reason="x")
    forget()
    for rows in (letter.revisions.order_by("number"), letter.arrivals.order_by("pk")):
        bodies = list(rows.values_list("body", flat=True))
        assert bodies[0] == ""
        assert "joann@" in bodies[1]
    letter.refresh_from_db()
    assert letter.purged_at is None


def test_anothers_waiting_request_that_names_the_person_is_left_and_told() -> None:
    letter = dead_letter(order_returned(reason=f"Ask {ANN}."))
    DeadLetter.objects.update(error_text=f"No lid for {ANN}")
    body = letter.revisions.get().body
    with pytest.raises(
        CommandError, match=f"Dead letter {letter.pk} is another person's"
    ):
        forget("--also-waiting")
    assert letter.revisions.get().body == body
    letter.refresh_from_db()
    assert ANN in letter.error_text
    settlement.discard(letter, by="bob", reason="x")
    forget()
    letter.refresh_from_db()
    assert not names_ann(letter.error_text)
    revision = letter.revisions.get()
    assert Address(ANN).pseudonym in revision.body
    assert revision.fingerprint == letter.body_fingerprint
    settlement.restore(letter, by="bob")
    assert not names_ann(letter.revisions.get().body)


def test_a_former_member_of_staff_keeps_a_pseudonym_in_the_trail() -> None:
    dead_letter()
    User.objects.create(username=ASCII, email=ANN, name="Ann", password="x")
    settled(OTHER)
    AuditEntry.objects.update(actor=ASCII)
    Revision.objects.update(by=ASCII)
    Operation.objects.create(by=ASCII, cutoff="2026-01-01T00:00Z", state="done")
    forget()
    user = User.objects.get(email="", is_staff=False)
    assert user.username.startswith("forgotten-")
    assert set(AuditEntry.objects.values_list("actor", flat=True)) == {user.username}


def names_lee() -> dict[str, Callable[[User], object]]:
    """By where: what names a former member of staff, whose name is not the address."""
    group, day = dead_letter().group, "2026-01-01T00:00Z"
    operation = {"cutoff": day, "state": "done"}
    given = {"group": group, "verb": AuditEntry.Verb.GIVEN}
    return {
        "who did it": lambda _: AuditEntry.objects.create(actor=LEE, verb="noted"),
        "who had it": lambda _: AuditEntry.objects.create(before=LEE, **given),
        "who got it": lambda _: AuditEntry.objects.create(after=LEE, **given),
        "revision": lambda _: Revision.objects.update(by=LEE),
        "operation": lambda _: Operation.objects.create(by=LEE, **operation),
        "group": lambda _: FailureGroup.objects.update(owner=LEE),
        "policy": lambda _: policy(owner=LEE, state="ended"),
        "erasure": lambda _: Erasure.objects.create(by=LEE, ended_at=day),
        "admin's log": lambda user: LogEntry.objects.create(user=user, action_flag=2),
        "title in admin's log": lambda user: title(user, StaffMember),
        "title as an account": lambda user: title(user, User),
    }


def title(user: User, of: type[User]) -> LogEntry:
    return LogEntry.objects.create(
        user=User.objects.get(username="eve"),
        action_flag=2,
        object_repr=user.username,
        object_id=str(user.pk),
        content_type=ContentType.objects.get_for_model(of, for_concrete_model=False),
    )


LEE = "lee.staff"
NAMED_IN = (
    *("who did it", "who had it", "who got it", "revision", "operation", "group"),
    *(
        "policy",
        "erasure",
        "admin's log",
        "title in admin's log",
        "title as an account",
    ),
)


@pytest.mark.parametrize("place", NAMED_IN)
def test_a_former_member_of_staff_is_a_pseudonym_wherever_the_desk_names_them(
    place: str,
) -> None:
    places = names_lee()
    assert tuple(places) == NAMED_IN
    user = User.objects.create_user(
        *(LEE, ANN, "a password"),
        **dict.fromkeys(("name", "first_name", "last_name"), "Ann"),
        profile={"phone": "1"},
        is_active=True,
    )
    TOTPDevice.objects.create(user=user)
    Signup.objects.create(request_id="r-1", account=user, asked_at=user.date_joined)
    for model in (AccessAttempt, AccessFailureLog, AccessLog):
        more = {"failures_since_start": 1} if model is AccessAttempt else {}
        model.objects.create(username=LEE, **more)
    others = title(User.objects.get(username="eve"), User)
    places[place](user)
    before = Counter(name for name, _ in dump())
    forget()
    assert [name for name, text in dump() if text == LEE] == []
    pseudonym = f"{Address(ANN).pseudonym}-{user.pk}"
    user.refresh_from_db()
    assert (user.username, user.email, user.is_active) == (pseudonym, "", False)
    assert [user.name, user.first_name, user.last_name, user.profile] == [
        "",
        "",
        "",
        {},
    ]
    assert not user.check_password("a password")
    others.refresh_from_db()
    assert others.object_repr == "eve"
    gone = before - Counter(name for name, _ in dump())
    assert {one.partition(".")[0] for one in gone} == {
        *("axes_accessattempt", "axes_accessfailurelog", "axes_accesslog"),
        *("otp_totp_totpdevice", "processing_signup"),
    }


def test_an_account_that_the_desk_names_nowhere_is_deleted() -> None:
    names_lee()
    User.objects.create(username=LEE, email=ANN)
    forget()
    assert list(User.objects.values_list("username", flat=True)) == ["eve"]


def test_the_export_holds_what_is_theirs_and_of_others_only_the_place(
    tmp_path: Path, mail_folder: Path
) -> None:
    known(mail_folder)
    file = tmp_path / "ann.jsonl"
    forget("--export", str(file), yes=False)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.stat().st_mode & 0o077 == 0
    mine = {row["table"]: row["row"] for row in rows if "row" in row}
    assert mine["processing_order"]["order_id"] == "ORD-1"
    assert "password" not in mine["processing_user"]
    named = [row for row in rows if "names_you_in" in row]
    assert {"dlq_review_failuregroup", "django_admin_log"} <= {
        one["table"] for one in named
    }
    assert "ORD-2" not in {row.get("row", {}).get("order_id") for row in rows}
    with pytest.raises(CommandError, match="Name a new file"):
        forget("--export", str(file), yes=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--email", "ann"], "Write one, such as"),
        (["--email", ANN, "--yes"], "staff. Give your user name"),
        (["--email", ANN, "--yes", "--by", "nobody"], "--by names no active"),
    ],
)
def test_a_mistake_is_told_without_a_trace(options: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("forget", *options)


def test_a_database_that_is_away_is_told_without_a_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(held: Holdings) -> dict[str, int]:
        raise OperationalError(ANN)

    monkeypatch.setattr(Holdings, "counts", away)
    with pytest.raises(CommandError, match="correct DATABASE_URL") as said:
        call_command("forget", "--email", ANN)
    assert ANN not in str(said.value)


def test_the_keys_of_the_archive_are_listed(settings: Settings) -> None:
    settled(ANN)
    settled(OTHER)
    Arrival.objects.update(
        archived_to="s3://box/failed/1.json", archived_at="2026-01-01T00:00Z"
    )
    held = Holdings(Address(ANN))
    assert held.archived() == ["s3://box/failed/1.json"]
    assert "Delete it from the archive yourself: s3://box" in forget(yes=False)


def test_what_arrives_during_a_run_is_named_at_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    processor.process(order_created(email=ANN))
    late = order_created(email=ANN)
    mail_step = erasing._STEPS["mail files erased"]

    def arrives(held: Holdings) -> object:
        processor.process(late)
        return mail_step(held)

    monkeypatch.setitem(erasing._STEPS, "mail files erased", arrives)
    with pytest.raises(CommandError, match="arrived meanwhile: 1 orders"):
        forget()
    monkeypatch.undo()
    forget()


def test_an_address_in_capitals_is_found_on_either_database() -> None:
    letter = settled(OTHER)
    triage.annotate(letter.group, "ANN@BÜCHER.EXAMPLE called.", by="bob")
    forget()
    letter.group.refresh_from_db()
    assert "ANN" not in letter.group.note
    assert letter.group.note.endswith("called.")


def test_logins_go_and_another_s_stay(mail_folder: Path) -> None:
    logins()
    mails(mail_folder)
    forget()
    assert DeadLetter.objects.count() == 0
    assert Session.objects.count() == 1
