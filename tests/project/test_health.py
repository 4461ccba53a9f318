import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings

from processing.database.patience import of_this_process
from processing.sqs import queues


def test_the_process_says_it_is_up_without_asking_anything(client: Client) -> None:
    answer = client.get("/healthz")
    assert answer.json() == {"status": "ok"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_when_database_and_sqs_answer(client: Client, sqs: None) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "sqs": "ok"}
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_not_ready_names_sqs_when_it_does_not_answer(
    client: Client, no_sqs: None
) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "database": "ok",
        "sqs": "no answer",
    }
    assert answer["Retry-After"] == "5"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_one_queue_that_is_gone_takes_no_web_process_out_of_service(
    client: Client, sqs: None
) -> None:
    queues.client().delete_queue(QueueUrl=queues.url("jobs"))
    assert client.get("/readyz").json()["sqs"] == "ok"


@pytest.mark.django_db
def test_not_ready_names_the_database_and_tells_nothing_of_it(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OperationalError("password of holdfast@db.internal is wrong")

    monkeypatch.setattr(connection, "cursor", refuse)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "no answer"
    assert "db.internal" not in answer.content.decode()


@pytest.mark.django_db
def test_a_database_that_hangs_holds_up_no_answer(
    client: Client, sqs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[float | None] = []

    def hang(*_: object) -> None:
        left.append(of_this_process.left())
        raise OperationalError

    monkeypatch.setattr(connection, "cursor", hang)
    assert client.get("/readyz").status_code == 503
    assert 0 < (left[0] or 0) <= 1


def test_health_is_for_reading_only(client: Client) -> None:
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/healthz/x", 301),
        ("/", 301),
        ("/orders/new", 301),
        ("/admin/", 301),
        ("/metrics", 301),
        ("/api/docs", 301),
    ],
)
def test_of_all_pages_only_the_probes_answer_without_tls(
    client: Client, sqs: None, settings: Settings, path: str, status: int
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get(path)
    assert answer.status_code == status
    assert answer.headers.get("Location", "https://").startswith("https://")
