"""The doctor and static files: not collected, of an older release, collected."""

import json
from pathlib import Path

from django.core.management import call_command
from pytest_django import Settings

from project.doctor.findings import State
from project.doctor.static_check import static_files
from project.static_files import of_this_release
from tests.project.doctor.held import held


def test_static_files_of_this_release_must_be_collected(
    settings: Settings, tmp_path: Path
) -> None:
    held(static_files(None), State.OK, "need no collecting")  # as with DEBUG
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {
            "BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
        },
    }
    held(static_files(None), State.FAIL, "are not collected", "collectstatic")
    call_command("collectstatic", "--no-input", verbosity=0)
    settings.STORAGES = {**settings.STORAGES}  # a new process reads the manifest
    held(static_files(None), State.OK, "are collected.")
    manifest = tmp_path / "staticfiles.json"
    known = json.loads(manifest.read_text())
    known["paths"].popitem()
    manifest.write_text(json.dumps(known))
    settings.STORAGES = {**settings.STORAGES}
    number = len(of_this_release())
    held(static_files(None), State.FAIL, f"1 of {number} static", "collectstatic")
