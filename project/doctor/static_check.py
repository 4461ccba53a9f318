"""The static files of this release: without them, pages look bare."""

from django.contrib.staticfiles.storage import staticfiles_storage

from project import static_files as files
from project.doctor.findings import Finding, fail, ok
from project.doctor.roles import Role


def static_files(role: Role | None) -> Finding:
    """Whether the manifest that collectstatic wrote names each file of this release."""
    if not hasattr(staticfiles_storage, "hashed_files"):
        return ok("Static files need no collecting with these settings.")
    names, missing = files.of_this_release(), files.not_collected()
    if not missing:
        return ok(f"All {len(names)} static files are collected.")
    return fail(
        f"{len(missing)} of {len(names)} static files are not collected, so pages look bare.",
        "Run `manage.py collectstatic --no-input` with this release.",
    )
