"""SQS: reached with the credentials of this process, its queues, their drift, its clock."""

from collections.abc import Callable

from processing.sqs import clock, provision, queues, refusals
from processing.sqs.topology import EVENT_QUEUES, QUEUES
from project.doctor.findings import Finding, fail, ok, warn
from project.doctor.roles import Role

_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError"}
_NO_CREDENTIALS = "CredentialsError"
_PERMISSIONS = "Give this process the permissions that docs/deploy.md lists for it."
_REACH = "Let this machine reach SQS, or correct SQS_ENDPOINT_URL and AWS_REGION."
#: Seconds. SQS refuses signatures that are 15 minutes old; times of messages and ours are
#: compared by the desk.
_CLOCK_IS_OFF = 30
_CLOCK_IS_WRONG = 300


def sqs(role: Role | None) -> Finding:
    """Whether SQS answers, and knows the credentials.

    Beat may not look at a queue, and a refusal shows that SQS knows who asks.
    """
    try:
        queues.warm_up()
        where = queues.reached().endpoint
    except ValueError:  # of boto3, whose text repeats the address
        return fail(
            "SQS_ENDPOINT_URL is no address.",
            "Write it like http://127.0.0.1:4566, or set it to nothing for Amazon's own.",
        )
    name = _visible_to(role)[0]
    try:
        queues.depth(name)
    except queues.SQS_ERRORS as error:
        if trouble := _trouble(refusals.code(error), name, where, role):
            return trouble
    return ok(f"SQS answers at {where} and knows the credentials.")


def _trouble(code: str, name: str, where: str, role: Role | None) -> Finding | None:
    """What it means that SQS answered *code* to a look at a queue; None for no harm."""
    if code == _NO_CREDENTIALS:
        return fail(
            "This process finds no AWS credentials.",
            "Give the machine a role, or set AWS_ACCESS_KEY_ID and"
            " AWS_SECRET_ACCESS_KEY.",
        )
    if code in refusals.BAD_CREDENTIALS:
        return fail(
            f"SQS refuses the credentials of this process ({code}).",
            "Renew the keys or the role, and look at the line `clock`.",
        )
    if code in _DENIED and role is not Role.BEAT:
        return fail(f"This process may not look at {name} ({code}).", _PERMISSIONS)
    if code in _DENIED | refusals.NO_SUCH_QUEUE:
        return None
    return fail(f"SQS does not answer at {where} ({code}).", _REACH)


def declared_queues(role: Role | None) -> Finding:
    """Whether the queues exist that the process may look at."""
    names = _visible_to(role)
    refused = {name: code for name in names if (code := _refused(name))}
    missing = [name for name, code in refused.items() if code in refusals.NO_SUCH_QUEUE]
    if missing:
        return fail(
            f"Queues that do not exist: {', '.join(missing)}.",
            "Run `manage.py ensure_queues --allow-aws`, or correct SQS_QUEUE_PREFIX,"
            " AWS_ACCOUNT_ID and AWS_REGION.",
        )
    if refused:
        named = ", ".join(f"{name} ({code})" for name, code in refused.items())
        return fail(f"Queues that SQS does not show: {named}.", _PERMISSIONS)
    return ok(f"All {len(names)} queues exist.")


def _visible_to(role: Role | None) -> list[str]:
    """A worker of events sees no DLQ, and nothing of the jobs."""
    if role is Role.WORKER:
        return list(EVENT_QUEUES)
    return [name for queue in QUEUES.values() for name in (queue.name, queue.dlq)]


def _refused(name: str) -> str:
    """SQS's code; empty if SQS shows the queue."""
    try:
        queues.depth(name)
    except queues.SQS_ERRORS as error:
        return refusals.code(error)
    return ""


def drift(role: Role | None) -> Finding:
    found = provision.ensure_queues(create=False)
    if not found:
        return ok("All queues are as declared.")
    shown = "; ".join(found[:3]) + (f"; {len(found) - 3} more" if found[3:] else "")
    return warn(
        f"Differences from the declaration: {shown}.",
        "Change what `manage.py ensure_queues --check` lists, in your templates or the"
        " console, because no command of Holdfast changes an existing queue.",
    )


def same_time(role: Role | None) -> Finding:
    try:
        behind = clock.behind()
    except clock.NoTimeError:
        return warn("SQS does not tell the time.", _REACH)
    off = f"{abs(behind):.0f} s {'behind' if behind > 0 else 'ahead of'}"
    says = f"The clock of this machine is {off} that of SQS."
    judge: Callable[[str, str], Finding]
    if abs(behind) < _CLOCK_IS_OFF:
        return ok("The clock of this machine is that of SQS.")
    judge = fail if abs(behind) >= _CLOCK_IS_WRONG else warn
    return judge(says, "Set the clock, and let NTP keep it.")
