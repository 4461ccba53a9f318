"""A policy stops by itself, and tells why."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from pytest_django import Settings

from dlq_review import tasks
from dlq_review.alerts.kinds import POLICY_STOPPED
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    Operation,
    OperationItem,
    RaisedAlert,
    RedrivePolicy,
)
from dlq_review.monitoring import health
from dlq_review.operations import control
from dlq_review.permissions import PERMISSIONS, SCHEDULING
from dlq_review.schedule import probes, runs, steering, watch
from processing.models import User
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.policies import active, begun, ended, make_due, policy, state

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("now", ["draft", "paused", "stopped"])
def test_what_begins_no_run_ends_after_its_last_day_too(now: str) -> None:
    found = policy(state=now, until=RedrivePolicy.today() - timedelta(days=1))
    kept = policy(state=now)
    assert watch.look_at_all() == [found]
    assert (state(found)[0], state(kept)[0]) == ("ended", now)


def test_it_ends_after_its_last_day() -> None:
    dead_letter()
    found = active()
    RedrivePolicy.objects.update(
        until=RedrivePolicy.today() - timedelta(days=1),
        next_run_at=timezone.now() + timedelta(hours=9),
    )
    assert runs.due().exists()  # so beat sends the job, whenever the next run would be
    assert begun() == []
    assert state(found) == ("ended", "Its last day has passed.")
    assert found.ended_at is not None


@pytest.mark.usefixtures("standing_clock")
def test_on_its_last_day_it_still_runs() -> None:
    dead_letter()
    active(until=RedrivePolicy.today())
    assert begun() == [1]


# -- Its owner -------------------------------------------------------------------------
def owner_of_all_rights() -> User:
    user = User.objects.create(username="eve@x.org", email="eve@x.org", is_staff=True)
    names = [PERMISSIONS[name].partition(".")[2] for name in (*SCHEDULING, "reveal")]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return user


def without(name: str) -> Callable[[User], object]:
    codename = PERMISSIONS[name].partition(".")[2]
    return lambda user: user.user_permissions.remove(
        Permission.objects.get(codename=codename)
    )


GONE: dict[str, tuple[Callable[[User], object], str]] = {
    "gone": (lambda user: user.delete(), "is not an active user"),
    "inactive": (
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        "is not an active",
    ),
    **{name: (without(name), "may not schedule redrives") for name in SCHEDULING},
    "reveal": (without("reveal"), "may not see personal data"),
}


@pytest.mark.parametrize("how", GONE)
def test_it_stops_when_its_owner_may_not_do_it_any_more(how: str) -> None:
    owner = owner_of_all_rights()
    dead_letter()
    chosen = {"fields": ["data.email~example"]}
    found = active(owner="eve@x.org", selection=chosen)
    assert begun() == [1]
    ended(Operation.objects.get(), processed=1)
    dead_letter()
    make_due()
    lose, why = GONE[how]
    lose(owner)
    assert begun() == []
    now, halted = state(found)
    assert now == "stopped"
    assert why in halted
    told = RaisedAlert.objects.get(kind=POLICY_STOPPED.name).sentence
    assert why in told
    assert "eve@x.org" not in told  # which leaves Holdfast, by mail and to a chat
    steering.resume(found, by="ada")
    assert begun() == [2]


def asked_while(happens: Callable[[], object]) -> None:
    """Begin what is due; *happens* comes while the probe of a policy is asked."""
    ask = probes.ask

    def ask_slowly(one: RedrivePolicy) -> probes.Verdict:
        happens()
        return ask(one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "ask", ask_slowly)
        assert begun() == []
    assert not Operation.objects.exists()


@pytest.mark.parametrize("how", GONE)
def test_no_run_begins_for_an_owner_who_lost_a_right_during_the_probe(how: str) -> None:
    owner = owner_of_all_rights()
    dead_letter()
    found = active(owner="eve@x.org", selection={"fields": ["data.email~example"]})
    lose, why = GONE[how]
    asked_while(lambda: lose(owner))
    now, halted = state(found)
    assert now == "stopped"
    assert why in halted


def test_no_run_begins_after_midnight_of_its_last_day_that_passes_meanwhile() -> None:
    dead_letter()
    found = active()
    yesterday = RedrivePolicy.today() - timedelta(days=1)
    asked_while(lambda: RedrivePolicy.objects.update(until=yesterday))
    assert state(found) == ("ended", "Its last day has passed.")


def test_no_run_begins_in_the_name_of_an_owner_whose_policy_another_resumed() -> None:
    dead_letter()
    found = active()

    def pause_and_resume() -> None:
        steering.pause(RedrivePolicy.objects.get(), by="bob")
        steering.resume(RedrivePolicy.objects.get(), by="bob")

    User.objects.create(username="bob", email="bob@x.org", is_superuser=True)
    asked_while(pause_and_resume)
    assert state(found) == ("active", "")
    assert begun() == [1]  # at once: nobody holds it any more
    assert Operation.objects.get().by == "bob"


def test_conditions_on_masked_bodies_need_no_right_to_see_personal_data() -> None:
    without("reveal")(owner_of_all_rights())
    dead_letter()
    active(owner="eve@x.org", selection={"fields": ["data.currency=EUR"]}, masked=True)
    assert begun() == [1]


def test_a_condition_about_a_person_finds_nobody_in_masked_bodies() -> None:
    without("reveal")(owner_of_all_rights())
    dead_letter(order_created(email="ada@example.com"))
    chosen = {"fields": ["data.email=ada@example.com"]}
    found = active(owner="eve@x.org", selection=chosen, masked=True)
    assert begun() == []
    assert state(found) == ("active", "")


def test_conditions_on_public_fields_need_no_right_to_see_personal_data() -> None:
    without("reveal")(owner_of_all_rights())
    dead_letter()
    active(owner="eve@x.org", selection={"fields": ["data.currency=EUR"]})
    assert begun() == [1]


# -- The results of its runs -----------------------------------------------------------
def fail_with(error: str) -> None:
    DeadLetter.objects.update(error_type=error)


def test_it_stops_at_an_error_that_none_of_its_letters_had(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    for error in ("TimeoutError", "OSError"):
        dead_letter(attributes=failure(error_type=error))
    found = active()
    assert begun() == [2]
    run = Operation.objects.get()
    fail_with("OSError")
    run.items.update(state="failed_again")
    assert watch.look_at_all() == []  # TimeoutError became OSError: that was known
    fail_with("OverdraftError")
    assert watch.look_at_all() == [found]
    letter = DeadLetter.objects.first()
    assert letter
    now, why = state(found)
    assert now == "stopped"
    assert why.endswith("failed with an error that is new here: OverdraftError.")
    run.refresh_from_db()
    assert (run.state, run.halted) == (
        "paused",
        f"Policy #{found.pk} has stopped. {why}",
    )
    (alert,) = AlertDelivery.objects.filter(kind="policy_stopped")
    assert alert.sentence == f"Redrive policy {found.pk} has stopped. {why}"
    assert alert.path == f"/admin/dlq_review/redrivepolicy/{found.pk}/change/"
    assert alert.sentence in health.warnings()
    steering.resume(found, by="ada")
    assert alert.sentence not in health.warnings()
    told = AlertDelivery.objects.filter(kind="policy_stopped").order_by("pk")
    assert [one.phase for one in told] == ["raised", "over"]


def test_the_error_at_which_it_stops_tells_of_no_person() -> None:
    dead_letter(attributes=failure(error_type="OSError"))
    found = active()
    begun()
    fail_with("No account of Ada Byron")
    Operation.objects.get().items.update(state="failed_again")
    assert watch.look_at_all() == [found]
    _, why = state(found)
    assert why.endswith("failed with an error that is new here.")
    assert "Ada" not in RaisedAlert.objects.get(kind="policy_stopped").sentence
    assert "Ada" not in Operation.objects.get().halted


def test_an_error_that_was_seen_does_not_stop_it_again() -> None:
    dead_letter()
    found = active()
    assert begun() == [1]
    fail_with("OverdraftError")
    ended(Operation.objects.get(), failed_again=1)
    assert begun() == []
    assert state(found)[0] == "stopped"
    steering.resume(found, by="ada")
    assert begun() == [1]
    ended(Operation.objects.first(), failed_again=1)
    assert watch.look_at_all() == []


def test_an_error_that_an_earlier_run_took_is_no_new_one() -> None:
    dead_letter(attributes=failure(error_type="TimeoutError"))
    active()
    assert begun() == [1]
    ended(Operation.objects.get(), processed=1)
    DeadLetter.objects.update(state="resolved")
    dead_letter(attributes=failure(error_type="OSError"))
    make_due()
    assert begun() == [1]
    fail_with("TimeoutError")
    last = Operation.objects.order_by("pk").last()
    assert last
    last.items.update(state="failed_again")
    assert watch.look_at_all() == []


def test_it_stops_with_the_brake_of_a_run_as_soon_as_that_acts() -> None:
    dead_letter()
    found = active()
    assert begun() == [1]
    run = Operation.objects.get()
    control.pause(run, halted="Brake: 3 of 5 failed again.")
    tasks.operate()
    why = f"{run} has stopped. Brake: 3 of 5 failed again."
    assert state(found) == ("stopped", why)


def run_of(found: RedrivePolicy, processed: int, failed: int) -> None:
    """A run of *found* with these outcomes; its letters are not looked at."""
    run = Operation.objects.create(policy=found, by="ada", cutoff=timezone.now())
    states = ["processed"] * processed + ["failed_again"] * failed
    OperationItem.objects.bulk_create(
        OperationItem(operation=run, letter_id=number, revision=0, state=one)
        for number, one in enumerate(states)
    )
    ended(run)


@pytest.mark.parametrize(
    ("stop_at", "outcomes", "stops"),
    [
        (20, [(5, 1), (5, 1)], ""),
        (20, [(5, 1), (4, 2)], "3 of its last 12 letters failed again."),
        (100, [(0, 6), (0, 6)], ""),
        (20, [(0, 6)], ""),  # fewer than ten outcomes say nothing
        (20, [(90, 0), (8, 2)], "2 of its last 10 letters failed again."),
        (20, [(0, 90), (9, 1)], ""),
    ],
)
def test_it_stops_at_a_share_of_the_last_ten_letters(
    stop_at: int, outcomes: list[tuple[int, int]], stops: str
) -> None:
    found = active(stop_at=stop_at)
    for processed, failed in outcomes:
        run_of(found, processed, failed)
    watch.look_at_all()
    assert state(found) == ("stopped" if stops else "active", stops)


def test_after_it_was_resumed_earlier_runs_do_not_count() -> None:
    found = active()
    run_of(found, 0, 10)
    watch.look_at_all()
    assert state(found)[0] == "stopped"
    steering.resume(found, by="ada")
    watch.look_at_all()
    assert state(found)[0] == "active"
