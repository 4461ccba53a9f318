"""The triage desk: redrives and retention."""

from project.settings.process import env

# A redriven event without an outcome for this long is shown as overdue, never resent.
REDRIVE_OVERDUE_SECONDS = env.int("REDRIVE_OVERDUE_SECONDS", 3600)
# Days after which what is settled loses its bodies; 0 keeps them.
RETENTION_DAYS = env.int("RETENTION_DAYS", 90)
# Days after which the rows of what is over are deleted, outcomes among them; 0 keeps them.
HISTORY_DAYS = env.int("HISTORY_DAYS", 400)
# Days after which an account that nobody opened is deleted; 0 keeps it.
UNVERIFIED_DAYS = env.int("UNVERIFIED_DAYS", 30)
# One click redrives, and can be undone for so long before it is sent; 0 sends at once.
REDRIVE_UNDO_SECONDS = env.int("REDRIVE_UNDO_SECONDS", 5)
# What was redriven so often is redriven again only with a reason; 0 for no limit.
REDRIVE_LIMIT = env.int("REDRIVE_LIMIT", 5)
# Other queues that events may be redriven to, as in orders:signups; never the jobs queue.
REDRIVE_TARGETS = env.list("REDRIVE_TARGETS", default=[])
# Hosts that a redrive policy may ask although they are private, or by http.
PROBE_PRIVATE_HOSTS = env.list("PROBE_PRIVATE_HOSTS", default=[])
