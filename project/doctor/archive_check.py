"""The bucket of the archive, as far as a process that may only write to it can see."""

from django.conf import settings
from django.db import DatabaseError

from dlq_review.models import LifeSign
from processing.database.patience import within
from processing.s3 import bucket
from processing.sqs import refusals
from project.doctor.findings import Finding, fail, ok, warn
from project.doctor.roles import Role

_PATIENCE = 2.0  # seconds for the database
#: S3 answers a HEAD without a body, so its codes are those of HTTP.
_REFUSALS = {
    "404": (
        "does not exist",
        "Create it with the stack of infra/, or correct ARCHIVE_BUCKET.",
    ),
    "400": (
        "is not shown: S3 does not understand the call",
        "Correct AWS_REGION, and renew the credentials.",
    ),
}
_HIDDEN = "403"


def archive(role: Role | None) -> Finding:
    """Whether the bucket is there. Writes nothing, so a right to write is not tried.

    The process of the jobs may write and not look: S3 then answers 403 to a look, for a
    bucket that exists. What the last run of the archive met is told too.
    """
    name = settings.ARCHIVE_BUCKET
    if not name:
        return ok("ARCHIVE_BUCKET is not set, so nothing is archived.")
    try:
        bucket.look()
    except bucket.S3_ERRORS as error:
        code = refusals.code(error)
        if code in _REFUSALS:
            means, advice = _REFUSALS[code]
            return fail(f"The bucket {name} {means}.", advice)
        if code != _HIDDEN:
            return fail(
                f"S3 does not answer for the bucket {name} ({code}).",
                "Let this machine reach S3, or correct ARCHIVE_ENDPOINT_URL.",
            )
        says = f"The bucket {name} exists, and does not let this process look."
    else:
        says = f"The bucket {name} exists."
    return _with_last_run(says)


def _with_last_run(says: str) -> Finding:
    try:
        with within(_PATIENCE):
            sign = LifeSign.objects.filter(name="archive").exclude(trouble="").first()
    except DatabaseError:  # the check `database` tells
        sign = None
    if sign is None:
        return ok(says)
    trouble = sign.trouble.partition("\n")[0]
    return warn(
        f"{says} The last run of the archive: {trouble}",
        "Let the role of the jobs put objects into ARCHIVE_BUCKET, as infra/ declares.",
    )
