"""Viewers see the alerts, operators send tests of their channels."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

GROUPS = {
    "Triage viewer": ("view_alertdelivery",),
    "Triage editor": ("view_alertdelivery",),
    "Triage operator": ("view_alertdelivery", "test_alertdelivery"),
}


def give(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    config = apps.get_app_config("dlq_review")
    # Permissions are made after the last migration, which is too late for us.
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="dlq_review"
    )
    for group in apps.get_model("auth", "Group").objects.filter(name__in=GROUPS):
        group.permissions.add(*permissions.filter(codename__in=GROUPS[group.name]))


class Migration(migrations.Migration):
    dependencies = [("dlq_review", "0028_alert_deliveries")]
    operations = [migrations.RunPython(give, migrations.RunPython.noop)]
