"""The static files of this release: without them, every page answers 500."""

from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import staticfiles_storage

from project.doctor.findings import Finding, fail, ok
from project.doctor.roles import Role


def static_files(role: Role | None) -> Finding:
    """Whether the manifest that collectstatic wrote names each file of this release."""
    names = {name for finder in get_finders() for name, _ in finder.list([])}
    collected = getattr(staticfiles_storage, "hashed_files", None)
    if collected is None:
        return ok("Static files need no collecting with these settings.")
    missing = names - collected.keys()
    if not missing:
        return ok(f"All {len(names)} static files are collected.")
    return fail(
        f"{len(missing)} of {len(names)} static files are not collected, so pages fail.",
        "Run `manage.py collectstatic --no-input` with this release.",
    )
