"""One delivery of an event: claim, effect, follow-ups, attempts and the spool.

May import `handlers`, `sqs`, `models` and `events`.
"""
