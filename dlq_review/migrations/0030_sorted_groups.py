"""Groups by owner, size and age; letters by release, edited and redriven."""

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, OuterRef, Subquery

WAITING = ("open", "quarantined", "claimed")


def find_times(apps, schema_editor):
    letters = apps.get_model("dlq_review", "DeadLetter").objects
    its = letters.filter(group=OuterRef("pk"), state__in=WAITING)
    oldest = its.order_by("sent_at").values("sent_at")[:1]
    groups = apps.get_model("dlq_review", "FailureGroup").objects
    groups.update(appeared_at=F("first_seen"), oldest_accepted=Subquery(oldest))


class Migration(migrations.Migration):
    dependencies = [
        ("dlq_review", "0029_alert_roles"),
        ("processing", "0014_queue_progress"),
    ]

    operations = [
        migrations.CreateModel(
            name="LastLook",
            fields=[
                (
                    "person",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AddField(
            model_name="failuregroup",
            name="appeared_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                default=django.utils.timezone.now,
            ),
        ),
        migrations.AddField(
            model_name="failuregroup",
            name="oldest_accepted",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                fields=["release", "state", "-last_failed_at", "-id"],
                name="letter_release",
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("revision__gt", 0)),
                fields=["state", "-last_failed_at", "-id"],
                name="letter_edited",
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("redrives__gt", 0)),
                fields=["state", "-last_failed_at", "-id"],
                name="letter_redriven",
            ),
        ),
        migrations.AddIndex(
            model_name="deadletter",
            index=models.Index(
                condition=models.Q(("state__in", ("open", "quarantined", "claimed"))),
                fields=["group", "sent_at"],
                name="letter_oldest_of_group",
            ),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["-last_seen", "-id"], name="group_latest"),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["-waiting", "-id"], name="group_largest"),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["-first_seen", "-id"], name="group_newest"),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["oldest_accepted", "id"], name="group_oldest"),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["-appeared_at"], name="group_appeared"),
        ),
        migrations.AddIndex(
            model_name="failuregroup",
            index=models.Index(fields=["owner"], name="group_owner"),
        ),
        migrations.RunPython(find_times, migrations.RunPython.noop),
    ]
