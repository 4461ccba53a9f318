"""The pages of redrive policies: what they show, and what the form refuses."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from pytest_django import Settings

from dlq_review.models import AuditEntry, Operation, RedrivePolicy
from dlq_review.schedule import runs
from processing.models import User
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS, POLICIES, html
from tests.dlq_review.policies import active, ended, policy

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("standing_clock"),
]

SCHEDULE = "schedule_redrivepolicy"
TODAY = RedrivePolicy.today
NEW = f"{POLICIES}new/"


@pytest.mark.parametrize(
    ("now", "steps"),
    [
        ("draft", ["Start", "End"]),
        ("active", ["Pause", "End"]),
        ("paused", ["Resume", "End"]),
        ("stopped", ["Resume", "End"]),
        ("ended", []),
    ],
)
def test_the_page_of_a_policy_offers_the_steps_of_its_state(
    admin_client: Client, now: str, steps: list[str]
) -> None:
    found = policy(state=now)
    text = html(admin_client, f"{POLICIES}{found.pk}/change/")
    actions = re.search(r'(?s)<fieldset class="steering".*?</fieldset>', text)
    assert actions
    assert re.findall(r"<button[^>]*>(\w+)</button>", actions[0]) == steps


def form(**changes: Any) -> dict[str, Any]:
    plan = {"every": 15, "times": 3, "most": 200, "canary": 3, "stop_at": 20}
    more = {"rate": 50, "queue": "orders", "probe": "database", "reason": "why"}
    return {**plan, **more, "until": TODAY().isoformat(), **changes}


@pytest.fixture
def desk(desk: Client) -> Client:
    """The browser of ada, who may also schedule redrives."""
    ada = User.objects.get(username="ada")
    ada.user_permissions.add(Permission.objects.get(codename=SCHEDULE))
    return desk


def made(desk: Client, **changes: Any) -> RedrivePolicy:
    answer = desk.post(NEW, form(**changes))
    assert answer.status_code == 302, answer.content.decode()
    return RedrivePolicy.objects.get()


def test_the_form_makes_a_policy_that_shows_what_it_would_take(desk: Client) -> None:
    for _ in range(3):
        dead_letter()
    found = made(
        desk, most=2, probe="events", type="order_created", events=7, url="https://x.y"
    )
    assert (found.state, found.owner, found.reason) == ("draft", "ada", "why")
    assert found.selection == {"queue": "orders", "type": "order_created"}
    plan = (found.every, found.times, found.most, found.canary, found.stop_at)
    assert plan == (15, 3, 2, 3, 20)
    assert (found.probe, found.events, found.url) == ("events", 7, "")
    assert runs.begin_due() == []
    page = html(desk, f"{POLICIES}{found.pk}/change/")
    assert "It would take <b>2 letters</b> now and leave 1 to later runs." in page
    desk.post(f"{POLICIES}{found.pk}/start/")
    found.refresh_from_db()
    assert found.state == "active"
    assert found.next_run_at is not None


def test_the_page_shows_the_runs_and_the_operation_leads_back(desk: Client) -> None:
    dead_letter()
    found = active(reason="for ada.lovelace@example.com")
    runs.begin_due()
    run = Operation.objects.get()
    page = html(desk, f"{POLICIES}{found.pk}/change/")
    assert f'After <a href="{OPERATIONS}{run.pk}/change/">{run}</a>, which is' in page
    ended(run, failed_again=1)
    page = html(desk, f"{POLICIES}{found.pk}/change/")
    assert "1 letter: 0 processed, 1 failed again" in page
    assert "The database answers. Redrive #" in page
    operation = html(desk, f"{OPERATIONS}{run.pk}/change/")
    assert f'A run of <a href="{POLICIES}{found.pk}/change/">' in operation
    for text in (page, operation, html(desk, POLICIES)):
        assert "lovelace" not in text
    trail = html(desk, "/admin/dlq_review/auditentry/") if _sees_trail() else ""
    assert f"Policy #{found.pk}" in trail


def _sees_trail() -> bool:
    ada = User.objects.get(username="ada")
    ada.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    return True


def test_a_policy_that_stopped_says_why_and_can_be_resumed(desk: Client) -> None:
    found = active()
    RedrivePolicy.objects.update(state="stopped", halted="3 of 5 failed again.")
    page = html(desk, f"{POLICIES}{found.pk}/change/")
    assert "3 of 5 failed again. Look at the failures before you resume." in page
    for verb, now in (("resume", "active"), ("pause", "paused"), ("end", "ended")):
        desk.post(f"{POLICIES}{found.pk}/{verb}/")
        found.refresh_from_db()
        assert found.state == now
    again = desk.post(f"{POLICIES}{found.pk}/resume/", follow=True)
    assert "is ended or was changed by somebody else" in again.content.decode()


def test_a_policy_begins_on_a_group_and_on_a_filtered_list(desk: Client) -> None:
    group = dead_letter(attributes=failure(error_type="TimeoutError")).group
    link = f'href="{NEW}?group={group.pk}"'
    assert link in html(desk, f"{GROUPS}{group.pk}/change/")
    page = html(desk, f"{NEW}?group={group.pk}")
    assert "Failure group <b>Another order has the id" in page
    found = made(desk, group=group.pk, queue="", probe="events", events=9)
    assert found.selection == {"group": group.pk, "type": "order_created"}
    chosen = "error=TimeoutError&amp;queue=orders"
    listed = html(desk, f"{LIST}?{chosen.replace('&amp;', '&')}")
    assert f'href="{NEW}?{chosen}"' in listed
    page = html(desk, f"{NEW}?queue=orders&error=TimeoutError")
    assert 'value="TimeoutError"' in page
    assert '<option value="orders" selected>' in page
    assert NEW not in html(desk, f"{LIST}?since=3h")
    assert "data.currency=EUR</textarea>" in html(
        desk, f"{NEW}?field=data.currency=EUR"
    )


def far() -> str:
    return (TODAY() + timedelta(days=367)).isoformat()


def wrong() -> dict[str, tuple[dict[str, Any], str]]:
    return {
        "nothing chosen": ({"queue": ""}, "Say which letters"),
        "no such group": ({"group": 99}, "not there any more"),
        "a condition": ({"field": "="}, "does not begin with a path"),
        "never": ({"every": 0}, "greater than or equal to 1"),
        "too rarely": ({"every": 10081}, "less than or equal to 10080"),
        "no times": ({"times": 0}, "greater than or equal to 1"),
        "no letters": ({"most": 0}, "greater than or equal to 1"),
        "no share": ({"stop_at": 0}, "greater than or equal to 1"),
        "more than all": ({"stop_at": 101}, "less than or equal to 100"),
        "no probe": ({"probe": ""}, "This field is required"),
        "another probe": ({"probe": "ping"}, "is not one of the available"),
        "events of no type": ({"probe": "events", "events": 9}, "Choose a type"),
        "no events": (
            {"probe": "events", "type": "order_created", "events": ""},
            "Say how many events",
        ),
        "no URL": ({"probe": "http"}, "Write a URL"),
        "http": ({"probe": "http", "url": "http://x.example"}, "Only https"),
        "private": ({"probe": "http", "url": "https://10.0.0.7"}, "A private address"),
        "yesterday": (
            {"until": (TODAY() - timedelta(days=1)).isoformat()},
            "A day from",
        ),
        "in a year and a day": ({"until": far()}, "A day from"),
        "no date": ({"until": "soon"}, "Enter a valid date"),
        "no reason": ({"reason": " "}, "This field is required"),
    }


def test_a_probe_takes_what_belongs_to_it_alone(desk: Client) -> None:
    url = "https://bank.example/up"
    for probe, kept in (("http", (0, url)), ("database", (0, ""))):
        RedrivePolicy.objects.all().delete()
        found = made(desk, probe=probe, url=url, events=9, type="order_created")
        assert (found.events, found.url) == kept


def test_a_policy_may_last_a_year_and_takes_every_choice(desk: Client) -> None:
    last = TODAY() + timedelta(days=366)
    chosen = {"type": "order_created", "error": "ErrorA"}
    found = made(desk, until=last.isoformat(), field="data.a=1", **chosen)
    assert found.until == last
    assert (found.owner, found.masked) == ("ada", False)
    assert found.selection == {"queue": "orders", "fields": ["data.a=1"], **chosen}


def test_the_form_says_what_cannot_be_meant(desk: Client) -> None:
    for name, (changes, said) in wrong().items():
        answer = desk.post(NEW, form(**changes))
        assert answer.status_code == 200, name
        text = answer.content.decode()
        assert said in text, name
        assert 'class="errorlist' in text, name
    assert not RedrivePolicy.objects.exists()


# -- Who may do what -------------------------------------------------------------------
def test_without_the_permission_every_button_says_so(client_of: Any) -> None:
    eve = client_of("view", "bulk_redrive", name="eve")
    dead_letter()
    found = policy()
    why = "do not have the permission to schedule redrives of"
    for url in (POLICIES, f"{POLICIES}{found.pk}/change/"):
        page = html(eve, url)
        assert why in page
        assert NEW not in page
    group = html(eve, f"{GROUPS}{dead_letter().group_id}/change/")
    assert why in group
    assert NEW not in group
    assert NEW not in html(eve, LIST)


def test_who_operates_on_many_may_schedule_redrives() -> None:
    for name, may in (("viewer", 0), ("editor", 0), ("operator", 1)):
        group = Group.objects.get(name=f"Triage {name}")
        assert group.permissions.filter(codename=SCHEDULE).count() == may


def test_conditions_about_personal_data_need_the_right_to_see_it(
    client_of: Any,
) -> None:
    eve = client_of("view", "bulk_redrive", name="eve")
    user = User.objects.get(username="eve")
    user.user_permissions.add(Permission.objects.get(codename=SCHEDULE))
    asked = form(field="data.email~example.com")
    refused = eve.post(NEW, asked)
    assert refused.status_code == 403
    assert "see personal data of dead letters" in refused.content.decode()
    assert not RedrivePolicy.objects.exists()
    personal = Permission.objects.get(codename="view_personal_deadletter")
    user.user_permissions.add(personal)
    assert eve.post(NEW, asked).status_code == 302
    entry = AuditEntry.objects.get(verb="revealed")
    assert entry.reason.startswith("A redrive policy that asks about data.email")
    page = html(eve, f"{POLICIES}{RedrivePolicy.objects.get().pk}/change/")
    assert "example.com" not in page
    user.user_permissions.remove(personal)
    RedrivePolicy.objects.all().delete()
    assert eve.post(NEW, form(field="data.currency=EUR")).status_code == 302
    assert RedrivePolicy.objects.get().masked


def test_a_page_reads_few_bodies(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dlq_review.schedule.outlook.MOST_READ", 2)
    for _ in range(3):
        dead_letter(order_created(customer_id="C-18"))
    found = made(desk, field="data.customer_id=C-18")
    page = html(desk, f"{POLICIES}{found.pk}/change/")
    assert "Of the oldest 2 whose bodies were read, it would take <b>2 letters" in page


def test_the_form_names_the_limit_of_redrives(desk: Client, settings: Settings) -> None:
    settings.REDRIVE_LIMIT = 7
    assert "REDRIVE_LIMIT allows 7 redrives" in html(desk, NEW)
    settings.REDRIVE_LIMIT = 0
    assert "REDRIVE_LIMIT" not in html(desk, NEW)
