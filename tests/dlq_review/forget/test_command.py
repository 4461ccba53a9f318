"""What `manage.py forget` says, and where it stops."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from dlq_review.errors import ChangedMeanwhileError
from dlq_review.forget import erasing
from dlq_review.models import Erasure
from processing.delivery import processor, spool
from processing.models import User
from processing.sqs import publisher
from tests.builders import dead_letter, order_created, signup_requested
from tests.dlq_review.forget.world import ANN, ASCII

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
ERASE = ("--yes", "--by", "eve")


@pytest.fixture(autouse=True)
def eve(db: None) -> User:
    return User.objects.create(username="eve", is_staff=True)


def forget(*arguments: str) -> list[str]:
    call_command("forget", "--email", ANN, *arguments, stdout=(said := StringIO()))
    return said.getvalue().splitlines()


def test_a_dry_run_names_what_stands_in_the_way_of_the_same_call_with_yes() -> None:
    dead_letter(signup_requested(email=ANN))
    spool.add(order_created(email=ANN), "away")
    publisher.publish(order_created())
    said = forget()
    assert len([line for line in said if "--also-waiting" in line]) == 2
    assert "orders: 1 messages on SQS, of whomever" in said
    assert "Nothing is held on this address." not in said
    assert said[-1] == "Nothing was erased. Add --yes --by USER."
    asked = forget("--also-waiting")
    assert not [line for line in asked if "--also-waiting" in line]


def test_the_export_is_written_before_all_is_erased(tmp_path: Path) -> None:
    processor.process(order_created(email=ANN))
    file = tmp_path / "ann.jsonl"
    said = forget("--export", str(file), *ERASE)
    rows = file.read_text().splitlines()
    assert ASCII in rows[0], "and no pseudonym yet"
    assert f"{len(rows)} rows were written to {file}." in said
    assert "       1  orders pseudonymised" in said
    assert said[-1] == (
        "Nothing is left. What was on SQS may still arrive: run it again in 20 days."
    )


def test_an_export_that_cannot_be_made_ends_it(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be made: No such file"):
        forget("--export", str(tmp_path / "absent" / "ann"), *ERASE)
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    "rights", [{"is_active": False}, {"is_staff": False, "is_superuser": True}]
)
def test_only_active_staff_forget(eve: User, rights: dict[str, bool]) -> None:
    User.objects.filter(pk=eve.pk).update(**rights)
    with pytest.raises(CommandError, match="--by names no active member of staff"):
        forget(*ERASE)
    assert not Erasure.objects.exists()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyboardInterrupt, "Stopped. Run it again to go on."),
        (
            lambda: ChangedMeanwhileError("Somebody was faster."),
            "Somebody was faster. Run it again to go on.",
        ),
    ],
)
def test_what_ends_it_halfway_is_told_with_the_way_on(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException], said: str
) -> None:
    def end(*_: object) -> None:
        raise error()

    processor.process(order_created(email=ANN))
    monkeypatch.setitem(erasing._STEPS, "orders pseudonymised", end)
    with pytest.raises(CommandError) as told:
        forget(*ERASE)
    assert str(told.value) == said
