import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection

from dlq_review import pulling, tasks
from dlq_review.models import LifeSign
from project.celery import app


@pytest.mark.django_db(transaction=True)
def test_a_job_that_ran_out_of_time_leaves_no_transaction_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_interrupted(**_: object) -> None:
        connection.cursor().execute("BEGIN")
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(pulling, "pull", be_interrupted)
    app.set_current()
    assert tasks.pull.apply().failed()
    assert connection.connection is None
    assert not LifeSign.objects.exists()
