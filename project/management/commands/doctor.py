"""Exit codes: 0; 1 a check fails. A warning does not fail."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand

from project.doctor.examination import examine
from project.doctor.findings import Finding, State
from project.doctor.roles import Role

FAILED = 1


class Command(BaseCommand):
    help = f"Look at this deployment from inside, and say what to do. {__doc__}"
    requires_system_checks = []  # they are the first of the checks

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--role",
            choices=[role.value for role in Role],
            help="only what this process needs, with what it may do (default: all)",
        )
        parser.add_argument("--json", action="store_true", help="for CI")

    def handle(self, *, role: str | None, json: bool, **options: Any) -> None:
        found: list[tuple[str, Finding]] = []
        for name, finding in examine(Role(role) if role else None):
            found.append((name, finding))
            if not json:
                self.stdout.write(self._line(name, finding))
                self.stdout.flush()  # a check may take seconds
        counted = Counter(finding.state for _, finding in found)
        if json:
            self.stdout.write(_as_json(role, found))
        else:
            self.stdout.write(", ".join(f"{counted[one]} {one}" for one in State) + ".")
        if counted[State.FAIL]:
            sys.exit(FAILED)

    def _line(self, name: str, finding: Finding) -> str:
        style = {
            State.OK: self.style.SUCCESS,
            State.WARN: self.style.WARNING,
            State.FAIL: self.style.ERROR,
        }[finding.state]
        text = f"{finding.says} {finding.advice}".strip().replace("\n", " ")
        return f"{style(f'{finding.state:<4}')}  {name:<10}  {text}"


def _as_json(role: str | None, found: list[tuple[str, Finding]]) -> str:
    failed = any(finding.state is State.FAIL for _, finding in found)
    checks = [{"name": name, **asdict(finding)} for name, finding in found]
    return json.dumps({"ok": not failed, "role": role, "checks": checks}, indent=2)
