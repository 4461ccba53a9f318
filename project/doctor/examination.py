"""All checks, in their order, each within its time."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connections

from project.doctor import (
    alerts_check,
    archive_check,
    database_checks,
    sqs_checks,
    static_check,
    surroundings,
)
from project.doctor.findings import Finding, State, fail, warn
from project.doctor.roles import EVERY, Role

#: Seconds for one check, whatever it hangs on. A look at S3 takes ten, the longest of
#: those that end by themselves, and say more than "no answer".
PATIENCE = 12.0
Answer = Finding | list[Finding]
_PULLS = frozenset({Role.WEB, Role.JOBS})


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    look: Callable[[Role | None], Answer]
    roles: frozenset[Role] = EVERY
    """The processes that need what is checked."""
    after: str = ""
    """The check without which this one makes no sense."""


CHECKS = (
    Check("settings", surroundings.settings_of_production),
    Check("sqs", sqs_checks.sqs),
    Check("clock", sqs_checks.same_time),
    Check("queues", sqs_checks.declared_queues, EVERY - {Role.BEAT}, after="sqs"),
    Check("drift", sqs_checks.drift, _PULLS, after="queues"),
    Check("database", database_checks.database),
    Check("migrations", database_checks.migrations, after="database"),
    Check("spool", database_checks.spool, EVERY, after="migrations"),
    Check("life", database_checks.signs_of_life, EVERY, after="migrations"),
    Check("static", static_check.static_files, frozenset({Role.WEB})),
    Check("cache", surroundings.cache_is_shared, frozenset({Role.WEB})),
    Check("mail", surroundings.mail_server, frozenset({Role.WORKER, Role.JOBS})),
    Check("archive", archive_check.archive, frozenset({Role.JOBS})),
    Check("alerts", alerts_check.alerts, frozenset({Role.JOBS})),
)


def examine(role: Role | None = None) -> Iterator[tuple[str, Finding]]:
    """Each finding with the name of its check; of all checks without a *role*."""
    failed: set[str] = set()
    for check in CHECKS:
        if role is not None and role not in check.roles:
            continue
        if check.after in failed:
            failed.add(check.name)
            yield check.name, _not_looked_at(check.after)
            continue
        for finding in within_time(check, role):
            if finding.state is State.FAIL:
                failed.add(check.name)
            yield check.name, finding


def _not_looked_at(after: str) -> Finding:
    return warn(f"Not looked at, because {after} fails.", f"Repair {after} first.")


def within_time(check: Check, role: Role | None) -> list[Finding]:
    """Run *check* in a thread, and leave the thread behind if it hangs."""
    found: list[Finding] = []

    def look() -> None:
        try:
            answer = check.look(role)
            found.extend(answer if isinstance(answer, list) else [answer])
        except Exception as error:  # its text may hold anything
            found.append(_broken(check, error))
        finally:
            connections.close_all()

    thread = threading.Thread(target=look, name=check.name, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[:] or [
        fail(
            f"No answer within {PATIENCE:.0f} s.",
            "Find out what hangs, on this machine or on the way.",
        )
    ]


def _broken(check: Check, error: Exception) -> Finding:
    return fail(
        f"The check ended in {type(error).__name__}.",
        f"Look at what {check.name} needs, by `manage.py shell`.",
    )
