"""Three groups to put staff into: who looks, who repairs, who operates on many."""

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

VIEWER = (
    "view_deadletter",
    "view_failuregroup",
    "view_operation",
    "view_auditentry",
)
EDITOR = (
    *VIEWER,
    "change_deadletter",
    "redrive_deadletter",
    "view_personal_deadletter",
)
OPERATOR = (
    *EDITOR,
    "bulk_redrive_deadletter",
    "discard_deadletter",
    "export_deadletter",
)
GROUPS = {
    "Triage viewer": VIEWER,
    "Triage editor": EDITOR,
    "Triage operator": OPERATOR,
}


def make_groups(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    config = apps.get_app_config("dlq_review")
    # Permissions are made after the last migration, which is too late for us.
    config.models_module = True
    create_permissions(config, apps=apps, verbosity=0)
    config.models_module = None
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="dlq_review"
    )
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*permissions.filter(codename__in=codenames))


class Migration(migrations.Migration):
    dependencies = [
        ("dlq_review", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
