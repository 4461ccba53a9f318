"""A reason in the audit is masked by all bodies of its letter, as on the page of the letter."""

import pytest
from django.contrib.auth.models import Permission

from dlq_review.letters import revisions
from dlq_review.search.veil import MOST_READ, reason_about
from processing.events.masking import MASK
from processing.models import User
from tests.builders import dead_letter
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk.test_masked_texts import DESK
from tests.dlq_review.desk.test_texts_of_other_bodies import arrived, body, edit
from tests.dlq_review.desk.test_who_sees_what import text_of

pytestmark = pytest.mark.django_db


def test_a_reason_in_the_audit_names_nobody_whom_a_former_body_tells(
    client_of: ClientOf,
) -> None:
    letter = arrived()
    told = body("r-1", "Edsger")
    reason = "It was Zquill, and not Edsger."
    revisions.edit(letter, told, based_on=0, by="ada", reason=reason)
    client = client_of(name="eve")
    may = Permission.objects.get(codename="view_auditentry")
    User.objects.get(username="eve").user_permissions.add(may)
    shown = text_of(client.get(f"{DESK}/auditentry/"))
    assert "It was •••, and not •••." in shown


def test_a_reason_about_long_bodies_is_hidden() -> None:
    letter = arrived()
    letter.revisions.update(body="x" * (MOST_READ + 1))
    assert reason_about(letter, "It was late.") == MASK


def test_a_body_that_was_repaired_hides_no_reason() -> None:
    letter = dead_letter("{broken", queue="signups-dlq")
    edit(letter, "Edsger")
    assert reason_about(letter, "It was 'late', Edsger.") == "It was •••, •••."
