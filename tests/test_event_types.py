"""An event type is declared once: every surface knows each contract."""

import json
from http import HTTPStatus

import pytest
from django.core.cache import cache
from django.test import Client

from dlq_review.bodies.examples import example
from dlq_review.models import DeadLetter
from intake import shared_cache
from intake.keys.forms import FirstKeyForm
from processing.events import envelope
from processing.events.contract import Contract
from processing.events.contracts import ACCEPTED_FROM_ANYONE, CONTRACTS
from processing.events.field_types import Public
from processing.events.masking import MASK, mask_body
from processing.handlers.registry import HANDLERS
from processing.sqs import queues
from processing.sqs.topology import EVENT_QUEUES
from tests.builders import dead_letter

pytestmark = pytest.mark.django_db
every_contract = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


def event_of(contract: type[Contract]) -> envelope.Event:
    return envelope.Event.new(contract.model_validate(contract.example))


@every_contract
def test_its_handler_its_queue_and_its_example_are_there(
    contract: type[Contract],
) -> None:
    assert contract.type in HANDLERS
    assert contract.queue in EVENT_QUEUES
    event = event_of(contract)
    assert event.data.group == contract.example[contract.group_field]
    assert envelope.parse(example(contract.type, "r-1"), fallback_id="").id == "r-1"


@every_contract
def test_a_broken_one_is_known_by_its_reference(contract: type[Contract]) -> None:
    named = contract.example[contract.reference_field]
    broken = json.dumps(
        {"type": contract.type, "data": {contract.reference_field: named}}
    )
    found = envelope.identify(broken, fallback_id="r-1")
    assert (found.type, found.reference) == (contract.type, named)


@every_contract
def test_its_customer_is_known_where_a_number_names_them(
    contract: type[Contract],
) -> None:
    event = event_of(contract)
    found = envelope.identify(event.body, fallback_id="")
    number = contract.example.get("customer_id", "")
    assert found.customer_id == event.customer_id == number


@pytest.mark.parametrize("value", ["Ada Lovelace", "ada@example.com", "x" * 65, 7, {}])
def test_what_is_no_number_names_no_customer(value: object) -> None:
    for type in ("order_created", "nobody_knows"):
        body = json.dumps({"type": type, "data": {"customer_id": value}})
        assert envelope.identify(body, fallback_id="r-1").customer_id == ""
        named = body.replace(json.dumps(value), '"C-17"')
        assert envelope.identify(named, fallback_id="r-1").customer_id == "C-17"


@every_contract
def test_the_desk_names_it_and_masks_what_is_not_public(
    contract: type[Contract], admin_client: Client
) -> None:
    event = event_of(contract)
    letter = dead_letter(event, queue=f"{event.queue}-dlq")
    page = admin_client.get(f"/admin/dlq_review/deadletter/{letter.pk}/change/")
    assert contract.title in page.content.decode()
    masked = json.loads(mask_body(event.body))["data"]
    for name, field in contract.model_fields.items():
        is_public = any(isinstance(mark, Public) for mark in field.metadata)
        if name in contract.example and isinstance(contract.example[name], str):
            assert (masked[name] == contract.example[name]) == is_public, name
    assert DeadLetter.objects.get().type == contract.type


def test_a_field_that_nobody_declared_public_is_masked() -> None:
    body = event_of(CONTRACTS["order_returned"]).body
    assert json.loads(mask_body(body))["data"]["reason"] == MASK
    assert json.loads(mask_body(body))["data"]["skus"] == ["TEA-1"]


@every_contract
def test_a_batch_takes_it_if_anyone_may_send_it(
    contract: type[Contract], client: Client, sqs: None
) -> None:
    shared_cache.forget()  # what other tests counted
    cache.clear()
    batch = {"events": [{"type": contract.type, "data": contract.example}]}
    answer = client.post("/api/batches", batch, content_type="application/json")
    taken = contract.type in ACCEPTED_FROM_ANYONE
    (result,) = answer.json()["results"]
    assert (result["status"] == HTTPStatus.ACCEPTED) == taken
    assert len(queues.receive(contract.queue)) == taken


def test_api_document_and_keys_know_each_public_type(client: Client) -> None:
    document = client.get("/api/openapi.json").json()
    schemas = document["components"]["schemas"]
    example = document["paths"]["/api/batches"]["post"]["requestBody"]["content"]
    events = example["application/json"]["example"]["events"]
    assert {one["type"] for one in events} == set(ACCEPTED_FROM_ANYONE)
    for contract in ACCEPTED_FROM_ANYONE.values():
        assert contract.__name__ in schemas
    assert set(schemas["Status"]["properties"]["type"]["enum"]) == set(
        ACCEPTED_FROM_ANYONE
    )
    for name in ACCEPTED_FROM_ANYONE:
        assert f'value="{name}"' in str(FirstKeyForm()["scopes"])
