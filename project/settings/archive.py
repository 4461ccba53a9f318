"""The archive: a copy on S3 of every message that was pulled from a DLQ."""

from project.settings.desk import RETENTION_DAYS
from project.settings.process import env
from project.settings.sqs import AWS_ACCOUNT_ID, SQS_ENDPOINT_URL

# Empty means that nothing is archived.
ARCHIVE_BUCKET = env.str("ARCHIVE_BUCKET", "")
ARCHIVE_KEY = env.str("ARCHIVE_KEY", "failed/{message_id}.json")
# Whose bucket it must be; S3 refuses another's.
ARCHIVE_BUCKET_OWNER = env.str("ARCHIVE_BUCKET_OWNER", AWS_ACCOUNT_ID)
# After which the bucket itself removes an object: its lifecycle, not Holdfast.
ARCHIVE_DAYS = env.int("ARCHIVE_DAYS", RETENTION_DAYS)
# Empty means Amazon's own endpoint.
ARCHIVE_ENDPOINT_URL = env.str("ARCHIVE_ENDPOINT_URL", SQS_ENDPOINT_URL).rstrip("/")
