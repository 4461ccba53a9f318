"""How the system fares: failure rates, early warnings, health, statistics and the books.

May import `redrive`, `groups`, `search`, `alerts` and `models`.
"""
