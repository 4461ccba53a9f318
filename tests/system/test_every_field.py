"""Whatever the door takes, the worker takes, the database keeps, and every page shows.

For every field of every contract and of the envelope: values at the edges, written down, and
values made up. What the door refuses the worker refuses too, for good, and it is stored as
a dead letter with its reason.
"""

import json
import re
import types
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any, Union, get_args, get_origin

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as made_up
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pytest_django import Settings

from dlq_review.models import DeadLetter
from processing.delivery import processor
from processing.events import envelope
from processing.events.contracts import ACCEPTED_FROM_ANYONE, CONTRACTS
from processing.events.envelope import Event
from processing.events.errors import EventError
from processing.models import Order, OrderReturn, Outcome
from processing.sqs import publisher, queues
from tests.builders import dead_letter, message, order_created

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs", "_no_limits")]
Path = tuple[str | int, ...]

_MORE: dict[str, dict[str, Any]] = {
    "order_created": {"total": "9.00"},
    "signup_requested": {
        "profile": {"company": "A", "phone": "+44 20 7946", "country": "GB"}
    },
    "email_requested": {"context": {"a": "b"}},
}
VALID: dict[str, dict[str, Any]] = {
    type: contract.example | _MORE.get(type, {}) for type, contract in CONTRACTS.items()
}
"""The example of each type, with the fields that may be left out."""
TIMES = [
    "2026-11-20t10:00:00z",
    "2026-11-20T10:00:00.123456789Z",
    "2026-11-20 10:00:00+05:30",
    "1900-01-01T00:00:00Z",
    "1899-12-31T23:59:59.999999Z",
    "1900-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00-14:00",
    "0000-01-01T00:00:00Z",
    "9999-12-29T23:59:59.999999Z",
    "2026-11-20T10:00:00+15:59",
    "2026-11-20T10:00:00-16:00",
    "9999-12-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59+14:00",
    "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:60Z",
    "10000-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "2017-01-01T00:59:60+01:00",
    "2016-12-31T23:59:60.5z",
    "2026-11-20T10:00:60Z",
    "2016-12-31T23:59:61Z",
    "2026-11-20T24:00:00Z",
    "2026-02-30T10:00:00Z",
    "2026-11-20T10:00:00+23:59",
    "2026-11-20T10:00:00-23:59",
    "2026-11-20T10:00:00+24:00",
    "2026-11-20T10:00:00+01:00:30",
    "2026-11-20T10:00:00+01:00:30.000001",
    "2026-11-20T10:00:00",
    "2026-11-20",
    "2026-W47-5T10:00:00Z",
    "20261120T100000Z",
    "\u0662\u0660\u0662\u0666-11-20T10:00:00Z",
]
NUMBERS: list[Any] = [0, 1, -1, 10_000, 10_001, 2**31, 2**63, 10**4299, 1.0, 1e308]
MONEY = ["0.00", "0.01", "999999999.99", "1000000000", "9.000", "1e9", "-1", "+1", "9"]
TEXTS = [
    "",
    " ",
    "x",
    "\x00",
    "a\x00b",
    "\ud800",
    "a\udfffb",
    "\ufffe",
    "\uffff",
    "\ufeff",
    "\U0010ffff",
    "\u202eabc",
    "\x7f",
    "\x85",
    "\u2028",
    "a\nb",
    "a\r\nb",
    "\t",
    "e\u0301",
    "\u0130stanbul",
    "%s {0} ' \" \\ <b>&amp;",
    "x" * 64,
    "x" * 65,
    "x" * 100,
    "x" * 101,
    "x" * 200,
    "x" * 201,
    "\U0001f600" * 200,
    "y" * 20_000,
    "y" * 20_001,
    "a" * 64 + "@" + "b" * 60 + ".example.com",
    f"{'a' * 60}@{'.'.join(['b' * 60] * 3)}.example",
    "ADA@EXAMPLE.COM",
    "user@stra\u00dfe.de",
    "../x",
    "a/../b",
    "GB",
    "+1 (234) 567-8",
    "verify_email",
    "cancelled",
    "EUR",
]
OTHERS: list[Any] = [None, True, False, [], {}, [1], {"a": "b"}, {"\x00": "\ud800"}]
MOMENTS = ("changed_at", "timestamp")
SQS_TAKES = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

zones = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(
    lambda minutes: (
        f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    )
)
VALUES = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(codec=None, categories=None), max_size=10),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}", fullmatch=True),
    st.builds("{}{}".format, st.datetimes().map(lambda at: at.isoformat()), zones),
    st.emails(),
    st.integers(),
    st.decimals(allow_nan=False, places=2).map(str),
    st.floats(allow_nan=False, allow_infinity=False),
)


def edges(field: str | int) -> list[Any]:
    """A text field would take each time as one more text."""
    times = TIMES if field in MOMENTS else TIMES[:2]
    return [*times, *NUMBERS, *MONEY, *TEXTS, *OTHERS]


@pytest.fixture
def _no_limits(settings: Settings) -> None:
    settings.RATE_LIMIT_REQUESTS = settings.RATE_LIMIT_SIGNUPS = 10**6
    settings.RATE_LIMIT_MAILS = 10**6


def leaves(model: type[BaseModel], path: Path = ()) -> Iterator[Path]:
    """The path of every field of *model* that holds no model itself."""
    for name, field in model.model_fields.items():
        yield from _leaves(field.annotation, (*path, name))


def _leaves(annotation: Any, path: Path) -> Iterator[Path]:
    origin, inside = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield path
        yield from leaves(annotation, path)
    elif origin is list:
        yield path
        yield from _leaves(inside[0], (*path, 0))
    elif origin is dict:
        yield path
        yield (*path, "a")
    elif origin in (Union, types.UnionType):
        yield from _leaves(inside[0], path)
    else:
        yield path


FIELDS = [
    pytest.param(type, path, id=".".join(map(str, (type, *path))))
    for type, contract in CONTRACTS.items()
    for path in leaves(contract)
]


def test_the_fields_are_those_of_the_contracts() -> None:
    assert VALID.keys() == CONTRACTS.keys()
    walked = {(one.values[0], one.values[1]) for one in FIELDS}
    assert ("order_created", ("items", 0, "quantity")) in walked
    assert ("signup_requested", ("profile", "country")) in walked
    assert ("email_requested", ("context", "a")) in walked
    for type, data in VALID.items():
        CONTRACTS[type].model_validate(data)


def changed(value: Any, path: Path, new: Any) -> Any:
    """*value* with *new* at *path*."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    old = copy.get(path[0]) if isinstance(copy, dict) else copy[int(path[0])]
    copy[path[0]] = changed(old, path[1:], new)  # type: ignore[index]
    return copy


def asked(type: str, path: Path, values: Iterable[Any]) -> Iterator[Any]:
    """Valid data with each of *values* at *path*, each for an order or an address of its own."""
    own = "order_id" if type.startswith("order_") else ""
    for number, value in enumerate(values):
        data = VALID[type]
        if own:
            data = data | {own: f"ORD-{number}"}
        yield changed(data, path, value)


def accepted(
    client: Client, type: str, asked: list[Any]
) -> tuple[list[Event], list[Any]]:
    """The events that the door put on their queue, and what it refused."""
    refused = []
    for start in range(0, len(asked), 100):
        some = asked[start : start + 100]
        if type not in ACCEPTED_FROM_ANYONE:
            refused += [data for data in some if not published(type, data)]
            continue
        body = json.dumps({"events": [{"type": type, "data": data} for data in some]})
        answer = client.post("/api/batches", body, content_type="application/json")
        assert answer.status_code == HTTPStatus.MULTI_STATUS
        for data, result in zip(some, answer.json()["results"], strict=True):
            assert result["status"] < HTTPStatus.INTERNAL_SERVER_ERROR
            if result["status"] != HTTPStatus.ACCEPTED:
                refused.append(data)
    events = list(received(CONTRACTS[type].queue))
    assert len(events) + len(refused) == len(asked)
    return events, refused


def published(type: str, data: Any) -> bool:
    try:
        publisher.publish(Event.new(CONTRACTS[type].model_validate(data)))
    except ValidationError:
        return False
    return True


def received(queue: str) -> Iterator[Event]:
    while messages := queues.receive(queue):
        queues.delete(queue, [one.receipt_handle for one in messages])
        for one in messages:
            assert SQS_TAKES.fullmatch(one.body)
            yield envelope.parse(one.body, fallback_id="none")


def check(client: Client, type: str, path: Path, values: Iterable[Any]) -> None:
    """That door, worker, database and pages agree about each of *values* at *path*."""
    taken, refused = accepted(client, type, list(asked(type, path, values)))
    for event in taken:
        if type.startswith("order_") and type != "order_created":
            processor.handle(message(order_of(event)))
        processor.handle(message(event))
        assert Outcome.objects.get(pk=event.id).fingerprint == event.fingerprint
        kept(event)
    for data in refused:
        with pytest.raises(EventError) as caught:
            envelope.parse(json.dumps({"type": type, "data": data}), fallback_id="r-1")
        assert str(caught.value)
    for model in apps.get_app_config("processing").get_models():
        list(model._default_manager.all())
    letters = [dead_letter(event, queue=f"{event.queue}-dlq") for event in taken[-9:]]
    shown(client, letters if path[-1] in MOMENTS else letters[-1:])


def order_of(event: Event) -> Event:
    """The order that *event* is about."""
    known = event.data.model_dump(include={"order_id", "customer_id"})
    if skus := getattr(event.data, "skus", ()):
        price = {"quantity": 1, "unit_price": "1.00"}
        known["items"] = [{"sku": sku, **price} for sku in dict.fromkeys(skus)]
    return order_created(**known)


def kept(event: Event) -> None:
    """What was asked for is what is read back."""
    if event.type == "order_returned":
        found = OrderReturn.objects.get(request_id=event.id)
        assert found.reason == event.data.reason  # type: ignore[attr-defined]
        assert found.skus == event.data.skus  # type: ignore[attr-defined]
    if event.type == "order_updated":
        changed = Order.objects.get(order_id=event.data.reference)
        assert changed.status_changed_at == event.data.changed_at  # type: ignore[attr-defined]
    if event.type != "order_created":
        return
    order = Order.objects.get(request_id=event.id)
    for name in ("order_id", "customer_id", "email", "currency", "total"):
        assert getattr(order, name) == getattr(event.data, name)
    assert order.status_changed_at == event.timestamp
    (line,) = order.items.all()
    (item,) = event.data.items  # type: ignore[attr-defined]
    for name in ("sku", "quantity", "unit_price"):
        assert getattr(line, name) == getattr(item, name)


def shown(client: Client, letters: list[DeadLetter]) -> None:
    pages = [reverse("admin:dlq_review_deadletter_changelist")]
    for letter in letters:
        pages.append(reverse("admin:dlq_review_deadletter_change", args=[letter.pk]))
    for model in admin.site._registry:
        if model._meta.app_label == "processing":
            name = f"admin:processing_{model._meta.model_name}"
            pages.append(reverse(f"{name}_changelist"))
            rows = model._default_manager.order_by("-pk")[: len(letters)]
            pages += [reverse(f"{name}_change", args=[row.pk]) for row in rows]
    for page in pages:
        assert client.get(page).status_code == HTTPStatus.OK, page


LONG = (pytest.mark.siege, pytest.mark.long)


@pytest.mark.parametrize(("type", "path"), FIELDS)
@pytest.mark.parametrize(
    "first",
    [
        0,
        pytest.param(4, marks=pytest.mark.siege),
        *(pytest.param(one, marks=LONG) for one in (1, 2, 3, 5, 6, 7)),
    ],
)
def test_values_at_the_edges(
    admin_client: Client, type: str, path: Path, first: int
) -> None:
    """Every eighth value in the fast suite, the others in the siege."""
    check(admin_client, type, path, edges(path[-1])[first::8])


@pytest.mark.siege
@pytest.mark.long
@pytest.mark.parametrize(("type", "path"), FIELDS)
def test_values_made_up(admin_client: Client, type: str, path: Path) -> None:
    @made_up(
        max_examples=2,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(values=st.lists(VALUES, min_size=30, max_size=40, unique_by=repr))
    def hold(values: list[Any]) -> None:
        with transaction.atomic():
            check(admin_client, type, path, values)
            transaction.set_rollback(True)

    hold()


@pytest.mark.parametrize(
    "name",
    [
        "id",
        pytest.param("timestamp", marks=pytest.mark.siege),
        pytest.param("correlation_id", marks=pytest.mark.siege),
    ],
)
def test_the_envelope_at_the_edges(admin_client: Client, name: str) -> None:
    letters = []
    for number, value in enumerate(edges(name)):
        data = VALID["order_created"] | {"order_id": f"ORD-{number}"}
        named = {
            "id": f"r-{number}",
            "type": "order_created",
            "timestamp": "2026-11-20T10:00:00Z",
            "data": data,
        }
        body = json.dumps(named | {name: value})
        try:
            event = envelope.parse(body, fallback_id=f"m-{number}")
        except EventError:
            letters.append(dead_letter(body))
        else:
            processor.handle(message(body))
            kept(event)
    for letter in letters:
        letter.refresh_from_db()
    shown(admin_client, letters[-5:])


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-20t10:00:00z", "2026-11-20T10:00:00+00:00"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00+00:00"),
        ("2017-01-01T00:59:60.25+01:00", "2017-01-01T00:00:00.250000+00:00"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00+00:00"),
        ("9999-12-30T00:00:00Z", None),
        ("2026-11-20T10:00:00-23:59", "2026-11-21T09:59:00+00:00"),
        ("1899-12-31T23:59:59.999999Z", None),
        ("1900-01-01T00:00:00+14:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("9999-12-31T23:59:60Z", None),
        ("2026-11-20T10:00:60Z", None),
        ("2016-12-31T23:59:61Z", None),
        ("2026-11-20T10:00:00+01:00:30", None),
        ("2026-11-20T10:00:00", None),
    ],
)
def test_times_at_the_edges_are_taken_or_refused(text: str, utc: str | None) -> None:
    body = json.dumps(
        {
            "id": "r-1",
            "type": "order_created",
            "timestamp": text,
            "data": VALID["order_created"],
        }
    )
    processor.handle(message(body))
    stored = Order.objects.values_list("status_changed_at", flat=True)
    assert [at.isoformat() for at in stored] == ([utc] if utc else [])
