"""Every command says in a sentence that the database is away, or has no tables."""

import os
import re
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


#: Runs manage.py for each line of standard input, in a process of its own that has Django
#: already. What a command says comes before a line with its exit code.
RUNNER = """
import os, runpy, sys
import django
django.setup()
import project.urls
os.dup2(1, 2)
for line in sys.stdin.read().splitlines():
    if not (child := os.fork()):
        sys.argv = ["manage.py", *line.split()]
        runpy.run_path("manage.py", run_name="__main__")
        sys.exit(0)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(f"{END}{ended}", flush=True)
"""
END = "-- ended with "


@pytest.mark.parametrize("url", [CLOSED, "sqlite:///{folder}/empty.sqlite3"])
def test_a_command_without_its_database_ends_with_a_sentence(
    url: str, tmp_path: Path
) -> None:
    (tmp_path / "ids").write_text("01a219fa-ddfe-7030-81ea-b612bcbfb2e5\n")
    lines = [" ".join((name, *more)) for name, more in ARGUMENTS.items()]
    done = subprocess.run(
        [sys.executable, "-c", f"END = {END!r}{RUNNER}"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "only-for-a-test-" * 4,
            "VAR_DIR": str(tmp_path),
            "DATABASE_URL": url.format(folder=tmp_path),
            "SQS_ENDPOINT_URL": "http://127.0.0.1:1",
        },
        input="\n".join(lines).format(folder=tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
    )
    endings = re.findall(rf"(.*?){END}(\S+)\n", done.stdout, re.DOTALL)
    assert len(endings) == len(ARGUMENTS), done.stdout + done.stderr
    for command, (said, code) in zip(ARGUMENTS, endings, strict=True):
        assert code in ("1", "2"), (command, said)
        assert "Traceback" not in said, (command, said)
        assert "secret-word" not in said, (command, said)
        assert "database" in said.lower(), (command, said)
