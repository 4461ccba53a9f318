"""Static files with names that hold their content's hash, which browsers keep for ever.

collectstatic writes the hashed files and a manifest of their names. A page that links a file
the manifest does not name would fail, and with it the pages of errors. Such a file is linked
by its plain name instead: the page works, and at most looks bare.
"""

import logging

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage
from whitenoise.storage import CompressedManifestStaticFilesStorage

logger = logging.getLogger(__name__)


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    def load_manifest(self) -> tuple[dict[str, str], str]:
        try:
            return super().load_manifest()  # type: ignore[no-any-return]
        except (OSError, ValueError) as error:  # not ours to read, or only half written
            logger.error("static=unreadable manifest=%s", type(error).__name__)
            return {}, ""

    def stored_name(self, name: str) -> str:
        try:
            return super().stored_name(name)  # type: ignore[no-any-return]
        except ValueError:
            return name


def of_this_release() -> set[str]:
    return {name for finder in get_finders() for name, _ in finder.list([])}


def not_collected() -> set[str]:
    """The files of this release without a hashed name. None needs one with DEBUG."""
    collected = getattr(staticfiles_storage, "hashed_files", None)
    return set() if collected is None else of_this_release() - collected.keys()


def report() -> None:
    """Say at the start of a web server what the doctor would say."""
    if missing := not_collected():
        run = "manage.py collectstatic --no-input"
        logger.error("static=not_collected files=%s run=%r", len(missing), run)
