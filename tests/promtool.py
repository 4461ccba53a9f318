"""Prometheus's own tool, which checks metrics, rules and their tests."""

import shutil
import subprocess

import pytest

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is missing: apt install prometheus"
)


def promtool(*words: object, given: str = "") -> str:
    """All that it says; fails where it finds something to complain of."""
    run = subprocess.run(
        [str(PROMTOOL), *map(str, words)],
        input=given,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout
