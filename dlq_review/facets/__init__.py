"""What the letters of a list have in common, and how they differ from what was processed.

May import `letters`, `search`, `models`, `bodies` and `processing`.
"""
