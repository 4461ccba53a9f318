"""`manage.py doctor`: its lines, its exit code, its time."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from project.doctor import examination
from project.doctor.examination import CHECKS, Check, examine
from project.doctor.findings import Finding, State, fail, ok, warn
from project.doctor.roles import Role
from tests.documents import ROOT
from tests.project.doctor.held import SECRET


def checks(monkeypatch: pytest.MonkeyPatch, *looks: Callable[..., Any]) -> None:
    made = tuple(Check(f"part{number}", look) for number, look in enumerate(looks))
    monkeypatch.setattr(examination, "CHECKS", made)


def run(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    code = 0
    try:
        call_command("doctor", *options)
    except SystemExit as end:
        code = int(end.code or 0)
    return code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("finding", "code"),
    [(ok("Fine."), 0), (warn("Hm.", "Do."), 0), (fail("No.", "Do."), 1)],
)
def test_the_exit_code_tells_of_failures_alone(
    finding: Finding,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    checks(monkeypatch, lambda role: finding)
    ended, lines = run(capsys)
    assert ended == code
    line, summary = lines.splitlines()
    counted = (f"{int(one == finding.state)} {one}" for one in ("ok", "warn", "fail"))
    assert summary == f"{', '.join(counted)}."
    assert line.split() == [
        finding.state,
        "part0",
        *finding.says.split(),
        *finding.advice.split(),
    ]
    ended, text = run(capsys, "--json", "--role", "web")
    one = {"name": "part0", **asdict(finding)}
    assert json.loads(text) == {"ok": code == 0, "role": "web", "checks": [one]}
    assert ended == code


def test_a_check_is_told_of_the_role_and_says_it_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks(monkeypatch, lambda role: ok(f"Asked\nfor {role}."))
    for options, role in (((), "None"), (("--role", "jobs"), "jobs")):
        _, lines = run(capsys, *options)
        assert lines.splitlines()[0].endswith(f"Asked for {role}.")


def test_a_check_may_have_several_findings_of_which_one_failure_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks(monkeypatch, lambda role: [ok("A."), fail("B.", "Do."), warn("C.", "Do.")])
    code, lines = run(capsys)
    assert (code, lines.splitlines()[-1]) == (1, "1 ok, 1 warn, 1 fail.")


def test_a_check_that_hangs_or_breaks_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(role: Role | None) -> Finding:
        raise ValueError(SECRET)

    monkeypatch.setattr(examination, "PATIENCE", 0.1)
    hang = threading.Event()
    checks(monkeypatch, lambda role: hang.wait(), broken, lambda role: ok("Fine."))
    begun = timezone.now()
    code, lines = run(capsys)
    assert timezone.now() - begun < timedelta(seconds=4)
    (left,) = (one for one in threading.enumerate() if one.name == "part0")
    assert left.daemon, "or the command would not end"
    hang.set()
    first, second, third, _ = lines.split("\n", 3)
    assert first.startswith("fail  part0       No answer within")
    assert second.startswith("fail  part1       The check ended in ValueError.")
    assert third.startswith("ok ")
    assert SECRET not in lines
    assert code == 1


def test_what_depends_on_a_failure_is_not_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(role: Role | None) -> Finding:
        raise AssertionError

    made = [
        Check("a", lambda role: fail("No.", "Do.")),
        Check("b", never, after="a"),
        Check("c", never, after="b"),
    ]
    monkeypatch.setattr(examination, "CHECKS", made)
    found = dict(examine())
    assert found["b"] == warn("Not looked at, because a fails.", "Repair a first.")
    assert found["c"].says == "Not looked at, because b fails."


NEEDED = {
    "sqs": {"queues", "drift"},
    "queues": {"drift"},
    "database": {"migrations", "spool", "life"},
    "migrations": {"spool", "life"},
}


@pytest.mark.parametrize("state", [State.FAIL, State.WARN])
@pytest.mark.parametrize("name", [check.name for check in CHECKS])
def test_a_check_that_fails_leaves_out_those_that_need_what_it_looks_at(
    monkeypatch: pytest.MonkeyPatch, name: str, state: State
) -> None:
    def look(check: Check, role: Role | None) -> list[Finding]:
        return [Finding(state, "No.", "Do.") if check.name == name else ok("Fine.")]

    monkeypatch.setattr(examination, "within_time", look)
    states = {one: finding.state for one, finding in examine()}
    assert states.pop(name) is state
    left_out = {one for one, found in states.items() if found is not State.OK}
    assert left_out == (NEEDED.get(name, set()) if state is State.FAIL else set())


@pytest.mark.parametrize(
    ("role", "left_out"),
    [
        (Role.WEB, {"mail", "archive", "alerts"}),
        (Role.WORKER, {"drift", "static", "cache", "archive", "alerts"}),
        (Role.JOBS, {"static", "cache"}),
        (
            Role.BEAT,
            {"queues", "drift", "static", "cache", "mail", "archive", "alerts"},
        ),
        (None, set()),
    ],
)
def test_each_process_has_the_checks_of_what_it_needs(
    role: Role | None, left_out: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "within_time", lambda check, role: [ok("")])
    assert {check.name for check in CHECKS} - dict(examine(role)).keys() == left_out


def manage(folder: Path, *command: str, **environment: str) -> tuple[int, str]:
    """`manage.py` with only *environment* set; its exit code, and all it prints."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={"VAR_DIR": str(folder), "ENV_FILE": "/dev/null", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_setting_that_cannot_be_read_is_named_without_a_stack_trace(
    tmp_path: Path,
) -> None:
    code, said = manage(tmp_path, "doctor", DEBUG="maybe")
    assert (code, said) == (
        1,
        "Settings: DEBUG is 'maybe'. Set it to true or false.\n",
    )


def test_a_reader_that_goes_away_gets_no_stack_trace(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "manage.py", "doctor", "--role", "beat"],
        cwd=ROOT,
        env={"VAR_DIR": str(tmp_path), "ENV_FILE": "/dev/null"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"BrokenPipe" not in process.stderr.read()


@pytest.mark.siege
def test_a_deployment_where_everything_hangs_is_told_in_seconds(
    tmp_path: Path, silent: str
) -> None:
    where = silent.removeprefix("http://")
    begun = timezone.now()
    code, said = manage(
        tmp_path,
        "doctor",
        SECRET_KEY=SECRET,
        DATABASE_URL=f"postgres://holdfast:{SECRET}@{where}/holdfast",
        CACHE_URL=f"rediscache://:{SECRET}@{where}/0",
        EMAIL_URL=f"smtp://holdfast:{SECRET}@{where}",
        SQS_ENDPOINT_URL=silent,
    )
    assert timezone.now() - begun < timedelta(seconds=30)
    assert code == 1
    assert SECRET not in said
    assert "Traceback" not in said
    failed = {line.split()[1] for line in said.splitlines() if line[:4] == "fail"}
    assert {"sqs", "database", "cache", "mail"} <= failed
