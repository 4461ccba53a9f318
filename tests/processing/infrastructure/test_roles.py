"""Least privilege, proved: Holdfast's own functions with the keys of each role."""

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from processing.infrastructure import policies
from processing.infrastructure.policies import ROLES
from project.doctor import sqs_checks
from project.doctor.examination import CHECKS
from project.doctor.findings import Finding, State
from project.doctor.roles import Role
from tests.aws import NUMBER, PLACES, PREFIX, Account, account
from tests.aws_resources import ALL, acting_as, demand_tls, furnish
from tests.processing.infrastructure import table
from tests.processing.infrastructure.table import TABLE, Given, outcome

pytestmark = pytest.mark.siege


def handles(aws: Account) -> dict[str, str]:
    """A message of each queue that is in flight: one may hide it, or delete it."""
    return {name: _in_flight(aws.client("sqs"), f"{PREFIX}{name}") for name in ALL}


def _in_flight(sqs: Any, name: str) -> str:
    where = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=where, MessageBody="{}")
    [message] = sqs.receive_message(QueueUrl=where, VisibilityTimeout=600)["Messages"]
    return str(message["ReceiptHandle"])


def measured(aws: Account, role: str, found: dict[str, str]) -> dict[str, str]:
    """The column of *role*: call -> `+` or `-`. *found* are receipt handles."""
    keys = aws.user(role, policies.policy(role, PLACES))
    given = Given(found, functools.cache(lambda service: aws.client(service, keys)))
    with acting_as(aws, keys):
        return {name: outcome(call, on, given) for name, call, on, _ in TABLE}


def doctor_as(aws: Account, role: str) -> list[str]:
    """What the doctor finds wrong with the permissions of *role*."""
    keys = aws.user(f"doctor-{role}", policies.policy(role, PLACES))
    looks = [one for one in CHECKS if one.look.__module__ == sqs_checks.__name__]
    with acting_as(aws, keys):
        found = [one.look(Role(role)) for one in looks if Role(role) in one.roles]
    return [
        one.says
        for one in found
        if isinstance(one, Finding) and one.state is not State.OK
    ]


def test_each_role_may_do_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    with account(tmp_path) as aws:
        furnish(aws)
        demand_tls(aws)
        found = {role: measured(aws, role, handles(aws)) for role in ROLES}
        assert [doctor_as(aws, role) for role in ROLES] == [[]] * len(ROLES)
    wrong = [
        f"{role}: {name} is {found[role][name]}, expected {cell}"
        for name, _, _, cells in TABLE
        for role, cell in zip(ROLES, cells.split(), strict=True)
        if found[role][name] != cell
    ]
    assert wrong == []


def test_without_tls_nobody_may_do_anything(tmp_path: Path) -> None:
    with account(tmp_path, tls=False) as aws:
        furnish(aws)
        there = handles(aws)
        assert "+" in measured(aws, "worker", there).values(), "before it is demanded"
        there = handles(aws)
        demand_tls(aws)
        found = measured(aws, "jobs", there)
    assert found == dict.fromkeys(found, "-")


def test_nobody_but_a_task_takes_a_role_even_with_the_right_to(tmp_path: Path) -> None:
    every = policies.allow("Take", ("sts:AssumeRole",), ["*"])
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    with account(tmp_path, services=("iam", "sts")) as aws:
        keys = aws.user("person", policies.document([every]))
        given = Given({}, lambda service: aws.client(service, keys))
        for trust, cell in (
            (policies.document([anybody]), "+"),
            (policies.trust(NUMBER), "-"),
        ):
            text = json.dumps(trust)
            aws.client("iam").create_role(
                RoleName=f"jobs{cell}", AssumeRolePolicyDocument=text
            )
            assert outcome(table.take_a_role, [f"jobs{cell}"], given) == cell
