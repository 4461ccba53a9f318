"""Between Celery and SQS: transport, bundles, prefetch, deletes, heartbeat, database gate.

May import `sqs`, `models`, `events` and `database`.
"""
