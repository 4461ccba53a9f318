import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import README, ROOT, document

DESK = document("desk.md")
ABSENT = shutil.which("chromium") is None and os.environ.get("CI") != "true"


@pytest.mark.worker
@pytest.mark.browser
@pytest.mark.siege
@pytest.mark.long  # tests/browser walks the same pages
@pytest.mark.skipif(ABSENT, reason="Chromium is missing: apt-get install chromium")
def test_the_stories_of_the_documents_happen_in_a_browser(tmp_path: Path) -> None:
    """An order is placed and done; a broken message is repaired; many are, with a brake."""
    done = subprocess.run(
        [sys.executable, "-m", "docs.screenshots", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    taken = sorted(path.name for path in tmp_path.glob("*.png"))
    assert taken == sorted(path.name for path in (ROOT / "docs/pictures").iterdir())
    for name in taken:
        assert f"docs/pictures/{name}" in README or f"(pictures/{name})" in DESK
