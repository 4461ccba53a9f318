from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from processing.infrastructure import cloudformation, grafana, prometheus, terraform
from processing.sqs.attributes import Limits
from processing.sqs.topology import QUEUES

FORMATS = ("cloudformation", "terraform", "monitoring")


class Command(BaseCommand):
    help = (
        "Write the templates of queues, roles, alarms, services and the edge to infra/,"
        " the rules of Prometheus and the dashboard of Grafana."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="write nothing; fail if a file is stale",
        )
        parser.add_argument("--format", choices=FORMATS, help="only this one")
        parser.add_argument(
            "--output", type=Path, default=settings.BASE_DIR / "infra", help="folder"
        )

    def handle(
        self, *, check: bool, format: str | None, output: Path, **options: Any
    ) -> None:
        stale = []
        for name, text in rendered(format):
            file = output / name
            if file.is_file() and file.read_text() == text:
                continue
            stale.append(str(file))
            if not check:
                _write(file, text)
                self.stdout.write(f"{file}: {len(text)} bytes")
            if file.parent == output and len(text) > cloudformation.MOST_BYTES:
                self.stderr.write(f"{file}: {cloudformation.TOO_LONG}")
        if check and stale:
            raise CommandError(
                f"Not as declared: {', '.join(stale)}. Run this again without --check."
            )
        if not stale:
            self.stdout.write("All files are as declared.")


def _write(file: Path, text: str) -> None:
    """Raises CommandError where nothing can be written."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError as error:
        raise CommandError(
            f"{error.filename} cannot be written: {error.strerror}. Give --output a folder"
            " in which you may write."
        ) from None


def rendered(only: str | None = None) -> Iterator[tuple[str, str]]:
    """Each file's name and text, for the settings of this process."""
    if only != "monitoring":
        yield from _templates(only)
    if only in (None, "monitoring"):
        yield "monitoring/prometheus-rules.yaml", f"{prometheus.rules()}\n"
        yield "monitoring/grafana-dashboard.json", f"{grafana.dashboard()}\n"


def _templates(only: str | None) -> Iterator[tuple[str, str]]:
    limits = Limits(settings.SQS_MAX_RECEIVE_COUNT, settings.SQS_WAIT_SECONDS)
    lines = (settings.BASE_DIR / "Procfile").read_text().splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    templates = cloudformation.templates(QUEUES, limits, commands)
    if only != "terraform":
        for name, template in templates.items():
            yield f"{name}.json", f"{cloudformation.as_text(template)}\n"
    if only != "cloudformation":
        module = terraform.module(templates["messaging"])
        text = cloudformation.as_text(module)
        yield "terraform/messaging.tf.json", f"{text}\n"
