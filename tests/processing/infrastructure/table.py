"""Who may do what, as data: a row is a call, and what it is made on; a column is a role.

`+` means that the role may make the call on each of these, `-` that it may on none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from processing.events.contracts import CONTRACTS
from processing.events.envelope import Event
from processing.infrastructure.policies import kinds
from processing.s3 import bucket
from processing.sqs import batches, provision, publisher, queues, refusals
from processing.sqs.message import Message
from tests.aws import BUCKET, NUMBER, PLACES
from tests.aws_resources import SEEDED

DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}


class DeniedError(Exception):
    """A function of Holdfast reports a refusal in its own way."""


@dataclass(frozen=True, slots=True)
class Given:
    """What a call finds: a message of each queue in flight, and clients with the role's keys."""

    handles: dict[str, str]
    """Receipt handles, by the name of a queue or DLQ."""
    client: Callable[[str], Any]


def outcome(call: "Call", names: Sequence[str], given: Given) -> str:
    """`+` or `-`; `+-` where only some of *names* are refused."""
    return "".join(sorted({_tried(call, name, given) for name in names}))


def _tried(call: "Call", name: str, given: Given) -> str:
    batches.forget()  # or the circuit breaker answers in place of SQS
    try:
        call(name, given)
    except DeniedError:
        return "-"
    except ClientError as error:
        if refusals.code(error) not in DENIED:
            raise
        return "-"
    except refusals.SendError as error:
        if str(error) not in DENIED:
            raise
        return "-"
    return "+"


# -- functions of Holdfast -------------------------------------------------------------
def publish(contract: str, _: Given) -> None:
    publisher.publish(_event(contract))


def publish_many(contract: str, _: Given) -> None:
    [sent] = publisher.publish_many([_event(contract)])
    if sent.error:
        raise sent.error


def _event(contract: str) -> Event:
    declared = CONTRACTS[contract]
    return Event.new(declared.model_validate(declared.example))


def send_job(_: str, __: Given) -> None:
    publisher.send_job("no.job", "j-1", {}, delay=600)


def dead_letter(name: str, given: Given) -> None:
    now = datetime.now(UTC)
    message = Message(name, "m-1", "{}", given.handles[name], 1, now, {})
    publisher.dead_letter(message, {"error_type": "BrokenError"})


def receive(name: str, _: Given) -> None:
    queues.receive(name, limit=1, visibility=0)


def hide(name: str, given: Given) -> None:
    queues.hide(name, given.handles[name], 60)


def hide_many(name: str, given: Given) -> None:
    if not queues.hide_many(name, [given.handles[name]], 60):
        raise DeniedError


def delete(name: str, given: Given) -> None:
    assert queues.delete(name, [given.handles[name]]) == []


def depth(name: str, _: Given) -> None:
    queues.depth(name)


def ping(_: str, __: Given) -> None:
    queues.ping()


def look_for_drift(kind: str, _: Given) -> None:
    said = provision.ensure_queues(create=False)
    refused = {line.partition(":")[0] for line in said if "refuses to show it" in line}
    if refused.issuperset(KINDS[kind]):
        raise DeniedError
    assert refused.isdisjoint(KINDS[kind])


def archive(key: str, _: Given) -> None:
    bucket.put(key, b"{}")


# -- calls that Holdfast does not make, or makes with a client of its own -----------------
def sqs(action: str, **more: Any) -> "Call":
    return lambda name, _: getattr(queues.client(), action)(
        QueueUrl=queues.url(name), **more
    )


def create_queue(name: str, _: Given) -> None:
    queues.client().create_queue(QueueName=f"{name}-more")


def let_sqs_redrive(name: str, _: Given) -> None:
    queues.client().start_message_move_task(SourceArn=str(PLACES.queue(name)))


def s3(action: str, **more: Any) -> "Call":
    return lambda key, given: getattr(given.client("s3"), action)(
        Bucket=BUCKET, Key=key, **more
    )


def alert(_: str, given: Given) -> None:
    given.client("sns").publish(TopicArn=PLACES.topic, Message="m")


def decrypt(_: str, given: Given) -> None:
    """By oneself, and not by way of SQS."""
    given.client("kms").decrypt(KeyId=PLACES.key, CiphertextBlob=b"secret")


def take_a_role(role: str, given: Given) -> None:
    given.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{NUMBER}:role/{role}", RoleSessionName="one"
    )


Call = Callable[[str, Given], object]
Row = tuple[str, Call, Sequence[str], str]
KINDS = kinds()
EVENTS, EVENT_DLQS = KINDS["events"], KINDS["event_dlqs"]
JOBS, JOBS_DLQ = KINDS["jobs"], KINDS["jobs_dlq"]
ONE_OF_EACH_KIND = [names[0] for names in KINDS.values()]
ONE = ["-"]
TYPES = list(CONTRACTS)
SET = {"Attributes": {"VisibilityTimeout": "1"}}
TAGS = {"Tags": {"a": "b"}}

ROLES = ("web", "worker", "jobs", "beat")
TABLE: list[Row] = [  # the last column: web, worker, jobs, beat
    ("publish events", publish, TYPES, "+ + + -"),
    ("publish many events", publish_many, TYPES, "+ + + -"),
    ("send a job", send_job, ONE, "+ - + +"),
    ("dead-letter events", dead_letter, EVENTS, "- + - -"),
    ("dead-letter jobs", dead_letter, JOBS, "- - + -"),
    ("receive events", receive, EVENTS, "- + - -"),
    ("receive jobs", receive, JOBS, "- - + -"),
    ("pull events", receive, EVENT_DLQS, "- - + -"),
    ("pull jobs", receive, JOBS_DLQ, "- - + -"),
    ("hide events", hide, EVENTS, "- + - -"),
    ("hide jobs", hide, JOBS, "- - + -"),
    ("hide in DLQs", hide, EVENT_DLQS + JOBS_DLQ, "- - - -"),
    ("hide many events", hide_many, EVENTS, "- + - -"),
    ("hide many jobs", hide_many, JOBS, "- - + -"),
    ("delete events", delete, EVENTS, "- + - -"),
    ("delete jobs", delete, JOBS, "- - + -"),
    ("delete from event DLQs", delete, EVENT_DLQS, "- - + -"),
    ("delete from jobs' DLQ", delete, JOBS_DLQ, "- - + -"),
    ("count events", depth, EVENTS, "+ + + -"),
    ("count jobs", depth, JOBS, "+ - + -"),
    ("count in DLQs", depth, EVENT_DLQS + JOBS_DLQ, "+ - + -"),
    ("answer /readyz", ping, ONE, "+ - + -"),
    ("look for drift", look_for_drift, list(KINDS), "+ - + -"),
    ("archive", archive, ["failed/x.json", "failed/orders/x.json"], "- - + -"),
    ("archive elsewhere", archive, ["x.json", "fail/x.json"], "- - - -"),
    ("read the archive", s3("get_object"), [SEEDED], "- - - -"),
    ("delete there", s3("delete_object"), [SEEDED], "- - - -"),
    ("publish an alert", alert, ONE, "- - + -"),
    ("create a queue", create_queue, ["orders"], "- - - -"),
    ("set attributes", sqs("set_queue_attributes", **SET), ONE_OF_EACH_KIND, "- - - -"),
    ("tag queues", sqs("tag_queue", **TAGS), ONE_OF_EACH_KIND, "- - - -"),
    ("purge queues", sqs("purge_queue"), ONE_OF_EACH_KIND, "- - - -"),
    ("delete queues", sqs("delete_queue"), ONE_OF_EACH_KIND, "- - - -"),
    ("let SQS redrive", let_sqs_redrive, EVENT_DLQS, "- - - -"),
    ("decrypt by oneself", decrypt, ONE, "- - - -"),
    ("take another role", take_a_role, ["jobs"], "- - - -"),
]
