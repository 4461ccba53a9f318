"""Find dead letters: selections, full text, pages of any depth, export.

May import `models`, `bodies` and `errors`.
"""
