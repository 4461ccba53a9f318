"""The overview, failure groups and operations as staff meet them."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.contrib.admin import site
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dlq_review import tasks
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, FailureGroup, LifeSign, Operation
from dlq_review.monitoring import health
from processing.models import User
from processing.sqs import provision, publisher, queues
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, html, plan
from tests.dlq_review.hostile_letters import POISON, poisoned

pytestmark = pytest.mark.django_db


def test_the_overview_counts_what_waits(desk: Client, sqs: None) -> None:
    for _ in range(3):
        dead_letter(attributes=failure(failed_at=timezone.now().isoformat()))
    text = html(desk, "/admin/")
    assert "<b>3</b> waiting for us" in text
    assert "3 on orders" in text
    assert "OrderExistsError" in text
    assert "No failures." not in text


def test_each_figure_of_the_overview_is_the_count_of_its_letters(
    desk: Client, no_sqs: None
) -> None:
    now = timezone.now()
    for hours, state in enumerate(DeadLetter.State, 1):
        DeadLetter.objects.filter(pk=dead_letter().pk).update(
            state=state,
            first_failed_at=now - timedelta(hours=10 + hours),
            last_failed_at=now - timedelta(hours=hours),
            redriven_at=now - timedelta(days=10),
            expires_at=now,
        )
    FailureGroup.objects.update(waiting=12, redriven=21)
    answer = desk.get("/admin/")
    text = answer.content.decode()
    for figure in (
        "<b>12</b> waiting for us",
        "<b>2</b> failed in the last 3 h",
        "<b>21</b> redriven, awaiting their outcome",
        "<b>1</b> overdue",
        "<b>3</b> near or past their SQS limit",
    ):
        assert figure in text
    waits = [one for one in DeadLetter.State if one in DeadLetter.WAITING]
    assert answer.context["oldest"].state == waits[-1]


def test_who_has_waited_longest_failed_first_however_late_it_failed_again(
    desk: Client, no_sqs: None
) -> None:
    now = timezone.now()
    first, second = dead_letter(), dead_letter()
    for letter, began, latest in ((first, 9, 1), (second, 8, 2)):
        DeadLetter.objects.filter(pk=letter.pk).update(
            first_failed_at=now - timedelta(hours=began),
            last_failed_at=now - timedelta(hours=latest),
        )
    assert desk.get("/admin/").context["oldest"] == first


def test_the_overview_stands_above_all_and_shows_no_way_to_it(
    desk: Client, no_sqs: None
) -> None:
    assert "breadcrumbs" not in html(desk, "/admin/")
    assert "breadcrumbs" in html(desk, LIST)


@pytest.mark.parametrize("list_of", [LIST, GROUPS])
def test_a_list_says_a_state_by_icon_and_word(desk: Client, list_of: str) -> None:
    dead_letter()
    drawn = '<svg class="icon" aria-hidden="true"><use href="#i-open"></use></svg>Open'
    assert f'<span class="state is-open">{drawn}</span>' in html(desk, list_of)


def test_the_overview_tells_groups_of_one_error_apart(desk: Client, sqs: None) -> None:
    for text in ("data.currency: Choose one.", "data.note: Remove it."):
        dead_letter(attributes=failure(error_text=text))
    text = html(desk, "/admin/")
    assert ">data.currency: Choose one.</a><small>OrderExistsError" in text
    assert ">data.note: Remove it.</a><small>OrderExistsError" in text


def test_the_overview_warns_only_of_what_is_wrong(desk: Client, sqs: None) -> None:
    assert "No worker has pulled a DLQ yet" in html(desk, "/admin/")
    tasks.pull()
    tasks.settle()
    assert 'class="warning"' not in html(desk, "/admin/")
    LifeSign.objects.update(at=timezone.now() - timedelta(hours=1))
    assert "No worker has pulled a DLQ for 60 min" in html(desk, "/admin/")


def test_queues_that_differ_from_their_declaration_are_told_of(
    desk: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    drift = ["orders: no redrive"]
    monkeypatch.setattr(provision, "ensure_queues", lambda create: drift)
    health.check_queues()
    assert "orders: no redrive" in html(desk, "/admin/")


def test_queues_are_compared_with_their_declaration_every_ten_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[datetime] = []

    def compare(create: bool) -> list[str]:
        compared.append(timezone.now())
        return []

    monkeypatch.setattr(provision, "ensure_queues", compare)
    with time_machine.travel(begun := timezone.now(), tick=False) as clock:
        for minutes in (0, 9, 11, 20):
            clock.move_to(begun + timedelta(minutes=minutes))
            health.check_queues()
    assert compared == [begun, begun + timedelta(minutes=11)]


def test_the_overview_lives_without_sqs(desk: Client, no_sqs: None) -> None:
    assert "SQS does not answer" in html(desk, "/admin/")


def test_a_queue_that_is_gone_is_named_beside_the_depths_of_the_others(
    desk: Client, sqs: None
) -> None:
    publisher.send_raw("orders", "{}")
    queues.client().delete_queue(QueueUrl=queues.url("signups"))
    text = html(desk, "/admin/")
    assert "SQS does not answer" not in text
    assert "SQS refuses to tell of signups: NonExistentQueue." in text
    row = '<tr><th scope="row">{}</th><td class="num">{}</td><td class="num">{}</td>'
    assert row.format("orders", 1, 0) in text
    assert row.format("signups", "?", "?") in text


def test_who_may_not_see_dead_letters_sees_no_figures(
    client_of: ClientOf, no_sqs: None
) -> None:
    assert "waiting for us" not in html(client_of(), "/admin/")


def test_the_inbox_shows_a_group_with_its_pace(desk: Client) -> None:
    for _ in range(2):
        dead_letter(attributes=failure(failed_at=timezone.now().isoformat()))
    text = html(desk, GROUPS)
    assert "OrderExistsError" in text
    assert "<b>2</b> in 1h" in text
    assert '<path d="M123 24v-24.0h2V24z"/>' in text  # the last of 42 bars


def test_a_resolved_group_leaves_the_inbox_and_regresses_with_the_next_failure(
    desk: Client,
) -> None:
    letter = dead_letter(attributes=failure())
    group = letter.group
    settlement.resolve(letter, by="ada", reason="done by hand")
    desk.post(f"{GROUPS}{group.pk}/resolve/")
    assert "OrderExistsError" not in html(desk, GROUPS)
    dead_letter(attributes=failure())
    group.refresh_from_db()
    assert group.state == "regressed"


def test_a_group_is_taken_and_annotated_with_a_trail(desk: Client) -> None:
    group = dead_letter().group
    desk.post(f"{GROUPS}{group.pk}/acknowledge/")
    desk.post(f"{GROUPS}{group.pk}/annotate/", {"note": "The bank is down."})
    group.refresh_from_db()
    assert (group.state, group.owner) == ("acknowledged", "ada")
    assert "The bank is down." in html(desk, f"{GROUPS}{group.pk}/change/")
    assert group.audit.count() == 2


@pytest.mark.parametrize("verb", ["acknowledge", "resolve", "annotate"])
def test_groups_are_changed_by_post_and_permission_only(
    desk: Client, client_of: ClientOf, verb: str
) -> None:
    group = dead_letter().group
    url = f"{GROUPS}{group.pk}/{verb}/"
    assert client_of("view", name="eve").post(url).status_code == 403
    assert desk.get(url).status_code == 405
    assert FailureGroup.objects.get().state == "open"


def test_a_poisoned_group_is_inert(desk: Client, no_sqs: None) -> None:
    group = poisoned().group
    for url in (GROUPS, f"{GROUPS}{group.pk}/change/", "/admin/"):
        assert POISON not in html(desk, url)


def test_an_operation_is_frozen_looked_at_started_and_steered(desk: Client) -> None:
    letter = dead_letter(attributes=failure())
    dead_letter()
    answer = desk.post(f"{OPERATIONS}new/", plan(group=letter.group_id))
    operation = Operation.objects.get()
    assert answer["Location"] == f"{OPERATIONS}{operation.pk}/change/"
    text = html(desk, answer["Location"])
    assert "1 dead letter" in text
    assert "Nothing has been sent yet" in text
    for verb, state in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        desk.post(f"{OPERATIONS}{operation.pk}/{verb}/")
        operation.refresh_from_db()
        assert operation.state == state
        html(desk, answer["Location"])
    assert operation.audit.count() == 4
    assert DeadLetter.objects.filter(state="open").count() == 2


def test_what_was_ticked_is_what_is_chosen(desk: Client) -> None:
    ticked, _ = dead_letter(), dead_letter()
    text = html_of_post(desk, {"chosen": ["", str(ticked.pk)]})
    assert "<b>1</b> dead letter you ticked" in text
    desk.post(f"{OPERATIONS}new/", plan(ids=str(ticked.pk)))
    assert Operation.objects.get().items.get().letter == ticked


def html_of_post(client: Client, form: dict[str, object]) -> str:
    answer = client.post(f"{OPERATIONS}new/", form)
    assert answer.status_code == 200
    return answer.content.decode()


def test_ticking_nothing_never_means_everything(desk: Client) -> None:
    dead_letter()
    answer = desk.post(f"{OPERATIONS}new/", {"chosen": [""]}, follow=True)
    assert "Tick at least one dead letter." in answer.content.decode()


@pytest.mark.parametrize(
    "changes",
    [{"rate": 501}, {"rate": 0}, {"stop_at": 0}, {"reason": ""}, {"kind": "delete"}],
)
def test_a_plan_that_cannot_be_is_refused(
    desk: Client, changes: dict[str, object]
) -> None:
    dead_letter()
    assert "errorlist" in html_of_post(desk, plan(**changes))
    assert not Operation.objects.exists()


def test_the_frozen_list_names_what_will_not_be_sent(desk: Client) -> None:
    dead_letter("no event")
    desk.post(f"{OPERATIONS}new/", plan())
    text = html(desk, f"{OPERATIONS}{Operation.objects.get().pk}/change/")
    assert "1 would be skipped: the body is not a valid event." in text


@pytest.mark.parametrize("kind", ["discard", "restore", "fix", "undo"])
def test_who_may_only_redrive_many_steers_no_operation_of_another_kind(
    client_of: ClientOf, kind: str
) -> None:
    operation = Operation.objects.create(kind=kind, by="bob", cutoff=timezone.now())
    client = client_of("view", "redrive", "bulk_redrive")
    for verb in ("start", "pause", "resume", "cancel"):
        answer = client.post(f"{OPERATIONS}{operation.pk}/{verb}/")
        assert answer.status_code == 403
    operation.refresh_from_db()
    assert operation.state == "draft"


def test_operations_need_their_own_permission(client_of: ClientOf) -> None:
    dead_letter()
    url = f"{OPERATIONS}new/"
    assert client_of("view", "redrive").get(url).status_code == 403
    bulk = client_of("view", "bulk_redrive", name="bob")
    assert bulk.post(url, plan(kind="discard")).status_code == 403
    bulk.post(url, plan())
    operation = Operation.objects.get()
    viewer = client_of("view", name="eve")
    steer = f"{OPERATIONS}{operation.pk}/start/"
    assert viewer.post(steer).status_code == 403
    assert bulk.get(steer).status_code == 405
    text = html(viewer, f"{OPERATIONS}{operation.pk}/change/")
    assert '<fieldset class="steering" disabled' in text
    assert "You do not have the permission to redrive many dead letters." in text
    operation.refresh_from_db()
    assert operation.state == "draft"


def test_the_inbox_costs_the_same_for_many_groups(
    desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        dead_letter(attributes=failure(error_type=f"Error{'ABCDEFGHIJKL'[number]}"))
    html(desk, GROUPS)  # the first step of a session is noted
    with django_assert_max_num_queries(15):
        html(desk, GROUPS)


@pytest.mark.parametrize("verb", ["discard", "resolve", "restore"])
def test_a_letter_that_was_edited_since_its_page_was_shown_is_not_settled_unseen(
    desk: Client, verb: str
) -> None:
    letter = dead_letter(event := order_created())
    if verb == "restore":
        settlement.discard(letter, by="bob", reason="x")
    DeadLetter.objects.filter(pk=letter.pk).update(revision=1)
    letter.revisions.create(number=1, body=event.body)
    before = letter.state
    url = f"/admin/dlq_review/deadletter/{letter.pk}/{verb}/"
    answer = desk.post(url, {"reason": "x", "revision": "0"}, follow=True)
    assert (
        "Somebody changed this dead letter in the meantime" in answer.content.decode()
    )
    letter.refresh_from_db()
    assert letter.state == before
    assert '<input type="hidden" name="revision" value="1">' in answer.content.decode()
    desk.post(url, {"reason": "x", "revision": "1"})
    letter.refresh_from_db()
    assert letter.state != before


def test_each_table_stands_in_one_section_by_what_it_is_for(
    rf: RequestFactory,
) -> None:
    request = rf.get("/admin/")
    request.user = User(is_superuser=True, is_active=True)
    sections = {
        section["name"]: [model["object_name"] for model in section["models"]]
        for section in site.get_app_list(request)
    }
    assert list(sections) == ["Triage", "Look up", "Administration"]
    assert sections["Triage"][:3] == ["FailureGroup", "DeadLetter", "Operation"]
    assert {"Order", "Outcome", "Attempt"} <= set(sections["Look up"])
    assert {"StaffMember", "Group", "ApiKey", "AccessAttempt", "Erasure"} <= set(
        sections["Administration"]
    )
    shown = [name for names in sections.values() for name in names]
    assert sorted(shown) == sorted(model.__name__ for model in site._registry)
