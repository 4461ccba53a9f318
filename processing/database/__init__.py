"""Django's PostgreSQL backend, whose client gives up waiting.

May import `circuit_breaker`.
"""
