"""The pages of the triage desk, as a test asks for them."""

from django.test import Client

from dlq_review.models import DeadLetter

LIST = "/admin/dlq_review/deadletter/"
GROUPS = "/admin/dlq_review/failuregroup/"
OPERATIONS = "/admin/dlq_review/operation/"
POLICIES = "/admin/dlq_review/redrivepolicy/"
ALERTS = "/admin/dlq_review/alertdelivery/"


def page(letter: DeadLetter, name: str = "change") -> str:
    return f"{LIST}{letter.pk}/{name}/"


def html(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200
    return answer.content.decode()


def plan(**changes: object) -> dict[str, object]:
    form = {"kind": "redrive", "rate": 100, "canary": 0, "stop_at": 20}
    return {**form, "reason": "fixed in r2", **changes}
