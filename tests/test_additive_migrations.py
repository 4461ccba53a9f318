"""The check of `make lint` finds a migration that the previous release could not live with."""

import re
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from tests import additive_migrations
from tests.additive_migrations import breaches, check
from tests.documents import ROOT

PLANTED = ("processing", "9999_planted")


def planted(*operations: Operation) -> MigrationLoader:
    """One migration behind the newest of `processing`, and the only one to check."""
    return planted_as(PLANTED, *operations)


def planted_as(key: tuple[str, str], *operations: Operation) -> MigrationLoader:
    loader = MigrationLoader(None)
    (newest,) = loader.graph.leaf_nodes(key[0])
    made = type("Migration", (migrations.Migration,), {"operations": operations})
    migration = made(key[1], key[0])
    loader.graph.add_node(key, migration)
    loader.graph.add_dependency(migration, key, newest)
    loader.disk_migrations = {key: migration}
    return loader


def add(name: str = "note", **field: Any) -> Operation:
    return migrations.AddField("outcome", name, models.CharField(**field))


def alter(model: str, name: str, field: models.Field) -> Operation:
    return migrations.AlterField(model, name, field)


BREAKING = {
    "removes or renames the column processing_outcome.type": migrations.RemoveField(
        "outcome", "type"
    ),
    "removes or renames the column processing_outcome.made": migrations.RenameField(
        "outcome", "made", "makes"
    ),
    "removes or renames the table processing_repair": migrations.DeleteModel("repair"),
    "removes or renames the table processing_underreview": migrations.RenameModel(
        "underreview", "reviewed"
    ),
    "removes or renames the table processing_attempt": migrations.AlterModelTable(
        "attempt", "tries"
    ),
    "removes or renames the table processing_user_groups": migrations.RemoveField(
        "user", "groups"
    ),
    "adds the column processing_outcome.note, NOT NULL without a db_default": add(
        max_length=10, default=""
    ),
    "adds the column processing_outcome.note, unique with one db_default": add(
        max_length=10, db_default="", unique=True
    ),
    "changes text into bigint in the column processing_attempt.traceback": alter(
        "attempt", "traceback", models.BigIntegerField()
    ),
    "changes varchar(100) into varchar(50) in the column processing_outcome.type": alter(
        "outcome", "type", models.CharField(max_length=50)
    ),
    "forbids NULL in the column processing_user.verified_at": alter(
        "user", "verified_at", models.DateTimeField()
    ),
    "changes whether values are unique in the column processing_outcome.type": alter(
        "outcome", "type", models.CharField(max_length=100, unique=True)
    ),
    "adds a foreign key to the column processing_orderreturn.request_id": alter(
        "orderreturn",
        "request_id",
        models.OneToOneField(
            "processing.Outcome",
            models.PROTECT,
            db_column="request_id",
        ),
    ),
    "adds a rule to the table processing_attempt": migrations.AddConstraint(
        "attempt", models.UniqueConstraint(fields=("message_id",), name="planted")
    ),
    "removes a rule from the table processing_repair": migrations.RemoveConstraint(
        "repair", "one_row_per_repair"
    ),
    "holds RunSQL": migrations.RunSQL("DROP TABLE processing_outcome"),
    "holds SeparateDatabaseAndState": migrations.SeparateDatabaseAndState(
        [migrations.RemoveField("outcome", "type")]
    ),
}
ADDITIVE = {
    "a column that may be null": add(max_length=10, null=True),
    "a column with a db_default": add(max_length=10, db_default=""),
    "longer text": alter("outcome", "type", models.CharField(max_length=200)),
    "text of any length": alter("outcome", "type", models.TextField()),
    "NULL allowed": alter(
        "outcome", "type", models.CharField(max_length=100, null=True)
    ),
    "an index": migrations.AddIndex(
        "outcome", models.Index(fields=("type",), name="i")
    ),
    "a table": migrations.CreateModel(
        "Planted",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("account", models.ForeignKey("processing.User", models.PROTECT)),
            ("name", models.CharField(max_length=10, unique=True)),
        ],
    ),
    "other choices": alter(
        "outcome", "kind", models.CharField(max_length=10, choices=[("a", "A")])
    ),
}


@pytest.mark.parametrize("sentence", BREAKING)
def test_a_planted_migration_that_takes_something_away_is_found(sentence: str) -> None:
    found = breaches(planted(BREAKING[sentence]), PLANTED)
    assert found[0].startswith(sentence)


def test_a_db_default_that_the_previous_release_relies_on_is_not_taken_away() -> None:
    key = ("dlq_review", "9999_planted")
    field = models.CharField(max_length=200, default="")
    loader = planted_as(key, alter("operation", "lease_holder", field))
    sentence = "takes the db_default from the column dlq_review_operation.lease_holder"
    assert breaches(loader, key) == [sentence]


@pytest.mark.parametrize("kind", ADDITIVE)
def test_a_planted_migration_that_only_adds_is_let_through(kind: str) -> None:
    assert breaches(planted(ADDITIVE[kind]), PLANTED) == []


def test_a_breach_is_named_with_its_migration_unless_it_is_allowed() -> None:
    loader = planted(migrations.DeleteModel("repair"))
    name = ".".join(PLANTED)
    assert check(loader, {}) == [
        f"{name} removes or renames the table processing_repair."
    ]
    assert check(loader, {name: "no release reads it any more"}) == []


def test_an_allowance_that_nothing_needs_is_named() -> None:
    loader = planted(add(max_length=10, null=True))
    found = check(loader, {".".join(PLANTED): "it was needed once"})
    assert found == [
        "processing.9999_planted is in ALLOWED and breaks no rule: take it out."
    ]


def test_lint_runs_the_check() -> None:
    module = re.escape(additive_migrations.__name__)
    lint = (ROOT / "Makefile").read_text().partition("\nlint:")[2].partition("\n\n")[0]
    assert re.search(rf"-m {module}$", lint, flags=re.MULTILINE)
