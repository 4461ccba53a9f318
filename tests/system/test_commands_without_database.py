"""Every command says in a sentence that the database is away, or has no tables."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import find_commands

from tests.documents import ROOT

pytestmark = pytest.mark.siege
CLOSED = "postgres://nobody:secret-word@127.0.0.1:1/none"
#: The arguments of each command that needs rows at once.
ARGUMENTS: dict[str, list[str]] = {
    "books": [],
    "costs": ["--orders", "1000"],
    "dlq_stats": [],
    "forget": ["--email", "ada@example.com"],
    "lost_requests": ["{folder}/ids"],
    "pull_dlq": ["--once"],
    "purge": ["--dry-run"],
    "redrive_dlq": ["--all"],
    "reset_second_factor": ["ada"],
}
#: These need no rows, start everything, or look at the database as one thing of many.
OTHERS = {"delete_queues", "dev", "doctor", "ensure_queues", "render_infra"}


def test_every_command_is_named_here() -> None:
    ours = (apps.get_app_config(name) for name in ("processing", "dlq_review"))
    folders = [*(Path(one.path) for one in ours), ROOT / "project", ROOT / "intake"]
    found = {name for one in folders for name in find_commands(str(one / "management"))}
    assert found == ARGUMENTS.keys() | OTHERS


@pytest.mark.parametrize("url", [CLOSED, "sqlite:///{folder}/empty.sqlite3"])
@pytest.mark.parametrize("command", ARGUMENTS)
def test_a_command_without_its_database_ends_with_a_sentence(
    command: str, url: str, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("01a219fa-ddfe-7030-81ea-b612bcbfb2e5\n")
    arguments = [one.format(folder=tmp_path) for one in ARGUMENTS[command]]
    done = subprocess.run(
        [sys.executable, "manage.py", command, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "only-for-a-test-" * 4,
            "VAR_DIR": str(tmp_path),
            "DATABASE_URL": url.format(folder=tmp_path),
            "SQS_ENDPOINT_URL": "http://127.0.0.1:1",
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    said = done.stdout + done.stderr
    assert done.returncode in (1, 2), said
    assert "Traceback" not in said
    assert "secret-word" not in said
    assert "database" in said.lower(), said
