import json
from collections.abc import Iterator
from typing import Any

import pytest

from processing.infrastructure import policies
from processing.infrastructure.policies import RIGHTS, ROLES, Places
from processing.sqs.topology import QUEUES, Queue

ACCOUNT = "arn:aws:{}:us-east-1:111122223333:{}"
KEY = ACCOUNT.format("kms", "key/1")
ALL = Places(
    queue=lambda name: ACCOUNT.format("sqs", name),
    service=lambda name: f"{name}.us-east-1.amazonaws.com",
    archive=lambda keys: f"arn:aws:s3:::archive/{keys}",
    topic=ACCOUNT.format("sns", "alerts"),
    key=KEY,
)
ONLY_QUEUES = Places(queue=ALL.queue, service=ALL.service)


def allowed(role: str, places: Places = ALL) -> Iterator[tuple[str, str]]:
    for statement in policies.policy(role, places)["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            yield from ((action, resource) for resource in statement["Resource"])


@pytest.mark.parametrize("role", ROLES)
def test_a_policy_names_each_action_and_each_resource(role: str) -> None:
    for action, resource in allowed(role):
        assert "*" not in action
        assert not action.endswith("Batch"), "AWS has no such action"
        assert "*" not in resource.removesuffix("/failed/*")


@pytest.mark.parametrize("role", ROLES)
def test_no_process_may_change_or_purge_a_queue(role: str) -> None:
    known = {*policies.SEND, *policies.INSPECT, *policies.TAKE}
    queues = {action for action, _ in allowed(role) if action.startswith("sqs:")}
    assert queues <= known


@pytest.mark.parametrize("role", ROLES)
def test_a_sender_may_encrypt_and_decrypt_and_only_by_way_of_its_services(
    role: str,
) -> None:
    statement = policies.policy(role, ALL)["Statement"][-1]
    assert statement["Action"] == ["kms:GenerateDataKey", "kms:Decrypt"]
    assert statement["Resource"] == [KEY]
    hosts = statement["Condition"]["StringEquals"]["kms:ViaService"]
    used = {action.partition(":")[0] for action, _ in allowed(role)} - {"kms"}
    assert set(hosts) == {f"{name}.us-east-1.amazonaws.com" for name in used}


@pytest.mark.parametrize("role", ROLES)
def test_without_key_bucket_and_topic_a_policy_is_about_queues_alone(role: str) -> None:
    services = {action.partition(":")[0] for action, _ in allowed(role, ONLY_QUEUES)}
    assert services == {"sqs"}


def test_only_the_jobs_archive_and_tell_and_only_below_failed() -> None:
    found = {
        (role, action, resource)
        for role in ROLES
        for action, resource in allowed(role)
        if not action.startswith(("sqs:", "kms:"))
    }
    assert found == {
        ("jobs", "s3:PutObject", "arn:aws:s3:::archive/failed/*"),
        ("jobs", "sns:Publish", ALL.topic),
    }


def test_a_new_queue_is_in_every_policy_that_its_kind_belongs_to() -> None:
    queues = {**QUEUES, "invoices": Queue("invoices")}
    for role, rights in RIGHTS.items():
        text = json.dumps(policies.policy(role, ALL, queues))
        assert ("invoices" in text) == ("events" in rights)
        assert ("invoices-dlq" in text) == ("event_dlqs" in rights)


@pytest.mark.parametrize("role", ROLES)
def test_a_policy_fits_into_a_managed_policy_with_three_times_as_many_queues(
    role: str,
) -> None:
    many = {f"{name}{n}": Queue(f"{name}{n}") for name in QUEUES for n in range(3)}
    text = json.dumps(policies.policy(role, ALL, {**many, "jobs": QUEUES["jobs"]}))
    assert len(text.replace(" ", "")) < 6_144, "IAM takes no longer one"


def test_a_template_gives_functions_in_place_of_texts() -> None:
    places = Places(
        queue=lambda name: {"Fn::GetAtt": [name, "Arn"]},
        service=lambda name: {"Fn::Sub": f"{name}.${{AWS::Region}}.amazonaws.com"},
        key={"Ref": "KmsKeyArn"},
    )
    send, key = policies.policy("beat", places)["Statement"]
    assert send["Resource"] == [{"Fn::GetAtt": ["jobs", "Arn"]}]
    assert key["Resource"] == [{"Ref": "KmsKeyArn"}]


def test_only_tasks_of_the_own_account_take_a_role() -> None:
    [statement] = policies.trust("111122223333")["Statement"]
    assert statement["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
    assert statement["Action"] == "sts:AssumeRole"
    owner: Any = statement["Condition"]["StringEquals"]
    assert owner == {"aws:SourceAccount": "111122223333"}


@pytest.mark.parametrize("service", policies.ONLY_BY_TLS)
def test_whoever_comes_without_tls_is_refused(service: str) -> None:
    statement = policies.only_by_tls(service, ["arn:aws:sqs:::orders"])
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Action"].startswith(f"{service}:")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
