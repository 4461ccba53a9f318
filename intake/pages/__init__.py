"""Forms and public pages.

May import `api.problems`, `accept` and what `accept` imports.
"""
