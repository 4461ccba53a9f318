"""The queues on SQS."""

from django.core.exceptions import ImproperlyConfigured

from processing.sqs.topology import QUEUES, UnknownQueueError, declare_fifo
from project.settings.process import env

AWS_REGION = env.str("AWS_REGION", "us-east-1")
AWS_ACCOUNT_ID = env.str("AWS_ACCOUNT_ID", "000000000000")
# Empty means Amazon's own endpoint.
SQS_ENDPOINT_URL = env.str("SQS_ENDPOINT_URL", "http://127.0.0.1:4566").rstrip("/")
SQS_QUEUE_PREFIX = env.str("SQS_QUEUE_PREFIX", "holdfast-")
SQS_WAIT_SECONDS = env.int("SQS_WAIT_SECONDS", 20)
SQS_MAX_RECEIVE_COUNT = env.int("SQS_MAX_RECEIVE_COUNT", 3)
SQS_KMS_KEY = env.str("SQS_KMS_KEY", "")  # empty: SSE-SQS
FIFO_QUEUES = env.list("FIFO_QUEUES", default=[])
RETRY_BACKOFF_BASE_SECONDS = env.float("RETRY_BACKOFF_BASE_SECONDS", 30)

try:
    declare_fifo(FIFO_QUEUES)
except UnknownQueueError as _unknown:
    raise ImproperlyConfigured(f"{_unknown} Name some of these, or none.") from None
_sqs_host = SQS_ENDPOINT_URL or f"https://sqs.{AWS_REGION}.amazonaws.com"
SQS_QUEUE_URLS = {
    name: f"{_sqs_host}/{AWS_ACCOUNT_ID}/{SQS_QUEUE_PREFIX}{name}{queue.suffix}"
    for queue in QUEUES.values()
    for name in (queue.name, queue.dlq)
}
