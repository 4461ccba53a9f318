"""The database: it answers, its tables are of this release, its rows tell of life."""

from time import monotonic
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min
from django.utils import timezone

from dlq_review.monitoring import books, health
from processing.database.patience import within
from processing.models import SpooledEvent
from project.doctor.findings import Finding, fail, ok, warn
from project.doctor.roles import Role

PATIENCE = 4.0  # seconds for all queries of one check
_SLOW = 20.0  # ms; an event takes some ten round trips
#: What libpq says, in part; what that means; what to do. The whole text names users.
_REASONS = (
    (
        "password authentication failed",
        "refuses the user or the password",
        "Correct user and password in DATABASE_URL.",
    ),
    (
        "does not exist",
        "has no such database or user",
        "Create the database and its user, or correct DATABASE_URL.",
    ),
    (
        "or later is required",
        "is too old",
        "Upgrade it to a PostgreSQL that Django 5.2 supports.",
    ),
    (
        "pg_hba.conf",
        "lets no connection of this machine in",
        "Add this machine to pg_hba.conf, or correct user and name in DATABASE_URL.",
    ),
    (
        "SSL",
        "does not speak TLS as DATABASE_URL asks",
        "Correct sslmode and certificates in DATABASE_URL, or those of the database.",
    ),
    ("too many", "has no connection left", "Raise max_connections, or pool them."),
    (
        "gave no answer",
        "takes connections and does not answer",
        "Look at the load, the locks and the disk of the database.",
    ),
)
#: Settings of PostgreSQL without which a commit may be forgotten.
_DURABLE = ("fsync", "synchronous_commit")
_UNREACHED = (
    "does not answer",
    "Start it, let this machine reach it, or correct host and port in DATABASE_URL.",
)


def database(role: Role | None) -> Finding:
    try:
        with within(PATIENCE), connection.cursor() as cursor:
            begun = monotonic()
            cursor.execute("SELECT 1")
            took = (monotonic() - begun) * 1000
            if (unsafe := _unsafe(cursor)) is not None:
                return unsafe
    except (DatabaseError, InterfaceError) as error:
        return _no_answer(error)
    if connection.vendor == "sqlite":
        return warn(
            "DATABASE_URL is not set, so this machine keeps its own SQLite.",
            "Set DATABASE_URL to a PostgreSQL that all processes share.",
        )
    version = ".".join(map(str, connection.get_database_version()))
    says = f"PostgreSQL {version} answers in {took:.1f} ms."
    if took > _SLOW:
        return warn(says, "Bring the processes nearer to the database.")
    return ok(says)


def _unsafe(cursor: Any) -> Finding | None:
    """Whether the database takes no rows, or forgets some that it has taken."""
    if connection.vendor == "sqlite":
        return None
    cursor.execute(
        "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)",
        [["transaction_read_only", *_DURABLE]],
    )
    found = dict(cursor.fetchall())
    if found["transaction_read_only"] == "on":
        return fail(
            "The database is read-only.",
            "Name the primary in DATABASE_URL, or end the move of docs/upgrade.md.",
        )
    lax = " and ".join(name for name in _DURABLE if found[name] == "off")
    if lax:
        return fail(
            f"PostgreSQL has {lax} off, so a crash of its server forgets transactions"
            " whose messages are deleted already.",
            f"Set {lax} to on.",
        )
    return None


def _no_answer(error: Exception) -> Finding:
    where = "{HOST}:{PORT}".format(**{**connection.settings_dict})
    matching = (rest for part, *rest in _REASONS if part in str(error))
    means, advice = next(matching, _UNREACHED)
    return fail(f"The database at {where.rstrip(':')} {means}.", advice)


def migrations(role: Role | None) -> Finding:
    """Whether the tables are of this release; of a newer one they may be."""
    with within(PATIENCE):
        loader = MigrationExecutor(connection).loader
    applied, ours = set(loader.applied_migrations or ()), set(loader.disk_migrations)
    replaced = {one for new in loader.replacements.values() for one in new.replaces}
    missing = sorted(f"{app}.{name}" for app, name in ours - applied)
    newer = sorted(f"{app}.{name}" for app, name in applied - ours - replaced)
    if missing:
        return fail(
            f"{len(missing)} migrations are not applied, the first is {missing[0]}.",
            "Run `manage.py migrate` with this release.",
        )
    if newer:
        return warn(
            f"The tables are of a newer release, by {', '.join(newer[:3])}.",
            "Finish the deployment of that release, or go back as docs/upgrade.md tells.",
        )
    return ok(f"All {len(ours)} migrations are applied.")


def spool(role: Role | None) -> Finding:
    with within(PATIENCE):
        found = SpooledEvent.objects.aggregate(
            waiting=Count("pk"), oldest=Min("created_at")
        )
    if not found["waiting"]:
        return ok("No event waits in the spool.")
    age = timezone.now() - found["oldest"]
    says = f"{found['waiting']} events wait in the spool, the oldest for"
    says += f" {age.total_seconds() / 60:.0f} min."
    if age < books.SPOOLED_TOO_LONG:
        return ok(says)
    return warn(says, "See that beat, the worker of the jobs and SQS are up.")


def signs_of_life(role: Role | None) -> Finding:
    with within(PATIENCE):
        never, late = health.silences()
    advice = "Start beat and the worker of the jobs, and look at their logs."
    if late:
        return fail(" ".join(late), advice)
    if never:
        return warn(" ".join(never), advice)
    return ok("Beat and the worker of the jobs are at work.")
