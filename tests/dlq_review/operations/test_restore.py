"""A wrong discard of many is undone by one operation: from its page, the list, a group, the command."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone

from dlq_review.letters import retention, settlement
from dlq_review.models import DeadLetter, FailureGroup, Operation
from dlq_review.operations import control, plans, runner
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from processing.models import Outcome
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import OPERATIONS, plan
from tests.dlq_review.kept_counters import assert_counted
from tests.dlq_review.operation_runs import run, states

pytestmark = pytest.mark.django_db
LETTERS = "/admin/dlq_review/deadletter/"


def operated(selection: Selection, kind: str) -> Operation:
    operation = plans.freeze(selection, Plan(kind, rate=500), by="ada", reason="x")
    control.start(operation, by="ada")
    runner.run(operation, seconds=9)
    operation.refresh_from_db()
    return operation


@pytest.fixture
def wrong() -> Operation:
    """A discard of four that should not have been."""
    for _ in range(4):
        dead_letter(attributes=failure())
    return operated(Selection(), "discard")


def in_state(state: str) -> int:
    return DeadLetter.objects.filter(state=state).count()


def follow(client: Client, url: str, **form: object) -> Operation:
    """Freeze by the form behind *url*, start and run."""
    page = client.get(url)
    asked = dict(page.context["form"].initial)
    client.post(f"{OPERATIONS}new/", plan(**{**asked, **form}))
    operation = Operation.objects.latest("pk")
    client.post(f"{OPERATIONS}{operation.pk}/start/")
    runner.run_all(seconds=9)
    operation.refresh_from_db()
    return operation


def test_from_the_page_of_the_discard(desk: Client, wrong: Operation) -> None:
    by_hand = dead_letter()
    settlement.discard(by_hand, by="bob", reason="meant")
    page = desk.get(f"{OPERATIONS}{wrong.pk}/change/").content.decode()
    link = f"{OPERATIONS}new/?kind=restore&amp;discarded_by={wrong.pk}"
    assert f'href="{link}"' in page
    asked = desk.get(link.replace("&amp;", "&")).content.decode()
    assert f"What <b>Discard #{wrong.pk}</b> has discarded" in asked
    operation = follow(desk, link.replace("&amp;", "&"))
    assert (operation.state, states(operation)) == ("done", {"restored": 4})
    assert (in_state("open"), in_state("discarded")) == (4, 1)
    assert Outcome.objects.count() == 1
    assert FailureGroup.objects.get(error_type="OrderExistsError").state == "open"
    assert_counted()
    entry = wrong.items.earliest("pk").letter.audit.get(verb="restored")
    assert (entry.actor, entry.reason) == (
        "ada",
        f"Operation {operation.pk}. fixed in r2",
    )
    done = desk.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert "<b>4</b> restored" in done


def test_from_the_list(desk: Client, wrong: Operation) -> None:
    text = desk.get(f"{LETTERS}?state=discarded").content.decode()
    one, two, *_ = DeadLetter.objects.all()
    assert text.count('type="checkbox" name="chosen"') == 4
    asked = desk.post(
        f"{OPERATIONS}new/?kind=restore", {"chosen": ["", str(one.pk), str(two.pk)]}
    ).content.decode()
    assert "<b>2</b> dead letters you ticked" in asked
    assert '<option value="restore" selected>' in asked
    follow(desk, f"{OPERATIONS}new/?kind=restore&ids={one.pk}")
    assert in_state("open") == 1
    assert "Restore all that match…" in text
    follow(desk, f"{OPERATIONS}new/?state=discarded&type=order_created&kind=restore")
    assert in_state("open") == 4


def test_from_a_group(desk: Client, wrong: Operation) -> None:
    group = FailureGroup.objects.get()
    page = desk.get(f"/admin/dlq_review/failuregroup/{group.pk}/change/")
    assert "Restore 4…" in page.content.decode()
    follow(desk, f"{OPERATIONS}new/?group={group.pk}&kind=restore", limit=3)
    assert (in_state("open"), in_state("discarded")) == (3, 1)


@pytest.mark.usefixtures("no_sqs")
def test_from_the_command(wrong: Operation, client_of: ClientOf) -> None:
    client_of("view", "bulk_redrive", "discard", "view_personal", name="ada")
    client_of("view", "bulk_redrive", name="eve")
    which = ("--restore", "--discarded-by", str(wrong.pk))
    assert json.loads(run(*which, "--json"))["would_restore"] == 4
    for limit, number in (("3", 3), ("9", 4)):
        told = json.loads(run(*which, "--json", "--limit", limit))
        assert told["would_restore"] == number
    assert "nothing was restored" in run(*which)
    how = ("--apply", "--reason", "wrong ones")
    for by, said in (("eve", "permission to restore many"), ("", "--by USER")):
        with pytest.raises(CommandError, match=said):
            run(*which, *how, "--by", by)
    with pytest.raises(CommandError, match="needs a --reason"):
        run(*which, "--apply", "--by", "ada")
    with pytest.raises(CommandError, match="needs --restore"):
        run("--discarded-by", "1")
    field = ("--restore", "--field", "data.items[*].sku=TEA-1", "--limit", "1")
    assert "1 restored" in run(*field, *how, "--by", "ada")
    assert "3 restored" in run(*which, *how, "--by", "ada")
    assert in_state("open") == 4


def test_it_is_paused_and_resumed_like_any_other(wrong: Operation) -> None:
    operation = plans.freeze(Selection(discarded=True), Plan("restore"), by="ada")
    control.start(operation, by="ada")
    control.pause(operation, by="ada")
    assert not runner.run(operation, seconds=9)
    control.resume(operation, by="ada")
    runner.run(operation, seconds=9)
    assert states(operation) == {"restored": 4}


def test_what_changed_since_the_freeze_is_skipped_with_the_reason(
    wrong: Operation,
) -> None:
    restored, again, purged, _ = DeadLetter.objects.order_by("pk")
    operation = plans.freeze(
        Selection(discarded=True), Plan("restore", rate=500), by="ada"
    )
    control.start(operation, by="ada")
    settlement.restore(restored, by="bob")
    settlement.restore(again, by="bob")
    settlement.discard(again, by="bob", reason="meant")
    DeadLetter.objects.filter(pk=purged.pk).update(purged_at=timezone.now())
    runner.run(operation, seconds=9)
    assert states(operation) == {"skipped": 3, "restored": 1}
    assert all(item.why for item in operation.items.filter(state="skipped"))
    again.refresh_from_db()
    assert again.state == "discarded"


def test_what_nobody_can_restore_is_not_chosen(wrong: Operation) -> None:
    letter = DeadLetter.objects.earliest("pk")
    settlement.restore(letter, by="bob")
    settlement.discard(letter, by="bob", reason="meant")
    assert Selection(discarded=True, discarded_by=wrong.pk).candidates().count() == 3
    retention.purge(timezone.now() + timedelta(days=1))
    with pytest.raises(plans.NothingChosenError):
        plans.freeze(Selection(discarded=True), Plan("restore"), by="ada")


def test_it_needs_the_permissions_to_restore_and_to_do_many(
    client_of: ClientOf, wrong: Operation
) -> None:
    page = f"{OPERATIONS}new/?kind=restore&discarded_by={wrong.pk}"
    for name, denied, *permissions in (
        ("bob", "restore or see personal data of", "view", "bulk_redrive"),
        ("eve", "export or see personal data of", "view", "discard"),
    ):
        client = client_of(*permissions, name=name)
        assert client.get(page).status_code == 403
        form = plan(kind="restore", discarded_by=wrong.pk)
        assert client.post(f"{OPERATIONS}new/", form).status_code == 403
        text = client.get(f"{OPERATIONS}{wrong.pk}/change/").content.decode()
        assert "Restore these" not in text
        listed = client.get(f"{LETTERS}?state=discarded").content.decode()
        assert "Restore many…" in listed
        assert f"{denied} dead letters." in listed
    assert not Operation.objects.filter(kind="restore").exists()


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, "9" * 5000, "²"])
def test_a_number_that_no_operation_has_is_told(desk: Client, number: str) -> None:
    dead_letter()
    page = f"{OPERATIONS}new/?kind=restore&discarded_by={number}&group={number}"
    assert desk.get(page).status_code == 200
    form = plan(kind="restore", discarded_by=number, group=number)
    assert desk.post(f"{OPERATIONS}new/", form).status_code == 200
    assert not Operation.objects.exists()


def test_a_letter_of_two_is_restored_by_many_without_the_tombstone_of_its_sibling() -> (
    None
):
    event = order_created()
    dead_letter(event)
    dead_letter(event, queue="signups-dlq")
    operated(Selection(), "discard")
    operated(Selection(queue="orders", discarded=True), "restore")
    assert Outcome.objects.get().kind == "discarded"
