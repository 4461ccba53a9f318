import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.test_documents import README, ROOT


@pytest.mark.worker
@pytest.mark.browser
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here")
def test_the_story_of_the_readme_happens_in_a_browser(tmp_path: Path) -> None:
    """An order is placed and done; a broken message is repaired and processed."""
    done = subprocess.run(
        [sys.executable, "docs/screenshots.py", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    taken = sorted(path.name for path in tmp_path.glob("*.png"))
    assert taken == sorted(path.name for path in (ROOT / "docs/pictures").iterdir())
    assert all(f"docs/pictures/{name}" in README for name in taken)
