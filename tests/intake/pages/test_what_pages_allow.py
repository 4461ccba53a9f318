"""Which methods a public page takes, and which pages nobody keeps a copy of."""

import pytest
from django.test import Client
from pytest_django import Settings

from intake.pages import demo_samples
from processing.receipts import Receipt
from tests.builders import order_created

SAMPLE = demo_samples.sample("order")
PAGES = {
    "a receipt": f"/receipts/{Receipt.of(order_created()).token}/",
    "a sample": f"/demo/sent/{demo_samples.token_of('order', SAMPLE)}/",
}


@pytest.fixture(autouse=True)
def demo(settings: Settings) -> None:
    settings.DEMO = settings.DEBUG = True


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET, HEAD"),
        ("PUT", "a receipt", "GET, HEAD, POST"),
        ("POST", "/demo/", "GET, HEAD"),
        ("GET", "/demo/order", "POST"),
        ("GET", "/demo/broken", "POST"),
        ("POST", "a sample", "GET, HEAD"),
    ],
)
def test_a_page_says_which_methods_it_takes(
    client: Client, no_sqs: None, method: str, path: str, allowed: str
) -> None:
    answer = client.generic(method, PAGES.get(path, path))
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PAGES, "/verify/x/"])
def test_what_is_for_one_person_is_kept_nowhere(client: Client, path: str) -> None:
    answer = client.get(PAGES.get(path, path))
    assert answer.status_code in (200, 410)
    assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_no_report_of_an_error_shows_a_chosen_password(client: Client) -> None:
    request = client.post("/verify/x/", {"new_password1": "a secret"}).wsgi_request
    assert getattr(request, "sensitive_post_parameters", None) == "__ALL__"
