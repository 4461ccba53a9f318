"""Failure groups: fingerprints, counters, merge, split and triage.

May import `alerts`, `models`, `permissions` and `errors`.
"""
