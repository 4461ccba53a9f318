"""Alerts: who is told, when, and from what on. docs/alerts.md explains them."""

from project.settings.process import env
from project.settings.sqs import SQS_ENDPOINT_URL

# -- Channels; each is off while its first variable is empty -------------------------
ALERT_EMAILS = env.list("ALERT_EMAILS", default=[])
ALERT_TOPIC_ARN = env.str("ALERT_TOPIC_ARN", "")
# Empty means Amazon's own endpoint.
ALERT_TOPIC_ENDPOINT_URL = env.str("ALERT_TOPIC_ENDPOINT_URL", SQS_ENDPOINT_URL).rstrip(
    "/"
)
# Whoever has it may post to the channel: a secret.
ALERT_SLACK_URL = env.str("ALERT_SLACK_URL", "")
ALERT_WEBHOOK_URL = env.str("ALERT_WEBHOOK_URL", "")
# As in whsec_...; several while one is replaced by another.
ALERT_WEBHOOK_SECRETS = env.list("ALERT_WEBHOOK_SECRETS", default=[])
ALERT_ALERTMANAGER_URL = env.str("ALERT_ALERTMANAGER_URL", "").rstrip("/")
# Hosts of these URLs that may have a private address, and may be asked without TLS.
ALERT_PRIVATE_HOSTS = [
    one.lower() for one in env.list("ALERT_PRIVATE_HOSTS", default=[])
]

# -- When --------------------------------------------------------------------------
ALERT_URGENT = env.list(
    "ALERT_URGENT",
    default=["growth", "loss", "puller_late", "no_worker", "unaccounted"],
)
# What is not urgent waits until their end, as in 22:00-07:00.
ALERT_QUIET_HOURS = env.str("ALERT_QUIET_HOURS", "")
ALERT_TIME_ZONE = env.str("ALERT_TIME_ZONE", "UTC")
ALERT_REPEAT_HOURS = env.int("ALERT_REPEAT_HOURS", 24)

# -- From what on --------------------------------------------------------------------
# Failures of one queue in an hour, when they are unusual too.
ALERT_GROWTH = env.int("ALERT_GROWTH", 100)
ALERT_NEAR_LIMIT_HOURS = env.int("ALERT_NEAR_LIMIT_HOURS", 24)
ALERT_PULL_LATE_SECONDS = env.int("ALERT_PULL_LATE_SECONDS", 300)
ALERT_NO_WORKER_SECONDS = env.int("ALERT_NO_WORKER_SECONDS", 300)
ALERT_UNACCOUNTED = env.int("ALERT_UNACCOUNTED", 1)
ALERT_ARCHIVE_SECONDS = env.int("ALERT_ARCHIVE_SECONDS", 900)
