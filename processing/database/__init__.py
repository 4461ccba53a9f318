"""Django's PostgreSQL backend, with a time limit in the client.

May import `circuit_breaker`.
"""
