"""Everything that is said to SQS.

May import `events` and `circuit_breaker`.
"""
