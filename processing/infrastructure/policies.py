"""Which process may do what on AWS, said once: least privilege as IAM policy documents.

A role is a process of the Procfile. `RIGHTS` gives each role its actions on each kind of
queue. SQS itself moves a message to a DLQ after its last delivery; no role needs a right for
that. Nobody may create, change, purge or delete a queue: whoever deploys does that, with
rights of their own (`PROVISION` is what `manage.py ensure_queues` needs).

IAM knows no batch actions of SQS. SendMessage, DeleteMessage and ChangeMessageVisibility
include SendMessageBatch, DeleteMessageBatch and ChangeMessageVisibilityBatch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processing.sqs.topology import QUEUES, Queue

Text = str | dict[str, Any]
"""A text, or a CloudFormation function that becomes one, such as {"Fn::Sub": ...}."""
Statement = dict[str, Any]
Document = dict[str, Any]
Actions = tuple[str, ...]
Queues = Mapping[str, Queue]

SEND: Actions = ("sqs:SendMessage",)
READ: Actions = ("sqs:GetQueueAttributes",)
COMPARE: Actions = (*READ, "sqs:ListQueueTags")  # with the declaration
INSPECT: Actions = (*READ, "sqs:ListQueueTags")
PULL: Actions = ("sqs:ReceiveMessage", "sqs:DeleteMessage")
TAKE: Actions = (*PULL, "sqs:ChangeMessageVisibility")

#: Role -> kind of queue (see `kinds`) -> actions.
RIGHTS: dict[str, dict[str, Actions]] = {
    # Accepts events, and sends the job that ends an undo window; the desk and /readyz show depths.
    "web": {
        "events": SEND + COMPARE,
        "jobs": SEND + COMPARE,
        "event_dlqs": COMPARE,
        "jobs_dlq": COMPARE,
    },
    # Sends the events that follow, and to the DLQ what can never work. `manage.py doctor` reads.
    "worker": {"events": TAKE + SEND + READ, "event_dlqs": SEND},
    # Relays the spool, redrives, pulls the DLQs, and looks for drift of the queues.
    "jobs": {
        "events": SEND + COMPARE,
        "jobs": TAKE + SEND + COMPARE,
        "event_dlqs": PULL + COMPARE,
        "jobs_dlq": PULL + SEND + COMPARE,
    },
    "beat": {"jobs": SEND},
}
ROLES = tuple(RIGHTS)

PROVISION: Actions = ("sqs:CreateQueue", "sqs:TagQueue", *INSPECT)
ARCHIVING_ROLE = ALERTING_ROLE = "jobs"
ARCHIVE: Actions = ("s3:PutObject",)
ARCHIVED = "failed/*"  # keys that the archive may write
ALERT: Actions = ("sns:Publish",)
#: For a queue, bucket or topic that a KMS key encrypts. Each role sends, and a sender needs both.
KEY: Actions = ("kms:GenerateDataKey", "kms:Decrypt")
#: Service -> what is refused without TLS. A topic's policy takes no `sns:*`.
ONLY_BY_TLS = {"sqs": "sqs:*", "s3": "s3:*", "sns": "sns:Publish"}


@dataclass(frozen=True, slots=True)
class Places:
    """What the resources are called, where the policies are to hold. None: there is none."""

    queue: Callable[[str], Text]
    """The ARN of a queue or DLQ, by its name in the topology, such as `orders-dlq`."""
    service: Callable[[str], Text]
    """The host of a service, by its short name: `sqs` -> `sqs.us-east-1.amazonaws.com`."""
    archive: Callable[[str], Text] | None = None
    """The ARN of the objects of the archive bucket with these keys, such as `failed/*`."""
    topic: Text | None = None
    key: Text | None = None


def kinds(queues: Queues = QUEUES) -> dict[str, list[str]]:
    """The names of the queues of each kind."""
    events = [queue for queue in queues.values() if queue.name != "jobs"]
    jobs = queues["jobs"]
    return {
        "events": [queue.name for queue in events],
        "event_dlqs": [queue.dlq for queue in events],
        "jobs": [jobs.name],
        "jobs_dlq": [jobs.dlq],
    }


def policy(role: str, places: Places, queues: Queues = QUEUES) -> Document:
    """The whole policy of *role*, with the key's statement if there is a key."""
    key = [key_statement(role, places)] if places.key is not None else []
    return document([*statements(role, places, queues), *key])


def statements(role: str, places: Places, queues: Queues = QUEUES) -> list[Statement]:
    """What *role* may do, without the key: a template gives that only on a condition."""
    names = kinds(queues)
    found = [
        allow(_sid(kind), actions, [places.queue(name) for name in names[kind]])
        for kind, actions in RIGHTS[role].items()
    ]
    if role == ARCHIVING_ROLE and places.archive is not None:
        found.append(allow("Archive", ARCHIVE, [places.archive(ARCHIVED)]))
    if role == ALERTING_ROLE and places.topic is not None:
        found.append(allow("Alert", ALERT, [places.topic]))
    return found


def key_statement(role: str, places: Places) -> Statement:
    """Let *role* use the key, and only by way of the services that it uses anyway."""
    services = ["sqs"]
    if role == ARCHIVING_ROLE and places.archive is not None:
        services.append("s3")
    if role == ALERTING_ROLE and places.topic is not None:
        services.append("sns")
    hosts = [places.service(name) for name in services]
    return {
        **allow("Key", KEY, [places.key]),
        "Condition": {"StringEquals": {"kms:ViaService": hosts}},
    }


def trust(account: Text) -> Document:
    """Who may take a role: tasks of ECS of this account, and nobody else."""
    return document(
        [
            {
                "Sid": "TasksOfThisAccount",
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ]
    )


def only_by_tls(service: str, resources: Sequence[Text]) -> Statement:
    """For the policy of a queue, bucket or topic: refuse everybody who comes without TLS."""
    return {
        "Sid": "OnlyByTLS",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ONLY_BY_TLS[service],
        "Resource": list(resources),
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def document(allowed: Sequence[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": list(allowed)}


def allow(sid: str, actions: Actions, resources: Sequence[Text | None]) -> Statement:
    return {
        "Sid": sid,
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": list(resources),
    }


def _sid(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_"))
