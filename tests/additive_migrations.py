"""Migrations only add, while the previous release still runs: `python -m tests.additive_migrations`.

The tables before a migration and after it are compared as PostgreSQL has them, without a
database. A migration breaks the rule if a process of the previous release could no longer read
or write a row: its column is gone, has another type, or asks for more than that process gives.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import django
from django.apps.registry import Apps
from django.db import models
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.migrations import RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader

APPS = ("dlq_review", "intake", "processing")
#: The migrations that break the rule, each with the reason why that harms nobody.
_NO_DEFAULT_YET = (
    "0010_defaults, of the same release, gives its columns their db_default"
)
ALLOWED = {
    "dlq_review.0006_redrives": "no release before it ran beside another",
    "dlq_review.0007_attribute_types": _NO_DEFAULT_YET,
    "dlq_review.0008_leases": _NO_DEFAULT_YET,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it."""

    type: str
    null: bool
    has_default: bool
    unique: bool
    refers_to: str
    """The table whose rows it must name, if it is a foreign key."""

    @classmethod
    def of(cls, field: Any) -> "Column":
        refers = field.remote_field and getattr(field, "db_constraint", False)
        return cls(
            type=field.db_type(_postgresql()) or "",
            null=field.null,
            has_default=field.has_db_default(),
            unique=field.unique,
            refers_to=field.related_model._meta.db_table if refers else "",
        )

    @property
    def may_be_left_out(self) -> bool:
        return self.null or self.has_default


@dataclass(frozen=True, slots=True)
class Table:
    columns: dict[str, Column]
    rules: frozenset[str]
    """Its unique and check constraints, without their sentences for people."""


def _postgresql() -> DatabaseWrapper:
    """Knows the types of PostgreSQL, and never connects."""
    return DatabaseWrapper({"NAME": "", "OPTIONS": {}}, alias="none")


def tables(apps: Apps) -> dict[str, Table]:
    """The tables of our applications, by name."""
    found = apps.get_models(include_auto_created=True)
    ours = [one for one in found if one._meta.app_label in APPS]
    return {one._meta.db_table: _table(one) for one in ours if not one._meta.proxy}


def _table(model: type[models.Model]) -> Table:
    fields = model._meta.local_concrete_fields
    rules = {_rule(one) for one in model._meta.constraints}
    together = {f"unique {names}" for names in model._meta.unique_together}
    columns = {str(one.column): Column.of(one) for one in fields}
    return Table(columns, frozenset(rules | together))


def _rule(constraint: models.BaseConstraint) -> str:
    _, positional, named = constraint.deconstruct()
    said = ("violation_error_message", "violation_error_code")
    kept = sorted((key, value) for key, value in named.items() if key not in said)
    return f"{type(constraint).__name__} {positional} {kept}"


def problems(before: Apps, after: Apps) -> Iterator[str]:
    """What a process that knows the tables *before* cannot do with those *after*."""
    then, now = tables(before), tables(after)
    for name, table in then.items():
        if name not in now:
            yield f"removes or renames the table {name}"
            continue
        yield from _of_columns(name, table.columns, now[name].columns)
        for rule in sorted(now[name].rules - table.rules):
            yield f"adds a rule to the table {name}: {rule}"
        for rule in sorted(table.rules - now[name].rules):
            yield f"removes a rule from the table {name}: {rule}"


def _of_columns(
    table: str, then: dict[str, Column], now: dict[str, Column]
) -> Iterator[str]:
    for name, column in then.items():
        if name not in now:
            yield f"removes or renames the column {table}.{name}"
        else:
            for change in _of_column(column, now[name]):
                yield f"{change} the column {table}.{name}"
    for name in sorted(now.keys() - then.keys()):
        if not now[name].may_be_left_out:
            yield f"adds the column {table}.{name}, NOT NULL without a db_default"
        elif now[name].unique and not now[name].null:
            yield f"adds the column {table}.{name}, unique with one db_default for all"


def _of_column(then: Column, now: Column) -> Iterator[str]:
    if now.type != then.type and not _is_longer(then.type, now.type):
        yield f"changes {then.type} into {now.type} in"
    if then.null and not now.null:
        yield "forbids NULL in"
    if then.has_default and not now.has_default:
        yield "takes the db_default from"
    if then.unique != now.unique:
        yield "changes whether values are unique in"
    if now.refers_to and now.refers_to != then.refers_to:
        yield "adds a foreign key to"


def _is_longer(then: str, now: str) -> bool:
    """Whether text that fitted still fits: varchar(10) has become varchar(20), or text."""
    lengths = [
        int(one[8:-1]) if one.startswith("varchar(") else None for one in (then, now)
    ]
    return lengths[0] is not None and (
        now == "text" or (lengths[1] is not None and lengths[1] > lengths[0])
    )


def breaches(loader: MigrationLoader, key: tuple[str, str]) -> list[str]:
    """What the migration *key* does against the rule, a part of a sentence each."""
    before = loader.project_state(key, at_end=False).apps
    after = loader.project_state(key).apps
    unread = [
        f"holds {type(one).__name__}, which this check cannot read"
        for one in loader.disk_migrations[key].operations
        if isinstance(one, RunSQL | SeparateDatabaseAndState)
    ]
    return [*problems(before, after), *unread]


def check(loader: MigrationLoader, allowed: dict[str, str]) -> list[str]:
    """A sentence for each breach of the rule, and for each needless entry of *allowed*."""
    ours = sorted(key for key in loader.disk_migrations if key[0] in APPS)
    found = {".".join(key): breaches(loader, key) for key in ours}
    return [
        *(
            f"{name} {breach}."
            for name in sorted(found.keys() - allowed.keys())
            for breach in found[name]
        ),
        *(
            f"{name} is in ALLOWED and breaks no rule: take it out."
            for name in allowed
            if not found.get(name)
        ),
    ]


def main() -> int:
    django.setup()
    found = check(MigrationLoader(None), ALLOWED)
    for sentence in found:
        sys.stderr.write(sentence + "\n")
    if found:
        sys.stderr.write(
            "docs/upgrade.md#change-a-table tells how to change a table.\n"
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
