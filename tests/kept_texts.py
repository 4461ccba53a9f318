"""Long texts that are kept whole in a file, so that whoever changes one sees it in the diff."""

import os
from pathlib import Path


def assert_kept(found: str, path: Path) -> None:
    """Whether *found* is the text at *path*. With KEEP_TEXTS set, it becomes that text."""
    if os.environ.get("KEEP_TEXTS"):
        path.write_text(found)
    kept = path.read_text()
    assert found.splitlines() == kept.splitlines(), (
        f"if this is meant, write {path.name} anew: KEEP_TEXTS=1 pytest ..."
    )
