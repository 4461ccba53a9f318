"""What docs/producers.md and the gateway template promise, sent as written there."""

import json
import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote_plus

import jsonschema_rs
import pytest
import yaml

from processing.delivery import processor
from processing.events.contracts import ACCEPTED_FROM_ANYONE, CONTRACTS
from processing.events.envelope import Event
from processing.models import Order, Outcome
from processing.sqs import publisher, queues
from tests.builders import order_created, order_updated, signup_requested

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parent.parent.parent.parent
DOCUMENT = (ROOT / "docs/producers.md").read_text()


def process_all() -> None:
    for message in queues.receive("orders"):
        processor.handle(message)


def test_the_documented_aws_command_places_an_order(sqs: None) -> None:
    command = re.search(r"aws sqs send-message.*?\n```", DOCUMENT, re.DOTALL)
    assert command
    words = shlex.split(command[0].rstrip("`").replace("\\\n", ""))
    option = dict(zip(words[3::2], words[4::2], strict=True))
    for _ in "12":
        queues.client().send_message(
            QueueUrl=queues.url("orders"),
            MessageBody=option["--message-body"],
            MessageAttributes=json.loads(option["--message-attributes"]),
        )
    process_all()
    assert Order.objects.get().order_id == "ERP-17"
    assert Outcome.objects.get().request_id == "erp-2026-000017"


def documented(heading: str) -> list[str]:
    section = DOCUMENT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(r"```json\n(.*?)```", section, re.DOTALL)


@pytest.mark.parametrize(
    ("heading", "made"),
    [
        ("CloudEvents", {"SHOP-1": "4ce07025-644b-5fdc-9a85-05172c79c4b9"}),
        (
            "EventBridge",
            {
                "BUS-1": "7bf73129-1428-4cd3-a780-95db273d1602",
                "BUS-2": "shop-2026-000018",
            },
        ),
        ("SNS", {"TOPIC-1": "shop-2026-000019"}),
    ],
)
def test_the_documented_envelopes_place_an_order_each(
    sqs: None, heading: str, made: dict[str, str]
) -> None:
    for body in documented(heading):
        publisher.send_raw("orders", body)
    process_all()
    placed = Order.objects.values_list("order_id", "request_id")
    assert dict(placed) == made
    for order in Order.objects.all():
        assert order.status_changed_at.isoformat() == "2026-11-20T10:00:00+00:00"


def test_what_the_gateway_sends_is_an_event_we_process(sqs: None) -> None:
    integration = gateway("Post")["Integration"]
    body = json.dumps({"type": "order_created", "data": gateway_order()})
    sent = rendered(integration["RequestTemplates"]["application/json"], body)
    fields = {name: values[0] for name, values in parse_qs(sent).items()}
    assert fields["Action"] == "SendMessage"
    queues.client().send_message(
        QueueUrl=queues.url("orders"),
        MessageBody=fields["MessageBody"],
        MessageAttributes={
            fields["MessageAttribute.1.Name"]: {
                "DataType": fields["MessageAttribute.1.Value.DataType"],
                "StringValue": fields["MessageAttribute.1.Value.StringValue"],
            }
        },
    )
    process_all()
    assert Outcome.objects.get().request_id == "gateway-request-1"
    for answer in integration["IntegrationResponses"]:
        text = rendered(answer["ResponseTemplates"]["application/json"], body)
        assert json.loads(text)


def gateway(resource: str) -> dict[str, Any]:
    template = yaml.safe_load((ROOT / "infra/api-gateway-to-sqs.yaml").read_text())
    properties: dict[str, Any] = template["Resources"][resource]["Properties"]
    return properties


def test_the_gateways_model_is_what_the_contracts_say() -> None:
    taken = [one for one in ACCEPTED_FROM_ANYONE.values() if one.queue == "orders"]
    variants = [
        {
            "properties": {
                "type": {"enum": [contract.type]},
                "data": {
                    "type": "object",
                    "required": contract.model_json_schema()["required"],
                },
            }
        }
        for contract in taken
    ]
    schema = gateway("Event")["Schema"]
    assert schema["oneOf"] == variants
    (answer,) = gateway("BadBody")["ResponseTemplates"].values()
    assert all(contract.type in json.loads(answer)["detail"] for contract in taken)


@pytest.mark.parametrize("event", [order_created(), order_updated()])
def test_the_gateway_takes_what_the_orders_queue_takes(event: Event) -> None:
    body = json.loads(event.body)
    takes = jsonschema_rs.Draft4Validator(gateway("Event")["Schema"]).is_valid
    assert takes(body)
    assert takes({"type": event.type, "data": body["data"]})
    assert not takes(body | {"data": {}})


@pytest.mark.parametrize(
    "body",
    [
        signup_requested().body,
        '{"type": "email_requested", "data": {"recipient": "a@b.co", "subject": "s"}}',
        '{"type": ["order_created"], "data": {}}',
        '{"type": "order_created"}',
        '{"data": {}}',
        "{}",
        "[]",
        '"order_created"',
        "null",
    ],
)
def test_the_gateway_refuses_what_has_no_type_that_it_knows(body: str) -> None:
    validator = jsonschema_rs.Draft4Validator(gateway("Event")["Schema"])
    assert not validator.is_valid(json.loads(body))


def test_the_gateway_asks_who_calls_and_checks_each_body() -> None:
    post = gateway("Post")
    assert post["AuthorizationType"] == "AWS_IAM"
    assert post["RequestValidatorId"] == {"Ref": "Validator"}
    assert post["RequestModels"] == {"application/json": {"Ref": "Event"}}
    assert (
        post["RequestModels"].keys() == post["Integration"]["RequestTemplates"].keys()
    )
    assert post["Integration"]["PassthroughBehavior"] == "NEVER"
    assert gateway("Validator")["ValidateRequestBody"] is True
    rules = {rule["Name"]: rule["Statement"] for rule in gateway("Wall")["Rules"]}
    size = rules["body-size"]["SizeConstraintStatement"]
    assert (size["ComparisonOperator"], size["Size"]) == ("GT", 64 * 1024)
    assert size["FieldToMatch"] == {"Body": {"OversizeHandling": "MATCH"}}
    assert "RateBasedStatement" in rules["rate-of-one-address"]


def gateway_order() -> dict[str, Any]:
    item = {"sku": "TEA-1", "quantity": 1, "unit_price": "4.50"}
    return {
        "order_id": "GW-1",
        "customer_id": "C-17",
        "email": "a+b&c@example.com",
        "currency": "EUR",
        "items": [item],
    }


def rendered(template: str, body: str) -> str:
    """The template as API Gateway fills it in."""
    text = template.replace("$util.urlEncode($input.body)", quote_plus(body))
    text = text.replace("$context.requestId", "gateway-request-1")
    assert "$" not in text
    return text


def test_the_document_names_the_queue_of_each_type_and_who_may_send_it() -> None:
    rows = re.findall(r"^\| (`.*?`) \| `(\w+)` \| (.*?) \|$", DOCUMENT, re.MULTILINE)
    told = {
        type: (queue, who == "anybody")
        for types, queue, who in rows
        for type in re.findall(r"`(\w+)`", types)
    }
    assert told == {
        name: (contract.queue, contract.accepted_from_anyone)
        for name, contract in CONTRACTS.items()
    }
