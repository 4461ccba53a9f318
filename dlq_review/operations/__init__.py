"""One verb for many dead letters: plan, lease, run, pause, resume, cancel, undo.

May import `redrive`, `letters`, `search`, `models`, `bodies` and `errors`.
"""
