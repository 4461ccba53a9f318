"""Where the documents are."""

from pathlib import Path

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text()
