"""One delivery of an event: claim, effect, follow-ups, attempts and the spool (an outbox).

May import `handlers`, `sqs`, `models` and `events`.
"""
