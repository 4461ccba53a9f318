"""What the models declare and what the migrations made are the same."""

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


@pytest.mark.django_db
@pytest.mark.parametrize("application", ["processing", "intake", "dlq_review"])
def test_no_field_differs_from_what_the_migrations_made(application: str) -> None:
    loader = MigrationLoader(connection)
    found = MigrationAutodetector(
        loader.project_state(), ProjectState.from_apps(apps)
    ).changes(loader.graph, trim_to_apps={application})
    told = [str(one) for each in found.values() for one in each[0].operations]
    assert told == []
