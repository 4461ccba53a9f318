"""The life of one dead letter: transitions, revisions, rehearsal, settlement, retention.

May import `groups`, `search`, `models`, `bodies` and `errors`.
"""
