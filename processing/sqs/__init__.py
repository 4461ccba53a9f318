"""All calls to SQS.

May import `events` and `circuit_breaker`.
"""
